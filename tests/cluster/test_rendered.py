"""What `render` writes for hosts that run no plugin, against the API server: a folder by kubectl, a chart by the Helms."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from build import tool
from cluster.api import until
from cluster.harness import PROGRAM, Cluster, pod
from conftest import CONTENTS, ROOT, environment

QUICKSTART = ROOT / "kustomize/quickstart"


def run(cluster: Cluster, folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    env = environment(folder, KUBECONFIG=str(cluster.kubeconfig))
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def is_set_up(cluster: Cluster) -> None:
    until(lambda: cluster.verdict(pod("stranger", service_account="default")), "the policy is in force")
    until(lambda: cluster.verdict(pod("web", contents=CONTENTS)) == "", "the workload's pods are accepted")


def test_kubectl_needs_the_option_for_kustomizations(cluster: Cluster, tmp_path: Path) -> None:
    """As docs/upgrade.md says: -f applies the objects, and fails at the kustomization.yaml."""
    run(cluster, tmp_path, PROGRAM, "render", QUICKSTART, "-o", "out")
    kubectl = (cluster.kubectl_program, "apply", "--server-side")
    for option in ("-k", "-f", "-f"):  # until the CRD is served
        run(cluster, tmp_path, *kubectl, option, "out")
    failed = run(cluster, tmp_path, *kubectl, "-f", "out")
    assert failed.returncode == 1
    assert 'no matches for kind "Kustomization"' in failed.stderr
    done = run(cluster, tmp_path, *kubectl, "-k", "out")
    assert done.returncode == 0, done.stderr
    is_set_up(cluster)


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_helm_installs_the_chart(helm: str, cluster: Cluster, tmp_path: Path) -> None:
    """In one go: the CRD is in crds/, and the Namespace in the chart is not that of the release."""
    run(cluster, tmp_path, PROGRAM, "render", QUICKSTART, "--chart", "gmsa")
    for verb in ("install", "upgrade"):
        done = run(cluster, tmp_path, tool(helm), verb, "gmsa", "gmsa", "--namespace", "default")
        assert done.returncode == 0, done.stderr
        is_set_up(cluster)
    done = run(cluster, tmp_path, tool(helm), "uninstall", "gmsa", "--namespace", "default")
    assert done.returncode == 0, done.stderr
