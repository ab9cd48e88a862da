"""Every console block of the README files is run, in order, as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, Folder, environment, kubectl
from hosts.support import deployment

COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
# Covered elsewhere: the make targets run this test, and the installation is that of the test's own .venv.
SKIPPED = ("make ", "python3 -m venv", "export PATH", "gmsa-krm lint gmsa.yaml")


def commands_of(name: str) -> list[str]:
    """The commands of a README file's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    found = [command for block in blocks for command in COMMAND.findall(block) if not command.startswith(SKIPPED)]
    assert len(found) >= 2
    return found


@pytest.mark.parametrize("name", ["README.md", "kustomize/README.md"])
def test_the_console_blocks_work_as_they_are(name: str, kustomize: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "kustomize", checkout / "kustomize")
    home = tmp_path / "home"
    home.mkdir()
    env = environment(home)
    env["PATH"] = f"{kustomize.parent}:{env['PATH']}"
    commands = commands_of(name)
    if name == "kustomize/README.md":
        commands = ["gmsa-krm install kustomize", *commands]  # its table asks for it
    exports: list[str] = []
    for command in commands:
        if command.startswith("kubectl") and not kubectl():
            continue
        # Each command runs in a shell of its own, which needs the variables that were exported before.
        script = "\n".join(["set -e", *exports, command])
        done = subprocess.run(
            ["bash", "-c", script], cwd=checkout, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if command.startswith("export "):
            exports.append(command.partition("    #")[0])
        else:
            assert done.stdout.strip(), command


def test_the_configs_of_the_readme_render(folder: Folder, program: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        root = folder({"gmsa.yaml": block, "web.yaml": deployment()})
        done = subprocess.run([program, "render", "."], cwd=root, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_table_of_commands_names_every_command(program: Path) -> None:
    env = {**os.environ, "COLUMNS": "200"}
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=True, env=env).stdout
    names = re.findall(r"^    (\w[\w-]*) ", usage, re.MULTILINE)
    table = (ROOT / "README.md").read_text().partition("## Commands")[2]
    assert names
    for name in names:
        assert f"`gmsa-krm {name}" in table


def test_the_demo_ends_with_the_next_commands() -> None:
    """It names every host that the README has a block for, and its commands can be copied."""
    demo = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, command, last = (
        line for line in demo.splitlines() if line.startswith(('echo "Next:', 'echo "  ', 'echo "To apply'))
    )
    usage = (ROOT / "README.md").read_text().partition("## By itself")[2].partition("## What is emitted")[0]
    hosts = re.findall(r"^## (.*)$", usage, re.MULTILINE)
    assert hosts == ["kustomize", "kubectl", "Helm", "Argo CD"]
    assert all(host in last for host in hosts)
    assert (ROOT / re.findall(r"copy (\S+) to my.yaml", first)[0]).exists()
    assert re.findall(r"(\S+) (lint|render) my.yaml", command) == [
        (".venv/bin/gmsa-krm", name) for name in ("lint", "render")
    ]
