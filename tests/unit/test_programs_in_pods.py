"""What `doctor --in-pod` runs in a pod: the container says what the program is, and the API server what the pod is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gmsa_krm.cluster.proxy import ApiServer, quoted


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
