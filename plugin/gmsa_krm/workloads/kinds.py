"""The kinds that contain a pod, and the workloads of a document."""

from __future__ import annotations

from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.config.model import Spec
    from gmsa_krm.findings import Report
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Identity

    # By API group and kind.
    Kinds = dict[tuple[str, str], "PodKind"]


class PodKind:
    """A kind that contains a pod. `path`: the keys that lead to the mapping with the pod's `metadata` and `spec`.

    `version` is empty for a kind from a config, which names no version.
    """

    __slots__ = ("group", "kind", "path", "version")

    def __init__(self, group: str, version: str, kind: str, path: tuple[str, ...]) -> None:
        self.group = group
        self.version = version
        self.kind = kind
        self.path = path

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_BUILT_IN = (
    PodKind("", "v1", "Pod", ()),
    PodKind("", "v1", "PodTemplate", ("template",)),
    PodKind("", "v1", "ReplicationController", ("spec", "template")),
    PodKind("apps", "v1", "DaemonSet", ("spec", "template")),
    PodKind("apps", "v1", "Deployment", ("spec", "template")),
    PodKind("apps", "v1", "ReplicaSet", ("spec", "template")),
    PodKind("apps", "v1", "StatefulSet", ("spec", "template")),
    PodKind("batch", "v1", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    PodKind("batch", "v1", "Job", ("spec", "template")),
)
# The names that kubectl takes for them, in lower case: kubectl api-resources.
_OTHER_NAMES = {
    "po": "Pod",
    "rc": "ReplicationController",
    "ds": "DaemonSet",
    "deploy": "Deployment",
    "rs": "ReplicaSet",
    "sts": "StatefulSet",
    "cj": "CronJob",
}
BUILT_IN: Kinds = {(it.group, it.kind): it for it in _BUILT_IN}


def known_kinds(specs: Iterable[Spec]) -> Kinds:
    """The kinds of Kubernetes and those that the configs add."""
    kinds = dict(BUILT_IN)
    for spec in specs:
        for it in spec.workload_kinds:
            kinds[it.api_group, it.kind] = PodKind(it.api_group, "", it.kind, tuple(it.pod_template.split(".")))
    return kinds


def kind_meant(name: str, kinds: Kinds) -> str | None:
    """The kind that is written otherwise: in another case, as a resource (`deployments`), or by its short name."""
    by_name = {kind.lower(): kind for _, kind in kinds}
    lower = name.lower()
    return _OTHER_NAMES.get(lower) or by_name.get(lower) or by_name.get(lower.removesuffix("s"))


class Workload:
    """An object that contains a pod. `root` is the object, `template` the mapping with the pod's `spec`, at `path`."""

    __slots__ = ("_labels", "kind", "name", "namespace", "path", "root", "template")

    def __init__(self, root: Node, path: tuple[str, ...], template: Node) -> None:
        metadata = root.get("metadata")
        self.root = root
        self.kind = root.string("kind")
        self.name = metadata.string("name") if metadata is not None else ""
        self.namespace = metadata.string("namespace") if metadata is not None else ""
        self.path = path
        self.template = template
        self._labels: dict[str, str] | None = None

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
        if self._labels is None:
            metadata = self.root.get("metadata")
            labels = metadata.get("labels") if metadata is not None else None
            entries = labels.entries() if labels is not None else ()
            self._labels = {key.text: value.text for key, value in entries if value.kind == SCALAR}
        return self._labels

    @property
    def identity(self) -> Identity:
        """API group, kind, namespace and name."""
        return self.root.string("apiVersion").rpartition("/")[0], self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


def kind_of(root: Node, kinds: Kinds) -> PodKind | None:
    """The kind of an object; None if it is not one with a pod."""
    return kinds.get((root.string("apiVersion").rpartition("/")[0], root.string("kind")))


def workload_of(root: Node, kinds: Kinds) -> Workload | None:
    """An object as a workload; None if it has no pod."""
    known = kind_of(root, kinds)
    template: Node | None = root
    for key in known.path if known is not None else ():
        template = template.get(key) if template is not None else None
    if known is None or template is None or template.kind != MAPPING:
        return None
    return Workload(root, known.path, template)


def objects_in(root: Node) -> Iterator[tuple[Node, list[Node]]]:
    """The objects of a document, each with the nodes that it is in: the root, and the entries of a list and of lists
    in it.
    """
    pending: list[tuple[Node, list[Node]]] = [(root, [])]
    while pending:
        it, above = pending.pop()
        if it.kind == MAPPING:
            yield it, above
            listed = it.listed
            if listed is not None:
                path = [*above, *it.path_to("items")]
                pending += [(item, path) for item in reversed(listed.items)]


def report_unnamed(root: Node, is_known: Callable[[tuple[str, str]], bool], report: Report) -> None:
    """Entries of a list without apiVersion and kind are errors if kubectl and Helm take them for objects that are read.

    These get the kind of the list without `List` (apimachinery, unstructured/helpers.go); Argo CD and kustomize refuse
    them. `is_known`: of an API group and kind.
    """
    listed = root.listed
    if listed is None:
        return
    kind = root.string("kind").removesuffix("List")
    if not kind or not is_known((root.string("apiVersion").rpartition("/")[0], kind)):
        return
    for index, entry in enumerate(listed.items):
        if entry.kind == MAPPING and not _has_text(entry, "apiVersion") and not _has_text(entry, "kind"):
            message = f"has no apiVersion and kind, so kubectl takes it for a {kind[:60]}, as the list says; write both"
            report.error("unusual-form", message, entry, f"items[{index}]")


def _has_text(entry: Node, key: str) -> bool:
    value = entry.get(key)
    return value is not None and value.kind == SCALAR and isinstance(text := data_of(value), str) and text != ""


def containers_of(pod: Node, *lists: str) -> Iterator[tuple[str, int, Node]]:
    """(`containers` or another of `lists`, index, container) of a pod's spec."""
    for key in lists:
        listing = pod.get(key)
        for index, container in enumerate(listing.items if listing is not None and listing.kind == SEQUENCE else ()):
            if container.kind == MAPPING:
                yield key, index, container
