"""Writes what catalogs of KRM functions read, into plugin/function: `python tests/tools/catalog.py`, or `make schema`.

The address of the project is that of plugin/package.py; the name of the image follows from it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gmsa_krm import __version__
from gmsa_krm.config.json_schema import json_schema
from gmsa_krm.yamltext import writer

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "plugin/function"
URL = re.findall(r'"PROJECT_URL"\) or "(.*)"', (ROOT / "plugin/package.py").read_text())[0]
DESCRIPTION = (
    "Sets up Windows gMSA: credential specs, RBAC, webhook or admission policy; changes and checks the workloads."
)
EXAMPLES = ("kustomize", "kpt")
# Where the images of a repository are, if not on its own host.
_REGISTRIES = {"github.com": "ghcr.io", "gitlab.com": "registry.gitlab.com"}
_TAGGED = re.compile(r"[\w.-]+(?:/[\w.-]+)*/gmsa-krm:v[0-9][\w.-]*")


def image(url: str) -> str:
    """The name of the image of a project, with the tag of this version."""
    host, _, path = url.partition("://")[2].rstrip("/").partition("/")
    parts = [_REGISTRIES.get(host, host), *path.lower().split("/")]
    if parts[-1] != "gmsa-krm":
        parts.append("gmsa-krm")
    return "/".join(filter(None, parts)) + f":v{__version__}"


def files(url: str) -> dict[str, str]:
    """{path in plugin/function: contents}."""
    found = {"metadata.yaml": _yaml(_kpt(url)), "function.yaml": _yaml(_definition(url))}
    for path in sorted((FOLDER / "examples").rglob("*")):
        if path.is_file():
            found[path.relative_to(FOLDER).as_posix()] = _TAGGED.sub(image(url), path.read_text())
    return found


def _kpt(url: str) -> dict[str, Any]:
    """As the functions of kpt's catalog have it beside their sources."""
    return {
        "image": image(url).partition(":v")[0],
        "description": DESCRIPTION,
        "tags": ["generator", "mutator", "validator"],
        "sourceURL": f"{url}/tree/main/plugin",
        "examplePackageURLs": [f"{url}/tree/main/plugin/function/examples/{name}" for name in EXAMPLES],
        "emails": re.findall(r'email = "(.*?)"', (ROOT / "pyproject.toml").read_text()),
        "license": "Apache-2.0",
    }


def _definition(url: str) -> dict[str, Any]:
    """As the registry of KRM functions has it: KEP-2985 of Kubernetes."""
    blob = f"{url}/blob/main"
    return {
        "apiVersion": "config.kubernetes.io/v1alpha1",
        "kind": "KRMFunctionDefinition",
        "metadata": {"name": "gmsaconfig.gmsa-krm.dev"},
        "spec": {
            "group": "gmsa-krm.dev",
            "names": {"kind": "GMSAConfig"},
            "description": DESCRIPTION,
            "publisher": "gmsa-krm",
            "home": url,
            "tags": ["generator", "mutator", "validator"],
            "versions": [
                {
                    "name": "v1alpha1",
                    "schema": {"openAPIV3Schema": _open_api(json_schema())},
                    "idempotent": True,
                    "usage": f"{blob}/docs/getting-started/container.md",
                    "examples": [f"{blob}/plugin/function/examples/{name}/README.md" for name in EXAMPLES],
                    "license": "Apache 2.0",
                    "runtime": {
                        "container": {"image": image(url), "requireNetwork": False, "requireStorageMount": False}
                    },
                }
            ],
        },
    }


def _open_api(schema: Any) -> Any:
    """A JSON Schema in the words of OpenAPI 3.0, which has no `const`, no list of types, and one example."""
    if isinstance(schema, list):
        return [_open_api(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "const":
            found["enum"] = [value]
        elif key == "examples":
            found["example"] = value[0]
        elif key == "type" and isinstance(value, list):
            found["anyOf"] = [{"type": it} for it in value]
        elif not key.startswith("$"):
            found[key] = (
                {name: _open_api(it) for name, it in value.items()} if key == "properties" else _open_api(value)
            )
    return found


def _yaml(data: dict[str, Any]) -> str:
    return "# Written by make schema.\n" + writer.document(data)


if __name__ == "__main__":
    for name, text in files(URL).items():
        (FOLDER / name).write_text(text)
