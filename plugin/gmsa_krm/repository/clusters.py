"""Which configs and manifests of a repository belong to one cluster, and what is wrong in each.

A repository may have several clusters, whose configs say different things about equal names. Configs belong together
if they are in one folder, if one kustomization builds them, or if one that no kustomization names is above the other.
A manifest belongs to the configs that it is built with, or else to those of the nearest folder above it. What belongs
to none is checked against each, and something is wrong with it where all agree.
"""

from __future__ import annotations

import os

from gmsa_krm.findings import InputError
from gmsa_krm.manifests.manifest import MANAGED_BY
from gmsa_krm.pipeline import run_resolved
from gmsa_krm.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding
    from gmsa_krm.repository.kustomizations import Graph
    from gmsa_krm.yamltext.stream import Document, Identity

    Configs = list[tuple[LoadedConfig, Environment]]
    Key = tuple[str, str, int, int, str]

# What cannot be judged without the configs.
_NEEDS_CONFIGS = ("unknown-credspec",)
# Manifests that belong to none are checked against all clusters, which takes a millisecond each; of more they are
# checked without configs.
_MAX_CHECKS = 10_000


class Clusters:
    """`config_files`, `document_files`: the real paths of configs and documents.

    `is_one`: whether the caller says that all belong to one cluster. `snapshot`: to compare with in place of those of
    the configs.
    """

    def __init__(
        self,
        configs: Configs,
        config_files: list[str],
        documents: list[Document],
        document_files: list[str],
        graph: Graph,
        *,
        is_one: bool,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._configs = configs
        self._documents = documents
        self._group_of = [0] * len(configs) if is_one else _groups(config_files, graph)
        self._groups = sorted(set(self._group_of))
        self._members = self._bound(config_files, document_files, graph)

    def findings(self, namespace: str) -> list[Finding]:
        """`namespace`: that of documents without one."""
        return self._without_copies(self._all_findings(namespace))

    def _all_findings(self, namespace: str) -> list[Finding]:
        if len(self._groups) < 2:
            return self._run(self._configs, self._documents, namespace)[0]
        free = sum(
            it.mentions("gmsaCredentialSpec") for it, of in zip(self._documents, self._members, strict=True) if not of
        )
        is_judged_by_all = len(self._groups) * free <= _MAX_CHECKS
        shared: dict[str, frozenset[int]] = {}  # by their files, the groups of documents with none or several
        for document, groups in zip(self._documents, self._members, strict=True):
            if len(groups) != 1:
                shared[document.file] = groups or frozenset(self._groups if is_judged_by_all else ())
        found: list[Finding] = []
        votes: dict[int, dict[Key, Finding]] = {}
        for group in self._groups:
            findings, is_complete = self._run(*self._members_of(group, shared), namespace)
            found += [it for it in findings if it.location.file not in shared]
            if is_complete:
                votes[group] = {_key(it): it for it in findings if it.location.file in shared}
        return [*found, *_agreed(votes, shared), *self._unjudged(votes, shared, namespace)]

    def _without_copies(self, findings: list[Finding]) -> list[Finding]:
        """Without the findings about the outputs of earlier runs that are in several folders, one for each cluster."""
        reported = {it.location.file for it in findings if it.rule == "same-object"}
        outputs = [it for it in self._documents if _is_output(it)] if reported else []
        number: dict[tuple[str, Identity | None], int] = {}
        for it in outputs:
            key = os.path.dirname(it.file), it.identity
            number[key] = number.get(key, 0) + 1
        copies = set()
        for it in outputs:
            if it.file in reported and number[os.path.dirname(it.file), it.identity] == 1:
                location = it.location(it.head)
                copies.add((location.file, location.line))
        return [it for it in findings if it.rule != "same-object" or (it.location.file, it.location.line) not in copies]

    def _members_of(self, group: int, shared: dict[str, frozenset[int]]) -> tuple[Configs, list[Document]]:
        configs = [it for it, of in zip(self._configs, self._group_of, strict=True) if of == group]
        members = zip(self._documents, self._members, strict=True)
        return configs, [it for it, groups in members if group in shared.get(it.file, groups)]

    def _unjudged(
        self, votes: dict[int, dict[Key, Finding]], shared: dict[str, frozenset[int]], namespace: str
    ) -> list[Finding]:
        """What is wrong with documents that no valid config has judged."""
        rest = [it for it in self._documents if it.file in shared and not shared[it.file] & votes.keys()]
        return [it for it in self._without_configs(rest, namespace) if it.rule not in _NEEDS_CONFIGS]

    def _run(self, configs: Configs, documents: list[Document], namespace: str) -> tuple[list[Finding], bool]:
        """The findings, and whether the documents were checked against the configs.

        A config with errors does not hide what is wrong in the documents in any case.
        """
        if not configs and not documents:
            return [], True
        try:
            resolved = resolve(configs, documents)
        except InputError as error:
            others = [it for it in self._without_configs(documents, namespace) if it.rule not in _NEEDS_CONFIGS]
            return [*error.findings, *others], False
        try:
            return run_resolved(resolved, documents, namespace, self._snapshot).findings, True
        except InputError as error:
            return error.findings, True

    def _without_configs(self, documents: list[Document], namespace: str) -> list[Finding]:
        try:
            return run_resolved([], documents, namespace, self._snapshot).findings if documents else []
        except InputError as error:
            return error.findings

    def _bound(self, config_files: list[str], document_files: list[str], graph: Graph) -> list[frozenset[int]]:
        """The groups that each document belongs to."""
        if len(self._groups) < 2:
            return []
        by_file: dict[str, set[int]] = {}
        for folder in graph.tops():
            uses = graph.uses[folder]
            groups = {self._group_of[number] for number in uses}
            for path in graph.documents_of(folder) if groups else ():
                by_file.setdefault(path, set()).update(groups)
        by_folder: dict[str, set[int]] = {}
        for file, group in zip(config_files, self._group_of, strict=True):
            by_folder.setdefault(os.path.dirname(file), set()).add(group)
        nearest: dict[str, frozenset[int]] = {}
        return [
            frozenset(by_file[file]) if file in by_file else _nearest(os.path.dirname(file), by_folder, nearest)
            for file in document_files
        ]


def _is_output(document: Document) -> bool:
    """Whether gmsa-krm has made a document."""
    metadata = document.head.get("metadata") if document.mentions("gmsa-krm") and document.head is not None else None
    labels = metadata.get("labels") if metadata is not None else None
    return labels is not None and all(labels.string(key) == value for key, value in MANAGED_BY.items())


def _agreed(votes: dict[int, dict[Key, Finding]], shared: dict[str, frozenset[int]]) -> Iterator[Finding]:
    """What all groups of a document find in it."""
    seen: set[Key] = set()
    for vote in votes.values():
        for key, finding in vote.items():
            judges = shared[finding.location.file] & votes.keys()
            if key not in seen and all(key in votes[it] for it in judges):
                seen.add(key)
                yield finding


def _nearest(folder: str, by_folder: dict[str, set[int]], known: dict[str, frozenset[int]]) -> frozenset[int]:
    """The groups of the nearest folder above that has any."""
    passed = []
    while folder not in known and folder not in by_folder and (parent := os.path.dirname(folder)) != folder:
        passed.append(folder)
        folder = parent
    found = known[folder] if folder in known else frozenset(by_folder.get(folder, ()))
    known.update(dict.fromkeys(passed, found))
    return found


def _groups(config_files: list[str], graph: Graph) -> list[int]:
    """The number of the group of each config."""
    sets = _Sets(len(config_files))
    folders: dict[str, list[int]] = {}
    for number, file in enumerate(config_files):
        folders.setdefault(os.path.dirname(file), []).append(number)
    for numbers in folders.values():
        sets.join(numbers)
    built: set[int] = set()
    for uses in graph.uses.values():
        sets.join(uses)
        built.update(uses)
    for folder, numbers in folders.items():
        above = _nearest_above(folder, folders)
        if above is not None and not {*numbers, *folders[above]} <= built:
            sets.join([*folders[above], *numbers])
    return [sets.find(number) for number in range(len(config_files))]


def _nearest_above(folder: str, folders: dict[str, list[int]]) -> str | None:
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        if folder in folders:
            return folder
    return None


class _Sets:
    """Disjoint sets of numbers, each named after one of its members."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def find(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, numbers: Iterable[int]) -> None:
        first: int | None = None
        for number in numbers:
            first = self.find(number) if first is None else first
            self._parents[self.find(number)] = first


def _key(finding: Finding) -> Key:
    location = finding.location
    return finding.rule, location.file, location.line, location.column, finding.field
