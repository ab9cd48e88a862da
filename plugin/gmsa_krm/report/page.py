"""What the HTML shows: accounts with who can act as each, namespaces, findings and ways around the check.

`formats/templates/report.html` reads it. Texts are those of objects, so they are hostile; the template escapes them.
"""

from __future__ import annotations

import re
from itertools import islice

from gmsa_krm.findings.rules import find_rule
from gmsa_krm.report import picture
from gmsa_krm.report.detours import Mighty
from gmsa_krm.report.drawing import draw
from gmsa_krm.report.edges import (
    ACCESS,
    ADDITIONAL_ACCOUNT,
    DETOURS,
    FETCH_PASSWORD,
    IMPERSONATE,
    LOG_ON,
    MEMBER,
    POWERS,
    RUN_PODS,
    UNCHECKED,
)
from gmsa_krm.report.fetchers import Fetchers
from gmsa_krm.report.graph import BRINGS, MAY, NAMES
from gmsa_krm.report.limits import LIMITS
from gmsa_krm.report.narrow import twins
from gmsa_krm.report.nodes import ALL, Account, CredentialSpec, Principal, Risk, ServiceAccount, ServiceAccounts
from gmsa_krm.report.reach import Reach, exceptions, kind_of, may_everything
from gmsa_krm.report.since import WORDS
from gmsa_krm.report.texts import counted, in_short, some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.report.edges import Edge, EdgeKey
    from gmsa_krm.report.graph import Actor, Graph
    from gmsa_krm.report.nodes import Node, Workload
    from gmsa_krm.report.since import Changes

# More is no picture that a person reads; search and narrowing are for that.
_MAX_DRAWN = 250
_OPEN_ACCOUNTS = 5
# Below an account; the namespaces have all.
_MAX_WORKLOADS = 40


