"""What checks the pods of a cluster, and the namespaces whose pods it does not check."""

from __future__ import annotations

from gmsa_krm.access.selectors import selects
from gmsa_krm.report.policy_tables import approved_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.access.objects import Object

GROUP = "admissionregistration.k8s.io"
_VALIDATING = "ValidatingWebhookConfiguration"
_MUTATING = "MutatingWebhookConfiguration"
_POLICY = "ValidatingAdmissionPolicy"
_MUTATING_POLICY = "MutatingAdmissionPolicy"
_FIELD = "gmsaCredentialSpec"
_EPHEMERAL = "pods/ephemeralcontainers"
_POLICY_BINDING = "ValidatingAdmissionPolicyBinding"
# Of upstream's webhook; its messages have it, too.
_WEBHOOK = "admission-webhook.windows-gmsa.sigs.k8s.io"
# The resource that a policy has to ask the authorizer about.
_RESOURCE = "gmsacredentialspecs"
# The label that every namespace has, and that cannot be changed.
NAME_LABEL = "kubernetes.io/metadata.name"
_RESOURCES = {
    _VALIDATING: "validatingwebhookconfigurations",
    _MUTATING: "mutatingwebhookconfigurations",
    _POLICY: "validatingadmissionpolicies",
    _POLICY_BINDING: "validatingadmissionpolicybindings",
}


class Check:
    """An object that checks pods: a validating webhook or a policy.

    `selectors`: of namespaces, all of which must match; `parts`: resource and name of each object of the API server
    that it needs; `partial`: how it lets pods past, in words; `approved`: the only contents that it approves, by the
    name of their credential spec, None for a check that asks what the cluster has.
    """

    __slots__ = ("approved", "kind", "name", "partial", "parts", "selectors")

    def __init__(
        self,
        kind: str,
        name: str,
        selectors: list[object],
        parts: list[tuple[str, str]],
        partial: list[str],
        approved: dict[str, list[str]] | None = None,
    ) -> None:
        self.approved = approved
        self.kind = kind
        self.name = name
        self.selectors = [it for it in selectors if it]
        self.parts = parts
        self.partial = partial

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def reads_labels(self) -> bool:
        """Whether labels that can be changed decide about namespaces."""
        return any(key != NAME_LABEL for it in self.selectors for key in _keys(it))

    def covers(self, labels: dict[str, str]) -> bool:
        """Whether it checks the pods of a namespace with these labels."""
        return all(selects(it, labels) for it in self.selectors)

    def why_not(self, labels: dict[str, str]) -> str:
        """Why it does not check the pods of a namespace with these labels, in words."""
        own = (_expressions(it) for it in self.selectors)
        wanted = (
            ({"key": key, "values": [value]}, labels.get(key) == value)
            for it in self.selectors
            for key, value in _labels(it)
        )
        tested = ((each, selects({"matchExpressions": [each]}, labels)) for found in own for each in found)
        key = next((str(each.get("key")) for each, is_met in (*wanted, *tested) if not is_met), "")
        if key == NAME_LABEL:
            return "its selector names it"
        if not key:
            return "its selector is not valid"
        return f"its label {key}={labels[key]}" if key in labels else f"it has no label {key}"

    def named_namespaces(self) -> Iterator[str]:
        """The namespaces that its selectors name."""
        for it in self.selectors:
            for expression in _expressions(it):
                values = expression.get("values")
                if expression.get("key") == NAME_LABEL and isinstance(values, list):
                    yield from (value for value in values if isinstance(value, str))


