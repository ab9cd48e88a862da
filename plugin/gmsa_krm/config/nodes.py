"""Settings of the Windows nodes."""

from __future__ import annotations

import re

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, string, strings
from gmsa_krm.config.kubernetes_value import TOLERATION, check_tolerations, kubernetes_value
from gmsa_krm.findings import error_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.findings import Issue, Report


COMPUTER = r'(?:[^\\\s]{1,15}\\)?[^\\/:*?"<>|.,\s@$]{1,15}'


def computer(text: str) -> Iterable[Issue]:
    """The sAMAccountName of a computer without its $, with or without the NetBIOS name of its domain."""
    if re.fullmatch(COMPUTER, text):
        return
    name = re.sub(r"\$$", "", text.rpartition("\\")[2].partition(".")[0])[:15]
    meant = f", such as {name}" if re.fullmatch(r"[-A-Za-z0-9]{1,15}", name) else ""
    message = (
        f"{text!a} is not the name of a computer: at most 15 characters, no domain after a dot, no $; give it{meant}"
    )
    yield error_issue("computer-name", message)


class Nodes(Section):
    """The Windows nodes, and their settings, which HostProcess containers apply."""

    hosts: list[str] = strings(
        "Computer accounts of the Windows nodes, without the trailing $; DOMAIN\\\\name in another domain. With a"
        " snapshot in activeDirectory it is checked that they may fetch the passwords of the gMSAs.",
        each="A computer's name, at most 15 characters.",
        check=computer,
        examples=("NODE1",),
    )
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
