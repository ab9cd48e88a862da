"""Fields of a GMSAConfig set from outside it, by path: what one cluster of a fleet has different.

A host that starts other programs hands overrides down in a variable (`OVERRIDES` of outside.py), so that they reach
the config behind whichever door it comes in.
"""

from __future__ import annotations

import json
import re
from copy import copy

from gmsa_krm.config.fields import Report, entries, plain_data
from gmsa_krm.findings import ERROR, Finding, InputError, Place, input_error
from gmsa_krm.yaml.read import MAPPING, SCALAR, SEQUENCE, Node, YamlError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Step = str | int

_STEP = re.compile(r"""\.?([A-Za-z][A-Za-z0-9]*)|\[([0-9]{1,5})\]|\["([^"\\]+)"\]""")


class Override:
    """A value for the field at `path`, which counts from the config's spec; `source` says who asks for it.

    `text` is YAML; or, where `plain`, a text as it stands, which is a number or boolean where the field is one.
    """

    __slots__ = ("path", "plain", "source", "text")

    def __init__(self, path: str, text: str, source: str, plain: bool) -> None:
        self.path = path
        self.text = text
        self.source = source
        self.plain = plain


def of_form(path: str, value: str, source: str) -> Override:
    """An override from a form, where every value is a string: lists, mappings and quotes as in YAML, else plain."""
    return Override(path, value, source, value[:1] not in ("[", "{", '"', "'"))


def of_file(text: str, file: str) -> list[Override]:
    """The overrides in a file that holds a part of a spec; a key may be a whole path. Raises InputError."""
    try:
        root = parse(text)
    except YamlError as error:
        raise input_error("yaml", error.message, Place(file, error.line, error.column)) from None
    if root is None:
        return []
    if root.kind != MAPPING:
        raise input_error("type", "wants a part of a GMSAConfig's spec, or paths of fields with values", Place(file, 1, 1))
    report = Report(file)
    found = list(_leaves(root, "", file, report))
    if report.findings:
        raise InputError(report.findings)
    return found


def encoded(overrides: list[Override]) -> str:
    """For the environment of a program that this one starts."""
    return json.dumps([[it.path, it.text, it.source, it.plain] for it in overrides])


def overridden(root: Node, variable: str, report: Report) -> Node:
    """The config with the overrides of `encoded`; the nodes of `root` stay as they are.

    What is wrong with a path or a value goes into the report, which learns where the fields' values stand.
    """
    for override in _decoded(variable):
        steps = _steps(override.path)
        place = Place(override.source)
        if steps is None:
            message = f"{override.path[:80]!a} is no path of a field; write it like webhook.replicas or domains[0].sid"
            report.findings.append(Finding(ERROR, "override", message, place))
            continue
        field = "spec." + override.path.removeprefix("spec.")
        report.overridden[field] = override.source
        try:
            root = _with(root, ["spec", *steps], _value(override))
        except YamlError as error:
            report.findings.append(Finding(ERROR, "override", f"{error.message}; mend the value, or quote it", place, field))
        except ValueError as error:
            report.findings.append(Finding(ERROR, "override", str(error), place, field))
    return root


def _decoded(variable: str) -> list[Override]:
    try:
        return [Override(str(path), str(text), str(source), plain is True) for path, text, source, plain in json.loads(variable)]
    except (ValueError, TypeError):
        raise input_error("override", "GMSA_KRM_OVERRIDES is set, and not by gmsa-krm argocd; unset it") from None


def _leaves(node: Node, path: str, file: str, report: Report) -> Iterator[Override]:
    for key, value in entries(node):
        inner = f"{path}.{key.text}" if path else key.text
        if path and not key.text.isalnum():
            inner = f'{path}["{key.text}"]'
        source = f"{file}:{key.line + 1}:{key.column + 1}"
        if value.kind == MAPPING and value.pairs:
            yield from _leaves(value, inner, file, report)
        elif value.kind == SCALAR and not value.style:
            yield Override(inner, value.text, source, False)
        else:
            yield Override(inner, json.dumps(plain_data(value, inner, report)), source, False)


def _steps(path: str) -> list[Step] | None:
    """`a.b[0]["c/d"]` as [a, b, 0, c/d]; None if it is nothing of the kind."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or (match[1] is not None and (path[at] == ".") != bool(at)):
            return None
        steps.append(match[1] or match[3] or int(match[2]))
        at = match.end()
    return (steps[1:] if steps[:1] == ["spec"] else steps) or None


def _value(override: Override) -> Node:
    if not override.plain:
        root = parse(override.text)
        return root if root is not None else _node(SCALAR)
    node = _node(SCALAR)
    node.text = override.text
    node.tag = "!"  # what YAML takes for a number or boolean is text where the field wants text
    return node


def _with(node: Node, steps: list[Step], value: Node) -> Node:
    """A copy of `node` in which `value` stands at `steps`. Raises ValueError where the path does not fit."""
    if not steps:
        return value
    step, *rest = steps
    made = copy(node)
    if isinstance(step, int):
        if node.kind != SEQUENCE and not node.is_null:
            raise ValueError(f"[{step}] is an entry of a list, and there is none here; give the path of a list")
        items = list(node.items) if node.kind == SEQUENCE else []
        if step > len(items):
            raise ValueError(f"[{step}] is beyond the end: the list has {len(items)} entries, counted from 0")
        made.kind, made.pairs = SEQUENCE, []
        inner = items[step] if step < len(items) else _node(SCALAR, node)
        made.items = [*items[:step], _with(inner, rest, _at(value, inner)), *items[step + 1 :]]
        return made
    if node.kind != MAPPING and not node.is_null:
        raise ValueError(f"{step} is a field of a mapping, and there is none here; give the path of an entry, as in domains[0].sid")
    pairs = list(node.pairs) if node.kind == MAPPING else []
    made.kind, made.items = MAPPING, []
    inner = node.get(step) or _node(SCALAR, node)
    entry = _with(inner, rest, _at(value, inner))
    for index, (key, _) in enumerate(pairs):
        if key.kind == SCALAR and key.text == step:
            pairs[index] = key, entry
            break
    else:
        key = _node(SCALAR, node)
        key.text = step
        pairs.append((key, entry))
    made.pairs = pairs
    return made


def _node(kind: int, near: Node | None = None) -> Node:
    """An empty node, which a scalar reads as null."""
    node = Node()
    node.kind, node.text, node.style, node.tag = kind, "", "", None
    node.pairs, node.items = [], []
    node.flow = node.alias = False
    node.anchor = None
    node.start = node.end = node.line = node.column = 0
    return _at(node, near) if near is not None else node


def _at(node: Node, near: Node) -> Node:
    node.start, node.end, node.line, node.column = near.start, near.end, near.line, near.column
    return node
