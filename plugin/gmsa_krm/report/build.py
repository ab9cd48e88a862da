"""Kubernetes objects and snapshots of Active Directory -> the graph."""

from __future__ import annotations

from gmsa_krm.access import Rbac
from gmsa_krm.access.objects import AUTHENTICATED, GROUP, SERVICE_ACCOUNT, SERVICE_ACCOUNTS
from gmsa_krm.credspecs.model import CredentialSpec as Spec
from gmsa_krm.findings.suggest import suggestion
from gmsa_krm.report.accounts import Accounts, contents_of
from gmsa_krm.report.admission import NAME_LABEL, find_checks, find_fillers, find_hardening
from gmsa_krm.report.detours import Mighty, detours, subject_node
from gmsa_krm.report.edges import ACCESS, IMPERSONATE, MEMBER, POWERS, UNCHECKED, USE, BindingOf
from gmsa_krm.report.graph import Graph, WithoutEffect
from gmsa_krm.report.nodes import ALL, CredentialSpec, ServiceAccount, ServiceAccounts
from gmsa_krm.report.powers import powers
from gmsa_krm.report.texts import some
from gmsa_krm.report.workloads import gmsa_workloads, pods_of
from gmsa_krm.workloads.kinds import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access import Binding, Grant, Role
    from gmsa_krm.access.objects import Object, RoleKey
    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.report.admission import Check
    from gmsa_krm.report.detours import Detour
    from gmsa_krm.report.edges import Edge
    from gmsa_krm.report.nodes import Node, Workload
    from gmsa_krm.report.powers import Power
    from gmsa_krm.report.workloads import Pod
    from gmsa_krm.workloads.kinds import Kinds

_CREDSPEC_GROUP, _CREDSPEC_KIND = "windows.k8s.io", "GMSACredentialSpec"
# What the webhook and the policy ask the API server.
_REQUEST = ("use", _CREDSPEC_GROUP, "gmsacredentialspecs")
_OF_ALL_ACCOUNTS = (SERVICE_ACCOUNTS, AUTHENTICATED)
_MAX_NOTES = 5
_OF_NAMESPACE = f"{SERVICE_ACCOUNTS}:"


def build(
    objects: Iterable[Object],
    snapshots: Iterable[Snapshot] = (),
    kinds: Kinds = BUILT_IN,
    *,
    namespace: str = "default",
    is_live: bool = False,
    has_config: bool = False,
) -> Graph:
    """The graph of a cluster.

    `objects`: plain data of single objects, not of Lists; of two with one identity the last counts. `kinds`: those with
    a pod. `namespace`: of objects without one. `is_live`: the objects are all that the cluster has, so what is not
    among them is not there. `has_config`: they are from a GMSAConfig, which can be changed.
    """
    builder = _Builder(_unique(objects, namespace), kinds, namespace, is_live=is_live, has_config=has_config)
    builder.add_credspecs(snapshots)
    builder.add_workloads()
    builder.add_access()
    builder.add_unchecked()
    builder.add_powers()
    builder.add_detours()
    builder.add_members()
    builder.add_refusals()
    builder.add_notes()
    builder.add_names()
    return builder.graph


