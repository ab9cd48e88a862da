"""Nothing that means gMSA is passed over in silence, and nothing that only looks so is reported.

What the API reads is from the reference of the Pod API; the annotations of the alpha stage are from KEP 689.
"""

from __future__ import annotations

import json

import pytest

from builders import (
    CREDSPEC_FROM_WORKLOADS,
    IIS,
    MODE_NONE,
    bindings,
    deployment,
    entry,
    gmsa_config,
    nested,
    pod,
    stream,
    windows_options,
    workload,
    workloads_config,
)
from conftest import CONTENTS, Call, Check, Folder

CONFIG = workloads_config()
NAME = "gmsaCredentialSpecName"
WINDOWS = """\
serviceAccountName: webapp1
nodeSelector:
  kubernetes.io/os: windows
"""
OPTIONS = f"windowsOptions:\n  {NAME}: gmsa-webapp1\n"
POD_LEVEL = f"spec.template.spec.securityContext.windowsOptions.{NAME}"
CONTAINER_LEVEL = f"spec.template.spec.containers[0].securityContext.windowsOptions.{NAME}"


def with_container(fields: str) -> str:
    container = nested("containers[]", "name: iis\nimage: iis\n" + fields)
    return deployment(WINDOWS, container)


MISPLACED = [
    pytest.param(
        deployment(WINDOWS, OPTIONS, IIS), f"spec.template.spec.windowsOptions.{NAME}", POD_LEVEL, id="in the pod"
    ),
    pytest.param(
        deployment(WINDOWS, f"securityContext:\n  {NAME}: gmsa-webapp1\n", IIS),
        f"spec.template.spec.securityContext.{NAME}",
        POD_LEVEL,
        id="in securityContext",
    ),
    pytest.param(
        deployment(WINDOWS, f"{NAME}: gmsa-webapp1\n", IIS),
        f"spec.template.spec.{NAME}",
        POD_LEVEL,
        id="in the pod without windowsOptions",
    ),
    pytest.param(
        with_container(OPTIONS),
        f"spec.template.spec.containers[0].windowsOptions.{NAME}",
        CONTAINER_LEVEL,
        id="in a container",
    ),
    pytest.param(
        with_container(f"securityContext:\n  {NAME}: gmsa-webapp1\n"),
        f"spec.template.spec.containers[0].securityContext.{NAME}",
        CONTAINER_LEVEL,
        id="in the securityContext of a container",
    ),
    pytest.param(
        deployment(WINDOWS, IIS).replace("spec:\n", f"spec:\n  windowsOptions:\n    {NAME}: gmsa-webapp1\n", 1),
        f"spec.windowsOptions.{NAME}",
        POD_LEVEL,
        id="in the Deployment",
    ),
    pytest.param(
        deployment(WINDOWS, IIS).replace(
            "spec:\n", f"spec:\n  securityContext:\n    windowsOptions:\n      {NAME}: gmsa-webapp1\n", 1
        ),
        f"spec.securityContext.windowsOptions.{NAME}",
        POD_LEVEL,
        id="in the securityContext of the Deployment",
    ),
    pytest.param(
        deployment(WINDOWS, IIS).replace("template:\n", f"template:\n    metadata:\n      {NAME}: gmsa-webapp1\n", 1),
        f"spec.template.metadata.{NAME}",
        POD_LEVEL,
        id="in the metadata of the template",
    ),
]


@pytest.mark.parametrize(("manifest", "field", "wanted"), MISPLACED)
def test_a_reference_that_the_api_does_not_read_is_an_error(
    manifest: str, field: str, wanted: str, check: Check
) -> None:
    finding = check(CONFIG, manifest).finding
    assert (finding.rule, finding.severity) == ("misplaced-reference", "error")
    assert finding.field == f"Deployment web/web: {field}"
    assert finding.text.startswith(f"{NAME}: gmsa-webapp1")
    assert finding.says("move", wanted), finding.message


