"""The part of the graph around some nodes: what leads to them, and where they lead.

Who runs pods of a service account has the accounts that its pods may have, and may do what it may do at the API server.
Who calls the API server as it, by a token or by impersonation, has only the latter.
"""

from __future__ import annotations

from gmsa_krm.report.edges import (
    ACCESS,
    DETOURS,
    FETCH_PASSWORD,
    GRANT_ACCESS,
    IMPERSONATE,
    MEMBER,
    POWERS,
    RUN_PODS,
    USE,
)
from gmsa_krm.report.graph import Graph
from gmsa_krm.report.nodes import ALL, Account, CredentialSpec, Group, Principal, ServiceAccount, ServiceAccounts, User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.report.edges import Edge, EdgeKey
    from gmsa_krm.report.nodes import Node

    # A node, and whether it is there with one of its two sides only: ahead what it may do at the API server, and
    # behind its pods.
    Stop = tuple[Node, bool]
    # An edge, None for what has none, and where it leads.
    Step = tuple[Edge | None, list[Stop]]


def around(graph: Graph, focus: Iterable[Node]) -> Graph:
    """The part that leads to the nodes of `focus` or from them, with all that was said about it."""
    chosen = list(focus)
    part = Graph()
    part.sources, part.notes, part.checks, part.is_refused = graph.sources, graph.notes, graph.checks, graph.is_refused
    for node in chosen:
        part.node(node)
    kept = {*_Ahead(graph).edges(chosen), *_Behind(graph, chosen).edges(chosen)}
    for key, edge in graph.edges.items():
        if key in kept:
            part.node(edge.source)
            part.node(edge.target)
            part.add(edge)
    if any(it.passes_checks for it in part.edges.values()):
        part.node(CredentialSpec(ALL))
    names = {it.key[:3] for edge in part.edges.values() for it in edge.bindings}
    namespaces = {it.namespace for it in part.nodes.values() if it.namespace}
    part.without_effect = [
        it for it in graph.without_effect if (it.kind, it.namespace, it.name) in names or it.namespace in namespaces
    ]
    return part


