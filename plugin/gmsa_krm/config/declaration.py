"""The language that declares GMSAConfig: a section is a class, a field has a type, a default and a description.

The reader (types, defaults, checks), the messages and the JSON Schema use the same declaration. The classes are plain:
dataclasses, attrs and pydantic add 20 ms or more to every start, stop at the first error, or know no positions.
"""

from __future__ import annotations

import re

from gmsa_krm.config.plain_data import INTEGER, unquoted
from gmsa_krm.findings import ERROR, Location, Report, has_errors
from gmsa_krm.yamltext.nodes import KIND_NAMES, MAPPING, SCALAR, SEQUENCE, Node
from gmsa_krm.yamltext.scalars import meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, ClassVar, NoReturn

    from gmsa_krm.findings import HasPosition, Issue

    Check = Callable[[str], Iterable[Issue]]
    Schema = dict[str, Any]


class ConfigReport(Report):
    """The report about a config; fields that are set from outside it are reported at the place that sets them."""

    def __init__(self, file: str, first_line: int = 0, *, positions: bool = True) -> None:
        super().__init__(file, first_line, positions=positions)
        # By the path of a field: a number, so that the last one that fits can be taken, and where it is set.
        self._overridden: dict[str, tuple[int, str]] = {}
        self._above: dict[str, tuple[int, str]] = {}  # by the paths of what holds such fields, once needed

    def overrides(self, field: str, source: str) -> None:
        """From here on, `source` is where the field is set."""
        self._overridden[field] = len(self._overridden), source
        self._above = {}

    def add(self, issue: Issue, where: HasPosition | Location | None = None, field: str = "") -> None:
        if self._overridden:
            fitting = [self._overridden.get(path) for path in (*_holders(field), field)]
            if issue[1] == "unknown-field":
                fitting.append(self._source_below(field))
            found = [it for it in fitting if it is not None]
            where = Location(max(found)[1]) if found else where
        super().add(issue, where, field)

    def _source_below(self, field: str) -> tuple[int, str] | None:
        if not self._above:
            for path, source in self._overridden.items():
                self._above.update(dict.fromkeys(_holders(path), source))
        return self._above.get(field)


def _holders(path: str) -> list[str]:
    """The paths of the mappings and lists that a field is in: spec and spec.a of spec.a[0]."""
    return [path[:at] for at, letter in enumerate(path) if letter in ".["]


class Field:
    """One field of a section. `default` may be a function of the section."""

    key: str

    def __init__(
        self, doc: str, *, required: bool = False, default: object = None, examples: tuple[str, ...] = ()
    ) -> None:
        self.doc = doc
        self.required = required
        self.default = default
        self.examples = examples

    def read(self, node: Node, path: str, report: Report) -> Any:
        """The value of `node`; None if it is wrong, with the reason in the report."""
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
        """The value of a field that is absent or null."""
        return self.default(section) if callable(self.default) else self.default


class _String(Field):
    def __init__(self, doc: str, *, check: Check | None = None, **rest: Any) -> None:
        super().__init__(doc, **rest)
        self.check = check

    def read(self, node: Node, path: str, report: Report) -> str | None:
        in_braces = _in_braces(node)
        if in_braces is not None:
            message = f'must be a string, but is a mapping to YAML, for its braces; quote it: "{in_braces}"'
            report.add(self._wrong(in_braces) or ("error", "type", message), node, path)
            return None
        if not is_scalar(node, path, report, "a string"):
            return None
        if not node.style and node.tag is None and meaning(node.text) != "string":
            report.add(self._wrong(node.text) or ("error", "unquoted", unquoted(node.text)), node, path)
            return None
        for issue in self.check(node.text) if self.check else ():
            report.add(_cut(issue, node.text), node, path)
        return node.text

    def _wrong(self, text: str) -> Issue | None:
        """The issue that the text would have in quotes too, so that no message asks for what the next run refuses."""
        return (
            next((_cut(it, text) for it in self.check(text) if it[0] == ERROR), None) if self.check and text else None
        )

    def type_schema(self) -> Schema:
        return {"type": "string"}


class _Enum(Field):
    """One of a few words."""

    def __init__(self, doc: str, values: tuple[str, ...], **rest: Any) -> None:
        super().__init__(doc, **rest)
        self.values = values

    def read(self, node: Node, path: str, report: Report) -> str | None:
        if not is_scalar(node, path, report, "a string"):
            return None
        if node.text in self.values:
            return node.text
        report.error("unknown-value", _not_one_of(node.text, self.values, report), node, path)
        return None

    def type_schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}


