"""The KRM function on the wire, without a host: a ResourceList in, a ResourceList out, foreign items untouched."""

from __future__ import annotations

import copy
import itertools
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, Done, identity
from hosts.support import NO_ADMISSION, assert_mentions, gmsa_config

CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  admission:
    mode: None
  credspecs:
  - account: WebApp1
    usedBy: FromWorkloads
"""
WRONG_ACCOUNT = gmsa_config(credspecs=[{"account": "WebApp1$"}], admission=NO_ADMISSION)
GENERATED = [("GMSACredentialSpec", "", "gmsa-webapp1"), ("ClusterRole", "", "use-gmsa-webapp1")]

FOREIGN = """\
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a, annotations: {config.kubernetes.io/index: '0', internal.config.kubernetes.io/path: "a.yaml"}}
  data:
    norway: NO
    quoted: "NO"
    octal: 0o17
    float: 1e3   # a comment
    time: 12:30
    date: 2026-01-01
    hex: 0x1F
    long: 123456789012345678901234567890
    one: "1"
    uno: 1
    keep: |+
      text

    strip: >-
      folded
      text
    umlaut: "Grüße \\U0001F600"
    merged: &anchor {a: b}
    more: {<<: *anchor, c: ~}
"""


def resource_list(items: str = f"items:\n{FOREIGN}", config: str = CONFIG, version: str = "v1") -> str:
    """`items`: the field with that name."""
    head = f"apiVersion: config.kubernetes.io/{version}\nkind: ResourceList\n"
    return f"{head}{items}functionConfig:\n{textwrap.indent(config, '  ')}"


def items_of(done: Done) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = yaml.safe_load(done.stdout)["items"]
    return items


def results_of(done: Done) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = yaml.safe_load(done.stdout)["results"]
    return results


def rules_of(done: Done) -> list[str]:
    return [result["tags"]["rule"] for result in results_of(done)]


# Items


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_foreign_items_come_out_to_the_byte(version: str, call: Call) -> None:
    given = resource_list(version=version)
    done = call(stdin=given.encode())
    assert (done.status, done.stderr) == (0, "")
    before, _, after = given.partition("functionConfig")
    assert done.stdout.startswith(before)
    assert done.stdout.endswith("functionConfig" + after)
    assert [identity(item) for item in items_of(done)[1:]] == GENERATED


@pytest.mark.parametrize("items", ["", "items: []\n", "items:\n", "items: null\n"])
def test_a_list_without_items_gets_some(items: str, call: Call) -> None:
    done = call(stdin=resource_list(items).encode())
    assert done.status == 0, done.stderr
    assert [identity(item) for item in items_of(done)] == GENERATED


@pytest.mark.parametrize(
    ("annotations", "kept"),
    [
        ({"config.kubernetes.io/local-config": "true"}, False),
        ({"config.kubernetes.io/local-config": "true", "internal.config.kubernetes.io/path": "gmsa.yaml"}, True),
    ],
    ids=["from kustomize", "a file of the package"],
)
@pytest.mark.parametrize("form", ["YAML", "JSON", "indented JSON"])
def test_the_config_among_the_items_is_dropped_unless_it_is_a_file_of_the_package(
    annotations: dict[str, str], kept: bool, form: str, call: Call
) -> None:
    """kustomize hands a generator its own config as an item."""
    config = yaml.safe_load(CONFIG)
    item = {**config, "metadata": {**config["metadata"], "annotations": annotations}}
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [item],
        "functionConfig": config,
    }
    text = yaml.safe_dump(given) if form == "YAML" else json.dumps(given, indent=2 if "indented" in form else None)
    done = call(stdin=text.encode())
    assert done.status == 0, done.stderr
    kinds = [entry["kind"] for entry in items_of(done)]
    generated = [kind for kind, _, _ in GENERATED]
    assert kinds == (["GMSAConfig", *generated] if kept else generated)


def test_crlf_stays_crlf(call: Call) -> None:
    given = resource_list().replace("\n", "\r\n")
    done = call(stdin=given.encode())
    assert done.status == 0, done.stderr
    assert "\n" not in done.stdout.replace("\r\n", "")
    assert done.stdout.startswith(given.partition("functionConfig")[0])


def test_a_trailing_comma_is_read(call: Call) -> None:
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": yaml.safe_load(CONFIG),
    }
    done = call(stdin=(json.dumps(given)[:-1] + ",}").encode())
    assert [identity(item) for item in items_of(done)] == GENERATED


CUT_OFF = """\
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  data:
    k: |
      abc"""


def test_items_follow_a_block_scalar_that_is_cut_off(call: Call) -> None:
    done = call(stdin=(resource_list(items="") + CUT_OFF).encode())
    items = items_of(done)
    assert items[0]["data"] == {"k": "abc"}
    assert [identity(item) for item in items[1:]] == GENERATED


@pytest.mark.parametrize(
    "items",
    [
        "items: &x\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n",
        "items: !!seq\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n",
        "x: &l\n- {apiVersion: v1, kind: A, metadata: {name: a}}\nitems: *l\n",
        "? items\n",
    ],
    ids=["anchor", "tag", "alias", "explicit key"],
)
def test_forms_that_no_program_writes_are_refused_and_not_garbled(items: str, call: Call) -> None:
    done = call(stdin=resource_list(items).encode())
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "items")


# Earlier output


def test_its_own_output_changes_nothing(call: Call) -> None:
    once = call(stdin=resource_list().encode())
    assert call(stdin=once.stdout.encode()).stdout == once.stdout


def test_generate_keeps_the_certificate_that_passes_through(call: Call) -> None:
    given = resource_list(config=gmsa_config(credspecs=[], crd={"install": False}))
    once = call(stdin=given.encode())
    twice = call(stdin=once.stdout.encode())
    assert_mentions(once.stderr, "warning", "Generate", "new keys")
    assert twice.stderr == ""  # and of the output only the warning among the results goes
    assert items_of(twice) == items_of(once)


def generated_item(items: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (item for item in items if item["kind"] == "GMSACredentialSpec")
    return found


def test_an_earlier_output_is_brought_up_to_date_in_its_place(call: Call) -> None:
    earlier = yaml.safe_load(call(stdin=resource_list().encode()).stdout)
    generated_item(earlier["items"])["metadata"]["annotations"] = {"config.kubernetes.io/index": "7"}
    earlier["functionConfig"]["spec"]["domains"][0]["dnsName"] = "contoso.org"
    done = call(stdin=yaml.safe_dump(earlier).encode())
    items = items_of(done)
    assert [identity(item) for item in items[1:]] == GENERATED
    assert items[1]["credspec"]["DomainJoinConfig"]["DnsName"] == "contoso.org"
    assert items[1]["metadata"]["annotations"] == {"config.kubernetes.io/index": "7"}


def test_foreign_items_beside_an_earlier_output_come_out_to_the_byte(call: Call) -> None:
    once = call(stdin=resource_list().encode()).stdout
    done = call(stdin=once.replace("- dnsName: contoso.com", "- dnsName: contoso.org").encode())
    assert generated_item(items_of(done))["credspec"]["DomainJoinConfig"]["DnsName"] == "contoso.org"
    assert FOREIGN in done.stdout


def test_labels_of_other_tools_stay_on_generated_objects(call: Call) -> None:
    own_label = "      app.kubernetes.io/managed-by: gmsa-krm\n"
    once = call(stdin=resource_list().encode()).stdout
    labelled = once.replace(own_label, f"{own_label}      team: x\n")
    done = call(stdin=labelled.encode())
    assert labelled != once
    assert (done.stdout, done.stderr) == (labelled, "")


def test_a_changed_object_is_set_back_with_a_warning(call: Call) -> None:
    labelled = yaml.safe_load(call(stdin=resource_list().encode()).stdout)
    generated_item(labelled["items"])["metadata"]["labels"]["team"] = "x"
    changed = copy.deepcopy(labelled)
    generated_item(changed["items"])["credspec"]["DomainJoinConfig"]["MachineAccountName"] = "Other"
    done = call(stdin=yaml.safe_dump(changed).encode())
    assert items_of(done) == labelled["items"]
    assert rules_of(done) == ["set-back"]
    assert_mentions(done.stderr, "warning", "GMSACredentialSpec gmsa-webapp1")


USERS_ROLE = """\
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: use-gmsa-webapp1}
  rules: []
