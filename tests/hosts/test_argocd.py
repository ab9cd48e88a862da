"""Argo CD's config management plugin, run by the real argocd-cmp-server: which applications it takes, and charts.

test_cases.py has kustomizations and plain manifests; the other test_argocd_*.py have what their names say.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import shutil
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from build import tool
from conftest import ROOT, Call, Folder, as_function, by_identity
from hosts.applications import (
    CHART,
    CHART_YAML,
    CONFIG,
    KUSTOMIZATION,
    PLAIN,
    WEBHOOK,
    Files,
    below,
    parameters,
    umbrella,
    with_umbrella,
)
from hosts.argocd_cmp import CmpServer
from hosts.cases import objects
from hosts.conftest import Sidecar, cmp_server
from hosts.support import CERT_MANAGER, deployment, gmsa_config

# Discovery

INLINE = "generators:\n- |-\n" + textwrap.indent(CONFIG, "  ")
A_TEXT = """\
kind: ConfigMap
metadata:
  name: GMSAConfig gmsa-krm.dev/v1alpha1
"""
APPLICATIONS: dict[str, tuple[Files, bool]] = {
    "no config": ({"web.yaml": deployment()}, False),
    "a text that mentions it": ({"a.yaml": A_TEXT}, False),
    "deeper in plain manifests": ({"web.yaml": deployment(), "other/app/gmsa.yaml": CONFIG}, False),
    "not among the generators": (
        {"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": deployment(), "gmsa.yaml": CONFIG},
        False,
    ),
    "a config in JSON": ({"gmsa.json": json.dumps(yaml.safe_load(CONFIG))}, True),
    "a second document": ({"all.yaml": f"{deployment()}---\n{CONFIG}"}, True),
    "a config with a mistake": ({"gmsa.yaml": f"{CONFIG}  x: [\n"}, True),
    "a transformer": ({"kustomization.yml": "transformers: [gmsa.yaml]\n", "gmsa.yaml": CONFIG}, True),
    "inline": ({"kustomization.yaml": INLINE}, True),
    "in a base": ({"kustomization.yaml": "resources: [base]\n", **below("base", KUSTOMIZATION)}, True),
    "generators in a folder": (
        {
            "kustomization.yaml": "generators: [g]\n",
            "g/kustomization.yaml": "resources: [gmsa.yaml]\n",
            "g/gmsa.yaml": CONFIG,
        },
        True,
    ),
    "a base that has itself": (
        {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: [../base]\n"},
        False,
    ),
    "a chart without a config": ({"Chart.yaml": "name: a\n", "templates/a.yaml": deployment()}, False),
    "beside a chart": ({"Chart.yaml": "name: a\n", "templates/a.yaml": deployment(), "gmsa.yaml": CONFIG}, True),
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_with_a_config_is_discovered(name: str, server: CmpServer, folder: Folder) -> None:
    files, wanted = APPLICATIONS[name]
    assert server.matches(folder(files)) is wanted


def test_the_chart_and_a_chart_that_depends_on_it_are_discovered(
    server: CmpServer, folder: Folder, sidecar: Sidecar
) -> None:
    assert server.matches(ROOT / "charts/gmsa")
    root = with_umbrella(folder)
    assert server.matches(root, "umbrella")
    assert ("Deployment", "default", "gmsa-webhook") in server.objects(root, "umbrella")

    sidecar.run(root / "umbrella", "helm", "dependency", "build", ".")  # writes charts/gmsa-0.1.0.tgz
    shutil.rmtree(root / "gmsa")
    assert server.matches(root, "umbrella")
    assert len(server.generate(root, "umbrella")) > 5


# Charts


def test_a_chart_gives_what_helm_3_gives_with_the_post_renderer(
    server: CmpServer, sidecar: Sidecar, folder: Folder
) -> None:
    chart = folder(CHART)
    assert server.matches(chart)
    given = server.objects(chart, KUBE_API_VERSIONS="v1,example.com/v1")
    release = ["template", "app", ".", "-n", "default", "--include-crds"]
    cluster = ["--kube-version", "1.34", "--api-versions", "example.com/v1"]
    post_renderer = ["--post-renderer", "gmsa-krm", "--post-renderer-args", "post-render"]
    direct = sidecar.run(chart, tool("helm3"), *release, *cluster, *post_renderer)
    assert given == by_identity(objects(direct))
    assert given["ConfigMap", "", "facts"]["data"] == {
        "release": "app",
        "namespace": "default",
        "kube": "34",
        "apis": "true",
        "image": "web",
        "replicas": "1",
    }
    pod = given["Deployment", "web", "web"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["windowsOptions"] == {"gmsaCredentialSpecName": "gmsa-webapp1"}
    assert ("GMSACredentialSpec", "", "gmsa-webapp1") in given
    assert ("CustomResourceDefinition", "", "others.example.com") in given
    assert "securityContext" not in given["Pod", "", "hook"]["spec"]


@pytest.mark.parametrize("app", ["app", "umbrella"])
def test_helm_3_in_the_sidecar_gives_the_same(
    app: str,
    program: Path,
    sidecar: Sidecar,
    folder: Folder,
    server: CmpServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = with_umbrella(folder)
    folder(below("app", CHART))
    programs = tmp_path_factory.mktemp("helm3")
    (programs / "helm").symlink_to(tool("helm3"))
    with_helm_3 = sidecar.with_programs(programs).with_environ(
        ARGOCD_APP_NAME="app", ARGOCD_APP_NAMESPACE="default", KUBE_VERSION="1.34", ARGOCD_APP_SOURCE_PATH=app
    )
    direct = with_helm_3.run(root / app, program, "argocd", "generate")
    assert by_identity(objects(direct)) == server.objects(root, app)


def test_the_chart_in_the_repository_stays_as_it_is(program: Path, sidecar: Sidecar, folder: Folder) -> None:
    """helm writes locks and charts where it finds the chart."""
    root = with_umbrella(folder)
    folder({"umbrella/Chart.lock": ""})
    app = sidecar.with_environ(ARGOCD_APP_NAME="app", ARGOCD_APP_SOURCE_PATH="umbrella")
    app.run(root / "umbrella", program, "argocd", "generate")
    assert (root / "umbrella/Chart.lock").read_text() == ""
    assert not (root / "umbrella/charts").exists()


# What comes in a wave before the others; tests/cluster/test_argocd.py has an Argo CD that needs it

WAVE = "argocd.argoproj.io/sync-wave"
WITHOUT_CRD = gmsa_config(webhook=CERT_MANAGER, crd={"install": False})
CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gmsacredentialspecs.windows.k8s.io
"""
ROLE_OF_OTHERS = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: a
"""
WITH_WAVES = "kustomization.yaml", "commonAnnotations: {argocd.argoproj.io/sync-wave: '3'}\ngenerators: [gmsa.yaml]\n"


@pytest.mark.parametrize(
    ("files", "first"),
    [
        (PLAIN, ["ClusterRole"]),
        (KUSTOMIZATION, ["ClusterRole"]),
        ({"gmsa.yaml": WITHOUT_CRD, "crd.yaml": CRD, "a.yaml": ROLE_OF_OTHERS}, ["ClusterRole"]),
        ({"Chart.yaml": CHART_YAML, "gmsa.yaml": WITHOUT_CRD, "crds/crd.yaml": CRD}, ["ClusterRole"]),
        ({"gmsa.yaml": WITHOUT_CRD}, []),
        ({"gmsa.yaml": CONFIG, **dict([WITH_WAVES])}, []),
    ],
)
def test_a_role_of_our_own_comes_before_the_others_where_the_crd_is_new(
    files: Files, first: list[str], server: CmpServer, folder: Folder
) -> None:
    found = server.objects(folder(files))
    before = {key: it for key, it in found.items() if it["metadata"].get("annotations", {}).get(WAVE) == "-1"}
    assert [kind for kind, _, _ in before] == first
    assert all(name.startswith(("use-gmsa-", "gmsa-")) for _, _, name in before)


def test_the_same_role_comes_first_where_earlier_output_is_in_the_folder(
    call: Call, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one would come in the first wave on a run on own output."""
    root = folder(PLAIN)
    monkeypatch.chdir(root)
    first = call("argocd", "generate")
    folder({"out.yaml": first.stdout})
    again = call("argocd", "generate")
    assert (again.status, first.stdout.count(WAVE), again.stdout.count(WAVE)) == (0, 1, 1)


