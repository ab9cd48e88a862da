"""What kubectl and Argo CD take for another object than YAML does is checked as they read it, or is an error.

Both decode with k8s.io/apimachinery: `YAMLReader` splits a stream by its lines, `unstructured` takes everything with
`items` for a list, and go-yaml v2 (`sigs.k8s.io/yaml`) applies `<<` where it is in the text.
"""

from __future__ import annotations

import base64
import json
from textwrap import indent

import pytest
import yaml

from builders import CREDSPEC_FROM_WORKLOADS, MODE_NONE, deployment, entry, gmsa_config, listed, workloads_config
from conftest import CREDSPEC, DOMAIN, HEAD, Call, Check, Folder

CONFIG = gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE)
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
spec:
  nodeSelector:
    kubernetes.io/os: windows
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-nope
  containers: []
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: other
"""
UNKNOWN = "gmsa-nope is not a credspec of the config"


def resource_list(*items: str) -> str:
    return f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
{listed(*items)}functionConfig:
{indent(CONFIG, "  ")}"""


def messages(manifest: str, call: Call, folder: Folder) -> list[str]:
    """What `render` and the post-renderer say, which must not let the manifest through."""
    where = folder({"gmsa.yaml": CONFIG, "web.yaml": manifest})
    runs = call("render", where), call("post-render", "--config", where / "gmsa.yaml", stdin=manifest.encode())
    assert [(done.status, done.stdout) for done in runs] == [(1, "")] * 2
    return [done.stderr for done in runs]


# Lists


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(f"items:\n{listed(POD)}", id="in blocks"),
        pytest.param(f'"items":\n{listed(POD)}', id="a quoted key"),
        pytest.param(f'"it\\x65ms":\n{listed(POD)}', id="an escaped key"),
        pytest.param(f"items:\n{listed(CONFIG_MAP + 'items:' + chr(10) + listed(POD))}", id="in each other"),
        pytest.param(f"<<:\n  items:\n{indent(listed(POD), '  ')}", id="merged"),
    ],
)
def test_an_object_with_items_is_a_list_of_whatever_kind(objects: str, call: Call, folder: Folder) -> None:
    manifest = CONFIG_MAP + objects
    assert all(UNKNOWN in message for message in messages(manifest, call, folder))
    assert UNKNOWN in call(stdin=resource_list(manifest).encode()).stderr


def test_items_that_are_repeated_are_an_error(check: Check) -> None:
    """kubectl takes the last of two equal keys."""
    manifest = f"{CONFIG_MAP}items: []\nitems:\n{listed(deployment('containers: []'))}"
    assert check(workloads_config(entry()), manifest).find("duplicate-key", "").says("items", "line 5")


def test_a_workload_in_a_list_of_another_kind_is_changed(check: Check) -> None:
    manifest = f"{CONFIG_MAP}items:\n{listed(deployment('containers: []'))}"
    done = check(workloads_config(entry()), manifest).done
    pod = done.object("ConfigMap")["items"][0]["spec"]["template"]["spec"]
    assert pod["securityContext"]["windowsOptions"]["gmsaCredentialSpecName"] == "gmsa-webapp1"


def test_a_secret_in_a_list_of_another_kind_is_written_for_its_owner(call: Call, folder: Folder) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n"
    where = folder({"gmsa.yaml": CONFIG, "web.yaml": f"{CONFIG_MAP}items:\n{listed(secret)}"})
    assert call("render", where, "-o", where / "out").status == 0
    (file,) = (where / "out").glob("*-configmap-*")
    assert file.stat().st_mode & 0o777 == 0o600


# Merge keys

OTHER_CREDSPEC = "      <<:\n        gmsaCredentialSpecName: gmsa-nope\n"


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(
            POD.replace("gmsa-nope\n", "gmsa-webapp1\n" + OTHER_CREDSPEC),
            id="a name",
        ),
        pytest.param(CONFIG_MAP + f"<<:\n{indent(POD, '  ')}", id="the kind"),
        pytest.param(CONFIG_MAP + f"<<:\n- kind: Service\n- <<:\n{indent(POD, '    ')}", id="the kind, in a list"),
        pytest.param(f"a: &pod\n{indent(POD, '  ')}kind: Service\n<<: *pod\n", id="the kind, from an anchor"),
    ],
)
def test_a_key_that_is_merged_again_is_an_error(manifest: str, call: Call, folder: Folder) -> None:
    assert all("merged once more by <<" in message for message in messages(manifest, call, folder))


