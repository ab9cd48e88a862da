"""Parameters of an Argo CD Application: fields of the config, environments, and Helm's values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import ROOT, Folder
from hosts.applications import (
    CHART,
    CHART_YAML,
    CONFIG,
    KUSTOMIZATION,
    PLAIN,
    SMALL_CHART,
    WEBHOOK,
    Files,
    below,
    parameters,
)
from hosts.argocd_cmp import CmpServer
from hosts.support import NO_ADMISSION, assert_mentions, gmsa_config

KINDS = {"plain manifests": PLAIN, "kustomization": KUSTOMIZATION, "chart": SMALL_CHART}


def test_the_ui_knows_the_parameters(server: CmpServer) -> None:
    announced = {it.name: it for it in server.parameters(ROOT / "kustomize", "quickstart")}
    assert {name: it.collectionType for name, it in announced.items()} == {
        "environment": "string",
        "config": "map",
        "certificate-source": "string",
        "strict": "string",
        "helm-release": "string",
        "helm-values": "map",
        "helm-value-files": "array",
    }
    assert all(it.title and it.tooltip for it in announced.values())


# Fields of the config

PROD = """\
webhook:
  replicas: 5
  logLevel: debug
domains[0].netBiosName: 'NO'
"""
FIELDS = {
    "webhook.replicas": "3",
    "domains[0].sid": "S-1-5-21-7-8-9",
    'webhook.nodeSelector["kubernetes.io/arch"]': "amd64",
    "credspecs[0].usedBy": "[{namespace: shop, serviceAccounts: [till]}]",
    "webhook.nodeSelector.pool": "1",
    "webhook.tolerations[0].key": "true",
    "contoso/webhook.tolerations[0].tolerationSeconds": "30",
    "webhook.tolerations[0].effect": "NoExecute",
    "credspecs[0].hostAccount.plugin": "{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}",
    "credspecs[0].hostAccount.input": "a",
}


@pytest.mark.parametrize("kind", KINDS)
def test_fields_by_path_reach_the_config_in_every_kind_of_folder(kind: str, server: CmpServer, folder: Folder) -> None:
    root = folder({**KINDS[kind], "environments/prod.yaml": PROD})
    found = server.objects(root, **parameters(environment={"string": "prod"}, config={"map": FIELDS}))
    deployment = found[WEBHOOK]["spec"]
    assert deployment["replicas"] == 3  # a parameter is stronger than the environment's file
    pod = deployment["template"]["spec"]
    assert pod["nodeSelector"]["kubernetes.io/arch"] == "amd64"
    assert pod["nodeSelector"]["pool"] == "1"
    assert pod["tolerations"] == [{"key": "true", "tolerationSeconds": 30, "effect": "NoExecute"}]
    assert {"name": "LOG_LEVEL", "value": "debug"} in pod["containers"][0]["env"]
    join = found["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]["DomainJoinConfig"]
    assert (join["Sid"], join["NetBiosName"]) == ("S-1-5-21-7-8-9", "NO")
    assert [namespace for kind, namespace, _ in found if kind == "RoleBinding"] == ["shop"]


@pytest.mark.parametrize("null", ["null", "~", "Null"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("webhook.priorityClassName", "high"),
        ("webhook.replicas", "3"),
        ("webhook.nodeSelector", "{pool: a}"),
        ("kubeVersion", '"1.34"'),
        ("domains[0].dnsTreeName", "other.example"),
    ],
)
def test_null_takes_a_field_back(path: str, value: str, null: str, server: CmpServer, folder: Folder) -> None:
    """The text null became the value."""
    root = folder({**PLAIN, "environments/prod.yaml": f"{path}: {value}\n"})
    with_value = server.objects(root, **parameters(environment={"string": "prod"}))
    taken_back = server.objects(root, **parameters(environment={"string": "prod"}, config={"map": {path: null}}))
    assert taken_back == server.objects(root)
    assert path == "kubeVersion" or with_value != taken_back


@pytest.mark.parametrize(
    "environ",
    [
        {"ARGOCD_APP_PARAMETERS": "null"},
        {"ARGOCD_APP_PARAMETERS": ""},
        {"ARGOCD_APP_PARAMETERS": "[]"},
        parameters(environment={}, config={"map": None}, certificate_source={"string": ""}),
    ],
    ids=["null", "no text", "no entries", "empty entries"],
)
def test_absent_parameters_change_nothing(environ: dict[str, str], server: CmpServer, folder: Folder) -> None:
    root = folder(PLAIN)
    assert server.generate(root, **environ) == server.generate(root)


# Mistakes

ENVIRONMENTS: Files = {
    "environments/bad.yaml": "webhook:\n  replicas: 0\n",
    "environments/list.yaml": "- a\n",
    "environments/twice.yaml": "webhook.replicas: 1\nwebhook.replicas: 2\n",
    "environments/whole.yaml": CONFIG,
}
SURROGATE = '[{"name": "config", "map": {"webhook.replicas": "\\ud800"}}]'
A_PART = ["a part of a GMSAConfig's spec"]


def fields(values: Any) -> dict[str, str]:
    return parameters(config={"map": values})


def environment(name: str) -> dict[str, str]:
    return parameters(environment={"string": name})


def source(name: str) -> dict[str, str]:
    return parameters(certificate_source={"string": name})


MISTAKES: dict[str, tuple[dict[str, str], list[str]]] = {
    "not JSON": ({"ARGOCD_APP_PARAMETERS": "{"}, ["ARGOCD_APP_PARAMETERS: ", "JSON"]),
    "not a list": ({"ARGOCD_APP_PARAMETERS": '{"a": 1}'}, ["ARGOCD_APP_PARAMETERS: ", "list"]),
    "no name": ({"ARGOCD_APP_PARAMETERS": "[1]"}, ["entry 0", "name", "environment, config"]),
    "unknown": (parameters(enviroment={"string": "x"}), ["parameter 'enviroment': ", "unknown", "environment, config"]),
    "string for a map": (parameters(config={"string": "x"}), ["parameter 'config': ", "string", "`map:`"]),
    "array for a map": (parameters(config={"array": ["x"]}), ["array", "`map:`"]),
    "number for a string": (fields({"webhook.replicas": 3}), ["parameter 'config': ", "map of strings"]),
    "unknown source": (
        source("Certmanager"),
        ["parameter certificate-source: spec.webhook.certificate.source: ", "Certmanager"],
    ),
    "source Generate": (
        source("Generate"),
        ["parameter certificate-source: spec.webhook.certificate.source: ", "Generate", "new keys"],
    ),
    "not a number": (
        fields({"webhook.replicas": "many"}),
        ["parameter config: spec.webhook.replicas: ", "many", "whole number"],
    ),
    "unknown field": (
        fields({"webhook.replica": "3"}),
        ["parameter config: spec.webhook.replica: ", "unknown field"],
    ),
    "not a path": (fields({"webhook..replicas": "3"}), ["'webhook..replicas'", "path"]),
    "beyond the end": (fields({"domains[2].sid": "S"}), ["parameter config: spec.domains[2].sid: ", "[2]"]),
    "field of a list": (fields({"domains.sid": "S"}), ["parameter config: ", "sid", "mapping"]),
    "not YAML": (fields({"domains": "[{"}), ["parameter config: domains: ", "YAML"]),
    "empty value": (fields({"credspecs": ""}), ["parameter config: credspecs", "empty"]),
    "set twice": (
        fields({"webhook.replicas": "1", "spec.webhook.replicas": "2"}),
        ["parameter config: spec.webhook.replicas: ", "twice"],
    ),
    "not in the spec": (fields({"metadata.name": "x"}), ["parameter config: spec.metadata: ", "unknown field"]),
    "another config": (
        fields({"other/webhook.replicas": "1"}),
        ["parameter config: spec.webhook.replicas: ", "GMSAConfig", "other"],
    ),
    "neither true nor false": (
        parameters(strict={"string": "yes"}),
        ["parameter 'strict': ", "'yes'", "neither true nor false"],
    ),
    "in plugin.env": (
        {"ARGOCD_ENV_environment": "prod", "ARGOCD_ENV_HELM_VALUES": "a: 1", "ARGOCD_ENV_REGION": "eu"},
        ["spec.source.plugin.env: ", "move 'HELM_VALUES', 'environment' to plugin.parameters", "remove 'REGION'"],
    ),
    "NUL": (parameters(helm_values={"map": {"a": "\0"}}), ["character"]),
    "surrogate": ({"ARGOCD_APP_PARAMETERS": SURROGATE}, ["character"]),
    "not a path of a value": (parameters(helm_values={"map": {"a=1,b": "x"}}), ["'a=1,b'", "path"]),
    "key twice in a file": (environment("twice"), ["environments/twice.yaml:2:1: ", "webhook.replicas", "twice"]),
    "whole config in a file": (environment("whole"), ["environments/whole.yaml:1:1: ", *A_PART, "apiVersion"]),
    "list in a file": (environment("list"), ["environments/list.yaml:1:1: ", *A_PART]),
    "out of range in a file": (environment("bad"), ["environments/bad.yaml:2:3: spec.webhook.replicas: "]),
    "not a name": (environment("../x"), ["parameter 'environment': ", "'../x'", "name"]),
    "no file": (environment("test"), ["parameter 'environment': ", "environments/test.yaml", "does not exist"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line(name: str, server: CmpServer, folder: Folder) -> None:
    environ, words = MISTAKES[name]
    message = server.failure(folder({**PLAIN, **ENVIRONMENTS}), **environ)
    assert_mentions(message, *words)
    assert "\n" not in message


# Warnings

NOBODY: Files = {"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, credspecs=[{"account": "WebApp1"}])}
KINDS_WITH_WARNING: dict[str, Files] = {
    "plain manifests": NOBODY,
    "kustomization": {"kustomization.yaml": "generators: [gmsa.yaml]\n", **NOBODY},
    "chart": {"Chart.yaml": CHART_YAML, **NOBODY},
}


@pytest.mark.parametrize("kind", KINDS_WITH_WARNING)
def test_a_warning_is_in_the_log_of_the_sidecar_and_strict_makes_it_an_error(
    kind: str, server: CmpServer, folder: Folder
) -> None:
    """Argo CD's UI has no place for messages of a successful run; those of a failure are in its condition."""
    root = folder(KINDS_WITH_WARNING[kind])
    logged = len(server.log.read_text())
    assert server.generate(root, **parameters(strict={"string": "false"}))
    lines = [json.loads(line) for line in server.log.read_text()[logged:].splitlines()]
    (successful,) = (it for it in lines if "usedBy: is missing" in it.get("stderr", ""))
    assert (successful["level"], successful["msg"]) == ("info", "Plugin command successful")
    message = server.failure(root, **parameters(strict={"string": "true"}))
    assert_mentions(message, "usedBy: is missing", "parameter strict: there is 1 warning, which is an error here")


