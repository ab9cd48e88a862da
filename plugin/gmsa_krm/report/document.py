"""The graph as an AccessReport: the plain data that JSON has and that later reports are compared with; its schema."""

from __future__ import annotations

from gmsa_krm.active_directory.snapshot import COMPUTER, DMSA, GMSA, GROUP_KIND, SMSA, UNKNOWN, USER, WELL_KNOWN
from gmsa_krm.config.declaration import Section, boolean, enum, section, sections, string, strings
from gmsa_krm.config.load import REPORT
from gmsa_krm.config.model import API_VERSION
from gmsa_krm.report.edges import EDGE_KINDS
from gmsa_krm.report.nodes import (
    EXISTS,
    MISSING,
    NODE_KINDS,
    NOT_CHECKED,
    OTHER_DOMAIN,
    OTHER_KIND,
    Account,
    CredentialSpec,
    Principal,
    ServiceAccount,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.declaration import Schema
    from gmsa_krm.report.edges import BindingOf, Edge
    from gmsa_krm.report.graph import Graph, WithoutEffect
    from gmsa_krm.report.nodes import Node, Risk, Workload
    from gmsa_krm.report.since import Changes, Fact

    Data = dict[str, Any]

DELEGATIONS = ("Unconstrained", "ProtocolTransition", "Constrained", "None", "Unknown")


class RiskData(Section):
    """What is wrong with a node or an edge."""

    severity: str = enum("How bad it is.", "error", "warning", required=True)
    rule: str = string("Id of the rule, for `gmsa-krm explain`.", required=True)
    message: str = string("What is wrong, and what to do.", required=True)


class WorkloadData(Section):
    """An object with a pod that runs as the service account and has a credential spec."""

    kind: str = string("Kind.", required=True)
    name: str = string("Name.", required=True)
    credspecs: list[str] = strings("The credential specs that its pod names.", each="A name.")
    has_contents: bool = boolean("Its pod has contents of a credential spec without a name.", default=False)
    brings: list[str] = strings(
        "Accounts of the contents in its pod, where nothing checks them.", each="Id of an Account."
    )
    without_contents: list[str] = strings(
        "The credential specs that it names, and whose contents neither it has nor anything fills in: it has no account"
        " by them.",
        each="A name.",
    )
    risks: list[RiskData] = sections("Why its pods are refused, or why it cannot be rendered.", RiskData)


class NodeData(Section):
    """A node of the graph; which fields it has depends on its kind."""

    id: str = string("Id, by which edges name it; the same in each report.", required=True)
    kind: str = enum("What it is.", *NODE_KINDS, required=True)
    name: str = string("Name; `*` is all of the kind.", required=True)
    namespace: str | None = string("Namespace of a service account.")
    label: str = string("What a reader calls it.", required=True)
    risks: list[RiskData] = sections("What is wrong with it.", RiskData)
    workloads: list[WorkloadData] = sections("ServiceAccount: the gMSA workloads that run as it.", WorkloadData)
    is_known: bool | None = boolean("CredentialSpec: its object is among those of the report.")
    domain: str | None = string("Account, Principal: the domain.")
    state: str | None = enum(
        "Account: what Active Directory knows of it; OtherKind is no gMSA, OtherDomain is one of another domain only.",
        *(NOT_CHECKED, EXISTS, MISSING, OTHER_KIND, OTHER_DOMAIN),
    )
    elsewhere: list[str] = strings("Account: the domains that have one of its name.", each="A DNS name.")
    everyone: str | None = string(
        "Account: who may fetch its password, if that is as good as everyone, such as `every user and computer`."
    )
    fetched_as: list[str] = strings(
        "Account: as whom nodes that are not joined to the domain fetch its password.", each="A sentence."
    )
    account_kind: str | None = enum("Account: what it is there.", GMSA, SMSA, DMSA, USER, COMPUTER)
    enabled: bool | None = boolean("Account: whether it may log on.")
    sid: str | None = string("Account, Principal: its SID.")
    service_principal_names: list[str] = strings("Account: what it serves.", each="An SPN.")
    delegation: str | None = enum("Account: whether it may act as its users.", *DELEGATIONS)
    delegates_to: list[str] = strings("Account: the services that it may act towards as its users.", each="An SPN.")
    hosts: list[str] | None = strings(
        "Account: computers that may fetch its password, `*` for all of the domain; absent if that is unknown.",
        each="sAMAccountName without $; DOMAIN\\name in another domain.",
    )
    principal_kind: str | None = enum(
        "Principal: what it is.", *(GROUP_KIND, COMPUTER, GMSA, SMSA, DMSA, USER, WELL_KNOWN, UNKNOWN)
    )


class BindingData(Section):
    """A binding that makes an edge."""

    kind: str = enum("Kind.", "RoleBinding", "ClusterRoleBinding", required=True)
    namespace: str | None = string("Namespace of a RoleBinding.")
    name: str = string("Name.", required=True)
    role_kind: str = enum("Kind of its role.", "Role", "ClusterRole", required=True)
    role: str = string("Name of its role.", required=True)
    subject: str = string("The subject by which it counts.", required=True)
    wildcards: list[str] = strings("Fields of the role's rules that allow it by `*`.", each="A field.")
    is_everything: bool = boolean("Its role allows everything, in the whole cluster.", default=False)
    is_built_in: bool = boolean("Kubernetes makes it in every cluster.", default=False)


class EdgeData(Section):
    """An edge of the graph."""

    kind: str = enum("How the two are connected.", *EDGE_KINDS, required=True)
    source: str = string("Id of the node that it starts from.", required=True)
    target: str = string("Id of the node that it leads to.", required=True)
    is_certain: bool = boolean("False where it follows from what is not among the objects.", default=True)
    bindings: list[BindingData] = sections("The bindings that make it.", BindingData)
    reasons: list[str] = strings("How, where it is not by use.", each="A reason.")
    risks: list[RiskData] = sections("What is wrong with it.", RiskData)


class WithoutEffectData(Section):
    """An object of RBAC that looks like access and gives none."""

    kind: str = string("Kind.", required=True)
    namespace: str | None = string("Namespace.")
    name: str = string("Name.", required=True)
    why: str = string("Why it gives none.", required=True)


class FactData(Section):
    """Access that came or went."""

    kind: str = string("Kind of the edge; Delegate for a service that an account may act towards.", required=True)
    source: str = string("Id of what has it.", required=True)
    source_label: str = string("What a reader calls it.", required=True)
    target: str = string("Id of what it leads to.", required=True)
    target_label: str = string("What a reader calls it.", required=True)


class SinceData(Section):
    """What `--since` compares: the access that came and went."""

    came: list[FactData] = sections("Access that the earlier report does not have.", FactData)
    went: list[FactData] = sections("Access that only the earlier report has.", FactData)


class Focus(Section):
    """What the report was narrowed to."""

    accounts: list[str] = strings("--account", each="An account.")
    service_accounts: list[str] = strings("--service-account", each="NAMESPACE/NAME.")
    namespaces: list[str] = strings("--namespace", each="A namespace.")


class AccessReport(Section):
    """Who may become which AD account, and what bypasses the check; `gmsa-krm who-can --format json` writes it."""

    api_version: str = enum("API version.", API_VERSION, required=True)
    kind: str = enum("Kind.", REPORT, required=True)
    focus: Focus | None = section("What it was narrowed to; absent if it is the whole picture.", Focus, optional=True)
    checks: list[str] = strings("What checks pods.", each="Kind and name of an object, and where it does not check.")
    notes: list[str] = strings("What is unknown.", each="A sentence.")
    edge_kinds: list[str] = strings(
        "Kinds of edges that were looked for; `--since` compares no others. Absent in reports of earlier versions.",
        each="A kind.",
    )
    nodes: list[NodeData] = sections("Nodes, by kind from left to right.", NodeData, required=True)
    edges: list[EdgeData] = sections("Edges, each once.", EdgeData, required=True)
    without_effect: list[WithoutEffectData] = sections(
        "Objects of RBAC that look like access and give none.", WithoutEffectData
    )
    since: SinceData | None = section("With `--since`.", SinceData, optional=True)


def report_schema() -> Schema:
    """A JSON Schema (draft 2020-12) of a whole AccessReport."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gmsa-krm.dev/schema/accessreport-v1alpha1.json",
        "title": REPORT,
        "description": AccessReport.__doc__,
        **AccessReport.schema(),
    }


def document(graph: Graph, changes: Changes | None = None) -> Data:
    """The AccessReport of a graph, as plain data."""
    focus = {key: value for key, value in graph.focus.items() if value}
    return _told(
        {"apiVersion": API_VERSION, "kind": REPORT},
        focus=focus,
        checks=graph.checks,
        notes=graph.notes,
        edgeKinds=list(EDGE_KINDS),
    ) | {
        "nodes": [_node(it) for it in graph.sorted_nodes()],
        "edges": [_edge(it) for it in graph.sorted_edges()],
        **_told({}, withoutEffect=[_without_effect(it) for it in graph.without_effect]),
        **({} if changes is None else {"since": {"came": _facts(changes.came), "went": _facts(changes.went)}}),
    }


def _node(node: Node) -> Data:
    data = _told({"id": node.id, "kind": node.kind, "name": node.name}, namespace=node.namespace)
    data["label"] = node.label
    if isinstance(node, ServiceAccount):
        data |= _told({}, workloads=[_workload(it) for it in node.workloads])
    elif isinstance(node, CredentialSpec):
        data["isKnown"] = node.is_known
    elif isinstance(node, Account):
        data |= _account(node)
    elif isinstance(node, Principal):
        data |= _told({"principalKind": node.principal_kind}, domain=node.domain, sid=node.sid)
    return data | _told({}, risks=[_risk(it) for it in node.risks])


def _account(node: Account) -> Data:
    data: Data = {"domain": node.domain, "state": node.state, "delegation": node.delegation}
    data |= _told({}, elsewhere=node.elsewhere, everyone=node.everyone, fetchedAs=node.fetched_as)
    known = node.directory
    if known is not None:
        data |= _told({"accountKind": known.kind, "enabled": known.enabled}, sid=known.sid)
        data |= _told({}, servicePrincipalNames=node.service_principal_names, delegatesTo=node.delegates_to)
        if node.hosts is not None:
            data["hosts"] = list(node.hosts)
    return data


def _workload(it: Workload) -> Data:
    return _told(
        {"kind": it.kind, "name": it.name},
        credspecs=it.credspecs,
        hasContents=it.has_contents,
        brings=[each.id for each in it.brings],
        withoutContents=it.without_contents,
        risks=[_risk(risk) for risk in it.risks],
    )


def _edge(it: Edge) -> Data:
    data: Data = {"kind": it.kind, "source": it.source.id, "target": it.target.id}
    if not it.is_certain:
        data["isCertain"] = False
    bindings = sorted(it.bindings, key=lambda binding: binding.key)
    return data | _told(
        {},
        bindings=[_binding(binding) for binding in bindings],
        reasons=sorted(it.reasons),
        risks=[_risk(risk) for risk in it.risks],
    )


def _binding(it: BindingOf) -> Data:
    data = _told({"kind": it.kind}, namespace=it.namespace)
    data |= {"name": it.name, "roleKind": it.role_kind, "role": it.role, "subject": it.subject}
    return data | _told({}, wildcards=list(it.wildcards), isEverything=it.is_everything, isBuiltIn=it.is_built_in)


def _risk(it: Risk) -> Data:
    return {"severity": it.severity, "rule": it.rule, "message": it.message}


def _without_effect(it: WithoutEffect) -> Data:
    return _told({"kind": it.kind}, namespace=it.namespace) | {"name": it.name, "why": it.why}


def _facts(facts: list[Fact]) -> list[Data]:
    return [
        {
            "kind": it.kind,
            "source": it.source,
            "sourceLabel": it.source_label,
            "target": it.target,
            "targetLabel": it.target_label,
        }
        for it in facts
    ]


def _told(data: Data, **more: Any) -> Data:
    """`data` with those of `more` that are not empty."""
    return data | {key: value for key, value in more.items() if value}