class Report:
    """What the template shows."""

    limits = LIMITS

    def __init__(self, graph: Graph, changes: Changes | None) -> None:
        self.graph = graph
        self.changes = changes
        self._came = {it.key for it in changes.came} if changes is not None else set()
        self._mighty = {it.id for it in may_everything(graph)}
        self._refused = _refused(graph)
        self._reached: dict[str, str] = {}
        self._reach_all = Reach(graph)
        self._twins = {reader.id: account for reader, account in twins(graph)}
        self.exceptions = exceptions(graph)
        self.is_passed_by = bool(graph.incoming(CredentialSpec(ALL), UNCHECKED))
        ways = [it for it in graph.sorted_edges(*POWERS, *DETOURS) if it.source.id not in self._mighty]
        self.powers = self._powers(it for it in ways if not it.is_built_in)
        self.built_in = self._powers(it for it in ways if it.is_built_in)
        self._by_source = {it.node.id: it for it in self.powers}
        self._runners = self._find_runners()
        self.runners = self._runners.get("", [])
        self.accounts = [self._account(it) for it in graph.of_kind(Account)]
        self.mighty = [self._mighty_one(it) for it in may_everything(graph)]
        self.acting = self._acting(may_everything(graph))
        self.reaching = [it for it in self.powers if it.reaches_all]
        credspecs = graph.of_kind(CredentialSpec)
        self.every = [it for each in credspecs if each.name == ALL for it in self._incoming(each)]
        self.unknown = [
            self._credspec(it)
            for it in credspecs
            if it.name != ALL and not graph.outgoing(it, LOG_ON, ADDITIONAL_ACCOUNT)
        ]
        self.namespaces = self._namespaces()
        self.findings = _by_rule(self._risks())
        self.errors = sum(len(it.places) for it in self.findings if it.severity == "error")
        self.number = sum(len(it.places) for it in self.findings)
        self.is_open = len(self.accounts) <= _OPEN_ACCOUNTS
        self.knows_directory = not self.accounts or any(it.directory is not None for it in graph.of_kind(Account))

    @property
    def drawing(self) -> str:
        """The picture, or nothing if it would have too much in it."""
        if len(self.graph.nodes) > 4 * _MAX_DRAWN:
            return ""  # what is folded makes no such difference
        drawn = picture.Picture(self.graph, self.changes)
        if not drawn.boxes or len(drawn.boxes) > _MAX_DRAWN or len(drawn.lines) > 2 * _MAX_DRAWN:
            return ""
        return draw(drawn, link=lambda box: f"#{anchor(box.node)}" if isinstance(box.node, Account) else "")

    @property
    def every_warnings(self) -> list[str]:
        return _warnings(risk for it in self.every for risk in it.edge.risks)

    def _account(self, node: Account) -> Entry:
        entry = self._entry(node, [it.source for it in self.graph.incoming(node, LOG_ON, ADDITIONAL_ACCOUNT)])
        entry.password = picture.password(self.graph, node)
        entry.fetchers = Fetchers(self.graph, node)
        entry.readers = [Reader(it, self._twins.get(it.source.id)) for it in self.graph.incoming(node, FETCH_PASSWORD)]
        entry.readers.sort(key=lambda it: it.node.label)
        readers = [self.graph.nodes[it] for it, account in self._twins.items() if account is node]
        entry.fetches = [
            (it.target, anchor(it.target)) for own in readers for it in self.graph.outgoing(own, FETCH_PASSWORD)
        ]
        return entry

    def _credspec(self, node: CredentialSpec) -> Entry:
        return self._entry(node, [node])

    def _entry(self, node: Node, credspecs: list[Node]) -> Entry:
        names = {it.name for it in credspecs}
        entry = Entry(node, [access for it in credspecs for access in self._incoming(it)])
        entry.credspecs = credspecs
        actors = list(islice(self.graph.actors(node), _MAX_WORKLOADS + 1))
        entry.has_more_actors = len(actors) > _MAX_WORKLOADS
        shown = [ShownActor(it, names, self.graph) for it in actors[:_MAX_WORKLOADS]]
        entry.actors = [it for it in shown if not it.lacks]
        entry.lacking = [it for it in shown if it.lacks]
        entry.refused = [it for name in sorted(names) for it in self._refused.get(name, ())]
        entry.powers = list({id(it): it for own in credspecs for it in self._powers_of(own)}.values())
        # Those of the whole cluster are told once, for all accounts.
        people = [*(it.who for it in entry.users), *(it.who for it in entry.actors)]
        namespaces = sorted({it.namespace for it in people if it.namespace})
        runners = {it.id: it for namespace in namespaces for it in self._runners.get(namespace, ())}
        entry.runners = list(runners.values())
        return entry

    def _find_runners(self) -> dict[str, list[Subject]]:
        """Who may run code in pods, by namespace; by "" those of the whole cluster."""
        found: dict[str, list[Subject]] = {}
        for subject in self.powers:
            for namespace in sorted({it.target.namespace for it in subject.edges if it.kind == RUN_PODS}):
                found.setdefault(namespace, []).append(subject)
        return found

    def _powers_of(self, credspec: Node) -> Iterator[Subject]:
        sources = {it.source.id for it in self.graph.incoming(credspec, *POWERS) if not it.is_built_in}
        return (it for it in (self._by_source.get(each) for each in sorted(sources)) if it is not None)

    def _incoming(self, node: Node) -> Iterator[Access]:
        edges = [it for it in self.graph.incoming(node, *ACCESS) if it.source.id not in self._mighty]
        yield from (self._access(it) for it in sorted(edges, key=lambda it: (it.source.namespace, it.source.name)))

    def _access(self, edge: Edge) -> Access:
        return Access(edge, self.graph, is_new=edge.key in self._came)

    def _powers(self, edges: Iterable[Edge]) -> list[Subject]:
        found: dict[str, Subject] = {}
        for it in edges:
            subject = found.setdefault(it.source.id, Subject(it.source))
            subject.add(it, is_new=it.key in self._came, why=self._reach_all.why(it))
        return [found[it] for it in sorted(found)]

    def _mighty_one(self, node: Node) -> Subject:
        subject = Subject(node)
        for it in self.graph.outgoing(node, *ACCESS, *POWERS):
            subject.add(it, is_new=it.key in self._came)
        return subject

    def _acting(self, mighty: list[Node]) -> list[Subject]:
        """Who may act as one of those who may do everything."""
        known = Mighty(mighty)
        return [
            it
            for it in self.powers
            if any(edge.kind == IMPERSONATE and known.includes(edge.target) for edge in it.edges)
        ]

    def _namespaces(self) -> list[Namespace]:
        """Who there is that is not only in Active Directory, by namespace; without one first."""
        found: dict[str, Namespace] = {}
        for node in self.graph.sorted_nodes():
            edges = sorted(self.graph.outgoing(node, *ACCESS), key=lambda it: it.target.name)
            is_mighty = node.id in self._mighty
            if is_mighty and not (isinstance(node, ServiceAccount) and node.workloads):
                continue  # it is among those who may do everything
            if edges or isinstance(node, ServiceAccount):
                who = Who(node, [self._access(it) for it in edges], is_mighty=is_mighty)
                groups = [it.target for it in self.graph.outgoing(node, MEMBER) if self._has_access(it.target)]
                who.groups = [(it, self._reach(it)) for it in groups]
                found.setdefault(node.namespace, Namespace(node.namespace)).members.append(who)
        return [found[it] for it in sorted(found)]

    def _reach(self, group: Node) -> str:
        """What a group may become, in a few words."""
        if group.id not in self._reached:
            targets = [it.target for it in self.graph.outgoing(group, *ACCESS)]
            edges = [it for target in targets for it in self.graph.outgoing(target, LOG_ON, ADDITIONAL_ACCOUNT)]
            names = sorted({it.target.label for it in edges})
            self._reached[group.id] = "every account" if any(it.name == ALL for it in targets) else some(names)
        return self._reached[group.id]

    def _has_access(self, group: Node) -> bool:
        return bool(self.graph.outgoing(group, *ACCESS))

    def _risks(self) -> Iterator[tuple[Risk, str, str]]:
        """Each with what it is about, and where that is in the report."""
        for node in self.graph.sorted_nodes():
            yield from ((it, node.label, self._place(node)) for it in node.risks)
            for workload in node.workloads if isinstance(node, ServiceAccount) else ():
                yield from ((it, f"{workload.label} in {workload.namespace}", anchor(node)) for it in workload.risks)
        mighty: list[Edge] = []
        for edge in self.graph.sorted_edges():
            if edge.source.id in self._mighty:
                mighty.append(edge)
                continue
            where = f"{edge.source.label} and {edge.target.label}"
            # Of an account, it may have been told above.
            told = {it.rule for it in edge.target.risks}
            place = self._place(edge.target if edge.kind in (*ACCESS, FETCH_PASSWORD) else edge.source)
            for it in edge.risks:
                if it.rule not in told:
                    yield Risk(it.severity, it.rule, self._reach_all.message(edge, it)), where, place
        yield from _of_mighty(mighty)

    def _place(self, node: Node) -> str:
        if isinstance(node, CredentialSpec):
            if node.name == ALL:
                return "every"
            named = self.graph.outgoing(node, LOG_ON)
            return anchor(named[0].target) if named else anchor(node)
        if isinstance(node, Principal):
            account = next((it.target for it in self.graph.outgoing(node, FETCH_PASSWORD)), None)
            return anchor(account) if account is not None else ""
        return anchor(node)


