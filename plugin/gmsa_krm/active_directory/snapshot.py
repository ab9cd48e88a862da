"""ActiveDirectorySnapshot: what Active Directory knows of domains and accounts, in a file for checks without a server.

It holds nothing secret: every attribute in it is one that each authenticated user of the domain may read.
"""

from __future__ import annotations

import fnmatch
import re
import time

from gmsa_krm.config.credspecs import Domain
from gmsa_krm.config.declaration import (
    ConfigReport,
    Section,
    boolean,
    enum,
    integer,
    section,
    sections,
    string,
    strings,
)
from gmsa_krm.config.load import SNAPSHOT
from gmsa_krm.config.model import API_VERSION, Metadata
from gmsa_krm.findings import error_issue
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.nodes import duplicate_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.config.declaration import Schema
    from gmsa_krm.findings import Finding, Issue, Report
    from gmsa_krm.yamltext.nodes import Node

TAKEN_AT = "gmsa-krm.dev/taken-at"
# Patterns of the only accounts that were requested, with spaces between; absent if all were.
ACCOUNTS = "gmsa-krm.dev/accounts"
GMSA = "GroupManagedServiceAccount"
SMSA = "ManagedServiceAccount"
DMSA = "DelegatedManagedServiceAccount"
USER = "User"
COMPUTER = "Computer"
GROUP_KIND = "Group"
WELL_KNOWN = "WellKnown"
UNKNOWN = "Unknown"
EVERY_HOST = "*"


def sid(text: str) -> Iterable[Issue]:
    """The SID of an account or a group, in the form of [MS-DTYP] 2.4.2.1."""
    if not re.fullmatch(r"S-1(?:-[0-9]{1,15}){2,16}", text):
        yield error_issue("sid", f"{text!a} is not a SID; take the snapshot again, or write one such as S-1-5-11")


class Trust(Section):
    """A trust of the domain, in which it trusts another domain or is trusted by it."""

    dns_name: str = string("DNS name of the other domain, or its name.", required=True, examples=("fabrikam.com",))
    direction: str = enum(
        "Inbound: the other domain trusts this one; Outbound: this one trusts the other.",
        *("Inbound", "Outbound", "Bidirectional", "Disabled"),
        required=True,
    )
    sid: str | None = string("SID of the other domain, if it is known.", check=sid)


class DirectoryDomain(Domain):
    """A domain as Active Directory describes it."""

    forest: str = string(
        "DNS name of the forest's root domain. Default: dnsTreeName.", default=lambda self: self.dns_tree_name
    )
    trusts: list[Trust] = sections("Trusts, including those between the domains of one forest.", Trust)

    def check(self, report: Report) -> None:
        """Nothing: what a config gets a warning for is a fact here."""


class PasswordReader(Section):
    """An entry of the list of those who may fetch the password (PrincipalsAllowedToRetrieveManagedPassword)."""

    name: str = string(
        "sAMAccountName, without the trailing $ of a computer; the SID where it has no name.", required=True
    )
    kind: str = enum("What it is.", *(GROUP_KIND, COMPUTER, GMSA, SMSA, DMSA, USER, WELL_KNOWN, UNKNOWN), required=True)
    sid: str | None = string("SID, if it is known.", check=sid)
    denied: bool = boolean("It is a deny entry: its members may not fetch the password.", default=False)


class DirectoryAccount(Section):
    """A service account, or another account that was requested."""

    account: str = string("sAMAccountName without the trailing $.", required=True)
    domain: str = string("DNS name of its domain.", required=True)
    kind: str = enum("What it is; only the first is a gMSA.", *(GMSA, SMSA, DMSA, USER, COMPUTER), required=True)
    sid: str | None = string("SID of the account, if it is known.", check=sid)
    enabled: bool = boolean("Whether it may log on.", default=True)
    dns_host_name: str | None = string("dNSHostName.")
    service_principal_names: list[str] = strings("servicePrincipalName.", each="An SPN.")
    password_readers: list[PasswordReader] = sections(
        "Who may fetch the password, as the account lists them.", PasswordReader
    )
    hosts: list[str] | None = strings(
        'Computers that may fetch the password, by themselves or by a group, without the trailing $; "*" is every'
        " computer of the domain. Absent if the source does not tell the members of groups.",
        each="sAMAccountName without $; DOMAIN\\name in another domain.",
    )
    other_readers: list[str] = strings(
        "Users, service accounts and members in other domains that may fetch the password.",
        each="sAMAccountName, or a distinguished name.",
    )
    encryption_types: list[str] = strings(
        "Kerberos keys: DES, RC4, AES128, AES256. Absent where the domain's default applies.", each="A type."
    )
    password_interval_days: int | None = integer("Days after which the password changes.", 0, 1_000_000)
    delegates_to: list[str] = strings("SPNs for which constrained delegation is allowed.", each="An SPN.")
    trusted_for_delegation: bool = boolean("Unconstrained delegation.", default=False)
    trusted_to_auth_for_delegation: bool = boolean("Delegation with protocol transition.", default=False)

    @property
    def knows_hosts(self) -> bool:
        """Whether `hosts` is known; otherwise nothing follows from its being empty."""
        return self.is_given("hosts")


