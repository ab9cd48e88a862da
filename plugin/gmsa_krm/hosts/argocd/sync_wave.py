"""Two sync waves, so that the first sync of a cluster succeeds at its first attempt.

A sync asks the API server at its start which kinds it serves, and finds none for the credential specs, whose CRD comes
with them. From the second wave on it asks again. So one ClusterRole comes in a wave before everything else: it needs
nothing, and Argo CD does not wait for it. It would wait for the CRD to be healthy, and changes of a CRD do not wake an
application: such a sync can stand still until the next refresh.
"""

from __future__ import annotations

from gmsa_krm.manifests.manifest import MANAGED_BY
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, duplicate_keys
from gmsa_krm.yamltext.stream import decode, encoded, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.yamltext.stream import Document

_CRD = "gmsacredentialspecs.windows.k8s.io"
_WAVE = "argocd.argoproj.io/sync-wave"
_FIRST = "-1"


def in_waves(manifests: bytes) -> bytes:
    """The manifests with a ClusterRole of gmsa-krm in a wave of its own, if the CRD is among them."""
    if _CRD.encode() not in manifests:
        return manifests
    documents = split(decode(manifests, "the manifests"), "the manifests")
    if not any(_is(it, "CustomResourceDefinition") and it.identity[3] == _CRD for it in documents if it.identity):
        return manifests
    texts = [it.text for it in documents]
    for index, document in enumerate(documents):
        wave = _wave(document) if _is(document, "ClusterRole") else None
        if wave == _FIRST:
            return manifests  # of an earlier run
        if wave == "":
            texts[index] = _with_wave(document)
            return encoded(texts)
    return manifests


def _is(document: Document, kind: str) -> bool:
    return document.identity is not None and document.identity[1] == kind


def _wave(document: Document) -> str | None:
    """The wave of an object of gmsa-krm, "" without one; None for other objects, and for what cannot be edited."""
    root = document.node
    metadata = root.get("metadata") if root else None
    labels = metadata.get("labels") if metadata else None
    annotations = metadata.get("annotations") if metadata else None
    is_own = labels is not None and all(labels.string(key) == value for key, value in MANAGED_BY.items())
    if root is None or not is_own or duplicate_keys(root):
        return None
    if annotations is None:
        return ""
    wave = annotations.get(_WAVE)
    if annotations.kind != MAPPING or (wave is not None and wave.kind != SCALAR):
        return None
    return wave.text or None if wave is not None else ""


def _with_wave(document: Document) -> str:
    from gmsa_krm.yamltext.changes import change_of, changed_text
    from gmsa_krm.yamltext.edits import NotEdited

    document.close()
    root = document.node
    try:
        change = change_of(document, root, {"metadata": {"annotations": {_WAVE: _FIRST}}}) if root else None
        return changed_text(document, [change] if change else [])
    except NotEdited:
        return document.text  # Argo CD repeats the sync
