"""The TLS material that a certificate source obtains, and the names that a certificate must have."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Looks for the material of an earlier run.
    FindExisting = Callable[[], "TlsMaterial | None"]

_CERTIFICATE = r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"

DAY = 86_400
# A certificate that expires within this time gets a warning.
SOON = 30 * DAY

# Where the private key is: in the emitted Secret; in a Secret that another tool manages in the cluster; in the Secret
# that cert-manager writes for the emitted Certificate.
EMITTED = "emitted"
EXISTING = "existing"
ISSUED = "issued"


class TlsMaterial:
    """PEM texts of the webhook's certificate. `key_location` is EMITTED, EXISTING or ISSUED.

    `ca_bundle`: the CAs to trust; empty where cert-manager injects them. `certificate` and `key` are empty unless the
    key is in the emitted Secret.
    """

    __slots__ = ("ca_bundle", "certificate", "key", "key_location")

    def __init__(self, key_location: str, ca_bundle: str = "", certificate: str = "", key: str = "") -> None:
        self.key_location = key_location
        self.ca_bundle = ca_bundle
        self.certificate = certificate
        self.key = key

    def __repr__(self) -> str:
        return "TlsMaterial(...)"  # keeps the key out of tracebacks and logs


def dns_names(service: str, namespace: str) -> list[str]:
    """The DNS names of a Service; the API server connects to the first."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local"]


def split_certificates(pem: str) -> list[str]:
    """The certificate blocks of a PEM text, each ending in a line break, without the text between them."""
    return [match[0].strip() + "\n" for match in re.finditer(_CERTIFICATE, pem)]


def days(seconds: int) -> str:
    """`30 days`, `1 day`, `less than a day`."""
    count = seconds // DAY
    if not count:
        return "less than a day"
    return "1 day" if count == 1 else f"{count} days"
