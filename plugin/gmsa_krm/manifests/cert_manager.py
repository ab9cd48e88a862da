"""Source CertManager: an issuer chain and the webhook's Certificate.

cert-manager renews without a new render, and a process of the webhook reloads its certificate only once. A process
stays trusted after the renewals that it misses, because:

- The CA's key never changes (rotationPolicy Never), so certificates and bundles from before and after a renewal of
  the CA fit each other in every combination.
- cert-manager renews at two thirds of `validFor`. A process that reloaded the first renewal serves that certificate
  until 5/3 of `validFor` after its start: 20 months with the default. That is longer than a Kubernetes release is
  supported, and no pod outlives the upgrades of its node.
- Where Stakater's Reloader runs, the annotation on the Deployment rolls the pods at each renewal.
"""

from __future__ import annotations

from gmsa_krm.certificates.material import dns_names
from gmsa_krm.config.values import seconds
from gmsa_krm.manifests.webhook import labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.manifests.manifest import Object

_API_VERSION = "cert-manager.io/v1"
_CA_HOURS = 87_600  # ten years, or twice the life of the certificates that it signs


def certificate_name(webhook: Webhook) -> str:
    return webhook.name


def certificates(webhook: Webhook) -> list[Object]:
    """The webhook's Certificate, after its issuers unless the config names one."""
    chain = _issuer_chain(webhook) if webhook.certificate.cert_manager.issuer_ref is None else []
    return [*chain, _certificate(webhook)]


def _certificate(webhook: Webhook) -> Object:
    issuer = webhook.certificate.cert_manager.issuer_ref
    return {
        "apiVersion": _API_VERSION,
        "kind": "Certificate",
        "metadata": _metadata(webhook, certificate_name(webhook)),
        "spec": {
            "secretName": webhook.secret_name,
            "dnsNames": dns_names(webhook.name, webhook.namespace),
            "duration": webhook.certificate.valid_for,
            "usages": ["digital signature", "server auth"],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "issuerRef": (
                {"name": _ca_name(webhook), "kind": "Issuer", "group": "cert-manager.io"}
                if issuer is None
                else {"name": issuer.name, "kind": issuer.kind, "group": issuer.group}
            ),
        },
    }


def _issuer_chain(webhook: Webhook) -> list[Object]:
    """A self-signed issuer, a CA that it signs, and the issuer that signs with that CA."""
    bootstrap = f"{webhook.name}-selfsigned"
    authority = _ca_name(webhook)
    return [
        {
            "apiVersion": _API_VERSION,
            "kind": "Issuer",
            "metadata": _metadata(webhook, bootstrap),
            "spec": {"selfSigned": {}},
        },
        {
            "apiVersion": _API_VERSION,
            "kind": "Certificate",
            "metadata": _metadata(webhook, authority),
            "spec": {
                "isCA": True,
                "commonName": "gmsa-krm webhook CA",
                "secretName": authority,
                "duration": f"{max(_CA_HOURS, 2 * seconds(webhook.certificate.valid_for) // 3600)}h",
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
                "issuerRef": {"name": bootstrap, "kind": "Issuer", "group": "cert-manager.io"},
            },
        },
        {
            "apiVersion": _API_VERSION,
            "kind": "Issuer",
            "metadata": _metadata(webhook, authority),
            "spec": {"ca": {"secretName": authority}},
        },
    ]


def _ca_name(webhook: Webhook) -> str:
    return f"{webhook.name}-ca"


def _metadata(webhook: Webhook, name: str) -> Object:
    return {"name": name, "namespace": webhook.namespace, "labels": labels(webhook)}
