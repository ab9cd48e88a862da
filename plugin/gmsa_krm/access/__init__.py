"""RBAC as the API server evaluates it, from plain objects: who may do what, and the binding that lets them.

    rbac = Rbac(objects)
    rbac.who_can("use", "windows.k8s.io", "gmsacredentialspecs", name="gmsa-webapp1", namespace="web")
    rbac.reasons(("web", "webapp1"), "use", "windows.k8s.io", "gmsacredentialspecs", name="gmsa-webapp1")
    rbac.grants("use", "windows.k8s.io", "gmsacredentialspecs")  # all of them, without a product of accounts and names

The rules are those of plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation of Kubernetes 1.37. RBAC only
adds: what no grant allows is refused, unless another authorizer of the cluster allows it.
"""

from __future__ import annotations

from gmsa_krm.access.aggregation import aggregated
from gmsa_krm.access.built_in import CLUSTER_ROLES
from gmsa_krm.access.objects import (
    GROUP,
    RBAC_GROUP,
    SERVICE_ACCOUNT,
    USER,
    Binding,
    Refused,
    Role,
    Rule,
    Subject,
    groups_of,
    read_binding,
    read_role,
    user_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access.objects import Object, RoleKey

    # Verb, API group, resource and subresource of a request.
    Request = tuple[str, str, str, str]
    # The names that rules are for, None for all, and the fields with `*`.
    Allowed = tuple[frozenset[str] | None, tuple[str, ...]]

__all__ = ["Binding", "Grant", "Rbac", "Refused", "Role", "Subject"]

_VERSION = f"{RBAC_GROUP}/v1"


class Grant:
    """A subject may do what was asked, because a binding gives it a role.

    `names`: the only objects that it is for, None for all, those that have no name yet included; `wildcards`: those of
    `apiGroups`, `resources` and `verbs` in which the role's rules allow it by `*`.
    """

    __slots__ = ("binding", "names", "role", "subject", "wildcards")

    def __init__(
        self, binding: Binding, role: Role, subject: Subject, names: frozenset[str] | None, wildcards: tuple[str, ...]
    ) -> None:
        self.binding = binding
        self.role = role
        self.subject = subject
        self.names = names
        self.wildcards = wildcards

    @property
    def namespace(self) -> str:
        """The only namespace that it is for, "" for all and for what is in none."""
        return self.binding.namespace


class Rbac:
    """The RBAC objects of a cluster.

    `objects`: of any kinds; of two with one identity the last counts. What the API server would refuse is in `refused`
    and grants nothing. `namespace`: of objects without one. Kubernetes' own ClusterRoles cluster-admin, admin, edit and
    view are added if they are not among the objects, with what `built_in` knows of them.
    """

    def __init__(self, objects: Iterable[Object], namespace: str = "default") -> None:
        self.refused: list[Refused] = []
        self._bindings: dict[tuple[str, str, str], Binding] = {}
        self._roles: dict[RoleKey, Role] = {}
        for it in CLUSTER_ROLES:
            self._add_role(it, namespace)
        for it in objects:
            self._add(it, namespace)
        self._parts = aggregated(self._roles)
        self._rules = {key: [rule for it in parts for rule in it.rules] for key, parts in self._parts.items()}
        self._bound: dict[RoleKey, list[Binding]] = {}
        for binding in self._bindings.values():
            self._bound.setdefault(binding.role, []).append(binding)
        self._answers: dict[Request, _Answers] = {}

    @property
    def without_role(self) -> list[Binding]:
        """The bindings whose role is not among the objects, so what they grant is unknown."""
        return [it for it in self._bindings.values() if it.role not in self._roles]

    @property
    def service_accounts(self) -> set[tuple[str, str]]:
        """Namespace and name of each service account that a binding names."""
        subjects = (it for binding in self._bindings.values() for it in binding.subjects)
        return {(it.namespace, it.name) for it in subjects if it.kind == SERVICE_ACCOUNT}

    def grants(self, verb: str, group: str, resource: str, subresource: str = "") -> list[Grant]:
        """All grants of a verb, whatever the object's name and namespace are; one for each binding and subject."""
        return self._of(verb, group, resource, subresource).grants

    def roles(self, verb: str, group: str, resource: str) -> list[tuple[Role, frozenset[str] | None]]:
        """The roles, bound or not, that allow a verb, and the names that they allow it for, None for all."""
        found = ((role, _allowed(self._rules[key], verb, group, resource, "")) for key, role in self._roles.items())
        return [(role, allowed[0]) for role, allowed in found if allowed is not None]

    def parts(self, role: Role, verb: str, group: str, resource: str) -> list[Role]:
        """Those of the roles that are aggregated into a role, or the role itself, that allow a verb for all names."""
        found = ((it, _allowed(it.rules, verb, group, resource, "")) for it in self._parts[role.key])
        return [it for it, allowed in found if allowed is not None and allowed[0] is None]

    def who_can(
        self, verb: str, group: str, resource: str, name: str = "", namespace: str = "", subresource: str = ""
    ) -> list[Grant]:
        """The grants that allow a request.

        `name`: "" for a request without one, such as `create`; `namespace`: "" for one without, which RoleBindings
        never allow. The webhook asks with the pod's namespace, though credential specs are in none.
        """
        return self._of(verb, group, resource, subresource).allowing(name, namespace)

    def reasons(
        self, account: tuple[str, str], verb: str, group: str, resource: str, name: str = "", subresource: str = ""
    ) -> list[Grant]:
        """The grants that let a service account, given by namespace and name, do something in its namespace."""
        namespace = account[0]
        subjects = [(USER, user_name(*account)), *((GROUP, it) for it in groups_of(namespace))]
        return self._of(verb, group, resource, subresource).of_subjects(subjects, name, namespace)

    def _of(self, *request: str) -> _Answers:
        verb, group, resource, subresource = request
        key = (verb, group, resource, subresource)
        if key not in self._answers:
            found = (
                (role, allowed)
                for key_of, role in self._roles.items()
                if key_of in self._bound and (allowed := _allowed(self._rules[key_of], *key)) is not None
            )
            self._answers[key] = _Answers(self._grants_of(found))
        return self._answers[key]

    def _grants_of(self, roles: Iterable[tuple[Role, Allowed]]) -> Iterator[Grant]:
        for role, (names, wildcards) in roles:
            for binding in self._bound[role.key]:
                for subject in binding.subjects:
                    yield Grant(binding, role, subject, names, wildcards)

    def _add(self, it: Object, namespace: str) -> None:
        version, kind = it.get("apiVersion"), it.get("kind")
        if not (isinstance(version, str) and version.partition("/")[0] == RBAC_GROUP and isinstance(kind, str)):
            return
        if kind in ("Role", "ClusterRole"):
            self._add_role(it, namespace)
        elif kind in ("RoleBinding", "ClusterRoleBinding"):
            binding = read_binding(it, namespace)
            if isinstance(binding, Refused):
                self.refused.append(binding)
            elif self._is_served(it, binding.kind, binding.namespace, binding.name):
                self._bindings[binding.kind, binding.namespace, binding.name] = binding

    def _add_role(self, it: Object, namespace: str) -> None:
        role = read_role(it, namespace)
        if isinstance(role, Refused):
            self.refused.append(role)
        elif self._is_served(it, role.kind, role.namespace, role.name):
            self._roles[role.key] = role

    def _is_served(self, it: Object, kind: str, namespace: str, name: str) -> bool:
        version = it["apiVersion"]
        if version != _VERSION:
            self.refused.append(Refused(kind, namespace, name, f"apiVersion {version} is not served; use {_VERSION}"))
        return bool(version == _VERSION)


class _Answers:
    """The grants of one request, by what they are looked up by; linear in their number."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self.grants = list(grants)
        self._for_all: dict[RoleKey, None] = {}  # the roles that are not limited to names; dict: in a fixed order
        self._by_name: dict[str, dict[RoleKey, None]] = {}
        self._by_role: dict[tuple[RoleKey, str], list[Grant]] = {}  # and by namespace of the binding
        self._by_subject: dict[tuple[str, str, str], dict[RoleKey, list[Grant]]] = {}
        seen = set()
        for it in self.grants:
            key = it.role.key
            if key not in seen:
                seen.add(key)
                for table in (self._for_all,) if it.names is None else map(self._names_table, it.names):
                    table[key] = None
            self._by_role.setdefault((key, it.namespace), []).append(it)
            subject = (it.namespace, *it.subject.key)
            self._by_subject.setdefault(subject, {}).setdefault(key, []).append(it)

    def allowing(self, name: str, namespace: str) -> list[Grant]:
        scopes = ("", namespace) if namespace else ("",)
        keys = ((role, scope) for scope in scopes for role in self._roles_for(name))
        return [it for key in keys for it in self._by_role.get(key, ())]

    def of_subjects(self, subjects: Iterable[tuple[str, str]], name: str, namespace: str) -> list[Grant]:
        found: list[Grant] = []
        for key in ((scope, *subject) for scope in ("", namespace) for subject in subjects):
            by_role = self._by_subject.get(key)
            if by_role is not None:
                found += self._of_roles(by_role, name)
        return found

    def _of_roles(self, by_role: dict[RoleKey, list[Grant]], name: str) -> Iterator[Grant]:
        """By whichever is shorter: the roles of the subject, or the roles for that name."""
        named = self._by_name.get(name, {})
        if len(by_role) <= len(self._for_all) + len(named):
            keys: Iterable[RoleKey] = (it for it in by_role if it in self._for_all or it in named)
        else:
            keys = (it for it in self._roles_for(name) if it in by_role)
        for key in keys:
            yield from by_role[key]

    def _roles_for(self, name: str) -> Iterator[RoleKey]:
        yield from self._for_all
        yield from self._by_name.get(name, ())

    def _names_table(self, name: str) -> dict[RoleKey, None]:
        return self._by_name.setdefault(name, {})


def _allowed(rules: list[Rule], verb: str, group: str, resource: str, subresource: str) -> Allowed | None:
    """What rules allow of a request, whatever the object's name is; None if nothing."""
    found = [it for it in rules if it.allows(verb, group, resource, subresource)]
    if not found:
        return None
    unlimited = [it for it in found if not it.resource_names]
    names = None if unlimited else frozenset(name for it in found for name in it.resource_names)
    wildcards = {field for it in unlimited or found for field in it.wildcards(verb, group, resource, subresource)}
    return names, tuple(sorted(wildcards))
