"""Host names that several pods with one gMSA share.

A domain controller tells the pods of an account apart by their host names, of which Windows takes 15 characters: of two
that talk to it at once under one name, the first loses its secure channel.
"""

from __future__ import annotations

from gmsa_krm.yamltext.data import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.findings import Report
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.workloads.kinds import Workload
    from gmsa_krm.workloads.pod_data import Data
    from gmsa_krm.yamltext.nodes import Node

_NETBIOS = 15


class HostNames:
    """The host names of the pods with a gMSA in one run."""

    def __init__(self, configs: Iterable[Resolved]) -> None:
        webhooks = [it.spec.webhook for it in configs if it.spec.admission.mode == "Webhook"]
        self._has_webhook = bool(webhooks)
        self._is_random = any(it.random_hostname for it in webhooks)
        # By credspec and the characters that Windows takes: kind and name of the first workload, and both as text.
        self._first: dict[tuple[str, str], tuple[str, str, str]] = {}

    def check(self, workload: Workload, pod: Data, named: set[str], report: Report) -> None:
        """`pod`: the spec of the workload's pod with all changes; `named`: the credspecs that it names."""
        is_numbered = _is_numbered(workload)
        field, fixed = _fixed_name(pod, is_numbered=is_numbered)
        if fixed:
            self._check_number(workload, field, fixed, report)
        elif is_numbered:
            _check_numbered(workload, report)
        elif self._is_random:
            return
        name = fixed or workload.name
        # The names of other pods go on with a hash or a number.
        if not fixed and workload.kind != "Pod" and len(name) < _NETBIOS:
            return
        own = workload.kind, workload.name, str(workload)
        for credspec in sorted(named):
            *first, shown = self._first.setdefault((credspec, name[:_NETBIOS].lower()), own)
            # The same workload for another environment is in a repository too.
            if first != [workload.kind, workload.name]:
                can_be_random = self._has_webhook and not fixed and not is_numbered
                cure = "rename the workload, or set webhook.randomHostname" if can_be_random else "rename the workload"
                message = (
                    f"{name} becomes the host name {name[:_NETBIOS].upper()}, since Windows keeps {_NETBIOS}"
                    f" characters, and so does {shown}, which also uses {credspec};"
                    f" {'give another one within 15 characters' if fixed else cure}"
                )
                report.warning("equal-host-names", message, field=field)
                return

    def _check_number(self, workload: Workload, field: str, name: str, report: Report) -> None:
        number = _number_of_pods(workload)
        if number:
            more = ", then the webhook sets a random one" if self._is_random else ""
            message = (
                f"is {name} for {number}, but the pods of a gMSA need different host names, or their secure channels"
                f" break; remove it{more}"
            )
            report.warning("shared-host-name", message, field=field)


def _is_numbered(workload: Workload) -> bool:
    """Whether the controller gives each pod a host name: that of the workload and a number. The webhook keeps it."""
    if workload.kind == "StatefulSet":
        return True
    path = {"Job": ("spec",), "CronJob": ("spec", "jobTemplate", "spec")}.get(workload.kind, ())
    return bool(path) and _value_at(workload, *path, "completionMode") == "Indexed"


def _check_numbered(workload: Workload, report: Report) -> None:
    name = workload.name
    number = _number_of_pods(workload)
    if number and len(name) >= _NETBIOS - 1:
        message = (
            f"gives all of its {number} the host name {name[:_NETBIOS].upper()}, since Windows keeps {_NETBIOS}"
            f" characters of {name}-0, but the pods of a gMSA need different host names, or their secure channels"
            " break; shorten the name of the workload"
        )
        report.warning("shared-host-name", message)


def _fixed_name(pod: Data, *, is_numbered: bool) -> tuple[str, str]:
    """The field that sets the host name, and the host name; "" if none does."""
    for field in ("hostnameOverride",) if is_numbered else ("hostnameOverride", "hostname"):
        value = pod.get(field)
        if isinstance(value, str) and value:
            return field, value
    return "", ""


def _number_of_pods(workload: Workload) -> str:
    """How many pods the workload runs at once, as text; "" if it is one, or if it is unknown."""
    if workload.kind == "DaemonSet":
        return "the pods of all nodes"
    path = {
        "Job": ("spec", "parallelism"),
        "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
    }.get(workload.kind, ("spec", "replicas"))
    number = _value_at(workload, *path)
    return f"{number} pods" if isinstance(number, int) and number > 1 else ""


def _value_at(workload: Workload, *path: str) -> Any:
    node: Node | None = workload.root
    for key in path:
        node = node.get(key) if node is not None else None
    return data_of(node) if node is not None else None