class _Builder:
    def __init__(self, objects: list[Object], kinds: Kinds, namespace: str, *, is_live: bool, has_config: bool) -> None:
        self.graph = Graph()
        self._objects = objects
        self._pods = list(pods_of(objects, kinds, namespace))
        self._namespace = namespace
        self._is_live = is_live
        self._has_config = has_config
        self._rbac = Rbac(objects, namespace)
        self._checks = find_checks(objects)
        self._fillers = find_fillers(objects)
        self._hardening = find_hardening(objects)
        self._labels = self._namespace_labels()
        self.graph.checks = [f"{it.label}{self._exceptions(it)}" for it in self._checks]
        self._told: set[tuple[str, str, str, str]] = set()
        # What keeps a binding from service accounts that it may be meant for, by their namespaces and names.
        self._tried: dict[tuple[str, str], str] = {}
        self._running = {(it.namespace, it.account) for it in self._pods}
        self._parts_of: dict[RoleKey, list[str]] = {}
        self._covering: dict[str, list[Check]] = {}
        self._specs: dict[str, list[Spec]] = {}  # by name; several where a policy approves several
        self.graph.is_refused = lambda namespace, credspec: bool(self._without(namespace, credspec))

    def add_credspecs(self, snapshots: Iterable[Snapshot]) -> None:
        for it in self._objects:
            if _group(it) == _CREDSPEC_GROUP and it.get("kind") == _CREDSPEC_KIND:
                contents = it.get("credspec")
                self._specs[_name(it)] = [Spec(contents if isinstance(contents, dict) else {})]
        for name, texts in self._approved().items():
            self._specs[name] = [Spec(contents_of(it)) for it in texts]
        self._accounts = Accounts(self.graph, snapshots, (it for specs in self._specs.values() for it in specs))
        for name, specs in self._specs.items():
            node = self.graph.node(CredentialSpec(name, is_known=True))
            for spec in specs:
                self._accounts.add(node, spec)

    def add_workloads(self) -> None:
        for pod, workload in gmsa_workloads(self._pods):
            node = self.graph.node(ServiceAccount(pod.account, workload.namespace))
            node.workloads.append(workload)
            if workload.without_contents and self._is_filled_in(pod):
                workload.without_contents = []
            workload.is_checked = bool(self._covers(workload.namespace))
            if not workload.is_checked:
                texts = {text for _, text in workload.references if text}
                brought = {it.id: it for text in texts for it in self._accounts.brought(text)}
                workload.brings = [brought[it] for it in sorted(brought)]
        for node in self.graph.of_kind(ServiceAccount):
            node.workloads.sort(key=lambda it: (it.kind, it.name))

    def _is_filled_in(self, pod: Pod) -> bool:
        """Whether something writes the contents of credential specs into a pod; also if none is known."""
        if not self._fillers:
            return not self._is_live
        labels = self._labels.get(pod.namespace, {NAME_LABEL: pod.namespace})
        return any(it.fills(labels, pod.labels) for it in self._fillers)

    def add_access(self) -> None:
        for grant in self._rbac.grants(*_REQUEST):
            source = _user_of(grant)
            if isinstance(source, str):
                if "resources" not in grant.wildcards:  # or else it is about everything, and not meant for pods
                    self._add_without_effect(grant.binding, f"{source}{self._meant(grant)}")
                continue
            if grant.names is not None and set(grant.names) == {ALL}:
                why = f"resourceNames of {grant.role.kind} {grant.role.name} is *, which is the name of no object there"
                self._add_without_effect(grant.binding, f"{why}; leave it out for all names")
            for target in self._targets(grant.names):
                refusing = self._without(source.namespace, target.name) if target.name != ALL else ""
                if refusing:
                    self._add_without_effect(grant.binding, f"{refusing} approves no contents of {target.name}")
                    continue
                edge = self.graph.edge(USE, self.graph.node(source), target)
                edge.add_binding(_binding_of(grant))
                _add_risks(edge, grant, self._parts(grant.role) if grant.names is None else [])

    def _meant(self, grant: Grant) -> str:
        """The service account of that name where the binding is, if pods run as it."""
        name, where = grant.subject.name, grant.namespace
        if grant.subject.kind != SERVICE_ACCOUNT or (where, name) not in self._running:
            return ""
        label = _binding_of(grant).label
        self._tried[where, name] = f"{label} is for {grant.subject.namespace}/{name}: fix the namespace of its subject"
        return f" (did you mean {where}/{name}?)"

    def _parts(self, role: Role) -> list[str]:
        """The roles that are aggregated into a role, and let it use every credential spec."""
        if role.key not in self._parts_of:
            found = self._rbac.parts(role, *_REQUEST)
            self._parts_of[role.key] = sorted(it.name for it in found if it is not role)
        return self._parts_of[role.key]

    def add_unchecked(self) -> None:
        """The namespaces whose pods nothing checks, and the ways by which single pods pass."""
        every = self.graph.node(CredentialSpec(ALL)) if not self._checks else None
        if every is not None:
            edge = self.graph.edge(UNCHECKED, self.graph.node(ServiceAccounts()), every)
            edge.is_certain = self._is_live
            edge.add_reason("no admission webhook and no policy for gMSA is among the objects")
            cure = "set admission.mode to Webhook or Policy" if self._has_config else "install the webhook for gMSA"
            message = (
                "pods may have any credential spec, and by it any account that the nodes can fetch the password of;"
                f" {cure}, unless the cluster has a webhook that is not among the objects"
            )
            edge.warning("no-admission-check", message)
            return
        for check in self._checks:
            for how in check.partial:
                self._add_unchecked(ServiceAccounts(), how)
        for name in sorted(self._labels):
            if not self._covers(name):
                whys = dict.fromkeys(it.why_not(self._labels[name]) for it in self._checks)
                how = f"no check covers the namespace {name} ({'; '.join(whys)})"
                self._add_unchecked(ServiceAccounts(name), how)

    def _exceptions(self, check: Check) -> str:
        """Where a check does not check, in words."""
        left_out = [(name, self._labels[name]) for name in sorted(self._labels)]
        found = [f"{name} ({check.why_not(labels)})" for name, labels in left_out if not check.covers(labels)]
        return f", except in namespace{'s' if len(found) > 1 else ''} {some(found, 5)}" if found else ""

    def add_powers(self) -> None:
        for power in powers(self._rbac, self._checks, _REQUEST, by_contents=bool(self._approved())):
            source = self.graph.node(subject_node(power.grant.subject))
            for target in self._targets(power.names):
                self._add_power(self.graph.edge(power.kind, source, target), power)

    def add_detours(self) -> None:
        """To who has access or powers, so after these."""
        access = self.graph.sorted_edges(*ACCESS)
        namespaces = {it.source.namespace for it in access}
        powers = self.graph.sorted_edges(*POWERS)
        powerful = [it.source for it in powers]
        mighty = Mighty(it.source for it in powers if any(each.is_everything for each in it.bindings))
        for detour in detours(self._rbac, namespaces, powerful, self._sees_ephemeral):
            source = self.graph.node(subject_node(detour.grant.subject))
            for target in self._persons(detour.target):
                if target is not source:
                    edge = self.graph.edge(detour.kind, source, target)
                    is_mighty = detour.kind == IMPERSONATE and mighty.includes(target)
                    self._add_power(edge, detour, ", who may do everything" if is_mighty else "")
                    if edge.passes_checks and not edge.is_built_in:
                        self.graph.node(CredentialSpec(ALL))  # where it leads
                        edge.warning("no-hardening", self._of_ephemeral)

    @property
    def _of_ephemeral(self) -> str:
        cure = "set webhook.hardeningPolicy to true" if self._has_config else "apply gmsa-krm's hardening policy"
        return f"whoever adds an ephemeral container to a pod can give it any credential spec; {cure}"

    def _sees_ephemeral(self, namespace: str) -> bool:
        """Whether something checks the ephemeral containers of a namespace, or of each if it is empty.

        Where nothing checks pods, that says it all.
        """
        if not self._checks:
            return True
        if not namespace:
            return any(it.is_of_all for it in self._hardening)
        labels = self._labels.get(namespace, {NAME_LABEL: namespace})
        return any(it.covers(labels) for it in self._hardening)

    def add_members(self) -> None:
        """Of the service accounts in the graph; `Graph.access` knows that all others are members, too."""
        for node in self.graph.of_kind(ServiceAccount):
            for group in (ServiceAccounts(node.namespace), ServiceAccounts()):
                if group.id in self.graph.nodes:
                    self.graph.edge(MEMBER, node, self.graph.node(group))

    def add_refusals(self) -> None:
        """Why what checks pods would refuse those of a workload."""
        for it in self._rbac.without_role:
            kind, namespace, name = it.role
            label = f"{it.kind} {f'{it.namespace}/' if it.namespace else ''}{it.name}"
            of = f"{kind} {f'{namespace}/' if namespace else ''}{name}"
            for subject in it.subjects:
                if subject.kind == SERVICE_ACCOUNT:
                    self._tried[subject.namespace, subject.name] = (
                        f"{label} binds {of}, which is not here: fix its roleRef"
                    )
        for node in self.graph.of_kind(ServiceAccount):
            for workload in node.workloads:
                reasons = list(self._refusals(node, workload)) if workload.is_checked else ()
                if reasons:
                    message = f"its pods are refused: {'; '.join(reasons)}"
                    workload.error("refused-workload", message)

    def _refusals(self, node: ServiceAccount, workload: Workload) -> Iterator[str]:
        """In words; a pod that runs already is refused when it is created again."""
        if workload.has_contents:
            yield "there are contents without gmsaCredentialSpecName; name their credential spec, and remove them"
        for credspec in workload.credspecs:
            refusing = self._without(workload.namespace, credspec)
            if refusing:
                yield f"{refusing} approves no contents of {credspec}; add it to the config, and apply that"
            elif not self.graph.access(node.namespace, node.name, credspec):
                unknown = self._unknown(credspec)
                cure = f"{'add it to usedBy, or ' if self._has_config else ''}bind a role that lets it"
                cure = "fix the name, or create it" if unknown else self._tried.get((node.namespace, node.name), cure)
                yield f"{node.label} may not use {credspec}{unknown}; {cure}"
            elif self._is_live and credspec not in self._specs:
                yield f"{credspec} does not exist; create it, or fix the name"
            else:
                yield from self._of_contents(workload, credspec)

    def _of_contents(self, workload: Workload, credspec: str) -> Iterator[str]:
        """What is wrong with the contents beside a name: a webhook compares them as JSON, a policy as texts."""
        found = [contents for name, contents in workload.references if name == credspec]
        tables = [it.approved for it in self._covers(workload.namespace) if it.approved is not None]
        specs = self._specs.get(credspec)
        for contents in found:
            is_approved = all(contents in it.get(credspec, ()) for it in tables)
            if contents and (not is_approved or (specs and not any(it.is_same(contents) for it in specs))):
                again = ", or render it again" if self._has_config else ""
                yield f"its contents are not those of {credspec}; remove gmsaCredentialSpec{again}"
                return
        if tables and credspec in workload.without_contents:
            yield f"it has no contents of {credspec}, and nothing fills them in; render it with gmsa-krm"

    def _unknown(self, credspec: str) -> str:
        if not self._specs or credspec in self._specs:
            return ""
        return f", which is not here{suggestion(credspec, self._specs)}"

    def _approved(self) -> dict[str, list[str]]:
        """The contents that alone can be in pods, where all that checks pods has them in a table."""
        tables = [it.approved for it in self._checks]
        return {} if not tables or None in tables else {key: value for it in tables if it for key, value in it.items()}

    def _covers(self, namespace: str) -> list[Check]:
        """What checks the pods of a namespace, or those of each if it is empty."""
        if namespace not in self._covering:
            labels = self._labels.get(namespace, {NAME_LABEL: namespace})
            self._covering[namespace] = [
                it for it in self._checks if (it.covers(labels) if namespace else not it.selectors)
            ]
        return self._covering[namespace]

    def _without(self, namespace: str, credspec: str) -> str:
        """The policy that approves no contents of a credential spec, so no pod of the namespace can have it."""
        checks = (it for it in self._covers(namespace) if it.approved is not None and credspec not in it.approved)
        return next((it.label for it in checks), "")

    def add_notes(self) -> None:
        names = any(name and not contents for it in self._workloads() for name, contents in it.references)
        if names and not self._fillers and not self._is_live:
            self.graph.notes.append(
                "no webhook and no policy that fills in contents is among the objects: without one, pods that only name"
                " a credential spec have no account"
            )
        for it in self._rbac.refused:
            why = f"the API server refuses it: {it.reason}"
            self.graph.without_effect.append(WithoutEffect(it.kind, it.namespace, it.name, why))
        unknown = [it.name for it in self.graph.of_kind(CredentialSpec) if not it.is_known and it.name != ALL]
        if unknown:
            self.graph.notes.append(
                f"not among the objects, so their accounts are unknown: {some(unknown, 5)}"
                if not self._is_live
                else f"roles name credential specs that do not exist: {some(unknown, 5)}"
            )
        self._add_unknown_roles()

    def _add_unknown_roles(self) -> None:
        found = sorted(self._rbac.without_role, key=lambda it: (it.kind, it.namespace, it.name))
        for it in found[:_MAX_NOTES]:
            kind, namespace, name = it.role
            subjects = [
                f"{each.kind} {f'{each.namespace}/' if each.namespace else ''}{each.name}" for each in it.subjects
            ]
            self.graph.notes.append(
                f"{it.kind} {f'{it.namespace}/' if it.namespace else ''}{it.name} binds {kind}"
                f" {f'{namespace}/' if namespace else ''}{name} to {some(subjects, 5) or 'nobody'}, but that role is"
                f" {'not there' if self._is_live else 'not among the objects'}, so"
                f" {'it allows nothing yet' if self._is_live else 'what it allows is unknown'}"
            )
        if len(found) > _MAX_NOTES:
            self.graph.notes.append(f"{len(found) - _MAX_NOTES:,} more bindings name such roles")

    def _workloads(self) -> Iterator[Workload]:
        return (it for node in self.graph.of_kind(ServiceAccount) for it in node.workloads)

    def add_names(self) -> None:
        """The namespaces and service accounts that the objects name."""
        found = self._running | self._rbac.service_accounts
        for it in self._objects:
            if it.get("kind") == "ServiceAccount" and it.get("apiVersion") == "v1":
                namespace = it["metadata"].get("namespace")
                found.add((namespace if isinstance(namespace, str) and namespace else self._namespace, _name(it)))
        self.graph.service_accounts = {f"{namespace}/{name}" for namespace, name in found}
        self.graph.namespaces = {*self._labels, *(namespace for namespace, _ in found)}

    def _persons(self, target: Node) -> list[Node]:
        """A target in the graph; a service account without a namespace is each of that name."""
        if isinstance(target, ServiceAccount) and not target.namespace:
            return [it for it in self.graph.of_kind(ServiceAccount) if it.name == target.name]
        return [self.graph.node(target)]

    def _add_power(self, edge: Edge, power: Power | Detour, whom: str = "") -> None:
        edge.add_reason(f"{power.how}{whom}")
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
        key = binding.kind, binding.namespace, binding.name, why
        if key not in self._told:
            self._told.add(key)
            self.graph.without_effect.append(WithoutEffect(*key))

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
        is_everything=len(grant.wildcards) == 3 and grant.names is None and not grant.namespace,
        is_built_in=binding.name.startswith("system:")
        or (binding.name == "cluster-admin" and name == "system:masters"),
    )


def _add_risks(edge: Edge, grant: Grant, parts: list[str]) -> None:
    """`parts`: the roles by whose aggregation that of the grant lets use every credential spec."""
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
        which = f", into which {some(parts)} is aggregated," if parts else ""
        cure = f"give {some(parts)}" if parts else "give it"
        message = (
            f"{grant.role.kind} {grant.role.name}{which} names no credential spec{how}, so it lets {source.label} use"
            f" every one, also those of the future; {cure} resourceNames"
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
