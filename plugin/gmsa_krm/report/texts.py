"""Parts of what a report says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def some(names: Iterable[str], most: int = 4, separator: str = ", ") -> str:
    """The first of the names, and how many there are more."""
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return f"{separator.join(listed[:most])}{more}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
