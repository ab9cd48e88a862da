"""Who reaches every account by running code in pods of others, where the checks have gaps: what several formats say."""

from __future__ import annotations

from gmsa_krm.report.edges import ACCESS, GRANT_ACCESS, POWERS, RUN_PODS, UNCHECKED
from gmsa_krm.report.nodes import ALL, CredentialSpec
from gmsa_krm.report.texts import some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.report.edges import Edge
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Node, Risk

_UNCHECKED_RULE = "unchecked-pods"


class Reach:
    """Who can be what reaches every credential spec.

    `runners`: who may run code in pods, by namespace, but for those who may do everything.
    """

    def __init__(self, graph: Graph) -> None:
        self.runners: dict[str, list[Node]] = {}
        # By namespace, "" for the whole cluster: what has access to every credential spec, with no check first.
        self._open: dict[str, list[Edge]] = {}
        every = graph.incoming(CredentialSpec(ALL), *ACCESS)
        for it in sorted(every, key=lambda it: (it.kind != UNCHECKED, it.source.namespace, it.source.name)):
            self._open.setdefault(it.source.namespace, []).append(it)
        # Who may grant every credential spec, by the namespaces to whose service accounts, "" for all.
        self._granting: dict[str, set[str]] = {}
        for it in graph.incoming(CredentialSpec(ALL), GRANT_ACCESS):
            where = {binding.namespace for binding in it.bindings if binding.namespace}
            self._granting.setdefault(it.source.id, set()).update(where or {""})
        mighty = {it.id for it in may_everything(graph)}
        for it in graph.sorted_edges(RUN_PODS):
            if not it.is_built_in and it.source.id not in mighty:
                self.runners.setdefault(it.target.namespace, []).append(it.source)

    def why(self, edge: Edge) -> str:
        """Why whoever has an edge of RunPods reaches every account; nothing if they do not."""
        if edge.kind != RUN_PODS or edge.is_built_in:
            return ""
        if edge.passes_checks:
            return "whose ephemeral containers nothing checks"
        namespace = edge.target.namespace
        if not namespace and len(self._open) > 1:
            return f"of which those of {some(sorted(filter(None, self._open)))} reach every credential spec"
        if self._granting.get(edge.source.id, set()) & {namespace, ""}:
            return "to which it may grant every credential spec"
        found = self._gap(namespace)
        if found is None or found.source is edge.source:
            return ""
        if found.kind != UNCHECKED:
            return f"of which {found.source.label} may use every credential spec"
        return "where nothing is checked" if found.source is edge.target else f"where {'; '.join(found.reasons)}"

    def _gap(self, namespace: str) -> Edge | None:
        if not namespace:
            # Whoever may run pods everywhere may there, too.
            return next((it for of in self._open.values() for it in of), None)
        return next((it for of in (namespace, "") for it in self._open.get(of, ())), None)

    def message(self, edge: Edge, risk: Risk) -> str:
        """What a risk of an edge says; of pods that nothing checks with who may run code in them."""
        if risk.rule != _UNCHECKED_RULE:
            return risk.message
        namespace = edge.source.namespace
        where = dict.fromkeys((namespace, "") if namespace else self.runners)
        runners = {it.id: f"{kind_of(it)} {it.label}".strip() for of in where for it in self.runners.get(of, ())}
        if not runners:
            return risk.message
        return f"{risk.message}; who may run code in pods there: {some(runners.values(), 10)}"


def may_everything(graph: Graph) -> list[Node]:
    """Who may do everything in the cluster, such as by the ClusterRole cluster-admin, but for Kubernetes itself."""
    found = {
        it.source.id
        for it in graph.sorted_edges(*POWERS)
        if any(binding.is_everything and not binding.is_built_in for binding in it.bindings)
    }
    return [it for it in graph.sorted_nodes() if it.id in found]


def exceptions(graph: Graph) -> str:
    """What lets pods pass in all namespaces although there is a check; `graph.checks` names those that are left out."""
    edges = graph.incoming(CredentialSpec(ALL), UNCHECKED) if graph.checks else []
    reasons = [reason for it in edges if not it.source.namespace for reason in sorted(it.reasons)]
    return f"except as {', and as '.join(reasons)}" if reasons else ""


def kind_of(node: Node) -> str:
    """What a subject is, before its label; nothing where the label says it."""
    return {"ServiceAccount": "service account", "ServiceAccounts": ""}.get(node.kind, node.kind.lower())
