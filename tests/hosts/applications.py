"""Folders of Argo CD applications that several tests start from, and an application's parameters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from conftest import ROOT, Folder
from hosts.support import CERT_MANAGER, CONTOSO, NO_ADMISSION, WEB, as_yaml, deployment, gmsa_config

Files = dict[str, str | bytes]

CONFIG = gmsa_config(webhook=CERT_MANAGER)
# Changes the Deployment web, and brings no webhook.
WORKLOADS_CONFIG = gmsa_config(admission=NO_ADMISSION, workloads=[WEB])
WEBHOOK = ("Deployment", "gmsa-webhook", "gmsa-webhook")

PLAIN: Files = {"gmsa.yaml": CONFIG}

KUSTOMIZATION: Files = {
    "kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
generators: [gmsa.yaml]
""",
    "gmsa.yaml": CONFIG,
}

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: fetched
data:
  a: fetched
"""

CHART_YAML = """\
apiVersion: v2
name: web
version: 1.0.0
"""
SMALL_CHART: Files = {"Chart.yaml": CHART_YAML, "templates/gmsa.yaml": CONFIG}

CHART: Files = {
    "Chart.yaml": CHART_YAML,
    "values.yaml": """\
replicas: 1
image: web
""",
    "templates/gmsa.yaml": WORKLOADS_CONFIG,
    "templates/web.yaml": deployment(),
    "templates/hook.yaml": """\
apiVersion: v1
kind: Pod
metadata:
  name: hook
  annotations: {helm.sh/hook: pre-install}
spec:
  containers:
  - name: a
    image: '{{ .Values.image }}'
""",
    "templates/facts.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: facts
data:
  release: '{{ .Release.Name }}'
  namespace: '{{ .Release.Namespace }}'
  kube: '{{ .Capabilities.KubeVersion.Minor }}'
  apis: '{{ .Capabilities.APIVersions.Has "example.com/v1" }}'
  image: '{{ .Values.image }}'
  replicas: '{{ .Values.replicas }}'
""",
    "crds/others.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: others.example.com
spec:
  group: example.com
  names: {kind: Other, plural: others}
  scope: Cluster
  versions: []
""",
}


def umbrella(repository: str = "file://../gmsa") -> Files:
    """A chart that depends on charts/gmsa of a repository; by default of a folder beside it."""
    dependency = {"name": "gmsa", "version": "0.1.0", "repository": repository}
    values = {"postRenderer": True, "domains": [CONTOSO], "webhook": CERT_MANAGER}
    return {
        "Chart.yaml": as_yaml({"apiVersion": "v2", "name": "up", "version": "1.0.0", "dependencies": [dependency]}),
        "values.yaml": as_yaml({"gmsa": values}),
    }


def below(name: str, files: Files) -> Files:
    """The files in a folder."""
    return {f"{name}/{file}": text for file, text in files.items()}


def with_umbrella(folder: Folder) -> Path:
    """A repository with the folders `umbrella`, a chart, and `gmsa`, which it depends on."""
    root = folder(below("umbrella", umbrella()))
    shutil.copytree(ROOT / "charts/gmsa", root / "gmsa")
    return root


def parameters(**entries: dict[str, Any]) -> dict[str, str]:
    """The environment by which Argo CD hands over an application's parameters: `parameters(config={"map": {...}})`."""
    listing = [{"name": name.replace("_", "-"), **value} for name, value in entries.items()]
    return {"ARGOCD_APP_PARAMETERS": json.dumps(listing)}
