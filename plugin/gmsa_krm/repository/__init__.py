"""Whole repositories, for `lint`: files of all sorts, kustomizations and scripts beside the configs and manifests.

`walk`: the files of folders; `reading`: what of them is a manifest; `kustomizations`: who refers to whom; `clusters`:
which configs and manifests belong together; `wiring` and `scripts`: whether a GMSAConfig runs where it is built;
`renames`: whether what kustomizations rename is found again.
"""

from __future__ import annotations

import os

from gmsa_krm.config.load import load_config
from gmsa_krm.environment import Environment
from gmsa_krm.findings import ExternalError, InputError, sort_findings
from gmsa_krm.repository.clusters import Clusters
from gmsa_krm.repository.kustomizations import (
    Graph,
    Kustomization,
    inline_config,
    patch_files,
    read_kustomization,
)
from gmsa_krm.repository.reading import RepositoryReader
from gmsa_krm.repository.renames import Renames
from gmsa_krm.repository.scripts import MAX_SCRIPT, Scripts, check_calls
from gmsa_krm.repository.walk import Exclude, files_in
from gmsa_krm.repository.wiring import Config, Wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.findings import Finding
    from gmsa_krm.yamltext.stream import Document

__all__ = ["Repository"]

# What is in every document with a credential spec, or that names one.
_NAMING = ("gmsaCredentialSpec", "GMSACredentialSpec", "resourceNames")


