"""Text that a parser reads in another way than an editor of lines would: it is changed as it is read, or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import indent
from typing import Any

import pytest
import yaml
from yaml_model import YAML, read

from builders import IIS, entry, gmsa_config, listed, pod, workloads_config
from conftest import Call, Check, Folder, RenderFolder
from gmsa_krm.yamltext.changes import Change, change_of, changed_text
from gmsa_krm.yamltext.edits import ListPatch, UnsupportedForm, apply_edits
from gmsa_krm.yamltext.stream import Document, closed

LINE_BREAKS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"]
NAMED = ["LF", "CRLF", "CR", "NEL", "LS", "PS"]
CONFIG = workloads_config(entry())


def resource_list(config: str, *items: str) -> str:
    return f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
{listed(*items)}functionConfig:
{indent(config, "  ")}"""


def changed(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        **spec,
        "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}},
        "serviceAccountName": "webapp1",
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "os": {"name": "windows"},
    }


# Line breaks


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=NAMED)
def test_lines_end_where_the_parser_ends_them(line_break: str, call: Call, folder: Folder) -> None:
    given = pod("hostname: a\n", IIS, "# the end\n").replace("\n", line_break)
    wanted = yaml.safe_load(given)
    wanted["spec"] = changed(wanted["spec"])
    where = folder({"config": CONFIG})
    done = call(where / "config", program="GMSAConfig", stdin=given.encode())
    assert done.status == 0, done.stderr
    assert done.object("Pod") == wanted


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=NAMED)
def test_a_break_in_the_middle_of_a_line_ends_it(line_break: str, render_folder: RenderFolder) -> None:
    """The fields went below status, and the pod stayed as it was."""
    given = pod("containers: []\n", f"hostname: a{line_break}status:\n") + "  phase: Running\n"
    wanted = yaml.safe_load(given)
    wanted["spec"] = changed(wanted["spec"])
    done = render_folder(CONFIG, given)
    assert done.status == 0, done.stderr
    assert done.object("Pod") == wanted


@pytest.mark.parametrize("options", [(), ("-O",)], ids=["checked", "optimized"])
@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=NAMED)
def test_a_resource_list_keeps_its_config(line_break: str, options: tuple[str, ...]) -> None:
    """With CR it ended in an AssertionError, and with python -O without its functionConfig."""
    given = resource_list(CONFIG, pod(IIS)).replace("\n", line_break)
    command = [sys.executable, *options, "-m", "gmsa_krm"]
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    before, after = yaml.safe_load(given), yaml.safe_load(done.stdout)
    assert after["functionConfig"] == before["functionConfig"]
    assert after["items"][0]["spec"] == changed(before["items"][0]["spec"])


@pytest.mark.parametrize("ending", ["", "\r", "\x85", "\u2028", "  ", "\n  ", "\n    ", "\n  \t"])
@pytest.mark.parametrize("header", ["|", "|-", "|+", ">", ">+", "!!str |", "&a\n  |+"])
def test_a_text_that_ends_without_a_line_break_keeps_its_values(header: str, ending: str) -> None:
    text = f"a: {header}\n  b{ending}"
    assert yaml.load(closed(text), yaml.CSafeLoader) == yaml.load(text, yaml.CSafeLoader)
    assert closed(text).endswith("\n") or text == closed(text)


# White space


@pytest.mark.parametrize("space", ["\xa0", "\u3000", "\u2003", "\x1f"])
def test_white_space_of_unicode_is_text(space: str, render_folder: RenderFolder) -> None:
    if space == "\x1f":
        space = "\\x1f"
    quote = '"' if "\\" in space else ""
    given = pod(
        f"hostname: {quote}a{space}{quote}\n",
        "containers: []\n",
        f"securityContext:\n  texts:\n  - {quote}a{space}{quote}\n",
    )
    wanted = yaml.safe_load(given)
    wanted["spec"] = {
        **changed(wanted["spec"]),
        "securityContext": {**wanted["spec"]["securityContext"], **changed({})["securityContext"]},
    }
    done = render_folder(CONFIG, given)
    assert done.status == 0, done.stderr
    assert done.object("Pod") == wanted


