"""The image of the KRM function: alone, and by kustomize and kpt, as a container in place of the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from build import tool
from conftest import ROOT, SEED, by_identity, environment
from image.podman import Podman

ENV = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1750000000"}
OVERLAYS = ("quickstart", "policy", "workloads", "cert-manager", "existing-secret", "files", "derive")
EXEC = "      exec:\n        path: gmsa-krm\n"
# What a container of it needs besides the image.
MOUNT = "        mounts: [{type: bind, src: certs, dst: /config/certs}]\n"
NEEDS = {
    "existing-secret": MOUNT,
    "files": MOUNT,
    "derive": "        envs: [GMSA_KRM_SEED, SOURCE_DATE_EPOCH]\n",
}

Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def build(podman: Podman, tmp_path: Path) -> Build:
    """`build(folder, *flags)` is kustomize build, with podman under the name of docker."""

    def build(folder: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        environ = environment(tmp_path, **{**ENV, **env})
        environ["PATH"] = f"{podman.programs}:{environ['PATH']}"
        command = [tool("kustomize"), "build", "--enable-alpha-plugins", *flags, folder]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    return build


@pytest.fixture
def overlay(tmp_path: Path, program: Path) -> Callable[[str], Path]:
    """A copy of an overlay, with the certificates that it needs."""

    def overlay(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(ROOT / "kustomize" / name, folder)
        if name == "files":
            subprocess.run([program, "certs", "issue", "--dir", "certs"], cwd=folder, check=True, capture_output=True)
        return folder

    return overlay


def as_container(folder: Path, image: str, more: str = "") -> None:
    """Changes the annotation of the config, and nothing else."""
    config = folder / "gmsa.yaml"
    text = config.read_text()
    assert text.count(EXEC) == 1
    config.write_text(text.replace(EXEC, f"      container:\n        image: {image}\n{more}"))


# kustomize


@pytest.mark.parametrize("name", OVERLAYS)
def test_under_kustomize_a_container_gives_the_bytes_of_the_program(
    name: str, build: Build, overlay: Callable[[str], Path], function: str
) -> None:
    folder = overlay(name)
    wanted = build(folder, "--enable-exec")
    assert wanted.stdout.count("kind: ") > 3, wanted.stderr
    as_container(folder, function, NEEDS.get(name, ""))
    done = build(folder, "--as-current-user")  # the key of `files` is for its owner alone
    assert done.returncode == 0, done.stderr
    assert done.stdout == wanted.stdout
    assert done.stderr == wanted.stderr


@pytest.mark.parametrize(
    ("name", "needs", "says"),
    [
        ("files", "", "certs/tls.key does not exist; mount its folder below /config in the container"),
        ("files", MOUNT, "certs/tls.key cannot be read (Permission denied); mount its folder below /config in the container, and add --as-current-user"),
        ("derive", "", "the variable GMSA_KRM_SEED is not set; set it to a secret seed, such as `openssl rand -hex 32` prints, or set GMSA_KRM_SEED_FILE to the path of a file that holds one; name the variable in the function's envs, too"),
    ],
    ids=["no mount", "not the owner", "no envs"],
)  # fmt: skip
def test_what_a_container_lacks_is_named(
    name: str, needs: str, says: str, build: Build, overlay: Callable[[str], Path], function: str
) -> None:
    folder = overlay(name)
    as_container(folder, function, needs)
    done = build(folder)
    assert done.returncode == 1
    assert done.stdout == ""
    assert says in done.stderr


def test_a_file_outside_of_the_mounts_is_out_of_reach(
    build: Build, overlay: Callable[[str], Path], function: str
) -> None:
    folder = overlay("existing-secret")
    config = folder / "gmsa.yaml"
    config.write_text(config.read_text().replace("certs/ca.crt", "/etc/passwd"))
    as_container(folder, function, MOUNT)
    assert "/etc/passwd is an absolute path; give one relative to /config in the container" in build(folder).stderr


# Alone

HARDENED = [
    "--read-only",
    "--network",
    "none",
    "--user",
    "65534",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
]


def resource_list(folder: Path) -> bytes:
    return yaml.safe_dump(
        {
            "apiVersion": "config.kubernetes.io/v1",
            "kind": "ResourceList",
            "functionConfig": yaml.safe_load((folder / "gmsa.yaml").read_text()),
            "items": list(yaml.safe_load_all((folder / "web.yaml").read_text())),
        }
    ).encode()


def test_it_needs_no_network_no_root_and_no_file_that_it_can_write_to(
    podman: Podman, function: str, program: Path
) -> None:
    stdin = resource_list(ROOT / "kustomize/quickstart")
    wanted = subprocess.run([program], input=stdin, capture_output=True, check=True).stdout.decode()
    assert podman("run", "--rm", "--interactive", *HARDENED, function, stdin=stdin) == wanted


def test_it_is_the_user_nobody_by_itself(podman: Podman, function: str) -> None:
    (settings,) = yaml.safe_load(podman("image", "inspect", function))
    assert settings["Config"]["User"] == "65534"
    assert settings["Config"]["WorkingDir"] == "/config"
    assert "nobody:x:65534:65534:" in (podman.files(function) / "etc/passwd").read_text()


def test_all_commands_work_in_it(podman: Podman, function: str, tmp_path: Path, program: Path) -> None:
    """With the configs of a folder: for CI that runs in containers."""
    mount = ["--volume", f"{ROOT}/kustomize/quickstart:/config:ro"]
    for arguments in (["lint", "."], ["render", "gmsa.yaml", "web.yaml"], ["--help"], ["version"]):
        wanted = subprocess.run(
            [program, *arguments], cwd=ROOT / "kustomize/quickstart", capture_output=True, text=True, check=True
        )
        assert podman("run", "--rm", *HARDENED, *mount, function, *arguments) == wanted.stdout


# kpt

KPTFILE = """\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: web
  annotations:
    config.kubernetes.io/local-config: "true"
