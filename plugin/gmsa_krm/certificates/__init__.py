"""The webhook's TLS material, a module per source.

A source is a line of `config.certificate.SOURCES` and a module here with the name of the source in snake_case and a
function `obtain`. Only the module of the configured source is loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gmsa_krm.certificates.material import FindExisting, TlsMaterial
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report

    Obtain = Callable[[Webhook, Environment, Report, FindExisting], TlsMaterial | None]


def obtain(
    webhook: Webhook, environment: Environment, report: Report, find_existing: FindExisting
) -> TlsMaterial | None:
    """The material for a webhook; None where the report has the reason.

    `find_existing` looks for the material of an earlier run among the documents.
    """
    # importlib would take longer to load than the module
    source = __import__(f"gmsa_krm.certificates.{webhook.certificate.source_module}", fromlist=["obtain"])
    material: TlsMaterial | None = source.obtain(webhook, environment, report, find_existing)
    return material