"""


def test_the_users_own_object_is_never_replaced(call: Call) -> None:
    done = call(stdin=resource_list(USERS_ROLE).encode())
    assert done.status == 1
    assert items_of(done) == yaml.safe_load(USERS_ROLE)["items"]
    assert rules_of(done) == ["same-object"]
    assert_mentions(done.stderr, "ClusterRole use-gmsa-webapp1", "spec.credspecs[0]")


# Results


def test_errors_are_in_the_results_and_on_stderr_and_change_nothing(call: Call) -> None:
    given = resource_list(config=CONFIG.replace("WebApp1", "WebApp1$").replace("contoso.com", "contoso"))
    done = call(stdin=given.encode())
    assert done.status == 1
    assert done.stdout.startswith(given)
    results = results_of(done)
    assert [(it["severity"], it["field"]["path"]) for it in results] == [
        ("warning", "spec.domains[0].dnsName"),
        ("error", "spec.credspecs[0].account"),
    ]
    assert results[1]["tags"] == {"rule": "account-name"}
    assert_mentions(results[1]["message"], "WebApp1$", "ends in $", "WebApp1")
    assert f"GMSAConfig contoso: spec.credspecs[0].account: {results[1]['message']}" in done.stderr


def test_results_of_earlier_functions_stay(call: Call) -> None:
    used_by_default = {"namespace": "web", "serviceAccounts": ["default"]}
    config = gmsa_config(credspecs=[{"account": "WebApp1", "usedBy": [used_by_default]}], admission=NO_ADMISSION)
    done = call(stdin=(resource_list(config=config) + "results:\n- message: earlier\n").encode())
    assert done.status == 0
    earlier, own = results_of(done)
    assert earlier == {"message": "earlier"}
    assert own["tags"] == {"rule": "default-service-account"}


def test_a_file_is_named_where_the_host_names_it(call: Call) -> None:
    config = yaml.safe_load(WRONG_ACCOUNT)
    config["metadata"]["annotations"] = {"internal.config.kubernetes.io/path": "clusters/gmsa.yaml"}
    done = call(stdin=resource_list(config=yaml.safe_dump(config)).encode())
    assert "clusters/gmsa.yaml: spec.credspecs[0].account" in done.stderr
    assert results_of(done)[0]["file"] == {"path": "clusters/gmsa.yaml"}


def test_results_have_the_form_of_the_specification(call: Call) -> None:
    """Result of kyaml's fn/framework: message, severity, field.path, file.path, tags of strings."""
    done = call(stdin=resource_list(config=WRONG_ACCOUNT).encode())
    results = results_of(done)
    assert results
    for result in results:
        assert set(result) <= {"message", "severity", "field", "file", "tags", "resourceRef"}
        assert result["severity"] in ("error", "warning", "info")
        assert all(isinstance(value, str) for value in result["tags"].values())


