"""Overrides set fields of a GMSAConfig by path, such as those that differ between the clusters of a fleet."""

from __future__ import annotations

import re
from copy import copy

from gmsa_krm.findings import InputError, Location, Report, invalid
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE, Node, YamlError, duplicate_keys, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.config.declaration import ConfigReport

    Step = str | int

_STEP = re.compile(r"""\.?([A-Za-z][A-Za-z0-9]*)|\[([0-9]{1,5})\]|\["([^"\\]+)"\]""")
_MAX_STEPS = 32  # no field is half as deep
_NOT_A_PATH = "is not the path of a field; write one such as webhook.replicas or domains[0].sid"


class Override:
    """A value for the field at `steps`, a path below the config's spec; `source` says where it is set.

    `config` is the name of the config that it is for, or empty for all configs; `used` is true after it was applied.
    """

    __slots__ = ("config", "source", "steps", "used", "value")

    def __init__(self, steps: list[Step], value: Node, source: str, config: str = "") -> None:
        self.steps = steps
        self.value = value
        self.source = source
        self.config = config
        self.used = False

    @property
    def field(self) -> str:
        """The path of the field, as in messages about the config."""
        return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)


def overrides_of_form(entries: dict[str, str], source: str) -> list[Override]:
    """Overrides from a form of strings: lists, mappings and quoted strings are YAML, all others plain text.

    A path may start with the name of a config and a slash. Raises InputError with all mistakes.
    """
    report = Report(source)
    overrides: dict[tuple[str, str], Override] = {}
    for path, text in entries.items():
        override = _override_of_form(path, text, source, report)
        if override is None:
            continue
        if overrides.setdefault((override.config, override.field), override) is not override:
            report.error("override", "is set twice; remove one", field=override.field)
    if report.findings:
        raise InputError(report.findings)
    # entries of a list in their order, so that several can be appended
    return sorted(overrides.values(), key=lambda it: [_sort_key(step) for step in it.steps])


def _override_of_form(path: str, text: str, source: str, report: Report) -> Override | None:
    head, slash, rest = path.partition("/")
    config, field_path = (head, rest) if slash and "[" not in head else ("", path)
    steps = _parse_path(field_path)
    if steps is None:
        report.error("override", f"{path[:80]!a} {_NOT_A_PATH}")
        return None
    if not text:
        report.error("override", f"{path[:80]} is empty; remove the entry, or write null, [] or '\"\"'")
        return None
    try:
        return Override(steps, _parse_value(text), source, config)
    except YamlError as error:
        report.error("override", f"{error.message}; fix the value, or quote it", field=path[:80])
        return None


def overrides_of_file(text: str, file: str) -> list[Override]:
    """Overrides from a file with a part of a spec; a key may be a whole path. Raises InputError."""
    try:
        root = parse(text)
    except YamlError as error:
        raise invalid("yaml", error.message, Location(file, error.line, error.column)) from None
    if root is None:
        return []
    if root.kind != MAPPING or root.get("apiVersion") is not None:
        message = (
            "is not a part of a GMSAConfig's spec; give fields of spec, or their paths, without apiVersion and kind"
        )
        raise invalid("override", message, Location(file, 1, 1))
    report = Report(file)
    for key in duplicate_keys(root):
        report.error("duplicate-key", f"the key {key.text[:60]} is repeated in this mapping; remove one", key)
    overrides: list[Override] = []
    for key, value in root.entries():
        steps = _parse_path(key.text)
        if steps is None:
            report.error("override", f"{key.text[:80]!a} {_NOT_A_PATH}", key)
        else:
            overrides += _leaves(value, steps, f"{file}:{key.line + 1}:{key.column + 1}", file)
    known: set[str] = set()
    for override in overrides:
        if override.field in known:
            report.error("override", "is set twice; remove one", Location(override.source), override.field)
        known.add(override.field)
    if report.findings:
        raise InputError(report.findings)
    return overrides


def apply_overrides(root: Node, overrides: list[Override], report: ConfigReport) -> Node:
    """A copy of the config with the overrides that are for it.

    The report gets an error for each override that does not fit, and the source of each field that is set.
    """
    metadata = root.get("metadata")
    name = metadata.string("name") if metadata is not None else ""
    changed = _Changed(root)
    for override in overrides:
        if override.config and override.config != name:
            continue
        override.used = True
        report.overrides(override.field, override.source)
        try:
            changed.set(["spec", *override.steps], override.value)
        except ValueError as error:
            report.error("override", str(error), Location(override.source), override.field)
    return changed.root


def _leaves(value: Node, steps: list[Step], source: str, file: str) -> Iterator[Override]:
    """Mappings are merged, so each of their fields is an override; an empty one changes nothing."""
    if value.kind != MAPPING or len(steps) >= _MAX_STEPS:
        yield Override(steps, value, source)
        return
    for key, inner in value.entries():
        yield from _leaves(inner, [*steps, key.text], f"{file}:{key.line + 1}:{key.column + 1}", file)


