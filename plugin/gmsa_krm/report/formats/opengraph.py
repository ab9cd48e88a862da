"""OpenGraph, which BloodHound imports: https://bloodhound.specterops.io/opengraph/developer/schema

Accounts, and who may fetch their passwords, are the objects of Active Directory that BloodHound knows, so that paths go
on there: edges name them by their SID. They are no nodes of this file, since BloodHound adds its `source_kind` to every
node, and would remove them together with what is of that kind. Only what has no SID is a node of its own.

Its schemas ask for kinds of letters, digits and `_`; keys of properties in lower case, without `objectid`; and values
that are texts, numbers, booleans or lists of one of these.
"""

from __future__ import annotations

import json

from gmsa_krm.report.nodes import Account, CredentialSpec, Principal, ServiceAccount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.report.edges import Edge
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Node
    from gmsa_krm.report.since import Changes

    Data = dict[str, Any]

# Of every kind, so that none is one of BloodHound's or of another collector.
_PREFIX = "GmsaKrm_"
_SOURCE_KIND = f"{_PREFIX}Base"
_DOMAIN_SID = "S-1-5-21-"


def render(graph: Graph, changes: Changes | None) -> str:
    came = {it.key for it in changes.came} if changes is not None else set()
    nodes = [_node(it) for it in graph.sorted_nodes() if not _sid(it)]
    edges = [_edge(it, is_new=it.key in came) for it in graph.sorted_edges()]
    data = {"metadata": {"source_kind": _SOURCE_KIND}, "graph": {"nodes": nodes, "edges": edges}}
    return json.dumps(data, indent=1) + "\n"


def _sid(node: Node) -> str:
    """The id by which BloodHound knows an object of Active Directory; empty for what it does not know.

    Principals that each domain has, such as S-1-5-11, have its name before their SID.
    """
    if isinstance(node, Account):
        return (node.directory.sid or "").upper() if node.directory is not None else ""
    if not isinstance(node, Principal) or not node.sid:
        return ""
    sid = node.sid.upper()
    return sid if sid.startswith(_DOMAIN_SID) else f"{node.domain.upper()}-{sid}"


def _id(node: Node) -> str:
    """Cluster and directory objects have the same ids in each report, and none that another collector could have."""
    return _sid(node) or f"{_PREFIX}{node.id}"


def _node(node: Node) -> Data:
    properties: Data = {"name": node.label, "displayname": node.name}
    if node.namespace:
        properties["namespace"] = node.namespace
    if isinstance(node, ServiceAccount):
        properties["workloads"] = [it.label for it in node.workloads]
    elif isinstance(node, CredentialSpec):
        properties["isknown"] = node.is_known
    elif isinstance(node, Account):
        properties |= {"domain": node.domain, "state": node.state}
    properties |= _risks(node)
    return {
        "id": _id(node),
        "kinds": [_PREFIX + node.kind],
        "properties": {key: value for key, value in properties.items() if value != []},
    }


def _edge(edge: Edge, *, is_new: bool) -> Data:
    properties: Data = {
        "source": edge.source.label,
        "target": edge.target.label,
        "bindings": sorted(it.label for it in edge.bindings),
        "reasons": sorted(edge.reasons),
        "iscertain": edge.is_certain,
        "isbuiltin": edge.is_built_in,
    }
    if is_new:
        properties["isnew"] = True
    if isinstance(edge.target, Account):
        properties |= {f"target{key}": value for key, value in _risks(edge.target).items()}
    properties |= _risks(edge)
    return {
        "kind": _PREFIX + edge.kind,
        "start": {"match_by": "id", "value": _id(edge.source)},
        "end": {"match_by": "id", "value": _id(edge.target)},
        "properties": {key: value for key, value in properties.items() if value != []},
    }


def _risks(of: Node | Edge) -> Data:
    return {
        "risks": [f"{it.severity} {it.rule}: {it.message}" for it in of.risks],
        "risklevel": max((it.severity for it in of.risks), key=("warning", "error").index, default="none"),
    }
