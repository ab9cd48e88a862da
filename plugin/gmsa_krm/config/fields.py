"""The words that GMSAConfig is declared in: a section is a class, a field says its type, default and meaning.

One declaration serves the reader (types, defaults, checks), the messages and the JSON Schema. Plain classes
and not dataclasses, attrs or pydantic: those cost 20 ms and more at every start, stop at the first error or
know no positions.
"""

from __future__ import annotations

import re

from gmsa_krm.findings import ERROR, WARNING, Finding, Place, has_errors
from gmsa_krm.yaml.read import KIND_NAMES, MAPPING, SCALAR, SEQUENCE, Node
from gmsa_krm.yaml.scalars import meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, ClassVar

    # What a check has to say of a value: severity, rule, message.
    Remark = tuple[str, str, str]
    Check = Callable[[str], Iterable[Remark]]
    Schema = dict[str, Any]
    Shape = dict[str, "Shape"] | list["Shape"] | str

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def wrong(rule: str, message: str) -> Remark:
    return ERROR, rule, message


def doubtful(rule: str, message: str) -> Remark:
    return WARNING, rule, message


class Report:
    """Collects the findings of one config; knows how to turn a node into a place."""

    def __init__(self, file: str, first_line: int = 0, positions: bool = True) -> None:
        """`first_line`: lines of the file before the text that was parsed; `positions`: are they the user's?"""
        self.findings: list[Finding] = []
        self.overridden: dict[str, str] = {}  # fields whose value stands elsewhere, and where
        self._file = file
        self._first_line = first_line
        self._positions = positions

    def place(self, node: Node | None) -> Place:
        if node is None or not self._positions:
            return Place(self._file)
        return Place(self._file, self._first_line + node.line + 1, node.column + 1)

    def add(self, node: Node | None, field: str, remark: Remark) -> None:
        severity, rule, message = remark
        place = self.place(node)
        for path, source in self.overridden.items():
            above = rule == "unknown-field" and path.startswith((f"{field}.", f"{field}["))
            if above or field == path or field.startswith((f"{path}.", f"{path}[")):
                place = Place(source)
        self.findings.append(Finding(severity, rule, message, place, field))

    def error(self, node: Node | None, field: str, rule: str, message: str) -> None:
        self.add(node, field, (ERROR, rule, message))

    def warning(self, node: Node | None, field: str, rule: str, message: str) -> None:
        self.add(node, field, (WARNING, rule, message))


class Field:
    """One field of a section. `default` may be a function of the section that was read."""

    key: str

    def __init__(self, doc: str, *, required: bool = False, default: object = None, examples: tuple[str, ...] = ()):
        self.doc = doc
        self.required = required
        self.default = default
        self.examples = examples

    def read(self, node: Node, path: str, report: Report) -> Any:
        """The value of `node`; what is wrong goes into the report, and None comes back."""
        raise NotImplementedError

    def type_schema(self) -> Schema:
        raise NotImplementedError

    def schema(self) -> Schema:
        schema = {"description": self.doc, **self.type_schema()}
        default = self.default
        if default is not None and not callable(default):
            schema["default"] = list(default) if isinstance(default, tuple) else default
        if self.examples:
            schema["examples"] = list(self.examples)
        return schema

    def initial(self, section: Section) -> Any:
        """The value where the field is absent or null."""
        return self.default(section) if callable(self.default) else self.default


class _Text(Field):
    def __init__(self, doc: str, *, check: Check | None = None, pattern: str = "", **rest: Any):
        super().__init__(doc, **rest)
        self.check = check
        self.pattern = pattern

    def read(self, node: Node, path: str, report: Report) -> str | None:
        if not _is_scalar(node, path, report, "a string"):
            return None
        if not node.style and node.tag is None:
            other = meaning(node.text)
            if other != "string":
                report.error(node, path, "unquoted", f'{node.text} reads as a {other} in YAML; quote it: "{node.text}"')
                return None
        for remark in self.check(node.text) if self.check else ():
            report.add(node, path, remark)
        return node.text

    def type_schema(self) -> Schema:
        return {"type": "string", **({"pattern": self.pattern} if self.pattern else {})}


