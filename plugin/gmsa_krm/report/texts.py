"""Parts of what a report says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def some(names: Iterable[str], most: int = 4, separator: str = ", ") -> str:
    """The first of the names, and how many there are more."""
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return f"{separator.join(listed[:most])}{more}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_short(reasons: Iterable[str]) -> Iterator[str]:
    """`may create pods`, `may patch pods`, `may create jobs` and `may patch jobs` as one."""
    verbs: dict[str, list[str]] = {}
    for it in reasons:
        may, _, rest = it.partition(" ")
        verb, _, what = rest.partition(" ")
        of = verbs.setdefault(what if may == "may" else it, [])
        if may == "may":
            of.append(verb)
    together: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for what, may_verbs in verbs.items():
        # Resources are one word; more is a part of a sentence that is about one thing.
        is_alone = not may_verbs or " " in what
        together.setdefault((tuple(may_verbs), what if is_alone else ""), []).append(what)
    for (of_all, _), things in together.items():
        yield f"may {', '.join(of_all)} {', '.join(things)}" if of_all else things[0]
