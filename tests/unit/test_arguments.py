"""The fast reader of arguments reads what argparse reads, or leaves the line to argparse."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gmsa_krm.arguments import FastParser
from gmsa_krm.declarations import declare_commands
from gmsa_krm.usage import program_parser

COMMANDS = "render post-render patch lint argocd generate discover schema certs issue show install kustomize import helm-values completion credspec explain help version init"
OPTIONS = (
    "-o --output --output=x --format --config --conf --namespace --log-file --force --chart-values --dir -ox"
    " -h --help --version -n -q --quiet --release-namespace --into --strict --chart --host --domain"
)
VALUES = [
    "json",
    "yaml",
    "sarif",
    "bash",
    "fish",
    "account-sid",
    "a.yaml",
    "b",
    "",
    "-",
    "--",
    "-5",
    "two words",
    "-two words",
]
ARGUMENTS = st.lists(st.sampled_from([*COMMANDS.split(), *OPTIONS.split(), *VALUES]), max_size=7)


def read_by_argparse(arguments: list[str]) -> dict[str, object] | None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return vars(program_parser().parse_args(arguments))
        except SystemExit:
            return None


def read_fast(arguments: list[str]) -> dict[str, object] | None:
    parser = FastParser()
    declare_commands(parser)
    options = parser.read(arguments)
    return vars(options) if options is not None else None


@given(ARGUMENTS)
@example(["render", "a.yaml", "--format", "json", "b"])
@example(["post-render", "--config", "a", "--config", "b"])
@example(["help", "render"])
@example(["init", "--host", "flux"])
@example(["patch", "--config", "a", "Deployment/web", "--namespace", ""])
def test_the_fast_reader_reads_what_argparse_reads(arguments: list[str]) -> None:
    options = read_fast(arguments)
    if options is not None:
        assert options == read_by_argparse(arguments)


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
        "render gmsa.yaml -o json -n web -q",
        "lint . -o sarif -n web",
        "completion bash",
        "explain",
        "render gmsa.yaml --chart charts/gmsa",
        "init deploy --domain contoso.com --host argocd",
    ],
)
def test_usual_lines_are_read_fast(line: str) -> None:
    options = read_fast(line.split())
    assert options is not None
    assert options == read_by_argparse(line.split())
