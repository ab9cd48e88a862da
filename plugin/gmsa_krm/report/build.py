"""Kubernetes objects and snapshots of Active Directory -> the graph."""

from __future__ import annotations

from gmsa_krm.access import Rbac
from gmsa_krm.access.objects import AUTHENTICATED, GROUP, SERVICE_ACCOUNT, SERVICE_ACCOUNTS, USER
from gmsa_krm.credspecs.model import CredentialSpec as Spec
from gmsa_krm.report.accounts import Accounts
from gmsa_krm.report.admission import NAME_LABEL, find_checks
from gmsa_krm.report.model import (
    ALL,
    MEMBER,
    UNCHECKED,
    USE,
    BindingOf,
    CredentialSpec,
    Graph,
    Group,
    ServiceAccount,
    ServiceAccounts,
    User,
    WithoutEffect,
)
from gmsa_krm.report.powers import powers
from gmsa_krm.report.workloads import gmsa_workloads
from gmsa_krm.workloads.kinds import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access import Binding, Grant, Subject
    from gmsa_krm.access.objects import Object
    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.report.model import Edge, Node
    from gmsa_krm.report.powers import Power
    from gmsa_krm.workloads.kinds import Kinds

_CREDSPEC_GROUP, _CREDSPEC_KIND = "windows.k8s.io", "GMSACredentialSpec"
# What the webhook and the policy ask the API server.
_REQUEST = ("use", _CREDSPEC_GROUP, "gmsacredentialspecs")
_OF_ALL_ACCOUNTS = (SERVICE_ACCOUNTS, AUTHENTICATED)
_OF_NAMESPACE = f"{SERVICE_ACCOUNTS}:"


def build(
    objects: Iterable[Object],
    snapshots: Iterable[Snapshot] = (),
    kinds: Kinds = BUILT_IN,
    *,
    namespace: str = "default",
    is_live: bool = False,
) -> Graph:
    """The graph of a cluster.

    `objects`: plain data of single objects, not of Lists; of two with one identity the last counts. `kinds`: those with
    a pod. `namespace`: of objects without one. `is_live`: the objects are all that the cluster has, so what is not
    among them is not there.
    """
    builder = _Builder(_unique(objects, namespace), kinds, namespace, is_live=is_live)
    builder.add_credspecs(snapshots)
    builder.add_workloads()
    builder.add_access()
    builder.add_unchecked()
    builder.add_powers()
    builder.add_members()
    builder.add_notes()
    return builder.graph


