"""`patch`: what the transformer would change in one workload, as a strategic merge patch."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, Finding, InputError, Place, has_errors, input_error
from gmsa_krm.inputs import fetch
from gmsa_krm.workloads.change import PodChange
from gmsa_krm.workloads.contents import filled_in
from gmsa_krm.workloads.pods import BUILT_IN, Workload
from gmsa_krm.workloads.transform import Known
from gmsa_krm.yaml import write
from gmsa_krm.yaml.overlay import Instead, Items
from gmsa_krm.yaml.read import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import WorkloadChange
    from gmsa_krm.outside import Outside
    from gmsa_krm.yaml.read import Node

_VERSIONS = {"": "v1", "apps": "apps/v1", "batch": "batch/v1"}


def patch(configs: list[tuple[LoadedConfig, Outside]], target: str, namespace: str) -> tuple[bytes, list[Finding]]:
    """The patch for `target` (KIND/NAME or KIND.VERSION.GROUP/NAME). Raises InputError."""
    prepared, findings = fetch(configs, [])
    if has_errors(findings):
        raise InputError(findings)
    api_version, group, kind, name = _parsed(target)
    paths = dict(BUILT_IN)
    for loaded, _ in configs:
        paths.update(
            {(it.api_group, it.kind): tuple(it.pod_template.split(".")) for it in loaded.config.spec.workload_kinds}
        )
    if (group, kind) not in paths:
        raise input_error(
            "unknown-kind",
            f"{kind} of group {group or 'core'} is no kind with a pod that is known; name it in spec.workloadKinds",
            field=target,
        )
    known = Known(prepared)
    changes = [
        change
        for loaded, _ in configs
        for change in loaded.config.spec.workloads
        if any(_could_match(match, kind, name, namespace) for match in change.match)
    ]
    if not changes:
        raise input_error(
            "no-matching-entry", "no entry of spec.workloads matches it; mend the match, or the name", field=target
        )
    pod = _stub(api_version, kind, name, namespace, paths[group, kind], group, changes)

    def say(severity: str, rule: str, message: str, at: Node | None, path: str) -> None:
        findings.append(Finding(severity, rule, message, Place(), f"{target}: {path}"))

    pod_change = PodChange(pod, known.approved, say)
    for change in changes:
        if not change.containers and (change.netlogon_restart is not None or change.token is not None):
            message = "names no containers, and a patch has to name those that get a hook or a token; list them"
            findings.append(Finding(ERROR, "patch-containers", message, Place(), f"{change.path}.containers"))
        if change.netlogon_restart is not None and change.netlogon_restart.on_existing_hook == "Keep":
            message = (
                "Keep is not to be had in a patch, which does not see what is there; use Replace or the transformer"
            )
            findings.append(
                Finding(ERROR, "patch-hook", message, Place(), f"{change.netlogon_restart.path}.onExistingHook")
            )
        pod_change.add(change, known.domains.get(change.credspec or "", ""))
    overlay = pod_change.overlay()
    if known.approved:
        overlay = filled_in(overlay, pod, known, say)
    if (group, kind) not in BUILT_IN and any(isinstance(value, Items) for value in overlay.values()):
        message = "is a custom resource, in which a strategic merge patch replaces lists whole; use the transformer for containers, hooks and tokens"
        findings.append(Finding(ERROR, "patch-custom-kind", message, Place(), target))
    if has_errors(findings):
        raise InputError(findings)
    replaces = any(
        it.netlogon_restart is not None and it.netlogon_restart.on_existing_hook == "Replace" for it in changes
    )
    data: Any = {"spec": _plain(overlay, pod, replaces)}
    for key in reversed(paths[group, kind]):
        data = {key: data}
    head: dict[str, Any] = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
    }
    return write.document({**head, **data}).encode(), findings


def _parsed(target: str) -> tuple[str, str, str, str]:
    """API version, group, kind and name."""
    kind, slash, name = target.partition("/")
    if not slash or not kind or not name:
        raise input_error("target", "is no KIND/NAME; write something like Deployment/web", field=target)
    kind, dot, rest = kind.partition(".")
    if dot:
        version, _, group = rest.partition(".")
        return f"{group}/{version}" if group else version, group, kind, name
    groups = [group for group, known in BUILT_IN if known == kind]
    if not groups:
        raise input_error(
            "target",
            f"{kind} is no kind of Kubernetes with a pod; give version and group too, like Rollout.v1alpha1.argoproj.io/{name}",
            field=target,
        )
    return _VERSIONS[groups[0]], groups[0], kind, name


def _could_match(match: Any, kind: str, name: str, namespace: str) -> bool:
    """Like the transformer's match, but for labels, which are not known here."""
    return (
        (not match.kinds or kind in match.kinds)
        and (not match.names or name in match.names)
        and (not match.namespaces or (namespace or "default") in match.namespaces)
    )


def _stub(
    api_version: str,
    kind: str,
    name: str,
    namespace: str,
    path: tuple[str, ...],
    group: str,
    changes: list[WorkloadChange],
) -> Node:
    """The pod's spec of a workload with nothing but the containers that the entries name."""
    containers = [
        {"name": container} for container in dict.fromkeys(it for change in changes for it in change.containers)
    ]
    spec: Any = {"spec": {"containers": containers}}
    for key in reversed(path):
        spec = {key: spec}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    root = parse(write.document({"apiVersion": api_version, "kind": kind, "metadata": metadata, **spec}))
    assert root is not None
    template: Node | None = root
    for key in path:
        template = template.get(key) if template is not None else None
    assert template is not None
    workload = Workload(root, group, path, template)
    assert workload.pod is not None
    return workload.pod


def _plain(overlay: dict[str, Any], pod: Node, replaces: bool) -> dict[str, Any]:
    """The overlay with lists of named entries, which a strategic merge patch finds by their names."""
    plain: dict[str, Any] = {}
    for key, value in overlay.items():
        if isinstance(value, Items):
            names = [item.string("name") for item in getattr(pod.get(key), "items", ())]
            changed = [{"name": names[index], **_plain(data, pod, replaces)} for index, data in value.changes.items()]
            plain[key] = [*changed, *value.more]
        elif isinstance(value, Instead):
            plain[key] = {"$patch": "replace", **value.data} if replaces else value.data
        elif isinstance(value, dict):
            plain[key] = _plain(value, pod, replaces)
        else:
            plain[key] = value
    return plain
