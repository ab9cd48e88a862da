"""Who may use a credspec: what it means that usedBy is missing, or lets everybody."""

from __future__ import annotations

import pytest

from builders import CREDSPEC, MODE_NONE, deployment, gmsa_config, stream, windows_options
from conftest import Check

NO_USERS = gmsa_config("credspecs:\n- account: WebApp1\n", MODE_NONE)
WINDOWS = "nodeSelector:\n  kubernetes.io/os: windows\n"
WEB = deployment(
    "serviceAccountName: webapp1\n",
    WINDOWS,
    windows_options("gmsa-webapp1"),
    "containers:\n- name: iis\n  image: iis\n",
)


def binding(role: str = "use-gmsa-webapp1", kind: str = "RoleBinding") -> str:
    return f"""\
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata:
  name: users
  namespace: web
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {role}
subjects:
- kind: ServiceAccount
  name: webapp1
"""


@pytest.mark.parametrize("used_by", ["", "  usedBy: []\n", "  usedBy:\n"], ids=["absent", "empty", "null"])
def test_a_credspec_that_nobody_may_use_gets_a_warning(used_by: str, check: Check) -> None:
    finding = check(gmsa_config(f"credspecs:\n- account: WebApp1\n{used_by}", MODE_NONE)).finding
    assert (finding.severity, finding.rule, finding.field) == ("warning", "no-users", "spec.credspecs[0].usedBy")
    assert finding.says("no service account may use", "FromWorkloads")


def test_it_is_an_error_where_a_workload_names_it(check: Check) -> None:
    """And one finding: the API server refuses the pods of this workload."""
    finding = check(NO_USERS, WEB).finding
    assert (finding.severity, finding.rule) == ("error", "service-account-not-covered")
    assert finding.file == "web.yaml"
    assert finding.says("webapp1 may not use gmsa-webapp1", "usedBy")


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_binding_among_the_manifests_lets_somebody_use_it(kind: str, check: Check) -> None:
    assert check(NO_USERS, stream(binding(kind=kind), WEB)).findings == []


def test_a_binding_of_another_role_does_not(check: Check) -> None:
    assert check(NO_USERS, stream(binding("view"), WEB)).finding.rule == "service-account-not-covered"


def test_a_binding_lets_whom_it_names_beside_used_by(check: Check) -> None:
    """Who may use a credspec is RBAC's to say; usedBy is one way to write it."""
    users = gmsa_config(CREDSPEC.replace("- webapp1", "- other"), MODE_NONE)
    assert check(users, WEB).finding.rule == "service-account-not-covered"
    assert check(users, stream(binding(), WEB)).findings == []
    other = binding().replace("  name: webapp1", "  name: webapp2")
    assert check(users, stream(other, WEB)).finding.rule == "service-account-not-covered"
    elsewhere = binding().replace("namespace: web", "namespace: apps")
    assert check(users, stream(elsewhere, WEB)).finding.rule == "service-account-not-covered"


@pytest.mark.parametrize("group", ["system:serviceaccounts", "system:serviceaccounts:web", "system:authenticated"])
def test_a_binding_of_a_group_lets_its_members(group: str, check: Check) -> None:
    subject = "- kind: ServiceAccount\n  name: webapp1\n"
    grouped = binding().replace(subject, f"- kind: Group\n  name: {group}\n")
    assert check(NO_USERS, stream(grouped, WEB)).findings == []


def test_a_wildcard_is_said_with_its_reach(check: Check) -> None:
    used_by = '  usedBy:\n  - namespace: web\n    serviceAccounts: ["*"]\n'
    finding = check(gmsa_config(f"credspecs:\n- account: WebApp1\n{used_by}", MODE_NONE)).finding
    assert (finding.severity, finding.rule) == ("warning", "wildcard-grant")
    assert finding.says("every service account of web", "whoever may create a pod")


def test_a_service_account_of_another_namespace_gets_the_entry_that_is_missing(check: Check) -> None:
    users = gmsa_config(CREDSPEC.replace("namespace: web", "namespace: apps"), MODE_NONE)
    finding = check(users, WEB).finding
    entry = "{namespace: web, serviceAccounts: [webapp1]}"
    assert finding.says("webapp1 may not use gmsa-webapp1 in namespace web", "lists it for namespace apps only", entry)
    unlisted = check(gmsa_config(CREDSPEC.replace("- webapp1", "- other"), MODE_NONE), WEB).finding
    assert unlisted.says(f"add {entry} to usedBy")
    assert not unlisted.says("only")
