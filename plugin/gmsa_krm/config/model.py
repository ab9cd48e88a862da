"""GMSAConfig: every field with its default, its meaning and its checks."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.fields import (
    Report,
    Section,
    boolean,
    choice,
    guess,
    integer,
    kubernetes,
    number_or_percent,
    one_or_more,
    section,
    sections,
    sections_or_word,
    text,
    text_or_mapping,
    texts,
)
from gmsa_krm.config.host_account import PLUGINS, check_host_account

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.config.fields import Shape

API_VERSION = "gmsa-krm.dev/v1alpha1"
GROUP = "gmsa-krm.dev"
KIND = "GMSAConfig"


_TOLERATION: Shape = {
    "key": "string",
    "operator": "string",
    "value": "string",
    "effect": "string",
    "tolerationSeconds": "integer",
}
_AFFINITY: Shape = {
    "requiredDuringSchedulingIgnoredDuringExecution": "any",
    "preferredDuringSchedulingIgnoredDuringExecution": "any",
}


class Domain(Section):
    """An Active Directory domain: its own GUID and SID, never an account's."""

    name: str = text("What credspecs[].domain refers to. Default: dnsName.", default=lambda self: self.dns_name)
    dns_name: str = text("DNS name of the domain.", required=True, check=values.dns_name, examples=("contoso.com",))
    dns_tree_name: str = text(
        "DNS name of the forest's root domain. Default: dnsName.",
        check=values.dns_name,
        default=lambda self: self.dns_name,
        examples=("contoso.com",),
    )
    net_bios_name: str = text(
        "NetBIOS name of the domain, 15 characters at most.",
        required=True,
        check=values.netbios_name,
        examples=("CONTOSO",),
    )
    guid: str = text(
        "GUID of the domain, without braces: (Get-ADDomain).ObjectGUID.",
        required=True,
        check=values.domain_guid,
        examples=("244818ae-87ac-4fcd-92ec-e79e5252348a",),
    )
    sid: str = text(
        "SID of the domain, S-1-5-21 and three numbers: (Get-ADDomain).DomainSID.Value.",
        required=True,
        check=values.domain_sid,
        examples=("S-1-5-21-2126449477-2524075714-3094792973",),
    )


class AdditionalAccount(Section):
    """A further entry of GroupManagedServiceAccounts."""

    account: str = text("sAMAccountName without the trailing $.", required=True, check=values.account)
    scope: str | None = text(
        "DNS or NetBIOS name of the account's domain. Default: both names of the credspec's domain.",
        check=values.scope,
        examples=("fabrikam.com",),
    )


class HostAccount(Section):
    """How nodes that are not joined to the domain get the account's password (Container Credential Guard)."""

    plugin: str = text(
        'The plugin: AzureKeyVault, AWS, Rancher, or the GUID of another one in braces, "{...}".',
        required=True,
        examples=(*PLUGINS, "{CCC2A336-D7F3-4818-A213-272B7924213E}"),
    )
    input: str | dict[str, str] = text_or_mapping(
        "What the plugin needs to find the secret: its string, or a mapping that is written as the plugin wants it"
        " (AzureKeyVault: ObjectId, SecretUri; AWS: credentialArn; Rancher: namespace, secret).",
        required=True,
    )

    def check(self, report: Report) -> None:
        check_host_account(self, report)


FROM_WORKLOADS = "FromWorkloads"


class UsedBy(Section):
    """Service accounts of one namespace that may use the credspec."""

    namespace: str = text("Their namespace.", required=True, check=values.label_name)
    service_accounts: list[str] = texts(
        'Their names; ["*"] for every service account of the namespace.',
        each="Name of a service account, or *.",
        check=values.service_account,
        filled=True,
        required=True,
    )

    def check(self, report: Report) -> None:
        node = self.at("serviceAccounts")
        if "default" in self.service_accounts:
            report.warning(
                node,
                f"{self.path}.serviceAccounts",
                "default-service-account",
                f"binds the default service account, so every pod of {self.namespace} that names no other gets this"
                " identity; give the workload a service account of its own",
            )
        if "*" in self.service_accounts and len(self.service_accounts) > 1:
            report.warning(
                node, f"{self.path}.serviceAccounts", "all-service-accounts", '"*" covers the others; leave it alone'
            )


