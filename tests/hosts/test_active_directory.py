"""A value that Active Directory has otherwise ends every host with its place and the right one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import CASES, Call, as_function, build
from hosts.cases import ENV
from hosts.test_cases import resource_list

CASE = next(it for it in CASES if it.name == "active-directory")
RIGHT = "S-1-5-21-2126449477-2524075714-3094792973"
WRONG = "S-1-5-21-2126449477-2524075714-3094792974"
SAYS = f"spec.domains[0].sid: {WRONG} is not the SID of the domain contoso.com: it is {RIGHT} in Active Directory"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The case with a wrong SID."""
    folder = tmp_path / "project"
    shutil.copytree(CASE, folder, ignore=shutil.ignore_patterns("want*.yaml"))
    config = folder / "gmsa.yaml"
    config.write_text(config.read_text().replace(RIGHT, WRONG))
    return folder


def test_kustomize_ends_with_the_message(project: Path, kustomize: Path, plugin_home: Path, tmp_path: Path) -> None:
    legacy = build(kustomize, project, plugin_home, **ENV)
    (project / "gmsa.yaml").write_text(as_function((project / "gmsa.yaml").read_text()))
    function = build(kustomize, project, tmp_path, "--enable-exec", **ENV)
    for done in (legacy, function):
        assert (done.returncode, done.stdout) == (1, "")
        assert SAYS in done.stderr


def test_the_other_hosts_end_with_the_message(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    text = Path("gmsa.yaml").read_text()
    piped = call("post-render", stdin=text.encode())
    generated = call("argocd", "generate")
    rendered = call("render", ".")
    for done in (piped, generated, rendered):
        assert (done.status, done.stdout) == (1, "")
        assert SAYS in done.stderr
    function = call(stdin=resource_list([], text).encode())
    assert function.status == 1
    assert SAYS in function.stderr
