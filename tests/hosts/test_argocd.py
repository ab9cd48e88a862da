"""Argo CD's config management plugin, run by the real argocd-cmp-server."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import (
    CASES,
    ENTRY,
    ROOT,
    SEED,
    Call,
    Folder,
    as_function,
    by_identity,
    config,
    deployment,
    workloads_config,
)
from hosts.argocd_cmp import CmpError, CmpServer

USED = "  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
CERT_MANAGER = "  webhook: {certificate: {source: CertManager}}\n"
GENERATOR = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\ngenerators: [gmsa.yaml]\n"


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the sidecar: kustomize, helm (4, as Argo CD 3.5 has) and gmsa-krm on the PATH, and a seed."""
    from build import tool

    programs = tmp_path_factory.mktemp("bin")
    for name, source in (("kustomize", "kustomize"), ("helm", "helm4")):
        (programs / name).symlink_to(tool(source))
    home = tmp_path_factory.mktemp("home")
    temporary = tmp_path_factory.mktemp("tmp")
    path = f"{Path(sys.executable).parent}:{programs}:/usr/bin:/bin"
    return {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GMSA_KRM_SEED": SEED,
        "SOURCE_DATE_EPOCH": "1750000000",
        "TMPDIR": str(temporary),
    }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sidecar: dict[str, str]) -> Iterator[CmpServer]:
    from build import tool

    work = tmp_path_factory.mktemp("cmp") / "w"
    with CmpServer(tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", work, sidecar) as running:
        yield running


def objects(manifests: list[str]) -> dict[Any, Any]:
    return by_identity([json.loads(manifest) for manifest in manifests])


def parsed(stream: str) -> dict[Any, Any]:
    return by_identity([document for document in yaml.safe_load_all(stream) if document])


def run(sidecar: dict[str, str], folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=sidecar, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kustomization_gives_what_kustomize_gives(
    case: Path, server: CmpServer, sidecar: dict[str, str], plugin_home: Path
) -> None:
    assert server.matches(case)
    direct = run(
        {**sidecar, "HOME": str(plugin_home)},
        case,
        "kustomize",
        "build",
        "--enable-alpha-plugins",
        "--enable-exec",
        ".",
    )
    assert objects(server.generate(case)) == parsed(direct)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plain_manifests_give_what_render_gives(
    case: Path, server: CmpServer, sidecar: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("kustomization.yaml", "want.yaml"))
    (folder / "web.yaml").write_text(deployment("{containers: [{name: web, image: web}]}"))
    assert server.matches(folder)
    direct = run(sidecar, folder, "gmsa-krm", "render", "gmsa.yaml", "web.yaml")
    assert objects(server.generate(folder)) == parsed(direct)


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "values.yaml": "replicas: 1\nimage: web\n",
    "templates/gmsa.yaml": workloads_config(ENTRY),
    "templates/web.yaml": deployment().replace("metadata:", "metadata: ", 1),
    "templates/hook.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\nspec: {containers: [{name: a, image: '{{ .Values.image }}'}]}\n",
    "templates/facts.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: facts}\ndata:\n  release: '{{ .Release.Name }}'\n"
        "  namespace: '{{ .Release.Namespace }}'\n  kube: '{{ .Capabilities.KubeVersion.Minor }}'\n"
        "  apis: '{{ .Capabilities.APIVersions.Has \"example.com/v1\" }}'\n  image: '{{ .Values.image }}'\n"
        "  replicas: '{{ .Values.replicas }}'\n"
    ),
    "crds/c.yaml": (ROOT / "tests/cases/domain-joined/want.yaml")
    .read_text()
    .split("---\n")[1]
    .replace("gmsacredentialspecs.windows.k8s.io", "others.example.com"),
}


