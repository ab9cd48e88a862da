"""The post-renderer behind the real Helm 3 and Helm 4: only the wanted difference."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from build import tool
from conftest import ROOT, Call, Folder, by_identity, environment
from hosts.cases import ENV, objects
from hosts.conftest import Helm
from hosts.support import CERT_MANAGER, WEB, assert_mentions, gmsa_config

FILE_NAME = "postrenderer.helm.sh/postrender-filename"


def config(match: dict[str, Any] | None = None, **spec: Any) -> str:
    """A config that changes the workloads with the label app=iis, or those of `match`."""
    entry = {**WEB, "match": match or {"labelSelector": "app=iis"}}
    return gmsa_config(webhook=CERT_MANAGER, workloads=[entry], **spec)


CHART: dict[str, str | bytes] = {
    "Chart.yaml": """\
apiVersion: v2
name: storefront
version: 1.0.0
""",
    "values.yaml": "replicas: 2\n",
    "crds/crd.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: as.b.c}
spec: {}
""",
    "templates/web.yaml": """\
# The web tier
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: web
  labels: {app: iis, version: "1.10"}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: iis
        image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        args: ["NO", 'on', "0o17"]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: text}
data:
  norway: "NO"
  script: |
    first
      --- not a document
    last
""",
    "templates/json.yaml": """\
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"a": "1e3"}}
""",
    "templates/list.yaml": """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: in-list}, data: {a: b}}
""",
    "templates/crlf.yaml": "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: crlf\r\ndata:\r\n  a: b\r\n",
    "templates/hook.yaml": """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: web
  labels: {app: iis}
  annotations: {helm.sh/hook: pre-install}
spec: {template: {spec: {containers: [{name: a, image: a}]}}}
""",
    "templates/twice.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
""",
    "templates/twice-hook.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: twice, annotations: {helm.sh/hook: pre-install}}
""",
    "charts/sub/Chart.yaml": """\
apiVersion: v2
name: sub
version: 1.0.0
""",
    "charts/sub/templates/a.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: sub}
data: {long: '123456789012345678901234567890'}
""",
}


class Chart:
    """Writes the chart storefront with further templates: `chart({"gmsa.yaml": config()})` returns its folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def __call__(self, templates: dict[str, str] | None = None) -> Path:
        more = {f"templates/{name}": text for name, text in (templates or {}).items()}
        files = {**CHART, **more}
        return self._folder({f"storefront/{name}": text for name, text in files.items()}) / "storefront"


@pytest.fixture
def chart(folder: Folder) -> Chart:
    return Chart(folder)