class Diagnostics(Section):
    """A Job that asks, in a pod with the credspec, what the Kubernetes page has one ask, and prints a verdict."""

    namespace: str = text("Where it runs.", required=True, check=values.label_name)
    service_account: str = text(
        "A service account that may use the credspec.", required=True, check=values.subdomain_name
    )
    image: str = text(
        "An image with PowerShell and nltest, of the nodes' Windows version.",
        default="mcr.microsoft.com/windows/servercore:ltsc2022",
        check=values.image,
    )


class CredentialSpec(Section):
    """A GMSACredentialSpec and who may use it: either account (and domain), or file."""

    checks_always = True

    account: str | None = text(
        "sAMAccountName of the gMSA, without the trailing $.", check=values.account, examples=("WebApp1",)
    )
    file: str | None = text(
        "Instead of account and domain: the JSON file that New-CredentialSpec wrote, relative to this config's folder.",
        examples=("webapp3.json",),
    )
    name: str | None = text(
        "Name of the GMSACredentialSpec. Default: gmsa- and the account as an RFC 1123 name.",
        check=values.subdomain_name,
        default=lambda self: values.credspec_name(self.account or ""),
        examples=("gmsa-webapp1",),
    )
    domain: str | None = text("Name of an entry of domains. Default: the only domain.")
    additional_accounts: list[AdditionalAccount] = sections("Further gMSAs of the same credspec.", AdditionalAccount)
    host_account: HostAccount | None = section(
        "For nodes that are not joined to the domain.", HostAccount, optional=True
    )
    diagnostics: Diagnostics | None = section("Emit a diagnostics Job for it.", Diagnostics, optional=True)
    used_by: list[UsedBy] | str = sections_or_word(
        "Who may use it: one ClusterRole (verb use, this name only) and one RoleBinding per namespace. FromWorkloads:"
        " exactly the service accounts of the workloads that pass through and use it.",
        UsedBy,
        FROM_WORKLOADS,
    )

    def check(self, report: Report) -> None:
        if (self.account is None) == (self.file is None):
            report.error(
                self.node,
                self.path,
                "credspec-source",
                "has both account and file; keep one" if self.account else "has neither account nor file; give one",
            )
        elif self.file is not None:
            for key in ("domain", "additionalAccounts", "hostAccount"):
                if key in self._nodes:
                    report.error(
                        self.at(key), f"{self.path}.{key}", "credspec-source", "goes with account; the file has its own"
                    )
        job = self.diagnostics
        if (
            job is None
            or isinstance(self.used_by, str)
            or not self.used_by
            or not (job.namespace and job.service_account)
        ):
            return
        if not all(use.namespace and use.service_accounts for use in self.used_by):
            return  # a mistake that is said where it is
        may = [account for use in self.used_by if use.namespace == job.namespace for account in use.service_accounts]
        if job.service_account not in may and "*" not in may:
            message = f"{job.service_account} of {job.namespace} is not in usedBy, so the Job's pod would be refused; add it there"
            report.error(job.at("serviceAccount"), f"{job.path}.serviceAccount", "service-account-not-covered", message)


class ServiceAccount(Section):
    """A ServiceAccount that is created here, not only bound."""

    name: str = text("Its name.", required=True, check=values.subdomain_name)
    namespace: str = text("Its namespace.", required=True, check=values.label_name)
    automount_token: bool = boolean("Mount the API token into its pods.", default=False)
    image_pull_secrets: list[str] = texts(
        "Secrets for pulling images.", each="Name of a Secret.", check=values.subdomain_name
    )
    token_secret: bool = boolean(
        "Create a Secret <name>-token that holds a token without an end. Bound tokens (workloads[].token) are safer.",
        default=False,
    )

    def check(self, report: Report) -> None:
        if self.token_secret:
            message = "makes a token that never expires and that whoever may read Secrets here can use; prefer workloads[].token"
            report.warning(self.at("tokenSecret"), f"{self.path}.tokenSecret", "long-lived-token", message)