class _Builder:
    def __init__(self, objects: list[Object], kinds: Kinds, namespace: str, *, is_live: bool) -> None:
        self.graph = Graph()
        self._objects = objects
        self._kinds = kinds
        self._namespace = namespace
        self._is_live = is_live
        self._rbac = Rbac(objects, namespace)
        self._checks = find_checks(objects)
        self.graph.checks = [it.label for it in self._checks]

    def add_credspecs(self, snapshots: Iterable[Snapshot]) -> None:
        specs: dict[str, Spec] = {}
        for it in self._objects:
            if _group(it) == _CREDSPEC_GROUP and it.get("kind") == _CREDSPEC_KIND:
                contents = it.get("credspec")
                specs[_name(it)] = Spec(contents if isinstance(contents, dict) else {})
        accounts = Accounts(self.graph, snapshots, specs.values())
        for name, spec in specs.items():
            accounts.add(self.graph.node(CredentialSpec(name, is_known=True)), spec)

    def add_workloads(self) -> None:
        for account, workload in gmsa_workloads(self._objects, self._kinds, self._namespace):
            node = self.graph.node(ServiceAccount(account, workload.namespace))
            node.workloads.append(workload)
        for node in self.graph.of_kind(ServiceAccount):
            node.workloads.sort(key=lambda it: (it.kind, it.name))

    def add_access(self) -> None:
        for grant in self._rbac.grants(*_REQUEST):
            source = _user_of(grant)
            if isinstance(source, str):
                self._add_without_effect(grant.binding, source)
                continue
            if grant.names is not None and set(grant.names) == {ALL}:
                why = f"resourceNames of {grant.role.kind} {grant.role.name} is *, which is the name of no object there"
                self._add_without_effect(grant.binding, f"{why}; leave it out for all names")
            for target in self._targets(grant.names):
                edge = self.graph.edge(USE, self.graph.node(source), target)
                edge.add_binding(_binding_of(grant))
                _add_risks(edge, grant)

    def add_unchecked(self) -> None:
        """The namespaces whose pods nothing checks, and the ways by which single pods pass."""
        every = self.graph.node(CredentialSpec(ALL)) if not self._checks else None
        if every is not None:
            edge = self.graph.edge(UNCHECKED, self.graph.node(ServiceAccounts()), every)
            edge.is_certain = self._is_live
            edge.add_reason("no admission webhook and no policy for gMSA is among the objects")
            message = (
                "pods may have any credential spec, and by it any account that the nodes can fetch the password of; set"
                " admission.mode to Webhook or Policy, unless the cluster has a webhook that is not among the objects"
            )
            edge.warning("no-admission-check", message)
            return
        for check in self._checks:
            for how in check.partial:
                self._add_unchecked(ServiceAccounts(), how)
        labels = self._namespace_labels()
        for name in sorted(labels):
            if not any(it.covers(labels[name]) for it in self._checks):
                self._add_unchecked(ServiceAccounts(name), f"no check covers the namespace {name}")

    def add_powers(self) -> None:
        for power in powers(self._rbac, self._checks, _REQUEST):
            source = self.graph.node(_subject_node(power.grant.subject))
            for target in self._targets(power.names):
                self._add_power(self.graph.edge(power.kind, source, target), power)

    def add_members(self) -> None:
        """Of the service accounts in the graph; `Graph.access` knows that all others are members, too."""
        for node in self.graph.of_kind(ServiceAccount):
            for group in (ServiceAccounts(node.namespace), ServiceAccounts()):
                if group.id in self.graph.nodes:
                    self.graph.edge(MEMBER, node, self.graph.node(group))

    def add_notes(self) -> None:
        for it in self._rbac.refused:
            why = f"the API server refuses it: {it.reason}"
            self.graph.without_effect.append(WithoutEffect(it.kind, it.namespace, it.name, why))
        unknown = [it.name for it in self.graph.of_kind(CredentialSpec) if not it.is_known and it.name != ALL]
        if unknown:
            self.graph.notes.append(
                f"not among the objects, so their accounts are unknown: {_some(unknown)}"
                if not self._is_live
                else f"roles name credential specs that do not exist: {_some(unknown)}"
            )
        roles = sorted({it.role[2] for it in self._rbac.without_role})
        if roles:
            self.graph.notes.append(
                f"bindings name roles that are not among the objects, so what they allow is unknown: {_some(roles)}"
            )

    def _add_power(self, edge: Edge, power: Power) -> None:
        edge.add_reason(power.how)
        for grant in (power.grant, *power.others):
            edge.add_binding(_binding_of(grant))

    def _add_unchecked(self, source: ServiceAccounts, how: str) -> None:
        edge = self.graph.edge(UNCHECKED, self.graph.node(source), self.graph.node(CredentialSpec(ALL)))
        edge.add_reason(how)
        message = (
            "pods that are not checked may have any credential spec, and by it any account that the nodes can fetch the"
            " password of; check all namespaces, and let nobody create pods in those that are left out"
        )
        edge.error("unchecked-pods", message)

    def _add_without_effect(self, binding: Binding, why: str) -> None:
        self.graph.without_effect.append(WithoutEffect(binding.kind, binding.namespace, binding.name, why))

    def _targets(self, names: frozenset[str] | None) -> Iterator[CredentialSpec]:
        """The credential specs of those names; none has the name `*`, which is no wildcard in resourceNames."""
        for name in sorted(names - {ALL}) if names is not None else (ALL,):
            yield self.graph.node(CredentialSpec(name))

    def _namespace_labels(self) -> dict[str, dict[str, str]]:
        """The labels of each namespace that is known, by its name."""
        found: dict[str, dict[str, str]] = {}
        for it in self._objects:
            metadata = it.get("metadata")
            namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
            if isinstance(namespace, str) and namespace:
                found.setdefault(namespace, {})
        for check in self._checks:
            for name in check.named_namespaces():
                found.setdefault(name, {})
        for it in self._objects:
            if it.get("kind") == "Namespace" and it.get("apiVersion") == "v1":
                labels = it["metadata"].get("labels") if isinstance(it.get("metadata"), dict) else None
                found[_name(it)] = dict(labels) if isinstance(labels, dict) else {}
        return {name: {**labels, NAME_LABEL: name} for name, labels in found.items() if name}


