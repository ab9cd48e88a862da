"""The namespaces that the gMSA webhooks look at."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.view import View

    Object = dict[str, Any]
    Labels = dict[str, str]

WEBHOOK_LISTS = {
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}


class Scope:
    """The webhooks of a cluster by their configuration, each with its selector of namespaces."""

    def __init__(self, webhooks: list[tuple[str, str, Object]]) -> None:
        """`webhooks`: list, name of the configuration, selector."""
        self._webhooks = webhooks

    def left_out_by(self, labels: Labels) -> str:
        """The configuration that leaves out a namespace with these labels; "" if it is looked at."""
        for listed, kind in WEBHOOK_LISTS.items():
            its = [(name, selector) for of, name, selector in self._webhooks if of == listed]
            if its and not any(selects(selector, labels) for _, selector in its):
                return f"{kind} {its[0][0]}"
        return ""


def gmsa_webhooks(view: View) -> Iterator[tuple[str, str, Object]]:
    """List, name of the configuration and webhook of those that are called after gMSA. Raises CouldNotLookError."""
    for listed in WEBHOOK_LISTS:
        for it in view.items(listed):
            name = str(it["metadata"]["name"])
            for webhook in it.get("webhooks") or []:
                if "gmsa" in str(webhook.get("name")) or "gmsa" in name:
                    yield listed, name, webhook


def admission_scope(view: View) -> Scope:
    """Raises CouldNotLookError."""
    return Scope(
        [(listed, name, webhook.get("namespaceSelector") or {}) for listed, name, webhook in gmsa_webhooks(view)]
    )


def selects(selector: Object, labels: Labels) -> bool:
    """Whether a label selector selects what has these labels (apimachinery, pkg/labels)."""
    matching = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return matching and all(_holds(it, labels) for it in selector.get("matchExpressions") or [])


def _holds(expression: Object, labels: Labels) -> bool:
    value = labels.get(str(expression.get("key")))
    operator = expression.get("operator")
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) is (operator == "Exists")
    return (value in (expression.get("values") or [])) is (operator == "In")
