"""The graph as boxes and lines, for formats that draw, and what they say in words.

From left to right: who, credential specs, accounts with what they may do, and who may fetch their passwords. Texts are
on one line each and have no character that is not printable; a format wraps and escapes them.
"""

from __future__ import annotations

import unicodedata

from gmsa_krm.findings import printable
from gmsa_krm.report.model import (
    ACCESS,
    ADDITIONAL_ACCOUNT,
    ALL,
    EXISTS,
    FETCH_PASSWORD,
    LOG_ON,
    MISSING,
    POWERS,
    USE,
    Account,
    CredentialSpec,
    Principal,
    ServiceAccount,
)
from gmsa_krm.report.since import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.report.model import Edge, Graph, Node, Risk
    from gmsa_krm.report.since import Changes

WHO, CREDSPEC, ACCOUNT, READER = range(4)
_MAX = 4
# After these a name may go on in the next line.
_BREAKS = " /.-\\@,:_"
_STATES = {EXISTS: "exists in Active Directory", MISSING: "MISSING in Active Directory"}


class Box:
    """A node as it is drawn.

    `title`: what it is called; `lines`: what else is known; `abilities`: what an account may do; `warnings`: what is
    wrong, in words; `details`: the same as sentences.
    """

    __slots__ = ("abilities", "column", "details", "lines", "node", "title", "warnings")

    def __init__(self, column: int, node: Node, lines: Iterable[str], abilities: Iterable[str] = ()) -> None:
        self.column = column
        self.node = node
        self.title = printable(node.label)
        self.lines = [printable(it) for it in lines]
        self.abilities = [printable(it) for it in abilities]
        self.warnings = [warning(it) for it in node.risks]
        self.details = [printable(it.message) for it in node.risks]


class Line:
    """An edge as it is drawn, from a box to one further right. `label`: a few words or none; `details`: sentences."""

    __slots__ = ("details", "is_new", "is_red", "kind", "label", "left", "right")

    def __init__(self, edge: Edge, left: Box, right: Box, *, is_new: bool) -> None:
        self.kind = edge.kind
        self.left = left
        self.right = right
        self.is_new = is_new
        self.is_red = bool(edge.risks)
        words = [] if edge.kind in (USE, LOG_ON, FETCH_PASSWORD) else [WORDS[edge.kind]]
        if is_new:
            words.insert(0, "NEW")
        self.label = "; ".join([*words, *(warning(it) for it in edge.risks)])
        verb = f"{edge.source.label} {WORDS[edge.kind]} {edge.target.label}"
        self.details = [printable(it) for it in (verb, *how(edge), *(it.message for it in edge.risks))]


class Picture:
    """`boxes` are sorted by column and name, `lines` as edges are. `left_out`: powers that every cluster has."""

    __slots__ = ("boxes", "left_out", "lines")

    def __init__(self, graph: Graph, changes: Changes | None = None) -> None:
        came = {it.key for it in changes.came} if changes is not None else set()
        powers = graph.sorted_edges(*POWERS)
        own = [it for it in powers if not it.is_built_in]
        self.left_out = len(powers) - len(own)
        shown = [*graph.sorted_edges(*ACCESS), *own]
        with_edges = {it.source.id for it in shown} | {it.target.id for it in shown}
        boxes = {it.id: _box(graph, it) for it in graph.sorted_nodes() if _is_shown(it, with_edges)}
        self.boxes = list(boxes.values())
        self.lines = [Line(it, boxes[it.source.id], boxes[it.target.id], is_new=it.key in came) for it in shown]
        for it in graph.sorted_edges(LOG_ON, ADDITIONAL_ACCOUNT):
            self.lines.append(Line(it, boxes[it.source.id], boxes[it.target.id], is_new=it.key in came))
        for it in graph.sorted_edges(FETCH_PASSWORD):
            self.lines.append(Line(it, boxes[it.target.id], boxes[it.source.id], is_new=it.key in came))


def warning(risk: Risk) -> str:
    """A risk in a few words, which must not depend on colour."""
    return f"{risk.severity.upper()}: {risk.rule.replace('-', ' ')}"


def how(edge: Edge) -> Iterator[str]:
    """How an edge is made: reasons, then bindings."""
    yield from sorted(edge.reasons)
    for it in sorted(edge.bindings, key=lambda binding: binding.key):
        yield f"by {it.label}, which binds {it.role_kind} {it.role} to {it.subject}"


def state(account: Account) -> str:
    """What Active Directory knows of an account."""
    if account.directory is not None and not account.directory.enabled:
        return "DISABLED in Active Directory"
    return _STATES.get(account.state, "not checked in Active Directory")


def delegation(account: Account) -> str:
    """What an account may do as its users."""
    kind = account.delegation
    if kind == "Unknown":
        return "delegation: not known"
    if kind == "None":
        return "delegation: none"
    if kind == "Unconstrained":
        return "delegation: as its users, to ANY SERVICE"
    whom = "as ANY USER" if kind == "ProtocolTransition" else "as its users"
    return f"delegation: {whom}, to {some(account.delegates_to)}"


def hosts(account: Account) -> str:
    """How many computers may fetch the password of an account."""
    if account.hosts is None:
        return "password: hosts not known"
    if ALL in account.hosts:
        return "password: EVERY COMPUTER of the domain"
    number = len(account.hosts)
    return f"password: {number:,} host{'' if number == 1 else 's'}" if number else "password: NO HOST"


def some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MAX:,} more" if len(listed) > _MAX else ""
    return ", ".join(listed[:_MAX]) + more


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
            used, last_break = _columns(line), 0
        line += character
        used += columns
        if character in _BREAKS:
            last_break = len(line)
    if line:
        yield line


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(it) in "WF" else 1 for it in text)


def _is_shown(node: Node, with_edges: set[str]) -> bool:
    """Whether it has an edge that is drawn, or is of interest without one."""
    if isinstance(node, CredentialSpec):
        return node.name != ALL or node.id in with_edges
    return node.id in with_edges or isinstance(node, (Account, Principal, ServiceAccount))


def _box(graph: Graph, node: Node) -> Box:
    if isinstance(node, CredentialSpec):
        return Box(CREDSPEC, node, _about_credspec(node))
    if isinstance(node, Account):
        return Box(ACCOUNT, node, (state(node), hosts(node)), _abilities(node))
    if isinstance(node, Principal):
        return Box(READER, node, (node.principal_kind,))
    if isinstance(node, ServiceAccount):
        shown = (it.label for it in node.workloads[:_MAX])
        more = len(node.workloads) - _MAX
        return Box(WHO, node, (*shown, *((f"and {more:,} more workloads",) if more > 0 else ())))
    return Box(WHO, node, (node.kind,) if node.kind in ("User", "Group") else ())


def _about_credspec(node: CredentialSpec) -> Iterator[str]:
    if node.name == ALL:
        yield "and so any account that the nodes can fetch the password of"
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