def find_checks(objects: Iterable[Object]) -> list[Check]:
    """The checks among the objects of the cluster, by name."""
    policies: dict[str, Object] = {}
    bindings: list[Object] = []
    checks: list[Check] = []
    mutating: list[str] = []
    for it in objects:
        if not _text(it, "apiVersion").startswith(f"{GROUP}/"):
            continue
        kind, name = it.get("kind"), _name(it)
        if kind == _VALIDATING:
            checks += _webhooks(it, name)
        elif kind == _MUTATING and any(_is_ours(entry) for entry in _list(it, "webhooks")):
            mutating.append(name)
        elif kind == _POLICY and _asks(it):
            policies[name] = it
        elif kind == _POLICY_BINDING:
            bindings.append(it)
    checks += [check for it in bindings for check in _policies(it, policies)]
    for check in checks:
        if check.kind == _VALIDATING:
            check.parts += [(_RESOURCES[_MUTATING], it) for it in mutating]
    return sorted(checks, key=lambda it: (it.kind, it.name))


class Hardening:
    """A policy that checks ephemeral containers, at which no webhook looks. `selectors`: as of a check."""

    def __init__(self, selectors: list[object]) -> None:
        self._selectors = [it for it in selectors if it]

    @property
    def is_of_all(self) -> bool:
        """Whether it checks each namespace."""
        return not self._selectors

    def covers(self, labels: dict[str, str]) -> bool:
        return all(selects(it, labels) for it in self._selectors)


def find_hardening(objects: Iterable[Object]) -> list[Hardening]:
    """The policies that are bound and deny references in ephemeral containers."""
    policies: dict[str, Object] = {}
    bindings: list[Object] = []
    for it in objects:
        if _text(it, "apiVersion").startswith(f"{GROUP}/"):
            if it.get("kind") == _POLICY and _sees_ephemeral(it):
                policies[_name(it)] = it
            elif it.get("kind") == _POLICY_BINDING:
                bindings.append(it)
    found = (_bound(it, policies) for it in bindings)
    return [Hardening(_namespace_selectors(policy, binding)) for policy, binding in filter(None, found)]


def _sees_ephemeral(policy: Object) -> bool:
    rules = _list(_mapping(_mapping(policy, "spec"), "matchConstraints"), "resourceRules")
    resources = [name for it in rules if isinstance(it.get("resources"), list) for name in it["resources"]]
    is_asked = any(it in (_EPHEMERAL, "pods/*", "*/*", "*") for it in resources)
    text = str(_mapping(policy, "spec").get("validations"))
    return is_asked and "ephemeralContainers" in text and _FIELD in text


class Filler:
    """A mutating webhook or policy that fills in the contents of pods that only name a credential spec.

    `namespaces`, `pods`: selectors, all of which must match.
    """

    __slots__ = ("namespaces", "pods")

    def __init__(self, namespaces: list[object], pods: list[object]) -> None:
        self.namespaces = namespaces
        self.pods = pods

    def fills(self, namespace: dict[str, str], pod: dict[str, str]) -> bool:
        """Both are labels."""
        return all(selects(it, namespace) for it in self.namespaces) and all(selects(it, pod) for it in self.pods)


def find_fillers(objects: Iterable[Object]) -> list[Filler]:
    policies: dict[str, Object] = {}
    bindings: dict[str, list[Object]] = {}
    found: list[Filler] = []
    for it in objects:
        if not _text(it, "apiVersion").startswith(f"{GROUP}/"):
            continue
        kind = it.get("kind")
        if kind == _MUTATING:
            entries = [entry for entry in _list(it, "webhooks") if "gmsa" in _text(entry, "name").lower()]
            found += [Filler([entry.get("namespaceSelector")], [entry.get("objectSelector")]) for entry in entries]
        elif kind == _MUTATING_POLICY and _FIELD in str(it.get("spec")):
            policies[_name(it)] = it
        elif kind == f"{_MUTATING_POLICY}Binding":
            bindings.setdefault(_text(_mapping(it, "spec"), "policyName"), []).append(it)
    for name, policy in policies.items():
        own = _mapping(_mapping(policy, "spec"), "matchConstraints")
        # Bindings need not be among the objects, as kubectl get is told which kinds to print.
        for binding in bindings.get(name, [{}]):
            both = own, _mapping(_mapping(binding, "spec"), "matchResources")
            found.append(Filler(*([it.get(key) for it in both] for key in ("namespaceSelector", "objectSelector"))))
    return found


