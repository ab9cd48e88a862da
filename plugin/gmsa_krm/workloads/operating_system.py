"""For which operating system a pod is, by what its spec says, and what the API server refuses in a Windows pod."""

from __future__ import annotations

from gmsa_krm.findings import InputError
from gmsa_krm.workloads.kinds import objects_in
from gmsa_krm.workloads.pod_data import OS_LABELS, containers, get
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.stream import KindFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.workloads.pod_data import Data
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

# What the API server refuses in a pod with os.name windows (core/validation, validateWindows and validatePodResources
# of Kubernetes 1.35 to 1.37): the first two unless they are false, the others if they are set at all.
_LINUX_ONLY_POD = ("hostPID", "hostIPC", "hostUsers", "shareProcessNamespace", "resources")
_LINUX_ONLY_POD_CONTEXT = (
    *("appArmorProfile", "seLinuxOptions", "seLinuxChangePolicy", "seccompProfile", "fsGroup", "fsGroupChangePolicy"),
    *("sysctls", "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy"),
)
_LINUX_ONLY_CONTEXT = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged"),
    *("allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"),
)
# Fields whose zero value counts as not set.
_UNSET_IF_EMPTY = ("hostPID", "hostIPC", "sysctls")

# The label that only Windows nodes have.
_BUILD_LABEL = "node.kubernetes.io/windows-build"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class Statement:
    """What a field says about the operating system: `text` continues the field's path, as in "os.name: is linux"."""

    __slots__ = ("field", "is_windows", "text")

    def __init__(self, field: str, text: str, *, is_windows: bool) -> None:
        self.field = field
        self.text = text
        self.is_windows = is_windows

    @property
    def is_misspelt(self) -> bool:
        """Whether it says Windows in another case."""
        return not self.is_windows and self.text.lower() == "is windows"


class RuntimeClasses:
    """The RuntimeClasses among the documents, which are read once a pod names one."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents
        self._selectors: dict[str, Data] | None = None

    def node_selector(self, name: object) -> Data:
        """The labels of the nodes that the class of that name is for; empty if that is unknown."""
        if not isinstance(name, str) or not name:
            return {}
        if self._selectors is None:
            self._selectors = dict(self._read())
        return self._selectors.get(name, {})

    def _read(self) -> Iterator[tuple[str, Data]]:
        kinds = KindFilter(("RuntimeClass",))
        for document in self._documents:
            if document.could_be(kinds) and document.mentions("RuntimeClass"):
                for it in _objects_of(document):
                    metadata = it.get("metadata")
                    scheduling = it.get("scheduling")
                    if metadata is not None and scheduling is not None and _is_runtime_class(it):
                        selector = get(data_of(scheduling), "nodeSelector")
                        yield metadata.string("name"), selector if isinstance(selector, dict) else {}


def _objects_of(document: Document) -> list[Node]:
    try:
        root = document.node
    except InputError:
        return []  # who needs the document reports it
    return [it for it, _ in objects_in(root)] if root is not None else []


def _is_runtime_class(node: Node) -> bool:
    return node.string("kind") == "RuntimeClass" and node.string("apiVersion").startswith("node.k8s.io/")


def statements(pod: Data, classes: RuntimeClasses) -> list[Statement]:
    """What the spec of a pod says about the operating system of its nodes, the plainest first."""
    found: list[Statement] = []
    name = get(pod, "os", "name")
    if name is not None:
        found.append(Statement("os.name", f"is {name}", is_windows=name == "windows"))
    for label, value in _labels_in(pod.get("nodeSelector")):
        is_windows = value == "windows" or label == _BUILD_LABEL
        found.append(Statement(f"nodeSelector.{label}", f"is {value}", is_windows=is_windows))
    systems = _required_systems(pod)
    if len(systems) == 1:
        (system,) = systems
        text = f"allows nodes with kubernetes.io/os: {system} only"
        found.append(Statement(f"affinity.nodeAffinity.{_REQUIRED}", text, is_windows=system == "windows"))
    runtime = pod.get("runtimeClassName")
    for label, value in _labels_in(classes.node_selector(runtime)):
        text = f"is {runtime}, a RuntimeClass for nodes with {label}: {value}"
        is_windows = value == "windows" or label == _BUILD_LABEL
        found.append(Statement("runtimeClassName", text, is_windows=is_windows))
    return found


def _labels_in(selector: Any) -> Iterator[tuple[str, Any]]:
    """The labels of a node selector that tell the operating system."""
    for label in (*OS_LABELS, _BUILD_LABEL):
        value = selector.get(label) if isinstance(selector, dict) else None
        if value is not None:
            yield label, value


def _required_systems(pod: Data) -> set[str]:
    """The systems of the nodes that the required node affinity allows: both, if it does not tell."""
    terms = get(pod, "affinity", "nodeAffinity", _REQUIRED, "nodeSelectorTerms")
    allowed: set[str] = set()
    for term in terms if isinstance(terms, list) else ():
        if get(term, "matchExpressions") or get(term, "matchFields"):  # a term without any matches no node
            allowed |= _systems_of(get(term, "matchExpressions"))
    return allowed or {"linux", "windows"}


def _systems_of(expressions: Any) -> set[str]:
    """The systems of the nodes that meet all expressions."""
    allowed = {"linux", "windows"}
    for expression in expressions if isinstance(expressions, list) else ():
        key, operator, values = (get(expression, it) for it in ("key", "operator", "values"))
        named = {str(value) for value in values} if isinstance(values, list) else set()
        if key in OS_LABELS and operator == "In":
            allowed &= named
        elif key in OS_LABELS and operator == "NotIn":
            allowed -= named
        elif key == _BUILD_LABEL and operator in ("In", "Exists", "Gt", "Lt"):
            allowed &= {"windows"}
    return allowed


def linux_only_fields(pod: Data) -> list[str]:
    """The paths of the fields that the API server refuses in a pod with os.name windows."""
    fields = list(_set_in(pod, _LINUX_ONLY_POD))
    fields += [f"securityContext.{key}" for key in _set_in(pod.get("securityContext"), _LINUX_ONLY_POD_CONTEXT)]
    for path, container in containers(pod, "initContainers", "containers", "ephemeralContainers"):
        context = container.get("securityContext")
        fields += [f"{path}securityContext.{key}" for key in _set_in(context, _LINUX_ONLY_CONTEXT)]
    return fields


def _set_in(holder: Any, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        value = holder.get(key) if isinstance(holder, dict) else None
        if value is not None and (value or key not in _UNSET_IF_EMPTY):
            yield key
