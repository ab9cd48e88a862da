"""The model of a credential spec, which tells the container runtime of a Windows node about a gMSA."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    Contents = dict[str, Any]

    class DomainNames(Protocol):
        """An Active Directory domain."""

        dns_name: str
        dns_tree_name: str
        net_bios_name: str
        guid: str
        sid: str


# Go's encoding/json escapes these, so that JSON is safe in HTML and JavaScript.
_GO_ESCAPES = {it: f"\\u{ord(it):04x}" for it in "<>&\u2028\u2029"}


class CredentialSpec:
    """The JSON object that New-CredentialSpec writes. `contents` must not be changed."""

    __slots__ = ("_text", "contents")

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._text = ""

    @property
    def account(self) -> str | None:
        """The gMSA's name; None if it is not a string."""
        account = self._domain_join("MachineAccountName")
        return account if isinstance(account, str) else None

    @property
    def dns_name(self) -> str:
        """DNS name of the domain."""
        return str(self._domain_join("DnsName"))

    @property
    def text(self) -> str:
        """The contents as the webhook writes them into a pod: Go's encoding/json of a map, byte for byte."""
        if not self._text:
            self._text = canonical_json(self.contents)
        return self._text

    def is_same(self, text: str) -> bool:
        """Whether a text is this credential spec, compared as JSON, as the webhook does."""
        from json import loads

        try:
            return bool(loads(text) == self.contents)
        except (ValueError, RecursionError):
            return False

    def _domain_join(self, key: str) -> Any:
        join = self.contents.get("DomainJoinConfig")
        return join.get(key) if isinstance(join, dict) else None


def credential_spec_of(
    account: str,
    domain: DomainNames,
    additional: Iterable[tuple[str, str | None]] = (),
    host_account: Contents | None = None,
) -> CredentialSpec:
    """The credential spec of an account and its domain.

    `additional`: further accounts, each with its scope, or None for both names of the domain. `host_account`: the
    HostAccountConfig of nodes that are not joined to the domain.

    Each account has an entry for the NetBIOS and one for the DNS name of its domain: with one of them alone
    Kerberos falls back to NTLM. The order is that of the Kubernetes documentation.
    """
    accounts = [
        {"Name": account, "Scope": domain.net_bios_name},
        {"Name": account, "Scope": domain.dns_name},
    ]
    for name, scope in additional:
        scopes = [scope] if scope else [domain.net_bios_name, domain.dns_name]
        accounts += [{"Name": name, "Scope": it} for it in scopes]
    directory: Contents = {"GroupManagedServiceAccounts": accounts}
    if host_account is not None:
        directory["HostAccountConfig"] = host_account
    return CredentialSpec(
        {
            "ActiveDirectoryConfig": directory,
            "CmsPlugins": ["ActiveDirectory"],
            "DomainJoinConfig": {
                "DnsName": domain.dns_name,
                "DnsTreeName": domain.dns_tree_name,
                "Guid": domain.guid,
                "MachineAccountName": account,
                "NetBiosName": domain.net_bios_name,
                "Sid": domain.sid,
            },
        }
    )


def canonical_json(contents: Contents) -> str:
    from json import dumps

    text = dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(_GO_ESCAPES.get(it, it) for it in text) if not _GO_ESCAPES.keys().isdisjoint(text) else text
