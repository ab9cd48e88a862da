"""The gMSA workloads among plain objects, and the service accounts that they run as."""

from __future__ import annotations

from gmsa_krm.findings import ERROR
from gmsa_krm.report.model import ServiceAccount, Workload
from gmsa_krm.workloads.pod_data import containers, get, windows_options
from gmsa_krm.workloads.validate import service_account_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access.objects import Object
    from gmsa_krm.findings import Finding
    from gmsa_krm.report.model import Graph
    from gmsa_krm.workloads.kinds import Kinds

# Rules of errors that who-can decides by what the cluster has.
_KNOWN_BY_CLUSTER = ("service-account-not-covered", "unknown-credspec")
# And those that a workload says by itself if its pods are refused.
_SAID = (*_KNOWN_BY_CLUSTER, "contents-without-name", "credspec-case", "foreign-contents")
_LISTS = ("initContainers", "containers", "ephemeralContainers")


def gmsa_workloads(objects: Iterable[Object], kinds: Kinds, namespace: str) -> Iterator[tuple[str, Workload]]:
    """The name of the service account, and the workload; `namespace`: of objects without one.

    What a controller made is left out, since the controller's object is there, too.
    """
    for it in objects:
        kind, version = it.get("kind"), it.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str):
            continue
        known = kinds.get((version.rpartition("/")[0], kind))
        if known is None or _is_controlled(it):
            continue
        pod = get(it, *known.path, "spec")
        if isinstance(pod, dict):
            found = _workload(it, kind, pod, namespace)
            account = service_account_of(pod)[1]
            if found is not None and isinstance(account, str):
                yield account, found


def service_accounts(objects: Iterable[Object], kinds: Kinds, namespace: str) -> Iterator[tuple[str, str]]:
    """Namespace and name of each service account that exists, or that a pod runs as."""
    for it in objects:
        kind, version = it.get("kind"), it.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str):
            continue
        group = version.rpartition("/")[0]
        known = kinds.get((group, kind))
        name = None
        if known is not None:
            pod = get(it, *known.path, "spec")
            name = service_account_of(pod)[1] if isinstance(pod, dict) else None
        elif (group, kind) == ("", "ServiceAccount"):
            name = get(it, "metadata", "name")
        if isinstance(name, str):
            of = get(it, "metadata", "namespace")
            yield of if isinstance(of, str) and of else namespace, name


def add_unfit(graph: Graph, findings: Iterable[Finding]) -> list[Finding]:
    """Adds errors about workloads to these, and returns the findings that remain true.

    What only configs do not know, such as a binding or a credential spec of the cluster, is no error here.
    """
    by_name: dict[str, tuple[ServiceAccount, Workload]] = {}
    for node in graph.of_kind(ServiceAccount):
        for it in node.workloads:
            by_name[f"{it.kind} {it.namespace}/{it.name}"] = node, it
            by_name.setdefault(f"{it.kind} {it.name}", (node, it))  # of a manifest without a namespace
    return [it for it in findings if _is_true(graph, it, by_name.get(it.field.partition(": ")[0]))]


def _is_true(graph: Graph, finding: Finding, found: tuple[ServiceAccount, Workload] | None) -> bool:
    if found is None or finding.severity != ERROR:
        return True
    node, workload = found
    if finding.rule in _KNOWN_BY_CLUSTER and all(
        graph.access(node.namespace, node.name, name) and graph.is_known(name) for name in workload.credspecs
    ):
        return False
    if finding.rule not in _SAID or not workload.is_refused:
        workload.error(finding.rule, f"it cannot be rendered: {finding.message}")
    return True


def _workload(it: Object, kind: str, pod: Object, namespace: str) -> Workload | None:
    options = [windows_options(pod), *(windows_options(container) for _, container in containers(pod, *_LISTS))]
    references = [(_text(it, "gmsaCredentialSpecName"), _text(it, "gmsaCredentialSpec")) for it in options]
    references = [it for it in references if any(it)]
    if not references:
        return None
    name, of = get(it, "metadata", "name"), get(it, "metadata", "namespace")
    namespace = of if isinstance(of, str) and of else namespace
    return Workload(kind, namespace, name if isinstance(name, str) else "", references)


def _text(options: Object, key: str) -> str:
    value = options.get(key)
    return value if isinstance(value, str) else ""


def _is_controlled(it: Object) -> bool:
    owners = get(it, "metadata", "ownerReferences")
    return isinstance(owners, list) and any(isinstance(own, dict) and own.get("controller") is True for own in owners)