def _of_mighty(edges: list[Edge]) -> Iterator[tuple[Risk, str, str]]:
    """The risks of those who may do everything, each rule once."""
    found: dict[str, list[tuple[Edge, Risk]]] = {}
    for edge in edges:
        for risk in edge.risks:
            found.setdefault(risk.rule, []).append((edge, risk))
    for (edge, risk), *more in found.values():
        if not more:
            yield risk, f"{edge.source.label} and {edge.target.label}", "everything"
            continue
        message = "each may do everything, and so this, too; bind cluster-admin and the like to as few as you can"
        yield Risk(risk.severity, risk.rule, message), f"{len(more) + 1:,} who may do everything", "everything"


def _refused(graph: Graph) -> dict[str, list[RefusedWorkload]]:
    """The workloads that are refused, by the names of the credential specs that they name."""
    found: dict[str, list[RefusedWorkload]] = {}
    for node in graph.of_kind(ServiceAccount):
        for it in node.workloads:
            for name in it.credspecs if it.is_refused else ():
                found.setdefault(name, []).append(RefusedWorkload(it, node))
    return found


def _by_rule(risks: Iterable[tuple[Risk, str, str]]) -> list[Finding]:
    """The findings, the worst first, each rule once with all its places."""
    found: dict[tuple[bool, int, str], Finding] = {}
    for risk, where, place in risks:
        found.setdefault(risk.rank, Finding(risk)).places.append((where, place, risk.message))
    for it in found.values():
        it.places.sort()
    return [found[it] for it in sorted(found)]


