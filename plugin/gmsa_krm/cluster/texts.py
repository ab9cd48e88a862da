"""Parts of messages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


# The cure of what differs from a config.
RENDER = "apply what gmsa-krm render prints"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(texts: Iterable[object], most: int = 5, separator: str = ", ") -> str:
    """The first of the texts, and how many there are more."""
    listed = [str(it) for it in texts]
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return f"{separator.join(listed[:most])}{more}"
