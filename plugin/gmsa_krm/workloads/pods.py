"""Where the pods are in a document: its own, those of a List's items, and those of kinds that a config names."""

from __future__ import annotations

from gmsa_krm.config.fields import entries
from gmsa_krm.yaml.read import MAPPING, SCALAR, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.yaml.read import Node

# {(API group, kind): path of the object whose `spec` is a pod's and whose `metadata` the pod gets}
Paths = dict[tuple[str, str], tuple[str, ...]]

BUILT_IN: Paths = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}


class Workload:
    """An object with a pod in it. `root` is the object, `template` what holds the pod's `spec`, at `path`."""

    __slots__ = ("group", "kind", "name", "namespace", "path", "root", "template")

    def __init__(self, root: Node, group: str, path: tuple[str, ...], template: Node) -> None:
        metadata = root.get("metadata")
        self.root = root
        self.group = group
        self.kind = root.string("kind")
        self.name = metadata.string("name") if metadata is not None else ""
        self.namespace = metadata.string("namespace") if metadata is not None else ""
        self.path = path
        self.template = template

    @property
    def pod(self) -> Node | None:
        """The pod's spec."""
        spec = self.template.get("spec")
        return spec if spec is not None and spec.kind == MAPPING else None

    @property
    def field(self) -> str:
        """The path of the pod's spec, as a user would write it."""
        return ".".join((*self.path, "spec"))

    @property
    def labels(self) -> dict[str, str]:
        metadata = self.root.get("metadata")
        labels = metadata.get("labels") if metadata is not None else None
        if labels is None or labels.kind != MAPPING:
            return {}
        return {key.text: value.text for key, value in entries(labels) if value.kind == SCALAR}

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


def workloads_in(root: Node, paths: Paths) -> Iterator[Workload]:
    """The workloads of a document, those of a List and of the Lists in it included."""
    group = root.string("apiVersion").rpartition("/")[0]
    kind = root.string("kind")
    path = paths.get((group, kind))
    if path is None:
        items = root.get("items") if kind.endswith("List") else None
        for item in items.items if items is not None and items.kind == SEQUENCE else ():
            if item.kind == MAPPING:
                yield from workloads_in(item, paths)
        return
    template: Node | None = root
    for key in path:
        template = template.get(key) if template is not None else None
    if template is not None and template.kind == MAPPING:
        yield Workload(root, group, path, template)


def containers_of(pod: Node, *kinds: str) -> Iterator[tuple[str, int, Node]]:
    """(`containers` or another of `kinds`, index, container) of a pod's spec."""
    for kind in kinds or ("initContainers", "containers", "ephemeralContainers"):
        listing = pod.get(kind)
        for index, container in enumerate(listing.items if listing is not None and listing.kind == SEQUENCE else ()):
            if container.kind == MAPPING:
                yield kind, index, container
