"""The graph as boxes and lines, for formats that draw, and what they say in words.

From left to right: who, credential specs, accounts with what they may do, and who may fetch their passwords. Texts are
on one line each and have no character that is not printable; a format wraps and escapes them.
"""

from __future__ import annotations

import unicodedata

from gmsa_krm.findings import printable
from gmsa_krm.report.edges import ACCESS, ADDITIONAL_ACCOUNT, DETOURS, FETCH_PASSWORD, LOG_ON, MEMBER, POWERS, USE
from gmsa_krm.report.fetchers import Fetchers
from gmsa_krm.report.nodes import ALL, Account, CredentialSpec, Principal, ServiceAccount, ServiceAccounts
from gmsa_krm.report.reach import Reach, may_everything
from gmsa_krm.report.since import WORDS
from gmsa_krm.report.texts import counted, in_short, some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from gmsa_krm.report.edges import Edge, EdgeKey
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Node, Risk, Workload
    from gmsa_krm.report.since import Changes

WHO, CREDSPEC, ACCOUNT, READER = range(4)
_MAX = 4
# After these a name may go on in the next line.
_BREAKS = " /.-\\@,:_"
_EVERYTHING = "may do everything"


class Box:
    """A node as it is drawn, or those who may do everything as one.

    `title`: what it is called; `lines`: what else is known; `abilities`: what an account may do; `warnings`: what is
    wrong, in words; `details`: the same as sentences; `detours`: whom it may act as, which formats without lines within
    a column show as text.
    """

    __slots__ = ("abilities", "column", "details", "detours", "kind", "lines", "node", "title", "warnings")

    def __init__(
        self,
        column: int,
        node: Node | None,
        lines: Iterable[str],
        abilities: Iterable[str] = (),
        *,
        title: str = "",
    ) -> None:
        self.column = column
        self.node = node
        self.kind = node.kind if node is not None else "Subjects"
        self.title = printable(node.label if node is not None else title)
        self.lines = [printable(it) for it in lines]
        self.abilities = [printable(it) for it in abilities]
        risks = node.risks if node is not None else []
        self.warnings = [warning(it) for it in risks]
        self.details = [printable(it.message) for it in risks]
        self.detours: list[str] = []


class Line:
    """Edges between two boxes as one line, which leads to the right but for detours.

    `label`: a few words or none; `details`: sentences; `is_plain`: use of a credential spec, or what belongs together.
    """

    __slots__ = ("details", "is_new", "is_plain", "is_red", "label", "left", "right")

    def __init__(
        self,
        left: Box,
        right: Box,
        edges: list[Edge],
        came: Container[EdgeKey],
        words: str = "",
        *,
        is_red: bool = False,
    ) -> None:
        """`words`: what to say in place of the kinds of the edges."""
        self.left = left
        self.right = right
        self.is_new = any(it.key in came for it in edges)
        risks = [risk for it in edges for risk in it.risks]
        self.is_red = is_red or bool(risks)
        self.is_plain = all(it.kind in (USE, LOG_ON, ADDITIONAL_ACCOUNT, FETCH_PASSWORD) for it in edges) and not words
        verbs = [WORDS[it.kind] for it in edges if it.kind not in (USE, LOG_ON, FETCH_PASSWORD)]
        texts = ["NEW"] if self.is_new else []
        self.label = "; ".join(dict.fromkeys([*texts, *([words] if words else verbs), *map(warning, risks)]))
        self.details = list(dict.fromkeys(printable(text) for it in edges for text in _details(it)))


def _details(edge: Edge) -> Iterator[str]:
    yield f"{edge.source.label} {WORDS[edge.kind]} {edge.target.label}"
    yield from how(edge)
    yield from (it.message for it in edge.risks)


