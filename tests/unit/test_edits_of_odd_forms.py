"""Edits of YAML in all its forms, against a model that knows nothing of the editor.

The model reads the text before and after with PyYAML's own parser, in Python, and changes plain data. What is edited must
be what the model says; what is not edited must say so.
"""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, note, reject, settings
from hypothesis import strategies as st
from yaml_model import YAML, read

from gmsa_krm.yamltext.changes import change_of, changed_text
from gmsa_krm.yamltext.edits import ListPatch, NotEdited, Replace
from gmsa_krm.yamltext.stream import Document

KEYS = ["a", "b", "c", "d", "e"]


# The texts


class Text:
    """Writes a mapping in forms that are drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._anchors: list[tuple[str, bool]] = []  # name, and whether it is of a mapping
        self._number = 0
        self.newline = draw(st.sampled_from(["\n"] * 6 + ["\r\n", "\r", "\x85", "\u2028", "\u2029"]))

    def choose(self, *options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def keys(self, at_least: int) -> list[str]:
        return self._draw(st.lists(st.sampled_from(KEYS), min_size=at_least, max_size=4, unique=True))

    def document(self) -> str:
        start = self.choose("", "", "---\n", "# a comment\n", "--- # a comment\n\n", "%YAML 1.1\n---\n")
        body = self.choose(self.block_mapping, self.block_mapping, self.block_mapping, self.flow)(0)
        end = self.choose("", "", "", "# the end\n", "\n\n", "...\n", "  \n", "\n# x\n")
        text = start + body + self.choose("", "", "\n") + end
        text = self.choose(text, text, text, text.removesuffix("\n"))
        return str(text.replace("\n", self.newline))

    def block_mapping(self, level: int, indent: int = 0) -> str:
        """Lines that start with the indentation."""
        lines = []
        spaces = " " * indent
        for key in self.keys(1):
            lines.append(self.choose("", "", "", "", "\n", f"{spaces}# a comment\n", "# - x: y\n"))
            name = self.choose(
                *[key] * 6, f"'{key}'", f'"\\x{ord(key):02x}"', f"!!str {key}", f"? {key}\n{spaces}", f"{key} "
            )
            lines.append(f"{spaces}{name}:{self.value(level + 1, indent)}")
        if self._anchors and self.choose(*[False] * 5, True):
            mappings = [name for name, is_mapping in self._anchors if is_mapping]
            if mappings:
                merged = self.choose(f"*{self.choose(*mappings)}", f"[*{self.choose(*mappings)}, {{z: 1}}]", "{y: 2}")
                lines.append(f"{spaces}<<: {merged}\n")
        return "".join(lines)

    def value(self, level: int, indent: int) -> str:
        """What follows the colon, and the end of the line."""
        kind = self.choose("scalar", "scalar", "mapping", "list", "flow", "alias", "empty") if level < 4 else "scalar"
        comment = self.choose("", "", "", "", " # c: d", "  ")
        if kind == "alias" and self._anchors:
            return f" *{self.choose(*self._anchors)[0]}{comment}\n"
        if kind in ("mapping", "list"):
            more = self.choose(2, 2, 4) if kind == "mapping" else self.choose(0, 2)
            properties, name = self.properties(f"!!{'map' if kind == 'mapping' else 'seq'}")
            make = self.block_mapping if kind == "mapping" else self.block_list
            body = make(level, indent + more)
            self.close(name, kind == "mapping")
            return f"{properties}{comment}\n{body}"
        if kind == "flow":
            return f"{self.flow(level)}{comment}\n"
        if kind == "empty":
            return f"{comment}\n"
        return self.scalar(indent, comment)

    def block_list(self, level: int, indent: int) -> str:
        spaces = " " * indent
        lines = []
        for _ in range(self.choose(1, 2, 3)):
            lines.append(self.choose("", "", "", "\n", f"{spaces}# a comment\n", f"{spaces}#- x\n"))
            kind = self.choose("scalar", "mapping", "mapping", "alias", "flow", "next line", "list")
            if level > 3 or kind == "scalar":
                lines.append(f"{spaces}-{self.scalar(indent, '')}")
            elif kind == "mapping":
                lines.append(f"{spaces}- {self.block_mapping(level + 1, indent + 2).lstrip(chr(10) + ' ' + chr(9))}")
            elif kind == "list":
                lines.append(f"{spaces}- {self.block_list(level + 1, indent + 2).lstrip()}")
            elif kind == "next line":
                properties, name = self.properties("!!map")
                lines.append(f"{spaces}-{properties}\n{self.block_mapping(level + 1, indent + 3)}")
                self.close(name, True)
            else:
                lines.append(f"{spaces}-{self.value(4, indent)}")
        return "".join(lines)

    def flow(self, level: int) -> str:
        is_mapping = self.choose(True, False) if level else True
        properties, name = self.properties("!!map" if is_mapping else "!!seq") if level else ("", "")
        comma, space = self.choose(", ", ",", " , ", ",\n    "), self.choose("", " ", "\n      ", " # c\n      ")
        inner = []
        for key in self.keys(0):
            item = self.flow(level + 1) if level < 3 and self.choose(True, False, False) else self.flow_scalar()
            quoted = self.choose(key, key, f'"{key}"', f"'{key}'")
            inner.append(f"{quoted}: {item.lstrip()}" if is_mapping else item.lstrip())
        self.close(name, is_mapping)
        end = self.choose("", "", ",") if inner else ""
        brackets = "{}" if is_mapping else "[]"
        text = f"{properties} {brackets[0]}{space}{comma.join(inner)}{end}{space}{brackets[1]}"
        return text if level else text.lstrip() + "\n"

    def flow_scalar(self) -> str:
        if self._anchors and self.choose(True, False, False):
            return f"*{self.choose(*self._anchors)[0]} "
        return str(
            self.choose(
                "x",
                "12",
                "'q'",
                '"\\u0041\\tb"',
                "null",
                "a b",
                "!!str 12",
                "!!int 7",
                "p\n        q",
                "''",
                "http://x",
            )
        )

    def scalar(self, indent: int, comment: str) -> str:
        spaces = " " * (indent + 1)
        properties, name = self.properties("!!str")
        text, is_block = self.choose(
            *[
                (it, False)
                for it in (
                    "x",
                    "12",
                    "NO",
                    "null",
                    "~",
                    "0o17",
                    "1e3",
                    "q:r",
                    "?x",
                    "-x",
                    ":y",
                    "x,y",
                    "it's",
                    "x #y",
                    "a\\b",
                    "a\xa0",
                    "\xa0b",
                    "c[0]",
                    "2026-01-01",
                    "u{v}",
                )
            ],
            *[(it, False) for it in ("'q'", "'it''s'", '"\\x41\\n"', '""', "''", '" # "', "'12'")],
            *[
                (it.replace("_", spaces), False)
                for it in ("x\n_y", "x\n\n_y", "x y\n_z\n\n_u", "'x\n_y'", '"x\\\n_y"', '"x\n\n_y"')
            ],
            *[
                (f"{head}\n{spaces} {body}", True)
                for head in ("|", "|-", "|+", ">", ">-", ">+", "| # c")
                for body in (f"k: v\n{spaces} l", f"# m\n\n{spaces} n\n", "o\n\n\n")
            ],
        )
        if is_block:
            self.close(name, False)
            return f"{properties} {text.rstrip(' ')}\n" if not text.endswith("\n") else f"{properties} {text}"
        if properties.strip().startswith("!!int"):
            text = "12"
        self.close(name, False)
        return f"{properties} {text}{comment}\n"

    def properties(self, tag: str) -> tuple[str, str]:
        """A tag or an anchor or both, or nothing; and the anchor's name."""
        kinds = self.choose(
            *[""] * 8, "anchor", "anchor", "tag", "long tag", "both", "integer" if tag == "!!str" else "tag"
        )
        long = f"!<{YAML}{tag[2:]}>"
        written = {"tag": tag, "long tag": long, "both": tag, "integer": "!!int"}.get(kinds, "")
        if kinds not in ("anchor", "both"):
            return (f" {written}" if written else ""), ""
        self._number += 1
        name: str = self.choose(f"n{self._number}", "again")
        self._anchors = [it for it in self._anchors if it[0] != name]  # nothing repeats what it is in
        order = self.choose([f"&{name}", written], [written, f"&{name}"])
        return " " + " ".join(filter(None, order)), name

    def close(self, name: str, is_mapping: bool) -> None:
        if name and all(it[0] != name for it in self._anchors):
            self._anchors.append((name, is_mapping))


