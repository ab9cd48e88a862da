"""GMSACredentialSpecs: what the container runtime on a Windows node is told about a gMSA."""

from __future__ import annotations

from gmsa_krm.config.host_account import plugin_guid, plugin_input
from gmsa_krm.manifests.made import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.model import CredentialSpec, Domain, Spec
    from gmsa_krm.manifests.made import Object


# encoding/json escapes these so that JSON can stand in HTML and JavaScript.
_GO_ESCAPES = {it: f"\\u{ord(it):04x}" for it in "<>&\u2028\u2029"}


def credspec(name: str, contents: Object) -> Object:
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "credspec": contents,
    }


def contents_of(entry: CredentialSpec, spec: Spec, of_files: dict[str, Object]) -> Object:
    """The credential spec of an entry of `spec`, made of its account or read from its file."""
    if entry.account is None:
        return of_files[entry.path]
    domains = {domain.name: domain for domain in spec.domains}
    return contents(entry, domains[entry.domain] if entry.domain else spec.domains[0])


def canonical(credspec: Object) -> str:
    """A credential spec as the webhook writes it into a pod: Go's encoding/json of a map, byte for byte."""
    from json import dumps

    text = dumps(credspec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(_GO_ESCAPES.get(it, it) for it in text) if not _GO_ESCAPES.keys().isdisjoint(text) else text


def contents(spec: CredentialSpec, domain: Domain) -> Object:
    """The credential spec itself, of an account and its domain.

    Each account has an entry for the NetBIOS and one for the DNS name of its domain: with one of them alone
    Kerberos falls back to NTLM. The order is that of the Kubernetes documentation.
    """
    assert spec.account is not None
    accounts = [
        {"Name": spec.account, "Scope": domain.net_bios_name},
        {"Name": spec.account, "Scope": domain.dns_name},
    ]
    for additional in spec.additional_accounts:
        scopes = [additional.scope] if additional.scope else [domain.net_bios_name, domain.dns_name]
        accounts += [{"Name": additional.account, "Scope": scope} for scope in scopes]
    directory: Object = {"GroupManagedServiceAccounts": accounts}
    if spec.host_account is not None:
        directory["HostAccountConfig"] = {
            "PluginGUID": plugin_guid(spec.host_account.plugin),
            "PluginInput": plugin_input(spec.host_account.plugin, spec.host_account.input),
            "PortableCcgVersion": "1",
        }
    return {
        "ActiveDirectoryConfig": directory,
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": domain.dns_name,
            "DnsTreeName": domain.dns_tree_name,
            "Guid": domain.guid,
            "MachineAccountName": spec.account,
            "NetBiosName": domain.net_bios_name,
            "Sid": domain.sid,
        },
    }
