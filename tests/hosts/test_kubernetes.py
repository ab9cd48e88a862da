"""Every emitted object against the schemas of Kubernetes, strictly."""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from conftest import ROOT, Call
from hosts.cases import CASES, ENV

VERSIONS = ["1.30", "1.33", kubernetes_validate.latest_version()]
# Groups whose CRDs are other projects'; the cluster tests ask an API server about their objects.
FOREIGN_GROUPS = ("cert-manager.io/", "argoproj.io/", "apps.kruise.io/")
# kustomize/files has no certificates until a user makes them; its objects are those of derive.
EXAMPLES = sorted(path.parent for path in ROOT.glob("kustomize/*/gmsa.yaml") if path.parent.name != "files")
INPUTS = {
    **{f"case {case.name}": [case.config, *case.manifests] for case in CASES},
    **{
        f"example {example.name}": [path for path in example.glob("*.yaml") if path.name != "kustomization.yaml"]
        for example in EXAMPLES
    },
}


@pytest.mark.parametrize("name", INPUTS)
def test_objects_fit_the_schemas(name: str, call: Call, credspec_schema: dict[str, Any]) -> None:
    done = call("render", *INPUTS[name], env=ENV)
    assert done.status == 0, done.stderr
    assert done.objects
    for item in done.objects:
        if item["apiVersion"].startswith(FOREIGN_GROUPS):
            continue
        if item["kind"] == "GMSACredentialSpec":
            jsonschema.validate(item["credspec"], credspec_schema)
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)


def test_a_field_that_does_not_exist_would_be_seen(call: Call) -> None:
    deployment = call("render", ROOT / "tests/cases/domain-joined/gmsa.yaml").object("Deployment")
    deployment["spec"]["template"]["spec"]["seccomp"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_a_field_of_a_credspec_that_does_not_exist_would_be_seen(credspec_schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"HostAccountConfig": {}}, credspec_schema)


@pytest.fixture
def crd(call: Call) -> dict[str, Any]:
    return call("render", ROOT / "tests/cases/domain-joined/gmsa.yaml").object("CustomResourceDefinition")


@pytest.fixture
def credspec_schema(crd: dict[str, Any]) -> dict[str, Any]:
    """That of the CRD; a field that the API server would drop is an error here."""
    return strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["credspec"])


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    if schema["type"] == "object":
        properties = {key: strict(value) for key, value in schema["properties"].items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    return schema if schema["type"] == "string" else {"type": "array", "items": strict(schema["items"])}


def test_the_crd_is_upstreams(crd: dict[str, Any]) -> None:
    """windows-gmsa v0.13.0, admission-webhook/deploy/gmsa-crd.yml, as paths of its leaves."""
    spec, annotations = crd["spec"], crd["metadata"]["annotations"]
    assert crd["apiVersion"] == "apiextensions.k8s.io/v1"
    assert crd["metadata"]["name"] == "gmsacredentialspecs.windows.k8s.io"
    assert annotations["api-approved.kubernetes.io"].endswith("/sig-windows/689-windows-gmsa")
    # neither Helm nor Argo CD takes the credspecs of the cluster away with a release or an application
    assert annotations["helm.sh/resource-policy"] == "keep"
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
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
        assert set(leaves_of(root["properties"]["credspec"], "")) == leaves


def leaves_of(schema: dict[str, Any], path: str) -> list[str]:
    assert "required" not in schema
    if schema["type"] == "object":
        return [
            leaf for key, it in schema["properties"].items() for leaf in leaves_of(it, f"{path}.{key}" if path else key)
        ]
    if schema["type"] == "array":
        return leaves_of(schema["items"], f"{path}[]")
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
