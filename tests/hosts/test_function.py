"""The KRM function on the wire, without a host: what comes in foreign goes out untouched."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, config, identity

CONFIG = config("  admission: {mode: None}\n  credspecs:\n  - account: WebApp1\n")
MADE = [("GMSACredentialSpec", "", "gmsa-webapp1"), ("ClusterRole", "", "use-gmsa-webapp1")]

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


def resource_list(items: str = FOREIGN, text: str = CONFIG, version: str = "v1") -> str:
    inner = textwrap.indent(text, "  ")
    return f"apiVersion: config.kubernetes.io/{version}\nkind: ResourceList\nitems:\n{items}functionConfig:\n{inner}"


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_foreign_items_come_out_to_the_byte(version: str, call: Call) -> None:
    given = resource_list(version=version)
    done = call(stdin=given.encode())
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith(given.partition("functionConfig")[0])
    assert done.stdout.endswith("functionConfig" + given.partition("functionConfig")[2])
    items = yaml.safe_load(done.stdout)["items"]
    assert [identity(item) for item in items[1:]] == MADE


def test_its_own_output_changes_nothing(call: Call) -> None:
    once = call(stdin=resource_list().encode())
    assert call(stdin=once.stdout.encode()).stdout == once.stdout


def test_generate_keeps_the_certificate_that_passes_through(call: Call) -> None:
    given = resource_list(text=config("  crd: {install: false}\n"))
    once = call(stdin=given.encode())
    twice = call(stdin=once.stdout.encode())
    assert "makes new keys" in once.stderr
    assert twice.stderr == ""
    # only the warning in the results goes
    assert yaml.safe_load(twice.stdout)["items"] == yaml.safe_load(once.stdout)["items"]


def test_an_earlier_output_is_brought_up_to_date_in_its_place(call: Call) -> None:
    once = call(stdin=resource_list().encode()).stdout
    annotated = once.replace(
        "  kind: GMSACredentialSpec\n  metadata:\n",
        "  kind: GMSACredentialSpec\n  metadata:\n    annotations: {config.kubernetes.io/index: '7'}\n",
    )
    assert annotated != once
    done = call(stdin=annotated.replace("- dnsName: contoso.com", "- dnsName: contoso.org").encode())
    items = yaml.safe_load(done.stdout)["items"]
    assert [identity(item) for item in items[1:]] == MADE
    assert items[1]["credspec"]["DomainJoinConfig"]["DnsName"] == "contoso.org"
    assert items[1]["metadata"]["annotations"] == {"config.kubernetes.io/index": "7"}
    assert FOREIGN in done.stdout


def test_the_users_own_object_is_never_replaced(call: Call) -> None:
    mine = "- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: use-gmsa-webapp1}, rules: []}\n"
    given = resource_list(mine)
    done = call(stdin=given.encode())
    assert done.status == 1
    assert (
        "ClusterRole use-gmsa-webapp1 is among the resources and would be made of spec.credspecs[0] too" in done.stderr
    )
    assert yaml.safe_load(done.stdout)["items"] == yaml.safe_load(given)["items"]


def test_the_config_that_kustomize_hands_a_generator_is_dropped_but_not_a_file_of_the_package(
    call: Call,
) -> None:
    own = yaml.safe_load(CONFIG)
    for marks, kept in (
        ({"config.kubernetes.io/local-config": "true"}, False),
        ({"config.kubernetes.io/local-config": "true", "internal.config.kubernetes.io/path": "gmsa.yaml"}, True),
    ):
        item = {**own, "metadata": {**own["metadata"], "annotations": marks}}
        given = {
            "apiVersion": "config.kubernetes.io/v1",
            "kind": "ResourceList",
            "items": [item],
            "functionConfig": own,
        }
        for text in (yaml.safe_dump(given), json.dumps(given), json.dumps(given, indent=2)):
            done = call(stdin=text.encode())
            assert done.status == 0, done.stderr
            kinds = [entry["kind"] for entry in yaml.safe_load(done.stdout)["items"]]
            assert kinds == (["GMSAConfig"] if kept else []) + [kind for kind, _, _ in MADE]


@pytest.mark.parametrize("items", ["", "items: []\n", "items:\n", "items: null\n"])
def test_without_items(items: str, call: Call) -> None:
    given = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{items}functionConfig:\n{textwrap.indent(CONFIG, '  ')}"
    done = call(stdin=given.encode())
    assert done.status == 0, done.stderr
    assert [identity(item) for item in yaml.safe_load(done.stdout)["items"]] == MADE


def test_crlf_stays_crlf(call: Call) -> None:
    given = resource_list().replace("\n", "\r\n")
    done = call(stdin=given.encode())
    assert done.status == 0, done.stderr
    assert "\n" not in done.stdout.replace("\r\n", "")
    assert done.stdout.startswith(given.partition("functionConfig")[0])


def test_errors_are_in_the_results_and_on_stderr_and_change_nothing(call: Call) -> None:
    given = resource_list(text=CONFIG.replace("WebApp1", "WebApp1$").replace("contoso.com", "contoso"))
    done = call(stdin=given.encode())
    assert done.status == 1
    assert done.stdout.startswith(given)
    results = yaml.safe_load(done.stdout)["results"]
    assert [(it["severity"], it["field"]["path"]) for it in results] == [
        ("warning", "spec.domains[0].dnsName"),
        ("error", "spec.credspecs[0].account"),
    ]
    assert results[1]["message"] == "WebApp1$ ends in $; a credential spec has the name without it: WebApp1"
    assert "GMSAConfig contoso: spec.credspecs[0].account: WebApp1$ ends in $" in done.stderr


@pytest.mark.parametrize(
    "items",
    [
        "items: &x\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n",
        "items: !!seq\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n",
        "x: &l\n- {apiVersion: v1, kind: A, metadata: {name: a}}\nitems: *l\n",
        "? items\n",
    ],
)
def test_forms_that_no_program_writes_are_refused_and_not_garbled(items: str, call: Call) -> None:
    given = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{items}functionConfig:\n{textwrap.indent(CONFIG, '  ')}"
    done = call(stdin=given.encode())
    assert (done.status, done.stdout) == (1, "")
    assert "items" in done.stderr


def test_a_trailing_comma_and_a_cut_off_block_scalar(call: Call) -> None:
    flow = json.dumps(
        {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": yaml.safe_load(CONFIG)}
    )
    done = call(stdin=(flow[:-1] + ",}").encode())
    assert [identity(item) for item in yaml.safe_load(done.stdout)["items"]] == MADE
    given = resource_list(items="")
    given = (
        given.replace("items:\n", "")
        + "items:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data:\n    k: |\n      abc"
    )
    done = call(stdin=given.encode())
    items = yaml.safe_load(done.stdout)["items"]
    assert items[0]["data"] == {"k": "abc"}
    assert [identity(item) for item in items[1:]] == MADE


def test_labels_of_other_tools_stay_on_our_objects_and_a_difference_is_said(call: Call) -> None:
    once = call(stdin=resource_list().encode()).stdout
    labelled = once.replace(
        "      app.kubernetes.io/managed-by: gmsa-krm\n",
        "      app.kubernetes.io/managed-by: gmsa-krm\n      team: x\n",
    )
    done = call(stdin=labelled.encode())
    assert (done.stdout, done.stderr) == (labelled, "")
    patched = call(stdin=labelled.replace("MachineAccountName: WebApp1", "MachineAccountName: Other").encode())
    assert (
        "warning: GMSACredentialSpec gmsa-webapp1 differs from what the config asks for and is set back"
        in patched.stderr
    )
    assert yaml.safe_load(patched.stdout)["items"] == yaml.safe_load(labelled)["items"]


def test_results_of_earlier_functions_stay(call: Call) -> None:
    given = (
        resource_list(
            text=config(
                "  credspecs:\n  - {account: WebApp1, usedBy: [{namespace: web, serviceAccounts: [default]}]}\n  admission: {mode: None}\n"
            )
        )
        + "results:\n- message: earlier\n"
    )
    done = call(stdin=given.encode())
    assert done.status == 0
    results = yaml.safe_load(done.stdout)["results"]
    assert [it["message"][:20] for it in results] == ["earlier", "binds the default se"]


def test_a_file_is_named_where_the_host_says_it(call: Call) -> None:
    text = CONFIG.replace("WebApp1", "WebApp1$").replace(
        "  name: contoso\n",
        "  name: contoso\n  annotations: {internal.config.kubernetes.io/path: clusters/gmsa.yaml}\n",
    )
    done = call(stdin=resource_list(text=text).encode())
    assert "clusters/gmsa.yaml: spec.credspecs[0].account" in done.stderr
    assert yaml.safe_load(done.stdout)["results"][0]["file"] == {"path": "clusters/gmsa.yaml"}


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "stdin: is empty; a ResourceList is wanted"),
    "blank": (b"\n\n  \n", "stdin: is empty"),
    "comments": (b"# nothing\n", "is no ResourceList (no mapping)"),
    "no YAML": (b"a: [", "stdin:2:1: not YAML"),
    "a scalar": (b"text", "is no ResourceList (no mapping)"),
    "another kind": (b"apiVersion: v1\nkind: ConfigMap\n", "is no ResourceList (v1, ConfigMap)"),
    "another version": (
        b"apiVersion: config.kubernetes.io/v2\nkind: ResourceList\n",
        "is no ResourceList (config.kubernetes.io/v2, ResourceList)",
    ),
    "NUL": (b"a: \0", "stdin:1:1: holds a NUL character"),
    "no UTF-8": (b"a: 1\nb: \xff\xfe", "stdin:2:4: is no UTF-8 text (byte 8); save it as UTF-8"),
    "two documents": (resource_list().encode() + b"---\na: 1\n", "a second document"),
    "key twice": (resource_list().encode() + b"functionConfig: {}\n", "the key functionConfig stands twice"),
    "items no list": (
        b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: {}\n",
        "items of the ResourceList is no list",
    ),
    "nested": (b"[" * 200_000, "nested deeper than 400 levels"),
    "bomb": (
        b"a: &a [1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(20)),
        "the aliases expand to more than",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_resource_list_gets_one_message_and_an_empty_stdout(name: str, call: Call) -> None:
    data, wanted = WRONG[name]
    done = call(stdin=data)
    assert (done.status, done.stdout) == (1, "")
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("function_config", "wanted"),
    [
        ("", "functionConfig: the ResourceList has no functionConfig"),
        ("functionConfig:\n", "has no functionConfig"),
        ("functionConfig: []\n", "functionConfig: is no GMSAConfig (no mapping)"),
        (
            "functionConfig: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
            "functionConfig: is no GMSAConfig (v1, ConfigMap)",
        ),
    ],
)
def test_a_foreign_or_missing_config(function_config: str, wanted: str, call: Call) -> None:
    done = call(
        stdin=f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{FOREIGN}{function_config}".encode()
    )
    assert done.status == 1
    assert wanted in done.stderr
    assert yaml.safe_load(done.stdout)["results"][0]["severity"] == "error"


def test_fifty_megabytes_of_text_are_refused_in_time(call: Call) -> None:
    done = call(stdin=b"apiVersion: config.kubernetes.io/v1\nkind: ConfigMap\ndata: " + b"text " * 10_000_000)
    assert (done.status, done.stdout) == (1, "")
    assert len(done.stderr) < 400


def test_the_legacy_plugin_on_the_wire(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    generated = call(tmp_path / "config", program="GMSAConfig")
    assert [identity(item) for item in generated.objects] == MADE
    by_variable = call(tmp_path / "config", env={"KUSTOMIZE_PLUGIN_CONFIG_STRING": CONFIG})
    assert by_variable.stdout == generated.stdout

    stream = (
        textwrap.dedent(FOREIGN).replace("- api", "  api").replace("\n  ", "\n")[2:] + "---\n# nothing\n---\nkind: X\n"
    )
    transformed = call(tmp_path / "config", program="GMSAConfig", stdin=stream.encode())
    assert transformed.stdout == stream + "---\n" + generated.stdout
    again = call(tmp_path / "config", program="GMSAConfig", stdin=transformed.stdout.encode())
    assert again.stdout == transformed.stdout

    missing = call(tmp_path / "none", program="GMSAConfig")
    assert (missing.status, missing.stdout) == (3, "")
    assert "cannot be read" in missing.stderr


def test_results_have_the_form_of_the_specification(call: Call) -> None:
    """Result of kyaml's fn/framework: message, severity, field.path, file.path, tags of strings."""
    done = call(stdin=resource_list(text=CONFIG.replace("WebApp1", "WebApp1$")).encode())
    results: list[dict[str, Any]] = yaml.safe_load(done.stdout)["results"]
    for result in results:
        assert set(result) <= {"message", "severity", "field", "file", "tags", "resourceRef"}
        assert result["severity"] in ("error", "warning", "info")
        assert all(isinstance(value, str) for value in result["tags"].values())
