"""Suggestions for a mistyped word."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str], *, listed: bool = True) -> str:
    """A hint in parentheses: the known word that was probably meant, or all known words if they are few.

    It starts with a space, to be appended to what is wrong; empty if there is nothing to suggest. `listed`: whether to
    name the known words if none is close.
    """
    from difflib import get_close_matches  # only where there is a mistake to explain

    known = list(known)
    by_lower_case = {name.lower(): name for name in known}
    # Comparing many mistakes with many words would take minutes; then only a different case is recognized.
    candidates = by_lower_case if len(by_lower_case) <= 200 else {word.lower()} & set(by_lower_case)
    close = get_close_matches(word[:60].lower(), candidates, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {by_lower_case[close[0]]}?)"
    return f" (known: {', '.join(sorted(known))})" if listed and 0 < len(known) <= 12 else ""
