"""A picture as SVG: boxes in columns, and lines from left to right. `formats/svg.py` and `formats/html.py` show it."""

from __future__ import annotations

from html import escape

from gmsa_krm.report.picture import ACCOUNT, CREDSPEC, READER, WHO, columns_of, wrapped

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
_BETWEEN = 88  # room for lines
# Labels are at the start of lines, in a room of their own, where no other line comes; so many characters in a line.
_LABELS = 28
_LABEL_CHARACTER, _LABEL_HEIGHT = 6.7, 13
# Kinds of boxes that are drawn for their lines alone.
_BY_LINES = ("ServiceAccounts", "User", "Group")
_TITLES = ("WHO, WITH WORKLOADS", "CREDENTIAL SPEC", "ACCOUNT", "WHAT IT MAY DO", "WHO MAY FETCH ITS PASSWORD")

# Everything has a class: styles in attributes would need a weaker Content-Security-Policy.
STYLE = """
.who-can{--back:#fff;--text:#1a1c20;--quiet:#5a6170;--edge:#78818f;--box:#f3f5f9;--red:#b00020;--pink:#fdeef0}
@media (prefers-color-scheme:dark){.who-can{--back:#14161a;--text:#e8eaee;--quiet:#a3abba;--edge:#7d8696;--box:#20242b;
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
.who-can .label{font-size:11px;fill:var(--quiet)}
.who-can .label.red{fill:var(--red);font-weight:700}
.who-can a:hover .box,.who-can a:focus .box{stroke-width:3}
"""


class _Start:
    """Where lines with one label start, beside their box. `rows`: of the label; `y`: of the lines."""

    __slots__ = ("is_red", "lines", "rows", "y")

    def __init__(self, label: str, *, is_red: bool) -> None:
        self.is_red = is_red
        self.rows = list(wrapped(label, _LABELS))
        self.lines: list[Line] = []
        self.y = 0.0

    @property
    def height(self) -> int:
        return (len(self.rows) * _LABEL_HEIGHT + 10) if self.rows else _LABEL_HEIGHT


class _Placed:
    """A box with its place. `texts`: class and text of each line; `abilities`: those beside it.

    `room`: for labels, in which its lines are straight.
    """

    __slots__ = ("abilities", "box", "height", "room", "starts", "texts", "width", "x", "y")

    def __init__(self, box: Box, lines: Iterable[Line], x: float, room: float) -> None:
        self.box = box
        self.x = x
        self.room = room
        width = _WIDTHS[box.column]
        self.texts = [*_texts("name", [box.title], width), *_texts("more", box.lines, width)]
        self.texts += _texts("", box.detours, width)
        self.texts += _texts("warning", box.warnings, width)
        self.abilities = list(_texts("", box.abilities, _ABILITIES))
        self.width = _width(width) + (_width(_ABILITIES) if box.column == ACCOUNT else 0)
        starts: dict[tuple[str, bool], _Start] = {}
        for it in lines:
            starts.setdefault((it.label, it.is_red), _Start(it.label, is_red=it.is_red)).lines.append(it)
        self.starts = list(starts.values())
        rows = max(len(self.texts), len(self.abilities)) * _LINE_HEIGHT + 2 * _PADDING
        self.height = max(rows, sum(it.height for it in self.starts))
        self.y = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def place_starts(self, middles: dict[int, float]) -> None:
        """One below the other, sorted by where they lead. `middles`: of boxes, by their ids."""
        self.starts.sort(key=lambda it: sum(middles[id(line.right)] for line in it.lines) / len(it.lines))
        y = self.middle - sum(it.height for it in self.starts) / 2
        for it in self.starts:
            it.y = y + (it.height - 5 if it.rows else it.height / 2)
            y += it.height


def draw(picture: Picture, head: str = "", link: Callable[[Box], str] | None = None) -> str:
    """The SVG element. `head`: elements for its start; `link`: a box -> where it leads, or nothing."""
    columns = _columns(picture)
    placed = _place(picture, columns)
    last = READER if any(it.column == READER for it in picture.boxes) else ACCOUNT
    width = columns[last][0] + _width(_WIDTHS[last]) + (_width(_ABILITIES) if last == ACCOUNT else 0)
    height = max((it.y + it.height for it in placed.values()), default=_TOP)
    return "\n".join(_elements(picture, placed, columns, head, link, (width + _MARGIN, height + _MARGIN))) + "\n"


