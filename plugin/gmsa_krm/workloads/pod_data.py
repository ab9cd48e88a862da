"""A pod's spec as plain data, and the positions of its fields in the text."""

from __future__ import annotations

from gmsa_krm.findings import Location, Report
from gmsa_krm.yamltext.nodes import SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.findings import Finding, HasPosition, Issue
    from gmsa_krm.workloads.kinds import Workload
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    Data = dict[str, Any]

# The labels of nodes that tell the operating system; the kubelet sets the older one to this day.
OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")


class PodReport(Report):
    """The report about one workload's pod. A finding without a location gets that of its field or nearest parent."""

    def __init__(self, document: Document, workload: Workload, findings: list[Finding]) -> None:
        super().__init__(document.file, document.line, prefix=f"{workload}: {workload.field}", findings=findings)
        self._pod = workload.pod or workload.root
        self._reported: set[tuple[str, str]] = set()
        self._skips_reported = False

    def skip_reported(self) -> None:
        """From now on, skips repeated findings of a rule about a field: what could not be changed is also invalid."""
        self._skips_reported = True

    def add(self, issue: Issue, where: HasPosition | Location | None = None, field: str = "") -> None:
        key = issue[1], field
        if not (self._skips_reported and key in self._reported):
            self._reported.add(key)
            super().add(issue, where or nearest(self._pod, field), field)


def containers(pod: Data, *lists: str) -> Iterator[tuple[str, Data]]:
    """(path prefix such as `containers[0].`, container) of the lists."""
    for key in lists:
        listing = pod.get(key)
        for index, container in enumerate(listing if isinstance(listing, list) else ()):
            if isinstance(container, dict):
                yield f"{key}[{index}].", container


def windows_options(holder: Any) -> Data:
    """The Windows options of a pod's spec or a container."""
    found = get(holder, "securityContext", "windowsOptions")
    return found if isinstance(found, dict) else {}


def get(data: Any, *keys: str) -> Any:
    """The value at a path of keys, or None."""
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def nearest(node: Node, path: str) -> Node:
    """The deepest existing node on a path: added fields have no node."""
    before, is_label, label = path.partition("nodeSelector.")
    keys = before.replace("]", "").replace("[", ".").rstrip(".").split(".") if before else []
    for key in [*keys, "nodeSelector", label] if is_label else keys:
        if node.kind == SEQUENCE:
            following = node.items[int(key)] if key.isdigit() and int(key) < len(node.items) else None
        else:
            following = node.get(key)
        if following is None:
            break
        node = following
    return node
