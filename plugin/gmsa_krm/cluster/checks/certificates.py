"""The certificate that the webhook's pods serve, as far as it can be known without a Secret.

The Deployment has the hash of the certificate that it was rolled out with. The config says what today's is; for source
Derive it also gives those of earlier epochs, so that the cluster's is recognized and has a date.
"""

from __future__ import annotations

from gmsa_krm.certificates.material import days
from gmsa_krm.cluster.admission import WEBHOOK_LISTS
from gmsa_krm.cluster.dates import date, seconds_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import RENDER
from gmsa_krm.cluster.view import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted
    from gmsa_krm.environment import Environment
    from gmsa_krm.resolve import Resolved

    Object = dict[str, Any]

HASH = "gmsa-krm.dev/certificate-sha256"
_GRACE = 3600  # seconds; cert-manager takes minutes, and a restart or a slow issuer more
_MAX_EPOCHS = 400


class _Serving:
    """The certificate of a Deployment. `end`: when it expires, None if that is unknown; `is_todays`: the config's."""

    def __init__(self, about: str, end: int | None, *, is_todays: bool, source: str) -> None:
        self.about = about
        self.end = end
        self.is_todays = is_todays
        self.source = source


def _unusable(view: View, wanted: Wanted, found: Found) -> None:
    """Then the certificate in the cluster is not compared with the config's, and everything else is checked."""
    del view
    for it in wanted.certificate_errors:
        found.problem(str(it.location), f"{it.field}: {it.message} (rule {it.rule})")


def _expired(view: View, wanted: Wanted, found: Found) -> None:
    for it in _serving(view, wanted):
        if it.end is not None and it.end <= wanted.now:
            message = (
                f"has a certificate that expired on {date(it.end)}, so gMSA pods are refused as soon as the API server"
                f" connects again; {RENDER}"
            )
            found.problem(it.about, message)
        elif it.end is not None:
            found.holds(f"{it.about} has a certificate until {date(it.end)}")
    for certificate in _issued(view, wanted):
        end = seconds_of((certificate.get("status") or {}).get("notAfter"))
        if end is not None and end <= wanted.now:
            message = f"expired on {date(end)}, and cert-manager has not renewed it; {_look(certificate)}"
            found.problem(describe(certificate, "Certificate"), message)
        elif end is not None:
            found.holds(f"{describe(certificate, 'Certificate')} is valid until {date(end)}")


def _outdated(view: View, wanted: Wanted, found: Found) -> None:
    for it in _serving(view, wanted):
        if it.is_todays:
            found.holds(f"{it.about} has the certificate of the config")
        elif it.end is not None and it.end > wanted.now:
            message = (
                f"has the certificate of an earlier epoch, which expires on {date(it.end)}, in"
                f" {days(it.end - wanted.now)}; before that, {RENDER}"
            )
            found.problem(it.about, message)
        elif it.end is None:
            why = ", and none of its recent epochs" if it.source == "Derive" else ""
            found.problem(it.about, f"has another certificate than the config{why}; {RENDER}")


def _not_ready(view: View, wanted: Wanted, found: Found) -> None:
    for it in _issued(view, wanted):
        ready = _condition(it, "Ready")
        about = describe(it, "Certificate")
        if ready.get("status") == "True":
            found.holds(f"{about} is ready")
        else:
            why = (
                _condition(it, "Issuing").get("message") or ready.get("message") or "cert-manager has not looked at it"
            )
            found.problem(about, f"is not ready: {str(why).rstrip('.')}; {_look(it)}")


def _overdue(view: View, wanted: Wanted, found: Found) -> None:
    for it in _issued(view, wanted):
        status = it.get("status") or {}
        due, end = seconds_of(status.get("renewalTime")), seconds_of(status.get("notAfter"))
        about = describe(it, "Certificate")
        if due is not None and end is not None and due + _GRACE <= wanted.now < end:
            message = (
                f"has been due for renewal since {date(due)}, and expires on {date(end)}; check that cert-manager"
                f" runs, and {_look(it)}"
            )
            found.problem(about, message)
        elif due is not None:
            found.holds(f"{about} is renewed on {date(due)}")


