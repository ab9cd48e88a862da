"""What the program tells of a document without reading all of it is what reading all of it tells."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders import block
from gmsa_krm.findings import InputError
from gmsa_krm.yamltext.nodes import MAPPING, MAX_DEPTH
from gmsa_krm.yamltext.stream import Document, KindFilter, encoded, joined, split

PIECES = """\
---
# a comment
apiVersion: v1
kind: Pod
kind: Service
kind: 'Pod'
kind: PodList
kind: &a Pod
metadata:
  name: web
  namespace: web
metadata: {name: web}
a: "
y: '
"
'
a: {
}
spec: {a: [b, {c: d}]}
spec:
  a: b
  - a
- a
data: |
  kind: Pod
b: *a
<<: *a
<<: {kind: Pod, metadata: {name: web}}
%a
%YAML 1.1
"""
ESCAPES = r"""
kind: "Po\x64"
kind: "Po\
  d"
"ki\x6ed": Pod
'kind': Pod
? kind
: Pod
kind: *a
kind: !!binary UG9k
!!binary a2luZA==: Pod
a: \\
# \
# a comment\rkind: Pod
"""
LINES = st.sampled_from([*PIECES.splitlines(), *ESCAPES.replace(r"\r", "\r").split("\n"), "", "  "])
TEXTS = st.lists(LINES, max_size=9).map(lambda lines: "".join(f"{line}\n" for line in lines))


def identity_of(document: Document) -> object:
    try:
        return document.identity
    except InputError as error:
        return str(error)


def read_whole(text: str) -> Document:
    document = Document(text)
    with contextlib.suppress(InputError):
        _ = document.node
    return document


@given(TEXTS)
def test_the_head_tells_the_identity_that_the_whole_tells(text: str) -> None:
    assert identity_of(Document(text)) == identity_of(read_whole(text))


@given(TEXTS)
def test_a_kind_in_plain_sight_is_the_kind(text: str) -> None:
    kind = Document(text).plain_kind
    try:
        root = Document(text).node
    except InputError:
        return
    if kind is not None:
        assert root is not None
        assert root.string("kind") == kind


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            """
            ---
            # Source: a/b.yaml
            apiVersion: v1
            kind: Service
            metadata:
            """,
            id="after a comment",
        ),
        pytest.param("apiVersion: apps/v1\r\nkind: Service\r\nmetadata:\r\n", id="with CRLF"),
    ],
)
def test_a_kind_on_a_line_of_its_own_is_in_plain_sight(text: str) -> None:
    assert Document(block(text)).plain_kind == "Service"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            """
            a: "x
            kind: Service
            y"
            "kind": Pod
            """,
            id="in a quoted text",
        ),
        pytest.param(
            """
            a: {b: c,
            kind: Service
            }
            """,
            id="in a flow mapping",
        ),
        pytest.param(
            """
            apiVersion: v1
            kind: Service
              Pod
            """,
            id="on two lines",
        ),
        pytest.param(
            """
            metadata: {name: kind}
            kind: Service
            """,
            id="after the metadata",
        ),
    ],
)
def test_a_kind_that_needs_a_parser_is_not_in_plain_sight(text: str) -> None:
    assert Document(block(text)).plain_kind is None


@given(TEXTS)
def test_what_a_parser_reads_is_not_passed_over(text: str) -> None:
    document = Document(text)
    could_be, mentions = document.could_be(KindFilter(["Pod"])), document.mentions("Pod")
    try:
        root = document.node
    except InputError:
        return
    pairs = root.pairs if root is not None and root.kind == MAPPING else []
    kinds = [value.text for key, value in pairs if key.text == "kind"]
    assert could_be or "Pod" not in kinds
    assert mentions or "Pod" not in kinds


def test_a_list_may_hold_any_kind() -> None:
    assert Document("kind: List\nitems: []\n").could_be(KindFilter(["Pod"]))
    assert not Document("kind: ConfigMap\ndata: {a: Pod}\n").could_be(KindFilter(["Pod"]))


def test_the_limit_of_depth_holds_where_nothing_is_kept() -> None:
    text = "kind: A\nmetadata: {name: a}\nspec: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH
    with pytest.raises(InputError, match="nested deeper"):
        _ = Document(text).identity


def starts_of_documents(text: str) -> set[int]:
    """Where documents start, by YAML 1.2 (9.1): at `---`, or at the directives before it and the comments among them.

    Readers know two directives (6.8), and refuse others.
    """
    starts = set()
    directives = None
    at = 0
    for line in text.splitlines(keepends=True):
        if re.match(r"---(\s|$)", line):
            starts.add(at if directives is None else directives)
            directives = None
        elif re.match(r"%(YAML|TAG)[ \t]", line):
            directives = at if directives is None else directives
        elif not line.startswith("#"):
            directives = None
        at += len(line)
    return starts


@given(TEXTS)
@example("a: b\n---")
@example("a: {\n%YAML 1.1\n%TAG ! !\n# a comment\n---\n}\n")
@example("a: {\n%a\n%a\n# a comment\n---\n}\n")
def test_a_stream_is_the_same_in_pieces(text: str) -> None:
    texts = [document.text for document in split(text)]
    assert "".join(texts) == text
    starts = [sum(map(len, texts[:index])) for index in range(len(texts))]
    assert [0, *starts[1:]] == sorted({0} | starts_of_documents(text))
    assert encoded(texts) == joined(texts).encode()
