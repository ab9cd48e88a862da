"""One application of Argo CD: its folder and its variables."""

from __future__ import annotations

import os

from gmsa_krm.environment import Environment
from gmsa_krm.findings import InputError, Location, Report, has_errors, invalid, refuse_by_config, refuse_warnings
from gmsa_krm.hosts.argocd.folder import (
    HELM,
    KUSTOMIZE,
    MANIFESTS,
    configs_in,
    is_no_manifest,
    is_skipped,
    kind_of,
    manifest_files,
    read,
)
from gmsa_krm.hosts.argocd.parameters import VARIABLE, Parameters, read_parameters, unread_variables
from gmsa_krm.hosts.argocd.repository import inside, leads_out, link_error, repository
from gmsa_krm.yamltext.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.config.overrides import Override
    from gmsa_krm.findings import Finding
    from gmsa_krm.hosts.argocd.kustomization import Plugin
    from gmsa_krm.yamltext.stream import Document

_ENV = "spec.source.plugin.env"
_MAX_NAMES = 20  # in one message

__all__ = ["HELM", "KUSTOMIZE", "MANIFESTS", "Application", "refuse_empty"]


class Application:
    """The application to render. Raises InputError if the parameters are invalid."""

    def __init__(self, folder: str, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.kind = kind_of(folder)
        self.namespace = variables.get("ARGOCD_APP_NAMESPACE", "")
        self._variables = variables
        self._root = repository(folder, variables.get("ARGOCD_APP_SOURCE_PATH", ""))
        self._parameters = Parameters()
        if variables.get(VARIABLE):
            self._parameters = read_parameters(variables[VARIABLE], Environment(folder, variables))
        of_parameters, self._others = unread_variables(variables)
        if of_parameters:
            others = f", and remove {_listed(self._others)}" if self._others else ""
            message = f"nothing is read from here; move {_listed(of_parameters)} to plugin.parameters{others}"
            raise invalid("parameter", message, Location(_ENV))

    @property
    def overrides(self) -> list[Override]:
        return self._parameters.overrides

    def environment(self, folder: str = "") -> Environment:
        """The environment of configs in a folder; by default the application's own folder."""
        return Environment(folder or self.folder, self._variables)

    def manifests(self) -> list[str]:
        """The files of a folder of manifests. Raises InputError for files that only Argo CD renders."""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".jsonnet") and not is_skipped(self._read(name)):
                raise invalid(
                    "jsonnet",
                    "is not rendered here; give it its own application, or render it to YAML",
                    Location(name),
                )
        return [name for name in self._own_files() if not is_no_manifest(self._read(name), name)]

    def configs(self) -> list[str]:
        """The files with GMSAConfigs beside a chart. Raises InputError for links out of the repository."""
        found = []
        for name in self._own_files():
            data = self._read(name)
            if not is_skipped(data) and configs_in(data, name):
                found.append(name)
        return found

    def _read(self, name: str) -> bytes:
        return read(os.path.join(self.folder, name))

    def _own_files(self) -> list[str]:
        """The YAML and JSON in the folder itself. Raises InputError for what is not in the repository."""
        root = os.path.realpath(self._root)
        folder_is_inside = inside(root, self.folder)
        names = manifest_files(self.folder)
        for name in names:
            path = os.path.join(self.folder, name)
            # only a link may lead elsewhere than its folder
            if leads_out(root, path) if os.path.islink(path) else not folder_is_inside:
                raise link_error(name)
        return names

    def kustomize_build(self, plugin: Plugin) -> bytes:
        from gmsa_krm.hosts.argocd.programs import Programs

        return Programs(self.folder, self._root, self._variables).kustomize_build(plugin)

    def helm_template(self, others: list[Document]) -> bytes:
        """`others`: documents beside the GMSAConfigs in their files; an error, since nothing would apply them."""
        if others:
            message = (
                "is in a file with a GMSAConfig beside a chart, where only configs are read; move it to a template"
            )
            raise invalid("not-a-config", message, others[0].location())
        from gmsa_krm.hosts.argocd.programs import Programs

        # The name of an application outside of Argo CD's namespace is NAMESPACE_NAME.
        name = self._variables.get("ARGOCD_APP_NAME", "").rpartition("_")[2]
        release = self._parameters.helm_release or name or "release-name"
        return Programs(self.folder, self._root, self._variables).helm_template(release, self._parameters)

    def check(self, findings: list[Finding], strict: Location | None) -> list[Finding]:
        """The findings of a render, with those about parameters. `strict`: where a config makes warnings errors.

        Raises InputError for parameters that no config used, and for warnings that are errors.
        """
        report = Report(findings=findings)
        for override in self.overrides:
            if not override.used:
                which = f"named {override.config}" if override.config else "in the application"
                message = f"there is no GMSAConfig {which}; fix or remove the entry"
                report.error("override", message, Location(override.source), override.field)
        if has_errors(findings):
            raise InputError(findings)
        parameters = self._parameters
        for_helm = parameters.helm_release or parameters.helm_values or parameters.helm_value_files
        if for_helm and self.kind != HELM:
            message = "this folder is not a chart, so the parameters for helm have no effect; remove them"
            report.warning("unused-parameter", message, Location(VARIABLE))
        if self._others:
            message = f"nothing is read from here; remove {_listed(self._others)}"
            report.warning("unused-parameter", message, Location(_ENV))
        if parameters.strict:
            refuse_warnings(findings, "parameter strict")
        refuse_by_config(findings, strict)
        return findings


def refuse_empty(data: bytes) -> None:
    """Raises InputError if the output has no object: Argo CD would prune everything."""
    if not any(map(_has_object, split(decode(data, "the manifests"), "the manifests"))):
        message = (
            "the application has no manifests, so Argo CD would prune everything that it applied before; add some,"
            " or delete the application"
        )
        raise invalid("empty", message)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(f"{name[:80]!a}" for name in names[:_MAX_NAMES]) + more


def _has_object(document: Document) -> bool:
    identity = document.identity
    root = document.node
    if identity is None or root is None:
        return False
    return bool(document.items()) if root.listed is not None else not identity[1].endswith("List")
