"""A manifest of somebody else does not widen rights, and does not hide from the checks."""

from __future__ import annotations

import json
from textwrap import indent
from typing import Any

import pytest

from builders import (
    CREDSPEC_FROM_WORKLOADS,
    MODE_NONE,
    MODE_POLICY,
    bindings,
    deployment,
    entry,
    gmsa_config,
    listed,
    workloads_config,
)
from conftest import Call, Check, Folder

FROM_WORKLOADS = gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE)
NODE_AND_CREDSPEC = """
    nodeSelector:
      kubernetes.io/os: windows
    securityContext:
      windowsOptions:
        gmsaCredentialSpecName: gmsa-webapp1
    containers: []
"""


def resource_list(config: str, *items: str) -> str:
    return f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
{listed(*items)}functionConfig:
{indent(config, "  ")}"""


def running_as(service_account: Any, field: str = "serviceAccountName") -> str:
    """A Deployment that names the credspec, with a value (written as JSON) as its service account."""
    return deployment(f"{field}: {json.dumps(service_account)}\n", NODE_AND_CREDSPEC)


# What becomes the subject of a RoleBinding


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
@pytest.mark.parametrize("name", ["*", "A", "x\ny", "a/b", "system:serviceaccounts", "x" * 254, "-a", "ä"])
def test_a_service_account_of_a_workload_is_checked_as_one_of_the_config(name: str, field: str, check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(name, field))
    finding = checked.find("kubernetes-name", f"Deployment web/web: spec.template.spec.{field}")
    assert finding.severity == "error"
    assert finding.line
    assert finding.says("RFC 1123 subdomain")


@pytest.mark.parametrize("value", [["*"], [], {}, {"a": "b"}, 12, 0, True, False])
def test_a_service_account_of_another_type_is_an_error(value: Any, check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(value))
    finding = checked.find("type", "Deployment web/web: spec.template.spec.serviceAccountName")
    assert finding.line
    assert finding.says("string")


def test_all_service_accounts_of_a_namespace_are_bound_only_by_the_config(check: Check) -> None:
    config = gmsa_config(
        """
        credspecs:
        - account: WebApp1
          usedBy:
          - namespace: web
            serviceAccounts:
            - "*"
        """,
        MODE_NONE,
    )
    assert check(config, running_as("webapp1")).done.status == 0
    assert check(config, running_as("*")).done.status == 1


@pytest.mark.parametrize("namespace", ["*", "A", "a.b", "x\ny", "x" * 64])
def test_a_namespace_of_a_workload_is_checked_as_one_of_the_config(namespace: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=json.dumps(namespace))
    written = namespace.replace("\n", "\\n")
    finding = check(FROM_WORKLOADS, manifest).find("kubernetes-name", f"Deployment {written}/web: metadata.namespace")
    assert finding.text.startswith(json.dumps(namespace))
    assert finding.says("RFC 1123 label")


@pytest.mark.parametrize("value", ["[web]", "{}", "12", "true"])
def test_a_namespace_of_another_type_is_an_error(value: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=value)
    found = [it for it in check(FROM_WORKLOADS, manifest).findings if it.field.endswith("metadata.namespace")]
    assert [(it.rule, it.text) for it in found] == [("type", value)]


@pytest.mark.parametrize("null", ["null", "~", "!!null ''"])
def test_null_is_no_namespace(null: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=null)
    assert check(FROM_WORKLOADS, manifest).finding.rule == "no-namespace"


def test_null_is_no_service_account(check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(None))
    assert checked.finding.rule == "default-service-account"
    assert bindings(checked.done) == {"web": ["default"]}


# What hides from a search for words is parsed

REFERENCE_ELSEWHERE = """
apiVersion: v1
{kind}
metadata:
  name: web
  namespace: web
spec:
  nodeSelector:
    kubernetes.io/os: windows
  securityContext:
    windowsOptions:
      {reference}: gmsa-nope
  containers: []
