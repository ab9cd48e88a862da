"""Where the webhook's TLS certificate comes from: the table of sources, and the settings of each."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, enum, section, snake_case, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Report

# Each source and what it does. The module of `certificates` with the source's name in snake_case obtains the material;
# the field of Certificate with its name in camelCase holds its settings, if it has any.
SOURCES = {
    "Generate": "new keys on each run, for a trial",
    "Derive": "keys computed from a seed, the same on every machine",
    "Files": "PEM files",
    "ExistingSecret": "a Secret in the cluster",
    "CertManager": "cert-manager issues and renews it",
}

_HOUR = 3600


class SourceSettings(Section):
    """The settings of one source."""

    @property
    def secret_name(self) -> str | None:
        """Name of the Secret with the certificate, if the source determines it."""
        return None

    @property
    def is_renewed_in_cluster(self) -> bool:
        """Whether the certificate changes without a new render."""
        return False

    def check_certificate(self, certificate: Certificate, report: Report) -> None:
        """What the source demands of the fields that all sources share; called if the source is used."""


class Derive(SourceSettings):
    """For source Derive: keys and certificates computed from a secret seed and the date."""

    seed_env: str = string("Environment variable that holds the seed, 32 bytes or more.", default="GMSA_KRM_SEED")
    seed_file: str | None = string("File that holds the seed, instead of the variable; never commit it.")
    rotate_every: str = string(
        "Interval at which a new serving certificate is issued.", default="720h", check=values.duration
    )
    cluster: str | None = string(
        "Name of the cluster, an input of the derivation: clusters that share a seed get different keys."
        " Default: none, and the keys depend on the seed and the webhook's name and namespace only. Setting or changing"
        " it later makes a new CA, as a new seed does.",
        check=values.subdomain_name,
        examples=("prod-eu-1",),
    )

    def check_certificate(self, certificate: Certificate, report: Report) -> None:
        if any(values.duration(self.rotate_every)):
            return  # reported already
        valid, epoch = values.seconds(certificate.valid_for), values.seconds(self.rotate_every)
        if valid < 2 * epoch:
            message = (
                f"{certificate.valid_for} is less than twice derive.rotateEvery ({self.rotate_every}), so a certificate"
                f" could expire before the next one is rolled out; give at least {-(-2 * epoch // _HOUR)}h"
            )
            report.error("validity", message, certificate.at("validFor"), f"{certificate.path}.validFor")


class CertificateFiles(SourceSettings):
    """For source Files: PEM files, relative to this config's folder."""

    ca: str = string("CA certificate for the API server to trust.", default="certs/ca.crt")
    cert: str = string(
        "Certificate of the webhook, followed by any intermediate certificates.", default="certs/tls.crt"
    )
    key: str = string("Private key of the certificate, not encrypted.", default="certs/tls.key")


class ExistingSecret(SourceSettings):
    """For source ExistingSecret: a Secret that another tool manages in the cluster."""

    name: str = string(
        "Name of the Secret, of type kubernetes.io/tls, in the webhook's namespace.",
        required=True,
        check=values.subdomain_name,
    )
    ca_bundle_file: str = string(
        "PEM file with the CA of the Secret's certificate.", required=True, examples=("certs/ca.crt",)
    )

    @property
    def secret_name(self) -> str | None:
        return self.name

    @property
    def is_renewed_in_cluster(self) -> bool:
        return True


class IssuerRef(Section):
    """A cert-manager issuer."""

    name: str = string("Name of the issuer.", required=True, check=values.subdomain_name)
    kind: str = string("Issuer, ClusterIssuer, or the kind of an external issuer.", default="Issuer")
    group: str = string("API group of the issuer.", default="cert-manager.io", check=values.subdomain_name)


class CertManager(SourceSettings):
    """For source CertManager."""

    issuer_ref: IssuerRef | None = section(
        "The issuer to use; it must set ca.crt in the Secret. Default: an emitted self-signed issuer chain.",
        IssuerRef,
        optional=True,
    )

    @property
    def is_renewed_in_cluster(self) -> bool:
        return True

    def check_certificate(self, certificate: Certificate, report: Report) -> None:
        valid = values.seconds(certificate.valid_for)
        if _HOUR <= valid < 4380 * _HOUR:
            message = (
                f"{certificate.valid_for} is short: the webhook reloads its certificate once, so a pod that is older"
                f" than {valid * 5 // 3 // _HOUR}h serves an expired one; give 4380h or more, or restart the pods"
                " in time"
            )
            report.warning("short-validity", message, certificate.at("validFor"), f"{certificate.path}.validFor")


class Certificate(Section):
    """Where the webhook's TLS certificate comes from."""

    source: str = enum(
        " ".join(f"{name}: {meaning}." for name, meaning in SOURCES.items()), *SOURCES, default="Generate"
    )
    valid_for: str = string(
        "Validity of a certificate from the source Generate, Derive or CertManager.",
        default="8760h",
        check=values.duration,
    )
    derive: Derive = section("For source Derive.", Derive)
    files: CertificateFiles = section("For source Files.", CertificateFiles)
    existing_secret: ExistingSecret = section("For source ExistingSecret.", ExistingSecret)
    cert_manager: CertManager = section("For source CertManager.", CertManager)

    @property
    def source_module(self) -> str:
        """Name of the source in snake_case."""
        return snake_case(self.source).lstrip("_")

    @property
    def settings(self) -> SourceSettings | None:
        """The settings of the source, if it has any."""
        settings: SourceSettings | None = getattr(self, self.source_module, None)
        return settings

    @property
    def is_renewed_in_cluster(self) -> bool:
        """Whether the certificate changes without a new render."""
        return self.settings is not None and self.settings.is_renewed_in_cluster

    def check(self, report: Report) -> None:
        self._check_settings(report)
        if self.settings is not None:
            self.settings.check_certificate(self, report)
        if values.seconds(self.valid_for) < _HOUR:
            message = f"{self.valid_for} is less than an hour; give at least 1h"
            report.error("validity", message, self.at("validFor"), f"{self.path}.validFor")

    def _check_settings(self, report: Report) -> None:
        """A source with required settings needs them."""
        key = self.source[0].lower() + self.source[1:]
        required = [it.key for it in type(self.settings).fields.values() if it.required] if self.settings else []
        if required and not self.is_given(key):
            listed = ", ".join(f"{it}: ..." for it in required)
            message = f"is missing; source {self.source} needs {key}: {{{listed}}}"
            report.error("required", message, self.at("source"), f"{self.path}.{key}")
