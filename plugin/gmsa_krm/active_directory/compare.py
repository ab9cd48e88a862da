"""What configs and manifests say of Active Directory, compared with snapshots of it.

`Comparison` reads no file: it takes domains, credential specs and what pods serve, from wherever they come, and reports
each issue to the place that it is given. What a snapshot does not tell is no mistake: it is skipped, or a warning.
"""

from __future__ import annotations

from itertools import islice

from gmsa_krm.active_directory.directory import FIELDS, Directory
from gmsa_krm.active_directory.snapshot import EVERY_HOST, GMSA
from gmsa_krm.credspecs.relations import account_key
from gmsa_krm.findings import error_issue, warning_issue
from gmsa_krm.findings.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.active_directory.snapshot import DirectoryAccount, DirectoryDomain, Snapshot
    from gmsa_krm.credspecs.domains import DeclaredDomain
    from gmsa_krm.credspecs.model import CredentialSpec
    from gmsa_krm.findings import Issue

    # Takes an issue of an entry of GroupManagedServiceAccounts by its index; -1 is MachineAccountName.
    AddToAccount = Callable[[int, Issue], None]

_BROKEN_KEYS = frozenset(("DES", "RC4"))
# With a ticket for one of these classes a host is administered, or a domain controller asked for its secrets.
_ADMINISTRATION = frozenset(("gc", "host", "krbtgt", "ldap", "rpcss", "wsman"))
_LONG_INTERVAL = 366
# Windows takes an SPN of the class HOST for these too (sPNMappings of the directory service).
_PART_OF_HOST = frozenset(("http",))
_MAX_NAMES = 5