def test_a_key_after_the_merge_key_overrides_it(check: Check) -> None:
    """All readers agree about that."""
    manifest = POD.replace(
        "      gmsaCredentialSpecName: gmsa-nope\n", OTHER_CREDSPEC + "      gmsaCredentialSpecName: gmsa-webapp1\n"
    )
    assert {it.rule for it in check(CONFIG, manifest).findings} == {"default-service-account"}


RULES = """\
<<:
  rules:
  - apiGroups:
    - "*"
    resources:
    - "*"
    verbs:
    - "*"
"""


def test_an_earlier_output_does_not_keep_what_is_merged_over_it(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG})
    earlier = next(it for it in call("render", where).stdout.split("---\n") if "kind: ClusterRole\n" in it)
    (where / "role.yaml").write_text(earlier + RULES)
    done = call("render", where)
    assert "ClusterRole use-gmsa-webapp1 differs from what the config gives, and is replaced" in done.stderr
    assert "<<" not in done.stdout


@pytest.mark.parametrize("key", ['!!merge "<<"', "!!merge '<<'", "!<tag:yaml.org,2002:merge> <<"])
def test_a_tag_makes_a_merge_key(key: str, call: Call, folder: Folder) -> None:
    manifest = POD.replace("  securityContext:\n", f"  {key}:\n    securityContext:\n").replace(
        "    windowsOptions:\n      gmsa", "      windowsOptions:\n        gmsa"
    )
    assert "gmsa-nope" in str(yaml.safe_load(manifest.replace(key, "<<")))
    assert all(UNKNOWN in message for message in messages(manifest, call, folder))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("!<tag:example.com:merge> <<", id="a tag of another namespace"),
        pytest.param('"<<"', id="quoted"),
        pytest.param("*merge ", id="an alias"),
    ],
)
def test_what_is_no_merge_key_merges_nothing(key: str, check: Check) -> None:
    """The pod has no service account, though one seems to be merged in."""
    manifest = POD.replace("gmsa-nope", "gmsa-webapp1").replace("  name: web\n", "  name: web\n  uid: &merge <<\n")
    manifest += f"  {key}:\n    serviceAccountName: webapp1\n"
    assert "default-service-account" in {it.rule for it in check(CONFIG, manifest).findings}


@pytest.mark.parametrize("key", ["! <<", '! "<<"', "!<!> '<<'", '! &merge "<<"', '! "\\x3c<"'])
def test_what_is_a_merge_key_to_some_readers_is_an_error(key: str, call: Call, folder: Folder) -> None:
    """kubectl has the containers that are merged, kustomize the others."""
    manifest = POD.replace("gmsa-nope", "gmsa-webapp1") + f"  {key}:\n    containers: [{{name: iis, image: iis}}]\n"
    assert all("the key << has the tag !" in message for message in messages(manifest, call, folder))


@pytest.mark.parametrize(
    "key", ["!!merge a", '!!merge "a"', "!<tag:yaml.org,2002:merge> labels", "!!merge &m a", "? !!merge {a: b}\n  "]
)
def test_a_key_that_kustomize_alone_merges_is_an_error(key: str, call: Call, folder: Folder) -> None:
    """Whatever the text of a key with that tag is; to kubectl it is a key of that name."""
    manifest = POD.replace("gmsa-nope", "gmsa-webapp1") + f"  {key}: {{serviceAccountName: webapp1}}\n"
    assert all("the tag !!merge is for a key <<" in message for message in messages(manifest, call, folder))


@pytest.mark.parametrize(
    "line",
    [
        "!<!!merge> <<: {serviceAccountName: webapp1}",
        "hostname: !<!!binary> d2Vi",
        "!<!!binary> aG9zdG5hbWU=: web",
        "nodeSelector: !<!!map> {}",
    ],
)
def test_a_tag_that_kustomize_alone_knows_is_an_error(line: str, call: Call, folder: Folder) -> None:
    """It reads !<!!binary> as !!binary; to kubectl it is a tag of no type, so the text counts."""
    manifest = POD.replace("gmsa-nope", "gmsa-webapp1") + f"  {line}\n"
    assert all("to some readers only; write !!" in message for message in messages(manifest, call, folder))


def test_the_tag_of_a_merge_key_may_be_written(check: Check) -> None:
    """As go-yaml writes merge keys."""
    lines = POD.replace("gmsa-nope", "gmsa-webapp1")
    checked = check(CONFIG, f"{lines}  serviceAccountName: webapp1\n  !!merge <<: &m {{priority: 1}}\n")
    assert checked.done.status == 0, checked.done.stderr


