"""Credential specs as the entries of a GMSAConfig that stand for them."""

from __future__ import annotations

from gmsa_krm.credspecs.plugins import name_of
from gmsa_krm.credspecs.relations import account_key
from gmsa_krm.credspecs.values import credspec_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gmsa_krm.credspecs.model import CredentialSpec, DomainNames

    Entry = dict[str, Any]


def domain_entry(domain: DomainNames) -> Entry:
    """An entry of spec.domains."""
    tree = {} if domain.dns_tree_name == domain.dns_name else {"dnsTreeName": domain.dns_tree_name}
    return {
        "dnsName": domain.dns_name,
        **tree,
        "netBiosName": domain.net_bios_name,
        "guid": domain.guid,
        "sid": domain.sid,
    }


def credspec_entry(spec: CredentialSpec, domains: Mapping[str, DomainNames], own: str, *, is_only: bool) -> Entry:
    """An entry of spec.credspecs, without usedBy. `spec` has no errors.

    `domains`: those of the config by their name there; `own`: the name of the credential spec's; `is_only`: whether
    entries need not name it.
    """
    account = spec.account or ""
    entry: Entry = {"account": account}
    if spec.object_name is not None and spec.object_name != credspec_name(account):
        entry["name"] = spec.object_name
    if not is_only:
        entry["domain"] = own
    additional = _additional_accounts(spec, domains, own)
    if additional:
        entry["additionalAccounts"] = additional
    host = spec.contents["ActiveDirectoryConfig"].get("HostAccountConfig")
    if host is not None:
        guid = host["PluginGUID"]
        entry["hostAccount"] = {"plugin": name_of(guid) or guid, "input": host["PluginInput"]}
    return entry


def _additional_accounts(spec: CredentialSpec, domains: Mapping[str, DomainNames], own: str) -> list[Entry]:
    scopes: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, scope in spec.accounts or ():
        key = account_key(name)
        names.setdefault(key, name)
        if scope.lower() not in map(str.lower, scopes.setdefault(key, [])):
            scopes[key].append(scope)
    machine = account_key(spec.account or "")
    entries: list[Entry] = []
    for key, given in scopes.items():
        left = {it.lower(): it for it in given}
        for name, domain in domains.items():
            both = {domain.dns_name.lower(), domain.net_bios_name.lower()}
            is_own = name == own
            if key == machine and is_own:
                left = {it: left[it] for it in left if it not in both}
            elif both <= left.keys():
                left = {it: left[it] for it in left if it not in both}
                entries.append({"account": names[key]} if is_own else {"account": names[key], "domain": name})
        entries += ({"account": names[key], "scope": scope} for scope in left.values())
    return entries
