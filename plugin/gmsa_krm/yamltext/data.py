"""Nodes -> plain data as kubectl reads them."""

from __future__ import annotations

import re

from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE, YAML_TAG, Node, YamlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WORDS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_BINARY, _INT, _STR = (f"{YAML_TAG}{it}" for it in ("binary", "int", "str"))
_TYPES: dict[str, tuple[type, ...]] = {
    f"{YAML_TAG}bool": (bool,),
    f"{YAML_TAG}float": (float, int),
    _INT: (int,),
    f"{YAML_TAG}null": (type(None),),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0x_*[0-9a-fA-F][0-9a-fA-F_]*|0b_*[01][01_]*|0o?_*[0-7][0-7_]*|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def data_of(node: Node, replaced: dict[int, Any] | None = None) -> Any:
    """dict, list, str, int, float, bool or None, by the rules of go-yaml v2 (which kubectl and Helm use).

    `replaced`: what takes the place of a node, by its `id`, but not where an alias repeats the node. What aliases
    repeat is one object in the data, too.
    """
    return _data(node, dict(replaced or ()), False)


def json_data_of(root: Node) -> Any:
    """`data_of` a document that becomes JSON, with its keys as kubectl reads them: numbers and booleans become texts.

    Changes the nodes. Raises YamlError for a scalar that is not what its tag says, which kubectl refuses.
    """
    pending = [root]
    while pending:
        node = pending.pop()
        if node.kind == SCALAR:
            if node.tag is not None:
                _check_tag(node)
        elif node.alias:
            continue  # what it repeats is looked at where its anchor is
        elif node.kind == SEQUENCE:
            pending += node.items
        else:
            for key, value in node.pairs:
                pending.append(value)
                if key.kind == SCALAR and not key.is_merge_key:
                    _check_tag(key)
                    key.text, key.tag = _key(key), _STR
    return data_of(root)


def _check_tag(node: Node) -> None:
    tag = node.tag
    if tag == _BINARY:  # `nodes` makes what is Base64 a text
        raise _wrong_tag(node)
    if tag in _TYPES and (
        type(value := _scalar(node)) not in _TYPES[tag] or (tag == _INT and not -(1 << 63) <= value < 1 << 64)
    ):
        raise _wrong_tag(node)


def _wrong_tag(node: Node) -> YamlError:
    name = str(node.tag).removeprefix(YAML_TAG)
    message = f"{node.text[:60]!a} is not what its tag !!{name} says, so kubectl refuses it; fix the value, or the tag"
    return YamlError(message, node.line + 1, node.column + 1)


def _key(node: Node) -> str:
    """The text of a key in JSON."""
    value = node.text if node.style and node.tag is None else _scalar(node)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_key(value)
    return str(value) if isinstance(value, int) else node.text


def _float_key(value: float) -> str:
    """As Go's FormatFloat(value, 'g', -1, 32) has it: the fewest digits that are this float of 32 bits."""
    from struct import pack, unpack

    try:
        packed = pack("<f", value)
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    (value,) = unpack("<f", packed)
    digits = next(it for it in range(17) if pack("<f", float(f"{value:.{it}e}")) == packed)
    text = f"{value:.{digits}e}"
    exponent = int(text.partition("e")[2])
    return f"{float(text):.{max(digits - exponent, 0)}f}" if -4 <= exponent < 6 else text


def _data(node: Node, known: dict[int, Any], is_repeated: bool) -> Any:
    """`known`: data by the `id` of a node, or of the contents of one that aliases repeat."""
    if node.kind == SCALAR:
        if known and not is_repeated and id(node) in known:
            return known[id(node)]
        return node.text if node.style and node.tag is None else _scalar(node)
    if node.alias:
        is_repeated = True
    if is_repeated:
        contents = id(node.pairs) if node.kind == MAPPING else id(node.items)
        if contents not in known:
            known[contents] = _contents(node, known, True)
        return known[contents]
    return known[id(node)] if id(node) in known else _contents(node, known, False)


# In loops, since a comprehension would take a further frame of the stack for each level.
def _contents(node: Node, known: dict[int, Any], is_repeated: bool) -> Any:
    if node.kind == SEQUENCE:
        items: list[Any] = []
        for item in node.items:
            items.append(_data(item, known, is_repeated))
        return items
    data: dict[str, Any] = {}
    for key, value in node.pairs:
        if key.text == "<<" and key.is_merge_key:
            break
        data[key.text] = _data(value, known, is_repeated)
    else:
        return data
    data.clear()  # the keys that are merged come first
    for mapping in reversed(list(node.sources())):
        for key, value in mapping.pairs:
            if not key.is_merge_key:
                data[key.text] = _data(value, known, is_repeated or mapping.alias)
    return data


def _scalar(node: Node) -> Any:
    text, tag = node.text, node.tag
    if tag is not None and tag not in _TYPES:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > 400:
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
