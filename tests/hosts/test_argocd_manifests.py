"""Folders of manifests under Argo CD: the files that its own directory source would read, and no others.

What is expected is what findManifests of reposerver/repository/repository.go (Argo CD 3.5) makes of the file.
"""

from __future__ import annotations

import json

import pytest
import yaml

from conftest import Folder
from hosts.applications import CONFIG_MAP, PLAIN, WORKLOADS_CONFIG, Files
from hosts.argocd_cmp import CmpServer
from hosts.support import NO_ADMISSION, assert_mentions, deployment, gmsa_config

VALUES = """\
# values of a chart elsewhere
replicas: 3
image:
  tag: latest
"""
TEMPLATE = """\
{{- range .Values.names }}
name: {{ . }}
{{- end }}
"""
NO_MANIFESTS: dict[str, Files] = {
    "values": {"values.yaml": VALUES},
    "a list": {"list.yaml": "- a\n- b\n"},
    "a text": {"text.yml": "just a text\n"},
    "no document": {"empty.yaml": "", "comment.yaml": "# nothing\n", "nulls.yaml": "---\n---\nnull\n---\n"},
    "what is not YAML": {"template.yaml": TEMPLATE},
    "settings of tools": {".pre-commit-config.yaml": "repos: []\n", ".golangci.yml": "linters: {enable: [errcheck]}\n"},
    "parameters of the application": {".argocd-source.yaml": "plugin: {name: gmsa-krm}\n"},
    "two signs of an object": {"a.yaml": "kind:\nmetadata:\n"},
    "an object behind another document": {"a.yaml": f"a: 1\n---\n{json.dumps(yaml.safe_load(CONFIG_MAP))}\n"},
    "a mark": {"a.yaml": f"# +argocd:skip-file-rendering\n{CONFIG_MAP}"},
    "a mark in UTF-16": {"a.yaml": f"# +argocd:skip-file-rendering\n{CONFIG_MAP}".encode("utf-16")},
    "a mark in jsonnet": {"a.jsonnet": "// +argocd:skip-file-rendering\n{}"},
    "folders": {"charts/a.yaml": CONFIG_MAP, "a.yaml/b.yaml": CONFIG_MAP},
    "other endings": {"a.yaml.bak": CONFIG_MAP, "a.libsonnet": "{}", "README.md": "---\n", "a.YAML": CONFIG_MAP},
}


@pytest.mark.parametrize("name", NO_MANIFESTS)
def test_what_is_no_manifest_does_not_matter(name: str, server: CmpServer, folder: Folder) -> None:
    files: Files = {"gmsa.yaml": WORKLOADS_CONFIG, "web.yaml": deployment()}
    wanted = server.objects(folder(files))
    assert server.objects(folder(NO_MANIFESTS[name])) == wanted


AS_JSON = json.dumps(yaml.safe_load(CONFIG_MAP))
MANIFESTS: dict[str, Files] = {
    "YAML": {"a.yaml": CONFIG_MAP},
    "the other ending": {"a.yml": CONFIG_MAP},
    "JSON": {"a.json": AS_JSON},
    "JSON in YAML": {"a.yaml": AS_JSON},
    "a hidden file": {".a.yaml": CONFIG_MAP},
    "behind empty documents": {"a.yaml": f"---\n# nothing\n---\n{CONFIG_MAP}---\n"},
    "quoted keys": {"a.yaml": CONFIG_MAP.replace("kind:", '"kind":').replace("apiVersion:", '"apiVersion":')},
    "UTF-16": {"a.yaml": CONFIG_MAP.encode("utf-16")},
    "a List": {"a.yaml": f"apiVersion: v1\nkind: List\nitems: [{AS_JSON}]\n"},
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_read(name: str, server: CmpServer, folder: Folder) -> None:
    found = server.generate(folder({**PLAIN, **MANIFESTS[name]}))
    assert any('"name":"fetched"' in manifest.replace(" ", "") for manifest in found)


NO_KIND = CONFIG_MAP.replace("kind: ConfigMap\n", "#kind:\n")
MISTAKES: dict[str, tuple[Files, list[str]]] = {
    "three signs of an object": ({"a.yaml": NO_KIND}, ["a.yaml:", "not a Kubernetes object"]),
    "an object that is not YAML": ({"a.yaml": f"{CONFIG_MAP}  b: [\n"}, ["a.yaml:"]),
    "no object behind an object": ({"a.yaml": f"{CONFIG_MAP}---\n{VALUES}"}, ["a.yaml:", "not a Kubernetes object"]),
    "JSON": ({"package.json": '{"name": "a"}'}, ["package.json:", "not a Kubernetes object"]),
    "a list in JSON": ({"a.json": "[]"}, ["a.json:", "not a Kubernetes object"]),
    "a config that is not YAML": (
        {"b.yaml": "{'apiVersion': gmsa-krm.dev/v1alpha1, 'kind': GMSAConfig"},
        ["b.yaml:"],
    ),
    "jsonnet": ({"a.jsonnet": "{}"}, ["a.jsonnet: ", "not rendered"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_manifests_are_errors(name: str, server: CmpServer, folder: Folder) -> None:
    files, words = MISTAKES[name]
    assert_mentions(server.failure(folder({**PLAIN, **files})), *words)


def test_a_hidden_config_is_discovered(server: CmpServer, folder: Folder) -> None:
    assert server.matches(folder({".gmsa.yaml": PLAIN["gmsa.yaml"]}))


@pytest.mark.parametrize("file", ["web.yaml", "web.json"])
def test_json_in_a_file_of_yaml_is_yaml_to_argo_cd(file: str, server: CmpServer, folder: Folder) -> None:
    """There a line break of Unicode is folded; kubectl reads a text. In a file of JSON it is a text to Argo CD, too."""
    text = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "x\x85y"}}\n'
    root = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION), file: text})
    (found,) = (it for it in map(json.loads, server.generate(root)) if it["kind"] == "ConfigMap")
    assert found["data"] == {"a": "x y" if file == "web.yaml" else "x\x85y"}
