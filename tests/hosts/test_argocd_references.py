"""What kustomizations and charts under Argo CD may refer to: their own repository, and hosts that are allowed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from conftest import Folder
from hosts.applications import CHART_YAML, CONFIG, CONFIG_MAP, WEBHOOK, Files, below
from hosts.argocd_cmp import CmpServer
from hosts.conftest import Sidecar, Web
from hosts.support import as_yaml, assert_mentions

# URLs


def generator(url: str) -> str:
    """A config of kustomize's own generator of ConfigMaps."""
    return as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "ConfigMapGenerator",
            "metadata": {"name": "evil"},
            "files": [f"a={url}"],
        }
    )


def transformer(url: str) -> str:
    return as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "PatchTransformer",
            "metadata": {"name": "evil"},
            "path": url,
            "target": {"kind": "Deployment"},
        }
    )


def with_fields(url: str, **fields: Any) -> Files:
    text = as_yaml({"generators": ["gmsa.yaml"], **fields}).replace("URL", url)
    return {"kustomization.yaml": text, "gmsa.yaml": CONFIG}


def kustomizations(url: str) -> dict[str, Files]:
    plain = "generators: [gmsa.yaml]\n"
    encoded = base64.b64encode(url.encode()).decode()
    return {
        "resource": with_fields(url, resources=["URL"]),
        "base": with_fields(url, bases=["URL"]),
        "component": with_fields(url, components=["URL"]),
        "generator": with_fields(url, generators=["gmsa.yaml", "URL"]),
        "transformer": with_fields(url, transformers=["URL"]),
        "validator": with_fields(url, validators=["URL"]),
        "definition": with_fields(url, crds=["URL"]),
        "configuration": with_fields(url, configurations=["URL"]),
        "strategic merge patch": with_fields(url, patchesStrategicMerge=["URL"]),
        "patch": with_fields(url, patches=[{"path": "URL", "target": {"kind": "Deployment"}}]),
        "replacement": with_fields(url, replacements=[{"path": "URL"}]),
        "schema": with_fields(url, openapi={"path": "URL"}),
        "ConfigMap": with_fields(url, configMapGenerator=[{"name": "a", "files": ["a=URL"]}]),
        "Secret": with_fields(url, secretGenerator=[{"name": "a", "envs": ["URL"]}]),
        "other case": with_fields(url, RESOURCES=["URL"]),
        "capitals": with_fields(url.replace("http", "HTTP"), resources=["URL"]),
        "repository": with_fields("", resources=["https://github.com/kubernetes-sigs/kustomize/examples"]),
        "repository over ssh": with_fields("", resources=["git@github.com:kubernetes-sigs/kustomize"]),
        "repository without a scheme": with_fields("", resources=["github.com/kubernetes-sigs/kustomize"]),
        "repository on this machine": with_fields("", resources=["file:///var/lib/other.git"]),
        "escaped": {"kustomization.yaml": f'{plain}resources: ["\\x68{url[1:]}"]\n'},
        "Base64": {"kustomization.yaml": f"{plain}resources: [!!binary {encoded}]\n"},
        "merged": {"kustomization.yaml": f"{plain}<<: {{resources: ['{url}']}}\n"},
        "aliased": {"kustomization.yaml": f"{plain}commonAnnotations: {{a: &a '{url}'}}\nresources: [*a]\n"},
        "repeated": {"kustomization.yaml": f"{plain}resources: ['{url}']\nResources: []\n"},
        "first of two documents": {"kustomization.yaml": f"{plain}resources: ['{url}']\n---\n{plain}"},
        "in a base": {
            "kustomization.yaml": f"{plain}resources: [b]\n",
            "b/kustomization.yaml": as_yaml({"configMapGenerator": [{"name": "a", "files": [f"a={url}"]}]}),
        },
        "of a builtin generator": {
            "kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n",
            "evil.yaml": generator(url),
        },
        "of an inline generator": with_fields(url, generators=["gmsa.yaml", generator(url)]),
        "of an inline generator with other line breaks": with_fields(
            url, generators=["gmsa.yaml", generator(url).replace("\n", "\r")]
        ),
        "of a builtin transformer": {
            "kustomization.yaml": "generators: [gmsa.yaml]\ntransformers: [evil.yaml]\n",
            "evil.yaml": transformer(url),
        },
        "of a built generator": {
            "kustomization.yaml": "generators: [gmsa.yaml, g]\n",
            "g/kustomization.yaml": """\
resources: [evil.yaml]
patches: [{path: patch.yaml}]
""",
            "g/evil.yaml": generator("b"),
            "g/patch.yaml": generator(url),
        },
    }


