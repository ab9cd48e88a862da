"""The JSON that New-CredentialSpec writes: read, and checked like what a config says itself.

The CRD drops unknown keys and refuses other types than strings, so both are mistakes here.
"""

from __future__ import annotations

import json

from gmsa_krm.config import values
from gmsa_krm.config.fields import Report, guess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.fields import Check

_STRINGS: dict[str, Check] = {
    "DnsName": values.dns_name,
    "DnsTreeName": values.dns_name,
    "Guid": values.domain_guid,
    "MachineAccountName": values.account,
    "NetBiosName": values.netbios_name,
    "Sid": values.domain_sid,
}


class _Duplicate(Exception):
    pass


# What is wrong with contents wherever they are from: the cluster has none like that.
_NO_CONTENTS = ("credspec-file", "duplicate-key", "unknown-field", "credspec-type")


def read_credspec(data: bytes, file: str) -> tuple[dict[str, Any] | None, Report]:
    """The contents (None if they are of no use) and what is to be said of them."""
    contents, report = _read(data, Report(file), "the file that New-CredentialSpec wrote")
    if contents is not None:
        _check(contents, report)
    return contents, report


def read_previous(data: bytes, file: str) -> tuple[dict[str, Any] | None, Report]:
    """The same for contents that are in the cluster: what they say may be wrong, and the reason to change them."""
    contents, report = _read(
        data, Report(file), "what kubectl get gmsacredentialspec NAME -o jsonpath={.credspec} prints"
    )
    if contents is not None:
        _check(contents, report)
        report.findings = [it for it in report.findings if it.rule in _NO_CONTENTS]
    return contents, report


def _read(data: bytes, report: Report, wanted: str) -> tuple[dict[str, Any] | None, Report]:
    try:
        # json finds out UTF-8, UTF-16 and a byte order mark: PowerShell's redirections write UTF-16.
        encoding = json.detect_encoding(data)
        contents = json.loads(data.decode(encoding), object_pairs_hook=_without_duplicates)
    except _Duplicate as duplicate:
        report.error(None, "", "duplicate-key", f"the key {duplicate} stands twice in one object; remove one")
        return None, report
    except (ValueError, RecursionError) as error:
        report.error(None, "", "credspec-file", f"is not JSON ({str(error)[:120]}); give {wanted}")
        return None, report
    if not isinstance(contents, dict):
        report.error(None, "", "credspec-file", f"holds no JSON object; give {wanted}")
        return None, report
    try:
        json.dumps(contents, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        report.error(
            None,
            "",
            "credspec-file",
            "holds half of a surrogate pair (\\ud800 to \\udfff), which is no text; mend the escape",
        )
        return None, report
    return contents, report


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Duplicate(next(key for key in keys if keys.count(key) > 1)[:60])
    return seen


def _check(contents: dict[str, Any], report: Report) -> None:
    _known(contents, "", ("ActiveDirectoryConfig", "CmsPlugins", "DomainJoinConfig"), report)
    if contents.get("CmsPlugins") != ["ActiveDirectory"]:
        report.error(None, "CmsPlugins", "cms-plugins", 'must be ["ActiveDirectory"]; other plugins give no gMSA')
    join = _object(contents, "DomainJoinConfig", "", report)
    if join is not None:
        _known(join, "DomainJoinConfig", tuple(_STRINGS), report)
        for key, check in _STRINGS.items():
            _string(join, key, "DomainJoinConfig", report, check)
    directory = _object(contents, "ActiveDirectoryConfig", "", report)
    if directory is None:
        return
    _known(directory, "ActiveDirectoryConfig", ("GroupManagedServiceAccounts", "HostAccountConfig"), report)
    _check_accounts(directory, join or {}, report)
    if "HostAccountConfig" in directory:
        path = "ActiveDirectoryConfig.HostAccountConfig"
        host = _object(directory, "HostAccountConfig", "ActiveDirectoryConfig", report)
        if host is not None:
            _known(host, path, ("PluginGUID", "PluginInput", "PortableCcgVersion"), report)
            _string(host, "PluginGUID", path, report, values.plugin_guid)
            _string(host, "PluginInput", path, report)
            _string(host, "PortableCcgVersion", path, report)


def _check_accounts(directory: dict[str, Any], join: dict[str, Any], report: Report) -> None:
    path = "ActiveDirectoryConfig.GroupManagedServiceAccounts"
    accounts = directory.get("GroupManagedServiceAccounts")
    if not isinstance(accounts, list) or not accounts:
        report.error(None, path, "required", "lists no account; give at least one {Name, Scope}")
        return
    scopes: dict[str, set[str]] = {}
    for index, entry in enumerate(accounts):
        entry_path = f"{path}[{index}]"
        if not isinstance(entry, dict):
            report.error(None, entry_path, "credspec-type", "is no object with Name and Scope")
            continue
        _known(entry, entry_path, ("Name", "Scope"), report)
        _string(entry, "Name", entry_path, report, values.account)
        _string(entry, "Scope", entry_path, report, values.scope)
        scopes.setdefault(str(entry.get("Name")), set()).add(str(entry.get("Scope")))
    machine = str(join.get("MachineAccountName"))
    if len(scopes.get(machine, ())) == 1:
        message = f"{machine} has one Scope only, so Kerberos falls back to NTLM; add an entry for the {'NetBIOS' if '.' in min(scopes[machine]) else 'DNS'} name of the domain"
        report.warning(None, path, "single-scope", message)


def _object(parent: dict[str, Any], key: str, path: str, report: Report) -> dict[str, Any] | None:
    value = parent.get(key)
    if isinstance(value, dict):
        return value
    if value is None:
        report.error(None, _join(path, key), "required", "is missing; it must be an object")
    else:
        report.error(None, _join(path, key), "credspec-type", "must be an object")
    return None


def _string(parent: dict[str, Any], key: str, path: str, report: Report, check: Check | None = None) -> None:
    value = parent.get(key)
    if isinstance(value, str):
        for remark in check(value) if check else ():
            report.add(None, f"{path}.{key}", remark)
    elif value is None:
        report.error(None, f"{path}.{key}", "required", "is missing; it must be a string")
    else:
        as_text = json.dumps(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))
        report.error(
            None,
            f"{path}.{key}",
            "credspec-type",
            f"must be a string, and the API server refuses anything else; write {as_text[:160]}",
        )


def _known(mapping: dict[str, Any], path: str, keys: tuple[str, ...], report: Report) -> None:
    for key in mapping:
        if key not in keys:
            report.error(
                None, _join(path, key[:60]), "unknown-field", f"unknown field, which the CRD drops{guess(key, keys)}"
            )


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
