"""Data -> YAML text as hands, templates and tools write it, and text -> text with the mistakes that they make.

Every choice comes from the generator of random numbers that is passed in.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

Data = Any

_AMBIGUOUS = re.compile(
    r"(?i)^(?:~|null|y|n|yes|no|on|off|true|false|=|<<|\.\.\.|[-+]?[0-9._][0-9_.:eExXoOa-fA-F+-]*|[-+]?\.(?:inf|nan)"
    r"|[0-9]{4}-[0-9]+-[0-9]+.*)?$"
)
_PLAIN = re.compile(r"[A-Za-z0-9_./(][A-Za-z0-9_./()+=;$%^~<>@-]*(?: [A-Za-z0-9_./+()=;$%^~<>@-]+)*")
_STARTS = ("", "", "", "---\n", "# a comment\n---\n", "---  # start\n", "\n\n", "%YAML 1.2\n---\n")
_ENDS = ("", "", "", "", "", "", "...\n", "\n\n", "# the end\n", "# the end\n", "---\n")


class Raw(str):
    """Text that is written as it is."""

    __slots__ = ()


class Style:
    """How one document is written; each rate is the probability of a form at one place."""

    def __init__(self, rng: random.Random, plain: bool = False) -> None:
        """`plain`: block style with two spaces, as most people write it."""
        self.rng = rng
        self.quotes, self.flow = 0.05, rng.choice((0.0, 0.0, 0.1))
        self.step, self.sequences = 2, 0
        self.comments = self.anchors = self.merges = self.tags = self.explicit = self.escapes = self.folds = 0.0
        self.json = self.crlf = self.unclosed = self.bom = False
        self.start = self.end = ""
        self._names: dict[str, str] = {}
        self._repeated: set[str] = set()
        if not plain:
            self._vary()

    def _vary(self) -> None:
        choose, chance = self.rng.choice, self._chance
        odd = choose((0, 0, 0, 1, 2))
        self.quotes = (0.05, 0.2, 0.5)[odd]
        self.flow = (self.flow, 0.15, 0.5)[odd]
        self.comments = choose((0.0, 0.0, 0.05, 0.2))
        self.anchors = choose((0.0, 0.0, 0.0, 0.6))
        self.merges = choose((0.0, 0.0, 0.0, 0.1))
        self.tags = choose((0.0,) * 8 + (0.03,))
        self.explicit = choose((0.0,) * 9 + (0.05,))
        self.escapes = choose((0.0,) * 9 + (0.05,))
        self.folds = choose((0.0,) * 5 + (0.3,))
        self.step, self.sequences = choose((2, 2, 2, 4, 3)), choose((0, 0, 2))
        self.json, self.crlf, self.unclosed, self.bom = chance(0.05), chance(0.05), chance(0.05), chance(0.02)
        self.start, self.end = choose(_STARTS), choose(_ENDS)

    def as_part(self) -> Style:
        """The style for a document that is put into something else."""
        self.start = self.end = ""
        self.crlf = self.unclosed = self.bom = False
        return self

    def dump(self, data: Data) -> str:
        text = f"{self.start}{self._json(data) if self.json else self._yaml(data)}{self.end}"
        if self.unclosed:
            text = text.rstrip("\n")
        if self.crlf:
            text = text.replace("\n", "\r\n")
        return "\ufeff" + text if self.bom else text

    def _json(self, data: Data) -> str:
        indent = self.rng.choice((None, 1, 2, 4))
        return json.dumps(without_raw(data), indent=indent, ensure_ascii=self._chance(0.5)) + "\n"

    def _yaml(self, data: Data) -> str:
        if self.anchors:
            seen: dict[str, int] = {}
            _count(data, seen)
            self._repeated = {key for key, number in seen.items() if number > 1}
        return self._block(data, 0) if isinstance(data, (dict, list)) and data else self._leaf(data, 1) + "\n"

    def _chance(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability

    def _anchor(self, data: Data) -> tuple[str, str]:
        """("*a", "") for an alias, ("", "&a ") for an anchor."""
        if not self.anchors or not isinstance(data, (dict, list, str)) or not data:
            return "", ""
        key = _key_of(data)
        if key in self._names and self._chance(0.8):
            return f"*{self._names[key]}", ""
        if key in self._repeated and self._chance(self.anchors):
            self._names[key] = f"a{len(self._names)}"
            return "", f"&{self._names[key]} "
        return "", ""

    def _block(self, data: Data, indent: int) -> str:
        return self._block_mapping(data, indent) if isinstance(data, dict) else self._block_sequence(data, indent)

    def _block_mapping(self, data: dict[str, Data], indent: int) -> str:
        pad, out = " " * indent, []
        pairs = list(data.items())
        if len(pairs) > 1 and self._chance(self.merges) and all(isinstance(key, str) for key in data):
            at = self.rng.randrange(1, len(pairs))
            out.append(f"{pad}<<: {self._flow(dict(pairs[at:]))}\n")
            pairs = pairs[:at]
        for key, value in pairs:
            if self._chance(self.comments):
                out.append(self.rng.choice((f"{pad}# a comment\n", "\n", f"{pad}# {key}: x\n", "# at the margin\n")))
            out.append(self._entry(f"{pad}{self._key(key)}", value, indent))
        return "".join(out)

    def _block_sequence(self, data: list[Data], indent: int) -> str:
        pad, out = " " * indent, []
        for value in data:
            if self._chance(self.comments):
                out.append(self.rng.choice((f"{pad}# a comment\n", "\n")))
            if isinstance(value, (dict, list)) and value and not self._chance(self.flow):
                out.append(self._item(value, pad, indent))
            else:
                out.append(f"{pad}- {self._with_remark(self._leaf(value, indent + 2))}\n")
        return "".join(out)

    def _item(self, value: Data, pad: str, indent: int) -> str:
        alias, anchor = self._anchor(value)
        if alias:
            return f"{pad}- {alias}\n"
        inner = self._block(value, indent + 2)
        if anchor:
            return f"{pad}- {anchor.rstrip()}\n{inner}"
        first = inner.split("\n", 1)[0]
        if first.strip() and first.startswith(" " * (indent + 2)) and not first.lstrip().startswith("#"):
            return f"{pad}- {inner[indent + 2 :]}"
        return f"{pad}-\n{inner}"

    def _entry(self, head: str, value: Data, indent: int) -> str:
        if isinstance(value, (dict, list)) and value and not self._chance(self.flow):
            return self._collection(head, value, indent)
        leaf = self._leaf(value, indent + 2)
        if self._chance(self.explicit) and "\n" not in leaf:
            pad = head[: len(head) - len(head.lstrip())]
            return f"{pad}? {head.lstrip()}\n{pad}: {leaf}\n"
        return f"{head}: {self._with_remark(leaf)}\n"

    def _collection(self, head: str, value: Data, indent: int) -> str:
        alias, anchor = self._anchor(value)
        if alias:
            return f"{head}: {alias}{self._remark()}\n"
        is_list = isinstance(value, list)
        tag = "!!map " if self._chance(self.tags) and not is_list else ""
        properties = (anchor + tag).rstrip()
        inner = self._block(value, indent + (self.sequences if is_list else self.step))
        return f"{head}:{' ' if properties else ''}{properties}{self._remark()}\n{inner}"

    def _with_remark(self, leaf: str) -> str:
        return leaf if "\n" in leaf or leaf.startswith(("|", ">")) else leaf + self._remark()

    def _remark(self) -> str:
        return self.rng.choice(("  # remark", " # x: y", "   ")) if self._chance(self.comments / 2) else ""

    def _key(self, key: str) -> str:
        if isinstance(key, Raw):
            return str(key)
        if key and self._chance(self.escapes):
            return f'"{escaped(self.rng, key)}"'
        return json.dumps(key) if self._chance(self.quotes / 10) else self._scalar(key, False)

    def _leaf(self, value: Data, indent: int) -> str:
        if isinstance(value, (dict, list)):
            alias, anchor = self._anchor(value)
            return alias or anchor + self._flow(value)
        if not isinstance(value, str) or isinstance(value, Raw):
            return self._flow(value)
        alias, anchor = self._anchor(value)
        if alias:
            return alias
        return anchor + self._text(value, indent)

    def _text(self, value: str, indent: int) -> str:
        if "\n" in value and value[0] not in " \n" and re.fullmatch(r"[\n\x20-\x7e]+", value) and self._chance(0.7):
            return _literal(value, indent)
        if " " in value.strip() and _PLAIN.fullmatch(value) and self._chance(self.folds):
            at = self.rng.choice([match.start() for match in re.finditer(" ", value)])
            quote = self.rng.choice(("", "", '"'))
            return f"{quote}{value[:at]}\n{' ' * indent}{value[at + 1 :]}{quote}"
        return ("!!str " if self._chance(self.tags) else "") + self._scalar(value, False)

    def _flow(self, value: Data) -> str:
        space = " " if self._chance(0.3) else ""
        if isinstance(value, dict):
            pairs = (f"{self._flow_key(key)}: {self._flow(item)}" for key, item in value.items())
            return "{" + space + ", ".join(pairs) + space + "}"
        if isinstance(value, list):
            return "[" + space + ", ".join(map(self._flow, value)) + space + "]"
        if isinstance(value, Raw):
            return str(value)
        if isinstance(value, str):
            return self._scalar(value, True)
        return self.rng.choice(("null", "~", "null")) if value is None else json.dumps(value)

    def _flow_key(self, key: str) -> str:
        return str(key) if isinstance(key, Raw) else self._scalar(key, True)

    def _scalar(self, text: str, flow: bool) -> str:
        is_plain = _PLAIN.fullmatch(text) and not _AMBIGUOUS.match(text) and not (flow and "," in text)
        if is_plain and not self._chance(self.quotes):
            return text
        if not text.isprintable() or self._chance(0.4) or not text.isascii():
            is_beyond = any(ord(it) > 0xFFFF for it in text)  # the two escapes of JSON for one character are not YAML
            return json.dumps(text, ensure_ascii=not is_beyond and (self._chance(0.5) or not text.isprintable()))
        return "'" + text.replace("'", "''") + "'"


def escaped(rng: random.Random, text: str) -> str:
    """The inside of a double-quoted scalar, with one character as an escape."""
    at = rng.randrange(len(text))
    code = ord(text[at])
    escape = f"\\x{code:02x}" if code < 0x100 else f"\\U{code:08x}"
    return json.dumps(text[:at])[1:-1] + escape + json.dumps(text[at + 1 :])[1:-1]


def without_raw(data: Data) -> Data:
    if isinstance(data, dict):
        return {str(key): without_raw(value) for key, value in data.items()}
    if isinstance(data, list):
        return [without_raw(item) for item in data]
    return str(data) if isinstance(data, str) else data


def _literal(value: str, indent: int) -> str:
    body = value.rstrip("\n")
    breaks = len(value) - len(body)
    lines = "\n".join(" " * indent + line if line else "" for line in body.split("\n"))
    return f"|{('-', '', '+')[min(breaks, 2)]}\n{lines}" + "\n" * max(breaks - 1, 0)


def _key_of(data: Data) -> str:
    return json.dumps(without_raw(data), default=str)


def _count(data: Data, seen: dict[str, int]) -> None:
    is_text = isinstance(data, str) and not isinstance(data, Raw) and len(data) > 2
    if is_text or (isinstance(data, (dict, list)) and data):
        key = _key_of(data)
        seen[key] = seen.get(key, 0) + 1
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        _count(item, seen)


# Scalars as a template could leave them in place of a value.
ODD_SCALARS = (
    *("", "~", "null", "NO", "on", "yes", "true", "True", "1", "-1", "0", "1.5", "1e3", "0o17", "0123", "0x1F"),
    *("12:30", "2026-01-01", ".inf", "=", "<<", "[]", "{}", "[a]", "{a: b}", "*nope", "&x y", "!!str 1"),
    *("!!int 1", "!local x", "! 1", "|\n    text\n", ">-\n    text\n", "'it''s'", '"\\u0007"', '"\\ud83d\\ude00"'),
    *('"a\\nb"', "- a", "a: b", "@x", "`x`", "%x", "#x", "ünï", "日本", '"\\x7f"', '"\\0"', "'", '"', "\t", "a\tb"),
    *(
        "x" * 300,
        "null null",
        "\u00a0",
        "\u2028",
        "\u202e",
        "a\rb",
        "a\rkind: Pod",
        "a\u0085b",
        '"a\\rb"',
        "[a, b",
        "?x",
    ),
)
# Characters that end a line for some readers of YAML and not for others, and some that none accepts.
_ODD_CHARACTERS = (
    *("\0", "\x07", "\x7f", "\u0085", "\u00a0", "\ufeff", "\u2028", "\u2029", "\udc80", "\r", "\r\n", "\t", "é"),
    *("{", "[", "&a ", "*a ", "%", "---\n", "\n---\n", "\n...\n"),
)
_TAILS = (" # x", "  ", ":", ",", "]", "}", " |", " >", " &a", " *a", "\r", '"', "'", "\u0085", "\u2028", " !!str")

Lines = list[str]


def with_mistakes(rng: random.Random, text: str, number: int = 1) -> str:
    """`text` with a few changes that a hand or a template could make."""
    for _ in range(number):
        text = rng.choice(_MISTAKES)(rng, text)
    return text


def _in_line(change: Callable[[random.Random, str, Lines], Lines]) -> Callable[[random.Random, str], str]:
    def apply(rng: random.Random, text: str) -> str:
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        lines[at : at + 1] = change(rng, lines[at], lines)
        return "\n".join(lines)

    return apply


def _replace_value(rng: random.Random, line: str, _: Lines) -> Lines:
    head, colon, _rest = line.partition(": ")
    if colon:
        return [f"{head}: {rng.choice(ODD_SCALARS)}"]
    if line.lstrip().startswith("- "):
        return [f"{line[: len(line) - len(line.lstrip())]}- {rng.choice(ODD_SCALARS)}"]
    return [line + " " + rng.choice(ODD_SCALARS)]


def _mistype_key(rng: random.Random, line: str, _: Lines) -> Lines:
    match = re.match(r"(\s*(?:- )?)([A-Za-z]+):", line)
    if match is None:
        return [line]
    key = match[2]
    at = rng.randrange(len(key))
    without, with_more = key[:at] + key[at + 1 :], key[:at] + rng.choice("xyzZ") + key[at:]
    forms = (without, with_more, key.swapcase(), key.lower(), key + "s", key.rstrip("s"), f'"{key}"', f"? {key}\n:")
    return [f"{match[1]}{rng.choice((*forms, f'{chr(34)}{escaped(rng, key)}{chr(34)}'))}:{line[match.end() :]}"]


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _insert(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_ODD_CHARACTERS) + text[at:]


def _other_breaks(rng: random.Random, text: str) -> str:
    return text.replace("\n", rng.choice(("\r\n", "\r", "\u0085", "\u2028")), rng.choice((1, 3, -1)))


_MISTAKES: tuple[Callable[[random.Random, str], str], ...] = (
    _in_line(_replace_value),
    _in_line(_replace_value),
    _in_line(_replace_value),
    _in_line(_mistype_key),
    _in_line(_mistype_key),
    _in_line(lambda rng, line, lines: []),
    _in_line(lambda rng, line, lines: [line, line]),
    _in_line(lambda rng, line, lines: [line, rng.choice(lines)]),
    _in_line(lambda rng, line, lines: [" " * rng.choice((1, 2)) + line]),
    _in_line(lambda rng, line, lines: [line[rng.choice((1, 2)) :]]),
    _in_line(lambda rng, line, lines: ["\t" + line]),
    _in_line(lambda rng, line, lines: [line, rng.choice(("---", "..."))]),
    _in_line(lambda rng, line, lines: [line + rng.choice(_TAILS)]),
    _cut,
    _insert,
    _insert,
    _other_breaks,
)
