"""Markdown for a pull request, as GitHub and GitLab render it."""

from __future__ import annotations

import re

from gmsa_krm.findings import printable
from gmsa_krm.report import rows
from gmsa_krm.report.reach import exceptions
from gmsa_krm.report.texts import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.rows import Row
    from gmsa_krm.report.since import Changes

# A comment on GitHub has 65,536 characters at most.
_MAX_ROWS = 200


def render(graph: Graph, changes: Changes | None) -> str:
    return "\n".join(_lines(graph, changes)) + "\n"


def _lines(graph: Graph, changes: Changes | None) -> Iterator[str]:
    access = rows.access_rows(graph)
    powers, built_in = rows.power_rows(graph)
    risks = rows.risks(graph)
    yield "### Who may become which Active Directory account"
    yield ""
    if changes is not None:
        yield from _changes(changes)
    checks = ", ".join(map(_code, graph.checks))
    but = _text(exceptions(graph))
    yield (
        f"Pods are checked by {checks}{but and f', **{but}**'}."
        if checks
        else "**Nothing that checks pods is among the objects.**"
    )
    yield ""
    if risks:
        yield from _list(f"{counted(len(risks), 'reason')} to look at", [_text(it) for it in risks])
    yield from _table("Who may use which account", rows.ACCESS_COLUMNS, access)
    yield from _table("Workloads that are refused", rows.REFUSED_COLUMNS, rows.refused_rows(graph))
    yield from _table("Ways around the check", rows.POWER_COLUMNS, powers)
    if built_in:
        yield f"And {built_in:,} of Kubernetes itself, as in every cluster."
        yield ""
    yield from _table("Accounts", rows.ACCOUNT_COLUMNS, rows.account_rows(graph))
    yield from _table(
        rows.WITHOUT_EFFECT,
        rows.WITHOUT_EFFECT_COLUMNS,
        rows.without_effect_rows(graph),
    )
    if graph.notes:
        yield from _list("Unknown", [_text(it) for it in graph.notes])


def _changes(changes: Changes) -> Iterator[str]:
    if not changes.came and not changes.went:
        yield "No access came or went."
        yield ""
    for title, facts in (("Access that is new", changes.came), ("Access that is gone", changes.went)):
        if facts:
            yield f"**{title} ({len(facts):,}):**"
            yield ""
            yield from (f"- {_text(str(it))}" for it in facts[:_MAX_ROWS])
            yield from _rest(len(facts), "- ")
            yield ""


def _list(title: str, items: list[str]) -> Iterator[str]:
    yield f"**{title}:**"
    yield ""
    yield from (f"- {it}" for it in items[:_MAX_ROWS])
    yield from _rest(len(items), "- ")
    yield ""


def _table(title: str, columns: Sequence[str], listed: list[Row]) -> Iterator[str]:
    if not listed:
        return
    yield f"<details{' open' if len(listed) <= 20 else ''}><summary>{title} ({len(listed):,})</summary>"
    yield ""
    yield f"| | {' | '.join(it.capitalize() for it in columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for it in listed[:_MAX_ROWS]:
        yield f"| {'red' if it.is_red else ''} | {' | '.join(map(_code, it.cells))} |"
    yield ""
    yield from _rest(len(listed), "")
    yield "</details>"
    yield ""


def _rest(number: int, start: str) -> Iterator[str]:
    if number > _MAX_ROWS:
        yield f"{start}and {number - _MAX_ROWS:,} more"


def _code(text: str) -> str:
    """A text in a code span, in which only backticks and, in a table, pipes have a meaning."""
    text = printable(text).replace("|", "\\|").strip()
    if not text:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _text(text: str) -> str:
    """A text as text: no character of it means anything in Markdown or HTML, and it mentions nobody."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~:])", r"\\\1", escaped).replace("@", "&#64;")
