"""DOT, the language of Graphviz: `dot -Tsvg`."""

from __future__ import annotations

from gmsa_krm.report.picture import ACCOUNT, CREDSPEC, READER, WHO, Picture, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.picture import Box, Line
    from gmsa_krm.report.since import Changes

_WIDTH = 44
_SHAPES = {WHO: "box", CREDSPEC: "note", ACCOUNT: "box", READER: "ellipse"}
_STYLES = {WHO: "rounded", CREDSPEC: "solid", ACCOUNT: "bold", READER: "solid"}
_TITLES = {
    WHO: "who may become an account",
    CREDSPEC: "credential specs",
    ACCOUNT: "accounts of Active Directory",
    READER: "who may fetch their passwords",
}


def render(graph: Graph, changes: Changes | None) -> str:
    return "".join(f"{line}\n" for line in _lines(Picture(graph, changes)))


def _lines(picture: Picture) -> Iterator[str]:
    yield "digraph who_can {"
    yield '  graph [rankdir=LR, charset="utf-8", tooltip="who may become which account of Active Directory"]'
    yield '  node [fontname="Helvetica", fontsize=11]'
    yield '  edge [fontname="Helvetica", fontsize=9]'
    names = {id(box): f"n{number}" for number, box in enumerate(picture.boxes)}
    for column, title in _TITLES.items():
        boxes = [it for it in picture.boxes if it.column == column]
        if boxes:
            yield f"  // {title}"
            yield from (f"  {names[id(it)]} {_box(it)}" for it in boxes)
    for line in (*picture.lines, *picture.detours):
        yield f"  {names[id(line.left)]} -> {names[id(line.right)]} {_line(line)}"
    if picture.left_out:
        yield f"  // left out: {picture.left_out:,} ways around the check that every cluster has"
    yield "}"


def _box(box: Box) -> str:
    red = ', color="#b00020", fontcolor="#b00020", penwidth=2' if box.warnings else ""
    texts = [box.title, *box.lines, *box.abilities, *box.warnings]
    tooltip = [box.kind, *box.details]
    return (
        f'[shape={_SHAPES[box.column]}, style={_STYLES[box.column]}, label="{_label(texts)}",'
        f' tooltip="{_label(tooltip)}"{red}]'
    )


def _line(line: Line) -> str:
    attributes = [f'tooltip="{_label(line.details)}"']
    if line.label:
        attributes.append(f'label="{_label([line.label])}"')
    if line.is_red:
        attributes.append('color="#b00020", fontcolor="#b00020", penwidth=2')
    if line.right.column == READER:
        attributes.append("dir=back")
    elif not line.is_plain:
        attributes.append("style=dashed")
    return f"[{', '.join(attributes)}]"


def _label(texts: Iterable[str]) -> str:
    """Texts as the lines of an escString, in which backslashes and entities of HTML have a meaning."""
    return "\\n".join(_escaped(line) for text in texts for line in wrapped(text, _WIDTH))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