class _Choice(Field):
    """One of a few CamelCase words."""

    def __init__(self, doc: str, values: tuple[str, ...], **rest: Any):
        super().__init__(doc, **rest)
        self.values = values

    def read(self, node: Node, path: str, report: Report) -> str | None:
        if not _is_scalar(node, path, report, "a string"):
            return None
        if node.text in self.values:
            return node.text
        report.error(
            node, path, "unknown-value", f"{_shown(node.text)} is not {_or(self.values)}{guess(node.text, self.values)}"
        )
        return None

    def type_schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}


class _Integer(Field):
    def __init__(self, doc: str, minimum: int, maximum: int, **rest: Any):
        super().__init__(doc, **rest)
        self.minimum = minimum
        self.maximum = maximum

    def read(self, node: Node, path: str, report: Report) -> int | None:
        if not _is_scalar(node, path, report, "a whole number"):
            return None
        if node.style or not _INTEGER.fullmatch(node.text):
            report.error(node, path, "type", f"{_shown(node.text)} is not a whole number; write it in digits, unquoted")
            return None
        value = int(node.text)
        if not self.minimum <= value <= self.maximum:
            report.error(node, path, "range", f"{value} is out of range; give {self.minimum} to {self.maximum}")
            return None
        return value

    def type_schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class _Boolean(Field):
    def read(self, node: Node, path: str, report: Report) -> bool | None:
        if not _is_scalar(node, path, report, "true or false"):
            return None
        if node.style or node.text not in ("true", "false"):
            report.error(node, path, "type", f"{_shown(node.text)} is not true or false (unquoted, in lower case)")
            return None
        return node.text == "true"

    def type_schema(self) -> Schema:
        return {"type": "boolean"}


class _Listing(Field):
    def __init__(self, doc: str, of: Field, *, filled: bool = False, **rest: Any):
        super().__init__(doc, default=(), **rest)
        self.of = of
        self.filled = filled

    def read(self, node: Node, path: str, report: Report) -> list[Any] | None:
        if node.kind != SEQUENCE:
            report.error(node, path, "type", f"wants a list, found {KIND_NAMES[node.kind]}; start each entry with `- `")
            return None
        if self.filled and not node.items:
            report.error(node, path, "required", "is empty; give at least one entry")
        values = (self.of.read(item, f"{path}[{index}]", report) for index, item in enumerate(node.items))
        return [value for value in values if value is not None]

    def type_schema(self) -> Schema:
        return {"type": "array", "items": self.of.schema(), **({"minItems": 1} if self.filled else {})}


class _Nested(Field):
    def __init__(self, doc: str, section: type[Section], **rest: Any):
        super().__init__(doc, **rest)
        self.section = section

    def read(self, node: Node, path: str, report: Report) -> Any:
        return self.section.read(node, path, report)

    def initial(self, section: Section) -> Any:
        if self.default is None:
            return None
        return self.section.read(None, f"{section.path}.{self.key}".lstrip("."), Report(""))

    def type_schema(self) -> Schema:
        return self.section.schema()

    def schema(self) -> Schema:
        return {**self.type_schema(), "description": self.doc}


class _OneOrMore(_Listing):
    """A list, or one entry of it without the list."""

    def read(self, node: Node, path: str, report: Report) -> list[Any] | None:
        if node.kind == SEQUENCE:
            return super().read(node, path, report)
        value = self.of.read(node, path, report)
        return None if value is None else [value]

    def type_schema(self) -> Schema:
        return {"anyOf": [self.of.schema(), super().type_schema()]}


class _ListingOrWord(_Listing):
    """A list, or a word that stands for one; the word comes back as it is."""

    def __init__(self, doc: str, of: Field, word: str, **rest: Any):
        super().__init__(doc, of, **rest)
        self.word = word

    def read(self, node: Node, path: str, report: Report) -> Any:
        if node.kind != SCALAR:
            return super().read(node, path, report)
        if node.text == self.word:
            return self.word
        report.error(
            node,
            path,
            "unknown-value",
            f"{_shown(node.text)} is neither a list nor {self.word}{guess(node.text, [self.word])}",
        )
        return None

    def type_schema(self) -> Schema:
        return {"anyOf": [super().type_schema(), {"const": self.word}]}


