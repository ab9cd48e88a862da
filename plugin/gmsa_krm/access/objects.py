"""Roles and bindings, read as the API server reads them; what it would refuse is `Refused`.

The checks are those of pkg/apis/rbac/validation of Kubernetes 1.37, as far as they decide about access.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]
    # Kind, namespace ("" of a ClusterRole) and name.
    RoleKey = tuple[str, str, str]

RBAC_GROUP = "rbac.authorization.k8s.io"
ROLE, CLUSTER_ROLE = "Role", "ClusterRole"
USER, GROUP, SERVICE_ACCOUNT = "User", "Group", "ServiceAccount"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"
_USER_PREFIX = "system:serviceaccount:"
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def user_name(namespace: str, service_account: str) -> str:
    """The user that a service account is."""
    return f"{_USER_PREFIX}{namespace}:{service_account}"


def groups_of(namespace: str) -> tuple[str, ...]:
    """The groups that every service account of a namespace is in."""
    return SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED


class Refused:
    """An object that the API server refuses, so that it grants nothing. `reason`: why, without the object's name."""

    __slots__ = ("kind", "name", "namespace", "reason")

    def __init__(self, kind: str, namespace: str, name: str, reason: str) -> None:
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.reason = reason


class Rule:
    """A rule about resources. An empty `resource_names` is all names."""

    __slots__ = ("_api_groups", "_resources", "_verbs", "resource_names")

    def __init__(self, api_groups: list[str], resources: list[str], names: list[str], verbs: list[str]) -> None:
        self._api_groups = frozenset(api_groups)
        self._resources = frozenset(resources)
        self._verbs = frozenset(verbs)
        self.resource_names = frozenset(names)

    def allows(self, verb: str, group: str, resource: str, subresource: str) -> bool:
        """Whether it allows a request, whatever the object's name is."""
        return (
            ("*" in self._verbs or verb in self._verbs)
            and ("*" in self._api_groups or group in self._api_groups)
            and ("*" in self._resources or self._has_resource(resource, subresource))
        )

    def wildcards(self, verb: str, group: str, resource: str, subresource: str) -> list[str]:
        """The fields that allow the request by `*` only."""
        exact = {
            "apiGroups": group in self._api_groups,
            "resources": self._has_resource(resource, subresource),
            "verbs": verb in self._verbs,
        }
        return [field for field, is_exact in exact.items() if not is_exact]

    def _has_resource(self, resource: str, subresource: str) -> bool:
        if not subresource:
            return resource in self._resources
        return f"{resource}/{subresource}" in self._resources or f"*/{subresource}" in self._resources


class Role:
    """A Role or a ClusterRole. `selectors`: of the ClusterRoles whose rules it gets; None if its own rules count."""

    __slots__ = ("is_stored", "key", "labels", "rules", "selectors")

    def __init__(
        self, key: RoleKey, rules: list[Rule], labels: dict[str, str], selectors: list[Object] | None, is_stored: bool
    ) -> None:
        """`is_stored`: the object is from a cluster, so its rules are those that the API server evaluates."""
        self.key = key
        self.rules = rules
        self.labels = labels
        self.selectors = selectors
        self.is_stored = is_stored

    @property
    def kind(self) -> str:
        return self.key[0]

    @property
    def namespace(self) -> str:
        return self.key[1]

    @property
    def name(self) -> str:
        return self.key[2]


class Subject:
    """Who a binding gives a role to. `kind`: `User`, `Group` or `ServiceAccount`; only the last has a namespace.

    A user that has the name of a service account is that service account.
    """

    __slots__ = ("key", "kind", "name", "namespace")

    def __init__(self, kind: str, name: str, namespace: str = "") -> None:
        self.key = (USER, user_name(namespace, name)) if kind == SERVICE_ACCOUNT else (kind, name)
        if kind == USER and name.startswith(_USER_PREFIX):
            namespace, _, account = name.removeprefix(_USER_PREFIX).partition(":")
            if namespace and account and ":" not in account:
                kind, name = SERVICE_ACCOUNT, account
        self.kind = kind
        self.name = name
        self.namespace = namespace if kind == SERVICE_ACCOUNT else ""


class Binding:
    """A RoleBinding, or a ClusterRoleBinding, whose `namespace` is "". `role`: the key of what it binds."""

    __slots__ = ("kind", "name", "namespace", "role", "subjects")

    def __init__(self, kind: str, namespace: str, name: str, role: RoleKey, subjects: list[Subject]) -> None:
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.role = role
        self.subjects = subjects


class _Invalid(Exception):
    """The API server refuses the object; its text says why."""


def read_role(it: Object, namespace: str) -> Role | Refused:
    """A Role or ClusterRole; `namespace`: of a Role without one."""
    kind = it["kind"]
    metadata = _metadata(it)
    of, name = _place(metadata, kind == ROLE, namespace)
    try:
        _check_name("metadata.name", name)
        rules = [
            rule
            for index, entry in enumerate(_mappings(it, "rules"))
            if (rule := _rule(entry, f"rules[{index}]", is_namespaced=kind == ROLE)) is not None
        ]
        selectors = _selectors(it) if kind == CLUSTER_ROLE else None
        labels = _mapping(metadata, "labels")
        if not all(isinstance(value, str) for value in labels.values()):
            raise _Invalid("metadata.labels: a value is not a string")
    except _Invalid as error:
        return Refused(kind, of, name, str(error))
    return Role((kind, of, name), rules, labels, selectors, bool(metadata.get("uid")))