def test_a_chart_gives_what_helm_3_gives_with_the_post_renderer(
    server: CmpServer, sidecar: dict[str, str], folder: Folder
) -> None:
    from build import tool

    chart = folder(CHART)
    assert server.matches(chart)
    given = objects(server.generate(chart, KUBE_API_VERSIONS="v1,example.com/v1"))
    post = ["--post-renderer", "gmsa-krm", "--post-renderer-args", "post-render"]
    command = [
        str(tool("helm3")),
        "template",
        "app",
        ".",
        "-n",
        "default",
        "--include-crds",
        "--kube-version",
        "1.34",
        "--api-versions",
        "example.com/v1",
    ]
    assert given == parsed(run(sidecar, chart, *command, *post))
    assert given["ConfigMap", "", "facts"]["data"] == {
        "release": "app", "namespace": "default", "kube": "34", "apis": "true", "image": "web", "replicas": "1",
    }  # fmt: skip
    pod = given["Deployment", "web", "web"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["windowsOptions"] == {"gmsaCredentialSpecName": "gmsa-webapp1"}
    assert ("GMSACredentialSpec", "", "gmsa-webapp1") in given
    assert "securityContext" not in given["Pod", "", "hook"]["spec"]


def test_charts_by_helm_3(
    program: Path,
    sidecar: dict[str, str],
    folder: Folder,
    server: CmpServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from build import tool

    root = folder({f"app/{name}": text for name, text in CHART.items()} | UMBRELLA)
    programs = tmp_path_factory.mktemp("helm3")
    shutil.copytree(ROOT / "charts" / "gmsa", root / "gmsa")
    (programs / "helm").symlink_to(tool("helm3"))
    environ = {
        **sidecar,
        "PATH": f"{programs}:{sidecar['PATH']}",
        "ARGOCD_APP_NAME": "app",
        "ARGOCD_APP_NAMESPACE": "default",
        "KUBE_VERSION": "1.34",
    }
    for app in ("app", "umbrella"):
        environ["ARGOCD_APP_SOURCE_PATH"] = app
        assert parsed(run(environ, root / app, str(program), "argocd", "generate")) == objects(
            server.generate(root, app)
        )


UMBRELLA: dict[str, str | bytes] = {
    "umbrella/Chart.yaml": "apiVersion: v2\nname: up\nversion: 1.0.0\ndependencies: [{name: gmsa, version: 0.1.0, repository: 'file://../gmsa'}]\n",
    "umbrella/values.yaml": "gmsa: {postRenderer: true, domains: [{dnsName: contoso.com, netBiosName: CONTOSO, guid: 244818ae-87ac-4fcd-92ec-e79e5252348a, sid: S-1-5-21-1-2-3}], webhook: {certificate: {source: CertManager}}}\n",
}


def test_our_own_chart_matches_and_a_chart_that_brings_it_along(
    server: CmpServer, folder: Folder, sidecar: dict[str, str]
) -> None:
    assert server.matches(ROOT / "charts" / "gmsa")
    root = folder(UMBRELLA)
    shutil.copytree(ROOT / "charts" / "gmsa", root / "gmsa")
    assert server.matches(root, "umbrella")
    assert ("Deployment", "default", "gmsa-webhook") in objects(server.generate(root, "umbrella"))
    run(sidecar, root / "umbrella", "helm", "dependency", "build", ".")  # charts/gmsa-0.1.0.tgz
    shutil.rmtree(root / "gmsa")
    assert server.matches(root, "umbrella")
    assert len(server.generate(root, "umbrella")) > 5


@pytest.mark.parametrize(
    ("name", "files", "wanted"),
    [
        ("nothing", {"web.yaml": deployment()}, False),
        ("a text that speaks of it", {"a.yaml": "kind: ConfigMap\nmetadata: {name: GMSAConfig gmsa-krm.dev/v1alpha1}\n"}, False),
        ("deeper in plain manifests", {"web.yaml": deployment(), "other/app/gmsa.yaml": config(USED)}, False),
        ("not among the generators", {"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": deployment(), "gmsa.yaml": config(USED)}, False),
        ("a config in JSON", {"gmsa.json": json.dumps(yaml.safe_load(config(USED)))}, True),
        ("a second document", {"all.yaml": deployment() + "---\n" + config(USED)}, True),
        ("a config with a mistake", {"gmsa.yaml": config("  x: [\n")}, True),
        ("a transformer", {"kustomization.yml": "transformers: [gmsa.yaml]\n", "gmsa.yaml": config(USED)}, True),
        ("inline", {"kustomization.yaml": "generators:\n- |-\n  " + config(USED).replace("\n", "\n  ") + "\n"}, True),
        ("in a base", {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": GENERATOR, "base/gmsa.yaml": config(USED)}, True),
        ("generators in a folder", {"kustomization.yaml": "generators: [g]\n", "g/kustomization.yaml": "resources: [gmsa.yaml]\n", "g/gmsa.yaml": config(USED)}, True),
        ("in itself", {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: [../base]\n"}, False),
        ("a chart without", {"Chart.yaml": "name: a\n", "templates/a.yaml": deployment()}, False),
        ("beside a chart", {"Chart.yaml": "name: a\n", "templates/a.yaml": deployment(), "gmsa.yaml": config(USED)}, True),
    ],
)  # fmt: skip
def test_discovery(name: str, files: dict[str, str], wanted: bool, server: CmpServer, folder: Folder) -> None:
    assert server.matches(folder(files)) is wanted, name


def test_no_repository_runs_its_own_programs(
    server: CmpServer, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any application that may use the plugin would otherwise read the seed of all clusters."""
    witness = tmp_path_factory.mktemp("witness") / "ran"
    function = (
        "apiVersion: example.com/v1\nkind: Evil\nmetadata:\n  name: e\n  annotations:\n    config.kubernetes.io/function: |\n"
        f"      exec: {{path: /bin/sh, args: [-c, 'touch {witness}']}}\n"
    )
    root = folder(
        {
            "kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n",
            "evil.yaml": function,
            "gmsa.yaml": as_function(config(USED + CERT_MANAGER)),
        }
    )
    with pytest.raises(CmpError, match=r"No plugins but GMSAConfigs run here"):
        server.generate(root)
    assert not witness.exists()


PLUGIN_PATH = """\
apiVersion: x/../../../../../../../../../../../..
kind: ../../../../../../../../../../../../bin/sh
metadata: {name: x}
zz: |
  (x); touch WITNESS; exit 0
"""
HELM_DOWNLOADER = {
    "cfg/.data/plugins/e/plugin.yaml": (
        "name: e\nversion: 1.0.0\nusage: x\ndescription: x\ncommand: /bin/true\n"
        'downloaders: [{command: "../../../../../../../../../../../bin/sh ./cfg/.data/plugins/e/e.sh", protocols: [x]}]\n'
    ),
    "cfg/.data/plugins/e/e.sh": "touch WITNESS; exit 1\n",
}


@pytest.mark.parametrize(
    "files",
    [
        {"kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n", "evil.yaml": PLUGIN_PATH},
        {"kustomization.yaml": "generators: [gmsa.yaml]\ntransformers: [evil.yaml]\n", "evil.yaml": PLUGIN_PATH},
        {"kustomization.yaml": "generators: [gmsa.yaml]\nvalidators: [evil.yaml]\n", "evil.yaml": PLUGIN_PATH},
        {
            "kustomization.yaml": "generators: [gmsa.yaml, g]\n",
            "g/kustomization.yaml": "resources: [evil.yaml]\n",
            "g/evil.yaml": PLUGIN_PATH,
        },
        {
            "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [b]\n",
            "b/kustomization.yaml": "Generators: [evil.yaml]\n",
            "b/evil.yaml": PLUGIN_PATH,
        },
        {
            "kustomization.yaml": 'generators: [gmsa.yaml]\nhelmGlobals: {configHome: ./cfg, chartHome: ./charts2}\nhelmCharts: [{name: a, repo: "x://y", version: 1.0.0, releaseName: z}]\n',
            **HELM_DOWNLOADER,
        },
    ],
    ids=["generator", "transformer", "validator", "folder of generators", "in a base", "helm"],
)
def test_no_plugin_of_a_repository_runs(
    files: dict[str, str], server: CmpServer, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """kustomize makes a path of the group and kind of a config without looking for .. in it, and has a flag for helm."""
    witness = tmp_path_factory.mktemp("witness") / "ran"
    root = folder(
        {
            "gmsa.yaml": config(USED + CERT_MANAGER),
            **{name: text.replace("WITNESS", str(witness)) for name, text in files.items()},
        }
    )
    with pytest.raises(CmpError):
        server.generate(root)
    assert not witness.exists()


def test_what_a_flag_of_kustomize_would_let_through_does_run(
    sidecar: dict[str, str], folder: Folder, tmp_path_factory: pytest.TempPathFactory, plugin_home: Path
) -> None:
    """The attack above is one: with the flag of plugins the program runs. Else the test above would prove nothing."""
    witness = tmp_path_factory.mktemp("witness") / "ran"
    root = folder(
        {"kustomization.yaml": "generators: [evil.yaml]\n", "evil.yaml": PLUGIN_PATH.replace("WITNESS", str(witness))}
    )
    subprocess.run(
        ["kustomize", "build", "--enable-alpha-plugins", "."],
        cwd=root,
        env={**sidecar, "HOME": str(plugin_home)},
        capture_output=True,
        check=False,
    )
    assert witness.exists()


@pytest.mark.parametrize(
    "second",
    [
        {"b.yaml": "ANNOTATED"},
        {"b.yaml": "ESCAPED"},
        {
            "b/kustomization.yaml": "resources: [b.yaml]\ncommonAnnotations: {config.kubernetes.io/function: 'exec: {path: gmsa-krm}'}\n",
            "b/b.yaml": "PLAIN",
        },
        {"b.json": "JSON"},
    ],
    ids=["annotation", "escaped", "folder", "json"],
)
def test_none_of_several_configs_is_skipped(second: dict[str, str], server: CmpServer, folder: Folder) -> None:
    other = config(
        "  credspecs: [{account: WebApp2, usedBy: [{namespace: web, serviceAccounts: [b]}]}]\n  admission: {mode: None}\n"
    ).replace("name: contoso", "name: b", 1)
    forms = {
        "PLAIN": other,
        "ANNOTATED": as_function(other),
        "ESCAPED": as_function(other)
        .replace("io/function", "io/f\\u0075nction")
        .replace("config.kubernetes.io/f\\u0075nction", '"config.kubernetes.io/f\\u0075nction"'),
        "JSON": json.dumps(yaml.safe_load(as_function(other))),
    }
    files = {name: forms.get(text, text) for name, text in second.items()}
    entry = next(iter(second)).partition("/")[0]
    root = folder(
        {"kustomization.yaml": f"generators: [gmsa.yaml, {entry}]\n", "gmsa.yaml": config(USED + CERT_MANAGER), **files}
    )
    found = objects(server.generate(root))
    assert {key[2] for key in found if key[0] == "GMSACredentialSpec"} == {"gmsa-webapp1", "gmsa-webapp2"}


def test_transformers_see_what_stands_before_them(
    server: CmpServer, sidecar: dict[str, str], folder: Folder, plugin_home: Path
) -> None:
    """A base with a transformer, one of kustomize's own before and one behind it, and an overlay on top."""
    prefix = "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p%s}\nprefix: %s\nfieldSpecs: [{path: metadata/name}]\n"
    root = folder(
        {
            "kustomization.yaml": "resources: [base]\nlabels: [{pairs: {team: red}}]\nnamespace: shop\n",
            "base/kustomization.yaml": "resources: [web.yaml]\nnamespace: web\ntransformers: [first.yaml, gmsa.yaml, last.yaml]\n",
            "base/web.yaml": deployment().replace("name: web", "name: eb", 1),
            "base/first.yaml": prefix % (1, "w"),
            "base/last.yaml": prefix % (2, "x-"),
            "base/gmsa.yaml": workloads_config(ENTRY),
        }
    )
    direct = run({**sidecar, "HOME": str(plugin_home)}, root, "kustomize", "build", "--enable-alpha-plugins", ".")
    given = objects(server.generate(root))
    assert given == parsed(direct)
    assert given["Deployment", "shop", "x-web"]["spec"]["template"]["spec"]["securityContext"]["windowsOptions"]


@pytest.mark.parametrize(
    "field",
    ["namePrefix: p-", "configMapGenerator: [{name: c, literals: [a=b]}]", "vars: []", "configurations: [c.yaml]"],
)
def test_a_base_that_would_be_finished_too_early(field: str, server: CmpServer, folder: Folder) -> None:
    """An overlay's patch would look for other names, or a hash would stay behind: without a word, objects would differ."""
    root = folder(
        {
            "kustomization.yaml": "resources: [base]\n",
            "base/kustomization.yaml": f"resources: [web.yaml]\ntransformers: [gmsa.yaml]\n{field}\n",
            "base/web.yaml": deployment(),
            "base/c.yaml": "{}",
            "base/gmsa.yaml": workloads_config(ENTRY),
        }
    )
    with pytest.raises(
        CmpError, match=r"base/kustomization.yaml: has .*, and a GMSAConfig among the transformers of a base"
    ):
        server.generate(root)
    if not field.startswith("configurations"):
        assert server.generate(root, "base")


def test_inline_transformers_come_first(
    server: CmpServer, sidecar: dict[str, str], folder: Folder, plugin_home: Path
) -> None:
    prefix = "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: q-\nfieldSpecs: [{path: metadata/name}]\n"
    inline = "- |-\n  " + workloads_config(ENTRY).replace("\n", "\n  ") + "\n"
    root = folder(
        {
            "kustomization.yaml": f"resources: [web.yaml]\ntransformers:\n- p.yaml\n{inline}",
            "p.yaml": prefix,
            "web.yaml": deployment(),
        }
    )
    direct = run({**sidecar, "HOME": str(plugin_home)}, root, "kustomize", "build", "--enable-alpha-plugins", ".")
    assert objects(server.generate(root)) == parsed(direct)
    (root / "p.yaml").write_text(prefix + "---\n" + workloads_config(ENTRY))
    (root / "kustomization.yaml").write_text("resources: [web.yaml]\ntransformers: [p.yaml]\n")
    with pytest.raises(CmpError, match=r"'p.yaml' holds other transformers beside a GMSAConfig"):
        server.generate(root)


def test_a_transformer_and_nothing_else(server: CmpServer, folder: Folder) -> None:
    root = folder(
        {
            "kustomization.yaml": "transformers: [gmsa.yaml]\nbuildMetadata: [managedByLabel]\n",
            "gmsa.yaml": config(USED + CERT_MANAGER),
        }
    )
    assert ("Deployment", "gmsa-webhook", "gmsa-webhook") in objects(server.generate(root))
    (root / "kustomization.yaml").write_text(
        "generators: [gmsa.yaml]\ntransformers: [gmsa.yaml]\nbuildMetadata: [managedByLabel]\n"
    )
    assert ("Deployment", "gmsa-webhook", "gmsa-webhook") in objects(server.generate(root))


def test_git_runs_no_program_of_a_repository(
    server: CmpServer, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """kustomize hands git what a URL says as a branch, options too."""
    witness = tmp_path_factory.mktemp("witness") / "ran"
    resource = f'"file:///any?ref=--upload-pack=touch${{IFS}}{witness}"'
    root = folder(
        {
            "kustomization.yaml": f"resources: [{resource}]\ngenerators: [gmsa.yaml]\n",
            "gmsa.yaml": config(USED + CERT_MANAGER),
        }
    )
    with pytest.raises(CmpError):
        server.generate(root)
    assert not witness.exists()


def test_kustomize_and_helm_are_told_no_secret(
    sidecar: dict[str, str], folder: Folder, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = tmp_path_factory.mktemp("telling")
    (programs / "kustomize").write_text("#!/bin/sh\nenv >&2\nexit 1\n")
    (programs / "kustomize").chmod(0o755)
    environ = {
        **sidecar,
        "PATH": f"{programs}:{sidecar['PATH']}",
        "GMSA_KRM_SEED_FILE": "/seeds",
        "KUSTOMIZE_PLUGIN_HOME": "/x",
    }
    done = subprocess.run(
        [program, "argocd", "generate"],
        cwd=folder(KINDS["kustomize"]),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GIT_ALLOW_PROTOCOL=https:http:ssh" in done.stderr
    assert not [word for word in (SEED, "/seeds", "GMSA_KRM", "KUSTOMIZE_PLUGIN_HOME") if word in done.stderr]


def test_the_chart_in_the_repository_stays_as_it_is(program: Path, sidecar: dict[str, str], folder: Folder) -> None:
    """helm writes locks and charts where it finds the chart."""
    root = folder(UMBRELLA | {"umbrella/Chart.lock": ""})
    shutil.copytree(ROOT / "charts" / "gmsa", root / "gmsa")
    environ = {**sidecar, "ARGOCD_APP_NAME": "app", "ARGOCD_APP_SOURCE_PATH": "umbrella"}
    run(environ, root / "umbrella", str(program), "argocd", "generate")
    assert (root / "umbrella/Chart.lock").read_text() == ""
    assert not (root / "umbrella/charts").exists()


def test_a_function_in_a_base_of_the_repository_works(server: CmpServer, folder: Folder) -> None:
    root = folder(
        {
            "bases/gmsa/kustomization.yaml": GENERATOR,
            "bases/gmsa/gmsa.yaml": as_function(config(USED + CERT_MANAGER)),
            "apps/web/kustomization.yaml": "resources: [../../bases/gmsa]\n",
        }
    )
    assert server.matches(root, "apps/web")
    assert ("Deployment", "gmsa-webhook", "gmsa-webhook") in objects(server.generate(root, "apps/web"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"gmsa.yaml": config(USED + "  webhook: {certificate: {source: Generate}}\n")}, "gmsa.yaml:14:35: spec.webhook.certificate.source: Generate makes new keys at every render"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED)}, "use CertManager, Derive, ExistingSecret or Files"),
        ({"gmsa.yaml": config("  credspec: []\n")}, "spec.credspec: unknown field"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config("  credspec: []\n")}, "spec.credspec: unknown field"),
        ({"web.yaml": deployment()}, "no GMSAConfig"),
        ({"kustomization.yaml": "resources: []\n"}, "the application has no manifests"),
        ({"kustomization.yaml": "resources: [missing.yaml]\n"}, "kustomize build failed (exit status 1)"),
        ({"gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests, and Argo CD would prune"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests"),
        ({"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests"),
        ({"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/a.yaml": "{{ fail \"no luck\" }}"}, "no luck"),
        ({"kustomization.yaml": "generators: 5\nresources: [gmsa.yaml]\n", "gmsa.yaml": config(USED)}, "kustomize build failed"),
        ({"kustomization.yaml": "generators: [gmsa.yaml]\nresources: {gmsa.yaml: 1}\n", "gmsa.yaml": config(USED)}, "kustomize build failed"),
        ({"kustomization.yaml": "validators: [gmsa.yaml]\n", "gmsa.yaml": config(USED)}, "kustomization.yaml: has a GMSAConfig among validators"),
        ({"kustomization.yaml": "components: [c]\n", "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ntransformers: [gmsa.yaml]\n", "c/gmsa.yaml": config(USED)}, "c/kustomization.yaml: is a component with a GMSAConfig among its transformers"),
        ({"kustomization.yaml": 'generators: ["a\\0b", gmsa.yaml]\n', "gmsa.yaml": config(USED + CERT_MANAGER)}, "failed"),
        ({"gmsa.yaml": config(USED + CERT_MANAGER), "a.jsonnet": "{}"}, "a.jsonnet: is not rendered here"),
        ({"gmsa.yaml": config("  admission: {mode: None}\n"), "l.yaml": "apiVersion: v1\nkind: List\nmetadata: {}\nitems: []\n"}, "the application has no manifests"),
        ({"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "gmsa.yaml": config(USED + CERT_MANAGER) + "---\n" + deployment()}, "gmsa.yaml:15:1: stands beside a GMSAConfig beside a chart"),
    ],
)  # fmt: skip
def test_a_failure_stands_in_the_ui(files: dict[str, str], message: str, server: CmpServer, folder: Folder) -> None:
    with pytest.raises(CmpError) as error:
        server.generate(folder(files))
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)


def test_a_program_that_is_missing(server: CmpServer, sidecar: dict[str, str], folder: Folder, program: Path) -> None:
    root = folder({"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED + CERT_MANAGER)})
    environ = {**sidecar, "PATH": str(program.parent)}
    done = subprocess.run(
        [program, "argocd", "generate"], cwd=root, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "kustomize is not on the PATH" in done.stderr


@pytest.fixture
def slow(sidecar: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A sidecar whose kustomize does not end."""
    programs = tmp_path_factory.mktemp("slow")
    (programs / "kustomize").write_text(f"#!/bin/sh\necho $$ > {programs}/pid\nexec sleep 300\n")
    (programs / "kustomize").chmod(0o755)
    return {
        **sidecar,
        "PATH": f"{programs}:{sidecar['PATH']}",
        "SLOW": str(programs),
        "TMPDIR": str(tmp_path_factory.mktemp("tmp")),
    }


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("did not happen within 20 s")


def is_running(environ: dict[str, str]) -> bool:
    return Path("/proc", (Path(environ["SLOW"]) / "pid").read_text().strip()).exists()


def test_a_program_that_takes_too_long_is_named(
    slow: dict[str, str], folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from build import tool

    root = folder(KINDS["kustomize"])
    environ = {**slow, "ARGOCD_EXEC_TIMEOUT": "6s"}
    with CmpServer(
        tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", tmp_path_factory.mktemp("s") / "w", environ
    ) as server:
        with pytest.raises(
            CmpError, match=r"kustomize build was stopped, 1 s after.*raise ARGOCD_EXEC_TIMEOUT of the sidecar"
        ):
            server.generate(root)
        assert not is_running(slow)
        # Argo CD's own deadline comes first: it kills the plugin, which can say nothing; kustomize must not stay
        environ["ARGOCD_EXEC_TIMEOUT"] = "1m"
    with CmpServer(
        tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", tmp_path_factory.mktemp("s") / "w", environ
    ) as server:
        with pytest.raises(CmpError):
            server.generate(root, deadline=2)
        wait_for(lambda: not is_running(slow))


def test_sigterm_takes_kustomize_along(slow: dict[str, str], folder: Folder, program: Path) -> None:
    root = folder(KINDS["kustomize"])
    with subprocess.Popen(
        [program, "argocd", "generate"], cwd=root, env=slow, stdout=-1, stderr=-1, text=True
    ) as process:
        wait_for(lambda: (Path(slow["SLOW"]) / "pid").exists())
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (3, "", "gmsa-krm: stopped by SIGTERM before the manifests were done\n")
    assert not is_running(slow)
    assert os.listdir(slow["TMPDIR"]) == []


def test_eight_renders_side_by_side_are_one(server: CmpServer) -> None:
    kustomization = ROOT / "kustomize"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.generate(kustomization, "derive"), range(8)))
    assert len(answers[0]) > 10
    assert all(answer == answers[0] for answer in answers)


def parameter(**entries: Any) -> dict[str, str]:
    return {
        "ARGOCD_APP_PARAMETERS": json.dumps(
            [{"name": name.replace("_", "-"), **value} for name, value in entries.items()]
        )
    }


KINDS = {
    "manifests": {"gmsa.yaml": config(USED + CERT_MANAGER)},
    "kustomize": {"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED + CERT_MANAGER)},
    "helm": {
        "Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n",
        "templates/gmsa.yaml": config(USED + CERT_MANAGER),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_fields_by_path_reach_the_config_in_every_kind_of_folder(kind: str, server: CmpServer, folder: Folder) -> None:
    root = folder(
        {
            **KINDS[kind],
            "environments/prod.yaml": "webhook:\n  replicas: 5\n  logLevel: debug\ndomains[0].netBiosName: 'NO'\n",
        }
    )
    values = {
        "webhook.replicas": "3",
        "domains[0].sid": "S-1-5-21-7-8-9",
        'webhook.nodeSelector["kubernetes.io/arch"]': "amd64",
        "credspecs[0].usedBy": "[{namespace: shop, serviceAccounts: [till]}]",
        "webhook.nodeSelector.pool": "1",
        "webhook.tolerations[0].key": "true",
        "contoso/webhook.tolerations[0].tolerationSeconds": "30",
        "webhook.tolerations[0].effect": "NoExecute",
        "credspecs[0].hostAccount.plugin": "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
        "credspecs[0].hostAccount.input": "a",
    }
    environ = parameter(environment={"string": "prod"}, config={"map": values})
    found = objects(server.generate(root, **environ))
    hook = found["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"]
    assert hook["replicas"] == 3
    assert hook["template"]["spec"]["nodeSelector"]["kubernetes.io/arch"] == "amd64"
    assert hook["template"]["spec"]["nodeSelector"]["pool"] == "1"
    assert hook["template"]["spec"]["tolerations"] == [{"key": "true", "tolerationSeconds": 30, "effect": "NoExecute"}]
    assert {"name": "LOG_LEVEL", "value": "debug"} in hook["template"]["spec"]["containers"][0]["env"]
    join = found["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]["DomainJoinConfig"]
    assert (join["Sid"], join["NetBiosName"]) == ("S-1-5-21-7-8-9", "NO")
    assert [key[1] for key in found if key[0] == "RoleBinding"] == ["shop"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ARGOCD_APP_PARAMETERS": "null"}, None),
        ({"ARGOCD_APP_PARAMETERS": ""}, None),
        ({"ARGOCD_APP_PARAMETERS": "[]"}, None),
        (parameter(environment={}, config={"map": None}, certificate_source={"string": ""}), None),
        ({"ARGOCD_APP_PARAMETERS": "{"}, "ARGOCD_APP_PARAMETERS: is no JSON"),
        ({"ARGOCD_APP_PARAMETERS": '{"a": 1}'}, "ARGOCD_APP_PARAMETERS: is no list"),
        ({"ARGOCD_APP_PARAMETERS": "[1]"}, "the entry 0 has no name; the names are environment, config"),
        (parameter(enviroment={"string": "x"}), "parameter 'enviroment': is unknown; there are environment, config"),
        (parameter(config={"string": "x"}), "parameter 'config': wants a map, found a string; write `map:`"),
        (parameter(config={"map": {"webhook.replicas": 3}}), "parameter 'config': wants a map of strings; quote each value"),
        (parameter(certificate_source={"string": "Certmanager"}), "parameter certificate-source: spec.webhook.certificate.source: Certmanager is not"),
        (parameter(certificate_source={"string": "Generate"}), "parameter certificate-source: spec.webhook.certificate.source: Generate makes new keys"),
        (parameter(config={"map": {"webhook.replicas": "many"}}), "parameter config: spec.webhook.replicas: many is not a whole number"),
        (parameter(config={"map": {"webhook.replica": "3"}}), "parameter config: spec.webhook.replica: unknown field"),
        (parameter(config={"map": {"webhook..replicas": "3"}}), "'webhook..replicas' is no path of a field"),
        (parameter(config={"map": {"domains[2].sid": "S"}}), "parameter config: spec.domains[2].sid: [2] is beyond the end: the list has 1 entries"),
        (parameter(config={"map": {"domains.sid": "S"}}), "sid is a field of a mapping, and there is none here"),
        (parameter(config={"map": {"domains": "[{"}}), "parameter config: domains: not YAML"),
        (parameter(config={"map": {"credspecs": ""}}), "parameter config: credspecs is empty; leave the entry out"),
        (parameter(config={"map": {"webhook.replicas": "1", "spec.webhook.replicas": "2"}}), "parameter config: spec.webhook.replicas: is set twice"),
        (parameter(config={"map": {"metadata.name": "x"}}), "parameter config: spec.metadata: unknown field"),
        (parameter(config={"map": {"other/webhook.replicas": "1"}}), "parameter config: spec.webhook.replicas: there is no GMSAConfig named other"),
        (parameter(config={"array": ["x"]}), "found an array; write `map:`"),
        (parameter(helm_values={"map": {"a": "\0"}}), "holds a character that no program takes"),
        (parameter(helm_values={"map": {"a=1,b": "x"}}), "'a=1,b' is no path of a value"),
        ({"ARGOCD_APP_PARAMETERS": '[{"name": "config", "map": {"webhook.replicas": "\\ud800"}}]'}, "holds a character that no program takes"),
        (parameter(environment={"string": "twice"}), "environments/twice.yaml:2:1: the key webhook.replicas stands twice"),
        (parameter(environment={"string": "whole"}), "environments/whole.yaml:1:1: wants a part of a GMSAConfig's spec, without apiVersion"),
        (parameter(environment={"string": "../x"}), "parameter 'environment': '../x' is no name of an environment"),
        (parameter(environment={"string": "test"}), "parameter 'environment': environments/test.yaml does not exist"),
        (parameter(environment={"string": "bad"}), "environments/bad.yaml:2:3: spec.webhook.replicas: 0 is out of range"),
        (parameter(environment={"string": "list"}), "environments/list.yaml:1:1: wants a part of a GMSAConfig's spec"),
    ],
)  # fmt: skip
def test_parameters_that_are_absent_or_wrong(
    environ: dict[str, str], message: str | None, server: CmpServer, folder: Folder
) -> None:
    root = folder(
        {
            **KINDS["manifests"],
            "environments/bad.yaml": "webhook:\n  replicas: 0\n",
            "environments/list.yaml": "- a\n",
            "environments/twice.yaml": "webhook.replicas: 1\nwebhook.replicas: 2\n",
            "environments/whole.yaml": config(),
        }
    )
    if message is None:
        assert server.generate(root, **environ) == server.generate(root)
        return
    with pytest.raises(CmpError) as error:
        server.generate(root, **environ)
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


def test_helm_values_of_parameters(server: CmpServer, folder: Folder) -> None:
    root = folder(
        {f"app/{name}": text for name, text in CHART.items()}
        | {"app/prod.yaml": "replicas: 9\n", "shared.yaml": "image: i\n"}
    )
    environ = parameter(
        helm_release={"string": "other"},
        helm_value_files={"array": ["prod.yaml", "../shared.yaml"]},
        helm_values={"map": {"image": "a,b=c"}},
    )
    data = objects(server.generate(root, "app", **environ))["ConfigMap", "", "facts"]["data"]
    assert (data["release"], data["replicas"], data["image"]) == ("other", "9", "a,b=c")
    for release in ("--post-renderer=/bin/sh", "-h", "A"):
        with pytest.raises(CmpError, match="is no release name"):
            server.generate(root, "app", **parameter(helm_release={"string": release}))
    for file in ("../../x.yaml", "/etc/passwd", "https://example.com/x.yaml", "x,/tmp/outside.yaml", "", "."):
        with pytest.raises(CmpError, match=r"is not in the repository|reads as more than one file|is no file"):
            server.generate(root, "app", **parameter(helm_value_files={"array": [file]}))


def test_the_ui_is_told_of_the_parameters(server: CmpServer) -> None:
    announced = {it.name: it for it in server.parameters(ROOT / "kustomize", "quickstart")}
    assert {name: it.collectionType for name, it in announced.items()} == {
        "environment": "string", "config": "map", "certificate-source": "string",
        "helm-release": "string", "helm-values": "map", "helm-value-files": "array",
    }  # fmt: skip
    assert all(it.title and it.tooltip for it in announced.values())


def test_the_seed_in_a_mounted_file(call: Call, folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    config_file = folder({"gmsa.yaml": config(USED + "  webhook: {certificate: {source: Derive}}\n")}) / "gmsa.yaml"
    seed = tmp_path_factory.mktemp("seed") / "seed"
    seed.write_text(SEED + "\n")
    fixed = {"SOURCE_DATE_EPOCH": "1750000000"}
    mounted = call("render", config_file, env={**fixed, "GMSA_KRM_SEED_FILE": str(seed)})
    assert mounted.status == 0
    assert mounted.stdout == call("render", config_file, env={**fixed, "GMSA_KRM_SEED": SEED}).stdout
    missing = call("render", config_file, env={"GMSA_KRM_SEED_FILE": "/nowhere/seed"})
    assert (missing.status, missing.stdout) == (1, "")
    assert "/nowhere/seed, which GMSA_KRM_SEED_FILE names, does not exist; mount or mend it" in missing.stderr


def test_each_project_has_its_own_seed(call: Call, folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Or an application of any project could render the webhook's key of another."""
    config_file = folder({"gmsa.yaml": config(USED + "  webhook: {certificate: {source: Derive}}\n")}) / "gmsa.yaml"
    seeds = tmp_path_factory.mktemp("seeds")
    for project in ("red", "blue"):
        (seeds / project).write_text(SEED + project)
    environ = {"GMSA_KRM_SEED_FILE": str(seeds), "ARGOCD_APP_NAME": "app", "SOURCE_DATE_EPOCH": "1750000000"}
    keys = {
        project: call("render", config_file, env={**environ, "ARGOCD_APP_PROJECT_NAME": project}).object("Secret")[
            "data"
        ]["tls.key"]
        for project in ("red", "blue")
    }
    assert keys["red"] != keys["blue"]
    for project, message in (
        ("green", f"{seeds}/green, for the project green, does not exist"),
        ("", "does not say which file"),
        ("../x", "does not say which file"),
    ):
        done = call("render", config_file, env={**environ, "ARGOCD_APP_PROJECT_NAME": project})
        assert (done.status, done.stdout) == (1, "")
        assert message in done.stderr


@pytest.mark.parametrize("name", ["PATH", "ARGOCD_ENV_X", "ARGOCD_APP_REVISION", "PARAM_X"])
def test_an_application_cannot_choose_the_seed(name: str, server: CmpServer, folder: Folder) -> None:
    root = folder(
        {"gmsa.yaml": config(USED + f"  webhook: {{certificate: {{source: Derive, derive: {{seedEnv: {name}}}}}}}\n")}
    )
    with pytest.raises(CmpError, match=f"{name} is not read under Argo CD; give a variable of the sidecar"):
        server.generate(root, ARGOCD_ENV_X="x" * 40, ARGOCD_ENV_X_FILE="/proc/self/environ")


def test_links_out_of_the_repository(
    program: Path, sidecar: dict[str, str], folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Argo CD's own server refuses them before."""
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(deployment())
    root = folder({"gmsa.yaml": config(USED + CERT_MANAGER)})
    (root / "web.yaml").symlink_to(outside)
    done = subprocess.run(
        [program, "argocd", "generate"], cwd=root, env=sidecar, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "web.yaml: is a symbolic link out of the repository; put the file itself there" in done.stderr


def test_an_application_outside_of_argo_cds_namespace(server: CmpServer, folder: Folder) -> None:
    root = folder(dict(CHART))
    data = objects(server.generate(root, ARGOCD_APP_NAME="team-a_web"))["ConfigMap", "", "facts"]["data"]
    assert data["release"] == "web"


def test_a_chart_whose_config_is_switched_off_passes(server: CmpServer, folder: Folder) -> None:
    off = "{{ if .Values.gmsa }}\n" + config(USED + CERT_MANAGER) + "{{ end }}\n"
    root = folder({"Chart.yaml": CHART["Chart.yaml"], "templates/gmsa.yaml": off, "templates/web.yaml": deployment()})
    assert server.matches(root)
    assert list(objects(server.generate(root))) == [("Deployment", "web", "web")]
    assert len(server.generate(root, **parameter(helm_values={"map": {"gmsa": "true"}}))) > 10


def test_dependencies_of_a_repository_with_a_lock(
    server: CmpServer, folder: Folder, tmp_path_factory: pytest.TempPathFactory, sidecar: dict[str, str]
) -> None:
    """helm takes repositories of a Chart.lock only if it was told of them."""
    charts = tmp_path_factory.mktemp("charts")
    run(sidecar, charts, "helm", "package", str(ROOT / "charts" / "gmsa"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(charts))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{web.server_port}"
        run(sidecar, charts, "helm", "repo", "index", ".", "--url", url)
        root = folder(
            {
                name.removeprefix("umbrella/"): str(text).replace("file://../gmsa", url)
                for name, text in UMBRELLA.items()
            }
        )
        run(sidecar, root, "helm", "dependency", "update", ".")
        shutil.rmtree(root / "charts")
        assert (root / "Chart.lock").exists()
        assert ("Deployment", "default", "gmsa-webhook") in objects(server.generate(root))
        web.shutdown()


def test_nothing_is_left_behind(server: CmpServer, sidecar: dict[str, str], folder: Folder) -> None:
    root = folder({"kustomization.yaml": GENERATOR, "gmsa.yaml": as_function(config(USED + CERT_MANAGER))})
    server.generate(root)
    assert os.listdir(sidecar["TMPDIR"]) == []


def test_the_fleet(server: CmpServer) -> None:
    """kustomize/fleet and the parameters of kustomize/argocd/applicationset.yaml."""
    template = yaml.safe_load((ROOT / "kustomize/argocd/applicationset.yaml").read_text())["spec"]["template"]["spec"]
    plugin = template["source"]["plugin"]
    assert server.matches(ROOT, template["source"]["path"])
    found = {}
    for cluster, replicas in (("east", "2"), ("west", "5")):
        given = yaml.safe_load(json.dumps(plugin["parameters"]).replace("{{.name}}", cluster))
        assert "gmsa-krm.dev/replicas" in given[1]["map"]["webhook.replicas"]
        given[1]["map"]["webhook.replicas"] = replicas
        environ = {"ARGOCD_APP_PARAMETERS": json.dumps(given)}
        found[cluster] = objects(server.generate(ROOT / "kustomize", "fleet", **environ))
    east, west = (found[cluster]["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"] for cluster in ("east", "west"))
    assert (east["replicas"], west["replicas"]) == (2, 5)  # the ApplicationSet's value is stronger than the file's
    assert east["template"]["spec"]["nodeSelector"]["kubernetes.io/arch"] == "arm64"
    assert "kubernetes.io/arch" not in west["template"]["spec"]["nodeSelector"]
    account = found["west"]["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]["ActiveDirectoryConfig"][
        "HostAccountConfig"
    ]
    assert account["PluginInput"].startswith("ObjectId=00000000-")


def test_the_component_puts_the_sidecar_into_repo_server(sidecar: dict[str, str], folder: Folder) -> None:
    """Against the Deployment of Argo CD's own manifests, as its Go module has them."""
    from build import module

    manifests = module("argocd-cmp-server") / "manifests"
    root = folder(
        {
            "kustomization.yaml": "resources: [repo-server.yaml]\ncomponents: [component]\nimages: [{name: gmsa-krm-cmp, newName: registry.example.com/x, newTag: v1}]\n"
        }
    )
    shutil.copytree(ROOT / "kustomize" / "argocd", root / "component")
    own = [
        it
        for it in yaml.safe_load_all((manifests / "install.yaml").read_text())
        if it["metadata"]["name"] == "argocd-repo-server"
    ]
    (root / "repo-server.yaml").write_text(yaml.safe_dump_all(own))
    built = parsed(run(sidecar, root, "kustomize", "build", "."))
    before = next(it for it in own if it["kind"] == "Deployment")["spec"]["template"]["spec"]
    after = built["Deployment", "", "argocd-repo-server"]["spec"]["template"]["spec"]
    added = [it for it in after["containers"] if it["name"] == "gmsa-krm"]
    assert [it for it in after["containers"] if it not in added] == before["containers"]
    assert added[0]["image"] == "registry.example.com/x:v1"
    volumes = {volume["name"] for volume in after["volumes"]}
    assert {mount["name"] for mount in added[0]["volumeMounts"]} <= volumes
    assert {"name": "tmp", "mountPath": "/tmp"} not in added[0]["volumeMounts"]
    # the Helm chart's values add the same
    values = yaml.safe_load((ROOT / "kustomize/argocd/helm-values.yaml").read_text())["repoServer"]
    assert [{**values["extraContainers"][0], "image": "registry.example.com/x:v1"}] == added
    assert values["volumes"] == [it for it in after["volumes"] if it["name"].startswith("gmsa-krm")]
