"""YAML as PyYAML reads it: nodes with the text, the style and the tag of each scalar, and plain data."""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer, ComposerError
from yaml.resolver import Resolver

_TAG = "tag:yaml.org,2002:"
_MAX_DEPTH = 150
_MAX_NODES = 200_000
_NULLS = ("", "~", "null", "Null", "NULL")
# PyYAML's composer recurses in C, and ends the process where a text is nested too deeply.
_MAX_OPEN = 1000
_MAY_BE_DEEP = re.compile(r"^[ \t]{300}|(?:[-?][ \t]+){100}", re.MULTILINE)


class Unreadable(Exception):
    """PyYAML cannot read the text, or reads it otherwise than Go; or it is too deep or too large to compare."""


class Scalar(NamedTuple):
    """`tag` without the prefix of YAML's own; a null is Scalar("null", "")."""

    tag: str
    text: str


Node = yaml.Node
# dict, list or Scalar, aliases and merge keys resolved.
Plain = Any
# Nested tuples: everything but positions, names of anchors, comments and white space.
Exact = Any


class _Tags:
    """PyYAML's tags, with a cache: they take most of its time."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _implicit_tag(value) if implicit[0] else f"{_TAG}str"
        return f"{_TAG}map" if kind is yaml.MappingNode else f"{_TAG}seq"


class _Loader(_Tags, yaml.CSafeLoader):
    pass


class _LenientLoader(_Tags, Composer, CParser, Resolver):
    """Takes an anchor that is given twice, as YAML does and PyYAML's composer does not."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event()
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        node: Node | None = super().compose_node(parent, index)
        return node


@functools.lru_cache(100_000)
def _implicit_tag(text: str) -> str:
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return f"{_TAG}str"


def documents(text: str) -> list[Node]:
    """The roots of the documents in `text`; without those that hold nothing. Raises Unreadable."""
    found = _documents(text)
    if isinstance(found, str):
        raise Unreadable(found)
    return found


