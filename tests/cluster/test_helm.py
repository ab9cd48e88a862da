"""charts/gmsa through the real Helms, against the API server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from build import tool
from cluster.api import Object
from cluster.harness import ENV, FAST, PROGRAM, Cluster, config, namespace, objects, one, pod, render
from conftest import ROOT, environment

Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Helm:
    """Runs a Helm with the chart, the post-renderer and values as the chart's README has them."""
    (found,) = objects(config(f"  webhook: {{{FAST}, certificate: {{source: Derive}}}}\n"))
    (tmp_path / "values.yaml").write_text(json.dumps({**found["spec"], "postRenderer": True}))
    env = environment(tmp_path, KUBECONFIG=str(cluster.kubeconfig), **ENV)
    flags: list[Any] = ["--post-renderer", PROGRAM, "--post-renderer-args", "post-render"]
    if request.param == "helm4":
        subprocess.run([PROGRAM, "install", "helm"], env=env, capture_output=True, check=True)
        env["HELM_PLUGINS"] = str(tmp_path / ".local/share/gmsa-krm/helm-plugins")
        flags = ["--post-renderer", "gmsa"]
    given = [ROOT / "charts/gmsa", "--values", tmp_path / "values.yaml", *flags]
    cluster.client.apply(namespace("web"), namespace("gmsa-webhook"))
    cluster.node.namespaces.add("gmsa-webhook")

    def run(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            tool(request.param),
            verb,
            "gmsa",
            "--namespace",
            "gmsa-webhook",
            *(given if verb != "uninstall" else []),
            *arguments,
        ]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def crd() -> Object:
    """Of the chart's crds/: Helm asks for the kinds of a whole release before it applies any of it."""
    return one(render(ROOT / "kustomize/trial"), "CustomResourceDefinition")


@pytest.mark.parametrize("where", ["client", "server"])
def test_dry_run(where: str, helm: Helm, crd: Object, cluster: Cluster) -> None:
    cluster.client.apply(crd)
    done = helm("install", f"--dry-run={where}")
    assert done.returncode == 0, done.stderr
    assert "kind: ValidatingWebhookConfiguration" in done.stdout
    assert "tls.key" in done.stdout


def test_install_and_upgrade_and_uninstall(helm: Helm, crd: Object, cluster: Cluster) -> None:
    for arguments in (
        ("install", "--wait"),
        ("upgrade", "--wait"),
        ("upgrade", "--wait", "--set", "webhook.replicas=1"),
    ):
        done = helm(*arguments)
        assert done.returncode == 0, done.stderr
        cluster.admits()
    done = helm("uninstall", "--wait")
    assert done.returncode == 0, done.stderr
    assert cluster.client.find(cluster.client.path(crd))
    assert cluster.verdict(pod("plain", None, service_account="default")) == ""