class Picture:
    """`boxes` are sorted by column and name, `lines` as edges are; `detours`: lines within the first column.

    Edges of one pair of nodes are one line. `left_out`: powers that every cluster has; `reaching`: from who runs
    code in pods of others to what these pods reach, for formats without lines within a column.
    """

    __slots__ = ("boxes", "detours", "left_out", "lines", "reaching")

    def __init__(self, graph: Graph, changes: Changes | None = None) -> None:
        came = {it.key for it in changes.came} if changes is not None else set()
        mighty = may_everything(graph)
        everything = {"", *(it.id for it in mighty)}
        ways = graph.sorted_edges(*POWERS, *DETOURS)
        own = [it for it in ways if not it.is_built_in]
        self.left_out = len(ways) - len(own)
        own = [it for it in own if it.source.id not in everything or _is_of_all(it)]
        shown = [*graph.sorted_edges(*ACCESS), *own, *graph.sorted_edges(LOG_ON, ADDITIONAL_ACCOUNT, FETCH_PASSWORD)]
        folded = _Folded(mighty)
        reach = Reach(graph)
        boxes = _boxes(graph, shown, folded, {CredentialSpec(ALL).id} if any(map(reach.why, own)) else set())
        self.boxes = [*([folded.box] if folded.ids else []), *boxes.values()]
        self.lines: list[Line] = []
        self.detours: list[Line] = []
        self.reaching: list[Line] = []
        together: dict[tuple[str, str, str], list[Edge]] = {}
        for it in shown:
            source = "" if folded.has(it) else it.source.id
            together.setdefault((source, it.target.id, it.kind if it.kind in DETOURS else ""), []).append(it)
        for (source, target, detour), edges in together.items():
            start, end = boxes[source] if source else folded.box, boxes[target]
            if detour:
                self.detours.append(Line(start, end, edges, came))
                start.detours.append(printable(f"{WORDS[detour]} {end.title}"))
                why = next(filter(None, map(reach.why, edges)), "")
                if why:
                    words = printable(f"reaches it by pods of {end.title}, {why}")
                    self.reaching.append(Line(start, boxes[CredentialSpec(ALL).id], edges, came, words, is_red=True))
            else:
                words = _EVERYTHING if source in everything and _is_of_all(edges[0]) else ""
                left, right = (start, end) if edges[0].kind != FETCH_PASSWORD else (end, start)
                self.lines.append(Line(left, right, edges, came, words))


class _Folded:
    """Those who may do everything as one box, unless there is only one, or a workload of it is shown."""

    def __init__(self, mighty: list[Node]) -> None:
        alone = [it for it in mighty if not (isinstance(it, ServiceAccount) and it.workloads)]
        self.ids = {it.id for it in alone} if len(alone) > 1 else set()
        names = [f"{it.kind} {it.label}" for it in alone]
        more = [f"and {len(names) - _MAX:,} more"] if len(names) > _MAX else []
        self.box = Box(WHO, None, [*names[:_MAX], *more], title=f"{len(names):,} who may do everything")

    def has(self, edge: Edge) -> bool:
        return edge.source.id in self.ids and _is_of_all(edge)


def _boxes(graph: Graph, shown: list[Edge], folded: _Folded, reached: set[str]) -> dict[str, Box]:
    """`reached`: ids of nodes to which lines lead that are no edges."""
    ends = reached | {it.target.id for it in shown} | {it.source.id for it in shown if not folded.has(it)}
    members = _members(graph, ends)
    apart = {it.id for them in members.values() for it in them} | folded.ids
    return {
        it.id: _box(graph, it, members.get(it.id, []))
        for it in graph.sorted_nodes()
        if it.id in ends or (it.id not in apart and _is_shown(it))
    }


def _members(graph: Graph, ends: set[str]) -> dict[str, list[ServiceAccount]]:
    """The service accounts that have no line of their own, by the ids of the groups by which they have access."""
    found: dict[str, list[ServiceAccount]] = {}
    for it in graph.of_kind(ServiceAccount):
        if it.id not in ends and not any(workload.is_refused for workload in it.workloads):
            groups = [edge.target for edge in graph.outgoing(it, MEMBER) if graph.outgoing(edge.target, *ACCESS)]
            for group in groups[:1]:
                found.setdefault(group.id, []).append(it)
    return found


def _is_of_all(edge: Edge) -> bool:
    """Whether an edge only says what someone may do to every credential spec."""
    return edge.target.name == ALL and edge.kind in (*ACCESS, *POWERS)


def warning(risk: Risk) -> str:
    """A risk in a few words, which must not depend on colour: how bad it is, and the rule as `explain` takes it."""
    return f"{risk.severity.upper()}: {risk.rule}"


def how(edge: Edge) -> Iterator[str]:
    """How an edge is made: reasons, then bindings."""
    yield from in_short(sorted(edge.reasons))
    yield from by(edge)


def by(edge: Edge) -> Iterator[str]:
    """The bindings that make an edge."""
    for it in sorted(edge.bindings, key=lambda binding: binding.key):
        yield f"by {it.label}, which binds {it.role_kind} {it.role} to {it.subject}"


