"""What every cluster has, by the API server's own bootstrap policy, against the names that no config may take."""

from __future__ import annotations

from cluster.harness import Cluster
from gmsa_krm.manifests.built_in import is_built_in

RBAC = "/apis/rbac.authorization.k8s.io/v1"
OF_KUBERNETES = {"labelSelector": "kubernetes.io/bootstrapping=rbac-defaults"}


def test_the_objects_of_the_bootstrap_policy_are_known(cluster: Cluster) -> None:
    unknown = set()
    for resource, kind in (("clusterroles", "ClusterRole"), ("clusterrolebindings", "ClusterRoleBinding")):
        items = cluster.client.request("GET", f"{RBAC}/{resource}", **OF_KUBERNETES)["items"]
        assert len(items) > 20
        names = {it["metadata"]["name"] for it in items}
        unknown |= {(kind, name) for name in names if not is_built_in(("", kind, "", name))}
    assert unknown == set()


def test_the_service_accounts_that_it_binds_are_known(cluster: Cluster) -> None:
    bound = set()
    for resource in ("clusterrolebindings", "rolebindings"):
        for item in cluster.client.request("GET", f"{RBAC}/{resource}", **OF_KUBERNETES)["items"]:
            accounts = [it for it in item.get("subjects", []) if it["kind"] == "ServiceAccount"]
            bound |= {(it["namespace"], it["name"]) for it in accounts}
    assert len(bound) > 20
    assert {it for it in bound if not is_built_in(("", "ServiceAccount", *it))} == set()


def test_what_a_fresh_cluster_has_is_known(cluster: Cluster) -> None:
    services = cluster.client.request("GET", "/api/v1/services")["items"]
    names = [(it["metadata"]["namespace"], it["metadata"]["name"]) for it in services]
    assert names == [("default", "kubernetes")]
    assert is_built_in(("", "Service", *names[0]))
    accounts = cluster.client.request("GET", "/api/v1/serviceaccounts")["items"]
    known = [
        is_built_in(("", "ServiceAccount", it["metadata"]["namespace"], it["metadata"]["name"])) for it in accounts
    ]
    assert all(known)