texts = st.composite(lambda draw: Text(draw).document())()


# The model


def scalar(value: Any) -> Any:
    """Data of a patch as the model reads it."""
    if isinstance(value, dict):
        return {key: scalar(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(scalar, value))
    if isinstance(value, bool):
        return f"{YAML}bool", str(value).lower()
    if isinstance(value, int):
        return f"{YAML}int", str(value)
    return f"{YAML}str", value


def patched(data: Any, patch: Any) -> Any:
    """What the patch asks for, said once more."""
    if isinstance(patch, Replace):
        return scalar(patch.data)
    if isinstance(patch, ListPatch):
        entries = [
            patched(item, patch.change.get(index, {})) if index in patch.change else item
            for index, item in enumerate(data if isinstance(data, list) else [])
        ]
        entries = [
            scalar(patch.replace[index]) if index in patch.replace else item for index, item in enumerate(entries)
        ]
        removed = {index for index, item in patch.replace.items() if item is None}
        return [item for index, item in enumerate(entries) if index not in removed] + scalar(patch.append)
    if isinstance(patch, dict):
        base = data if isinstance(data, dict) else {}
        return {**base, **{key: patched(base.get(key), value) for key, value in patch.items()}}
    return scalar(patch)


NEW = st.sampled_from(["new", "NO", "12", "a: b", "two\nlines\n", "x, y", "it's", 12, True])
NEW_DATA = st.recursive(
    NEW,
    lambda inner: (
        st.dictionaries(st.sampled_from(["m", "n"]), inner, min_size=1, max_size=2)
        | st.lists(inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)
NEW_MAPPINGS = st.dictionaries(st.sampled_from(["m", "n"]), NEW_DATA, min_size=1, max_size=2)


@st.composite
def patches(draw: st.DrawFn, data: Any, depth: int = 0) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from([*KEYS, "new"]), min_size=1, max_size=2, unique=True)):
        value = data.get(key) if isinstance(data, dict) else None
        choice = draw(st.integers(0, 4))
        if isinstance(value, list) and choice:
            mappings = [index for index, item in enumerate(value) if isinstance(item, dict)]
            change = (
                {index: draw(patches(value[index], depth + 1)) for index in mappings if draw(st.booleans())}
                if depth < 3
                else {}
            )
            rest = [index for index in range(len(value)) if index not in change]
            replace = {index: draw(st.none() | NEW_MAPPINGS) for index in rest if draw(st.integers(0, 3)) == 0}
            patch[key] = ListPatch(change, draw(st.lists(NEW_MAPPINGS, max_size=1)), replace)
        elif choice == 0 or depth > 3:
            patch[key] = draw(NEW)
        elif choice == 1:
            patch[key] = Replace(draw(NEW_MAPPINGS))
        else:
            patch[key] = draw(patches(value, depth + 1))
    return patch


@given(st.data(), texts)
@settings(max_examples=600, deadline=None)
def test_what_is_edited_is_what_the_model_says(draw: st.DataObject, text: str) -> None:
    try:
        before = read(text)
    except yaml.YAMLError:
        reject()  # such as a line with a tab, which libyaml takes
    patch = draw.draw(patches(before))
    document = Document(text)
    document.close()
    assert read(document.text) == before
    root = document.node
    assert root is not None
    note(repr(document.text))
    try:
        change = change_of(document, root, patch)
        after = changed_text(document, [change]) if change is not None else document.text
    except NotEdited as refused:
        note(str(refused))
        return
    note(repr(after))
    assert read(after) == patched(before, patch)
