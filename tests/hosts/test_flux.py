"""The pages for hosts that run no plugin: their files and scripts, with the real flux, a registry, git, kustomize and Helm."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from build import module, tool
from conftest import ROOT, SEED, Call, Folder, environment
from hosts.support import gmsa_config
from pages import files

FLUX = files("docs/getting-started/flux.md")
RENDERED = files("docs/how-to/rendered-manifests.md")
QUICKSTART = {name: (ROOT / "kustomize/quickstart" / name).read_text() for name in ("gmsa.yaml", "web.yaml")}


def flux(*arguments: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run([tool("flux"), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder: Path) -> list[object]:
    done = subprocess.run([tool("kustomize"), "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """The address of a registry that keeps what it gets in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [tool("crane"), "registry", "serve", "--address", address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.05)
        yield address
        server.terminate()


class Repository:
    """A clone in which scripts of the pages are run, with the quickstart's files committed."""

    def __init__(self, root: Path) -> None:
        self.root = root / "clone"
        self.env = environment(
            root, GIT_AUTHOR_NAME="ci", GIT_COMMITTER_NAME="ci", GIT_CONFIG_NOSYSTEM="1", EMAIL="ci@x"
        )
        (root / "bin").mkdir()
        (root / "bin/flux").write_text(f'#!/bin/sh\nexec "{tool("flux")}" "$@" --insecure-registry\n')
        (root / "bin/flux").chmod(0o755)
        self.env["PATH"] = f"{root / 'bin'}:{self.env['PATH']}"
        self.bash(
            f"git init --quiet --bare --initial-branch=main '{root}/origin.git' && git clone --quiet '{root}/origin.git' clone",
            root,
        )
        self.commit(QUICKSTART)

    def bash(self, script: str, cwd: Path | None = None) -> str:
        command = ["bash", "-e", "-c", script]
        done = subprocess.run(command, cwd=cwd or self.root, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, script + done.stdout + done.stderr
        return done.stdout + done.stderr

    def commit(self, contents: dict[str, str]) -> None:
        for name, text in contents.items():
            (self.root / name).write_text(text)
        self.bash(
            "git checkout --quiet -B main && git add . && git commit --quiet -m change && git push --quiet origin main"
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


# An OCI artifact


def digests(printed: str) -> str:
    return re.findall(r"@(sha256:[0-9a-f]{64})", printed)[-1]


def test_an_unchanged_render_has_the_same_digest(registry: str, repository: Repository, tmp_path: Path) -> None:
    push = FLUX["push.sh"].replace("registry.example.com", registry)
    first = digests(repository.bash(push))
    repository.commit({"notes.txt": "not an input"})
    repository.bash("rm -r out")
    time.sleep(1.1)  # no time is in it
    assert digests(repository.bash(push)) == first
    changed = QUICKSTART["gmsa.yaml"].replace("WebApp1 ", "WebApp2 ")
    assert changed != QUICKSTART["gmsa.yaml"]
    repository.commit({"gmsa.yaml": changed.replace("gmsa-webapp1", "gmsa-webapp2")})
    assert digests(repository.bash(push)) != first


def test_flux_reads_what_was_rendered(registry: str, repository: Repository, call: Call, tmp_path: Path) -> None:
    repository.bash(FLUX["push.sh"].replace("registry.example.com", registry))
    (tmp_path / "pulled").mkdir()
    flux("pull", "artifact", f"oci://{registry}/gmsa:latest", "--output", tmp_path / "pulled", "--insecure-registry")
    rendered = call("render", repository.root / "gmsa.yaml", repository.root / "web.yaml")
    assert built(tmp_path / "pulled") == rendered.objects
    text = subprocess.check_output([tool("crane"), "manifest", "--insecure", f"{registry}/gmsa:latest"])
    manifest = json.loads(text)
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.flux.config.v1+json"
    assert [it["mediaType"] for it in manifest["layers"]] == ["application/vnd.cncf.flux.content.v1.tar+gzip"]


def test_flux_builds_the_folder_by_its_kustomization(call: Call, folder: Folder) -> None:
    """`flux build` does what kustomize-controller does with the folder; it needs no cluster with --dry-run."""
    root = folder({**QUICKSTART, "oci.yaml": FLUX["oci.yaml"].partition("---\n")[2]})
    assert call("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / "out").status == 0
    arguments = ("build", "kustomization", "gmsa", "--path", root / "out", "--kustomization-file", root / "oci.yaml")
    objects = [it for it in yaml.safe_load_all(flux(*arguments, "--dry-run", cwd=root)) if it]
    for item in objects:  # those by which Flux finds its objects
        labels = item["metadata"].pop("labels")
        own = {name for name in labels if name.startswith("kustomize.toolkit.fluxcd.io/")}
        if set(labels) - own:
            item["metadata"]["labels"] = {name: value for name, value in labels.items() if name not in own}
    rendered = call("render", root / "gmsa.yaml", root / "web.yaml").objects

    def key(item: dict[str, Any]) -> tuple[str, str]:
        return item["kind"], item["metadata"]["name"]

    assert sorted(objects, key=key) == sorted(rendered, key=key)


# Its objects are those that flux itself writes.
EXPORTS = {
    "oci.yaml": (
        "create source oci gmsa --url=oci://registry.example.com/gmsa --tag=latest --interval=10m",
        "create kustomization gmsa --source=OCIRepository/gmsa --path=./ --prune --wait --interval=1h",
    ),
    "git.yaml": (
        "create source git gmsa --url=https://git.example.com/gmsa.git --branch=rendered --interval=5m",
        "create kustomization gmsa --source=GitRepository/gmsa --path=./out --prune --wait --interval=1h",
    ),
    "helmrelease.yaml": (
        "create helmrelease web --source=HelmRepository/web --chart=web --interval=1h --target-namespace=web",
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_the_files_are_what_flux_writes(name: str) -> None:
    ours = list(yaml.safe_load_all(FLUX[name]))
    for item in ours:
        item["spec"].pop("postRenderers", None)
    assert ours == [yaml.safe_load(flux(*line.split(), "--export")) for line in EXPORTS[name]]


def test_init_writes_what_the_page_shows(call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root / "new", "--host", "flux").status == 0
    ours = list(yaml.safe_load_all((root / "new/flux.yaml").read_text()))
    shown = list(yaml.safe_load_all(FLUX["oci.yaml"]))
    assert [(it["kind"], it["metadata"]) for it in ours] == [(it["kind"], it["metadata"]) for it in shown]
    for own, page in zip(ours, shown, strict=True):
        page["spec"] = {name: value for name, value in page["spec"].items() if name in own["spec"]}
        assert {**own["spec"], "interval": ""} == {**page["spec"], "interval": ""}


# A Git branch


def test_ci_commits_what_was_rendered_and_nothing_twice(repository: Repository, call: Call, tmp_path: Path) -> None:
    def commits() -> str:
        return repository.bash("git fetch --quiet origin && git rev-list --count origin/rendered").strip()

    repository.bash(FLUX["commit.sh"])
    assert commits() == "2"  # with the empty one that it starts from
    repository.commit({"notes.txt": "not an input"})
    repository.bash(FLUX["commit.sh"])
    assert commits() == "2"
    repository.commit({"web.yaml": QUICKSTART["web.yaml"].replace("name: iis", "name: web")})
    repository.bash(FLUX["commit.sh"])
    assert commits() == "3"
    repository.bash(f"git worktree add --quiet '{tmp_path}/checked-out' origin/rendered")
    rendered = call("render", repository.root / "gmsa.yaml", repository.root / "web.yaml")
    assert built(tmp_path / "checked-out/out") == rendered.objects
    assert [it.name for it in (tmp_path / "checked-out").iterdir() if it.name != ".git"] == ["out"]


# A HelmRelease

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/templates/web.yaml": yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "iis", "image": "iis"}]},
                },
            },
        }
    ),
}


