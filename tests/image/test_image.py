"""The image of the sidecar: built by buildah from plugin/Containerfile, and run as Argo CD runs it.

There is no registry in the tests: the base is a Debian from debootstrap, and the image that kustomize and helm are
taken from holds those of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from build import CACHE, tool
from conftest import ROOT, SEED

# What pip needs to reach its index from within: this machine's certificates and settings.
FILES_OF_MACHINE = [path for path in ("/etc/ssl/certs", "/etc/pip.conf") if os.path.exists(path)]
ENV = {"GMSA_KRM_SEED": SEED, "ARGOCD_APP_NAME": "app", "SOURCE_DATE_EPOCH": "1750000000"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="buildah and debootstrap need root here")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


class Buildah:
    """buildah with a storage of its own: `buildah("commit", container, name)`."""

    def __init__(self, storage: Path) -> None:
        self._options = ["--storage-driver", "vfs", "--root", str(storage / "root"), "--runroot", str(storage / "run")]

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        return run("buildah", *self._options, *arguments, cwd=cwd).strip()

    def image(self, name: str, files: dict[str, Path]) -> str:
        """The name of a new image with these files, or the contents of these folders, at their paths."""
        container = self("from", "scratch")
        for path, source in files.items():
            self("copy", "--quiet", container, source, path)
        self("commit", "--quiet", container, f"localhost/{name}")
        self("rm", container)
        return f"localhost/{name}"


class Sidecar:
    """A container of the image."""

    def __init__(self, buildah: Buildah, container: str) -> None:
        self._buildah = buildah
        self._container = container

    def __call__(self, application: Path, *command: str) -> str:
        """What a command prints in the folder of an application."""
        mount = ["--volume", f"{application}:/app:ro", "--workingdir", "/app"]
        environ = [part for name, value in ENV.items() for part in ("--env", f"{name}={value}")]
        return self._buildah("run", "--isolation", "chroot", *mount, *environ, self._container, "--", *command)


@pytest.fixture(scope="session")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    for program in ("buildah", "debootstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on this machine; make image-test installs it where there is apt-get")
    return Buildah(tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="session")
def debian() -> Path:
    """The files of a small Debian with Python."""
    folder = CACHE / "debian-bookworm"
    if not (folder / "usr/bin/python3").exists():
        shutil.rmtree(folder, ignore_errors=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, "bookworm", folder)
    return folder


@pytest.fixture(scope="session")
def sidecar(buildah: Buildah, debian: Path) -> Iterator[Sidecar]:
    bases = {
        "PYTHON": buildah.image("python", {"/": debian}),
        "ARGOCD": buildah.image(
            "argocd", {"/usr/local/bin/kustomize": tool("kustomize"), "/usr/local/bin/helm": tool("helm4")}
        ),
    }
    options = ["--isolation", "chroot", "--network", "host", "--tag", "localhost/gmsa-krm-cmp"]
    mounts = [part for path in FILES_OF_MACHINE for part in ("--volume", f"{path}:{path}:ro")]
    arguments = [part for name, value in bases.items() for part in ("--build-arg", f"{name}={value}")]
    buildah("build", *options, *mounts, *arguments, "--file", "plugin/Containerfile", ".", cwd=ROOT)
    container = buildah("from", "localhost/gmsa-krm-cmp")
    yield Sidecar(buildah, container)
    buildah("rm", container)


@pytest.mark.parametrize("overlay", ["cert-manager", "derive", "fleet"])
def test_the_image_renders_what_the_checkout_renders(overlay: str, sidecar: Sidecar, program: Path) -> None:
    folder = ROOT / "kustomize" / overlay
    assert sidecar(folder, "gmsa-krm", "argocd", "discover")
    environ = {**os.environ, **ENV, "PATH": f"{tool('kustomize').parent}:{os.environ['PATH']}"}
    here = subprocess.run(
        [program, "argocd", "generate"], cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert here.count("kind: ") > 10
    assert sidecar(folder, "gmsa-krm", "argocd", "generate") == here.strip()


FIND_WRITABLE = "find /opt /usr /etc /home -xdev -writable -not -type l -not -path '/usr/local/share/*'"


def test_user_999_can_write_only_its_tmp(sidecar: Sidecar) -> None:
    assert sidecar(ROOT, "sh", "-c", f"id -u; {FIND_WRITABLE}; true").split() == ["999"]


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


def test_the_image_renders_a_chart(sidecar: Sidecar, readable: Path) -> None:
    (readable / "Chart.yaml").write_text("apiVersion: v2\nname: a\nversion: 1.0.0\n")
    (readable / "gmsa.yaml").write_text((ROOT / "kustomize/fleet/gmsa.yaml").read_text())
    (readable / "templates").mkdir()
    (readable / "templates/a.yaml").write_text(CONFIG_MAP)
    assert "kind: MutatingWebhookConfiguration" in sidecar(readable, "gmsa-krm", "argocd", "generate")


def test_the_plugin_file_is_where_argo_cd_looks_for_it(sidecar: Sidecar) -> None:
    written = sidecar(ROOT, "cat", "/home/argocd/cmp-server/config/plugin.yaml")
    assert written == (ROOT / "plugin/argocd/plugin.yaml").read_text().strip()
