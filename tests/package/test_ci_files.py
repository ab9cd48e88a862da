"""What other repositories include to run lint: the hook of pre-commit, the action of GitHub, the job of GitLab.

Each is run as its host runs it, as far as that is possible here: pre-commit itself; the scripts of the others, with the
variables that a runner sets.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

GOOD = (ROOT / "kustomize/quickstart/gmsa.yaml").read_text()
WEB = (ROOT / "kustomize/quickstart/web.yaml").read_text()
BAD = GOOD.replace("S-1-5-21-2126449477-2524075714-3094792973", "S-1-5-21-2126449477-2524075714-3094792973-1105")
WARNED = GOOD.replace("usedBy: FromWorkloads", "usedBy: [{namespace: web, serviceAccounts: ['*']}]")
MESSAGE = "is an account's SID"
PUBLISHED = ["plugin", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".pre-commit-hooks.yaml", "action.yml"]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
JOB = yaml.safe_load((ROOT / "plugin/gitlab/lint.yml").read_text())["gmsa-krm-lint"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's repository as others get it."""
    folder = tmp_path_factory.mktemp("published")
    for name in PUBLISHED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "published")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that includes the files."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", **more}


# pre-commit


@pytest.mark.parametrize(("config", "status"), [(GOOD, 0), (BAD, 1)])
def test_the_hook_of_pre_commit(published: Path, repository: Path, tmp_path: Path, config: str, status: int) -> None:
    (repository / "gmsa.yaml").write_text(config)
    git(repository, "add", "--all")
    program = Path(sys.executable).parent / "pre-commit"
    done = subprocess.run(
        [program, "try-repo", published, "gmsa-krm-lint", "--all-files"],
        cwd=repository,
        env=environment(PRE_COMMIT_HOME=str(tmp_path / "cache")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "gmsa-krm lint" in done.stdout
    assert (MESSAGE in done.stdout) == bool(status)


# GitHub


@dataclass(frozen=True)
class Ran:
    status: int
    log: str
    outputs: str
    sarif: dict[str, Any]


class Runner:
    """Runs the steps of the action with its inputs, as the runner of GitHub does."""

    def __init__(self, action: Path, repository: Path, temporary: Path) -> None:
        self.repository = repository
        self._output = temporary / "output"
        self._env = environment(
            RUNNER_TEMP=str(temporary), GITHUB_ACTION_PATH=str(action), GITHUB_OUTPUT=str(self._output)
        )
        for step in ACTION["runs"]["steps"][:-1]:
            assert self._run(step, {}).returncode == 0

    def __call__(self, **inputs: str) -> Ran:
        given = {name: inputs.get(name, settings["default"]) for name, settings in ACTION["inputs"].items()}
        self._output.write_text("")
        done = self._run(ACTION["runs"]["steps"][-1], given)
        sarif = json.loads((self.repository / given["sarif-file"]).read_text() or "{}")
        return Ran(done.returncode, done.stdout + done.stderr, self._output.read_text(), sarif)

    def _run(self, step: dict[str, Any], inputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
        assert "${{" not in step["run"]
        env = dict(step.get("env", {}))
        for name, value in inputs.items():
            env = {key: text.replace(f"${{{{ inputs.{name} }}}}", value) for key, text in env.items()}
        # https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax: shell bash
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command, cwd=self.repository, env={**self._env, **env}, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def runner(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """One installation for all tests; each writes its own config."""
    repository = tmp_path_factory.mktemp("checkout")
    return Runner(published, repository, tmp_path_factory.mktemp("runner"))


@pytest.mark.parametrize(
    ("config", "strict", "status"),
    [(GOOD, "true", 0), (BAD, "false", 1), (WARNED, "false", 0), (WARNED, "true", 1)],
    ids=["good", "bad", "warned", "warned strictly"],
)
def test_the_action_of_github(runner: Runner, config: str, strict: str, status: int) -> None:
    (runner.repository / "gmsa.yaml").write_text(config)
    (runner.repository / "web.yaml").write_text(WEB)
    ran = runner(strict=strict)
    assert ran.status == status, ran.log
    assert ran.outputs == "sarif-file=gmsa-krm.sarif\n"
    results = ran.sarif["runs"][0]["results"]
    assert bool(results) == (config != GOOD)
    # What upload-sarif refuses: a file outside of the repository, or none.
    uris = {it["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for it in results}
    assert uris <= {"gmsa.yaml"}
    assert (MESSAGE in ran.log) == (config == BAD)


def test_an_input_of_the_action_is_not_a_command(runner: Runner) -> None:
    (runner.repository / "gmsa.yaml").write_text(GOOD)
    ran = runner(path='gmsa.yaml\n$(touch owned); `touch owned` "; touch owned #')
    assert ran.status == 3
    assert "touch owned" in ran.log
    assert not (runner.repository / "owned").exists()


# Each says that it ran: a module that Python, pip or venv imports, and venv itself.
@pytest.mark.parametrize("module", ["venv", "logging", "secrets", "pip", "gmsa_krm"])
def test_the_action_runs_no_code_of_the_repository(published: Path, tmp_path: Path, module: str) -> None:
    repository = tmp_path / "checkout"
    repository.mkdir()
    (repository / "gmsa.yaml").write_text(GOOD)
    (repository / f"{module}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nraise SystemExit(0)\n")
    temporary = tmp_path / "runner"
    temporary.mkdir()
    ran = Runner(published, repository, temporary)()
    assert ran.status == 0, ran.log
    assert not (tmp_path / "owned").exists()


def commands_in(log: str) -> list[str]:
    """The lines that the runner of GitHub takes for commands: `::name::`, and `##[name]` anywhere in a line."""
    found = []
    token = ""
    for line in log.splitlines():
        if token:
            token = "" if line.strip() == f"::{token}::" else token
        elif (stop := re.fullmatch(r"::stop-commands::(\S+)", line)) is not None:
            token = stop[1]
        elif line.lstrip().startswith("::") or "##[" in line:
            found.append(line)
    return found


def test_a_repository_gives_the_runner_of_github_no_commands(runner: Runner) -> None:
    command = "##[set-output name=sarif-file;]/etc/hostname"
    (runner.repository / "gmsa.yaml").write_text(f"{GOOD}---\n{GOOD}  {command!r}: 1\n")
    ran = runner()
    assert ran.status == 1
    assert command in ran.log
    assert commands_in(ran.log) == []
    assert commands_in(f"{ran.log}\n::warning::of a later step") == ["::warning::of a later step"]


def test_a_link_of_the_repository_leads_the_findings_nowhere(runner: Runner, tmp_path: Path) -> None:
    (runner.repository / "gmsa.yaml").write_text(BAD)
    (tmp_path / "other").write_text("of the runner")
    (runner.repository / "linked.sarif").symlink_to(tmp_path / "other")
    ran = runner(**{"sarif-file": "linked.sarif"})
    assert ran.sarif["runs"]
    assert (tmp_path / "other").read_text() == "of the runner"


# GitLab


@pytest.mark.parametrize(("config", "status"), [(GOOD, 0), (BAD, 1)], ids=["good", "bad"])
def test_the_job_of_gitlab(published: Path, repository: Path, tmp_path: Path, config: str, status: int) -> None:
    (repository / "gmsa.yaml").write_text(config)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "image"], check=True)
    variables = {**JOB["variables"], "GMSA_KRM_PACKAGE": str(published)}
    env = environment(**variables, PIP_DISABLE_PIP_VERSION_CHECK="1")
    env["PATH"] = f"{tmp_path / 'image/bin'}:{env['PATH']}"
    script = "\n".join(JOB["script"])
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=repository, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert (MESSAGE in done.stdout) == bool(status)
