"""SVG, a picture of its own: it has its styles in it, and no script."""

from __future__ import annotations

from gmsa_krm.report.drawing import STYLE, draw
from gmsa_krm.report.picture import Picture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.since import Changes


def render(graph: Graph, changes: Changes | None) -> str:
    return draw(Picture(graph, changes), f"<style>{STYLE}</style>")
