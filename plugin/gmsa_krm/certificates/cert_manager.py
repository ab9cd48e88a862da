"""Source CertManager: cert-manager issues the certificate and injects the CA, so there is no material to obtain."""

from __future__ import annotations

from gmsa_krm.certificates.material import ISSUED, TlsMaterial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report


def obtain(_webhook: Webhook, _environment: Environment, _report: Report, _find_existing: FindExisting) -> TlsMaterial:
    return TlsMaterial(ISSUED)
