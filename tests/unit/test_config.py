"""A config as a whole: all mistakes at once, values of every wrong type, aliases and merge keys."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from builders import MODE_NONE, contoso, gmsa_config, listed, nested
from conftest import Call, Check, Folder, findings


def test_a_good_config_has_no_finding(check: Check) -> None:
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy:
          - namespace: web
            serviceAccounts: [webapp1]
    """
    assert check(gmsa_config(credspecs, MODE_NONE)).findings == []


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_places(check: Check) -> None:
    fields = """
        credspecs:
        - account: WebApp1$
          domian: x
        - account: WebApp2
          domain: nowhere
        webhook:
          replicas: -1
          certificate:
            validFor: 1d
    """
    checked = check(gmsa_config(fields, domains=contoso(sid="S-1-5-21-2126449477-2524075714-3094792973-500")))
    assert sorted(it.field for it in checked.findings) == sorted(
        [
            "spec.domains[0].sid",
            "spec.credspecs[0].account",
            "spec.credspecs[0].domian",
            "spec.credspecs[1].domain",
            "spec.webhook.replicas",
            "spec.webhook.certificate.validFor",
        ]
    )
    lines = [int(line.split("gmsa.yaml:")[1].split(":")[0]) for line in checked.done.stderr.splitlines()]
    assert lines == sorted(lines)


WRONG_VALUES = ["{wrong: 1}", "[[1]]", "!!binary aGk=", "''", "~", "1.5", "*"]


def paths_of(schema: dict[str, Any], above: str) -> Iterator[str]:
    """The path of every field of a JSON Schema; [] behind a name is an item of a list."""
    for name, value in schema.get("properties", {}).items():
        path = f"{above}.{name}"
        yield path
        yield from paths_of(value.get("items", value), f"{path}[]" if "items" in value else path)


def test_a_value_of_the_wrong_type_never_causes_a_traceback(call: Call, folder: Folder) -> None:
    """Every field of the schema gets a value of each other type; each run ends with findings or without."""
    schema = json.loads(call("schema").stdout)
    paths = list(paths_of(schema["properties"]["spec"], "spec"))
    assert len(paths) > 60
    head = "apiVersion: gmsa-krm.dev/v1alpha1\nkind: GMSAConfig\nmetadata: {name: a}\n"
    for path in paths:
        for value in WRONG_VALUES:
            where = folder({"gmsa.yaml": head + nested(path, value)})
            findings(call, where / "gmsa.yaml", folder=where)


def test_the_config_of_a_legacy_plugin_has_to_be_yaml(call: Call, folder: Folder) -> None:
    """kustomize passes its path, which is that of a temporary copy, so that messages name the kind."""
    done = call(folder({"config": "spec: *"}) / "config", program="GMSAConfig")
    assert (done.status, done.stdout) == (1, "")
    assert "GMSAConfig:1:8: " in done.stderr
    assert "YAML" in done.stderr


def test_aliases_and_merge_keys_work_in_a_config(check: Check) -> None:
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy: &used
          - namespace: web
            serviceAccounts: [a]
        - account: WebApp2
          usedBy: *used
        - <<: {account: Lost, domain: contoso.com}
          account: WebApp3
          usedBy: *used
    """
    checked = check(gmsa_config(credspecs, MODE_NONE))
    assert checked.findings == []
    accounts = [
        it["credspec"]["DomainJoinConfig"]["MachineAccountName"]
        for it in checked.done.objects
        if it["kind"] == "GMSACredentialSpec"
    ]
    assert accounts == ["WebApp1", "WebApp2", "WebApp3"]
    assert checked.done.object("RoleBinding", "use-gmsa-webapp2")["metadata"]["namespace"] == "web"


def test_merge_keys_work_in_the_input_of_a_plugin(check: Check) -> None:
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy: FromWorkloads
          hostAccount:
            plugin: AzureKeyVault
            input:
              <<: {ObjectId: 0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1}
              SecretUri: https://a.vault.azure.net/secrets/b
    """
    assert check(gmsa_config(credspecs, MODE_NONE)).findings == []


def test_a_wrong_reference_is_not_compared_with_all_of_many_names(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """900 wrong references to 300 domains took seven seconds, and the time grew with the product."""
    compared: list[int] = []
    real = difflib.get_close_matches

    def counted(word: str, words: list[str], *rest: Any, **more: Any) -> list[str]:
        compared.append(len(words))
        return real(word, words, *rest, **more)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    domains = "".join(contoso(dns_name=f"d{number}.contoso.com").removeprefix("domains:\n") for number in range(300))
    credspecs = listed(*(f"account: A{number}\ndomain: D{number}.contoso.com" for number in range(20)))
    checked = check(gmsa_config("credspecs:\n" + credspecs, MODE_NONE, domains="domains:\n" + domains))
    wrong = [it for it in checked.findings if it.rule == "domain-reference"]
    assert len(wrong) == 20
    assert compared == []  # only the case is forgiven
    assert "did you mean d7.contoso.com" in wrong[7].message
