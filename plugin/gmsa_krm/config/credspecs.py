"""The domains and credential specs of a GMSAConfig."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import (
    Section,
    section,
    sections,
    sections_or_keyword,
    string,
    string_or_mapping,
    strings,
)
from gmsa_krm.config.kubernetes_value import TOLERATION, check_tolerations, kubernetes_value
from gmsa_krm.credspecs import values as credspec_values
from gmsa_krm.credspecs.model import credential_spec_of
from gmsa_krm.credspecs.plugins import PLUGINS, check_plugin, check_plugin_input, host_account_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.credspecs.model import CredentialSpec, OtherNames
    from gmsa_krm.findings import Issue, Report

FROM_WORKLOADS = "FromWorkloads"


class Domain(Section):
    """An Active Directory domain: its own GUID and SID, never an account's."""

    name: str = string("Name that credspecs[].domain refers to. Default: dnsName.", default=lambda self: self.dns_name)
    dns_name: str = string(
        "DNS name of the domain.", required=True, check=credspec_values.dns_name, examples=("contoso.com",)
    )
    dns_tree_name: str = string(
        "DNS name of the forest's root domain. Default: dnsName.",
        check=credspec_values.dns_name,
        default=lambda self: self.dns_name,
        examples=("contoso.com",),
    )
    net_bios_name: str = string(
        "NetBIOS name of the domain, at most 15 characters.",
        required=True,
        check=credspec_values.netbios_name,
        examples=("CONTOSO",),
    )
    guid: str = string(
        "GUID of the domain, without braces: (Get-ADDomain).ObjectGUID.",
        required=True,
        check=credspec_values.domain_guid,
        examples=("244818ae-87ac-4fcd-92ec-e79e5252348a",),
    )
    sid: str = string(
        "SID of the domain, S-1-5-21 and three numbers: (Get-ADDomain).DomainSID.Value.",
        required=True,
        check=credspec_values.domain_sid,
        examples=("S-1-5-21-2126449477-2524075714-3094792973",),
    )

    def check(self, report: Report) -> None:
        if self.dns_tree_name == self.dns_name:
            return
        from gmsa_krm.credspecs.relations import tree_name

        for issue in tree_name(self.dns_name, self.dns_tree_name):
            report.add(issue, self.at("dnsTreeName"), f"{self.path}.dnsTreeName")


class AdditionalAccount(Section):
    """An additional entry of GroupManagedServiceAccounts."""

    account: str = string("sAMAccountName without the trailing $.", required=True, check=credspec_values.account)
    domain: str | None = string(
        "Name of an entry of domains, the account's domain. Default: the credspec's.", examples=("fabrikam.com",)
    )
    scope: str | None = string(
        "Instead of domain: one name of the account's domain, DNS or NetBIOS.",
        check=credspec_values.scope,
        examples=("fabrikam.com",),
    )

    def check(self, report: Report) -> None:
        if self.domain is not None and self.scope is not None:
            message = "has both domain and scope; remove scope, since domain stands for both names of the domain"
            report.error("one-of", message, self.at("scope"), f"{self.path}.scope")

    def entries(self, domain: Domain, domains: dict[str, Domain]) -> list[tuple[str, str]]:
        """Name and Scope of its entries in a credential spec. `domain`: the credspec's; `domains`: by name."""
        if self.scope is not None:
            return [(self.account, self.scope)]
        own = domains[self.domain] if self.domain is not None else domain
        return [(self.account, own.net_bios_name), (self.account, own.dns_name)]


class HostAccount(Section):
    """How nodes that are not joined to the domain get the account's password (Container Credential Guard)."""

    plugin: str = string(
        'The plugin: AzureKeyVault, AWS, Rancher, or the GUID of another one in braces, "{...}".',
        required=True,
        examples=(*PLUGINS, "{CCC2A336-D7F3-4818-A213-272B7924213E}"),
    )
    input: str | dict[str, str] = string_or_mapping(
        "Input of the plugin, to find the secret: its string, or a mapping that is converted to that string"
        " (AzureKeyVault: ObjectId, SecretUri; AWS: credentialArn; Rancher: namespace, secret).",
        required=True,
    )

    def check(self, report: Report) -> None:
        for issue in check_plugin(self.plugin):
            report.add(issue, self.at("plugin"), f"{self.path}.plugin")
        path = f"{self.path}.input"
        for key, issue in check_plugin_input(self.plugin, self.input):
            report.add(issue, self.at("input"), f"{path}.{key}" if key else path)


