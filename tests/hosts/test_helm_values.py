"""`import helm-values`: a values file of upstream's chart becomes a GMSAConfig, with a word about what is lost."""

from __future__ import annotations

import re

import pytest
import yaml

from conftest import Call, Done, Folder

UPSTREAM = """\
certificates:
  certManager: {enabled: true, version: v1.15.3}
  secretName: gmsa-server-cert
  certReload: {enabled: true}
credential:
  enabled: true
  hostAccountConfig:
    pluginGUID: ccc2a336-d7f3-4818-a213-272b7924213e
    portableCcgVersion: "1"
    pluginInput: ObjectId=11111111-2222-3333-4444-555555555555;SecretUri=https://v.vault.azure.net/secrets/s
  domainJoinConfig:
    dnsName: contoso.com
    dnsTreeName: contoso.com
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    machineAccountName: Web_App1
    netBiosName: CONTOSO
    sid: S-1-5-21-2126449477-2524075714-3094792973
containerPort: "443"
image: {repository: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook, tag: v0.13.0, imagePullPolicy: IfNotPresent}
global: {systemDefaultRegistry: ""}
setPodOs: true
affinity: {}
nodeSelector: {}
podDisruptionBudget: {enabled: true, minAvailable: 1}
podSecurityContext: {fsGroup: 1}
replicaCount: 2
securityContext: {}
tolerations: [{key: a, operator: Exists}]
qps: 30.0
burst: 50
extra: 1
"""
CREDSPECS = """\
- account: Web_App1
  name: web-app1
  hostAccount:
    plugin: AzureKeyVault
    input: ObjectId=11111111-2222-3333-4444-555555555555;SecretUri=https://v.vault.azure.net/secrets/s
"""
WEBHOOK = """\
name: gmsa-webhook
namespace: gmsa
createNamespace: false
image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0
replicas: 2
qps: 30
burst: 50
port: 443
tolerations:
- key: a
  operator: Exists
podDisruptionBudget:
  minAvailable: 1
certificate:
  source: CertManager
"""
CREDENTIAL = """\
credential:
  enabled: true
  domainJoinConfig:
    dnsName: contoso.com
    dnsTreeName: contoso.com
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    machineAccountName: WebApp1
    netBiosName: CONTOSO
    sid: S-1-5-21-2126449477-2524075714-3094792973
"""


def run(call: Call, folder: Folder, text: str) -> Done:
    """The import of values, as the release gmsa-webhook in the namespace gmsa."""
    values = folder({"values.yaml": text}) / "values.yaml"
    return call("import", "helm-values", values, "--release", "gmsa-webhook", "--namespace", "gmsa")


def said(done: Done) -> list[tuple[str, str, str]]:
    """(place, field, message) of what is printed about the values, in its order."""
    form = r".*/values\.yaml(?::([0-9:]+))?: (?:warning: )?(?:([\w.]+): )?(.*)"
    found = [re.fullmatch(form, line) for line in done.stderr.splitlines()]
    return [(it[1] or "", it[2] or "", it[3]) for it in found if it]


