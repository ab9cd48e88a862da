"""Aggregated ClusterRoles: what the ClusterRole aggregation controller writes into their rules."""

from __future__ import annotations

from gmsa_krm.access.objects import CLUSTER_ROLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gmsa_krm.access.objects import Object, Role, RoleKey, Rule


def aggregated_rules(roles: Mapping[RoleKey, Role]) -> dict[RoleKey, list[Rule]]:
    """The rules of each role, once the controller has aggregated, also over several steps and in circles.

    An aggregated role from a cluster keeps its rules as well: they are what its API server evaluates, and the roles
    that they are from may not be among these.
    """
    cluster_roles = _ByLabel(it for it in roles.values() if it.kind == CLUSTER_ROLE)
    members = {
        key: {it.key: it for selector in role.selectors for it in cluster_roles.selected(selector)}
        for key, role in roles.items()
        if role.selectors is not None
    }
    return {key: _closure(role, members) if key in members else role.rules for key, role in roles.items()}


def _closure(role: Role, members: dict[RoleKey, dict[RoleKey, Role]]) -> list[Rule]:
    """The rules of all roles that are reached."""
    rules: list[Rule] = list(role.rules) if role.is_stored else []
    reached = {role.key}
    pending = [*members[role.key].values()]
    while pending:
        it = pending.pop()
        if it.key in reached:
            continue
        reached.add(it.key)
        if it.key in members:
            pending += members[it.key].values()
        if it.key not in members or it.is_stored:
            rules += it.rules
    return rules


class _ByLabel:
    """ClusterRoles by their labels."""

    def __init__(self, roles: Iterable[Role]) -> None:
        self._roles = list(roles)
        self._by_label: dict[tuple[str, str], list[Role]] = {}
        for it in self._roles:
            for label in it.labels.items():
                self._by_label.setdefault(label, []).append(it)

    def selected(self, selector: Object) -> list[Role]:
        """The roles that a valid label selector matches; an empty one matches all."""
        labels = list((selector.get("matchLabels") or {}).items())
        expressions = selector.get("matchExpressions") or []
        candidates = self._by_label.get(labels[0], []) if labels else self._roles
        return [
            it
            for it in candidates
            if all(it.labels.get(key) == value for key, value in labels[1:])
            and all(_matches(expression, it.labels) for expression in expressions)
        ]


def _matches(expression: Object, labels: dict[str, str]) -> bool:
    """apimachinery, pkg/labels: an absent label is not in any set of values."""
    value = labels.get(expression["key"])
    operator = expression["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) is (operator == "Exists")
    return (value in expression["values"]) is (operator == "In")
