"""The quick reader of arguments reads what argparse reads, or leaves it to argparse."""

from __future__ import annotations

import argparse
import contextlib
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gmsa_krm.arguments import Quick
from gmsa_krm.cli import _declare

WORDS = st.sampled_from(
    [
        *(
            "render",
            "post-render",
            "patch",
            "lint",
            "argocd",
            "generate",
            "discover",
            "schema",
            "certs",
            "issue",
            "show",
        ),
        *(
            "install",
            "kustomize",
            "import",
            "helm-values",
            "a.yaml",
            "b",
            "",
            "-",
            "--",
            "-o",
            "--output",
            "--output=x",
        ),
        *(
            "--format",
            "json",
            "yaml",
            "sarif",
            "--config",
            "--conf",
            "--namespace",
            "--log-file",
            "--force",
            "--chart-values",
        ),
        *("-h", "--help", "--version", "--dir", "-ox", "-5", "two words", "-two words"),
    ]
)


def _argparse(arguments: list[str]) -> dict[str, object] | None:
    parser = argparse.ArgumentParser(prog="gmsa-krm", allow_abbrev=False)
    _declare(parser)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return vars(parser.parse_args(arguments))
        except SystemExit:
            return None


def _quick(arguments: list[str]) -> dict[str, object] | None:
    quick = Quick()
    _declare(quick)
    options = quick.read(arguments)
    return vars(options) if options is not None else None


@given(st.lists(WORDS, max_size=7))
@example(["render", "a.yaml", "--format", "json", "b"])
@example(["post-render", "--config", "a", "--config", "b"])
@example(["patch", "--config", "a", "Deployment/web", "--namespace", ""])
def test_what_is_read_quickly_is_what_argparse_reads(arguments: list[str]) -> None:
    quickly = _quick(arguments)
    if quickly is not None:
        assert quickly == _argparse(arguments)


@pytest.mark.parametrize(
    "line",
    [
        "render gmsa.yaml",
        "render gmsa.yaml manifests -o out --format json",
        "render -",
        "post-render",
        "post-render --config a --config b --namespace web --log-file log",
        "patch --config a Deployment/web",
        "lint . --format sarif",
        "argocd generate",
        "certs issue --dir certs --force",
    ],
)
def test_usual_lines_are_read_quickly(line: str) -> None:
    assert _quick(line.split()) == _argparse(line.split()) is not None
