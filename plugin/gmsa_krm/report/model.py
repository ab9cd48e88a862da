"""The graph of who may become which AD account.

From left to right, as an edge points:

    ServiceAccount, ServiceAccounts, User, Group  ->  CredentialSpec  ->  Account  <-  Principal

- A `ServiceAccount` uses a credential spec (`Use`), with the bindings that let it, or is a member of `ServiceAccounts`.
- `ServiceAccounts` are all of a namespace, or of the cluster. They use credential specs by bindings of groups, and they
  reach all (`Unchecked`) where nothing checks pods.
- Users, groups and service accounts may change what the check is about (`ChangeCredspec`, `ChangeAdmission`,
  `LabelNamespace`, `GrantAccess`), and so reach a credential spec, or all.
- They may act as others (`DETOURS`): run their own code in pods of `ServiceAccounts` (`RunPods`), or call the API
  server as a service account, a user or a group (`Impersonate`). `User` and `Group` named `*` are all.
- The `CredentialSpec` named `*` is all of them, also those of the future. Edges to it are not repeated for each.
- A credential spec gives its `Account` (`LogOn`) and further ones (`AdditionalAccount`).
- A `Principal` of Active Directory, such as a group of hosts, may fetch the account's password (`FetchPassword`).

Each edge is there once, with all the bindings that make it. What is wrong is a `Risk` of the node or edge, in words.

Stable, for formats: everything without a leading underscore in this module. Kinds and fields may be added; formats
pass over kinds that they do not know. Names are those of objects in a cluster and a directory, so they are hostile: any
text, of any length. `Graph.sorted_nodes` and `Graph.sorted_edges` have a fixed order.
"""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING, invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import ClassVar, TypeVar

    from gmsa_krm.active_directory.snapshot import DirectoryAccount
    from gmsa_krm.findings import Issue

    AnyNode = TypeVar("AnyNode", bound="Node")
    EdgeKey = tuple[str, str, str]
    _Running = tuple["ServiceAccount", "Workload"]

# The kinds of edges. Access:
USE = "Use"
UNCHECKED = "Unchecked"
# Ways around the check, by changing what it is about:
CHANGE_CREDSPEC = "ChangeCredspec"
CHANGE_ADMISSION = "ChangeAdmission"
LABEL_NAMESPACE = "LabelNamespace"
GRANT_ACCESS = "GrantAccess"
# Ways by being someone else, whose ways go on from there:
RUN_PODS = "RunPods"
IMPERSONATE = "Impersonate"
# What belongs together:
MEMBER = "Member"
LOG_ON = "LogOn"
ADDITIONAL_ACCOUNT = "AdditionalAccount"
FETCH_PASSWORD = "FetchPassword"  # noqa: S105

ACCESS = (USE, UNCHECKED)
POWERS = (CHANGE_CREDSPEC, CHANGE_ADMISSION, LABEL_NAMESPACE, GRANT_ACCESS)
DETOURS = (RUN_PODS, IMPERSONATE)
EDGE_KINDS = (MEMBER, *ACCESS, *POWERS, *DETOURS, LOG_ON, ADDITIONAL_ACCOUNT, FETCH_PASSWORD)

# The name of what stands for all of a kind.
ALL = "*"
# SIDs of domains and of what is in them start with it ([MS-DTYP] 2.4.2.3).
DOMAIN_SID = "S-1-5-21-"

# What is known of an account in Active Directory: no snapshot tells; it is a gMSA there; there is none of that name;
# it is of another kind; it is only in other domains.
NOT_CHECKED, EXISTS, MISSING, OTHER_KIND, OTHER_DOMAIN = "NotChecked", "Exists", "Missing", "OtherKind", "OtherDomain"
# How a workload comes to an account: its pod names a credential spec of the account, or has contents of its own with
# it; or it runs as a service account that may use one, and does not.
NAMES, BRINGS, MAY = "Names", "Brings", "May"

# Names in roles are multiplied by the subjects of their bindings.
_MAX_EDGES = 2_000_000


