"""The images, built by podman from plugin/Containerfile.

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
from image.podman import PROGRAM, Podman


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="podman and debootstrap need root here"))


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    if not Path(PROGRAM).exists() or shutil.which("debootstrap") is None:
        pytest.skip(
            "podman or debootstrap is not on this machine; make image-test installs both where there is apt-get"
        )
    podman = Podman(tmp_path_factory.mktemp("podman"))
    yield podman
    podman.remove()


@pytest.fixture(scope="session")
def base(podman: Podman) -> str:
    """An image with a small Debian and its Python."""
    folder = CACHE / "debian-bookworm"
    if not (folder / "usr/bin/python3").exists():
        shutil.rmtree(folder, ignore_errors=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        debootstrap("--variant=minbase", packages, "bookworm", folder)
    return podman.load("python", folder)


def debootstrap(*arguments: str | Path) -> None:
    done = subprocess.run(["debootstrap", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.fixture(scope="session")
def arguments(podman: Podman, base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The images to build from."""
    tools = tmp_path_factory.mktemp("argocd")
    (tools / "usr/local/bin").mkdir(parents=True)
    for name, program in {"kustomize": tool("kustomize"), "helm": tool("helm4")}.items():
        shutil.copy(program, tools / "usr/local/bin" / name)
    return {"PYTHON": base, "ARGOCD": podman.load("argocd", tools)}


@pytest.fixture(scope="session")
def function(podman: Podman, arguments: dict[str, str]) -> str:
    """The image of the KRM function."""
    return podman.build("function", "gmsa-krm", arguments, "--timestamp", "0")


@pytest.fixture(scope="session")
def sidecar(podman: Podman, function: str, arguments: dict[str, str]) -> str:
    """The image of the sidecar of argocd-repo-server."""
    return podman.build("argocd", "gmsa-krm-cmp", arguments, "--timestamp", "0")
