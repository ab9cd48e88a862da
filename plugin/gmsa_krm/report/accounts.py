"""Accounts of credential specs as nodes, with what snapshots of Active Directory say of them."""

from __future__ import annotations

from functools import partial

from gmsa_krm.active_directory.compare import Comparison
from gmsa_krm.active_directory.directory import Directory
from gmsa_krm.active_directory.snapshot import EVERY_HOST, UNKNOWN
from gmsa_krm.report.model import (
    ADDITIONAL_ACCOUNT,
    EXISTS,
    FETCH_PASSWORD,
    LOG_ON,
    MISSING,
    Account,
    Principal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.active_directory.snapshot import DirectoryAccount, PasswordReader, Snapshot
    from gmsa_krm.credspecs.model import CredentialSpec as Spec
    from gmsa_krm.findings import Issue
    from gmsa_krm.report.model import CredentialSpec, Graph

# What the snapshot does not tell is a note, and no risk of the account.
_UNKNOWN = ("not-in-snapshot",)
_MISSING = ("account-domain", "not-a-gmsa", "unknown-account")
# Everyone, anonymous, authenticated users ([MS-DTYP] 2.4.2.4), and of each domain its users, guests and computers.
_EVERYONE = frozenset(("S-1-1-0", "S-1-5-7", "S-1-5-11"))
_EVERYONE_OF_DOMAIN = ("-513", "-514", "-515")
_NAMES_OF_EVERYONE = frozenset(
    ("everyone", "anonymous logon", "authenticated users", "domain users", "domain guests", "domain computers")
)


class Accounts:
    """Adds accounts to a graph. `specs`: the credential specs of the cluster, whose domains have each two names."""

    def __init__(self, graph: Graph, snapshots: Iterable[Snapshot], specs: Iterable[Spec]) -> None:
        self._graph = graph
        known = list(snapshots)
        self._directory = Directory(known)
        self._comparison = Comparison(known) if known else None
        self._dns_names: dict[str, str] = {}  # by both names of a domain, in lower case
        for domain in (it.domain for it in specs):
            if domain is not None:
                self._dns_names.setdefault(domain.net_bios_name.lower(), domain.dns_name)
                self._dns_names.setdefault(domain.dns_name.lower(), domain.dns_name)

    def add(self, credspec: CredentialSpec, spec: Spec) -> None:
        """Adds the accounts of a credential spec, and their risks."""
        own = spec.domain
        if spec.account is None or own is None:
            message = "has no account or domain that could be read, so no container gets an identity by it; fix it"
            credspec.error("credspec-file", message)
            return
        primary = self._account(spec.account, own.dns_name)
        self._graph.edge(LOG_ON, credspec, primary)
        accounts = [self._account(name, scope) for name, scope in spec.accounts or ()]
        for it in accounts:
            if it is not primary:
                self._graph.edge(ADDITIONAL_ACCOUNT, credspec, it)
        if self._comparison is not None:
            self._comparison.compare_accounts(spec, partial(_add_risk, primary, accounts))

    def _account(self, name: str, scope: str) -> Account:
        known = self._directory.named(scope)
        domain = known.dns_name if known is not None else self._dns_names.get(scope.lower(), scope)
        node = Account(name, domain)
        if node.id in self._graph.nodes:
            return self._graph.node(node)
        self._graph.node(node)
        directory = self._directory.gmsa(name, known) if known is not None else None
        if directory is None:
            others = self._directory.accounts(name) if known is not None else []
            directory = next((it for it in others if it.domain.lower() == domain.lower()), None)
        if directory is not None:
            node.state, node.directory, node.name = EXISTS, directory, directory.account.removesuffix("$")
            self._add_readers(node, directory)
            _add_own_risks(node, directory)
        return node

    def _add_readers(self, node: Account, directory: DirectoryAccount) -> None:
        for it in directory.password_readers:
            if not it.denied:
                principal = Principal(it.name, it.kind, it.sid or "", directory.domain)
                edge = self._graph.edge(FETCH_PASSWORD, self._graph.node(principal), node)
                if _is_everyone(it):
                    edge.error("password-of-everyone", _everyone(it.name, node.name))
        named = {it.name.lower() for it in directory.password_readers}
        for name in directory.other_readers:  # by a group; computers among its members are the account's hosts
            if name.lower() not in named:
                member = Principal(name, UNKNOWN, "", directory.domain)
                self._graph.edge(FETCH_PASSWORD, self._graph.node(member), node)


def _add_own_risks(node: Account, directory: DirectoryAccount) -> None:
    everyone = next((it for it in directory.password_readers if not it.denied and _is_everyone(it)), None)
    if everyone is not None or EVERY_HOST in (node.hosts or ()):
        name = everyone.name if everyone is not None else "every computer of the domain"
        node.error("password-of-everyone", _everyone(name, node.name))
    if node.delegation == "Constrained":
        message = f"{node.name} may act as its users towards {_some(node.delegates_to)}"
        node.warning("delegation", message)


def _everyone(name: str, account: str) -> str:
    return (
        f"{name} may fetch the password of {account}, so it belongs to whoever has any machine or user there; give it"
        " to a group of the Windows nodes alone: PrincipalsAllowedToRetrieveManagedPassword"
    )


def _is_everyone(reader: PasswordReader) -> bool:
    name = reader.name.lower().rpartition("\\")[2]
    sid = (reader.sid or name).upper()
    if not sid.startswith("S-1-"):
        return name in _NAMES_OF_EVERYONE  # Get-ADServiceAccount of PowerShell tells no SID
    return sid in _EVERYONE or (sid.startswith("S-1-5-21-") and sid.endswith(_EVERYONE_OF_DOMAIN))


def _add_risk(primary: Account, accounts: list[Account], index: int, issue: Issue) -> None:
    """Takes an issue of an entry of GroupManagedServiceAccounts; -1 is the primary account."""
    rule = issue[1]
    node = primary if index < 0 else accounts[index]
    if rule in _MISSING:
        node.state = MISSING
    if rule not in _UNKNOWN:
        node.add(issue)


def _some(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return f"{', '.join(names[:limit])}{more}"