@pytest.mark.parametrize(
    "spelling",
    [
        f"windowsOptions.{NAME.lower()}",
        "windowsOptions.gmsaCredentialSpecname",
        "windowsOptions.gMSACredentialSpecName",
        "windowsOptions.GMSACredentialSpecName",
        "windowsOptions.gmsa_credential_spec_name",
        f"windowsoptions.{NAME}",
        f"WindowsOptions.{NAME}",
        f"windows_options.{NAME}",
    ],
)
def test_another_spelling_is_an_error(spelling: str, check: Check) -> None:
    for at, manifest in (
        ("", deployment(WINDOWS, nested(f"securityContext.{spelling}", "gmsa-webapp1"), IIS)),
        (".containers[0]", with_container(nested(f"securityContext.{spelling}", "gmsa-webapp1"))),
    ):
        finding = check(CONFIG, manifest).finding
        assert (finding.rule, finding.severity) == ("misplaced-reference", "error")
        assert finding.field == f"Deployment web/web: spec.template.spec{at}.securityContext.{spelling}"
        assert finding.says("spelling", f"spec.template.spec{at}.securityContext.windowsOptions.{NAME}")


def test_a_name_and_contents_at_one_place_are_one_mistake(check: Check) -> None:
    both = f"securityContext:\n  {NAME}: gmsa-webapp1\n  gmsaCredentialSpec: '{CONTENTS}'\n"
    assert check(CONFIG, deployment(WINDOWS, both, IIS)).finding.rule == "misplaced-reference"
    contents = f"securityContext:\n  gmsaCredentialSpec: '{CONTENTS}'\n"
    finding = check(CONFIG, deployment(WINDOWS, contents, IIS)).finding
    assert finding.says("spec.template.spec.securityContext.windowsOptions.gmsaCredentialSpec")


@pytest.mark.parametrize(
    ("api_version", "kind", "at", "wanted"),
    [
        ("v1", "Pod", "spec", "spec"),
        ("batch/v1", "CronJob", "spec.jobTemplate.spec.template.spec", "spec.jobTemplate.spec.template.spec"),
        ("batch/v1", "CronJob", "spec.template.spec", "spec.jobTemplate.spec.template.spec"),
        ("apps/v1", "StatefulSet", "spec.template.spec", "spec.template.spec"),
    ],
)
def test_each_kind_of_kubernetes_is_looked_at(
    api_version: str, kind: str, at: str, wanted: str, call: Call, folder: Folder
) -> None:
    manifest = workload(WINDOWS, OPTIONS, IIS, api_version=api_version, kind=kind, at=at)
    for files in ({"gmsa.yaml": CONFIG, "web.yaml": manifest}, {"web.yaml": manifest}):
        done = call("lint", folder(files))
        assert done.status == 1
        assert f"move it to {wanted}.securityContext.windowsOptions.{NAME}" in done.stdout


def test_a_reference_in_a_hook_and_in_a_list_is_looked_at(check: Check) -> None:
    annotated = "metadata:\n  annotations:\n    helm.sh/hook: pre-install\n"
    hook = deployment(WINDOWS, OPTIONS, IIS).replace("metadata:\n", annotated, 1)
    assert check(CONFIG, hook).finding.rule == "misplaced-reference"
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "spec": {NAME: "x"}}]}
    assert check(CONFIG, json.dumps(listed)).finding.field == f"Pod : spec.{NAME}"


def test_a_list_is_not_a_kind_with_a_pod_itself(check: Check) -> None:
    item = "- " + pod(WINDOWS, windows_options("gmsa-webapp1"), IIS).replace("\n", "\n  ").rstrip()
    assert check(CONFIG, f"apiVersion: v1\nkind: List\nitems:\n{item}\n").findings == []
    unknown = "- " + rollout().replace("\n", "\n  ").rstrip()
    finding = check(CONFIG, f"apiVersion: v1\nkind: List\nitems:\n{item}\n{unknown}\n").finding
    assert finding.field == f"Rollout web/web: {POD_LEVEL}"


def test_a_misplaced_reference_is_found_by_every_host(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG})
    manifest = deployment(WINDOWS, OPTIONS, IIS)
    done = call("post-render", "--config", where / "gmsa.yaml", stdin=manifest.encode())
    assert (done.status, done.stdout) == (1, "")
    assert "is not read here" in done.stderr
    items = "".join(f"  {line}\n" for line in ("- " + manifest.replace("\n", "\n  ").rstrip()).splitlines())
    config = "".join(f"  {line}\n" for line in CONFIG.splitlines())
    given = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n{config}"
    done = call(stdin=given.encode())
    assert "is not read here" in done.stderr


# Annotations of the alpha stage

ALPHA = "alpha.windows.kubernetes.io/gmsa-credential-spec"


