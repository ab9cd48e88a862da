"""The kind of an application's folder, and whether it uses a GMSAConfig.

Discovery runs for every application of an Argo CD instance, so a file is parsed only if it has the word GMSAConfig.
"""

from __future__ import annotations

import os

from gmsa_krm.findings import ExternalError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

KUSTOMIZE = "kustomize"
HELM = "helm"
MANIFESTS = "manifests"

# The fields of plugins that gmsa-krm can be; kustomize refuses a validator that changes anything.
PLUGIN_FIELDS = ("generators", "transformers")
_FOLDER_FIELDS = ("resources", "bases", "components")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"
_ENDINGS = (".yaml", ".yml", ".json")
# Argo CD's mark for files that are not manifests.
SKIPPED = b"+argocd:skip-file-rendering"
_WORD = b"GMSAConfig"
_GROUP = b"gmsa-krm.dev/"
_MAX_FILE = 16 * 1024 * 1024  # a GMSAConfig's own limit
_MAX_ARCHIVE = 64 * 1024 * 1024


def kind_of(folder: str) -> str:
    if kustomization(folder):
        return KUSTOMIZE
    return HELM if os.path.isfile(os.path.join(folder, _CHART)) else MANIFESTS


def uses_gmsa_config(folder: str, root: str) -> bool:
    """Whether the application uses a GMSAConfig; nothing outside of `root`, the repository, is read."""
    kind = kind_of(folder)
    root = os.path.realpath(root)
    if kind == KUSTOMIZE:
        return _in_kustomization(os.path.realpath(folder), False, root, set())
    return bool(config_files(folder)) or (kind == HELM and _in_chart(folder, root, set()))


def repository(folder: str, source_path: str) -> str:
    """The root of the repository: `folder` without the end that it shares with `source_path`.

    Argo CD sends the whole repository, or the common folder of an application's manifest-generate-paths.
    """
    head = folder
    for part in reversed([part for part in source_path.split("/") if part not in ("", ".")]):
        before, last = os.path.split(head)
        if last != part or before == head:
            break
        head = before
    return head


def inside(root: str, path: str) -> bool:
    """Whether a path, its symbolic links followed, is in the repository; `root` is a real path."""
    try:
        return os.path.commonpath((root, os.path.realpath(path))) == root
    except (ValueError, UnicodeError):
        return False  # a NUL, or characters that the file system cannot encode


def manifest_files(folder: str) -> list[str]:
    """The manifests in the folder itself, as Argo CD reads them; it reads no subfolders."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ExternalError(f"{folder}: cannot be read ({error.strerror})") from None
    return [
        name
        for name in names
        if name.endswith(_ENDINGS) and name[0] != "." and not os.path.isdir(os.path.join(folder, name))
    ]


def config_files(folder: str) -> list[str]:
    """The manifests in the folder that have a GMSAConfig."""
    return [
        name
        for name in manifest_files(folder)
        if has_config(data := read(os.path.join(folder, name))) and SKIPPED not in data
    ]


def kustomization(folder: str) -> str:
    """The path of the folder's kustomization, or an empty string."""
    return next((it for name in _KUSTOMIZATIONS if os.path.isfile(it := os.path.join(folder, name))), "")


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
    """(field, entry) of lists of strings; kustomize accepts the names of fields in any case."""
    from gmsa_krm.yamltext.nodes import SCALAR, SEQUENCE

    for key, listed in fields.pairs:
        if key.text.lower() in names and listed.kind == SEQUENCE:
            yield from ((key.text.lower(), it.text) for it in listed.items if it.kind == SCALAR and "\0" not in it.text)


def is_inline(entry: str) -> bool:
    """Whether an entry of generators or transformers is the config itself and not a path."""
    return "\n" in entry or entry.lstrip().startswith("{")


def configs_in(data: bytes, file: str = "") -> list[Document]:
    """The GMSAConfigs among the documents of a stream. Raises InputError if it is not YAML."""
    if not _names_config(data):
        return []
    from gmsa_krm.config.load import is_config
    from gmsa_krm.yamltext.stream import decode, split

    return [it for it in split(decode(data, file), file) if it.mentions("GMSAConfig") and is_config(it.node)]


def has_config(data: bytes) -> bool:
    try:
        return bool(configs_in(data))
    except InputError:
        return True  # a mistake in a config must be reported, not hide the plugin


def read(path: str) -> bytes:
    """The contents of a file; empty if it is not a file, cannot be read, or is too large for a config."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_FILE:
            return b""
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _in_kustomization(folder: str, plugins: bool, root: str, seen: set[tuple[str, bool]]) -> bool:
    """`plugins`: whether the output of the kustomization configures generators or transformers."""
    file = kustomization(folder)
    if not file or (folder, plugins) in seen:
        return False
    seen.add((folder, plugins))
    fields = fields_of(read(file))
    for field, entry in entries_of(fields, *PLUGIN_FIELDS, *_FOLDER_FIELDS) if fields is not None else ():
        of_plugins = plugins or field in PLUGIN_FIELDS
        path = os.path.join(folder, entry)
        if is_inline(entry):
            found = of_plugins and has_config(entry.encode("utf-8", "replace"))
        elif not inside(root, path):
            continue  # kustomize refuses it too
        elif os.path.isdir(path):
            found = _in_kustomization(os.path.realpath(path), of_plugins, root, seen)
        else:
            found = of_plugins and has_config(read(path))
        if found:
            return True
    return False


def _in_chart(folder: str, root: str, seen: set[str]) -> bool:
    """Whether a template of the chart, or of a chart in it, has a GMSAConfig."""
    real = os.path.realpath(folder)
    if real in seen or not inside(root, real):
        return False
    seen.add(real)
    for parent, _, names in os.walk(os.path.join(folder, "templates")):
        if any(_names_config(read(os.path.join(parent, name))) for name in names):
            return True
    charts = os.path.join(folder, "charts")
    for name in sorted(os.listdir(charts)) if os.path.isdir(charts) else ():
        path = os.path.join(charts, name)
        if _in_chart(path, root, seen) if os.path.isdir(path) else name.endswith(".tgz") and _in_archive(path):
            return True
    for url in dependencies(folder):
        if url.startswith("file://") and _in_chart(os.path.join(folder, url.removeprefix("file://")), root, seen):
            return True
    return False


def dependencies(folder: str) -> list[str]:
    """The URLs of a chart's dependencies, those with file:// included."""
    fields = fields_of(read(os.path.join(folder, _CHART)))
    listed = fields.get("dependencies") if fields is not None else None
    urls = [entry.string("repository") for entry in (listed.items if listed is not None and listed.kind else ())]
    return [url for url in urls if url and "\0" not in url]


def _in_archive(path: str) -> bool:
    import tarfile

    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if archive.offset + member.size > _MAX_ARCHIVE:
                    return False  # too large for a chart, and for unpacking at each discovery
                if member.isfile() and "/templates/" in member.name:
                    file = archive.extractfile(member)
                    if file is not None and _names_config(file.read()):
                        return True
    except (tarfile.TarError, OSError, EOFError):
        return False  # helm reports it
    return False


def _names_config(data: bytes) -> bool:
    return _WORD in data and _GROUP in data