def test_values_of_upstreams_chart_become_a_config(call: Call, folder: Folder) -> None:
    done = run(call, folder, UPSTREAM)
    assert done.status == 0, done.stderr
    spec = yaml.safe_load(done.stdout)["spec"]
    assert spec["credspecs"] == yaml.safe_load(CREDSPECS)
    assert spec["webhook"] == yaml.safe_load(WEBHOOK)

    rendered = call("render", folder({"gmsa.yaml": done.stdout}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    # upstream's Deployment selects by this label alone; this one can take its place
    assert rendered.object("Deployment")["spec"]["selector"] == {"matchLabels": {"app": "gmsa-webhook"}}


def test_values_that_are_lost_are_named_in_the_order_of_the_file(call: Call, folder: Folder) -> None:
    done = run(call, folder, UPSTREAM)
    *lost, (place, field, names) = said(done)
    assert [(place, field) for place, field, _ in lost] == [
        ("19:68", "image.tag"),
        ("25:1", "podSecurityContext"),
        ("31:1", "extra"),
    ]
    assert (place, field) == ("", "")
    for word in ("gmsa/gmsa-webhook", "webhook.name", "webhook.namespace", "docs/how-to/adopt.md"):
        assert word in names
    assert run(call, folder, UPSTREAM) == done


@pytest.mark.parametrize(
    ("guid", "plugin"),
    [
        ("ccc2a336-d7f3-4818-a213-272b7924213e", "AzureKeyVault"),
        ("859E1386-BDB4-49E8-85C7-3070B13920E1", "AWS"),
        ("e4781092-f116-4b79-b55e-28eb6a224e26", "Rancher"),
        ("11111111-2222-3333-4444-555555555555", "{11111111-2222-3333-4444-555555555555}"),
    ],
)
@pytest.mark.parametrize("form", ["%s", "'{%s}'"])
def test_a_plugin_is_known_by_its_guid(form: str, guid: str, plugin: str, call: Call, folder: Folder) -> None:
    """The chart writes braces around it, so a value with braces comes out doubled there."""
    inputs = {
        "AzureKeyVault": "ObjectId=11111111-2222-3333-4444-555555555555;SecretUri=https://v.vault.azure.net/secrets/s",
        "AWS": '{"credentialArn":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:gmsa"}',
        "Rancher": "cattle:gmsa",
    }
    host = f"""\
  hostAccountConfig:
    pluginGUID: {form % guid}
    portableCcgVersion: "1"
    pluginInput: '{inputs.get(plugin, "anything")}'
"""
    done = run(call, folder, CREDENTIAL + host)
    (entry,) = done.object("GMSAConfig")["spec"]["credspecs"]
    assert entry["hostAccount"] == {"plugin": plugin, "input": inputs.get(plugin, "anything")}
    about = [message for _, field, message in said(done) if field == "credential.hostAccountConfig.pluginGUID"]
    assert [f"{{{{{guid}}}}}" in message for message in about] == ([True] if "{" in form else [])


def test_a_number_with_an_empty_fraction_and_the_plain_text_of_names_are_kept(call: Call, folder: Folder) -> None:
    """YAML reads NO as false; whoever has a domain of that name means the text."""
    done = run(call, folder, CREDENTIAL.replace("CONTOSO", "NO") + "qps: 40.0\n")
    spec = done.object("GMSAConfig")["spec"]
    assert (spec["domains"][0]["netBiosName"], spec["webhook"]["qps"]) == ("NO", 40)


ERRORS = {
    # what is in the values, and the place and field of the one error
    "an account's SID": (CREDENTIAL.replace("973\n", "973-1105\n"), "9:5", "credential.domainJoinConfig.sid"),
    "a user principal name": (
        CREDENTIAL.replace("WebApp1", "WebApp1@contoso.com"),
        "7:5",
        "credential.domainJoinConfig.machineAccountName",
    ),
    "an account with $": (
        CREDENTIAL.replace("WebApp1", "WebApp1$"),
        "7:5",
        "credential.domainJoinConfig.machineAccountName",
    ),
    "no domain": (
        CREDENTIAL.replace("    netBiosName: CONTOSO\n", ""),
        "3:3",
        "credential.domainJoinConfig.netBiosName",
    ),
    "a list in place of a name": (
        CREDENTIAL.replace("CONTOSO", "[CONTOSO]"),
        "8:5",
        "credential.domainJoinConfig.netBiosName",
    ),
    "a GUID that is none": (
        CREDENTIAL + "  hostAccountConfig: {pluginGUID: AzureKeyVault, portableCcgVersion: '1', pluginInput: 'a:b'}\n",
        "10:23",
        "credential.hostAccountConfig.pluginGUID",
    ),
    "input that the plugin does not read": (
        CREDENTIAL
        + "  hostAccountConfig:\n    pluginGUID: e4781092-f116-4b79-b55e-28eb6a224e26\n"
        + "    portableCcgVersion: 1\n    pluginInput: a\n",
        "13:5",
        "credential.hostAccountConfig.pluginInput",
    ),
    "no account": (
        CREDENTIAL.replace("    machineAccountName: WebApp1\n", ""),
        "3:3",
        "credential.domainJoinConfig.machineAccountName",
    ),
    "both limits of a budget": (
        "podDisruptionBudget: {enabled: true, minAvailable: 1, maxUnavailable: 1}",
        "1:1",
        "podDisruptionBudget",
    ),
    "a label that is a number": ("replicaCount: 2\nnodeSelector: {pool: 1}", "2:16", "nodeSelector.pool"),
    "no mapping": ("replicaCount: 2\nimage: v0.14.1", "2:1", "image"),
    "null in place of a mapping": ("certificates: {certManager: null}", "1:16", "certificates.certManager"),
    "text in place of a number": ("replicaCount: two", "1:1", "replicaCount"),
    "a port by its name": ("containerPort: https", "1:1", "containerPort"),
    "neither true nor false": ("randomHostname: maybe", "1:1", "randomHostname"),
    "a tag that is a date": ("image: {tag: 20260901}", "1:9", "image.tag"),
}


@pytest.mark.parametrize(("text", "place", "field"), ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error_at_its_place_and_nothing_is_printed(
    text: str, place: str, field: str, call: Call, folder: Folder
) -> None:
    done = run(call, folder, text)
    assert (done.status, done.stdout) == (1, "")
    assert [it[:2] for it in said(done)] == [(place, field)], done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_no_service_can_have_is_an_error_of_the_option(call: Call, folder: Folder) -> None:
    values = folder({"values.yaml": "replicaCount: 2"}) / "values.yaml"
    done = call("import", "helm-values", values, "--release", "gmsa.web")
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith("--release: 'gmsa.web' cannot name a Service")


def test_a_warning_about_the_config_is_printed_with_it(call: Call, folder: Folder) -> None:
    done = run(call, folder, "replicaCount: 1")
    assert done.object("GMSAConfig")["spec"]["webhook"]["replicas"] == 1
    assert "the GMSAConfig: warning: spec.webhook.replicas: with one replica" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is not a mapping"),
        ("text", "is not a mapping"),
        ("", "has no values"),
        ("# nothing\n", "has no values"),
        ("null", "has no values"),
        ("{}", "has no values"),
        ("USER-SUPPLIED VALUES:\n", "has no values"),
        ("USER-SUPPLIED VALUES:\nnull\n", "has no values"),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n", "is of kind Deployment"),
        ("apiVersion: gmsa-krm.dev/v1alpha1\nkind: GMSAConfig\nmetadata: {name: a}\n", "is of kind GMSAConfig"),
        ("apiVersion: v2\nname: gmsa\nversion: 0.14.1\nappVersion: 0.14.1\n", "is a Chart.yaml"),
        ("gmsa:\n  credential: {enabled: false}\n", "below the key gmsa"),
        ("global: {}\ngmsa:\n  certificates: {secretName: tls}\n", "below the key gmsa"),
        ("controller:\n  replicaCount: 2\n", "has no value of the chart gmsa"),
        (
            "replicaCount: 1\nimage: {repository: nginx, tag: 1.27.0}\nservice: {port: 80}\ningress: {}\nresources: {}\n",
            "values of another chart",
        ),
        ("replicaCount: 1\nservice: {}\npersistence: {}\n", "values of another chart"),
    ],
)
def test_a_file_of_another_kind_is_an_error(text: str, words: str, call: Call, folder: Folder) -> None:
    done = run(call, folder, text)
    assert (done.status, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "replicaCount: 3\nresources: {}\nimagePullSecrets: [{name: a}]\n",
        "replicaCount: 3\nimage: {repository: registry.contoso.com/webhook}\n",
        "nodeSelector: {pool: system}\n",
        "USER-SUPPLIED VALUES:\nreplicaCount: 3\n",
    ],
)
def test_values_that_any_chart_may_have_are_those_of_this_one(text: str, call: Call, folder: Folder) -> None:
    assert run(call, folder, text).status == 0