"""
SPELLINGS = [
    'kind: "Po\\x64"',
    'kind: "\\u0050od"',
    'kind: "\\U00000050od"',
    'kind: "Po\\\n  d"',
    'kind: "Po\\\r\n  d"',
    'other: "\\\\"\n"kin\\x64": "Po\\x64"',
    '"\\x6bind": Pod',
    "kind: !!binary UG9k",
    "kind: !!bin%61ry UG9k",
    "kind: !<tag:yaml.org,2002:binary> UG9k",
    '!!binary "a2luZA==": Pod',
    "? kind\n: Pod",
    "kind: &k Pod",
    "kind: !!str Pod",
    "# a comment that ends here\rkind: Pod",
    "# a comment that ends here\u2028kind: Pod",
]
REFERENCES = [
    '"gmsa\\u0043redentialSpecName"',
    "!!binary Z21zYUNyZWRlbnRpYWxTcGVjTmFtZQ==",
    "? gmsaCredentialSpecName\n      ",
]


def spelled(kind: str = "kind: Pod", reference: str = "gmsaCredentialSpecName") -> str:
    return REFERENCE_ELSEWHERE.format(kind=kind, reference=reference).removeprefix("\n")


@pytest.mark.parametrize(
    "manifest", [*(spelled(kind=kind) for kind in SPELLINGS), *(spelled(reference=it) for it in REFERENCES)]
)
def test_a_spelling_does_not_hide_a_workload(manifest: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": FROM_WORKLOADS, "web.yaml": manifest})
    done = call("render", where)
    assert done.status == 1
    assert "gmsa-nope is not a credspec of the config" in done.stderr
    # In a stream the documents are split first, and as items they are parsed already.
    done = call(where / "gmsa.yaml", program="GMSAConfig", stdin=f"# first\n---\n{manifest}".encode())
    assert "gmsa-nope is not a credspec of the config" in done.stderr
    done = call(stdin=resource_list(FROM_WORKLOADS, manifest).encode())
    assert "gmsa-nope is not a credspec of the config" in done.stderr


def test_a_tag_with_another_handle_does_not_hide_a_workload(call: Call, folder: Folder) -> None:
    manifest = f"%TAG !e! tag:yaml.org,2002:\n---\n{spelled(kind='kind: !e!binary UG9k')}"
    done = call("render", folder({"gmsa.yaml": FROM_WORKLOADS, "web.yaml": manifest}))
    assert "gmsa-nope is not a credspec of the config" in done.stderr


def test_an_alias_outside_of_an_item_does_not_hide_a_workload(call: Call) -> None:
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\ndata:\n  a: &key gmsaCredentialSpecName\n  b: &kind Pod\n"
    for manifest in (spelled(reference="*key "), spelled(kind="kind: *kind")):
        done = call(stdin=resource_list(FROM_WORKLOADS, other, manifest).encode())
        assert "gmsa-nope is not a credspec of the config" in done.stderr


@pytest.mark.parametrize(
    "again", ["kind: Pod", '"kind": Pod', "'kind': Pod", "? kind\n: Pod", "!!str kind: Pod", "&k kind: Pod"]
)
def test_a_second_kind_does_not_hide_a_workload(again: str, check: Check) -> None:
    """kubectl takes the last of two equal keys."""
    manifest = spelled(kind="kind: Service") + again + "\n"
    finding = check(FROM_WORKLOADS, manifest).find("duplicate-key", "")
    assert finding.says("kind", "line 2")


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(deployment("containers: []\n") + "kind: Evil\n", id="behind"),
        pytest.param("kind: Evil\n" + deployment("containers: []\n"), id="before"),
        # For libyaml and go-yaml the comment ends at NEL.
        pytest.param("# Source: x\x85kind: Evil/a.yaml\n" + deployment("containers: []\n"), id="in a comment"),
    ],
)
def test_another_kind_does_not_hide_a_workload_that_is_matched(manifest: str, check: Check) -> None:
    assert "duplicate-key" in {it.rule for it in check(workloads_config(entry()), manifest).findings}


LABELLED = """\
apiVersion: v1
kind: Pod
metadata:
  name: evil
  namespace: web
  labels:
    app.kubernetes.io/managed-by: gmsa-krm
spec:
  serviceAccountName: webapp1
  nodeSelector:
    kubernetes.io/os: windows
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-nope
  containers: []
"""


def test_a_label_does_not_hide_a_workload(check: Check, call: Call) -> None:
    """Anyone may write it."""
    field = "Pod web/evil: spec.securityContext.windowsOptions.gmsaCredentialSpecName"
    assert check(FROM_WORKLOADS, LABELLED).find("unknown-credspec", field)
    done = call(stdin=resource_list(FROM_WORKLOADS, LABELLED).encode())
    assert done.status == 1
    assert "gmsa-nope is not a credspec of the config" in done.stderr


@pytest.mark.parametrize("where", ["the pod", "a list"])
def test_an_annotation_of_hooks_does_not_hide_a_workload(where: str, check: Check) -> None:
    """Helm's hooks are only changed where an entry names them, and kubectl knows none."""
    annotation = "  annotations:\n    helm.sh/hook: test\n"
    manifest = LABELLED.replace("  labels:\n    app.kubernetes.io/managed-by: gmsa-krm\n", annotation)
    if where == "a list":
        items = listed(manifest.replace(annotation, ""))
        manifest = f"apiVersion: v1\nkind: List\nmetadata:\n{annotation}items:\n{items}"
    field = "Pod web/evil: spec.securityContext.windowsOptions.gmsaCredentialSpecName"
    assert check(FROM_WORKLOADS, manifest).find("unknown-credspec", field)


