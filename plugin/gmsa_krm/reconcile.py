"""Compares the emitted objects with the documents, which may hold earlier output or objects of the same name."""

from __future__ import annotations

from gmsa_krm.config.plain_data import plain_data
from gmsa_krm.findings import Report
from gmsa_krm.manifests.manifest import MANAGED_BY
from gmsa_krm.yamltext.nodes import SCALAR, duplicate_keys, overridden_keys, repeated_keys_of
from gmsa_krm.yamltext.stream import KindFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.findings import Finding
    from gmsa_krm.manifests.manifest import Manifest, Object
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.changes import Changes
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document, Identity

_SINGLETONS = ("spec.webhook", "spec.crd", "spec.policy")


class Emitted:
    """An emitted object. `source` is the path of the field that asks for it.

    `document` is the index of the document that already has this object, None if there is none; `in_list`: the document
    is a List with it; `is_changed`: `data` replaces the existing object.
    """

    __slots__ = ("data", "document", "identity", "in_list", "is_changed", "source")

    def __init__(self, manifest: Manifest) -> None:
        self.data = manifest.data
        self.identity = manifest.identity
        self.source = manifest.source
        self.document: int | None = None
        self.in_list = False
        self.is_changed = False


def merge(manifests: Iterable[tuple[Manifest, Resolved]]) -> dict[Identity, Emitted]:
    """One object per identity; an error if two manifests of one identity differ, one for each section of a config."""
    emitted: dict[Identity, Emitted] = {}
    reported: set[tuple[int, str]] = set()
    for manifest, config in manifests:
        first = emitted.setdefault(manifest.identity, Emitted(manifest))
        if first.data is not manifest.data and first.data != manifest.data:
            section = id(config), ".".join(manifest.source.split(".")[:2])
            if section in reported:
                continue
            reported.add(section)
            cure = (
                "a cluster has one webhook and one CRD: merge the configs, or set admission.mode: None in all but one"
                if manifest.source.startswith(_SINGLETONS) and first.source.startswith(_SINGLETONS)
                else "give one of them another name, or remove it"
            )
            message = (
                f"{describe(manifest.identity)} also comes from {first.source} of another entry or config, with other"
                f" contents; {cure}"
            )
            config.report.error("same-object", message, config.root, manifest.source)
    return emitted


def reconcile(
    emitted: dict[Identity, Emitted], documents: list[Document], changes: Changes, findings: list[Finding]
) -> None:
    """Finds the emitted objects among the documents; adds the changes of Lists that hold them to `changes`."""
    kinds = KindFilter(kind for _, kind, _, _ in emitted)
    groups_and_kinds = {(group, kind) for group, kind, _, _ in emitted}
    for index, document in enumerate(documents) if emitted else ():
        if not document.could_be(kinds):
            continue
        document.close()
        items = document.items()
        if not items:
            if _adopt(document, index, emitted, findings) is None and index not in changes:
                document.forget()
            continue
        _refuse_unnamed(document, groups_and_kinds, findings)
        replaced = {}
        for position, item in enumerate(items):
            _refuse_nested(item, emitted, findings)
            found = _adopt(item, index, emitted, findings)
            if found is not None:
                found.in_list = True
                if found.is_changed:
                    replaced[position] = found.data
        if replaced:
            _change(index, document, replaced, changes, findings)


def _refuse_unnamed(document: Document, emitted: set[tuple[str, str]], findings: list[Finding]) -> None:
    """An entry of a list that may be an emitted object, and does not say so, is an error."""
    from gmsa_krm.workloads.kinds import objects_in, report_unnamed

    for it, _ in objects_in(document.node) if document.node is not None else ():
        report_unnamed(it, emitted.__contains__, document.report(findings))


def _refuse_nested(item: Document, emitted: dict[Identity, Emitted], findings: list[Finding]) -> None:
    """An emitted object in a list in a list is an error, whoever manages it: it would be applied beside ours."""
    pending = item.items()
    while pending:
        inner = pending.pop()
        pending += inner.items()
        found = emitted.get(inner.identity) if inner.identity else None
        if found is not None:
            message = (
                f"{describe(found.identity)} is also emitted for {found.source}, and is in a list in a list; remove it"
                " here"
            )
            inner.report(findings).error("same-object", message, inner.location())