def test_the_release_of_an_application_outside_of_argo_cds_namespace_has_its_name(
    server: CmpServer, folder: Folder
) -> None:
    facts = server.objects(folder(CHART), ARGOCD_APP_NAME="team-a_web")["ConfigMap", "", "facts"]
    assert facts["data"]["release"] == "web"


def test_a_chart_whose_config_is_switched_off_passes(server: CmpServer, folder: Folder) -> None:
    switched = f"{{{{ if .Values.gmsa }}}}\n{CONFIG}{{{{ end }}}}\n"
    root = folder({"Chart.yaml": CHART_YAML, "templates/gmsa.yaml": switched, "templates/web.yaml": deployment()})
    assert server.matches(root)
    assert list(server.objects(root)) == [("Deployment", "web", "web")]
    assert len(server.generate(root, **parameters(helm_values={"map": {"gmsa": "true"}}))) > 10


def test_a_chart_with_a_lock_gets_its_dependency_from_a_repository(
    folder: Folder, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, sidecar: Sidecar
) -> None:
    """helm takes repositories of a Chart.lock only if they were added before."""
    charts = tmp_path_factory.mktemp("charts")
    sidecar.run(charts, "helm", "package", ROOT / "charts/gmsa")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(charts))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{web.server_port}"
        sidecar.run(charts, "helm", "repo", "index", ".", "--url", url)
        root = folder(umbrella(url))
        sidecar.run(root, "helm", "dependency", "update", ".")
        shutil.rmtree(root / "charts")
        assert (root / "Chart.lock").exists()
        with cmp_server(sidecar.with_environ(GMSA_KRM_ALLOWED_HOSTS="127.0.0.1"), tmp_path) as allowed:
            assert ("Deployment", "default", "gmsa-webhook") in allowed.objects(root)
        web.shutdown()


