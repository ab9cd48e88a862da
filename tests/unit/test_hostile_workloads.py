"""A manifest of somebody else does not widen rights, and does not hide from the checks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import (
    CREDSPEC_FROM_WORKLOADS,
    MODE_NONE,
    bindings,
    deployment,
    gmsa_config,
)
from conftest import Check

FROM_WORKLOADS = gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_NONE)
NODE_AND_CREDSPEC = """
    nodeSelector:
      kubernetes.io/os: windows
    securityContext:
      windowsOptions:
        gmsaCredentialSpecName: gmsa-webapp1
    containers: []
"""


def running_as(service_account: Any, field: str = "serviceAccountName") -> str:
    """A Deployment that names the credspec, with a value (written as JSON) as its service account."""
    return deployment(f"{field}: {json.dumps(service_account)}\n", NODE_AND_CREDSPEC)


# What becomes the subject of a RoleBinding


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
@pytest.mark.parametrize("name", ["*", "A", "x\ny", "a/b", "system:serviceaccounts", "x" * 254, "-a", "ä"])
def test_a_service_account_of_a_workload_is_checked_as_one_of_the_config(name: str, field: str, check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(name, field))
    finding = checked.find("kubernetes-name", f"Deployment web/web: spec.template.spec.{field}")
    assert finding.severity == "error"
    assert finding.line
    assert finding.says("RFC 1123 subdomain")


@pytest.mark.parametrize("value", [["*"], [], {}, {"a": "b"}, 12, 0, True, False])
def test_a_service_account_of_another_type_is_an_error(value: Any, check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(value))
    finding = checked.find("type", "Deployment web/web: spec.template.spec.serviceAccountName")
    assert finding.line
    assert finding.says("string")


def test_all_service_accounts_of_a_namespace_are_bound_only_by_the_config(check: Check) -> None:
    config = gmsa_config(
        """
        credspecs:
        - account: WebApp1
          usedBy:
          - namespace: web
            serviceAccounts:
            - "*"
        """,
        MODE_NONE,
    )
    assert check(config, running_as("webapp1")).done.status == 0
    assert check(config, running_as("*")).done.status == 1


@pytest.mark.parametrize("namespace", ["*", "A", "a.b", "x\ny", "x" * 64])
def test_a_namespace_of_a_workload_is_checked_as_one_of_the_config(namespace: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=json.dumps(namespace))
    finding = check(FROM_WORKLOADS, manifest).find("kubernetes-name", f"Deployment {namespace}/web: metadata.namespace")
    assert finding.text.startswith(json.dumps(namespace))
    assert finding.says("RFC 1123 label")


@pytest.mark.parametrize("value", ["[web]", "{}", "12", "true"])
def test_a_namespace_of_another_type_is_an_error(value: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=value)
    found = [it for it in check(FROM_WORKLOADS, manifest).findings if it.field.endswith("metadata.namespace")]
    assert [(it.rule, it.text) for it in found] == [("type", value)]


@pytest.mark.parametrize("null", ["null", "~", "!!null ''"])
def test_null_is_no_namespace(null: str, check: Check) -> None:
    manifest = deployment("serviceAccountName: webapp1\n", NODE_AND_CREDSPEC, namespace=null)
    assert check(FROM_WORKLOADS, manifest).finding.rule == "no-namespace"


def test_null_is_no_service_account(check: Check) -> None:
    checked = check(FROM_WORKLOADS, running_as(None))
    assert checked.finding.rule == "default-service-account"
    assert bindings(checked.done) == {"web": ["default"]}
