"""Every emitted object against the schemas of Kubernetes, strictly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from conftest import ROOT, Call, Done, Folder
from hosts.cases import CASES, ENV
from hosts.support import CERT_MANAGER, gmsa_config

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
            validate(item, version)


RELEASES = [f"1.{minor}" for minor in range(28, int(kubernetes_validate.latest_version().split(".")[1]) + 1)]
# Options that no case sets.
OPTIONS: dict[str, dict[str, Any]] = {
    "another user and port": {"fixedUser": False, "port": 443},
    "network of the nodes": {"hostNetwork": True, "replicas": 1},
    "network of the nodes, two replicas": {"hostNetwork": True, "port": 9443},
    "an old image": {"image": "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0"},
}


@pytest.mark.parametrize("release", RELEASES)
def test_objects_fit_the_schemas_of_the_release_that_the_config_names(release: str, call: Call, tmp_path: Path) -> None:
    """A field or an object that the release does not have is left out, or the config is refused."""
    configs: list[Path] = []
    for case in CASES:
        folder = shutil.copytree(case.folder, tmp_path / case.name)
        config = yaml.safe_load(case.config.read_text())
        config["spec"]["kubeVersion"] = release
        configs.append(folder / case.config.name)
        configs[-1].write_text(yaml.safe_dump(config))
    for name, options in OPTIONS.items():
        configs.append(tmp_path / f"{name}.yaml")
        configs[-1].write_text(gmsa_config(kubeVersion=release, viewerRole=True, webhook={**CERT_MANAGER, **options}))
    kinds = set()
    for config_file in configs:
        done = call("render", config_file, env=ENV)
        if done.status:
            assert f"but this is {release}" in done.stderr, done.stderr
            continue
        for item in done.objects:
            kinds.add(item["kind"])
            if item["kind"] != "GMSACredentialSpec" and not item["apiVersion"].startswith(FOREIGN_GROUPS):
                validate(item, release)
    assert len(kinds) > 12


_validated: set[tuple[str, frozenset[str]]] = set()


def validate(item: dict[str, Any], release: str) -> None:
    """Strictly; reading a schema takes a while, so that one of the objects with the same fields is enough."""
    shape = release, frozenset(paths_of(item, item["kind"]))
    if shape not in _validated:
        kubernetes_validate.validate(item, release, strict=True)
        _validated.add(shape)


def paths_of(data: Any, path: str) -> Iterator[str]:
    """The paths of all fields."""
    for key, value in data.items() if isinstance(data, dict) else ():
        yield f"{path}.{key}"
        yield from paths_of(value, f"{path}.{key}")
    for item in data if isinstance(data, list) else ():
        yield from paths_of(item, f"{path}[]")


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


@pytest.mark.parametrize(
    "options", [{}, {"port": 10250}, {"port": 443}, {"fixedUser": False}], ids=["default", "10250", "443", "platform"]
)
def test_the_pods_meet_pod_security_restricted(options: dict[str, Any], call: Call, folder: Folder) -> None:
    """Each control of the Pod Security Standards that level restricted checks in a Linux pod."""
    done = call("render", folder({"gmsa.yaml": gmsa_config(webhook={**CERT_MANAGER, **options})}) / "gmsa.yaml")
    pod = done.object("Deployment")["spec"]["template"]["spec"]
    assert done.object("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"].get("runAsUser", 65532) > 0
    # a safe sysctl since Kubernetes 1.22
    assert {it["name"] for it in pod["securityContext"].get("sysctls", ())} <= {"net.ipv4.ip_unprivileged_port_start"}
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} <= {"secret"} for volume in pod["volumes"])
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert "privileged" not in context
        assert [port["containerPort"] for port in container["ports"]] == [options.get("port", 8443)]
        assert all("hostPort" not in port for port in container["ports"])


def test_options_for_other_platforms(call: Call, folder: Folder) -> None:
    def rendered(**options: Any) -> Done:
        return call("render", folder({"gmsa.yaml": gmsa_config(webhook={**CERT_MANAGER, **options})}) / "gmsa.yaml")

    def pod(done: Done) -> dict[str, Any]:
        found: dict[str, Any] = done.object("Deployment")["spec"]["template"]["spec"]
        return found

    platform = pod(rendered(fixedUser=False))
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(platform["securityContext"])
    ports = pod(rendered(port=443))
    assert ports["containers"][0]["ports"][0]["containerPort"] == 443
    assert {"name": "HTTPS_PORT", "value": "443"} in ports["containers"][0]["env"]
    assert ports["securityContext"]["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "443"}]
    assert rendered(port=443).object("Service")["spec"]["ports"][0]["targetPort"] == "https"
    on_nodes = rendered(hostNetwork=True)
    assert pod(on_nodes)["hostNetwork"] is True
    assert pod(on_nodes)["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert on_nodes.object("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    update = {"maxUnavailable": 1, "maxSurge": 0}  # two pods of a node cannot have the port
    assert on_nodes.object("Deployment")["spec"]["strategy"]["rollingUpdate"] == update


def test_credspecs_can_be_read_by_those_who_may_view(call: Call, folder: Folder) -> None:
    """As of upstream's chart, charts/gmsa/templates/clusterrole.yaml."""
    done = call("render", folder({"gmsa.yaml": gmsa_config(viewerRole=True, webhook=CERT_MANAGER)}) / "gmsa.yaml")
    role = done.object("ClusterRole", "view-gmsacredentialspecs")
    assert role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert role["rules"] == [
        {
            "apiGroups": ["windows.k8s.io"],
            "resources": ["gmsacredentialspecs"],
            "verbs": ["get", "list", "watch"],
        }
    ]