# Input that is not a ResourceList with a GMSAConfig


def alias_bomb() -> bytes:
    """Each of 20 lists holds the one before nine times."""
    names = [b"%c" % (ord("a") + number) for number in range(21)]
    lines = [b"a: &a [1,1,1,1,1,1,1,1,1]\n"]
    lines += [
        b"%s: &%s [%s]\n" % (name, name, b",".join([b"*" + before] * 9)) for before, name in itertools.pairwise(names)
    ]
    return b"".join(lines)


NOT_A_RESOURCE_LIST: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("stdin: ", "empty", "ResourceList")),
    "blank": (b"\n\n  \n", ("stdin: ", "empty")),
    "comments": (b"# nothing\n", ("ResourceList",)),
    "not YAML": (b"a: [", ("stdin:2:1: ", "YAML")),
    "a scalar": (b"text", ("ResourceList",)),
    "another kind": (b"apiVersion: v1\nkind: ConfigMap\n", ("ResourceList", "v1, ConfigMap")),
    "another version": (
        b"apiVersion: config.kubernetes.io/v2\nkind: ResourceList\n",
        ("ResourceList", "config.kubernetes.io/v2, ResourceList"),
    ),
    "NUL": (b"a: \0", ("stdin:1:1: ", "NUL")),
    "not UTF-8": (b"a: 1\nb: \xff\xfe", ("stdin:2:4: ", "UTF-8", "byte 8")),
    "two documents": (resource_list().encode() + b"---\na: 1\n", ("second document",)),
    "a key twice": (resource_list().encode() + b"functionConfig: {}\n", ("functionConfig", "repeated")),
    "items are not a list": (
        b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: {}\n",
        ("items", "list"),
    ),
    "nested": (b"[" * 200_000, ("nested", "400 levels")),
    "alias bomb": (alias_bomb(), ("aliases",)),
}


