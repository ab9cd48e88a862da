"""Equal keys, of which gmsa-krm and kubectl could take different ones, wherever they decide what becomes of a workload."""

from __future__ import annotations

from textwrap import indent

import pytest

from builders import CREDSPEC, MODE_NONE, MODE_POLICY, deployment, entry, gmsa_config, workloads_config
from conftest import Call, Check, Folder

IN_IIS = workloads_config(entry("containers: [iis]"))
TWICE = """\
containers:
- name: iis
  image: iis
- name: log
  image: log
containers:
- name: log
  image: log
- name: iis
  image: iis
"""
POD = """\
- apiVersion: v1
  kind: Pod
  metadata:
    name: web
    namespace: web
  spec: *pod
"""


def a_list(shared: str, *, is_item: bool) -> str:
    """A List with a Pod whose spec is anchored outside of it: in the List, or in another item."""
    if not is_item:
        return f"apiVersion: v1\nkind: List\nshared: &pod\n{indent(shared, '  ')}items:\n{POD}"
    other = "- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: other\n"
    return f"apiVersion: v1\nkind: List\nitems:\n{other}  shared: &pod\n{indent(shared, '    ')}{POD}"


@pytest.mark.parametrize("is_item", [False, True])
def test_behind_an_alias_they_do_not_give_the_gmsa_to_another_container(is_item: bool, check: Check) -> None:
    """The first list was searched for the container, and the place in the last one was changed."""
    checked = check(IN_IIS, a_list(TWICE, is_item=is_item))
    assert checked.finding.rule == "duplicate-key"
    assert checked.finding.says("containers")


@pytest.mark.parametrize("is_item", [False, True])
def test_behind_an_alias_a_key_that_is_merged_again_is_an_error(is_item: bool, check: Check) -> None:
    first, _, last = TWICE.rpartition("containers:")
    merged = f"base: &base\n{indent(f'containers:{last}', '  ')}hidden: &hidden\n{indent(first, '  ')}  <<: *base\n"
    checked = check(IN_IIS, a_list(merged, is_item=is_item).replace("spec: *pod", "spec: *hidden"))
    assert checked.finding.rule == "duplicate-key"
    assert checked.finding.says("containers", "<<")


@pytest.mark.parametrize("mode", [MODE_NONE, MODE_POLICY])
@pytest.mark.parametrize("again", ["spec: {hostname: a}\n", "spec:\n  containers: []\n", "spec: {containers: [a]}\n"])
def test_a_container_that_only_the_first_has_is_no_internal_error(
    again: str, mode: str, call: Call, folder: Folder
) -> None:
    pod = POD.replace("- ", "  ", 1).replace("*pod", "{containers: [{name: iis, image: iis}]}")
    config = gmsa_config(CREDSPEC, mode, f"workloads:\n{entry('containers: [iis]')}")
    where = folder({"gmsa.yaml": config, "web.yaml": "".join(it[2:] + "\n" for it in pod.splitlines()) + again})
    done = call("render", where)
    assert done.status == 1
    assert "the key spec is repeated in this mapping" in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("workloads", ["", entry()])
def test_items_of_which_only_the_first_have_an_earlier_output_are_no_internal_error(
    workloads: str, call: Call, folder: Folder
) -> None:
    role = call("render", folder({"gmsa.yaml": gmsa_config(CREDSPEC, MODE_NONE)}) / "gmsa.yaml").stdout
    role = next(it for it in role.split("---\n") if "kind: ClusterRole\n" in it).replace("- use", "- get")
    manifest = f"apiVersion: v1\nkind: List\nitems:\n- {indent(role, '  ').strip()}\nitems: []\n"
    config = workloads_config(workloads) if workloads else gmsa_config(CREDSPEC, MODE_NONE)
    done = call("render", folder({"gmsa.yaml": config, "web.yaml": manifest}))
    assert done.status == 1
    assert done.stderr.count("the key items is repeated in this mapping") == 1
    assert "internal error" not in done.stderr


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        pytest.param("metadata:\n  name: other\n  name: web\n  namespace: web\n", "name", id="name"),
        pytest.param("metadata:\n  name: web\n  namespace: other\n  namespace: web\n", "namespace", id="namespace"),
        pytest.param("metadata:\n  name: other\nmetadata:\n  name: web\n  namespace: web\n", "metadata", id="metadata"),
    ],
)
def test_they_do_not_hide_a_workload_from_the_entry_that_matches_it(given: str, repeated: str, check: Check) -> None:
    """kubectl applies the last of two equal keys, and that is the workload that the entry means."""
    pod = "spec:\n  template:\n    spec:\n      containers: []\n"
    checked = check(workloads_config(entry()), f"apiVersion: apps/v1\nkind: Deployment\n{given}{pod}")
    assert "duplicate-key" in {it.rule for it in checked.findings}
    assert any(it.rule == "duplicate-key" and it.says(repeated) for it in checked.findings)


