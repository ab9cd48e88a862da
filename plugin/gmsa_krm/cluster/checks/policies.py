"""The admission policies: each exists with a binding that denies, and the API server understands its expressions."""

from __future__ import annotations

from gmsa_krm.cluster.admission import POLICY_LISTS, find_policies
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import RENDER
from gmsa_krm.cluster.view import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

# {kind: its list}
_LISTS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}


def _missing(view: View, wanted: Wanted, found: Found) -> None:
    for kind, name in _LISTS.items():
        items = wanted.of_kind(kind)
        existing = {it["metadata"]["name"] for it in view.items(name)} if items else set()
        for item in items:
            if item["metadata"]["name"] not in existing:
                found.problem(describe(item), f"does not exist; {RENDER}")
    missing = {it.about for it in found.problems}
    for policy in find_policies(view):
        if policy.bindings:
            found.holds(f"{policy.about} has a binding")
        elif f"{policy.kind}Binding {policy.data['metadata']['name']}" not in missing:
            message = f"has no {policy.kind}Binding, so it does nothing; apply its binding"
            found.problem(policy.about, message)


def _actions(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    for policy in find_policies(view):
        if policy.kind != "ValidatingAdmissionPolicy" or not policy.bindings:
            continue
        actions = [action for it in policy.bindings for action in it["spec"].get("validationActions") or []]
        if "Deny" in actions:
            found.holds(f"{policy.about} denies")
        else:
            message = (
                f"has validationActions {', '.join(actions) or 'none'}, so nothing is refused; set"
                " validationActions: [Deny]"
            )
            found.problem(describe(policy.bindings[0], f"{policy.kind}Binding"), message)


def _types(view: View, wanted: Wanted, found: Found) -> None:
    cure = RENDER if wanted.is_given else "fix the expression"
    for policy in find_policies(view):
        checking = (policy.data.get("status") or {}).get("typeChecking")
        if checking is None:
            continue  # not by this API server, or not yet
        warnings = checking.get("expressionWarnings") or []
        for it in warnings:
            lines = str(it.get("warning")).split("\n")
            message = f"{it.get('fieldRef')} does not fit the type of pods ({lines[0].strip()}); {cure}"
            found.problem(policy.about, message)
        if not warnings:
            found.holds(f"{policy.about} fits the types of the API server")


CHECKS = (
    Check("policy-missing", ERROR, "policy", _missing, lists=POLICY_LISTS, after=("served-version", "crd-not-served")),
    Check("policy-does-not-deny", ERROR, "policy", _actions, lists=POLICY_LISTS),
    Check("policy-type-warning", WARNING, "policy", _types, lists=POLICY_LISTS),
)
