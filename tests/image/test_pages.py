"""The page of the container function and the examples for catalogs, as a reader follows them; what catalogs read of the image."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import catalog
import pages
from build import tool
from conftest import ROOT, environment
from image.podman import Podman

PAGE = "docs/getting-started/container.md"
EXAMPLES = [f"plugin/function/examples/{name}" for name in catalog.EXAMPLES]


def follow(page: str, folder: Path, image: str, podman: Podman, tmp_path: Path) -> None:
    """Runs the commands of a page, with the image under the name that the page gives it."""
    (named,) = set(re.findall(r"[\w./-]+/gmsa-krm:v[\d.]+\d", (ROOT / page).read_text() + _texts(folder)))
    podman("tag", image, named)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("kustomize", "kpt"):
        (programs / name).symlink_to(tool(name))
    env = environment(tmp_path, KRM_FN_RUNTIME="podman")
    env["PATH"] = f"{programs}:{podman.programs}:{env['PATH']}"
    steps = pages.commands(page)
    assert steps
    pages.run(steps, folder, env)


def _texts(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_the_page_works_as_it_is(function: str, podman: Podman, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    for name, text in {
        **pages.files(PAGE),
        "web/web.yaml": (ROOT / "kustomize/quickstart/web.yaml").read_text(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    follow(PAGE, folder, function, podman, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_work_as_they_are(example: str, function: str, podman: Podman, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(ROOT / example, folder)
    follow(f"{example}/README.md", folder, function, podman, tmp_path)
