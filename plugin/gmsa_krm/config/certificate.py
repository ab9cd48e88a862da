"""Where the webhook's TLS certificate comes from: the table of sources, and the settings of each."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, enum, section, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Report

# Each source and what it does; the module of `certificates` with the source's name in snake_case obtains the material.
SOURCES = {
    "Generate": "new keys on each run, for trying out",
    "Derive": "computed from a seed, the same everywhere",
    "Files": "PEM files",
    "ExistingSecret": "a Secret in the cluster",
    "CertManager": "cert-manager issues and renews it",
}

_HOUR = 3600


class Derive(Section):
    """For source Derive: keys and certificates computed from a secret seed and the date."""

    seed_env: str = string("Environment variable that holds the seed, 32 bytes or more.", default="GMSA_KRM_SEED")
    seed_file: str | None = string("File that holds the seed, instead of the variable; never commit it.")
    rotate_every: str = string(
        "How long an epoch is: a new serving certificate in each.", default="720h", check=values.duration
    )


class CertificateFiles(Section):
    """For source Files: PEM files, relative to this config's folder."""

    ca: str = string("The CA that the API server is to trust.", default="certs/ca.crt")
    cert: str = string(
        "The webhook's certificate, followed by intermediate ones if there are any.", default="certs/tls.crt"
    )
    key: str = string("The certificate's private key, not encrypted.", default="certs/tls.key")


class ExistingSecret(Section):
    """For source ExistingSecret: a Secret that something else keeps in the cluster."""

    name: str = string(
        "Its name, in the webhook's namespace; of type kubernetes.io/tls.", required=True, check=values.subdomain_name
    )
    ca_bundle_file: str = string("PEM file with the CA of its certificate.", required=True, examples=("certs/ca.crt",))


class IssuerRef(Section):
    """An issuer of cert-manager."""

    name: str = string("Its name.", required=True, check=values.subdomain_name)
    kind: str = string("Issuer, ClusterIssuer, or the kind of an external issuer.", default="Issuer")
    group: str = string("Its API group.", default="cert-manager.io", check=values.subdomain_name)


class CertManager(Section):
    """For source CertManager."""

    issuer_ref: IssuerRef | None = section(
        "The issuer to use; it must fill ca.crt of the Secret. Null: a self-signed issuer chain of our own.",
        IssuerRef,
        optional=True,
    )


class Certificate(Section):
    """Where the webhook's TLS certificate comes from."""

    source: str = enum(
        " ".join(f"{name}: {meaning}." for name, meaning in SOURCES.items()), *SOURCES, default="Generate"
    )
    valid_for: str = string(
        "How long a certificate of the sources Generate, Derive and CertManager is valid.",
        default="8760h",
        check=values.duration,
    )
    derive: Derive = section("For source Derive.", Derive)
    files: CertificateFiles = section("For source Files.", CertificateFiles)
    existing_secret: ExistingSecret = section("For source ExistingSecret.", ExistingSecret)
    cert_manager: CertManager = section("For source CertManager.", CertManager)

    def check(self, report: Report) -> None:
        if self.source == "ExistingSecret" and not self.is_given("existingSecret"):
            message = "is missing; source ExistingSecret needs existingSecret: {name: ..., caBundleFile: ...}"
            report.error("required", message, self.at("source"), f"{self.path}.existingSecret")
        self._check_validity(report)

    def _check_validity(self, report: Report) -> None:
        valid, epoch = values.seconds(self.valid_for), values.seconds(self.derive.rotate_every)
        node, field = self.at("validFor"), f"{self.path}.validFor"
        if self.source == "Derive" and valid < 2 * epoch:
            message = (
                f"{self.valid_for} is less than twice derive.rotateEvery ({self.derive.rotate_every}), so a certificate"
                f" could expire before the next one is rolled out; give at least {-(-2 * epoch // _HOUR)}h"
            )
            report.error("validity", message, node, field)
        if self.source == "CertManager" and _HOUR <= valid < 4380 * _HOUR:
            message = (
                f"{self.valid_for} is short: the webhook reloads its certificate once, so a pod that is older than"
                f" {valid * 5 // 3 // _HOUR}h serves an expired one; give 4380h or more, or restart the pods in time"
            )
            report.warning("short-validity", message, node, field)
        if valid < _HOUR:
            report.error("validity", f"{self.valid_for} is less than an hour; give at least 1h", node, field)
