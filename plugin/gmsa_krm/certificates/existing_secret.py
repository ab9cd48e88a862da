"""Source ExistingSecret: a Secret that another tool manages in the cluster, and the CA of its certificate."""

from __future__ import annotations

from gmsa_krm.certificates.material import EXISTING, TlsMaterial
from gmsa_krm.certificates.pem import read_authorities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report


def obtain(
    webhook: Webhook, environment: Environment, report: Report, _find_existing: FindExisting
) -> TlsMaterial | None:
    authorities = read_authorities(webhook.certificate.existing_secret, "caBundleFile", environment, report)
    return TlsMaterial(EXISTING, "".join(authorities)) if authorities else None