@pytest.mark.parametrize("kind", KINDS_WITH_WARNING)
def test_strict_changes_nothing_without_a_warning(kind: str, server: CmpServer, folder: Folder) -> None:
    root = folder(KINDS[kind])
    assert server.generate(root, **parameters(strict={"string": "true"})) == server.generate(root)


def test_plugin_env_is_named_as_not_read(server: CmpServer, folder: Folder) -> None:
    root = folder(PLAIN)
    env = {"ARGOCD_ENV_REGION": "eu", "ARGOCD_ENV_A": "b"}
    logged = len(server.log.read_text())
    assert server.generate(root, **env) == server.generate(root)
    assert_mentions(server.log.read_text()[logged:], "spec.source.plugin.env: ", "remove 'A', 'REGION'")
    message = server.failure(root, **env, **parameters(strict={"string": "true"}))
    assert_mentions(message, "spec.source.plugin.env: ", "remove 'A', 'REGION'")


STRICT_KINDS: dict[str, Files] = {
    "plain manifests": {},
    "kustomization": {"kustomization.yaml": "generators: [gmsa.yaml]\n"},
    "chart": {"Chart.yaml": CHART_YAML},
}


@pytest.mark.parametrize("kind", STRICT_KINDS)
def test_a_strict_config_is_strict_about_the_application(kind: str, server: CmpServer, folder: Folder) -> None:
    root = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, strict=True), **STRICT_KINDS[kind]})
    assert server.generate(root)
    message = server.failure(root, ARGOCD_ENV_REGION="eu")
    assert_mentions(message, "remove 'REGION'", "spec.strict: there is 1 warning, which is an error here", "gmsa.yaml")


