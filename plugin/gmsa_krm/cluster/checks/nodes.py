"""The Windows nodes: there are some, their versions can do gMSA, and the workloads may be scheduled on one."""

from __future__ import annotations

import re

from gmsa_krm.cluster.live import TEMPLATE_LISTS, pods_of, workloads_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import count, some
from gmsa_krm.workloads.pod_data import OS_LABELS, get

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

    Object = dict[str, Any]

_BUILD = 17763  # Windows Server 2019
_CONTAINERD = (1, 6)  # the first with HostProcess containers
# Of a node that comes or goes, or is cordoned: no workload is expected to tolerate them.
_TRANSIENT = (
    *("not-ready", "unreachable", "unschedulable", "memory-pressure", "disk-pressure", "pid-pressure"),
    *("network-unavailable", "out-of-service"),
)
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


def windows_nodes(view: View) -> list[Object]:
    """Raises CouldNotLookError."""
    return [it for it in view.items("nodes") if _is_windows(it)]


def _is_windows(node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    return get(node, "status", "nodeInfo", "operatingSystem") == "windows" or any(
        labels.get(it) == "windows" for it in OS_LABELS
    )


def _run_none(view: View, wanted: Wanted, found: Found) -> None:
    nodes = windows_nodes(view)
    if nodes:
        found.holds(f"{count(len(nodes), 'Windows node')}")
    else:
        message = "the cluster has no Windows node to run pods with a gMSA; add one, unless an autoscaler does so"
        found.problem("", message)


def _run_build(view: View, wanted: Wanted, found: Found) -> None:
    old: dict[str, list[str]] = {}
    nodes = windows_nodes(view)
    for it in nodes:
        info = get(it, "status", "nodeInfo") or {}
        version = re.match(r"10\.0\.([0-9]{4,6})", str(info.get("kernelVersion")))
        if version and int(version[1]) < _BUILD:
            old.setdefault(version[1], []).append(it["metadata"]["name"])
    for build, names in sorted(old.items()):
        message = (
            f"{'has' if len(names) == 1 else 'have'} the Windows build {build}, but gMSA on Kubernetes needs {_BUILD}"
            f" (Windows Server 2019) or newer; replace {'it' if len(names) == 1 else 'them'}"
        )
        found.problem(_about(names), message)
    if nodes and not old:
        found.holds(f"the Windows nodes have build {_BUILD} or newer")


def _about(names: list[str]) -> str:
    return f"Node{'' if len(names) == 1 else 's'} {some(names)}"


def _run_containerd(view: View, wanted: Wanted, found: Found) -> None:
    old: dict[str, list[str]] = {}
    nodes = windows_nodes(view)
    for it in nodes:
        text = str(get(it, "status", "nodeInfo", "containerRuntimeVersion"))
        version = re.match(r"containerd://v?([0-9]{1,3})\.([0-9]{1,3})", text)
        if version and (int(version[1]), int(version[2])) < _CONTAINERD:
            old.setdefault(text.removeprefix("containerd://"), []).append(it["metadata"]["name"])
    for text, names in sorted(old.items()):
        message = (
            f"{'has' if len(names) == 1 else 'have'} containerd {text}, which cannot run HostProcess containers (1.6"
            " can); upgrade containerd"
        )
        found.problem(_about(names), message)
    if nodes and not old:
        found.holds("the container runtimes of the Windows nodes are new enough")


def _run_taints(view: View, wanted: Wanted, found: Found) -> None:
    """A workload of which a pod runs is skipped: something has added what its template lacks."""
    nodes = windows_nodes(view)
    if not nodes:
        return
    placed = {(it.namespace, it.owner) for it in pods_of(view) if it.spec.get("nodeName")}
    schedulable = 0
    for it in workloads_of(view):
        if (it.namespace, it.owner) in placed:
            schedulable += 1
            continue
        selector = it.spec.get("nodeSelector") or {}
        fitting = [node for node in nodes if selector.items() <= (node["metadata"].get("labels") or {}).items()]
        keeping_away = [_untolerated(node, it.spec.get("tolerations") or []) for node in fitting]
        if not fitting:
            lacking = some(f"{key}: {value}" for key, value in sorted(selector.items()))
            message = f"has the nodeSelector {lacking}, but no Windows node has these labels; fix it, or label a node"
            found.problem(it.about, message)
        elif all(keeping_away):
            taint = keeping_away[0]
            message = (
                f"does not tolerate {_shown(taint)}, so no Windows node"
                f"{' that its nodeSelector selects' if len(fitting) < len(nodes) else ''} runs its pods; add the"
                f" toleration {{key: {taint.get('key')}, operator: Exists, effect: {taint.get('effect')}}}"
            )
            found.problem(it.about, message)
        else:
            schedulable += 1
    if schedulable and not found.problems:
        found.holds(f"{count(schedulable, 'workload')} with a credential spec: a Windows node may run it")


def _untolerated(node: Object, tolerations: list[Object]) -> Object:
    """The first taint that keeps a pod away; empty if none does."""
    for taint in get(node, "spec", "taints") or []:
        key = str(taint.get("key"))
        if taint.get("effect") not in _KEEPS_AWAY or key in {f"node.kubernetes.io/{it}" for it in _TRANSIENT}:
            continue
        if not any(_tolerates(it, taint) for it in tolerations):
            found: Object = taint
            return found
    return {}


def _tolerates(toleration: Object, taint: Object) -> bool:
    """As the API server's helper ToleratesTaint (api/core/v1/toleration.go)."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _shown(taint: Object) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"the taint {taint.get('key')}{value}:{taint.get('effect')}"


_GROUP = "nodes"
CHECKS = (
    Check("missing-windows-node", WARNING, _GROUP, _run_none, lists=("nodes",)),
    Check("old-windows-build", ERROR, _GROUP, _run_build, lists=("nodes",)),
    Check("old-containerd", WARNING, _GROUP, _run_containerd, lists=("nodes",)),
    Check("unschedulable-workload", WARNING, _GROUP, _run_taints, lists=("nodes", "pods", *TEMPLATE_LISTS)),
)