def _warnings(risks: Iterable[Risk]) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(map(picture.warning, risks)))


class Finding:
    """A rule that something breaks. `summary`: of the catalogue; `places`: what breaks it, where that is, and why."""

    def __init__(self, risk: Risk) -> None:
        self.severity = risk.severity
        self.rule = risk.rule
        self.warning = picture.warning(risk)
        known = find_rule(risk.rule)
        self.summary = known.summary if known is not None else ""
        self.places: list[tuple[str, str, str]] = []


class Access:
    """An edge from someone in the cluster to a credential spec, with its accounts.

    `workloads`: of a service account, or those that use it by a group, each with how it comes to the credential spec;
    `more`: how many are left out.
    """

    def __init__(self, edge: Edge, graph: Graph, *, is_new: bool) -> None:
        self.edge = edge
        self.who = edge.source
        self.place = anchor(self.who)
        self.credspec = edge.target
        every = edge.target.name == ALL
        targets = [it.target for it in graph.outgoing(edge.target, LOG_ON, ADDITIONAL_ACCOUNT)]
        self.accounts = [(it, anchor(it)) for it in targets]
        workloads = self.who.workloads if isinstance(self.who, ServiceAccount) else graph.workloads_of(edge)
        self.workloads = [
            (_label(it), _relation(it) if every else _relation(it, edge.target.name, targets))
            for it in workloads[:_MAX_WORKLOADS]
        ]
        self.more = len(workloads) - len(self.workloads)
        self.how = list(picture.how(edge))
        self.is_new = is_new

    @property
    def is_group(self) -> bool:
        return isinstance(self.who, ServiceAccounts)


def _label(it: Workload) -> str:
    return f"{it.kind} {it.namespace}/{it.name}"


def _relation(workload: Workload, credspec: str | None = None, accounts: Iterable[Node] = ()) -> str:
    """How a workload comes to a credential spec with its accounts; without one, to any."""
    if workload.is_refused:
        return "REFUSED"
    if workload.lack:
        return workload.lack
    names = workload.credspecs if credspec is None else [it for it in workload.credspecs if it == credspec]
    brought = workload.brings if credspec is None else [it for it in workload.brings if it in accounts]
    words = [f"names {', '.join(names)}"] if names else []
    if brought:
        words.append(f"brings its own contents, of {some(it.label for it in brought)}")
    elif credspec is None and workload.has_contents:
        words.append("brings its own contents")
    return "; ".join(words) or "may, does not name it"


class ShownActor:
    """A workload that can act as an account, and how."""

    def __init__(self, actor: Actor, credspecs: set[str], graph: Graph) -> None:
        workload = actor.workload
        self.label = _label(workload)
        self.who = actor.service_account
        self.place = anchor(self.who)
        named = ", ".join(it for it in workload.credspecs if it in credspecs)
        self.lacks = actor.how == NAMES and not credspecs.isdisjoint(workload.without_contents)
        self.how = {
            NAMES: workload.lack if self.lacks else f"names {named}",
            BRINGS: "brings its own contents",
            MAY: "may, does not name it",
        }[actor.how]
        self.gaps = _gaps(actor, credspecs, graph)
        self.warnings = _warnings(risk for it in self.gaps for risk in it.risks)

    @property
    def reasons(self) -> list[str]:
        """Why it can, where no role names the credential spec."""
        found = []
        for it in self.gaps:
            bindings = [each.label for each in sorted(it.bindings, key=lambda binding: binding.key)]
            found += sorted(it.reasons) if it.kind == UNCHECKED else [f"by {some(bindings)} (every credential spec)"]
        return found


