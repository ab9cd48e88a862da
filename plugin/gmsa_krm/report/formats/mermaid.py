"""Mermaid, the diagrams that GitHub and GitLab draw in Markdown: a block of three backticks and `mermaid`."""

from __future__ import annotations

import re

from gmsa_krm.report.picture import ACCOUNT, CREDSPEC, READER, WHO, Picture, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.picture import Line
    from gmsa_krm.report.since import Changes

_WIDTH = 44
_SHAPES = {WHO: ("(", ")"), CREDSPEC: ("[/", "/]"), ACCOUNT: ("[", "]"), READER: ("([", "])")}
# What means something in Mermaid, Markdown or HTML: in ASCII all but letters, digits and these; but "-", "." and "/"
# are text after a letter, where they start no list.
_SPECIAL = re.compile(r"(?<![A-Za-z])[-./]|[^\w ,./-]|_", re.ASCII)
# Defaults of Mermaid, which a diagram cannot raise.
_MAX_EDGES, _MAX_CHARACTERS = 500, 50_000


def render(graph: Graph, changes: Changes | None) -> str:
    picture = Picture(graph, changes)
    lines = list(_lines(picture))
    if len(picture.lines) + len(picture.detours) > _MAX_EDGES or sum(map(len, lines)) + len(lines) > _MAX_CHARACTERS:
        lines.insert(1, "  %% Mermaid draws 500 lines and 50,000 characters; raise maxEdges and maxTextSize for more")
    return "".join(f"{line}\n" for line in lines)


def _lines(picture: Picture) -> Iterator[str]:
    yield "flowchart LR"
    names = {id(box): f"n{number}" for number, box in enumerate(picture.boxes)}
    for box in picture.boxes:
        start, end = _SHAPES[box.column]
        texts = [box.title, *box.lines, *box.abilities, *box.warnings]
        red = ":::red" if box.warnings else ""
        yield f'  {names[id(box)]}{start}"{_label(texts)}"{end}{red}'
    red_lines = []
    for number, line in enumerate((*picture.lines, *picture.detours)):
        yield f"  {names[id(line.left)]} {_arrow(line)} {names[id(line.right)]}"
        if line.is_red:
            red_lines.append(str(number))
    if picture.left_out:
        yield f"  %% left out: {picture.left_out:,} ways around the check that every cluster has"
    yield "  classDef red stroke:#b00020,stroke-width:3px,color:#b00020"
    if red_lines:
        yield f"  linkStyle {','.join(red_lines)} stroke:#b00020,stroke-width:3px"


def _arrow(line: Line) -> str:
    label = f'|"{_label([line.label])}"|' if line.label else ""
    if line.right.column == READER:
        return f"---{label}"
    return f"-.->{label}" if not line.is_plain else f"-->{label}"


def _label(texts: Iterable[str]) -> str:
    return "<br>".join(_escaped(line) for text in texts for line in wrapped(text, _WIDTH))


def _escaped(text: str) -> str:
    """A text with entity codes in place of what means something in Mermaid, Markdown or HTML."""
    codes = _SPECIAL.sub(lambda it: f"#{ord(it[0])};" if it[0].isascii() else it[0], text)
    # Mermaid breaks the line at a backslash with an n also where that is a code; a word joiner is not seen.
    return codes.replace("#92;n", "#92;#8288;n")
