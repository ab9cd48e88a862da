"""Tables for a terminal. A row with `!` has something wrong, and the list at the end says what."""

from __future__ import annotations

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

# A longer cell moves the rest of its own row only.
_MAX_WIDTH = 48


def render(graph: Graph, changes: Changes | None) -> str:
    return "".join(f"{line}\n" for line in _lines(graph, changes))


def _lines(graph: Graph, changes: Changes | None) -> Iterator[str]:
    access = rows.access_rows(graph)
    powers, built_in = rows.power_rows(graph)
    accounts = rows.account_rows(graph)
    risks = rows.risks(graph)
    checks = ", ".join(map(printable, graph.checks))
    but = printable(exceptions(graph))
    yield (
        f"Pods are checked by {checks}{but and f', {but}'}."
        if checks
        else "Nothing that checks pods is among the objects."
    )
    yield from _section("Who may use which account", rows.ACCESS_COLUMNS, access, "nobody")
    refused = rows.refused_rows(graph)
    if refused:
        yield from _section("Workloads that are refused", rows.REFUSED_COLUMNS, refused, "none")
    yield from _section("Ways around the check", rows.POWER_COLUMNS, powers, "none")
    if built_in:
        yield f"  and {built_in:,} more of Kubernetes itself, as in every cluster"
    yield from _section("Accounts", rows.ACCOUNT_COLUMNS, accounts, "none")
    without = rows.without_effect_rows(graph)
    if without:
        yield from _section(rows.WITHOUT_EFFECT, rows.WITHOUT_EFFECT_COLUMNS, without, "none")
    if graph.notes:
        yield ""
        yield "Unknown:"
        yield from (f"  {printable(it)}" for it in graph.notes)
    if risks:
        yield ""
        yield f"{counted(len(risks), 'reason')} to look at (!):"
        yield from (f"  {printable(it)}" for it in risks)
    if changes is not None:
        yield ""
        yield f"Since then: {len(changes.came):,} came, {len(changes.went):,} went"
        yield from (f"  + {printable(str(it))}" for it in changes.came)
        yield from (f"  - {printable(str(it))}" for it in changes.went)


def _section(title: str, columns: Sequence[str], listed: list[Row], empty: str) -> Iterator[str]:
    yield ""
    if not listed:
        yield f"{title}: {empty}"
        return
    yield f"{title}:"
    cells = [tuple(columns), *(tuple(map(printable, it.cells)) for it in listed)]
    widths = [min(max(map(len, column)), _MAX_WIDTH) for column in zip(*cells, strict=True)]
    marks = [" ", *("!" if it.is_red else " " for it in listed)]
    for mark, row in zip(marks, cells, strict=True):
        padded = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"{mark} {padded}".rstrip()
