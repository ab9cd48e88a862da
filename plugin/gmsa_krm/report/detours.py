"""Who may act as others: run their own code in pods of service accounts, or call the API server as someone else.

Only what leads somewhere is told: to pods where service accounts may use credential specs, and to who has powers.
The API calls of a service account do not give its pods' accounts of Active Directory, unless it may run pods itself.
"""

from __future__ import annotations

from gmsa_krm.access.objects import AUTHENTICATED, SERVICE_ACCOUNT, SERVICE_ACCOUNTS, USER
from gmsa_krm.report.edges import IMPERSONATE, PAST_CHECKS, RUN_PODS
from gmsa_krm.report.nodes import ALL, Group, ServiceAccount, ServiceAccounts, User
from gmsa_krm.report.powers import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.access import Grant, Rbac
    from gmsa_krm.access.objects import Subject
    from gmsa_krm.report.nodes import Node

_WRITE = ("create", "patch", "update")
# What puts code into pods: API group, resource, subresource and verbs. The pods of a Job cannot be changed later.
_RUNS = (
    ("", "pods", "", _WRITE),
    # A WebSocket starts by GET, for which API servers before 1.35 ask for that verb alone.
    ("", "pods", "exec", ("create", "get")),
    ("", "pods", "attach", ("create", "get")),
    ("", "pods", "ephemeralcontainers", ("patch", "update")),
    # The kubelet's own API, which runs commands in each pod of the node.
    ("", "nodes", "proxy", ("create", "get")),
    ("", "replicationcontrollers", "", _WRITE),
    *(("apps", it, "", _WRITE) for it in ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", "cronjobs", "", _WRITE),
    ("batch", "jobs", "", ("create",)),
)
# The group that the API server lets do everything, whatever RBAC says.
MASTERS = "system:masters"
_PREFIX = "system:serviceaccount:"


class Detour:
    """`kind`: of the edge; `target`: whom the grant's subject can be; `how`: in words; `others`: further grants."""

    __slots__ = ("grant", "how", "kind", "others", "target")

    def __init__(self, kind: str, grant: Grant, target: Node, how: str, others: tuple[Grant, ...] = ()) -> None:
        self.kind = kind
        self.grant = grant
        self.target = target
        self.how = how
        self.others = others


class Mighty:
    """Whom to act as is to do everything: those who may, and groups and wildcards that have one of them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._ids = {Group(ALL).id, Group(MASTERS).id}
        for it in nodes:
            self._ids.add(it.id)
            if isinstance(it, ServiceAccount):
                self._ids.update((ServiceAccounts(it.namespace).id, ServiceAccounts().id))
            elif isinstance(it, User):
                self._ids.add(User(ALL).id)

    def includes(self, node: Node) -> bool:
        return node.id in self._ids


def subject_node(subject: Subject) -> Node:
    """What a subject of a binding is in the graph."""
    if subject.kind == SERVICE_ACCOUNT:
        return ServiceAccount(subject.name, subject.namespace)
    if subject.kind == USER:
        return User(subject.name)
    if subject.name == SERVICE_ACCOUNTS:
        return ServiceAccounts()
    if subject.name.startswith(f"{SERVICE_ACCOUNTS}:"):
        return ServiceAccounts(subject.name.removeprefix(f"{SERVICE_ACCOUNTS}:"))
    return Group(subject.name)


def detours(
    rbac: Rbac, namespaces: set[str], powerful: Iterable[Node], sees_ephemeral: Callable[[str], bool]
) -> Iterator[Detour]:
    """All that lead somewhere.

    `namespaces`: those with service accounts that may use a credential spec, "" if all of a cluster may; `powerful`:
    who has powers by themselves; `sees_ephemeral`: whether something checks the ephemeral containers in a namespace, ""
    for each.
    """
    leading = list(powerful)
    for it in _runs(rbac, namespaces, sees_ephemeral):
        leading.append(subject_node(it.grant.subject))
        yield it
    yield from _leading(_impersonations(rbac), leading)


def _runs(rbac: Rbac, namespaces: set[str], sees_ephemeral: Callable[[str], bool]) -> Iterator[Detour]:
    for group, resource, subresource, verbs in _RUNS:
        is_ephemeral = subresource == "ephemeralcontainers"
        what = f"{resource}{f'/{subresource}' if subresource else ''}"
        for verb in verbs:
            for grant in rbac.grants(verb, group, resource, subresource):
                if (grant.names is not None and verb == "create" and not subresource) or (
                    grant.namespace and resource == "nodes"
                ):
                    continue  # there is no name yet when an object is created, and nodes are in no namespace
                passes = is_ephemeral and not sees_ephemeral(grant.namespace)
                if passes or (namespaces and (not grant.namespace or grant.namespace in namespaces)):
                    old = ", which is enough before Kubernetes 1.35" if verb == "get" and resource == "pods" else ""
                    how = f"may {verb} {PAST_CHECKS if passes else what}{old}"
                    yield Detour(RUN_PODS, grant, ServiceAccounts(grant.namespace), how)


def _impersonations(rbac: Rbac) -> Iterator[Detour]:
    """As the API server checks the headers Impersonate-User and Impersonate-Group; the latter needs the former."""
    users = [it for it in rbac.grants("impersonate", "", "users") if not it.namespace]
    accounts = rbac.grants("impersonate", "", "serviceaccounts")
    for grant in users:
        names = (ALL,) if grant.names is None else sorted(grant.names)
        for name in names:
            if not name.startswith(_PREFIX) and (name != ALL or grant.names is None):
                how = "may impersonate users" if name == ALL else f"may impersonate user {name}"
                yield Detour(IMPERSONATE, grant, User(name), how)
    someone = Held([*users, *accounts])
    for grant in rbac.grants("impersonate", "", "groups"):
        other = next(someone.with_subject_of(grant), None)
        if other is None or grant.namespace:
            continue
        for name in (ALL,) if grant.names is None else sorted(grant.names - {ALL}):
            how = "may impersonate groups" if name == ALL else f"may impersonate group {name}"
            yield Detour(IMPERSONATE, grant, Group(name), how, (other,))
    for how, grants in (
        ("may impersonate serviceaccounts", accounts),
        ("may create serviceaccounts/token", rbac.grants("create", "", "serviceaccounts", "token")),
    ):
        for grant in grants:
            for target in _accounts(grant):
                yield Detour(IMPERSONATE, grant, target, how)


def _accounts(grant: Grant) -> Iterator[Node]:
    if grant.names is None:
        yield ServiceAccounts(grant.namespace)
    for name in sorted(grant.names or ()):
        yield ServiceAccount(name, grant.namespace)  # without a namespace: of that name in each


def _leading(candidates: Iterable[Detour], start: list[Node]) -> Iterator[Detour]:
    """Those whose target has powers, by itself or by a detour of its own; linear."""
    waiting: dict[str, list[Detour]] = {}
    pending = list(start)
    for it in candidates:
        if _leads_always(it.target):
            pending.append(subject_node(it.grant.subject))
            yield it
        else:
            for key in _answers_to(it.target):
                waiting.setdefault(key, []).append(it)
    seen: set[str] = set()
    told: set[int] = set()
    while pending:
        for key in _is(pending.pop()):
            if key in seen:
                continue
            seen.add(key)
            for it in waiting.get(key, ()):
                if id(it) not in told:
                    told.add(id(it))
                    pending.append(subject_node(it.grant.subject))
                    yield it


def _leads_always(target: Node) -> bool:
    """Every cluster has users, groups and service accounts with powers."""
    if isinstance(target, (Group, User)):
        return target.name == ALL or target.id == Group(MASTERS).id
    return isinstance(target, ServiceAccounts) and not target.namespace


def _answers_to(target: Node) -> Iterator[str]:
    """The keys of `_is` that make a target lead somewhere: its own, and those of its groups."""
    yield target.id
    if isinstance(target, ServiceAccounts):
        yield f"in {target.namespace}"
    elif isinstance(target, ServiceAccount):
        if not target.namespace:
            yield f"named {target.name}"
        else:
            yield ServiceAccounts(target.namespace).id
    if not isinstance(target, (Group, User)):
        yield ServiceAccounts().id
    if not isinstance(target, Group):
        yield Group(AUTHENTICATED).id


def _is(node: Node) -> Iterator[str]:
    """What someone with powers is."""
    yield node.id
    if isinstance(node, (ServiceAccount, ServiceAccounts)):
        yield f"in {node.namespace}"
    if isinstance(node, ServiceAccount):
        yield f"named {node.name}"