def test_a_hook_gets_the_binding_of_its_service_account(check: Check) -> None:
    hook = running_as("webapp1").replace("metadata:\n", "metadata:\n  annotations:\n    helm.sh/hook: test\n", 1)
    assert bindings(check(FROM_WORKLOADS, hook).done) == {"web": ["webapp1"]}


def test_a_label_does_not_keep_contents(check: Check) -> None:
    foreign = LABELLED.replace("gmsa-nope", "gmsa-webapp1\n      gmsaCredentialSpec: '{}'")
    found = check(gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_POLICY), foreign).findings
    assert "foreign-contents" in {it.rule for it in found}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param('...\n{"kind": "Pod"}\n', id="dots"),
        pytest.param('a: b\r--- {"kind": "Pod"}\n', id="CR"),
        pytest.param('a: b\x85--- {"kind": "Pod"}\n', id="NEL"),
        pytest.param('a: b\u2028--- {"kind": "Pod"}\n', id="LS"),
    ],
)
def test_a_second_document_is_not_passed_over(more: str, call: Call, folder: Folder) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n" + more
    where = folder({"gmsa.yaml": FROM_WORKLOADS})
    done = call("post-render", "--config", where / "gmsa.yaml", stdin=manifest.encode())
    assert (done.status, done.stdout) == (1, "")
    assert "second document" in done.stderr or "not YAML" in done.stderr


# Equal keys

REPEATED = """
    containers:
    - name: iis
      image: iis
    hostNetwork: false
    hostNetwork: true
"""


def test_equal_keys_in_what_is_changed_are_an_error_with_both_places(check: Check) -> None:
    finding = check(workloads_config(entry()), deployment(REPEATED)).finding
    assert (finding.rule, finding.field, finding.text) == ("duplicate-key", "Deployment web/web", "hostNetwork: true")
    assert finding.says("hostNetwork", "line 14")


def test_equal_keys_in_what_names_a_credspec_are_an_error(check: Check) -> None:
    hidden = (
        deployment("containers: []\n")
        + deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC).partition("spec:")[1]
        + "\n  template:\n    spec:\n"
        + indent(NODE_AND_CREDSPEC, "  ")
    )
    assert check(FROM_WORKLOADS, hidden).find("duplicate-key", "Deployment web/web").says("spec")


def test_equal_keys_in_other_documents_pass_through(call: Call, folder: Folder) -> None:
    given = f"{deployment(REPEATED, name='other')}---\n{spelled(reference='runAsUserName').replace('name: web', 'name: other')}a: 1\na: 2\n"
    where = folder({"config": workloads_config(entry())})
    done = call(where / "config", program="GMSAConfig", stdin=given.encode())
    assert done.status == 0
    assert done.stdout.startswith(given)


@pytest.mark.parametrize("second", ["", " []", " {}", " x"])
def test_a_second_list_of_containers_is_an_error(second: str, check: Check) -> None:
    """A token is mounted into the containers of the first; the data have the last, which may be none."""
    entry = "workloads:\n- match: {names: [web]}\n  token: {audience: vault}\n"
    manifest = deployment(f"containers:\n- name: iis\n  image: iis\ncontainers:{second}\n")
    checked = check(gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE, entry), manifest)
    assert "duplicate-key" in {it.rule for it in checked.findings}
    assert checked.done.status == 1


def test_a_long_value_does_not_make_a_message_of_any_length(call: Call, folder: Folder) -> None:
    """Of 16 MB in 400 kB: each of the pods repeats the value by an alias, and so did its message."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: web}\nspec:\n  nodeSelector: {kubernetes.io/os: *long}\n"
    pod += "  securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1}}\n"
    manifest = f"apiVersion: v1\nkind: List\nlong: &long {'x' * 100_000}\nitems:\n{listed(pod, pod)}"
    done = call("render", folder({"gmsa.yaml": FROM_WORKLOADS, "web.yaml": manifest}))
    assert done.status == 1
    assert "and a pod with a gMSA runs on Windows; remove the reference, or fix this field" in done.stderr
    assert len(done.stderr) < 20_000
