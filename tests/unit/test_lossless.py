"""Other documents come out to the byte, and changed ones line by line."""

from __future__ import annotations

import difflib
import json
from textwrap import indent
from typing import Any

import pytest
import yaml

from builders import deployment, entry, stream, workloads_config
from conftest import Call, Folder

DATA_THAT_YAML_MAY_MISREAD = """\
data:   {norway: NO,   octal: 0o17}
binaryData:
  keep: |+
    ---

  long: 123456789012345678901234567890
  merged: &m {a: 0x1F, b: 12:30}
  more: {<<: *m, d: 2026-01-01}
"""
WEB = """\
# The web
apiVersion: apps/v1
kind: Deployment
metadata:
    name: web # here
    namespace: web
spec:
    template:
        spec:
            containers:
            -   name: iis
                image: 'a'   # quoted
                args: [NO,   0o17]
"""


def config_map(name: str) -> str:
    return f"""\
# A comment
apiVersion: v1
kind: ConfigMap
metadata:
    name:   {name}
    namespace: web
{DATA_THAT_YAML_MAY_MISREAD}"""


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_only_the_changed_lines_of_a_stream_differ(line_break: str, call: Call, folder: Folder) -> None:
    given = stream(config_map("a"), WEB, config_map("b")).replace("\n", line_break)
    where = folder({"config": workloads_config(entry())})
    done = call(where / "config", program="GMSAConfig", stdin=given.encode())
    assert done.status == 0, done.stderr
    out = done.stdout[: done.stdout.index("---\napiVersion: windows.k8s.io")]
    changed = [line for line in difflib.ndiff(given.split(line_break), out.split(line_break)) if line[0] in "+-"]
    assert changed == [
        "+             securityContext:",
        "+               windowsOptions:",
        "+                 gmsaCredentialSpecName: gmsa-webapp1",
        "+             serviceAccountName: webapp1",
        "+             nodeSelector:",
        "+               kubernetes.io/os: windows",
        "+             os:",
        "+               name: windows",
    ]


def crd() -> dict[str, Any]:
    """As operators ship them: deep schemas, descriptions over several lines, defaults that YAML may misread."""
    schema: dict[str, Any] = {
        "type": "string",
        "description": "A value: 'on', \"off\" or # nothing\n\n  indented\n",
        "default": "NO",
        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    }
    for level in range(40):
        schema = {
            "type": "object",
            "properties": {f"level{level}": schema, "y": {"type": "boolean"}},
            "required": ["y"],
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a.b"},
        "spec": {"schema": schema},
    }


def config_map_with(key: str, text: str) -> str:
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: large
data:
  {key}: |
{indent(text, "    ")}
"""


def test_twenty_megabytes_with_one_match_come_out_as_they_are(call: Call, folder: Folder) -> None:
    panels = json.dumps({"panels": [{"expr": "sum(rate(x[5m]))", "on": True}] * 50}, indent=2)
    operator = stream(
        yaml.safe_dump(crd(), sort_keys=False, default_flow_style=None),
        "# Source: chart/templates/dashboard.yaml\n" + config_map_with("board.json", panels),
    )
    small = stream(*(config_map(f"a{number}") for number in range(2_000)), *[operator] * 150, "")
    big = config_map_with("text", "some text of a chart that is long\n" * 500_000)
    web = deployment()
    given = small + stream(big, web, small)
    assert len(given) > 19_000_000
    where = folder({"config": workloads_config(entry())})
    done = call(where / "config", program="GMSAConfig", stdin=given.encode())
    assert done.status == 0, done.stderr
    before, after = given.split(web)
    assert done.stdout.startswith(before + web)
    added, _, rest = done.stdout.removeprefix(before + web).partition("---\n")
    assert rest.startswith(after.removeprefix("---\n"))
    assert yaml.safe_load(web + added)["spec"]["template"]["spec"]["os"] == {"name": "windows"}
