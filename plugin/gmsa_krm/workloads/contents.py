"""Mode Policy: what the webhook would write into a pod at admission is written into the workload when it is rendered."""

from __future__ import annotations

from gmsa_krm.workloads.change import merged
from gmsa_krm.workloads.checks import nearest, options_of
from gmsa_krm.yaml.overlay import Items, laid_over
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.workloads.change import Say
    from gmsa_krm.workloads.transform import Known
    from gmsa_krm.yaml.read import Node


def filled_in(overlay: dict[str, Any], node: Node, known: Known, say: Say) -> dict[str, Any]:
    """`overlay` with the contents of every credspec that the pod whose spec is `node` names once it is laid over."""
    before = data_of(node)
    pod = laid_over(before, overlay)
    for kind, index, holder in _holders(pod):
        options = options_of(holder)
        name, there = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
        path = f"{kind}[{index}].securityContext.windowsOptions" if kind else "securityContext.windowsOptions"
        if not isinstance(name, str) or name not in known.approved:
            continue  # said by the checks
        approved = known.approved[name]
        # contents that were written here for the name that stood there before may go with it
        own = known.approved.get(str(options_of(_holder(before, kind, index)).get("gmsaCredentialSpecName")), ())
        if not approved:
            message = f"names {name}, which is in existingCredspecs only, so its contents are not known; add it to credspecs (file takes its JSON)"
            field = f"{path}.gmsaCredentialSpecName"
            say("error", "unknown-contents", message, nearest(node, field), field)
        elif there and there not in own and not any(_same(there, text) for text in approved):
            message = f"differs from what the config says {name} is; remove gmsaCredentialSpec, it is written here"
            field = f"{path}.gmsaCredentialSpec"
            say("error", "foreign-contents", message, nearest(node, field), field)
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


def _holder(pod: dict[str, Any], kind: str, index: int) -> Any:
    return pod[kind][index] if kind else pod


def _same(given: Any, approved: str) -> bool:
    """The same as JSON: the policy wants the same text, which is written then."""
    from json import loads

    try:
        return bool(given == approved or loads(given) == loads(approved))
    except (ValueError, TypeError, RecursionError):
        return False
