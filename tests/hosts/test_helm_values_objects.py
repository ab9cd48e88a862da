"""`import helm-values` against the chart: what `helm template` makes of values, and `render` of their import.

The chart has the values and the objects of upstream's (kubernetes-sigs/windows-gmsa, charts/gmsa). Where the two sets of
objects differ, the import has named a value that explains it.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import tool
from conftest import ROOT, Call, Folder

Object = dict[str, Any]
Kinds = dict[str, list[Object]]

CHART = Path(__file__).parent / "upstream_chart"
CA = (ROOT / "tests/cases/webhook-options/ca.crt").read_text()
RELEASE, NAMESPACE = "web", "gmsa"
JOIN = {
    "dnsName": "eu.contoso.com",
    "dnsTreeName": "contoso.com",
    "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "machineAccountName": "Web_App1",
    "netBiosName": "EU",
    "sid": "S-1-5-21-2126449477-2524075714-3094792973",
}
AZURE = {
    "pluginGUID": "ccc2a336-d7f3-4818-a213-272b7924213e",
    "portableCcgVersion": "1",
    "pluginInput": (
        "ObjectId=11111111-2222-3333-4444-555555555555;SecretUri=https://contoso.vault.azure.net/secrets/gmsa"
    ),
}
# What an import names, by what differs in the objects. Everything else must be equal.
EXPLAINED_BY = {
    "contents": {"credential.hostAccountConfig.pluginGUID", "credential.domainJoinConfig.dnsTreeName"},
    "image": {"image.tag", "image.repository"},
    "replicas": {"replicaCount"},
    "QPS": {"qps"},
    "BURST": {"burst"},
    "imagePullPolicy": {"image.imagePullPolicy"},
    "podSecurityContext": {"podSecurityContext"},
    "securityContext": {"securityContext"},
    "os": {"setPodOs"},
    "podDisruptionBudget": {f"podDisruptionBudget.{key}" for key in ("enabled", "minAvailable", "maxUnavailable")},
    "secretName": {"certificates.secretName"},
    "caBundle": {"certificates.caBundle"},
}


@dataclass
class Imported:
    """An import: exit status, config and what is named, {field: message}."""

    status: int
    config: str
    named: dict[str, str]


class Import:
    def __init__(self, call: Call, folder: Folder) -> None:
        self._call = call
        self._folder = folder

    def __call__(self, values: Any) -> Imported:
        where = self._folder({"values.yaml": values if isinstance(values, str) else yaml.safe_dump(values)})
        file = where / "values.yaml"
        done = self._call("import", "helm-values", file, "--release", RELEASE, "--namespace", NAMESPACE)
        assert (done.status == 0) == bool(done.stdout)
        named = {}
        for line in done.stderr.splitlines():
            found = re.fullmatch(r".*values\.yaml(?::\d+:\d+)?: (?:warning: )?(?:([][\w.-]+): )?(.*)", line)
            if found:
                assert found[1] not in named, f"{found[1]} is named twice"
                named[found[1] or ""] = found[2]
        return Imported(done.status, done.stdout, named)

    def rendered(self, imported: Imported) -> list[Object]:
        where = self._folder({"gmsa.yaml": imported.config, "certs/ca.crt": CA})
        done = self._call("render", where / "gmsa.yaml")
        assert done.status == 0, done.stderr
        return done.objects

    def templated(self, values: Any, helm: str = "helm4") -> list[Object] | str:
        """The chart's objects, or why it cannot be rendered."""
        where = self._folder({"values.yaml": values if isinstance(values, str) else yaml.safe_dump(values)})
        command = [tool(helm), "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", where / "values.yaml"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else [it for it in yaml.safe_load_all(done.stdout) if it]


@pytest.fixture
def importer(call: Call, folder: Folder) -> Import:
    return Import(call, folder)


def by_kind(objects: list[Object]) -> Kinds:
    kinds: Kinds = {}
    for item in objects:
        kinds.setdefault(item["kind"], []).append(item)
    return kinds


def aspects(objects: list[Object], named_by_user: set[str]) -> dict[str, Any]:
    """What both sets of objects must agree on. `named_by_user`: values that are given; without, ours has defaults."""
    kinds = by_kind(objects)
    (deployment,), (service,), (binding,) = kinds["Deployment"], kinds["Service"], kinds["ClusterRoleBinding"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {it["name"]: it["value"] for it in container["env"]}
    configurations = [
        webhook["clientConfig"]
        for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
        for it in kinds[kind]
        for webhook in it["webhooks"]
    ]
    return {
        **certificate_of(objects, pod, configurations),
        "contents": [(it["metadata"]["name"], lowered(it["credspec"])) for it in kinds.get("GMSACredentialSpec", [])],
        "names": [(it["metadata"]["name"], it["metadata"].get("namespace")) for it in (deployment, service)],
        "selectors": [deployment["spec"]["selector"], service["spec"]["selector"]],
        "services": [{"port": 443, **it["service"]} for it in configurations],
        "subjects": binding["subjects"],
        "account": pod["serviceAccountName"],
        "ports": [service["spec"]["ports"][0]["port"], container["ports"][0]["containerPort"], env["HTTPS_PORT"]],
        "image": container["image"],
        "replicas": 1 if deployment["spec"]["replicas"] is None else deployment["spec"]["replicas"],
        "imagePullPolicy": container["imagePullPolicy"] or "IfNotPresent",
        "RANDOM_HOSTNAME": env["RANDOM_HOSTNAME"].lower() in ("true", "t", "1"),
        **{key: float(env[key]) for key, value in (("QPS", "qps"), ("BURST", "burst")) if value in named_by_user},
        **{key: pod.get(key) for key in ("affinity", "nodeSelector", "tolerations", "os")},
        "viewers": [
            (it["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"], it["rules"])
            for it in kinds["ClusterRole"]
            if "rbac.authorization.k8s.io/aggregate-to-view" in it["metadata"].get("labels", {})
        ],
        "podDisruptionBudget": [
            {key: it["spec"].get(key) for key in ("minAvailable", "maxUnavailable")}
            for it in kinds.get("PodDisruptionBudget", [])
        ],
        "podSecurityContext": pod.get("securityContext"),
        "securityContext": container.get("securityContext"),
    }


def certificate_of(objects: list[Object], pod: Object, configurations: list[Object]) -> dict[str, Any]:
    issued = [it for it in objects if it["apiVersion"] == "cert-manager.io/v1" and it["kind"] == "Certificate"]
    serving = [it["spec"] for it in issued if not it["spec"].get("isCA")]
    (volume,) = [it["secret"]["secretName"] for it in pod["volumes"] if "secret" in it]
    assert not serving or serving[0]["secretName"] == volume
    return {
        "source": "CertManager" if serving else "ExistingSecret",
        "secretName": volume,
        "caBundle": None if serving else [it.get("caBundle") for it in configurations],
    }


def lowered(spec: Object) -> Object:
    """GUIDs do not tell upper from lower case."""
    host = spec["ActiveDirectoryConfig"].get("HostAccountConfig")
    if host:
        host["PluginGUID"] = host["PluginGUID"].lower()
    return {key: {k: v for k, v in it.items() if v} if isinstance(it, dict) else it for key, it in spec.items()}


def differences(values: Any, theirs: list[Object], ours: list[Object]) -> dict[str, tuple[Any, Any]]:
    given = {key for key in values if values[key] is not None}
    left, right = aspects(theirs, given), aspects(ours, given)
    if not left["podDisruptionBudget"]:
        right["podDisruptionBudget"] = []  # ours always has one
    for key in ("podSecurityContext", "securityContext"):
        right[key] = right[key] if left[key] else None  # ours always meets Pod Security level restricted
    if left["source"] == "CertManager" and left["secretName"] == "gmsa-server-cert":
        right["secretName"] = left["secretName"]  # the chart's default
    return {key: (left[key], right[key]) for key in left if left[key] != right[key]}


def assert_explained(values: Any, importer: Import, helm: str = "helm4") -> Imported:
    theirs = importer.templated(values, helm)
    assert not isinstance(theirs, str), theirs
    imported = importer(values)
    assert imported.status == 0, imported.named
    found = differences(values, theirs, importer.rendered(imported))
    for what, (left, right) in found.items():
        assert EXPLAINED_BY.get(what, set()) & imported.named.keys(), f"{what}: {left} became {right} without a word"
    return imported


VALUES: dict[str, tuple[dict[str, Any], set[str]]] = {
    # values, and what the import names beside the release's names
    "replicas": ({"replicaCount": 3}, set()),
    "replicas as text": ({"replicaCount": "3"}, set()),
    "no replicas: the API server's default": ({"replicaCount": None}, set()),
    "scaled down": ({"replicaCount": 0}, {"replicaCount"}),
    "the default port": ({"containerPort": "443"}, set()),
    "another port": ({"containerPort": 8443}, set()),
    "random host names": ({"randomHostname": True}, set()),
    "random host names as text": ({"randomHostname": "1"}, set()),
    "limits": ({"qps": 100.0, "burst": "70"}, set()),
    "a fraction": ({"qps": 12.5}, {"qps"}),
    "no limit": ({"qps": -1}, {"qps"}),
    "viewers": ({"viewerRole": True}, set()),
    "text is true in a template": ({"viewerRole": "false"}, set()),
    "no os": ({"setPodOs": False}, {"setPodOs"}),
    "the misspelt default of 0.4.1": ({"setPodOs": "ture"}, set()),
    "affinity": ({"affinity": {"nodeAffinity": {}}}, set()),
    "nodes": ({"nodeSelector": {"pool": "system"}}, set()),
    "tolerations": ({"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]}, set()),
    "a budget": ({"podDisruptionBudget": {"enabled": True, "minAvailable": 1}}, set()),
    "a budget of a percentage": ({"podDisruptionBudget": {"enabled": True, "maxUnavailable": "50%"}}, set()),
    "a budget of nothing": ({"podDisruptionBudget": {"enabled": True}}, {"podDisruptionBudget.enabled"}),
    "a budget of 0": (
        {"podDisruptionBudget": {"enabled": True, "minAvailable": 0, "maxUnavailable": 1}},
        {"podDisruptionBudget.minAvailable"},
    ),
    "a budget that is off": (
        {"podDisruptionBudget": {"enabled": False, "minAvailable": 1}},
        {"podDisruptionBudget.minAvailable"},
    ),
    "a tag": ({"image": {"tag": "v0.14.0"}}, set()),
    "a tag that YAML reads as a number": ({"image": {"tag": 0.14}}, set()),
    "a mirror": ({"image": {"repository": "registry.contoso.com/mirror/webhook"}}, set()),
    "a registry": ({"global": {"systemDefaultRegistry": "registry.contoso.com"}}, set()),
    "an old image": ({"image": {"tag": "v0.13.0"}}, {"image.tag"}),
    "an image that reloads no certificate": ({"image": {"tag": "v0.8.0"}}, {"image.tag"}),
    "the registry of 0.4.0": (
        {"image": {"repository": "k8s.gcr.io/gmsa-webhook/k8s-gmsa-webhook", "tag": "v0.4.0"}},
        {"image.repository", "image.tag"},
    ),
    "a policy for pulling": ({"image": {"imagePullPolicy": "Always"}}, {"image.imagePullPolicy"}),
    "contexts": (
        {"podSecurityContext": {"runAsUser": 1}, "securityContext": {"privileged": True}},
        {"podSecurityContext", "securityContext"},
    ),
    "reload": ({"certificates": {"certReload": {"enabled": True}}}, set()),
    "another Secret of cert-manager": ({"certificates": {"secretName": "tls"}}, {"certificates.secretName"}),
    "a bundle beside cert-manager": ({"certificates": {"caBundle": "Q0E="}}, {"certificates.caBundle"}),
    "an old cert-manager": (
        {"certificates": {"certManager": {"version": "v0.15.0"}}},
        {"certificates.certManager.version"},
    ),
    "a new cert-manager": ({"certificates": {"certManager": {"version": "v1.18.2"}}}, set()),
    "a Secret of one's own": (
        {"certificates": {"certManager": {"enabled": False}, "secretName": "tls", "caBundle": "Q0E="}},
        {"certificates.caBundle"},
    ),
    "a Secret and no bundle": ({"certificates": {"certManager": {"enabled": None}}}, {"certificates.caBundle"}),
    "a credential": ({"credential": {"enabled": True, "domainJoinConfig": JOIN}}, set()),
    "a credential that is off": ({"credential": {"enabled": False, "domainJoinConfig": JOIN}}, {"credential"}),
    "an account without a tree": (
        {"credential": {"enabled": True, "domainJoinConfig": {**JOIN, "dnsTreeName": ""}}},
        {"credential.domainJoinConfig.dnsTreeName"},
    ),
    "a plugin": ({"credential": {"enabled": True, "domainJoinConfig": JOIN, "hostAccountConfig": AZURE}}, set()),
    "a plugin in braces": (
        {
            "credential": {
                "enabled": True,
                "domainJoinConfig": JOIN,
                "hostAccountConfig": {**AZURE, "pluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}"},
            },
        },
        {"credential.hostAccountConfig.pluginGUID"},
    ),
    "another plugin": (
        {
            "credential": {
                "enabled": True,
                "domainJoinConfig": JOIN,
                "hostAccountConfig": {
                    "pluginGUID": "11111111-2222-3333-4444-555555555555",
                    "portableCcgVersion": 1,
                    "pluginInput": "anything",
                },
            },
        },
        set(),
    ),
    "a null is no value": ({"affinity": None, "tolerations": None, "nodeSelector": None, "qps": None}, set()),
    "the misspelt default of 0.5.0": ({"nodeselector": {}, "replicaCount": 2}, set()),
    "the misspelt key of 0.5.0": ({"nodeselector": {"pool": "system"}, "replicaCount": 2}, {"nodeselector"}),
    "what the chart does not read": (
        {
            "replicaCount": 2,
            "resources": {"limits": {"cpu": 1}},
            "imagePullSecrets": [{"name": "registry"}],
            "image": {"pullPolicy": "Always"},
            "certificates": {"certReload": {"interval": "1h"}},
            "global": {"cattle": {"clusterId": "c-1"}},
            "podDisruptionBudget": {"enable": True},
        },
        {
            *("resources", "imagePullSecrets", "image.pullPolicy", "certificates.certReload.interval"),
            *("global.cattle", "podDisruptionBudget.enable"),
        },
    ),
}


@pytest.mark.parametrize(("values", "names"), VALUES.values(), ids=VALUES)
def test_an_import_has_the_charts_objects_or_says_why_not(
    values: dict[str, Any], names: set[str], importer: Import
) -> None:
    imported = assert_explained(values, importer)
    assert imported.named.keys() == {*names, ""}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_charts_defaults_are_carried_over_without_a_word(helm: str, importer: Import) -> None:
    """Also as `helm get values --all` prints them."""
    text = (CHART / "values.yaml").read_text()
    imported = assert_explained(yaml.safe_load(text), importer, helm)
    assert imported.named.keys() == {""}
    assert importer(f"COMPUTED VALUES:\n{text}") == imported


FAILING = {
    "a null in place of a mapping": {"global": None},
    "a list in place of a mapping": {"image": []},
    "text in place of a mapping": {"certificates": {"certManager": "yes"}},
    "no plugin": {
        "credential": {
            "enabled": True,
            "domainJoinConfig": JOIN,
            "hostAccountConfig": {"PluginGUID": "a", "portableCcgVersion": "1", "pluginInput": "a"},
        },
    },
    "no version": {
        "credential": {
            "enabled": True,
            "domainJoinConfig": JOIN,
            "hostAccountConfig": {**AZURE, "portableCcgVersion": ""},
        },
    },
}


@pytest.mark.parametrize("values", FAILING.values(), ids=FAILING)
def test_values_that_the_chart_cannot_be_rendered_with_are_errors(values: dict[str, Any], importer: Import) -> None:
    assert isinstance(importer.templated(values), str)
    assert importer(values).status == 1


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def parts(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some of the keys."""
    return st.fixed_dictionaries(required or {}, optional=optional)


NUMBERS = some(1, 2, 2.0, "2", 3, 12.5, "50", 0, -1, 10_001)
HOSTS = some(
    None,
    {},
    AZURE,
    {**AZURE, "pluginGUID": f"{{{AZURE['pluginGUID'].upper()}}}"},
    {"pluginGUID": "E4781092-F116-4B79-B55E-28EB6A224E26", "portableCcgVersion": 1, "pluginInput": "cattle:gmsa"},
)
CREDENTIALS = parts(
    {"domainJoinConfig": some(JOIN, {**JOIN, "dnsTreeName": None}, {**JOIN, "machineAccountName": "app"})},
    enabled=some(True, False, "yes", None),
    hostAccountConfig=HOSTS,
)
ANY_VALUES = parts(
    replicaCount=some(1, "2", 3.0, None, 0, 101),
    containerPort=some("443", 443, 8443, "10250"),
    randomHostname=some(True, False, "true", "F", 1),
    qps=NUMBERS,
    burst=NUMBERS,
    viewerRole=some(True, False, "false", None, 0),
    setPodOs=some(True, False, None, "ture"),
    image=parts(
        tag=some("v0.14.1", "v0.13.0", "v0.9.0", "v0.8.0", "latest", 1.5, "v0.14.0-contoso.1"),
        repository=some("registry.contoso.com/gmsa", "k8s.gcr.io/gmsa-webhook/k8s-gmsa-webhook"),
        imagePullPolicy=some("IfNotPresent", "Always", None),
    ),
    **{"global": parts(systemDefaultRegistry=some("", None, "registry.contoso.com:5000"), cattle=some({}, {"a": 1}))},
    affinity=some({}, None, {"podAntiAffinity": {}}),
    nodeSelector=some({}, None, {"pool": "a"}),
    nodeselector=some({}, {"pool": "a"}),
    tolerations=some([], None, [{"operator": "Exists"}]),
    podSecurityContext=some({}, None, {"fsGroup": 1}),
    securityContext=some({}, {"readOnlyRootFilesystem": True}),
    podDisruptionBudget=parts(
        enabled=some(True, False, None, "x"), minAvailable=some(None, 0, 1, "1", "25%"), other=some(1)
    ),
    certificates=parts(
        certManager=parts(enabled=some(True, False, None, "no"), version=some("v1.16.2", "v1.7.1", "v0.11.0")),
        secretName=some("gmsa-server-cert", "tls"),
        caBundle=some("", "Q0E=", None),
        certReload=parts(enabled=some(True, False)),
    ),
    credential=CREDENTIALS,
    resources=some({}, {"limits": {"cpu": "1"}}),
)


@given(values=ANY_VALUES.filter(lambda it: it.keys() - {"resources", "nodeselector"}))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_have_the_charts_objects_or_a_word_about_it(values: dict[str, Any], importer: Import) -> None:
    imported = assert_explained(values, importer)
    assert importer(values) == imported
