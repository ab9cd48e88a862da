"""Nodes -> plain data as kubectl reads them."""

from __future__ import annotations

import re

from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0x_*[0-9a-fA-F][0-9a-fA-F_]*|0b_*[01][01_]*|0o?_*[0-7][0-7_]*|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def data_of(node: Node) -> Any:
    """dict, list, str, int, float, bool or None, by the rules of go-yaml v2 (which kubectl and Helm use)."""
    if node.kind == MAPPING:
        own = {key.text: data_of(value) for key, value in node.pairs if key.text != "<<" or key.style}
        for merged in node.merged():
            own = {**data_of(merged), **own} if merged.kind == MAPPING else own
        return own
    if node.kind == SEQUENCE:
        return [data_of(item) for item in node.items]
    text = node.text
    if node.style or (node.tag is not None and node.tag.endswith(":str")):
        return text
    if node.is_null:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        # A number that JSON or Python cannot represent stays text.
        return _integer(text.replace("_", "")) if len(text) <= 400 else text
    if _FLOAT.fullmatch(text) and len(text) <= 400:
        number = float(text.replace("_", ""))
        return number if abs(number) != float("inf") else text
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-").lower()
    if digits.startswith(("0x", "0b", "0o")):
        value = int(digits, 0)
    elif digits.startswith("0") and digits.strip("01234567") == "":
        value = int(digits, 8)
    else:
        value = int(digits)
    return -value if text.startswith("-") else value
