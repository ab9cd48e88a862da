"""One application of Argo CD: its folder, and what its environment says of it."""

from __future__ import annotations

import os

from gmsa_krm.findings import ERROR, WARNING, Finding, InputError, Place, input_error
from gmsa_krm.hosts.argocd.folder import (
    HELM,
    KUSTOMIZE,
    MANIFESTS,
    SKIPPED,
    config_files,
    inside,
    kind_of,
    manifest_files,
    read,
    repository,
)
from gmsa_krm.hosts.argocd.parameters import VARIABLE, Parameters, read_parameters
from gmsa_krm.outside import Outside
from gmsa_krm.yaml.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.config.overrides import Override
    from gmsa_krm.hosts.argocd.kustomization import Plugin
    from gmsa_krm.yaml.stream import Document

__all__ = ["HELM", "KUSTOMIZE", "MANIFESTS", "Application", "refuse_empty"]


class Application:
    """What is to be rendered. Raises InputError where the parameters are wrong."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.kind = kind_of(folder)
        self.namespace = environ.get("ARGOCD_APP_NAMESPACE", "")
        self._environ = environ
        self._root = repository(folder, environ.get("ARGOCD_APP_SOURCE_PATH", ""))
        self._parameters = Parameters()
        if environ.get(VARIABLE):
            self._parameters = read_parameters(environ[VARIABLE], Outside(folder, environ))

    @property
    def overrides(self) -> list[Override]:
        return self._parameters.overrides

    def outside(self, folder: str = "") -> Outside:
        return Outside(folder or self.folder, self._environ, self.overrides)

    def manifests(self) -> list[str]:
        """The files of a folder of manifests. Raises InputError for what Argo CD would render and this does not."""
        root = os.path.realpath(self._root)
        folder_is_inside = inside(root, self.folder)
        found = []
        for name in manifest_files(self.folder):
            path = os.path.join(self.folder, name)
            # a file that is no link stands where its folder does, and need not be followed from the root
            if not (inside(root, path) if os.path.islink(path) else folder_is_inside):
                raise input_error(
                    "link", "is a symbolic link out of the repository; put the file itself there", Place(name)
                )
            if SKIPPED not in read(path):
                found.append(name)
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".jsonnet"):
                raise input_error(
                    "jsonnet",
                    "is not rendered here; give it an application of its own, or render it to YAML",
                    Place(name),
                )
        return found

    def configs(self) -> list[str]:
        """The files with GMSAConfigs beside a chart."""
        return config_files(self.folder)

    def kustomize_build(self, plugin: Plugin) -> bytes:
        from gmsa_krm.hosts.argocd.programs import Programs

        return Programs(self.folder, self._root, self._environ).kustomize_build(plugin)

    def helm_template(self, others: list[Document]) -> bytes:
        """`others`: documents beside the GMSAConfigs beside the chart, which nobody would apply."""
        if others:
            message = "stands beside a GMSAConfig beside a chart, where only configs are read; put it into a template"
            raise input_error("not-a-config", message, others[0].place())
        from gmsa_krm.hosts.argocd.programs import Programs

        # An application of another namespace than Argo CD's comes as NAMESPACE_NAME.
        name = self._environ.get("ARGOCD_APP_NAME", "").rpartition("_")[2]
        release = self._parameters.helm_release or name or "release-name"
        return Programs(self.folder, self._root, self._environ).helm_template(release, self._parameters)

    def ending(self) -> list[Finding]:
        """What is to be said once all is rendered. Raises InputError for parameters that met no config."""
        unused = [it for it in self.overrides if not it.used]
        if unused:
            raise InputError([_unused(it) for it in unused])
        of_helm = self._parameters.helm_release or self._parameters.helm_values or self._parameters.helm_value_files
        if of_helm and self.kind != HELM:
            message = "this folder is no chart, so the parameters for helm do nothing; remove them"
            return [Finding(WARNING, "unused-parameter", message, Place(VARIABLE))]
        return []


def _unused(override: Override) -> Finding:
    which = f"named {override.config}" if override.config else "in the application"
    return Finding(
        ERROR,
        "override",
        f"there is no GMSAConfig {which}; mend or remove the entry",
        Place(override.source),
        override.field,
    )


def refuse_empty(data: bytes) -> None:
    """Raises InputError if no object is in the answer: Argo CD would take that for "remove everything"."""
    if not any(map(_has_object, split(decode(data, "the manifests"), "the manifests"))):
        message = "the application has no manifests, and Argo CD would prune all that it applied before; add some, or delete it"
        raise input_error("empty", message)


def _has_object(document: Document) -> bool:
    identity = document.identity
    return identity is not None and (not identity[1].endswith("List") or bool(document.items()))
