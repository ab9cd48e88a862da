"""KRM function: reads and writes a ResourceList (config.kubernetes.io/v1, v1beta1, v1alpha1).

The list is edited as text, so what gmsa-krm does not touch cannot change.
"""

from __future__ import annotations

from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.findings import Finding, InputError, Location, invalid
from gmsa_krm.pipeline import run
from gmsa_krm.reconcile import describe
from gmsa_krm.yamltext.changes import Change, change_of, changed_text
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import ListPatch, SharedNode, UnsupportedForm
from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE, Node, YamlError, parse, repeated_keys_of
from gmsa_krm.yamltext.origins import Origins
from gmsa_krm.yamltext.stream import Document, closed, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.environment import Environment
    from gmsa_krm.pipeline import Result

_API_VERSIONS = tuple(f"config.kubernetes.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_LOCAL = "config.kubernetes.io/local-config"
_RESULT_FIELDS = {"message", "severity", "resourceRef", "field", "file", "tags"}
_PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")


def run_function(data: bytes, environment: Environment) -> tuple[bytes, list[Finding]]:
    """The resulting ResourceList, and the findings. If one of them is an error, only `results` are changed.

    Raises InputError if `data` is not a ResourceList to which results can be added.
    """
    text = closed(decode(data, "stdin"))
    root = _resource_list(text)
    whole = Document(text, "stdin", node=root)
    try:
        return _run(whole, root, environment)
    except UnsupportedForm as form:
        raise invalid("unusual-form", f"cannot be edited: {form}", whole.location(form.node)) from None
    except SharedNode as shared:
        message = f"is under &{shared.node.anchor}, which is repeated elsewhere; replace the alias with its contents"
        raise invalid("shared-node", message, whole.location(shared.node)) from None


def _run(whole: Document, root: Node, environment: Environment) -> tuple[bytes, list[Finding]]:
    items = root.get("items")
    nodes = items.items if items is not None and items.kind == SEQUENCE else []
    config = root.get("functionConfig")
    changes: list[Change] = []
    documents: list[Document] = []
    origins = Origins(documents, _path_of)
    try:
        loaded = load_config(_check_config(config), _config_name(config), positions=False)
        documents += [Document(whole.text, "stdin", node=node, whole=whole) for node in nodes]
        result = run([(loaded, environment)], documents)
    except InputError as error:
        findings = error.findings
    else:
        findings = result.findings
        # Edits at the same offset are applied in this order, so additions to the last item precede additional items.
        changes += (it for of_item in result.changes.values() for it in of_item)
        changes += _list_change(whole, root, "items", _items_patch(result, root, nodes))
    results = [
        _result(named, origins.document_of(it)) for it, named in zip(findings, origins.named(findings), strict=True)
    ]
    changes += _list_change(whole, root, "results", _results_patch(root, results))
    return changed_text(whole, changes).encode(), origins.named(findings)


def _list_change(whole: Document, root: Node, key: str, patch: ListPatch) -> list[Change]:
    """The change of a list of the ResourceList. Raises UnsupportedForm if it has an anchor, an alias or a tag."""
    if not patch.replace and not patch.append:
        return []
    name, value = next(((name, value) for name, value in root.pairs if name.text == key), (root, None))
    for node in (root, name, value):
        if node is not None and (node.anchor is not None or node.tag is not None or node.alias):
            raise UnsupportedForm(f"{key} has an anchor, an alias or a tag; write it without", node)
    if value is not None and ":" not in whole.text[name.end : max(value.start, name.end + 1)]:
        raise UnsupportedForm(f"the key {key} is in the form of `? {key}`; write `{key}:`", name)
    change = change_of(whole, root, {key: patch})
    return [] if change is None else [change]


def _items_patch(result: Result, root: Node, nodes: list[Node]) -> ListPatch:
    replace: dict[int, Any] = {index: it.data for index, it in result.replaced.items()}
    replace.update(dict.fromkeys(_config_entries(root, nodes)))
    return ListPatch(replace=replace, append=[it.data for it in result.added])


def _results_patch(root: Node, results: list[dict[str, Any]]) -> ListPatch:
    """Replaces the results of an earlier run; the results of other functions stay."""
    existing = root.get("results")
    nodes = existing.items if existing is not None and existing.kind == SEQUENCE else []
    earlier = {index: data for index, data in enumerate(map(data_of, nodes)) if _is_own_result(data)}
    if list(earlier.values()) == results:
        return ListPatch()
    return ListPatch(replace=dict.fromkeys(earlier), append=results)


def _is_own_result(data: Any) -> bool:
    """Whether `data` is a result as `_result` writes it: its only tag is a rule of the catalogue."""
    if not isinstance(data, dict) or not set(data) <= _RESULT_FIELDS:
        return False
    tags = data.get("tags")
    if not isinstance(tags, dict) or set(tags) != {"rule"}:
        return False
    from gmsa_krm.findings.rules import find_rule

    rule = find_rule(str(tags["rule"]))
    return rule is not None and rule.severity == data.get("severity")


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
        raise invalid("duplicate-key", message, Location("stdin", again.line + 1, again.column + 1))
    for name, _ in root.pairs:
        if name.is_merge_key:
            message = "cannot be edited: the ResourceList has a merge key (<<); write its contents in its place"
            raise invalid("unusual-form", message, Location("stdin", name.line + 1, name.column + 1))
    for key in ("items", "results"):
        value = root.get(key)
        if value is not None and value.kind != SEQUENCE and not value.is_null:
            message = f"{key} of the ResourceList is not a list; make it one"
            raise invalid("type", message, Location("stdin", value.line + 1, value.column + 1))
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


def _path_of(document: Document) -> str:
    """The file of an item in the user's repository, "" if the host does not name it."""
    annotations = _get(document.node, "metadata", "annotations")
    paths = (annotations.string(key) for key in _PATHS) if annotations is not None else ()
    return next(filter(None, paths), "")


def _get(node: Node | None, *keys: str) -> Node | None:
    for key in keys:
        node = node.get(key) if node is not None else None
    return node


def _result(finding: Finding, item: Document | None) -> dict[str, Any]:
    """A result as the specification of KRM functions has it (config.kubernetes.io/v1). `item`: what it is about."""
    result: dict[str, Any] = {"message": finding.message, "severity": finding.severity}
    resource, label = _resource(item)
    path = finding.field.removeprefix(f"{label}: ") if label else finding.field
    if resource and (path != finding.field or not finding.field):
        result["resourceRef"] = resource
    if path:
        result["field"] = {"path": path}
    if finding.location.file:
        result["file"] = {"path": finding.location.file}
    result["tags"] = {"rule": finding.rule}
    return result


def _resource(item: Document | None) -> tuple[dict[str, str], str]:
    """The reference of an item, and how fields name it."""
    root = item.node if item is not None else None
    if item is None or root is None or item.identity is None:
        return {}, ""
    _, kind, namespace, name = item.identity
    reference = {"apiVersion": root.string("apiVersion"), "kind": kind, "name": name, "namespace": namespace}
    return {key: text for key, text in reference.items() if text}, describe(item.identity)
