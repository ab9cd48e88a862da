"""The graph of who may become which AD account.

From left to right, as an edge points:

    ServiceAccount, ServiceAccounts, User, Group  ->  CredentialSpec  ->  Account  <-  Principal

- A `ServiceAccount` uses a credential spec (`Use`), with the bindings that let it, or is a member of `ServiceAccounts`.
- `ServiceAccounts` are all of a namespace, or of the cluster. They use credential specs by bindings of groups, and they
  reach all (`Unchecked`) where nothing checks pods.
- Users, groups and service accounts may change what the check is about (`ChangeCredspec`, `ChangeAdmission`,
  `LabelNamespace`, `GrantAccess`), and so reach a credential spec, or all.
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
    from collections.abc import Iterable, Iterator
    from typing import ClassVar, TypeVar

    from gmsa_krm.active_directory.snapshot import DirectoryAccount
    from gmsa_krm.findings import Issue

    AnyNode = TypeVar("AnyNode", bound="Node")
    EdgeKey = tuple[str, str, str]

# The kinds of edges. Access:
USE = "Use"
UNCHECKED = "Unchecked"
# Ways around the check, by changing what it is about:
CHANGE_CREDSPEC = "ChangeCredspec"
CHANGE_ADMISSION = "ChangeAdmission"
LABEL_NAMESPACE = "LabelNamespace"
GRANT_ACCESS = "GrantAccess"
# What belongs together:
MEMBER = "Member"
LOG_ON = "LogOn"
ADDITIONAL_ACCOUNT = "AdditionalAccount"
FETCH_PASSWORD = "FetchPassword"  # noqa: S105

ACCESS = (USE, UNCHECKED)
POWERS = (CHANGE_CREDSPEC, CHANGE_ADMISSION, LABEL_NAMESPACE, GRANT_ACCESS)
EDGE_KINDS = (MEMBER, *ACCESS, *POWERS, LOG_ON, ADDITIONAL_ACCOUNT, FETCH_PASSWORD)

# The name of what stands for all of a kind.
ALL = "*"

# What is known of an account in Active Directory: no snapshot tells; it is there; it is not there.
NOT_CHECKED, EXISTS, MISSING = "NotChecked", "Exists", "Missing"

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


class Workload:
    """An object with a pod that runs as a service account. `credspecs`: the names in its pod, sorted.

    `has_contents`: the pod has contents of a credential spec of its own, whatever it names.
    """

    __slots__ = ("credspecs", "has_contents", "kind", "name", "namespace")

    def __init__(self, kind: str, namespace: str, name: str, credspecs: list[str], *, has_contents: bool) -> None:
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.credspecs = credspecs
        self.has_contents = has_contents

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"


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
    """A user of the cluster who is not a service account."""

    kind = "User"
    __slots__ = ()


class Group(Node):
    """A group of users of the cluster."""

    kind = "Group"
    __slots__ = ()


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

    `state`: NotChecked, Exists or Missing; `directory`: the fields of the snapshot, if it exists.
    """

    kind = "Account"
    __slots__ = ("directory", "domain", "state")

    def __init__(self, name: str, domain: str) -> None:
        super().__init__(name.removesuffix("$"))
        self.domain = domain
        self.id = f"{self.kind}:{domain.lower()}\\{self.name.lower()}"
        self.directory: DirectoryAccount | None = None
        self.state = NOT_CHECKED

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
    """Who Active Directory lets fetch a password. `principal_kind`: Group, Computer, ... as in a snapshot."""

    kind = "Principal"
    __slots__ = ("domain", "principal_kind", "sid")

    def __init__(self, name: str, principal_kind: str, sid: str, domain: str) -> None:
        """`domain`: that of the account, in which the name counts."""
        super().__init__(name)
        self.principal_kind = principal_kind
        self.sid = sid
        self.domain = domain
        self.id = f"{self.kind}:{sid or f'{domain.lower()}/{name.lower()}'}"


NODE_KINDS = tuple(it.kind for it in (ServiceAccount, ServiceAccounts, User, Group, CredentialSpec, Account, Principal))


class BindingOf:
    """The binding that makes an edge, with its role and the subject in it. `wildcards`: as of a `Grant`.

    `is_built_in`: Kubernetes or its controllers make it, in every cluster.
    """

    __slots__ = ("is_built_in", "kind", "name", "namespace", "role", "role_kind", "subject", "wildcards")

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
    ) -> None:
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
        self.without_effect: list[WithoutEffect] = []
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
        sources = (ServiceAccount(service_account, namespace), ServiceAccounts(namespace), ServiceAccounts())
        targets = (CredentialSpec(credspec), CredentialSpec(ALL))
        keys = ((kind, source.id, target.id) for source in sources for target in targets for kind in ACCESS)
        return [self.edges[key] for key in keys if key in self.edges]

    def around(self, focus: Iterable[Node]) -> Graph:
        """The part that leads to the nodes of `focus` or from them, with all that was said about it."""
        chosen = list(focus)
        kept: set[EdgeKey] = {*self._reached(chosen, forward=True), *self._reached(chosen, forward=False)}
        part = Graph()
        part.notes, part.checks = self.notes, self.checks
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
        """The edges on the way from or to nodes; what reaches every credential spec reaches each."""
        every = self.nodes.get(CredentialSpec(ALL).id)
        seen: set[str] = set()
        pending = list(start)
        while pending:
            node = pending.pop()
            if node.id in seen:
                continue
            seen.add(node.id)
            for edge in self.outgoing(node) if forward else self.incoming(node):
                yield edge.key
                pending.append(edge.target if forward else edge.source)
            if forward and node is every:
                pending += [it for it in self.nodes.values() if isinstance(it, CredentialSpec)]
            if not forward and isinstance(node, CredentialSpec) and every is not None:
                pending.append(every)
            if forward and isinstance(node, Account):
                yield from (edge.key for edge in self.incoming(node, FETCH_PASSWORD))