class _Integer(Field):
    def __init__(self, doc: str, minimum: int, maximum: int, **rest: Any) -> None:
        super().__init__(doc, **rest)
        self.minimum = minimum
        self.maximum = maximum

    def read(self, node: Node, path: str, report: Report) -> int | None:
        if not is_scalar(node, path, report, "a whole number"):
            return None
        if node.style or not re.fullmatch(INTEGER, node.text):
            report.error("type", f"{shown(node.text)} is not a whole number; write digits without quotes", node, path)
            return None
        value = int(node.text)
        if not self.minimum <= value <= self.maximum:
            report.error("range", f"{value} is out of range; give {self.minimum} to {self.maximum}", node, path)
            return None
        return value

    def type_schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class _Boolean(Field):
    def read(self, node: Node, path: str, report: Report) -> bool | None:
        if not is_scalar(node, path, report, "true or false"):
            return None
        if node.style or node.text not in ("true", "false"):
            message = f"{shown(node.text)} is not true or false; write one of them in lower case, without quotes"
            report.error("type", message, node, path)
            return None
        return node.text == "true"

    def type_schema(self) -> Schema:
        return {"type": "boolean"}


class _List(Field):
    def __init__(self, doc: str, item: Field, *, min_items: int = 0, **rest: Any) -> None:
        super().__init__(doc, default=(), **rest)
        self.item = item
        self.min_items = min_items

    def read(self, node: Node, path: str, report: Report) -> list[Any] | None:
        if node.kind != SEQUENCE:
            message = f"must be a list, but is {KIND_NAMES[node.kind]}; start each entry with `- `"
            report.error("type", message, node, path)
            return None
        if self.min_items and not node.items:
            report.error("required", "is empty; give at least one entry", node, path)
        values = (self.item.read(item, f"{path}[{index}]", report) for index, item in enumerate(node.items))
        return [value for value in values if value is not None]

    def type_schema(self) -> Schema:
        least = {"minItems": self.min_items} if self.min_items else {}
        return {"type": "array", "items": self.item.schema(), **least}


class _OneOrMore(_List):
    """A list, or one entry of it without the list."""

    def read(self, node: Node, path: str, report: Report) -> list[Any] | None:
        if node.kind == SEQUENCE:
            return super().read(node, path, report)
        value = self.item.read(node, path, report)
        return None if value is None else [value]

    def type_schema(self) -> Schema:
        return {"anyOf": [self.item.schema(), super().type_schema()]}


class _ListOrKeyword(_List):
    """A list, or a keyword in place of it, which is the value then."""

    def __init__(self, doc: str, item: Field, keyword: str, **rest: Any) -> None:
        super().__init__(doc, item, **rest)
        self.keyword = keyword

    def read(self, node: Node, path: str, report: Report) -> Any:
        if node.kind != SCALAR:
            return super().read(node, path, report)
        if node.text == self.keyword:
            return self.keyword
        from gmsa_krm.findings.suggest import suggestion_for

        meant = suggestion_for(report, node.text, [self.keyword], listed=False)
        report.error("unknown-value", f"{shown(node.text)} is neither a list nor {self.keyword}{meant}", node, path)
        return None

    def type_schema(self) -> Schema:
        return {"anyOf": [super().type_schema(), {"const": self.keyword}]}


class _Nested(Field):
    def __init__(self, doc: str, section: type[Section], **rest: Any) -> None:
        super().__init__(doc, **rest)
        self.section = section

    def read(self, node: Node, path: str, report: Report) -> Any:
        return self.section.read(node, path, report)

    def initial(self, section: Section) -> Any:
        if self.default is None:
            return None
        return self.section.read(None, f"{section.path}.{self.key}".lstrip("."), Report())

    def type_schema(self) -> Schema:
        return self.section.schema()

    def schema(self) -> Schema:
        return {**self.type_schema(), "description": self.doc}


class _StringOrMapping(Field):
    """A string, or a mapping of strings."""

    def read(self, node: Node, path: str, report: Report) -> str | dict[str, str] | None:
        string = _String("")
        if node.kind != MAPPING:
            return string.read(node, path, report)
        values = {key.text: string.read(value, f"{path}.{key.text}", report) for key, value in node.entries()}
        return {key: value for key, value in values.items() if value is not None}

    def type_schema(self) -> Schema:
        return {"type": ["string", "object"], "additionalProperties": {"type": "string"}}


