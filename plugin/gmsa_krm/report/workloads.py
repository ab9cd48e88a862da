"""The gMSA workloads among plain objects, and the service accounts that they run as."""

from __future__ import annotations

from gmsa_krm.findings import ERROR
from gmsa_krm.report.nodes import ServiceAccount, Workload
from gmsa_krm.workloads.pod_data import containers, get, windows_options
from gmsa_krm.workloads.validate import service_account_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access.objects import Object
    from gmsa_krm.findings import Finding
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.workloads.kinds import Kinds

# Rules of errors that who-can decides by what the cluster has.
_KNOWN_BY_CLUSTER = ("service-account-not-covered", "unknown-credspec")
# Those by which a webhook or a policy refuses pods, where one checks them.
_OF_CONTENTS = ("contents-without-name", "credspec-case", "foreign-contents")
# What a workload says by itself if its pods are refused.
_SAID = (*_KNOWN_BY_CLUSTER, *_OF_CONTENTS)
_LISTS = ("initContainers", "containers", "ephemeralContainers")


class Pod:
    """An object with a pod: the pod's spec and labels, and what the object and its service account are called."""

    __slots__ = ("account", "is_controlled", "kind", "labels", "name", "namespace", "spec")

    def __init__(self, it: Object, kind: str, pod: Object, account: str, namespace: str) -> None:
        name, of = get(it, "metadata", "name"), get(it, "metadata", "namespace")
        self.kind = kind
        self.namespace = of if isinstance(of, str) and of else namespace
        self.name = name if isinstance(name, str) else ""
        self.account = account
        self.spec = pod["spec"]
        labels = get(pod, "metadata", "labels")
        self.labels: dict[str, str] = labels if isinstance(labels, dict) else {}
        self.is_controlled = _is_controlled(it)


def pods_of(objects: Iterable[Object], kinds: Kinds, namespace: str) -> Iterator[Pod]:
    """All pods, and those of controllers; `namespace`: of objects without one."""
    for it in objects:
        kind, version = it.get("kind"), it.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str):
            continue
        known = kinds.get((version.rpartition("/")[0], kind))
        pod = get(it, *known.path) if known is not None else None
        if isinstance(pod, dict) and isinstance(pod.get("spec"), dict):
            account = service_account_of(pod["spec"])[1]
            if isinstance(account, str):
                yield Pod(it, kind, pod, account, namespace)


def gmsa_workloads(pods: Iterable[Pod]) -> Iterator[tuple[Pod, Workload]]:
    """The gMSA workloads with their pods.

    What a controller made is left out, since the controller's object is there, too.
    """
    for it in pods:
        if it.is_controlled:
            continue
        holders = (it.spec, *(container for _, container in containers(it.spec, *_LISTS)))
        options = [windows_options(holder) for holder in holders]
        references = [(_text(each, "gmsaCredentialSpecName"), _text(each, "gmsaCredentialSpec")) for each in options]
        if any(map(any, references)):
            yield it, Workload(it.kind, it.namespace, it.name, [each for each in references if any(each)])


def add_unfit(graph: Graph, findings: Iterable[Finding], pods: Iterable[Pod]) -> list[Finding]:
    """Adds errors about workloads to these, and returns the findings that remain true.

    `pods`: of all objects, also of those without a gMSA. What only configs do not know, such as a binding or a
    credential spec of the cluster, is no error here.
    """
    wanted = {it.field.partition(": ")[0] for it in findings if it.severity == ERROR}
    if not wanted:
        return list(findings)
    by_name: dict[str, tuple[ServiceAccount, Workload]] = {}
    for node in graph.of_kind(ServiceAccount):
        for workload in node.workloads:
            for name in _names(workload):
                by_name.setdefault(name, (node, workload))
    for pod in pods:
        names = wanted.intersection(_names(pod)) - by_name.keys()
        if names:
            node = graph.node(ServiceAccount(pod.account, pod.namespace))
            node.workloads.append(Workload(pod.kind, pod.namespace, pod.name, ()))
            by_name.update(dict.fromkeys(names, (node, node.workloads[-1])))
    return [it for it in findings if _is_true(graph, it, by_name.get(it.field.partition(": ")[0]))]


def _names(of: Pod | Workload) -> tuple[str, str]:
    """As findings name it; a manifest need not have a namespace."""
    return f"{of.kind} {of.namespace}/{of.name}", f"{of.kind} {of.name}"


def _is_true(graph: Graph, finding: Finding, found: tuple[ServiceAccount, Workload] | None) -> bool:
    if found is None or finding.severity != ERROR:
        return True
    node, workload = found
    if finding.rule in _KNOWN_BY_CLUSTER and all(
        graph.access(node.namespace, node.name, name) and graph.is_known(name) for name in workload.credspecs
    ):
        return False
    if finding.rule in _OF_CONTENTS and not workload.is_checked:
        return False
    if finding.rule not in _SAID or not workload.is_refused:
        field = finding.field.partition(": ")[2]
        what = f"{field} {finding.message}" if field else finding.message
        workload.error(finding.rule, f"it cannot be rendered: {what}")
    return True


def _text(options: Object, key: str) -> str:
    value = options.get(key)
    return value if isinstance(value, str) else ""


def _is_controlled(it: Object) -> bool:
    owners = get(it, "metadata", "ownerReferences")
    return isinstance(owners, list) and any(isinstance(own, dict) and own.get("controller") is True for own in owners)
