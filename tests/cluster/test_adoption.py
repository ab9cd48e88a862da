"""Ours takes over from upstream's webhook, by the commands of docs/how-to/adopt.md, under loops that notice any gap."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from build import tool
from cluster import upstream
from cluster.api import Object, until
from cluster.cert_manager import cert_manager_crds
from cluster.harness import FAST, Cluster, Loop, config, namespace, one, pod, render, text_of
from cluster.walk import walk
from conftest import environment
from pages import commands

PAGE = "docs/how-to/adopt.md"
SET_UP = ("See what changes", "Set up the new webhook", "Switch over")


def our_config(credspec: str, name: str = "gmsa-krm") -> str:
    return config(
        f"  webhook: {{name: {name}, namespace: {name}, {FAST}, certificate: {{source: Derive}}}}\n",
        f"  credspecs:\n  - account: WebApp1\n    name: {credspec}\n    usedBy: [{{namespace: web, serviceAccounts: [webapp1]}}]\n",
    )


def users(credspec: str) -> list[Object]:
    """What the users of upstream's webhook have made themselves: RBAC as the Kubernetes page has it."""
    group = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": ["windows.k8s.io"],
        "resources": ["gmsacredentialspecs"],
        "verbs": ["use"],
        "resourceNames": [credspec],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    return [
        namespace("web"),
        {**account, "metadata": {"name": "webapp1", "namespace": "web"}},
        {**account, "metadata": {"name": "webapp2", "namespace": "web"}},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "webapp1-role"}, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "webapp1", "namespace": "web"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "webapp1-role"},
            "subjects": [{"kind": "ServiceAccount", "name": "webapp1", "namespace": "web"}],
        },
    ]