class _NumberOrPercent(Field):
    def read(self, node: Node, path: str, report: Report) -> int | str | None:
        if not is_scalar(node, path, report, "a number or a percentage"):
            return None
        if re.fullmatch(r"[0-9]{1,9}", node.text) and not node.style:
            return int(node.text)
        if re.fullmatch(r"(?:100|[0-9]{1,2})%", node.text):
            return node.text
        report.error("type", f"{shown(node.text)} is neither a number (1) nor a percentage (50%)", node, path)
        return None

    def type_schema(self) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(100|[0-9]{1,2})%$"}]}


# These functions return Any, since a declared attribute has the type of the value and not of the Field.
def string(doc: str, **rest: Any) -> Any:
    return _String(doc, **rest)


def enum(doc: str, *values: str, **rest: Any) -> Any:
    return _Enum(doc, values, **rest)


def integer(doc: str, minimum: int, maximum: int, **rest: Any) -> Any:
    return _Integer(doc, minimum, maximum, **rest)


def boolean(doc: str, **rest: Any) -> Any:
    return _Boolean(doc, **rest)


def strings(doc: str, *, each: str = "", check: Check | None = None, **rest: Any) -> Any:
    return _List(doc, _String(each, check=check), **rest)


def section(doc: str, cls: type[Section], *, optional: bool = False, **rest: Any) -> Any:
    return _Nested(doc, cls, default=None if optional else True, **rest)


def sections(doc: str, cls: type[Section], **rest: Any) -> Any:
    return _List(doc, _Nested(cls.__doc__ or "", cls), **rest)


def sections_or_keyword(doc: str, cls: type[Section], keyword: str) -> Any:
    return _ListOrKeyword(doc, _Nested(cls.__doc__ or "", cls), keyword)


def one_or_more(doc: str, cls: type[Section], **rest: Any) -> Any:
    return _OneOrMore(doc, _Nested(cls.__doc__ or "", cls), min_items=1, **rest)


def string_or_mapping(doc: str, **rest: Any) -> Any:
    return _StringOrMapping(doc, **rest)


def number_or_percent(doc: str, **rest: Any) -> Any:
    return _NumberOrPercent(doc, **rest)


