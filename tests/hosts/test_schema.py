"""The JSON Schemas are those of the program, fit every config in the repository, and are what SchemaStore takes.

That they find what they can, and nothing else, is a part of each test that uses `check`: see tests/config_schema.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import config_schema
from conftest import ROOT, SEED, Call
from pages import PAGES, blocks

SCHEMA = ROOT / "kustomize/gmsaconfig.schema.json"
SNAPSHOT = ROOT / "kustomize/activedirectorysnapshot.schema.json"
CONFIGS = [*ROOT.glob("kustomize/*/gmsa.yaml"), *ROOT.glob("tests/cases/*/gmsa.yaml")]
MODELINE = "# yaml-language-server: $schema="
EDITORS = "docs/how-to/editors.md"


def test_the_schemas_in_the_repository_are_those_of_the_program(call: Call) -> None:
    values = ROOT / "charts/gmsa/values.schema.json"
    assert SCHEMA.read_text() == call("schema").stdout, "run make schema"
    assert SNAPSHOT.read_text() == call("schema", "--snapshot").stdout, "run make schema"
    report = ROOT / "kustomize/doctorreport.schema.json"
    assert report.read_text() == call("schema", "--doctor-report").stdout, "run make schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(report.read_text()))
    assert values.read_text() == call("schema", "--chart-values").stdout, "run make schema"
    references = ROOT / "kustomize/name-references.yaml"
    assert references.read_text() == call("schema", "--name-references").stdout, "run make schema"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_every_config_in_the_repository_fits_the_schema_and_names_it(config: Path) -> None:
    text = config.read_text()
    assert config_schema.errors(yaml.load(text, config_schema.CoreLoader)) == []
    modeline = text.splitlines()[0]
    assert modeline.startswith(MODELINE)
    assert (config.parent / modeline.removeprefix(MODELINE)).resolve() == SCHEMA


@pytest.mark.parametrize("page", PAGES)
def test_every_config_on_a_page_fits_the_schema(page: str) -> None:
    for block in blocks(page):
        if block.language == "yaml" and "kind: GMSAConfig" in block.text and "..." not in block.text:
            for document in yaml.load_all(block.text, config_schema.CoreLoader):
                if document and document.get("kind") == "GMSAConfig":
                    assert config_schema.errors(document) == [], block.text


# SchemaStore

# Ajv in strict mode refuses others.
KEYWORDS = frozenset(
    [
        "$schema",
        "$id",
        "title",
        "description",
        "type",
        "properties",
        "additionalProperties",
        "required",
        "items",
        "enum",
        "const",
        "default",
        "examples",
        "minimum",
        "maximum",
        "minItems",
        "maxLength",
        "pattern",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
    ]
)


def schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that are in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for inner in [
        *schema.get("properties", {}).values(),
        *(it for key in ("anyOf", "allOf", "oneOf") for it in schema.get(key, [])),
    ]:
        yield from schemas_in(inner)
    for key in ("items", "additionalProperties", "not", "if", "then", "else"):
        yield from schemas_in(schema.get(key))


@pytest.mark.parametrize("path", [SCHEMA, SNAPSHOT], ids=lambda path: path.stem)
def test_a_schema_keeps_the_rules_of_schemastore(path: Path) -> None:
    """Those of its CONTRIBUTING.md and of the checks in its cli.js."""
    assert path.read_bytes().startswith(b"{")  # no byte order mark
    schema = json.loads(path.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"].startswith("https://")
    for part in schemas_in(schema):
        assert set(part) <= KEYWORDS, part  # no $ref: nothing is fetched
        types = part.get("type", [])
        assert isinstance(types, str) or len(types) <= 1 or (len(types) == 2 and types[1] == "null"), part
        assert not part.get("description", "").endswith(":")
        assert "(?<" not in part.get("pattern", "")
        assert "(?=" not in part.get("pattern", "")
        assert "(?!" not in part.get("pattern", "")
        assert "(?P" not in part.get("pattern", "")


def test_the_entry_for_the_catalog_keeps_its_rules() -> None:
    """Those of schema-catalog.json, of the checks of the catalog in cli.js, and of CONTRIBUTING.md."""
    (entry,) = (json.loads(it.text) for it in blocks(EDITORS) if it.language == "json" and '"fileMatch"' in it.text)
    assert set(entry) == {"name", "description", "fileMatch", "url"}
    assert entry["url"] == json.loads(SCHEMA.read_text())["$id"]
    for text in (entry["name"], entry["description"]):
        assert not re.search(r"[,. \t-]$|\n", text)
        assert "schema" not in text.lower()
    assert len(set(entry["fileMatch"])) == len(entry["fileMatch"])
    for pattern in entry["fileMatch"]:
        assert re.fullmatch(r"(?:\*\.)?gmsa\.ya?ml", pattern)


def test_ajv_says_what_this_says(tmp_path: Path) -> None:
    """SchemaStore's validator, in its strict mode, on configs of all kinds; JavaScript has other regular expressions."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("there is no Node.js")
    folder = tmp_path / "ajv"
    shutil.copytree(ROOT / "tests/tools/ajv", folder)
    subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    configs = [yaml.load(path.read_text(), config_schema.CoreLoader) for path in CONFIGS]
    base = next(it for it in configs if it["spec"].get("domains") and it["spec"].get("credspecs"))
    configs += [changed(base, *change) for change in CHANGES]
    asked = json.dumps({"schema": json.loads(SCHEMA.read_text()), "configs": configs})
    done = subprocess.run([node, "check.js"], cwd=folder, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for config, said in zip(configs, json.loads(done.stdout), strict=True):
        assert bool(said) == bool(config_schema.errors(config)), (said, config)


DOMAIN, ENTRY = ("domains", 0), ("credspecs", 0)
CHANGES: list[tuple[tuple[str | int, ...], Any]] = [
    (("replicas",), 1),
    ((*DOMAIN, "sid"), "S-1-5-21-1-2-3"),
    ((*DOMAIN, "sid"), "S-1-5-21-1-2-3-1105"),
    ((*DOMAIN, "sid"), "S-1-5-21-1-2-3\n"),
    ((*DOMAIN, "guid"), "{244818ae-87ac-4fcd-92ec-e79e5252348a}"),
    ((*DOMAIN, "guid"), "00000000-0000-0000-0000-000000000000"),
    ((*DOMAIN, "netBiosName"), "ÄÖÜ"),
    ((*DOMAIN, "netBiosName"), "😀" * 15),
    ((*DOMAIN, "netBiosName"), "😀" * 16),
    ((*DOMAIN, "netBiosName"), "A\u00a0B"),
    ((*DOMAIN, "dnsTreeName"), None),
    ((*ENTRY, "account"), "WebApp1$"),
    ((*ENTRY, "account"), "Sql$ervice"),
    ((*ENTRY, "account"), "under_ score"),
    ((*ENTRY, "account"), None),
    ((*ENTRY, "file"), "a.json"),
    ((*ENTRY, "name"), "a" * 254),
    ((*ENTRY, "usedBy"), "FromWorkloads"),
    ((*ENTRY, "usedBy"), None),
    ((*ENTRY, "usedBy"), "fromworkloads"),
    ((*ENTRY, "hostAccount"), {"plugin": "AWS", "input": {"credentialArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"}}),
    ((*ENTRY, "hostAccount"), {"plugin": "AWS", "input": {"CredentialArn": "a"}}),
    (("webhook",), {"image": "registry.example.com:5000/a/b:v1@sha256:" + "a" * 64}),
    (("webhook",), {"image": "a b"}),
    (("webhook",), {"resources": {"requests": {"cpu": 1, "memory": "64Mi"}}}),
    (("webhook",), {"resources": {"requests": {"cpu": "many"}}}),
    (("webhook",), {"nodeSelector": {"kubernetes.io/os": "windows"}}),
    (("webhook",), {"namespace": "kube-system"}),
    (("webhook",), {"namespace": "kube-system", "createNamespace": False}),
    (("webhook",), {"certificate": {"source": "ExistingSecret"}}),
    (("webhook",), {"certificate": {"validFor": "0h"}}),
    (("webhook",), {"tolerations": [{"operator": "exists"}]}),
    (("workloads",), [{"match": {"names": ["a"]}, "token": {"audience": "a", "mountPath": "C:\\a\\..\\b"}}]),
    (("workloads",), [{"match": {"names": []}}]),
    (("workloads",), [{"match": [{"labelSelector": "a=b"}]}]),
    (("nodes",), {"hosts": ["CONTOSO\\NODE1"]}),
    (("nodes",), {"hosts": ["node1.contoso.com"]}),
]  # fmt: skip


def changed(config: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy with a field of its spec set."""
    copy = json.loads(json.dumps(config))
    holder = copy["spec"]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return copy


@pytest.mark.parametrize("change", CHANGES, ids=lambda it: ".".join(map(str, it[0])))
def test_the_schema_and_lint_agree(change: tuple[tuple[str | int, ...], Any], call: Call, tmp_path: Path) -> None:
    base = yaml.load((ROOT / "kustomize/derive/gmsa.yaml").read_text(), config_schema.CoreLoader)
    config = changed(base, *change)
    (tmp_path / "gmsa.yaml").write_text(json.dumps(config, ensure_ascii=False) + "\n")
    done = call("lint", tmp_path / "gmsa.yaml", env={"GMSA_KRM_SEED": SEED})
    assert bool(config_schema.errors(config)) == bool(done.status), done.stdout
