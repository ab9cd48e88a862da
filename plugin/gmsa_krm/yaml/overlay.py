"""Setting fields deep in a YAML text: only the lines that change are touched.

An overlay is data that is laid over a mapping: mappings are merged, everything else replaces what is there.
`Items` changes entries of a list by their index, `Instead` replaces a mapping as a whole.
"""

from __future__ import annotations

import re

from gmsa_krm.yaml import write
from gmsa_krm.yaml.edit import UnusualForm, line_end, newline
from gmsa_krm.yaml.read import MAPPING, SCALAR, SEQUENCE, Node
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.yaml.edit import Edit


_COLON = re.compile(r"\s*:")


class Items:
    """A change of a list: overlays by index, and entries that are appended."""

    __slots__ = ("changes", "more")

    def __init__(self, changes: dict[int, dict[str, Any]] | None = None, more: list[Any] | None = None) -> None:
        self.changes = changes or {}
        self.more = more or []


class Instead:
    """A mapping that takes the place of whatever is there."""

    __slots__ = ("data",)

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


class SharedNode(Exception):
    """The overlay reaches a node that an alias repeats elsewhere, and would change that too."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"&{node.anchor}")
        self.node = node


def overlaid(text: str, root: Node, overlay: dict[str, Any], shared: set[str]) -> list[Edit]:
    """The edits that lay `overlay` over the mapping `root` of `text`. Raises SharedNode, UnusualForm.

    `text` ends in a line break (`stream.closed`), unless it is all in flow style.

    `shared`: the anchors that aliases of the whole document repeat (`repeated_anchors`).
    """
    return _Overlay(text, shared).mapping(root, overlay)


def laid_over(data: Any, overlay: Any) -> Any:
    """The same on plain data: `data` with `overlay`."""
    if isinstance(overlay, Instead):
        return overlay.data
    if isinstance(overlay, Items):
        entries = list(data) if isinstance(data, list) else []
        for index, change in overlay.changes.items():
            entries[index] = laid_over(entries[index], change)
        return [*entries, *overlay.more]
    if not isinstance(overlay, dict):
        return overlay
    if not isinstance(data, dict):
        data = {}
    return {**data, **{key: laid_over(data.get(key), value) for key, value in overlay.items()}}


class _Overlay:
    def __init__(self, text: str, shared: set[str]) -> None:
        self.text = text
        self.shared = shared
        self.newline = newline(text)

    def mapping(self, node: Node, overlay: dict[str, Any]) -> list[Edit]:
        edits: list[Edit] = []
        own = {key.text: (key, value) for key, value in node.pairs}
        additions: dict[str, Any] = {}
        for key, wanted in overlay.items():
            if key in own:
                edits += self.value(node, *own[key], wanted)
            else:
                # A value that comes by `<<` is written out here, changed, and hides the one that is merged.
                merged = node.get(key)
                if merged is not None and laid_over(data_of(merged), wanted) == data_of(merged):
                    continue
                additions[key] = laid_over(self.copied(merged) if merged is not None else None, wanted)
        if additions:
            edits.append(self.insertion(node, additions))
        if edits and node.anchor in self.shared:
            raise SharedNode(node)
        return edits

    def value(self, parent: Node, key: Node, value: Node, wanted: Any) -> list[Edit]:
        if not isinstance(wanted, (dict, Items, Instead)):
            if value.kind == SCALAR and not value.alias and value.text == str(wanted) and _same_type(value, wanted):
                return []
            return [self.replacement(parent, key, value, wanted)]
        if value.alias or isinstance(wanted, Instead):
            data = laid_over(self.copied(value), wanted)
            return [] if data == self.copied(value) else [self.replacement(parent, key, value, data)]
        if isinstance(wanted, dict):
            if value.kind == MAPPING and (value.pairs or parent.flow):
                return self.mapping(value, wanted)
            return [self.replacement(parent, key, value, laid_over(None, wanted))] if wanted else []
        if value.kind != SEQUENCE or not value.items:
            return [self.replacement(parent, key, value, wanted.more)] if wanted.more else []
        return self.items(value, wanted)

    def items(self, node: Node, wanted: Items) -> list[Edit]:
        edits: list[Edit] = []
        for index, overlay in wanted.changes.items():
            item = node.items[index]
            if item.alias:
                data = laid_over(self.copied(item), overlay)
                as_json = self.quotes_keys(node)
                edits.append((item.start, item.end, write.flow(data, as_json)))
            else:
                edits += self.mapping(item, overlay)
        if wanted.more:
            if node.flow:
                more = "".join(", " + write.flow(entry, self.quotes_keys(node)) for entry in wanted.more)
                edits.append((node.items[-1].end, node.items[-1].end, more))
            else:
                edits.append(self.lines_after(node.end, write.block(wanted.more, " " * node.column)))
        if edits and node.anchor in self.shared:
            raise SharedNode(node)
        return edits

    def insertion(self, node: Node, additions: dict[str, Any]) -> Edit:
        if node.flow:
            if self.text[node.end - 1 : node.end] != "}":
                raise UnusualForm("a mapping of one pair without braces; write { and } around it", node)
            inner = write.flow(additions, self.quotes_keys(node))[1:-1]
            at = node.pairs[-1][1].end if node.pairs else node.end - 1
            at = max(at, node.pairs[-1][0].end) if node.pairs else at
            if node.pairs and node.pairs[-1][1].start == node.pairs[-1][1].end and self.text[at : at + 1] == ":":
                at += 1
            return at, at, (", " if node.pairs else "") + inner
        return self.lines_after(node.end, write.block(additions, " " * node.column))

    def lines_after(self, offset: int, lines: str) -> Edit:
        at = line_end(self.text, offset)
        return at, at, self.broken(lines)

    def replacement(self, parent: Node, key: Node, value: Node, data: Any) -> Edit:
        """The edit that puts `data` in place of a value; a comment behind it stays."""
        self.refuse_shared(value)
        colon = _COLON.match(self.text, key.end)
        if colon is None:
            raise UnusualForm(f"{key.text} is a key in an unusual form; write `{key.text}:`", key)
        if parent.flow:
            as_json = self.quotes_keys(parent)
            space = "" if self.text[value.start - 1 : value.start] in (" ", "\n") else " "
            return value.start, value.end, space + write.flow(data, as_json)
        end = value.end
        if value.kind != SCALAR or value.style in ("|", ">"):
            end = len(self.text[:end].rstrip())
        start = colon.end()
        if data and isinstance(data, (dict, list)):
            indent = " " * (parent.column + (2 if isinstance(data, dict) else 0))
            return start, max(end, start), self.broken("\n" + write.block(data, indent).removesuffix("\n"))
        if value.kind == SCALAR and value.start < value.end and value.style not in ("|", ">") and value.anchor is None:
            return value.start, end, write.flow(data, as_json=False)
        return start, max(end, start), " " + write.flow(data, as_json=False)

    def refuse_shared(self, node: Node) -> None:
        """A value that is taken away must not hold an anchor that an alias elsewhere repeats."""
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
        """Whether the keys in a flow collection are quoted, as JSON has them."""
        while node.kind == SEQUENCE and node.items:
            node = node.items[0]
        if node.kind == MAPPING and node.pairs:
            return node.pairs[0][0].style == '"'
        return self.text.lstrip().startswith("{")

    def copied(self, node: Node) -> Any:
        """The node as data whose scalars are written as they stand here."""
        if node.kind == MAPPING:
            own = {
                key.text: self.copied(value) for key, value in node.pairs if not (key.text == "<<" and not key.style)
            }
            for merged in node.merged():
                if merged.kind == MAPPING:
                    own = {**self.copied(merged), **own}
            return own
        if node.kind == SEQUENCE:
            return [self.copied(item) for item in node.items]
        if node.tag is not None and not node.tag.endswith(":str") and "\n" not in self.text[node.start : node.end]:
            return write.Verbatim(self.text[node.start : node.end])
        return node.text if node.style or node.tag is not None else write.Verbatim(node.text or "null")

    def broken(self, lines: str) -> str:
        return lines if self.newline == "\n" else lines.replace("\n", "\r\n")


def _same_type(value: Node, wanted: Any) -> bool:
    return type(data_of(value)) is type(wanted)
