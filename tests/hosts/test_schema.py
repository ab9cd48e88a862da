"""The JSON Schemas in the repository are those of the program, and the configs in the repository fit and name them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from conftest import ROOT, Call

SCHEMA = ROOT / "kustomize/gmsaconfig.schema.json"
CONFIGS = [*ROOT.glob("kustomize/*/gmsa.yaml"), *ROOT.glob("tests/cases/*/gmsa.yaml")]
MODELINE = "# yaml-language-server: $schema="


def test_the_schemas_in_the_repository_are_those_of_the_program(call: Call) -> None:
    values = ROOT / "charts/gmsa/values.schema.json"
    snapshot = ROOT / "kustomize/activedirectorysnapshot.schema.json"
    assert SCHEMA.read_text() == call("schema").stdout, "run make schema"
    assert snapshot.read_text() == call("schema", "--snapshot").stdout, "run make schema"
    report = ROOT / "kustomize/doctorreport.schema.json"
    assert report.read_text() == call("schema", "--doctor-report").stdout, "run make schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(report.read_text()))
    assert values.read_text() == call("schema", "--chart-values").stdout, "run make schema"
    references = ROOT / "kustomize/name-references.yaml"
    assert references.read_text() == call("schema", "--name-references").stdout, "run make schema"


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_every_config_in_the_repository_fits_the_schema_and_names_it(config: Path) -> None:
    text = config.read_text()
    jsonschema.validate(yaml.safe_load(text), json.loads(SCHEMA.read_text()))
    modeline = text.splitlines()[0]
    assert modeline.startswith(MODELINE)
    assert (config.parent / modeline.removeprefix(MODELINE)).resolve() == SCHEMA
