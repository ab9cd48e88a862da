"""HTML, one file for a person: it needs no network, and a policy in it forbids any.

Jinja2 escapes every value, and values have no character that is not printable. Styles and script are allowed by their
hash alone, so that nothing runs that is not in `templates`.
"""

from __future__ import annotations

import base64
import hashlib

from gmsa_krm.findings import ExternalError, printable
from gmsa_krm.report import picture
from gmsa_krm.report.drawing import STYLE
from gmsa_krm.report.page import Report, anchor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jinja2 import Environment

    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.since import Changes


def render(graph: Graph, changes: Changes | None) -> str:
    environment = _environment()
    style = environment.get_template("report.css").render() + STYLE
    script = environment.get_template("report.js").render()
    report = Report(graph, changes)
    return environment.get_template("report.html").render(
        report=report,
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        ),
    )


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError:
        raise ExternalError("HTML needs Jinja2: pip install 'gmsa-krm[report]'") from None
    environment = Environment(
        loader=PackageLoader("gmsa_krm.report.formats"),
        autoescape=True,
        finalize=lambda it: printable(it) if type(it) is str else it,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda it: f"{it:,}"
    environment.filters["warning"] = picture.warning
    environment.filters["anchor"] = anchor
    return environment


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
