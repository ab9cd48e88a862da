"""A picture as SVG: boxes in columns, and lines from left to right. `formats/svg.py` and `formats/html.py` show it."""

from __future__ import annotations

from html import escape

from gmsa_krm.report.picture import ACCOUNT, CREDSPEC, READER, WHO, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.report.picture import Box, Line, Picture

_CHARACTER = 7.25  # of 12 px in a monospaced font, and the half of a wide one
_LINE_HEIGHT, _PADDING, _GAP = 16, 9, 12
_TOP, _MARGIN = 52, 16
# Per column: where it starts, and how many characters are in a line.
_WIDTHS = {WHO: 34, CREDSPEC: 28, ACCOUNT: 31, READER: 26}
_ABILITIES = 34
# Room for lines, and for labels of 22 characters where there are any.
_BETWEEN = {WHO: 168, CREDSPEC: 96, ACCOUNT: 140, READER: 0}
_TITLES = ("WHO, AND WHAT RUNS AS IT", "CREDENTIAL SPEC", "ACCOUNT", "WHAT IT MAY DO", "WHO MAY FETCH ITS PASSWORD")

# Everything has a class: styles in attributes would need a weaker Content-Security-Policy.
STYLE = """
.who-can{--back:#fff;--text:#1a1c20;--quiet:#5a6170;--edge:#8a93a3;--box:#f3f5f9;--red:#b00020;--pink:#fdeef0}
@media (prefers-color-scheme:dark){.who-can{--back:#14161a;--text:#e8eaee;--quiet:#a3abba;--edge:#6b7484;--box:#20242b;
--red:#ff8a94;--pink:#3a1d22}}
@media print{.who-can{--back:#fff;--text:#000;--quiet:#333;--edge:#666;--box:#fff;--red:#b00020;--pink:#fff}}
.who-can .back{fill:var(--back)}
.who-can text{font:12px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text);
white-space:pre}
.who-can tspan{unicode-bidi:isolate}
.who-can .head{font:600 11px system-ui,"Segoe UI",sans-serif;fill:var(--quiet);letter-spacing:.04em}
.who-can .name{font-weight:700}
.who-can .more{fill:var(--quiet)}
.who-can .warning{fill:var(--red);font-weight:700}
.who-can .box{fill:var(--box);stroke:var(--edge)}
.who-can .red .box{fill:var(--pink);stroke:var(--red);stroke-width:2.5}
.who-can .cut{stroke:var(--edge)}
.who-can .line{fill:none;stroke:var(--edge);stroke-width:1.5}
.who-can .line.red{stroke:var(--red);stroke-width:2.5}
.who-can .line.dashed{stroke-dasharray:6 4}
.who-can .label{font:600 11px system-ui,"Segoe UI",sans-serif;fill:var(--quiet);stroke:var(--back);stroke-width:4px;
paint-order:stroke;text-anchor:middle}
.who-can .label.red{fill:var(--red)}
.who-can a:hover .box,.who-can a:focus .box{stroke-width:3}
"""


class _Placed:
    """A box with its place. `texts`: class and text of each line; `abilities`: those beside it."""

    __slots__ = ("abilities", "box", "height", "texts", "width", "x", "y")

    def __init__(self, box: Box, x: float) -> None:
        self.box = box
        self.x = x
        width = _WIDTHS[box.column]
        self.texts = [*_texts("name", [box.title], width), *_texts("more", box.lines, width)]
        self.texts += _texts("warning", box.warnings, width)
        self.abilities = list(_texts("", box.abilities, _ABILITIES))
        self.width = _width(width) + (_width(_ABILITIES) if box.column == ACCOUNT else 0)
        self.height = max(len(self.texts), len(self.abilities)) * _LINE_HEIGHT + 2 * _PADDING
        self.y = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def draw(picture: Picture, head: str = "", link: Callable[[Box], str] | None = None) -> str:
    """The SVG element. `head`: elements for its start; `link`: a box -> where it leads, or nothing."""
    placed = _place(picture)
    width = _starts()[READER] + _width(_WIDTHS[READER])
    height = max((it.y + it.height for it in placed.values()), default=_TOP)
    return "\n".join(_elements(picture, placed, head, link, (width + _MARGIN, height + _MARGIN))) + "\n"


def _elements(
    picture: Picture,
    placed: dict[int, _Placed],
    head: str,
    link: Callable[[Box], str] | None,
    size: tuple[float, float],
) -> Iterator[str]:
    width, height = size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="who-can" role="img" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}">'
    )
    yield "<title>Who may become which account of Active Directory</title>"
    yield f"<desc>{_summary(picture)}</desc>"
    if head:
        yield head
    yield f'<rect class="back" width="{width:g}" height="{height:g}"/>'
    starts = _starts()
    heads = (starts[WHO], starts[CREDSPEC], starts[ACCOUNT], starts[ACCOUNT] + _width(_WIDTHS[ACCOUNT]), starts[READER])
    for x, title in zip(heads, _TITLES, strict=True):
        yield f'<text class="head" x="{x + _PADDING:g}" y="30">{title}</text>'
    for line in picture.lines:
        yield _line(line, placed[id(line.left)], placed[id(line.right)])
    for it in placed.values():
        yield from _box(it, link(it.box) if link is not None else "")
    # Over the boxes and lines.
    for line in picture.lines:
        if line.label:
            yield _label(line, placed[id(line.left)], placed[id(line.right)])
    yield "</svg>"


