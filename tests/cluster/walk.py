"""Following a page for users: the commands of its console blocks, as someone would type them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from cluster.harness import ENV, PROGRAM, Cluster
from conftest import environment


def commands(page: Path, heading: str, before: bool = False) -> list[str]:
    """Those below a heading, "" for those above the first one; with `before`, these come first."""
    parts = ["", *re.split(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    text = (sections[""] if before else "") + sections[heading]
    return [
        line[2:]
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def walk(
    cluster: Cluster, folder: Path, steps: list[str], after_each: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Runs the commands in a folder, with kubectl and gmsa-krm on the PATH; what each has said."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for program in (cluster.kubectl_program, PROGRAM):
        if not (programs / program.name).exists():
            (programs / program.name).symlink_to(program)
    env = environment(folder, KUBECONFIG=str(cluster.kubeconfig), GMSA_KRM_SEED=ENV["GMSA_KRM_SEED"])
    env["PATH"] = f"{programs}:{env['PATH']}"
    said = []
    for step in steps:
        done = subprocess.run(["bash", "-ec", step], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
        after_each(step)
    return said
