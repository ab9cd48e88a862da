"""Every emitted object against the schemas of Kubernetes, strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from conftest import CASES, ROOT, SEED, Call

VERSIONS = ["1.30", "1.33", kubernetes_validate.latest_version()]
ENV = {"GMSA_KRM_SEED": SEED}


def _configs() -> list[Path]:
    # kustomize/files has no certificates until a user makes them; its objects are those of derive.
    examples = [path for path in ROOT.glob("kustomize/*/gmsa.yaml") if path.parent.name != "files"]
    return [*(case / "gmsa.yaml" for case in CASES), *sorted(examples)]


@pytest.mark.parametrize("config", _configs(), ids=lambda path: path.parent.name)
def test_objects_fit_the_schemas(config: Path, call: Call) -> None:
    done = call("render", config, env=ENV)
    assert done.status == 0, done.stderr
    for item in done.objects:
        if item["apiVersion"].startswith("cert-manager.io/"):
            continue  # a CRD of another project; its API server is asked in the cluster tests
        if item["kind"] == "GMSACredentialSpec":
            jsonschema.validate(item["credspec"], _strict(_credspec_schema()))
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)


def test_a_field_that_does_not_exist_would_be_seen(call: Call) -> None:
    deployment = call("render", ROOT / "tests/cases/domain-joined/gmsa.yaml").object("Deployment")
    deployment["spec"]["template"]["spec"]["seccomp"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def _credspec_schema() -> dict[str, Any]:
    from gmsa_krm.manifests.crd import crd

    schema: dict[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["credspec"]
    return schema


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """What the API server would drop is an error here."""
    if schema["type"] == "object":
        properties = {key: _strict(value) for key, value in schema["properties"].items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    return schema if schema["type"] == "string" else {"type": "array", "items": _strict(schema["items"])}


def test_the_crd_is_upstreams() -> None:
    """windows-gmsa v0.13.0, admission-webhook/deploy/gmsa-crd.yml, as paths of its leaves."""
    from gmsa_krm.manifests.crd import crd

    item = crd()
    spec = item["spec"]
    assert item["apiVersion"] == "apiextensions.k8s.io/v1"
    assert item["metadata"]["name"] == "gmsacredentialspecs.windows.k8s.io"
    assert item["metadata"]["annotations"]["api-approved.kubernetes.io"].endswith("/sig-windows/689-windows-gmsa")
    # neither Helm nor Argo CD takes the credspecs of the cluster away with a release or an application
    assert item["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert item["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert (spec["group"], spec["scope"]) == ("windows.k8s.io", "Cluster")
    assert spec["names"] == {"kind": "GMSACredentialSpec", "plural": "gmsacredentialspecs"}
    assert spec["conversion"] == {"strategy": "None"}
    versions = {version["name"]: version for version in spec["versions"]}
    assert {name: (it["served"], it["storage"], it.get("deprecated", False)) for name, it in versions.items()} == {
        "v1": (True, True, False),
        "v1alpha1": (True, False, True),
    }
    leaves = {
        "ActiveDirectoryConfig.GroupManagedServiceAccounts[].Name",
        "ActiveDirectoryConfig.GroupManagedServiceAccounts[].Scope",
        "ActiveDirectoryConfig.HostAccountConfig.PluginGUID",
        "ActiveDirectoryConfig.HostAccountConfig.PluginInput",
        "ActiveDirectoryConfig.HostAccountConfig.PortableCcgVersion",
        "CmsPlugins[]",
        "DomainJoinConfig.DnsName",
        "DomainJoinConfig.DnsTreeName",
        "DomainJoinConfig.Guid",
        "DomainJoinConfig.MachineAccountName",
        "DomainJoinConfig.NetBiosName",
        "DomainJoinConfig.Sid",
    }
    for version in versions.values():
        root = version["schema"]["openAPIV3Schema"]
        assert list(root["properties"]) == ["credspec"]
        assert "required" not in root
        assert set(_leaves(root["properties"]["credspec"], "")) == leaves


def _leaves(schema: dict[str, Any], path: str) -> list[str]:
    assert "required" not in schema
    if schema["type"] == "object":
        return [
            leaf for key, it in schema["properties"].items() for leaf in _leaves(it, f"{path}.{key}" if path else key)
        ]
    if schema["type"] == "array":
        return _leaves(schema["items"], f"{path}[]")
    assert schema["type"] == "string"
    return [path]


def test_the_pods_meet_pod_security_restricted(call: Call) -> None:
    """Each control of the Pod Security Standards that level restricted checks in a Linux pod."""
    pod = call("render", ROOT / "tests/cases/domain-joined/gmsa.yaml").object("Deployment")["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} <= {"secret"} for volume in pod["volumes"])
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert "privileged" not in context
        assert all("hostPort" not in port and port["containerPort"] > 1023 for port in container["ports"])
