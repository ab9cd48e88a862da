"""Kustomizations: who refers to whom, and in which order kustomize builds it.

In a kustomization kustomize takes the resources, runs the generators and then the components, applies its own
transformers (prefix, suffix, namespace, ...) to all of it, and runs the transformers that are listed at last (kustomize
5.8, tests/hosts/test_lint_kustomize.py). So a name that a generator makes is changed by its own kustomization and by
every one above it; a name that a transformer makes by those above it only.
"""

from __future__ import annotations

import os

from gmsa_krm.config.load import is_config
from gmsa_krm.environment import open_regular
from gmsa_krm.findings import InputError, Location
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE
from gmsa_krm.yamltext.stream import Document, decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import TypeVar

    from gmsa_krm.yamltext.nodes import Node

    _Key = TypeVar("_Key", int, str)
    # What was applied to an object: the last rename, and what was applied before it.
    Applied = tuple["Applied", "Rename"] | None

_RESOURCES = ("resources", "bases")
_PLUGINS = ("generators", "transformers")
_RENAMING = ("namespace", "nameprefix", "namesuffix")
# kustomize's transformers as objects: the field that each stands for, and where the value is.
_TRANSFORMERS = {
    "NamespaceTransformer": ("namespace", ("metadata", "namespace")),
    "PrefixTransformer": ("nameprefix", ("prefix",)),
    "SuffixTransformer": ("namesuffix", ("suffix",)),
}
_MAX_FILE = 32 * 1024 * 1024
# Configs that one kustomization is known to build; of more only the first are followed.
_MAX_USES = 10_000
_MAX_STEPS = 1_000_000


class Entry:
    """An entry of a list of a kustomization. `path`: the real path that it names; "" if it is the config itself."""

    __slots__ = ("field", "node", "path")

    def __init__(self, field: str, node: Node, path: str) -> None:
        self.field = field
        self.node = node
        self.path = path


class Kustomization:
    """A kustomization. `file` is its path in messages, `folder` its real folder; `entries` are what it refers to.

    `patches`: the real paths of the files that its patches are in; `written_patches`: those that are written into it;
    `configurations`: of those that tell kustomize about
    fields, and `schemas` about kinds, "" for what is not a file; `renames`: its fields that change names, each with
    its value, which is not empty.
    """

    def __init__(self, file: str, folder: str, root: Node | None) -> None:
        self.file = file
        self.folder = folder
        self.entries: list[Entry] = []
        self.patches: list[str] = []
        self.written_patches: list[Document] = []
        self.configurations: list[str] = []
        self.schemas: list[str] = []
        self.renames: list[tuple[str, Node]] = []
        for key, value in root.pairs if root is not None and root.kind == MAPPING else ():
            # Go's JSON takes names of fields in any case.
            self._read(key.text.lower(), key.text, value)

    def entries_of(self, *fields: str) -> Iterator[Entry]:
        return (it for it in self.entries if it.field in fields)

    def location(self, node: Node) -> Location:
        return Location(self.file, node.line + 1, node.column + 1)

    def _read(self, field: str, name: str, value: Node) -> None:
        if field in _RENAMING and value.kind == SCALAR and value.text and not value.is_null:
            self.renames.append((name, value))
        schema = value.get("path") if field == "openapi" and value.kind == MAPPING else None
        if schema is not None and schema.kind == SCALAR:
            self.schemas.append(self._path(schema))
        if value.kind != SEQUENCE:
            return
        if field in (*_RESOURCES, *_PLUGINS, "components", "validators"):
            self.entries += [Entry(field, it, self._path(it)) for it in value.items if it.kind == SCALAR]
        elif field in ("patches", "patchesjson6902", "patchesstrategicmerge"):
            nodes = [it.get("path") or it if it.kind == MAPPING else it for it in value.items]
            self.patches += [path for it in nodes if it.kind == SCALAR and (path := self._path(it))]
            self.written_patches += [it for node in value.items for it in self._written(node)]
        elif field == "configurations":
            self.configurations += [self._path(it) for it in value.items if it.kind == SCALAR]

    def _written(self, patch: Node) -> list[Document]:
        text = patch.get("patch") if patch.kind == MAPPING else patch
        if text is None or text.kind != SCALAR or "gmsaCredentialSpec" not in text.text:
            return []
        try:
            documents = split(text.text, self.file)
        except InputError:
            return []  # kustomize reports it
        for it in documents:
            it.line += text.line
        return documents

    def path_of_written(self, number: int) -> str:
        """What stands for the path of a patch that is written into it."""
        return f"{self.folder}\0{number}"

    def _path(self, node: Node) -> str:
        if not node.text or "\n" in node.text or "\0" in node.text or "://" in node.text or len(node.text) > 4096:
            return ""
        try:
            return os.path.realpath(os.path.join(self.folder, node.text))
        except (OSError, UnicodeError, ValueError):
            return ""


