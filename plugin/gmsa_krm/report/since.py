"""What changed since an earlier AccessReport: the access that came and went.

Access is compared as facts, which both reports have as data: who uses, reaches or may change which credential spec,
which account that is, who may fetch its password, and what it may do as its users.
"""

from __future__ import annotations

import json

from gmsa_krm.config.load import REPORT
from gmsa_krm.findings import Location, invalid
from gmsa_krm.report.edges import ADDITIONAL_ACCOUNT, DETOURS, FETCH_PASSWORD, LOG_ON, MEMBER, UNCHECKED, USE
from gmsa_krm.report.nodes import ALL, DOMAIN_SID, NOT_CHECKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Data = dict[str, Any]

DELEGATE = "Delegate"
# Kinds of edges that the first reports do not have.
_LATER = DETOURS
_ANY_SERVICE = "every service"
# How kinds of edges are called between their ends.
WORDS = {
    USE: "may use",
    UNCHECKED: "reaches without a check",
    "ChangeCredspec": "may change the account of",
    "ChangeAdmission": "may change what checks",
    "LabelNamespace": "may label namespaces, whose pods then reach",
    "GrantAccess": "may grant",
    "RunPods": "may run code in pods of",
    "Impersonate": "may call the API server as",
    LOG_ON: "logs on as",
    ADDITIONAL_ACCOUNT: "also has",
    FETCH_PASSWORD: "may fetch the password of",
    DELEGATE: "may act as its users towards",
}


class Fact:
    """Access, by ids and labels of its ends; `kind`: of an edge, or Delegate."""

    __slots__ = ("kind", "source", "source_label", "target", "target_label")

    def __init__(self, kind: str, source: str, source_label: str, target: str, target_label: str) -> None:
        self.kind = kind
        self.source = source
        self.source_label = source_label
        self.target = target
        self.target_label = target_label

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.source, self.target

    def __str__(self) -> str:
        return f"{self.source_label} {WORDS.get(self.kind, self.kind)} {self.target_label}"


class Changes:
    """`came`: access that the earlier report does not have; `went`: access that only it has. Both are sorted."""

    __slots__ = ("came", "went")

    def __init__(self, came: list[Fact], went: list[Fact]) -> None:
        self.came = came
        self.went = went


def read_report(data: bytes, file: str) -> Data:
    """The AccessReport in a file. Raises InputError if it is none."""
    try:
        report = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _wrong(file, f"is not JSON ({str(error)[:120]})") from None
    if not isinstance(report, dict) or report.get("kind") != REPORT:
        raise _wrong(file, f"is not an {REPORT}")
    for key, texts in (("nodes", ("id", "kind", "label")), ("edges", ("kind", "source", "target"))):
        entries = report.get(key)
        if not isinstance(entries, list):
            raise _wrong(file, f"has no list of {key}")
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict) or not all(isinstance(entry.get(it), str) for it in texts):
                raise _wrong(file, f"{key}[{index}] has not the texts {', '.join(texts)}")
    return report


def _wrong(file: str, what: str) -> Exception:
    message = f"{what}; give a file that `gmsa-krm who-can --format json` wrote"
    return invalid("report-file", message, Location(file))


def compare(earlier: Data, now: Data) -> Changes:
    """`earlier` and `now`: AccessReports. What neither, or only one of them, can know is not compared."""
    before, after = _Facts(earlier), _Facts(now)
    return Changes(
        sorted((it for it in after.facts.values() if before.lacks(it)), key=_order),
        sorted((it for it in before.facts.values() if after.lacks(it)), key=_order),
    )


def _order(it: Fact) -> tuple[int, str, str, str, str]:
    kinds = list(WORDS)
    return kinds.index(it.kind) if it.kind in kinds else len(kinds), it.source_label, it.target_label, *it.key[1:]


class _Facts:
    """The facts of a report, by key."""

    def __init__(self, report: Data) -> None:
        self.facts: dict[tuple[str, str, str], Fact] = {}
        self._labels: dict[str, str] = {}
        self._unchecked: set[str] = set()  # accounts that no snapshot tells of
        kinds = set(_texts(report.get("edgeKinds")))
        self._unknown = set(_LATER) - kinds  # kinds that the version that wrote it did not look for
        for node in report["nodes"]:
            self._labels[node["id"]] = node["label"]
            if node.get("state") == NOT_CHECKED:
                self._unchecked.add(node["id"])
        for edge in report["edges"]:
            if edge["kind"] != MEMBER:
                self._add(
                    edge["kind"], _source(edge), edge["target"], source_label=self._labels.get(edge["source"], "")
                )
        for node in report["nodes"]:
            self._add_account(node)

    def lacks(self, fact: Fact) -> bool:
        """Whether access is not among these facts, by itself or by what is wider."""
        if fact.kind in (FETCH_PASSWORD, DELEGATE):
            account = fact.target if fact.kind == FETCH_PASSWORD else fact.source
            if account in self._unchecked:
                return False
        if fact.kind in self._unknown:
            return False
        return all(key not in self.facts for key in _wider(fact))

    def _add(self, kind: str, source: str, target: str, target_label: str = "", source_label: str = "") -> None:
        labels = self._labels
        fact = Fact(
            kind, source, source_label or labels.get(source, source), target, target_label or labels.get(target, target)
        )
        self.facts[fact.key] = fact

    def _add_account(self, node: Data) -> None:
        """What the fields of an account tell."""
        own = node["id"]
        if node.get("delegation") == "Unconstrained":
            self._add(DELEGATE, own, f"Service:{ALL}", _ANY_SERVICE)
        for name in _texts(node.get("delegatesTo")):
            self._add(DELEGATE, own, f"Service:{name.lower()}", name)
        for host in _texts(node.get("hosts")):
            label = "every computer of the domain" if host == ALL else host
            self._add(FETCH_PASSWORD, f"Host:{host.lower()}", own, source_label=label)


def _source(edge: Data) -> str:
    """The id of what an edge starts from; a well-known principal had no domain in the ids of earlier versions."""
    source, target = str(edge["source"]), str(edge["target"])
    if source.startswith("Principal:S-1-") and not source.startswith(f"Principal:{DOMAIN_SID}"):
        domain = target.partition(":")[2].partition("\\")[0]
        return f"Principal:{domain}/{source.partition(':')[2]}"
    return source


def _wider(fact: Fact) -> Iterator[tuple[str, str, str]]:
    """The keys of facts that say the same as a fact, or more."""
    sources, targets = [fact.source], [fact.target]
    kinds = [fact.kind]
    kind, _, name = fact.source.partition(":")
    if fact.kind in (USE, UNCHECKED):
        kinds = [USE, UNCHECKED]
        if kind == "ServiceAccount":
            sources.append(f"ServiceAccounts:{name.partition('/')[0]}/{ALL}")
        sources.append(f"ServiceAccounts:{ALL}")
    if fact.target.startswith("CredentialSpec:"):
        targets.append(f"CredentialSpec:{ALL}")
    if fact.kind == DELEGATE:
        targets.append(f"Service:{ALL}")
    if fact.kind == FETCH_PASSWORD and kind == "Host":
        sources.append(f"Host:{ALL}")
    for source in sources:
        for target in targets:
            yield from ((it, source, target) for it in kinds)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (it for it in value if isinstance(it, str))
