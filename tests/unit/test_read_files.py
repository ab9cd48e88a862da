"""What is read: regular files of folders and configs, which cannot keep a run waiting; pipes where they are named."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from builders import CERT_MANAGER, gmsa_config
from conftest import SEED, Call, Done, Folder
from tls import certificate_config

CONFIG = gmsa_config(CERT_MANAGER)


def run(*arguments: str | Path, **env: str) -> Done:
    """In a process of its own, which is stopped where it waits."""
    done = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=20, env={**os.environ, **env}
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", ["render", "lint"])
@pytest.mark.parametrize("kind", ["a pipe", "a link to a pipe", "a link to a device", "a socket"])
def test_only_regular_files_of_a_folder_are_read(
    command: str, kind: str, program: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = folder({"gmsa.yaml": CONFIG, "pipes/.keep": ""})
    special = where / "special.yaml"
    if kind == "a pipe":
        os.mkfifo(special)
    elif kind == "a link to a pipe":
        os.mkfifo(where / "pipes/pipe")
        special.symlink_to("pipes/pipe")
    elif kind == "a link to a device":
        special.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            monkeypatch.chdir(where)  # the path of a socket has 108 characters at most
            listener.bind("special.yaml")
    done = run(program, command, where)
    assert (done.status, done.stdout) == (3, "")
    assert done.stderr.startswith(f"gmsa-krm: {special}: cannot be read (")
    assert len(done.stderr.splitlines()) == 1


SPECIAL = [
    certificate_config("""
        source: Derive
        derive:
          seedFile: special
    """),
    certificate_config("""
        source: Files
        files:
          ca: special
    """),
    gmsa_config("""
        credspecs:
        - file: special
    """),
]


@pytest.mark.parametrize("config", SPECIAL, ids=["seedFile", "files.ca", "credspecs.file"])
def test_a_config_names_regular_files(config: str, program: Path, folder: Folder) -> None:
    where = folder({"gmsa.yaml": config})
    os.mkfifo(where / "special")
    done = run(program, "render", where / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "special cannot be read (it is not a regular file)" in done.stderr


NAMED = [
    pytest.param("cat gmsa.yaml | {program} render -", id="a hyphen"),
    pytest.param("cat gmsa.yaml | {program} render /dev/stdin", id="stdin by its path"),
    pytest.param("{program} render <(sleep 0.1; cat gmsa.yaml)", id="process substitution"),
    pytest.param("mkfifo pipe; cat gmsa.yaml > pipe & {program} render pipe", id="a named pipe"),
]


@pytest.mark.parametrize("script", NAMED)
def test_a_pipe_that_is_named_is_read(script: str, folder: Folder, program: Path) -> None:
    where = folder({"gmsa.yaml": CONFIG})
    done = run("bash", "-c", f"cd {where}; {script.format(program=program)}")
    assert done.status == 0, done.stderr
    assert done.object("Deployment")


def test_a_seed_may_come_through_process_substitution(folder: Folder, program: Path) -> None:
    """The variable names the file, and whoever sets it is the operator."""
    where = folder({"gmsa.yaml": certificate_config("source: Derive"), "seed": SEED})
    script = f"cd {where}; GMSA_KRM_SEED_FILE=<(sleep 0.2; cat seed) {program} render gmsa.yaml"
    done = run("bash", "-c", script)
    assert done.status == 0, done.stderr


def test_a_values_file_that_is_too_large_is_not_read_in_part(call: Call, folder: Folder) -> None:
    where = folder({"values.yaml": "replicaCount: 3\n" + "# x\n" * 1_100_000 + "qps: 5\n"})
    done = call("import", "helm-values", where / "values.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "larger than 4 MiB" in done.stderr


def test_certificates_beyond_the_limit_are_not_left_out(call: Call, folder: Folder) -> None:
    where = folder({"certs.pem": "x" * (1024 * 1024 + 1)})
    done = call("certs", "show", where / "certs.pem")
    assert (done.status, done.stdout) == (1, "")
    assert "larger than 1 MiB" in done.stderr
