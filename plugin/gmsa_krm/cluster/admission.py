"""What admits gMSA pods in the cluster: webhooks and policies, whoever installed them."""

from __future__ import annotations

import base64
import json

from gmsa_krm.cluster.view import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.cluster.view import View

    Object = dict[str, Any]

_LISTS_OF_WEBHOOKS = {
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
}
_LISTS_OF_POLICIES = {
    "ValidatingAdmissionPolicy": ("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    "MutatingAdmissionPolicy": ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
}
WEBHOOK_LISTS = tuple(_LISTS_OF_WEBHOOKS.values())
POLICY_LISTS = tuple(name for names in _LISTS_OF_POLICIES.values() for name in names)


class Webhook:
    """An entry of a webhook configuration. `service`: namespace and name; None for a URL."""

    __slots__ = ("about", "configuration", "entry", "kind", "service")

    def __init__(self, kind: str, configuration: Object, entry: Object) -> None:
        self.kind = kind
        self.configuration = configuration
        self.entry = entry
        self.about = describe(configuration, kind)
        service = (entry.get("clientConfig") or {}).get("service")
        self.service: tuple[str, str] | None = (service["namespace"], service["name"]) if service else None

    @property
    def port(self) -> int:
        return int(self.entry["clientConfig"]["service"].get("port", 443))

    @property
    def bundle(self) -> str:
        """The text of caBundle; empty if there is none, or if it is not base64 of a text."""
        try:
            return base64.b64decode(self.entry["clientConfig"].get("caBundle") or "", validate=True).decode("ascii")
        except ValueError:
            return ""

    @property
    def namespace_selector(self) -> Object:
        """Empty if pods of all namespaces are sent."""
        selector: Object = self.entry.get("namespaceSelector") or {}
        return selector

    @property
    def effect_of_failure(self) -> str:
        """What happens while it cannot be called."""
        if self.entry.get("failurePolicy", "Fail") == "Fail":
            return "gMSA pods are refused"
        return f"gMSA pods {'pass unchecked' if self.kind.startswith('Validating') else 'get no contents'}"

    @property
    def gets_all_pods(self) -> bool:
        """Whether pods without gMSA are sent, too."""
        return not self.entry.get("matchConditions") and not _narrows(self.entry.get("objectSelector"))


def find_webhooks(view: View) -> list[Webhook]:
    """The webhooks of gMSA: upstream's name has windows-gmsa in it, and a renamed one has gmsa."""
    return [
        Webhook(kind, configuration, entry)
        for kind, name in _LISTS_OF_WEBHOOKS.items()
        for configuration in view.items(name)
        for entry in configuration.get("webhooks") or []
        if "gmsa" in entry.get("name", "").lower()
    ]


class Policy:
    """A policy, and its bindings."""

    __slots__ = ("about", "bindings", "data", "kind", "text")

    def __init__(self, kind: str, data: Object, bindings: list[Object]) -> None:
        self.kind = kind
        self.data = data
        self.bindings = bindings
        self.about = describe(data, kind)
        self.text = json.dumps(data["spec"])

    @property
    def fills_in(self) -> bool:
        """Whether it writes the contents of credential specs into pods."""
        return self.kind == "MutatingAdmissionPolicy"

    @property
    def checks_accounts(self) -> bool:
        """Whether it asks whether a service account may use a credential spec, and so needs no webhook."""
        return self.kind == "ValidatingAdmissionPolicy" and "authorizer." in self.text

    @property
    def namespace_selectors(self) -> list[list[Object]]:
        """Of each binding, the selectors that all have to select a namespace."""
        own = (self.data["spec"].get("matchConstraints") or {}).get("namespaceSelector") or {}
        return [[own, (it["spec"].get("matchResources") or {}).get("namespaceSelector") or {}] for it in self.bindings]


def find_policies(view: View) -> list[Policy]:
    """The policies that read a pod's credential spec."""
    found = []
    for kind, (name, of_bindings) in _LISTS_OF_POLICIES.items():
        policies = [it for it in view.items(name) if "gmsaCredentialSpec" in json.dumps(it.get("spec"))]
        if policies:
            bindings: dict[str, list[Object]] = {}
            for it in view.items(of_bindings):
                bindings.setdefault(it["spec"].get("policyName", ""), []).append(it)
            found += [Policy(kind, it, bindings.get(it["metadata"]["name"], [])) for it in policies]
    return found


def _narrows(selector: Object | None) -> bool:
    return bool(selector and (selector.get("matchLabels") or selector.get("matchExpressions")))