class Risk:
    """A reason to be shown in red, in words.

    `severity`: `error` or `warning`; `rule`: its id in the catalogue; `message`: what is wrong, and what to do.
    """

    __slots__ = ("message", "rule", "severity")

    def __init__(self, severity: str, rule: str, message: str) -> None:
        self.severity = severity
        self.rule = rule
        self.message = message


class _Risky:
    """What can have risks, each rule once. A rule is one of the catalogue (`gmsa-krm explain`)."""

    __slots__ = ("risks",)

    def __init__(self) -> None:
        self.risks: list[Risk] = []

    def error(self, rule: str, message: str) -> None:
        self.add((ERROR, rule, message))

    def warning(self, rule: str, message: str) -> None:
        self.add((WARNING, rule, message))

    def add(self, issue: Issue) -> None:
        severity, rule, message = issue
        if all(it.rule != rule for it in self.risks):
            self.risks.append(Risk(severity, rule, message))


class Node(_Risky):
    """Something in the graph. `id`: unique in it, and the same in each run; `label`: what a reader calls it."""

    kind: ClassVar[str]
    __slots__ = ("id", "name", "namespace")

    def __init__(self, name: str, namespace: str = "") -> None:
        super().__init__()
        self.name = name
        self.namespace = namespace
        self.id = ":".join((self.kind, f"{namespace}/{name}" if namespace else name))

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Workload(_Risky):
    """An object with a pod that runs as a service account. `credspecs`: the names in its pod, sorted.

    `references`: name and contents of each place in the pod that has one of them, or both; `has_contents`: a place has
    contents without a name; `brings`: the accounts of its contents, where nothing but the contents decides. Its risks
    say why its pods are refused, or why it cannot be rendered.
    """

    __slots__ = ("brings", "credspecs", "has_contents", "kind", "name", "namespace", "references")

    def __init__(self, kind: str, namespace: str, name: str, references: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.references = sorted(set(references))
        self.credspecs = sorted({credspec for credspec, _ in self.references if credspec})
        # With a name the contents are filled in at admission, and are checked.
        self.has_contents = any(not credspec for credspec, _ in self.references)
        self.brings: list[Account] = []

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_refused(self) -> bool:
        return bool(self.risks)


class ServiceAccount(Node):
    """A service account that a binding names, or that a gMSA workload runs as. `workloads`: the gMSA ones."""

    kind = "ServiceAccount"
    __slots__ = ("workloads",)

    def __init__(self, name: str, namespace: str) -> None:
        super().__init__(name, namespace)
        self.workloads: list[Workload] = []


class ServiceAccounts(Node):
    """All service accounts of a namespace, or of the cluster if there is no namespace."""

    kind = "ServiceAccounts"
    __slots__ = ()

    def __init__(self, namespace: str = "") -> None:
        super().__init__(ALL, namespace)

    @property
    def label(self) -> str:
        return (
            f"every service account of {self.namespace}" if self.namespace else "every service account of the cluster"
        )


class User(Node):
    """A user of the cluster who is not a service account; named `*` all of them."""

    kind = "User"
    __slots__ = ()

    @property
    def label(self) -> str:
        return "every user of the cluster" if self.name == ALL else self.name


class Group(Node):
    """A group of users of the cluster; named `*` all of them."""

    kind = "Group"
    __slots__ = ()

    @property
    def label(self) -> str:
        return "every group of the cluster" if self.name == ALL else self.name


class CredentialSpec(Node):
    """A GMSACredentialSpec. `is_known`: its object is among those that the graph is made of.

    Named `*` it is every one, and every account that the nodes can fetch the password of.
    """

    kind = "CredentialSpec"
    __slots__ = ("is_known",)

    def __init__(self, name: str, *, is_known: bool = False) -> None:
        super().__init__(name)
        self.is_known = is_known

    @property
    def label(self) -> str:
        return "every credential spec" if self.name == ALL else self.name


class Account(Node):
    """An account of Active Directory. `domain`: its DNS name, or else what the credential spec calls its scope.

    `state`: NotChecked, Exists, Missing, OtherKind or OtherDomain; `directory`: the fields of the snapshot, if the
    domain has an account of that name; `elsewhere`: domains that have one, if it does not; `everyone`: who may fetch
    the password, if it is as good as everyone, such as `every user and computer`.
    """

    kind = "Account"
    __slots__ = ("directory", "domain", "elsewhere", "everyone", "state")

    def __init__(self, name: str, domain: str) -> None:
        super().__init__(name.removesuffix("$"))
        self.domain = domain
        self.id = f"{self.kind}:{domain.lower()}\\{self.name.lower()}"
        self.directory: DirectoryAccount | None = None
        self.elsewhere: list[str] = []
        self.everyone = ""
        self.state = NOT_CHECKED

    @property
    def state_words(self) -> str:
        """What Active Directory knows of it, in a few words."""
        if self.state == OTHER_KIND and self.directory is not None:
            return f"NO gMSA, but a {self.directory.kind}"
        if self.state == OTHER_DOMAIN:
            more = f" and {len(self.elsewhere) - 1:,} more" if len(self.elsewhere) > 1 else ""
            return f"MISSING, but in {self.elsewhere[0]}{more}"
        if self.directory is not None and not self.directory.enabled:
            return "DISABLED"
        return {EXISTS: "exists", MISSING: "MISSING"}.get(self.state, "not checked")

    @property
    def label(self) -> str:
        return f"{self.name} of {self.domain}"

    @property
    def service_principal_names(self) -> list[str]:
        return self.directory.service_principal_names if self.directory is not None else []

    @property
    def delegation(self) -> str:
        """What it may do as its users: Unconstrained, ProtocolTransition, Constrained, None, or Unknown."""
        if self.directory is None:
            return "Unknown"
        if self.directory.trusted_for_delegation:
            return "Unconstrained"
        if not self.directory.delegates_to:
            return "None"
        return "ProtocolTransition" if self.directory.trusted_to_auth_for_delegation else "Constrained"

    @property
    def delegates_to(self) -> list[str]:
        """The SPNs that it may act as its users towards; of no use where delegation is unconstrained."""
        return self.directory.delegates_to if self.directory is not None else []

    @property
    def hosts(self) -> list[str] | None:
        """The computers that may fetch its password, `*` for all of the domain; None if that is unknown."""
        return self.directory.hosts if self.directory is not None and self.directory.knows_hosts else None


class Principal(Node):
    """Who Active Directory lets fetch a password. `principal_kind`: Group, Computer, ... as in a snapshot.

    `is_ambiguous`: others have its name, so its label has the domain, too.
    """

    kind = "Principal"
    __slots__ = ("domain", "is_ambiguous", "principal_kind", "sid")

    def __init__(self, name: str, principal_kind: str, sid: str, domain: str) -> None:
        """`domain`: that of its SID if it is known, or else that of the account, in which the name counts."""
        super().__init__(name)
        self.principal_kind = principal_kind
        self.sid = sid
        self.domain = domain
        self.is_ambiguous = False
        own = sid.upper()
        # Each domain has well-known ones of its own, such as S-1-5-11.
        self.id = f"{self.kind}:{own if own.startswith(DOMAIN_SID) else f'{domain.lower()}/{own or name.lower()}'}"

    @property
    def label(self) -> str:
        return f"{self.name} of {self.domain}" if self.is_ambiguous else self.name


NODE_KINDS = tuple(it.kind for it in (ServiceAccount, ServiceAccounts, User, Group, CredentialSpec, Account, Principal))


class BindingOf:
    """The binding that makes an edge, with its role and the subject in it. `wildcards`: as of a `Grant`.

    `is_built_in`: Kubernetes or its controllers make it, in every cluster; `is_everything`: its role allows everything,
    in the whole cluster.
    """

    __slots__ = (
        "is_built_in",
        "is_everything",
        "kind",
        "name",
        "namespace",
        "role",
        "role_kind",
        "subject",
        "wildcards",
    )

    def __init__(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        role_kind: str,
        role: str,
        subject: str,
        wildcards: tuple[str, ...] = (),
        is_built_in: bool = False,
        is_everything: bool = False,
    ) -> None:
        self.is_everything = is_everything
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.role_kind = role_kind
        self.role = role
        self.subject = subject
        self.wildcards = wildcards
        self.is_built_in = is_built_in

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.namespace, self.name, self.subject

    @property
    def label(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


class Edge(_Risky):
    """A connection of two nodes, of one kind. `bindings`: those that make it; `reasons`: how, in words, if not by use.

    `is_certain`: false where it follows from what is not among the objects.
    """

    __slots__ = ("bindings", "is_certain", "kind", "reasons", "source", "target")

    def __init__(self, kind: str, source: Node, target: Node) -> None:
        super().__init__()
        self.kind = kind
        self.source = source
        self.target = target
        self.bindings: list[BindingOf] = []
        self.reasons: list[str] = []
        self.is_certain = True

    @property
    def key(self) -> EdgeKey:
        return self.kind, self.source.id, self.target.id

    @property
    def is_built_in(self) -> bool:
        """Whether only bindings of Kubernetes itself make it."""
        return bool(self.bindings) and all(it.is_built_in for it in self.bindings)

    def add_binding(self, binding: BindingOf) -> None:
        if all(it.key != binding.key for it in self.bindings):
            self.bindings.append(binding)

    def add_reason(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


class Actor:
    """A workload that can act as an account. `how`: Names, Brings or May; `service_account`: what it runs as."""

    __slots__ = ("how", "service_account", "workload")

    def __init__(self, how: str, workload: Workload, service_account: ServiceAccount) -> None:
        self.how = how
        self.workload = workload
        self.service_account = service_account


class WithoutEffect:
    """An object of RBAC that gives no access to a credential spec, though it looks like it. `why`: in words."""

    __slots__ = ("kind", "name", "namespace", "why")

    def __init__(self, kind: str, namespace: str, name: str, why: str) -> None:
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.why = why

    @property
    def label(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


class Graph:
    """Nodes by id, and edges by kind and the ids of their ends.

    `notes`: what is unknown, in whole sentences; `checks`: the objects that check pods, such as
    `ValidatingWebhookConfiguration gmsa-webhook`; `focus`: what it was narrowed to, by kind.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[EdgeKey, Edge] = {}
        self.notes: list[str] = []
        self.checks: list[str] = []
        self.focus: dict[str, list[str]] = {}
        # All that the objects name, and not only what has access; service accounts as `namespace/name`.
        self.namespaces: set[str] = set()
        self.service_accounts: set[str] = set()
        self.without_effect: list[WithoutEffect] = []
        # Whether what checks pods refuses a credential spec in a namespace, "" for all, whoever asks.
        self.is_refused: Callable[[str, str], bool] = lambda _namespace, _credspec: False
        self._workloads: _Workloads | None = None
        self._by_namespace: dict[str, list[Node]] = {}  # service accounts and groups of them
        self._outgoing: dict[str, list[Edge]] = {}
        self._incoming: dict[str, list[Edge]] = {}

    def node(self, node: AnyNode) -> AnyNode:
        """The node of that id in the graph, which is `node` if there was none."""
        return self.nodes.setdefault(node.id, node)  # type: ignore[return-value]  # the id starts with the kind

    def edge(self, kind: str, source: Node, target: Node) -> Edge:
        """The edge of that kind between two nodes of the graph, which is made if there was none."""
        key = kind, source.id, target.id
        found = self.edges.get(key)
        if found is None:
            found = Edge(kind, source, target)
            self._add(found)
        return found

    def _add(self, edge: Edge) -> None:
        if len(self.edges) >= _MAX_EDGES:
            message = (
                f"the picture has more than {_MAX_EDGES:,} edges; leave roles out that name thousands of credential"
                " specs for thousands of subjects, or look at a part of the cluster"
            )
            raise invalid("too-large", message)
        self.edges[edge.key] = edge
        self._outgoing.setdefault(edge.source.id, []).append(edge)
        self._incoming.setdefault(edge.target.id, []).append(edge)

    def outgoing(self, node: Node, *kinds: str) -> list[Edge]:
        """The edges from a node; all kinds if none is given."""
        return [it for it in self._outgoing.get(node.id, ()) if not kinds or it.kind in kinds]

    def incoming(self, node: Node, *kinds: str) -> list[Edge]:
        """The edges to a node; all kinds if none is given."""
        return [it for it in self._incoming.get(node.id, ()) if not kinds or it.kind in kinds]

    def of_kind(self, kind: type[AnyNode]) -> list[AnyNode]:
        """The nodes of a class, sorted."""
        return [it for it in self.sorted_nodes() if isinstance(it, kind)]

    def sorted_nodes(self) -> list[Node]:
        """By kind from left to right, then by namespace and name."""
        order = {kind: number for number, kind in enumerate(NODE_KINDS)}
        return sorted(self.nodes.values(), key=lambda it: (order[it.kind], it.namespace, it.name, it.id))

    def sorted_edges(self, *kinds: str) -> list[Edge]:
        """By kind, then by their ends; all kinds if none is given."""
        order = {kind: number for number, kind in enumerate(EDGE_KINDS)}
        return sorted(
            (it for it in self.edges.values() if not kinds or it.kind in kinds),
            key=lambda it: (
                order[it.kind],
                it.source.kind,
                it.source.namespace,
                it.source.name,
                it.target.id,
                it.source.id,
            ),
        )

    def access(self, namespace: str, service_account: str, credspec: str) -> list[Edge]:
        """The edges by which pods of a service account, known or not, may use a credential spec; [] if they may not."""
        if self.is_refused(namespace, credspec):
            return []
        sources = (ServiceAccount(service_account, namespace), ServiceAccounts(namespace), ServiceAccounts())
        targets = (CredentialSpec(credspec), CredentialSpec(ALL))
        keys = ((kind, source.id, target.id) for source in sources for target in targets for kind in ACCESS)
        return [self.edges[key] for key in keys if key in self.edges]

    def actors(self, node: Node) -> Iterator[Actor]:
        """The workloads that can act as an account, or by a credential spec: first those that do, each once.

        What may become every account is only at the credential spec named `*`, unless it names one of the account. A
        caller that shows a part can stop early.
        """
        credspecs = [node] if isinstance(node, CredentialSpec) else self._credspecs_of(node)
        names = {it.name for it in credspecs}
        workloads = self._index()
        seen: set[int] = set()
        for how, found in ((NAMES, workloads.naming(names)), (BRINGS, workloads.bringing(node))):
            for account, workload in found:
                if id(workload) not in seen and not workload.is_refused:
                    seen.add(id(workload))
                    yield Actor(how, workload, account)
        sources = {edge.source.id: edge.source for it in credspecs for edge in self.incoming(it, *ACCESS)}
        for source in sorted(sources.values(), key=lambda it: (it.namespace, it.name)):
            for account, workload in workloads.of(source):
                if id(workload) not in seen and names.isdisjoint(workload.credspecs):
                    seen.add(id(workload))
                    yield Actor(MAY, workload, account)

    def workloads_of(self, edge: Edge) -> list[Workload]:
        """The workloads that use an edge of access: their pods name its credential spec; for that of all, any."""
        source, target = edge.source, edge.target
        if target.name == ALL:
            return [it for _, it in self._index().of(source)]
        of = source.namespace
        named = self._index().naming([target.name])
        if isinstance(source, ServiceAccount):
            return [it for account, it in named if account is source]
        return [it for _, it in named if of in ("", it.namespace)]

    def _index(self) -> _Workloads:
        if self._workloads is None:
            self._workloads = _Workloads(self.of_kind(ServiceAccount))
        return self._workloads

    def _run_by(self, group: Node) -> Iterator[Node]:
        """The service accounts that whoever runs pods of a group can be, and the groups that these are in."""
        if not self._by_namespace:
            for it in self.nodes.values():
                if isinstance(it, (ServiceAccount, ServiceAccounts)):
                    self._by_namespace.setdefault(it.namespace, []).append(it)
        for namespace in (group.namespace, "") if group.namespace else self._by_namespace:
            yield from self._by_namespace.get(namespace, ())

    def _credspecs_of(self, account: Node) -> list[Node]:
        return [it.source for it in self.incoming(account, LOG_ON, ADDITIONAL_ACCOUNT)]

    def is_known(self, credspec: str) -> bool:
        """Whether the object of a credential spec is among those of the graph."""
        node = self.nodes.get(CredentialSpec(credspec).id)
        return isinstance(node, CredentialSpec) and node.is_known

    def around(self, focus: Iterable[Node]) -> Graph:
        """The part that leads to the nodes of `focus` or from them, with all that was said about it."""
        chosen = list(focus)
        kept: set[EdgeKey] = {*self._reached(chosen, forward=True), *self._reached(chosen, forward=False)}
        part = Graph()
        part.notes, part.checks, part.is_refused = self.notes, self.checks, self.is_refused
        for node in chosen:
            part.node(node)
        for key, edge in self.edges.items():
            if key in kept:
                part.node(edge.source)
                part.node(edge.target)
                part._add(edge)
        names = {it.key[:3] for edge in part.edges.values() for it in edge.bindings}
        namespaces = {it.namespace for it in part.nodes.values() if it.namespace}
        part.without_effect = [
            it for it in self.without_effect if (it.kind, it.namespace, it.name) in names or it.namespace in namespaces
        ]
        return part

    def _reached(self, start: list[Node], *, forward: bool) -> Iterator[EdgeKey]:
        """The edges on the way from or to nodes."""
        step = self._ahead if forward else self._behind
        seen: set[str] = set()
        pending = list(start)
        while pending:
            node = pending.pop()
            if node.id not in seen:
                seen.add(node.id)
                edges, nodes = step(node)
                yield from (it.key for it in edges)
                pending += nodes

    def _ahead(self, node: Node) -> tuple[list[Edge], list[Node]]:
        """The edges from a node, and where they lead; what reaches every credential spec reaches each."""
        edges = self.outgoing(node)
        nodes = [it.target for it in edges]
        for it in edges:
            if it.kind == RUN_PODS:
                nodes += self._run_by(it.target)
        if isinstance(node, CredentialSpec) and node.name == ALL:
            nodes += [it for it in self.nodes.values() if isinstance(it, CredentialSpec)]
        if isinstance(node, Account):
            edges += self.incoming(node, FETCH_PASSWORD)
        return edges, nodes

    def _behind(self, node: Node) -> tuple[list[Edge], list[Node]]:
        """The edges to a node, and where they are from."""
        edges = self.incoming(node)
        if isinstance(node, ServiceAccount):
            edges += [it for name in (node.namespace, "") for it in self.incoming(ServiceAccounts(name), RUN_PODS)]
        elif isinstance(node, ServiceAccounts) and node.namespace:
            edges += self.incoming(ServiceAccounts(), RUN_PODS)
        nodes = [it.source for it in edges]
        every = self.nodes.get(CredentialSpec(ALL).id)
        if isinstance(node, CredentialSpec) and every is not None:
            nodes.append(every)
        return edges, nodes


class _Workloads:
    """The gMSA workloads of a graph, each with its service account, by what they are looked up by."""

    def __init__(self, accounts: Iterable[ServiceAccount]) -> None:
        self._by_name: dict[str, list[_Running]] = {}
        self._by_account: dict[str, list[_Running]] = {}
        self._by_namespace: dict[str, list[_Running]] = {}
        for account in accounts:
            for workload in account.workloads:
                running = account, workload
                self._by_namespace.setdefault(account.namespace, []).append(running)
                for name in workload.credspecs:
                    self._by_name.setdefault(name, []).append(running)
                for own in workload.brings:
                    self._by_account.setdefault(own.id, []).append(running)

    def naming(self, credspecs: Iterable[str]) -> Iterator[_Running]:
        for name in sorted(credspecs):
            yield from self._by_name.get(name, ())

    def bringing(self, account: Node) -> list[_Running]:
        return self._by_account.get(account.id, [])

    def of(self, source: Node) -> Iterator[_Running]:
        """Those that run as a service account, or as one of a group of them."""
        if isinstance(source, ServiceAccount):
            yield from ((source, it) for it in source.workloads)
        elif isinstance(source, ServiceAccounts):
            for namespace in (source.namespace,) if source.namespace else sorted(self._by_namespace):
                yield from self._by_namespace.get(namespace, ())
