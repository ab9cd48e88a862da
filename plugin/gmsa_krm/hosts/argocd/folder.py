"""What an application's folder is, and the GMSAConfigs that take part in it.

Discovery runs for every application of an instance: a file is parsed only if the word GMSAConfig is in it.
"""

from __future__ import annotations

import os

from gmsa_krm.findings import OutsideError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.yaml.read import Node

KUSTOMIZE = "kustomize"
HELM = "helm"
MANIFESTS = "manifests"

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"
_ENDINGS = (".yaml", ".yml", ".json")
_WORD = b"GMSAConfig"
_GROUP = b"gmsa-krm.dev/"
# Annotations that make a config a function, which kustomize skips in silence unless it runs every program.
FUNCTION_ANNOTATIONS = (b"config.kubernetes.io/function", b"config.k8s.io/function")
# A GMSAConfig has at most 16 MiB; a chart in an archive is smaller.
_MAX_FILE = 16 * 1024 * 1024


class Found:
    """The GMSAConfigs that take part in a folder.

    `functions`: the files of those with a function annotation; `inline_function`: a kustomization that holds such
    a config in itself; `unseen`: a reference to what is not in the repository.
    """

    def __init__(self) -> None:
        self.any = False
        self.functions: set[str] = set()
        self.inline_function = ""
        self.unseen = ""


def kind_of(folder: str) -> str:
    if _kustomization(folder):
        return KUSTOMIZE
    return HELM if os.path.isfile(os.path.join(folder, _CHART)) else MANIFESTS


def configs_of(folder: str, root: str) -> Found:
    """The GMSAConfigs of an application in `folder`; nothing outside of `root`, the repository, is looked at."""
    found = Found()
    kind = kind_of(folder)
    if kind == KUSTOMIZE:
        _of_kustomization(os.path.realpath(folder), False, os.path.realpath(root), found, set())
    elif kind == HELM:
        found.any = bool(config_files(folder)) or _of_chart(folder, os.path.realpath(root), set())
    else:
        found.any = bool(config_files(folder))
    return found


def repository(folder: str, source_path: str) -> str:
    """The top of the repository: `folder` without what it has at its end in common with `source_path`.

    Argo CD sends the whole repository, or what an application's manifest-generate-paths have in common.
    """
    head = folder
    for part in reversed([part for part in source_path.split("/") if part not in ("", ".")]):
        before, last = os.path.split(head)
        if last != part or before == head:
            break
        head = before
    return head


def manifest_files(folder: str) -> list[str]:
    """The manifests that stand directly in the folder, as Argo CD takes them; files that those name stand deeper."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise OutsideError(f"{folder}: cannot be read ({error.strerror})") from None
    return [
        name
        for name in names
        if name.endswith(_ENDINGS) and not name.startswith(".") and os.path.isfile(os.path.join(folder, name))
    ]


def config_files(folder: str) -> list[str]:
    """Those of them that hold a GMSAConfig."""
    return [name for name in manifest_files(folder) if _configs_in(_read(os.path.join(folder, name)))]


def _kustomization(folder: str) -> str:
    return next((it for name in _KUSTOMIZATIONS if os.path.isfile(it := os.path.join(folder, name))), "")


def _of_kustomization(folder: str, plugins: bool, root: str, found: Found, seen: set[tuple[str, bool]]) -> None:
    """`plugins`: whether what the kustomization yields is taken for configs of generators or transformers."""
    file = _kustomization(folder)
    if not file or (folder, plugins) in seen:
        return
    seen.add((folder, plugins))
    parsed = _parsed(_read(file))
    for field in ("generators", "transformers", "validators", "resources", "bases", "components") if parsed else ():
        listed = parsed.get(field) if parsed is not None else None
        for entry in listed.items if listed is not None and listed.kind else ():
            of_plugins = plugins or field in ("generators", "transformers", "validators")
            if "\n" in entry.text:
                if of_plugins and _configs_in(entry.text.encode("utf-8", "replace")):
                    found.any = True
                    if any(word.decode() in entry.text for word in FUNCTION_ANNOTATIONS):
                        found.inline_function = os.path.relpath(file, root)
                continue
            path = os.path.realpath(os.path.join(folder, entry.text))
            if not os.path.exists(path):
                found.unseen = found.unseen or entry.text
            elif os.path.commonpath((root, path)) != root:
                continue  # kustomize refuses it too
            elif os.path.isdir(path):
                _of_kustomization(path, of_plugins, root, found, seen)
            elif of_plugins:
                data = _read(path)
                if _configs_in(data):
                    found.any = True
                    if any(word in data for word in FUNCTION_ANNOTATIONS):
                        found.functions.add(path)


def _of_chart(folder: str, root: str, seen: set[str]) -> bool:
    """Whether a template of the chart, or of a chart that it brings along, makes a GMSAConfig."""
    real = os.path.realpath(folder)
    if real in seen or os.path.commonpath((root, real)) != root:
        return False
    seen.add(real)
    for parent, _, names in os.walk(os.path.join(folder, "templates")):
        if any(_names_config(_read(os.path.join(parent, name))) for name in names):
            return True
    charts = os.path.join(folder, "charts")
    for name in sorted(os.listdir(charts)) if os.path.isdir(charts) else ():
        path = os.path.join(charts, name)
        if _of_chart(path, root, seen) if os.path.isdir(path) else name.endswith(".tgz") and _of_archive(path):
            return True
    parsed = _parsed(_read(os.path.join(folder, _CHART)))
    dependencies = parsed.get("dependencies") if parsed is not None else None
    for entry in dependencies.items if dependencies is not None and dependencies.kind else ():
        place = entry.string("repository")
        if place.startswith("file://") and _of_chart(os.path.join(folder, place.removeprefix("file://")), root, seen):
            return True
    return False


def _of_archive(path: str) -> bool:
    import tarfile

    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and "/templates/" in member.name and member.size <= _MAX_FILE:
                    file = archive.extractfile(member)
                    if file is not None and _names_config(file.read(_MAX_FILE)):
                        return True
    except (tarfile.TarError, OSError, EOFError):
        return False  # helm will say what is wrong with it
    return False


def _names_config(data: bytes) -> bool:
    return _WORD in data and _GROUP in data


def _configs_in(data: bytes) -> bool:
    """Whether a stream of documents holds a GMSAConfig, and does not only speak of one."""
    if not _names_config(data):
        return False
    from gmsa_krm.config.load import is_config
    from gmsa_krm.findings import InputError
    from gmsa_krm.yaml.stream import decode, split

    try:
        return any(document.mentions("GMSAConfig") and is_config(document.node) for document in split(decode(data, "")))
    except InputError:
        return True  # a mistake in a config is to be said, and not to make the plugin disappear


def _parsed(data: bytes) -> Node | None:
    from gmsa_krm.yaml.read import YamlError, parse

    try:
        return parse(data.decode("utf-8-sig"))
    except (YamlError, UnicodeDecodeError):
        return None  # kustomize or helm will say what is wrong with it


def _read(path: str) -> bytes:
    """What is in a file, or nothing where it is none, cannot be read, or is too large for a config."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_FILE:
            return b""
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def stripped_copies(files: set[str]) -> Iterator[tuple[str, bytes]]:
    """The files with the function annotation under a name that means nothing, so that kustomize sees a plugin."""
    for path in sorted(files):
        data = _read(path)
        for word in FUNCTION_ANNOTATIONS:
            data = data.replace(word, b"gmsa-krm.dev/was-function")
        yield path, data
