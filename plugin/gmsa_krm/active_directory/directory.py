"""Domains and accounts of snapshots, by what they are looked up by."""

from __future__ import annotations

from gmsa_krm.active_directory.snapshot import GMSA
from gmsa_krm.credspecs.relations import account_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from gmsa_krm.active_directory.snapshot import DirectoryAccount, DirectoryDomain, Snapshot
    from gmsa_krm.credspecs.model import DomainNames

# The fields of a domain by their names in a credential spec, and what they are called.
FIELDS = {
    "DnsName": ("dns_name", "DNS name"),
    "NetBiosName": ("net_bios_name", "NetBIOS name"),
    "Guid": ("guid", "GUID"),
    "Sid": ("sid", "SID"),
}


class Directory:
    """Domains and accounts of snapshots, by what they are looked up by."""

    def __init__(self, snapshots: Iterable[Snapshot]) -> None:
        self._domains: dict[tuple[str, str], DirectoryDomain] = {}  # by field and value
        self._accounts: dict[str, list[DirectoryAccount]] = {}
        self._gmsas: dict[tuple[str, str], DirectoryAccount] = {}
        self._names: dict[str, list[str]] = {}  # of gMSAs, by domain
        self._asked_for: list[re.Pattern[str]] = []
        for snapshot in snapshots:
            self._asked_for.append(snapshot.asked_for())
            for domain in snapshot.spec.domains:
                for key, (field, _) in FIELDS.items():
                    self._domains.setdefault((key, getattr(domain, field).lower()), domain)
            for account in snapshot.spec.accounts:
                self._add(account)
        self._has_several_domains = len({it.dns_name.lower() for it in self._domains.values()}) > 1

    def _add(self, account: DirectoryAccount) -> None:
        key, domain = account_key(account.account), account.domain.lower()
        self._accounts.setdefault(key, []).append(account)
        if account.kind == GMSA and (key, domain) not in self._gmsas:
            self._gmsas[key, domain] = account
            self._names.setdefault(domain, []).append(account.account)

    def server_option(self, domain: DirectoryDomain) -> str:
        """What commands of PowerShell need, to act in a domain that may be another one than their user's."""
        return f" -Server {domain.dns_name}" if self._has_several_domains else ""

    def owner(self, key: str, value: str) -> DirectoryDomain | None:
        """The domain with this value of a field."""
        return self._domains.get((key, value.lower()))

    def named(self, name: str) -> DirectoryDomain | None:
        """The domain of this DNS or NetBIOS name."""
        return self.owner("DnsName", name) or self.owner("NetBiosName", name)

    def domain_of(self, names: DomainNames) -> DirectoryDomain | None:
        """The domain that most fields describe, or else the one of the DNS name."""
        found = [self.owner(key, getattr(names, field)) for key, (field, _) in FIELDS.items()]
        # The first of equals, and the DNS name comes first.
        best = max(
            (it for it in found if it is not None), key=lambda it: sum(other is it for other in found), default=None
        )
        return best if best is not None and (best is found[0] or sum(it is best for it in found) > 1) else None

    def accounts(self, name: str) -> list[DirectoryAccount]:
        """The accounts of a name, in all domains and of all kinds."""
        return self._accounts.get(account_key(name), [])

    def gmsa(self, name: str, domain: DirectoryDomain) -> DirectoryAccount | None:
        return self._gmsas.get((account_key(name), domain.dns_name.lower()))

    def was_asked_for(self, name: str) -> bool:
        """Whether all snapshots would have an account of that name, so that one is not there if none has it."""
        return all(it.match(name.lower()) for it in self._asked_for)

    def gmsas_of(self, domain: DirectoryDomain) -> list[str]:
        """The names of the gMSAs of a domain."""
        return self._names.get(domain.dns_name.lower(), [])
