"""Host names that pods with one gMSA share.

Kubernetes names a pod's host after `hostname` or the pod (kubelet, GeneratePodHostNameAndDomain); controllers of
StatefulSets and Indexed Jobs set it. Windows has 15 characters of it. Microsoft: "When multiple containers are assigned
the same identity and hostname, a race condition may occur" (Troubleshoot gMSAs for Windows containers).
"""

from __future__ import annotations

import pytest

from builders import CREDSPEC, IIS, MODE_NONE, MODE_POLICY, gmsa_config, stream, windows_options, workload
from conftest import Check

RANDOM = """
    webhook:
      randomHostname: true
      certificate:
        source: CertManager
"""
WEBHOOK = RANDOM.replace("      randomHostname: true\n", "")
CONFIG = gmsa_config(CREDSPEC, MODE_NONE)
WITH_WEBHOOK = gmsa_config(CREDSPEC, WEBHOOK)
WITH_RANDOM_NAMES = gmsa_config(CREDSPEC, RANDOM)
BATCH = {"Job": "spec.template.spec", "CronJob": "spec.jobTemplate.spec.template.spec"}


def gmsa_workload(
    name: str = "web",
    *pod: str,
    kind: str = "Deployment",
    namespace: str = "web",
    credspec: str = "gmsa-webapp1",
    **spec: object,
) -> str:
    """A workload with the gMSA; `spec` are fields beside its pod template."""
    fields = [
        "serviceAccountName: webapp1\nnodeSelector:\n  kubernetes.io/os: windows\n",
        windows_options(credspec),
        *pod,
        IIS,
    ]
    at = BATCH.get(kind, "spec" if kind == "Pod" else "spec.template.spec")
    api = {"Pod": "v1", **dict.fromkeys(BATCH, "batch/v1")}.get(kind, "apps/v1")
    text = workload(*fields, api_version=api, kind=kind, at=at, name=name, namespace=namespace)
    above, template, below = text.partition(f"{'  ' * (at.count('.') - 1)}template:")
    indent = "  " * (at.count(".") - 1)
    return above + "".join(f"{indent}{key}: {value}\n" for key, value in spec.items()) + template + below


@pytest.mark.parametrize(
    ("kind", "spec", "number"),
    [
        ("Deployment", {"replicas": 3}, "3 pods"),
        ("ReplicaSet", {"replicas": 2}, "2 pods"),
        ("DaemonSet", {}, "all nodes"),
        ("Job", {"parallelism": 2}, "2 pods"),
        ("CronJob", {"parallelism": 2}, "2 pods"),
    ],
)
def test_a_fixed_host_name_of_several_pods_is_a_warning(
    kind: str, spec: dict[str, int], number: str, check: Check
) -> None:
    finding = check(CONFIG, gmsa_workload("web", "hostname: web-host\n", kind=kind, **spec)).finding
    assert (finding.rule, finding.severity) == ("shared-host-name", "warning")
    assert finding.field.endswith(".hostname")
    assert finding.text == "web-host"
    assert finding.says("web-host", number, "remove it"), finding.message
    # The webhook keeps it.
    assert check(WITH_RANDOM_NAMES, gmsa_workload("web", "hostname: web-host\n", kind=kind, **spec)).finding.says(
        "random"
    )


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Deployment", {}),
        ("Deployment", {"replicas": 1}),
        ("Deployment", {"replicas": '"3"'}),
        ("Pod", {}),
        ("Job", {"parallelism": 3, "completionMode": "Indexed"}),
        ("CronJob", {"parallelism": 3, "completionMode": "Indexed"}),
        ("StatefulSet", {"replicas": 3}),
    ],
)
def test_a_host_name_of_one_pod_is_none(kind: str, spec: dict[str, object], check: Check) -> None:
    assert check(CONFIG, gmsa_workload("web", "hostname: web-host\n", kind=kind, **spec)).findings == []


def test_host_names_of_others_do_not_matter(check: Check) -> None:
    other = workload("hostname: web\n", IIS).replace("spec:\n", "spec:\n  replicas: 3\n", 1)
    assert check(CONFIG, other).findings == []
    assert check(CONFIG, gmsa_workload(replicas=3)).findings == []


