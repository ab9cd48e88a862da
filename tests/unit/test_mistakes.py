"""Mistakes that any field may have, and those of the fields with few."""

from __future__ import annotations

import pytest

from builders import gmsa_config
from conftest import Check
from mistakes import Mistake, assert_is_found

FORM = [
    Mistake(
        "an unknown field",
        gmsa_config("""
            webhook:
              replica: 2
        """),
        rule="unknown-field",
        field="spec.webhook.replica",
        at="replica: 2",
        words=("did you mean replicas",),
    ),
    Mistake(
        "a field with control characters in its name",
        gmsa_config("""
            webhook:
              "x\\e[31m\\nfake.yaml:1:1: all good": 1
        """),
        rule="unknown-field",
        field="spec.webhook.x\\x1b[31m\\nfake.yaml:1:1: all good",
        at='"x\\e[31m\\nfake.yaml:1:1: all good": 1',
    ),
    Mistake(
        "a repeated key",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              account: WebApp2
        """),
        rule="duplicate-key",
        field="",
        at="account: WebApp2",
        words=("account", "repeated", "remove one"),
    ),
    Mistake(
        "a mapping in place of a list",
        gmsa_config("""
            credspecs:
              account: a
        """),
        rule="type",
        field="spec.credspecs",
        at="account: a",
        words=("list", "mapping", "`- `"),
    ),
    Mistake(
        "a list in place of a mapping",
        gmsa_config("""
            webhook: []
        """),
        rule="type",
        field="spec.webhook",
        at="[]",
        words=("mapping", "list"),
    ),
    Mistake(
        "a number in quotes",
        gmsa_config("""
            webhook:
              replicas: "2"
        """),
        rule="type",
        field="spec.webhook.replicas",
        at='"2"',
        words=("whole number", "without quotes"),
    ),
    Mistake(
        "a number out of range",
        gmsa_config("""
            webhook:
              replicas: 0
        """),
        rule="range",
        field="spec.webhook.replicas",
        at="0",
        words=("0", "1 to 100"),
    ),
    Mistake(
        "a boolean of YAML 1.1",
        gmsa_config("""
            crd:
              install: yes
        """),
        rule="type",
        field="spec.crd.install",
        at="yes",
        words=("yes", "true or false"),
    ),
    Mistake(
        "a choice in the wrong case",
        gmsa_config("""
            admission:
              mode: webhook
        """),
        rule="unknown-value",
        field="spec.admission.mode",
        at="webhook",
        words=("Webhook, Policy or None", "did you mean Webhook"),
    ),
]
IDENTITY = [
    Mistake(
        "another version of the API",
        """\
apiVersion: gmsa-krm.dev/v2
kind: GMSAConfig
metadata:
  name: contoso
spec:
  crd:
    install: true
""",
        rule="unknown-value",
        field="apiVersion",
        at="gmsa-krm.dev/v2",
        words=("gmsa-krm.dev/v2", "gmsa-krm.dev/v1alpha1"),
    ),
    Mistake(
        "a config without a name",
        """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  labels: {}
spec:
  crd:
    install: true
""",
        rule="required",
        field="metadata.name",
        at="labels: {}",
    ),
]
KUBERNETES_VERSION = [
    Mistake(
        "a version of Kubernetes in words",
        gmsa_config("""
            kubeVersion: latest
        """),
        rule="kube-version",
        field="spec.kubeVersion",
        at="latest",
        words=("'latest'",),
    ),
    Mistake(
        "a version of Kubernetes that reads as a number",
        gmsa_config("""
            kubeVersion: 1.30
        """),
        rule="unquoted",
        field="spec.kubeVersion",
        at="1.30",
        words=("number", '"1.30"'),
    ),
]
WORKLOADS = [
    Mistake(
        "an entry of workloads that matches every workload",
        gmsa_config("""
            workloads:
            - match: {}
        """),
        rule="empty-match",
        field="spec.workloads[0].match",
        at="{}",
        words=("every workload", "kinds, names, namespaces or labelSelector"),
    ),
    Mistake(
        "an operator without parentheses in a label selector",
        gmsa_config("""
            workloads:
            - match:
                labelSelector: app=iis,tier in web
        """),
        rule="label-selector",
        field="spec.workloads[0].match.labelSelector",
        at="app=iis,tier in web",
        words=("'tier in web'",),
    ),
    Mistake(
        "a path of a custom kind that starts with a slash",
        gmsa_config("""
            workloadKinds:
            - apiGroup: argoproj.io
              kind: Rollout
              podTemplate: /spec
        """),
        rule="field-path",
        field="spec.workloadKinds[0].podTemplate",
        at="/spec",
        words=("'/spec'",),
    ),
]
OTHERS = [
    Mistake(
        "a service account with a Secret that holds its token",
        gmsa_config("""
            serviceAccounts:
            - name: a
              namespace: b
              tokenSecret: true
        """),
        rule="long-lived-token",
        field="spec.serviceAccounts[0].tokenSecret",
        at="true",
        words=("never expires",),
        severity="warning",
    ),
    Mistake(
        "previous contents without file and contents",
        gmsa_config("""
            admission:
              mode: Policy
            credspecs:
            - account: X
            policy:
              acceptPrevious:
              - credspec: gmsa-x
        """),
        rule="one-of",
        field="spec.policy.acceptPrevious[0]",
        at="credspec: gmsa-x",
        words=("either file or contents",),
    ),
]


@pytest.mark.parametrize("mistake", [*FORM, *IDENTITY, *KUBERNETES_VERSION, *WORKLOADS, *OTHERS], ids=str)
def test_a_mistake_is_found(mistake: Mistake, check: Check) -> None:
    assert_is_found(mistake, check)
