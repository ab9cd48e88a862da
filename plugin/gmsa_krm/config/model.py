"""GMSAConfig: the whole document, and the checks across its sections."""

from __future__ import annotations

from itertools import islice

from gmsa_krm.config import values
from gmsa_krm.config.admission import Admission, Policy
from gmsa_krm.config.credspecs import AdditionalAccount, CredspecEntry, Domain
from gmsa_krm.config.declaration import Section, boolean, enum, section, sections, string, strings
from gmsa_krm.config.kubernetes_value import kubernetes_value
from gmsa_krm.config.nodes import Nodes
from gmsa_krm.config.webhook import Webhook
from gmsa_krm.config.workloads import WorkloadEntry, WorkloadKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.findings import Report

API_VERSION = "gmsa-krm.dev/v1alpha1"
GROUP = "gmsa-krm.dev"
KIND = "GMSAConfig"


class ServiceAccount(Section):
    """A ServiceAccount to create."""

    name: str = string("Name of the ServiceAccount.", required=True, check=values.subdomain_name)
    namespace: str = string("Namespace of the ServiceAccount.", required=True, check=values.label_name)
    automount_token: bool = boolean("Mount the API token into its pods.", default=False)
    image_pull_secrets: list[str] = strings(
        "Secrets for pulling images.", each="Name of a Secret.", check=values.subdomain_name
    )
    token_secret: bool = boolean(
        "Create a Secret <name>-token with a token that never expires. Bound tokens (workloads[].token) are safer.",
        default=False,
    )

    def check(self, report: Report) -> None:
        if self.token_secret:
            message = (
                "creates a token that never expires and that everyone who may read Secrets of the namespace can use;"
                " prefer workloads[].token"
            )
            report.warning("long-lived-token", message, self.at("tokenSecret"), f"{self.path}.tokenSecret")


class Crd(Section):
    """The CustomResourceDefinition of GMSACredentialSpec."""

    install: bool | None = boolean("Emit the CRD. Default: true, except in admission mode None.")


class ActiveDirectory(Section):
    """What Active Directory knows of the domains and accounts."""

    snapshot: str | None = string(
        "An ActiveDirectorySnapshot (`gmsa-krm import ad --snapshot`) that domains, accounts and credential specs are"
        " compared with at each run, relative to this config's folder.",
        examples=("ad.yaml",),
    )


