"""Changes to a YAML text at places that its nodes tell, everything else untouched."""

from __future__ import annotations

import re

from gmsa_krm.yaml import write
from gmsa_krm.yaml.read import SEQUENCE, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

# Start and end offset, and what goes there instead.
Edit = tuple[int, int, str]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the edits, which must not overlap."""
    out: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        out += (text[at:start], new)
        at = end
    out.append(text[at:])
    return "".join(out)


def with_list(text: str, root: Node, key: str, instead: dict[int, Any], more: Sequence[Any]) -> Edit | None:
    """The edit that changes the list under `key` of the mapping `root`, which may be absent.

    `instead` maps indexes of entries to the data that replaces them, or to None to take them out; `more` are
    appended. Kept entries stay as they are, to the byte. None if nothing changes.
    """
    node = root.get(key)
    if not more and not instead:
        return None
    if node is None:
        return _new_entry(text, root, key, more)
    if node.kind != SEQUENCE or not node.items:
        return _value(text, root, node, more)
    if node.flow or root.flow:
        entries = [
            _json(instead[index]) if index in instead else text[item.start : item.end]
            for index, item in enumerate(node.items)
            if instead.get(index, item) is not None
        ]
        return node.start, node.end, "[" + ", ".join([*entries, *map(_json, more)]) + "]"
    return _block_list(text, root, node, instead, more)


def _block_list(text: str, root: Node, node: Node, instead: dict[int, Any], more: Sequence[Any]) -> Edit:
    starts = _dashes(text, node)
    end = _line_end(text, node.end)
    indent = " " * node.column
    parts = []
    for index, (start, stop) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        if index not in instead:
            parts.append(text[start:stop])
        elif instead[index] is not None:
            parts.append(_entries([instead[index]], indent, text))
    kept = "".join(parts)
    if not kept and not more:
        colon = text.rindex(":", 0, starts[0])
        return colon + 1, end, " []" + _newline(text)
    if kept and not kept.endswith("\n"):
        kept += _newline(text)
    return starts[0], end, kept + _entries(more, indent, text)


def _dashes(text: str, node: Node) -> list[int]:
    """Where the line of each entry's `-` starts (for the first, the dash need not stand first in its line)."""
    starts = []
    for item in node.items:
        line = text.rfind("\n", 0, item.start) + 1
        # The contents may start on a later line than the dash, with comments between.
        while not (len(text) > line + node.column and text[line + node.column] == "-" and not text[line : line + node.column].strip()):
            if line == 0:
                break
            line = text.rfind("\n", 0, line - 1) + 1
        starts.append(line)
    return starts


def _new_entry(text: str, root: Node, key: str, more: Sequence[Any]) -> Edit:
    if root.flow:
        comma = ", " if root.pairs else ""
        return root.end - 1, root.end - 1, f'{comma}"{key}": {_json(list(more))}'
    end = _line_end(text, root.end)
    start = "" if end == 0 or text[end - 1] == "\n" else _newline(text)
    indent = " " * root.column
    return end, end, f"{start}{indent}{key}:{_newline(text)}{_entries(more, indent, text)}"


def _value(text: str, root: Node, node: Node, more: Sequence[Any]) -> Edit:
    """The edit that puts a list in place of an empty or null value."""
    if root.flow:
        return node.start, node.end, _json(list(more))
    end = _line_end(text, node.end)
    start = text.rfind(":", 0, node.start) + 1 if node.start < node.end else node.start
    return start, end, _newline(text) + _entries(more, " " * root.column, text)


def _entries(items: Sequence[Any], indent: str, text: str) -> str:
    if not items:
        return ""
    lines = write.block(list(items), indent)
    return lines if _newline(text) == "\n" else lines.replace("\n", "\r\n")


def _line_end(text: str, offset: int) -> int:
    """The offset after the line break that ends the line of `offset`, or `offset` if it starts a line."""
    if offset == 0 or text[offset - 1] == "\n":
        return offset
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text[:10_000] else "\n"


def _json(data: Any) -> str:
    """JSON that is YAML too: what YAML refuses or takes for a line break is escaped, nothing else."""
    from json import dumps

    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", dumps(data, ensure_ascii=False))
