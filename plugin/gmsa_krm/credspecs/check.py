"""The checks of a credential spec's contents, in whatever form they came.

The CRD drops unknown keys and accepts only strings, so unknown keys and other types are errors.
"""

from __future__ import annotations

import json
import re

from gmsa_krm.credspecs import plugins, values
from gmsa_krm.credspecs.relations import check_accounts, tree_name
from gmsa_krm.findings import ERROR, error_issue, has_errors
from gmsa_krm.findings.suggest import suggestion_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gmsa_krm.credspecs.model import CredentialSpec, JoinedDomain, OtherNames
    from gmsa_krm.findings import Finding, Issue, Report

    Check = Callable[[str], Iterable[Issue]]

_DOMAIN_JOIN: dict[str, Check] = {
    "DnsName": values.dns_name,
    "DnsTreeName": values.dns_name,
    "Guid": values.domain_guid,
    "MachineAccountName": values.account,
    "NetBiosName": values.netbios_name,
    "Sid": values.domain_sid,
}
ACCOUNTS = "ActiveDirectoryConfig.GroupManagedServiceAccounts"
_HOST = "ActiveDirectoryConfig.HostAccountConfig"


def check_contents(
    spec: CredentialSpec,
    report: Report,
    declared: OtherNames | None = None,
    *,
    text_of: Callable[[str], str] | None = None,
    may_be_substituted: bool = False,
) -> JoinedDomain | None:
    """Reports every mistake of the contents, by fields such as `DomainJoinConfig.Sid`.

    Returns their domain, to be compared with others; None if it is wrong by itself.

    `declared`: names of domains besides the contents' own that a scope may name. `text_of`: a field as it is written
    in the input, for values that are not strings. `may_be_substituted`: another program replaces `${NAME}` later.
    """
    check = _ContentsCheck(spec, report, declared, text_of, may_be_substituted)
    check.run()
    return None if check.is_wrong("DomainJoinConfig") else spec.domain


