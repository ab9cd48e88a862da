"""The examples below kustomize/ run as they are, and give the same bytes on every machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, SEED, Call, build, by_identity, environment
from hosts.cases import ENV

# Components are for kustomizations of the user.
EXAMPLES = sorted(
    path.parent.name
    for path in (ROOT / "kustomize").glob("*/kustomization.yaml")
    if "kind: Component" not in path.read_text()
)


@pytest.fixture
def examples(tmp_path: Path, call: Call) -> Path:
    """A copy of kustomize/, with the files that its README tells the user to make."""
    copy = tmp_path / "kustomize"
    shutil.copytree(ROOT / "kustomize", copy)
    assert call("certs", "issue", "--dir", copy / "files/certs").status == 0
    return copy


@pytest.mark.parametrize("example", EXAMPLES)
def test_kustomize_gives_what_render_gives(
    example: str, examples: Path, kustomize: Path, plugin_home: Path, call: Call
) -> None:
    flags = [] if example == "legacy-plugin" else ["--enable-exec"]
    done = build(kustomize, examples / example, plugin_home, *flags, **ENV)
    assert done.returncode == 0, done.stderr
    found = by_identity(list(yaml.safe_load_all(done.stdout)))
    rendered = by_identity(call("render", examples / example, env=ENV).objects)
    if example == "trial":
        for objects in (found, rendered):
            remove_the_certificate(objects)
    assert found == rendered


def remove_the_certificate(objects: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    """Source Generate makes new keys at every run."""
    del objects["Secret", "gmsa-webhook", "gmsa-webhook-tls"]["data"]
    del objects["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"]["template"]["metadata"]["annotations"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        del objects[kind, "", "gmsa-webhook"]["webhooks"][0]["clientConfig"]["caBundle"]


@pytest.mark.parametrize("source", ["cert-manager", "derive", "files", "existing-secret"])
def test_the_same_input_gives_the_same_bytes_everywhere(
    source: str, examples: Path, program: Path, tmp_path: Path
) -> None:
    outputs = set()
    for number, (zone, locale) in enumerate((("Pacific/Auckland", "C.UTF-8"), ("America/Los_Angeles", "C"))):
        home = tmp_path / f"home-{number}"
        folder = home / "config"
        shutil.copytree(examples / source, folder)
        env = environment(home, TZ=zone, PYTHONHASHSEED=str(number), GMSA_KRM_SEED=SEED, LC_ALL=locale)
        done = subprocess.run([program, "render", "gmsa.yaml"], cwd=folder, env=env, capture_output=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1
