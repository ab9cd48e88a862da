"""Nodes -> plain data of a config; a plain scalar that YAML readers disagree about is an error."""

from __future__ import annotations

import re

from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE, Node
from gmsa_krm.yamltext.scalars import meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.findings import Report

    Shape = dict[str, "Shape"] | list["Shape"] | str

INTEGER = r"-?(?:0|[1-9][0-9]{0,17})"


def plain_data(node: Node, path: str, report: Report, shape: Shape = "any") -> Any:
    """`node` as dict, list, str, int, bool or None.

    `shape` decides the type of a scalar from a form (tag !), in which numbers and strings look the same.
    """
    if node.kind == MAPPING:
        inner = shape if isinstance(shape, dict) else {"*": "any"}
        return {
            key.text: plain_data(value, below(path, key.text), report, inner.get(key.text, inner.get("*", "any")))
            for key, value in node.entries()
        }
    if node.kind == SEQUENCE:
        each = shape[0] if isinstance(shape, list) else "any"
        return [plain_data(item, f"{path}[{index}]", report, each) for index, item in enumerate(node.items)]
    if node.tag == "!":
        return int(node.text) if shape == "integer" and re.fullmatch(INTEGER, node.text) else node.text
    if node.style or meaning(node.text) == "string" or str(node.tag).endswith(":str"):
        return node.text
    if node.tag is not None:
        report.error("tag", f"the tag {node.tag[:60]} has no meaning here; remove it", node, path)
        return None
    return _scalar(node, path, report)


def below(path: str, key: str) -> str:
    """The path of a field in messages. It is built for each field, so the keys of an input must not make it long."""
    return f"{path}.{key[:320]}" if len(path) < 1000 else path


def _scalar(node: Node, path: str, report: Report) -> int | bool | None:
    """A plain scalar that is not a string."""
    if node.text in ("true", "false"):
        return node.text == "true"
    if node.is_null:
        return None
    if re.fullmatch(INTEGER, node.text):
        return int(node.text)
    report.error("unquoted", unquoted(node.text), node, path)
    return None


def unquoted(text: str) -> str:
    """The message about a plain scalar that is read as something other than a string."""
    return f'{text} reads as a {meaning(text)} in YAML; quote it: "{text}"'
