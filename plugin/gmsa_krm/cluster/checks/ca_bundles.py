"""The CAs in webhook configurations: readable, not expired, and those that the config asks for."""

from __future__ import annotations

from gmsa_krm.certificates.material import ISSUED, SOON, days, split_certificates
from gmsa_krm.cluster.admission import WEBHOOK_LISTS, find_webhooks
from gmsa_krm.cluster.dates import date
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.admission import Webhook
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

_INJECT = "cert-manager.io/inject-ca-from"


def _invalid(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    for it in _with_service(view):
        if not it.entry["clientConfig"].get("caBundle"):
            source = (it.configuration["metadata"].get("annotations") or {}).get(_INJECT)
            cure = (
                f"cert-manager has not injected that of Certificate {source}; check that it is Ready, and that its"
                " cainjector runs"
                if source
                else "apply what gmsa-krm render prints"
            )
            found.problem(it.about, f"has no caBundle, so the API server does not trust the webhook; {cure}")
        elif not split_certificates(it.bundle):
            message = (
                f"has a caBundle without a certificate in PEM ({it.bundle[:40]!a}), so the API server does not trust"
                " the webhook; apply what gmsa-krm render prints"
            )
            found.problem(it.about, message)
        elif None in _ends(it):
            message = "has a certificate in its caBundle that cannot be read; apply what gmsa-krm render prints"
            found.problem(it.about, message)


def _expired(view: View, wanted: Wanted, found: Found) -> None:
    for it in _with_service(view):
        last = _last(it)
        if last is not None and last <= wanted.now:
            message = (
                f"trusts no CA that is still valid: the last expired {days(wanted.now - last)} ago, so gMSA pods are"
                " refused; issue a new one, and apply what gmsa-krm render prints"
            )
            found.problem(it.about, message)
        elif last is not None:
            found.holds(f"{it.about} trusts a CA until {date(last)}")


def _expiring(view: View, wanted: Wanted, found: Found) -> None:
    for it in _with_service(view):
        last = _last(it)
        if last is not None and wanted.now < last <= wanted.now + SOON:
            message = (
                f"trusts a CA that expires in {days(last - wanted.now)}, and from then on gMSA pods are refused; issue"
                " a new one before"
            )
            found.problem(it.about, message)


def _differs(view: View, wanted: Wanted, found: Found) -> None:
    bundles: dict[str, set[str]] = {}
    for config in wanted.configs:
        # cert-manager writes its own.
        if config.tls is None or config.tls.key_location == ISSUED or not wanted.knows_certificate(config):
            continue
        bundles[config.spec.webhook.name] = set(split_certificates(config.tls.ca_bundle))
    for it in _with_service(view):
        rendered = bundles.get(it.configuration["metadata"]["name"])
        if rendered is None:
            continue
        if rendered <= set(split_certificates(it.bundle)):
            found.holds(f"{it.about} trusts the CA of the config")
        else:
            message = (
                "trusts another CA than the one that the config has; if the config is right, apply what gmsa-krm render"
                " prints, and else render with the seed or the files that the cluster was set up with"
            )
            found.problem(it.about, message)


def _with_service(view: View) -> list[Webhook]:
    return [it for it in find_webhooks(view) if it.service is not None]


def _last(webhook: Webhook) -> int | None:
    """When the last CA of a bundle expires; None if one cannot be read."""
    ends = [end for end in _ends(webhook) if end is not None]
    return max(ends, default=None)


def _ends(webhook: Webhook) -> list[int | None]:
    """When each certificate of a bundle expires; None for one that cannot be read."""
    from cryptography.x509 import load_pem_x509_certificate

    ends: list[int | None] = []
    for pem in split_certificates(webhook.bundle):
        try:
            ends.append(int(load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()))
        except Exception:  # cryptography has many for a certificate that it cannot read
            ends.append(None)
    return ends


_UNUSABLE = ("ca-bundle-invalid", "ca-bundle-expired")
CHECKS = (
    Check("ca-bundle-invalid", ERROR, "certificate", _invalid, lists=WEBHOOK_LISTS),
    Check("ca-bundle-expired", ERROR, "certificate", _expired, lists=WEBHOOK_LISTS, after=_UNUSABLE[:1]),
    Check("ca-bundle-expiring", WARNING, "certificate", _expiring, lists=WEBHOOK_LISTS),
    Check("ca-bundle-differs", ERROR, "certificate", _differs, lists=WEBHOOK_LISTS, after=_UNUSABLE),
)
