"""Mode Policy: what the webhook would write into a pod at admission is written into the workload when it is rendered."""

from __future__ import annotations

from gmsa_krm.workloads.change import merged
from gmsa_krm.yaml.overlay import Items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.workloads.change import Say
    from gmsa_krm.workloads.transform import Known
    from gmsa_krm.yaml.read import Node


def filled_in(overlay: dict[str, Any], pod: dict[str, Any], node: Node, known: Known, say: Say) -> dict[str, Any]:
    """`overlay` with the contents of every credspec that the pod names; `pod` is its spec with `overlay` laid over it."""
    for kind, index, holder in _holders(pod):
        options = _options(holder)
        name, there = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
        path = f"{kind}[{index}].securityContext.windowsOptions" if kind else "securityContext.windowsOptions"
        if not isinstance(name, str) or name not in known.approved:
            continue  # said by the checks
        approved = known.approved[name]
        if not approved:
            message = f"names {name}, which is in existingCredspecs only, so its contents are not known; add it to credspecs (file takes its JSON)"
            say("error", "unknown-contents", message, node, f"{path}.gmsaCredentialSpecName")
        elif there and there not in approved:
            message = f"differs from what the config says {name} is; remove gmsaCredentialSpec, it is written here"
            say("error", "foreign-contents", message, node, f"{path}.gmsaCredentialSpec")
        elif there != approved[0]:
            change: dict[str, Any] = {"securityContext": {"windowsOptions": {"gmsaCredentialSpec": approved[0]}}}
            overlay = merged(overlay, {kind: Items({index: change})} if kind else change)
    return overlay


def _holders(pod: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    yield "", 0, pod
    for kind in ("initContainers", "containers"):
        listing = pod.get(kind)
        for index, container in enumerate(listing if isinstance(listing, list) else ()):
            yield kind, index, container


def _options(holder: Any) -> dict[str, Any]:
    for key in ("securityContext", "windowsOptions"):
        holder = holder.get(key) if isinstance(holder, dict) else None
    return holder if isinstance(holder, dict) else {}