@pytest.mark.parametrize("name", kustomizations(""))
def test_a_kustomization_fetches_nothing(name: str, server: CmpServer, folder: Folder, web: Web) -> None:
    message = server.failure(folder({"gmsa.yaml": CONFIG, **kustomizations(web.url)[name]}))
    assert web.requests == []
    if name in ("merged", "repeated"):
        assert_mentions(message, "write each field once")
    elif name not in ("first of two documents", "Base64"):
        assert_mentions(message, "would be fetched", "GMSA_KRM_ALLOWED_HOSTS")
        assert_mentions(message, "127.0.0.1" if "repository" not in name else "repository")


def test_texts_that_are_not_loaded_may_be_urls(server: CmpServer, folder: Folder) -> None:
    url = "https://example.com/a"
    files = with_fields(
        url,
        commonAnnotations={"path": "URL"},
        configMapGenerator=[{"name": "a", "literals": ["files=URL"], "options": {"annotations": {"files": "URL"}}}],
        patches=[{"patch": "- {op: add, path: /spec/externalName, value: URL}\n", "target": {"kind": "Service"}}],
    )
    found = server.objects(folder(files))
    assert found[WEBHOOK]["metadata"]["annotations"]["path"] == url


@pytest.mark.parametrize(
    ("hosts", "may_fetch"),
    [
        ("127.0.0.1", True),
        ("example.com, 127.0.0.1:PORT", True),
        ("127.0.0.1:1", False),
        ("127.0.0", False),
        ("", False),
    ],
)
def test_an_operator_may_allow_hosts(
    hosts: str, may_fetch: bool, sidecar: Sidecar, program: Path, folder: Folder, web: Web
) -> None:
    port = web.url.rpartition(":")[2].partition("/")[0]
    own = sidecar.with_environ(GMSA_KRM_ALLOWED_HOSTS=hosts.replace("PORT", port))
    done = own.try_to_run(folder(with_fields(web.url, resources=["URL"])), program, "argocd", "generate")
    assert (done.returncode == 0) is may_fetch, done.stderr
    assert ("name: fetched" in done.stdout) is may_fetch
    assert bool(web.requests) is may_fetch


@pytest.mark.parametrize(
    "url",
    [
        "http://allowed.example.com@127.0.0.1:PORT/a.yaml",
        "http://127.0.0.1:PORT\\@allowed.example.com/a.yaml",
        "http://127.0.0.1:PORT#@allowed.example.com/a.yaml",
        "http://allowed.example.com:80@127.0.0.1:PORT/a.yaml",
        "https://allowed.example.com/a?ref=--upload-pack=x",
        "https://allowed.example.com.evil.example.com/a",
        "git::git@evil.example.com:a/b",
    ],
)
def test_a_url_is_of_the_host_that_is_asked(
    url: str, sidecar: Sidecar, program: Path, folder: Folder, web: Web
) -> None:
    url = url.replace("PORT", web.url.rpartition(":")[2].partition("/")[0])
    own = sidecar.with_environ(GMSA_KRM_ALLOWED_HOSTS="allowed.example.com")
    done = own.try_to_run(folder(with_fields(url, resources=["URL"])), program, "argocd", "generate")
    assert (done.returncode, web.requests) == (1, [])
    assert_mentions(done.stderr, "would be fetched")


# Folders

OTHER: Files = {
    "kustomization.yaml": "resources: [a.yaml]\n",
    "a.yaml": CONFIG_MAP.replace("fetched", "of-another-team"),
}


@pytest.mark.parametrize("field", ["resources", "bases", "components", "generators", "transformers", "validators"])
@pytest.mark.parametrize("path", ["../../other", "PATH", "./b/../../../other"])
def test_a_folder_outside_of_the_repository_is_refused(
    field: str, path: str, sidecar: Sidecar, program: Path, tmp_path: Path, folder: Folder
) -> None:
    """The sidecar has the repositories of all teams in one folder."""
    other = tmp_path / "other"
    for name, text in OTHER.items():
        other.mkdir(exist_ok=True)
        (other / name).write_text(str(text))
    files = with_fields("", **{"generators": ["gmsa.yaml"], field: ["gmsa.yaml", path.replace("PATH", str(other))]})
    root = folder({**below("repository/app", files), "repository/app/b/x": ""})
    own = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app")
    done = own.try_to_run(root / "repository/app", program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "kustomization.yaml:", "outside of the repository")


