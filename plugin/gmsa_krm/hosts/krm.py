"""KRM function: reads and writes a ResourceList (config.kubernetes.io/v1, v1beta1, v1alpha1).

The list is edited as text, so what gmsa-krm does not touch cannot change.
"""

from __future__ import annotations

from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.findings import Finding, InputError, Location, invalid
from gmsa_krm.pipeline import run
from gmsa_krm.yamltext.edits import ListPatch, UnsupportedForm, apply_edits, edits_for
from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE, Node, YamlError, parse, repeated_keys_of
from gmsa_krm.yamltext.stream import Document, closed, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.environment import Environment
    from gmsa_krm.pipeline import Result
    from gmsa_krm.yamltext.edits import Edit

_API_VERSIONS = tuple(f"config.kubernetes.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_LOCAL = "config.kubernetes.io/local-config"
_PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")


def run_function(data: bytes, environment: Environment) -> tuple[bytes, list[Finding]]:
    """The resulting ResourceList, and the findings. If one of them is an error, only `results` are changed.

    Raises InputError if `data` is not a ResourceList to which results can be added.
    """
    text = closed(decode(data, "stdin"))
    root = _resource_list(text)
    try:
        return _run(text, root, environment)
    except UnsupportedForm as form:
        raise invalid("unusual-form", str(form), _location(form.node)) from None


def _run(text: str, root: Node, environment: Environment) -> tuple[bytes, list[Finding]]:
    items = root.get("items")
    nodes = items.items if items is not None and items.kind == SEQUENCE else []
    config = root.get("functionConfig")
    try:
        loaded = load_config(_check_config(config), _config_name(config), positions=False)
        whole = Document(text, "stdin", node=root)
        documents = [Document(text, "stdin", node=node, whole=whole) for node in nodes]
        result = run([(loaded, environment)], documents)
    except InputError as error:
        edits = _list_edits(text, root, "results", ListPatch(append=list(map(_result, error.findings))))
        return apply_edits(text, edits).encode(), error.findings
    # Edits at the same offset are applied in this order, so additions to the last item precede additional items.
    edits = [edit for edits in result.edits.values() for edit in edits]
    edits += _list_edits(text, root, "items", _items_patch(result, root, nodes))
    edits += _list_edits(text, root, "results", ListPatch(append=list(map(_result, result.findings))))
    return apply_edits(text, edits).encode(), result.findings


def _items_patch(result: Result, root: Node, nodes: list[Node]) -> ListPatch:
    replace: dict[int, Any] = {index: it.data for index, it in result.replaced.items()}
    replace.update(dict.fromkeys(_config_entries(root, nodes)))
    return ListPatch(replace=replace, append=[it.data for it in result.added])


def _list_edits(text: str, root: Node, key: str, patch: ListPatch) -> list[Edit]:
    """The edits of a list of the ResourceList. Raises UnsupportedForm if it has an anchor, an alias or a tag."""
    if not patch.replace and not patch.append:
        return []
    name, value = next(((name, value) for name, value in root.pairs if name.text == key), (root, None))
    for node in (root, name, value):
        if node is not None and (node.anchor is not None or node.tag is not None or node.alias):
            raise UnsupportedForm(f"{key} has an anchor, an alias or a tag; write it without", node)
    if value is not None and ":" not in text[name.end : max(value.start, name.end + 1)]:
        raise UnsupportedForm(f"{key} is a key in the form of `? {key}`; write `{key}:`", name)
    return edits_for(text, root, {key: patch}, set())


def _resource_list(text: str) -> Node:
    if not text.strip():
        message = (
            "is empty; give a ResourceList, as kustomize and kpt send it, or render a file by hand: gmsa-krm render"
            " FILE"
        )
        raise invalid("empty", message, Location("stdin"))
    try:
        root = parse(text)
    except YamlError as error:
        raise invalid("yaml", error.message, Location("stdin", error.line, error.column)) from None
    if root is None or root.string("kind") != "ResourceList" or root.string("apiVersion") not in _API_VERSIONS:
        message = (
            f"is not a ResourceList ({_type_of(root)}); give kind: ResourceList with apiVersion"
            f" {', '.join(_API_VERSIONS[:-1])} or {_API_VERSIONS[-1]}"
        )
        raise invalid("not-a-resource-list", message, Location("stdin", 1, 1))
    for first, again in repeated_keys_of(root):
        message = (
            f"the key {again.text[:60]} is repeated in the ResourceList (first in line {first.line + 1}); remove one"
        )
        raise invalid("duplicate-key", message, _location(again))
    items = root.get("items")
    if items is not None and items.kind != SEQUENCE and not items.is_null:
        raise invalid("type", "items of the ResourceList is not a list; make it one", _location(items))
    return root


def _type_of(node: Node | None) -> str:
    """`apiVersion, kind` of a node, for a message."""
    if node is None or node.kind != MAPPING:
        return "not a mapping"
    return f"{node.string('apiVersion')[:80] or 'no apiVersion'}, {node.string('kind')[:80] or 'no kind'}"


def _check_config(config: Node | None) -> Node:
    if config is None or config.is_null:
        message = "the ResourceList has no functionConfig; put a GMSAConfig there"
        raise invalid("no-config", message, field="functionConfig")
    if not is_config(config):
        message = (
            f"is not a GMSAConfig ({_type_of(config)}); give one with apiVersion: gmsa-krm.dev/v1alpha1, kind:"
            " GMSAConfig"
        )
        raise invalid("not-a-config", message, field="functionConfig")
    return config


def _config_name(config: Node | None) -> str:
    """The name of the config in messages: the path that the host passes, else kind and name."""
    metadata = config.get("metadata") if config is not None else None
    annotations = metadata.get("annotations") if metadata is not None else None
    for key in _PATHS if annotations is not None else ():
        path = annotations.string(key) if annotations is not None else ""
        if path:
            return path
    return f"GMSAConfig {metadata.string('name')}" if metadata is not None else "GMSAConfig"


def _config_entries(root: Node, nodes: list[Node]) -> list[int]:
    """The indices of items that repeat the functionConfig, which kustomize passes to a generator; they are removed.

    An item with a path is a file of the user's package (kpt) and stays.
    """
    config = root.get("functionConfig")
    metadata = config.get("metadata") if config is not None else None
    name = metadata.string("name") if metadata is not None else ""
    return [index for index, node in enumerate(nodes) if metadata is not None and _is_local_config(node, name)]


def _is_local_config(node: Node, name: str) -> bool:
    metadata = node.get("metadata")
    annotations = metadata.get("annotations") if metadata is not None else None
    return (
        is_config(node)
        and metadata is not None
        and metadata.string("name") == name
        and annotations is not None
        and annotations.string(_LOCAL) == "true"
        and not any(annotations.string(key) for key in _PATHS)
    )


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {"message": finding.message, "severity": finding.severity}
    if finding.field:
        result["field"] = {"path": finding.field}
    if finding.location.file:
        result["file"] = {"path": finding.location.file}
    result["tags"] = {"rule": finding.rule}
    return result


def _location(node: Node) -> Location:
    return Location("stdin", node.line + 1, node.column + 1)
