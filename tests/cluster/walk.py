"""Following a page of the documentation on a cluster: its commands, as someone would type them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cluster.harness import ENV, PROGRAM, Cluster
from conftest import environment
from pages import Command, run


def walk(
    cluster: Cluster, folder: Path, steps: list[Command], after_each: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Runs the commands in a folder, with kubectl and gmsa-krm on the PATH; what each has printed."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for program in (cluster.kubectl_program, PROGRAM):
        if not (programs / program.name).exists():
            (programs / program.name).symlink_to(program)
    env = environment(folder, KUBECONFIG=str(cluster.kubeconfig), GMSA_KRM_SEED=ENV["GMSA_KRM_SEED"])
    env["PATH"] = f"{programs}:{env['PATH']}"
    return run(steps, folder, env, after_each)
