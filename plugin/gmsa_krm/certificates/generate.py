"""Source Generate: a new CA and a new certificate at every run; the CA's key is discarded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gmsa_krm.certificates.authority import Authority, certificate_pem, key_pem
from gmsa_krm.certificates.material import EMITTED, SOON, TlsMaterial, dns_names
from gmsa_krm.config.values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report


def obtain(
    webhook: Webhook, environment: Environment, report: Report, find_existing: FindExisting
) -> TlsMaterial | None:
    """The material of an earlier run if it is still valid, else new material."""
    node, field = webhook.certificate.at("source"), f"{webhook.certificate.path}.source"
    if environment.variable("ARGOCD_APP_NAME") is not None:
        message = (
            "Generate makes new keys at every render, so an application of Argo CD would never be in sync; use"
            " CertManager, Derive, ExistingSecret or Files"
        )
        report.error("generated-certificate-argocd", message, node, field)
        return None
    names = dns_names(webhook.name, webhook.namespace)
    now = environment.now()
    existing = find_existing()
    if existing is not None and _is_usable(existing, names, now):
        return existing
    message = (
        "Generate makes new keys on every run, so no two renders are equal and each one restarts the webhook; use"
        " Derive, Files or CertManager for anything but a trial"
    )
    report.warning("generated-certificate", message, node, field)
    return issue(names, now, seconds(webhook.certificate.valid_for))


def issue(names: list[str], now: int, valid_for: int) -> TlsMaterial:
    """New material for `names`, valid from an hour before `now`, for slow clocks."""
    validity = (now - 3600, now + valid_for)
    authority = Authority(
        ec.generate_private_key(ec.SECP256R1()), names, x509.random_serial_number(), validity, deterministic=False
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(key, names, x509.random_serial_number(), validity)
    return TlsMaterial(EMITTED, certificate_pem(authority.certificate), certificate_pem(certificate), key_pem(key))


def _is_usable(existing: TlsMaterial, names: list[str], now: int) -> bool:
    """Whether material of an earlier run is for this webhook and does not expire soon."""
    try:
        certificate = x509.load_pem_x509_certificate(existing.certificate.encode())
        authority = x509.load_pem_x509_certificate(existing.ca_bundle.encode())
        key = load_pem_private_key(existing.key.encode(), password=None)
        certificate.verify_directly_issued_by(authority)
        own_key, public_key = key.public_key(), certificate.public_key()
        alternative_names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # cryptography has many for a certificate that it cannot read
        return False
    last = datetime.fromtimestamp(now, UTC) + timedelta(seconds=SOON)
    return (
        own_key == public_key
        and alternative_names.get_values_for_type(x509.DNSName) == names
        and min(certificate.not_valid_after_utc, authority.not_valid_after_utc) > last
    )
