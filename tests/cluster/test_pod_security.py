"""The webhook's pods on an API server that enforces Pod Security, with the options for clusters of other makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.api import Object, until
from cluster.harness import Cluster, config, one

OPTIONS = {
    "by default": "",
    "port 443": "port: 443, ",
    "port 10250": "port: 10250, ",
    "user of the platform": "fixedUser: false, ",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_pods_meet_the_level_of_their_namespace(
    name: str, cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    items = rendered(config(f"  webhook: {{{OPTIONS[name]}certificate: {{source: Derive}}}}\n"))
    assert level_of(items) == "restricted"
    assert cluster.verdict(prepared(cluster, items)) == ""


def test_pods_in_the_network_of_nodes_need_a_namespace_that_lets_them(
    cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    items = rendered(config("  webhook: {hostNetwork: true, certificate: {source: Derive}}\n"))
    assert level_of(items) == "privileged"
    pod = prepared(cluster, items)
    assert cluster.verdict(pod) == ""
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    cluster.client.patch("/api/v1/namespaces/gmsa-webhook", {"metadata": {"labels": labels}})
    until(lambda: "host namespaces" in cluster.verdict(pod), "the level is in force")


def level_of(items: list[Object]) -> str:
    return str(one(items, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"])


def prepared(cluster: Cluster, items: list[Object]) -> Object:
    """A pod of the emitted Deployment, whose namespace and service account are there."""
    deployment = one(items, "Deployment")
    namespace = deployment["metadata"]["namespace"]
    template = deployment["spec"]["template"]
    accounts = [it for it in items if it["kind"] == "ServiceAccount" and it["metadata"]["namespace"] == namespace]
    cluster.client.apply(one(items, "Namespace"), *accounts)
    metadata = {**template["metadata"], "name": "tried", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