def sorted_by_key(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By identity, and then whether it is a hook: a chart may hold an object as a hook and as a template."""

    def key(item: dict[str, Any]) -> tuple[str, str, str, bool]:
        metadata = item.get("metadata", {})
        is_hook = "helm.sh/hook" in metadata.get("annotations", {})
        return item["kind"], metadata.get("namespace", ""), metadata.get("name", ""), is_hook

    return sorted(items, key=key)


# What comes out


@pytest.mark.parametrize("place", ["in the chart", "beside the chart"])
def test_only_the_wanted_difference(place: str, helm: Helm, chart: Chart, call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": config()}) / "gmsa.yaml"
    storefront = chart({"gmsa.yaml": config()} if place == "in the chart" else None)
    options = () if place == "in the chart" else ("--config", file)
    stream = helm.template(storefront, "--include-crds", options=options)
    assert FILE_NAME not in stream

    plain = helm("template", "r", storefront, "--include-crds", post_renderer=False)
    wanted = [item for item in objects(plain.stdout) if item["kind"] != "GMSAConfig"]
    if helm.version == "helm4":  # flattens Lists itself once there is a post-renderer
        wanted = [entry for item in wanted for entry in (item["items"] if item["kind"] == "List" else [item])]
    for item in wanted:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"] |= {
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}},
                "serviceAccountName": "webapp1",
                "nodeSelector": {"kubernetes.io/os": "windows"},
                "os": {"name": "windows"},
            }
    generated = call("render", file, env=ENV).objects
    assert sorted_by_key(objects(stream)) == sorted_by_key([*wanted, *generated])


def test_helm_3_gets_an_order_that_works(helm3: Helm, chart: Chart) -> None:
    stream = helm3.template(chart({"gmsa.yaml": config()}))
    order = [(item["kind"], item.get("metadata", {}).get("name")) for item in objects(stream)]
    assert order.index(("MutatingWebhookConfiguration", "gmsa-webhook")) < order.index(("Deployment", "r-web"))
    assert order.index(("Namespace", "gmsa-webhook")) < order.index(("Deployment", "gmsa-webhook"))


def test_generated_objects_can_be_selected(helm: Helm, chart: Chart, call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": config()}) / "gmsa.yaml"
    stream = helm.template(chart({"gmsa.yaml": config()}), "--show-only", "templates/gmsa-krm.yaml")
    assert by_identity(objects(stream)) == by_identity(call("render", file, env=ENV).objects)


def test_install_dry_run(helm4: Helm, chart: Chart) -> None:
    """Helm 3 asks the API server for its version even then, so it is not run here."""
    done = helm4("install", "r", chart({"gmsa.yaml": config()}), "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-webapp1" in done.stdout


# Errors

WRONG = gmsa_config(credspecs=[{"account": "WebApp1$"}], webhook=CERT_MANAGER)
WORDS = ("spec.credspecs[0].account: ", "WebApp1$", "ends in $")


def test_helm_3_shows_an_error(helm3: Helm, chart: Chart) -> None:
    done = helm3("template", "r", chart({"gmsa.yaml": WRONG}))
    assert done.returncode != 0
    assert "kind:" not in done.stdout
    assert_mentions(done.stderr, *WORDS)
    assert not (helm3.home / ".local/state").exists()


def test_an_error_under_helm_4_is_in_a_log_until_the_next_run(helm4: Helm, chart: Chart) -> None:
    """Helm 4 drops what a post-renderer writes to stderr."""
    log = helm4.home / ".local/state/gmsa-krm/post-render.log"
    done = helm4("template", "r", chart({"gmsa.yaml": WRONG}))
    assert done.returncode != 0
    assert "kind:" not in done.stdout
    assert WORDS[0] not in done.stderr
    assert_mentions(log.read_text(), *WORDS)
    assert log.stat().st_mode & 0o777 == 0o600
    helm4.template(chart({"gmsa.yaml": config()}))
    assert not log.exists() or not any(word in log.read_text() for word in WORDS)


@pytest.mark.parametrize("option", ["--config gmsa.yaml", "--config"])
def test_a_wrong_option_under_helm_4_is_in_the_log(helm4: Helm, chart: Chart, option: str) -> None:
    helm4("template", "r", chart({"gmsa.yaml": WRONG}))
    done = helm4("template", "r", chart({"gmsa.yaml": config()}), options=(option,))
    assert done.returncode != 0
    text = (helm4.home / ".local/state/gmsa-krm/post-render.log").read_text()
    assert_mentions(text, option, "see gmsa-krm post-render --help")
    assert not any(word in text for word in WORDS)


def test_the_log_goes_where_the_user_wants_it(helm: Helm, chart: Chart, tmp_path: Path) -> None:
    log = tmp_path / "own.log"
    done = helm("template", "r", chart({"gmsa.yaml": WRONG}), options=("--log-file", log))
    assert done.returncode != 0
    assert_mentions(log.read_text(), *WORDS)


# Hooks, which Helm 4 sends too


@pytest.mark.parametrize(
    ("match", "changed"),
    [({"labelSelector": "app=iis"}, False), ({"names": ["migrate", "r-web"]}, True)],
    ids=["by label", "by name"],
)
def test_hooks_are_changed_only_if_they_are_named(
    match: dict[str, Any], changed: bool, helm4: Helm, chart: Chart
) -> None:
    stream = helm4.template(chart({"gmsa.yaml": config(match)}))
    job = next(item for item in objects(stream) if item["kind"] == "Job")
    assert ("securityContext" in job["spec"]["template"]["spec"]) is changed


HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: seed
  namespace: web
  annotations:
    helm.sh/hook: pre-install
spec:
  template:
    spec:
      serviceAccountName: webapp1
      restartPolicy: Never
      nodeSelector:
        kubernetes.io/os: windows
      securityContext:
        windowsOptions:
          gmsaCredentialSpecName: gmsa-webapp1
      containers:
      - name: seed
        image: iis
"""


def test_hooks_get_contents_in_mode_policy_and_nothing_else(helm4: Helm, chart: Chart) -> None:
    """Without them the API server would refuse them."""
    policy = config(admission={"mode": "Policy"})
    stream = helm4.template(chart({"gmsa.yaml": policy, "seed.yaml": HOOK}))
    job = next(item for item in objects(stream) if item["metadata"]["name"] == "seed")
    pod = job["spec"]["template"]["spec"]
    contents = pod["securityContext"]["windowsOptions"].pop("gmsaCredentialSpec")
    assert json.loads(contents)["DomainJoinConfig"]["MachineAccountName"] == "WebApp1"
    assert pod == yaml.safe_load(HOOK)["spec"]["template"]["spec"]


@pytest.mark.parametrize("mode", ["None", "Policy"])
def test_hooks_are_checked(mode: str, helm4: Helm, chart: Chart) -> None:
    unknown = HOOK.replace("gmsa-webapp1", "gmsa-nobody")
    files = {"gmsa.yaml": config(admission={"mode": mode}), "seed.yaml": unknown}
    assert helm4("template", "r", chart(files)).returncode != 0


# Plugins


def test_neither_helm_loses_its_plugins(helm: Helm, folder: Folder) -> None:
    """Both share a folder of plugins, and Helm 3 loads none of it once a plugin of Helm 4's form is there."""
    plugin = helm.home / ".local/share/helm/plugins/hello/plugin.yaml"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("name: hello\nversion: 1.0.0\nusage: says hello\ncommand: echo hello\n")
    done = helm("hello", post_renderer=False)
    assert done.stdout == "hello\n", done.stderr


def test_the_plugin_folder_is_that_of_helm_4(tmp_path: Path) -> None:
    """`helm plugin install plugin/helm`, as the README has it."""
    env = environment(tmp_path)
    install: list[str | Path] = [tool("helm4"), "plugin", "install", ROOT / "plugin/helm"]
    done = subprocess.run(install, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run([tool("helm4"), "plugin", "list"], env=env, capture_output=True, text=True, check=True)
    assert_mentions(listed.stdout, "gmsa", "postrenderer/v1")