def _gaps(actor: Actor, credspecs: set[str], graph: Graph) -> list[Edge]:
    """The edges to every credential spec by which a workload can act as an account, unless a role names one of it."""
    workload, who = actor.workload, actor.service_account
    used = [it for it in workload.credspecs if it in credspecs] or sorted(credspecs)
    found = {it.key: it for name in used[:_MAX_WORKLOADS] for it in graph.access(who.namespace, who.name, name)}
    edges = [it for it in found.values() if it.target.name == ALL]
    if actor.how == BRINGS:
        return [it for it in edges if it.kind == UNCHECKED]
    return edges if len(edges) == len(found) else []


class RefusedWorkload:
    """A workload whose pods are refused, and why."""

    def __init__(self, workload: Workload, who: ServiceAccount) -> None:
        self.label = _label(workload)
        self.who = who
        self.place = anchor(who)
        self.names = ", ".join(workload.credspecs)
        self.risks = workload.risks


class Entry:
    """An account, or a credential spec without one, with all who may use it.

    `actors`: the workloads that can act as it; `lacking`: those that could, if something filled in its contents;
    `fetches`: the accounts whose passwords it may fetch; `powers`: who may change its credential specs or grant them;
    `runners`: who may run code in pods of its users.
    """

    def __init__(self, node: Node, users: list[Access]) -> None:
        self.node = node
        self.id = anchor(node)
        self.users = users
        self.credspecs: list[Node] = []
        self.actors: list[ShownActor] = []
        self.lacking: list[ShownActor] = []
        self.fetches: list[tuple[Node, str]] = []
        self.has_more_actors = False
        self.refused: list[RefusedWorkload] = []
        self.powers: list[Subject] = []
        self.runners: list[Subject] = []
        self.readers: list[Reader] = []
        self.password = ""
        self.fetchers: Fetchers | None = None

    @property
    def warnings(self) -> list[str]:
        """Its own, and those of who uses it, each once."""
        edges = [*(it.edge for it in self.users), *(it.edge for it in self.readers)]
        edges += [gap for it in self.actors for gap in it.gaps]
        found = _warnings([*self.node.risks, *(risk for it in edges for risk in it.risks)])
        if self.lacking:
            found.append(f"NO ACCOUNT: {counted(len(self.lacking), 'workload')}")
        if self.refused:
            found.append(f"REFUSED: {counted(len(self.refused), 'workload')}")
        return found

    @property
    def may_act(self) -> str:
        if self.fetchers is not None and self.fetchers.is_nobody:
            return "could act as it if it existed"
        known = self.node.directory if isinstance(self.node, Account) else None
        return "can act as it" if known is None or known.enabled else "could act as it if it were enabled"

    @property
    def used_by(self) -> str:
        """The workloads that can act as it, or else who may use it, in a few words."""
        if self.actors:
            first = self.actors[0].label
            number = len(self.actors) - 1
            more = f" and {'more than ' if self.has_more_actors else ''}{number:,} more" if number else ""
            return f"{first}{more}"
        if not self.users:
            return "no workload, and no role for it" if self.credspecs else "no workload, and no credential spec"
        more = f" and {len(self.users) - 1:,} more" if len(self.users) > 1 else ""
        return f"no workload; {self.users[0].who.label}{more} may use it"

    @property
    def facts(self) -> list[str]:
        """What is seen without unfolding it: its state, what it may do, and who may fetch the password."""
        if not isinstance(self.node, Account):
            return []
        return [self.node.state_words, picture.delegation(self.node), self.password]