def _user_of(grant: Grant) -> Node | str:
    """The service accounts that a grant is for; in words why it is for none, if so."""
    subject, where = grant.subject, grant.namespace
    if subject.kind == SERVICE_ACCOUNT:
        if where and subject.namespace != where:
            return f"{subject.namespace}/{subject.name} runs no pods in {where}, where the binding is"
        return ServiceAccount(subject.name, subject.namespace)
    if subject.kind == GROUP and subject.name in _OF_ALL_ACCOUNTS:
        return ServiceAccounts(where)
    if subject.kind == GROUP and subject.name.startswith(_OF_NAMESPACE):
        namespace = subject.name.removeprefix(_OF_NAMESPACE)
        if where and namespace != where:
            return f"service accounts of {namespace} run no pods in {where}, where the binding is"
        return ServiceAccounts(namespace)
    return f"{subject.kind} {subject.name} is not a service account, and pods run as service accounts"


def _subject_node(subject: Subject) -> Node:
    if subject.kind == SERVICE_ACCOUNT:
        return ServiceAccount(subject.name, subject.namespace)
    if subject.kind == USER:
        return User(subject.name)
    if subject.name == SERVICE_ACCOUNTS:
        return ServiceAccounts()
    if subject.name.startswith(_OF_NAMESPACE):
        return ServiceAccounts(subject.name.removeprefix(_OF_NAMESPACE))
    return Group(subject.name)


def _binding_of(grant: Grant) -> BindingOf:
    binding, subject = grant.binding, grant.subject
    name = f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name
    return BindingOf(
        binding.kind,
        binding.namespace,
        binding.name,
        role_kind=grant.role.kind,
        role=grant.role.name,
        subject=f"{subject.kind} {name}",
        wildcards=grant.wildcards,
        is_built_in=binding.name.startswith("system:")
        or (binding.name == "cluster-admin" and name == "system:masters"),
    )


def _add_risks(edge: Edge, grant: Grant) -> None:
    source = edge.source
    if isinstance(source, ServiceAccounts):
        message = (
            f"{source.label} may use it, so whoever may create a pod there has its accounts; name service accounts"
        )
        edge.warning("wildcard-grant", message)
    elif source.name == "default":
        message = (
            f"every pod of {source.namespace} that names no service account runs as default, and may use it; give the"
            " workload its own service account"
        )
        edge.warning("default-service-account", message)
    if grant.names is None:
        how = f" (* in {', '.join(grant.wildcards)})" if grant.wildcards else ""
        message = (
            f"{grant.role.kind} {grant.role.name} names no credential spec{how}, so it lets {source.label} use every"
            " one, also those of the future; give it resourceNames"
        )
        edge.warning("every-credspec", message)


def _unique(objects: Iterable[Object], namespace: str) -> list[Object]:
    """Each object once; the last of those with one identity."""
    found: dict[tuple[str, str, str, str], Object] = {}
    for it in objects:
        metadata = it.get("metadata")
        data = metadata if isinstance(metadata, dict) else {}
        name, kind, of = data.get("name"), it.get("kind"), data.get("namespace")
        if isinstance(name, str) and isinstance(kind, str):
            found[_group(it), kind, of if isinstance(of, str) and of else namespace, name] = it
    return list(found.values())


def _group(it: Object) -> str:
    version = it.get("apiVersion")
    return version.rpartition("/")[0] if isinstance(version, str) else ""


def _name(it: Object) -> str:
    return str(it["metadata"]["name"])


def _some(names: list[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return f"{', '.join(names[:limit])}{more}"
