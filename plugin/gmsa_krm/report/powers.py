"""Who may change what the check is about: credential specs, what checks pods, labels of namespaces, access."""

from __future__ import annotations

from gmsa_krm.access.objects import AUTHENTICATED, GROUP, RBAC_GROUP, SERVICE_ACCOUNT, groups_of
from gmsa_krm.report.admission import GROUP as ADMISSION_GROUP
from gmsa_krm.report.edges import CHANGE_ADMISSION, CHANGE_CREDSPEC, GRANT_ACCESS, LABEL_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access import Grant, Rbac
    from gmsa_krm.report.admission import Check

    Names = frozenset[str] | None

_WRITE = ("create", "patch", "update")
# What changes an object that a check needs, or removes it.
_CHANGE = ("delete", "deletecollection", "patch", "update")
_ROLES = ("clusterroles", "roles")
_BINDINGS = ("clusterrolebindings", "rolebindings")


class Power:
    """What a grant lets its subject do.

    `kind`: of the edge; `names`: of credential specs, None for all; `how`: in words; `others`: further grants that it
    takes.
    """

    __slots__ = ("grant", "how", "kind", "names", "others")

    def __init__(self, kind: str, grant: Grant, names: Names, how: str, others: tuple[Grant, ...] = ()) -> None:
        self.kind = kind
        self.grant = grant
        self.names = names
        self.how = how
        self.others = others


def powers(rbac: Rbac, checks: list[Check], use: tuple[str, str, str], *, by_contents: bool = False) -> Iterator[Power]:
    """All powers of a cluster.

    `use`: verb, API group and resource that the checks ask about; `by_contents`: the checks know all contents by
    themselves, so that nobody becomes another account by changing a credential spec.
    """
    _, group, resource = use
    for verb in () if by_contents else _WRITE:
        for grant in rbac.grants(verb, group, resource):
            # There is no name yet when an object is created, and an object that is in no namespace needs a
            # ClusterRoleBinding.
            if not grant.namespace and (verb != "create" or grant.names is None):
                yield Power(CHANGE_CREDSPEC, grant, grant.names, f"may {verb} credential specs")
    yield from _of_admission(rbac, checks)
    yield from _grants(rbac, use)


def _of_admission(rbac: Rbac, checks: list[Check]) -> Iterator[Power]:
    parts: dict[str, set[str]] = {}
    for resource, name in (part for check in checks for part in check.parts):
        parts.setdefault(resource, set()).add(name)
    for resource, names in sorted(parts.items()):
        for verb in _CHANGE:
            for grant in rbac.grants(verb, ADMISSION_GROUP, resource):
                if not grant.namespace and (
                    grant.names is None or (verb in (*_WRITE, "delete") and grant.names & names)
                ):
                    yield Power(CHANGE_ADMISSION, grant, None, f"may {verb} {resource}")
    if any(check.reads_labels for check in checks):
        for verb in _WRITE:
            for grant in rbac.grants(verb, "", "namespaces"):
                which = _namespaces_of(grant, verb)
                if which:
                    yield Power(LABEL_NAMESPACE, grant, None, f"may {verb} {which}, whose labels decide on the check")


def _namespaces_of(grant: Grant, verb: str) -> str:
    """Which namespaces it lets its subject create or change, in words. A request for one is in that namespace."""
    if not grant.namespace:
        return "namespaces" if verb != "create" or grant.names is None else ""
    is_own = grant.names is None or grant.namespace in grant.names
    return f"the namespace {grant.namespace}" if verb != "create" and is_own else ""


