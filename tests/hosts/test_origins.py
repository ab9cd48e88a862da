"""Findings name where things are for the user: the file, the template, the object; not a line of what the host sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, Folder
from hosts.support import NO_ADMISSION, gmsa_config

CONFIG = gmsa_config(admission=NO_ADMISSION, credspecs=[{"account": "WebApp1", "usedBy": "FromWorkloads"}])
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
  annotations:
    kept: "yes"
spec:
  template:
    spec:
      serviceAccountName: webapp1
      nodeSelector:
        kubernetes.io/os: windows
      securityContext:
        windowsOptions:
          gmsaCredentialSpecName: gmsa-web1
      containers:
      - name: iis
        image: iis
"""
FIELD = "spec.template.spec.securityContext.windowsOptions.gmsaCredentialSpecName"
PATH = "internal.config.kubernetes.io/path"


CONFIG_MAP = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, annotations: {{{PATH}: other.yaml}}}}\n"


def results(call: Call, *items: str) -> tuple[list[dict[str, Any]], str]:
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [yaml.safe_load(it) for it in items],
        "functionConfig": yaml.safe_load(CONFIG),
    }
    done = call(stdin=yaml.safe_dump(given).encode())
    assert done.status == 1
    found: list[dict[str, Any]] = yaml.safe_load(done.stdout)["results"]
    return found, done.stderr


def test_a_result_has_the_resource_the_field_and_the_file(call: Call) -> None:
    """As the specification of KRM functions names them, so that kpt shows them."""
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    (result,), stderr = results(call, other, WORKLOAD.replace("kept:", f"{PATH}: apps/web.yaml\n    kept:"))
    assert result["resourceRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "web"}
    assert result["field"] == {"path": FIELD}
    assert result["file"] == {"path": "apps/web.yaml"}
    assert stderr.startswith(f"apps/web.yaml: Deployment web/web: {FIELD}: gmsa-web1 is not a credspec")


def test_items_on_one_line_are_told_apart(call: Call) -> None:
    """JSON without line breaks: the last item was named."""
    items = [WORKLOAD.replace("kept:", f"{PATH}: apps/web.yaml\n    kept:"), CONFIG_MAP]
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [yaml.safe_load(it) for it in items],
        "functionConfig": yaml.safe_load(CONFIG),
    }
    (result,) = yaml.safe_load(call(stdin=json.dumps(given).encode()).stdout)["results"]
    assert result["resourceRef"]["name"] == "web"
    assert result["file"] == {"path": "apps/web.yaml"}


def test_an_item_without_a_path_keeps_its_line(call: Call) -> None:
    (result,), stderr = results(call, WORKLOAD)
    assert result["file"] == {"path": "stdin"}
    assert result["resourceRef"]["name"] == "web"
    assert stderr.startswith("stdin:")


def test_a_result_about_the_config_names_no_resource(call: Call) -> None:
    wrong = CONFIG.replace("WebApp1", "WebApp1$")
    given = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": yaml.safe_load(wrong)}
    done = call(stdin=yaml.safe_dump(given).encode())
    (result,) = yaml.safe_load(done.stdout)["results"]
    assert "resourceRef" not in result
    assert result["field"] == {"path": "spec.credspecs[0].account"}


STREAMS = {
    "Helm 3": f"---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n"
    f"---\n# Source: web/templates/web.yaml\n{WORKLOAD}",
    "Helm 4": WORKLOAD.replace('kept: "yes"', "postrenderer.helm.sh/postrender-filename: web/templates/web.yaml"),
}


@pytest.mark.parametrize("helm", STREAMS)
def test_a_message_names_the_template_and_the_object(helm: str, call: Call, folder: Folder) -> None:
    file: Path = folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml"
    done = call("post-render", "--config", file, stdin=STREAMS[helm].encode())
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith(f"web/templates/web.yaml: Deployment web/web: {FIELD}: gmsa-web1 is not a credspec")


def test_two_configs_of_one_template_are_told_apart_by_their_names(call: Call) -> None:
    wrong = f"---\n# Source: web/templates/gmsa.yaml\n{CONFIG.replace('WebApp1', 'WebApp1$')}"
    done = call("post-render", stdin=(wrong + wrong.replace("name: contoso", "name: second", 1)).encode())
    assert (done.status, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("web/templates/gmsa.yaml (GMSAConfig contoso): spec.credspecs[0].account: ")
    assert second.startswith("web/templates/gmsa.yaml (GMSAConfig second): spec.credspecs[0].account: ")


def test_a_stream_of_another_program_keeps_its_lines(call: Call, folder: Folder) -> None:
    file: Path = folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml"
    done = call("post-render", "--config", file, stdin=WORKLOAD.encode())
    assert done.stderr.startswith("stdin:16:35: Deployment web/web: ")


def test_what_is_not_yaml_keeps_its_line(call: Call, folder: Folder) -> None:
    file: Path = folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml"
    stream = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: Deployment\nmetadata: {name: a\n"
    done = call("post-render", "--config", file, stdin=stream.encode())
    assert done.status == 1
    assert done.stderr.startswith("stdin:")
