"""Mode Policy: writes contents into workloads at render time, as the webhook does at admission."""

from __future__ import annotations

from gmsa_krm.workloads.pod_data import windows_options
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import ListPatch, apply_patch, merge_patches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.findings import Report
    from gmsa_krm.workloads.catalog import CredspecCatalog
    from gmsa_krm.workloads.pod_data import Data
    from gmsa_krm.yamltext.nodes import Node


def inject_contents(patch: Data, node: Node, catalog: CredspecCatalog, report: Report) -> Data:
    """`patch`, extended by the contents of every credspec that the pod with the spec `node` then names."""
    before = data_of(node)
    changes: Data = {}
    for key, index, holder in _holders(apply_patch(before, patch)):
        options = windows_options(holder)
        name, contents = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
        field = f"{key}[{index}].securityContext.windowsOptions" if key else "securityContext.windowsOptions"
        if not isinstance(name, str) or name not in catalog.approved:
            continue  # the validation reports it
        approved = catalog.approved[name]
        # Contents that an earlier run wrote for another name are replaced together with the name.
        earlier = catalog.approved.get(
            str(windows_options(_holder(before, key, index)).get("gmsaCredentialSpecName")), ()
        )
        if not approved:
            message = (
                f"names {name}, which is in existingCredspecs only, so its contents are not known; add it to credspecs"
                " (file takes its JSON)"
            )
            report.error("unknown-contents", message, field=f"{field}.gmsaCredentialSpecName")
        elif contents and contents not in earlier and not any(_is_same(contents, text) for text in approved):
            message = f"differs from {name} in the config; remove gmsaCredentialSpec, which is written here"
            report.error("foreign-contents", message, field=f"{field}.gmsaCredentialSpec")
        elif contents != approved[0]:
            change: Data = {"securityContext": {"windowsOptions": {"gmsaCredentialSpec": approved[0]}}}
            if key:
                changes.setdefault(key, ListPatch()).change[index] = change
            else:
                changes.update(change)
    return merge_patches(patch, changes)


def _holders(pod: Data) -> Iterator[tuple[str, int, Any]]:
    """(list of containers, or "" for the pod; index; what may have a securityContext)."""
    yield "", 0, pod
    for key in ("initContainers", "containers"):
        listing = pod.get(key)
        for index, container in enumerate(listing if isinstance(listing, list) else ()):
            yield key, index, container


def _holder(pod: Data, key: str, index: int) -> Any:
    return pod[key][index] if key else pod


def _is_same(contents: Any, approved: str) -> bool:
    """Whether both are equal as JSON. The policy compares texts, so the approved text replaces an equal one."""
    from json import loads

    try:
        return bool(contents == approved or loads(contents) == loads(approved))
    except (ValueError, TypeError, RecursionError):
        return False