class SnapshotSpec(Section):
    """What Active Directory knows."""

    domains: list[DirectoryDomain] = sections("Domains.", DirectoryDomain)
    accounts: list[DirectoryAccount] = sections("Service accounts, and others that were requested.", DirectoryAccount)


class Snapshot(Section):
    """What Active Directory knows of domains and accounts; `gmsa-krm import ad --snapshot` writes it."""

    api_version: str = enum("API version.", API_VERSION, required=True)
    kind: str = enum("Kind.", SNAPSHOT, required=True)
    metadata: Metadata = section("Name of the forest, and when the snapshot was taken.", Metadata, required=True)
    spec: SnapshotSpec = section("Domains and accounts.", SnapshotSpec, required=True)

    def asked_for(self) -> re.Pattern[str]:
        """Matches the names, in lower case, of accounts that would be in the snapshot if they existed."""
        patterns = str(self.metadata.annotations.get(ACCOUNTS, "*")).lower().split()
        return re.compile("|".join(fnmatch.translate(it.removesuffix("$")) for it in patterns) or "(?!)")


class LoadedSnapshot:
    """A snapshot and the findings about it; it is valid if none is an error.

    `report` locates further findings at its nodes.
    """

    __slots__ = ("file", "report", "snapshot")

    def __init__(self, snapshot: Snapshot, file: str, report: ConfigReport) -> None:
        self.snapshot = snapshot
        self.file = file
        self.report = report

    @property
    def findings(self) -> list[Finding]:
        return self.report.findings


def load_snapshot(root: Node, file: str, first_line: int = 0) -> LoadedSnapshot:
    """The snapshot in `root`, for which `config.load.is_snapshot` holds."""
    report = ConfigReport(file, first_line)
    for key in duplicate_keys(root):
        report.error("duplicate-key", f"the key {key.text[:60]} is repeated in this mapping; remove one", key)
    return LoadedSnapshot(Snapshot.read(root, "", report), file, report)


def snapshot_text(
    domains: list[dict[str, Any]], accounts: list[dict[str, Any]], taken_at: int, patterns: Iterable[str] = ()
) -> str:
    """The text of a snapshot, sorted, so that two of them can be compared line by line.

    `domains` and `accounts`: data in the form of the snapshot's fields; `taken_at`: seconds since 1970; `patterns`: the
    only accounts that were requested, or none if all were.
    """
    root = min((it.get("forest") or it["dnsName"] for it in domains), default="unknown").lower()
    time_of = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken_at))
    limit = {ACCOUNTS: " ".join(sorted(set(patterns)))} if patterns else {}
    metadata = {"name": root.replace("_", "-"), "annotations": {**limit, TAKEN_AT: time_of}}
    spec = {
        "domains": sorted((_ordered(it, DirectoryDomain) for it in domains), key=lambda it: str(it["dnsName"]).lower()),
        "accounts": sorted(
            (_ordered(it, DirectoryAccount) for it in accounts),
            key=lambda it: (it["domain"].lower(), it["account"].lower(), it["kind"]),
        ),
    }
    return writer.document({"apiVersion": API_VERSION, "kind": SNAPSHOT, "metadata": metadata, "spec": spec})


def _ordered(data: dict[str, Any], of: type[Section]) -> dict[str, Any]:
    """The data with its keys in the order of the declaration and lists sorted, without empty values."""
    return {key: _sorted(data[key]) for key in of.fields if _is_told(key, data.get(key))}


def _is_told(key: str, value: Any) -> bool:
    return value is not None and (bool(value) or key in ("enabled", "hosts", "passwordIntervalDays"))


def _sorted(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], dict):
        told = [{key: it for key, it in entry.items() if it is not None} for entry in value]
        return sorted(told, key=lambda it: [str(it.get(key)).lower() for key in ("dnsName", "name", "sid", "denied")])
    return sorted(set(value), key=lambda it: (it.lower(), it))


def snapshot_schema() -> Schema:
    """A JSON Schema (draft 07) of a whole ActiveDirectorySnapshot."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://gmsa-krm.dev/schema/activedirectorysnapshot-v1alpha1.json",
        "title": SNAPSHOT,
        "description": Snapshot.__doc__,
        **Snapshot.schema(),
    }