def test_the_patch_of_the_page_is_what_patch_prints(program: Path, folder: Folder) -> None:
    root = folder(QUICKSTART)
    command = [program, "patch", "--config", "gmsa.yaml", "deployment/web"]
    printed = subprocess.check_output(command, cwd=root, text=True)
    (renderer,) = yaml.safe_load(FLUX["helmrelease.yaml"])["spec"]["postRenderers"]
    assert [it["patch"] for it in renderer["kustomize"]["patches"]] == [printed]


def test_the_patch_makes_of_a_release_what_the_post_renderer_makes(program: Path, folder: Folder) -> None:
    """helm-controller's post-renderer is kustomize, with the patches of the HelmRelease."""
    root = folder({**QUICKSTART, **CHART})
    (renderer,) = yaml.safe_load(FLUX["helmrelease.yaml"])["spec"]["postRenderers"]
    release = subprocess.check_output([tool("helm4"), "template", "web", "chart"], cwd=root, text=True)
    kustomization = {"resources": ["release.yaml"], "patches": renderer["kustomize"]["patches"]}
    folder({"built/release.yaml": release, "built/kustomization.yaml": yaml.safe_dump(kustomization)})
    command = [program, "post-render", "--config", "gmsa.yaml", "--namespace", "web"]
    ours = subprocess.check_output(command, cwd=root, input=release, text=True, stderr=subprocess.DEVNULL)
    (wanted,) = (it for it in yaml.safe_load_all(ours) if it["kind"] == "Deployment")
    (patched,) = built(root / "built")
    assert patched == wanted


