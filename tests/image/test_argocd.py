"""The image of the sidecar, run as Argo CD runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from build import tool
from conftest import ROOT, SEED
from image.podman import Podman

ENV = {"GMSA_KRM_SEED": SEED, "ARGOCD_APP_NAME": "app", "SOURCE_DATE_EPOCH": "1750000000"}

Run = Callable[..., str]


@pytest.fixture
def run(podman: Podman, sidecar: str) -> Run:
    """`run(folder, *arguments)`: what gmsa-krm prints in the folder of an application."""

    def run(application: Path, *arguments: str) -> str:
        # The security context of kustomize/argocd/repo-server.yaml.
        confined = [
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--user",
            "999",
            "--cap-drop",
            "all",
            "--security-opt",
            "no-new-privileges",
        ]
        mount = ["--volume", f"{application}:/app:ro", "--workdir", "/app", "--entrypoint", "gmsa-krm"]
        environ = [part for name in ENV for part in ("--env", name)]
        return podman("run", "--rm", "--network", "none", *confined, *mount, *environ, sidecar, *arguments, env=ENV)

    return run


@pytest.mark.parametrize("overlay", ["cert-manager", "derive", "fleet"])
def test_the_image_renders_what_the_checkout_renders(overlay: str, run: Run, program: Path) -> None:
    folder = ROOT / "kustomize" / overlay
    assert run(folder, "argocd", "discover")
    environ = {**os.environ, **ENV, "PATH": f"{tool('kustomize').parent}:{os.environ['PATH']}"}
    here = subprocess.run(
        [program, "argocd", "generate"], cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert here.count("kind: ") > 10
    assert run(folder, "argocd", "generate") == here


@pytest.fixture
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that user 999 can read."""
    folder = tmp_path_factory.mktemp("application")
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)
    return folder


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
"""


def test_the_image_renders_a_chart(run: Run, readable: Path) -> None:
    (readable / "Chart.yaml").write_text("apiVersion: v2\nname: a\nversion: 1.0.0\n")
    (readable / "gmsa.yaml").write_text((ROOT / "kustomize/fleet/gmsa.yaml").read_text())
    (readable / "templates").mkdir()
    (readable / "templates/a.yaml").write_text(CONFIG_MAP)
    assert "kind: MutatingWebhookConfiguration" in run(readable, "argocd", "generate")


def test_the_plugin_file_is_where_argo_cd_looks_for_it(podman: Podman, sidecar: str) -> None:
    written = podman.files(sidecar) / "home/argocd/cmp-server/config/plugin.yaml"
    assert written.read_text() == (ROOT / "plugin/argocd/plugin.yaml").read_text()
