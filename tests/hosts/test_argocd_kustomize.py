"""Kustomizations under Argo CD: kustomize runs without plugins there, and the result is that of kustomize with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Folder, as_function, by_identity
from hosts.applications import CHART_YAML, CONFIG, KUSTOMIZATION, WEBHOOK, WORKLOADS_CONFIG, Files, below
from hosts.argocd_cmp import CmpServer
from hosts.cases import objects
from hosts.conftest import Sidecar
from hosts.support import NO_ADMISSION, as_yaml, assert_mentions, deployment, gmsa_config


@pytest.fixture
def with_plugin(sidecar: Sidecar, plugin_home: Path) -> Sidecar:
    """A sidecar whose kustomize finds the plugin."""
    return sidecar.with_environ(HOME=str(plugin_home))


def build(with_plugin: Sidecar, root: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    return by_identity(objects(with_plugin.run(root, "kustomize", "build", "--enable-alpha-plugins", ".")))


def prefix_transformer(name: str, prefix: str) -> str:
    """One of kustomize's own transformers."""
    return as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "PrefixTransformer",
            "metadata": {"name": name},
            "prefix": prefix,
            "fieldSpecs": [{"path": "metadata/name"}],
        }
    )


# Several configs

WEBAPP2 = gmsa_config(
    "b",
    credspecs=[{"account": "WebApp2", "usedBy": [{"namespace": "web", "serviceAccounts": ["b"]}]}],
    admission=NO_ADMISSION,
)
FUNCTION_ANNOTATION = """\
resources: [b.yaml]
commonAnnotations:
  config.kubernetes.io/function: 'exec: {path: gmsa-krm}'
"""
SECOND_CONFIGS: dict[str, Files] = {
    "annotation": {"b.yaml": as_function(WEBAPP2)},
    "escaped annotation": {
        "b.yaml": as_function(WEBAPP2).replace("config.kubernetes.io/function", '"config.kubernetes.io/f\\u0075nction"')
    },
    "folder": {"b/kustomization.yaml": FUNCTION_ANNOTATION, "b/b.yaml": WEBAPP2},
    "JSON": {"b.json": json.dumps(yaml.safe_load(as_function(WEBAPP2)))},
}


# Texts of a kustomization

TEXTS = """\
generators: [gmsa.yaml]
commonAnnotations:
  team: "rockets \U0001f680, \u00e9, \\U0001F680, \\x85 and \\u2028"
configMapGenerator:
- name: texts
  literals: ["emoji=\U0001f680 \u65e5\u672c"]
"""


def test_texts_of_a_kustomization_stay_the_same(server: CmpServer, folder: Folder, with_plugin: Sidecar) -> None:
    root = folder({"kustomization.yaml": TEXTS, "gmsa.yaml": CONFIG})
    built, rendered = build(with_plugin, root), server.objects(root)
    ((key, config_map),) = ((it, item) for it, item in built.items() if it[0] == "ConfigMap")
    assert rendered[key] == config_map
    assert config_map["data"]["emoji"].startswith("\U0001f680")
    assert config_map["metadata"]["annotations"]["team"].startswith("rockets \U0001f680")
    assert rendered.keys() == built.keys()


@pytest.mark.parametrize("form", SECOND_CONFIGS)
def test_none_of_several_configs_is_skipped(form: str, server: CmpServer, folder: Folder) -> None:
    files = SECOND_CONFIGS[form]
    entry = next(iter(files)).partition("/")[0]
    root = folder({"kustomization.yaml": f"generators: [gmsa.yaml, {entry}]\n", "gmsa.yaml": CONFIG, **files})
    found = {name for kind, _, name in server.objects(root) if kind == "GMSACredentialSpec"}
    assert found == {"gmsa-webapp1", "gmsa-webapp2"}


# Transformers


def test_transformers_see_what_comes_before_them(server: CmpServer, folder: Folder, with_plugin: Sidecar) -> None:
    """A base with a transformer, one of kustomize's own before and one behind it, and an overlay on top."""
    root = folder(
        {
            "kustomization.yaml": "resources: [base]\nlabels: [{pairs: {team: red}}]\nnamespace: shop\n",
            "base/kustomization.yaml": """\
resources: [web.yaml]
namespace: web
transformers: [first.yaml, gmsa.yaml, last.yaml]
""",
            "base/web.yaml": deployment("eb"),
            "base/first.yaml": prefix_transformer("first", "w"),
            "base/last.yaml": prefix_transformer("last", "x-"),
            "base/gmsa.yaml": WORKLOADS_CONFIG,
        }
    )
    found = server.objects(root)
    assert found == build(with_plugin, root)
    assert found["Deployment", "shop", "x-web"]["spec"]["template"]["spec"]["securityContext"]["windowsOptions"]


def test_inline_transformers_come_first(server: CmpServer, folder: Folder, with_plugin: Sidecar) -> None:
    root = folder(
        {
            "kustomization.yaml": as_yaml({"resources": ["web.yaml"], "transformers": ["p.yaml", WORKLOADS_CONFIG]}),
            "p.yaml": prefix_transformer("p", "q-"),
            "web.yaml": deployment(),
        }
    )
    assert server.objects(root) == build(with_plugin, root)


