"""Odd but legal YAML in workloads: changed rightly, or refused with a message; never garbled."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ENTRY, Call, Folder, deployment
from conftest import workloads_config as config

HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: web}\n"
CONTAINERS = "  containers:\n  - name: iis\n    image: iis\n"
# {form: the pod's spec}; each must come out with the wanted fields and nothing else changed
FORMS = {
    "anchor on the spec, sequence with an anchor last": "spec: &pod\n"
    + CONTAINERS
    + "    volumeMounts: &vm\n    - name: a\n      mountPath: /a\n",
    "tag on the spec": "spec: !!map\n" + CONTAINERS,
    "anchor and comment": "spec: &pod # the pod\n\n  # a comment\n" + CONTAINERS,
    "anchor on windowsOptions": "spec:\n"
    + CONTAINERS
    + "  securityContext:\n    windowsOptions: &wo\n      runAsUserName: a\n",
    "deeper than usual": "spec: &s\n      containers:\n      - name: iis\n",
    "cut off in a block scalar": "spec:\n  containers:\n  - name: iis\n    args:\n    - |\n      a",
    "cut off in a folded scalar": "spec:\n  containers:\n  - name: iis\n    args:\n    - >+\n      a",
    "null with a tilde": "spec:\n" + CONTAINERS + "  securityContext: ~\n",
    "merged from an anchor": "x: &sc {runAsUser: 1}\nspec:\n" + CONTAINERS + "  securityContext: *sc\n",
    "a string by its tag": "x: &sc {windowsOptions: {runAsUserName: !!str 12}}\nspec:\n"
    + CONTAINERS
    + "  securityContext: *sc\n",
    "explicit key with a value": "spec:\n  ? containers\n  : - name: iis\n",
    "flow with comments": "spec: {containers: [{name: iis}], # one\n  hostname: a, # two\n  }\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_an_odd_form_is_changed_rightly(form: str, call: Call, folder: Folder) -> None:
    text = HEAD + FORMS[form]
    done = call("render", folder({"gmsa.yaml": config(ENTRY), "web.yaml": text}))
    assert done.status == 0, done.stderr
    before: dict[str, Any] = yaml.safe_load(text)
    pod = before["spec"]
    context = pod.get("securityContext") or {}
    options = {**(context.get("windowsOptions") or {}), "gmsaCredentialSpecName": "gmsa-webapp1"}
    pod |= {
        "securityContext": {**context, "windowsOptions": options},
        "serviceAccountName": "webapp1",
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "os": {"name": "windows"},
    }
    assert done.object("Pod") == before
    again = folder({"web.yaml": done.stdout})
    assert call("render", again).stdout == done.stdout


# {form: (the pod's spec, what is said)}
REFUSED = {
    "explicit key without a value": (
        "spec:\n" + CONTAINERS + "  ? securityContext\n",
        "securityContext is a key in an unusual form",
    ),
    "flow key without a colon": (
        "spec: {containers: [{name: iis}], securityContext}\n",
        "securityContext is a key in an unusual form",
    ),
    "null that an alias repeats": (
        "spec:\n" + CONTAINERS + "  securityContext: &n null\n  affinity: *n\n",
        "stands under &n, which is repeated elsewhere",
    ),
    "empty mapping that an alias repeats": (
        "spec:\n" + CONTAINERS + "  securityContext: &n {}\n  affinity: *n\n",
        "stands under &n, which is repeated elsewhere",
    ),
    "scalar that an alias repeats": (
        "spec:\n" + CONTAINERS + "  serviceAccountName: &n foo\n  hostname: *n\n",
        "stands under &n, which is repeated elsewhere",
    ),
    "anchor inside what is replaced": (
        "spec:\n  containers:\n  - name: iis\n    lifecycle: {postStart: {exec: &e {command: [a]}}}\n    livenessProbe: {exec: *e}\n",
        "stands under &e, which is repeated elsewhere",
    ),
    "os as a scalar": ("spec:\n" + CONTAINERS + "  os: linux\n", "spec.os: is no mapping"),
    "single pair": ("spec: {containers: [name: iis]}\n", "a mapping of one pair without braces"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_an_odd_form_is_refused_with_a_message(form: str, call: Call, folder: Folder) -> None:
    spec, wanted = REFUSED[form]
    more = {
        "single pair": "    containers: [iis]\n",
        "anchor inside what is replaced": "    netlogonRestart: {onExistingHook: Replace}\n",
    }.get(form, "")
    done = call("render", folder({"gmsa.yaml": config(ENTRY + more), "web.yaml": HEAD + spec}))
    assert (done.status, done.stdout) == (1, ""), done.stdout
    assert wanted in done.stderr
    assert "web.yaml:" in done.stderr


WRONG_TYPES = ["[]", "{}", "text", "1", "null", "[[]]", "[1]", "{a: 1}"]
PLACES = [
    "spec: %s",
    "spec: {containers: %s}",
    "spec: {containers: [%s]}",
    "spec: {containers: [{name: iis, lifecycle: %s}]}",
    "spec: {containers: [{name: iis, lifecycle: {postStart: %s}}]}",
    "spec: {containers: [{name: iis, lifecycle: {postStart: {exec: %s}}}]}",
    "spec: {containers: [{name: iis, lifecycle: {postStart: {exec: {command: %s}}}}]}",
    "spec: {containers: [{name: iis, securityContext: %s}]}",
    "spec: {containers: [{name: iis, volumeMounts: %s}]}",
    "spec: {containers: [], volumes: %s}",
    "spec: {containers: [], securityContext: %s}",
    "spec: {containers: [], securityContext: {windowsOptions: %s}}",
    "spec: {containers: [], securityContext: {windowsOptions: {gmsaCredentialSpecName: %s}}}",
    "spec: {containers: [], nodeSelector: %s}",
    "spec: {containers: [], os: %s}",
    "spec: {containers: [], serviceAccountName: %s}",
]


@pytest.mark.parametrize("place", PLACES)
def test_wrong_types_get_a_message_or_a_result_and_never_a_traceback(place: str, call: Call, folder: Folder) -> None:
    entries = (
        ENTRY,
        ENTRY + "    netlogonRestart: {}\n    token: {audience: a}\n",
        ENTRY + "    containers: [iis]\n",
        ENTRY.replace("gmsa-webapp1", "nope"),
    )
    for value in WRONG_TYPES:
        for entry in entries:
            where = folder({"gmsa.yaml": config(entry), "web.yaml": HEAD + place % value + "\n"})
            for command in ("render", "lint"):
                done = call(command, where)
                assert done.status in (0, 1)
                assert done.status == 0 or done.stderr or done.stdout


def resource_list(items: str, text: str) -> bytes:
    return f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n{textwrap.indent(text, '  ')}".encode()


def test_an_anchor_that_items_share_is_refused(call: Call) -> None:
    items = "- apiVersion: v1\n  kind: Pod\n  metadata: {name: web, namespace: web}\n  spec: &s {containers: [{name: iis}]}\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: untouched, namespace: web}\n  spec: *s\n"
    given = resource_list(items, config(ENTRY))
    done = call(stdin=given)
    assert done.status == 1
    assert "stands under &s, which is repeated elsewhere" in done.stderr
    assert done.stdout.startswith(given.decode())


def test_our_own_objects_are_no_workloads_of_the_user(call: Call) -> None:
    text = config(
        "  - match: {kinds: [Deployment, DaemonSet]}\n    serviceAccount: webapp1\n    windowsNode: false\n",
        more="  nodes: {smbCompartmentNamespace: true}\n",
    )
    text = text.replace("  admission: {mode: None}\n", "  webhook: {certificate: {source: CertManager}}\n")
    once = call(stdin=resource_list("- " + deployment(), text))
    assert once.status == 0, once.stderr
    twice = call(stdin=once.stdout.encode())
    assert (twice.stdout, twice.stderr) == (once.stdout, once.stderr)
    changed = call(stdin=once.stdout.replace("replicas: 2", "replicas: 5").encode())
    assert yaml.safe_load(changed.stdout)["items"] == yaml.safe_load(once.stdout)["items"]


def test_a_list_with_a_star_in_it_is_scanned_once(call: Call, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """750 items took 19 seconds, and it grew with the square."""
    from gmsa_krm.yaml import stream

    scans: list[object] = []
    real = stream.repeated_anchors
    monkeypatch.setattr(stream, "repeated_anchors", lambda root: scans.append(root) or real(root))
    entry = ENTRY.replace("names: [web]", "kinds: [Deployment]")
    items = "".join(
        "- " + deployment("{containers: [{name: iis, args: ['*']}]}", name=f"web{number}") for number in range(50)
    )
    done = call(
        "render", folder({"gmsa.yaml": config(entry), "web.yaml": "apiVersion: v1\nkind: List\nitems:\n" + items})
    )
    assert done.status == 0, done.stderr
    assert len(scans) == 1


def test_tokens_that_clash(call: Call, folder: Folder) -> None:
    one = ENTRY + "    token: {audience: vault}\n"
    same = call("render", folder({"gmsa.yaml": config(one + one), "web.yaml": deployment()}))
    assert same.status == 0, same.stderr
    assert len(same.object("Deployment")["spec"]["template"]["spec"]["volumes"]) == 1
    for other, pod, wanted in (
        (
            one + ENTRY + "    token: {audience: other}\n",
            "",
            "gets vault (3600 s) by spec.workloads[0].token and other (3600 s) by spec.workloads[1].token",
        ),
        (
            one,
            "{containers: [{name: iis}], volumes: [{name: bound-token, projected: {sources: []}}]}",
            "has another volume bound-token already",
        ),
        (
            one,
            "{containers: [{name: iis, volumeMounts: [{name: x, mountPath: /var/run/secrets/tokens}]}]}",
            "has something mounted at /var/run/secrets/tokens already",
        ),
    ):
        done = call("render", folder({"gmsa.yaml": config(other), "web.yaml": deployment(pod)}))
        assert (done.status, done.stdout) == (1, "")
        assert wanted in done.stderr


def test_the_diagnostics_job_is_a_user_too(call: Call, folder: Folder) -> None:
    credspec = "  credspecs:\n  - account: WebApp1\n    usedBy: FromWorkloads\n    diagnostics: {namespace: diag, serviceAccount: diagsa}\n"
    done = call("render", folder({"gmsa.yaml": config(ENTRY, credspec), "web.yaml": deployment()}))
    assert done.status == 0, done.stderr
    bindings = {
        it["metadata"]["namespace"]: [subject["name"] for subject in it["subjects"]]
        for it in done.objects
        if it["kind"] == "RoleBinding"
    }
    assert bindings == {"diag": ["diagsa"], "web": ["webapp1"]}
    again = call("render", folder({"web.yaml": done.stdout}))
    assert again.stdout == done.stdout


@pytest.mark.parametrize("empty", ["---\n# Source: x\n---\n", "---\n---\n", "# a licence\n---\n"])
def test_documents_of_comments_are_passed_over(empty: str, call: Call, folder: Folder) -> None:
    done = call("render", folder({"gmsa.yaml": config("    []\n"), "web.yaml": empty + deployment() + "---\n"}))
    assert done.status == 0, done.stderr
    assert done.object("Deployment")


def test_a_patch_of_a_custom_kind_does_not_replace_lists(call: Call, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(
        config(ENTRY + "    containers: [iis]\n", more="  workloadKinds: [{apiGroup: argoproj.io, kind: Rollout}]\n")
    )
    done = call("patch", "--config", tmp_path / "gmsa.yaml", "Rollout.v1alpha1.argoproj.io/web")
    assert (done.status, done.stdout) == (1, "")
    assert "in which a strategic merge patch replaces lists whole" in done.stderr


def test_a_hook_on_an_init_container_is_refused_and_labels_are_merged(call: Call, folder: Folder) -> None:
    pod = "{initContainers: [{name: first}], containers: [{name: iis}]}"
    done = call(
        "render",
        folder(
            {
                "gmsa.yaml": config(ENTRY + "    containers: [first]\n    netlogonRestart: {}\n"),
                "web.yaml": deployment(pod),
            }
        ),
    )
    assert done.status == 1
    assert "initContainers[0]: is an init container, which has no postStart hook" in done.stderr
    merged = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: web\n  labels: {<<: {app: iis}, b: c}\nspec: {containers: [{name: iis}]}\n"
    done = call(
        "render",
        folder({"gmsa.yaml": config(ENTRY.replace("names: [web]", "labelSelector: app=iis")), "web.yaml": merged}),
    )
    assert "gmsaCredentialSpecName" in done.stdout