class PrivateFiles(http.server.SimpleHTTPRequestHandler):
    """Files for whoever has the user `u` and the password `p`."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}":
            super().do_GET()
        else:
            self.send_error(401)


@pytest.mark.parametrize("has_lock", [True, False])
@pytest.mark.parametrize("has_credentials", [True, False])
def test_a_private_repository_of_charts_needs_the_operators_file(
    has_lock: bool,
    has_credentials: bool,
    folder: Folder,
    program: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sidecar: Sidecar,
) -> None:
    charts = tmp_path_factory.mktemp("charts")
    own = tmp_path_factory.mktemp("own") / "repositories.yaml"
    sidecar.run(charts, "helm", "package", ROOT / "charts/gmsa")
    handler = functools.partial(PrivateFiles, directory=str(charts))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{web.server_port}"
        sidecar.run(charts, "helm", "repo", "index", ".", "--url", url)
        operator = sidecar.with_environ(HELM_REPOSITORY_CONFIG=str(own), GMSA_KRM_ALLOWED_HOSTS="127.0.0.1")
        operator.run(charts, "helm", "repo", "add", "private", url, "--username", "u", "--password", "p")
        root = folder(umbrella(url))
        if has_lock:
            operator.run(root, "helm", "dependency", "update", ".")
            shutil.rmtree(root / "charts")
        before = own.read_text()
        given = operator if has_credentials else sidecar.with_environ(GMSA_KRM_ALLOWED_HOSTS="127.0.0.1")
        done = given.try_to_run(root, program, "argocd", "generate")
        web.shutdown()
    assert ("gmsa-webhook" in done.stdout, done.returncode == 0) == (has_credentials, has_credentials), done.stderr
    assert own.read_text() == before
    assert ("HELM_REPOSITORY_CONFIG" in done.stderr) is not has_credentials


# Every kind of application


def test_eight_renders_side_by_side_are_equal(server: CmpServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.generate(ROOT / "kustomize", "derive"), range(8)))
    assert len(answers[0]) > 10
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("files", [PLAIN, KUSTOMIZATION, CHART], ids=["plain", "kustomization", "chart"])
def test_nothing_is_left_behind(files: Files, server: CmpServer, sidecar: Sidecar, folder: Folder) -> None:
    server.generate(folder(files))
    assert os.listdir(sidecar.temporary) == []


def test_a_config_with_the_annotation_of_a_function_leaves_nothing_behind(
    server: CmpServer, sidecar: Sidecar, folder: Folder
) -> None:
    assert WEBHOOK in server.objects(folder({**KUSTOMIZATION, "gmsa.yaml": as_function(CONFIG)}))
    assert os.listdir(sidecar.temporary) == []
