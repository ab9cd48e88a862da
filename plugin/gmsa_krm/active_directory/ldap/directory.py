"""Reads a domain over LDAP: what a snapshot has of it. Each attribute is one that every user of the domain may read."""

from __future__ import annotations

import fnmatch

from gmsa_krm.active_directory.accounts import DIRECTIONS, control_fields, encryption_types, kind_of
from gmsa_krm.active_directory.descriptor import DescriptorError, guid_text, readers, sid_text
from gmsa_krm.active_directory.ldap.connection import ANYTHING, BASE, ONE_LEVEL, SUBTREE
from gmsa_krm.active_directory.ldap.errors import LdapError
from gmsa_krm.active_directory.ldap.filters import all_of, any_of, equal, like, present
from gmsa_krm.active_directory.ldap.readers import PasswordReaders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gmsa_krm.active_directory.ldap.connection import Connection, Entry

_ROOT = ("defaultNamingContext", "configurationNamingContext", "rootDomainNamingContext")
_SERVICE_ACCOUNTS = tuple(
    f"msDS-{it}" for it in ("GroupManagedServiceAccount", "ManagedServiceAccount", "DelegatedManagedServiceAccount")
)
# Never msDS-ManagedPassword, which is the password.
_ATTRIBUTES = (
    *("objectClass", "objectSid", "sAMAccountName", "userAccountControl", "dNSHostName", "servicePrincipalName"),
    *("msDS-GroupMSAMembership", "msDS-ManagedPasswordInterval", "msDS-SupportedEncryptionTypes"),
    "msDS-AllowedToDelegateTo",
)


class Directory:
    """A domain, by a connection to one of its controllers. Raises LdapError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        root = self._one("", BASE, ANYTHING, _ROOT, "reading the root entry")
        self._base, self._configuration, self._forest_base = map(root.text, _ROOT)
        if not (self._base and self._configuration):
            raise LdapError(f"{connection.host} is not a domain controller of Active Directory: it has no domain")

    def domain(self) -> dict[str, Any]:
        """An entry of a snapshot's spec.domains."""
        partitions = self._connection.search(
            f"CN=Partitions,{self._configuration}",
            ONE_LEVEL,
            all_of(equal("objectClass", "crossRef"), present("nETBIOSName")),
            ("nCName", "dnsRoot", "nETBIOSName"),
            "reading the domains of the forest",
        )
        by_name = {it.text("nCName").lower(): it for it in partitions}
        own, root = by_name.get(self._base.lower()), by_name.get(self._forest_base.lower())
        if own is None:
            raise LdapError(f"{self._connection.host}: {self._base} is not among the domains of the forest")
        forest = root.text("dnsRoot") if root is not None else own.text("dnsRoot")
        itself = self._one(self._base, BASE, ANYTHING, ("objectGUID", "objectSid"), "reading the domain")
        domain = {
            "dnsName": own.text("dnsRoot"),
            "netBiosName": own.text("nETBIOSName"),
            "guid": self._decoded(guid_text, itself, "objectGUID"),
            "sid": self._decoded(sid_text, itself, "objectSid"),
            "forest": forest,
            "trusts": self._trusts(),
        }
        return domain if forest == domain["dnsName"] else {**domain, "dnsTreeName": forest}

    def _trusts(self) -> list[dict[str, Any]]:
        attributes = ("trustPartner", "trustDirection", "securityIdentifier")
        filter_ = equal("objectClass", "trustedDomain")
        found = self._connection.search(
            f"CN=System,{self._base}", ONE_LEVEL, filter_, attributes, "reading the trusts of the domain"
        )
        return [
            {
                "dnsName": it.text("trustPartner"),
                "direction": DIRECTIONS.get(it.number("trustDirection"), "Disabled"),
                "sid": self._decoded(sid_text, it, "securityIdentifier"),
            }
            for it in found
        ]

    def accounts(self, domain: dict[str, Any], patterns: Sequence[str], named: Sequence[str]) -> list[dict[str, Any]]:
        """Entries of a snapshot's spec.accounts.

        The service accounts of the `patterns`, or all without patterns; and whatever has one of the names in `named`.
        """
        service_accounts = any_of(*(equal("objectClass", it) for it in _SERVICE_ACCOUNTS))
        if patterns:
            superset = [f"{it.replace('?', '*').replace('[', '*').replace(']', '*').rstrip('$')}$" for it in patterns]
            service_accounts = all_of(service_accounts, any_of(*(like("sAMAccountName", it) for it in superset)))
        found = self._accounts(service_accounts)
        if patterns:
            found = [it for it in found if _matches(_name(it), patterns)]
        known = {_name(it).lower() for it in found}
        missing = [it for it in named if it.lower() not in known]
        for start in range(0, len(missing), 100):
            names = [form for it in missing[start : start + 100] for form in (it, f"{it}$")]
            of_users = all_of(equal("objectClass", "user"), any_of(*(equal("sAMAccountName", it) for it in names)))
            found += [it for it in self._accounts(of_users) if _name(it).lower() not in known]
        entries = [(it, self._readers_of(it)) for it in found]
        resolver = PasswordReaders(self._connection, self._base, domain["sid"])
        resolver.look_up({sid for _, allowed in entries for sid, _ in allowed})
        return [self._account(it, domain, resolver, allowed) for it, allowed in entries]

    def _accounts(self, filter_: bytes) -> list[Entry]:
        return self._connection.search(self._base, SUBTREE, filter_, _ATTRIBUTES, "reading the accounts")

    def _readers_of(self, entry: Entry) -> tuple[tuple[str, bool], ...]:
        descriptor = entry.values("msDS-GroupMSAMembership")
        try:
            return tuple(readers(descriptor[0])) if descriptor else ()
        except DescriptorError as error:
            raise LdapError(f"{self._connection.host}: {entry.dn[:200]}: msDS-GroupMSAMembership: {error}") from None

    def _account(
        self, entry: Entry, domain: dict[str, Any], resolver: PasswordReaders, allowed: tuple[tuple[str, bool], ...]
    ) -> dict[str, Any]:
        return {
            "account": _name(entry),
            "domain": domain["dnsName"],
            "kind": kind_of(entry.texts("objectClass")),
            "sid": self._decoded(sid_text, entry, "objectSid"),
            **control_fields(entry.number("userAccountControl")),
            "dnsHostName": entry.text("dNSHostName"),
            "servicePrincipalNames": entry.texts("servicePrincipalName"),
            "encryptionTypes": encryption_types(entry.number("msDS-SupportedEncryptionTypes")),
            "passwordIntervalDays": entry.number("msDS-ManagedPasswordInterval") or None,
            "delegatesTo": entry.texts("msDS-AllowedToDelegateTo"),
            **(resolver.fields(allowed) if kind_of(entry.texts("objectClass")) in resolver.KINDS else {}),
        }

    def _one(self, base: str, scope: int, filter_: bytes, attributes: Sequence[str], doing: str) -> Entry:
        found = self._connection.search(base, scope, filter_, attributes, doing)
        if not found:
            raise LdapError(f"{self._connection.host}: {doing} gave nothing")
        return found[0]

    def _decoded(self, decode: Callable[[bytes], str], entry: Entry, attribute: str) -> str | None:
        values = entry.values(attribute)
        try:
            return decode(values[0]) if values else None
        except DescriptorError as error:
            raise LdapError(f"{self._connection.host}: {entry.dn[:200]}: {attribute}: {error}") from None


def _name(entry: Entry) -> str:
    return entry.text("sAMAccountName").removesuffix("$")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), it.lower().rstrip("$")) for it in patterns)