@pytest.mark.parametrize(
    ("name", "is_cut"), [("inventory-queue", True), ("inventory-queu", True), ("inventory-que", False)]
)
def test_the_numbers_of_a_stateful_set_must_not_be_cut_off(name: str, is_cut: bool, check: Check) -> None:
    for config in (CONFIG, WITH_RANDOM_NAMES):  # the webhook keeps host names that are set
        found = check(config, gmsa_workload(name, kind="StatefulSet", replicas=2)).findings
        assert [it.rule for it in found] == ["shared-host-name"] * is_cut
        assert check(config, gmsa_workload(name, kind="StatefulSet", replicas=1)).findings == []


EQUAL = [
    ("inventory-service-api", "inventory-service-worker"),
    ("inventory-servi", "inventory-service"),
    ("inventory-service-1", "inventory-service-2"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
@pytest.mark.parametrize("kind", ["Deployment", "Pod", "StatefulSet", "CronJob"])
def test_names_that_are_cut_into_equal_ones_are_a_warning(one: str, other: str, kind: str, check: Check) -> None:
    manifest = stream(gmsa_workload(one, kind=kind), gmsa_workload(other, kind=kind))
    finding = check(CONFIG, manifest).finding
    assert (finding.rule, finding.severity) == ("equal-host-names", "warning")
    assert finding.field.startswith(f"{kind} web/{other}: ")
    assert finding.says("INVENTORY-SERVI", f"{kind} web/{one}", "gmsa-webapp1", "rename"), finding.message
    assert "randomHostname" not in finding.message
    with_webhook = check(WITH_WEBHOOK, manifest).finding
    assert ("randomHostname" in with_webhook.message) == (kind != "StatefulSet")
    # The controller of a StatefulSet sets host names, which the webhook keeps.
    assert bool(check(WITH_RANDOM_NAMES, manifest).findings) == (kind == "StatefulSet")


def test_fixed_host_names_are_compared_as_windows_cuts_them(check: Check) -> None:
    manifest = stream(
        gmsa_workload("api", "hostname: Inventory-Service-Api\n"),
        gmsa_workload("worker", "hostname: inventory-service-worker\n"),
    )
    for config in (CONFIG, WITH_RANDOM_NAMES):
        finding = check(config, manifest).finding
        assert (finding.rule, finding.field) == (
            "equal-host-names",
            "Deployment web/worker: spec.template.spec.hostname",
        )
        assert finding.says("Deployment web/api", "give another one")
    same = stream(gmsa_workload("api", "hostname: shop\n"), gmsa_workload("shop", kind="Pod"))
    assert check(CONFIG, same).finding.rule == "equal-host-names"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(gmsa_workload("inventory-api"), gmsa_workload("inventory-worker"), id="short enough"),
        pytest.param(gmsa_workload("web"), gmsa_workload("web", kind="StatefulSet"), id="prefixes"),
        pytest.param(
            gmsa_workload("inventory-service"),
            gmsa_workload("inventory-service", namespace="test"),
            id="one of each namespace",
        ),
        pytest.param(
            gmsa_workload("inventory-service-api"),
            gmsa_workload("inventory-service-db", credspec="gmsa-db"),
            id="another gMSA",
        ),
        pytest.param(gmsa_workload("inventory-service-api"), workload(IIS, name="inventory-service-db"), id="no gMSA"),
    ],
)
def test_other_names_are_no_finding(one: str, other: str, check: Check) -> None:
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy:
          - namespace: web
            serviceAccounts: [webapp1]
          - namespace: test
            serviceAccounts: [webapp1]
        - account: db
          usedBy:
          - namespace: web
            serviceAccounts: [webapp1]
    """
    assert check(gmsa_config(credspecs, MODE_NONE), stream(one, other)).findings == []


# webhook.randomHostname


@pytest.mark.parametrize("mode", [MODE_POLICY, MODE_NONE])
def test_random_host_names_without_a_webhook_are_a_warning(mode: str, check: Check) -> None:
    finding = check(gmsa_config(CREDSPEC, mode, RANDOM)).finding
    assert (finding.rule, finding.severity) == ("unused-random-hostname", "warning")
    assert finding.field == "spec.webhook.randomHostname"
    assert finding.text == "true"
    off = RANDOM.replace("true", "false")
    assert check(gmsa_config(CREDSPEC, mode, off)).findings == []


def test_random_host_names_of_the_webhook_have_no_finding(check: Check) -> None:
    assert check(WITH_RANDOM_NAMES).findings == []