class UsedBy(Section):
    """Service accounts of one namespace that may use the credspec."""

    namespace: str = string("Namespace of the service accounts.", required=True, check=values.label_name)
    service_accounts: list[str] = strings(
        'Names of the service accounts; ["*"] for every service account of the namespace.',
        each="Name of a service account, or *.",
        check=values.service_account,
        min_items=1,
        required=True,
    )

    def check(self, report: Report) -> None:
        node, field = self.at("serviceAccounts"), f"{self.path}.serviceAccounts"
        if "default" in self.service_accounts:
            message = (
                f"binds the default service account, so every pod of {self.namespace} that names no other gets this"
                " identity; give the workload its own service account"
            )
            report.warning("default-service-account", message, node, field)
        if "*" in self.service_accounts:
            message = (
                f"lets every service account of {self.namespace} use it, so whoever may create a pod there has this"
                " identity; name the service accounts of the workloads"
            )
            report.warning("wildcard-grant", message, node, field)
        if "*" in self.service_accounts and len(self.service_accounts) > 1:
            report.warning("all-service-accounts", '"*" covers the other entries; remove them', node, field)

    def allows(self, namespace: str, service_account: str) -> bool:
        """Whether the service account may use the credspec; an empty namespace is any."""
        if namespace and self.namespace != namespace:
            return False
        return service_account in self.service_accounts or "*" in self.service_accounts


class Diagnostics(Section):
    """A Job that runs the checks of the Kubernetes gMSA guide in a pod with the credspec, and prints a verdict."""

    namespace: str = string("Namespace of the Job.", required=True, check=values.label_name)
    service_account: str = string(
        "A service account that may use the credspec.", required=True, check=values.subdomain_name
    )
    image: str = string(
        "Image with PowerShell and nltest, for the Windows version of the nodes.",
        default="mcr.microsoft.com/windows/servercore:ltsc2022",
        check=values.image,
    )
    tolerations: list[dict[str, Any]] = kubernetes_value(
        "Tolerations of the Job's pods, for Windows nodes with taints.", [TOLERATION], default=()
    )

    def check(self, report: Report) -> None:
        check_tolerations(self.tolerations, self.at("tolerations"), f"{self.path}.tolerations", report)


