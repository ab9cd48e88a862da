"""With the webhook down, nothing but gMSA stops, and the cluster heals itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from cluster.api import Object, until
from cluster.harness import CONTENTS, WEBHOOK, Cluster, contents_of, one, pod

CONFIGURATIONS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
PODS = 1_000


def test_pods_without_gmsa_do_not_notice(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    items = rendered()
    cluster.install(items)
    cluster.node.is_down = True

    # The same loop with and without the configurations, in turn, so that the machine's moods fall on both.
    client, configurations = cluster.client, [it for it in items if it["kind"] in (*CONFIGURATIONS, *POLICY)]
    took: dict[bool, list[float]] = {True: [], False: []}
    for round_number in range(10):
        for registered in (True, False):
            if registered:
                client.apply(*configurations)
                until(lambda: "failed calling webhook" in cluster.verdict(pod("a")), "the outage shows")
            else:
                for it in configurations:
                    client.delete(client.path(it))
                until(lambda: not cluster.verdict(pod("a")), "the API server has forgotten the configurations")
            for number in range(PODS // 10):
                item = pod(f"plain-{registered}-{round_number}-{number}".lower(), None)
                started = time.perf_counter()
                client.create(item)  # raises if it is refused
                took[registered].append(time.perf_counter() - started)
    assert len(took[True]) == PODS
    # A call to a webhook that is down takes its time limit or at least a connection, and would show.
    for percent in (50, 99):
        with_webhook, without = (statistics.quantiles(took[it], n=100)[percent - 1] for it in (True, False))
        assert with_webhook < 5 * without, f"p{percent}: {with_webhook * 1000:.1f} ms against {without * 1000:.1f} ms"


def test_gmsa_pods_are_refused_by_name_and_it_heals(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    items = rendered()
    cluster.install(items)
    client, deployment = cluster.client, one(items, "Deployment")
    pods = f"/api/v1/namespaces/{deployment['metadata']['namespace']}/pods"
    old = {it["metadata"]["name"] for it in client.items(pods)}
    with cluster.outage() as message:
        assert f'failed calling webhook "{WEBHOOK}"' in message
        assert "https://gmsa-webhook.gmsa-webhook.svc:443" in message
        for name in old:
            client.delete(f"{pods}/{name}", gracePeriodSeconds=0)
        # New pods of the webhook itself, while no webhook answers.
        until(
            lambda: len({it["metadata"]["name"] for it in client.items(pods)} - old) == len(old),
            "its pods are made again",
        )
    cluster.rolled_out(deployment)
    assert contents_of(cluster.try_pod(pod("a"))) == [CONTENTS, None]


def test_a_gmsa_pod_that_runs_goes_on(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """What a kubelet writes of a pod, and its end, are not for the webhook."""
    cluster.install(rendered())
    client = cluster.client
    path = client.path(client.create(pod("running")))
    with cluster.outage():
        client.patch(f"{path}/status", {"status": {"phase": "Running"}})
        client.request("DELETE", path)
        assert client.find(path) is None
