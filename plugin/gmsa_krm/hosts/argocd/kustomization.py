"""Builds a kustomization without plugins: the GMSAConfigs are removed from an excerpt and run in this process.

kustomize's plugins must not run in a program that serves many repositories and holds a seed. With --enable-exec a
repository can run any program; with --enable-alpha-plugins alone it can too, since the group and kind of a config
become a path without a check, and the flag enables helm's plugins. So kustomize runs without either flag: the output of
a generator is added to the resources before it starts, and a transformer splits the build in two. A GMSAConfig that is
not found here makes kustomize fail.
"""

from __future__ import annotations

import os

from gmsa_krm.config.load import is_config
from gmsa_krm.findings import Location, invalid
from gmsa_krm.hosts.argocd.folder import (
    KUSTOMIZATIONS,
    MAX_FIELDS,
    PLUGIN_FIELDS,
    configs_in,
    entries_of,
    kustomization,
    kustomizations,
    read,
    refuse_large,
)
from gmsa_krm.hosts.argocd.limits import MIB, Budget, over_limit
from gmsa_krm.hosts.argocd.references import (
    check_inline,
    is_folder,
    is_inline,
    is_remote,
    one_mapping,
    outside_error,
    references_of,
)
from gmsa_krm.hosts.argocd.repository import located
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import SCALAR
from gmsa_krm.yamltext.stream import decode, split
from gmsa_krm.yamltext.writer import json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.hosts.argocd.excerpt import Excerpt
    from gmsa_krm.hosts.argocd.helm_charts import HelmCharts
    from gmsa_krm.hosts.argocd.references import Hosts
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    # (config, resources or nothing, the folder of its paths, its file) -> resources
    Plugin = Callable[[bytes, bytes, str, str], bytes]
    # (folder, whether it may use the network) -> stdout of kustomize build
    Kustomize = Callable[[str, bool], bytes]

_CONFIG_FOLDERS = ("resources", "bases", "components")
# Fields that create objects; kustomize refuses a kustomization without one.
_CREATING = ("bases", "components", "configmapgenerator", "secretgenerator", "helmcharts")
_MAX_DEPTH = 100
_UNFINISHED = (
    *("nameprefix", "namesuffix", "configmapgenerator", "secretgenerator", "vars", "replacements"),
    *("configurations", "crds", "openapi"),
)