class Section:
    """A mapping of the config, immutable after it was read. Subclasses declare fields, named in snake_case, and have
    those of the class above, too.

    `path` is its path in the config (`spec.domains[0]`), `node` its node (None if it is absent), `is_valid` whether its
    fields have no error, nested sections aside.
    """

    fields: ClassVar[dict[str, Field]] = {}
    checks_always: ClassVar[bool] = False  # whether `check` runs even if fields are invalid
    path: str
    node: Node | None
    is_valid: bool
    _nodes: dict[str, Node]

    def __init_subclass__(cls) -> None:
        cls.fields = dict(cls.fields)
        for name, field in list(vars(cls).items()):
            if isinstance(field, Field):
                field.key = _camel_case(name)
                cls.fields[field.key] = field
                delattr(cls, name)

    @classmethod
    def read(cls, node: Node | None, path: str, report: Report) -> Any:
        """The section in `node` with defaults filled in; None if it is not a mapping."""
        if node is not None and node.kind != MAPPING and not node.is_null:
            fields = [key for key, field in cls.fields.items() if field.required] or list(cls.fields)[:3]
            message = f"must be a mapping, but is {KIND_NAMES[node.kind]}; give fields such as {', '.join(fields)}"
            report.error("type", message, node, path)
            return None
        contents = None if node is None or node.is_null else node
        self = cls()
        nodes: dict[str, Node] = {}
        values, is_valid = cls._read_fields(contents, path, report, nodes)
        # into __dict__, past __setattr__
        vars(self).update(path=path, node=node, is_valid=is_valid, _nodes=nodes)
        self._set_values(values)
        if is_valid or cls.checks_always:
            self.check(report)
        return self

    @classmethod
    def _read_fields(
        cls, node: Node | None, path: str, report: Report, nodes: dict[str, Node]
    ) -> tuple[dict[str, Any], bool]:
        """The values of the fields in `node`, and whether all are valid; adds the node of each field to `nodes`."""
        values: dict[str, Any] = {}
        hints: list[str] = []
        is_valid = True
        for key, value in node.entries() if node is not None else ():
            field = cls.fields.get(key.text) if key.kind == SCALAR else None
            field_path = f"{path}.{key.text}" if path else key.text
            if field is None:
                from gmsa_krm.findings.suggest import suggestion_for

                hint = suggestion_for(report, key.text, cls.fields)
                report.error("unknown-field", f"unknown field{hint}", key, field_path)
                hints.append(hint)
                continue
            nodes[key.text] = value
            if value.is_null:
                continue
            earlier = len(report.findings)
            values[key.text] = field.read(value, field_path, report)
            if not isinstance(getattr(field, "item", field), _Nested):
                is_valid = is_valid and not has_errors(report.findings[earlier:])
        for name, field in cls.fields.items():
            if field.required and name not in values:
                is_valid = False
                if f" (did you mean {name}?)" not in hints:  # else the misspelt field is reported
                    field_path = f"{path}.{name}" if path else name
                    report.error("required", f"is missing; give {_first_sentence(field.doc)}", node, field_path)
        return values, is_valid

    def _set_values(self, values: dict[str, Any]) -> None:
        attributes = vars(self)
        computed = []
        for key, field in self.fields.items():
            value = values.get(key)
            if value is None:
                if callable(field.default):
                    computed.append((key, field))
                else:
                    value = field.initial(self)
            attributes[snake_case(key)] = value
        for key, field in computed:  # they may depend on the others
            attributes[snake_case(key)] = field.initial(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: a config is immutable")

    def check(self, report: Report) -> None:
        """Checks the fields against each other. Each is valid by itself, but nested sections may not be."""

    def is_given(self, key: str) -> bool:
        """Whether the config has the field `key`."""
        return key in self._nodes

    def at(self, key: str) -> Node | None:
        """Where to report findings about the field `key`: its node, or that of the section if the field is absent."""
        return self._nodes.get(key, self.node)

    def value(self, key: str) -> Any:
        """The value of the field `key` of the config."""
        return getattr(self, snake_case(key))

    @classmethod
    def schema(cls) -> Schema:
        required = [key for key, field in cls.fields.items() if field.required]
        return {
            "type": "object",
            "properties": {key: field.schema() for key, field in cls.fields.items()},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def is_scalar(node: Node, path: str, report: Report, wanted: str) -> bool:
    """Whether `node` is a scalar; if not, reports that it must be `wanted`."""
    if node.kind == SCALAR:
        return True
    is_template = node.kind == MAPPING and node.flow and bool(node.pairs) and node.pairs[0][0].kind == MAPPING
    what = (
        "a template in {{ }}; write the value, or render the template first" if is_template else KIND_NAMES[node.kind]
    )
    report.error("type", f"must be {wanted}, but is {what}", node, path)
    return False


def _in_braces(node: Node) -> str | None:
    """The text that was meant by a word in braces without quotes, such as a GUID."""
    if node.kind != MAPPING or not node.flow or len(node.pairs) != 1 or node.alias:
        return None
    key, value = node.pairs[0]
    is_word = key.kind == SCALAR and value.is_null and not value.text and key.text
    return f"{{{key.text}}}" if is_word else None


def shown(text: str) -> str:
    """A value from the input, shortened and escaped for one line of a message."""
    text = text if len(text) <= 60 else text[:57] + "..."
    return ascii(text) if not text.isprintable() or not text else text


def _cut(issue: Issue, text: str) -> Issue:
    """An issue about a text of the input, which a message need not repeat in full length."""
    severity, rule, message = issue
    if len(text) > 200:
        start = f"{text[:57]}..."
        message = message.replace(ascii(text), ascii(start)).replace(text, start)
    return severity, rule, message


def _not_one_of(text: str, values: tuple[str, ...], report: Report) -> str:
    from gmsa_krm.findings.suggest import suggestion_for

    *most, last = values
    if not most:
        return f"{shown(text)} is not {last}"
    return f"{shown(text)} is not {', '.join(most)} or {last}{suggestion_for(report, text, values, listed=False)}"


def _first_sentence(doc: str) -> str:
    """The first sentence of a description, in the form for the middle of a sentence."""
    first = doc.split(". ")[0].rstrip(".")
    if first.startswith(("A ", "An ", "The ")):
        return first[0].lower() + first[1:]
    word = first.partition(" ")[0]
    return "the " + (first if word[1:] != word[1:].lower() else first[0].lower() + first[1:])


def _camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def snake_case(key: str) -> str:
    return "".join("_" + char.lower() if char.isupper() else char for char in key)
