"""Settings of the Windows nodes."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, string
from gmsa_krm.config.kubernetes_value import TOLERATION, check_tolerations, kubernetes_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.findings import Report


class Nodes(Section):
    """Settings of the Windows nodes, applied by HostProcess containers."""

    smb_compartment_namespace: bool = boolean(
        "Set EnableCompartmentNamespace, without which pods with a gMSA reach SMB shares by address only.",
        default=False,
    )
    namespace: str = string(
        "Namespace of the DaemonSet, at Pod Security level privileged.",
        default="gmsa-nodes",
        check=values.label_name,
    )
    image: str = string(
        "Image of the DaemonSet. It needs no files, since HostProcess containers run the node's programs.",
        default="mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0",
        check=values.image,
    )
    tolerations: list[dict[str, Any]] = kubernetes_value(
        "Tolerations of the DaemonSet's pods. Default: all taints, so that it runs on every Windows node.",
        [TOLERATION],
        default=({"operator": "Exists"},),
    )

    def check(self, report: Report) -> None:
        if self.smb_compartment_namespace and values.is_of_kubernetes(self.namespace):
            message = (
                f"{self.namespace} belongs to Kubernetes, and the emitted namespace lowers Pod Security to privileged;"
                " choose another namespace"
            )
            report.error("shared-namespace", message, self.at("namespace"), f"{self.path}.namespace")
        check_tolerations(self.tolerations, self.at("tolerations"), f"{self.path}.tolerations", report)