def read_kustomization(data: bytes, file: str, folder: str) -> Kustomization:
    """Raises InputError if it is not YAML, which kustomize refuses, too."""
    roots = [root for document in split(decode(data, file), file) if (root := document.node) is not None]
    return Kustomization(file, folder, roots[0] if len(roots) == 1 else None)


def inline_config(entry: Entry) -> Document | None:
    """The GMSAConfig that is written into the list of a kustomization in place of a path."""
    if "GMSAConfig" not in entry.node.text or "\n" not in entry.node.text:
        return None
    try:
        return next((it for it in split(entry.node.text) if is_config(it.head)), None)
    except InputError:
        return None  # kustomize takes it for a path


def named_files(kustomizations: Iterable[Kustomization]) -> set[str]:
    """The files and folders that kustomizations name for what is in them."""
    return {entry.path for it in kustomizations for entry in it.entries if entry.path}


def patch_files(kustomizations: Collection[Kustomization]) -> set[str]:
    """The files that kustomizations name as a patch and none as anything else."""
    return {path for it in kustomizations for path in it.patches} - named_files(kustomizations)


class Rename:
    """What changes the names of all that is in a build before: a field of a kustomization, or a transformer in `file`.

    `line`: that before the text of `node`; `kind`: namespace, nameprefix or namesuffix; `moves_subjects`: whether it
    changes all subjects of RoleBindings, too.
    """

    __slots__ = ("field", "file", "kind", "line", "moves_subjects", "node")

    def __init__(
        self, file: str, line: int, kind: str, field: str, node: Node, *, moves_subjects: bool = False
    ) -> None:
        self.file = file
        self.line = line
        self.kind = kind
        self.field = field
        self.node = node
        self.moves_subjects = moves_subjects


def contents_of(path: str) -> bytes:
    """The contents of a file, empty if it cannot be read, which kustomize reports."""
    try:
        with open_regular(path) as file:
            return file.read(_MAX_FILE)
    except OSError:
        return b""


def renames_in(entry: Entry, kustomization: Kustomization) -> list[Rename]:
    """The transformers of kustomize in a file of `transformers`, or written into it, that rename credential specs."""
    is_written = "\n" in entry.node.text
    text = entry.node.text.encode("utf-8", "replace") if is_written else contents_of(entry.path) if entry.path else b""
    if not any(it.encode() in text for it in _TRANSFORMERS):
        return []
    shown = os.path.normpath(os.path.join(os.path.dirname(kustomization.file), entry.node.text))
    file = kustomization.file if is_written else shown
    try:
        roots = [it.node for it in split(decode(text, file), file)]
    except InputError:
        return []  # kustomize reports it
    line = entry.node.line if is_written else 0
    found = [_rename_of(root, file, line) for root in roots if root is not None and root.kind == MAPPING]
    return [it for it in found if it is not None]