# Argo CD without a plugin


def argocd_schema() -> dict[str, Any]:
    crd = yaml.safe_load((module("argocd") / "manifests/crds/application-crd.yaml").read_text())
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def unknown_fields(schema: dict[str, Any], data: Any, path: str = "") -> list[str]:
    """The fields that the API server would drop."""
    if isinstance(data, list):
        return [it for entry in data for it in unknown_fields(schema.get("items", {}), entry, f"{path}[]")]
    if not isinstance(data, dict) or "properties" not in schema:
        return []
    found = [f"{path}.{name}" for name in data if name not in schema["properties"]]
    known = [name for name in data if name in schema["properties"]]
    return found + [
        it for name in known for it in unknown_fields(schema["properties"][name], data[name], f"{path}.{name}")
    ]


@pytest.mark.parametrize("name", ["application.yaml", "hydrated.yaml"])
def test_an_application_is_one_for_argo_cd(name: str) -> None:
    application, schema = yaml.safe_load(RENDERED[name]), argocd_schema()
    jsonschema.validate(application, schema)
    assert unknown_fields(schema, application) == []


def test_the_application_reads_what_ci_commits() -> None:
    source = yaml.safe_load(RENDERED["application.yaml"])["spec"]["source"]
    git, kustomization = yaml.safe_load_all(FLUX["git.yaml"])
    assert source["targetRevision"] == git["spec"]["ref"]["branch"]
    assert f"./{source['path']}" == kustomization["spec"]["path"]


SOURCES = {
    "Policy": ({"admission": {"mode": "Policy"}}, False),
    "CertManager": ({"webhook": {"certificate": {"source": "CertManager"}}}, False),
    "ExistingSecret": (
        {
            "webhook": {
                "certificate": {
                    "source": "ExistingSecret",
                    "existingSecret": {"name": "tls", "caBundleFile": "certs/ca.crt"},
                }
            }
        },
        False,
    ),
    "Files": ({"webhook": {"certificate": {"source": "Files"}}}, True),
    "Derive": ({"webhook": {"certificate": {"source": "Derive"}}}, True),
    "Generate": ({"webhook": {"certificate": {"source": "Generate"}}}, True),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_guard_stops_a_pipeline_that_would_publish_a_key(name: str, call: Call, folder: Folder) -> None:
    spec, has_key = SOURCES[name]
    root = folder({"gmsa.yaml": gmsa_config(**spec), "web.yaml": QUICKSTART["web.yaml"]})
    assert call("certs", "issue", "--dir", root / "certs").status == 0
    env = environment(root, GMSA_KRM_SEED=SEED)
    done = subprocess.run(
        ["bash", "-e", "-c", RENDERED["guard.sh"]], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == (1 if has_key else 0), done.stderr
    assert ("out has a Secret" in done.stderr) == has_key
    assert has_key == any("PRIVATE KEY" in text or "tls.key" in text for text in texts_of(root / "out"))


def texts_of(folder: Path) -> list[str]:
    return [yaml.safe_dump(yaml.safe_load(it.read_text())["data"]) for it in folder.glob("*-secret-*")]


def test_ci_notices_that_the_output_is_out_of_date(repository: Repository) -> None:
    repository.bash("gmsa-krm render gmsa.yaml web.yaml -o out")
    repository.commit({})
    repository.bash(RENDERED["up-to-date.sh"])
    repository.commit({"web.yaml": QUICKSTART["web.yaml"].replace("name: iis", "name: web")})
    with pytest.raises(AssertionError):
        repository.bash(RENDERED["up-to-date.sh"])
