"""Suggestions for a mistyped word."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gmsa_krm.findings import Report

_MANY = 200
# The last large collection and its names by lower case: a mistake that occurs often asks for the same one.
_last: tuple[Collection[str], int, dict[str, str]] = (), 0, {}


def suggestion_for(report: Report, word: str, known: Iterable[str], *, listed: bool = True) -> str:
    """As `suggestion`; none once the report is so long that nobody reads on, since each takes a fraction of a ms."""
    return suggestion(word, known, listed=listed) if len(report.findings) < 1000 else ""


def suggestion(word: str, known: Iterable[str], *, listed: bool = True, many: int = _MANY) -> str:
    """A hint in parentheses: the known word that was probably meant, or all known words if they are few.

    It starts with a space, to be appended to what is wrong; empty if there is nothing to suggest. `listed`: whether to
    name the known words if none is close; `many`: with how many words one is compared.
    """
    from difflib import get_close_matches  # only where there is a mistake to explain

    names = known if isinstance(known, (dict, set, frozenset, list, tuple)) else list(known)
    if len(names) > many:
        # Comparing with many for each of many mistakes would take minutes; then only the case is forgiven.
        meant = _by_lower_case(names).get(word.lower())
        return f" (did you mean {meant}?)" if meant is not None else ""
    by_lower_case = {name.lower(): name for name in names}
    close = get_close_matches(word[:60].lower(), by_lower_case, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {by_lower_case[close[0]]}?)"
    shown = sorted(filter(None, names))
    return f" (known: {', '.join(shown)})" if listed and 0 < len(shown) <= 12 else ""


def _by_lower_case(names: Collection[str]) -> dict[str, str]:
    global _last
    if _last[0] is not names or _last[1] != len(names):
        _last = names, len(names), {name.lower(): name for name in names}
    return _last[2]