def test_a_replaced_list_that_ends_in_a_no_break_space_is_replaced_as_a_whole(call: Call) -> None:
    hook = "containers:\n- name: iis\n  lifecycle:\n    postStart:\n      exec:\n        command:\n        - a\xa0\n"
    config = workloads_config(entry("netlogonRestart: {onExistingHook: Replace}"))
    done = call(stdin=resource_list(config, pod(hook)).encode())
    assert done.status == 0, done.stderr
    (container,) = yaml.safe_load(done.stdout)["items"][0]["spec"]["containers"]
    assert container["lifecycle"]["postStart"]["exec"]["command"][0] == "powershell.exe"


def test_a_last_line_with_a_tab_is_a_part_of_the_text(render_folder: RenderFolder) -> None:
    given = pod("containers:\n- name: iis\n  args:\n  - |\n    a\n") + "      \t"
    done = render_folder(CONFIG, given)
    assert done.status == 0, done.stderr
    assert done.object("Pod")["spec"] == changed(yaml.safe_load(given)["spec"])


# Text out of its context

COPIED = [
    pytest.param("&u !!int 12", 12, id="an anchor and a tag"),
    pytest.param("&u 12", 12, id="an anchor"),
    pytest.param("a\n      b", "a b", id="a plain scalar of two lines"),
    pytest.param("a\n\n      b", "a\nb", id="a plain scalar with an empty line"),
    pytest.param("?x", "?x", id="a question mark"),
    pytest.param(":x", ":x", id="a colon"),
    pytest.param("-x", "-x", id="a dash"),
    pytest.param("a,b", "a,b", id="a comma"),
    pytest.param("!<tag:yaml.org,2002:int> 12", 12, id="a long tag"),
    pytest.param('!!int "12"', 12, id="a quoted integer"),
    pytest.param("!!str 12", "12", id="a tagged string"),
    pytest.param("! 12", "12", id="an unspecific tag"),
    pytest.param("|\n      a\n      b\n", "a\nb\n", id="a block scalar"),
    pytest.param('"a\\\n      b"', "ab", id="an escaped line break"),
]


@pytest.mark.parametrize(("written", "value"), COPIED)
@pytest.mark.parametrize("flow", [False, True], ids=["block", "flow"])
def test_what_an_alias_repeats_is_written_out_with_its_values(written: str, value: object, flow: bool) -> None:
    text = f"one: &one\n  a:\n    b: {written}\n  c: &u web\n".replace("\n\n  c", "\n  c")
    text += "two: {x: *one}\nhostname: *u\n" if flow else "two:\n  x: *one\nhostname: *u\n"
    document = Document(text)
    assert document.node is not None
    change = change_of(document, document.node, {"two": {"x": {"new": "yes"}}})
    assert change is not None
    tag = f"{YAML}{'int' if isinstance(value, int) else 'str'}"
    one = {"a": {"b": (tag, str(value))}, "c": (f"{YAML}str", "web")}
    new = {**one, "new": (f"{YAML}str", "yes")}
    assert read(changed_text(document, [change])) == {"one": one, "two": {"x": new}, "hostname": one["c"]}


def test_an_anchor_is_not_copied_along(render_folder: RenderFolder) -> None:
    """hostname became 12."""
    given = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
  annotations:
    context: &context
      fsGroup: &u !!int 12
    user: &u someone
spec:
  securityContext: *context
  hostname: *u
  containers: []
