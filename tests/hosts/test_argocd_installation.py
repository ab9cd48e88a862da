"""kustomize/argocd and kustomize/fleet: the sidecar in Argo CD's own Deployment, and one config for many clusters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from build import module
from conftest import ROOT, Folder, by_identity
from hosts.applications import WEBHOOK
from hosts.argocd_cmp import CmpServer
from hosts.cases import objects
from hosts.conftest import Sidecar

ARGOCD = ROOT / "kustomize/argocd"
IMAGE = "registry.example.com/x:v1"

# The fleet


@pytest.fixture(scope="session")
def application() -> dict[str, Any]:
    """The spec of the Applications of kustomize/argocd/applicationset.yaml."""
    spec: dict[str, Any] = yaml.safe_load((ARGOCD / "applicationset.yaml").read_text())["spec"]["template"]["spec"]
    return spec


def for_cluster(application: dict[str, Any], name: str, replicas: str) -> dict[str, str]:
    """The parameters that the ApplicationSet gives the Application of a cluster."""
    text = json.dumps(application["source"]["plugin"]["parameters"]).replace("{{.name}}", name)
    parameters = json.loads(text)
    fields = parameters[1]["map"]
    assert "gmsa-krm.dev/replicas" in fields["webhook.replicas"]  # an annotation of the cluster's Secret
    fields["webhook.replicas"] = replicas
    return {"ARGOCD_APP_PARAMETERS": json.dumps(parameters)}


def test_the_fleet_is_discovered(application: dict[str, Any], server: CmpServer, tmp_path: Path) -> None:
    repository = tmp_path / "repository"  # not the checkout, whose virtual environment would be sent along
    shutil.copytree(ROOT / "kustomize", repository / "kustomize")
    assert server.matches(repository, application["source"]["path"])


def test_each_cluster_of_the_fleet_has_its_own_values(application: dict[str, Any], server: CmpServer) -> None:
    east = server.objects(ROOT / "kustomize", "fleet", **for_cluster(application, "east", "2"))
    west = server.objects(ROOT / "kustomize", "fleet", **for_cluster(application, "west", "5"))
    assert (east[WEBHOOK]["spec"]["replicas"], west[WEBHOOK]["spec"]["replicas"]) == (2, 5)
    selectors = [found[WEBHOOK]["spec"]["template"]["spec"]["nodeSelector"] for found in (east, west)]
    assert [selector.get("kubernetes.io/arch") for selector in selectors] == ["arm64", None]
    credspec = west["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]
    assert credspec["ActiveDirectoryConfig"]["HostAccountConfig"]["PluginInput"].startswith("ObjectId=00000000-")


# The sidecar

OVERLAY = """\
resources: [repo-server.yaml]
components: [component]
images: [{name: gmsa-krm-cmp, newName: registry.example.com/x, newTag: v1}]
"""


@pytest.fixture(scope="session")
def repo_server() -> list[dict[str, Any]]:
    """repo-server's objects in Argo CD's own manifests, as its Go module has them."""
    manifests = module("argocd") / "manifests/install.yaml"
    return [it for it in objects(manifests.read_text()) if it["metadata"]["name"] == "argocd-repo-server"]


@pytest.fixture
def built(
    repo_server: list[dict[str, Any]], sidecar: Sidecar, folder: Folder
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """repo-server's objects with the component."""
    root = folder({"kustomization.yaml": OVERLAY, "repo-server.yaml": yaml.safe_dump_all(repo_server)})
    shutil.copytree(ARGOCD, root / "component")
    return by_identity(objects(sidecar.run(root, "kustomize", "build", ".")))


@pytest.fixture
def patched_pod(built: dict[tuple[str, str, str], dict[str, Any]]) -> dict[str, Any]:
    """The spec of repo-server's pods with the component."""
    pod: dict[str, Any] = built["Deployment", "", "argocd-repo-server"]["spec"]["template"]["spec"]
    return pod


def test_the_component_adds_the_sidecar_and_changes_no_container(
    repo_server: list[dict[str, Any]], patched_pod: dict[str, Any]
) -> None:
    before = next(it for it in repo_server if it["kind"] == "Deployment")["spec"]["template"]["spec"]
    *others, added = sorted(patched_pod["containers"], key=lambda container: container["name"] == "gmsa-krm")
    assert others == before["containers"]
    assert (added["name"], added["image"]) == ("gmsa-krm", IMAGE)
    mounts = added["volumeMounts"]
    assert {mount["name"] for mount in mounts} <= {volume["name"] for volume in patched_pod["volumes"]}
    assert {"name": "tmp", "mountPath": "/tmp"} not in mounts


def test_the_values_for_argo_cds_chart_add_the_same(patched_pod: dict[str, Any]) -> None:
    values = yaml.safe_load((ARGOCD / "helm-values.yaml").read_text())["repoServer"]
    (added,) = (it for it in patched_pod["containers"] if it["name"] == "gmsa-krm")
    (container,) = values["extraContainers"]
    assert {**container, "image": IMAGE} == added
    assert values["volumes"] == [it for it in patched_pod["volumes"] if it["name"].startswith("gmsa-krm")]


def test_the_volume_of_temporary_files_has_a_limit(patched_pod: dict[str, Any]) -> None:
    (volume,) = (it for it in patched_pod["volumes"] if it["name"] == "gmsa-krm-tmp")
    assert volume["emptyDir"]["sizeLimit"]


def test_a_network_policy_keeps_repo_server_from_the_metadata_service(
    built: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    spec = built["NetworkPolicy", "", "gmsa-krm-repo-server"]["spec"]
    labels = built["Deployment", "", "argocd-repo-server"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    blocks = [to["ipBlock"] for rule in spec["egress"] for to in rule.get("to", ()) if "ipBlock" in to]
    assert [block["cidr"] for block in blocks] == ["0.0.0.0/0", "::/0"]
    assert "169.254.0.0/16" in blocks[0]["except"]


def test_the_values_for_argo_cds_chart_have_the_same_network_policy(
    built: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    (policy,) = yaml.safe_load((ARGOCD / "helm-values.yaml").read_text())["extraObjects"]
    assert policy == built["NetworkPolicy", "", "gmsa-krm-repo-server"]
