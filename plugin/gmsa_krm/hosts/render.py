"""`render`: everything in apply order, as one stream."""

from __future__ import annotations

from gmsa_krm.yaml import write
from gmsa_krm.yaml.stream import Document, Identity, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.generate import Generated

# What others depend on: applied before anything of ours.
_FIRST = {"Namespace": 0, "CustomResourceDefinition": 1, "PriorityClass": 2, "ResourceQuota": 3, "LimitRange": 4}
# What calls back into the cluster: applied after everything it could stop.
_LAST = {"ValidatingWebhookConfiguration": 8, "MutatingWebhookConfiguration": 8, "APIService": 8}
# What pods refer to, before the pods.
_EARLY = {
    *("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "Service"),
    *("ConfigMap", "Secret", "StorageClass", "PersistentVolume", "PersistentVolumeClaim"),
}
OURS = 5


class Output:
    """A resource that goes out: its text or data, and where it stands in the apply order."""

    __slots__ = ("data", "identity", "rank", "secret", "source", "text")

    def __init__(self, identity: Identity, rank: int, source: str, data: Any = None, text: str | None = None):
        self.identity = identity
        self.rank = rank
        self.source = source
        self.data = data
        self.text = text
        self.secret = identity[1] == "Secret"

    def as_yaml(self) -> str:
        return self.text if self.text is not None else write.document(self.data)

    def as_data(self) -> Any:
        if self.text is None:
            return self.data
        from gmsa_krm.yaml.read import parse
        from gmsa_krm.yaml.values import data_of

        root = parse(self.text)
        assert root is not None
        return data_of(root)


def in_apply_order(outcome: Generated, documents: list[Document]) -> list[Output]:
    """What passes through and others depend on, then ours, then the rest: pods last but for other webhooks."""
    outputs = []
    standing = set()
    for made in outcome.objects:
        if made.in_list:
            continue  # comes out with the List
        kept = None if made.document is None or made.changed else documents[made.document].text
        standing.add(made.document)
        outputs.append(Output(made.identity, OURS, made.source, made.data, kept))
    for index, document in enumerate(documents):
        identity = document.identity
        if index not in standing and identity is not None:
            outputs.append(Output(identity, _rank(identity[1]), document.file, None, outcome.text_of(index, document)))
    outputs.sort(key=lambda output: output.rank)
    return outputs


def _rank(kind: str) -> int:
    if kind in _FIRST:
        return _FIRST[kind]
    return _LAST.get(kind, 6 if kind in _EARLY else 7)


def stream(outputs: list[Output], as_json: bool) -> bytes:
    if not as_json:
        return encoded([output.as_yaml() for output in outputs])
    return json_text({"apiVersion": "v1", "kind": "List", "items": [output.as_data() for output in outputs]})


def json_text(data: Any) -> bytes:
    return (write.json_of(data, indent=2) + "\n").encode()
