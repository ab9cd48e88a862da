"""KRM function: a ResourceList in, the ResourceList out (config.kubernetes.io/v1, v1beta1, v1alpha1).

The list is changed as text: what we have no business with is not parsed into values and written again, so
it cannot change.
"""

from __future__ import annotations

from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.findings import Finding, InputError, Place, input_error
from gmsa_krm.pipeline import run
from gmsa_krm.yaml import edit
from gmsa_krm.yaml.read import MAPPING, SEQUENCE, Node, YamlError, parse
from gmsa_krm.yaml.stream import Document, closed, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.outside import Outside

_API_VERSIONS = tuple(f"config.kubernetes.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_LOCAL = "config.kubernetes.io/local-config"
_PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")


def run_function(data: bytes, outside: Outside) -> tuple[bytes, list[Finding]]:
    """The ResourceList that `data` becomes, and the findings. With an error among them, only `results` differ.

    Raises InputError if `data` is no ResourceList that could carry results.
    """
    text = closed(decode(data, "stdin"))
    root = _resource_list(text)
    try:
        return _run(text, root, outside)
    except edit.UnusualForm as form:
        place = Place("stdin", form.node.line + 1, form.node.column + 1)
        raise input_error("unusual-form", str(form), place) from None


def _run(text: str, root: Node, outside: Outside) -> tuple[bytes, list[Finding]]:
    items = root.get("items")
    nodes = items.items if items is not None and items.kind == SEQUENCE else []
    config = root.get("functionConfig")
    try:
        loaded = load_config(_checked(config), _name(config), positions=False, overrides=outside.overrides)
        documents = [Document(text, "stdin", node=node, whole=root) for node in nodes]
        outcome = run([(loaded, outside)], documents)
    except InputError as error:
        changes = edit.with_list(text, root, "results", {}, [_result(finding) for finding in error.findings])
        return edit.apply(text, changes).encode(), error.findings
    instead: dict[int, Any] = {index: made.data for index, made in outcome.instead.items()}
    instead.update(dict.fromkeys(_own_entries(root, nodes)))
    # Edits at one place come out in this order: what ends an item stands before what follows the items.
    changes = [
        *(change for edits in outcome.edits.values() for change in edits),
        *edit.with_list(text, root, "items", instead, [made.data for made in outcome.new]),
        *edit.with_list(text, root, "results", {}, [_result(finding) for finding in outcome.findings]),
    ]
    return edit.apply(text, changes).encode(), outcome.findings


def _resource_list(text: str) -> Node:
    if not text.strip():
        raise input_error(
            "empty",
            "is empty; a ResourceList is wanted, as kustomize and kpt send it. To render a file by hand:"
            " gmsa-krm render FILE",
            Place("stdin"),
        )
    try:
        root = parse(text)
    except YamlError as error:
        raise input_error("yaml", error.message, Place("stdin", error.line, error.column)) from None
    if root is None or root.string("kind") != "ResourceList" or root.string("apiVersion") not in _API_VERSIONS:
        found = (
            "no mapping"
            if root is None or root.kind != MAPPING
            else f"{root.string('apiVersion')[:80] or 'no apiVersion'}, {root.string('kind')[:80] or 'no kind'}"
        )
        message = (
            f"is no ResourceList ({found}); wanted is kind: ResourceList with apiVersion {', '.join(_API_VERSIONS)}"
        )
        raise input_error("not-a-resource-list", message, Place("stdin", 1, 1))
    seen: set[str] = set()
    for key, _ in root.pairs:
        if key.text in seen:
            message = f"the key {key.text[:60]} stands twice in the ResourceList; remove one"
            raise input_error("duplicate-key", message, Place("stdin", key.line + 1, key.column + 1))
        seen.add(key.text)
    items = root.get("items")
    if items is not None and items.kind != SEQUENCE and not items.is_null:
        raise input_error(
            "type", "items of the ResourceList is no list", Place("stdin", items.line + 1, items.column + 1)
        )
    return root


def _checked(config: Node | None) -> Node:
    if config is None or config.is_null:
        raise input_error(
            "no-config", "the ResourceList has no functionConfig; a GMSAConfig is wanted there", field="functionConfig"
        )
    if not is_config(config):
        found = (
            f"{config.string('apiVersion')[:80]}, {config.string('kind')[:80]}"
            if config.kind == MAPPING
            else "no mapping"
        )
        message = f"is no GMSAConfig ({found}); give one with apiVersion: gmsa-krm.dev/v1alpha1, kind: GMSAConfig"
        raise input_error("not-a-config", message, field="functionConfig")
    return config


def _name(config: Node | None) -> str:
    """How messages name the config: the file that the host says it is from, else kind and name."""
    metadata = config.get("metadata") if config is not None else None
    annotations = metadata.get("annotations") if metadata is not None else None
    for key in _PATHS if annotations is not None else ():
        path = annotations.string(key) if annotations is not None else ""
        if path:
            return path
    return f"GMSAConfig {metadata.string('name')}" if metadata is not None else "GMSAConfig"


def _own_entries(root: Node, nodes: list[Node]) -> list[int]:
    """The items that are the functionConfig itself, as kustomize hands a generator: no resource, so left out.

    An item with a path is a file of the user's package (kpt) and stays.
    """
    name = root.get("functionConfig")
    wanted = name.get("metadata") if name is not None else None
    found = []
    for index, node in enumerate(nodes):
        metadata = node.get("metadata")
        annotations = metadata.get("annotations") if metadata is not None else None
        if (
            is_config(node)
            and metadata is not None
            and wanted is not None
            and metadata.string("name") == wanted.string("name")
            and annotations is not None
            and annotations.string(_LOCAL) == "true"
            and not any(annotations.string(key) for key in _PATHS)
        ):
            found.append(index)
    return found


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {"message": finding.message, "severity": finding.severity}
    if finding.field:
        result["field"] = {"path": finding.field}
    if finding.place.file:
        result["file"] = {"path": finding.place.file}
    result["tags"] = {"rule": finding.rule}
    return result
