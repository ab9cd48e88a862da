"""Plain data (dict, list, str, int, bool, None) -> YAML text that every YAML reader reads the same.

PyYAML's dumper is not used: it goes through a tree of nodes in Python (ten times slower on a large set,
a third of the start-up on a small one) and knows YAML 1.1 only, where `0o17` and `1e3` are strings.
Keys keep their order. The style is that of kubectl and kustomize: two spaces, lists not indented.
"""

from __future__ import annotations

import re

from gmsa_krm.yamltext.scalars import meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Data = Mapping[str, "Data"] | Sequence["Data"] | str | int | bool | None

# No character that is an indicator anywhere: such a text can be plain in block and in flow context.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+()=;$%^~<>@-]*(?:[ :][A-Za-z0-9_./+()=;$%^~<>@-]+)*")
# Valid in JSON, but refused or read as a line break by YAML readers.
_NOT_IN_YAML = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


class Verbatim(str):
    """A plain scalar of one line, or one with a tag, that is YAML already and is written unchanged in a block."""

    __slots__ = ()


def document(value: Data) -> str:
    """`value` as the text of one document, ending in a line break and without `---`."""
    out: list[str] = []
    if isinstance(value, dict) and value:
        _mapping(value, "", out, "")
    elif isinstance(value, list) and value:
        _sequence(value, "", out, "")
    else:
        out.append(_leaf(value, "  ") + "\n")
    return "".join(out)


def block(value: dict[str, Any] | list[Any], indent: str) -> str:
    """`value`, a mapping or list that is not empty, as lines that all start with `indent`."""
    out: list[str] = []
    if isinstance(value, dict):
        _mapping(value, indent, out, indent)
    else:
        _sequence(value, indent, out, indent)
    return "".join(out)


def flow(value: Data, as_json: bool) -> str:
    """`value` on one line, as flow collections. `as_json`: whether to quote keys, as the JSON around it does."""
    if isinstance(value, dict):
        pairs = (f"{json_of(key) if as_json else scalar(key)}: {flow(item, as_json)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item, as_json) for item in value) + "]"
    if isinstance(value, str) and not (isinstance(value, Verbatim) and _is_same_in_flow(value)):
        return json_of(value) if as_json else scalar(str(value))
    return _leaf(value, "")


def _is_same_in_flow(text: str) -> bool:
    """Whether a plain scalar of a block stays the same in a flow collection; a string can be quoted instead."""
    if text.startswith("!") or _PLAIN.fullmatch(text):
        return True
    return meaning(text) != "string" and not set(text) & set(",[]{}")


def json_of(value: Data, indent: int | None = None) -> str:
    """`value` as JSON that is also YAML: escapes only characters that YAML refuses or reads as line breaks.

    Characters beyond the basic plane are not escaped: JSON needs a surrogate pair for one, which YAML refuses.
    """
    from json import dumps

    text = dumps(value, indent=indent, ensure_ascii=False)
    return re.sub(_NOT_IN_YAML, lambda match: f"\\u{ord(match[0]):04x}", text)


def scalar(text: str) -> str:
    """`text` as a scalar of one line that stays this string in every context."""
    if _PLAIN.fullmatch(text) and meaning(text) == "string":
        return text
    if not _is_printed(text):
        return '"' + "".join(_escaped(char) for char in text) + '"'
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _is_printed(text: str) -> bool:
    """Whether no character needs an escape; line breaks, tabs, and what a reader may refuse or fold do.

    Code points are compared one by one, and only for a text beyond ASCII: the regular expression for it would
    take longer to compile at each start than everything else here.
    """
    if text.isascii():
        return text.isprintable()
    return all(
        0x20 <= code < 0x7F
        or (0xA0 <= code < 0xD800 and code not in (0xAD, 0x2028, 0x2029))
        or (0xE000 <= code < 0xFFFE and code != 0xFEFF)
        or code >= 0x10000
        for code in map(ord, text)
    )


def _escaped(char: str) -> str:
    short = _SHORT_ESCAPES.get(char)
    if short is not None:
        return short
    if _is_printed(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _mapping(value: Mapping[str, Data], indent: str, out: list[str], first: str) -> None:
    """The lines of a mapping; `first` is the text before the first key ("- " in a list)."""
    start = first
    for key, item in value.items():
        head = f"{start}{scalar(key)}:"
        start = indent
        if item and isinstance(item, dict):
            out.append(head + "\n")
            _mapping(item, indent + "  ", out, indent + "  ")
        elif item and isinstance(item, list):
            out.append(head + "\n")
            _sequence(item, indent, out, indent)
        else:
            out.append(f"{head} {_leaf(item, indent + '  ')}\n")


def _sequence(value: Sequence[Data], indent: str, out: list[str], first: str) -> None:
    start = first
    for item in value:
        head = f"{start}- "
        start = indent
        if item and isinstance(item, dict):
            _mapping(item, indent + "  ", out, head)
        elif item and isinstance(item, list):
            _sequence(item, indent + "  ", out, head)
        else:
            out.append(f"{head}{_leaf(item, indent + '  ')}\n")


def _leaf(value: Data, indent: str) -> str:
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, str):
        return _literal(value, indent) or scalar(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{}"
    return "[]"


def _literal(text: str, indent: str) -> str | None:
    """A text of several lines as a literal block, if that has exactly the same value; else None."""
    if "\n" not in text or text[0] in " \n" or not _is_printed(text.replace("\n", "")):
        return None
    body = text.rstrip("\n")
    breaks = len(text) - len(body)
    chomp = ("-", "", "+")[min(breaks, 2)]
    lines = [indent + line if line else "" for line in body.split("\n")] + [""] * (breaks - 1)
    return f"|{chomp}\n" + "\n".join(lines)
