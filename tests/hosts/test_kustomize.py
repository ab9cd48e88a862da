"""kustomize's two kinds of plugin, beyond the case folders: what passes through, errors, and a missing flag."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Call, Folder, as_function, build, by_identity

CASE = ROOT / "tests/cases/domain-joined"
FOREIGN = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: foreign
  namespace: web
data:
  norway: "NO"
  octal: '0o17'
  text: |
    two
    lines
"""


def test_as_a_transformer_both_plugins_add_to_what_passes_through(
    kustomize: Path, plugin_home: Path, folder: Folder, call: Call
) -> None:
    config = (CASE / "gmsa.yaml").read_text()
    root = folder(
        {
            "kustomization.yaml": "resources: [foreign.yaml]\ntransformers: [gmsa.yaml]\n",
            "foreign.yaml": FOREIGN,
            "gmsa.yaml": config,
        }
    )
    legacy = build(kustomize, root, plugin_home)
    folder({"gmsa.yaml": as_function(config)})
    function = build(kustomize, root, plugin_home, "--enable-exec")
    assert legacy.returncode == 0, legacy.stderr
    assert function.returncode == 0, function.stderr
    assert legacy.stdout == function.stdout

    found = by_identity(list(yaml.safe_load_all(legacy.stdout)))
    foreign = found.pop(("ConfigMap", "web", "foreign"))
    assert foreign["data"] == {"norway": "NO", "octal": "0o17", "text": "two\nlines\n"}
    assert found == by_identity(call("render", CASE / "gmsa.yaml").objects)


@pytest.mark.parametrize("plugin", ["legacy", "function"])
def test_an_error_stops_the_build_and_reaches_the_user(
    plugin: str, kustomize: Path, plugin_home: Path, folder: Folder
) -> None:
    domain = "S-1-5-21-2126449477-2524075714-3094792973"
    wrong = (CASE / "gmsa.yaml").read_text().replace(domain, f"{domain}-1105")
    root = folder(
        {
            "kustomization.yaml": "generators: [gmsa.yaml]\n",
            "gmsa.yaml": wrong if plugin == "legacy" else as_function(wrong),
        }
    )
    done = build(kustomize, root, plugin_home, *(["--enable-exec"] if plugin == "function" else []))
    assert done.returncode != 0
    assert done.stdout == ""
    assert "spec.domains[0].sid" in done.stderr
    assert f"give the domain's: {domain}" in done.stderr


def test_without_enable_exec_the_build_is_empty_and_says_nothing(kustomize: Path, tmp_path: Path) -> None:
    """The trap that kustomize/README.md warns of; when kustomize fixes it, the README can say so."""
    example = tmp_path / "cert-manager"
    shutil.copytree(ROOT / "kustomize/cert-manager", example)
    done = build(kustomize, example, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
