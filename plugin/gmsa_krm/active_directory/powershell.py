"""The JSON of Get-ADForest, Get-ADDomain, Get-ADTrust and Get-ADServiceAccount, where no server is in reach.

ConvertTo-Json writes the same object in several ways: an enumeration as number or name, a SID as text or object, a list
below its -Depth as one text. PowerShell 5.1 redirects as UTF-16, and writes a byte order mark.
"""

from __future__ import annotations

import json
import re

from gmsa_krm.active_directory.accounts import DIRECTIONS, control_fields, encryption_types, kind_of
from gmsa_krm.active_directory.snapshot import GMSA, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.findings import Report

    Data = dict[str, Any]

_NAMES_OF_TYPES = {"DES": 0x3, "RC4": 0x4, "AES128": 0x8, "AES256": 0x10}
# Objects are put into an object or a list by hand, and no deeper.
_DEPTH = 4
_SPACE = re.compile(r"[\ufeff\s]*")
# JSON writes half of a surrogate pair as an escape, and no other text can have one.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DEPTH_CURE = "ConvertTo-Json has cut it at its depth; add -Depth 5"


class PowerShellData:
    """What is in the JSON: entries of a snapshot's spec.domains and spec.accounts."""

    def __init__(self) -> None:
        self.domains: list[Data] = []
        self.accounts: list[Data] = []
        self._forests: list[Data] = []
        self._trusts: list[Data] = []

    def add(self, data: bytes, report: Report) -> None:
        """Adds the contents of a file. `report` gets what is wrong."""
        earlier = len(report.findings)
        found = 0
        for value in _values(data, report):
            for item in _objects(value, _DEPTH):
                found += self._add_object(_lower(item), report)
        if not found and len(report.findings) == earlier:
            message = "has no object of Get-ADDomain or Get-ADServiceAccount; give an ActiveDirectorySnapshot, or their"
            report.error("directory-file", f"{message} JSON")

    def complete(self) -> None:
        """Once all files were added: puts together what several objects tell."""
        by_name = {it["dnsName"].lower(): it for it in self.domains}
        for forest in self._forests:
            for name in _texts(forest.get("domains")):
                if name.lower() in by_name:
                    _set_forest(by_name[name.lower()], _text(forest.get("rootdomain")))
        for trust in self._trusts:
            domain = by_name.get(_dns_name(_text(trust.get("distinguishedname"))).lower())
            if domain is not None:
                domain.setdefault("trusts", []).append(_trust(trust))

    def _add_object(self, item: Data, report: Report) -> bool:
        if "dnsroot" in item and "netbiosname" in item:
            self._add_domain(item, report)
        elif "rootdomain" in item:
            self._forests.append(item)
        elif "direction" in item and "target" in item:
            self._trusts.append(item)
        elif "samaccountname" in item and "distinguishedname" in item:
            self._add_account(item, report)
        else:
            return False
        return True

    def _add_domain(self, item: Data, report: Report) -> None:
        domain = {
            "dnsName": _text(item.get("dnsroot")),
            "netBiosName": _text(item.get("netbiosname")),
            "guid": _text(item.get("objectguid")).lower(),
            "sid": _sid(item.get("domainsid")),
        }
        missing = [
            name for name in ("DNSRoot", "NetBIOSName", "ObjectGUID", "DomainSID") if not _text(item.get(name.lower()))
        ]
        if missing:
            name = domain["dnsName"] or "a domain"
            report.error("directory-file", f"{name} has no {missing[0]}; write Get-ADDomain | ConvertTo-Json -Depth 5")
            return
        _set_forest(domain, _text(item.get("forest")))
        self.domains.append(domain)

    def _add_account(self, item: Data, report: Report) -> None:
        name = _text(item.get("samaccountname")).removesuffix("$")
        kind = kind_of(_texts(item.get("objectclass")))
        if not name or kind == UNKNOWN:
            message = f"{name or 'an account'} has no ObjectClass of an account; take it with Get-ADServiceAccount"
            report.error("directory-file", message)
            return
        domain = _dns_name(_text(item.get("distinguishedname")))
        if not domain:
            report.error("directory-file", f"{name} has no DistinguishedName, which tells its domain; add it")
            return
        principals = item.get("principalsallowedtoretrievemanagedpassword")
        if isinstance(principals, str) and re.search(r",DC=[^,]* (CN|OU)=", principals):
            message = f"{name}: PrincipalsAllowedToRetrieveManagedPassword is one string; {_DEPTH_CURE}"
            report.error("directory-file", message)
            return
        readers = [{"name": _common_name(it), "kind": UNKNOWN} for it in _lines(principals)]
        account = {
            "account": name,
            "domain": domain,
            "kind": kind,
            "sid": _sid(item.get("sid")) or _sid(item.get("objectsid")) or None,
            **control_fields(_number(item.get("useraccountcontrol"))),
            "dnsHostName": _text(item.get("dnshostname")),
            "servicePrincipalNames": _words(item.get("serviceprincipalnames") or item.get("serviceprincipalname")),
            "passwordReaders": readers,
            "encryptionTypes": encryption_types(_types(item)),
            "passwordIntervalDays": _number(
                item.get("managedpasswordintervalindays") or item.get("msds-managedpasswordinterval")
            )
            or None,
            "delegatesTo": _words(item.get("msds-allowedtodelegateto")),
        }
        if kind == GMSA and not readers and "principalsallowedtoretrievemanagedpassword" in item:
            account["hosts"] = []  # nobody has no members
        for key in ("enabled", "trustedForDelegation", "trustedToAuthForDelegation"):
            if isinstance(item.get(key.lower()), bool):
                account[key] = item[key.lower()]
        self.accounts.append(account)