class Kustomization:
    """Builds the kustomization in `folder` of a repository. Raises InputError and ExternalError."""

    def __init__(
        self,
        folder: str,
        excerpt: Excerpt,
        hosts: Hosts,
        charts: HelmCharts,
        kustomize: Kustomize,
        plugin: Plugin,
    ) -> None:
        """`excerpt`: of the repository; `hosts`: from which something may be fetched."""
        self._folder = folder
        self._excerpt = excerpt
        self._charts = charts
        self._hosts = hosts
        self._is_remote = False
        self._budget = Budget()
        self._kustomize = kustomize
        self._plugin = plugin
        self._seen: set[str] = set()
        self._top = ""
        self._written = 0

    def build(self) -> bytes:
        folder = self._excerpt.copied(self._folder)
        self._excerpt.add(folder)
        self._top = os.path.realpath(folder)
        self._prepare(folder)
        return self._run_kustomize(folder)

    def _run_kustomize(self, folder: str) -> bytes:
        return self._kustomize(folder, self._is_remote or self._charts.is_remote)

    def _prepare(self, folder: str, depth: int = 0) -> None:
        """Rewrites the kustomization in a folder, and those it refers to, so that it needs no plugin."""
        folder = os.path.realpath(folder)
        for name in KUSTOMIZATIONS:
            self._excerpt.add(os.path.join(folder, name))
        file = kustomization(folder)
        if folder in self._seen or not file:
            return
        if len(names := kustomizations(folder)) > 1:
            message = f"{names[1]} is beside it, and kustomize takes the one that it can read; remove one"
            raise invalid("ambiguous-file", message, self._location(os.path.join(folder, names[0])))
        self._seen.add(folder)
        if depth > _MAX_DEPTH:
            raise over_limit(f"has kustomizations that are {_MAX_DEPTH} deep in each other")
        node = self._fields(file)
        if node is None:
            return  # kustomize reports it
        for path in self._folders(node, folder, file):
            self._prepare(path, depth + 1)
        fields = {key.text: data_of(value) for key, value in node.pairs if key.kind == SCALAR}
        if any(self._configs("validators", entry, folder, file)[0] for _, entry in entries_of(node, "validators")):
            message = "has a GMSAConfig among validators, which may not change anything; move it to transformers"
            raise invalid("validator", message, self._location(file))
        lists = [value for key, value in fields.items() if key.lower() in ("resources", *PLUGIN_FIELDS)]
        if any(value is not None and not isinstance(value, list) for value in lists):
            return  # kustomize reports it
        self._rewrite(folder, file, fields)

    def _fields(self, file: str) -> Node | None:
        if os.path.getsize(file) > MAX_FIELDS:
            raise over_limit(f"has a kustomization of more than {MAX_FIELDS // MIB} MiB")
        return one_mapping(read(file), self._shown(file))

    def _folders(self, node: Node, folder: str, file: str) -> list[str]:
        """The folders that a kustomization refers to. Raises InputError for what it may not refer to."""
        folders = []
        for field, entry in references_of(node, self._shown(file)):
            self._budget.take(0)
            where = Location(self._shown(file), entry.line + 1, entry.column + 1)
            inline = is_inline(field, entry.text, where)
            if is_remote(field, entry, where, self._hosts, inline):
                self._is_remote = True
                continue
            self._reach(folder, entry.text)
            if inline:
                check_inline(entry.text, folder, where)  # what it refers to is looked at where it is used
            elif is_folder(field):
                path = located(self._excerpt.top, folder, entry.text)
                if path is None:
                    raise outside_error(entry.text, where)
                if os.path.isdir(path):
                    folders.append(path)
        self._charts.add(node, folder, self._shown(file))
        return folders

    def _reach(self, folder: str, entry: str) -> None:
        """Adds what an entry of a file in `folder` may name, as a path or as KEY=FILE."""
        for text in {entry, entry.partition("=")[2] or entry}:
            self._excerpt.add(os.path.normpath(os.path.join(folder, text)))

    def _rewrite(self, folder: str, file: str, fields: dict[str, Any]) -> None:
        """Runs the GMSAConfigs among generators and transformers, and writes the kustomization without them."""
        names = {key.lower(): key for key in fields}
        lists = {
            name: list(fields.pop(names.get(name, ""), None) or ())
            for name in ("generators", "resources", "transformers")
        }
        resources, generators, are_generated = self._generated(folder, file, lists["resources"], lists["generators"])
        fields |= {"generators": generators, "resources": resources}
        kept: list[Any] = []
        are_transformed = False
        # kustomize runs inline transformers first
        for entry in sorted(lists["transformers"], key=lambda it: not self._is_inline("transformers", it, file)):
            configs, rest = self._configs("transformers", entry, folder, file)
            if not configs:
                kept.append(entry)
                continue
            is_component = str(fields.get(names.get("kind", ""), "")) == "Component"
            self._check_transformer(entry, folder, file, bool(rest), is_component)
            for config in configs:
                fields = self._transformed(folder, file, {**fields, "transformers": kept}, config)
                kept, are_transformed = [], True
        if are_generated or are_transformed:
            self._write(file, {**fields, "transformers": kept})

    def _generated(
        self, folder: str, file: str, resources: list[Any], generators: list[Any]
    ) -> tuple[list[Any], list[Any], bool]:
        """The resources including those of GMSAConfigs, the other generators, and whether there was a GMSAConfig."""
        kept = []
        found = False
        for entry in generators:
            configs, rest = self._configs("generators", entry, folder, file)
            if not configs:
                kept.append(entry)
                continue
            found = True
            for text, source in configs:
                generated = self._plugin(text, b"", self._excerpt.original(folder), source)
                resources.append(self._write_file(folder, generated))
            if rest:
                kept.append(self._write_file(folder, rest))
        return resources, kept, found

    def _check_transformer(self, entry: str, folder: str, file: str, has_others: bool, is_component: bool) -> None:
        """Raises InputError if the build cannot be split at a GMSAConfig."""
        if has_others:
            message = (
                f"{entry[:80]!a} has other transformers beside a GMSAConfig; give each its own file, so that their"
                " order is clear"
            )
            raise invalid("transformers", message, self._location(file))
        if folder != self._top:
            self._refuse_unfinished(folder, set())
        if is_component:
            message = "is a component with a GMSAConfig among its transformers; move that to the kustomization itself"
            raise invalid("component", message, self._location(file))

    def _transformed(self, folder: str, file: str, fields: dict[str, Any], config: tuple[bytes, str]) -> dict[str, Any]:
        """The fields of a kustomization whose only resource is the output of the build so far, transformed."""
        text, source = config
        metadata = {key: fields.pop(key) for key in list(fields) if key.lower() == "buildmetadata"}
        before = b""
        if fields["resources"] or fields.get("generators") or any(key.lower() in _CREATING for key in fields):
            self._write(file, fields)
            before = self._run_kustomize(folder)
        after = self._plugin(text, before, self._excerpt.original(folder), source)
        return {"resources": [self._write_file(folder, after)], **metadata}

    def _refuse_unfinished(self, folder: str, seen: set[str]) -> None:
        """Raises InputError if an overlay would still have to change the output of the build before a transformer.

        That output is final: its hash suffixes, its references, and the names that patches of overlays refer to.
        """
        file = kustomization(folder)
        node = self._fields(file) if file and folder not in seen else None
        seen.add(folder)
        if node is None:
            return
        for key, _ in node.pairs:
            if key.text.lower() in _UNFINISHED:
                message = (
                    f"has {key.text}, and a GMSAConfig among the transformers of a base: an overlay could no longer"
                    " change the result; move the GMSAConfig to the transformers of the application's own kustomization"
                )
                raise invalid("transformer-in-base", message, self._location(file))
        for _, entry in entries_of(node, *_CONFIG_FOLDERS):
            path = located(self._excerpt.top, folder, entry)
            if path is not None and os.path.isdir(path):
                self._refuse_unfinished(path, seen)

    def _is_inline(self, field: str, entry: Any, file: str) -> bool:
        return isinstance(entry, str) and is_inline(field, entry, self._location(file))

    def _configs(self, field: str, entry: Any, folder: str, file: str) -> tuple[list[tuple[bytes, str]], bytes]:
        """The GMSAConfigs in an entry of generators or transformers, each with its file, and the rest of the entry."""
        if not isinstance(entry, str):
            return [], b""
        if self._is_inline(field, entry, file):
            source, data = "", entry.encode("utf-8", "surrogateescape")  # no file has its lines
        elif self._hosts.check(entry, self._location(file), True):
            self._excerpt.add_tree(folder)  # what it refers to is unknown
            return [], b""
        elif (path := located(self._excerpt.top, folder, entry)) is None:
            raise outside_error(entry, self._location(file))
        elif os.path.isdir(path):
            if not kustomization(path):
                return [], b""
            source, data = "", self._run_kustomize(path)
        else:
            refuse_large(path)
            source, data = self._shown(path), read(path)
        configs = configs_in(data, source)
        self._check_plugins(data, folder, source or self._shown(file))
        if not configs:
            return [], b""
        texts = {config.text for config in configs}
        rest = [it.text for it in split(decode(data, source), source) if it.node is not None and it.text not in texts]
        return [(_padded(config), source) for config in configs], "---\n".join(rest).encode("utf-8", "surrogateescape")

    def _check_plugins(self, data: bytes, folder: str, shown: str) -> None:
        """Adds what kustomize's own generators and transformers refer to. Raises InputError for what they may not."""
        for document in split(decode(data, shown), shown):
            node = document.node
            if node is None or is_config(node):
                continue
            for field, entry in references_of(node, shown):
                if is_remote(field, entry, Location(shown), self._hosts):
                    self._is_remote = True
                else:
                    self._reach(folder, entry.text)
            self._charts.add_generator(node, folder, shown)

    def _shown(self, path: str) -> str:
        """The path for messages, relative to the application's folder."""
        return os.path.relpath(self._excerpt.original(path), self._folder)

    def _location(self, file: str) -> Location:
        return Location(self._shown(file))

    def _write_file(self, folder: str, data: bytes) -> str:
        """Writes resources or configs to a new file beside the kustomization; returns its name."""
        self._written += 1
        while not self._excerpt.is_free(os.path.join(folder, name := f"gmsa-krm-{self._written}.yaml")):
            self._written += 1
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data or b"apiVersion: v1\nkind: List\nmetadata: {}\nitems: []\n")
        return name

    def _write(self, file: str, fields: dict[str, Any]) -> None:
        os.unlink(file)  # it is a hard link to the file of the repository, which must not change
        head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        with open(file, "w", encoding="utf-8", errors="surrogateescape") as opened:
            # kustomize reads it as YAML
            opened.write(json_of({**head, **{key: value for key, value in fields.items() if value != []}}))


def _padded(config: Document) -> bytes:
    """The text of a config after as many line breaks as lines precede it in its file, for correct locations."""
    text = config.text.removeprefix("---\n")
    lines = config.line + (1 if text != config.text else 0)
    return ("\n" * lines + text).encode("utf-8", "surrogateescape")
