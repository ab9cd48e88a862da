"""GMSACredentialSpecs: what the container runtime on a Windows node is told about a gMSA."""

from __future__ import annotations

from gmsa_krm.config.host_account import plugin_guid, plugin_input
from gmsa_krm.manifests.made import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.model import CredentialSpec, Domain
    from gmsa_krm.manifests.made import Object


def credspec(name: str, contents: Object) -> Object:
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "credspec": contents,
    }


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