def _webhooks(configuration: Object, name: str) -> Iterator[Check]:
    for entry in _list(configuration, "webhooks"):
        if _is_ours(entry):
            partial = []
            if entry.get("failurePolicy") == "Ignore":
                partial.append(f"{_VALIDATING} {name} has failurePolicy Ignore: while the webhook is down, pods pass")
            if entry.get("objectSelector"):
                partial.append(f"{_VALIDATING} {name} has an objectSelector: pods pass by their labels")
            yield Check(_VALIDATING, name, [entry.get("namespaceSelector")], [(_RESOURCES[_VALIDATING], name)], partial)


def _is_ours(entry: Object) -> bool:
    return entry.get("name") == _WEBHOOK


def _policies(binding: Object, policies: dict[str, Object]) -> Iterator[Check]:
    bound = _bound(binding, policies)
    if bound is None:
        return
    policy, spec = bound
    name, binding_name = _name(policy), _name(binding)
    constraints = _mapping(_mapping(policy, "spec"), "matchConstraints")
    resources = _mapping(spec, "matchResources")
    partial = []
    if _mapping(policy, "spec").get("failurePolicy") == "Ignore":
        partial.append(f"{_POLICY} {name} has failurePolicy Ignore: pods for which it fails pass")
    if constraints.get("objectSelector") or resources.get("objectSelector"):
        partial.append(f"{_POLICY} {name} has an objectSelector: pods pass by their labels")
    selectors = _namespace_selectors(policy, spec)
    parts = [(_RESOURCES[_POLICY], name), (_RESOURCES[_POLICY_BINDING], binding_name)]
    yield Check(_POLICY, name, selectors, parts, partial, _approved(policy))


def _bound(binding: Object, policies: dict[str, Object]) -> tuple[Object, Object] | None:
    """The policy that a binding makes refuse, and the binding's spec."""
    spec = _mapping(binding, "spec")
    policy = policies.get(_text(spec, "policyName"))
    actions = spec.get("validationActions")
    return None if policy is None or not isinstance(actions, list) or "Deny" not in actions else (policy, spec)


def _namespace_selectors(policy: Object, binding: Object) -> list[object]:
    """`binding`: its spec."""
    constraints = _mapping(_mapping(policy, "spec"), "matchConstraints")
    return [it.get("namespaceSelector") for it in (constraints, _mapping(binding, "matchResources"))]


def _approved(policy: Object) -> dict[str, list[str]] | None:
    variables = _list(_mapping(policy, "spec"), "variables")
    return approved_by({_text(it, "name"): _text(it, "expression") for it in variables})


def _asks(policy: Object) -> bool:
    """Whether a policy asks the authorizer about credential specs, which the hardening policy does not."""
    spec = _mapping(policy, "spec")
    entries = [*_list(spec, "variables"), *_list(spec, "validations")]
    text = "\n".join(_text(it, "expression") for it in entries)
    return _RESOURCE in text and "check('use')" in text.replace('"', "'")


def _keys(selector: object) -> Iterator[str]:
    if isinstance(selector, dict):
        yield from _mapping(selector, "matchLabels")
        yield from (_text(it, "key") for it in _expressions(selector))


def _labels(selector: object) -> Iterator[tuple[str, object]]:
    if isinstance(selector, dict):
        yield from _mapping(selector, "matchLabels").items()


def _expressions(selector: object) -> list[Object]:
    return _list(selector, "matchExpressions") if isinstance(selector, dict) else []


def _name(it: Object) -> str:
    return _text(_mapping(it, "metadata"), "name")


def _text(data: Object, key: str) -> str:
    found = data.get(key)
    return found if isinstance(found, str) else ""


def _mapping(data: Any, key: str) -> Object:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _list(data: Any, key: str) -> list[Object]:
    found = data.get(key)
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