def _summary(picture: Picture) -> str:
    numbers = [sum(it.column == column for it in picture.boxes) for column in (WHO, CREDSPEC, ACCOUNT, READER)]
    return (
        f"{numbers[0]:,} who may use credential specs, {numbers[1]:,} credential specs, {numbers[2]:,} accounts,"
        f" {numbers[3]:,} who may fetch a password"
    )


def _starts() -> dict[int, float]:
    found: dict[int, float] = {}
    x = float(_MARGIN)
    for column, width in _WIDTHS.items():
        found[column] = x
        x += _width(width) + _BETWEEN[column] + (_width(_ABILITIES) if column == ACCOUNT else 0)
    return found


def _width(characters: int) -> float:
    return round(characters * _CHARACTER + 2 * _PADDING)


def _place(picture: Picture) -> dict[int, _Placed]:
    """The tallest column is as tight as can be; what leads to its boxes, or from them, is in the middle of those."""
    starts = _starts()
    placed = {id(it): _Placed(it, starts[it.column]) for it in picture.boxes}
    to_right: dict[int, list[_Placed]] = {}
    to_left: dict[int, list[_Placed]] = {}
    for it in picture.lines:
        to_right.setdefault(id(it.left), []).append(placed[id(it.right)])
        to_left.setdefault(id(it.right), []).append(placed[id(it.left)])
    columns = [[it for it in placed.values() if it.box.column == column] for column in _WIDTHS]
    # First for the order: accounts by name, and all others by theirs.
    for base in (ACCOUNT, max(_WIDTHS, key=lambda column: sum(it.height + _GAP for it in columns[column]))):
        _stack(columns[base], {})
        for column in reversed(range(base)):
            _stack(columns[column], to_right)
        for column in range(base + 1, len(columns)):
            _stack(columns[column], to_left)
    return placed


def _stack(column: list[_Placed], neighbours: dict[int, list[_Placed]]) -> None:
    """Sorts a column by the middles of its neighbours, and places it near them; without neighbours it stays sorted."""
    wanted: dict[int, float] = {}
    for it in column:
        near = neighbours.get(id(it.box), [])
        wanted[id(it)] = sum(other.middle for other in near) / len(near) if near else 0.0
    column.sort(key=lambda it: wanted[id(it)])
    free = float(_TOP)
    for it in column:
        it.y = max(free, round(wanted[id(it)] - it.height / 2))
        free = it.y + it.height + _GAP


def _texts(name: str, texts: Iterable[str], width: int) -> Iterator[tuple[str, str]]:
    yield from ((name, line) for text in texts for line in wrapped(text, width))


def _box(it: _Placed, link: str) -> Iterator[str]:
    box = it.box
    title = "\n".join([f"{box.node.kind}: {box.title}", *box.lines, *box.abilities, *box.details])
    yield f'<g class="{"red" if box.warnings else "ok"}">'
    yield f"<title>{escape(title)}</title>"
    if link:
        yield f'<a href="{escape(link)}">'
    yield (
        f'<rect class="box" x="{it.x:g}" y="{it.y:g}" width="{it.width:g}" height="{it.height:g}"'
        f' rx="{12 if box.column in (WHO, READER) else 2}"/>'
    )
    yield from _rows(it.texts, it.x, it.y)
    if box.column == ACCOUNT:
        cut = it.x + _width(_WIDTHS[ACCOUNT])
        yield f'<path class="cut" d="M{cut:g} {it.y:g}v{it.height:g}"/>'
        yield from _rows(it.abilities, cut, it.y)
    if link:
        yield "</a>"
    yield "</g>"


def _rows(texts: list[tuple[str, str]], x: float, y: float) -> Iterator[str]:
    for number, (name, text) in enumerate(texts):
        row = y + _PADDING + 12 + number * _LINE_HEIGHT
        of = f' class="{name}"' if name else ""
        yield f'<text{of} x="{x + _PADDING:g}" y="{row:g}"><tspan>{escape(text)}</tspan></text>'


def _line(line: Line, left: _Placed, right: _Placed) -> str:
    start, end = left.x + left.width, right.x
    half = (end - start) / 2
    names = ["line"]
    if line.is_red:
        names.append("red")
    if line.left.column == WHO and line.kind != "Use":
        names.append("dashed")
    title = escape("\n".join(line.details))
    y, to = left.middle, right.middle
    curve = f"M{start:g} {y:g}C{start + half:g} {y:g} {end - half:g} {to:g} {end:g} {to:g}"
    return f'<path class="{" ".join(names)}" d="{curve}"><title>{title}</title></path>'


def _label(line: Line, left: _Placed, right: _Placed) -> str:
    x, y = (left.x + left.width + right.x) / 2, (left.middle + right.middle) / 2 - 5
    red = " red" if line.is_red else ""
    rows = list(wrapped(line.label, 24 if line.left.column == WHO else 16))
    spans = "".join(
        f'<tspan x="{x:g}" dy="{12 if number else 0}">{escape(text)}</tspan>' for number, text in enumerate(rows)
    )
    return f'<text class="label{red}" x="{x:g}" y="{y - 12 * (len(rows) - 1) / 2:g}">{spans}</text>'
