"""Whether an application uses a GMSAConfig.

Discovery runs for every application of an Argo CD instance, and most have none: a file is parsed only if it has the
word, and what is read has a budget. Nothing outside of the repository is read.
"""

from __future__ import annotations

import os

from gmsa_krm.findings import InputError
from gmsa_krm.hosts.argocd.folder import (
    CHART,
    FOLDER_FIELDS,
    HELM,
    KUSTOMIZE,
    MAX_FIELDS,
    PLUGIN_FIELDS,
    dependencies,
    entries_of,
    fields_of,
    is_skipped,
    kind_of,
    kustomization,
    manifest_files,
    names_config,
    read,
)
from gmsa_krm.hosts.argocd.limits import MIB, Budget, over_limit
from gmsa_krm.hosts.argocd.repository import inside, leads_out, located

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.yamltext.nodes import Node

__all__ = ["Discovery"]


class Discovery:
    """`root`: the root of the repository."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)
        self._budget = Budget()

    def uses_config(self, folder: str) -> bool:
        """Raises InputError if there is too much to look through."""
        kind = kind_of(folder)
        if kind == KUSTOMIZE:
            return self._in_kustomizations(os.path.realpath(folder))
        if any(self._has_config(os.path.join(folder, name)) for name in manifest_files(folder)):
            return True
        return kind == HELM and self._in_charts(folder)

    def _in_kustomizations(self, folder: str) -> bool:
        """In a kustomization, or one that it refers to."""
        # The flag: whether the output of the kustomization configures generators or transformers.
        pending = [(folder, False)]
        seen = set(pending)
        while pending:
            folder, of_plugins = pending.pop()
            file = kustomization(folder)
            fields = self._fields(file) if file else None
            for field, entry in entries_of(fields, *PLUGIN_FIELDS, *FOLDER_FIELDS) if fields is not None else ():
                self._budget.take(0)
                is_plugin = of_plugins or field in PLUGIN_FIELDS
                if field in PLUGIN_FIELDS and self._is_config(entry.encode("utf-8", "replace")):
                    return True
                path = located(self._root, folder, entry)
                if path is None:
                    continue
                if os.path.isdir(path):
                    below = path, is_plugin
                    pending += {below} - seen
                    seen.add(below)
                elif is_plugin and self._has_config(path):
                    return True
        return False

    def _in_charts(self, folder: str) -> bool:
        """In a template of the chart, or of a chart in it."""
        pending = [folder]
        seen = set()
        while pending:
            folder = os.path.realpath(pending.pop())
            if folder in seen or not inside(self._root, folder):
                continue
            seen.add(folder)
            if self._in_templates(folder):
                return True
            charts = os.path.join(folder, "charts")
            for name in sorted(os.listdir(charts)) if os.path.isdir(charts) and self._may_read(charts) else ():
                self._budget.take(0)
                path = os.path.join(charts, name)
                if os.path.isdir(path):
                    pending.append(path)
                elif name.endswith(".tgz") and self._in_archive(path):
                    return True
            for url in dependencies(self._fields(os.path.join(folder, CHART))):
                if url.startswith("file://"):
                    self._budget.take(0)
                    chart = located(self._root, folder, url.removeprefix("file://"))
                    pending += [chart] if chart is not None else []
        return False

    def _in_templates(self, folder: str) -> bool:
        templates = os.path.join(folder, "templates")
        for parent, _, names in os.walk(templates) if self._may_read(templates) else ():
            self._budget.take(0)
            if any(names_config(self._read(os.path.join(parent, name))) for name in names):
                return True
        return False

    def _in_archive(self, path: str) -> bool:
        from gmsa_krm.hosts.argocd.archive import files_of

        try:
            return (
                os.path.isfile(path)
                and self._may_read(path)
                and any(map(names_config, files_of(path, "/templates/", self._budget)))
            )
        except OSError:
            return False  # helm reports it

    def _has_config(self, path: str) -> bool:
        data = self._read(path)
        return self._is_config(data) and not is_skipped(data)

    def _is_config(self, data: bytes) -> bool:
        """Whether a GMSAConfig is among the documents of a stream."""
        if not names_config(data):
            return False
        from gmsa_krm.config.load import is_config
        from gmsa_krm.config.model import KIND
        from gmsa_krm.yamltext.stream import decode, split

        self._budget.parse(len(data))
        try:
            return any(
                it.plain_kind in (None, KIND) and it.mentions(KIND) and is_config(it.head)
                for it in split(decode(data, ""))
            )
        except InputError:
            return True  # a mistake in a config must be reported, not hide the plugin

    def _fields(self, path: str) -> Node | None:
        data = self._read(path)
        if len(data) > MAX_FIELDS:
            raise over_limit(f"has a {os.path.basename(path)} of more than {MAX_FIELDS // MIB} MiB")
        return fields_of(data)

    def _read(self, path: str) -> bytes:
        """The contents of a file of the repository; empty where `read` has none."""
        return read(path, self._budget) if self._may_read(path) else b""

    def _may_read(self, path: str) -> bool:
        return not (os.path.islink(path) and leads_out(self._root, path))
