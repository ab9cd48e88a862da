"""Changes to a YAML text at places that its nodes tell, everything else untouched."""

from __future__ import annotations

from gmsa_krm.yaml import write
from gmsa_krm.yaml.read import SEQUENCE, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

# Start and end offset, and what goes there instead.
Edit = tuple[int, int, str]


class UnusualForm(Exception):
    """The list stands in a form that no program writes and that is not changed here; `node` is the place."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the edits, which must not overlap; those at one place in the order given."""
    out: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        assert start >= at, "edits overlap"
        out += (text[at:start], new)
        at = end
    out.append(text[at:])
    return "".join(out)


def with_list(text: str, root: Node, key: str, instead: dict[int, Any], more: Sequence[Any]) -> list[Edit]:
    """The edits that change the list under `key` of the mapping `root`, which may be absent.

    `instead` maps indexes of entries to the data that replaces them, or to None to take them out; `more` are
    appended. No edit reaches into an entry that is kept.
    """
    if not more and not instead:
        return []
    names = {name.text: (name, value) for name, value in root.pairs}
    name, node = names.get(key, (root, None))
    for it in (root, name, node):
        if it is not None and (it.anchor is not None or it.tag is not None or it.alias):
            raise UnusualForm(f"{key} stands behind an anchor, an alias or a tag; write it without", it)
    if node is not None and ":" not in text[name.end : max(node.start, name.end + 1)]:
        raise UnusualForm(f"{key} is a key in the form of `? {key}`; write `{key}:`", name)
    if node is None:
        return [_new_entry(text, root, key, more)]
    if node.kind != SEQUENCE or not node.items:
        return [_value(text, root, node, more)]
    gone = [index for index in range(len(node.items)) if instead.get(index, node) is None]
    if node.flow or root.flow:
        return _flow_list(node, instead, gone, more)
    return _block_list(text, node, instead, gone, more)


def _flow_list(node: Node, instead: dict[int, Any], gone: list[int], more: Sequence[Any]) -> list[Edit]:
    if len(gone) == len(node.items):
        return [(node.start, node.end, write.json_of(list(more)))]
    edits: list[Edit] = []
    kept = [index for index in range(len(node.items)) if index not in gone]
    for index, data in instead.items():
        item = node.items[index]
        if data is not None:
            edits.append((item.start, item.end, write.json_of(data)))
        elif index < kept[0]:  # with the comma behind it
            edits.append((item.start, node.items[index + 1].start, ""))
        else:  # with the comma before it
            edits.append((node.items[index - 1].end, item.end, ""))
    if more:
        end = node.items[-1].end
        edits.append((end, end, "".join(", " + write.json_of(entry) for entry in more)))
    return edits


def _block_list(text: str, node: Node, instead: dict[int, Any], gone: list[int], more: Sequence[Any]) -> list[Edit]:
    starts = _dashes(text, node)
    end = line_end(text, node.end)
    indent = " " * node.column
    if len(gone) == len(node.items) and not more:
        colon = text.rindex(":", 0, starts[0])
        return [(colon + 1, end, " []" + newline(text))]
    stops = [*starts[1:], end]
    edits: list[Edit] = [
        (starts[index], stops[index], "" if data is None else _entries([data], indent, text))
        for index, data in instead.items()
    ]
    if more:
        missing = "" if text[end - 1] == "\n" or len(node.items) - 1 in instead else newline(text)
        edits.append((end, end, missing + _entries(more, indent, text)))
    return edits


def _dashes(text: str, node: Node) -> list[int]:
    """Where the line of each entry's `-` starts (for the first, the dash need not stand first in its line)."""
    starts = []
    for item in node.items:
        line = text.rfind("\n", 0, item.start) + 1
        # The contents may start on a later line than the dash, with comments between.
        while not (
            len(text) > line + node.column
            and text[line + node.column] == "-"
            and not text[line : line + node.column].strip()
        ):
            if line == 0:
                break
            line = text.rfind("\n", 0, line - 1) + 1
        starts.append(line)
    return starts


def _new_entry(text: str, root: Node, key: str, more: Sequence[Any]) -> Edit:
    if root.flow:
        comma = ", " if root.pairs and not text[: root.end - 1].rstrip().endswith(",") else ""
        return root.end - 1, root.end - 1, f'{comma}"{key}": {write.json_of(list(more))}'
    end = line_end(text, root.end)
    start = "" if end == 0 or text[end - 1] == "\n" else newline(text)
    indent = " " * root.column
    return end, end, f"{start}{indent}{key}:{newline(text)}{_entries(more, indent, text)}"


def _value(text: str, root: Node, node: Node, more: Sequence[Any]) -> Edit:
    """The edit that puts a list in place of an empty or null value."""
    if root.flow:
        return node.start, node.end, write.json_of(list(more))
    end = line_end(text, node.end)
    start = text.rfind(":", 0, node.start) + 1 if node.start < node.end else node.start
    return start, end, newline(text) + _entries(more, " " * root.column, text)


def _entries(items: Sequence[Any], indent: str, text: str) -> str:
    if not items:
        return ""
    lines = write.block(list(items), indent)
    return lines if newline(text) == "\n" else lines.replace("\n", "\r\n")


def line_end(text: str, offset: int) -> int:
    """The offset after the line break that ends the line of `offset`, or `offset` if it starts a line."""
    if offset == 0 or text[offset - 1] == "\n":
        return offset
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def newline(text: str) -> str:
    """The line break that the text uses."""
    return "\r\n" if "\r\n" in text[:10_000] else "\n"
