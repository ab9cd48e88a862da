"""Accounts of credential specs as nodes, with what snapshots of Active Directory say of them."""

from __future__ import annotations

import json
from functools import partial

from gmsa_krm.active_directory.compare import Comparison
from gmsa_krm.active_directory.directory import Directory
from gmsa_krm.active_directory.snapshot import EVERY_HOST, GMSA, UNKNOWN
from gmsa_krm.credspecs.model import CredentialSpec as Spec
from gmsa_krm.credspecs.plugins import check_text, name_of
from gmsa_krm.report.edges import ADDITIONAL_ACCOUNT, FETCH_PASSWORD, LOG_ON
from gmsa_krm.report.nodes import DOMAIN_SID, EXISTS, MISSING, NOT_CHECKED, OTHER_DOMAIN, OTHER_KIND, Account, Principal
from gmsa_krm.report.texts import some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.active_directory.snapshot import DirectoryAccount, DirectoryDomain, PasswordReader, Snapshot
    from gmsa_krm.findings import Issue
    from gmsa_krm.report.edges import Edge
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import CredentialSpec

# What the snapshot does not tell is a note, and no risk of the account.
_UNKNOWN = ("not-in-snapshot",)
_ANYONE = "anyone, without a logon"
_EVERYONE = "every user and computer"
_USERS, _GUESTS, _COMPUTERS = "every user of the domain", "every guest of the domain", "every computer of the domain"
# The widest first.
_WIDTHS = (_ANYONE, _EVERYONE, _USERS, _COMPUTERS, _GUESTS)
# Of Windows ([MS-DTYP] 2.4.2.4): those that all are in who log on over the network, also from trusted domains.
_BY_SID = {
    **dict.fromkeys(("S-1-5-7",), _ANYONE),
    **dict.fromkeys(("S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-15", "S-1-18-1", "S-1-18-2"), _EVERYONE),
    **dict.fromkeys(("S-1-5-32-545", "S-1-5-32-554"), _EVERYONE),  # which have Authenticated Users as a member
    "S-1-5-32-546": _GUESTS,
}
# Of each domain, by their last number.
_BY_RID = {"513": _USERS, "514": _GUESTS, "515": _COMPUTERS}
_BY_NAME = {
    **dict.fromkeys(("anonymous logon", "anonymous"), _ANYONE),
    **dict.fromkeys(("everyone", "network", "authenticated users", "this organization", "users"), _EVERYONE),
    "pre-windows 2000 compatible access": _EVERYONE,
    "domain users": _USERS,
    **dict.fromkeys(("guests", "domain guests"), _GUESTS),
    "domain computers": _COMPUTERS,
}


class Accounts:
    """Adds accounts to a graph. `specs`: the credential specs of the cluster, whose domains have each two names."""

    def __init__(self, graph: Graph, snapshots: Iterable[Snapshot], specs: Iterable[Spec]) -> None:
        self._graph = graph
        known = list(snapshots)
        self._directory = Directory(known)
        # DNS names by SID, of the domains of the snapshots and of those that they trust.
        self._domains: dict[str, str] = {}
        described = [it for snapshot in known for it in snapshot.spec.domains]
        self._domains.update((it.sid.upper(), it.dns_name) for own in described for it in own.trusts if it.sid)
        self._domains.update((it.sid.upper(), it.dns_name) for it in described)
        self._comparison = Comparison(known) if known else None
        self._principals: dict[str, Principal] = {}  # the first of each name, in lower case
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
        fetched_as = _fetched_as(spec)
        self._graph.edge(LOG_ON, credspec, primary)
        accounts = [self._account(name, scope) for name, scope in spec.accounts or ()]
        for it in accounts:
            if it is not primary:
                self._graph.edge(ADDITIONAL_ACCOUNT, credspec, it)
        for it in (primary, *accounts):
            if fetched_as and fetched_as not in it.fetched_as:
                it.fetched_as.append(fetched_as)
        if self._comparison is not None:
            self._comparison.compare_accounts(spec, partial(_add_risk, primary, accounts))

    def brought(self, text: str) -> list[Account]:
        """The accounts of contents that a pod has by itself; none if they cannot be read."""
        spec = Spec(contents_of(text))
        if spec.account is None or spec.domain is None:
            return []
        primary = self._account(spec.account, spec.domain.dns_name)
        accounts = [self._account(*each) for each in spec.accounts or ()]
        if self._comparison is not None:
            self._comparison.compare_accounts(spec, partial(_add_risk, primary, accounts))
        return list({it.id: it for it in (primary, *accounts)}.values())

    def _account(self, name: str, scope: str) -> Account:
        known = self._directory.named(scope)
        domain = known.dns_name if known is not None else self._dns_names.get(scope.lower(), scope)
        node = Account(name, domain)
        if node.id in self._graph.nodes:
            return self._graph.node(node)
        self._graph.node(node)
        self._find(node, known)
        return node

    def _find(self, node: Account, domain: DirectoryDomain | None) -> None:
        """What Active Directory knows of an account; `domain`: its own, if a snapshot has it."""
        if domain is None:
            return
        others = self._directory.accounts(node.name)
        found = self._directory.gmsa(node.name, domain)
        if found is None:
            found = next((it for it in others if it.domain.lower() == domain.dns_name.lower()), None)
        if found is None:
            # Without one in any domain, `compare_accounts` says whether the snapshot would have it.
            node.elsewhere = sorted({it.domain for it in others})
            node.state = OTHER_DOMAIN if others else NOT_CHECKED
            return
        node.state, node.directory = EXISTS if found.kind == GMSA else OTHER_KIND, found
        node.name = found.account.removesuffix("$")
        self._add_readers(node, found)
        _add_own_risks(node, found)

    def _add_readers(self, node: Account, directory: DirectoryAccount) -> None:
        allowed = [it for it in directory.password_readers if not it.denied]
        widths = {width for it in allowed if (width := _width(it))}
        if EVERY_HOST in (node.hosts or ()):
            widths.add(_COMPUTERS)
        node.everyone = next((it for it in _WIDTHS if it in widths), "")
        for it in allowed:
            edge = self._add_reader(node, it.name, it.kind, it.sid or "")
            width = _width(it)
            if width:
                edge.error("password-of-everyone", _everyone(it.name, node.name, width))
        named = {it.name.lower() for it in directory.password_readers}
        for name in directory.other_readers:  # by a group; computers among its members are the account's hosts
            if name.lower() not in named:
                self._add_reader(node, name, UNKNOWN, "")

    def _add_reader(self, node: Account, name: str, kind: str, sid: str) -> Edge:
        own = self._domains.get(sid.upper().rpartition("-")[0])
        principal = self._graph.node(Principal(name, kind, sid, own or node.domain))
        same = self._principals.setdefault(name.lower(), principal)
        if same is not principal:
            same.is_ambiguous = principal.is_ambiguous = True
        return self._graph.edge(FETCH_PASSWORD, principal, node)