def test_a_repeated_key_is_read_as_helm_reads_it(call: Call, folder: Folder) -> None:
    done = run(call, folder, CREDENTIAL + "    sid: S-1-5-21-1-2-3\nreplicaCount: 2\nreplicaCount: 4\n")
    spec = done.object("GMSAConfig")["spec"]
    assert (spec["webhook"]["replicas"], spec["domains"][0]["sid"]) == (4, "S-1-5-21-1-2-3")
    assert [it[:2] for it in said(done)[:-1]] == [("9:5", "sid"), ("11:1", "replicaCount")]


def test_a_misspelt_key_is_named_with_the_right_one(call: Call, folder: Folder) -> None:
    done = run(call, folder, "replicacount: 3\nqps: 30\nimage: {pullPolicy: Always}\nresources: {a: 1}\n")
    assert {field: message for _, field, message in said(done) if field} == {
        "replicacount": "is not carried over: it is not a value of the chart gmsa (did you mean replicaCount?)",
        "image.pullPolicy": "is not carried over: it is not a value of the chart gmsa (did you mean imagePullPolicy?)",
        "resources": "is not carried over: it is not a value of the chart gmsa; give it in webhook.resources",
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "credential: 1\nimage: []\n",
        "credential: {enabled: true}",
        "credential: {enabled: true, domainJoinConfig: [1], hostAccountConfig: x}\ncertificates: {certManager: 1}\n",
        "qps: x\nreplicaCount: {}\n",
    ],
    ids=["not YAML", "other types", "a credspec without fields", "fields of other types", "numbers"],
)
def test_values_of_another_form_get_a_message(text: str, call: Call, folder: Folder) -> None:
    done = run(call, folder, text)
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr
