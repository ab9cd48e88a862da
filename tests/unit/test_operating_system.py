"""For which operating system a pod is, and what an entry of workloads writes into pods that are not simply for Windows.

What the API server refuses is from Kubernetes' core/validation (validateWindows); tests/cluster/test_windows_pods.py
asks the API server itself.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from builders import IIS, deployment, entry, listed, nested, pod_of, stream, workloads_config
from conftest import Check, RenderFolder
from windows_pods import LINUX_ONLY, with_field

CONFIG = workloads_config(entry())
REFERENCE = """\
serviceAccountName: webapp1
securityContext:
  windowsOptions:
    gmsaCredentialSpecName: gmsa-webapp1
"""
AFFINITY = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"


def affinity(*terms: str) -> str:
    """A required node affinity; a term is a list of matchExpressions."""
    return nested(f"{AFFINITY}.nodeSelectorTerms", listed(*(nested("matchExpressions", it) for it in terms)))


def expression(operator: str, *values: str, key: str = "kubernetes.io/os") -> str:
    return f"- key: {key}\n  operator: {operator}\n  values: [{', '.join(values)}]\n"


def runtime_class(name: str, node_selector: str) -> str:
    return f"""\
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: {name}
handler: {name}
scheduling:
  nodeSelector:
    {node_selector}
"""


CLASSES = stream(
    runtime_class("kata", "kubernetes.io/os: linux"),
    runtime_class("hyper-v", "kubernetes.io/os: windows"),
    runtime_class("process", 'node.kubernetes.io/windows-build: "10.0.20348"'),
)
GPU = "- key: gpu\n  operator: Exists\n"
LINUX = [
    pytest.param(affinity(expression("In", "linux")), AFFINITY, id="affinity"),
    pytest.param(affinity(expression("NotIn", "windows")), AFFINITY, id="affinity not windows"),
    pytest.param(affinity(expression("In", "linux", key="beta.kubernetes.io/os")), AFFINITY, id="older affinity"),
    pytest.param(affinity(GPU + expression("In", "linux"), expression("In", "linux")), AFFINITY, id="all terms"),
    pytest.param("nodeSelector:\n  beta.kubernetes.io/os: linux\n", "nodeSelector.beta.kubernetes.io/os", id="label"),
    pytest.param("runtimeClassName: kata\n", "runtimeClassName", id="runtime class"),
]


@pytest.mark.parametrize(("pod", "field"), LINUX)
def test_a_workload_for_linux_is_not_changed_and_may_name_no_credspec(pod: str, field: str, check: Check) -> None:
    at = f"Deployment web/web: spec.template.spec.{field}"
    for config, manifest in (
        (CONFIG, deployment(pod, IIS)),
        (workloads_config(), deployment(pod, REFERENCE, IIS)),
    ):
        # A class may come after the workload that names it.
        checked = check(config, stream(manifest, CLASSES))
        assert [(it.rule, it.severity, it.field) for it in checked.findings if it.rule != "no-match"] == [
            ("not-windows", "error", at)
        ]
        assert checked.find("not-windows", at).says("linux", "Windows") or "windows" in field
        assert checked.find("not-windows", at).line


WINDOWS = [
    pytest.param(affinity(expression("In", "windows")), id="affinity"),
    pytest.param(affinity(expression("NotIn", "linux"), expression("In", "windows")), id="affinity of two terms"),
    pytest.param("nodeSelector:\n  beta.kubernetes.io/os: windows\n", id="label"),
    pytest.param('nodeSelector:\n  node.kubernetes.io/windows-build: "10.0.20348"\n', id="build"),
    pytest.param("runtimeClassName: hyper-v\n", id="runtime class"),
    pytest.param("runtimeClassName: process\n", id="runtime class by build"),
]


@pytest.mark.parametrize("pod", WINDOWS)
def test_a_workload_for_windows_has_no_findings(pod: str, check: Check) -> None:
    assert check(workloads_config(), stream(CLASSES, deployment(pod, REFERENCE, IIS))).findings == []
    assert check(CONFIG, stream(CLASSES, deployment(pod, IIS))).findings == []


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(affinity(expression("In", "linux"), expression("In", "windows")), id="either term"),
        pytest.param(affinity(expression("In", "linux", "windows")), id="either value"),
        pytest.param(affinity(GPU), id="other label"),
        pytest.param("runtimeClassName: unknown\n", id="a class that is not known"),
        pytest.param(f"{AFFINITY.replace('required', 'preferred')}: 1\n", id="another field"),
    ],
)
def test_what_does_not_say_linux_is_no_error(pod: str, check: Check) -> None:
    assert check(CONFIG, stream(CLASSES, deployment(pod, IIS))).findings == []


# Fields that the API server refuses with os.name windows


def manifest_with(field: str, value: Any, **more: Any) -> str:
    return deployment(yaml.safe_dump({**with_field(field, value), **more}))


@pytest.mark.parametrize("field", LINUX_ONLY)
def test_os_name_is_left_out_beside_what_the_api_server_refuses_with_it(
    field: str, render_folder: RenderFolder
) -> None:
    done = render_folder(CONFIG, manifest_with(field, LINUX_ONLY[field]))
    assert "os" not in pod_of(done)
    assert pod_of(done)["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert f"os.name: is not set, since the API server refuses it in a pod with {field};" in done.stderr


@pytest.mark.parametrize("field", LINUX_ONLY)
def test_a_pod_that_the_api_server_refuses_for_its_own_os_name_is_an_error(field: str, check: Check) -> None:
    finding = check(CONFIG, manifest_with(field, LINUX_ONLY[field], os={"name": "windows"})).finding
    assert (finding.rule, finding.severity) == ("linux-only-field", "error")
    assert finding.field == f"Deployment web/web: spec.template.spec.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hostPID", False),
        ("hostIPC", False),
        ("securityContext.sysctls", []),
        ("securityContext.fsGroup", None),
        ("containers[0].securityContext.capabilities", None),
        ("securityContext.runAsNonRoot", True),
        ("hostNetwork", True),
    ],
)
def test_os_name_is_set_beside_what_the_api_server_takes(field: str, value: Any, check: Check) -> None:
    checked = check(CONFIG, manifest_with(field, value))
    assert checked.findings == []
    assert pod_of(checked.done)["os"] == {"name": "windows"}


def test_one_warning_names_the_fields(check: Check) -> None:
    hardened = """
        securityContext:
          runAsUser: 1000
          fsGroup: 1000
        containers:
        - name: iis
          image: iis
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
            seccompProfile: {type: RuntimeDefault}
    """
    finding = check(workloads_config(entry(), entry(match="kinds: [Deployment]")), deployment(hardened)).finding
    assert (finding.rule, finding.severity) == ("os-name-left-out", "warning")
    assert finding.says("securityContext.fsGroup", "securityContext.runAsUser", "1 more"), finding.message


# Values in the way

IN_THE_WAY = [
    ("securityContext: {}\n", "securityContext"),
    ("securityContext:\n  windowsOptions: {}\n", "securityContext.windowsOptions"),
    ("nodeSelector: {}\n", "nodeSelector"),
    ("os: {}\n", "os"),
]


@pytest.mark.parametrize("value", ["${POD_SECURITY}", '"${POD_SECURITY}"', "[]", "[a: b]", "windows", '""', "12"])
@pytest.mark.parametrize(("pod", "field"), IN_THE_WAY)
def test_what_is_no_mapping_is_not_replaced(pod: str, field: str, value: str, check: Check) -> None:
    finding = check(CONFIG, deployment(pod.replace("{}", value), IIS)).finding
    assert (finding.rule, finding.field) == ("type", f"Deployment web/web: spec.template.spec.{field}")
    assert finding.text == value
    assert finding.says("mapping")
    assert ("substitution" in finding.message) == ("$" in value)


CONTAINER = "containers:\n- name: iis\n  image: iis\n"
HOOK = "netlogonRestart: {}"
TOKEN = "token:\n  audience: vault"


@pytest.mark.parametrize(
    ("more", "pod", "field"),
    [
        ("containers: [iis]", CONTAINER + "  securityContext: ${X}\n", "containers[0].securityContext"),
        (HOOK, CONTAINER + "  lifecycle: ${X}\n", "containers[0].lifecycle"),
        (HOOK, CONTAINER + "- ${X}\n", "containers[1]"),
        (HOOK, "containers: ${X}\n", "containers"),
        ("containers: [iis]", CONTAINER + "initContainers: ${X}\n", "initContainers"),
        (TOKEN, CONTAINER + "volumes: ${X}\n", "volumes"),
        (TOKEN, CONTAINER + "  volumeMounts: ${X}\n", "containers[0].volumeMounts"),
    ],
)
def test_what_is_no_list_or_mapping_in_containers_is_not_replaced(
    more: str, pod: str, field: str, check: Check
) -> None:
    finding = check(workloads_config(entry(more)), deployment(pod)).finding
    assert (finding.rule, finding.field) == ("type", f"Deployment web/web: spec.template.spec.{field}")
    assert finding.text == "${X}"


@pytest.mark.parametrize("null", ["null", "~", ""])
def test_null_is_not_in_the_way(null: str, check: Check) -> None:
    checked = check(CONFIG, deployment(f"securityContext: {null}\nnodeSelector: {null}\nos: {null}\n", IIS))
    assert checked.findings == []
    assert pod_of(checked.done)["os"] == {"name": "windows"}


def test_a_variable_where_nothing_is_written_stays(check: Check) -> None:
    manifest = deployment("securityContext:\n  fsGroup: null\ntopologySpreadConstraints: ${SPREAD}\n", IIS)
    assert check(CONFIG, manifest).findings == []