def _elements(
    picture: Picture,
    placed: dict[int, _Placed],
    columns: dict[int, tuple[float, float]],
    head: str,
    link: Callable[[Box], str] | None,
    size: tuple[float, float],
) -> Iterator[str]:
    width, height = size
    # What has links in it must not be an image: the parts of one are not read out.
    role = "img" if link is None else "group"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="who-can" role="{role}" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}">'
    )
    yield "<title>Who may become which account of Active Directory</title>"
    yield f"<desc>{_summary(picture)}</desc>"
    if head:
        yield head
    yield f'<rect class="back" width="{width:g}" height="{height:g}"/>'
    heads = [columns[it][0] for it in (WHO, CREDSPEC, ACCOUNT, ACCOUNT, READER)]
    heads[3] += _width(_WIDTHS[ACCOUNT])
    for x, title in zip(heads, _TITLES, strict=True):
        if x > width:
            break  # no one is known to fetch a password
        yield f'<text class="head" x="{x + _PADDING:g}" y="30">{title}</text>'
    for it in placed.values():
        for start in it.starts:
            yield from _lines(it, start, placed)
    for it in placed.values():
        yield from _box(it, link(it.box) if link is not None else "")
    yield "</svg>"


def _summary(picture: Picture) -> str:
    numbers = [sum(it.column == column for it in picture.boxes) for column in (WHO, CREDSPEC, ACCOUNT, READER)]
    return (
        f"{numbers[0]:,} who may use credential specs, {numbers[1]:,} credential specs, {numbers[2]:,} accounts,"
        f" {numbers[3]:,} who may fetch a password"
    )


def _columns(picture: Picture) -> dict[int, tuple[float, float]]:
    """Where each column starts, and how much room its lines need for their labels."""
    labels: dict[int, int] = {}
    for line in (*picture.lines, *picture.reaching):
        longest = max(map(columns_of, wrapped(line.label, _LABELS)), default=0)
        labels[line.left.column] = max(labels.get(line.left.column, 0), longest)
    found: dict[int, tuple[float, float]] = {}
    x = float(_MARGIN)
    for column, width in _WIDTHS.items():
        longest = labels.get(column, 0)
        room = round(longest * _LABEL_CHARACTER + 12) if longest else 0
        found[column] = x, room
        x += _width(width) + room + _BETWEEN + (_width(_ABILITIES) if column == ACCOUNT else 0)
    return found


def _width(characters: int) -> float:
    return round(characters * _CHARACTER + 2 * _PADDING)


def _place(picture: Picture, starts: dict[int, tuple[float, float]]) -> dict[int, _Placed]:
    """The tallest column is as tight as can be; what leads to its boxes, or from them, is in the middle of those.

    `starts`: of the columns, with the room for labels.
    """
    lines: dict[int, list[Line]] = {}
    drawn_lines = [*picture.lines, *picture.reaching]
    for line in drawn_lines:
        lines.setdefault(id(line.left), []).append(line)
    # Whom others may only act as is named in their boxes.
    drawn = [it for it in picture.boxes if it.kind not in _BY_LINES or id(it) in lines or it.detours]
    placed = {id(it): _Placed(it, lines.get(id(it), ()), *starts[it.column]) for it in drawn}
    to_right: dict[int, list[_Placed]] = {}
    to_left: dict[int, list[_Placed]] = {}
    for line in drawn_lines:
        to_right.setdefault(id(line.left), []).append(placed[id(line.right)])
        to_left.setdefault(id(line.right), []).append(placed[id(line.left)])
    columns = [[it for it in placed.values() if it.box.column == column] for column in _WIDTHS]
    # First for the order: accounts by name, and all others by theirs.
    for base in (ACCOUNT, max(_WIDTHS, key=lambda column: sum(it.height + _GAP for it in columns[column]))):
        _stack(columns[base], {})
        for column in reversed(range(base)):
            _stack(columns[column], to_right)
        for column in range(base + 1, len(columns)):
            _stack(columns[column], to_left)
    middles = {key: it.middle for key, it in placed.items()}
    for it in placed.values():
        it.place_starts(middles)
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
    title = "\n".join([f"{box.kind}: {box.title}", *box.lines, *box.detours, *box.abilities, *box.details])
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


def _lines(it: _Placed, start: _Start, placed: dict[int, _Placed]) -> Iterator[str]:
    """Lines with their label, which is over their first, straight part."""
    x = it.x + it.width
    red = " red" if start.is_red else ""
    for line in start.lines:
        right = placed[id(line.right)]
        end, to = right.x, right.middle
        bend = x + it.room
        half = (end - bend) / 2
        dashed = "" if line.is_plain else " dashed"
        curve = f"M{x:g} {start.y:g}H{bend:g}C{bend + half:g} {start.y:g} {end - half:g} {to:g} {end:g} {to:g}"
        title = escape("\n".join(line.details))
        yield f'<path class="line{red}{dashed}" d="{curve}"><title>{title}</title></path>'
    for number, text in enumerate(start.rows):
        y = start.y - 5 - (len(start.rows) - 1 - number) * _LABEL_HEIGHT
        yield f'<text class="label{red}" x="{x + 6:g}" y="{y:g}"><tspan>{escape(text)}</tspan></text>'
