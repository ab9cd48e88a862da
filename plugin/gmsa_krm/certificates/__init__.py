"""The webhook's TLS material, a module per source.

A source is a line of `config.certificate.SOURCES` and a module here, named as the source in snake_case, with a function
`obtain`. Only the module of the one source is loaded.
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
    """The material for a webhook; None where the report has the reason.

    `existing` is what the Secret of an earlier run holds, if it is among the documents.
    """
    # importlib would take longer to load than the module
    source = __import__(f"gmsa_krm.certificates.{module_name(webhook.certificate.source)}", fromlist=["obtain"])
    material: TlsMaterial | None = source.obtain(webhook, environment, report, existing)
    return material


def module_name(source: str) -> str:
    return "".join(f"_{it.lower()}" if it.isupper() else it for it in source).lstrip("_")
