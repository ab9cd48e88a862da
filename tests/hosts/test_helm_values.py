"""`import helm-values`: a values file of upstream's chart becomes a GMSAConfig, with a word about what is lost."""

from __future__ import annotations

import pytest
import yaml

from conftest import Call, Folder

UPSTREAM = """\
certificates:
  certManager: {enabled: true, version: v1.15.3}
  secretName: gmsa-server-cert
  certReload: {enabled: true}
credential:
  enabled: true
  hostAccountConfig:
    pluginGUID: "{ccc2a336-d7f3-4818-a213-272b7924213e}"
    portableCcgVersion: "1"
    pluginInput: ObjectId=a;SecretUri=https://v.vault.azure.net/secrets/s
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
    input: ObjectId=a;SecretUri=https://v.vault.azure.net/secrets/s
"""
WEBHOOK = """\
name: gmsa-webhook
namespace: gmsa
createNamespace: false
image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0
replicas: 2
qps: 30
burst: 50
tolerations:
- key: a
  operator: Exists
podDisruptionBudget:
  minAvailable: 1
certificate:
  source: CertManager
"""


def test_values_of_upstreams_chart_become_a_config(call: Call, folder: Folder) -> None:
    values = folder({"values.yaml": UPSTREAM}) / "values.yaml"
    done = call("import", "helm-values", values, "--release", "gmsa-webhook", "--namespace", "gmsa")
    assert done.status == 0, done.stderr
    spec = yaml.safe_load(done.stdout)["spec"]
    assert spec["credspecs"] == yaml.safe_load(CREDSPECS)
    assert spec["webhook"] == yaml.safe_load(WEBHOOK)

    rendered = call("render", folder({"gmsa.yaml": done.stdout}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    # upstream's Deployment selects by this label alone; this one can take its place
    assert rendered.object("Deployment")["spec"]["selector"] == {"matchLabels": {"app": "gmsa-webhook"}}


def test_values_that_are_lost_are_named(call: Call, folder: Folder) -> None:
    values = folder({"values.yaml": UPSTREAM}) / "values.yaml"
    done = call("import", "helm-values", values, "--release", "gmsa-webhook", "--namespace", "gmsa")
    *lost, names = [line.split(": ", 2)[2] for line in done.stderr.splitlines()]
    assert [message.split(": ")[0] for message in lost] == [
        "image.tag",
        "certificates.secretName",
        "podSecurityContext",
        "extra",
    ]
    for word in ("gmsa/gmsa-webhook", "webhook.name", "webhook.namespace", "ADOPTION.md"):
        assert word in names


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "a: [",
        "credential: 1\nimage: []\n",
        "",
        "credential: {enabled: true}",
        "credential: {enabled: true, domainJoinConfig: [1], hostAccountConfig: x}\ncertificates: {certManager: 1}\n",
        "qps: x\nreplicaCount: {}\n",
    ],
    ids=["a list", "not YAML", "other types", "empty", "a credspec without fields", "fields of other types", "numbers"],
)
def test_values_of_another_form_get_a_message(text: str, call: Call, folder: Folder) -> None:
    done = call("import", "helm-values", folder({"values.yaml": text}) / "values.yaml")
    assert done.status in (0, 1)
    assert done.status == 0 or done.stderr
