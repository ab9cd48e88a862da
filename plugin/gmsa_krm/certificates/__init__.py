"""The webhook's TLS material, a module per source.

A source is a line of `config.certificate.SOURCES` and a module here with the name of the source in snake_case and a
function `obtain`. Only the module of the configured source is loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import TlsMaterial
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report


def obtain(
    webhook: Webhook, environment: Environment, report: Report, existing: TlsMaterial | None
) -> TlsMaterial | None:
    """The material for a webhook; None if the report has an error.

    `existing` is the material in the Secret of an earlier run, if that is among the documents.
    """
    # importing importlib would take longer than the module
    source = __import__(f"gmsa_krm.certificates.{module_name(webhook.certificate.source)}", fromlist=["obtain"])
    material: TlsMaterial | None = source.obtain(webhook, environment, report, existing)
    return material


def module_name(source: str) -> str:
    return "".join(f"_{it.lower()}" if it.isupper() else it for it in source).lstrip("_")