class Nodes(Section):
    """Settings of the Windows nodes, made by HostProcess containers."""

    smb_compartment_namespace: bool = boolean(
        "Set EnableCompartmentNamespace, without which pods with a gMSA reach SMB shares by address only.",
        default=False,
    )
    namespace: str = text(
        "The DaemonSet's own namespace, at Pod Security level privileged.",
        default="gmsa-nodes",
        check=values.label_name,
    )
    image: str = text(
        "Image of the DaemonSet; it needs no contents, since HostProcess containers use the node's programs.",
        default="mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0",
        check=values.image,
    )
    tolerations: list[dict[str, Any]] = kubernetes(
        "Tolerations of its pods. Default: every taint, so that each Windows node is set.",
        [_TOLERATION],
        default=({"operator": "Exists"},),
    )

    def check(self, report: Report) -> None:
        _check_tolerations(self, report)


class Crd(Section):
    """The CustomResourceDefinition of GMSACredentialSpec."""

    install: bool | None = boolean("Emit the CRD. Default: true, and false in admission mode None.")


class Admission(Section):
    """What expands and checks the references in pods."""

    mode: str = choice(
        "Webhook: the gMSA admission webhook is set up here. Policy: the API server itself checks, and contents are written"
        " into workloads at render time. None: a webhook is there already (AKS), emit credspecs and RBAC.",
        "Webhook",
        "Policy",
        "None",
        default="Webhook",
    )


class AcceptedContents(Section):
    """Contents that a credspec had, and that pods may still be created with."""

    credspec: str = text("Name of an entry of credspecs.", required=True, check=values.subdomain_name)
    file: str | None = text("JSON file that holds them, relative to this config's folder.")
    contents: str | None = text(
        "Or the JSON itself, as kubectl get gmsacredentialspec NAME -o jsonpath={.credspec} prints it."
    )

    def check(self, report: Report) -> None:
        if (self.file is None) == (self.contents is None):
            report.error(self.node, self.path, "one-of", "wants either file or contents; give one of them")


class Policy(Section):
    """ValidatingAdmissionPolicy in place of a webhook."""

    name: str = text("Name of its objects.", default="gmsa", check=values.subdomain_name)
    expand: bool = boolean(
        "Fill in the contents of pods made elsewhere (kubectl run, operators) by a MutatingAdmissionPolicy, which needs Kubernetes"
        " 1.36; where kubeVersion is older it is left out.",
        default=False,
    )
    accept_previous: list[AcceptedContents] = sections(
        "Contents that are accepted beside those of credspecs, while pods with them are still created.",
        AcceptedContents,
    )


class Derive(Section):
    """For source Derive: keys and certificates computed from a secret seed and the date."""

    seed_env: str = text("Environment variable that holds the seed, 32 bytes or more.", default="GMSA_KRM_SEED")
    seed_file: str | None = text("File that holds the seed, instead of the variable; never commit it.")
    rotate_every: str = text(
        "How long an epoch is: a new serving certificate in each.", default="720h", check=values.duration
    )


class CertificateFiles(Section):
    """For source Files: PEM files, relative to this config's folder."""

    ca: str = text("The CA that the API server is to trust.", default="certs/ca.crt")
    cert: str = text(
        "The webhook's certificate, followed by intermediate ones if there are any.", default="certs/tls.crt"
    )
    key: str = text("The certificate's private key, not encrypted.", default="certs/tls.key")


class ExistingSecret(Section):
    """For source ExistingSecret: a Secret that something else keeps in the cluster."""

    name: str = text(
        "Its name, in the webhook's namespace; of type kubernetes.io/tls.", required=True, check=values.subdomain_name
    )
    ca_bundle_file: str = text("PEM file with the CA of its certificate.", required=True, examples=("certs/ca.crt",))


