"""`who-can`: who may become which AD account, what that may do, and who may fetch its password."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.findings import ExternalError, Location, UsageError, has_errors, invalid
from gmsa_krm.report.build import build
from gmsa_krm.report.narrow import around
from gmsa_krm.report.nodes import Account, ServiceAccount, ServiceAccounts
from gmsa_krm.report.workloads import add_unfit, pods_of
from gmsa_krm.workloads.kinds import known_kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.arguments import Options
    from gmsa_krm.findings import Finding
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Node
    from gmsa_krm.report.since import Changes
    from gmsa_krm.workloads.kinds import Kinds
    from gmsa_krm.yamltext.stream import Document

    Object = dict[str, Any]

# The modules in `report.formats` by the names of the formats.
FORMATS = {
    "table": "table",
    "json": "json_format",
    "markdown": "markdown",
    "html": "html",
    "svg": "svg",
    "dot": "dot",
    "mermaid": "mermaid",
    "opengraph": "opengraph",
}
_MAX_REPORT = 256 * 1024 * 1024
# What the picture is made of in a live cluster, by the plural of its kind.
_LISTS = (
    *("namespaces", "gmsacredentialspecs", "clusterroles", "clusterrolebindings", "roles", "rolebindings"),
    *("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
    *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
    *("pods", "deployments", "daemonsets", "statefulsets", "jobs", "cronjobs"),
)


class Sources:
    """What the picture is made of. `objects`: plain data, of which the last of one identity counts."""

    __slots__ = ("findings", "has_config", "is_live", "kinds", "objects", "snapshots")

    def __init__(
        self,
        objects: list[Object],
        kinds: Kinds,
        snapshots: list[Snapshot],
        findings: list[Finding],
        *,
        is_live: bool,
        has_config: bool = False,
    ) -> None:
        self.objects = objects
        self.kinds = kinds
        self.snapshots = snapshots
        self.findings = findings
        self.is_live = is_live
        self.has_config = has_config


def run(options: Options) -> int:
    if options.fail_on_new and options.since is None:
        raise UsageError("--fail-on-new needs --since FILE, the report to compare with")
    is_live = options.context is not None or options.kubeconfig is not None
    if not is_live and not options.path:
        raise UsageError(
            "give files, or --context NAME for a live cluster; kubectl config current-context prints that of the"
            " current one"
        )
    sources = _sources(options, _objects_of_cluster(options) if is_live else None)
    if options.ad is not None:
        sources.snapshots = [_snapshot(options.ad)]
    whole = build(
        sources.objects,
        sources.snapshots,
        sources.kinds,
        is_live=sources.is_live,
        has_config=sources.has_config,
    )
    whole.sources = _names(options, is_live=is_live)
    findings = add_unfit(whole, sources.findings, pods_of(sources.objects, sources.kinds, "default"))
    graph = _narrowed(whole, options)
    changes = _changes(graph, options.since) if options.since is not None else None
    module = __import__(f"gmsa_krm.report.formats.{FORMATS[options.format]}", fromlist=["render"])
    text = module.render(graph, changes)
    console.print_findings(findings, quiet=options.quiet)
    console.write(text.encode("utf-8", "surrogateescape"))
    has_new = options.fail_on_new and changes is not None and changes.came
    return console.INVALID_INPUT if has_new or has_errors(findings) else console.DONE


def _names(options: Options, *, is_live: bool) -> list[str]:
    """What a reader of the report knows the sources by."""
    cluster = f"the cluster of context {options.context}" if options.context else "the cluster of the current context"
    files = [*options.path, *([options.ad] if options.ad is not None else [])]
    return [*([cluster] if is_live else []), *("stdin" if it == "-" else console.shown(it) for it in files)]


def _objects_of_cluster(options: Options) -> list[Object]:
    """Raises ExternalError, also where a list may not be read: without it the picture would be a wrong one."""
    from gmsa_krm.cluster.proxy import ApiServer
    from gmsa_krm.cluster.view import CouldNotLookError, View

    with ApiServer(options.context, options.kubeconfig) as server:
        view = View(server)
        view.prefetch(_LISTS)
        try:
            return [it for name in _LISTS for it in view.items(name)]
        except CouldNotLookError as error:
            raise ExternalError(str(error)) from None


def _sources(options: Options, cluster: list[Object] | None) -> Sources:
    """What PATHs have, and a cluster.

    `cluster`: all objects of a live one, with apiVersion and kind, None without one. Files count before them.
    """
    from gmsa_krm.hosts.files import read_paths

    files = read_paths(options.path, os.environ, console.stdin(), whole=True)
    is_live = cluster is not None
    if options.path and not (files.configs or files.documents or (files.for_commands and is_live)):
        message = "has no GMSAConfig and no Kubernetes object, so there is nothing to show; give the folder with them"
        raise invalid("no-config", message, Location(", ".join(options.path)))
    snapshots, findings = _snapshots(files.for_commands) if options.ad is None else ([], [])
    exported = [it for it in files.documents if _is_exported(it)]
    manifests = [it for it in files.documents if not _is_exported(it)]
    objects = [*(cluster or ()), *(item for it in exported for item in _objects(it))]
    if not files.configs:
        objects += [item for it in manifests for item in _objects(it)]
        return Sources(objects, known_kinds(()), snapshots, findings, is_live=is_live)
    from gmsa_krm.apply_order import in_apply_order
    from gmsa_krm.pipeline import run_resolved
    from gmsa_krm.resolve import resolve

    resolved = resolve(files.configs, files.documents, needs_keys=False)
    # What Active Directory says is a part of the picture, and so are workloads that are wrong: neither keeps it from
    # being drawn.
    result = run_resolved(resolved, manifests, compares=False, is_strict=False, stops=False)
    objects += [item for it in in_apply_order(result, manifests) for item in _flat(it.as_data())]
    snapshots += [it.snapshot for it in resolved if it.snapshot is not None]
    kinds = known_kinds(it.spec for it in resolved)
    return Sources(objects, kinds, snapshots, [*result.findings, *findings], is_live=is_live, has_config=True)


def _is_exported(document: Document) -> bool:
    """Whether a document is from a cluster, so that it is what the cluster has and not what is applied to it."""
    if not document.mentions("uid"):
        return False
    first = next(iter(document.items()), None)
    root = first.node if first is not None else document.node
    metadata = root.get("metadata") if root is not None else None
    return metadata is not None and bool(metadata.string("uid"))


def _objects(document: Document) -> Iterator[Object]:
    """The objects of a document as plain data."""
    from gmsa_krm.yamltext.data import data_of

    root = document.node
    if root is not None:
        yield from _flat(data_of(root))
    document.forget()


def _flat(data: Any) -> Iterator[Object]:
    """An object, or those of a List and of Lists in it."""
    pending = [data]
    while pending:
        it = pending.pop()
        if isinstance(it, dict):
            items = it.get("items")
            if isinstance(items, list):
                pending += reversed(items)
            else:
                yield it


def _snapshots(documents: list[Document]) -> tuple[list[Snapshot], list[Finding]]:
    """The snapshots among what PATHs have, and warnings."""
    if not documents:
        return [], []
    from gmsa_krm.active_directory.files import snapshots_among

    return snapshots_among(documents)


def _snapshot(place: str) -> Snapshot:
    from gmsa_krm.active_directory.files import read_named_snapshot
    from gmsa_krm.findings import InputError

    findings: list[Finding] = []
    snapshot = read_named_snapshot(place, findings)
    if snapshot is None:
        raise InputError(findings)
    return snapshot


def _changes(graph: Graph, place: str) -> Changes:
    from gmsa_krm.report.document import document
    from gmsa_krm.report.since import compare, read_report

    data = console.read_input(place, _MAX_REPORT, "give a report that who-can wrote")
    earlier, now = read_report(data, console.shown(place)), document(graph)
    if earlier.get("focus", {}) != now.get("focus", {}):
        raise UsageError(
            f"{console.shown(place)} was narrowed by other options, so nothing can be compared; give the same"
            " --account, --service-account and --namespace"
        )
    return compare(earlier, now)


def _narrowed(graph: Graph, options: Options) -> Graph:
    """The part of the graph that the options ask for: what leads to one of the things that they name, or from it."""
    asked: list[tuple[str, list[str], Callable[[Graph, str], list[Node]]]] = [
        ("accounts", options.account, _accounts),
        ("serviceAccounts", options.service_account, _service_accounts),
        ("namespaces", options.namespace, _of_namespace),
    ]
    if not any(names for _, names, _ in asked):
        return graph
    focus = [node for _, names, find in asked for name in names for node in find(graph, name)]
    part = around(graph, focus)
    part.focus = {key: sorted(set(names)) for key, names, _ in asked}
    return part


def _accounts(graph: Graph, name: str) -> list[Node]:
    """Accounts by name, DOMAIN\\name or name@domain."""
    domain, _, account = name.rpartition("\\")
    account, _, suffix = account.partition("@")
    domain, key = (domain or suffix).lower(), account.removesuffix("$").lower()
    found: list[Node] = [
        it
        for it in graph.of_kind(Account)
        if it.name.lower() == key and (not domain or domain in (it.domain.lower(), it.domain.partition(".")[0].lower()))
    ]
    if not found:
        known = sorted({it.name for it in graph.of_kind(Account)})
        raise UsageError(
            f"--account: {name[:100]} is not an account of any credential spec here{_hint(account, known)}"
        )
    return found


def _service_accounts(graph: Graph, name: str) -> list[Node]:
    namespace, _, account = name.partition("/")
    if not namespace or not account or "/" in account:
        raise UsageError(f"--service-account: {name[:100]} is not NAMESPACE/NAME, such as web/webapp1")
    found = [*_with_members(graph, ServiceAccount(account, namespace))]
    if name not in graph.service_accounts and not (account == "default" and namespace in graph.namespaces):
        own = [it for it in graph.service_accounts if it.startswith(f"{namespace}/")]
        hint = _hint(name, own or sorted(graph.service_accounts))
        if not found:
            raise UsageError(
                f"--service-account: {name[:300]} is not here: no workload runs as it, and no binding names it{hint}"
            )
        graph.notes.append(
            f"no workload runs as {name}, and no binding names it{hint}; it is here as one of a group that every"
            " service account is in"
        )
    return found


def _of_namespace(graph: Graph, name: str) -> list[Node]:
    own: list[Node] = [it for it in graph.of_kind(ServiceAccount) if it.namespace == name]
    groups: list[Node] = [ServiceAccounts(name), ServiceAccounts()]
    if name not in graph.namespaces:
        hint = _hint(name, sorted(graph.namespaces))
        raise UsageError(f"--namespace: {name[:100]} is not here: nothing is in it, and no binding names it{hint}")
    return [*own, *(graph.nodes[it.id] for it in groups if it.id in graph.nodes)]


def _with_members(graph: Graph, node: ServiceAccount) -> Iterator[Node]:
    """A service account, which need not be in the graph, and the groups that it is in."""
    if node.id in graph.nodes:
        yield graph.nodes[node.id]
        return
    for group in (ServiceAccounts(node.namespace), ServiceAccounts()):
        if group.id in graph.nodes:
            yield graph.nodes[group.id]


def _hint(name: str, known: list[str]) -> str:
    from gmsa_krm.findings.suggest import suggestion

    return suggestion(name, known, listed=False)