def annotated(annotations: dict[str, str], *spec: str) -> str:
    template = f"template:\n    metadata:\n      annotations: {json.dumps(annotations)}\n"
    return deployment(WINDOWS, *spec, IIS).replace("template:\n", template, 1)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (f"pod.{ALPHA}-name", ("gmsa-webapp1", "securityContext.windowsOptions.gmsaCredentialSpecName", "pod")),
        (f"iis.container.{ALPHA}-name", ("gmsa-webapp1", "container iis")),
        (f"pod.{ALPHA}", ("credspec's name",)),
    ],
)
def test_an_annotation_of_the_alpha_stage_is_an_error(annotation: str, words: tuple[str, ...], check: Check) -> None:
    finding = check(CONFIG, annotated({annotation: "gmsa-webapp1"})).finding
    assert (finding.rule, finding.severity) == ("alpha-annotation", "error")
    assert finding.field == "Deployment web/web: spec.template.metadata.annotations"
    assert finding.says("1.16", *words), finding.message


def test_name_and_contents_in_annotations_are_one_mistake(check: Check) -> None:
    both = {f"pod.{ALPHA}": CONTENTS, f"pod.{ALPHA}-name": "gmsa-webapp1"}
    assert check(CONFIG, annotated(both)).finding.says("gmsa-webapp1")


def test_an_annotation_beside_a_reference_changes_nothing(check: Check) -> None:
    """The pod gets its gMSA."""
    manifest = annotated({f"pod.{ALPHA}-name": "gmsa-webapp1"}, windows_options("gmsa-webapp1"))
    assert check(CONFIG, manifest).findings == []
    assert check(workloads_config(entry()), annotated({f"pod.{ALPHA}-name": "gmsa-webapp1"})).findings == []
    hook = manifest.replace("metadata:\n", "metadata:\n  annotations:\n    helm.sh/hook: pre-install\n", 1)
    assert check(CONFIG, hook).findings == []


def test_other_annotations_are_not_read(check: Check) -> None:
    others = {
        f"{ALPHA}-name": "a",
        f"pod.{ALPHA}-names": "a",
        "pod.windows.kubernetes.io/gmsa-credential-spec-name": "a",
    }
    assert check(CONFIG, annotated(others)).findings == []


# Kinds without a known pod

REFERENCE = windows_options("gmsa-webapp1")


def rollout(
    *more: str, at: str = "spec.template.spec", group: str = "argoproj.io/v1alpha1", kind: str = "Rollout"
) -> str:
    return workload(WINDOWS, REFERENCE, *more, IIS, api_version=group, kind=kind, at=at)


@pytest.mark.parametrize(
    ("manifest", "cure"),
    [
        (rollout(), "add {apiGroup: argoproj.io, kind: Rollout} to spec.workloadKinds"),
        (
            rollout(at="spec.jobTargetRef.template.spec", group="keda.sh/v1alpha1", kind="ScaledJob"),
            "add {apiGroup: keda.sh, kind: ScaledJob, podTemplate: spec.jobTargetRef.template} to spec.workloadKinds",
        ),
        (
            rollout(group="apps.kruise.io/v1beta1", kind="StatefulSet"),
            "add {apiGroup: apps.kruise.io, kind: StatefulSet} to spec.workloadKinds",
        ),
        (rollout(at="spec.podTemplate", group="tekton.dev/v1", kind="PipelineRun"), "no entry of workloadKinds"),
        (rollout(at="spec", kind="Workflow"), "no entry of workloadKinds"),
    ],
    ids=lambda it: "",
)
def test_a_reference_in_an_unknown_kind_is_a_warning(manifest: str, cure: str, check: Check) -> None:
    finding = check(CONFIG, manifest).finding
    assert (finding.rule, finding.severity) == ("unknown-workload-kind", "warning")
    assert finding.field.endswith(f"securityContext.windowsOptions.{NAME}")
    assert cure in finding.message
    assert "RoleBinding" not in finding.message


@pytest.mark.parametrize(
    ("manifest", "cure"),
    [
        (rollout(group="extensions/v1beta1", kind="Deployment"), "write apiVersion: apps/v1 and kind: Deployment"),
        (rollout(group="apps/v1", kind="deployment"), "write apiVersion: apps/v1 and kind: Deployment"),
        (rollout(group="v1", kind="Pods", at="spec"), "write apiVersion: v1 and kind: Pod"),
        (rollout(group="apps/v1", kind="Deploymnet"), "write apiVersion: apps/v1 and kind: Deployment"),
    ],
    ids=lambda it: "",
)
def test_a_reference_in_a_kind_that_no_cluster_has_is_an_error(manifest: str, cure: str, check: Check) -> None:
    """API groups without a dot are of Kubernetes, which takes no other kinds there."""
    finding = check(CONFIG, manifest).finding
    assert (finding.rule, finding.severity) == ("no-such-kind", "error")
    assert cure in finding.message