# Helm


def test_values_and_value_files_reach_the_chart(server: CmpServer, folder: Folder) -> None:
    root = folder({**below("app", CHART), "app/prod.yaml": "replicas: 9\n", "shared.yaml": "image: i\n"})
    environ = parameters(
        helm_release={"string": "other"},
        helm_value_files={"array": ["prod.yaml", "../shared.yaml"]},
        helm_values={"map": {"image": "a,b=c"}},
    )
    data = server.objects(root, "app", **environ)["ConfigMap", "", "facts"]["data"]
    assert (data["release"], data["replicas"], data["image"]) == ("other", "9", "a,b=c")


@pytest.mark.parametrize("release", ["--post-renderer=/bin/sh", "-h", "A"])
def test_an_option_is_not_a_release_name(release: str, server: CmpServer, folder: Folder) -> None:
    message = server.failure(folder(CHART), **parameters(helm_release={"string": release}))
    assert_mentions(message, release, "release name")


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("../../x.yaml", "not in the repository"),
        ("/etc/passwd", "not in the repository"),
        ("https://example.com/x.yaml", "not in the repository"),
        ("$values/x.yaml", "another source of the application"),
        ("x,/tmp/outside.yaml", "not a file"),
        ("", "file"),
        (".", "file"),
    ],
)
def test_value_files_stay_in_the_repository(file: str, word: str, server: CmpServer, folder: Folder) -> None:
    root = folder(below("app", CHART))
    assert_mentions(server.failure(root, "app", **parameters(helm_value_files={"array": [file]})), word)


@pytest.mark.parametrize("name", ["x,{}", 'x",{}', "a,b.yaml", "a\nb.yaml", "values-0.yaml,.yaml"])
def test_helm_reads_the_file_that_was_checked_and_no_other(
    name: str, server: CmpServer, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """helm splits a path at commas, so a link to a file named `x,/PATH` would be a link to /PATH."""
    outside = tmp_path_factory.mktemp("outside") / "values.yaml"
    outside.write_text("image: outside\n")
    name = name.format(outside)
    root = folder({**below("app", CHART), f"app/{name}": "image: inside\n"})
    (root / "app/values-prod.yaml").symlink_to(name)
    for file in ("values-prod.yaml", name):
        found = server.objects(root, "app", **parameters(helm_value_files={"array": [file]}))
        assert found["ConfigMap", "", "facts"]["data"]["image"] == "inside"


def test_messages_name_the_file_of_values_as_the_user_does(server: CmpServer, folder: Folder) -> None:
    root = folder({**below("app", CHART), "app/bad.yaml": "image: [\n"})
    message = server.failure(root, "app", **parameters(helm_value_files={"array": ["values.yaml", "bad.yaml"]}))
    assert_mentions(message, "bad.yaml")
    assert "gmsa-krm-" not in message