def set_up(cluster: Cluster, way: str, folder: Path) -> tuple[list[Object], str]:
    """What upstream's script or chart makes, by the program that it is made with; and the name of the credspec."""
    cluster.client.apply(upstream.crd(), manager="kubectl-create")
    if way == "script":
        items, credspec = upstream.by_script(), "gmsa-webapp1"
        cluster.run_webhooks_of(items)
        cluster.kubectl("apply", "-f", "-", text=text_of([*items, upstream.credspec(credspec)]))
    else:
        cluster.client.apply(*cert_manager_crds())
        items, credspec = upstream.by_chart(), "webapp1"
        cluster.run_webhooks_of(items)
        (folder / "chart/templates").mkdir(parents=True)
        (folder / "chart/Chart.yaml").write_text("apiVersion: v2\nname: gmsa\nversion: 0.13.0\n")
        (folder / "chart/templates/all.yaml").write_text(text_of(items))
        command = [tool("helm3"), "install", "gmsa", folder / "chart", "--namespace", "gmsa", "--create-namespace"]
        done = subprocess.run(
            command,
            env=environment(folder, KUBECONFIG=str(cluster.kubeconfig)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    cluster.client.apply(*users(credspec))
    cluster.rolled_out(one(items, "Deployment"))
    until(
        lambda: "denied the request" in cluster.verdict(pod("a", credspec, service_account="webapp2")),
        "upstream's webhook is called",
    )
    return items, credspec


@pytest.mark.parametrize("way", ["script", "chart"])
def test_no_gap(way: str, cluster: Cluster, tmp_path: Path) -> None:
    theirs, credspec = set_up(cluster, way, tmp_path)
    (tmp_path / "gmsa.yaml").write_text(our_config(credspec))
    cluster.node.namespaces.add("gmsa-krm")
    allowed, stranger = pod("allowed", credspec), pod("stranger", credspec, service_account="webapp2")
    with Loop(cluster, allowed) as admitted, Loop(cluster, stranger, wanted=None) as refused:

        def go_on(_: str) -> None:
            admitted.goes_on(20)
            refused.goes_on(20)

        walk(cluster, tmp_path, commands(PAGE, *SET_UP, f"Remove the {way}'s webhook"), go_on)
    assert admitted.wrong == []
    assert refused.wrong == []

    # Nothing of theirs is left but what is shared, and that is ours by now.
    kept = {path for path in map(cluster.client.path, theirs) if cluster.client.find(path)}
    assert kept <= {f"/apis/windows.k8s.io/v1/gmsacredentialspecs/{credspec}"}
    for path in (f"/apis/windows.k8s.io/v1/gmsacredentialspecs/{credspec}", cluster.client.path(upstream.crd())):
        assert cluster.client.get(path)["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "gmsa-krm"
    diff = cluster.kubectl("diff", "--server-side", "-k", tmp_path / "out", check=False)
    assert (diff.returncode, diff.stdout) == (0, "")


def test_what_our_config_does_not_have(cluster: Cluster, tmp_path: Path) -> None:
    """A HostAccountConfig that somebody has put into a credential spec: the page shows that it goes, and it does."""
    theirs = upstream.credspec("gmsa-webapp1")
    plugin = {"PluginGUID": "{859E1386-BDB4-49E8-85C7-3070B13920E1}", "PluginInput": "{}", "PortableCcgVersion": "1"}
    theirs["credspec"]["ActiveDirectoryConfig"]["HostAccountConfig"] = plugin
    cluster.client.apply(upstream.crd(), *users("gmsa-webapp1"))
    cluster.kubectl("create", "-f", "-", text=text_of([theirs]))
    (tmp_path / "gmsa.yaml").write_text(our_config("gmsa-webapp1"))
    cluster.node.namespaces.add("gmsa-krm")
    steps = commands(PAGE, *SET_UP)
    said = walk(cluster, tmp_path, steps)
    assert "-    HostAccountConfig:" in "".join(
        text for step, text in zip(steps, said, strict=True) if "kubectl diff" in step.line
    )
    assert cluster.client.get(cluster.client.path(theirs))["credspec"] == upstream.credspec("gmsa-webapp1")["credspec"]
    cluster.admits()


@pytest.mark.parametrize(("way", "containers"), [("script", ["webhook"]), ("chart", ["gmsa", "webhook"])])
def test_the_same_names_are_no_way(way: str, containers: list[str], cluster: Cluster, tmp_path: Path) -> None:
    """What the page warns of: kubectl refuses, but not before it has changed a part, and by force there is a gap."""
    theirs, credspec = set_up(cluster, way, tmp_path)
    old = one(theirs, "Deployment")
    (tmp_path / "gmsa.yaml").write_text(our_config(credspec, name=old["metadata"]["name"]))
    ours, client = text_of(render(tmp_path / "gmsa.yaml")), cluster.client
    before = client.get(client.path(old))["spec"]
    with Loop(cluster, pod("allowed", credspec)) as admitted:
        done = cluster.kubectl("apply", "--server-side", "-f", "-", text=ours, check=False)
        assert done.returncode == 1
        assert "conflict" in done.stderr
        admitted.goes_on()
        assert admitted.wrong == []
        assert client.get(client.path(old))["spec"] == before
        labels = client.get(f"/api/v1/namespaces/{old['metadata']['namespace']}")["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=ours)
        # What `kubectl apply` has made is kubectl's to replace; what Helm has made is merged.
        spec = client.get(client.path(old))["spec"]["template"]["spec"]
        assert [it["name"] for it in spec["containers"]] == containers
        until(lambda: admitted.wrong, "the loop notices")


def test_the_loops_notice_a_gap(cluster: Cluster, tmp_path: Path) -> None:
    """Or test_no_gap would prove nothing: the old configurations go while there are no others."""
    theirs, credspec = set_up(cluster, "script", tmp_path)
    stranger = pod("stranger", credspec, service_account="webapp2")
    with Loop(cluster, pod("allowed", credspec)) as admitted, Loop(cluster, stranger, wanted=None) as refused:
        for item in theirs:
            if item["kind"].endswith("WebhookConfiguration"):
                cluster.client.delete(cluster.client.path(item))
        until(lambda: admitted.wrong and refused.wrong, "the loops notice")