"""
    done = render_folder(CONFIG, given)
    assert done.status == 0, done.stderr
    (spec,) = (it["spec"] for it in map(read, done.stdout.split("---\n")) if it["kind"][1] == "Pod")
    assert spec["hostname"] == (f"{YAML}str", "someone")
    assert spec["securityContext"]["fsGroup"] == (f"{YAML}int", "12")


def test_a_tag_of_another_handle_is_not_copied(check: Check) -> None:
    given = pod("securityContext:\n  fsGroup: &u !own 12\nhostname: a\n", IIS).replace("metadata:", "metadata: &m", 1)
    given = given.replace("securityContext:", "priority: &s").replace("hostname: a", "securityContext: *s")
    finding = check(CONFIG, given).find("unusual-form", "Pod web/web")
    assert finding.says("tag", "!own")


# Anchors above


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("items: &all\n- {pod}\nothers: *all\n", id="on the list"),
        pytest.param("others: &all\n- {pod}\nitems: *all\n", id="on another list"),
        pytest.param("items:\n- &pod {pod}\n- *pod\n", id="on the item"),
        pytest.param("others: &it\n  items:\n  - {pod}\n<<: *it\n", id="on a mapping that is merged"),
        pytest.param(
            "others: &it\n- items: [{pod}]\n  kind: List\n  apiVersion: v1\nitems: *it\n", id="on a list in the list"
        ),
    ],
)
def test_a_change_below_a_shared_node_is_refused(given: str, check: Check) -> None:
    flow = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: web}, spec: {containers: []}}"
    manifest = f"apiVersion: v1\nkind: List\nmetadata: {{}}\n{given.replace('{pod}', flow)}"
    finding = check(CONFIG, manifest).find("shared-node", "Pod web/web")
    assert finding.line
    assert finding.says("repeated elsewhere")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("items: &all\n- {pod}\nothers: *all\n", id="on the list"),
        pytest.param("others: &all\n- {pod}\nitems: *all\n", id="on another list"),
        pytest.param("others: &it\n  items:\n  - {pod}\n<<: *it\n", id="on a mapping that is merged"),
    ],
)
def test_a_change_in_a_shared_resource_list_is_refused(given: str, call: Call) -> None:
    flow = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: web}, spec: {containers: []}}"
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n"
    done = call(stdin=f"{head}{indent(CONFIG, '  ')}{given.replace('{pod}', flow)}".encode())
    assert done.status == 1
    assert "repeated elsewhere" in done.stderr or "has a merge key" in done.stderr


def test_a_shared_list_of_an_earlier_output_is_refused(call: Call, folder: Folder) -> None:
    """It ended in a traceback."""
    config = gmsa_config("admission: {mode: None}\ncredspecs:\n- account: WebApp1\n")
    role = call("render", folder({"gmsa.yaml": config}) / "gmsa.yaml").object("ClusterRole")
    role["rules"] = []
    items = yaml.safe_dump([role])
    head = "apiVersion: v1\nkind: List\nmetadata: {}\n"
    done = call("render", folder({"list.yaml": f"{head}items: &all\n{items}others: *all\n"}))
    assert (done.status, done.stdout) == (1, "")
    assert "repeated elsewhere" in done.stderr
    done = call("render", folder({"list.yaml": f"{head}others: &all\n{items}items: *all\n"}))
    assert done.status == 0, done.stderr
    (found,) = [it for it in done.objects if it["kind"] == "List"]
    assert found["others"] == [role]
    assert found["items"][0]["rules"]


# The proof


def test_a_wrong_edit_does_not_go_out() -> None:
    text = "a:\n  b: 1\nc:\n  d: 2\n"
    document = Document(text)
    root = document.node
    assert root is not None
    right = change_of(document, root, {"a": {"x": "z"}})
    assert right is not None
    assert changed_text(document, [right]) == "a:\n  b: 1\n  x: z\nc:\n  d: 2\n"
    at = text.index("c:")
    for wrong in (
        (at, at, "x: z\n"),
        (len(text), len(text), "  x: z\n"),
        (at, at, "  x: 'z\n"),
        (0, at, "a: {x: z}\n"),
        (at, at, ""),
    ):
        with pytest.raises(UnsupportedForm, match="would become another one"):
            changed_text(document, [Change(root, right.patch, [wrong])])


def test_a_part_of_a_patch_may_ask_for_what_is_there() -> None:
    """It ended in an IndexError."""
    document = Document("a: 1\nb:\n- c: 2\nd:\n  e: 3\n")
    assert document.node is not None
    patch = {"b": ListPatch(change={0: {"c": 2}}), "d": {"e": 3}, "new": True}
    change = change_of(document, document.node, patch)
    assert change is not None
    assert changed_text(document, [change]) == f"{document.text}new: true\n"


def test_edits_that_overlap_are_an_error() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abc", [(0, 2, ""), (1, 3, "")])


# Odd ResourceLists

LOCAL_CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: {kind}
metadata:
  name: contoso
  annotations:
    config.kubernetes.io/local-config: "true"
"""


