"""Source CertManager with the real cert-manager: it issues, injects and renews, and no gMSA pod is refused meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.api import Object, until
from cluster.cert_manager import NAMESPACE, REPLACES, SECRET, CertManager
from cluster.harness import FAST, Cluster, Loop, config, one, text_of

CORPORATE = "corporate"


def with_cert_manager(issuer_kind: str | None = None) -> str:
    issuer = f", certManager: {{issuerRef: {{name: {CORPORATE}, kind: {issuer_kind}}}}}" if issuer_kind else ""
    return config(f"  webhook: {{{FAST}, certificate: {{source: CertManager{issuer}}}}}\n")


@pytest.mark.parametrize("cert_manager", [[], [REPLACES]], indirect=True, ids=["adds", "replaces"])
def test_renewals_of_our_own_chain(
    cluster: Cluster, cert_manager: CertManager, rendered: Callable[..., list[Object]]
) -> None:
    """A process takes up one renewal; it stays trusted after the next, and after one of the CA, which keeps its key."""
    items = rendered(with_cert_manager())
    cluster.install(items)
    cert_manager.injected()
    cluster.admits()
    authority = cert_manager.secret("gmsa-webhook-ca")
    with Loop(cluster) as loop:
        processes, first = cluster.node.processes, after_a_renewal(cluster, cert_manager)
        loop.goes_on()
        for name in ("gmsa-webhook", "gmsa-webhook-ca", "gmsa-webhook"):
            cert_manager.renew(name)
            cert_manager.injected()
            loop.goes_on()
        cluster.client.delete(f"/api/v1/namespaces/gmsa-webhook/secrets/{SECRET}")  # another way to ask for it
        cert_manager.issued("gmsa-webhook", after=4)
        cert_manager.injected()
        loop.goes_on()
        # What we emit next time leaves alone what cert-manager has written.
        before = cert_manager.bundles()
        diff = cluster.kubectl("diff", "--server-side", "--field-manager=tests", "-f", "-", text=text_of(items))
        assert diff.stdout == ""
        cluster.client.apply(*items, force=False)
        loop.goes_on()
    assert loop.wrong == []
    # Or the test would prove nothing: the CA's certificate is another, and the processes have missed three renewals.
    renewed = cert_manager.secret("gmsa-webhook-ca")
    assert (renewed["tls.crt"] != authority["tls.crt"], renewed["tls.key"]) == (True, authority["tls.key"])
    assert cert_manager.bundles() == before
    assert (cluster.node.processes, cluster.node.certificates) == (processes, first)


@pytest.mark.parametrize("kind", ["ClusterIssuer", "Issuer"])
def test_an_issuer_of_the_user(
    kind: str, cluster: Cluster, cert_manager: CertManager, rendered: Callable[..., list[Object]]
) -> None:
    """Its CA is replaced by another, twice: processes that missed that are trusted, and so are those after them."""
    namespace = NAMESPACE if kind == "ClusterIssuer" else "gmsa-webhook"
    issuers = issuers_of_a_user(kind, namespace)
    items = rendered(with_cert_manager(kind))
    cluster.node.image_finishes = True
    cluster.install(items, lambda: cluster.client.apply(*issuers) and None)
    cert_manager.injected()
    cluster.admits()
    cas = [cert_manager.secret(SECRET)["ca.crt"]]
    with Loop(cluster) as loop:
        processes, first = cluster.node.processes, after_a_renewal(cluster, cert_manager)
        loop.goes_on()
        for _ in range(2):
            cert_manager.renew(CORPORATE, namespace)
            ca = cert_manager.secret(CORPORATE, namespace)["tls.crt"]
            cert_manager.renew("gmsa-webhook")
            cert_manager.injected()
            cas.append(cert_manager.secret(SECRET)["ca.crt"])
            assert cas[-1] == ca
            loop.goes_on()
        assert (cluster.node.processes, cluster.node.certificates) == (processes, first)
        deployment = one(items, "Deployment")
        cluster.kubectl("rollout", "restart", "--namespace=gmsa-webhook", "deployment", deployment["metadata"]["name"])
        cluster.rolled_out(deployment)
        loop.goes_on()
    assert loop.wrong == []
    assert len(set(cas)) == 3
    served = cert_manager.secret(SECRET)["tls.crt"].decode()
    assert {it.strip() for it in cluster.node.certificates.values()} == {served.strip()}


def after_a_renewal(cluster: Cluster, cert_manager: CertManager) -> dict[str, str]:
    """What the pods serve once each has taken up a renewed certificate."""
    before = cluster.node.certificates
    assert len(before) == 2
    cert_manager.renew("gmsa-webhook")
    cert_manager.injected()
    until(
        lambda: not set(cluster.node.certificates.values()) & set(before.values()),
        "the pods serve the renewed certificate",
    )
    return cluster.node.certificates


def issuers_of_a_user(kind: str, namespace: str) -> list[Object]:
    """An issuer whose CA has another key after each renewal."""
    spec = {
        "isCA": True,
        "commonName": CORPORATE,
        "secretName": CORPORATE,
        "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
        "issuerRef": {"name": "self", "kind": kind},
    }

    def made(kind: str, name: str, spec: Object) -> Object:
        metadata = {"name": name, **({} if kind == "ClusterIssuer" else {"namespace": namespace})}
        return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec}

    return [
        made(kind, "self", {"selfSigned": {}}),
        made("Certificate", CORPORATE, spec),
        made(kind, CORPORATE, {"ca": {"secretName": CORPORATE}}),
    ]
