"""The chart charts/gmsa: what it renders, its schema, and what it tells Artifact Hub."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, Call, Folder, by_identity
from gmsa_krm import __version__
from hosts.cases import objects
from hosts.conftest import Helm
from hosts.support import CERT_MANAGER, CONTOSO, WEBAPP1, as_yaml, assert_mentions, gmsa_config

CHART = ROOT / "charts/gmsa"
SPEC: dict[str, Any] = {
    "domains": [{**CONTOSO, "netBiosName": "NO"}],  # which YAML 1.1 takes for false
    "credspecs": [WEBAPP1],
    "webhook": CERT_MANAGER,
}


class Values:
    """Writes a values file of the chart: `values(postRenderer=False)` returns its path."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def __call__(self, **values: Any) -> Path:
        return self._folder({"values.yaml": as_yaml({"postRenderer": True, **SPEC, **values})}) / "values.yaml"


@pytest.fixture
def values(folder: Folder) -> Values:
    return Values(folder)


def template(helm: Helm, values: Path, *more: str, post_renderer: bool = True) -> subprocess.CompletedProcess[str]:
    arguments: list[str | Path] = ["template", "gmsa", CHART, "--kube-version", "1.33.0", "--values", values, *more]
    return helm(*arguments, post_renderer=post_renderer)


def test_the_chart_gives_what_render_gives(helm: Helm, values: Values, call: Call, folder: Folder) -> None:
    done = template(helm, values(), "--include-crds", "--namespace", "gmsa-webhook")
    assert done.returncode == 0, done.stderr
    webhook = {**SPEC["webhook"], "namespace": "gmsa-webhook", "createNamespace": False}
    rendered = call("render", folder({"gmsa.yaml": gmsa_config("gmsa", **{**SPEC, "webhook": webhook})}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    assert by_identity(objects(done.stdout)) == by_identity(rendered.objects)


def test_without_the_post_renderer_the_chart_says_what_to_do(helm: Helm, values: Values) -> None:
    done = template(helm, values(postRenderer=False), post_renderer=False)
    assert done.returncode != 0
    assert_mentions(done.stderr, "gmsa-krm", "--post-renderer gmsa-krm --post-renderer-args post-render")


@pytest.mark.parametrize("with_values", [False, True], ids=["defaults", "values"])
def test_helm_lint_finds_nothing(with_values: bool, helm: Helm, values: Values) -> None:
    options = ("--values", values()) if with_values else ()
    done = helm("lint", CHART, "--strict", *options, post_renderer=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n[" not in done.stdout, done.stdout  # [INFO] and above


def test_the_chart_refuses_what_its_schema_does_not_know(helm: Helm, values: Values) -> None:
    done = template(helm, values(domains=[{**CONTOSO, "netbiosname": "NO"}]), post_renderer=False)
    assert done.returncode != 0
    assert_mentions(done.stderr, "netbiosname")


def test_the_table_of_values_and_the_icon_are_up_to_date(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "gmsa")
    subprocess.run([sys.executable, ROOT / "tests/tools/chart.py", tmp_path / "gmsa"], check=True)
    for name in ("README.md", "Chart.yaml"):
        assert (tmp_path / "gmsa" / name).read_text() == (CHART / name).read_text(), "run make schema"


# Artifact Hub


@pytest.fixture
def metadata() -> dict[str, Any]:
    """Chart.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return loaded


@pytest.fixture
def hub(metadata: dict[str, Any]) -> dict[str, Any]:
    """What Chart.yaml tells Artifact Hub, by name without the prefix."""
    return {key.partition("/")[2]: yaml.safe_load(value) for key, value in metadata["annotations"].items()}


def test_the_versions_are_those_of_the_program_and_of_the_webhook(
    metadata: dict[str, Any], hub: dict[str, Any]
) -> None:
    assert metadata["version"] == __version__  # the values are this version's config
    assert metadata["appVersion"] == hub["images"][0]["image"].rpartition(":")[2]


def test_artifact_hub_knows_every_image(hub: dict[str, Any], call: Call, folder: Folder) -> None:
    diagnosed = {**WEBAPP1, "diagnostics": {"namespace": "web", "serviceAccount": "webapp1"}}
    every_image = gmsa_config(credspecs=[diagnosed], nodes={"smbCompartmentNamespace": True})
    rendered = call("render", folder({"gmsa.yaml": every_image}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    assert {entry["image"] for entry in hub["images"]} == set(images(rendered.objects))


def images(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if isinstance(data.get("image"), str):
            yield data["image"]
        yield from images(list(data.values()))
    elif isinstance(data, list):
        for value in data:
            yield from images(value)


def test_artifact_hub_knows_the_crd(hub: dict[str, Any], call: Call, folder: Folder) -> None:
    rendered = call("render", folder({"gmsa.yaml": gmsa_config()}) / "gmsa.yaml")
    definition = rendered.object("CustomResourceDefinition")
    (crd,) = hub["crds"]
    assert (crd["name"], crd["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    assert [version["name"] for version in definition["spec"]["versions"] if version["storage"]] == [crd["version"]]
    example = rendered.object("GMSACredentialSpec")
    del example["metadata"]["labels"]
    assert hub["crdsExamples"] == [example]