def read_binding(it: Object, namespace: str) -> Binding | Refused:
    """A RoleBinding or ClusterRoleBinding; `namespace`: of a RoleBinding without one."""
    kind = it["kind"]
    is_namespaced = kind == "RoleBinding"
    of, name = _place(_metadata(it), is_namespaced, namespace)
    try:
        _check_name("metadata.name", name)
        role = _role_ref(it, of)
        found: dict[tuple[str, str], Subject] = {}
        for index, entry in enumerate(_mappings(it, "subjects")):
            subject = _subject(entry, f"subjects[{index}]", of)
            found.setdefault(subject.key, subject)
    except _Invalid as error:
        return Refused(kind, of, name, str(error))
    return Binding(kind, of, name, role, list(found.values()))


def _metadata(it: Object) -> Object:
    metadata = it.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _place(metadata: Object, is_namespaced: bool, default: str) -> tuple[str, str]:
    """Namespace and name."""
    name, namespace = metadata.get("name"), metadata.get("namespace")
    of = namespace if isinstance(namespace, str) and namespace else default
    return of if is_namespaced else "", name if isinstance(name, str) else ""


def _check_name(field: str, name: str) -> None:
    if not name:
        raise _Invalid(f"{field} is missing")
    if name in (".", "..") or "/" in name or "%" in name:
        raise _Invalid(f"{field}: {name} is not a name of a role or binding")


def _rule(entry: Object, field: str, *, is_namespaced: bool) -> Rule | None:
    """None for a rule about URLs."""
    keys = ("apiGroups", "resources", "resourceNames", "verbs")
    groups, resources, names, verbs = (_strings(entry, key, field) for key in keys)
    if not verbs:
        raise _Invalid(f"{field}.verbs is empty")
    if _strings(entry, "nonResourceURLs", field):
        if is_namespaced or groups or resources or names:
            raise _Invalid(f"{field}.nonResourceURLs is beside resources, or in a Role")
        return None
    for key, value in (("apiGroups", groups), ("resources", resources)):
        if not value:
            raise _Invalid(f"{field}.{key} is empty")
    return Rule(groups, resources, names, verbs)


def _selectors(it: Object) -> list[Object] | None:
    rule = it.get("aggregationRule")
    if rule is None:
        return None
    selectors = _mappings(_mapping(it, "aggregationRule"), "clusterRoleSelectors")
    if not selectors:
        raise _Invalid("aggregationRule.clusterRoleSelectors is empty")
    for index, selector in enumerate(selectors):
        field = f"aggregationRule.clusterRoleSelectors[{index}]"
        labels = _mapping(selector, "matchLabels")
        if not all(isinstance(value, str) for value in labels.values()):
            raise _Invalid(f"{field}.matchLabels: a value is not a string")
        for expression in _mappings(selector, "matchExpressions"):
            _check_expression(expression, field)
    return selectors


def _check_expression(expression: Object, field: str) -> None:
    values = _strings(expression, "values", f"{field}.matchExpressions")
    operator = _string(expression, "operator", field)
    needs_values = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}.get(operator)
    if not _string(expression, "key", field) or needs_values is None or needs_values is not bool(values):
        raise _Invalid(f"{field}.matchExpressions: an expression is not valid")


def _role_ref(it: Object, namespace: str) -> RoleKey:
    reference = _mapping(it, "roleRef")
    group, kind, name = (_string(reference, key, "roleRef") for key in ("apiGroup", "kind", "name"))
    if (group or RBAC_GROUP) != RBAC_GROUP:
        raise _Invalid(f"roleRef.apiGroup is {group}, not {RBAC_GROUP}")
    kinds = (ROLE, CLUSTER_ROLE) if it["kind"] == "RoleBinding" else (CLUSTER_ROLE,)
    if kind not in kinds:
        raise _Invalid(f"roleRef.kind is {kind or 'missing'}, not {' or '.join(kinds)}")
    _check_name("roleRef.name", name)
    return kind, namespace if kind == ROLE else "", name


def _subject(entry: Object, field: str, namespace: str) -> Subject:
    """`namespace`: the binding's, "" of a ClusterRoleBinding."""
    keys = ("kind", "name", "namespace", "apiGroup")
    kind, name, of, group = (_string(entry, key, field) for key in keys)
    if kind not in (SERVICE_ACCOUNT, USER, GROUP):
        raise _Invalid(f"{field}.kind is {kind or 'missing'}, not {SERVICE_ACCOUNT}, {USER} or {GROUP}")
    if not name:
        raise _Invalid(f"{field}.name is missing")
    wanted = "" if kind == SERVICE_ACCOUNT else RBAC_GROUP
    if (group or wanted) != wanted:
        raise _Invalid(f"{field}.apiGroup is {group}, which a {kind} does not have")
    if kind != SERVICE_ACCOUNT:
        return Subject(kind, name)
    if len(name) > 253 or not _DNS_SUBDOMAIN.fullmatch(name):
        raise _Invalid(f"{field}.name: {name} is not a name of a service account")
    if not (of or namespace):
        raise _Invalid(f"{field}.namespace is missing")
    return Subject(kind, name, of or namespace)


def _string(data: Object, key: str, field: str) -> str:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise _Invalid(f"{field}.{key} is not a string")
    return value or ""


def _strings(data: Object, key: str, field: str) -> list[str]:
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
        raise _Invalid(f"{field}.{key} is not a list of strings")
    return value


def _mapping(data: Object, key: str) -> Object:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Invalid(f"{key} is not a mapping")
    return value


def _mappings(data: Object, key: str) -> list[Object]:
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(it, dict) for it in value):
        raise _Invalid(f"{key} is not a list of mappings")
    return value
