"""What a source of certificates gives, and the names that a certificate must have."""

from __future__ import annotations

import re

_CERTIFICATE = r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"

DAY = 86_400
# An expiry nearer than this is worth a warning.
SOON = 30 * DAY


class TlsMaterial:
    """PEM texts: the CAs to trust, and certificate and key unless they stay in a Secret of the cluster."""

    __slots__ = ("ca_bundle", "certificate", "key")

    def __init__(self, ca_bundle: str, certificate: str | None = None, key: str | None = None) -> None:
        self.ca_bundle = ca_bundle
        self.certificate = certificate
        self.key = key

    def __repr__(self) -> str:
        return "TlsMaterial(...)"  # a key must not reach a log by way of a traceback


def dns_names(service: str, namespace: str) -> list[str]:
    """The names of a Service; the API server connects to the first."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local"]


def certificates_of(pem: str) -> list[str]:
    """The certificate blocks of a PEM text, each ending in a line break, without what stands between them."""
    return [match[0].strip() + "\n" for match in re.finditer(_CERTIFICATE, pem)]
