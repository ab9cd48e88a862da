"""Fields of a GMSAConfig set from outside it, by path: what one cluster of a fleet has different."""

from __future__ import annotations

import re
from copy import copy

from gmsa_krm.config.fields import Report, entries
from gmsa_krm.findings import ERROR, Finding, InputError, Place, input_error
from gmsa_krm.yaml.read import MAPPING, SCALAR, SEQUENCE, Node, YamlError, duplicate_keys, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Step = str | int

_STEP = re.compile(r"""\.?([A-Za-z][A-Za-z0-9]*)|\[([0-9]{1,5})\]|\["([^"\\]+)"\]""")


class Override:
    """A value for the field at `steps`, which count from the config's spec; `source` says who asks for it.

    `config` is the name of the one config that is meant, or empty for all; `used` becomes true once one has taken it.
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
        """As the config's own messages name it."""
        return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)


def of_form(entries: dict[str, str], source: str) -> list[Override]:
    """Overrides of a form, where every value is a string: lists, mappings and quotes as in YAML, all else as it stands.

    A path may start with the name of a config and a slash. Raises InputError with all mistakes.
    """
    findings: list[Finding] = []
    found: dict[tuple[str, str], Override] = {}
    for path, text in entries.items():
        head, slash, rest = path.partition("/")
        config, path_of = (head, rest) if slash and "[" not in head else ("", path)
        steps = _steps(path_of)
        if steps is None:
            message = f"{path[:80]!a} is no path of a field; write it like webhook.replicas or domains[0].sid"
            findings.append(Finding(ERROR, "override", message, Place(source)))
            continue
        if not text:
            message = f"{path[:80]} is empty; leave the entry out, or write null, [] or '\"\"'"
            findings.append(Finding(ERROR, "override", message, Place(source)))
            continue
        try:
            override = Override(steps, _of_text(text), source, config)
        except YamlError as error:
            findings.append(
                Finding(ERROR, "override", f"{error.message}; mend the value, or quote it", Place(source), path[:80])
            )
            continue
        if found.setdefault((config, override.field), override) is not override:
            findings.append(Finding(ERROR, "override", "is set twice; remove one", Place(source), override.field))
    if findings:
        raise InputError(findings)
    # entries of a list in their order, so that one can be added behind another
    return sorted(
        found.values(),
        key=lambda it: [(isinstance(step, str), step if isinstance(step, int) else 0) for step in it.steps],
    )


def of_file(text: str, file: str) -> list[Override]:
    """The overrides in a file that holds a part of a spec; a key may be a whole path. Raises InputError."""
    try:
        root = parse(text)
    except YamlError as error:
        raise input_error("yaml", error.message, Place(file, error.line, error.column)) from None
    if root is None:
        return []
    if root.kind != MAPPING or root.get("apiVersion") is not None:
        message = "wants a part of a GMSAConfig's spec, without apiVersion and kind, or paths of fields with values"
        raise input_error("override", message, Place(file, 1, 1))
    report = Report(file)
    for key in duplicate_keys(root):
        report.error(key, "", "duplicate-key", f"the key {key.text[:60]} stands twice in this mapping; remove one")
    found: list[Override] = []
    for key, value in entries(root):
        steps = _steps(key.text)
        if steps is None:
            message = f"{key.text[:80]!a} is no path of a field; write it like webhook.replicas or domains[0].sid"
            report.error(key, "", "override", message)
        else:
            found += _leaves(value, steps, f"{file}:{key.line + 1}:{key.column + 1}", file)
    known: set[str] = set()
    for override in found:
        if override.field in known:
            report.findings.append(
                Finding(ERROR, "override", "is set twice; remove one", Place(override.source), override.field)
            )
        known.add(override.field)
    if report.findings:
        raise InputError(report.findings)
    return found


def overridden(root: Node, overrides: list[Override], report: Report) -> Node:
    """The config with the overrides that are meant for it; the nodes of `root` stay as they are.

    What does not fit goes into the report, which learns where the fields' values stand.
    """
    metadata = root.get("metadata")
    name = metadata.string("name") if metadata is not None else ""
    for override in overrides:
        if override.config and override.config != name:
            continue
        override.used = True
        report.overridden[override.field] = override.source
        try:
            root = _with(root, ["spec", *override.steps], override.value)
        except ValueError as error:
            report.findings.append(Finding(ERROR, "override", str(error), Place(override.source), override.field))
    return root


def _leaves(value: Node, steps: list[Step], source: str, file: str) -> Iterator[Override]:
    """Mappings are merged, so each of their fields is an override of its own."""
    if value.kind == MAPPING and not value.pairs:
        return  # nothing is to be merged
    if value.kind != MAPPING:
        yield Override(steps, value, source)
        return
    for key, inner in entries(value):
        yield from _leaves(inner, [*steps, key.text], f"{file}:{key.line + 1}:{key.column + 1}", file)


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


def _of_text(text: str) -> Node:
    if text[:1] in ("[", "{", '"', "'"):
        root = parse(text)
        # {859E1386-…} is a GUID in braces, and to YAML a mapping without values
        is_text = (
            root is not None and root.kind == MAPPING and all(value.is_null for _, value in root.pairs) and root.pairs
        )
        if root is not None and not is_text:
            return root
    node = _node()
    node.text = text
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
        inner = items[step] if step < len(items) else _node(node)
        made.items = [*items[:step], _with(inner, rest, value), *items[step + 1 :]]
        return made
    if node.kind != MAPPING and not node.is_null:
        raise ValueError(
            f"{step} is a field of a mapping, and there is none here; give the path of an entry, as in domains[0].sid"
        )
    pairs = list(node.pairs) if node.kind == MAPPING else []
    made.kind, made.items = MAPPING, []
    entry = _with(node.get(step) or _node(node), rest, value)
    for index, (key, _) in enumerate(pairs):
        if key.kind == SCALAR and key.text == step:
            pairs[index] = key, entry
            break
    else:
        key = _node(node)
        key.text = step
        pairs.append((key, entry))
    made.pairs = pairs
    return made


def _node(near: Node | None = None) -> Node:
    """A node that is null, at the place of another."""
    node = Node()
    node.kind, node.text, node.style, node.tag = SCALAR, "", "", None
    node.pairs, node.items = [], []
    node.flow = node.alias = False
    node.anchor = None
    node.start, node.end, node.line, node.column = (
        (near.start, near.end, near.line, near.column) if near else (0, 0, 0, 0)
    )
    return node
