"""The picture as rows, for formats that are text: what each table says, in plain strings."""

from __future__ import annotations

from gmsa_krm.report.edges import ACCESS, ADDITIONAL_ACCOUNT, DETOURS, FETCH_PASSWORD, LOG_ON, POWERS, UNCHECKED
from gmsa_krm.report.fetchers import Fetchers
from gmsa_krm.report.nodes import ALL, Account, ServiceAccount
from gmsa_krm.report.reach import Reach, kind_of
from gmsa_krm.report.texts import in_short, some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.report.edges import Edge
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Node, Risk, Workload

ACCESS_COLUMNS = ("WHO", "WORKLOADS", "CREDENTIAL SPEC", "ACCOUNTS", "BY")
REFUSED_COLUMNS = ("WORKLOAD", "RUNS AS", "NAMES", "WHY")
POWER_COLUMNS = ("WHO", "MAY", "REACHES", "BY")
ACCOUNT_COLUMNS = ("ACCOUNT", "STATE", "SERVES", "DELEGATION", "PASSWORD FOR")
WITHOUT_EFFECT = "Without effect on pods"
WITHOUT_EFFECT_COLUMNS = ("OBJECT", "WHY")
_DELEGATIONS = {"Unconstrained": "ANY SERVICE", "None": "none", "Unknown": "unknown"}


class Row:
    """A row of a table. `is_red`: something is wrong with it, and `risks` say what."""

    __slots__ = ("cells", "is_red")

    def __init__(self, cells: tuple[str, ...], *, is_red: bool) -> None:
        self.cells = cells
        self.is_red = is_red


def access_rows(graph: Graph) -> list[Row]:
    """Who uses or reaches which credential spec, and which account that is."""
    return [_access_row(graph, it) for it in graph.sorted_edges(*ACCESS)]


def refused_rows(graph: Graph) -> list[Row]:
    """The workloads whose pods are refused, or that cannot be rendered."""
    return [
        Row(
            (_of_workload(it), node.label, some(it.credspecs), "; ".join(risk.message for risk in it.risks)),
            is_red=True,
        )
        for node in graph.of_kind(ServiceAccount)
        for it in node.workloads
        if it.is_refused
    ]


def power_rows(graph: Graph) -> tuple[list[Row], int]:
    """Who may change what the check is about, or act as others; and how many more edges are of every cluster.

    Who may do everything has one row, and so have all targets that someone reaches in the same way.
    """
    edges = graph.sorted_edges(*POWERS, *DETOURS)
    own: dict[str, list[Edge]] = {}
    for it in edges:
        if not it.is_built_in:
            own.setdefault(it.source.id, []).append(it)
    found = sorted(own.values(), key=lambda it: _by_source(it[0]))
    reach = Reach(graph)
    return [row for it in found for row in _powers_of(it, reach)], len(edges) - sum(map(len, own.values()))


def _by_source(edge: Edge) -> tuple[str, str, str]:
    """People by kind, namespace and name."""
    return edge.source.kind, edge.source.namespace, edge.source.name


def _powers_of(edges: list[Edge], reach: Reach) -> Iterator[Row]:
    """The rows of one subject."""
    source = edges[0].source
    # A service account is namespace/name.
    label = source.label if isinstance(source, ServiceAccount) else f"{kind_of(source)} {source.label}".strip()
    is_red = any(it.risks for it in edges)
    by_all = {it.key: it.label for edge in edges for it in edge.bindings if it.is_everything}
    if by_all:
        yield Row(
            (
                label,
                "everything, in all of these ways",
                "every credential spec",
                some(by_all[it] for it in sorted(by_all)),
            ),
            is_red=is_red,
        )
        return
    by_target: dict[str, list[Edge]] = {}
    for it in edges:
        by_target.setdefault(it.target.id, []).append(it)
    rows: dict[tuple[str, str, str], list[str]] = {}
    for group in by_target.values():
        may = some(_abilities(group), separator="; ")
        labels = {binding.key: binding.label for it in group for binding in it.bindings}
        why = next(filter(None, map(reach.why, group)), "")
        rows.setdefault((may, why, some(labels[it] for it in sorted(labels))), []).append(group[0].target.label)
    for (may, why, by), targets in rows.items():
        reached = f"{some(targets)}, {why}: so every account" if why else some(targets)
        yield Row((label, may, reached, by), is_red=is_red or bool(why))


def account_rows(graph: Graph) -> list[Row]:
    """What each account may do, and who may fetch its password."""
    return [_account_row(graph, it) for it in graph.of_kind(Account)]