def test_a_file_with_other_transformers_beside_a_config_is_refused(server: CmpServer, folder: Folder) -> None:
    root = folder(
        {
            "kustomization.yaml": "resources: [web.yaml]\ntransformers: [p.yaml]\n",
            "p.yaml": f"{prefix_transformer('p', 'q-')}---\n{WORKLOADS_CONFIG}",
            "web.yaml": deployment(),
        }
    )
    assert_mentions(server.failure(root), "'p.yaml'", "other transformers", "GMSAConfig")


@pytest.mark.parametrize(
    "fields", ["transformers: [gmsa.yaml]\n", "generators: [gmsa.yaml]\ntransformers: [gmsa.yaml]\n"]
)
def test_a_transformer_needs_no_resources(fields: str, server: CmpServer, folder: Folder) -> None:
    root = folder({"kustomization.yaml": f"{fields}buildMetadata: [managedByLabel]\n", "gmsa.yaml": CONFIG})
    assert WEBHOOK in server.objects(root)


FROM_WORKLOADS = gmsa_config(
    admission=NO_ADMISSION,
    credspecs=[{"account": "WebApp1", "usedBy": "FromWorkloads"}],
    workloads=[{"match": {"namespaces": ["shop"]}, "credspec": "gmsa-webapp1"}],
)


@pytest.mark.parametrize("app", ["plain", "kustomization", "chart"])
def test_workloads_without_a_namespace_are_in_that_of_the_application(
    app: str, server: CmpServer, folder: Folder
) -> None:
    """Argo CD applies them there, so their namespace need not be repeated in each."""
    web = deployment().replace("  namespace: web\n", "")
    root = folder(
        {
            "plain/web.yaml": web,
            "plain/gmsa.yaml": FROM_WORKLOADS,
            "kustomization/kustomization.yaml": "resources: [../base]\ntransformers: [gmsa.yaml]\n",
            "kustomization/gmsa.yaml": FROM_WORKLOADS,
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": web,
            "chart/Chart.yaml": CHART_YAML,
            "chart/templates/web.yaml": web,
            "chart/gmsa.yaml": FROM_WORKLOADS,
        }
    )
    found = server.objects(root, app, ARGOCD_APP_NAMESPACE="shop")
    assert [namespace for kind, namespace, _ in found if kind == "RoleBinding"] == ["shop"]
    assert found["Deployment", "", "web"]["spec"]["template"]["spec"]["securityContext"]["windowsOptions"]


# Bases


def test_a_function_in_a_base_of_the_repository_works(server: CmpServer, folder: Folder) -> None:
    root = folder(
        {
            **below("bases/gmsa", {**KUSTOMIZATION, "gmsa.yaml": as_function(CONFIG)}),
            "apps/web/kustomization.yaml": "resources: [../../bases/gmsa]\n",
        }
    )
    assert server.matches(root, "apps/web")
    assert WEBHOOK in server.objects(root, "apps/web")


def base_with(field: str) -> Files:
    """An overlay on a base that has a field of kustomize beside the transformer."""
    return {
        "kustomization.yaml": "resources: [base]\n",
        "base/kustomization.yaml": f"resources: [web.yaml]\ntransformers: [gmsa.yaml]\n{field}\n",
        "base/web.yaml": deployment(),
        "base/c.yaml": "{}",
        "base/gmsa.yaml": WORKLOADS_CONFIG,
    }


@pytest.mark.parametrize(
    "field",
    ["namePrefix: p-", "configMapGenerator: [{name: c, literals: [a=b]}]", "vars: []", "configurations: [c.yaml]"],
)
def test_a_base_that_would_be_finished_too_early_is_refused(field: str, server: CmpServer, folder: Folder) -> None:
    """An overlay's patch would look for other names, or a hash would stay behind, and nobody would notice."""
    message = server.failure(folder(base_with(field)))
    assert_mentions(message, "base/kustomization.yaml: ", "GMSAConfig", "transformers of a base")


@pytest.mark.parametrize("field", ["namePrefix: p-", "configMapGenerator: [{name: c, literals: [a=b]}]", "vars: []"])
def test_the_same_base_as_an_application_works(field: str, server: CmpServer, folder: Folder) -> None:
    assert server.generate(folder(base_with(field)), "base")


# Without the plugin


def test_argo_cds_own_kustomize_fails_or_builds_nothing(sidecar: Sidecar, folder: Folder) -> None:
    """An application with spec.source.kustomize is built so: with the flag in kustomize.buildOptions, it prunes all."""
    root = folder({**KUSTOMIZATION, "gmsa.yaml": as_function(CONFIG)})
    plain = sidecar.try_to_run(root, "kustomize", "build", ".")
    assert plain.returncode != 0
    assert_mentions(plain.stderr, "external plugins disabled")
    with_flag = sidecar.try_to_run(root, "kustomize", "build", "--enable-alpha-plugins", ".")
    assert (with_flag.returncode, with_flag.stdout) == (0, "")
