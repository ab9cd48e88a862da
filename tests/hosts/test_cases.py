"""Each case folder in every host. All give the same objects, and those that keep the text of manifests the same text.

hosts/cases.py says what a case is; a new one is a new folder.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, as_function, build, by_identity, identity, kubectl
from hosts.argocd_cmp import CmpServer
from hosts.cases import CASES, ENV, Case, documents, objects, read
from hosts.conftest import Helm

Objects = list[dict[str, Any]]
WAVE = "argocd.argoproj.io/sync-wave"


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def wanted(case: Case, call: Call) -> Objects:
    """Every object that comes out, in apply order."""
    if case.want.exists():
        return objects(read(case.want))
    rendered = call("render", case.config, *case.manifests, env=ENV).objects
    assert any(item["kind"] == "Secret" for item in rendered), f"{case.want} is missing; make golden writes it"
    return rendered


def test_the_want_files_agree(case: Case, wanted: Objects) -> None:
    all_of_it = by_identity(wanted)
    for text in case.wanted_documents:
        (item,) = objects(text)
        assert all_of_it[identity(item)] == item
    text_files = {case.want_text(manifest) for manifest in case.manifests}
    assert set(case.folder.glob("want-*")) <= text_files


def test_render_writes_a_stream_in_apply_order(case: Case, wanted: Objects, call: Call) -> None:
    done = call("render", case.config, *case.manifests, env=ENV)
    assert done.status == 0, done.stderr
    assert [identity(item) for item in done.objects] == [identity(item) for item in wanted]
    assert done.objects == wanted
    assert set(case.wanted_documents) <= set(documents(done.stdout))


def test_render_writes_a_folder(case: Case, wanted: Objects, call: Call, tmp_path: Path) -> None:
    done = call("render", case.config, *case.manifests, "-o", tmp_path / "out", env=ENV)
    assert done.status == 0, done.stderr
    files = [read(path) for path in (tmp_path / "out").glob("[0-9]*.yaml")]
    assert by_identity([item for text in files for item in objects(text)]) == by_identity(wanted)
    assert set(case.wanted_documents) <= {text for file in files for text in documents(file)}


def test_kustomize_runs_the_legacy_plugin_and_the_exec_function(
    case: Case, wanted: Objects, kustomize: Path, plugin_home: Path, tmp_path: Path
) -> None:
    legacy = build(kustomize, case.folder, plugin_home, **ENV)
    assert legacy.returncode == 0, legacy.stderr
    assert by_identity(objects(legacy.stdout)) == by_identity(wanted)

    folder = tmp_path / case.name
    shutil.copytree(case.folder, folder)
    (folder / "gmsa.yaml").write_text(as_function(read(case.config)))
    function = build(kustomize, folder, tmp_path, "--enable-exec", **ENV)
    assert function.returncode == 0, function.stderr
    assert function.stdout == legacy.stdout


@pytest.mark.skipif(kubectl() is None, reason="there is no kubectl")
def test_kubectl_runs_the_legacy_plugin(case: Case, wanted: Objects, plugin_home: Path) -> None:
    done = build(kubectl() or "", case.folder, plugin_home, **ENV)
    assert done.returncode == 0, done.stderr
    assert by_identity(objects(done.stdout)) == by_identity(wanted)


def test_the_function_takes_a_resource_list(
    case: Case, wanted: Objects, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kpt sends it: each document of the manifests is an item, with its comments and its format."""
    monkeypatch.chdir(case.folder)  # a function has the text of its config only, so paths start here
    done = call(stdin=resource_list(case.given_documents, read(case.config)).encode(), env=ENV)
    assert done.status == 0, done.stderr
    assert by_identity(yaml.safe_load(done.stdout)["items"]) == by_identity(wanted)
    if case.manifests:
        changed = resource_list(case.wanted_documents, "")
        assert done.stdout.startswith(changed.removesuffix(FUNCTION_CONFIG))


FUNCTION_CONFIG = "functionConfig:\n"


def resource_list(items: list[str], config: str) -> str:
    """The list that a host would make: one text with one kind of line end."""
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    listing = "".join("-\n" + textwrap.indent(item, "  ") for item in items)
    text = f"{head}items:{'' if items else ' []'}\n{listing}{FUNCTION_CONFIG}{textwrap.indent(config, '  ')}"
    return text.replace("\r\n", "\n")


def test_helm_renders_a_chart_with_the_manifests_and_the_config(
    case: Case, wanted: Objects, helm: Helm, tmp_path: Path
) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: storefront\nversion: 1.0.0\n")
    for path in (case.config, *case.manifests):
        shutil.copy(path, chart / "templates")
    # Helm hands over the text of the config only, so paths in it start at the working directory.
    stream = helm.template(chart, cwd=case.folder)
    assert by_identity(objects(stream)) == by_identity(wanted)
    if helm.version == "helm3":  # Helm 4 writes every document anew before the post-renderer sees it
        assert {as_helm_3_cuts_it(text) for text in case.wanted_documents} <= set(
            map(as_helm_3_cuts_it, documents(stream))
        )


def as_helm_3_cuts_it(text: str) -> str:
    """A document without its file's name and without the white space at its ends, to which the last CR belongs."""
    text = text.partition("\n")[2] if text.startswith("# Source: ") else text
    return text.replace("\r\n", "\n").strip()


def test_argo_cd_renders_the_kustomization(case: Case, wanted: Objects, server: CmpServer) -> None:
    assert server.matches(case.folder)
    assert by_identity(without_wave(from_json(server.generate(case.folder)))) == by_identity(wanted)


def test_argo_cd_renders_the_plain_manifests(case: Case, wanted: Objects, server: CmpServer, tmp_path: Path) -> None:
    folder = tmp_path / case.name
    shutil.copytree(case.folder, folder, ignore=shutil.ignore_patterns("kustomization.yaml", "want*.yaml"))
    assert server.matches(folder)
    assert by_identity(without_wave(from_json(server.generate(folder)))) == by_identity(wanted)


def without_wave(items: Objects) -> Objects:
    """The objects without the wave of the ClusterRole that comes first, which only Argo CD gets."""
    first = [it for it in items if it["metadata"].get("annotations", {}).get(WAVE) == "-1"]
    has_crd = any(it["kind"] == "CustomResourceDefinition" for it in items)
    assert [it["kind"] for it in first] == ["ClusterRole"] * has_crd
    for it in first:
        assert it["metadata"].pop("annotations") == {WAVE: "-1"}
    return items


def from_json(manifests: list[str]) -> Objects:
    return [json.loads(manifest) for manifest in manifests]