def _rename_of(root: Node, file: str, line: int) -> Rename | None:
    kind, path = _TRANSFORMERS.get(root.string("kind"), ("", ()))
    value: Node | None = root if path else None
    for key in path:
        value = value.get(key) if value is not None and value.kind == MAPPING else None
    if value is None or value.kind != SCALAR or not value.text:
        return None
    if kind == "namespace":
        if root.string("unsetOnly") == "true":
            return None
    elif not _renames_credspecs(root.get("fieldSpecs")):
        return None
    moves = root.string("setRoleBindingSubjects") == "allServiceAccounts"
    return Rename(file, line, kind, ".".join(path), value, moves_subjects=moves)


def _renames_credspecs(fields: Node | None) -> bool:
    """Whether names of credential specs are changed, and not by the same transformer where pods name them."""
    nodes = [it for it in fields.items if it.kind == MAPPING] if fields is not None and fields.kind == SEQUENCE else []
    names = [it.string("kind") for it in nodes if it.string("path") == "metadata/name"]
    is_thought_of = any(it.string("path").endswith("gmsaCredentialSpecName") for it in nodes)
    return any(it in ("", "GMSACredentialSpec") for it in names) and not is_thought_of


def in_order(applied: Applied) -> list[Rename]:
    """The renames, the first one first."""
    renames = []
    while applied is not None:
        applied, rename = applied
        renames.append(rename)
    return renames[::-1]


