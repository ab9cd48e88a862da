"""A pod's spec as plain data, and the positions of its fields in the text."""

from __future__ import annotations

from gmsa_krm.yamltext.paths import FieldReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.findings import Finding, HasPosition, Issue, Location
    from gmsa_krm.workloads.kinds import Workload
    from gmsa_krm.yamltext.stream import Document

    Data = dict[str, Any]

# The labels of nodes that tell the operating system; the kubelet sets the older one to this day.
OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")


class PodReport(FieldReport):
    """The report about one workload's pod."""

    def __init__(self, document: Document, workload: Workload, findings: list[Finding]) -> None:
        prefix = f"{workload}: {workload.field}"
        root = workload.pod or workload.root
        super().__init__(root, document.file, document.line, prefix=prefix, findings=findings)
        self._reported: set[tuple[str, str]] = set()
        self._skips_reported = False

    def skip_reported(self) -> None:
        """From now on, skips repeated findings of a rule about a field: what could not be changed is also invalid."""
        self._skips_reported = True

    def add(self, issue: Issue, where: HasPosition | Location | None = None, field: str = "") -> None:
        key = issue[1], field
        if not (self._skips_reported and key in self._reported):
            self._reported.add(key)
            super().add(issue, where, field)


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