class Spec(Section):
    """What to set up."""

    domains: list[Domain] = sections("Active Directory domains.", Domain)
    active_directory: ActiveDirectory = section("What to compare with Active Directory.", ActiveDirectory)
    credspecs: list[CredspecEntry] = sections("Credential specs, and who may use each.", CredspecEntry)
    service_accounts: list[ServiceAccount] = sections("ServiceAccounts to create.", ServiceAccount)
    viewer_role: bool = boolean(
        "Let everyone with the ClusterRole view, edit or admin read GMSACredentialSpecs, by a ClusterRole that is"
        " aggregated to view.",
        default=False,
    )
    crd: Crd = section("The GMSACredentialSpec CRD.", Crd)
    admission: Admission = section("How references in pods are expanded and checked.", Admission)
    webhook: Webhook = section("The admission webhook of mode Webhook.", Webhook)
    policy: Policy = section("The admission policy of mode Policy.", Policy)
    strict: bool = boolean("Make warnings errors, in every host.", default=False)
    kube_version: str | None = string(
        "Kubernetes version of the cluster. Default: the version that Argo CD passes, else one with every feature.",
        check=values.kube_version,
        examples=("1.34",),
    )
    workloads: list[WorkloadEntry] = sections("What to change in the workloads that pass through.", WorkloadEntry)
    existing_credspecs: list[str] = strings(
        "Existing GMSACredentialSpecs of the cluster that workloads may name.",
        each="Name of a GMSACredentialSpec.",
        check=values.subdomain_name,
    )
    workload_kinds: list[WorkloadKind] = sections(
        "Additional kinds with a pod template, besides those of Kubernetes.", WorkloadKind
    )
    nodes: Nodes = section("Settings of the Windows nodes.", Nodes)
    issuer_discovery: str | None = enum(
        "Subjects that may read the cluster's OIDC discovery document and keys, to verify service account tokens.",
        "ServiceAccounts",
        "Authenticated",
        "Unauthenticated",
    )

    @property
    def installs_crd(self) -> bool:
        return self.admission.mode != "None" if self.crd.install is None else self.crd.install

    def check(self, report: Report) -> None:
        if self.webhook.random_hostname and self.admission.mode in ("Policy", "None"):
            message = (
                f"has no effect in mode {self.admission.mode}, since only the emitted webhook sets host names;"
                " remove it, and give a gMSA's pods host names that differ in their first 15 characters"
            )
            field = f"{self.webhook.path}.randomHostname"
            report.warning("unused-random-hostname", message, self.webhook.at("randomHostname"), field)
        domains = _by_name(self.domains, report, lambda domain: domain.name)
        _by_name(self.credspecs, report, lambda entry: entry.name)
        _by_name(self.service_accounts, report, lambda it: it.name and f"{it.namespace}/{it.name}")
        has_nameless_domain = any(domain.name is None for domain in self.domains)
        for entry in self.credspecs:
            if entry.account is None:
                continue
            if entry.account and entry.name is None and not entry.is_given("name"):
                message = f"is missing, and {entry.account} has no RFC 1123 form; give an RFC 1123 subdomain"
                report.error("required", message, entry.node, f"{entry.path}.name")
            if not has_nameless_domain:
                _check_domain(entry, domains, len(self.domains) == 1, report)
                for additional in entry.additional_accounts:
                    if additional.domain is not None:
                        _check_domain(additional, domains, len(self.domains) == 1, report)
        self._check_references(report)
        self._check_excluded(report)

    def _check_excluded(self, report: Report) -> None:
        """In an excluded namespace nothing fills in contents, and a pod without them runs without a gMSA."""
        excluded = self.webhook.excluded_namespaces if self.admission.mode == "Webhook" else []
        for entry in self.credspecs if excluded else ():
            for use in entry.used_by if not isinstance(entry.used_by, str) else ():
                if use.namespace in excluded:
                    message = (
                        f"{use.namespace} is in webhook.excludedNamespaces, so its pods are neither filled in nor"
                        " checked, and run without the gMSA; remove it there, or here"
                    )
                    report.warning("excluded-namespace", message, use.at("namespace"), f"{use.path}.namespace")

    def _check_references(self, report: Report) -> None:
        """Names that cannot be those of a credspec; others are looked up once the names of all configs are known."""
        references: list[Any] = [*self.workloads, *self.policy.accept_previous]
        for reference in references:
            issues = list(values.subdomain_name(reference.credspec)) if reference.credspec else []
            if not issues:
                continue
            account = reference.credspec.removesuffix("$").lower()
            meant = next((it.name for it in self.credspecs if it.account and it.account.lower() == account), None)
            if meant is not None:
                message = f"{reference.credspec} is an account; write the name of its credspec: {meant}"
                issues = [("error", "unknown-credspec", message)]
            for issue in issues:
                report.add(issue, reference.at("credspec"), f"{reference.path}.credspec")


class Metadata(Section):
    """Kubernetes metadata; only the name is used."""

    name: str = string("Name of this config, for messages.", required=True, check=values.subdomain_name)
    namespace: str | None = string("Not used.")
    labels: dict[str, str] = kubernetes_value("Not used.", {"*": "string"}, default=lambda self: {})
    annotations: dict[str, str] = kubernetes_value(
        "config.kubernetes.io/function makes kustomize run this config as a function.",
        {"*": "string"},
        default=lambda self: {},
    )


class GMSAConfig(Section):
    """One gMSA set-up: domains, credential specs, who may use them, and the admission webhook."""

    api_version: str = enum("API version of this config.", API_VERSION, required=True)
    kind: str = enum("Kind of this config.", KIND, required=True)
    metadata: Metadata = section("Name of this config.", Metadata, required=True)
    spec: Spec = section("Settings of the gMSA set-up.", Spec, required=True)


def _check_domain(
    entry: CredspecEntry | AdditionalAccount, domains: dict[str, Domain], is_single: bool, report: Report
) -> None:
    field = f"{entry.path}.domain"
    if entry.domain is None and not is_single:
        cure = f"name one of {', '.join(islice(domains, 12))}" if domains else "add it to spec.domains"
        report.error("domain-reference", f"is missing; {cure}", entry.node, field)
    elif entry.domain is not None and entry.domain not in domains:
        from gmsa_krm.findings.suggest import suggestion_for

        message = f"{entry.domain} is not an entry of spec.domains{suggestion_for(report, entry.domain, domains)}"
        report.error("domain-reference", message, entry.at("domain"), field)


def _by_name(entries: list[Any], report: Report, name_of: Callable[[Any], str | None]) -> dict[str, Any]:
    """The entries by name; an error for a name that occurs twice."""
    named: dict[str, Any] = {}
    for entry in entries:
        name = name_of(entry)
        if name is None:
            continue
        if name in named:
            message = f"{name} is also the name of {named[name].path}; give this entry another name"
            report.error("duplicate-name", message, entry.at("name"), f"{entry.path}.name")
        named.setdefault(name, entry)
    return named