@functools.lru_cache(100)  # oracles read the same texts
def _documents(text: str) -> list[Node] | str:
    """The roots, or why there are none."""
    if text.count("[") + text.count("{") > _MAX_OPEN or _MAY_BE_DEEP.search(text):
        return "it may be nested too deeply"
    try:
        try:
            roots = _roots(_Loader(text))
        except ComposerError as error:
            if "duplicate anchor" not in str(error):
                raise
            roots = _roots(_LenientLoader(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return str(error)
    return [root for root in roots if not (root.tag == f"{_TAG}null" and root.value == "")]


def _roots(loader: Any) -> list[Node]:
    roots = []
    while loader.check_node():
        roots.append(loader.get_node())
    return roots


def tag_of(node: Node) -> str:
    """Without the prefix of YAML's own."""
    return str(node.tag).removeprefix(_TAG)


def is_mapping(node: Node | None) -> bool:
    return isinstance(node, yaml.MappingNode)


def items_of(node: Node | None) -> list[Node]:
    """The entries of a sequence; none of anything else."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def pairs_of(node: Node | None) -> list[tuple[Node, Node]]:
    """The pairs of a mapping; none of anything else."""
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def plain(node: Node) -> Plain:
    """The data of a node, not to be changed. Raises Unreadable where it is too deep or aliases make it too large."""
    data = getattr(node, "plain_data", None)
    if data is None:
        data = _Expander().plain(node, 0)
        node.plain_data = data  # type: ignore[attr-defined]  # oracles ask for it again
    return data


class _Expander:
    def __init__(self) -> None:
        self._count = 0

    def plain(self, node: Node, depth: int) -> Plain:
        self._count += 1
        if self._count > _MAX_NODES or depth > _MAX_DEPTH:
            raise Unreadable("too deep, or too large by its aliases")
        if isinstance(node, yaml.ScalarNode):
            tag = tag_of(node)
            if tag != "str" and node.tag != _implicit_tag(node.value):
                raise Unreadable(f"{node.value[:30]} as {tag}, which readers take in different ways")
            return Scalar("null", "") if tag == "null" and node.value in _NULLS else Scalar(tag, node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, depth + 1) for item in node.value]
        merged: dict[str, Plain] = {}
        own: dict[str, Plain] = {}
        for key, value in node.value:
            if _is_read_in_two_ways(key):
                raise Unreadable("a merge key to one reader and not to another, as readers.py sees it")
            if key.tag == f"{_TAG}merge":
                merged = {**self._merged(value, depth), **merged}
            else:
                own[key_text(key)] = self.plain(value, depth + 1)
        return {**merged, **own}

    def _merged(self, value: Node, depth: int) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for item in items_of(value) or [value]:
            data = self.plain(item, depth + 1)
            found = {**data, **found} if isinstance(data, dict) else found
        return found


def _is_read_in_two_ways(key: Node) -> bool:
    """Whether a key has the tag of a merge key and not its text, or the other way round; or is in base64."""
    is_quoted = isinstance(key, yaml.ScalarNode) and key.style is not None and key.value == "<<"
    return tag_of(key).endswith("binary") or is_quoted or (key.tag == f"{_TAG}merge") != (key.value == "<<")


def key_text(key: Node) -> str:
    return key.value if isinstance(key, yaml.ScalarNode) else repr(exact(key))


def exact(node: Node) -> Exact:
    """All that a reader could tell of a node: tags, texts, styles, what an alias repeats, the order of keys."""
    return _exact(node, {})


def _exact(node: Node, seen: dict[int, int]) -> Exact:
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value, node.style
    if id(node) in seen:
        return "alias", seen[id(node)]
    if len(seen) > _MAX_NODES:
        raise Unreadable("too large")
    seen[id(node)] = len(seen)
    if isinstance(node, yaml.SequenceNode):
        return node.tag, node.flow_style, *(_exact(item, seen) for item in node.value)
    assert isinstance(node, yaml.MappingNode)
    return node.tag, node.flow_style, *((_exact(key, seen), _exact(value, seen)) for key, value in node.value)


def value_of(node: Node | None, key: str) -> Node | None:
    """The value of a key of a mapping, of what it merges too."""
    own = next((value for name, value in pairs_of(node) if key_text(name) == key), None)
    if own is not None:
        return own
    merged = [it for name, value in pairs_of(node) if name.tag == f"{_TAG}merge" for it in items_of(value) or [value]]
    return next((value for it in merged if it is not node and (value := value_of(it, key)) is not None), None)


def repeated_keys(node: Node) -> list[str]:
    """The keys that a mapping in the node has twice."""
    found: list[str] = []
    pending, seen = [node], {id(node)}
    while pending:
        at = pending.pop()
        children = items_of(at)
        if isinstance(at, yaml.MappingNode):
            names = [(key.tag, key_text(key)) for key, _ in at.value]
            if len(set(names)) < len(names):
                found += [name for index, (tag, name) in enumerate(names) if (tag, name) in names[:index]]
            children = [value for _, value in at.value]
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                pending.append(child)
    return found


def python(data: Plain) -> Any:
    """Plain data with Python's own scalars, for reading a config."""
    if isinstance(data, dict):
        return {key: python(value) for key, value in data.items()}
    if isinstance(data, list):
        return [python(item) for item in data]
    if data.tag == "null":
        return None
    if data.tag == "bool":
        return data.text.lower() in ("true", "yes", "on")
    return _number(data.text) if data.tag == "int" else data.text


def _number(text: str) -> Any:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return text


def scalar(value: Any) -> Plain:
    """Python's own data as plain data."""
    if isinstance(value, dict):
        return {key: scalar(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scalar(item) for item in value]
    if isinstance(value, bool):
        return Scalar("bool", str(value).lower())
    return Scalar("int" if isinstance(value, int) else "str", str(value))