@pytest.mark.parametrize("name", NOT_A_RESOURCE_LIST)
def test_input_that_is_not_a_resource_list_gets_one_message_and_an_empty_stdout(name: str, call: Call) -> None:
    data, words = NOT_A_RESOURCE_LIST[name]
    done = call(stdin=data)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, *words)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("function_config", "rule"),
    [
        ("", "no-config"),
        ("functionConfig:\n", "no-config"),
        ("functionConfig: []\n", "not-a-config"),
        ("functionConfig: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n", "not-a-config"),
    ],
    ids=["missing", "empty", "a list", "a ConfigMap"],
)
def test_a_foreign_or_missing_config_is_an_error_in_the_results(function_config: str, rule: str, call: Call) -> None:
    given = resource_list().partition("functionConfig")[0] + function_config
    done = call(stdin=given.encode())
    assert done.status == 1
    assert_mentions(done.stderr, "functionConfig: ")
    (result,) = results_of(done)
    assert (result["severity"], result["tags"]) == ("error", {"rule": rule})


def test_fifty_megabytes_of_text_get_a_short_message(call: Call) -> None:
    done = call(stdin=b"apiVersion: config.kubernetes.io/v1\nkind: ConfigMap\ndata: " + b"text " * 10_000_000)
    assert (done.status, done.stdout) == (1, "")
    assert len(done.stderr) < 400


# kustomize's legacy plugin on the wire


STREAM = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a, annotations: {kustomize.config.k8s.io/id: "a"}}
data:
  quoted: "NO"
  octal: 0o17   # a comment
---
# nothing
---
kind: X
"""


def test_the_legacy_plugin_reads_its_config_from_a_file_or_a_variable(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    generated = call(tmp_path / "config", program="GMSAConfig")
    assert [identity(item) for item in generated.objects] == GENERATED
    by_variable = call(tmp_path / "config", env={"KUSTOMIZE_PLUGIN_CONFIG_STRING": CONFIG})
    assert by_variable.stdout == generated.stdout


@pytest.mark.parametrize(
    "stream",
    [STREAM, textwrap.dedent(FOREIGN.replace("- api", "  api")) + "---\nkind: X\n"],
    ids=["small", "every scalar"],
)
def test_the_legacy_plugin_appends_to_a_stream(stream: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    generated = call(tmp_path / "config", program="GMSAConfig")
    transformed = call(tmp_path / "config", program="GMSAConfig", stdin=stream.encode())
    assert transformed.stdout == stream + "---\n" + generated.stdout
    again = call(tmp_path / "config", program="GMSAConfig", stdin=transformed.stdout.encode())
    assert again.stdout == transformed.stdout


def test_the_legacy_plugin_without_its_file(call: Call, tmp_path: Path) -> None:
    missing = call(tmp_path / "none", program="GMSAConfig")
    assert (missing.status, missing.stdout) == (3, "")
    assert_mentions(missing.stderr, "none: ", "cannot be read")