class IssuerRef(Section):
    """An issuer of cert-manager."""

    name: str = text("Its name.", required=True, check=values.subdomain_name)
    kind: str = text("Issuer, ClusterIssuer, or the kind of an external issuer.", default="Issuer")
    group: str = text("Its API group.", default="cert-manager.io", check=values.subdomain_name)


class CertManager(Section):
    """For source CertManager."""

    issuer_ref: IssuerRef | None = section(
        "The issuer to use; it must fill ca.crt of the Secret. Null: a self-signed issuer chain of our own.",
        IssuerRef,
        optional=True,
    )


class Certificate(Section):
    """Where the webhook's TLS certificate comes from."""

    source: str = choice(
        "Generate: new keys on each run, for trying out. Derive: computed from a seed, the same everywhere."
        " Files: PEM files. ExistingSecret: a Secret in the cluster. CertManager: cert-manager issues and renews it.",
        "Generate",
        "Derive",
        "Files",
        "ExistingSecret",
        "CertManager",
        default="Generate",
    )
    valid_for: str = text(
        "How long a certificate of the sources Generate, Derive and CertManager is valid.",
        default="8760h",
        check=values.duration,
    )
    derive: Derive = section("For source Derive.", Derive)
    files: CertificateFiles = section("For source Files.", CertificateFiles)
    existing_secret: ExistingSecret = section("For source ExistingSecret.", ExistingSecret)
    cert_manager: CertManager = section("For source CertManager.", CertManager)

    def check(self, report: Report) -> None:
        if self.source == "ExistingSecret" and "existingSecret" not in self._nodes:
            report.error(
                self.at("source"),
                f"{self.path}.existingSecret",
                "required",
                "is missing; source ExistingSecret needs existingSecret: {name: ..., caBundleFile: ...}",
            )
        valid, epoch = values.seconds(self.valid_for), values.seconds(self.derive.rotate_every)
        if self.source == "Derive" and valid < 2 * epoch:
            report.error(
                self.at("validFor"),
                f"{self.path}.validFor",
                "validity",
                f"{self.valid_for} is under twice derive.rotateEvery ({self.derive.rotate_every}), so a certificate could"
                f" expire before the next one is rolled out; give at least {-(-2 * epoch // 3600)}h",
            )
        if self.source == "CertManager" and 3600 <= valid < 4380 * 3600:
            report.warning(
                self.at("validFor"),
                f"{self.path}.validFor",
                "short-validity",
                f"{self.valid_for} is short: the webhook takes up one renewal in its life, so a pod that is older than"
                f" {valid * 5 // 3 // 3600}h serves an expired certificate; give 4380h or more, or restart it in time",
            )
        if valid < 3600:
            report.error(
                self.at("validFor"),
                f"{self.path}.validFor",
                "validity",
                f"{self.valid_for} is under an hour; give at least 1h",
            )


class PodDisruptionBudget(Section):
    """How many webhook pods a drain may take down at once."""

    min_available: int | str | None = number_or_percent("Pods that must stay.")
    max_unavailable: int | str | None = number_or_percent("Pods that may go. Default: 1, if minAvailable is not given.")

    def check(self, report: Report) -> None:
        if self.min_available is not None and self.max_unavailable is not None:
            report.error(self.node, self.path, "disruption-budget", "has minAvailable and maxUnavailable; keep one")


