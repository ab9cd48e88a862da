"""YAML is read and written without loss, and every reader reads what was written."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gmsa_krm.config.plain_data import plain_data
from gmsa_krm.findings import Report
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import ListPatch, apply_edits, edits_for
from gmsa_krm.yamltext.nodes import MAX_EXPANDED, YamlError, duplicate_keys, parse
from gmsa_krm.yamltext.scalars import meaning
from gmsa_krm.yamltext.stream import closed, joined, split

# What a YAML text may hold at all (YAML 1.2, c-printable).
CHARACTERS = st.characters(
    codec="utf-8", categories=("L", "N", "P", "S", "Z", "Cc", "Cf", "M"), exclude_characters="\x00"
)
# What YAML 1.1 or 1.2 may read as another type.
BOOLEANS = ["NO", "no", "y", "N", "on", "Off", "true", "False"]
NULLS_AND_MERGE_KEYS = ["null", "Null", "~", "", "=", "<<"]
INTEGERS = ["0o17", "0123", "12:30", "1_000", "0x1F", "0b11", "+1", "-0", "190:20:30", "123456789012345678901234567890"]
FLOATS = ["1e3", "1.5e-3", "1.", ".5", ".inf", "-.INF", ".nan"]
TIMES = ["2026-01-01", "2026-01-01 10:00:00", "2026-01-01T10:00:00Z"]
INDICATORS = """\
- a
a: b
a #b
#a
&a
*a
!a
|
>
%a
@a
`a
'a
"a
{a}
[a]
,a
?
:
-
---
...
""".splitlines()
SPACES = [" a", "a ", "a\tb", "a\n", "\na", "a\n\nb", " a\nb", "a\n b\n", "a\r\nb", "a\u2028b", "a\x85b"]
ODD_CHARACTERS = ["\ufeffa", "a\x07b", "😀", "ü: ß"]
OTHER_TYPES = [*BOOLEANS, *NULLS_AND_MERGE_KEYS, *INTEGERS, *FLOATS, *TIMES]
AMBIGUOUS = [*OTHER_TYPES, *INDICATORS, *SPACES, *ODD_CHARACTERS]
TEXT = st.one_of(st.sampled_from(AMBIGUOUS), st.text(CHARACTERS, max_size=20), st.text("ab :#-\n'\"", max_size=12))
SCALARS = st.one_of(TEXT, st.integers(-(10**12), 10**12), st.booleans(), st.none())
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


class Yaml11(yaml.SafeLoader):
    """PyYAML, which knows YAML 1.1."""


def load_12(text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return reader.load(io.StringIO(text))


@given(DATA)
@settings(max_examples=400, deadline=None)
def test_what_is_written_is_read_back_by_yaml_1_1_by_1_2_and_by_the_program(data: Any) -> None:
    text = writer.document(data)
    assert text.endswith("\n")
    assert yaml.load(text, Yaml11) == data
    root = parse(text)
    assert root is not None
    report = Report()
    assert plain_data(root, "", report) == data
    assert data_of(root) == data
    if not any(char in text for char in "\x85\u2028\u2029"):  # ruamel breaks lines at these in quoted texts
        assert load_12(text) == data


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_an_ambiguous_text_stays_a_string(text: str) -> None:
    written = writer.document({"key": text, text or "k": [text]})
    for loaded in (yaml.load(written, Yaml11), load_12(written)):
        assert loaded["key"] == text


@pytest.mark.parametrize("text", [text for text in OTHER_TYPES if text])
def test_text_that_reads_as_another_type_is_quoted(text: str) -> None:
    assert meaning(text) != "string"
    assert writer.scalar(text) == f"'{text}'"


@pytest.mark.parametrize(
    "text", ["gmsa-webapp1", "contoso.com", "8760h", "64Mi", "50%", "v1", "1.2.3", "https://a.b/c", "a b"]
)
def test_ordinary_text_is_not_quoted(text: str) -> None:
    assert writer.scalar(text) == text


@given(DATA)
@settings(max_examples=200, deadline=None)
def test_json_is_read_as_yaml(data: Any) -> None:
    # Left out: what JSON takes raw and YAML refuses or takes for a line break.
    text = re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", "", json.dumps(data, ensure_ascii=False))
    data = json.loads(text)
    root = parse(text)
    assert root is not None
    assert data_of(root) == data


def test_nodes_know_where_they_are() -> None:
    text = """\
# first
a:
- b: 1  # one
- {c: 'é'}
d: |
  text

e: &x [1, 2]
f: *x
"""
    root = parse(text)
    assert root is not None
    spans = {key.text: text[value.start : value.end] for key, value in root.pairs}
    assert spans == {
        "a": "- b: 1  # one\n- {c: 'é'}",
        "d": "|\n  text\n\n",
        "e": "&x [1, 2]",
        "f": "*x",
    }
    last = root.get("f")
    assert last is not None
    assert last.alias
    assert [item.text for item in last.items] == ["1", "2"]
    assert (last.line, last.column) == (8, 3)


def exponential_aliases() -> str:
    """Ten lists, each of which holds the one before ten times."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: [1", "did not find expected ',' or ']'", id="an open list"),
        pytest.param("a: b: c", "mapping values are not allowed in this context; quote", id="a mapping in a mapping"),
        pytest.param("a:\n\tb: c", "a tab is where YAML needs spaces", id="a tab"),
        pytest.param("a: @b", "cannot start with @; quote it", id="a reserved character"),
        pytest.param("a:\n- b: 1\n  c: 2\n d: 3", "check the indentation", id="a wrong indentation"),
        pytest.param("a: 'b", "unexpected end of stream", id="an open quote"),
        pytest.param("[" * 100_000, "deeper than 400", id="deep lists in flow style"),
        pytest.param("- " * 2_000, "deeper than 400", id="deep lists in block style"),
        pytest.param("{a: " * 100_000, "deeper than 400", id="deep mappings"),
        pytest.param("a: *b", "*b", id="an alias without an anchor"),
        pytest.param("a: &a [*a]", "*a", id="an alias inside its anchor"),
        pytest.param("a: \x07", "control characters", id="a control character"),
        pytest.param("a\n---\nb", "second document", id="two documents"),
        pytest.param(exponential_aliases(), "aliases expand", id="aliases of aliases"),
    ],
)
def test_hostile_yaml_is_refused_with_one_message(text: str, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_duplicate_keys_are_found_at_every_depth_once() -> None:
    text = """\
a: {b: 1, b: 2}
c: &c
- d: 1
  d: 2
e: *c
a: 3
"""
    root = parse(text)
    assert root is not None
    assert [(key.text, key.line) for key in duplicate_keys(root)] == [("b", 0), ("d", 3), ("a", 5)]


STREAM_PIECES = [
    *("---\n", "--- # c\n", "---", "---\r\n", "  ---\n", "--- a\n", "...\n"),
    *("a: 1\n", "b: |\n  ---\n", "# c\n", "\n", "\r\n"),
]
STREAMS = st.lists(st.sampled_from(STREAM_PIECES), max_size=12).map("".join)


@given(STREAMS)
def test_a_stream_is_split_without_losing_a_byte(text: str) -> None:
    assume(not re.search(r"^---(?!\s|\Z)", text, re.MULTILINE))  # an error
    documents = split(text, "f")
    assert "".join(document.text for document in documents) == text
    for document in documents:
        rest = text.split("\n")[document.line :]
        assert "".join(rest).startswith(document.text.split("\n")[0])


@given(st.lists(DATA, min_size=1, max_size=4))
@settings(deadline=None)
def test_documents_joined_are_a_stream_of_them(items: list[Any]) -> None:
    text = joined([writer.document(item) for item in items])
    assert list(yaml.load_all(text, Yaml11)) == items
    assert joined([document.text for document in split(text)]) == text


LIST = """\
items:
- a: NO
  b: 0o17   # comment
-   c: "x"
    d: |
      - text
- # a comment - with a dash
  e: [1,   2]
- f
"""


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("tail", ["", "kind: X\n"], ids=["list at the end", "field after the list"])
def test_a_list_is_changed_without_touching_the_rest(line_break: str, tail: str) -> None:
    text = (LIST + tail).replace("\n", line_break)
    root = parse(text)
    assert root is not None
    change = edits_for(text, root, {"items": ListPatch(replace={1: None}, append=[{"new": "yes"}])}, set())
    lines = text.split(line_break)
    wanted = [*lines[:3], *lines[6:9], "- new: 'yes'", *lines[9:]]
    assert apply_edits(text, change) == line_break.join(wanted)


ITEMS = st.lists(st.dictionaries(st.sampled_from("abcd"), TEXT, min_size=1, max_size=3), max_size=4)


@given(ITEMS, ITEMS, st.sets(st.integers(0, 3)), st.sampled_from(["block", "indented", "flow", "json"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_list_is_changed_as_data_says(
    old: list[Any], new: list[Any], gone: set[int], style: str, more_keys: bool
) -> None:
    whole: Any = {"kind": "L", "items": old, **({"last": {"x": "z"}} if more_keys else {})}
    if style == "json":
        text = writer.json_of(whole)
    elif style == "flow":
        text = yaml.dump(whole, default_flow_style=None, sort_keys=False, allow_unicode=True)
    else:
        text = writer.document(whole)
        if style == "indented" and old:
            text = "kind: L\nitems:\n" + writer.block(old, "    ") + ("last:\n  x: z # c\n" if more_keys else "")
    root = parse(text)
    assert root is not None
    instead = {index: None for index in gone if index < len(old)}
    change = edits_for(text, root, {"items": ListPatch(replace=instead, append=new)}, set())
    out = apply_edits(text, change)
    before = data_of(root)
    wanted = [item for index, item in enumerate(before["items"]) if index not in instead] + new
    after = parse(out)
    assert after is not None
    assert data_of(after) == {**before, "items": wanted}


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), TEXT, min_size=1), min_size=1, max_size=2),
    st.sampled_from(
        [
            "{}",
            "a: 1",
            "a: 1\n",
            "{a: 1}",
            "a:\n- b\n",
            "a: |\n  x\n",
            "a: 1\n# end\n",
            "a: 1\n...\n",
            "list:\n",
            "list: null\n",
            "list: []\n",
            "{list: }",
            "list: ~ # c\nb: 1\n",
        ]
    ),
)
@settings(deadline=None)
def test_a_list_comes_into_being(new: list[Any], text: str) -> None:
    text = closed(text)
    root = parse(text)
    assert root is not None
    change = edits_for(text, root, {"list": ListPatch(append=new)}, set())
    after = parse(apply_edits(text, change))
    assert after is not None
    assert data_of(after) == {**data_of(root), "list": new}


def test_the_limits_are_above_what_kubernetes_has() -> None:
    """A CRD with schemas 90 levels deep, and a large document with some aliases."""
    assert parse("a: " + "{b: " * 300 + "1" + "}" * 300) is not None
    assert parse("a: &a {b: 1}\nc: [" + "*a, " * 100_000 + "*a]") is not None
    assert MAX_EXPANDED > 300_000
