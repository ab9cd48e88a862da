"""The image of the sidecar: built by buildah from plugin/Containerfile, and run as Argo CD runs it.

There is no registry in the tests: the base is a Debian from debootstrap, and the image that kustomize and helm are
taken from holds those of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from build import CACHE, tool
from conftest import ROOT, SEED

BUILDAH = ["buildah", "--storage-driver", "vfs"]
# What pip needs to reach its index from within: this machine's certificates and settings.
OF_MACHINE = [it for it in ("/etc/ssl/certs", "/etc/pip.conf") if os.path.exists(it)]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="buildah and debootstrap want root here")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    for program in ("buildah", "debootstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on this machine; make image-test installs it where there is apt-get")
    place = tmp_path_factory.mktemp("storage")
    return [*BUILDAH, "--root", str(place / "root"), "--runroot", str(place / "run")]


def image(storage: list[str], name: str, files: Callable[[list[str], str], None]) -> str:
    container = run(*storage, "from", "scratch").strip()
    files(storage, container)
    run(*storage, "commit", "--quiet", container, f"localhost/{name}")
    run(*storage, "rm", container)
    return f"localhost/{name}"


@pytest.fixture(scope="session")
def bases(storage: list[str]) -> dict[str, str]:
    """The build arguments: images that take the place of those from registries."""
    debian = CACHE / "debian-bookworm"
    if not (debian / "usr" / "bin" / "python3").exists():
        shutil.rmtree(debian, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", "bookworm", debian)

    def argocd(storage: list[str], container: str) -> None:
        for name, source in (("kustomize", "kustomize"), ("helm", "helm4")):
            run(*storage, "copy", "--quiet", container, str(tool(source)), f"/usr/local/bin/{name}")

    return {
        "PYTHON": image(
            storage, "python", lambda storage, it: run(*storage, "add", "--quiet", it, str(debian), "/") and None
        ),
        "ARGOCD": image(storage, "argocd", argocd),
    }


@pytest.fixture(scope="session")
def sidecar(storage: list[str], bases: dict[str, str]) -> Iterator[Callable[..., str]]:
    """Runs a command in the image, with a folder as the application's."""
    build = [*storage, "build", "--isolation", "chroot", "--network", "host", "--tag", "localhost/gmsa-krm-cmp"]
    mounts = [part for path in OF_MACHINE for part in ("--volume", f"{path}:{path}:ro")]
    arguments = [part for name, value in bases.items() for part in ("--build-arg", f"{name}={value}")]
    run(*build, *mounts, *arguments, "--file", "plugin/Containerfile", ".", cwd=ROOT)
    container = run(*storage, "from", "localhost/gmsa-krm-cmp").strip()

    def call(folder: Path, *command: str) -> str:
        where = ["--volume", f"{folder}:/app:ro", "--workingdir", "/app"]
        environ = [
            "--env",
            f"GMSA_KRM_SEED={SEED}",
            "--env",
            "ARGOCD_APP_NAME=app",
            "--env",
            "SOURCE_DATE_EPOCH=1750000000",
        ]
        return run(*storage, "run", "--isolation", "chroot", *where, *environ, container, "--", *command)

    yield call
    run(*storage, "rm", container)


@pytest.mark.parametrize("overlay", ["cert-manager", "derive", "fleet"])
def test_the_image_renders_what_the_checkout_renders(overlay: str, sidecar: Callable[..., str], program: Path) -> None:
    folder = ROOT / "kustomize" / overlay
    assert sidecar(folder, "gmsa-krm", "argocd", "discover")
    environ = {**os.environ, "GMSA_KRM_SEED": SEED, "ARGOCD_APP_NAME": "app", "SOURCE_DATE_EPOCH": "1750000000"}
    environ["PATH"] = f"{tool('kustomize').parent}:{environ['PATH']}"
    here = subprocess.run(
        [program, "argocd", "generate"], cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert here.count("kind: ") > 10
    assert sidecar(folder, "gmsa-krm", "argocd", "generate") == here


def test_user_999_can_write_nothing_but_its_tmp(sidecar: Callable[..., str]) -> None:
    said = sidecar(
        ROOT,
        "sh",
        "-c",
        "id -u; find /opt /usr /etc /home -xdev -writable -not -type l -not -path '/usr/local/share/*'; true",
    )
    assert said.split() == ["999"]


def test_a_chart_and_the_plugin_file(sidecar: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp_path = tmp_path_factory.mktemp("chart")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)  # user 999 comes by
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: a\nversion: 1.0.0\n")
    (tmp_path / "gmsa.yaml").write_text((ROOT / "kustomize" / "fleet" / "gmsa.yaml").read_text())
    (tmp_path / "templates" / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert "kind: MutatingWebhookConfiguration" in sidecar(tmp_path, "gmsa-krm", "argocd", "generate")
    assert (
        sidecar(tmp_path, "cat", "/home/argocd/cmp-server/config/plugin.yaml")
        == (ROOT / "plugin/argocd/plugin.yaml").read_text()
    )
