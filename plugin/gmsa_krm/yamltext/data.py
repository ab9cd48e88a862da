"""Nodes -> plain data as kubectl reads them."""

from __future__ import annotations

import re

from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_RESOLVED = (":bool", ":float", ":int", ":null")
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0x_*[0-9a-fA-F][0-9a-fA-F_]*|0b_*[01][01_]*|0o?_*[0-7][0-7_]*|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def data_of(node: Node, replaced: dict[int, Any] | None = None) -> Any:
    """dict, list, str, int, float, bool or None, by the rules of go-yaml v2 (which kubectl and Helm use).

    `replaced`: what takes the place of a node, by its `id`, but not where an alias repeats the node. What aliases
    repeat is one object in the data, too.
    """
    return _data(node, {}, replaced or {}, False)


def _data(node: Node, repeated: dict[int, Any], replaced: dict[int, Any], is_repeated: bool) -> Any:
    """`repeated`: the data of collections that aliases repeat, by the `id` of their contents."""
    if node.kind == SCALAR:
        return _scalar(node)
    is_repeated = is_repeated or node.alias
    contents = id(node.pairs) if node.kind == MAPPING else id(node.items)
    if is_repeated and contents in repeated:
        return repeated[contents]
    if not is_repeated and id(node) in replaced:
        return replaced[id(node)]
    data: Any
    if node.kind == SEQUENCE:
        data = [_data(item, repeated, replaced, is_repeated) for item in node.items]
    else:
        data = {}
        for mapping in reversed(list(node.sources())) if node.merged() else (node,):
            for key, value in mapping.pairs:
                if not key.is_merge_key:
                    data[key.text] = _data(value, repeated, replaced, is_repeated or mapping.alias)
    if is_repeated:
        repeated[contents] = data
    return data


def _scalar(node: Node) -> Any:
    text, tag = node.text, node.tag
    if tag is None:
        if node.style:
            return text
    elif not tag.endswith(_RESOLVED):
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if node.is_null:
        return None
    if text[:1] not in _NUMBER_STARTS or len(text) > 400:
        return text  # a number beyond what JSON and Python hold stays text, too
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
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
