"""Source CertManager: cert-manager issues the certificate and injects the CA; there is no material here."""

from __future__ import annotations

from gmsa_krm.certificates.material import ISSUED, TlsMaterial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report


def obtain(_: Webhook, __: Environment, ___: Report, ____: TlsMaterial | None) -> TlsMaterial:
    return TlsMaterial(ISSUED)
