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

    # The NetBIOS name of a domain by its DNS name, and the other way round, in lower case.
    OtherNames = dict[str, str]

# Go's encoding/json escapes these, so that JSON is safe in HTML and JavaScript.
_GO_ESCAPES = {it: f"\\u{ord(it):04x}" for it in "<>&\u2028\u2029"}


def other_names(domains: Iterable[DomainNames]) -> OtherNames:
    """For `check_accounts`, once for all credential specs."""
    others: OtherNames = {}
    for it in domains:
        others[it.dns_name.lower()], others[it.net_bios_name.lower()] = it.net_bios_name, it.dns_name
    return others


class JoinedDomain:
    """The domain that the DomainJoinConfig of contents describes."""

    __slots__ = ("dns_name", "dns_tree_name", "guid", "net_bios_name", "sid")

    def __init__(self, dns_name: str, dns_tree_name: str, net_bios_name: str, guid: str, sid: str) -> None:
        self.dns_name = dns_name
        self.dns_tree_name = dns_tree_name
        self.net_bios_name = net_bios_name
        self.guid = guid
        self.sid = sid


class CredentialSpec:
    """The JSON object that New-CredentialSpec writes. `contents` must not be changed.

    `object_name` is the name of the GMSACredentialSpec that the contents came in, if there was one.
    """

    __slots__ = ("_text", "contents", "object_name")

    def __init__(self, contents: Contents, object_name: str | None = None) -> None:
        self.contents = contents
        self.object_name = object_name
        self._text = ""

    @property
    def account(self) -> str | None:
        """The gMSA's name; None if it is not a string."""
        account = self._domain_join("MachineAccountName")
        return account if isinstance(account, str) else None

    @property
    def domain(self) -> JoinedDomain | None:
        """None if a field of it is not a string."""
        texts = [self._domain_join(key) for key in ("DnsName", "DnsTreeName", "NetBiosName", "Guid", "Sid")]
        return JoinedDomain(*texts) if all(isinstance(it, str) for it in texts) else None

    @property
    def accounts(self) -> list[tuple[str, str]] | None:
        """Name and scope of each entry of GroupManagedServiceAccounts; None if one is not two strings."""
        directory = self.contents.get("ActiveDirectoryConfig")
        listing = directory.get("GroupManagedServiceAccounts") if isinstance(directory, dict) else None
        if not isinstance(listing, list):
            return None
        accounts = []
        for entry in listing:
            name, scope = (entry.get("Name"), entry.get("Scope")) if isinstance(entry, dict) else (None, None)
            if not isinstance(name, str) or not isinstance(scope, str):
                return None
            accounts.append((name, scope))
        return accounts

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
    additional: Iterable[tuple[str, str]] = (),
    host_account: Contents | None = None,
) -> CredentialSpec:
    """The credential spec of an account and its domain.

    `additional`: further accounts, each with a scope. `host_account`: the HostAccountConfig of nodes that are not
    joined to the domain.

    Each account has an entry for the NetBIOS and one for the DNS name of its domain: with one of them alone
    Kerberos falls back to NTLM. The order is that of the Kubernetes documentation.
    """
    accounts = [(account, domain.net_bios_name), (account, domain.dns_name), *additional]
    directory: Contents = {"GroupManagedServiceAccounts": [{"Name": name, "Scope": scope} for name, scope in accounts]}
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
