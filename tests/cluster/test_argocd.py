"""Applications of a real Argo CD: synced at the first attempt and only once, put back, changed, deleted, rolled out."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.api import Object, until
from cluster.argocd import ArgoCD, commit, repository
from cluster.cert_manager import cert_manager_crds
from cluster.harness import CREDSPEC, FAST, PROGRAM, Cluster, config, namespace, pod
from conftest import ROOT, environment

NAME = "gmsa"
# Argo CD itself is what is tested here, not what the API server makes of it.
pytestmark = pytest.mark.parametrize("running", ["newest"], indirect=True)

WEB = """\
apiVersion: v1
kind: Namespace
metadata:
  name: web
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
spec:
  replicas: 0  # there is no Windows node
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: iis
        image: iis
"""
WORKLOADS = """\
  workloads:
  - match: {kinds: [Deployment]}
    credspec: gmsa-webapp1
    serviceAccount: webapp1
"""
# What makes each folder the one of a kind, beside gmsa.yaml.
KINDS = {
    "manifests": {"app/web.yaml": WEB},
    "kustomization": {
        "app/web.yaml": WEB,
        "app/kustomization.yaml": "resources: [web.yaml]\ntransformers: [gmsa.yaml]\n",
    },
    "chart": {
        "app/templates/web.yaml": WEB,
        "app/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    },
}
SERVER_SIDE = ["ServerSideApply=true"]


@pytest.fixture
def argocd(cluster: Cluster, tmp_path: Path) -> Iterator[ArgoCD]:
    server = ArgoCD(cluster, tmp_path / "argocd")
    try:
        server.start()
        server.register("west", cluster.control_plane.api_server)
        yield server
    finally:
        server.stop()
        print(server.said)  # shown where the test fails


def with_source(source: str) -> str:
    more = ", existingSecret: {name: own-tls, caBundleFile: certs/ca.crt}" if source == "ExistingSecret" else ""
    return config(f"{WORKLOADS}  webhook: {{{FAST}, certificate: {{source: {source}{more}}}}}\n")


def certificates(folder: Path) -> dict[str, str]:
    """What `certs issue` writes, by name."""
    issue = [PROGRAM, "certs", "issue", "--dir", folder / "certs"]
    subprocess.run(issue, env=environment(folder), check=True, capture_output=True)
    return {name: (folder / "certs" / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key")}


def application(url: str, options: list[str] | None = None) -> Object:
    return {
        "source": {"repoURL": url, "targetRevision": "main", "path": "app"},
        "destination": {"name": "west", "namespace": "web"},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": options or []},
    }


@pytest.mark.parametrize(
    ("kind", "source", "options"),
    [
        ("manifests", "Derive", []),
        ("kustomization", "CertManager", SERVER_SIDE),
        ("chart", "ExistingSecret", SERVER_SIDE),
        ("chart", "Files", []),
    ],
)
def test_an_application_is_synced_once(
    kind: str,
    source: str,
    options: list[str],
    cluster: Cluster,
    argocd: ArgoCD,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """At the first attempt, though the CRD is new; no refresh finds a difference, and gMSA pods are admitted."""
    files = {**KINDS[kind], "app/gmsa.yaml": with_source(source)}
    if source == "CertManager":
        request.getfixturevalue("cert_manager")
    if source == "Files":
        files |= {f"app/certs/{name}": text for name, text in certificates(tmp_path).items()}
    if source == "ExistingSecret":
        made = certificates(tmp_path)
        files["app/certs/ca.crt"] = made["ca.crt"]
        cluster.client.apply(namespace("gmsa-webhook"), secret_of(made))
    cluster.node.namespaces.add("gmsa-webhook")
    argocd.create(NAME, application(repository(tmp_path / "repository", files), options))
    assert argocd.synced(NAME)["sourceType"] == "Plugin"
    assert argocd.failures == []
    deployment = cluster.client.get("/apis/apps/v1/namespaces/web/deployments/web")
    assert deployment["spec"]["template"]["spec"]["securityContext"]["windowsOptions"] == {
        "gmsaCredentialSpecName": CREDSPEC
    }
    until(lambda: not cluster.verdict(pod("a")), "gMSA pods are admitted")
    cluster.admits()
    # Before, Argo CD may not know yet of all that it has made.
    settled = argocd.refresh(NAME)
    for _ in range(10):
        status = argocd.refresh(NAME)
        assert status["sync"]["status"] == "Synced", status
    assert len(status["history"]) == 1
    assert status["operationState"] == settled["operationState"]


def secret_of(files: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "own-tls", "namespace": "gmsa-webhook"},
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(files[name].encode()).decode() for name in ("tls.crt", "tls.key")},
    }


def test_the_life_of_an_application(cluster: Cluster, argocd: ArgoCD, tmp_path: Path) -> None:
    """A changed credspec is put back; parameters and commits reach the cluster; the CRD outlives the application."""
    client = cluster.client
    folder = tmp_path / "repository"
    files = {**KINDS["manifests"], "app/gmsa.yaml": with_source("Derive")}
    cluster.node.namespaces.add("gmsa-webhook")
    argocd.create(NAME, application(repository(folder, files)))
    argocd.synced(NAME)

    path = f"/apis/windows.k8s.io/v1/gmsacredentialspecs/{CREDSPEC}"
    wanted = client.get(path)["credspec"]
    client.patch(path, {"credspec": {"DomainJoinConfig": {"NetBiosName": "FABRIKAM"}}})
    assert client.get(path)["credspec"] != wanted
    until(lambda: client.get(path)["credspec"] == wanted, "self-heal puts the credspec back")

    parameters = [{"name": "config", "map": {"webhook.replicas": "3"}}]
    argocd.change(NAME, {"source": {"plugin": {"parameters": parameters}}})
    webhook = "/apis/apps/v1/namespaces/gmsa-webhook/deployments/gmsa-webhook"
    until(lambda: client.get(webhook)["spec"]["replicas"] == 3, "the parameter reaches the cluster")

    text = files["app/gmsa.yaml"].replace("WebApp2", "WebApp3")
    revision = commit(folder, {"app/gmsa.yaml": text})
    argocd.refresh(NAME)
    argocd.synced(NAME, revision=revision)
    assert {it["metadata"]["name"] for it in client.items(path.rpartition("/")[0])} == {CREDSPEC, "gmsa-webapp3"}

    other = {**client.get(path), "metadata": {"name": "of-others"}}
    client.create(other)
    argocd.delete(NAME)
    assert [it["metadata"]["name"] for it in client.items(path.rpartition("/")[0])] == ["of-others"]
    assert client.find(webhook) is None


def test_a_fleet(cluster: Cluster, argocd: ArgoCD, tmp_path: Path) -> None:
    """kustomize/argocd/applicationset.yaml rolls kustomize/fleet out to two clusters, each as its environment says."""
    fleet = ROOT / "kustomize/fleet"
    files = {str(it.relative_to(ROOT)): it.read_text() for it in fleet.rglob("*.yaml")}
    applications = yaml.safe_load((ROOT / "kustomize/argocd/applicationset.yaml").read_text())
    applications["spec"]["template"]["spec"]["source"]["repoURL"] = repository(tmp_path / "repository", files)
    with cluster.control_plane.second() as second:
        argocd.register("west", cluster.control_plane.api_server, replicas="3")
        argocd.register("east", second)
        clients = {"west": cluster.client, "east": second.client}
        for client in clients.values():
            client.apply(*cert_manager_crds(), namespace("web"))
        cluster.client.apply(applications)
        for name in clients:
            argocd.synced(f"gmsa-{name}", healthy=False)  # cert-manager is not what is tested
        assert argocd.failures == []
        specs = {
            name: client.get(f"/apis/windows.k8s.io/v1/gmsacredentialspecs/{CREDSPEC}")
            for name, client in clients.items()
        }
        webhooks = {
            name: client.get("/apis/apps/v1/namespaces/gmsa-webhook/deployments/gmsa-webhook")["spec"]
            for name, client in clients.items()
        }
    assert "HostAccountConfig" in specs["west"]["credspec"]["ActiveDirectoryConfig"]
    assert "HostAccountConfig" not in specs["east"]["credspec"]["ActiveDirectoryConfig"]
    selectors = {
        name: it["template"]["spec"]["nodeSelector"].get("kubernetes.io/arch") for name, it in webhooks.items()
    }
    assert selectors == {"west": None, "east": "arm64"}
    assert {name: it["replicas"] for name, it in webhooks.items()} == {"west": 3, "east": 2}