class _Walk:
    """Over the graph in one direction."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._every = graph.nodes.get(CredentialSpec(ALL).id)

    def edges(self, focus: Iterable[Node]) -> Iterator[EdgeKey]:
        """The edges on the way, some more than once."""
        seen: set[tuple[str, bool]] = set()
        pending = [(it, self._starts_partly(it)) for it in focus]
        while pending:
            node, is_part = pending.pop()
            if (node.id, False) not in seen and (node.id, is_part) not in seen:
                seen.add((node.id, is_part))
                for edge, stops in self._steps(node, is_part):
                    if edge is not None:
                        yield edge.key
                    pending += stops

    def _starts_partly(self, node: Node) -> bool:
        raise NotImplementedError

    def _steps(self, node: Node, is_part: bool) -> Iterator[Step]:
        raise NotImplementedError

    def _has_powers(self, node: Node) -> bool:
        return bool(self._graph.outgoing(node, *POWERS, *DETOURS))


class _Ahead(_Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._readers: dict[str, list[Principal]] = {}  # by the id of the account that they are
        for reader, account in twins(graph):
            self._readers.setdefault(account.id, []).append(reader)
        self._by_namespace: dict[str, list[Node]] = {}  # service accounts and groups of them
        for it in graph.nodes.values():
            if isinstance(it, (ServiceAccount, ServiceAccounts)):
                self._by_namespace.setdefault(it.namespace, []).append(it)

    def _starts_partly(self, node: Node) -> bool:
        return False

    def _steps(self, node: Node, is_part: bool) -> Iterator[Step]:
        for it in self._graph.outgoing(node):
            if it.kind == RUN_PODS:
                every = [self._every] if self._every is not None and it.passes_checks else []
                yield it, [(each, False) for each in (it.target, *self._run_by(it.target), *every)]
            elif it.kind == IMPERSONATE:
                yield it, [(it.target, True), *((each, True) for each in self._acting(it.target))]
            elif not (is_part and it.kind in ACCESS):
                yield it, [(it.target, is_part)]
        if node is self._every:
            yield None, [(it, False) for it in self._graph.nodes.values() if isinstance(it, (CredentialSpec, Account))]
        if isinstance(node, Account):
            yield from ((it, []) for it in self._graph.incoming(node, FETCH_PASSWORD))
            for reader in self._readers.get(node.id, ()):
                yield from ((it, [(it.target, False)]) for it in self._graph.outgoing(reader, FETCH_PASSWORD))

    def _run_by(self, group: Node) -> Iterator[Node]:
        """The service accounts that whoever runs pods of a group can be, and the groups that these are in."""
        for namespace in (group.namespace, "") if group.namespace else self._by_namespace:
            yield from self._by_namespace.get(namespace, ())

    def _acting(self, group: Node) -> Iterator[Node]:
        """The members of a group that may do something at the API server."""
        if isinstance(group, ServiceAccounts):
            for namespace in (group.namespace,) if group.namespace else self._by_namespace:
                yield from (it for it in self._by_namespace.get(namespace, ()) if self._has_powers(it))


class _Behind(_Walk):
    def __init__(self, graph: Graph, focus: Iterable[Node]) -> None:
        super().__init__(graph)
        # A group in the focus brings none of its other members along.
        self._groups = {it.id for it in focus if isinstance(it, ServiceAccounts)}
        self._accounts = {reader.id: account for reader, account in twins(graph)}
        self._brought: set[tuple[str, bool]] = set()
        # Ways to every account, of which each is taken once.
        self._to_all = [it for it in graph.edges.values() if it.passes_checks]
        # And those to accounts that no credential spec has.
        ways = graph.incoming(self._every) if self._every is not None else []
        self._to_others = [it for it in ways if it.kind not in (USE, GRANT_ACCESS)]

    def _starts_partly(self, node: Node) -> bool:
        return isinstance(node, (ServiceAccount, ServiceAccounts)) and not self._has_powers(node)

    def _steps(self, node: Node, is_part: bool) -> Iterator[Step]:
        for it in self._incoming(node, is_part):
            if it.kind == MEMBER:
                if node.id not in self._groups:
                    yield it, [(it.source, is_part)]
            elif it.kind != IMPERSONATE or not is_part:
                yield it, [(it.source, it.kind in ACCESS)]
        if isinstance(node, CredentialSpec) and self._every is not None:
            yield None, [(self._every, False)]
        if isinstance(node, Account) or node is self._every:
            yield from self._once(self._to_all)
        if isinstance(node, Account) and not self._graph.credspecs_of(node):
            yield from self._once(self._to_others)
        if isinstance(node, Principal) and node.id in self._accounts:
            yield None, [(self._accounts[node.id], False)]

    def _once(self, ways: list[Edge]) -> Iterator[Step]:
        while ways:
            it = ways.pop()
            yield it, [(it.source, it.kind in ACCESS)]

    def _incoming(self, node: Node, is_part: bool) -> Iterator[Edge]:
        """The edges to a node, and those to what it is one of, unless another one has brought them along."""
        yield from self._graph.incoming(node)
        wider: list[Node] = []
        if isinstance(node, ServiceAccount):
            wider = [ServiceAccounts(node.namespace), ServiceAccounts()]
        elif isinstance(node, ServiceAccounts) and node.namespace:
            wider = [ServiceAccounts()]
        elif isinstance(node, (User, Group)) and node.name != ALL:
            wider = [type(node)(ALL)]
        for it in wider:
            if (it.id, is_part) not in self._brought:
                self._brought.add((it.id, is_part))
                yield from self._graph.incoming(it, *DETOURS)


def twins(graph: Graph) -> list[tuple[Principal, Account]]:
    """Who may fetch passwords and is an account of the graph by itself."""
    by_sid = {
        it.directory.sid.upper(): it
        for it in graph.nodes.values()
        if isinstance(it, Account) and it.directory is not None and it.directory.sid
    }
    found = ((it, by_sid.get(it.sid.upper())) for it in graph.nodes.values() if isinstance(it, Principal) and it.sid)
    return [(principal, account) for principal, account in found if account is not None]