class CredspecEntry(Section):
    """A GMSACredentialSpec and who may use it: either account (and domain), or file."""

    checks_always = True

    account: str | None = string(
        "sAMAccountName of the gMSA, without the trailing $.", check=credspec_values.account, examples=("WebApp1",)
    )
    file: str | None = string(
        "Instead of account and domain: the JSON file that New-CredentialSpec wrote, or a GMSACredentialSpec in YAML or"
        " JSON, relative to this config's folder.",
        examples=("webapp3.json",),
    )
    name: str | None = string(
        "Name of the GMSACredentialSpec. Default: that of a GMSACredentialSpec in file, else gmsa- and the account as"
        " an RFC 1123 name.",
        check=values.subdomain_name,
        default=lambda self: credspec_values.credspec_name(self.account or ""),
        examples=("gmsa-webapp1",),
    )
    domain: str | None = string("Name of an entry of domains. Default: the only domain.")
    additional_accounts: list[AdditionalAccount] = sections("Additional gMSAs in the same credspec.", AdditionalAccount)
    host_account: HostAccount | None = section(
        "For nodes that are not joined to the domain.", HostAccount, optional=True
    )
    diagnostics: Diagnostics | None = section("Emit a diagnostics Job for the credspec.", Diagnostics, optional=True)
    used_by: list[UsedBy] | str = sections_or_keyword(
        "Who may use it: one ClusterRole (verb use, this name only) and one RoleBinding per namespace. FromWorkloads:"
        " exactly the service accounts of the workloads that pass through and use it.",
        UsedBy,
        FROM_WORKLOADS,
    )

    def check(self, report: Report) -> None:
        self._check_source(report)
        self._check_diagnostics(report)

    def warn_of_no_users(self, report: Report) -> None:
        """Reports an entry without usedBy, once it is known that nothing else lets someone use it."""
        message = (
            "is missing, so no service account may use the credential spec; list the service accounts of the"
            " workloads, or write FromWorkloads"
        )
        report.warning("no-users", message, self.at("usedBy"), f"{self.path}.usedBy")

    def credential_spec(self, domains: dict[str, Domain]) -> CredentialSpec:
        """Of an entry with an account, which must be valid. `domains`: by name, one at least."""
        assert self.account is not None
        domain = domains[self.domain or next(iter(domains))]
        additional = [entry for it in self.additional_accounts for entry in it.entries(domain, domains)]
        host = self.host_account
        config = None if host is None else host_account_config(host.plugin, host.input)
        return credential_spec_of(self.account, domain, additional, config)

    def add_to_account(self, index: int, issue: Issue, report: Report) -> None:
        """Reports an issue of an entry of GroupManagedServiceAccounts, -1 for MachineAccountName, at its field here."""
        additional = [it for it in self.additional_accounts for _ in ((1,) if it.scope is not None else (1, 2))]
        place: CredspecEntry | AdditionalAccount = self if index < 2 else additional[index - 2]
        report.add(issue, place.at("account"), f"{place.path}.account")

    def check_accounts(self, domains: dict[str, Domain], declared: OtherNames, report: Report) -> None:
        """Checks the additional accounts, in an entry whose account and domain are valid.

        `domains`: those of the config by name; `declared`: the names of those of all configs.
        """
        from gmsa_krm.credspecs.relations import check_accounts

        domain = domains[self.domain or next(iter(domains))]
        assert self.account is not None
        places: list[AdditionalAccount | None] = [None, None]
        accounts = [(self.account, domain.net_bios_name), (self.account, domain.dns_name)]
        for additional in self.additional_accounts:
            entries = additional.entries(domain, domains)
            accounts += entries
            places += [additional] * len(entries)
        cure = ", or give domain in place of scope"
        reported = set()
        for index, issue in check_accounts(self.account, accounts, domain, declared, cure):
            place = places[index]
            is_open = place is not None and (place.domain is None or place.scope is None)  # else reported already
            if place is not None and is_open and (place.path, issue[1]) not in reported:
                reported.add((place.path, issue[1]))
                key = "scope" if place.scope is not None else "account"
                report.add(issue, place.at(key), f"{place.path}.{key}")

    def _check_source(self, report: Report) -> None:
        if self.account is not None and self.file is not None:
            report.error("credspec-source", "has both account and file; remove one", self.node, self.path)
        elif not self._has("account") and not self._has("file"):
            report.error("credspec-source", "has neither account nor file; give one", self.node, self.path)
        elif self.file is not None:
            for key in ("domain", "additionalAccounts", "hostAccount"):
                if self.is_given(key):
                    message = "is for entries with account, and the file has its own; remove it"
                    report.error("credspec-source", message, self.at(key), f"{self.path}.{key}")

    def _has(self, key: str) -> bool:
        """Whether the entry has the field, be it with a value of the wrong type, which is reported there."""
        node = self.at(key) if self.is_given(key) else None
        return node is not None and not node.is_null

    def _check_diagnostics(self, report: Report) -> None:
        job = self.diagnostics
        if job is None or isinstance(self.used_by, str) or not self.used_by:
            return
        if not (job.namespace and job.service_account):
            return  # reported already
        if not all(use.namespace and use.service_accounts for use in self.used_by):
            return  # reported already
        if not any(use.allows(job.namespace, job.service_account) for use in self.used_by):
            message = (
                f"{job.service_account} of {job.namespace} is not in usedBy, so the Job's pod would be refused; add it"
                " there"
            )
            path = f"{job.path}.serviceAccount"
            report.error("service-account-not-covered", message, job.at("serviceAccount"), path)
