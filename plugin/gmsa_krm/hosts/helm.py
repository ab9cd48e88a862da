"""Helm's post-renderer: the stream that Helm would apply in, the stream that it applies out.

Helm 3 sends `# Source:` lines and applies the documents in the order that comes back. Helm 4 sends an annotation
with the file name on every document, and sorts by kind what comes back. Both take an empty answer, or one with
exit status 0, at its word.
"""

from __future__ import annotations

import contextlib
import os
import sys

from gmsa_krm.atomic import replace_files
from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.findings import WARNING, Finding, Place, input_error
from gmsa_krm.pipeline import run
from gmsa_krm.yaml import write
from gmsa_krm.yaml.stream import decode, encoded, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.outside import Outside
    from gmsa_krm.yaml.stream import Document

_FILE_NAME = "postrenderer.helm.sh/postrender-filename"
_OWN_FILE = "gmsa-krm.yaml"
# Helm 3 applies in the order of the stream, and what we make has to stand before the first pod. These may
# stand before it: what our objects or any others need, and what starts nothing.
_BEFORE_OURS = frozenset(
    (
        *("Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PriorityClass", "CustomResourceDefinition"),
        *("ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim"),
        *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "PodDisruptionBudget"),
    )
)


def post_render(
    data: bytes,
    configs: list[tuple[LoadedConfig, Outside]],
    outside: Outside,
    namespace: str,
    helm4: bool,
    config_needed: bool = True,
) -> tuple[bytes, list[Finding]]:
    """The stream that Helm's becomes. GMSAConfigs in it are taken out and count as config beside `configs`.

    `outside` is for the configs in the stream, `namespace` for documents that name none. Raises InputError, also
    where a config is needed and there is none.
    """
    text = decode(data, "stdin")
    if not text or text.isspace():
        if helm4:
            message = "is empty, and Helm 4 takes no empty answer; the chart renders nothing"
            raise input_error("empty", message, Place("stdin"))
        return b"", []  # helm 3 template --output-dir sends nothing, and wants nothing
    documents = []
    found: list[tuple[LoadedConfig, Outside]] = []
    chart = ""
    for document in split(text, "stdin"):
        # A config is told apart without parsing the others.
        root = document.node if document.mentions("GMSAConfig") else None
        if root is not None and is_config(root):
            found.append((load_config(root, "stdin", document.line, overrides=outside.overrides), outside))
            chart = chart or _chart(document)
        else:
            documents.append(document)
    if not found and not configs:
        if not config_needed:
            return data, []
        message = "no GMSAConfig: neither in the chart's output nor by --config; add one of them"
        raise input_error("no-config", message)
    outcome = run([*configs, *found], documents, namespace)
    if helm4 and outcome.new and any(made.data["kind"] == "Deployment" for made in outcome.new):
        message = (
            "Helm 4 applies by kind, credential specs and webhook configurations last; pods of the same release may be"
            " created before them, so give the gMSA set-up a release of its own"
        )
        outcome.findings.append(Finding(WARNING, "helm-order", message, Place("stdin")))
    chart = chart or next((name for name in map(_chart, documents) if name), "gmsa")
    texts = [
        write.document(outcome.instead[index].data) if index in outcome.instead else outcome.text_of(index, document)
        for index, document in enumerate(documents)
    ]
    ours = [_sourced(made.data, f"{chart}/templates/{_OWN_FILE}", helm4) for made in outcome.new]
    at = _place_of_ours(documents) if ours else 0
    return encoded([*texts[:at], *ours, *texts[at:]]), outcome.findings


def _place_of_ours(documents: list[Document]) -> int:
    """The index of the first document that may start a pod, or of the end."""
    for index, document in enumerate(documents):
        if document.plain_kind in _BEFORE_OURS:
            continue
        identity = document.identity
        document.forget()
        if identity is not None and identity[1] not in _BEFORE_OURS:
            return index
    return len(documents)


def _chart(document: Document) -> str:
    """The chart that a document is of: the first part of its file name."""
    if document.mentions(_FILE_NAME):
        root = document.node
        metadata = root.get("metadata") if root is not None else None
        annotations = metadata.get("annotations") if metadata is not None else None
        return annotations.string(_FILE_NAME).partition("/")[0] if annotations is not None else ""
    for line in document.text.splitlines()[:4]:
        if line.startswith("# Source: "):
            return line.removeprefix("# Source: ").partition("/")[0].strip()
    return ""


def _sourced(data: dict[str, Any], file: str, helm4: bool) -> str:
    """The text of an object of ours with the file name that Helm groups and selects by."""
    if not helm4:
        return f"---\n# Source: {file}\n{write.document(data)}"
    metadata = data["metadata"]
    annotations = {**metadata.get("annotations", {}), _FILE_NAME: file}
    return "---\n" + write.document({**data, "metadata": {**metadata, "annotations": annotations}})


def log_place(environ: Mapping[str, str]) -> str:
    """Where the messages of a failing run go if no --log-file says it."""
    state = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "gmsa-krm", "post-render.log")


def write_log(place: str | None, messages: Iterable[object]) -> None:
    """Writes one message a line; a log that cannot be written is said on stderr and stops nothing."""
    if place is None:
        return
    text = "".join(f"{message}\n" for message in messages)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
        replace_files({place: (text.encode("utf-8", "backslashreplace"), 0o600)})
    except OSError as error:
        print(f"gmsa-krm: {place}: cannot be written ({error.strerror})", file=sys.stderr)


def forget_log(place: str) -> None:
    """Takes away the log of an earlier failure, which would be taken for this run's."""
    with contextlib.suppress(OSError):
        os.unlink(place)
