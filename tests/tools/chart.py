"""Writes what is generated in a chart's folder: the values' table in README.md, the icon in Chart.yaml, the CRD.

`python tests/tools/chart.py FOLDER`; `make schema` calls it for charts/gmsa.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gmsa_krm.config.json_schema import values_schema
from gmsa_krm.manifests.crd import crd
from gmsa_krm.yamltext import writer

BEGIN, END = "<!-- values: written by make schema -->\n", "<!-- end of values -->\n"


def readme(text: str) -> str:
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert end, "README.md has no place for the table of values"
    rows = ["| value | type | default | what it is |", "|---|---|---|---|", *_rows(values_schema(), "")]
    return head + BEGIN + "\n" + "\n".join(rows) + "\n\n" + END + tail


def chart_yaml(text: str, icon: bytes) -> str:
    line = f"icon: data:image/svg+xml;base64,{base64.b64encode(icon).decode()}"
    written, count = re.subn(r"(?m)^icon:.*$", line, text)
    assert count == 1, "Chart.yaml has no place for the icon"
    return written


def crd_yaml() -> str:
    return writer.document(crd())


def _rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    """A row for each property with a description, in the order of the declarations.

    What is inside values of the Kubernetes API (tolerations, resources) has none, and so no rows.
    """
    for key, value in schema.get("properties", {}).items():
        if "description" not in value:
            continue
        here = f"{path}.{key}" if path else key
        required = key in schema.get("required", ())
        yield f"| `{here}` | {_type(value)} | {'required' if required else _default(value)} | {_text(value['description'])} |"
        items = _items(value)
        yield from _rows(value if items is None else items, here if items is None else f"{here}[]")


def _items(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the entries, where the value is a list or may be one."""
    lists = [it for it in schema.get("anyOf", [schema]) if it.get("type") == "array"]
    return lists[0]["items"] if lists else None


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}s"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(kinds)


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    default = schema["default"]
    return _code(default if isinstance(default, str) else json.dumps(default))


def _code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`"


def _text(text: str) -> str:
    """As text of a Markdown table."""
    return re.sub(r"([\\|<*`])", r"\\\1", text)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, written in (
        ("README.md", readme((folder / "README.md").read_text())),
        ("crds/gmsacredentialspecs.yaml", crd_yaml()),
        ("Chart.yaml", chart_yaml((folder / "Chart.yaml").read_text(), (folder / "icon.svg").read_bytes())),
    ):
        (folder / name).write_text(written)
