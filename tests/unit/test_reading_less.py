"""What is told of a document without reading all of it is what reading all of it tells."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmsa_krm.findings import InputError
from gmsa_krm.yaml.read import MAX_DEPTH
from gmsa_krm.yaml.stream import _SEPARATOR, Document, Kinds, encoded, joined, split

LINES = st.lists(
    st.sampled_from(
        [
            *(
                "---",
                "# a comment",
                "",
                "apiVersion: v1",
                "kind: Pod",
                "kind: Service",
                "kind: 'Pod'",
                "kind: PodList",
                "kind: &a Pod",
            ),
            *(
                "metadata:",
                "  name: web",
                "  namespace: web",
                "metadata: {name: web}",
                'a: "',
                "y: '",
                '"',
                "'",
                "a: {",
                "}",
            ),
            *(
                "spec: {a: [b, {c: d}]}",
                "spec:",
                "  a: b",
                "  - a",
                "- a",
                "data: |",
                "  kind: Pod",
                "  ",
                "b: *a",
                "<<: *a",
                "%a",
            ),
        ]
    ),
    max_size=9,
).map(lambda lines: "".join(f"{line}\n" for line in lines))


def _identity(document: Document) -> object:
    try:
        return document.identity
    except InputError as error:
        return str(error)


def _read_whole(text: str) -> Document:
    document = Document(text)
    with contextlib.suppress(InputError):
        _ = document.node
    return document


@given(LINES)
def test_the_head_says_what_the_whole_says(text: str) -> None:
    assert _identity(Document(text)) == _identity(_read_whole(text))


@given(LINES)
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
    ("text", "kind"),
    [
        ("---\n# Source: a/b.yaml\napiVersion: v1\nkind: Service\nmetadata:\n", "Service"),
        ("apiVersion: apps/v1\r\nkind: Deployment\r\nmetadata:\r\n", "Deployment"),
        ('a: "x\nkind: Service\ny"\n"kind": Pod\n', None),
        ("a: {b: c,\nkind: Service\n}\n", None),
        ("apiVersion: v1\nkind: Service\n  Pod\n", None),
        ("metadata: {name: kind}\nkind: Service\n", None),
    ],
)
def test_what_counts_as_plain_sight(text: str, kind: str | None) -> None:
    assert Document(text).plain_kind == kind


def test_a_list_could_be_anything() -> None:
    assert Document("kind: List\nitems: []\n").could_be(Kinds(["Pod"]))
    assert not Document("kind: ConfigMap\ndata: {a: Pod}\n").could_be(Kinds(["Pod"]))


def test_depth_counts_where_nothing_is_kept() -> None:
    text = "kind: A\nmetadata: {name: a}\nspec: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH
    with pytest.raises(InputError, match="nested deeper"):
        _ = Document(text).identity


@given(LINES)
def test_a_stream_is_the_same_in_pieces(text: str) -> None:
    texts = [document.text for document in split(text)]
    assert "".join(texts) == text
    at = [sum(map(len, texts[:index])) for index in range(len(texts))]
    assert [0, *at[1:]] == sorted({0, *(match.start() for match in _SEPARATOR.finditer(text))})
    assert encoded(texts) == joined(texts).encode()