class _Kubernetes(Field):
    """A value of the Kubernetes API that goes into a manifest as it is, if it has the shape.

    A shape is a mapping of keys to shapes ("*" for every key), a list with the shape of its entries, or one of
    the words string, label, quantity, integer, any.
    """

    def __init__(self, doc: str, shape: Shape, **rest: Any):
        super().__init__(doc, **rest)
        self.shape = shape

    def read(self, node: Node, path: str, report: Report) -> Any:
        known = len(report.findings)
        data = plain_data(node, path, report, self.shape)
        if len(report.findings) == known:
            _check_shape(node, self.shape, path, report)
        return data if len(report.findings) == known else None

    def type_schema(self) -> Schema:
        return _shape_schema(self.shape)


_QUANTITY = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
_LABEL_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"


def _check_shape(node: Node, shape: Shape, path: str, report: Report) -> None:
    if shape == "any":
        return
    if isinstance(shape, dict):
        if node.kind != MAPPING:
            report.error(node, path, "type", f"wants a mapping, found {KIND_NAMES[node.kind]}")
            return
        for key, value in entries(node):
            inner = shape.get(key.text, shape.get("*"))
            if inner is None:
                report.error(key, f"{path}.{key.text}", "unknown-field", f"unknown field{guess(key.text, shape)}")
            else:
                _check_shape(value, inner, f"{path}.{key.text}", report)
    elif isinstance(shape, list):
        if node.kind != SEQUENCE:
            report.error(node, path, "type", f"wants a list, found {KIND_NAMES[node.kind]}")
            return
        for index, item in enumerate(node.items):
            _check_shape(item, shape[0], f"{path}[{index}]", report)
    elif _is_scalar(node, path, report, f"a {shape}"):
        is_number = not node.style and bool(_INTEGER.fullmatch(node.text))
        if shape == "integer" and not is_number:
            report.error(node, path, "type", f"{_shown(node.text)} is not a whole number; write it in digits, unquoted")
        elif shape == "quantity" and not re.fullmatch(_QUANTITY, node.text):
            report.error(node, path, "type", f"{_shown(node.text)} is no quantity; write something like 100m or 128Mi")
        elif shape in ("string", "label") and not node.style and node.tag is None and meaning(node.text) != "string":
            report.error(
                node, path, "unquoted", f'{node.text} reads as a {meaning(node.text)} in YAML; quote it: "{node.text}"'
            )
        elif shape == "label" and not re.fullmatch(_LABEL_VALUE, node.text):
            report.error(
                node,
                path,
                "label",
                f"{_shown(node.text)} is no label value (letters, digits, -, _ and ., 63 characters)",
            )


