"""`doctor` against the cluster: a healthy set-up gives no problem, and each fault exactly its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.api import Object
from cluster.harness import ENV, PROGRAM, Cluster, config
from conftest import environment


class Doctor:
    """Runs `doctor` on a cluster, in a folder with the config."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        kubectl = Path(self._cluster.kubectl_program).parent
        variables = environment(self.folder, **{**ENV, "KUBECONFIG": str(self._cluster.kubeconfig), **env})
        variables["PATH"] = f"{kubectl}{os.pathsep}{variables['PATH']}"
        return subprocess.run(
            [PROGRAM, "doctor", *arguments], env=variables, capture_output=True, text=True, check=False
        )

    def problems(self, *arguments: str | Path) -> dict[str, list[str]]:
        """The messages by check."""
        done = self(*arguments, "-o", "json")
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return {it["id"]: [one["message"] for one in it["problems"]] for it in report["checks"] if it["problems"]}


def test_a_healthy_cluster_has_no_problem(
    cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path
) -> None:
    cluster.install(rendered())
    doctor = Doctor(cluster, tmp_path)
    done = doctor(tmp_path / "gmsa.yaml")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    print(done.stdout)
    assert "no errors, no warnings" in done.stdout


def test_a_cluster_without_the_crd(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(config())
    doctor = Doctor(cluster, tmp_path)
    assert list(doctor.problems(tmp_path / "gmsa.yaml")) == ["crd-not-served"]
    assert doctor(tmp_path / "gmsa.yaml").returncode == 1
