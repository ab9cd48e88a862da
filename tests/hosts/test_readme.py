"""Every console block of the README files is run, in order, as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, deployment, environment, kubectl

COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
# Covered elsewhere: the make targets run this test, and the installation is that of the test's own .venv.
SKIPPED = ("make ", "python3 -m venv", "export PATH", "gmsa-krm lint gmsa.yaml")


def _commands(file: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", file.read_text(), re.DOTALL)
    return [command for block in blocks for command in COMMAND.findall(block) if not command.startswith(SKIPPED)]


@pytest.mark.parametrize("name", ["README.md", "kustomize/README.md"])
def test_the_console_blocks_work_as_they_stand(name: str, kustomize: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copytree(ROOT / "kustomize", checkout / "kustomize")
    home = tmp_path / "home"
    home.mkdir()
    env = environment(home)
    env["PATH"] = f"{kustomize.parent}:{env['PATH']}"
    commands = _commands(ROOT / name)
    assert len(commands) >= 2
    if name != "README.md":
        commands = ["gmsa-krm install kustomize", *commands]  # its table says so
    for command in commands:
        if command.startswith("kubectl") and not kubectl():
            continue
        # `export` must last: each command sees the exports before it.
        exports = [line for line in commands[: commands.index(command)] if line.startswith("export ")]
        script = "set -e\n" + "\n".join([*(line.partition("    #")[0] for line in exports), command])
        done = subprocess.run(
            ["bash", "-c", script], cwd=checkout, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if not command.startswith("export"):
            assert done.stdout.strip(), command


def test_the_config_of_the_readme_renders(tmp_path: Path, program: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    (tmp_path / "web.yaml").write_text(deployment().replace("app: iis", "app: iis, tier: web"))
    for block in blocks:
        (tmp_path / "gmsa.yaml").write_text(block)
        done = subprocess.run([program, "render", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_table_of_commands_names_every_command(program: Path) -> None:
    shown = subprocess.run(
        [program, "--help"], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"}
    ).stdout
    names = re.findall(r"^    (\w[\w-]*) ", shown, re.MULTILINE)
    table = (ROOT / "README.md").read_text().partition("## Commands")[2]
    assert names
    for name in names:
        assert f"`gmsa-krm {name}" in table


def test_the_demo_ends_with_what_to_do_next() -> None:
    """Every host that the README has a block for is named, and what is to be typed is there to be typed."""
    said = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, last = (line for line in said.splitlines() if line.startswith(('echo "next:', 'echo "then:')))
    hosts = re.findall(
        r"^## (.*)$",
        (ROOT / "README.md").read_text().partition("## By itself")[2].partition("## What is emitted")[0],
        re.MULTILINE,
    )
    assert hosts == ["kustomize", "kubectl", "Helm", "Argo CD"]
    assert all(host in last for host in hosts)
    source, program = re.findall(r"cp (\S+) my.yaml.*; (\S+) render my.yaml", first)[0]
    assert (ROOT / source).exists()
    assert program == ".venv/bin/gmsa-krm"