def state(account: Account) -> str:
    """What Active Directory knows of an account."""
    return f"Active Directory: {account.state_words}"


def delegation(account: Account) -> str:
    """What an account may do as its users."""
    kind = account.delegation
    if kind == "Unknown":
        return "delegation: unknown"
    if kind == "None":
        return "delegation: none"
    if kind == "Unconstrained":
        return "delegation: as its users, to ANY SERVICE"
    whom = "as ANY USER" if kind == "ProtocolTransition" else "as its users"
    return f"delegation: {whom}, to {some(account.delegates_to)}"


def password(graph: Graph, account: Account) -> str:
    """How many may fetch the password of an account."""
    fetchers = Fetchers(graph, account)
    if fetchers.is_nobody:
        return "password: nobody"
    if account.everyone:
        others = [counted(len(names), noun) for noun, names in fetchers.others.items()]
        return f"password: {', '.join([account.everyone.upper(), *others])}"
    if fetchers.computers or account.fetched_as:
        return f"password: {', '.join(fetchers.counts) or 'by a plug-in'}"
    unknown = "hosts unknown" if fetchers.computers is None else "NO HOST"
    return f"password: {', '.join((unknown, *fetchers.counts))}"


def wrapped(text: str, width: int) -> Iterator[str]:
    """The lines of a text, of `width` columns of a terminal at most, broken after a separator where there is one."""
    if len(text) <= width and text.isascii():
        if text:
            yield text
        return
    line, used, last_break = "", 0, 0
    for character in text:
        columns = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + columns > width:
            # A short first part would leave most of a line empty.
            end = last_break if last_break > width // 3 else len(line)
            yield line[:end].rstrip(" ")
            line = line[end:]
            used, last_break = columns_of(line), 0
        line += character
        used += columns
        if character in _BREAKS:
            last_break = len(line)
    if line:
        yield line


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(it) in "WF" else 1 for it in text)


def _is_shown(node: Node) -> bool:
    """Whether it is of interest without a line."""
    if isinstance(node, CredentialSpec):
        return node.name != ALL
    return isinstance(node, (Account, Principal, ServiceAccount))


def _box(graph: Graph, node: Node, members: list[ServiceAccount]) -> Box:
    if isinstance(node, CredentialSpec):
        return Box(CREDSPEC, node, _about_credspec(node))
    if isinstance(node, Account):
        return Box(ACCOUNT, node, (state(node), password(graph, node)), _abilities(node))
    if isinstance(node, Principal):
        return Box(READER, node, (node.principal_kind,))
    if isinstance(node, ServiceAccount):
        return _service_account(node)
    if isinstance(node, ServiceAccounts):
        return Box(
            WHO,
            node,
            _listed(
                [
                    f"{it.label} as {own.name if node.namespace else own.label}{_own_contents(it)}"
                    for own in members
                    for it in own.workloads
                ]
            ),
        )
    return Box(WHO, node, (node.kind,))


def _service_account(node: ServiceAccount) -> Box:
    """With its workloads, those that are refused first."""
    workloads = sorted(node.workloads, key=lambda it: not it.is_refused)
    box = Box(WHO, node, _listed([f"{it.label}{_own_contents(it)}" for it in workloads]))
    refused = sum(it.is_refused for it in workloads)
    if refused:
        box.warnings.append(f"REFUSED: {'its workload' if len(workloads) == 1 else f'{refused:,} of its workloads'}")
        box.details += [printable(f"{it.label}: {risk.message}") for it in workloads for risk in it.risks]
    return box


def _own_contents(workload: Workload) -> str:
    if workload.brings:
        return f" with own contents, of {some(it.label for it in workload.brings)}"
    return " with own contents" if workload.has_contents else ""


def _listed(workloads: list[str]) -> Iterator[str]:
    yield from workloads[:_MAX]
    if len(workloads) > _MAX:
        yield f"and {len(workloads) - _MAX:,} more workloads"


def _about_credspec(node: CredentialSpec) -> Iterator[str]:
    if node.name == ALL:
        yield "and so every account whose password the nodes can fetch"
    elif not node.is_known:
        yield "not among the objects"


def _abilities(node: Account) -> Iterator[str]:
    names = node.service_principal_names
    if node.directory is not None:
        yield from (f"serves {it}" for it in names[:_MAX])
        if len(names) > _MAX:
            yield f"and {len(names) - _MAX:,} more services"
        if not names:
            yield "serves no SPN"
    yield delegation(node)
