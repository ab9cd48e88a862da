"""Edits of a YAML text that set nested fields and leave all other lines unchanged.

A patch is data that is merged into a mapping: mappings are merged, everything else replaces the existing value.
`ListPatch` changes entries of a list by index, `Replace` replaces a mapping as a whole.
"""

from __future__ import annotations

import re

from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import BREAK, BREAKS, MAPPING, SCALAR, SEQUENCE, YAML_TAG, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Set
    from typing import Any

# Start and end offset, and what replaces the text between them.
Edit = tuple[int, int, str]

_COLON = re.compile(rf"[ \t{BREAKS}]*:")
# Behind a value: a comment, and spaces, which must not become a part of what is written in the place of the value.
_REST = re.compile(rf"([ \t]+#[^{BREAKS}]*)?[ \t]*")
_BREAK = re.compile(BREAK)
_SPACES = f" \t{BREAKS}"


class NotEdited(Exception):
    """The text cannot be edited because of `node`."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class UnsupportedForm(NotEdited):
    """The text has a rare form that cannot be edited."""


class SharedNode(NotEdited):
    """The patch would change a node that an alias repeats elsewhere."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"&{node.anchor}", node)


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


def edits_for(text: str, root: Node, patch: dict[str, Any], shared: Set[str], above: Iterable[Node] = ()) -> list[Edit]:
    """The edits that apply `patch` to the mapping `root` of `text`. Raises SharedNode, UnsupportedForm.

    `text` ends in a line break (`stream.closed`), unless it is all in flow style. `shared`: the anchors that aliases
    of the whole document repeat (`nodes.repeated_anchors`). `above`: what `root` is in.
    """
    edits = _Editor(text, shared).mapping(root, patch)
    for node in above if edits else ():
        if node.anchor in shared:
            raise SharedNode(node)
    return edits


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the edits; edits at the same offset apply in their order. Raises ValueError if they overlap."""
    out: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        if start < at:
            raise ValueError("edits overlap")
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
        if not wanted.append and all(wanted.replace.get(index, value) is None for index in range(len(value.items))):
            return [self.replacement(parent, key, value, [])]
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
        for index in patch.replace:
            self.refuse_shared(node.items[index])
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
            starts = entry_starts(self.text, node)
            for index, data in patch.replace.items():
                entry = "" if data is None else self.with_newlines(writer.block([data], indent))
                edits.append((starts[index], starts[index + 1], entry))
        if patch.append:
            edits.append(self.lines_after(node.end, writer.block(patch.append, indent)))
        return edits

    def insertion(self, node: Node, additions: dict[str, Any]) -> Edit:
        if not node.flow:
            return self.lines_after(node.end, writer.block(additions, " " * node.column))
        if self.text[node.end - 1 : node.end] != "}":
            raise UnsupportedForm("a mapping of one pair has no braces; write { and } around it", node)
        inner = writer.flow(additions, self.quotes_keys(node))[1:-1]
        if not node.pairs:
            return node.end - 1, node.end - 1, inner
        key, value = node.pairs[-1]
        at = max(value.end, key.end)
        if value.start == value.end and self.text[at : at + 1] == ":":
            at += 1
        return at, at, ", " + inner

    def lines_after(self, offset: int, lines: str) -> Edit:
        at = line_end(self.text, offset)
        return at, at, self.with_newlines(lines)

    def replacement(self, parent: Node, key: Node, value: Node, data: Any) -> Edit:
        """The edit that replaces a value with `data`; a comment after it stays."""
        self.refuse_shared(value)
        colon = _COLON.match(self.text, key.end)
        if colon is None:
            raise UnsupportedForm(f"the key {key.text[:60]} is in an unusual form; write `{key.text[:60]}:`", key)
        if parent.flow:
            space = "" if self.text[value.start - 1 : value.start] in _SPACES else " "
            return value.start, value.end, space + writer.flow(data, self.quotes_keys(parent))
        end = value.end
        if value.kind != SCALAR or value.style in ("|", ">"):
            while end > value.start and self.text[end - 1] in _SPACES:
                end -= 1
        start = colon.end()
        if data and isinstance(data, (dict, list)):
            indent = " " * (parent.column + (2 if isinstance(data, dict) else 0))
            lines = self.with_newlines("\n" + writer.block(data, indent).removesuffix("\n"))
            rest = _REST.match(self.text, max(end, start))
            comment, end = (rest[1] or "", rest.end()) if rest is not None else ("", end)
            # These are a part of a text that they end.
            more = "\n" if self.text[end : end + 1] in ("\u2028", "\u2029") else ""
            return start, end, comment + lines + more
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
        """The node as data whose scalars keep their form in the text, without anchors."""
        if node.kind == MAPPING:
            return {
                key.text: self.copied(value)
                for mapping in reversed(list(node.sources()))
                for key, value in mapping.pairs
                if not key.is_merge_key
            }
        if node.kind == SEQUENCE:
            return [self.copied(item) for item in node.items]
        tag, text = node.tag, node.text
        if tag is not None and tag not in ("!", f"{YAML_TAG}str"):
            # A tag may have been written with a handle that is unknown elsewhere.
            if not tag.startswith(YAML_TAG) or not tag[len(YAML_TAG) :].isalnum():
                raise UnsupportedForm(
                    f"the tag {tag[:60]} is behind an alias or a merge key; write the value out", node
                )
            written = writer.json_of(text) if node.style or _BREAK.search(text) else text
            return writer.Verbatim(f"!!{tag[len(YAML_TAG) :]} {written}".rstrip())
        is_text = node.style or tag is not None or _BREAK.search(text)
        return text if is_text else writer.Verbatim(text or "null")

    def with_newlines(self, lines: str) -> str:
        return lines if self.newline == "\n" else lines.replace("\n", "\r\n")


def _same_type(value: Node, wanted: Any) -> bool:
    return type(data_of(value)) is type(wanted)


def entry_starts(text: str, node: Node) -> list[int]:
    """Where the line of each entry's `-` starts in a list in block style, and at last where the list's lines end.

    Comments between two entries are in the lines of the first. Raises UnsupportedForm.
    """
    starts = [_line_start(text, node.start)]
    dash = re.compile(rf"(?<=[{BREAKS}]){' ' * node.column}-(?=[{_SPACES}])")
    for item in node.items[:-1]:
        match = dash.search(text, max(item.end, starts[-1] + 1))
        if match is None:
            raise UnsupportedForm("a list is in an unusual form; write each - in its own line", node)
        starts.append(match.start())
    return [*starts, line_end(text, node.end)]


def _line_start(text: str, offset: int) -> int:
    while offset and text[offset - 1] not in BREAKS:
        offset -= 1
    return offset


def line_end(text: str, offset: int) -> int:
    """The offset after the line break that ends the line of `offset`, or `offset` if it starts a line."""
    if offset == 0 or text[offset - 1] in BREAKS:
        return offset
    end = _BREAK.search(text, offset)
    return len(text) if end is None else end.end()


def _newline(text: str) -> str:
    """The line break that the text uses."""
    return "\r\n" if "\r\n" in text[:10_000] else "\n"
