"""The webhook configurations: both exist, send pods to one Service, stop no other pod, and let no gMSA pod past."""

from __future__ import annotations

from gmsa_krm.access.selectors import selects
from gmsa_krm.cluster.admission import POLICY_LISTS, WEBHOOK_LISTS, find_policies, find_webhooks
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import RENDER
from gmsa_krm.cluster.view import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.admission import Webhook
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

_KINDS = {
    "ValidatingWebhookConfiguration": "any service account may use any credential spec",
    "MutatingWebhookConfiguration": "pods that name a credential spec get no contents, and have no gMSA",
}


def _missing(view: View, wanted: Wanted, found: Found) -> None:
    webhooks = find_webhooks(view)
    existing = {it.about for it in webhooks}
    for kind, effect in _KINDS.items():
        for item in wanted.of_kind(kind):
            about = describe(item)
            if about not in existing:
                found.problem(about, f"does not exist, so {effect}; {RENDER}")
    if not wanted.is_given:
        _missing_without_config(view, webhooks, found)
    if webhooks and not found.problems:
        found.holds(f"{' and '.join(dict.fromkeys(it.about for it in webhooks))}")


def _missing_without_config(view: View, webhooks: list[Webhook], found: Found) -> None:
    """One kind of configuration is alone, or nothing admits gMSA pods at all."""
    kinds = {it.kind for it in webhooks}
    lacking = [kind for kind in _KINDS if kind not in kinds]
    policies = find_policies(view)
    if len(lacking) == 1 and not (lacking[0].startswith("Validating") and any(it.checks_accounts for it in policies)):
        message = (
            f"has no {lacking[0]} beside it, so {_KINDS[lacking[0]]}; apply the one of the webhook's manifests or chart"
            " again"
        )
        found.problem(webhooks[0].about, message)
    elif not webhooks and not any(it.checks_accounts for it in policies) and view.items("gmsacredentialspecs"):
        message = (
            "the cluster has credential specs, but neither a webhook nor a policy for them, so any service account may"
            " use any of them; install a webhook, such as the one that gmsa-krm init writes a config for"
        )
        found.problem("", message)


def _services(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    by_configuration: dict[str, dict[str, Webhook]] = {}
    for it in find_webhooks(view):
        by_configuration.setdefault(it.configuration["metadata"]["name"], {})[it.kind] = it
    for pair in by_configuration.values():
        if len(pair) < 2:
            continue
        validating, mutating = (pair[kind] for kind in _KINDS)
        if validating.service != mutating.service:
            message = (
                f"sends pods to {_shown(validating)}, but {mutating.about} sends them to {_shown(mutating)}; make both"
                " name the Service of the webhook that you want, and delete the other one"
            )
            found.problem(validating.about, message)
        else:
            found.holds(f"both webhook configurations send pods to {_shown(validating)}")


def _shown(webhook: Webhook) -> str:
    return f"Service {'/'.join(webhook.service)}" if webhook.service else "a URL"


def _blocks_all(view: View, wanted: Wanted, found: Found) -> None:
    webhooks = find_webhooks(view)
    cure = (
        RENDER if wanted.is_given else "add matchConditions for pods that use gMSA, such as those that gmsa-krm emits"
    )
    for it in webhooks:
        if it.entry.get("failurePolicy", "Fail") == "Fail" and it.gets_all_pods:
            where = "the namespaces that its namespaceSelector selects" if it.namespace_selector else "the cluster"
            own = ", the webhook's own included" if _gets_its_own_pods(view, it) else ""
            message = (
                f"gets all pods of {where}, and has failurePolicy Fail: while the webhook is down, none of them can be"
                f" created{own}; {cure}"
            )
            found.problem(it.about, message)
    if webhooks and not found.problems:
        found.holds("the webhook gets pods that use gMSA only, so an outage stops no others")


def _gets_its_own_pods(view: View, webhook: Webhook) -> bool:
    if webhook.service is None:
        return False
    namespace = view.by_name("namespaces").get((None, webhook.service[0]))
    return namespace is not None and selects(webhook.namespace_selector, namespace["metadata"].get("labels") or {})


def _fails_open(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    webhooks, policies = find_webhooks(view), find_policies(view)
    for it in webhooks:
        if it.entry.get("failurePolicy", "Fail") != "Fail" and it.kind.startswith("Validating"):
            message = (
                "has failurePolicy Ignore, so while the webhook is down, any pod may use any credential spec; set"
                " failurePolicy: Fail"
            )
            found.problem(it.about, message)
    for policy in policies:
        if policy.data["spec"].get("failurePolicy", "Fail") != "Fail":
            message = (
                "has failurePolicy Ignore, so a pod passes unchecked when an expression fails; set failurePolicy: Fail"
            )
            found.problem(policy.about, message)
    if (webhooks or policies) and not found.problems:
        found.holds("if a webhook or a policy fails, gMSA pods are refused")


def _duplicates(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    webhooks, policies = find_webhooks(view), [it for it in find_policies(view) if it.checks_accounts]
    places: dict[str, str] = {}
    for webhook in webhooks:
        if webhook.kind.startswith("Validating"):
            places.setdefault(_shown(webhook), webhook.about)
    places.update({it.about: it.about for it in policies})
    if len(places) > 1:
        first, *others = places.values()
        message = (
            f"is one of {len(places)} that decide about gMSA pods, beside {', '.join(others)}, and a pod has to satisfy"
            " all of them; delete those of an earlier set-up"
        )
        found.problem(first, message)
    elif places:
        found.holds("one webhook or policy decides about gMSA pods")


_LISTS = (*WEBHOOK_LISTS, *POLICY_LISTS)
CHECKS = (
    Check("webhook-not-configured", ERROR, "webhook", _missing, lists=_LISTS, after=("crd-not-served",)),
    Check("webhook-services-differ", WARNING, "webhook", _services, lists=WEBHOOK_LISTS),
    Check("webhook-blocks-all-pods", WARNING, "webhook", _blocks_all, lists=(*WEBHOOK_LISTS, "namespaces")),
    Check("admission-fails-open", WARNING, "webhook", _fails_open, lists=_LISTS),
    Check("admission-duplicate", WARNING, "webhook", _duplicates, lists=_LISTS),
)
