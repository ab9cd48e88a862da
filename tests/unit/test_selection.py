"""Which workloads an entry of spec.workloads selects: by label, kind, name and namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from builders import IIS, deployment, entry, workload, workloads_config
from conftest import Check, Done, RenderFolder


def selected(done: Done) -> bool:
    """Whether the entry of the config changed the workload; it warns where it matched none."""
    assert done.status == 0, done.stderr
    changed = "gmsaCredentialSpecName" in done.stdout
    assert ("spec.workloads[0].match: matches no workload" in done.stderr) is not changed
    return changed


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ("app=iis", {"app": "iis"}, True),
        ("app==iis", {"app": "web"}, False),
        ("app!=iis", {}, True),
        ("app!=iis", {"app": "iis"}, False),
        ("app in (iis,web)", {"app": "web"}, True),
        ("app in ( iis , web )", {"app": "x"}, False),
        ("app notin (iis)", {}, True),
        ("app notin (iis)", {"app": "iis"}, False),
        ("app", {"app": ""}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("! app", {"app": "x"}, False),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "3"}, False),
        ("n>3", {"n": "x"}, False),
        ("app=", {"app": ""}, True),
        ("app in (,iis)", {"app": ""}, True),
        ("a.b/c-d=1,x in (y),!z", {"a.b/c-d": "1", "x": "y"}, True),
        ("a=1, b", {"a": "1"}, False),
    ],
)
def test_label_selectors_have_the_forms_of_kubectl(
    selector: str, labels: dict[str, str], matches: bool, render_folder: RenderFolder
) -> None:
    """Those of pkg/labels/selector.go in apimachinery."""
    config = workloads_config(entry(match=yaml.safe_dump({"labelSelector": selector})))
    web = yaml.safe_load(deployment())
    web["metadata"]["labels"] = labels
    assert selected(render_folder(config, yaml.safe_dump(web))) is matches


@pytest.mark.parametrize(
    "selector",
    [
        "app=iis,",
        "=",
        "app in iis",
        "app in (iis",
        "a b",
        "a=b c",
        "app => 1",
        "a/b/c",
        "n>x",
        "a=%",
    ],
)
def test_what_is_not_a_label_selector_is_refused(selector: str, check: Check) -> None:
    finding = check(workloads_config(entry(match=yaml.safe_dump({"labelSelector": selector})))).finding
    assert (finding.rule, finding.field) == ("label-selector", "spec.workloads[0].match.labelSelector")


@dataclass(frozen=True)
class Kind:
    """A kind of workload; `pod` is where the spec of its pod is."""

    api_version: str
    name: str
    pod: str = "spec.template.spec"

    def __str__(self) -> str:
        return self.name

    def manifest(self) -> str:
        return workload(IIS, api_version=self.api_version, kind=self.name, at=self.pod)

    def pod_of(self, done: Done) -> dict[str, Any]:
        assert done.status == 0, done.stderr
        at = done.object(self.name)
        for key in self.pod.split("."):
            at = at[key]
        return at


ROLLOUT = Kind("argoproj.io/v1alpha1", "Rollout")
KINDS = [
    Kind("v1", "Pod", pod="spec"),
    Kind("v1", "PodTemplate", pod="template.spec"),
    Kind("v1", "ReplicationController"),
    Kind("apps/v1", "Deployment"),
    Kind("apps/v1", "StatefulSet"),
    Kind("apps/v1", "DaemonSet"),
    Kind("apps/v1", "ReplicaSet"),
    Kind("batch/v1", "Job"),
    Kind("batch/v1", "CronJob", pod="spec.jobTemplate.spec.template.spec"),
    ROLLOUT,
    Kind("apps.kruise.io/v1alpha1", "BroadcastJob"),
    Kind("example.com/v1", "Sidecar", pod="spec.pods.blue.spec"),
]
WORKLOAD_KINDS = """
    workloadKinds:
    - apiGroup: argoproj.io
      kind: Rollout
    - apiGroup: apps.kruise.io
      kind: BroadcastJob
    - apiGroup: example.com
      kind: Sidecar
      podTemplate: spec.pods.blue
"""


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_with_a_pod_template_is_changed(kind: Kind, render_folder: RenderFolder) -> None:
    pod = kind.pod_of(render_folder(workloads_config(entry(), more=WORKLOAD_KINDS), kind.manifest()))
    assert pod["securityContext"]["windowsOptions"]["gmsaCredentialSpecName"] == "gmsa-webapp1"
    assert pod["serviceAccountName"] == "webapp1"
    assert pod["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert pod["os"] == {"name": "windows"}


def test_a_custom_kind_outside_workload_kinds_is_left_alone(check: Check) -> None:
    checked = check(workloads_config(entry()), ROLLOUT.manifest())
    assert ROLLOUT.manifest() in checked.done.stdout
    finding = checked.finding
    assert (finding.severity, finding.rule, finding.field) == ("warning", "no-match", "spec.workloads[0].match")
    assert finding.text == "names: [web]"


def test_items_of_a_list_are_selected_one_by_one(render_folder: RenderFolder) -> None:
    items = [yaml.safe_load(deployment()), yaml.safe_load(deployment(name="other"))]
    manifest = {"apiVersion": "v1", "kind": "List", "metadata": {"name": "all"}, "items": items}
    done = render_folder(workloads_config(entry()), yaml.safe_dump(manifest))
    assert done.status == 0, done.stderr
    web, other = done.object("List")["items"]
    assert web["spec"]["template"]["spec"]["serviceAccountName"] == "webapp1"
    assert "serviceAccountName" not in other["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        pytest.param(
            """
            kinds: [Deployment]
            names: [web]
            namespaces: [web]
            labelSelector: app=iis
            """,
            True,
            id="every field",
        ),
        pytest.param(
            """
            kinds: [StatefulSet]
            names: [web]
            """,
            False,
            id="the name but not the kind",
        ),
        pytest.param("namespaces: [other]", False, id="another namespace"),
        pytest.param("labelSelector: app!=iis", False, id="another label"),
        pytest.param(
            """
            - names: [x]
            - labelSelector: app
            """,
            True,
            id="the second of a list",
        ),
    ],
)
def test_all_fields_of_a_match_must_hold_and_a_list_is_an_or(
    match: str, matches: bool, render_folder: RenderFolder
) -> None:
    assert selected(render_folder(workloads_config(entry(match=match)), deployment())) is matches


def test_labels_behind_a_merge_key_count(render_folder: RenderFolder) -> None:
    web = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
  labels:
    <<:
      app: iis
    b: c
spec:
  containers:
  - name: iis
"""
    assert selected(render_folder(workloads_config(entry(match="labelSelector: app=iis")), web))