class Comparison:
    """Compares the credential specs of one cluster with what snapshots say.

    `nodes`: the computers that are its Windows nodes, as far as known; `source`: where their names are from.
    """

    def __init__(self, snapshots: Iterable[Snapshot], nodes: Iterable[str] = (), source: str = "nodes.hosts") -> None:
        self._source = source
        self._known = Directory(snapshots)
        self._nodes = _Nodes(nodes)
        self._absent: set[str] = set()  # names of domains that are reported as not in the snapshot

    def compare_domain(self, declared: DeclaredDomain) -> None:
        """Reports the fields that differ from those of the domain that is meant."""
        names = declared.names
        domain = self._known.domain_of(names)
        if domain is None:
            self._compare_absent(declared)
            return
        for key, (field, what) in FIELDS.items():
            value, wanted = getattr(names, field), getattr(domain, field)
            if value.lower() != wanted.lower():
                message = (
                    f"{value} is not the {what} of the domain {domain.dns_name}: it is {wanted} in Active Directory"
                )
                declared.add(key, error_issue("wrong-domain-value", f"{message}; write that"))
        is_by_default = names.dns_tree_name.lower() == names.dns_name.lower() != domain.dns_name.lower()
        if names.dns_tree_name.lower() != domain.dns_tree_name.lower() and not is_by_default:
            message = (
                f"{names.dns_tree_name} is not the root of the forest of {domain.dns_name}: it is"
                f" {domain.dns_tree_name} in Active Directory; write that as the tree name"
            )
            declared.add("DnsTreeName", error_issue("wrong-domain-value", message))

    def _compare_absent(self, declared: DeclaredDomain) -> None:
        names = declared.names
        for key in ("Sid", "Guid"):
            value = getattr(names, FIELDS[key][0])
            owner = self._known.owner(key, value)
            if owner is not None:
                message = (
                    f"{value} is the {FIELDS[key][1]} of {owner.dns_name} in Active Directory, and not of"
                    f" {names.dns_name}; write that of {names.dns_name}"
                )
                declared.add(key, error_issue("wrong-domain-value", message))
                return
        if names.dns_name.lower() not in self._absent:
            message = (
                f"{names.dns_name} is not in the snapshot of Active Directory, so it and its accounts are not checked;"
                " take a snapshot that has it, too"
            )
            declared.add("DnsName", warning_issue("not-in-snapshot", message))
        self._absent |= {names.dns_name.lower(), names.net_bios_name.lower()}

    def compare_accounts(self, spec: CredentialSpec, add: AddToAccount) -> None:
        """Reports what keeps the accounts of a credential spec from working, and what they may do beyond their use.

        `spec`: one that is valid by itself.
        """
        is_joined = _is_joined(spec)
        for index, name, domain in self._accounts_of(spec, add):
            for issue in self._issues(name, domain, is_joined=is_joined):
                add(index, issue)

    def missing_spn(self, spec: CredentialSpec, service_class: str) -> str | None:
        """The account without an SPN of the class, if no account of the credential spec has one."""
        found = [self._known.gmsa(name, domain) for _, name, domain in self._accounts_of(spec, _ignore)]
        accounts = [it for it in found if it is not None]
        wanted = {service_class.lower(), *(("host",) if service_class.lower() in _PART_OF_HOST else ())}
        classes = {spn.partition("/")[0].lower() for it in accounts for spn in it.service_principal_names}
        # Of an account that is unknown anything may be true.
        return None if not accounts or None in found or classes & wanted else accounts[0].account

    def _accounts_of(self, spec: CredentialSpec, add: AddToAccount) -> Iterator[tuple[int, str, DirectoryDomain]]:
        """Each account once: its index, its name, and its domain, where the snapshot has it."""
        own, accounts = spec.domain, spec.accounts
        if own is None or accounts is None or spec.account is None:
            return
        domain = self._known.domain_of(own)
        by_scope = dict.fromkeys((own.dns_name.lower(), own.net_bios_name.lower()), domain)
        seen = set()
        for index, (name, scope) in enumerate([(spec.account, own.dns_name), *accounts], start=-1):
            key = scope.lower()
            its = by_scope[key] if key in by_scope else self._known.named(scope)
            if its is None:
                if key not in by_scope and key not in self._absent:
                    self._absent.add(key)
                    message = (
                        f"the domain {scope} of {name} is not in the snapshot of Active Directory, so {name} is not"
                        " checked; take a snapshot that has it, too"
                    )
                    add(index, warning_issue("not-in-snapshot", message))
                continue
            place = account_key(name), its.dns_name.lower()
            if place not in seen:
                seen.add(place)
                yield index, name.removesuffix("$"), its

    def _issues(self, name: str, domain: DirectoryDomain, *, is_joined: bool) -> Iterator[Issue]:
        account = self._known.gmsa(name, domain)
        if account is None:
            yield self._absent_account(name, domain)
            return
        server = self._known.server_option(domain)
        if not account.enabled:
            message = (
                f"{name} of {domain.dns_name} is disabled, so nothing can log on as it; run Enable-ADAccount"
                f" {name}${server}"
            )
            yield error_issue("account-disabled", message)
        yield from self._readers(account, domain, is_joined=is_joined)
        yield from _delegation(account, server)
        if account.encryption_types and set(account.encryption_types) <= _BROKEN_KEYS:
            message = (
                f"{name} has Kerberos keys of {' and '.join(account.encryption_types)} only, and domain controllers"
                f" increasingly refuse them; run Set-ADServiceAccount {name} -KerberosEncryptionType"
                f" AES128,AES256{server}"
            )
            yield warning_issue("weak-keys", message)
        days = account.password_interval_days
        if days is not None and days > _LONG_INTERVAL:
            message = (
                f"the password of {name} changes every {days:,} days, and whoever has read it can use it until then;"
                " the interval of an account is fixed, so create another one with -ManagedPasswordIntervalInDays 30"
            )
            yield warning_issue("password-interval", message)

    def _absent_account(self, name: str, domain: DirectoryDomain) -> Issue:
        others = self._known.accounts(name)
        other = next((it for it in others if it.domain.lower() == domain.dns_name.lower()), None)
        if other is not None:
            message = (
                f"{name} is a {other.kind} of {domain.dns_name} and not a gMSA; create one with New-ADServiceAccount"
                f" -DNSHostName{self._known.server_option(domain)}, and name that"
            )
            return error_issue("not-a-gmsa", message)
        elsewhere = next((it for it in others if it.kind == GMSA), None)
        if elsewhere is not None:
            message = (
                f"{name} is an account of {elsewhere.domain}, and not of {domain.dns_name}; give it the domain"
                f" {elsewhere.domain}"
            )
            return error_issue("account-domain", message)
        names = self._known.gmsas_of(domain)
        if not names or not self._known.was_asked_for(name):
            why = f"was taken without {name}" if names else f"has no gMSA of {domain.dns_name}"
            message = (
                f"the snapshot of Active Directory {why}, so {name} is not checked; take a snapshot of all accounts"
            )
            return warning_issue("not-in-snapshot", message)
        message = (
            f"{name} is not an account of {domain.dns_name}{suggestion(name, names, listed=False)}; fix the name, or"
            " take the snapshot again if the account is new"
        )
        return error_issue("unknown-account", message)

    def _readers(self, account: DirectoryAccount, domain: DirectoryDomain, *, is_joined: bool) -> Iterator[Issue]:
        """Whether anyone, and each node, may fetch the password."""
        if not account.knows_hosts:
            return
        hosts = account.hosts or []
        name = account.account
        others = [it for it in account.other_readers if not it.upper().startswith(f"{domain.sid}-")]  # deleted ones
        # In other domains there may be computers among them.
        foreign = [it for it in others if "=" in it or it.upper().startswith("S-1-")]
        if not hosts and not (foreign if is_joined else others):
            groups = [it.name for it in account.password_readers if not it.denied]
            whom = f"{_some(groups)} may, but without any computer in it" if groups else "nobody may"
            message = (
                f"the password of {name} cannot be fetched: {whom}; add the computers of the Windows nodes to a group"
                f" that is in PrincipalsAllowedToRetrieveManagedPassword of {name}"
            )
            yield error_issue("no-password-readers", message)
        elif is_joined and not foreign and EVERY_HOST not in hosts:
            lacking = self._nodes.lacking_among(hosts, domain)
            if lacking:
                message = (
                    f"{lacking} of {self._source} may not fetch the password of {name}, so pods with it have no"
                    " identity there; add each to the group that may, and restart it or run klist purge -li 0x3e7 there"
                )
                yield error_issue("node-cannot-fetch", message)