pipeline:
  mutators:
  - image: IMAGE
    configPath: gmsa.yaml
"""


@pytest.fixture
def kpt(podman: Podman, tmp_path: Path) -> Build:
    def kpt(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        environ = environment(tmp_path, KRM_FN_RUNTIME="podman", **ENV)
        environ["PATH"] = f"{podman.programs}:{environ['PATH']}"
        return subprocess.run(
            [tool("kpt"), *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
        )

    return kpt


def package(folder: Path, image: str) -> Path:
    """A package of kpt with the quickstart."""
    folder.mkdir()
    config = (ROOT / "kustomize/quickstart/gmsa.yaml").read_text()
    (folder / "gmsa.yaml").write_text(re.sub(r"  annotations:\n(    .*\n)+", "", config))
    shutil.copy(ROOT / "kustomize/quickstart/web.yaml", folder)
    (folder / "Kptfile").write_text(KPTFILE.replace("IMAGE", f"{image}:latest"))
    return folder


def objects(folder: Path) -> dict[tuple[str, str, str], object]:
    documents = [it for path in folder.rglob("*.yaml") for it in yaml.safe_load_all(path.read_text())]
    return by_identity([it for it in documents if it["kind"] != "GMSAConfig"])


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_kpt_renders_a_package_and_changes_nothing_the_next_time(
    kpt: Build, function: str, tmp_path: Path, program: Path
) -> None:
    folder = package(tmp_path / "web", function)
    config = yaml.safe_load((folder / "gmsa.yaml").read_text())
    wanted = subprocess.run(
        [program, "render", "gmsa.yaml", "web.yaml"], cwd=folder, capture_output=True, check=True
    ).stdout
    done = kpt("fn", "render", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert objects(folder) == by_identity(list(yaml.safe_load_all(wanted)))
    assert yaml.safe_load((folder / "gmsa.yaml").read_text()) == config
    before = contents(folder)
    assert kpt("fn", "render", cwd=folder).returncode == 0
    assert contents(folder) == before


def test_kpt_shows_the_results(kpt: Build, function: str, tmp_path: Path) -> None:
    folder = package(tmp_path / "web", function)
    domain = "S-1-5-21-2126449477-2524075714-3094792973"
    config = (folder / "gmsa.yaml").read_text().replace(domain, f"{domain}-1105")
    (folder / "gmsa.yaml").write_text(config)
    before = contents(folder)
    done = kpt("fn", "render", "--results-dir", tmp_path / "results", cwd=folder)
    assert done.returncode == 1
    assert f"[error] spec.domains[0].sid: {domain}-1105 is an account's SID" in done.stderr
    (listed,) = yaml.safe_load((tmp_path / "results/results.yaml").read_text())["items"]
    (result,) = listed["results"]
    assert (result["severity"], result["field"]["path"], result["file"]["path"]) == (
        "error",
        "spec.domains[0].sid",
        "gmsa.yaml",
    )
    assert result["tags"] == {"rule": "account-sid"}
    assert contents(folder) == before


def test_kpt_eval_takes_mounts_and_variables(
    kpt: Build, function: str, overlay: Callable[[str], Path], program: Path
) -> None:
    for name, options in {
        "files": ["--as-current-user", "--mount", "type=bind,src={folder}/certs,dst=/config/certs"],
        "derive": ["--env", "GMSA_KRM_SEED", "--env", "SOURCE_DATE_EPOCH"],
    }.items():
        folder = overlay(name)
        (folder / "kustomization.yaml").unlink()
        env = {**os.environ, **ENV}
        wanted = subprocess.run(
            [program, "render", "gmsa.yaml"], cwd=folder, env=env, capture_output=True, check=True
        ).stdout
        given = [it.format(folder=folder) for it in options]
        done = kpt("fn", "eval", ".", "--image", function, "--fn-config", "gmsa.yaml", *given, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert objects(folder) == by_identity(list(yaml.safe_load_all(wanted)))