def _fetched_as(spec: Spec) -> str:
    """Who fetches the password where nodes are not joined to the domain, in a sentence."""
    directory = spec.contents.get("ActiveDirectoryConfig")
    config = directory.get("HostAccountConfig") if isinstance(directory, dict) else None
    if not isinstance(config, dict):
        return ""
    guid, text = config.get("PluginGUID"), config.get("PluginInput")
    user = (
        f"Nodes fetch it as a user that plug-in {guid[:60] if isinstance(guid, str) else 'without a GUID'} logs on as"
    )
    name = name_of(guid)
    secret = (
        _secret(name, text) if name is not None and isinstance(text, str) and not any(check_text(name, text)) else ""
    )
    if not secret:
        return f"{user}; the plug-in's input, which says where the user's password is, is not read."
    return f"{user}, from {secret}: whoever may read that secret has the account."


def _secret(plugin: str, text: str) -> str:
    """What an input that is right names."""
    if plugin == "AzureKeyVault":
        return text.partition(";SecretUri=")[2]
    if plugin == "Rancher":
        return f"Secret {text.replace(':', '/')} of the cluster of Rancher"
    return str(contents_of(text).get("credentialArn", ""))


def contents_of(text: str) -> dict[str, Any]:
    """What a text in a pod or a policy is; nothing if it cannot be read."""
    try:
        contents = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return contents if isinstance(contents, dict) else {}


def _add_own_risks(node: Account, directory: DirectoryAccount) -> None:
    readers = [it for it in directory.password_readers if not it.denied]
    if node.everyone:
        widest = next((it.name for it in readers if _width(it) == node.everyone), node.everyone)
        node.error("password-of-everyone", _everyone(widest, node.name, node.everyone))
    if node.delegation == "Constrained":
        message = f"{node.name} may act as its users towards {some(node.delegates_to, 3)}"
        node.warning("delegation", message)


def _everyone(name: str, account: str, width: str) -> str:
    who = name if name == width else f"{name}, which is {width},"
    return (
        f"{who} may fetch the password of {account}, so it belongs to whoever has one of these; give it to a group of"
        " the Windows nodes alone: PrincipalsAllowedToRetrieveManagedPassword"
    )


def _width(reader: PasswordReader) -> str:
    """Who a reader is, if that is as good as everyone, in words; else nothing."""
    name = reader.name.lower().rpartition("\\")[2]
    sid = (reader.sid or name).upper()
    if not sid.startswith("S-1-"):
        return _BY_NAME.get(name, "")  # Get-ADServiceAccount of PowerShell tells no SID
    return _BY_RID.get(sid.rpartition("-")[2], "") if sid.startswith(DOMAIN_SID) else _BY_SID.get(sid, "")


def _add_risk(primary: Account, accounts: list[Account], index: int, issue: Issue) -> None:
    """Takes an issue of an entry of GroupManagedServiceAccounts; -1 is the primary account."""
    rule = issue[1]
    node = primary if index < 0 else accounts[index]
    if rule == "unknown-account" and node.state == NOT_CHECKED:
        node.state = MISSING
    if rule not in _UNKNOWN:
        node.add(issue)
