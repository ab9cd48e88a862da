"""Fields set deep in a text: the data becomes what is asked for, and other lines stay as they are."""

from __future__ import annotations

import difflib
import json
from enum import Enum
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import ListPatch, Replace, SharedNode, apply_edits, apply_patch, edits_for
from gmsa_krm.yamltext.nodes import parse, repeated_anchors
from gmsa_krm.yamltext.stream import closed

KEYS = st.sampled_from(["a", "b", "c", "NO", "x y"])
LEAVES = st.one_of(
    st.sampled_from(["", "text", "NO", "a: b", "two\nlines", "two\nlines\n", " x", "é"]),
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
)
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
MAPPINGS = st.dictionaries(KEYS, DATA, min_size=1, max_size=4)


@st.composite
def patches(draw: st.DrawFn, data: Any, depth: int = 0) -> dict[str, Any]:
    """Changes to some fields of the data, and to some fields that it does not have."""
    patch: dict[str, Any] = {}
    for key in draw(st.lists(KEYS, max_size=3, unique=True)):
        value = data.get(key) if isinstance(data, dict) else None
        choice = draw(st.integers(0, 4))
        if choice == 0 or depth > 3:
            patch[key] = draw(st.one_of(st.text("ab: '", max_size=6), st.integers(0, 9), st.booleans()))
        elif choice == 1:
            patch[key] = Replace(draw(MAPPINGS))
        elif isinstance(value, list):
            mappings = [index for index, item in enumerate(value) if isinstance(item, dict)]
            changes = {index: draw(patches(value[index], depth + 1)) for index in mappings}
            patch[key] = ListPatch(changes, draw(st.lists(MAPPINGS, max_size=2)))
        else:
            nested = draw(patches(value if isinstance(value, dict) else {}, depth + 1))
            if nested or isinstance(value, dict):
                patch[key] = nested
    return patch


class Style(Enum):
    """A way to write data as text."""

    BLOCK = "block"
    LITERAL = "literal"
    MIXED = "mixed"
    JSON = "json"
    PRETTY_JSON = "pretty json"
    NO_LINE_BREAK = "no line break"
    CRLF = "crlf"

    def write(self, data: Any) -> str:
        if self is Style.JSON:
            return json.dumps(data, ensure_ascii=False)
        if self is Style.PRETTY_JSON:
            return json.dumps(data, ensure_ascii=False, indent=2)
        if self is Style.MIXED:
            return yaml.dump(data, default_flow_style=None, sort_keys=False, allow_unicode=True)
        if self is Style.LITERAL:
            return writer.document(data)
        text = yaml.dump(data, sort_keys=False, allow_unicode=True, default_flow_style=False)
        if self is Style.CRLF:
            return text.replace("\n", "\r\n")
        if self is Style.NO_LINE_BREAK and not text.endswith("|\n"):
            return text.rstrip("\n")
        return text


@given(st.data(), MAPPINGS, st.sampled_from(Style))
@settings(max_examples=1500, deadline=None)
def test_the_data_becomes_what_is_asked_for(draw: st.DataObject, data: Any, style: Style) -> None:
    text = closed(style.write(data))
    root = parse(text)
    assert root is not None
    before = data_of(root)
    patch = draw.draw(patches(before))
    out = apply_edits(text, edits_for(text, root, patch, set()))
    after = parse(out)
    assert after is not None, out
    assert data_of(after) == apply_patch(before, patch), out
    assert apply_edits(out, edits_for(out, after, patch, set())) == out or appends(patch)
    if style is Style.CRLF:
        assert "\n" not in out.replace("\r\n", "")


def appends(patch: Any) -> bool:
    """Whether applying a patch once more may write something again."""
    if isinstance(patch, ListPatch):
        return bool(patch.append) or any(map(appends, patch.change.values()))
    return isinstance(patch, Replace) or (isinstance(patch, dict) and any(map(appends, patch.values())))


DEPLOYMENT = """\
# A comment at the top
kind: Deployment   # and behind
metadata: {name: web,   labels: {app: "NO"}}
spec:
    template:
        spec:   # the pod
            containers:
            -   name: iis
                image:   'mcr.microsoft.com/windows/servercore/iis'
                env: &env
                -   {name: A, value: 0o17}
                # a comment inside
                args: [a,  b]
            -   name: sidecar
                env: *env
            nodeSelector:
                disk: ssd # keep

    replicas: 2
"""


def changed_lines(before: str, after: str) -> list[str]:
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_only_the_changed_lines_differ() -> None:
    root = parse(DEPLOYMENT)
    assert root is not None
    pod = {
        "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}},
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "containers": ListPatch({1: {"image": "b"}}),
    }
    patch = {"spec": {"template": {"spec": pod}, "replicas": 3}}
    out = apply_edits(DEPLOYMENT, edits_for(DEPLOYMENT, root, patch, repeated_anchors(root)))
    assert changed_lines(DEPLOYMENT, out) == [
        "+                 image: b",
        "+                 kubernetes.io/os: windows",
        "+             securityContext:",
        "+               windowsOptions:",
        "+                 gmsaCredentialSpecName: gmsa-webapp1",
        "-     replicas: 2",
        "+     replicas: 3",
    ]
    again = parse(out)
    assert again is not None
    assert data_of(again)["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "ssd", "kubernetes.io/os": "windows"}


def test_a_changed_alias_is_written_out_and_its_anchor_stays() -> None:
    text = """\
base: &base {a: NO, m: {x: 0o17}}
one: *base   # c
two:
  <<: *base
  b: 1
three: *base
"""
    root = parse(text)
    assert root is not None
    patch = {"one": {"m": {"z": 1}}, "two": {"m": {"z": 2}}}
    out = apply_edits(text, edits_for(text, root, patch, repeated_anchors(root)))
    assert changed_lines(text, out) == [
        "- one: *base   # c",
        "+ one:   # c",
        "+   a: NO",
        "+   m:",
        "+     x: 0o17",
        "+     z: 1",
        "+   m:",
        "+     x: 0o17",
        "+     z: 2",
    ]
    with pytest.raises(SharedNode, match="&base"):
        edits_for(text, root, {"base": {"a": "yes"}}, repeated_anchors(root))
    assert edits_for(text, root, {"base": {}}, repeated_anchors(root)) == []
