"""What catalogs of KRM functions read: written from the program, with the one address of the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import catalog
from conftest import CASES, ROOT
from gmsa_krm import __version__

DEFINITION = yaml.safe_load((ROOT / "plugin/function/function.yaml").read_text())
(VERSION,) = DEFINITION["spec"]["versions"]


def test_the_files_are_those_that_make_schema_writes() -> None:
    for name, text in catalog.files(catalog.URL).items():
        assert (ROOT / "plugin/function" / name).read_text() == text, f"{name}: run make schema"


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("https://github.com/Acme/gmsa-krm", "ghcr.io/acme/gmsa-krm"),
        ("https://gitlab.com/acme/windows/gmsa-krm/", "registry.gitlab.com/acme/windows/gmsa-krm"),
        ("https://gmsa-krm.dev", "gmsa-krm.dev/gmsa-krm"),
        ("https://git.example.com:8443/acme/tool", "git.example.com:8443/acme/tool/gmsa-krm"),
    ],
)
def test_one_address_names_the_image_everywhere(url: str, image: str) -> None:
    assert catalog.image(url) == f"{image}:v{__version__}"
    text = "".join(catalog.files(url).values())
    assert set(re.findall(r"[\w.:-]+(?:/[\w.-]+)*/gmsa-krm:v[0-9.]+[0-9]", text)) == {f"{image}:v{__version__}"}
    assert "https://gmsa-krm.dev" not in text or url == "https://gmsa-krm.dev"


def test_the_addresses_lead_to_files_of_the_repository() -> None:
    kpt = yaml.safe_load((ROOT / "plugin/function/metadata.yaml").read_text())
    named = [VERSION["usage"], *VERSION["examples"], kpt["sourceURL"], *kpt["examplePackageURLs"]]
    for url in named:
        path = re.fullmatch(rf"{catalog.URL}/(?:blob|tree)/main/(.+)", url)
        assert path is not None, url
        assert (ROOT / path[1]).exists(), url


# KEP-2985: what a definition has to have.
REQUIRED = {"group", "names", "description", "publisher", "versions"}
REQUIRED_OF_VERSION = {"name", "schema", "idempotent", "runtime", "usage", "examples", "license"}


def test_the_definition_has_what_the_registry_asks_for() -> None:
    assert (DEFINITION["apiVersion"], DEFINITION["kind"]) == ("config.kubernetes.io/v1alpha1", "KRMFunctionDefinition")
    assert set(DEFINITION["spec"]) >= REQUIRED
    assert set(VERSION) >= REQUIRED_OF_VERSION
    assert VERSION["license"] == "Apache 2.0"


SCHEMA = VERSION["schema"]["openAPIV3Schema"]
# https://spec.openapis.org/oas/v3.0.3#schema-object
KEYWORDS = {
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
    "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type", "allOf", "oneOf",
    "anyOf", "not", "items", "properties", "additionalProperties", "description", "format", "default", "nullable", "example",
}  # fmt: skip


def keywords(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), schema.get("items")]
    return set(schema) | {it for part in [*below, schema.get("additionalProperties")] for it in keywords(part)}


def test_the_schema_is_one_of_openapi_3_0() -> None:
    assert keywords(SCHEMA) <= KEYWORDS


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_schema_takes_the_configs_of_all_cases(case: Path) -> None:
    for path in case.glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            if isinstance(document, dict) and document.get("kind") == "GMSAConfig":
                jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("change", [{"domains": "x"}, {"webhook": {"replicas": "two"}}, {"unknown": 1}])
def test_the_schema_refuses_a_wrong_config(change: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "kustomize/quickstart/gmsa.yaml").read_text())
    jsonschema.validate(config, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**config, "spec": {**config["spec"], **change}}, SCHEMA)


def test_the_image_has_the_address_of_the_project_by_default() -> None:
    assert f'ARG PROJECT_URL="{catalog.URL}"' in (ROOT / "plugin/Containerfile").read_text()
