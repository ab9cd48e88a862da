"""The positions of fields that are named by their path."""

from __future__ import annotations

import re

from gmsa_krm.findings import Location, Report
from gmsa_krm.yamltext.nodes import SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Finding, HasPosition, Issue
    from gmsa_krm.yamltext.nodes import Node


class FieldReport(Report):
    """A report about a node. A finding without a location gets that of its field, or of the nearest one above."""

    def __init__(
        self,
        root: Node,
        file: str = "",
        first_line: int = 0,
        *,
        prefix: str = "",
        findings: list[Finding] | None = None,
    ) -> None:
        super().__init__(file, first_line, prefix=prefix, findings=findings)
        self.root = root

    def add(self, issue: Issue, where: HasPosition | Location | None = None, field: str = "") -> None:
        super().add(issue, where or nearest(self.root, field), field)


def nearest(node: Node, path: str) -> Node:
    """The deepest existing node on a path such as `a.b[0].c`; a key may have dots, as those of labels have."""
    keys = re.sub(r"\[([0-9]+)\]", r".\1", path).split(".")
    while keys:
        if node.kind == SEQUENCE:
            index = int(keys[0]) if keys[0].isdigit() else len(node.items)
            following, used = (node.items[index], 1) if index < len(node.items) else (None, 1)
        else:
            following, used = _value(node, keys)
        if following is None:
            break
        node, keys = following, keys[used:]
    return node


def _value(node: Node, keys: list[str]) -> tuple[Node | None, int]:
    """The value of the longest key that the path goes on with, and how many of `keys` it takes."""
    for used in range(len(keys), 0, -1):
        value = node.get(".".join(keys[:used]))
        if value is not None:
            return value, used
    return None, 0
