"""Objects and namespaces of Kubernetes itself, and namespaces of others: a config neither replaces nor opens them."""

from __future__ import annotations

import pytest

from builders import MODE_NONE, gmsa_config
from conftest import Check


def webhook(name: str, namespace: str) -> str:
    return gmsa_config(f"""
        webhook:
          name: {name}
          namespace: {namespace}
          createNamespace: false
          certificate:
            source: CertManager
    """)


def service_account(name: str, namespace: str = "web") -> str:
    return gmsa_config(
        MODE_NONE,
        f"""
        serviceAccounts:
        - name: {name}
          namespace: {namespace}
          tokenSecret: true
        """,
    )


WEBHOOKS = [
    ("admin", "cluster", "ClusterRole cluster-admin"),
    ("admin", "admin", "ClusterRole admin"),
    ("edit", "edit", "ClusterRole edit"),
    ("view", "view", "ClusterRole view"),
    ("default", "gmsa-webhook", "ServiceAccount gmsa-webhook/default"),
    ("kubernetes", "default", "Service default/kubernetes"),
    ("kube-dns", "kube-system", "ServiceAccount kube-system/kube-dns"),
    ("coredns", "kube-system", "ServiceAccount kube-system/coredns"),
    ("kube-proxy", "kube-system", "ServiceAccount kube-system/kube-proxy"),
    ("namespace-controller", "kube-system", "ServiceAccount kube-system/namespace-controller"),
]


@pytest.mark.parametrize(("name", "namespace", "object"), WEBHOOKS)
def test_a_webhook_replaces_nothing_of_kubernetes(name: str, namespace: str, object: str, check: Check) -> None:
    finding = check(webhook(name, namespace)).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "built-in-name", "spec.webhook.name")
    assert finding.text == name
    assert finding.says(object), finding.message


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("default", "web"),
        ("clusterrole-aggregation-controller", "kube-system"),
        ("generic-garbage-collector", "kube-system"),
        ("kube-scheduler", "kube-system"),
    ],
)
def test_a_service_account_of_kubernetes_is_not_taken_over(name: str, namespace: str, check: Check) -> None:
    """With a token that does not expire, it would be as good as its binding: cluster-admin, some of them."""
    found = [it for it in check(service_account(name, namespace)).findings if it.severity == "error"]
    assert [(it.rule, it.field) for it in found] == [("built-in-name", "spec.serviceAccounts[0].name")]
    assert found[0].says(f"ServiceAccount {namespace}/{name}"), found[0].message


@pytest.mark.parametrize(
    "config",
    [
        webhook("admin", "gmsa"),
        webhook("cluster", "admin"),
        webhook("gmsa-webhook", "kube-system"),
        webhook("kubernetes", "gmsa"),
        service_account("webapp1"),
        service_account("my-controller"),
    ],
    ids=[
        "gmsa-admin",
        "admin-cluster",
        "in kube-system",
        "kubernetes elsewhere",
        "an account",
        "a controller elsewhere",
    ],
)
def test_other_names_are_fine(config: str, check: Check) -> None:
    assert not [it for it in check(config).findings if it.severity == "error"]


# Namespaces


def nodes(namespace: str, *more: str) -> str:
    return gmsa_config(
        MODE_NONE,
        f"""
        nodes:
          smbCompartmentNamespace: true
          namespace: {namespace}
        """,
        *more,
    )


@pytest.mark.parametrize("namespace", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_pod_security_of_a_namespace_of_kubernetes_is_not_lowered(namespace: str, check: Check) -> None:
    finding = check(nodes(namespace)).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "shared-namespace", "spec.nodes.namespace")
    assert finding.text == namespace
    assert finding.says(namespace, "privileged"), finding.message


USED_BY = """
    credspecs:
    - account: WebApp1
      usedBy:
      - namespace: web
        serviceAccounts: [webapp1]
"""
ACCOUNT = """
    serviceAccounts:
    - name: webapp1
      namespace: web
"""


@pytest.mark.parametrize("more", [USED_BY, ACCOUNT], ids=["usedBy", "serviceAccounts"])
def test_pod_security_of_a_namespace_of_workloads_is_not_lowered(more: str, check: Check) -> None:
    finding = check(nodes("web", more)).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "shared-namespace", "spec.nodes.namespace")
    assert finding.says("web", "privileged"), finding.message
    assert check(nodes("windows", more)).findings == []


def test_a_namespace_is_free_where_nothing_is_emitted_into_it(check: Check) -> None:
    assert check(gmsa_config(MODE_NONE, USED_BY, "nodes: {namespace: kube-system}")).findings == []
