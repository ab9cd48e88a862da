"""The webhook's TLS material, one module per source.

The room's door is `obtain`; it loads no more than the one source needs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import TlsMaterial
    from gmsa_krm.config.fields import Report
    from gmsa_krm.config.model import Webhook
    from gmsa_krm.outside import Outside


def obtain(
    webhook: Webhook, outside: Outside, report: Report, present: TlsMaterial | None = None
) -> TlsMaterial | None:
    """The material for a webhook; None for CertManager, and where the report has the reason.

    `present` is what the Secret of an earlier run, passing through, holds: Generate keeps it while it is good.
    """
    source = webhook.certificate.source
    if source == "CertManager":
        return None
    if source == "Files":
        from gmsa_krm.certificates.files import from_files

        return from_files(webhook, outside, report)
    if source == "ExistingSecret":
        from gmsa_krm.certificates.files import from_existing_secret

        return from_existing_secret(webhook, outside, report)
    if source == "Derive":
        from gmsa_krm.certificates.derive import derive

        return derive(webhook, outside, report)
    from gmsa_krm.certificates.generate import generate

    return generate(webhook, outside, report, present)
