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

Stable, for formats: everything without a leading underscore here, in `nodes` and in `edges`. Kinds and fields may be
added; formats pass over kinds that they do not know. Names are those of objects in a cluster and a directory, so they
are hostile: any text, of any length. `Graph.sorted_nodes` and `Graph.sorted_edges` have a fixed order.
"""

from __future__ import annotations

from gmsa_krm.findings import invalid
from gmsa_krm.report.edges import (
    ACCESS,
    ADDITIONAL_ACCOUNT,
    EDGE_KINDS,
    LOG_ON,
    Edge,
)
from gmsa_krm.report.nodes import (
    ALL,
    NODE_KINDS,
    Account,
    CredentialSpec,
    Node,
    ServiceAccount,
    ServiceAccounts,
    Workload,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from gmsa_krm.report.edges import EdgeKey

    AnyNode = TypeVar("AnyNode", bound="Node")
    _Running = tuple["ServiceAccount", "Workload"]

# How a workload comes to an account: its pod names a credential spec of the account, or has contents of its own with
# it; or it runs as a service account that may use one, and does not.
NAMES, BRINGS, MAY = "Names", "Brings", "May"

# Names in roles are multiplied by the subjects of their bindings.
_MAX_EDGES = 2_000_000


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

    `sources`: what it was made from, as a reader knows it; `notes`: what is unknown, in whole sentences; `checks`:
    the objects that check pods, such as `ValidatingWebhookConfiguration gmsa-webhook`, with the namespaces that
    they leave out; `focus`: what it was narrowed to, by kind.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[EdgeKey, Edge] = {}
        self.sources: list[str] = []
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
            self.add(found)
        return found

    def add(self, edge: Edge) -> None:
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
        credspecs = [node] if isinstance(node, CredentialSpec) else self.credspecs_of(node)
        names = {it.name for it in credspecs}
        workloads = self._index()
        seen: set[int] = set()
        for how, found in ((NAMES, workloads.naming(names)), (BRINGS, workloads.bringing(node))):
            for account, workload in found:
                is_other = how == NAMES and isinstance(node, Account) and _has_others(workload, names, node)
                if id(workload) not in seen and not workload.is_refused and not is_other:
                    seen.add(id(workload))
                    yield Actor(how, workload, account)
        sources = {edge.source.id: edge.source for it in credspecs for edge in self.incoming(it, *ACCESS)}
        for source in sorted(sources.values(), key=lambda it: (it.namespace, it.name)):
            for account, workload in workloads.of(source):
                if id(workload) not in seen and not workload.is_refused and names.isdisjoint(workload.credspecs):
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

    def credspecs_of(self, account: Node) -> list[Node]:
        return [it.source for it in self.incoming(account, LOG_ON, ADDITIONAL_ACCOUNT)]

    def is_known(self, credspec: str) -> bool:
        """Whether the object of a credential spec is among those of the graph."""
        node = self.nodes.get(CredentialSpec(credspec).id)
        return isinstance(node, CredentialSpec) and node.is_known


def _has_others(workload: Workload, credspecs: set[str], account: Account) -> bool:
    """Whether contents decide alone, and are of other accounts wherever it names the credential specs."""
    named = [contents for credspec, contents in workload.references if credspec in credspecs]
    return bool(workload.brings) and all(named) and all(it.id != account.id for it in workload.brings)


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
