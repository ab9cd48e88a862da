"""Aggregated ClusterRoles: what the ClusterRole aggregation controller writes into their rules."""

from __future__ import annotations

from gmsa_krm.access.objects import CLUSTER_ROLE
from gmsa_krm.access.selectors import selects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gmsa_krm.access.objects import Object, Role, RoleKey


def aggregated(roles: Mapping[RoleKey, Role]) -> dict[RoleKey, list[Role]]:
    """The roles whose rules each role has, once the controller has aggregated, also over several steps and in circles.

    An aggregated role from a cluster keeps its rules as well: they are what its API server evaluates, and the roles
    that they are from may not be among these.
    """
    cluster_roles = _ByLabel(it for it in roles.values() if it.kind == CLUSTER_ROLE)
    members = {
        key: {it.key: it for selector in role.selectors for it in cluster_roles.selected(selector)}
        for key, role in roles.items()
        if role.selectors is not None
    }
    return {key: _closure(role, members) if key in members else [role] for key, role in roles.items()}


def _closure(role: Role, members: dict[RoleKey, dict[RoleKey, Role]]) -> list[Role]:
    """All roles that are reached, and have rules of their own."""
    found = [role] if role.is_stored else []
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
            found.append(it)
    return found


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
        candidates = self._by_label.get(labels[0], []) if labels else self._roles
        return [it for it in candidates if selects(selector, it.labels)]
