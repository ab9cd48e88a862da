"""--ad, or the snapshot of a config: credential specs and nodes against what Active Directory knows."""

from __future__ import annotations

from gmsa_krm.active_directory.compare import Comparison
from gmsa_krm.cluster.checks.nodes import windows_nodes
from gmsa_krm.cluster.live import CREDSPECS, TEMPLATE_LISTS, credspecs_of, workloads_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import count
from gmsa_krm.credspecs.check import check_contents
from gmsa_krm.credspecs.domains import DeclaredDomain
from gmsa_krm.credspecs.parse import KIND, ReadCredspec
from gmsa_krm.findings import Report
from gmsa_krm.workloads.catalog import CredspecCatalog
from gmsa_krm.workloads.pod_data import get
from gmsa_krm.workloads.served import check_served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted
    from gmsa_krm.findings import Finding, Issue

    # About what, and the finding.
    About = tuple[str, Finding]

_NODES_RULE = "node-cannot-fetch"
_NETBIOS = 15


class _Compared:
    """What the snapshots say, once in a run. The configs have been compared when they were read."""

    def __init__(self, view: View, wanted: Wanted) -> None:
        snapshots = _snapshots(wanted)
        self.is_given = bool(snapshots)
        self.found: list[About] = [(str(it.location), it) for it in wanted.directory_findings]
        self.number = 0
        if not snapshots:
            return
        specs = self._credspecs(view, wanted)
        hosts = [name for config in wanted.configs for name in config.spec.nodes.hosts]
        of_live = {name: read for name, (read, is_live) in specs.items() if is_live}
        self._compare(of_live, Comparison(snapshots, hosts))
        self._compare_nodes(view, {name: read for name, (read, _) in specs.items()}, snapshots, hosts)
        self._compare_served(view, of_live, Comparison(snapshots))
        self.number = len(specs)

    def _credspecs(self, view: View, wanted: Wanted) -> dict[str, tuple[ReadCredspec, bool]]:
        """Those that are valid, and whether they are another than in the configs."""
        found: dict[str, tuple[ReadCredspec, bool]] = {
            name: (ReadCredspec(spec, Report(), ""), False) for name, spec in wanted.credspecs.items()
        }
        for name, spec in credspecs_of(view).items():
            same = found.get(name)
            if spec is not None and (same is None or same[0].spec.contents != spec.contents):
                found[name] = (ReadCredspec(spec, Report(), f"{KIND} {name}"), True)
        for read, _ in found.values():
            read.domain = check_contents(read.spec, Report())
        return {name: it for name, it in found.items() if it[0].domain is not None}

    def _compare(self, specs: dict[str, ReadCredspec], comparison: Comparison) -> None:
        for name, read in sorted(specs.items()):
            domain = read.declared_domain()
            if domain is not None:
                comparison.compare_domain(DeclaredDomain(domain.names, domain.place, domain.add))
            comparison.compare_accounts(read.spec, read.add_to_account)
            self.found += [(f"{KIND} {name}", it) for it in read.report.findings]

    def _compare_nodes(
        self, view: View, specs: dict[str, ReadCredspec], snapshots: list[Snapshot], hosts: list[str]
    ) -> None:
        """The Windows nodes of the cluster by their names, but for those that the configs name as hosts."""
        named = {it.rpartition("\\")[2].lower() for it in hosts}
        nodes = [it for it in map(computer_of, windows_nodes(view)) if it.lower() not in named]
        comparison = Comparison(snapshots, nodes, "the Windows nodes")
        seen = set()
        for name, read in sorted(specs.items()):
            report = Report()
            comparison.compare_accounts(read.spec, _adder(report))
            for it in report.findings:
                if it.rule == _NODES_RULE and it.message not in seen:
                    seen.add(it.message)
                    self.found.append((f"{KIND} {name}", it))

    def _compare_served(self, view: View, specs: dict[str, ReadCredspec], comparison: Comparison) -> None:
        """What workloads serve; those among the manifests have been compared when they were read."""
        catalog = CredspecCatalog([], specs)
        for it in workloads_of(view):
            report = Report()
            check_served(it.spec, set(it.names), catalog, comparison, report)
            self.found += [(it.about, one) for one in report.findings]

    def of_severity(self, severity: str) -> Iterator[About]:
        return ((about, it) for about, it in self.found if it.severity == severity)


def _adder(report: Report) -> Any:
    def add(index: int, issue: Issue) -> None:
        report.add(issue)

    return add


def _snapshots(wanted: Wanted) -> list[Snapshot]:
    if wanted.snapshot is not None:
        return [wanted.snapshot]
    of_configs: Iterable[Snapshot] = (it.snapshot for it in wanted.configs if it.snapshot is not None)
    return list({id(it): it for it in of_configs}.values())


def computer_of(node: dict[str, Any]) -> str:
    """The computer account of a node, as Windows makes it of the host name."""
    labels = node["metadata"].get("labels") or {}
    addresses = get(node, "status", "addresses") or []
    hostname = next((it.get("address") for it in addresses if it.get("type") == "Hostname"), None)
    name = str(hostname or labels.get("kubernetes.io/hostname") or node["metadata"]["name"])
    return name.partition(".")[0][:_NETBIOS].upper()


def _run_severity(severity: str, view: View, wanted: Wanted, found: Found) -> None:
    compared = view.once(_Compared, wanted)
    for about, it in compared.of_severity(severity):
        field = f"{it.field}: " if it.field else ""
        found.problem(about, f"{field}{it.message} (rule {it.rule})")
    if compared.is_given and severity == ERROR and not found.problems:
        found.holds(f"{count(compared.number, 'credential spec')}: as Active Directory has them")


def _run_mistakes(view: View, wanted: Wanted, found: Found) -> None:
    _run_severity(ERROR, view, wanted, found)


def _run_doubts(view: View, wanted: Wanted, found: Found) -> None:
    _run_severity(WARNING, view, wanted, found)


_GROUP = "active-directory"
_LISTS = (CREDSPECS, "nodes", *TEMPLATE_LISTS)
CHECKS = (
    Check("directory-mistake", ERROR, _GROUP, _run_mistakes, lists=_LISTS),
    Check("directory-doubt", WARNING, _GROUP, _run_doubts, lists=_LISTS),
)
