"""What configs ask the cluster for: their objects, and who may use which credential spec."""

from __future__ import annotations

from functools import cached_property

from gmsa_krm.access import Rbac
from gmsa_krm.access.objects import RBAC_GROUP
from gmsa_krm.yamltext.data import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.cluster.config_certificates import ConfigCertificates
    from gmsa_krm.credspecs.model import CredentialSpec
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding
    from gmsa_krm.reconcile import Emitted
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.stream import Document

    Object = dict[str, Any]


class Wanted:
    """`configs` and the objects that they emit; both empty where the cluster is taken as it is.

    `environments`: of each config, what it may read; `certificates`: theirs. `documents`: the manifests beside them.
    `snapshot`: what Active Directory knows, from --ad; `directory_findings`: the findings about configs and manifests
    that a snapshot adds. `in_pod`: whether programs may be run in pods. `now`: seconds since 1970.
    """

    def __init__(
        self,
        configs: list[Resolved],
        emitted: Iterable[Emitted],
        *,
        now: int,
        environments: Iterable[Environment] = (),
        certificates: ConfigCertificates | None = None,
        snapshot: Snapshot | None = None,
        documents: Iterable[Document] = (),
        directory_findings: Iterable[Finding] = (),
        in_pod: bool = False,
    ) -> None:
        self.configs = configs
        self.environments = list(environments)
        self._certificates = certificates
        self.objects: list[Object] = [it.data for it in emitted]
        self.now = now
        self.snapshot = snapshot
        self.directory_findings = list(directory_findings)
        self.in_pod = in_pod
        self._documents = documents

    @property
    def is_given(self) -> bool:
        """Whether there are configs to compare the cluster with."""
        return bool(self.configs)

    @property
    def certificate_errors(self) -> list[Finding]:
        """What keeps configs from having a certificate."""
        return self._certificates.errors if self._certificates is not None else []

    def knows_certificate(self, config: Resolved) -> bool:
        """Whether the config's certificate can be compared with the cluster's."""
        return self._certificates is not None and self._certificates.is_known(config.spec.webhook)

    def of_kind(self, kind: str) -> list[Object]:
        return [it for it in self.objects if it["kind"] == kind]

    @cached_property
    def credspecs(self) -> dict[str, CredentialSpec]:
        """The credential specs of the configs, by the name of their GMSACredentialSpec."""
        return {it.name: it.spec for config in self.configs for it in config.credspecs}

    @cached_property
    def existing_credspecs(self) -> list[str]:
        """The credential specs that the configs expect in the cluster."""
        names = (name for config in self.configs for name in config.spec.existing_credspecs)
        return sorted(set(names) - self.credspecs.keys())

    @property
    def has_policy(self) -> bool:
        """Whether a config is in mode Policy, which is for all configs of a cluster."""
        return any(it.spec.admission.mode == "Policy" for it in self.configs)

    @cached_property
    def is_filled_in(self) -> bool:
        """Whether the contents of pods are filled in at admission, and not when a workload is rendered."""
        return not self.has_policy or bool(self.of_kind("MutatingAdmissionPolicy"))

    @cached_property
    def rbac(self) -> Rbac:
        """The roles and bindings of the configs, and those among the manifests beside them."""
        return Rbac([*self._objects_beside(), *self.objects])

    def _objects_beside(self) -> Iterator[Object]:
        for document in self._documents:
            for it in document.items() or (document,):
                if it.identity is not None and it.identity[0] == RBAC_GROUP and it.node is not None:
                    yield data_of(it.node)
            document.forget()