def test_a_controller_revision_is_one(check: Check) -> None:
    """kubectl get prints them: a copy of a DaemonSet's pod."""
    manifest = rollout(group="apps/v1", kind="ControllerRevision", at="data.spec.template.spec")
    assert check(CONFIG, manifest).findings == []


@pytest.mark.parametrize("more", ["", "podTemplate: spec.template\n"])
def test_the_entry_that_is_named_is_the_cure(more: str, check: Check) -> None:
    kinds = f"workloadKinds:\n- apiGroup: argoproj.io\n  kind: Rollout\n{'  ' + more if more else ''}"
    assert check(workloads_config(more=kinds), rollout()).findings == []
    second = "workloadKinds:\n- apiGroup: keda.sh\n  kind: ScaledJob\n  podTemplate: spec.jobTargetRef.template\n"
    manifest = rollout(at="spec.jobTargetRef.template.spec", group="keda.sh/v1alpha1", kind="ScaledJob")
    assert check(workloads_config(more=second), manifest).findings == []


def test_from_workloads_says_that_it_makes_no_role_binding(check: Check) -> None:
    config = gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE)
    checked = check(
        config,
        stream(
            rollout(),
            deployment("serviceAccountName: api\n", REFERENCE, "nodeSelector: {kubernetes.io/os: windows}\n", IIS),
        ),
    )
    assert checked.finding.says("usedBy: FromWorkloads of gmsa-webapp1 makes no RoleBinding for it")
    assert bindings(checked.done) == {"web": ["api"]}
    known = gmsa_config(
        CREDSPEC_FROM_WORKLOADS, MODE_NONE, "workloadKinds:\n- apiGroup: argoproj.io\n  kind: Rollout\n"
    )
    assert bindings(check(known, rollout()).done) == {"web": ["webapp1"]}


def test_within_a_known_custom_kind_only_its_template_is_known(check: Check) -> None:
    config = workloads_config(more="workloadKinds:\n- apiGroup: argoproj.io\n  kind: Rollout\n")
    elsewhere = rollout(at="spec.canary.template.spec") + "  template: {spec: {containers: []}}\n"
    assert check(config, elsewhere).finding.says("workloadKinds")
    misspelt = rollout().replace(NAME, NAME.lower())
    assert check(config, misspelt).finding.rule == "misplaced-reference"
    own = rollout() + f"  {NAME}: a field of its own\n"
    assert check(config, own).findings == []


def test_of_a_kind_of_kubernetes_with_another_path_only_that_is_known(check: Check) -> None:
    kinds = "workloadKinds:\n- apiGroup: apps\n  kind: Deployment\n  podTemplate: spec.other\n"
    finding = check(workloads_config(more=kinds), rollout(group="apps/v1", kind="Deployment")).finding
    assert finding.rule == "unknown-workload-kind"


# What only looks like a reference

CRD = f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: rollouts.argoproj.io
spec:
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          spec:
            properties:
              securityContext:
                properties:
                  windowsOptions:
                    properties:
                      {NAME}:
                        type: string
                    default:
                      {NAME}: none
"""
KYVERNO = f"""\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: gmsa
spec:
  rules:
  - name: gmsa
    mutate:
      patchStrategicMerge:
        spec:
          securityContext:
            windowsOptions:
              +({NAME}): gmsa-webapp1
              {NAME}: gmsa-webapp1
    validate:
      pattern:
        spec:
          containers:
          - securityContext:
              windowsOptions:
                {NAME}: "gmsa-*"
"""
GATEKEEPER = f"""\
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata:
  name: gmsa
spec:
  location: spec.securityContext.windowsOptions.{NAME}
  parameters:
    assign:
      value:
        securityContext:
          windowsOptions:
            {NAME}: gmsa-webapp1