def test_an_item_that_is_removed_does_not_take_an_anchor_along(call: Call) -> None:
    """The alias of the functionConfig was left without its anchor."""
    local = LOCAL_CONFIG.format(kind="GMSAConfig") + "spec: &spec\n" + CONFIG.partition("spec:\n")[2]
    text = resource_list(LOCAL_CONFIG.format(kind="GMSAConfig") + "spec: *spec\n", local)
    done = call(stdin=text.encode())
    assert (done.status, done.stdout) == (1, "")
    assert "&spec, which is repeated elsewhere" in done.stderr


def test_an_item_that_is_removed_does_not_leave_another_anchor_of_its_name(call: Call) -> None:
    """The image became the kind of the item that was removed, or the reverse."""
    job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: job\nspec:\n  template:\n    spec: {image: &a b}\n"
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\ndata:\n  a: *a\n"
    text = resource_list(CONFIG, job, LOCAL_CONFIG.format(kind="&a GMSAConfig"), other)
    done = call(stdin=text.encode())
    assert (done.status, done.stdout) == (1, "")
    assert "&a, which is repeated elsewhere" in done.stderr


@pytest.mark.parametrize("key", ["items", "results"])
def test_a_merge_key_of_the_resource_list_is_refused(key: str, call: Call) -> None:
    """The list was written again with other quotes."""
    text = f"{resource_list(CONFIG).replace('items:', '')}<<: {{{key}: []}}\n"
    done = call(stdin=text.encode())
    assert (done.status, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    number = text.splitlines().index(f"<<: {{{key}: []}}") + 1
    assert line.startswith(f"stdin:{number}:1: cannot be edited: the ResourceList has a merge key (<<)")


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=NAMED)
def test_a_resource_list_that_ends_in_dots_stays_one_document(line_break: str, call: Call) -> None:
    given = f"{resource_list(CONFIG, pod(IIS))}...\n".replace("\n", line_break)
    done = call(stdin=given.encode())
    assert done.status == 0, done.stderr
    (after,) = yaml.safe_load_all(done.stdout)
    assert after["items"][0]["spec"] == changed(yaml.safe_load(given)["items"][0]["spec"])


# Results of earlier runs


def test_results_of_an_earlier_run_are_replaced(call: Call) -> None:
    """They grew with each run."""
    config = workloads_config(entry(), entry(match="names: [nobody]"))
    other = """\
results:
- message: earlier
  severity: error
- message: theirs
  severity: warning
  tags: {rule: no-match, owner: y}
- message: of another catalogue
  severity: error
  tags: {rule: no-latest-tag}
- message: of another severity
  severity: error
  tags: {rule: no-match}
"""
    once = call(stdin=(resource_list(config, pod(IIS)) + other).encode())
    assert once.status == 0, once.stderr
    kept = ["earlier", "theirs", "of another catalogue", "of another severity"]
    assert [it["message"] for it in yaml.safe_load(once.stdout)["results"]][:-1] == kept
    assert call(stdin=once.stdout.encode()).stdout == once.stdout
    without = once.stdout.replace("nobody", "web")
    assert [it["message"] for it in yaml.safe_load(call(stdin=without.encode()).stdout)["results"]] == kept


@pytest.mark.parametrize("key", ["items", "results"])
def test_what_is_not_a_list_is_not_replaced(key: str, call: Call) -> None:
    text = resource_list(CONFIG).replace("items:\n", "") + f"{key}: {{a: b}}\n"
    done = call(stdin=text.encode())
    assert (done.status, done.stdout) == (1, "")
    assert f"{key} of the ResourceList is not a list" in done.stderr


def test_the_results_of_an_error_are_replaced_too(call: Call) -> None:
    bad = resource_list(workloads_config(entry(credspec="nope")), pod(IIS))
    once = call(stdin=bad.encode())
    twice = call(stdin=once.stdout.encode())
    assert once.status == twice.status == 1
    assert twice.stdout == once.stdout
    cured = call(stdin=once.stdout.replace("nope", "gmsa-webapp1").encode())
    assert cured.status == 0, cured.stderr
    assert not yaml.safe_load(cured.stdout)["results"]
