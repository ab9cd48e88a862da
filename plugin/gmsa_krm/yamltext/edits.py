"""Edits of a YAML text that set nested fields and leave all other lines unchanged.

A patch is data that is merged into a mapping: mappings are merged, everything else replaces the existing value.
`ListPatch` changes entries of a list by index, `Replace` replaces a mapping as a whole.
"""

from __future__ import annotations

import re

from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Set
    from typing import Any

# Start and end offset, and what replaces the text between them.
Edit = tuple[int, int, str]

_COLON = re.compile(r"\s*:")
_COMMENT = re.compile(r"[ \t]+#[^\r\n]*")


class UnsupportedForm(Exception):
    """The text has a rare form that cannot be edited; `node` is its position."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class SharedNode(Exception):
    """The patch would change a node that an alias repeats elsewhere."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"&{node.anchor}")
        self.node = node


class ListPatch:
    """A change of a list.

    `change`: patches by index; `replace`: data by index, None to remove the entry; `append`: further entries.
    """

    __slots__ = ("append", "change", "replace")

    def __init__(
        self,
        change: dict[int, dict[str, Any]] | None = None,
        append: list[Any] | None = None,
        replace: dict[int, Any] | None = None,
    ) -> None:
        self.change = change or {}
        self.append = append or []
        self.replace = replace or {}


class Replace:
    """A mapping that replaces the existing value as a whole."""

    __slots__ = ("data",)

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


def edits_for(text: str, root: Node, patch: dict[str, Any], shared: Set[str]) -> list[Edit]:
    """The edits that apply `patch` to the mapping `root` of `text`. Raises SharedNode, UnsupportedForm.

    `text` ends in a line break (`stream.closed`), unless it is all in flow style. `shared`: the anchors that aliases
    of the whole document repeat (`nodes.repeated_anchors`).
    """
    return _Editor(text, shared).mapping(root, patch)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the edits, which must not overlap; edits at the same offset apply in their order."""
    out: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        assert start >= at, "edits overlap"
        out += (text[at:start], new)
        at = end
    out.append(text[at:])
    return "".join(out)


def apply_patch(data: Any, patch: Any) -> Any:
    """Plain `data` with a patch applied."""
    if isinstance(patch, Replace):
        return patch.data
    if isinstance(patch, ListPatch):
        entries = list(data) if isinstance(data, list) else []
        for index, change in patch.change.items():
            entries[index] = apply_patch(entries[index], change)
        for index, entry in patch.replace.items():
            entries[index] = entry
        removed = {index for index, entry in patch.replace.items() if entry is None}
        return [*(entry for index, entry in enumerate(entries) if index not in removed), *patch.append]
    if not isinstance(patch, dict):
        return patch
    if not isinstance(data, dict):
        data = {}
    return {**data, **{key: apply_patch(data.get(key), value) for key, value in patch.items()}}


def merge_patches(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The patch that combines both; where they disagree, `other` wins."""
    merged = dict(one)
    for key, value in other.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[key] = merge_patches(known, value)
        elif isinstance(known, ListPatch) and isinstance(value, ListPatch):
            change = {at: merge_patches(known.change.get(at, {}), it) for at, it in value.change.items()}
            append = [*known.append, *(entry for entry in value.append if entry not in known.append)]
            merged[key] = ListPatch({**known.change, **change}, append, {**known.replace, **value.replace})
        else:
            merged[key] = value
    return merged


