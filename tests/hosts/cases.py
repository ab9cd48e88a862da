"""The case folders of tests/cases: what a user could have, and what should come out of it in every host.

A case is a folder with

- `gmsa.yaml`, the config, and files that it names,
- `kustomization.yaml`, which lists the config among the generators or transformers, and under `resources` the
  manifests,
- `want.yaml`, every object that comes out, in apply order. There is none where a key comes out, which nobody can check
  by eye; all hosts give what `render` gives then,
- `want-NAME.yaml` for each manifest NAME.yaml that changes: its text, byte for byte. Another manifest stays as it is.

Write the want files by the specification, or let `make golden` write them and check every line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conftest import CASES as FOLDERS
from conftest import SEED

# What the program reads from the environment, so that each run gives the same bytes.
ENV = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1790000000"}


@dataclass(frozen=True)
class Case:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def config(self) -> Path:
        return self.folder / "gmsa.yaml"

    @property
    def manifests(self) -> list[Path]:
        kustomization = yaml.safe_load((self.folder / "kustomization.yaml").read_text())
        return [self.folder / name for name in kustomization.get("resources", [])]

    @property
    def want(self) -> Path:
        return self.folder / "want.yaml"

    def want_text(self, manifest: Path) -> Path:
        """The file with the text that the manifest becomes, whether it exists or not."""
        return manifest.with_name(f"want-{manifest.name}")

    @property
    def given_documents(self) -> list[str]:
        """The text of each manifest's documents."""
        return [text for manifest in self.manifests for text in documents(read(manifest))]

    @property
    def wanted_documents(self) -> list[str]:
        """What the text of each manifest's documents becomes."""
        wants = [(self.want_text(manifest), manifest) for manifest in self.manifests]
        return [text for want, manifest in wants for text in documents(read(want if want.exists() else manifest))]


CASES = [Case(folder) for folder in FOLDERS]


def read(path: Path) -> str:
    """The text of a file with its line ends as they are."""
    return path.read_bytes().decode()


def documents(text: str) -> list[str]:
    """The text of each document of a stream."""
    return [part for part in re.split(r"^---[ \t]*\r?\n", text, flags=re.MULTILINE) if part.strip()]


def objects(text: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(text) if item]