class Reader:
    """Who may fetch a password. `place`: of the account that it is in this report, if so."""

    def __init__(self, edge: Edge, account: Account | None) -> None:
        self.edge = edge
        self.node = edge.source
        self.place = anchor(account) if account is not None else ""


class Subject:
    """Someone with ways around the check: what they may do, to what, and by which bindings."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.kind = kind_of(node)
        self.id = f"way-{anchor(node)}"
        self.is_new = False
        self.edges: list[Edge] = []
        self._whys: dict[EdgeKey, str] = {}

    def add(self, edge: Edge, *, is_new: bool, why: str = "") -> None:
        """`why`: by this edge it reaches every account."""
        self.edges.append(edge)
        self.is_new |= is_new
        if why:
            self._whys[edge.key] = why

    @property
    def reaches_all(self) -> list[str]:
        """By which ways it reaches every account, in words."""
        return [way for way, _, is_red in self.ways if is_red]

    @property
    def warnings(self) -> list[str]:
        return _warnings(risk for it in self.edges for risk in it.risks)

    @property
    def ways(self) -> list[tuple[str, list[str], bool]]:
        """What they may do, such as `may change gmsa-webapp1`, each with how, and whether every account is its end."""
        found: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
        for it in self.edges:
            reasons = tuple(in_short(sorted(it.reasons)))
            found.setdefault((WORDS[it.kind], reasons, self._whys.get(it.key, "")), []).append(it.target.label)
        ways = []
        for (verb, how, why), targets in found.items():
            end = f", {why}: so it reaches every account" if why else ""
            ways.append((f"{verb} {some(targets)}{end}", list(how), bool(why)))
        return ways

    @property
    def bindings(self) -> list[str]:
        return list(dict.fromkeys(text for it in self.edges for text in picture.by(it)))


class Who:
    """Someone in the cluster, and what they may use. `groups`: those by which they may use more, and what that is."""

    def __init__(self, node: Node, access: list[Access], *, is_mighty: bool) -> None:
        self.node = node
        self.id = anchor(node)
        self.access = access
        self.is_mighty = is_mighty
        self.is_group = isinstance(node, ServiceAccounts)
        self.groups: list[tuple[Node, str]] = []
        self.workloads: list[tuple[str, str]] = []
        self.refused: list[RefusedWorkload] = []
        if isinstance(node, ServiceAccount):
            self.workloads = [(_label(it), _relation(it)) for it in node.workloads]
            self.refused = [RefusedWorkload(it, node) for it in node.workloads if it.is_refused]

    @property
    def warnings(self) -> list[str]:
        return _warnings(risk for it in self.access for risk in it.edge.risks)


class Namespace:
    """Who may use credential specs in a namespace; its name is empty for who is in none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[Who] = []

    @property
    def id(self) -> str:
        return f"namespace-{_safe(self.name)}"

    @property
    def facts(self) -> list[str]:
        """What is seen without unfolding it: how many workloads there are, and the accounts that they can become."""
        number = sum(len(it.workloads) for it in self.members)
        accounts = [account.label for who in self.members for it in who.access for account, _ in it.accounts]
        found = [f"{number:,} gMSA workload{'' if number == 1 else 's'}"]
        if any(it.credspec.name == ALL for who in self.members for it in who.access):
            found.append("every account")
        else:
            found.append(some(dict.fromkeys(sorted(accounts))))
            found += [reached for who in self.members for group, reached in who.groups if not group.namespace]
        found = list(dict.fromkeys(found))
        return [it for it in found if it]

    @property
    def warnings(self) -> list[str]:
        found = [text for it in self.members for text in (*it.warnings, *(["REFUSED"] if it.refused else []))]
        return list(dict.fromkeys(found))


def anchor(node: Node) -> str:
    """The id of what the report has on a node: the same in each report, and safe in an address."""
    return _safe(node.id)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", lambda it: it[0].encode("utf-8", "surrogatepass").hex("_").join("__"), text)