def test_a_long_row_of_bases_ends_in_one_message(server: CmpServer, folder: Folder) -> None:
    files: Files = {"app/kustomization.yaml": "generators: [gmsa.yaml]\nresources: [../0]\n", "app/gmsa.yaml": CONFIG}
    for number in range(1200):
        files[f"{number}/kustomization.yaml"] = f"resources: [../{number + 1}]\n"
    assert_mentions(server.failure(folder(files), "app"), "100 deep", "more than one run may take")


# Charts


def dependent(repository: str, name: str = "other", **more: Any) -> str:
    dependency = {"name": name, "version": "1.0.0", "repository": repository}
    return CHART_YAML + as_yaml({"dependencies": [dependency], **more})


def lock(repository: str, wanted: str) -> str:
    """A Chart.lock with the right sum whose chart comes from elsewhere."""
    required = [{"name": "other", "version": "1.0.0", "repository": wanted}]
    locked = [{"name": "other", "version": "1.0.0", "repository": repository}]
    data = json.dumps([required, locked], separators=(",", ":"))
    digest = f"sha256:{hashlib.sha256(data.encode()).hexdigest()}"
    return as_yaml({"dependencies": locked, "digest": digest, "generated": "2026-01-01T00:00:00Z"})


def charts(outside: str) -> dict[str, Files]:
    version_1 = CHART_YAML.replace("v2", "v1")
    requirements = dependent(outside).removeprefix(CHART_YAML)
    return {
        "dependency": {"Chart.yaml": dependent(outside)},
        "other case": {"Chart.yaml": dependent(outside).replace("repository:", "REPOSITORY:")},
        "Base64": {
            "Chart.yaml": dependent("PLACE").replace("PLACE", f"!!binary {base64.b64encode(outside.encode()).decode()}")
        },
        "of version 1": {"Chart.yaml": version_1, "requirements.yaml": requirements},
        "in a lock": {
            "Chart.yaml": dependent("file://../own"),
            "Chart.lock": lock(outside, "file://../own"),
        },
        "in an old lock": {
            "Chart.yaml": dependent("file://../own"),
            "requirements.lock": lock(outside, "file://../own"),
        },
        "in a lock in another case": {
            "Chart.yaml": dependent("file://../own"),
            "Chart.lock": lock(outside, "file://../own").replace("  repository:", "  Repository:"),
        },
    }


@pytest.fixture
def other_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart of another team."""
    chart = tmp_path_factory.mktemp("charts") / "other"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(CHART_YAML.replace("web", "other"))
    (chart / "templates/a.yaml").write_text(CONFIG_MAP)
    return chart


@pytest.mark.parametrize("form", ["absolute", "relative", "URL"])
@pytest.mark.parametrize("name", charts(""))
def test_a_chart_does_not_depend_on_what_is_outside(
    name: str, form: str, sidecar: Sidecar, program: Path, folder: Folder, other_chart: Path, web: Web
) -> None:
    root = folder({"app/templates/gmsa.yaml": CONFIG, "own/Chart.yaml": CHART_YAML.replace("web", "other")}) / "app"
    # From the copy that helm works in, too: more steps than there are up to the top.
    relative = "../" * 12 + str(other_chart).lstrip("/")
    outside = {"absolute": f"file://{other_chart}", "relative": f"file://{relative}", "URL": web.url}[form]
    folder(below("app", charts(outside)[name]))
    own = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app")
    done = own.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout, web.requests) == (1, "", [])
    if name != "in a lock in another case":
        assert_mentions(done.stderr, "outside of the repository" if form != "URL" else "would be fetched")


@pytest.mark.parametrize("name", ["", "../../own"])
def test_a_dependency_without_a_repository_is_in_the_chart(
    name: str, sidecar: Sidecar, program: Path, folder: Folder, other_chart: Path
) -> None:
    path = name or os.path.relpath(other_chart, "/tmp/gmsa-krm-12345678/repository/app/charts")
    root = folder({"app/Chart.yaml": dependent("", path), "app/templates/gmsa.yaml": CONFIG}) / "app"
    own = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app")
    done = own.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_a_lock_that_helm_wrote_is_used(server: CmpServer, sidecar: Sidecar, folder: Folder, other_chart: Path) -> None:
    root = folder({"app/Chart.yaml": dependent("file://../own"), "app/templates/gmsa.yaml": CONFIG})
    for name, text in {"Chart.yaml": CHART_YAML.replace("web", "other"), "templates/a.yaml": CONFIG_MAP}.items():
        folder({f"own/{name}": text})
    sidecar.run(root / "app", "helm", "dependency", "update", ".")
    for path in (root / "app/charts").iterdir():
        path.unlink()
    assert (root / "app/Chart.lock").exists()
    assert ("ConfigMap", "", "fetched") in server.objects(root, "app")