def _shape_schema(shape: Shape) -> Schema:
    if isinstance(shape, dict):
        every = shape.get("*")
        if every is not None:
            return {"type": "object", "additionalProperties": _shape_schema(every)}
        properties = {key: _shape_schema(inner) for key, inner in shape.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(shape, list):
        return {"type": "array", "items": _shape_schema(shape[0])}
    types = {"string": "string", "label": "string", "integer": "integer", "quantity": ["string", "number"]}
    return {"type": types[shape]} if shape in types else {}


class _TextOrMapping(Field):
    """A string, or a mapping of strings."""

    def read(self, node: Node, path: str, report: Report) -> str | dict[str, str] | None:
        if node.kind == MAPPING:
            texts_of = {key.text: _Text("").read(value, f"{path}.{key.text}", report) for key, value in entries(node)}
            return {key: value for key, value in texts_of.items() if value is not None}
        return _Text("").read(node, path, report)

    def type_schema(self) -> Schema:
        return {"type": ["string", "object"], "additionalProperties": {"type": "string"}}


class _NumberOrPercent(Field):
    def read(self, node: Node, path: str, report: Report) -> int | str | None:
        if not _is_scalar(node, path, report, "a number or a percentage"):
            return None
        if re.fullmatch(r"[0-9]{1,9}", node.text) and not node.style:
            return int(node.text)
        if re.fullmatch(r"(?:100|[0-9]{1,2})%", node.text):
            return node.text
        report.error(node, path, "type", f"{_shown(node.text)} is neither a number (1) nor a percentage (50%)")
        return None

    def type_schema(self) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(100|[0-9]{1,2})%$"}]}


# The functions that declarations use return Any, since the attribute holds the value and not the Field.
def text(doc: str, **rest: Any) -> Any:
    return _Text(doc, **rest)


def choice(doc: str, *values: str, **rest: Any) -> Any:
    return _Choice(doc, values, **rest)


def integer(doc: str, minimum: int, maximum: int, **rest: Any) -> Any:
    return _Integer(doc, minimum, maximum, **rest)


def boolean(doc: str, **rest: Any) -> Any:
    return _Boolean(doc, **rest)


def texts(doc: str, *, each: str = "", check: Check | None = None, **rest: Any) -> Any:
    return _Listing(doc, _Text(each, check=check), **rest)


def sections(doc: str, of: type[Section], **rest: Any) -> Any:
    return _Listing(doc, _Nested(of.__doc__ or "", of), **rest)


def sections_or_word(doc: str, of: type[Section], word: str) -> Any:
    return _ListingOrWord(doc, _Nested(of.__doc__ or "", of), word)


def one_or_more(doc: str, of: type[Section], **rest: Any) -> Any:
    return _OneOrMore(doc, _Nested(of.__doc__ or "", of), filled=True, **rest)


def section(doc: str, of: type[Section], *, optional: bool = False, **rest: Any) -> Any:
    return _Nested(doc, of, default=None if optional else True, **rest)


def kubernetes(doc: str, shape: Shape, **rest: Any) -> Any:
    return _Kubernetes(doc, shape, **rest)


def text_or_mapping(doc: str, **rest: Any) -> Any:
    return _TextOrMapping(doc, **rest)


def number_or_percent(doc: str, **rest: Any) -> Any:
    return _NumberOrPercent(doc, **rest)


class Section:
    """A mapping of the config. Subclasses declare fields; attributes are the keys in snake_case.

    `path` is where it stands in the config (`spec.domains[0]`), `node` its node (None where it is absent);
    `sound` says that its own fields, those of nested sections aside, have no error.
    """

    fields: ClassVar[dict[str, Field]] = {}
    checks_always: ClassVar[bool] = False  # `check` copes with fields that are wrong
    path: str
    node: Node | None
    sound: bool
    _nodes: dict[str, Node]

    def __init_subclass__(cls) -> None:
        cls.fields = {}
        for name, field in list(vars(cls).items()):
            if isinstance(field, Field):
                field.key = _camel_case(name)
                cls.fields[field.key] = field
                delattr(cls, name)

    @classmethod
    def read(cls, node: Node | None, path: str, report: Report) -> Any:
        """The section in `node` with defaults filled in; None if it is no mapping."""
        self = cls()
        self.path, self.node, self._nodes = path, node, {}
        if node is not None and node.is_null:
            node = None
        if node is not None and node.kind != MAPPING:
            report.error(node, path, "type", f"wants a mapping, found {KIND_NAMES[node.kind]}")
            return None
        self.sound = True
        values: dict[str, Any] = {}
        for key, value in entries(node) if node is not None else ():
            field = cls.fields.get(key.text) if key.kind == SCALAR else None
            field_path = f"{path}.{key.text}" if path else key.text
            if field is None:
                report.error(key, field_path, "unknown-field", f"unknown field{guess(key.text, cls.fields)}")
                continue
            self._nodes[key.text] = value
            if not value.is_null:
                known = len(report.findings)
                values[key.text] = field.read(value, field_path, report)
                if not isinstance(getattr(field, "of", field), _Nested):
                    self.sound &= not has_errors(report.findings[known:])
        for key_name, field in cls.fields.items():
            given = values.get(key_name)
            if given is None and field.required and key_name not in values:
                field_path = f"{path}.{key_name}" if path else key_name
                report.error(node, field_path, "required", f"is missing; give {_lower(field.doc)}")
                self.sound = False
            computed = given is None and callable(field.default)
            setattr(self, _snake_case(key_name), None if computed else field.initial(self) if given is None else given)
        for key_name, field in cls.fields.items():
            if callable(field.default) and values.get(key_name) is None:
                setattr(self, _snake_case(key_name), field.initial(self))
        if self.sound or cls.checks_always:
            self.check(report)
        return self

    def check(self, report: Report) -> None:
        """What must hold between the fields; called when each is right by itself (nested sections may not be)."""

    def at(self, key: str) -> Node | None:
        """The node of the field `key`, or the section's where the field is absent: a place for findings."""
        return self._nodes.get(key, self.node)

    def value(self, key: str) -> Any:
        """The value of the field `key` of the config."""
        return getattr(self, _snake_case(key))

    @classmethod
    def schema(cls) -> Schema:
        required = [key for key, field in cls.fields.items() if field.required]
        return {
            "type": "object",
            "properties": {key: field.schema() for key, field in cls.fields.items()},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def entries(node: Node) -> Iterator[tuple[Node, Node]]:
    """The pairs of a mapping with `<<` followed, the mapping's own keys first."""
    seen: set[str] = set()
    pending = [node]
    while pending:
        mapping = pending.pop(0)
        if mapping.kind != MAPPING:
            continue
        for key, value in mapping.pairs:
            if key.text == "<<" and not key.style and key.kind == SCALAR:
                continue
            if key.text not in seen:
                seen.add(key.text)
                yield key, value
        pending = mapping.merged() + pending


def plain_data(node: Node, path: str, report: Report, shape: Shape = "any") -> Any:
    """`node` as dict, list, str, int, bool or None; a scalar that readers differ on is an error.

    `shape` decides what a scalar is that comes from a form (tag !), where numbers and texts look alike.
    """
    if node.kind == MAPPING:
        inner = shape if isinstance(shape, dict) else {"*": "any"}
        return {
            key.text: plain_data(value, f"{path}.{key.text}", report, inner.get(key.text, inner.get("*", "any")))
            for key, value in entries(node)
        }
    if node.kind == SEQUENCE:
        each = shape[0] if isinstance(shape, list) else "any"
        return [plain_data(item, f"{path}[{index}]", report, each) for index, item in enumerate(node.items)]
    if node.tag == "!":
        return int(node.text) if shape == "integer" and _INTEGER.fullmatch(node.text) else node.text
    if node.style or meaning(node.text) == "string" or str(node.tag).endswith(":str"):
        return node.text
    if node.tag is not None:
        report.error(node, path, "tag", f"the tag {node.tag[:60]} has no meaning here; remove it")
        return None
    if node.text in ("true", "false"):
        return node.text == "true"
    if node.is_null:
        return None
    if _INTEGER.fullmatch(node.text):
        return int(node.text)
    report.error(
        node, path, "unquoted", f'{node.text} reads as a {meaning(node.text)} in YAML; quote it: "{node.text}"'
    )
    return None


def _is_scalar(node: Node, path: str, report: Report, wanted: str) -> bool:
    if node.kind == SCALAR:
        return True
    report.error(node, path, "type", f"wants {wanted}, found {KIND_NAMES[node.kind]}")
    return False


def _shown(text: str) -> str:
    """A value from the input, cut and made fit for one line of a message."""
    text = text if len(text) <= 60 else text[:57] + "..."
    return ascii(text) if not text.isprintable() or not text else text


def _or(values: Iterable[str]) -> str:
    *most, last = values
    return f"{', '.join(most)} or {last}" if most else last


def guess(word: str, known: Iterable[str]) -> str:
    """A half sentence that names the known word that was probably meant, or the known words if they are few."""
    from difflib import get_close_matches  # only where there is a mistake to explain

    known = list(known)
    folded = {name.lower(): name for name in known}
    # Comparing with many for each of many mistakes would take minutes; then only the case is forgiven.
    few = folded if len(folded) <= 200 else {word.lower()} & set(folded)
    close = get_close_matches(word[:60].lower(), few, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {folded[close[0]]}?"
    return f"; known are {', '.join(sorted(known))}" if len(known) <= 12 else ""


def _lower(doc: str) -> str:
    """The first sentence of a description, to stand inside a sentence."""
    first = doc.split(". ")[0].rstrip(".")
    return first if first[:2].isupper() else first[0].lower() + first[1:]


def _camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _snake_case(key: str) -> str:
    return "".join("_" + char.lower() if char.isupper() else char for char in key)
