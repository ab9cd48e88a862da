"""A kustomization built without plugins: its GMSAConfigs are taken out of a copy, and run here.

kustomize's plugins cannot be allowed in a program that serves many repositories and holds a seed. With --enable-exec
a repository runs what it likes; with --enable-alpha-plugins alone it does so too, since the group and kind of a config
become a path without a check, and helm's plugins come with the flag. So kustomize runs without either: a generator is
made a resource before it starts, and at a transformer the build is split. What is overlooked here fails there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile

from gmsa_krm.findings import OutsideError, Place, input_error
from gmsa_krm.hosts.argocd.folder import (
    PLUGIN_FIELDS,
    configs_in,
    entries_of,
    fields_of,
    inside,
    is_inline,
    kustomization,
    read,
)
from gmsa_krm.yaml.read import SCALAR
from gmsa_krm.yaml.stream import decode, split
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # (config, resources or nothing, the folder that its paths are relative to, its file) -> resources
    Plugin = Callable[[bytes, bytes, str, str], bytes]
    # (arguments, folder) -> stdout of kustomize
    Kustomize = Callable[[list[str], str], bytes]

_CONFIG_FOLDERS = ("resources", "bases", "components")
# Fields that make objects; kustomize builds nothing of a kustomization without one.
_MAKING = ("bases", "components", "configmapgenerator", "secretgenerator", "helmcharts")
_UNFINISHED = (
    *("nameprefix", "namesuffix", "configmapgenerator", "secretgenerator", "vars", "replacements"),
    *("configurations", "crds", "openapi"),
)


class Kustomization:
    """Builds the kustomization in `folder` of the repository `root`. Raises InputError and OutsideError."""

    def __init__(self, folder: str, root: str, kustomize: Kustomize, plugin: Plugin) -> None:
        self._folder = folder
        self._root = root
        self._kustomize = kustomize
        self._plugin = plugin
        self._seen: set[str] = set()
        self._top = ""
        self._made = 0
        self._copy = ""

    def build(self) -> bytes:
        with tempfile.TemporaryDirectory(prefix="gmsa-krm-") as work:
            self._copy = os.path.join(os.path.realpath(work), "repository")
            refuse_links(self._root)
            copy_repository(self._root, self._copy)
            folder = os.path.normpath(os.path.join(self._copy, os.path.relpath(self._folder, self._root)))
            self._top = os.path.realpath(folder)
            self._prepare(folder)
            return self._built(folder)

    def _built(self, folder: str) -> bytes:
        return self._kustomize(["kustomize", "build", "."], folder)

    def _prepare(self, folder: str) -> None:
        """Rewrites the kustomization in a folder of the copy, and those that it refers to, so that it needs no plugin."""
        folder = os.path.realpath(folder)
        if folder in self._seen or not inside(self._copy, folder):
            return
        self._seen.add(folder)
        file = kustomization(folder)
        node = fields_of(read(file)) if file and not os.path.islink(file) else None
        if node is None:
            return  # kustomize will say it
        for _, entry in entries_of(node, *_CONFIG_FOLDERS, *PLUGIN_FIELDS):
            path = os.path.join(folder, entry)
            if not is_inline(entry) and os.path.isdir(path):
                self._prepare(path)
        fields = {key.text: data_of(value) for key, value in node.pairs if key.kind == SCALAR}
        if any(self._configs(entry, folder, file)[0] for _, entry in entries_of(node, "validators")):
            message = (
                "has a GMSAConfig among validators, which kustomize lets change nothing; put it under transformers"
            )
            raise input_error("validator", message, self._place(file))
        lists = [value for key, value in fields.items() if key.lower() in ("resources", *PLUGIN_FIELDS)]
        if len({key.lower() for key in fields}) != len(fields) or any(
            value is not None and not isinstance(value, list) for value in lists
        ):
            return  # kustomize will say it
        self._rewrite(folder, file, fields)

    def _rewrite(self, folder: str, file: str, fields: dict[str, Any]) -> None:
        names = {key.lower(): key for key in fields}
        generators = list(fields.get(names.get("generators", "")) or ())
        transformers = list(fields.get(names.get("transformers", "")) or ())
        resources = list(fields.get(names.get("resources", "")) or ())
        changed = False
        kept = []
        for entry in generators:
            configs, rest = self._configs(entry, folder, file)
            if not configs:
                kept.append(entry)
                continue
            changed = True
            for text, source in configs:
                resources.append(self._file(folder, self._plugin(text, b"", self._original(folder), source)))
            if rest:
                kept.append(self._file(folder, rest))
        for name in ("generators", "resources", "transformers"):
            fields.pop(names.get(name, ""), None)
        fields |= {"generators": kept, "resources": resources}
        before: list[Any] = []
        # kustomize runs those that stand in the kustomization itself first
        for entry in sorted(transformers, key=lambda it: not (isinstance(it, str) and is_inline(it))):
            configs, rest = self._configs(entry, folder, file)
            if not configs:
                before.append(entry)
                continue
            changed = True
            if rest:
                message = f"{entry[:80]!a} holds other transformers beside a GMSAConfig; give each a file of its own, so that their order is clear"
                raise input_error("transformers", message, self._place(file))
            if folder != self._top:
                self._refuse_unfinished(folder, set())
            if str(fields.get(names.get("kind", ""), "")) == "Component":
                message = (
                    "is a component with a GMSAConfig among its transformers; put that into the kustomization itself"
                )
                raise input_error("component", message, self._place(file))
            for text, source in configs:
                metadata = {key: fields.pop(key) for key in list(fields) if key.lower() == "buildmetadata"}
                if resources or fields.get("generators") or any(key.lower() in _MAKING for key in fields):
                    self._write(file, {**fields, "transformers": before})
                    resources_before = self._built(folder)
                else:
                    resources_before = b""
                after = self._plugin(text, resources_before, self._original(folder), source)
                # all else of the kustomization has been done now
                fields, before = {"resources": [self._file(folder, after)], **metadata}, []
                resources = fields["resources"]
        if changed:
            self._write(file, {**fields, "transformers": before})

    def _refuse_unfinished(self, folder: str, seen: set[str]) -> None:
        """Raises InputError where an overlay could still change what is finished by the build before a transformer.

        Hash suffixes, references and the names that patches of overlays look for are settled by then.
        """
        file = kustomization(folder)
        node = fields_of(read(file)) if file and folder not in seen else None
        seen.add(folder)
        if node is None:
            return
        for key, _ in node.pairs:
            if key.text.lower() in _UNFINISHED:
                message = (
                    f"has {key.text}, and a GMSAConfig among the transformers of a base: an overlay could no longer change what"
                    " comes of both; put the GMSAConfig under transformers of the application's own kustomization"
                )
                raise input_error("transformer-in-base", message, self._place(file))
        for _, entry in entries_of(node, *_CONFIG_FOLDERS):
            path = os.path.join(folder, entry)
            if not is_inline(entry) and os.path.isdir(path) and inside(self._copy, path):
                self._refuse_unfinished(os.path.realpath(path), seen)

    def _configs(self, entry: Any, folder: str, file: str) -> tuple[list[tuple[bytes, str]], bytes]:
        """The GMSAConfigs that an entry of generators or transformers is, each with its file, and what else it is."""
        if not isinstance(entry, str):
            return [], b""
        path = os.path.join(folder, entry)
        if is_inline(entry):
            source, data = "", entry.encode("utf-8", "surrogateescape")  # no lines that a user would know
        elif not inside(self._copy, path):
            return [], b""
        elif os.path.isdir(path):
            if not kustomization(path):
                return [], b""
            source, data = "", self._built(path)
        else:
            source, data = self._shown(path), read(path)
        configs = configs_in(data, source)
        if not configs:
            return [], b""
        texts = {config.text for config in configs}
        rest = [it.text for it in split(decode(data, source), source) if it.node is not None and it.text not in texts]
        return [(_padded(config), source) for config in configs], "---\n".join(rest).encode("utf-8", "surrogateescape")

    def _original(self, folder: str) -> str:
        """The folder of the repository itself, which a config's files are read from."""
        return os.path.normpath(os.path.join(self._root, os.path.relpath(folder, self._copy)))

    def _shown(self, path: str) -> str:
        """A path as the application's author knows it."""
        return os.path.relpath(self._original(path), self._folder)

    def _place(self, file: str) -> Place:
        return Place(self._shown(file))

    def _file(self, folder: str, data: bytes) -> str:
        """Writes resources, or what else, beside the kustomization; the name that it refers to them by."""
        self._made += 1
        name = f"gmsa-krm-{self._made}.yaml"
        while os.path.lexists(os.path.join(folder, name)):
            self._made += 1
            name = f"gmsa-krm-{self._made}.yaml"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data or b"apiVersion: v1\nkind: List\nmetadata: {}\nitems: []\n")
        return name

    def _write(self, file: str, fields: dict[str, Any]) -> None:
        os.unlink(file)  # a hard link: the file of the repository must stay as it is
        head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        with open(file, "w", encoding="utf-8", errors="surrogateescape") as opened:
            json.dump({**head, **{key: value for key, value in fields.items() if value != []}}, opened)


