"""HTML, one file for a person: it needs no network, and a policy in it forbids any.

Jinja2 escapes every value, and values have no character that is not printable. Styles and script are allowed by their
hash alone, so that nothing runs that is not in `templates`.
"""

from __future__ import annotations

import base64
import hashlib
import re

from gmsa_krm.findings import ExternalError, printable
from gmsa_krm.report import picture
from gmsa_krm.report.drawing import STYLE, draw
from gmsa_krm.report.model import (
    ACCESS,
    ADDITIONAL_ACCOUNT,
    ALL,
    FETCH_PASSWORD,
    LOG_ON,
    POWERS,
    Account,
    CredentialSpec,
    Principal,
    ServiceAccount,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jinja2 import Environment

    from gmsa_krm.report.model import Edge, Graph, Node, Risk
    from gmsa_krm.report.since import Changes

# More is no picture that a person reads; search and narrowing are for that.
_MAX_DRAWN = 250
_OPEN_ACCOUNTS = 5


def render(graph: Graph, changes: Changes | None) -> str:
    environment = _environment()
    style = environment.get_template("report.css").render() + STYLE
    script = environment.get_template("report.js").render()
    report = Report(graph, changes)
    return environment.get_template("report.html").render(
        report=report,
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        ),
    )


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError:
        raise ExternalError("HTML needs Jinja2: pip install 'gmsa-krm[report]'") from None
    environment = Environment(
        loader=PackageLoader("gmsa_krm.report.formats"),
        autoescape=True,
        finalize=lambda it: printable(it) if type(it) is str else it,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda it: f"{it:,}"
    environment.filters["warning"] = picture.warning
    return environment


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class Report:
    """What the template shows."""

    def __init__(self, graph: Graph, changes: Changes | None) -> None:
        self.graph = graph
        self.changes = changes
        self._came = {it.key for it in changes.came} if changes is not None else set()
        self.accounts = [self._account(it) for it in graph.of_kind(Account)]
        credspecs = graph.of_kind(CredentialSpec)
        self.every = next((self._credspec(it) for it in credspecs if it.name == ALL), None)
        self.unknown = [
            self._credspec(it)
            for it in credspecs
            if it.name != ALL and not graph.outgoing(it, LOG_ON, ADDITIONAL_ACCOUNT)
        ]
        self.namespaces = self._namespaces()
        powers = [self._access(it) for it in graph.sorted_edges(*POWERS)]
        self.powers = [it for it in powers if not it.edge.is_built_in]
        self.built_in = [it for it in powers if it.edge.is_built_in]
        self.risks = sorted(self._risks(), key=lambda it: (it[0].severity, it[0].rule, it[1]))
        self.errors = sum(it[0].severity == "error" for it in self.risks)
        self.is_open = len(self.accounts) <= _OPEN_ACCOUNTS

    @property
    def drawing(self) -> str:
        """The picture, or nothing if it would have too much in it."""
        drawn = picture.Picture(self.graph, self.changes)
        if not drawn.boxes or len(drawn.boxes) > _MAX_DRAWN or len(drawn.lines) > 2 * _MAX_DRAWN:
            return ""
        return draw(drawn, link=lambda box: f"#{anchor(box.node)}" if isinstance(box.node, Account) else "")

    def _account(self, node: Account) -> Entry:
        named = [it.source for it in self.graph.incoming(node, LOG_ON, ADDITIONAL_ACCOUNT)]
        entry = Entry(node, [it for source in named for it in self._incoming(source)])
        entry.credspecs = named
        entry.readers = [Reader(it) for it in self.graph.incoming(node, FETCH_PASSWORD)]
        entry.readers.sort(key=lambda it: it.node.name)
        return entry

    def _credspec(self, node: CredentialSpec) -> Entry:
        return Entry(node, list(self._incoming(node)))

    def _incoming(self, node: Node) -> Iterator[Access]:
        edges = self.graph.incoming(node, *ACCESS)
        yield from (self._access(it) for it in sorted(edges, key=lambda it: (it.source.namespace, it.source.name)))

    def _access(self, edge: Edge) -> Access:
        accounts = [it.target for it in self.graph.outgoing(edge.target, LOG_ON, ADDITIONAL_ACCOUNT)]
        return Access(edge, accounts, is_new=edge.key in self._came)

    def _namespaces(self) -> list[Namespace]:
        """Who there is that is not only in Active Directory, by namespace; without one first."""
        found: dict[str, Namespace] = {}
        for node in self.graph.sorted_nodes():
            edges = sorted(self.graph.outgoing(node, *ACCESS), key=lambda it: it.target.name)
            if edges or isinstance(node, ServiceAccount):
                who = Who(node, [self._access(it) for it in edges])
                if isinstance(node, ServiceAccount):
                    who.refused = list(self._refused(node))
                found.setdefault(node.namespace, Namespace(node.namespace)).members.append(who)
        return [found[it] for it in sorted(found)]

    def _refused(self, node: ServiceAccount) -> Iterator[str]:
        """The workloads whose pods name a credential spec that they may not use."""
        for workload in node.workloads:
            for name in workload.credspecs:
                if not self.graph.access(node.namespace, node.name, name):
                    yield f"REFUSED: {workload.label} names {name}, and may not use it"

    def _risks(self) -> Iterator[tuple[Risk, str, str]]:
        """Each with what it is about, and where that is in the report."""
        for node in self.graph.sorted_nodes():
            yield from ((it, node.label, self._place(node)) for it in node.risks)
        for edge in self.graph.sorted_edges():
            where = f"{edge.source.label} and {edge.target.label}"
            # Of an account, it may have been told above.
            told = {it.rule for it in edge.target.risks}
            for it in edge.risks:
                if it.rule in told:
                    continue
                yield it, where, self._place(edge.target if edge.kind in (*ACCESS, FETCH_PASSWORD) else edge.source)

    def _place(self, node: Node) -> str:
        if isinstance(node, CredentialSpec):
            named = self.graph.outgoing(node, LOG_ON)
            return anchor(named[0].target) if named else anchor(node)
        if isinstance(node, Principal):
            account = next((it.target for it in self.graph.outgoing(node, FETCH_PASSWORD)), None)
            return anchor(account) if account is not None else ""
        return anchor(node)


class Access:
    """An edge from someone in the cluster to a credential spec, with its accounts."""

    def __init__(self, edge: Edge, accounts: Iterable[Node], *, is_new: bool) -> None:
        self.edge = edge
        self.who = edge.source
        self.workloads = [it.label for it in self.who.workloads] if isinstance(self.who, ServiceAccount) else []
        self.credspec = edge.target
        self.accounts = [(it, anchor(it)) for it in accounts]
        self.how = list(picture.how(edge))
        self.is_new = is_new


class Entry:
    """An account, or a credential spec without one, with all who may use it."""

    def __init__(self, node: Node, users: list[Access]) -> None:
        self.node = node
        self.id = anchor(node)
        self.users = users
        self.credspecs: list[Node] = []
        self.readers: list[Reader] = []

    @property
    def warnings(self) -> list[str]:
        """Its own, and those of who uses it, each once."""
        edges = [*(it.edge for it in self.users), *(it.edge for it in self.readers)]
        risks = [*self.node.risks, *(risk for it in edges for risk in it.risks)]
        return list(dict.fromkeys(map(picture.warning, risks)))

    @property
    def used_by(self) -> str:
        """Who may use it, in a few words."""
        if not self.users:
            return "used by nobody"
        more = f" and {len(self.users) - 1:,} more" if len(self.users) > 1 else ""
        return f"used by {self.users[0].who.label}{more}"

    @property
    def facts(self) -> list[str]:
        """What is seen without unfolding it: its state, what it may do, and who may fetch the password."""
        if not isinstance(self.node, Account):
            return []
        state = picture.state(self.node).removesuffix(" in Active Directory")
        return [state, picture.delegation(self.node), picture.hosts(self.node)]


class Reader:
    """Who may fetch a password."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.node = edge.source


class Who:
    """Someone in the cluster, and what they may use."""

    def __init__(self, node: Node, access: list[Access]) -> None:
        self.node = node
        self.id = anchor(node)
        self.access = access
        self.workloads = [it.label for it in node.workloads] if isinstance(node, ServiceAccount) else []
        self.refused: list[str] = []

    @property
    def warnings(self) -> list[str]:
        risks = (risk for it in self.access for risk in it.edge.risks)
        return list(dict.fromkeys(map(picture.warning, risks)))


class Namespace:
    """Who may use credential specs in a namespace; its name is empty for who is in none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[Who] = []

    @property
    def id(self) -> str:
        return f"namespace-{_safe(self.name)}"

    @property
    def is_red(self) -> bool:
        return any(it.warnings or it.refused for it in self.members)


def anchor(node: Node) -> str:
    """The id of what the report has on a node: the same in each report, and safe in an address."""
    return _safe(node.id)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", lambda it: it[0].encode("utf-8", "surrogatepass").hex("_").join("__"), text)
