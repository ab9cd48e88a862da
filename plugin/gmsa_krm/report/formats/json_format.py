"""JSON: an AccessReport (`gmsa-krm schema --access-report`), also for `--since`."""

from __future__ import annotations

import json

from gmsa_krm.report.document import document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.since import Changes


def render(graph: Graph, changes: Changes | None) -> str:
    return json.dumps(document(graph, changes), indent=1) + "\n"
