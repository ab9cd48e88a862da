"""Domains and gMSAs of Active Directory as the entries of a GMSAConfig, and corrections of the entries that it has."""

from __future__ import annotations

from gmsa_krm.active_directory.snapshot import GMSA
from gmsa_krm.credspecs.entries import domain_entry
from gmsa_krm.credspecs.model import JoinedDomain
from gmsa_krm.credspecs.values import account as account_issues
from gmsa_krm.credspecs.values import credspec_name, rfc1123_name
from gmsa_krm.findings import ERROR
from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.config.model import Spec
    from gmsa_krm.findings import Report
    from gmsa_krm.yamltext.nodes import Node

    Data = dict[str, Any]


def corrections(root: Node, domains: Iterable[Data], report: Report) -> dict[int, Data]:
    """Patches of a config's spec.domains, by index: the values of the directory, where they differ.

    `root`: the config, which may have errors there; `domains`: those of a snapshot.
    """
    by_name = {it["dnsName"].lower(): it for it in domains}
    patches: dict[int, Data] = {}
    for index, node in enumerate(_items(root, "domains")):
        found = by_name.get(node.string("dnsName").lower())
        patch = _correction(node, found, f"spec.domains[{index}]", report) if found is not None else {}
        if patch:
            patches[index] = patch
    return patches


def _correction(node: Node, domain: Data, path: str, report: Report) -> Data:
    patch: Data = {}
    wanted = {key: domain[key] for key in ("netBiosName", "guid", "sid")}
    for key, value in {"dnsTreeName": tree_name(domain), **wanted}.items():
        default = domain["dnsName"] if key == "dnsTreeName" else ""
        existing = node.string(key) or default
        if existing.lower() != value.lower():
            patch[key] = value
            old = f"was {existing[:80]}" if node.string(key) else "was missing"
            message = f"{old}, and is {value} in Active Directory; the config has that now"
            report.warning("corrected-value", message, node.get(key) or node, f"{path}.{key}")
    return patch


def tree_name(domain: Data) -> str:
    """dnsTreeName of a snapshot's domain."""
    name: str = domain.get("dnsTreeName") or domain["dnsName"]
    return name


def accounts_in(root: Node) -> list[str]:
    """The accounts of a config's credspecs."""
    return [name for it in _items(root, "credspecs") if (name := it.string("account").rstrip("$"))]


def _items(root: Node, key: str) -> Iterator[Node]:
    spec = root.get("spec")
    listing = spec.get(key) if spec is not None else None
    if listing is not None and listing.kind == SEQUENCE:
        yield from (it for it in listing.items if it.kind == MAPPING)


class Entries:
    """The entries to add to a config, as data."""

    def __init__(self, domains: list[Data], spec: Spec | None, names: set[str | None], report: Report) -> None:
        """`domains`: those of a snapshot; `spec`, `names`: what the config has, and the names of its credspecs."""
        self.domains: list[Data] = []
        self.credspecs: list[Data] = []
        self._report = report
        self._known = {it["dnsName"].lower(): it for it in domains}
        self._names = set(names)
        # The names that entries refer to, by DNS name.
        self._refer = {it.dns_name.lower(): it.name for it in spec.domains} if spec is not None else {}
        self._accounts = set(_accounts_of(spec)) if spec is not None else set()

    def add(self, accounts: Iterable[Data]) -> None:
        """Adds the gMSAs among accounts of a snapshot that the config does not have, and their domains."""
        wanted = [it for it in accounts if it["kind"] == GMSA and self._is_usable(it)]
        wanted.sort(key=lambda it: (it["domain"].lower(), it["account"].lower()))
        new = [it for it in wanted if (it["account"].lower(), it["domain"].lower()) not in self._accounts]
        for name in dict.fromkeys(it["domain"].lower() for it in new):
            if name not in self._refer:
                self._add_domain(name)
        is_only = len(self._refer) == 1
        for it in new:
            domain = self._refer.get(it["domain"].lower())
            if domain is not None:
                self._add_credspec(it, domain, is_only=is_only)

    def add_domains(self) -> None:
        """Adds the domains that have no gMSA, too."""
        for name in self._known:
            if name not in self._refer:
                self._add_domain(name)

    def _is_usable(self, account: Data) -> bool:
        name, domain = account["account"], account["domain"]
        if account.get("enabled") is False:
            message = f"{name} of {domain} is disabled, so nothing can log on as it; enable it, or remove its credspec"
            self._report.warning("disabled-account", message)
        wrong = [message for severity, _, message in account_issues(name) if severity == ERROR]
        for message in wrong:
            self._report.error("account-name", f"{domain}: {message}")
        return not wrong

    def _add_domain(self, name: str) -> None:
        domain = self._known.get(name)
        if domain is None:
            message = f"there are accounts of {name}, but not the domain itself; give its Get-ADDomain, too"
            self._report.error("directory-file", message)
            return
        joined = JoinedDomain(
            domain["dnsName"], tree_name(domain), domain["netBiosName"], domain["guid"], domain["sid"]
        )
        self._refer[name] = domain["dnsName"]
        self.domains.append(domain_entry(joined))

    def _add_credspec(self, account: Data, domain: str, *, is_only: bool) -> None:
        entry = {"account": account["account"]}
        default = credspec_name(account["account"])
        if default is None or default in self._names:
            entry["name"] = self._free_name(account)
        self._names.add(entry.get("name", default))
        self.credspecs.append(entry if is_only else {**entry, "domain": domain})

    def _free_name(self, account: Data) -> str:
        """The name of an account that has no RFC 1123 form, or has that of another domain's."""
        number = str(account.get("sid") or "").rpartition("-")[2]
        domain = rfc1123_name(account["domain"]).replace(".", "-")
        of_domain = f"{credspec_name(account['account']) or 'gmsa'}-{domain}"
        return (
            of_domain
            if of_domain not in self._names and credspec_name(account["account"])
            else f"gmsa-{domain}-{number}"
        )


def _accounts_of(spec: Spec) -> Iterator[tuple[str, str]]:
    """Account and DNS name of the domain of a config's entries."""
    domains = {it.name: it.dns_name.lower() for it in spec.domains}
    for it in spec.credspecs:
        name = it.domain if it.domain is not None else next(iter(domains), "")
        if it.account is not None:
            yield it.account.lower(), domains.get(name, "")
