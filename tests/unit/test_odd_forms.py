"""Odd but legal YAML in workloads: it is changed correctly or refused with a message, and never garbled."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import Any

import pytest
import yaml

from builders import CERT_MANAGER, CREDSPEC, block, deployment, entry, gmsa_config, listed, nested, workloads_config
from conftest import Call, Check, RenderFolder
from gmsa_krm.yamltext.nodes import repeated_anchors

HEAD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
"""


@dataclass(frozen=True)
class Form:
    """A way to write a pod; the text follows the metadata."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.name

    @property
    def manifest(self) -> str:
        return HEAD + block(self.text)


FORMS = [
    Form(
        "an anchor on the spec, and another on the sequence that ends it",
        """
        spec: &pod
          containers:
          - name: iis
            image: iis
            volumeMounts: &vm
            - name: a
              mountPath: /a
        """,
    ),
    Form(
        "a tag on the spec",
        """
        spec: !!map
          containers:
          - name: iis
            image: iis
        """,
    ),
    Form(
        "an anchor and comments",
        """
        spec: &pod # the pod

          # a comment
          containers:
          - name: iis
            image: iis
        """,
    ),
    Form(
        "an anchor on windowsOptions",
        """
        spec:
          containers:
          - name: iis
            image: iis
          securityContext:
            windowsOptions: &wo
              runAsUserName: a
        """,
    ),
    Form(
        "deeper indentation than usual",
        """
        spec: &s
              containers:
              - name: iis
        """,
    ),
    Form(
        "null as a tilde",
        """
        spec:
          containers:
          - name: iis
            image: iis
          securityContext: ~
        """,
    ),
    Form(
        "an alias",
        """
        x: &sc {runAsNonRoot: true}
        spec:
          containers:
          - name: iis
            image: iis
          securityContext: *sc
        """,
    ),
    Form(
        "a string by its tag",
        """
        x: &sc {windowsOptions: {runAsUserName: !!str 12}}
        spec:
          containers:
          - name: iis
            image: iis
          securityContext: *sc
        """,
    ),
    Form(
        "an explicit key with a value",
        """
        spec:
          ? containers
          : - name: iis
        """,
    ),
    Form(
        "a flow mapping with comments",
        """
        spec: {containers: [{name: iis}], # one
          hostname: a, # two
          }
        """,
    ),
]
BLOCK_SCALAR_AT_THE_END = """
    spec:
      containers:
      - name: iis
        args:
        - |
          a
"""
FOLDED_SCALAR_AT_THE_END = """
    spec:
      containers:
      - name: iis
        args:
        - >+
          a
