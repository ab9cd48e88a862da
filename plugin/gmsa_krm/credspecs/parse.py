"""Reads and checks the JSON that New-CredentialSpec writes.

The CRD drops unknown keys and accepts only strings, so unknown keys and other types are errors.
"""

from __future__ import annotations

import json

from gmsa_krm.credspecs import values
from gmsa_krm.credspecs.model import CredentialSpec
from gmsa_krm.findings.suggest import suggestion_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gmsa_krm.findings import Issue, Report

    Check = Callable[[str], Iterable[Issue]]

_DOMAIN_JOIN: dict[str, Check] = {
    "DnsName": values.dns_name,
    "DnsTreeName": values.dns_name,
    "Guid": values.domain_guid,
    "MachineAccountName": values.account,
    "NetBiosName": values.netbios_name,
    "Sid": values.domain_sid,
}
# Contents that break one of these rules cannot exist in a cluster.
_IMPOSSIBLE = ("credspec-file", "duplicate-key", "unknown-field", "credspec-type")


class _DuplicateKey(Exception):
    pass


def parse_credspec(data: bytes, report: Report) -> CredentialSpec | None:
    """The credential spec in `data`; None if it cannot be read. The report gets every mistake."""
    contents = _parse(data, report, "the file that New-CredentialSpec wrote")
    if contents is None:
        return None
    _check(contents, report)
    return CredentialSpec(contents)


def parse_previous(data: bytes, report: Report) -> CredentialSpec | None:
    """As `parse_credspec`, for contents from a cluster: their values may be wrong, and the reason for the change."""
    contents = _parse(data, report, "the output of kubectl get gmsacredentialspec NAME -o jsonpath={.credspec}")
    if contents is None:
        return None
    earlier = len(report.findings)
    _check(contents, report)
    report.findings[earlier:] = [it for it in report.findings[earlier:] if it.rule in _IMPOSSIBLE]
    return CredentialSpec(contents)


def _parse(data: bytes, report: Report, wanted: str) -> dict[str, Any] | None:
    try:
        # json detects UTF-8, UTF-16 and a byte order mark: PowerShell's redirections write UTF-16.
        encoding = json.detect_encoding(data)
        contents = json.loads(data.decode(encoding), object_pairs_hook=_without_duplicates)
    except _DuplicateKey as duplicate:
        report.error("duplicate-key", f"the key {duplicate} is repeated in one object; remove one")
        return None
    except (ValueError, RecursionError) as error:
        report.error("credspec-file", f"is not JSON ({str(error)[:120]}); give {wanted}")
        return None
    if not isinstance(contents, dict):
        report.error("credspec-file", f"is not a JSON object; give {wanted}")
        return None
    try:
        json.dumps(contents, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "has half of a surrogate pair (\\ud800 to \\udfff), which is not text; fix the escape"
        report.error("credspec-file", message)
        return None
    return contents


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        last: dict[str, int] = {key: index for index, (key, _) in enumerate(pairs)}
        raise _DuplicateKey(next(key for index, (key, _) in enumerate(pairs) if last[key] != index)[:60])
    return unique


def _check(contents: dict[str, Any], report: Report) -> None:
    _check_keys(contents, "", ("ActiveDirectoryConfig", "CmsPlugins", "DomainJoinConfig"), report)
    if contents.get("CmsPlugins") != ["ActiveDirectory"]:
        message = 'must be ["ActiveDirectory"]; no other plugin provides a gMSA'
        report.error("cms-plugins", message, field="CmsPlugins")
    join = _object(contents, "DomainJoinConfig", "", report)
    if join is not None:
        _check_keys(join, "DomainJoinConfig", tuple(_DOMAIN_JOIN), report)
        for key, check in _DOMAIN_JOIN.items():
            _check_string(join, key, "DomainJoinConfig", report, check)
    directory = _object(contents, "ActiveDirectoryConfig", "", report)
    if directory is None:
        return
    _check_keys(directory, "ActiveDirectoryConfig", ("GroupManagedServiceAccounts", "HostAccountConfig"), report)
    _check_accounts(directory, join or {}, report)
    if "HostAccountConfig" in directory:
        path = "ActiveDirectoryConfig.HostAccountConfig"
        host = _object(directory, "HostAccountConfig", "ActiveDirectoryConfig", report)
        if host is not None:
            _check_keys(host, path, ("PluginGUID", "PluginInput", "PortableCcgVersion"), report)
            _check_string(host, "PluginGUID", path, report, values.plugin_guid)
            _check_string(host, "PluginInput", path, report)
            _check_string(host, "PortableCcgVersion", path, report)


def _check_accounts(directory: dict[str, Any], join: dict[str, Any], report: Report) -> None:
    path = "ActiveDirectoryConfig.GroupManagedServiceAccounts"
    accounts = directory.get("GroupManagedServiceAccounts")
    if not isinstance(accounts, list) or not accounts:
        report.error("required", "lists no account; give at least one {Name, Scope}", field=path)
        return
    scopes: dict[str, set[str]] = {}
    for index, entry in enumerate(accounts):
        entry_path = f"{path}[{index}]"
        if not isinstance(entry, dict):
            report.error("credspec-type", "is not an object with Name and Scope", field=entry_path)
            continue
        _check_keys(entry, entry_path, ("Name", "Scope"), report)
        _check_string(entry, "Name", entry_path, report, values.account)
        _check_string(entry, "Scope", entry_path, report, values.scope)
        scopes.setdefault(str(entry.get("Name")), set()).add(str(entry.get("Scope")))
    account = str(join.get("MachineAccountName"))
    if len(scopes.get(account, ())) == 1:
        missing = "NetBIOS" if "." in min(scopes[account]) else "DNS"
        message = (
            f"{account} has only one Scope, so Kerberos falls back to NTLM; add an entry for the {missing} name of the"
            " domain"
        )
        report.warning("single-scope", message, field=path)


def _object(parent: dict[str, Any], key: str, path: str, report: Report) -> dict[str, Any] | None:
    value = parent.get(key)
    if isinstance(value, dict):
        return value
    if value is None:
        report.error("required", "is missing; it must be an object", field=_join(path, key))
    else:
        report.error("credspec-type", "must be an object", field=_join(path, key))
    return None


def _check_string(parent: dict[str, Any], key: str, path: str, report: Report, check: Check | None = None) -> None:
    value = parent.get(key)
    field = f"{path}.{key}"
    if isinstance(value, str):
        for issue in check(value) if check else ():
            report.add(issue, field=field)
    elif value is None:
        report.error("required", "is missing; it must be a string", field=field)
    else:
        as_text = json.dumps(json.dumps(value, separators=(",", ":")))
        message = f"must be a string, and the API server refuses any other type; write {as_text[:160]}"
        report.error("credspec-type", message, field=field)


def _check_keys(mapping: dict[str, Any], path: str, keys: tuple[str, ...], report: Report) -> None:
    for key in mapping:
        if key not in keys:
            message = f"unknown field, which the CRD drops{suggestion_for(report, key, keys)}"
            report.error("unknown-field", message, field=_join(path, key[:60]))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