def _grants(rbac: Rbac, use: tuple[str, str, str]) -> Iterator[Power]:
    """The API server lets nobody grant more than they have, but for the verbs bind and escalate."""
    escalate = {resource: Held(rbac.grants("escalate", RBAC_GROUP, resource)) for resource in _ROLES}
    bind = {resource: Held(rbac.grants("bind", RBAC_GROUP, resource)) for resource in _ROLES}
    own = Held(rbac.grants(*use))
    of_roles = _names_of_roles(rbac, use)
    for resource, verb, grant in _writers(rbac, _ROLES):
        for other in escalate[resource].with_subject_of(grant):
            how = f"may {verb} and escalate {resource}{_whom(grant, other)}"
            yield Power(GRANT_ACCESS, grant, None, how, (other,))
        yield from _passed_on(grant, verb, resource, own)
    for resource, verb, grant in _writers(rbac, _BINDINGS):
        for role in _ROLES:
            for other in bind[role].with_subject_of(grant):
                names = _bindable(other, role, of_roles)
                if names is None or names:
                    how = f"may {verb} {resource} and bind {role}{_whom(grant, other)}"
                    yield Power(GRANT_ACCESS, grant, names, how, (other,))
        yield from _passed_on(grant, verb, resource, own)


def _passed_on(grant: Grant, verb: str, resource: str, own: Held) -> Iterator[Power]:
    for other in own.with_subject_of(grant):
        how = f"may {verb} {resource}, and pass on what it may use{_whom(grant, other)}"
        yield Power(GRANT_ACCESS, grant, other.names, how, (other,))


def _whom(grant: Grant, other: Grant) -> str:
    """In words, whom they let grant access: the checks ask in the pod's namespace, where a RoleBinding has to be."""
    namespace = grant.namespace or other.namespace
    return f", to service accounts of {namespace}" if namespace else ""


def _writers(rbac: Rbac, resources: tuple[str, ...]) -> Iterator[tuple[str, str, Grant]]:
    """Resource, verb and grant, one for each verb, subject and namespace.

    A new Role is of no use to anyone before it is bound; a new ClusterRole may be aggregated into one that is.
    """
    for resource in resources:
        for verb in ("patch", "update") if resource == "roles" else _WRITE:
            seen = set()
            for grant in rbac.grants(verb, RBAC_GROUP, resource):
                key = grant.subject.key, grant.namespace
                # What is in no namespace can be changed by a ClusterRoleBinding only.
                if key not in seen and not (grant.namespace and resource.startswith("cluster")):
                    seen.add(key)
                    yield resource, verb, grant


class Held:
    """Grants by their subject and namespace."""

    def __init__(self, grants: list[Grant]) -> None:
        self._by_subject: dict[tuple[str, str], dict[str, list[Grant]]] = {}
        for it in grants:
            self._by_subject.setdefault(it.subject.key, {}).setdefault(it.namespace, []).append(it)

    def with_subject_of(self, grant: Grant) -> Iterator[Grant]:
        """The grants that the subject of another one has where that one holds: its own, and those of its groups.

        Only one if one is for all names.
        """
        found = [it for key in _keys(grant) for it in self._of(key, grant.namespace)]
        of_all = next((it for it in found if it.names is None), None)
        yield from found if of_all is None else (of_all,)

    def _of(self, key: tuple[str, str], namespace: str) -> Iterator[Grant]:
        by_namespace = self._by_subject.get(key, {})
        for it in ("", namespace) if namespace else by_namespace:
            yield from by_namespace.get(it, ())


def _keys(grant: Grant) -> Iterable[tuple[str, str]]:
    """The subject and the groups that it is in."""
    subject = grant.subject
    groups = groups_of(subject.namespace) if subject.kind == SERVICE_ACCOUNT else (AUTHENTICATED,)
    return dict.fromkeys((subject.key, *((GROUP, it) for it in groups)))


def _names_of_roles(rbac: Rbac, use: tuple[str, str, str]) -> dict[tuple[str, str], Names]:
    """By kind and name of a role, the credential specs that it lets its subjects use."""
    found: dict[tuple[str, str], Names] = {}
    for role, names in rbac.roles(*use):
        key = role.kind, role.name
        before = found.get(key, frozenset())
        found[key] = None if names is None or before is None else names | before
    return found


def _bindable(grant: Grant, resource: str, of_roles: dict[tuple[str, str], Names]) -> Names:
    """The credential specs of the roles that a grant lets its subject bind."""
    if grant.names is None:
        return None
    kind = "ClusterRole" if resource == "clusterroles" else "Role"
    names: frozenset[str] = frozenset()
    for name in grant.names:
        found = of_roles.get((kind, name), frozenset())
        if found is None:
            return None
        names |= found
    return names