class Repository:
    """Files and folders with configs, manifests and everything else. `exclude`: patterns of what is not read.

    `snapshot`: what Active Directory knows, in place of the snapshots of the configs.
    `failures`: the files and folders that cannot be read.
    """

    def __init__(
        self, variables: Mapping[str, str], stdin: BinaryIO, exclude: list[str], snapshot: Snapshot | None = None
    ) -> None:
        self._snapshot = snapshot
        self.failures: list[ExternalError] = []
        self._variables = variables
        self._exclude = Exclude(exclude)
        self._reader = RepositoryReader(variables, stdin)
        self._findings: list[Finding] = []
        self._kustomizations: dict[str, Kustomization] = {}  # by their real folder
        self._scripts = Scripts()
        self._roots: list[str] = []
        self._has_named_config = False
        self._outside: set[str] | None = None
        self._inline: dict[int, int] = {}  # numbers of configs, by the id of the entry that they are written in

    @property
    def passed_over(self) -> list[str]:
        return self._reader.passed_over()

    def read(self, paths: list[str]) -> None:
        """Reads files, folders and `-` for stdin, each file once."""
        seen: set[str] = set()
        folders = []
        for path in paths:
            if path != "-" and os.path.isdir(path):
                folders.append(path)
                continue
            real = self._reader.real_path(path) if path != "-" else path
            if real not in seen and not (self._exclude and path != "-" and self._exclude.matches_named(path)):
                seen.add(real)
                self._reader.read(path, real, is_named=True)
        self._has_named_config = bool(self._reader.files.configs)
        for folder in folders:
            self._read_folder(folder, seen)
        self.failures += self._reader.failures

    def findings(self, namespace: str) -> list[Finding]:
        """Of all files, sorted. `namespace`: that of documents without one."""
        reader = self._reader
        naming = self._documents_with_credspecs()
        reader.pass_over_parts(patch_files(self._kustomizations.values()))
        for kustomization in self._kustomizations.values():
            self._add_inline(kustomization)
        reader.leave_out_inputs()
        files = reader.files
        configs = [Config(it, path) for (it, _), path in zip(files.configs, reader.config_files, strict=True)]
        configs_of: dict[str, list[int]] = {}
        for number, config in enumerate(configs):
            configs_of.setdefault(config.path, []).append(number)
        graph = Graph(self._kustomizations.values(), configs_of, self._inline, naming)
        self._findings += reader.findings()
        self._findings += Clusters(
            files.configs,
            reader.config_files,
            files.documents,
            reader.document_files,
            graph,
            is_one=self._has_named_config,
            snapshot=self._snapshot,
        ).findings(namespace)
        if self._kustomizations:
            self._check_wiring(graph, configs, naming)
        return sort_findings(self._findings)

    def _check_wiring(self, graph: Graph, configs: list[Config], naming: dict[str, list[Document]]) -> None:
        wiring = Wiring(graph, configs, self._plugins_outside)
        wiring.check(is_piped=self._scripts.is_piped, is_called=self._scripts.mentions_gmsa_krm)
        self._findings += wiring.findings
        self._findings += Renames(graph, configs, naming, self._service_accounts).findings()
        self._findings += check_calls(self._scripts.calls, graph, configs, self._roots)

    def _read_folder(self, folder: str, seen: set[str]) -> None:
        self._roots.append(os.path.realpath(folder))
        listing = files_in(folder, self._exclude)
        self.failures += listing.failures
        for file in listing.kustomizations:
            self._read_kustomization(file)
        for file in listing.scripts:
            self._read_script(file)
        for file in listing.manifests:
            real = self._reader.real_path(file)
            if real not in seen:
                seen.add(real)
                self._reader.read(file, real, is_named=False)

    def _read_kustomization(self, file: str) -> None:
        real = os.path.dirname(os.path.abspath(file))
        folder = os.path.realpath(real)
        if folder in self._kustomizations:
            return  # kustomize refuses a folder with two
        try:
            data = self._reader.bytes_of(file, file, is_named=False)
            self._kustomizations[folder] = read_kustomization(data, file, folder)
        except ExternalError as error:
            self.failures.append(error)
        except InputError as error:
            self._findings += error.findings

    def _read_script(self, file: str) -> None:
        try:
            data = self._reader.bytes_of(file, file, is_named=False)
        except (ExternalError, InputError):
            return  # nobody has asked for it
        if len(data) <= MAX_SCRIPT:
            folder = os.path.realpath(os.path.dirname(os.path.abspath(file)))
            self._scripts.read(data.decode("utf-8", "replace"), file, folder)

    def _add_inline(self, kustomization: Kustomization) -> None:
        """Adds the GMSAConfigs that are written into a kustomization in place of the paths of their files."""
        for entry in kustomization.entries_of("generators", "transformers", "validators"):
            document = inline_config(entry)
            if document is None or document.node is None:
                continue
            loaded = load_config(document.node, kustomization.file, entry.node.line, positions=False)
            self._inline[id(entry)] = len(self._reader.files.configs)
            self._reader.files.configs.append((loaded, Environment(kustomization.folder, self._variables)))
            self._reader.config_files.append(os.path.join(kustomization.folder, ""))

    def _plugins_outside(self) -> set[str]:
        """The files and folders that kustomizations of the same Git repositories name as plugins."""
        if self._outside is None:
            self._outside = set()
            for top in {_git_root(root) for root in self._roots} - {"", *self._roots}:
                for file in files_in(top, Exclude()).kustomizations:
                    self._outside |= self._plugins_of(file)
        return self._outside

    def _plugins_of(self, file: str) -> set[str]:
        try:
            data = self._reader.bytes_of(file, file, is_named=False)
            found = read_kustomization(data, file, os.path.dirname(file))
        except (ExternalError, InputError):
            return set()
        return {it.path for it in found.entries_of("generators", "transformers") if it.path}

    def _documents_with_credspecs(self) -> dict[str, list[Document]]:
        """The documents in which a credential spec may be, be named or be written, by the real paths of their files.

        Patches are among them.
        """
        found: dict[str, list[Document]] = {}
        reader = self._reader
        may_be_changed = any(loaded.config.spec.workloads for loaded, _ in reader.files.configs)
        for document, path in zip(reader.files.documents, reader.document_files, strict=True):
            if self._kustomizations and (may_be_changed or any(map(document.mentions, _NAMING))):
                found.setdefault(path, []).append(document)
        for kustomization in self._kustomizations.values():
            for number, document in enumerate(kustomization.written_patches):
                found[kustomization.path_of_written(number)] = [document]
        return found

    def _service_accounts(self) -> set[tuple[str, str]]:
        """(namespace, name) of the ServiceAccounts among the documents."""
        identities = [it.identity for it in self._reader.files.documents if "ServiceAccount" in it.text]
        return {(it[2], it[3]) for it in identities if it is not None and it[1] == "ServiceAccount"}


def _git_root(folder: str) -> str:
    """The folder of the Git repository that a folder is in; "" without one."""
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent
    return folder