"""
CONFIG_MAP = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: manifests
  annotations:
    pod.{ALPHA}-name: a note
data:
  {NAME}: gmsa-webapp1
  pod.yaml: |
    apiVersion: v1
    kind: Pod
    spec:
      windowsOptions:
        {NAME}: gmsa-webapp1
"""
POLICY = f"""\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: gmsa
spec:
  matchConditions:
  - name: gmsa
    expression: has(object.spec.securityContext.windowsOptions.{NAME})
"""
HELM_RELEASE = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
spec:
  values:
    podSecurityContext:
      windowsOptions:
        {NAME}: gmsa-webapp1
"""
APPLICATION = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
spec:
  source:
    helm:
      valuesObject:
        securityContext:
          windowsOptions:
            {NAME}: gmsa-webapp1
"""
KUSTOMIZATION = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
metadata:
  name: web
patches:
- patch: |
    - op: add
      path: /spec/template/spec/securityContext
      value: {{windowsOptions: {{{NAME}: gmsa-webapp1}}}}
"""
WIDGET = f"""\
apiVersion: example.com/v1
kind: Widget
metadata:
  name: web
spec:
  {NAME}: gmsa-webapp1
  gmsaCredentialSpec: gmsa-webapp1
"""
PODS = [
    pytest.param(
        pod(WINDOWS, REFERENCE, IIS) + f"status:\n  note: |\n    {NAME}: x\n",
        id="pod",
    ),
    pytest.param(
        pod(WINDOWS, nested("containers[]", f"name: iis\nimage: iis\nenv:\n- name: {NAME}\n  value: gmsa-webapp1\n")),
        id="env",
    ),
    pytest.param(
        pod(WINDOWS, nested("containers[]", f"name: iis\nimage: iis\nargs: ['{NAME}: gmsa-webapp1']\n")), id="args"
    ),
    pytest.param(
        pod(WINDOWS, nested("volumes[]", f"name: a\ncsi:\n  driver: b\n  volumeAttributes:\n    {NAME}: c\n"), IIS),
        id="csi",
    ),
    pytest.param(pod(WINDOWS, "securityContext:\n  windowsOptions:\n    runAsUserName: a\n", IIS), id="no gMSA"),
    pytest.param(pod(WINDOWS, "windowsOptions:\n  runAsUserName: a\n", IIS), id="windowsOptions without gMSA"),
]
LOOK_SO = [
    *(
        pytest.param(text, id=name)
        for name, text in {
            "CRD": CRD,
            "Kyverno": KYVERNO,
            "Gatekeeper": GATEKEEPER,
            "ConfigMap": CONFIG_MAP,
            "policy": POLICY,
            "HelmRelease": HELM_RELEASE,
            "Application": APPLICATION,
            "Kustomization": KUSTOMIZATION,
            "Widget": WIDGET,
            "ResourceQuota": WIDGET.replace("example.com/v1", "v1").replace("Widget", "ResourceQuota"),
        }.items()
    ),
    *PODS,
]


@pytest.mark.parametrize("manifest", LOOK_SO)
def test_what_only_looks_like_a_reference_is_no_finding(manifest: str, call: Call, folder: Folder) -> None:
    for config in (CONFIG, gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE)):
        done = call("lint", "--format", "json", folder({"gmsa.yaml": config, "other.yaml": manifest}))
        assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    "group",
    ["kyverno.io/v1", "policies.kyverno.io/v1", "mutations.gatekeeper.sh/v1", "kustomize.config.k8s.io/v1beta1"],
)
def test_what_describes_other_objects_has_no_pod(group: str, check: Check) -> None:
    assert check(CONFIG, rollout(group=group, kind="Other")).findings == []


def test_our_own_output_has_no_findings(call: Call, folder: Folder) -> None:
    """Policies, CRD, roles and Jobs; beside the config, and alone."""
    diagnosed = """
        credspecs:
        - account: WebApp1
          usedBy:
          - namespace: web
            serviceAccounts: [webapp1]
          diagnostics:
            namespace: web
            serviceAccount: webapp1
    """
    for mode in ("Policy", "None"):
        config = gmsa_config(diagnosed, f"admission:\n  mode: {mode}\n", "policy:\n  expand: true\n")
        rendered = call("render", folder({"gmsa.yaml": config}) / "gmsa.yaml")
        assert rendered.status == 0, rendered.stderr
        where = folder({"gmsa.yaml": config, "out.yaml": rendered.stdout})
        for path in (where, where / "out.yaml"):
            assert json.loads(call("lint", "--format", "json", path).stdout) == []
