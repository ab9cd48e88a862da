"""Faults put in on purpose: each makes the check fail that is there to find it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import test_cert_manager, test_privileges
from cluster.api import Object, until
from cluster.cert_manager import REPLACES, CertManager
from cluster.harness import NOW, Cluster, Loop, mutated, one, pod
from cluster.sidecar import labelled, sidecar
from gmsa_krm.certificates.generate import issue

CONFIGURATIONS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
YEAR = 365 * 86_400


def of_configurations(items: list[Object], change: Callable[[Object], Any]) -> list[Object]:
    for kind in CONFIGURATIONS:
        items = mutated(items, kind, lambda it: change(it["webhooks"][0]))
    return items


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_without_a_fault_every_check_passes(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """Or the others would prove nothing."""
    items = mutated(rendered(), "Secret", lambda _: None)
    cluster.install(of_configurations(items, lambda _: None))
    cluster.admits()
    test_privileges.check(cluster.client, one(items, "Deployment"))


def test_a_certificate_for_another_name(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    other = issue(["gmsa-webhook.default.svc"], NOW, YEAR)
    assert other.certificate
    assert other.key
    data = {"tls.crt": encoded(other.certificate), "tls.key": encoded(other.key)}
    items = mutated(rendered(), "Secret", lambda it: it["data"].update(data))
    items = of_configurations(items, lambda it: it["clientConfig"].update(caBundle=encoded(other.ca_bundle)))
    fails(cluster, items, "certificate is valid for gmsa-webhook.default.svc, not gmsa-webhook.gmsa-webhook.svc")


def test_a_bundle_without_the_ca(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    other = issue(["gmsa-webhook.gmsa-webhook.svc"], NOW, YEAR)
    items = of_configurations(rendered(), lambda it: it["clientConfig"].update(caBundle=encoded(other.ca_bundle)))
    fails(cluster, items, "certificate signed by unknown authority")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (0, 'cannot get resource "gmsacredentialspecs"'),
        (1, "localsubjectaccessreviews.authorization.k8s.io is forbidden"),
    ],
)
def test_a_verb_that_is_missing(index: int, said: str, cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    items = mutated(
        rendered(), "ClusterRole", lambda it: it["metadata"]["name"] == "gmsa-webhook" and it["rules"].pop(index)
    )
    fails(cluster, items, said)
    with pytest.raises(AssertionError):
        test_privileges.check(cluster.client, one(items, "Deployment"))


def test_a_verb_too_much(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    items = mutated(rendered(), "ClusterRole", lambda it: it["rules"][0]["verbs"].append("list"))
    cluster.install(items)
    cluster.admits()
    with pytest.raises(AssertionError):
        test_privileges.check(cluster.client, one(items, "Deployment"))


def test_no_match_condition(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """Then the webhook that is down blocks all pods, its own too; the tests of an outage live on the difference."""
    items = rendered()
    cluster.install(items)  # with the condition, or the first pods of the webhook could not start
    items = of_configurations(items, lambda it: it.pop("matchConditions"))
    cluster.client.apply(*(it for it in items if it["kind"] in CONFIGURATIONS))
    own = pod("own", None)
    own["metadata"]["namespace"] = "gmsa-webhook"
    own["spec"] |= {"serviceAccountName": "gmsa-webhook"}
    with cluster.outage():
        both = pod("plain", None), own
        until(lambda: all("failed calling webhook" in cluster.verdict(it) for it in both), "both are refused")


def test_no_reinvocation(cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path) -> None:
    """The test of a container that another webhook adds fails where ours is called once."""
    cluster.install(
        mutated(rendered(), "MutatingWebhookConfiguration", lambda it: it["webhooks"][0].pop("reinvocationPolicy"))
    )
    with sidecar(cluster, tmp_path):
        assert "gmsaCredentialSpecName without gmsaCredentialSpec at containers sidecar" in cluster.verdict(
            labelled(pod("a"))
        )


@pytest.mark.parametrize("cert_manager", [[REPLACES]], indirect=True, ids=["replaces"])
def test_a_ca_whose_key_is_not_kept(
    cluster: Cluster, cert_manager: CertManager, rendered: Callable[..., list[Object]]
) -> None:
    """The renewals of test_cert_manager fail if the CA is renewed with another key, and replaces the one before."""
    items = mutated(
        rendered(test_cert_manager.with_cert_manager()),
        "Certificate",
        lambda it: it["spec"]["privateKey"].update(rotationPolicy="Always"),
    )
    cluster.install(items)
    cluster.admits()
    with Loop(cluster) as loop:
        for _ in range(2):
            for name in ("gmsa-webhook-ca", "gmsa-webhook"):
                cert_manager.renew(name)
            cert_manager.injected()
        until(lambda: any("signed by unknown authority" in it for it in loop.wrong), "the loop notices")


def test_a_ca_that_is_not_injected(
    cluster: Cluster, cert_manager: CertManager, rendered: Callable[..., list[Object]]
) -> None:
    """Without the annotation of one configuration the pods' certificate is there, and nobody trusts it."""
    items = mutated(
        rendered(test_cert_manager.with_cert_manager()),
        "MutatingWebhookConfiguration",
        lambda it: it["metadata"].pop("annotations"),
    )
    fails(cluster, items, "signed by unknown authority")
    assert len(cert_manager.bundles()) == 1


def test_two_rotations_of_a_ca_of_its_own_per_epoch(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """The loop of test_rotation fails where pods and configurations do not know each other's CA."""
    cluster.install(rendered())
    after = rendered(GMSA_KRM_SEED="another seed for tests, of 32 bytes or more")
    with Loop(cluster) as loop:
        cluster.client.apply(*(it for it in after if it["kind"] in CONFIGURATIONS))
        until(lambda: any("certificate" in it for it in loop.wrong), "the loop notices")


def fails(cluster: Cluster, items: list[Object], said: str) -> None:
    """Installs, and expects the check of test_sources and test_admission to fail with a message."""
    cluster.install(items, settles=False)
    until(lambda: said in cluster.verdict(pod("a")), f"pods are refused with: {said}", seconds=20)
    with pytest.raises(AssertionError):
        cluster.admits()
