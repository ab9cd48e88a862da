"""One application of Argo CD: its folder, and what its environment says of it."""

from __future__ import annotations

from gmsa_krm.findings import input_error
from gmsa_krm.hosts.argocd.folder import (
    HELM,
    KUSTOMIZE,
    MANIFESTS,
    config_files,
    configs_of,
    kind_of,
    manifest_files,
    repository,
)
from gmsa_krm.hosts.argocd.parameters import VARIABLE, Parameters, read_parameters
from gmsa_krm.outside import OVERRIDES, Outside
from gmsa_krm.yaml.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HELM", "KUSTOMIZE", "MANIFESTS", "Application", "refuse_empty"]

class Application:
    """`environ` is that of the programs that work for it, with the overrides of its parameters.

    Raises InputError where the parameters are wrong.
    """

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.kind = kind_of(folder)
        self.namespace = environ.get("ARGOCD_APP_NAMESPACE", "")
        self.environ = dict(environ)
        self._root = repository(folder, environ.get("ARGOCD_APP_SOURCE_PATH", ""))
        self._parameters = Parameters()
        if environ.get(VARIABLE):
            self._parameters = read_parameters(environ[VARIABLE], Outside(folder, environ))
            if self._parameters.overrides:
                from gmsa_krm.config.overrides import encoded

                self.environ[OVERRIDES] = encoded(self._parameters.overrides)

    def manifests(self) -> list[str]:
        return manifest_files(self.folder)

    def configs(self) -> list[str]:
        """The GMSAConfigs beside a chart."""
        return config_files(self.folder)

    def kustomize_build(self, install: Callable[[str], object]) -> bytes:
        from gmsa_krm.hosts.argocd.programs import kustomize_build

        return kustomize_build(self.folder, self._root, configs_of(self.folder, self._root), self.environ, install)

    def helm_template(self) -> bytes:
        from gmsa_krm.hosts.argocd.programs import helm_template

        return helm_template(self.folder, self._root, self._parameters, self.environ)


def refuse_empty(data: bytes) -> None:
    """Raises InputError if no object is in the answer: Argo CD would take that for "remove everything"."""
    if not any(document.identity for document in split(decode(data, "the manifests"), "the manifests")):
        message = "the application has no manifests, and Argo CD would prune all that it applied before; add some, or delete it"
        raise input_error("empty", message)
