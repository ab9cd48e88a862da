"""Whether kustomize runs the GMSAConfigs of a repository."""

from __future__ import annotations

import os

from gmsa_krm.findings import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import Spec
    from gmsa_krm.findings import Finding
    from gmsa_krm.repository.kustomizations import Entry, Graph, Kustomization

_LOCAL = "config.kubernetes.io/local-config"


class Config:
    """A GMSAConfig, and the real path of its file; that of its folder, with a slash, if a kustomization holds it."""

    __slots__ = ("loaded", "path")

    def __init__(self, loaded: LoadedConfig, path: str) -> None:
        self.loaded = loaded
        self.path = path

    @property
    def spec(self) -> Spec:
        return self.loaded.config.spec

    @property
    def annotations(self) -> dict[str, str]:
        return self.loaded.config.metadata.annotations

    @property
    def is_local(self) -> bool:
        """Whether kustomize leaves it out of its output."""
        return self.annotations.get(_LOCAL, "false") != "false"


class Wiring:
    """Checks the GMSAConfigs of a repository.

    `plugins_outside`: the files and folders that kustomizations outside of what is checked name as plugins; asked where
    that decides.
    """

    def __init__(
        self,
        graph: Graph,
        configs: list[Config],
        plugins_outside: Callable[[], set[str]],
    ) -> None:
        self._plugins_outside = plugins_outside
        self.findings: list[Finding] = []
        self._graph = graph
        self._configs = configs

    def check(self, *, is_piped: bool, is_called: bool) -> None:
        """`is_piped`: whether a script pipes a build into gmsa-krm; `is_called`: whether one calls gmsa-krm at all."""
        building = self._graph.builds_resources()
        by_path: dict[str, list[Config]] = {}
        for config in self._configs:
            by_path.setdefault(config.path, []).append(config)
        for kustomization in self._graph.by_folder.values():
            if kustomization.folder in building and not is_piped:
                self._check_resources(kustomization, by_path)
            for entry in kustomization.entries_of("validators"):
                if self._graph.configs(entry):
                    self._report_validator(kustomization, entry)
        if not is_called:
            self._check_unused()
            self._check_generators()

    def _check_resources(self, kustomization: Kustomization, by_path: dict[str, list[Config]]) -> None:
        for entry in kustomization.entries_of("resources", "bases"):
            if any(not config.is_local for config in by_path.get(entry.path, ())):
                if kustomization.folder in self._plugins_outside():
                    return
                message = (
                    f"{entry.node.text} has a GMSAConfig, which kustomize passes on to the cluster as it is, and no"
                    " cluster has that kind; move the entry to generators, or to transformers to check workloads, too"
                )
                self._report(kustomization).error("config-in-resources", message, entry.node, entry.field)

    def _report_validator(self, kustomization: Kustomization, entry: Entry) -> None:
        message = "is a GMSAConfig, and kustomize refuses validators that change anything; move it to transformers"
        self._report(kustomization).error("validator", message, entry.node, "validators")

    def _check_generators(self) -> None:
        """Configs with `workloads` that run only where they see none."""
        transformers = {it for _, entry in self._entries("transformers") for it in self._graph.configs(entry)}
        for kustomization, entry in self._entries("generators"):
            for number in self._graph.configs(entry):
                config = self._configs[number]
                if number in transformers or not config.spec.workloads or config.path in self._plugins_outside():
                    continue
                message = (
                    "runs a GMSAConfig with spec.workloads, and generators see no workloads, so it changes none;"
                    " move the entry to transformers"
                )
                self._report(kustomization).warning("workloads-in-generator", message, entry.node, "generators")

    def _entries(self, field: str) -> Iterator[tuple[Kustomization, Entry]]:
        for kustomization in self._graph.by_folder.values():
            for entry in kustomization.entries_of(field):
                yield kustomization, entry

    def _check_unused(self) -> None:
        named = self._graph.named_files()
        for config in self._configs:
            folder, name = os.path.split(config.path)
            kustomization = self._graph.by_folder.get(folder)
            if not name or kustomization is None or config.path in named or config.path in kustomization.patches:
                continue
            if config.path in self._plugins_outside():
                continue
            message = (
                f"{os.path.basename(kustomization.file)} is in its folder and does not name it, so kustomize builds"
                " without it; add it to generators, or to transformers to check workloads, too"
            )
            where = config.loaded.report.location(config.loaded.config.node)
            Report(findings=self.findings).warning("unused-config", message, where)

    def _report(self, kustomization: Kustomization) -> Report:
        return Report(kustomization.file, findings=self.findings)