class _ContentsCheck:
    def __init__(
        self,
        spec: CredentialSpec,
        report: Report,
        declared: OtherNames | None,
        text_of: Callable[[str], str] | None,
        may_be_substituted: bool,
    ) -> None:
        self._spec = spec
        self._contents = spec.contents
        self._report = report
        self._declared = declared or {}
        self._text_of = text_of
        self._may_be_substituted = may_be_substituted
        self._earlier = len(report.findings)
        self._unknown: list[str] = []  # fields whose values come later
        self._misspelt: set[str] = set()  # fields that another key stands for

    def run(self) -> None:
        contents = self._contents
        self._check_keys(contents, "", ("ActiveDirectoryConfig", "CmsPlugins", "DomainJoinConfig"))
        if contents.get("CmsPlugins") != ["ActiveDirectory"] and "CmsPlugins" not in self._misspelt:
            message = 'must be ["ActiveDirectory"]; no other plugin provides a gMSA'
            self._report.error("cms-plugins", message, field="CmsPlugins")
        join = self._object(contents, "DomainJoinConfig", "")
        if join is not None:
            self._check_keys(join, "DomainJoinConfig", tuple(_DOMAIN_JOIN))
            for key, check in _DOMAIN_JOIN.items():
                self._check_string(join, key, "DomainJoinConfig", check)
        directory = self._object(contents, "ActiveDirectoryConfig", "")
        if directory is None:
            return
        self._check_keys(directory, "ActiveDirectoryConfig", ("GroupManagedServiceAccounts", "HostAccountConfig"))
        self._check_accounts(directory)
        self._check_relations()
        if "HostAccountConfig" in directory:
            self._check_host(directory)

    def _check_accounts(self, directory: dict[str, Any]) -> None:
        accounts = directory.get("GroupManagedServiceAccounts")
        if ACCOUNTS in self._misspelt:
            return
        if not isinstance(accounts, list) or not accounts:
            self._report.error("required", "lists no account; give at least one {Name, Scope}", field=ACCOUNTS)
            return
        for index, entry in enumerate(accounts):
            path = f"{ACCOUNTS}[{index}]"
            if not isinstance(entry, dict):
                self._report.error("credspec-type", "is not an object with Name and Scope", field=path)
                continue
            self._check_keys(entry, path, ("Name", "Scope"))
            self._check_string(entry, "Name", path, values.account)
            self._check_string(entry, "Scope", path, values.scope)

    def _check_relations(self) -> None:
        """Checks fields against each other that are right by themselves."""
        join = {key: f"DomainJoinConfig.{key}" for key in _DOMAIN_JOIN}
        domain = self._spec.domain
        if domain is None:
            return
        if not (self.is_wrong(join["DnsName"]) or self.is_wrong(join["DnsTreeName"])):
            for issue in tree_name(domain.dns_name, domain.dns_tree_name):
                self._report.add(issue, field=join["DnsTreeName"])
        accounts = self._spec.accounts
        needed = (join["DnsName"], join["NetBiosName"], join["MachineAccountName"], ACCOUNTS)
        if accounts is None or any(map(self.is_wrong, needed)):
            return
        for index, issue in check_accounts(self._spec.account or "", accounts, domain, self._declared):
            field = join["MachineAccountName"] if index < 0 else f"{ACCOUNTS}[{index}].Scope"
            self._report.add(issue, field=field)

    def is_wrong(self, path: str) -> bool:
        """Whether a field below the path has an error, or its value comes later."""
        found: list[Finding] = self._report.findings[self._earlier :]
        fields = [it.field for it in found if has_errors([it])]
        return any(path in field for field in (*fields, *self._unknown))

    def _check_host(self, directory: dict[str, Any]) -> None:
        host = self._object(directory, "HostAccountConfig", "ActiveDirectoryConfig")
        if host is None:
            return
        self._check_keys(host, _HOST, ("PluginGUID", "PluginInput", "PortableCcgVersion"))
        self._check_string(host, "PluginGUID", _HOST, values.plugin_guid)
        plugin = plugins.name_of(host.get("PluginGUID"))
        value = host.get("PluginInput")
        if isinstance(value, dict):
            message = f"must be a string, but is an object; {plugins.cure_of_object(plugin, value)}"
            self._report.error("credspec-type", message, field=f"{_HOST}.PluginInput")
        else:
            self._check_string(host, "PluginInput", _HOST, lambda text: plugins.check_text(plugin, text))
        self._check_string(host, "PortableCcgVersion", _HOST, plugins.check_version)

    def _object(self, parent: dict[str, Any], key: str, path: str) -> dict[str, Any] | None:
        value = parent.get(key)
        if isinstance(value, dict):
            return value
        if _join(path, key) in self._misspelt:
            return None
        if value is None:
            self._report.error("required", "is missing; it must be an object", field=_join(path, key))
        else:
            self._report.error("credspec-type", "must be an object", field=_join(path, key))
        return None

    def _check_string(self, parent: dict[str, Any], key: str, path: str, check: Check) -> None:
        value = parent.get(key)
        field = f"{path}.{key}"
        if isinstance(value, str):
            self._check_text(value, field, check)
        elif field in self._misspelt:
            return
        elif value is None:
            cure = ' write "1"' if key == "PortableCcgVersion" else " it must be a string"
            self._report.error("required", f"is missing;{cure}", field=field)
        else:
            self._report.add(self._type_issue(value, field, check), field=field)

    def _check_text(self, text: str, field: str, check: Check) -> None:
        variable = re.search(values.VARIABLE, text) if self._may_be_substituted and "$" in text else None
        if variable is None:
            for issue in check(text):
                self._report.add(issue, field=field)
            return
        self._unknown.append(field)
        message = (
            f"has the variable {variable[0][:60]}, so it is not checked; if nothing replaces the variable, write the"
            " value"
        )
        self._report.warning("unchecked-variable", message, field=field)

    def _type_issue(self, value: object, field: str, check: Check) -> Issue:
        """The issue of a value that is not a string; as a string it may be wrong, too."""
        message = "must be a string, and the API server refuses any other type"
        if isinstance(value, (dict, list)):
            return error_issue("credspec-type", message)
        text = self._text_of(field) if self._text_of is not None else json.dumps(value)
        wrong = next((issue for issue in check(text) if issue[0] == ERROR), None)
        return wrong or error_issue("credspec-type", f"{message}; write {json.dumps(text)[:160]}")

    def _check_keys(self, mapping: dict[str, Any], path: str, keys: tuple[str, ...]) -> None:
        absent = [key for key in keys if key not in mapping]
        for key in mapping:
            if key not in keys:
                hint = suggestion_for(self._report, key, absent)
                # The key that was meant is missing for this reason.
                self._misspelt |= {_join(path, it) for it in absent if hint == f" (did you mean {it}?)"}
                message = f"unknown field, which the CRD drops{hint}"
                self._report.error("unknown-field", message, field=_join(path, key[:60]))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
