"""The order in which objects are applied: one table for streams, files and Helm.

Objects that others depend on come first, then those that gmsa-krm emits, then the rest, such as workloads. Foreign
webhook configurations and API services are last, since they could block everything after them.
"""

from __future__ import annotations

from gmsa_krm.findings import Location, invalid
from gmsa_krm.yamltext import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.pipeline import Result
    from gmsa_krm.yamltext.stream import Document, Identity

EMITTED = 5
_EARLY = 6
_REST = 7
_LAST = 8

_RANKS = {
    "Namespace": 0,
    "CustomResourceDefinition": 1,
    "PriorityClass": 2,
    "ResourceQuota": 3,
    "LimitRange": 4,
    # objects that pods refer to
    **dict.fromkeys(("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), _EARLY),
    **dict.fromkeys(("NetworkPolicy", "Service", "ConfigMap", "Secret"), _EARLY),
    **dict.fromkeys(("StorageClass", "PersistentVolume", "PersistentVolumeClaim"), _EARLY),
    # objects that make the API server call a workload
    **dict.fromkeys(("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"), _LAST),
}
# Kinds that start no pod, so that they may be applied before the emitted objects.
STARTS_NO_POD = frozenset((*(kind for kind, rank in _RANKS.items() if rank != _LAST), "PodDisruptionBudget"))
# The kinds that gmsa-krm emits, in apply order; file names start with the position, counted from 10.
EMITTED_KINDS = (
    "Namespace",
    "CustomResourceDefinition",
    "GMSACredentialSpec",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "RoleBinding",
    "Issuer",
    "Certificate",
    "Secret",
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "DaemonSet",
    "Job",
)


class Output:
    """A resource of the output: its text or data, its rank in the apply order, and its source."""

    __slots__ = ("data", "identity", "rank", "source", "text")

    def __init__(self, identity: Identity, rank: int, source: str, data: Any = None, text: str | None = None) -> None:
        self.identity = identity
        self.rank = rank
        self.source = source
        self.data = data
        self.text = text

    def as_yaml(self) -> str:
        return self.text if self.text is not None else writer.document(self.data)

    def as_data(self) -> Any:
        """Plain data; a text is read as kubectl reads it."""
        if self.text is None:
            return self.data
        from gmsa_krm.yamltext.data import data_of
        from gmsa_krm.yamltext.nodes import parse

        root = parse(self.text)
        return None if root is None else data_of(root)

    def as_json_data(self) -> Any:
        """Plain data for JSON. Raises InputError for a text that kubectl refuses to read."""
        if self.text is None:
            return self.data
        from gmsa_krm.yamltext.data import json_data_of
        from gmsa_krm.yamltext.nodes import YamlError, parse

        try:
            root = parse(self.text)
            return None if root is None else json_data_of(root)
        except YamlError as error:
            raise invalid(
                "yaml", error.message, Location(self.source), f"{self.identity[1]}/{self.identity[3]}"
            ) from None


def in_apply_order(result: Result, documents: list[Document]) -> list[Output]:
    outputs = []
    emitted = set()
    for it in result.objects:
        if it.in_list:
            continue  # is written with the List
        text = None if it.document is None or it.is_changed else documents[it.document].text
        emitted.add(it.document)
        outputs.append(Output(it.identity, EMITTED, it.source, it.data, text))
    for index, document in enumerate(documents):
        identity = document.identity
        if index not in emitted and identity is not None:
            rank = _RANKS.get(identity[1], _REST)
            outputs.append(Output(identity, rank, document.file, None, result.text_of(index)))
    outputs.sort(key=lambda output: output.rank)
    return outputs