class Graph:
    """The kustomizations of a repository.

    `configs_of`: the numbers of the GMSAConfigs in a file, by its real path; `inline`: of those in an entry, by the
    entry's id. `followed`: the real paths of the files of which to know what is applied to them.
    """

    def __init__(
        self,
        kustomizations: Iterable[Kustomization],
        configs_of: dict[str, list[int]],
        inline: dict[int, int],
        followed: Collection[str],
    ) -> None:
        self.by_folder = {it.folder: it for it in kustomizations}
        self._configs_of = configs_of
        self._inline = inline
        self._followed = followed
        self._of_plugins: dict[str, list[int]] = {}  # by the folder of a kustomization of plugins
        self._steps = 0
        # By the folder of a kustomization: the numbers of the configs that run in its build, the files in it that are
        # followed, and what is applied to each.
        self.uses: dict[str, dict[int, Applied]] = {}
        self.files: dict[str, dict[str, Applied]] = {}
        # What a kustomization applies to everything before it, if it is a component.
        self._through: dict[str, list[Rename]] = {}
        self.plugin_folders = self._plugin_folders()
        for folder in self._bottom_up():
            self._accumulate(self.by_folder[folder])

    def configs(self, entry: Entry) -> list[int]:
        """The GMSAConfigs in an entry of generators, transformers or validators."""
        if not entry.path:
            return [self._inline[id(entry)]] if id(entry) in self._inline else []
        if entry.path in self.by_folder:
            if entry.path not in self._of_plugins:
                files = sorted(self._files_below([entry.path]))
                self._of_plugins[entry.path] = [it for path in files for it in self._configs_of.get(path, ())]
            return self._of_plugins[entry.path]
        return self._configs_of.get(entry.path, [])

    def named_files(self) -> set[str]:
        """The files and folders that a kustomization names for what is in them."""
        return named_files(self.by_folder.values())

    def documents_of(self, folder: str) -> set[str]:
        """The files whose documents are in the build of a kustomization."""
        return self._files_below([folder])

    def tops(self) -> list[str]:
        """The folders of the kustomizations that no other refers to."""
        referred = {it.path for found in self.by_folder.values() for it in found.entries}
        return [it for it in self.by_folder if it not in referred]

    def builds_resources(self) -> set[str]:
        """The folders of the kustomizations whose output goes to a cluster, not only to a list of plugins."""
        seen = set(self.folders_below(self.tops()))
        rest = [it for it in self.by_folder if it not in seen and it not in self.plugin_folders]
        return seen | set(self.folders_below(rest))

    def folders_below(self, folders: Iterable[str]) -> Iterator[str]:
        """The folders of kustomizations, and of all that these take resources and components from."""
        pending = list(folders)
        seen = set(pending)
        while pending:
            folder = pending.pop()
            yield folder
            for entry in self.by_folder[folder].entries_of(*_RESOURCES, "components"):
                if entry.path in self.by_folder and entry.path not in seen:
                    seen.add(entry.path)
                    pending.append(entry.path)

    def _files_below(self, folders: Iterable[str]) -> set[str]:
        return {
            entry.path
            for folder in self.folders_below(folders)
            for entry in self.by_folder[folder].entries_of(*_RESOURCES)
            if entry.path not in self.by_folder
        }

    def _plugin_folders(self) -> set[str]:
        """The kustomizations whose output is a list of plugins."""
        entries = [it for found in self.by_folder.values() for it in found.entries_of(*_PLUGINS, "validators")]
        return set(self.folders_below({it.path: None for it in entries if it.path in self.by_folder}))

    def _bottom_up(self) -> list[str]:
        """The folders, each after those that it takes resources from; kustomize refuses circles."""
        order: list[str] = []
        state: dict[str, bool] = {}  # whether all below is in order
        for top in self.by_folder:
            pending = [top]
            while pending:
                folder = pending[-1]
                if folder in state:
                    pending.pop()
                    if not state[folder]:
                        state[folder] = True
                        order.append(folder)
                    continue
                state[folder] = False
                below = self.by_folder[folder].entries_of(*_RESOURCES, "components")
                pending += [it.path for it in below if it.path in self.by_folder and it.path not in state]
        return order

    def _accumulate(self, kustomization: Kustomization) -> None:
        uses: dict[int, Applied] = {}
        files: dict[str, Applied] = {}
        through: list[Rename] = []
        for entry in kustomization.entries_of(*_RESOURCES):
            self._add(uses, self.uses.get(entry.path, {}))
            self._add(files, self.files.get(entry.path, {}))
            if entry.path in self._followed:
                self._add(files, {entry.path: None})
        for entry in kustomization.entries_of("generators"):
            self._add(uses, dict.fromkeys(self.configs(entry)))
        for entry in kustomization.entries_of("components"):
            self._rename(uses, self._through.get(entry.path, ()))
            self._rename(files, self._through.get(entry.path, ()))
            through += self._through.get(entry.path, ())
            self._add(uses, self.uses.get(entry.path, {}))
            self._add(files, self.files.get(entry.path, {}))
        written = [kustomization.path_of_written(it) for it in range(len(kustomization.written_patches))]
        self._add(files, {it: None for it in (*kustomization.patches, *written) if it in self._followed})
        own = [Rename(kustomization.file, 0, field.lower(), field, node) for field, node in kustomization.renames]
        self._rename(uses, own)
        self._rename(files, own)
        for entry in kustomization.entries_of("transformers"):
            configs = self.configs(entry)
            if not configs and entry.path not in self.by_folder:
                listed = renames_in(entry, kustomization)
                self._rename(uses, listed)
                self._rename(files, listed)
            self._add(uses, dict.fromkeys(configs))
        self.uses[kustomization.folder] = uses
        self.files[kustomization.folder] = files
        self._through[kustomization.folder] = [*through, *own][:100]

    def _add(self, items: dict[_Key, Applied], more: dict[_Key, Applied]) -> None:
        for key, applied in more.items():
            self._steps += 1
            if len(items) < _MAX_USES and self._steps < _MAX_STEPS:
                items.setdefault(key, applied)

    def _rename(self, items: dict[_Key, Applied], renames: Iterable[Rename]) -> None:
        for it in renames if items else ():
            self._steps += len(items)
            if self._steps < _MAX_STEPS:
                pairs: dict[int, Applied] = {id(applied): (applied, it) for applied in items.values()}
                items.update({key: pairs[id(applied)] for key, applied in items.items()})