def test_a_group_that_is_repeated_does_not_hide_a_workload(check: Check) -> None:
    manifest = "apiVersion: v1\n" + deployment("containers: []\n")
    assert any(it.rule == "duplicate-key" for it in check(workloads_config(entry()), manifest).findings)


REFERENCE = "{spec: {securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-nope}}, containers: []}}"


@pytest.mark.parametrize("first", ["template: null", "template: []", "template: a"])
@pytest.mark.parametrize("second", [f"template: {REFERENCE}", f"<<: {{template: {REFERENCE}}}"])
def test_a_template_that_is_none_does_not_hide_the_one_that_kubectl_applies(
    first: str, second: str, check: Check
) -> None:
    manifest = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: web}}\nspec:\n  {first}\n  {second}\n"
    found = check(gmsa_config(CREDSPEC, MODE_NONE), manifest).findings
    assert any(it.rule == "duplicate-key" and it.says("template") for it in found)
    matched = check(workloads_config(entry()), manifest.replace(REFERENCE, "{spec: {containers: []}}")).findings
    assert any(it.rule == "duplicate-key" and it.says("template") for it in matched)


@pytest.mark.parametrize(
    "merged",
    [
        pytest.param(
            f"items: a\n  items: [{{kind: Pod, apiVersion: v1, metadata: {{name: web}}, {REFERENCE[1:-1]}}}]",
            id="items",
        ),
        pytest.param(f"kind: Secret\n  kind: Pod\n  {REFERENCE[1:-1]}", id="kind"),
        pytest.param(f"apiVersion: a/v1\n  apiVersion: v1\n  kind: Pod\n  {REFERENCE[1:-1]}", id="apiVersion"),
    ],
)
def test_in_what_is_merged_they_do_not_hide_a_workload(merged: str, check: Check) -> None:
    manifest = f"metadata: {{name: web, namespace: web}}\n<<:\n  {merged}\n"
    manifest += "".join(
        f"{it}\n" for it in ("apiVersion: v1", "kind: List") if it.split(":")[0] not in merged.split(" [")[0]
    )
    assert "duplicate-key" in {it.rule for it in check(gmsa_config(CREDSPEC, MODE_NONE), manifest).findings}


@pytest.mark.parametrize("key", ["name", "labels"])
def test_in_merged_metadata_they_do_not_hide_a_workload(key: str, check: Check) -> None:
    merged = {"name": "name: other\n    name: web", "labels": "name: other\n    labels: {app: a, app: iis}"}[key]
    pod = "spec:\n  template:\n    spec:\n      containers: []\n"
    manifest = f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  namespace: web\n  <<:\n    {merged}\n{pod}"
    config = workloads_config(entry(match="names: [web]" if key == "name" else "labelSelector: app=iis"))
    assert "duplicate-key" in {it.rule for it in check(config, manifest).findings}


def test_a_key_that_is_there_three_times_is_one_finding(check: Check) -> None:
    """A template that is pasted twice; under Helm all have the same place."""
    three = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: web}}\nspec:\n{indent(TWICE, '  ')}  containers: []\n"
    checked = check(IN_IIS, three)
    assert checked.finding.rule == "duplicate-key"
    assert checked.finding.says("containers", "first in line 5", "keep one")
