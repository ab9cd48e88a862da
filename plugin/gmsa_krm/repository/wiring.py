"""Whether kustomize runs the GMSAConfigs of a repository, and keeps the names that they make."""

from __future__ import annotations

import os

from gmsa_krm.environment import open_regular
from gmsa_krm.findings import Report, has_errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gmsa_krm.config.credspecs import CredspecEntry
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import Spec
    from gmsa_krm.findings import Finding
    from gmsa_krm.repository.kustomizations import Entry, Graph, Kustomization, Rename

_LOCAL = "config.kubernetes.io/local-config"
_MAX_FILE = 1024 * 1024


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

    `accounts`: its ServiceAccounts, as (namespace, name). `plugins_outside`: the files and folders that kustomizations
    outside of what is checked name as plugins; asked where that decides.
    """

    def __init__(
        self,
        graph: Graph,
        configs: list[Config],
        accounts: set[tuple[str, str]],
        plugins_outside: Callable[[], set[str]],
    ) -> None:
        self._plugins_outside = plugins_outside
        self.findings: list[Finding] = []
        self._graph = graph
        self._configs = configs
        self._accounts = accounts

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
        for rename in self._graph.renames.values():
            self._check_rename(rename)

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

    def _check_rename(self, rename: Rename) -> None:
        kustomization, field, node = rename.kustomization, rename.field, rename.node
        for number in rename.configs:
            config = self._configs[number]
            if has_errors(config.loaded.findings):
                continue
            if field.lower() == "namespace":
                renamed = _moved(config.spec, node.text, self._accounts)
            else:
                renamed = _renamed(config.spec, self._refers_to_credspecs(kustomization))
            if not renamed:
                continue
            message = (
                f"{node.text[:60]} also changes what {config.loaded.file or 'the GMSAConfig'} makes: {renamed}; list"
                " the GMSAConfig under transformers of the outermost kustomization, which run after it, and write the"
                " final names into it"
            )
            self._report(kustomization).error("renamed-objects", message, node, field)
            return

    def _refers_to_credspecs(self, kustomization: Kustomization) -> bool:
        """Whether the kustomization tells kustomize where the names of credential specs are."""
        for path in kustomization.configurations:
            try:
                with open_regular(path) as file:
                    if b"GMSACredentialSpec" in file.read(_MAX_FILE):
                        return True
            except OSError:
                continue  # kustomize reports it
        return False

    def _report(self, kustomization: Kustomization) -> Report:
        return Report(kustomization.file, findings=self.findings)


def _renamed(spec: Spec, follows_credspecs: bool) -> str:
    """What namePrefix and nameSuffix break; empty if nothing."""
    parts = []
    if spec.credspecs and not follows_credspecs:
        parts.append("the names of GMSACredentialSpecs, but not where pods and ClusterRoles name them")
    if _has_fixed_names(spec):
        parts.append("the name of the webhook's Service, but not in its certificate")
    return ", and ".join(parts)


def _moved(spec: Spec, namespace: str, accounts: set[tuple[str, str]]) -> str:
    """What `namespace` breaks; empty if nothing."""
    parts = []
    if _has_fixed_names(spec) and spec.webhook.namespace != namespace:
        parts.append("the namespace of the webhook's Service, but not in its certificate")
    known = accounts | {(it.namespace, it.name) for it in spec.service_accounts}
    for entry in spec.credspecs:
        if isinstance(entry.used_by, str):
            continue
        if len({use.namespace for use in entry.used_by}) > 1:
            parts.append(f"the RoleBindings of {entry.path}, which then have one namespace and one name")
        elif (stays := _account_that_stays(entry, namespace, known)) is not None:
            parts.append(f"the namespace of the RoleBinding of {entry.path}, but not that of its subject {stays}")
        if len(parts) > 1:
            break
    return ", and ".join(parts)


def _has_fixed_names(spec: Spec) -> bool:
    """Whether the certificate of the webhook is made or checked for the names in the config."""
    return spec.admission.mode == "Webhook" and spec.webhook.certificate.source != "ExistingSecret"


def _account_that_stays(entry: CredspecEntry, namespace: str, known: Iterable[tuple[str, str]]) -> str | None:
    """A subject of a RoleBinding whose namespace kustomize leaves as it is.

    It changes that of `default`, and of ServiceAccounts that are in the build.
    """
    for use in () if isinstance(entry.used_by, str) else entry.used_by:
        for name in use.service_accounts:
            if use.namespace != namespace and name != "default" and (use.namespace, name) not in known:
                return f"{use.namespace}/{name}"
    return None
