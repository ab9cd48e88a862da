"""Checks of the fields of a credential spec, or of a domain, against each other.

Names compare as Active Directory compares them: case does not matter, nor does the $ of an account.
"""

from __future__ import annotations

from gmsa_krm.credspecs.model import other_names
from gmsa_krm.findings import error_issue, warning_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gmsa_krm.credspecs.model import DomainNames, OtherNames
    from gmsa_krm.findings import Issue

    # The name of an account and the DNS or NetBIOS name of its domain: an entry of GroupManagedServiceAccounts.
    Account = tuple[str, str]


def tree_name(dns_name: str, dns_tree_name: str) -> Iterator[Issue]:
    """The issues of dnsTreeName, which is the root domain of the forest."""
    domain, tree = dns_name.lower(), dns_tree_name.lower()
    if tree == domain or domain.endswith(f".{tree}"):
        return
    if tree.endswith(f".{domain}"):
        # CredentialSpec.psm1 swapped them until 2018 (MicrosoftDocs/Virtualization-Documentation, pull request 711).
        message = (
            f"{dns_tree_name} is below {dns_name}, but the forest's root is above its domains; swap dnsName and"
            " dnsTreeName: `(Get-ADDomain).DNSRoot` and `(Get-ADDomain).Forest`"
        )
        yield error_issue("swapped-domain-names", message)
    else:
        message = (
            f"{dns_tree_name} is neither {dns_name} nor above it, which is right only for another tree of the forest;"
            " compare it with `(Get-ADDomain).Forest`"
        )
        yield warning_issue("dns-tree-name", message)


def check_accounts(
    machine_account: str, accounts: Sequence[Account], domain: DomainNames, declared: OtherNames, cure: str = ""
) -> Iterator[tuple[int, Issue]]:
    """(index of the account, issue) for each issue; -1 is the machine account.

    `domain` is that of the machine account, `declared` are others that a scope may name; `cure` adds
    another cure for an account that lacks one of the two names of its domain.
    """
    scopes: dict[str, dict[str, int]] = {}
    for index, (name, scope) in enumerate(accounts):
        indices = scopes.setdefault(account_key(name), {})
        if scope.lower() in indices:
            message = f"{name} occurs twice with Scope {scope}; remove one"
            yield index, warning_issue("repeated-account", message)
        indices.setdefault(scope.lower(), index)
    own = scopes.get(account_key(machine_account), {})
    if domain.dns_name.lower() not in own and domain.net_bios_name.lower() not in own:
        message = (
            f"{machine_account} has no entry in GroupManagedServiceAccounts with Scope {domain.dns_name} or"
            f" {domain.net_bios_name}, its domain, so the container has no identity; add both entries, or fix the name"
        )
        yield -1, error_issue("machine-account", message)
        scopes.pop(account_key(machine_account), None)
    names = other_names([domain])
    for indices in scopes.values():
        others = {scope: names.get(scope) or declared.get(scope) for scope in indices}
        yield from _check_scopes(indices, accounts, others, domain, cure)


def account_key(name: str) -> str:
    """The same text for all spellings of one account."""
    return name.removesuffix("$").lower()


def _check_scopes(
    indices: dict[str, int],
    accounts: Sequence[Account],
    others: dict[str, str | None],
    domain: DomainNames,
    cure: str,
) -> Iterator[tuple[int, Issue]]:
    """The issues of one account. `indices` by scope; `others`: the other name of its domain, if that is known."""
    unknown = [index for scope, index in indices.items() if others[scope] is None]
    for index in unknown:
        message = (
            f"{accounts[index][1]} is a name neither of the domain ({domain.dns_name}, {domain.net_bios_name}) nor of"
            " another one in spec.domains of a GMSAConfig; fix it, or declare that domain there"
        )
        yield index, warning_issue("unknown-scope", message)
    if unknown:
        return  # the missing name may be the one that is wrong
    for scope, index in indices.items():
        other = others[scope]
        if other is not None and other.lower() not in indices:
            name = "DNS" if "." in other else "NetBIOS"
            message = (
                f"{accounts[index][0]} has only one Scope of its domain, so Kerberos falls back to NTLM; add an entry"
                f" with the {name} name {other}{cure}"
            )
            yield index, warning_issue("single-scope", message)
