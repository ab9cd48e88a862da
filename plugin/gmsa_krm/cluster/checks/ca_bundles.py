"""The CAs in webhook configurations: readable, not expired, and those that the config asks for."""

from __future__ import annotations

from gmsa_krm.certificates.material import ISSUED, SOON, days, split_certificates
from gmsa_krm.cluster.admission import WEBHOOK_LISTS, find_webhooks
from gmsa_krm.cluster.dates import date
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import RENDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.admission import Webhook
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

_INJECT = "cert-manager.io/inject-ca-from"
_CA = "the CA of the webhook's certificate"


def _invalid(view: View, wanted: Wanted, found: Found) -> None:
    for it in _with_service(view):
        cure = _cure(it, wanted, f"write {_CA} into it, in base64: {_edit(it)}")
        if not it.entry["clientConfig"].get("caBundle"):
            found.problem(it.about, f"has no caBundle, so the API server does not trust the webhook; {cure}")
        elif not split_certificates(it.bundle):
            message = (
                f"has a caBundle without a certificate in PEM ({it.bundle[:40]!a}), so the API server does not trust"
                f" the webhook; {cure}"
            )
            found.problem(it.about, message)
        elif None in _ends(it):
            found.problem(it.about, f"has a certificate in its caBundle that cannot be read; {cure}")


def _cure(webhook: Webhook, wanted: Wanted, by_hand: str, before_render: str = "") -> str:
    """`by_hand`: what to do without cert-manager and without a config; `before_render`: what to do with one."""
    source = (webhook.configuration["metadata"].get("annotations") or {}).get(_INJECT)
    if source:
        return (
            f"cert-manager writes it: check that Certificate {source} is Ready, and that the cainjector of cert-manager"
            " runs"
        )
    return f"{before_render}{RENDER}" if wanted.is_given else by_hand


def _edit(webhook: Webhook) -> str:
    return f"kubectl edit {webhook.kind.lower()} {webhook.configuration['metadata']['name']}"


def _expired(view: View, wanted: Wanted, found: Found) -> None:
    for it in _with_service(view):
        last = _last(it)
        if last is not None and last <= wanted.now:
            message = (
                f"trusts no CA that is still valid: the last one expired {days(wanted.now - last)} ago, so"
                f" {it.effect_of_failure}; {_renew(it, wanted)}"
            )
            found.problem(it.about, message)
        elif last is not None and last > wanted.now + SOON:
            found.holds(f"{it.about} trusts a CA until {date(last)}")


def _expiring(view: View, wanted: Wanted, found: Found) -> None:
    for it in _with_service(view):
        last = _last(it)
        if last is not None and wanted.now < last <= wanted.now + SOON:
            message = (
                f"trusts no CA that is valid for longer than {days(last - wanted.now)}, and from then on"
                f" {it.effect_of_failure}; before that, {_renew(it, wanted)}"
            )
            found.problem(it.about, message)


def _renew(webhook: Webhook, wanted: Wanted) -> str:
    by_hand = (
        "issue a new CA and certificate, put them into the Secret of the webhook and, in base64, into caBundle, and"
        " restart its Deployment"
    )
    return _cure(webhook, wanted, by_hand, "issue a new one, and ")


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
                f"does not trust the CA of the config; if the config is right, {RENDER}; if not, render with the seed"
                " or the files that the cluster was set up with"
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