def _change(
    index: int, document: Document, replaced: dict[int, Object], changes: Changes, findings: list[Finding]
) -> None:
    """Adds the change of a List, `replaced` by the index of its items."""
    from gmsa_krm.yamltext.changes import change_of, report_not_edited
    from gmsa_krm.yamltext.edits import ListPatch, NotEdited

    root = document.node
    sources = root.sources() if root is not None else ()
    for first, again in (found for mapping in sources for found in repeated_keys_of(mapping)):
        if again.text == "items":  # kubectl takes the last, and these are the first
            _refuse_repeated_items(document, first, again, findings)
            return
    try:
        change = change_of(document, root, {"items": ListPatch(replace=replaced)}) if root is not None else None
    except NotEdited as found:
        report_not_edited(document.report(findings), found)
    else:
        if change is not None:
            changes.setdefault(index, []).append(change)


def _refuse_repeated_items(document: Document, first: Node, again: Node, findings: list[Finding]) -> None:
    """Unless it is reported already, where the list has workloads."""
    report, place = document.report(findings), str(document.location(again))
    if not any(it.rule == "duplicate-key" and str(it.location) == place for it in findings):
        line = document.location(first).line
        message = f"the key items is repeated in this mapping (first in line {line}); remove one"
        report.error("duplicate-key", message, again)


def describe(identity: Identity) -> str:
    """An object as messages name it."""
    _, kind, namespace, name = identity
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _adopt(document: Document, index: int, emitted: dict[Identity, Emitted], findings: list[Finding]) -> Emitted | None:
    """The emitted object that the document holds; an error if gmsa-krm does not manage the document."""
    identity = document.identity
    found = emitted.get(identity) if identity else None
    if identity is None or found is None or document.node is None:
        return None
    report, location, name = document.report(findings), document.location(), describe(identity)
    is_managed = _is_managed(document)
    if not is_managed:
        message = f"{name} is also emitted for {found.source}; remove it here, or give the config another name for it"
        report.error("same-object", message, location)
    elif found.document is not None:
        report.error("same-object", f"{name} occurs twice; remove one", location)
    found.document = index
    found.data = _with_metadata_of(document, found.data)
    # Some readers take the first of equal keys, others the last; and so with keys that are merged once more.
    is_ambiguous = duplicate_keys(document.node) or overridden_keys(document.node)
    is_same = found.data == plain_data(document.node, "", Report()) and not is_ambiguous
    found.is_changed = not is_same
    if found.is_changed and is_managed:
        message = (
            f"{name} differs from what the config gives, and is replaced by that; make the change in the config, or"
            " patch the output of gmsa-krm"
        )
        report.warning("set-back", message, location)
    return found


def _with_metadata_of(document: Document, data: Object) -> Object:
    """`data` with the labels and annotations that other tools have added to the document."""
    metadata = dict(data["metadata"])
    existing = _get(document.node, "metadata")
    for key in ("labels", "annotations"):
        mapping = _get(existing, key)
        own = metadata.get(key, {})
        entries = mapping.entries() if mapping is not None else ()
        others = {it.text: value.text for it, value in entries if it.text not in own and _is_kept(it, value)}
        if others:
            metadata[key] = {**own, **others}
    return {**data, "metadata": metadata}


def _is_kept(key: Node, value: Node) -> bool:
    """Whether a label or annotation of another tool stays. Aggregation would add the rules to other ClusterRoles."""
    return value.kind == SCALAR and not value.is_null and not key.text.startswith("rbac.authorization.k8s.io/")


def _is_managed(document: Document) -> bool:
    labels = _get(_get(document.node, "metadata"), "labels")
    return labels is not None and all(labels.string(key) == value for key, value in MANAGED_BY.items())


def _get(node: Node | None, key: str) -> Node | None:
    return node.get(key) if node is not None else None