def without_effect_rows(graph: Graph) -> list[Row]:
    return [Row((it.label, it.why), is_red=False) for it in graph.without_effect]


def risks(graph: Graph) -> list[str]:
    """What is wrong, the worst first, each once: `error [rule] NODE: message`."""
    listed = sorted(_risks(graph), key=lambda it: (it[0].rank, it[1], it[2]))
    return list(dict.fromkeys(f"{risk.severity} [{risk.rule}] {where}: {message}" for risk, where, message in listed))


def _risks(graph: Graph) -> Iterator[tuple[Risk, str, str]]:
    """Each with what it is about, and what to say."""
    for node in graph.sorted_nodes():
        yield from ((it, node.label, it.message) for it in node.risks)
        for workload in node.workloads if isinstance(node, ServiceAccount) else ():
            yield from ((it, _of_workload(workload), it.message) for it in workload.risks)
    reach = Reach(graph)
    for edge in graph.sorted_edges():
        if edge.kind != FETCH_PASSWORD:  # whose risks are those of the account, too
            yield from ((it, _ends(edge), reach.message(edge, it)) for it in edge.risks)


def _ends(edge: Edge) -> str:
    return f"{edge.source.label} and {edge.target.label}"


def _abilities(edges: list[Edge]) -> Iterator[str]:
    return (it.removeprefix("may ") for it in in_short([reason for edge in edges for reason in edge.reasons]))


def _of_workload(it: Workload) -> str:
    return f"{it.kind} {it.namespace}/{it.name}"


def _workloads(graph: Graph, edge: Edge) -> Iterator[str]:
    """The workloads that have access by an edge, of a group only those that use it."""
    source, target = edge.source, edge.target
    if isinstance(source, ServiceAccount):
        yield from (f"{it.label}{_use(it, target.name)}" for it in source.workloads)
        return
    for it in graph.workloads_of(edge):
        if not it.is_refused:
            yield f"{_of_workload(it)}{_use(it, target.name)}"


def _use(workload: Workload, credspec: str) -> str:
    """How a workload uses a credential spec, or any, where its name does not say it."""
    if workload.is_refused:
        return " (REFUSED)"
    if workload.without_contents and credspec in (ALL, *workload.without_contents):
        return " (NO ACCOUNT: nothing fills in its contents)"
    if credspec != ALL:
        return "" if credspec in workload.credspecs else " (may, does not)"
    brought = [f"contents of {some(it.label for it in workload.brings)}"] if workload.brings else []
    if not brought and workload.has_contents:
        brought = ["contents that cannot be read"]
    words = [*workload.credspecs, *brought]
    return f" ({some(words)})" if words else ""


def _access_row(graph: Graph, edge: Edge) -> Row:
    source, target = edge.source, edge.target
    workloads = list(_workloads(graph, edge))
    accounts = [it.target for it in graph.outgoing(target, LOG_ON, ADDITIONAL_ACCOUNT)]
    named = "any" if target.name == ALL else some([it.label for it in accounts]) or "unknown"
    how = some(edge.reasons) if edge.kind == UNCHECKED else _bindings(edge)
    is_red = bool(edge.risks) or any(_is_red(graph, it) for it in (target, *accounts))
    return Row((source.label, some(workloads), target.label, named, how), is_red=is_red)


def _account_row(graph: Graph, node: Account) -> Row:
    readers = [it.source.label for it in graph.incoming(node, FETCH_PASSWORD)]
    fetched = _password(Fetchers(graph, node), node.everyone, some(readers))
    delegation = _DELEGATIONS.get(node.delegation) or some(node.delegates_to)
    if node.delegation == "ProtocolTransition":
        delegation = f"as any user, to {delegation}"
    cells = (node.label, node.state_words, some(node.service_principal_names), delegation, fetched or "unknown")
    return Row(cells, is_red=_is_red(graph, node))


def _password(fetchers: Fetchers, everyone: str, readers: str) -> str:
    """The readers that the account lists, and who these are."""
    if fetchers.is_nobody:
        return "nobody, as it is missing"
    known = [everyone] if everyone else fetchers.counts
    if fetchers.computers == [] and not everyone:
        known = ["no hosts", *known]
    words = ", ".join(known)
    return f"{readers} ({words})" if readers and words else readers or words


def _is_red(graph: Graph, node: Node) -> bool:
    return bool(node.risks) or any(it.risks for it in graph.incoming(node, FETCH_PASSWORD))


def _bindings(edge: Edge) -> str:
    return some([it.label for it in sorted(edge.bindings, key=lambda it: it.key)])
