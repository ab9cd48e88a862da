"""Changes of documents, proved before they go out: the edited text is read again, and has to be what was meant."""

from __future__ import annotations

from bisect import bisect_right

from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import (
    SharedNode,
    UnsupportedForm,
    apply_edits,
    apply_patch,
    edits_for,
    entry_starts,
    line_end,
)
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, YamlError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.findings import Report
    from gmsa_krm.yamltext.edits import Edit, NotEdited
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    # By index of the document.
    Changes = dict[int, list["Change"]]


class Change:
    """A patch of a mapping in a document, and the edits of the document's text that apply it."""

    __slots__ = ("edits", "node", "patch")

    def __init__(self, node: Node, patch: dict[str, Any], edits: list[Edit]) -> None:
        self.node = node
        self.patch = patch
        self.edits = edits


def change_of(document: Document, node: Node, patch: dict[str, Any], above: Iterable[Node] = ()) -> Change | None:
    """The change of a mapping in a document by a patch; None if the mapping is so already. Raises NotEdited.

    The mapping has no equal keys in what the patch is for: it could be for the first, and the data have the last.
    `above`: what the mapping is in, below the document's root.
    """
    edits = edits_for(document.text, node, patch, document.repeated_anchors(), [*document.above, *above])
    if edits:
        return Change(node, patch, edits)
    data = data_of(node)
    if apply_patch(data, patch) != data:
        raise _unproved(node)
    return None


def changed_text(document: Document, changes: list[Change]) -> str:
    """The text of a document with its changes. Raises UnsupportedForm if they cannot be proved."""
    root, text = document.node, document.text
    edits = [edit for change in changes for edit in change.edits]
    if root is None or not edits:
        return text
    is_proved = not document.repeated_anchors() and _is_proved_in_short(text, root, changes, edits)
    if not is_proved and not _has(text, edits, _wanted(root, changes, {})):
        raise _unproved(root)
    return apply_edits(text, edits)


def _is_proved_in_short(text: str, root: Node, changes: list[Change], edits: list[Edit]) -> bool:
    """Whether the text is what is meant where values without edits are left out, but for their keys and dashes.

    A document is changed in few places, so that a fraction of it has to be read again. Not for texts with aliases.
    """
    try:
        shortening = _Shortening(text, edits)
        shortening.run(root)
        wanted = _wanted(root, changes, shortening.replaced)
    except (UnsupportedForm, IndexError):  # IndexError: an entry that a patch finds as it should be is left out
        return False
    return _has(text, [*edits, *shortening.edits], wanted)


def _wanted(root: Node, changes: list[Change], replaced: dict[int, Any]) -> Any:
    """The data of the root with the changes of it and of nodes in it. `replaced`: as for `data_of`."""
    replaced = dict(replaced)
    for it in sorted(changes, key=lambda it: it.node.start, reverse=True):  # what is in another node is before that
        replaced[id(it.node)] = apply_patch(data_of(it.node, replaced), it.patch)
    return data_of(root, replaced)


def _has(text: str, edits: list[Edit], wanted: Any) -> bool:
    """Whether the data of the text with the edits is `wanted`."""
    try:
        node = parse(apply_edits(text, edits))
    except (YamlError, ValueError):
        return False
    return node is not None and bool(data_of(node) == wanted)


class _Shortening:
    """Edits that put 0 in the place of values in blocks that other edits do not touch."""

    def __init__(self, text: str, edits: list[Edit]) -> None:
        self.edits: list[Edit] = []
        self.replaced: dict[int, Any] = {}
        self._text = text
        self._starts = sorted(start for start, _, _ in edits)
        self._ends = sorted(end for _, end, _ in edits)
        # How far the lines are indented that are inserted at an offset.
        self._indents: dict[int, int] = {}
        for start, end, new in edits:
            if start == end:
                self._indents[start] = max(self._indents.get(start, 0), len(new) - len(new.lstrip(" ")))

    def run(self, root: Node) -> None:
        pending = [root]
        while pending:
            node = pending.pop()
            if node.flow or node.kind == SCALAR:
                continue
            for start, mark, value in self._values_of(node):
                if value.kind == SCALAR and value.style not in ("|", ">"):
                    continue
                end = line_end(self._text, max(value.end, mark))
                if self._is_touched(start, end, node.column):
                    pending.append(value)
                else:
                    self.edits.append((mark, end, " 0\n"))
                    self.replaced[id(value)] = 0

    def _values_of(self, node: Node) -> Iterator[tuple[int, int, Node]]:
        """Of a collection in block style: where each entry starts, where its colon or dash ends, and its value."""
        if node.kind == MAPPING:
            for key, value in node.pairs:
                if self._text[key.end : key.end + 1] == ":":
                    yield key.start, key.end + 1, value
        else:
            for start, item in zip(entry_starts(self._text, node), node.items, strict=False):
                dash = node.start if item is node.items[0] else start + node.column
                yield start, dash + 1, item

    def _is_touched(self, start: int, end: int, column: int) -> bool:
        """Whether an edit is in an entry that is written from `start` to `end`, or adds lines to it."""
        following = bisect_right(self._ends, start)
        if following == len(self._starts) or self._starts[following] > end:
            return False
        return self._starts[following] < end or self._indents.get(end, 0) > column


def _unproved(node: Node) -> UnsupportedForm:
    return UnsupportedForm(
        "the change would become another one in this form; write it in blocks, without anchors and aliases", node
    )


def report_not_edited(report: Report, found: NotEdited, field: str = "") -> None:
    if isinstance(found, SharedNode):
        message = (
            f"is under &{found.node.anchor}, which is repeated elsewhere, so the change would apply there too;"
            " replace the alias with its contents"
        )
        report.error("shared-node", message, found.node, field)
    else:
        report.error("unusual-form", f"cannot be edited: {found}", found.node, field)
