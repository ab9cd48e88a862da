"""kubectl, as `doctor` and `who-can --context` run it, and what it runs in pods: the container says what a program is."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gmsa_krm.cluster.checks import run_checks
from gmsa_krm.cluster.checks.logon import CHECKS
from gmsa_krm.cluster.proxy import ApiServer, quoted
from gmsa_krm.cluster.view import View
from gmsa_krm.cluster.wanted import Wanted
from gmsa_krm.findings import ExternalError


def kubectl(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl on the PATH: `script`, in the language of sh."""
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_of_a_program_that_prints_without_end_the_start_is_read(
    stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl(tmp_path, f"exec yes nltest >&{stream}", monkeypatch)
    said = ApiServer().run_in_pod("web", "web-0", "iis", ["nltest.exe", "/query"])
    assert len(said) == 64 * 1024
    assert said.startswith("nltest\nnltest\n")


def test_both_streams_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(tmp_path, "echo first >&2; echo second", monkeypatch)
    assert ApiServer().run_in_pod("web", "web-0", "iis", ["klist.exe"]) == "second\n\nfirst\n"


def test_no_name_is_an_option_of_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(tmp_path, 'printf "%s|" "$@"', monkeypatch)
    said = ApiServer().run_in_pod("--as=x", "--filename=y", "--token=z", ["nltest.exe", "/query"])
    names = "--namespace=--as=x|pod/--filename=y|--container=--token=z"
    assert said == f"exec|{names}|--|nltest.exe|/query|"


def test_a_name_is_one_part_of_a_path() -> None:
    assert quoted("web/pods?a= #\n\u00e9") == "web%2Fpods%3Fa%3D%20%23%0A%C3%A9"


@pytest.mark.parametrize("path", [".", "", "bin"])
def test_kubectl_of_the_current_folder_is_not_run(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a repository's. Windows would look there first, whatever PATH has."""
    (tmp_path / "bin").mkdir()
    for folder in (tmp_path, tmp_path / "bin"):
        kubectl(folder, "echo of the repository", monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    with pytest.raises(ExternalError, match="kubectl is not on the PATH"):
        ApiServer().run_in_pod("web", "web-0", "iis", ["nltest.exe"])


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Puts back what an ApiServer sets."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm")
def test_in_a_long_folder_kubectl_listens_where_only_this_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    kubectl(
        tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/arguments; echo Starting to serve on x; exec sleep 60', monkeypatch
    )
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(ApiServer, "get", lambda *_: {})  # nothing listens
    with ApiServer():
        command, address = (tmp_path / "arguments").read_text().splitlines()
        option, _, path = address.partition("=")
        assert (command, option) == ("proxy", "--unix-socket")
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
        assert len(path) < 100


CONTENTS = {"DomainJoinConfig": {"DnsName": "contoso.com", "DnsTreeName": "contoso.com"}}
POD = {
    "metadata": {"name": "web-0", "namespace": "web"},
    "spec": {
        "securityContext": {
            "windowsOptions": {"gmsaCredentialSpecName": "webapp1", "gmsaCredentialSpec": json.dumps(CONTENTS)}
        },
        "containers": [{"name": "iis"}],
    },
    "status": {"phase": "Running"},
}


class WithHangingPods(ApiServer):
    """Has the objects of a list by the last part of its path; no program in a pod ends."""

    lists: dict[str, list[Any]] = {  # noqa: RUF012
        "pods": [POD],
        "gmsacredentialspecs": [{"metadata": {"name": "webapp1"}, "credspec": CONTENTS}],
    }

    def items(self, path: str, keep: Any = None) -> list[Any]:
        return self.lists[path.rpartition("/")[2]]

    def run_in_pod(self, namespace: str, pod: str, container: str, command: Any) -> str:
        raise ExternalError(f"{command[0]} in {namespace}/{pod} has not ended in 60 seconds")


def test_a_pod_that_hangs_is_not_the_end_of_the_run() -> None:
    outcomes = run_checks(CHECKS, View(WithHangingPods()), Wanted([], [], now=0, in_pod=True))
    assert [(it.status, it.reason) for it in outcomes] == [
        ("could not look", "nltest.exe in web/web-0 has not ended in 60 seconds"),
        ("nothing to check", ""),
        ("nothing to check", ""),
    ]
