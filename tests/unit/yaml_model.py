"""What a YAML text says, by PyYAML's own parser in Python, which shares nothing with the program's."""

from __future__ import annotations

from typing import Any

import yaml

# A scalar: its tag and its text.
Scalar = tuple[str, str]
YAML = "tag:yaml.org,2002:"


def read(text: str) -> Any:
    """Mappings as dict with their merge keys followed, lists, and scalars as tag and text."""
    reader = Reader(text)
    assert len(reader.roots) == 1
    return reader.roots[0]


class Reader:
    def __init__(self, text: str) -> None:
        self._events = iter(list(yaml.parse(text, Loader=yaml.SafeLoader)))
        self._resolver = yaml.SafeLoader("")
        self._anchors: dict[str, Any] = {}
        self.roots = [self._node(event) for event in self._events if isinstance(event, yaml.NodeEvent)]

    def _node(self, event: yaml.Event) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._anchors[event.anchor]
        value: Any = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else []
        if isinstance(event, yaml.MappingStartEvent):
            value = {}
        if event.anchor is not None:  # before the contents, which may use the name again
            self._anchors[event.anchor] = value
        if isinstance(event, yaml.MappingStartEvent):
            self._fill(value)
        elif isinstance(event, yaml.SequenceStartEvent):
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                value.append(self._node(inner))
        return value

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if event.tag == "!":
            return f"{YAML}str", event.value
        tag = event.tag or self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        return tag, "" if tag == f"{YAML}null" else event.value

    def _fill(self, value: dict[str, Any]) -> None:
        merged: list[Any] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, item = self._node(event), self._node(next(self._events))
            if key == (f"{YAML}merge", "<<"):
                merged = item if isinstance(item, list) else [item]
            else:
                value[key[1]] = item
        for other in merged:
            for key, item in other.items():
                value.setdefault(key, item)
