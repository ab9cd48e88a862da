"""The kind of an application's folder, and what is in its files."""

from __future__ import annotations

import os

from gmsa_krm.findings import ExternalError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.hosts.argocd.limits import Budget
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

KUSTOMIZE = "kustomize"
HELM = "helm"
MANIFESTS = "manifests"

# The fields of plugins that gmsa-krm can be; kustomize refuses a validator that changes anything.
PLUGIN_FIELDS = ("generators", "transformers")
FOLDER_FIELDS = ("resources", "bases", "components")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
CHART = "Chart.yaml"
_ENDINGS = (".yaml", ".yml", ".json")
# Argo CD's mark for files that are not manifests.
_SKIPPED = b"+argocd:skip-file-rendering"
# A YAML file that Argo CD cannot read as an object is a mistake where it has all of these, and else not a manifest.
_SIGNS = ("apiVersion:", "kind:", "metadata:")
_WORD = b"GMSAConfig"
_GROUP = b"gmsa-krm.dev/"
_MAX_FILE = 16 * 1024 * 1024  # a GMSAConfig's own limit
# A kustomization or Chart.yaml becomes a hundred times as large once it is parsed.
MAX_FIELDS = 2 * 1024 * 1024


def kind_of(folder: str) -> str:
    if kustomization(folder):
        return KUSTOMIZE
    return HELM if os.path.isfile(os.path.join(folder, CHART)) else MANIFESTS


def manifest_files(folder: str) -> list[str]:
    """The manifests in the folder itself, as Argo CD reads them; it reads no subfolders."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ExternalError(f"{folder}: cannot be read ({error.strerror})") from None
    return [name for name in names if name.endswith(_ENDINGS) and not os.path.isdir(os.path.join(folder, name))]


def is_skipped(data: bytes) -> bool:
    """Whether a file has Argo CD's mark."""
    return _SKIPPED in (data.replace(b"\0", b"") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data)


def is_no_manifest(data: bytes, name: str) -> bool:
    """Whether Argo CD skips a file of a folder of manifests: one with its mark, or YAML of another purpose.

    That is YAML whose first document is no object, or cannot be read; with a GMSAConfig it is a mistake.
    """
    if is_skipped(data):
        return True
    if name.endswith(".json") or names_config(data):
        return False
    from gmsa_krm.yamltext.stream import decode, split

    try:
        text = decode(data, "")
        if all(sign in text for sign in _SIGNS):
            return False
        documents = split(text)
    except InputError:
        return False  # reported where it is read
    try:
        first = next((root for it in documents if (root := it.node) is not None and not root.is_null), None)
    except InputError:
        return True
    return first is not None and not first.string("kind")


def kustomization(folder: str) -> str:
    """The path of the folder's kustomization, or an empty string."""
    return next((it for name in KUSTOMIZATIONS if os.path.isfile(it := os.path.join(folder, name))), "")


def kustomizations(folder: str) -> list[str]:
    """The names of all that may be the folder's kustomization; kustomize takes the one that it can read."""
    paths = {name: os.path.join(folder, name) for name in KUSTOMIZATIONS}
    return [name for name, path in paths.items() if os.path.lexists(path) and not os.path.isdir(path)]


def fields_of(data: bytes) -> Node | None:
    """The mapping in a kustomization or Chart.yaml; None if it is invalid, which kustomize or helm reports."""
    from gmsa_krm.yamltext.nodes import MAPPING
    from gmsa_krm.yamltext.stream import decode, split

    try:
        roots = [root for document in split(decode(data, "")) if (root := document.node) is not None]
    except InputError:
        return None
    return roots[0] if len(roots) == 1 and roots[0].kind == MAPPING else None


def entries_of(fields: Node, *names: str) -> Iterator[tuple[str, str]]:
    """(field, entry) of lists of strings; kustomize accepts the names of fields in any case, also of Unicode.

    Those are refused where the kustomization is rendered: discovery must find the GMSAConfig, so that this is reported.
    """
    from gmsa_krm.yamltext.nodes import SCALAR, SEQUENCE

    for key, listed in fields.pairs:
        name = key.text.casefold()
        if name in names and listed.kind == SEQUENCE:
            yield from ((name, it.text) for it in listed.items if it.kind == SCALAR and "\0" not in it.text)


def configs_in(data: bytes, file: str = "") -> list[Document]:
    """The GMSAConfigs among the documents of a stream. Raises InputError if it is not YAML."""
    if not names_config(data):
        return []
    from gmsa_krm.config.load import is_config
    from gmsa_krm.yamltext.stream import decode, split

    return [it for it in split(decode(data, file), file) if it.mentions("GMSAConfig") and is_config(it.node)]


def refuse_large(path: str) -> None:
    """Raises InputError for a file of which `read` gives nothing, so that no check would see it."""
    if os.path.isfile(path) and os.path.getsize(path) > _MAX_FILE:
        from gmsa_krm.hosts.argocd.limits import MIB, over_limit

        raise over_limit(f"has a {os.path.basename(path)} of more than {_MAX_FILE // MIB} MiB")


def read(path: str, budget: Budget | None = None) -> bytes:
    """The contents of a file; empty if it is not a file, cannot be read, or is too large for a config.

    Raises InputError where the budget is used up.
    """
    try:
        if not os.path.isfile(path):
            return b""
        size = os.path.getsize(path)
        if budget is not None:
            budget.take(size)
        if size > _MAX_FILE:
            return b""
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def dependencies(fields: Node | None) -> list[str]:
    """The URLs of the dependencies in a Chart.yaml, those with file:// included."""
    listed = fields.get("dependencies") if fields is not None else None
    urls = [entry.string("repository") for entry in (listed.items if listed is not None and listed.kind else ())]
    return [url for url in urls if url and "\0" not in url]


def names_config(data: bytes) -> bool:
    return _WORD in data and _GROUP in data
