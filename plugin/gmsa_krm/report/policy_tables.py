"""The tables of a policy of mode Policy: which contents it approves for each credential spec.

Read from the policy of a cluster, so that it is what the API server enforces, whatever a config says today.
`manifests/approved_contents.py` writes them.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile("approved[0-9]+")
_LITERAL = r"'((?:[^'\\]|\\.)*)'"
_FIRST = re.compile(rf"\{{\n{_LITERAL}: \[{_LITERAL}")
_NAME = re.compile(rf"\],\n{_LITERAL}: \[{_LITERAL}")
_TEXT = re.compile(rf", {_LITERAL}")
_END = "]\n}"


def approved_by(variables: Mapping[str, str]) -> dict[str, list[str]] | None:
    """The contents by the name of the credential spec. `variables`: the policy's expressions, by name.

    None if the policy has no such tables, so what it approves is unknown.
    """
    approved: dict[str, list[str]] = {}
    tables = [text for name, text in variables.items() if _VARIABLE.fullmatch(name)]
    if not tables or not all(_read(text, approved) for text in tables):
        return None
    return {name: texts for name, texts in approved.items() if name}  # a table of nothing has an empty name


def _read(table: str, approved: dict[str, list[str]]) -> bool:
    """Adds what a table approves; false if it is not a table."""
    found = _FIRST.match(table)
    end = 0
    texts: list[str] = []
    while found is not None:
        end = found.end()
        if len(found.groups()) > 1:
            texts = approved.setdefault(_unescaped(found[1]), [])
        texts.append(_unescaped(found[found.lastindex or 1]))
        found = _TEXT.match(table, end) or _NAME.match(table, end)
    return end > 0 and table[end:] == _END


def _unescaped(literal: str) -> str:
    return re.sub(r"\\(u[0-9a-f]{4}|.)", lambda it: chr(int(it[1][1:], 16)) if len(it[1]) == 5 else it[1], literal)