"""


def assert_is_changed_correctly(manifest: str, render_folder: RenderFolder) -> None:
    """The pod has the new fields and is otherwise as before; a second run changes nothing."""
    config = workloads_config(entry())
    done = render_folder(config, manifest)
    assert done.status == 0, done.stderr
    wanted: dict[str, Any] = yaml.safe_load(manifest)
    context = wanted["spec"].get("securityContext") or {}
    options = {**(context.get("windowsOptions") or {}), "gmsaCredentialSpecName": "gmsa-webapp1"}
    wanted["spec"] |= {
        "securityContext": {**context, "windowsOptions": options},
        "serviceAccountName": "webapp1",
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "os": {"name": "windows"},
    }
    assert done.object("Pod") == wanted
    assert render_folder(config, done.stdout).stdout == done.stdout


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_odd_form_is_changed_correctly(form: Form, render_folder: RenderFolder) -> None:
    assert_is_changed_correctly(form.manifest, render_folder)


@pytest.mark.parametrize("text", [BLOCK_SCALAR_AT_THE_END, FOLDED_SCALAR_AT_THE_END], ids=["block", "folded"])
def test_a_scalar_without_a_last_line_break_is_closed(text: str, render_folder: RenderFolder) -> None:
    assert_is_changed_correctly(HEAD + block(text).removesuffix("\n"), render_folder)


@dataclass(frozen=True)
class Refused(Form):
    """A form that is refused: the rule, and the key words of the message. `entry`: more fields of the entry."""

    rule: str
    words: tuple[str, ...]
    entry: str = ""
    field: str = "Pod web/web"


REFUSED = [
    Refused(
        "an explicit key without a value",
        """
        spec:
          containers:
          - name: iis
            image: iis
          ? securityContext
        """,
        rule="unusual-form",
        words=("securityContext", "unusual form"),
    ),
    Refused(
        "a flow key without a colon",
        """
        spec: {containers: [{name: iis}], securityContext}
        """,
        rule="unusual-form",
        words=("securityContext", "unusual form"),
    ),
    Refused(
        "null that an alias repeats",
        """
        spec:
          containers:
          - name: iis
            image: iis
          securityContext: &n null
          affinity: *n
        """,
        rule="shared-node",
        words=("&n", "repeated elsewhere"),
    ),
    Refused(
        "an empty mapping that an alias repeats",
        """
        spec:
          containers:
          - name: iis
            image: iis
          securityContext: &n {}
          affinity: *n
        """,
        rule="shared-node",
        words=("&n", "repeated elsewhere"),
    ),
    Refused(
        "a scalar that an alias repeats",
        """
        spec:
          containers:
          - name: iis
            image: iis
          serviceAccountName: &n foo
          hostname: *n
        """,
        rule="shared-node",
        words=("&n", "repeated elsewhere"),
    ),
    Refused(
        "an anchor inside a hook that is replaced",
        """
        spec:
          containers:
          - name: iis
            lifecycle:
              postStart:
                exec: &e
                  command: [a]
            livenessProbe:
              exec: *e
        """,
        entry="""
            netlogonRestart:
              onExistingHook: Replace
        """,
        rule="shared-node",
        words=("&e", "repeated elsewhere"),
    ),
    Refused(
        "os as a scalar",
        """
        spec:
          containers:
          - name: iis
            image: iis
          os: linux
        """,
        rule="type",
        field="Pod web/web: spec.os",
        words=("mapping",),
    ),
    Refused(
        "a mapping of one pair without braces",
        """
        spec: {containers: [name: iis]}
        """,
        entry="containers: [iis]",
        rule="unusual-form",
        words=("one pair has no braces",),
    ),
]


@pytest.mark.parametrize("form", REFUSED, ids=str)
def test_an_odd_form_is_refused_with_a_message(form: Refused, check: Check) -> None:
    checked = check(workloads_config(entry(form.entry)), form.manifest)
    assert checked.done.status == 1
    finding = checked.find(form.rule, form.field)
    assert finding.file == "web.yaml"
    assert finding.line
    assert finding.says(*form.words), finding.message


# Values of the wrong type

WRONG_TYPES = ["[]", "{}", "text", "1", "null", "[[]]", "[1]", "{a: 1}"]
PLACES = [
    "spec",
    "spec.containers",
    "spec.containers[]",
    "spec.containers[].lifecycle",
    "spec.containers[].lifecycle.postStart",
    "spec.containers[].lifecycle.postStart.exec",
    "spec.containers[].lifecycle.postStart.exec.command",
    "spec.containers[].securityContext",
    "spec.containers[].volumeMounts",
    "spec.volumes",
    "spec.securityContext",
    "spec.securityContext.windowsOptions",
    "spec.securityContext.windowsOptions.gmsaCredentialSpecName",
    "spec.nodeSelector",
    "spec.os",
    "spec.serviceAccountName",
]
ENTRIES = [
    entry(),
    entry("""
        netlogonRestart: {}
        token:
          audience: a
    """),
    entry("containers: [iis]"),
    entry(credspec="nope"),
]


def pod_with(value: str, path: str) -> str:
    """A pod with a value at a path; otherwise it has what a pod needs."""
    pod = yaml.safe_load(HEAD + nested(path, value))
    if path != "spec":
        pod["spec"].setdefault("containers", [])
    if ".containers[]." in path:
        pod["spec"]["containers"][0]["name"] = "iis"
    return yaml.safe_dump(pod, default_flow_style=True)


@pytest.mark.parametrize("path", PLACES)
def test_a_wrong_type_gets_a_message_or_a_result_and_never_a_traceback(path: str, check: Check) -> None:
    for value in WRONG_TYPES:
        for one in ENTRIES:
            check(workloads_config(one), pod_with(value, path))


# Items of a ResourceList


def resource_list(config: str, *items: str) -> str:
    return f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
{listed(*items)}functionConfig:
{indent(config, "  ")}"""


def test_an_anchor_that_items_share_is_refused(call: Call) -> None:
    changed = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
spec: &s
  containers:
  - name: iis
"""
    untouched = """\
apiVersion: v1
kind: Pod
metadata:
  name: untouched
  namespace: web
spec: *s
"""
    given = resource_list(workloads_config(entry()), changed, untouched)
    done = call(stdin=given.encode())
    assert done.status == 1
    assert "&s" in done.stderr
    assert "repeated elsewhere" in done.stderr
    assert done.stdout.startswith(given)


def test_generated_objects_are_not_workloads_of_the_user(call: Call) -> None:
    config = gmsa_config(
        CREDSPEC,
        CERT_MANAGER,
        """
        nodes:
          smbCompartmentNamespace: true
        workloads:
        - match:
            kinds: [Deployment, DaemonSet]
          serviceAccount: webapp1
          windowsNode: false
        """,
    )
    once = call(stdin=resource_list(config, deployment()).encode())
    assert once.status == 0, once.stderr
    twice = call(stdin=once.stdout.encode())
    assert (twice.stdout, twice.stderr) == (once.stdout, once.stderr)
    assert "replicas: 2" in once.stdout
    changed = call(stdin=once.stdout.replace("replicas: 2", "replicas: 5").encode())
    assert yaml.safe_load(changed.stdout)["items"] == yaml.safe_load(once.stdout)["items"]


def test_a_list_with_a_star_in_it_is_scanned_once(render_folder: RenderFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """750 items took 19 seconds, and the time grew with the square."""
    scans: list[object] = []

    def counted(root: Any) -> Any:
        scans.append(root)
        return repeated_anchors(root)

    monkeypatch.setattr("gmsa_krm.yamltext.stream.repeated_anchors", counted)
    pod = """
        containers:
        - name: iis
          args: ['*']
    """
    items = listed(*(deployment(pod, name=f"web{number}") for number in range(50)))
    manifest = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    done = render_folder(workloads_config(entry(match="kinds: [Deployment]")), manifest)
    assert done.status == 0, done.stderr
    assert len(scans) == 1


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param("---\n# Source: x\n---\n", id="a comment between separators"),
        pytest.param("---\n---\n", id="two separators"),
        pytest.param("# a licence\n---\n", id="a comment at the start"),
    ],
)
def test_documents_without_content_are_passed_over(empty: str, render_folder: RenderFolder) -> None:
    done = render_folder(workloads_config(), empty + deployment() + "---\n")
    assert done.status == 0, done.stderr
    assert done.object("Deployment")
