"""The certificates of the configs: the cluster can be checked without them, so a mistake in one ends no run."""

from __future__ import annotations

from gmsa_krm.certificates import obtain
from gmsa_krm.certificates.material import DAY, EMITTED, EXISTING, TlsMaterial, dns_names
from gmsa_krm.findings import ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding, Report


class ConfigCertificates:
    """Obtains the certificates of configs. `errors`: what keeps a config from having one; `warnings`: about the others.

    `notes`: about those whose secret is not here: who runs the cluster need not have it.
    """

    def __init__(self) -> None:
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []
        self.notes: list[str] = []
        self._unknown: list[Webhook] = []

    def obtain(
        self, webhook: Webhook, environment: Environment, report: Report, find_existing: FindExisting
    ) -> TlsMaterial:
        """Those of the config, or else new ones in their place."""
        note = _missing_seed(webhook, environment)
        if note:
            self.notes.append(note)
        else:
            before = len(report.findings)
            material = obtain(webhook, environment, report, find_existing)
            found = report.findings[before:]
            del report.findings[before:]
            self.errors += [it for it in found if it.severity == ERROR]
            self.warnings += [it for it in found if it.severity != ERROR]
            if material is not None:
                return material
        self._unknown.append(webhook)
        return _stand_in(webhook, environment)

    def is_known(self, webhook: Webhook) -> bool:
        """Whether the cluster's can be compared with it: not with new keys in each run."""
        return webhook.certificate.source != "Generate" and not any(it is webhook for it in self._unknown)


def _missing_seed(webhook: Webhook, environment: Environment) -> str:
    """What to say where the seed of source Derive is in a variable that is not set; "" elsewhere."""
    derive = webhook.certificate.derive
    names = (derive.seed_env, f"{derive.seed_env}_FILE")
    is_needed = webhook.certificate.source == "Derive" and derive.seed_file is None
    if not is_needed or any(environment.variable(it) is not None for it in names):
        return ""
    return (
        f"the variable {derive.seed_env} is not set, so the certificate in the cluster is not compared with the"
        " config's; set it to the seed to compare them"
    )


def _stand_in(webhook: Webhook, environment: Environment) -> TlsMaterial:
    from gmsa_krm.certificates.generate import issue

    material = issue(dns_names(webhook.name, webhook.namespace), environment.now(), DAY)
    if webhook.certificate.source == "ExistingSecret":
        return TlsMaterial(EXISTING, material.ca_bundle)
    return TlsMaterial(EMITTED, material.ca_bundle, material.certificate, material.key)
