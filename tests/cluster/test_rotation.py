"""Derive goes from epoch to epoch under a loop that creates gMSA pods, in every order of applying."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from cluster.api import Object
from cluster.harness import NOW, Cluster, Loop, one

EPOCH = 720 * 3600
PARTS = {
    "Secret": ("Secret",),
    "Deployment": ("Deployment",),
    "configurations": ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
}
ORDERS = list(itertools.permutations(PARTS))
# An answer that was due on a connection that was there: neither a new connection nor trust.
# The last two: the server's end of the connection went while the request was on its way.
IN_FLIGHT = re.compile(
    r"failed calling webhook .*: (EOF|(read|write) tcp \S+: (read|write): (connection reset by peer|broken pipe)"
    r"|use of closed network connection|http: server closed idle connection)$",
    re.DOTALL,
)


@pytest.mark.parametrize("image_finishes", [True, False], ids=["finishes", "ends-at-once"])
def test_no_order_of_applying_loses_a_request(
    cluster: Cluster, rendered: Callable[..., list[Object]], image_finishes: bool
) -> None:
    """Seven epochs, so that each change is applied in another order; old and new pods are side by side in each.

    An image that ends at once takes along what it was answering: no manifest can prevent that. Nothing else is lost.
    """
    cluster.node.image_finishes = image_finishes
    cluster.install(epoch(rendered, 0))
    with Loop(cluster) as loop:
        for number, order in enumerate(ORDERS, 1):
            items = epoch(rendered, number)
            for part in order:
                cluster.client.apply(*(it for it in items if it["kind"] in PARTS[part]))
                loop.goes_on()
                if part == "Deployment":
                    cluster.rolled_out(one(items, "Deployment"))
                loop.goes_on()
    if image_finishes:
        assert loop.wrong == []
    else:
        assert [it for it in loop.wrong if not IN_FLIGHT.search(it)] == []
        ended = len(ORDERS) * one(items, "Deployment")["spec"]["replicas"]
        assert len(loop.wrong) <= ended * loop.threads


def test_a_pod_that_missed_two_rotations_is_trusted(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """A rollout that hangs: Secret and configurations go on, and the pods of the first epoch stay."""
    cluster.install(epoch(rendered, 0))
    before = cluster.node.processes
    with Loop(cluster) as loop:
        for number in (2, 4, 6):
            items = epoch(rendered, number)
            cluster.client.apply(*(it for it in items if it["kind"] != "Deployment"))
            loop.goes_on()
    assert loop.wrong == []
    assert cluster.node.processes == before


def epoch(rendered: Callable[..., list[Object]], number: int) -> list[Object]:
    """The last is that of today: a certificate is not valid before its epoch, and lasts for a year."""
    return rendered(SOURCE_DATE_EPOCH=str(NOW - (len(ORDERS) - number) * EPOCH))