def _serving(view: View, wanted: Wanted) -> Iterator[_Serving]:
    deployments = {describe(it, "Deployment"): it for it in view.items("deployments")}
    for config, environment in zip(wanted.configs, wanted.environments, strict=True):
        if config.tls is None or not config.tls.ca_bundle or not wanted.knows_certificate(config):
            continue
        webhook = config.spec.webhook
        about = f"Deployment {webhook.namespace}/{webhook.name}"
        deployment = deployments.get(about)
        if deployment is None:
            continue
        served = (deployment["spec"]["template"]["metadata"].get("annotations") or {}).get(HASH)
        if served is None:
            continue  # an earlier version of gmsa-krm, or another program: drift has it
        known = dict(_known(config, environment, wanted.now))
        todays = next(iter(known))
        yield _Serving(about, known.get(served), is_todays=served == todays, source=_source(config))


def _known(config: Resolved, environment: Environment, now: int) -> Iterator[tuple[str, int | None]]:
    """The hashes of certificates that the config gives or gave, and when they expire; today's first."""
    from hashlib import sha256

    tls = config.tls
    assert tls is not None
    yield sha256((tls.certificate or tls.ca_bundle).encode()).hexdigest(), _end(tls.certificate)
    if _source(config) != "Derive":
        return
    from gmsa_krm.certificates import obtain
    from gmsa_krm.config.values import seconds

    settings = config.spec.webhook.certificate
    length, valid_for = seconds(settings.derive.rotate_every), seconds(settings.valid_for)
    # Those of the first third are still valid; the others are for the message.
    for epoch in range(1, min(3 * (valid_for // length) + 2, _MAX_EPOCHS)):
        at = now - epoch * length
        material = (
            obtain(
                config.spec.webhook,
                environment.with_variable("SOURCE_DATE_EPOCH", str(at)),
                config.report,
                lambda: None,
            )
            if at > 0
            else None
        )
        if material is not None:
            yield sha256(material.certificate.encode()).hexdigest(), _end(material.certificate)


def _end(pem: str) -> int | None:
    if not pem:
        return None
    from cryptography.x509 import load_pem_x509_certificate

    return int(load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp())


def _issued(view: View, wanted: Wanted) -> list[Object]:
    """cert-manager's Certificates of the webhook: those of the config, else those whose Secret its pods use."""
    certificates = view.items("certificates")
    if wanted.is_given:
        names = {describe(it) for it in wanted.of_kind("Certificate")}
        return [it for it in certificates if describe(it, "Certificate") in names]
    if not certificates:
        return []
    from gmsa_krm.cluster.admission import find_webhooks

    sources = {
        (it.configuration["metadata"].get("annotations") or {}).get("cert-manager.io/inject-ca-from")
        for it in find_webhooks(view)
    }
    return [it for it in certificates if f"{it['metadata']['namespace']}/{it['metadata']['name']}" in sources]


def _source(config: Resolved) -> str:
    return str(config.spec.webhook.certificate.source)


def _condition(item: Object, type: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or []
    found: Object = next((it for it in conditions if it.get("type") == type), {})
    return found


def _look(certificate: Object) -> str:
    metadata = certificate["metadata"]
    return f"see kubectl -n {metadata['namespace']} describe certificate {metadata['name']}"


_LISTS = (*WEBHOOK_LISTS, "deployments", "certificates")
CHECKS = (
    Check("certificate-unusable", ERROR, "certificate", _unusable, explains=False),  # it is not about the cluster
    Check("certificate-not-ready", ERROR, "certificate", _not_ready, lists=_LISTS),
    Check("certificate-expired", ERROR, "certificate", _expired, lists=_LISTS, after=("certificate-not-ready",)),
    Check("certificate-outdated", WARNING, "certificate", _outdated, lists=_LISTS, after=("ca-bundle-differs",)),
    Check("certificate-renewal-overdue", WARNING, "certificate", _overdue, lists=_LISTS),
)