class _Editor:
    def __init__(self, text: str, shared: Set[str]) -> None:
        self.text = text
        self.shared = shared
        self.newline = _newline(text)

    def mapping(self, node: Node, patch: dict[str, Any]) -> list[Edit]:
        edits: list[Edit] = []
        existing = {key.text: (key, value) for key, value in node.pairs}
        additions: dict[str, Any] = {}
        for key, wanted in patch.items():
            if key in existing:
                edits += self.value(node, *existing[key], wanted)
                continue
            # A value from a merge key (`<<`) is copied into this mapping with the change, and overrides the merged
            # value.
            merged = node.get(key)
            if merged is not None and apply_patch(data_of(merged), wanted) == data_of(merged):
                continue
            data = apply_patch(self.copied(merged) if merged is not None else None, wanted)
            if data or not isinstance(wanted, ListPatch):
                additions[key] = data
        if additions:
            edits.append(self.insertion(node, additions))
        if edits and node.anchor in self.shared:
            raise SharedNode(node)
        return edits

    def value(self, parent: Node, key: Node, value: Node, wanted: Any) -> list[Edit]:
        if not isinstance(wanted, (dict, ListPatch, Replace)):
            if value.kind == SCALAR and not value.alias and value.text == str(wanted) and _same_type(value, wanted):
                return []
            return [self.replacement(parent, key, value, wanted)]
        if value.alias or isinstance(wanted, Replace):
            data = apply_patch(self.copied(value), wanted)
            return [] if data == self.copied(value) else [self.replacement(parent, key, value, data)]
        if isinstance(wanted, dict):
            if value.kind == MAPPING and (value.pairs or parent.flow):
                return self.mapping(value, wanted)
            return [self.replacement(parent, key, value, apply_patch(None, wanted))] if wanted else []
        if value.kind != SEQUENCE or not value.items:
            return [self.replacement(parent, key, value, wanted.append)] if wanted.append else []
        return self.entries(value, wanted)

    def entries(self, node: Node, patch: ListPatch) -> list[Edit]:
        edits: list[Edit] = []
        for index, change in patch.change.items():
            item = node.items[index]
            if item.alias:
                data = apply_patch(self.copied(item), change)
                edits.append((item.start, item.end, writer.flow(data, self.quotes_keys(node))))
            else:
                edits += self.mapping(item, change)
        edits += self.flow_entries(node, patch) if node.flow else self.block_entries(node, patch)
        if edits and node.anchor in self.shared:
            raise SharedNode(node)
        return edits

    def flow_entries(self, node: Node, patch: ListPatch) -> list[Edit]:
        as_json = self.quotes_keys(node)
        kept = [index for index in range(len(node.items)) if patch.replace.get(index, node) is not None]
        if not kept:
            return [(node.start, node.end, writer.flow(patch.append, as_json))]
        edits: list[Edit] = []
        for index, data in patch.replace.items():
            item = node.items[index]
            if data is not None:
                edits.append((item.start, item.end, writer.flow(data, as_json)))
            elif index < kept[0]:  # with the comma after it
                edits.append((item.start, node.items[index + 1].start, ""))
            else:  # with the comma before it
                edits.append((node.items[index - 1].end, item.end, ""))
        if patch.append:
            end = node.items[-1].end
            edits.append((end, end, "".join(", " + writer.flow(entry, as_json) for entry in patch.append)))
        return edits

    def block_entries(self, node: Node, patch: ListPatch) -> list[Edit]:
        edits: list[Edit] = []
        indent = " " * node.column
        if patch.replace:
            starts = self.entry_starts(node)
            ends = [*starts[1:], _line_end(self.text, node.end)]
            if not patch.append and all(patch.replace.get(index, node) is None for index in range(len(node.items))):
                colon = self.text.rindex(":", 0, starts[0])
                return [(colon + 1, ends[-1], " []" + self.newline)]
            for index, data in patch.replace.items():
                entry = "" if data is None else self.with_newlines(writer.block([data], indent))
                edits.append((starts[index], ends[index], entry))
        if patch.append:
            edits.append(self.lines_after(node.end, writer.block(patch.append, indent)))
        return edits

    def entry_starts(self, node: Node) -> list[int]:
        """Where the line of each entry's `-` starts (for the first, the dash need not be first in its line)."""
        starts = []
        text, column = self.text, node.column
        for item in node.items:
            line = text.rfind("\n", 0, item.start) + 1
            # An entry may start on a later line than its dash, after comments.
            while line and (text[line + column : line + column + 1] != "-" or text[line : line + column].strip()):
                line = text.rfind("\n", 0, line - 1) + 1
            starts.append(line)
        return starts

    def insertion(self, node: Node, additions: dict[str, Any]) -> Edit:
        if not node.flow:
            return self.lines_after(node.end, writer.block(additions, " " * node.column))
        if self.text[node.end - 1 : node.end] != "}":
            raise UnsupportedForm("a mapping of one pair without braces; write { and } around it", node)
        inner = writer.flow(additions, self.quotes_keys(node))[1:-1]
        if not node.pairs:
            return node.end - 1, node.end - 1, inner
        key, value = node.pairs[-1]
        at = max(value.end, key.end)
        if value.start == value.end and self.text[at : at + 1] == ":":
            at += 1
        return at, at, ", " + inner

    def lines_after(self, offset: int, lines: str) -> Edit:
        at = _line_end(self.text, offset)
        return at, at, self.with_newlines(lines)

    def replacement(self, parent: Node, key: Node, value: Node, data: Any) -> Edit:
        """The edit that replaces a value with `data`; a comment after it stays."""
        self.refuse_shared(value)
        colon = _COLON.match(self.text, key.end)
        if colon is None:
            raise UnsupportedForm(f"{key.text} is a key in an unusual form; write `{key.text}:`", key)
        if parent.flow:
            space = "" if self.text[value.start - 1 : value.start] in (" ", "\n") else " "
            return value.start, value.end, space + writer.flow(data, self.quotes_keys(parent))
        end = value.end
        if value.kind != SCALAR or value.style in ("|", ">"):
            end = len(self.text[:end].rstrip())
        start = colon.end()
        if data and isinstance(data, (dict, list)):
            indent = " " * (parent.column + (2 if isinstance(data, dict) else 0))
            lines = self.with_newlines("\n" + writer.block(data, indent).removesuffix("\n"))
            end = max(end, start)
            comment = _COMMENT.match(self.text, end)
            return (start, comment.end(), comment[0] + lines) if comment else (start, end, lines)
        if value.kind == SCALAR and value.start < value.end and value.style not in ("|", ">") and value.anchor is None:
            return value.start, end, writer.flow(data, as_json=False)
        return start, max(end, start), " " + writer.flow(data, as_json=False)

    def refuse_shared(self, node: Node) -> None:
        """A value that is removed must not hold an anchor that an alias elsewhere repeats."""
        pending = [node] if self.shared else []
        while pending:
            found = pending.pop()
            if found.alias:
                continue
            if found.anchor in self.shared:
                raise SharedNode(found)
            if found.kind == SEQUENCE:
                pending += found.items
            elif found.kind == MAPPING:
                pending += [value for _, value in found.pairs]

    def quotes_keys(self, node: Node) -> bool:
        """Whether the keys in a flow collection are quoted, as in JSON."""
        while node.kind == SEQUENCE and node.items:
            node = node.items[0]
        if node.kind == MAPPING and node.pairs:
            return node.pairs[0][0].style == '"'
        return self.text.lstrip().startswith("{")

    def copied(self, node: Node) -> Any:
        """The node as data whose scalars keep their form in the text."""
        if node.kind == MAPPING:
            pairs = [(key, value) for key, value in node.pairs if not (key.text == "<<" and not key.style)]
            data = {key.text: self.copied(value) for key, value in pairs}
            for merged in node.merged():
                if merged.kind == MAPPING:
                    data = {**self.copied(merged), **data}
            return data
        if node.kind == SEQUENCE:
            return [self.copied(item) for item in node.items]
        if node.tag is not None and not node.tag.endswith(":str") and "\n" not in self.text[node.start : node.end]:
            return writer.Verbatim(self.text[node.start : node.end])
        return node.text if node.style or node.tag is not None else writer.Verbatim(node.text or "null")

    def with_newlines(self, lines: str) -> str:
        return lines if self.newline == "\n" else lines.replace("\n", "\r\n")


def _same_type(value: Node, wanted: Any) -> bool:
    return type(data_of(value)) is type(wanted)


def _line_end(text: str, offset: int) -> int:
    """The offset after the line break that ends the line of `offset`, or `offset` if it starts a line."""
    if offset == 0 or text[offset - 1] == "\n":
        return offset
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _newline(text: str) -> str:
    """The line break that the text uses."""
    return "\r\n" if "\r\n" in text[:10_000] else "\n"