def test_a_value_may_look_like_a_merge_key(check: Check) -> None:
    manifest = POD.replace("gmsa-nope", "gmsa-webapp1").replace("metadata:\n", 'metadata:\n  uid: ! "<<"\n')
    assert check(CONFIG, manifest).done.status == 0


# Tags


@pytest.mark.parametrize("key", ["kind", "spec", "name"])
def test_base64_that_holds_no_text_is_another_key(key: str, call: Call, folder: Folder) -> None:
    """To the readers of Kubernetes `!!binary spec` is a key of three bytes, so the one that is merged counts."""
    plain = {"kind": "kind: Pod", "spec": "spec:\n", "name": "name: web"}[key]
    other = {"kind": "!!binary kind: Secret\n", "spec": "!!binary spec: {containers: []}\n", "name": ""}[key]
    lines = POD.replace("  name: web\n", "  name: web\n  !!binary name: other\n") if key == "name" else POD
    manifest = f"<<:\n{indent(lines, '  ')}{other}"
    assert plain in manifest
    assert all(UNKNOWN in message for message in messages(manifest, call, folder))


def test_base64_that_holds_no_text_is_not_copied(check: Check) -> None:
    """What an alias repeats is written again, and this cannot be."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: web}\nspec:\n  nodeSelector: *labels\n  containers: []\n"
    manifest = f"apiVersion: v1\nkind: List\nlabels: &labels {{a: !!binary gIGC}}\nitems:\n{listed(pod)}"
    finding = check(workloads_config(entry()), manifest).find("unusual-form", "Pod web/web")
    assert finding.says("the tag !binary")


@pytest.mark.parametrize("tag", ["null", "bool", "merge"])
def test_a_tag_of_another_namespace_does_not_hide_a_kind(tag: str, call: Call, folder: Folder) -> None:
    manifest = POD.replace("kind: Pod", f"kind: !<tag:example.com:{tag}> Pod")
    assert all(UNKNOWN in message for message in messages(manifest, call, folder))


def test_a_tag_of_another_namespace_is_not_base64(call: Call, folder: Folder) -> None:
    name = base64.b64encode(b"gmsa-webapp1").decode()
    manifest = POD.replace("gmsa-nope", f"!<tag:example.com:binary> {name}")
    assert all(name in message for message in messages(manifest, call, folder))


# Separators


@pytest.mark.parametrize("line", ["---#", "---# a comment", "---\x0b", "---\f", "---\xa0", "---\u3000\r"])
@pytest.mark.parametrize("before", [CONFIG_MAP, "~\n", "", "# a comment\n"], ids=["object", "null", "none", "comment"])
def test_a_line_that_only_some_take_for_a_separator_is_an_error(
    line: str, before: str, call: Call, folder: Folder
) -> None:
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}\n'
    for message in messages(f"{before}{line}\n{pod}", call, folder):
        assert f":{before.count(chr(10)) + 1}:1: ends a document for kubectl and kustomize" in message


REFUSED = ["---apiVersion: v1", "---{}", "---a", "----", "-----BEGIN CERTIFICATE-----", "---\u00e9"]


@pytest.mark.parametrize("line", REFUSED)
@pytest.mark.parametrize("place", ["first", "between", "text"])
def test_a_line_of_more_than_dashes_is_an_error(line: str, place: str, call: Call, folder: Folder) -> None:
    """kubectl and Argo CD refuse the whole file; tests/hosts/test_readers.py asks them."""
    text = "".join(CONFIG_MAP.splitlines(keepends=True)[1:])
    manifest = {
        "first": f"{line}\n{text}",
        "between": f"{CONFIG_MAP}{line}\n{text}",
        "text": f'{CONFIG_MAP}data:\n  a: "\n{line}\n    "\n',
    }[place]
    number = manifest.splitlines().index(line) + 1
    for message in messages(manifest, call, folder):
        assert f":{number}:1: starts with --- and is no separator" in message


@pytest.mark.parametrize("list_", ["resources", "generators", "transformers"])
def test_a_line_of_more_than_dashes_in_a_kustomization_hides_nothing(list_: str, call: Call, folder: Folder) -> None:
    kustomization = f"{list_}:\n- |\n  ---apiVersion: gmsa-krm.dev/v1alpha1\n  kind: GMSAConfig\n"
    where = folder({"gmsa.yaml": CONFIG, "kustomization.yaml": kustomization, "web.yaml": POD})
    assert UNKNOWN in call("lint", where).stdout


@pytest.mark.parametrize("line", ["---", "--- # a comment", "---\t", "--- \r"])
def test_a_separator_may_have_a_comment(line: str, check: Check) -> None:
    done = check(CONFIG, f"{CONFIG_MAP}{line}\n{CONFIG_MAP.replace('other', 'more')}").done
    assert done.status == 0


# Lists in lists


@pytest.mark.parametrize("labels", ["", "  labels:\n    app.kubernetes.io/managed-by: gmsa-krm\n"])
def test_an_emitted_object_does_not_hide_in_a_list_in_a_list(labels: str, call: Call, folder: Folder) -> None:
    """kubectl applies what is in it, too."""
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: use-gmsa-webapp1\n" + labels
    nested = f"apiVersion: v1\nkind: List\nitems:\n{listed(role)}"
    manifest = f"apiVersion: v1\nkind: List\nitems:\n{listed(nested)}"
    for message in messages(manifest, call, folder):
        assert "ClusterRole use-gmsa-webapp1 is also emitted for spec.credspecs[0]" in message
    done = call(stdin=resource_list(manifest).encode())
    assert done.status == 1
    assert "ClusterRole use-gmsa-webapp1 is also emitted" in done.stderr


@pytest.mark.parametrize("space", ["\xa0", "\x0b", "\f", "\u3000", "\n\u2028 \xa0\n"])
def test_json_behind_other_white_space_is_an_error(space: str, call: Call, folder: Folder) -> None:
    """YAML reads one text, and so no object."""
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}\n'
    assert all(":1:1: starts with white space" in message for message in messages(space + pod, call, folder))


@pytest.mark.parametrize("line_break", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_a_line_break_outside_of_the_texts_of_json_does_not_become_one(
    line_break: str, place: str, call: Call, folder: Folder
) -> None:
    """In a text it is written as an escape; it was written so everywhere, which no reader could read."""
    text = json.dumps(yaml.safe_load(POD.replace("gmsa-nope", "gmsa-webapp1")))
    given = {
        "before": f"{line_break}{text}\n",
        "after": f"{text}{line_break}\n",
        "between": f'{{{line_break}"metadata"{text.partition(chr(34) + "metadata" + chr(34))[2][:-1]},'
        ' "apiVersion": "v1", "kind": "Pod"}\n',
    }[place]
    done = call("render", folder({"gmsa.yaml": CONFIG, "web.yaml": given}))
    assert done.status == 0, done.stderr
    assert [it["metadata"]["name"] for it in yaml.safe_load_all(done.stdout) if it["kind"] == "Pod"] == ["web"]


# Byte order marks


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param("spec: {\n\ufeffserviceAccountName: webapp1, ", id="a key"),
        pytest.param("spec: {serviceAccountName:\n\ufeffwebapp1, ", id="a value"),
        pytest.param("spec: {\u2028\ufeffserviceAccountName: webapp1, ", id="after a line break of Unicode"),
    ],
)
def test_a_byte_order_mark_within_a_document_is_an_error(hidden: str, call: Call, folder: Folder) -> None:
    """To go-yaml it is a part of the word after it."""
    pod = "securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1}}, containers: []}\n"
    manifest = f"{POD.partition('spec:')[0]}{hidden}{pod}"
    assert all(":7:1: a byte order mark" in message for message in messages(manifest, call, folder))


@pytest.mark.parametrize("start", ["", "---\n", "--- # a comment\n"])
def test_a_byte_order_mark_may_start_a_document(start: str, check: Check) -> None:
    manifest = f"{CONFIG_MAP}---\n{CONFIG_MAP.replace('other', 'more')}"
    manifest += (
        f'{start}\ufeff{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "last"}}}}\n' if start else ""
    )
    assert check(CONFIG, ("" if start else "\ufeff") + manifest).done.status == 0


@pytest.mark.parametrize("behind", [":", " : x", ": {}\nkind: ConfigMap", " :\n---\na: b"])
def test_json_as_a_key_is_an_error(behind: str, call: Call, folder: Folder) -> None:
    """kubectl applies the object before it comes to the error behind it."""
    pod = json.dumps(yaml.safe_load(POD))
    assert all("an object of its own to kubectl" in it for it in messages(pod + behind + "\n", call, folder))


@pytest.mark.parametrize("kind", ["Pod", "PodList"])
@pytest.mark.parametrize("named", ["", "  kind: 5\n  apiVersion: [v1]\n", "  kind: ''\n", "  kind: ~\n"])
def test_an_entry_that_gets_its_kind_from_the_list_is_an_error(
    kind: str, named: str, call: Call, folder: Folder
) -> None:
    """kubectl and Helm apply it as a Pod (unstructured/helpers.go of apimachinery)."""
    entry = indent(POD.partition("kind: Pod\n")[2], "  ")
    manifest = f"apiVersion: v1\nkind: {kind}\nitems:\n-{entry[1:]}{named}"
    assert "kubectl takes it for a Pod" in messages(manifest, call, folder)[1]


def test_an_emitted_object_in_a_list_that_gives_it_its_kind_is_an_error(call: Call, folder: Folder) -> None:
    """It would be applied beside the emitted one, and replace it."""
    manifest = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleList\nitems:\n- metadata: {name: gmsa-use-gmsa-webapp1}\n"
        "  rules: [{apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], verbs: [use]}]\n"
    )
    assert all("kubectl takes it for a ClusterRole" in it for it in messages(manifest, call, folder))


def test_entries_of_other_lists_need_no_kind(check: Check) -> None:
    manifest = (
        "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n  data: {a: gmsaCredentialSpecName}\n"
    )
    assert check(CONFIG, manifest).done.status == 0


def test_lint_reads_the_other_files_of_a_repository(call: Call, folder: Folder) -> None:
    """A file whose lines end documents for some readers only is one finding, and does not hide those of others."""
    where = folder({"gmsa.yaml": CONFIG, "a.yaml": CONFIG_MAP + "---#\n" + CONFIG_MAP, "web.yaml": POD})
    done = call("lint", where)
    assert done.status == 1
    assert "a.yaml:5:1: ends a document for kubectl" in done.stdout
    assert UNKNOWN in done.stdout


# Documents that start on the line of their `---`: to kubectl they do only where they are the first of a stream.
CROWDED = {
    "a line separator": "---\u2028apiVersion: example.com/v1\u2028kind: Widget\nmetadata:\n  name: other\n",
    "a comment before a line separator": "--- # a\u2028apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: other\n",
    "JSON": '--- {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "other"}}\n',
    "a directive before": '%YAML 1.1\n--- {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "other"}}\n',
}


@pytest.mark.parametrize("host", ["render", "post-render"])
@pytest.mark.parametrize("form", CROWDED)
def test_a_document_behind_others_starts_below_its_separator(form: str, host: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG, "other.yaml": CROWDED[form]})
    if host == "render":
        done = call("render", where)
    else:
        done = call("post-render", "--config", where / "gmsa.yaml", stdin=CROWDED[form].encode())
    assert done.status == 0
    lines = done.stdout.split("\n")
    assert {line for line in lines if line.startswith("---")} == {"---"}
    assert "Widget" in [it["kind"] for it in yaml.safe_load_all(done.stdout)]


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_a_line_break_of_yaml_in_a_file_of_json_stays_text(character: str, call: Call, folder: Folder) -> None:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": f"b{character}c"}}
    where = folder({"gmsa.yaml": CONFIG, "a.json": json.dumps(data, ensure_ascii=False)})
    done = call("render", where)
    assert data in list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("key", ["x", "metadata"])
def test_a_key_is_repeated_in_what_a_changed_workload_is_in(key: str, call: Call, folder: Folder) -> None:
    """The output refers to a credential spec, so reading it again would be an error."""
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: web}, spec: {containers: [{name: iis, image: a}]}}"
    entry = "  workloads:\n  - match: {names: [%s]}\n    credspec: gmsa-webapp1\n    serviceAccount: webapp1\n"
    manifest = f"kind: PodList\nitems: [{pod}]\n{key}: {{}}\n{key}: {{}}\n"
    found = {}
    for name in ("web", "other"):
        config = HEAD + DOMAIN + CREDSPEC + "  admission: {mode: None}\n" + entry % name
        where = folder({"gmsa.yaml": config, "web.yaml": manifest})
        found[name] = call("render", where / "gmsa.yaml", where / "web.yaml")
    assert found["web"].status == 1
    assert (
        f"web.yaml:4:1: the key {key} is repeated in this mapping (first in line 3); remove one\n"
        in found["web"].stderr
    )
    if key == "x":  # which decides nothing, where nothing is changed
        assert found["other"].status == 0, found["other"].stderr