def _parse_path(path: str) -> list[Step] | None:
    """`a.b[0]["c/d"]` as [a, b, 0, c/d]; None if it is not a path."""
    steps: list[Step] = []
    at = 0
    while at < len(path) and len(steps) <= _MAX_STEPS:
        match = _STEP.match(path, at)
        if match is None or (match[1] is not None and (path[at] == ".") != bool(at)):
            return None
        steps.append(match[1] or match[3] or int(match[2]))
        at = match.end()
    if len(steps) > _MAX_STEPS:
        return None
    return (steps[1:] if steps[:1] == ["spec"] else steps) or None


def _parse_value(text: str) -> Node:
    if text[:1] in ("[", "{", '"', "'"):
        root = parse(text)
        # {859E1386-…} is a GUID in braces, and to YAML a mapping without values.
        is_guid = (
            root is not None and root.kind == MAPPING and root.pairs and all(value.is_null for _, value in root.pairs)
        )
        if root is not None and not is_guid:
            return root
    node = _null_node()
    node.text = text
    if not node.is_null:
        node.tag = "!"  # the type of the field decides, not the type that YAML gives the text
    return node


def _sort_key(step: Step) -> tuple[bool, int]:
    return isinstance(step, str), step if isinstance(step, int) else 0


class _Changed:
    """A tree in which values are set. A node on the way is copied at its first change, and not searched again."""

    def __init__(self, root: Node) -> None:
        self._copies: dict[int, _Copy] = {}
        self.root = self._copied(root).node

    def set(self, steps: list[Step], value: Node) -> None:
        """Raises ValueError where the path does not fit; then nothing is changed."""
        parent = self._copies[id(self.root)]
        for at, step in enumerate(steps[:-1]):
            inner = parent.child(step)
            if inner is None or inner.is_null:
                parent.put(step, _built(steps[at + 1 :], value, inner or parent.node))
                return
            if id(inner) not in self._copies:
                inner = self._copied(inner).node
                parent.put(step, inner)
            parent = self._copies[id(inner)]
        parent.child(steps[-1])
        parent.put(steps[-1], value)

    def _copied(self, node: Node) -> _Copy:
        made = _Copy(node)
        self._copies[id(made.node)] = made
        return made


class _Copy:
    """A copy of a node whose children can be replaced."""

    def __init__(self, node: Node) -> None:
        self.node = copy(node)
        is_scalar = node.kind == SCALAR
        self.node.pairs, self.node.items = ([], []) if is_scalar else (list(node.pairs), list(node.items))
        self._merged = self.node.merged()
        self._places: dict[str, int] = {}
        for index, (key, _) in enumerate(self.node.pairs):
            if key.kind == SCALAR:
                self._places.setdefault(key.text, index)

    def child(self, step: Step) -> Node | None:
        """Raises ValueError where there can be none."""
        if isinstance(step, int):
            _check_entry(self.node, step)
            return self.node.items[step] if step < len(self.node.items) else None
        if self.node.kind != MAPPING:
            message = (
                "is a field of a mapping, but the value here is not one; give the path of an entry, as in"
                " domains[0].sid"
            )
            raise ValueError(f"{step} {message}")
        if step in self._places:
            return self.node.pairs[self._places[step]][1]
        return next((it for mapping in self._merged if (it := mapping.get(step)) is not None), None)

    def put(self, step: Step, value: Node) -> None:
        if isinstance(step, int):
            self.node.items[step : step + 1] = [value]
        elif step in self._places:
            at = self._places[step]
            self.node.pairs[at] = self.node.pairs[at][0], value
        else:
            self._places[step] = len(self.node.pairs)
            self.node.pairs.append((_key(step, self.node), value))


def _check_entry(node: Node, index: int) -> None:
    if node.kind != SEQUENCE:
        raise ValueError(f"[{index}] is an entry of a list, but the value here is not one; give the path of a list")
    _check_index(index, len(node.items))


def _check_index(index: int, length: int) -> None:
    if index > length:
        raise ValueError(f"[{index}] is beyond the end of the list, which has {length} entries, counted from 0")


def _built(steps: list[Step], value: Node, near: Node) -> Node:
    """Mappings and lists around a value. Raises ValueError for a list that starts with another entry than its first."""
    for step in steps:
        if isinstance(step, int):
            _check_index(step, 0)
    for step in reversed(steps):
        outer = _null_node(near)
        if isinstance(step, int):
            outer.kind, outer.items = SEQUENCE, [value]
        else:
            outer.kind, outer.pairs = MAPPING, [(_key(step, near), value)]
        value = outer
    return value


def _key(text: str, near: Node) -> Node:
    key = _null_node(near)
    key.text = text
    return key


def _null_node(near: Node | None = None) -> Node:
    """A null node, at the position of another."""
    node = Node()
    node.kind, node.text, node.style, node.tag = SCALAR, "", "", None
    node.pairs, node.items = [], []
    node.flow = node.alias = False
    node.anchor = None
    node.start = node.end = node.line = node.column = 0
    if near is not None:
        node.start, node.end, node.line, node.column = near.start, near.end, near.line, near.column
    return node
