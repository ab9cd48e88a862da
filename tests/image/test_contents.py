"""What is in the images: nothing that the programs do not need, with licences, an SBOM, and the same bytes each time."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from build import CACHE, tool
from conftest import ROOT
from image.podman import Podman, run

SBOM = "opt/gmsa-krm/sbom.cdx.json"


def layers(podman: Podman, image: str) -> list[str]:
    found: list[str] = json.loads(podman("image", "inspect", image))[0]["RootFS"]["Layers"]
    return found


def digest(podman: Podman, image: str) -> str:
    return podman("image", "inspect", "--format", "{{.Digest}}", image)


def test_a_second_build_has_the_same_digest(
    podman: Podman, function: str, sidecar: str, arguments: dict[str, str], tmp_path: Path
) -> None:
    """From another folder, where the files are younger and others may not read them."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(
        ROOT / "plugin",
        tmp_path / "plugin",
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for path in tmp_path.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    options = ("--timestamp", "0", "--no-cache")
    again = podman.build("argocd", "again", arguments, *options, context=tmp_path)
    assert digest(podman, again) == digest(podman, sidecar)
    assert layers(podman, sidecar)[: len(layers(podman, function))] == layers(podman, function)


def test_all_files_have_one_time_and_only_tmp_can_be_written_to(podman: Podman, sidecar: str) -> None:
    root = podman.files(sidecar)
    writable, times = [], set()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            found = os.lstat(os.path.join(folder, name))
            times.add(found.st_mtime)
            assert found.st_uid == found.st_gid == 0
            if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o022:
                writable.append(name)
    assert writable == ["tmp"]
    assert times == {0}


def test_there_is_no_shell_and_no_package_manager(podman: Podman, function: str) -> None:
    root = podman.files(function)
    programs = [
        path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.parent.name in ("bin", "sbin")
    ]
    assert {it.name for it in programs if not it.name.startswith("python")} == {"gmsa-krm"}
    assert not list(root.rglob("pip"))


def test_every_module_is_compiled(podman: Podman, function: str) -> None:
    """The root is read-only, so Python would compile them again in each run. https://peps.python.org/pep-0552/"""
    root = podman.files(function)
    sources = [it for it in root.rglob("*.py") if not it.name.startswith("_sysconfigdata")]
    assert len(sources) > 500
    for source in sources:
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", "not unchecked, by the hash of the source"


def components(podman: Podman, image: str) -> dict[str, dict[str, object]]:
    text = (podman.files(image) / SBOM).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return {it["name"]: it for it in json.loads(text)["components"]}


LOCKED = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / "plugin/requirements.lock").read_text()))


def test_the_sbom_names_what_is_installed(podman: Podman, function: str, arguments: dict[str, str]) -> None:
    found, root = components(podman, function), podman.files(function)
    installed = {name.lower(): it["version"] for name, it in found.items() if str(it["purl"]).startswith("pkg:pypi")}
    assert installed == LOCKED
    # dpkg's word for each library.
    patterns = sorted({f"*/{path.name}" for path in root.glob("lib*/**/*.so*")})
    assert len(patterns) > 8
    said = podman("run", "--rm", "--network", "none", arguments["PYTHON"], "dpkg", "-S", *patterns)
    owners = {line.rpartition("/")[2]: line.partition(":")[0] for line in said.splitlines()}
    assert {it[2:] for it in patterns} <= set(owners)
    assert set(owners.values()) <= set(found)


def test_the_sbom_names_the_modules_of_programs_in_go(podman: Podman, sidecar: str) -> None:
    found = components(podman, sidecar)
    for name, program in {"kustomize": tool("kustomize"), "helm": tool("helm4")}.items():
        assert name in found
        said = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True, check=False)
        if said.returncode:
            pytest.skip("there is no Go on the PATH")
        modules = re.findall(r"(?m)^\tdep\t(\S+)", said.stdout)
        assert len(modules) > 10
        assert set(modules) <= set(found)


def test_every_component_has_its_licence(podman: Podman, sidecar: str) -> None:
    root = podman.files(sidecar)
    for name, it in components(podman, sidecar).items():
        purl = str(it.get("purl", ""))
        if purl.startswith("pkg:deb"):
            assert (root / f"usr/share/doc/{name}/copyright").stat().st_size > 100, name
        elif purl.startswith("pkg:pypi"):
            assert it["licenses"], name
            metadata = next(root.glob(f"opt/gmsa-krm/lib/{name.lower()}-*.dist-info"))
            assert [it for it in metadata.rglob("*") if "LICENSE" in it.name.upper()], name
    assert list(root.glob("opt/gmsa-krm/lib/gmsa_krm-*.dist-info/licenses/LICENSE"))


# Another platform

QEMU = "qemu-aarch64-static"


@pytest.fixture(scope="module")
def arm(podman: Podman, base: str, arguments: dict[str, str]) -> Path:
    """The files of the image of the function for arm64."""
    folder = CACHE / "debian-bookworm-arm64"
    if not (folder / "usr/bin/python3").exists():
        shutil.rmtree(folder, ignore_errors=True)
        packages = folder / "var/cache/apt/archives"
        options = ("--arch=arm64", "--foreign", "--variant=minbase", "--include=python3")
        done = run("debootstrap", *options, "bookworm", folder)
        assert done.returncode == 0, done.stderr.decode()
        for package in packages.glob(
            "*.deb"
        ):  # what --foreign leaves to a machine of the platform, as far as it is unpacking
            subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        shutil.rmtree(packages)
    podman.load("python-arm64", folder, "--arch", "arm64")
    podman("manifest", "create", "localhost/python-index")
    for image in (base, "localhost/python-arm64"):
        podman("manifest", "add", "localhost/python-index", f"containers-storage:{image}")
    # An older podman takes BUILDPLATFORM as an argument alone.
    platform = ("--platform", "linux/arm64", "--build-arg", "BUILDPLATFORM=linux/amd64")
    of_both = {**arguments, "PYTHON": "localhost/python-index"}
    return podman.files(podman.build("function", "gmsa-krm-arm64", of_both, *platform))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the other platform is arm64")
def test_an_image_for_another_platform_needs_no_emulation(arm: Path) -> None:
    """podman runs no program of arm64 here. Each program and library in the image is of arm64."""
    elf = [
        head for path in arm.rglob("*") if path.is_file() for head in [path.read_bytes()[:20]] if head[:4] == b"\x7fELF"
    ]
    assert len(elf) > 20
    assert {int.from_bytes(head[18:20], "little") for head in elf} == {183}  # EM_AARCH64


@pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not on this machine; make image-test installs it")
def test_an_image_for_another_platform_renders_the_same(arm: Path, program: Path) -> None:
    folder = ROOT / "kustomize/quickstart"
    (python,) = (arm / "usr/bin").glob("python3.*")
    start = [QEMU, "-L", arm, python, "-IS", arm / "opt/gmsa-krm/bin/gmsa-krm"]
    there, here = (
        subprocess.run(
            [*command, "render", "gmsa.yaml", "web.yaml"], cwd=folder, capture_output=True, check=True
        ).stdout
        for command in (start, [program])
    )
    assert here.count(b"kind: ") > 5
    assert there == here
