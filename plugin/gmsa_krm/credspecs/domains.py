"""Checks of the domains of a run against each other: each has its own SID, GUID and names."""

from __future__ import annotations

from gmsa_krm.findings import error_issue, warning_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.credspecs.model import DomainNames
    from gmsa_krm.findings import Issue

# The fields by their names in a credential spec, with those of `DomainNames`.
_FIELDS = {"Sid": "sid", "Guid": "guid", "NetBiosName": "net_bios_name", "DnsTreeName": "dns_tree_name"}


class DeclaredDomain:
    """A domain of a config, or the DomainJoinConfig of contents.

    `place` says in messages where it is. `add` reports an issue of a field, named as in a credential spec.
    """

    __slots__ = ("add", "names", "place")

    def __init__(self, names: DomainNames, place: str, add: Callable[[str, Issue], None]) -> None:
        self.names = names
        self.place = place
        self.add = add


def check_domains(domains: Iterable[DeclaredDomain]) -> None:
    """Reports fields in which two domains of one name differ, or two domains with different names agree."""
    by_name: dict[str, DeclaredDomain] = {}
    owners: dict[tuple[str, str], DeclaredDomain] = {}
    for domain in domains:
        first = by_name.setdefault(domain.names.dns_name.lower(), domain)
        if first is domain:
            for key, issue in _shared(domain, owners):
                domain.add(key, issue)
        else:
            for key, issue in _different(domain, first):
                domain.add(key, issue)


def _different(domain: DeclaredDomain, first: DeclaredDomain) -> Iterator[tuple[str, Issue]]:
    for key, field in _FIELDS.items():
        value, other = getattr(domain.names, field), getattr(first.names, field)
        if value is not other and value.lower() != other.lower():
            message = (
                f"{value} differs from {other} in {first.place}, for the same domain {domain.names.dns_name}; fix one"
            )
            yield key, error_issue("domain-conflict", message)


def _shared(domain: DeclaredDomain, owners: dict[tuple[str, str], DeclaredDomain]) -> Iterator[tuple[str, Issue]]:
    """Adds the values of the domain to `owners`."""
    for key in ("Sid", "Guid", "NetBiosName"):
        value = getattr(domain.names, _FIELDS[key])
        owner = owners.setdefault((key, value.lower()), domain)
        if owner is domain:
            continue
        other = f"{owner.names.dns_name} ({owner.place})"
        if key == "NetBiosName":
            message = (
                f"{value} is also the NetBIOS name of {other}, which domains of one forest cannot share; check both"
            )
            yield key, warning_issue("shared-netbios-name", message)
        else:
            message = f"{value} is also the {key.upper()} of {other}, and each domain has its own; fix one"
            yield key, error_issue("domain-conflict", message)
