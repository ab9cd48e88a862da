"""Mode Policy without a cluster: what is written into workloads, and what a policy is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import DOMAIN, HEAD, Done, config, deployment
from gmsa_krm.manifests import cel
from gmsa_krm.manifests.credspec import canonical

CREDSPECS = "  credspecs:\n  - account: WebApp1\n    usedBy: FromWorkloads\n  - account: WebApp2\n    usedBy: FromWorkloads\n"
POLICY = HEAD + DOMAIN + CREDSPECS + "  admission: {mode: Policy}\n"
ONE = '{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp1","Scope":"CONTOSO"},{"Name":"WebApp1","Scope":"contoso.com"}]},"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"DnsName":"contoso.com","DnsTreeName":"contoso.com","Guid":"244818ae-87ac-4fcd-92ec-e79e5252348a","MachineAccountName":"WebApp1","NetBiosName":"CONTOSO","Sid":"S-1-5-21-2126449477-2524075714-3094792973"}}'
TWO = ONE.replace("WebApp1", "WebApp2")


def named(name: str, contents: str | None = None) -> str:
    given = {"gmsaCredentialSpecName": name, **({} if contents is None else {"gmsaCredentialSpec": contents})}
    return json.dumps({"windowsOptions": given})


def pod_of(done: Done) -> dict[str, Any]:
    assert done.status == 0, done.stderr
    spec: dict[str, Any] = done.object("Deployment")["spec"]["template"]["spec"]
    return spec


def test_contents_are_written_where_a_name_is(call: Callable[..., Done], folder: Callable[..., Any]) -> None:
    pod = f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, securityContext: {named('gmsa-webapp1')}, initContainers: [{{name: i, image: i, securityContext: {named('gmsa-webapp2')}}}], containers: [{{name: a, image: a}}, {{name: b, image: b, securityContext: {named('gmsa-webapp2')}}}]}}"
    root = folder({"gmsa.yaml": POLICY, "web.yaml": deployment(pod)})
    spec = pod_of(call("render", root))
    options = [it.get("securityContext", {}).get("windowsOptions", {}).get("gmsaCredentialSpec") for it in (spec, *spec["initContainers"], *spec["containers"])]
    assert options == [ONE, TWO, None, TWO]


def test_an_entry_of_workloads_and_a_second_run(call: Callable[..., Done], folder: Callable[..., Any]) -> None:
    text = POLICY + "  workloads:\n  - match: {names: [web]}\n    credspec: gmsa-webapp1\n    containers: [iis]\n    serviceAccount: a\n"
    root = folder({"gmsa.yaml": text, "web.yaml": deployment()})
    first = call("render", root)
    assert pod_of(first)["containers"][0]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    (root / "web.yaml").write_text(yaml.safe_dump(first.object("Deployment")))
    assert pod_of(call("render", root)) == pod_of(first)
    patched = call("patch", "--config", root / "gmsa.yaml", "Deployment/web", "--namespace", "web")
    assert ONE in patched.stdout.replace("\\", "") or yaml.safe_load(patched.stdout)["spec"]["template"]["spec"]["containers"][0]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE


@pytest.mark.parametrize(
    ("name", "contents", "more", "wanted"),
    [
        ("gmsa-webapp1", TWO, "", "differs from what the config says gmsa-webapp1 is; remove gmsaCredentialSpec"),
        ("gmsa-webapp1", ONE, "", None),
        ("gmsa-webapp1", TWO, f"  policy: {{acceptPrevious: [{{credspec: gmsa-webapp1, contents: '{TWO}'}}]}}\n", None),
        ("gmsa-other", None, "  existingCredspecs: [gmsa-other]\n", "is in existingCredspecs only, so its contents are not known"),
        ("gmsa-other", None, "", "gmsa-other is no credspec of the config"),
    ],
)
def test_contents_that_are_there(
    name: str, contents: str | None, more: str, wanted: str | None, call: Callable[..., Done], folder: Callable[..., Any]
) -> None:
    pod = f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, securityContext: {named(name, contents)}, containers: [{{name: a, image: a}}]}}"
    done = call("render", folder({"gmsa.yaml": POLICY + more, "web.yaml": deployment(pod)}))
    if wanted is None:
        assert pod_of(done)["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    else:
        assert (done.status, done.stdout) == (1, "")
        assert wanted in done.stderr


def kinds(done: Done) -> list[str]:
    assert done.status == 0, done.stderr
    return [it["kind"] for it in done.objects]


def test_what_the_version_decides(render: Callable[..., Done]) -> None:
    hook = "  webhook: {certificate: {source: CertManager}}\n"
    assert kinds(render(config(hook))).count("ValidatingAdmissionPolicy") == 1
    assert "ValidatingAdmissionPolicy" not in kinds(render(config(hook + '  kubeVersion: "1.29"\n')))
    assert "ValidatingAdmissionPolicy" not in kinds(render(config(hook), env={"ARGOCD_APP_NAME": "a", "KUBE_VERSION": "1.29+"}))
    assert "ValidatingAdmissionPolicy" not in kinds(render(config(hook.replace("{cert", "{hardeningPolicy: false, cert"))))
    expand = "  policy: {expand: true}\n"
    assert kinds(render(POLICY + expand)).count("MutatingAdmissionPolicy") == 1
    old = render(POLICY + expand + '  kubeVersion: "1.35"\n')
    assert "MutatingAdmissionPolicy" not in kinds(old)
    assert "spec.policy.expand: needs Kubernetes 1.36, and this is 1.35" in old.stderr
    older = render(POLICY + '  kubeVersion: "v1.29.3"\n')
    assert (older.status, older.stdout) == (1, "")
    assert "spec.admission.mode: Policy needs Kubernetes 1.30, and this is 1.29; use Webhook" in older.stderr


def test_no_webhook_no_secret_no_certificate(render: Callable[..., Done]) -> None:
    assert set(kinds(render(POLICY))) == {
        "CustomResourceDefinition", "GMSACredentialSpec", "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    }  # fmt: skip


def test_canonical_contents_are_those_of_go() -> None:
    """encoding/json: keys sorted, no spaces, <, >, & and two separators escaped, everything else raw."""
    given_ = {"b": "<a> & 'ü'\u2028\u2029\t\"\\", "a": [{"z": "1", "A": "2"}]}
    assert canonical(given_) == '{"a":[{"A":"2","z":"1"}],"b":"\\u003ca\\u003e \\u0026 \'ü\'\\u2028\\u2029\\t\\"\\\\"}'


@given(st.text())
def test_a_literal_cannot_be_broken_out_of(text: str) -> None:
    """A literal of CEL ends at its last quote only, and gives the text back by the escapes of the language."""
    literal = cel.literal(text)
    inner = literal[1:-1]
    assert literal[0] == literal[-1] == "'"
    assert "\n" not in inner
    back = ""
    at = 0
    while at < len(inner):
        assert inner[at] != "'"
        if inner[at] == "\\" and inner[at + 1] in "'\\":
            back += inner[at + 1]
            at += 2
        elif inner[at] == "\\":
            assert inner[at + 1] == "u"
            back += chr(int(inner[at + 2 : at + 6], 16))
            at += 6
        else:
            back += inner[at]
            at += 1
    assert back == text


def test_long_tables_are_split() -> None:
    names = {f"gmsa-{number:05}": ["x" * 400] for number in range(1000)}
    tables, lists = cel.tables(names), cel.lists(names)
    assert max(map(len, [*tables, *lists])) < 100_000
    assert len(tables) > 1
    for name in names:
        assert sum(f"'{name}':" in table for table in tables) == 1
        assert sum(f"'{name}'" in listed for listed in lists) == 1


def test_a_folder_with_previous_contents_in_it(call: Callable[..., Done], folder: Callable[..., Any]) -> None:
    """The JSON that the config names is no manifest."""
    text = POLICY + "  policy: {acceptPrevious: [{credspec: gmsa-webapp1, file: before.json}]}\n"
    done = call("render", folder({"gmsa.yaml": text, "before.json": TWO}))
    assert done.status == 0, done.stderr
    assert TWO in done.object("ValidatingAdmissionPolicy")["spec"]["variables"][2]["expression"]
