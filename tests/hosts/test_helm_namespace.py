"""The lines of Helm's pages, with a chart that prints the namespace of its release."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from build import tool
from conftest import ROOT, Folder, environment
from hosts.support import NO_ADMISSION, gmsa_config

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "chart/templates/namespace.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: release}\ndata: {namespace: {{ .Release.Namespace }}}\n"
    ),
}


def documented(version: str) -> list[str]:
    """The words of the line on the page of a version of Helm, as a `helm template`."""
    page = (ROOT / f"docs/getting-started/helm-{version[-1]}.md").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"(?m)^helm upgrade --install RELEASE CHART (.*)$", page)
    return ["template", "RELEASE", "CHART", *shlex.split(line)]


@pytest.mark.parametrize("version", ["helm3", "helm4"])
def test_the_documented_line_leaves_the_namespace_to_helm(
    version: str, helm_home: Path, program: Path, folder: Folder
) -> None:
    root = folder({**CHART, "gmsa.yaml": gmsa_config(admission=NO_ADMISSION)})
    words = {"RELEASE": "r", "CHART": "chart", "NS": "apps", "gmsa-krm": str(program)}
    line = [words.get(it, it.replace("=NS", "=apps")) for it in documented(version)]
    env = environment(helm_home, HELM_PLUGINS=f"/nowhere:{helm_home}/.local/share/gmsa-krm/helm-plugins")
    if version == "helm3":
        del env["HELM_PLUGINS"]
    done = subprocess.run([tool(version), *line], env=env, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = list(filter(None, yaml.safe_load_all(done.stdout)))
    (release,) = (it for it in objects if it["metadata"]["name"] == "release")
    assert release["data"] == {"namespace": "apps"}
    assert "GMSACredentialSpec" in [it["kind"] for it in objects]


def test_a_plugins_variables_do_not_change_what_helm_3_gets(helm_home: Path, program: Path, folder: Folder) -> None:
    """As under helm-diff: they say that a plugin runs, and not which Helm does."""
    root = folder({**CHART, "gmsa.yaml": gmsa_config(admission=NO_ADMISSION)})
    line = [tool("helm3"), "template", "r", "chart", "--post-renderer", program, "--post-renderer-args", "post-render"]
    line.append("--post-renderer-args=--config=gmsa.yaml")
    outputs = [
        subprocess.run(
            line, env=environment(helm_home, **more), cwd=root, capture_output=True, text=True, check=True
        ).stdout
        for more in ({}, {"HELM_PLUGIN_NAME": "diff", "HELM_PLUGIN_DIR": "/plugins/diff"})
    ]
    assert outputs[0] == outputs[1]
    assert "# Source: web/templates/gmsa-krm.yaml" in outputs[0]