def _values(data: bytes, report: Report) -> Iterator[Any]:
    """The JSON values of a file, one after the other, as >> appends them."""
    try:
        text = data.decode(json.detect_encoding(data))
        decoder = json.JSONDecoder()
        at = _after_space(text, 0)
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            yield value
            at = _after_space(text, end)
    except (ValueError, RecursionError) as error:
        message = "write it by ConvertTo-Json, or give an ActiveDirectorySnapshot"
        report.error("directory-file", f"is neither a snapshot nor JSON ({str(error)[:120]}); {message}")


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def _objects(value: Any, depth: int) -> Iterator[Data]:
    """The objects in a value: itself, those of a list, or those that someone has put together in one."""
    if isinstance(value, list) and depth:
        for item in value:
            yield from _objects(item, depth - 1)
    elif isinstance(value, dict):
        known = {it.lower() for it in value}
        if known & {"distinguishedname", "dnsroot", "rootdomain", "samaccountname"} or not depth:
            yield value
        else:
            for item in value.values():
                yield from _objects(item, depth - 1)


def _lower(item: Data) -> Data:
    return {key.lower(): value for key, value in item.items()}


def _text(value: Any) -> str:
    """A text, or the one that an object or a list of one stands for."""
    if isinstance(value, dict):
        return _text(next((value[key] for key in ("Value", "value") if key in value), None))
    if isinstance(value, list):
        return _text(value[0]) if len(value) == 1 else ""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    return str(value) if isinstance(value, int) else ""


def _sid(value: Any) -> str:
    return _text(value).upper()


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = value.get("Value", value.get("value"))
    if isinstance(value, list):
        return [text for it in value if (text := _text(it))]
    return [text] if (text := _text(value)) else []


def _words(value: Any) -> list[str]:
    """A list of SPNs, which have no spaces; PowerShell joins them by spaces where the depth ends."""
    return [word for it in _texts(value) for word in it.split()]


def _lines(value: Any) -> list[str]:
    return [it for it in _texts(value) if it.strip()]


def _number(value: Any) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _types(item: Data) -> int:
    value = item.get("msds-supportedencryptiontypes")
    if value is None:
        value = item.get("kerberosencryptiontype")
    number = _number(value)
    names = re.findall(r"[A-Z0-9]+", " ".join(_texts(value)).upper())
    return number or sum({_NAMES_OF_TYPES.get(it, 0) for it in names})


def _dns_name(distinguished_name: str) -> str:
    return ".".join(re.findall(r"(?:^|,)\s*DC=([^,]+)", distinguished_name, re.IGNORECASE))


def _common_name(distinguished_name: str) -> str:
    """The first name of a distinguished one, which mostly is the sAMAccountName."""
    match = re.match(r"CN=((?:[^,\\]|\\.)+)", distinguished_name, re.IGNORECASE)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else distinguished_name


def _set_forest(domain: Data, forest: str) -> None:
    if forest:
        domain["forest"] = forest
        if forest.lower() != domain["dnsName"].lower():
            domain["dnsTreeName"] = forest


def _trust(item: Data) -> Data:
    direction = item.get("direction")
    names = {it.lower(): it for it in DIRECTIONS.values()}
    named = names.get(_text(direction).lower()) or DIRECTIONS.get(_number(direction), "Disabled")
    return {
        "dnsName": _text(item.get("target")),
        "direction": named,
        "sid": _sid(item.get("securityidentifier")) or None,
    }