class Webhook(Section):
    """The gMSA admission webhook."""

    name: str = text("Name of its objects.", default="gmsa-webhook", check=values.service_name)
    namespace: str = text("Its namespace.", default="gmsa-webhook", check=values.label_name)
    create_namespace: bool = boolean("Emit the namespace too.", default=True)
    image: str = text("Its image.", default="registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0", check=values.image)
    replicas: int = integer("How many pods.", 1, 100, default=2)
    random_hostname: bool = boolean("Give gMSA pods a random host name.", default=False)
    resources: dict[str, Any] = kubernetes(
        "Requests and limits of its container. Default: 20m CPU and 64Mi requested, 256Mi the limit.",
        {
            "requests": {"*": "quantity"},
            "limits": {"*": "quantity"},
            "claims": [{"name": "string", "request": "string"}],
        },
        default=lambda self: {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    )
    tolerations: list[dict[str, Any]] = kubernetes("Tolerations of its pods.", [_TOLERATION], default=())
    node_selector: dict[str, str] = kubernetes(
        "Further labels that its nodes must have; kubernetes.io/os=linux is always set.",
        {"*": "label"},
        default=lambda self: {},
    )
    affinity: dict[str, Any] | None = kubernetes(
        "Affinity of its pods; they are spread over nodes in any case.",
        {"nodeAffinity": _AFFINITY, "podAffinity": _AFFINITY, "podAntiAffinity": _AFFINITY},
    )
    priority_class_name: str | None = text("Priority class of its pods.", check=values.subdomain_name)
    image_pull_secrets: list[str] = texts(
        "Secrets for pulling its image.", each="Name of a Secret.", check=values.subdomain_name
    )
    pod_disruption_budget: PodDisruptionBudget = section("Its PodDisruptionBudget.", PodDisruptionBudget)
    qps: int = integer("Requests a second that it may send to the API server.", 1, 10_000, default=100)
    burst: int = integer("Requests that it may send at once.", 1, 10_000, default=200)
    log_level: str = choice(
        "How much it logs; debug and trace print whole pods.",
        "panic",
        "fatal",
        "error",
        "warn",
        "info",
        "debug",
        "trace",
        default="info",
    )
    hardening_policy: bool = boolean(
        "Emit a ValidatingAdmissionPolicy for what the webhook does not look at: init and ephemeral containers. Without it whoever"
        " may add an ephemeral container to a pod can give it any credential spec.",
        default=True,
    )
    excluded_namespaces: list[str] = texts(
        "Namespaces whose pods are not sent to it: they get neither expansion nor checks.",
        each="Name of a namespace.",
        check=values.label_name,
    )
    certificate: Certificate = section("Where its TLS certificate comes from.", Certificate)

    def check(self, report: Report) -> None:
        _check_tolerations(self, report)
        if self.node_selector.get("kubernetes.io/os", "linux") != "linux":
            report.error(
                self.at("nodeSelector"),
                f"{self.path}.nodeSelector",
                "webhook-os",
                "kubernetes.io/os must be linux: the webhook's image is a Linux one; remove the line",
            )
        if self.create_namespace and (self.namespace == "default" or self.namespace.startswith("kube-")):
            report.error(
                self.at("namespace"),
                f"{self.path}.namespace",
                "shared-namespace",
                f"{self.namespace} is Kubernetes' own, and the namespace that is emitted enforces Pod Security restricted;"
                " choose a namespace of its own, or set createNamespace: false",
            )
        budget = self.pod_disruption_budget.min_available
        if isinstance(budget, int) and budget >= self.replicas:
            report.warning(
                self.pod_disruption_budget.at("minAvailable"),
                f"{self.path}.podDisruptionBudget.minAvailable",
                "blocked-drain",
                f"{budget} of {self.replicas} replicas must stay, so no node with one of them can be drained; give less",
            )
        if self.replicas == 1:
            report.warning(
                self.at("replicas"),
                f"{self.path}.replicas",
                "single-replica",
                "with one replica no gMSA pod can start while it restarts; give 2 or more",
            )


class Match(Section):
    """Which workloads: all given fields must match."""

    kinds: list[str] = texts("Their kinds.", each="A kind, such as Deployment.")
    names: list[str] = texts("Their names.", each="A name.", check=values.subdomain_name)
    namespaces: list[str] = texts("Their namespaces.", each="A namespace.", check=values.label_name)
    label_selector: str | None = text(
        "Their labels, in the syntax of kubectl: app=iis,tier in (web,api),!legacy.",
        check=values.label_selector,
        examples=("app=iis",),
    )

    def check(self, report: Report) -> None:
        if not (self.kinds or self.names or self.namespaces or self.label_selector):
            report.error(
                self.node,
                self.path,
                "empty-match",
                "matches everything; give kinds, names, namespaces or labelSelector",
            )


class NetlogonRestart(Section):
    """A postStart hook that repairs the secure channel to the domain."""

    max_attempts: int = integer(
        "How often it tries; then the container fails. 0: until it succeeds, as the Kubernetes page has it.",
        0,
        1000,
        default=10,
    )
    interval_seconds: int = integer("Seconds between two attempts.", 1, 600, default=3)
    method: str = choice(
        "RestartService: restart netlogon. SecureChannelReset: nltest /sc_reset:<domain>.",
        "RestartService",
        "SecureChannelReset",
        default="RestartService",
    )
    on_existing_hook: str = choice(
        "What becomes of a postStart hook that is there: Error, Keep it, Replace it.",
        "Error",
        "Keep",
        "Replace",
        default="Error",
    )
    domain: str | None = text(
        "For SecureChannelReset: DNS name of the domain. Default: that of the credspec.", check=values.dns_name
    )


class BoundToken(Section):
    """A token of the pod's service account for another audience, in a projected volume."""

    audience: str = text("Whom the token is for.", required=True, examples=("vault",))
    expiration_seconds: int = integer("How long a token lasts; the kubelet renews it.", 600, 1 << 32, default=3600)
    name: str = text("Name of the volume, and of the file in it.", default="bound-token", check=values.label_name)
    mount_path: str = text("Where it is mounted.", default="/var/run/secrets/tokens", check=values.mount_path)


class WorkloadChange(Section):
    """What to change in the workloads that pass through."""

    match: list[Match] = one_or_more("Which workloads; a list of these is an or.", Match, required=True)
    credspec: str | None = text(
        "Name of a credspec: one of credspecs, or one that lives in the cluster (existingCredspecs).",
        check=values.subdomain_name,
    )
    containers: list[str] = texts(
        "Only these containers or init containers. Default: the whole pod.",
        each="Name of a container.",
        check=values.label_name,
    )
    service_account: str | None = text("Set serviceAccountName.", check=values.subdomain_name)
    windows_node: bool = boolean("Set nodeSelector kubernetes.io/os=windows and os.name=windows.", default=True)
    netlogon_restart: NetlogonRestart | None = section(
        "The netlogon hook; absent: no hook.", NetlogonRestart, optional=True
    )
    token: BoundToken | None = section("A bound token; absent: none.", BoundToken, optional=True)


class WorkloadKind(Section):
    """A kind of a custom resource that has a pod template."""

    api_group: str = text("Its API group.", required=True, check=values.subdomain_name, examples=("argoproj.io",))
    kind: str = text("The kind.", required=True, examples=("Rollout",))
    pod_template: str = text(
        "Path of the pod template, the mapping that holds the pod's metadata and spec.",
        default="spec.template",
        check=values.field_path,
    )


class Spec(Section):
    """What to set up."""

    domains: list[Domain] = sections("Active Directory domains.", Domain)
    credspecs: list[CredentialSpec] = sections("Credential specs, and who may use each.", CredentialSpec)
    service_accounts: list[ServiceAccount] = sections("ServiceAccounts to create.", ServiceAccount)
    crd: Crd = section("The GMSACredentialSpec CRD.", Crd)
    admission: Admission = section("What expands and checks the references in pods.", Admission)
    webhook: Webhook = section("The admission webhook; read in mode Webhook.", Webhook)
    policy: Policy = section("The admission policy; read in mode Policy.", Policy)
    kube_version: str | None = text(
        "Version of the cluster's Kubernetes, for what depends on it. Default: what Argo CD says, else new enough.",
        check=values.kube_version,
        examples=("1.34",),
    )
    workloads: list[WorkloadChange] = sections("What to change in the workloads that pass through.", WorkloadChange)
    existing_credspecs: list[str] = texts(
        "GMSACredentialSpecs that live in the cluster already and that workloads may name.",
        each="Name of a GMSACredentialSpec.",
        check=values.subdomain_name,
    )
    workload_kinds: list[WorkloadKind] = sections(
        "Further kinds with a pod template, beside those of Kubernetes.", WorkloadKind
    )
    nodes: Nodes = section("Settings of the Windows nodes.", Nodes)
    issuer_discovery: str | None = choice(
        "Let these subjects read the cluster's OIDC discovery document and keys, to check service account tokens.",
        "ServiceAccounts",
        "Authenticated",
        "Unauthenticated",
    )

    def check(self, report: Report) -> None:
        domains = _unique(self.domains, report, "name", lambda domain: domain.name)
        _unique(self.credspecs, report, "name", lambda spec: spec.name)
        _unique(self.service_accounts, report, "name", lambda it: it.name and f"{it.namespace}/{it.name}")
        nameless = any(domain.name is None for domain in self.domains)
        for spec in self.credspecs:
            if spec.account is not None and spec.name is None and "name" not in spec._nodes:
                message = f"is missing, and none can be made of {spec.account}; give an RFC 1123 name"
                report.error(spec.node, f"{spec.path}.name", "required", message)
            if spec.account is None or nameless:
                continue
            if spec.domain is None and len(self.domains) != 1:
                some = ", ".join(list(domains)[:12])
                cure = f"name one of {some}" if domains else "add it to spec.domains"
                report.error(spec.node, f"{spec.path}.domain", "domain-reference", f"is missing; {cure}")
            elif spec.domain is not None and spec.domain not in domains:
                message = f"{spec.domain} is no entry of spec.domains{guess(spec.domain, domains)}"
                report.error(spec.at("domain"), f"{spec.path}.domain", "domain-reference", message)
        if self.crd.install is None:
            self.crd.install = self.admission.mode != "None"


class Metadata(Section):
    """Kubernetes metadata; only the name is used."""

    name: str = text("Name of this config, for messages.", required=True, check=values.subdomain_name)
    namespace: str | None = text("Not used.")
    labels: dict[str, str] = kubernetes("Not used.", {"*": "string"}, default=lambda self: {})
    annotations: dict[str, str] = kubernetes(
        "config.kubernetes.io/function makes kustomize run this config as a function.",
        {"*": "string"},
        default=lambda self: {},
    )


class GMSAConfig(Section):
    """One gMSA set-up: domains, credential specs, who may use them, and the admission webhook."""

    api_version: str = choice("API version of this config.", API_VERSION, required=True)
    kind: str = choice("Kind of this config.", KIND, required=True)
    metadata: Metadata = section("Name of this config.", Metadata, required=True)
    spec: Spec = section("What to set up.", Spec, required=True)


def _check_tolerations(section: Webhook | Nodes, report: Report) -> None:
    for index, toleration in enumerate(section.tolerations):
        if "tolerationSeconds" in toleration and toleration.get("effect") != "NoExecute":
            message = (
                "has tolerationSeconds, which the API server takes with effect: NoExecute only; add that, or remove it"
            )
            report.error(section.at("tolerations"), f"{section.path}.tolerations[{index}]", "toleration", message)


def _unique(entries: list[Any], report: Report, key: str, name_of: Callable[[Any], str | None]) -> dict[str, Any]:
    """The entries by name, those without one left out; a second one of a name is an error."""
    seen: dict[str, Any] = {}
    for entry in entries:
        name = name_of(entry)
        if name is None:
            continue
        if name in seen:
            message = f"{name} is taken by {seen[name].path}; give this entry a name of its own"
            report.error(entry.at(key), f"{entry.path}.{key}", "duplicate-name", message)
        seen.setdefault(name, entry)
    return seen