def refuse_links(root: str) -> None:
    """Raises InputError for a symbolic link that leads out of the repository: what is there is not the author's to read.

    Argo CD refuses these by default, too.
    """
    real = os.path.realpath(root)
    for parent, folders, files in os.walk(root):
        if ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) and not inside(real, path):
                message = "is a symbolic link out of the repository; put the file itself there"
                raise input_error("link", message, Place(os.path.relpath(path, root)))


def copy_repository(root: str, target: str, writable: bool = False) -> None:
    """A copy. Unless it is `writable`, files are hard links where that is possible: to be replaced, not changed."""

    def link(source: str, place: str) -> None:
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, place, follow_symlinks=False)

    try:
        shutil.copytree(
            root,
            target,
            symlinks=True,
            ignore=shutil.ignore_patterns(".git"),
            copy_function=shutil.copy2 if writable else link,
        )
    except (OSError, shutil.Error) as error:
        raise OutsideError(f"the repository cannot be copied to {target}: {error}") from None


def _padded(config: Any) -> bytes:
    """The text of a config with as many lines before it as its file has, so that places in messages are right."""
    text = str(config.text).removeprefix("---\n")
    lines = int(config.line) + (1 if text != config.text else 0)
    return ("\n" * lines + text).encode("utf-8", "surrogateescape")