def _delegation(account: DirectoryAccount, server: str) -> Iterator[Issue]:
    name = account.account
    if account.trusted_for_delegation:
        message = (
            f"{name} is trusted for delegation to any service, so a container with it can act, everywhere, as"
            f" everyone who logs on to it; run Set-ADAccountControl {name}$ -TrustedForDelegation $false{server}"
        )
        yield warning_issue("unconstrained-delegation", message)
    wide = [it for it in account.delegates_to if it.partition("/")[0].lower() in _ADMINISTRATION]
    if account.trusted_to_auth_for_delegation and account.delegates_to:
        message = (
            f"{name} may act as any user, without that user's logon, towards {_some(account.delegates_to)}; run"
            f" Set-ADAccountControl {name}$ -TrustedToAuthForDelegation $false{server}, unless the workload needs it"
        )
        yield warning_issue("broad-delegation", message)
    elif wide:
        message = (
            f"{name} may act as its users towards {_some(wide)}, which administer hosts and domains; remove them"
            " from msDS-AllowedToDelegateTo, unless the workload needs them"
        )
        yield warning_issue("broad-delegation", message)


def _is_joined(spec: CredentialSpec) -> bool:
    """Whether the nodes fetch the password with their own accounts."""
    directory = spec.contents.get("ActiveDirectoryConfig")
    return not (isinstance(directory, dict) and directory.get("HostAccountConfig") is not None)


class _Nodes:
    """The computers that are Windows nodes. What is asked of them takes as long as the hosts of an account are many."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._places: dict[str, list[int]] = {}  # by name in lower case
        for place, name in enumerate(self._names):
            self._places.setdefault(name.lower(), []).append(place)

    def lacking_among(self, hosts: list[str], domain: DirectoryDomain) -> str:
        """The nodes that are none of the hosts, for a message; "" if all are.

        Both may name their domain, and hosts without one are in `domain`.
        """
        if not self._names:
            return ""
        found: set[int] = set()
        for host in hosts:
            prefix, _, name = host.lower().rpartition("\\")
            for known in (name, f"{prefix or domain.net_bios_name.lower()}\\{name}"):
                found.update(self._places.get(known, ()))
        lacking = (name for place, name in enumerate(self._names) if place not in found)
        return _named(list(islice(lacking, _MAX_NAMES)), len(self._names) - len(found))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return _named(listed[:_MAX_NAMES], len(listed))


def _named(first: list[str], number: int) -> str:
    more = f" and {number - len(first):,} more" if number > len(first) else ""
    return f"{', '.join(first)}{more}"


def _ignore(index: int, issue: Issue) -> None:
    """For accounts that are reported about elsewhere."""
