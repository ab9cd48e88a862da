"""Label selectors in the syntax of kubectl (apimachinery, pkg/labels/selector.go)."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Requirement = Callable[[Mapping[str, str]], bool]

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_KEY})
        | (?P<key>{_KEY})(?:
            \s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE})
            | \s*(?P<compare>[<>])\s*(?P<number>-?[0-9]+)
            | \s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
          )?
    )\s*(?:,|\Z)""",
    re.VERBOSE,
)


class SelectorError(ValueError):
    """The text is not a label selector; the message is the invalid part."""


def parse_selector(text: str) -> list[Requirement]:
    """The requirements of a selector; labels must meet all of them. Raises SelectorError."""
    requirements: list[Requirement] = []
    at = 0
    while at < len(text):
        match = _REQUIREMENT.match(text, at)
        if match is None or (match.end() == len(text) and text.rstrip().endswith(",")):
            raise SelectorError(text[at:].strip()[:60] if match is None else "the comma at the end")
        requirements.append(_requirement(match))
        at = match.end()
    return requirements


def _requirement(match: re.Match[str]) -> Requirement:
    absent, key = match["absent"], match["key"]
    if absent is not None:
        return lambda labels: absent not in labels
    if match["operator"] is not None:
        value = match["value"]
        if match["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match["compare"] is not None:
        if len(match["number"]) > 20 or not -(1 << 63) <= int(match["number"]) < 1 << 63:
            raise SelectorError(match["number"][:60])
        limit, greater = int(match["number"]), match["compare"] == ">"
        return lambda labels: _compares(labels.get(key), limit, greater)
    if match["set"] is not None:
        values = {value.strip() for value in match["values"].split(",")}
        for value in values:
            if not re.fullmatch(_VALUE, value):
                raise SelectorError(value[:60])
        if match["set"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    return lambda labels: key in labels


def _compares(value: str | None, limit: int, greater: bool) -> bool:
    if value is None or not re.fullmatch(r"-?[0-9]{1,18}", value):
        return False
    return int(value) > limit if greater else int(value) < limit


def selects(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    return all(requirement(labels) for requirement in requirements)
