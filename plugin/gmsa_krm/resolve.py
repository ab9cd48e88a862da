"""Config + environment -> `Resolved`: everything that the later steps need, computed once.

This step reads what a config refers to (certificates, credential specs in files, the Kubernetes version), and checks
the configs of one cluster against each other.
"""

from __future__ import annotations

import posixpath
from functools import partial

from gmsa_krm.certificates import obtain
from gmsa_krm.certificates.material import EMITTED, ISSUED, TlsMaterial
from gmsa_krm.config.values import parse_version, subdomain_name
from gmsa_krm.credspecs.model import other_names
from gmsa_krm.credspecs.values import credspec_name
from gmsa_krm.environment import Environment, FileError, Host
from gmsa_krm.findings import ERROR, InputError, Report, has_errors, sort_findings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.certificates import Obtain
    from gmsa_krm.config.admission import AcceptedContents
    from gmsa_krm.config.credspecs import CredspecEntry, Domain
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import Spec
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.credspecs.domains import DeclaredDomain
    from gmsa_krm.credspecs.model import CredentialSpec, OtherNames
    from gmsa_krm.credspecs.parse import ReadCredspec
    from gmsa_krm.findings import Finding, Issue
    from gmsa_krm.yamltext.stream import Document

    Version = tuple[int, int]

_MAX_CREDSPEC = 64 * 1024  # the kubelet's limit, and the API server's in a pod
# matchConditions of webhook configurations are on by default; ValidatingAdmissionPolicy and MutatingAdmissionPolicy are
# in admissionregistration.k8s.io/v1.
_CONDITIONS_SINCE = (1, 28)
_SLEEP_SINCE = (1, 30)  # KEP 3960: on by default
_POLICIES_SINCE = (1, 30)
_MUTATING_POLICIES_SINCE = (1, 36)


class ResolvedCredspec:
    """An entry of spec.credspecs, the name of its GMSACredentialSpec, and the credential spec itself.

    `read`: what its file has, if it has one.
    """

    __slots__ = ("entry", "name", "read", "spec")

    def __init__(self, entry: CredspecEntry, name: str, spec: CredentialSpec, read: ReadCredspec | None = None) -> None:
        self.entry = entry
        self.name = name
        self.spec = spec
        self.read = read


class Resolved:
    """A valid config, and what it refers to.

    `tls`: the webhook's material, in mode Webhook. `approved`, if a config is in mode Policy: the contents that each
    credspec may have in a pod, by its name, the current ones first; in the config with the policy, those of all
    configs. `snapshot`: what Active Directory knows, if the config says where that is. `report` locates further
    findings in the config, whose node is `root`.
    """

    __slots__ = (
        *("_domains", "_kube_version", "approved", "credspecs", "host", "report", "root", "snapshot", "spec", "tls"),
    )

    def __init__(
        self,
        loaded: LoadedConfig,
        host: Host,
        credspecs: list[ResolvedCredspec],
        domains: Callable[[], list[DeclaredDomain]],
        approved: dict[str, list[str]],
        tls: TlsMaterial | None,
        kube_version: Version | None,
        snapshot: Snapshot | None,
    ) -> None:
        self.snapshot = snapshot
        self.spec: Spec = loaded.config.spec
        self.root = loaded.config.node
        self.report: Report = loaded.report
        self.host = host
        self.credspecs = credspecs
        self._domains = domains
        self.approved = approved
        self.tls = tls
        self._kube_version = kube_version

    @property
    def domains(self) -> list[DeclaredDomain]:
        """The domains of the config and of its credential specs in files."""
        return self._domains()

    def add_to_account(self, credspec: ResolvedCredspec, index: int, issue: Issue) -> None:
        """Reports an issue of an entry of a credspec's GroupManagedServiceAccounts; -1 is MachineAccountName."""
        if credspec.read is not None:
            credspec.read.add_to_account(index, issue)
        else:
            credspec.entry.add_to_account(index, issue, self.report)

    @property
    def serves_policies(self) -> bool:
        """Whether the cluster has ValidatingAdmissionPolicy; true if its version is unknown."""
        return self._kube_version is None or self._kube_version >= _POLICIES_SINCE

    @property
    def has_sleep_action(self) -> bool:
        """Whether containers may have a sleep action as their hook; true if the version is unknown."""
        return self._kube_version is None or self._kube_version >= _SLEEP_SINCE

    @property
    def serves_mutating_policies(self) -> bool:
        """Whether the cluster has MutatingAdmissionPolicy; true if its version is unknown."""
        return self._kube_version is None or self._kube_version >= _MUTATING_POLICIES_SINCE


def resolve(
    configs: Iterable[tuple[LoadedConfig, Environment]],
    documents: list[Document],
    *,
    needs_keys: bool = True,
    obtain: Obtain = obtain,
) -> list[Resolved]:
    """Resolves the configs of one cluster; warnings go to their reports.

    `needs_keys`: false where nobody applies the objects: certificates and keys are left out, with what they need.
    `obtain`: in place of `certificates.obtain`. Raises InputError with all findings of all configs if one is an error.
    """
    resolvers = [_Resolver(loaded, environment, obtain if needs_keys else None) for loaded, environment in configs]
    declared = other_names(it for resolver in resolvers for it in resolver.spec.domains if it.is_valid)
    snapshots: dict[str, Snapshot | None] = {}
    for resolver in resolvers:
        resolver.read(documents, declared, snapshots)
    _check_modes(resolvers)
    _check_previous_names(resolvers)
    _stop_at_errors(resolvers)
    for resolver in resolvers:
        resolver.build_credspecs()
    approved = _approved(resolvers)
    _stop_at_errors(resolvers)
    if sum(resolver.number_of_domains for resolver in resolvers) > 1:
        from gmsa_krm.credspecs.domains import check_domains

        check_domains(domain for resolver in resolvers for domain in resolver.domains())
    return [resolver.resolved(own) for resolver, own in zip(resolvers, approved, strict=True)]


class _Resolver:
    """Resolves one config."""

    def __init__(self, loaded: LoadedConfig, environment: Environment, obtain: Obtain | None) -> None:
        self._obtain = obtain
        self.loaded = loaded
        self.spec: Spec = loaded.config.spec
        self.report = loaded.report
        self.credspecs: list[ResolvedCredspec] = []
        self.previous: dict[str, list[CredentialSpec]] = {}
        self.names: dict[str, str] = {}  # of entries with a file, by their path
        self._environment = environment
        self._parsed: dict[str, ReadCredspec | None] = {}  # by the path of their file
        self._files: dict[str, ReadCredspec] = {}  # by the path of their entry
        self._tls: TlsMaterial | None = None
        self._kube_version: Version | None = None
        self._snapshot: Snapshot | None = None

    @property
    def mode(self) -> str:
        return self.spec.admission.mode

    @property
    def number_of_domains(self) -> int:
        return len(self.spec.domains) + len(self._parsed)

    def domains(self) -> list[DeclaredDomain]:
        """The domains of the config and of its credential specs in files that are valid by themselves."""
        from gmsa_krm.credspecs.domains import DeclaredDomain

        shown = f"{self.loaded.file}: " if self.loaded.file else ""
        valid = (domain for domain in self.spec.domains if domain.is_valid)
        own = [DeclaredDomain(it, f"{shown}{it.path}", partial(self._add_to_domain, it)) for it in valid]
        files = (read.declared_domain() for read in self._parsed.values() if read is not None)
        return [*own, *(domain for domain in files if domain is not None)]

    def read(self, documents: list[Document], declared: OtherNames, snapshots: dict[str, Snapshot | None]) -> None:
        """Reads the files and variables that the config refers to, as far as the config is valid.

        `declared`: the names of the valid domains of all configs; `snapshots`: those that were read before, by path.
        """
        wrong = [finding.field for finding in self.loaded.findings if finding.severity == ERROR]
        self._read_credspecs(declared)
        self._check_accounts(declared)
        if self.spec.active_directory.snapshot is not None:
            self._read_snapshot(self.spec.active_directory.snapshot, snapshots)
        self._read_version()
        if self.mode == "Policy":
            for accepted in self.spec.policy.accept_previous:
                self._read_previous(accepted)
        is_wrong = any(field.startswith(("spec.webhook", "spec.admission")) or field == "spec" for field in wrong)
        if self.mode == "Webhook" and not is_wrong:
            webhook = self.spec.webhook
            if self._obtain is not None:
                find = partial(_existing_material, webhook, documents)
                self._tls = self._obtain(webhook, self._environment, self.report, find)
            else:
                self._tls = TlsMaterial(ISSUED)

    def build_credspecs(self) -> None:
        """Of a config without errors."""
        domains = {domain.name: domain for domain in self.spec.domains}
        for entry in self.spec.credspecs:
            read = self._files.get(entry.path)
            spec = entry.credential_spec(domains) if read is None else read.spec
            self.credspecs.append(ResolvedCredspec(entry, self.name_of(entry) or "", spec, read))

    def name_of(self, entry: CredspecEntry) -> str | None:
        return entry.name or self.names.get(entry.path)

    def resolved(self, approved: dict[str, list[str]]) -> Resolved:
        host = self._environment.host
        return Resolved(
            self.loaded, host, self.credspecs, self.domains, approved, self._tls, self._kube_version, self._snapshot
        )

    def _add_to_domain(self, domain: Domain, key: str, issue: Issue) -> None:
        field = key[0].lower() + key[1:]
        self.report.add(issue, domain.at(field), f"{domain.path}.{field}")

    def _check_accounts(self, declared: OtherNames) -> None:
        """Checks the additional accounts of entries whose fields are valid."""
        domains = {domain.name: domain for domain in self.spec.domains if domain.is_valid}
        if len(domains) < len(self.spec.domains):
            return
        for entry in self.spec.credspecs:
            additional = entry.additional_accounts
            names = [entry.domain or next(iter(domains), None), *(it.domain for it in additional if it.domain)]
            is_known = all(name in domains for name in names) and (entry.domain is not None or len(domains) == 1)
            if additional and entry.account and entry.is_valid and is_known and all(it.is_valid for it in additional):
                entry.check_accounts(domains, declared, self.report)

    def _read_credspecs(self, declared: OtherNames) -> None:
        named: dict[str, CredspecEntry] = {entry.name: entry for entry in self.spec.credspecs if entry.name}
        for entry in self.spec.credspecs:
            if entry.file is None or entry.account is not None:
                continue
            read = self._read_file(entry, entry.file, declared)
            if read is not None:
                self._files[entry.path] = read
                self._name_after_account(entry, read.spec, named)

    def _read_file(self, entry: CredspecEntry, file: str, declared: OtherNames) -> ReadCredspec | None:
        from gmsa_krm.credspecs.parse import parse_credspec

        try:
            path = self._environment.path(file)
            if path in self._parsed:  # its mistakes are reported already
                return self._parsed[path]
            data = self._environment.read(file, _MAX_CREDSPEC)
        except FileError as error:
            self.report.error("credspec-file", str(error), entry.at("file"), f"{entry.path}.file")
            return None
        shown = posixpath.join(posixpath.dirname(self.loaded.file), file)
        self._parsed[path] = parse_credspec(data, shown, self.report.findings, declared)
        return self._parsed[path]

    def _name_after_account(self, entry: CredspecEntry, spec: CredentialSpec, named: dict[str, CredspecEntry]) -> None:
        """Gives an entry without a name that of the object in its file, or the default name of the account there."""
        field = f"{entry.path}.name"
        if entry.name is not None or spec.account is None:
            return
        if spec.object_name is not None:
            for issue in subdomain_name(spec.object_name):
                self.report.add(issue, entry.at("file"), field)
        name = spec.object_name or credspec_name(spec.account)
        if name is None:
            message = (
                f"is missing, and {spec.account}, the account in {entry.file}, has no RFC 1123 form; give an RFC 1123"
                " subdomain"
            )
            self.report.error("required", message, entry.at("file"), field)
            return
        if name in named:
            message = f"is named {name} after what is in it, and so is {named[name].path}; give this entry a name"
            self.report.error("duplicate-name", message, entry.at("file"), field)
        named[name] = entry
        self.names[entry.path] = name

    def _read_snapshot(self, file: str, known: dict[str, Snapshot | None]) -> None:
        from gmsa_krm.active_directory.files import MAX_BYTES, read_snapshot

        try:
            path = self._environment.path(file)
            if path in known:  # its mistakes are reported already
                self._snapshot = known[path]
                return
            data = self._environment.read(file, MAX_BYTES)
        except FileError as error:
            section = self.spec.active_directory
            self.report.error("directory-file", str(error), section.at("snapshot"), f"{section.path}.snapshot")
            return
        shown = posixpath.join(posixpath.dirname(self.loaded.file), file)
        known[path] = self._snapshot = read_snapshot(data, shown, self.report.findings)

    def _read_previous(self, accepted: AcceptedContents) -> None:
        """Reads contents that are accepted in addition to the current ones."""
        from gmsa_krm.credspecs.parse import parse_previous

        if not accepted.credspec or not accepted.has_one_source:
            return  # reported already
        findings: list[Finding] = []
        if accepted.contents is not None:
            data = accepted.contents.encode("utf-8", "surrogateescape")
        else:
            try:
                data = self._environment.read(accepted.file or "", _MAX_CREDSPEC)
            except FileError as error:
                self.report.error("credspec-file", str(error), accepted.at("file"), f"{accepted.path}.file")
                return
        spec = parse_previous(data, accepted.file or "", findings)
        if spec is not None:
            self.previous.setdefault(accepted.credspec, []).append(spec)
        if accepted.file is not None:
            self.report.findings += findings
            return
        for it in findings:
            field = f"{accepted.path}.contents.{it.field}".rstrip(".")
            self.report.add((it.severity, it.rule, it.message), accepted.at("contents"), field)

    def _read_version(self) -> None:
        under_argocd = self._environment.variable("ARGOCD_APP_NAME") is not None
        text = self.spec.kube_version or (self._environment.variable("KUBE_VERSION") if under_argocd else None)
        self._kube_version = parse_version(text) if text else None
        if self._kube_version is not None:
            _check_version(self.spec, self._kube_version, self.report)


def _check_version(spec: Spec, version: Version, report: Report) -> None:
    shown = ".".join(map(str, version))
    policy = spec.policy
    if spec.admission.mode == "Policy" and version < _POLICIES_SINCE:
        message = f"Policy needs Kubernetes 1.30, but this is {shown}; use Webhook"
        report.error("unsupported-mode", message, spec.admission.at("mode"), f"{spec.admission.path}.mode")
    elif spec.admission.mode == "Policy" and policy.expand and version < _MUTATING_POLICIES_SINCE:
        message = (
            f"needs Kubernetes 1.36, but this is {shown}: contents are not filled in, and pods made elsewhere are"
            " refused with a message that says where to find them"
        )
        report.warning("missing-kubernetes-feature", message, policy.at("expand"), f"{policy.path}.expand")
    elif spec.admission.mode != "Webhook":
        return
    else:
        _check_version_of_webhook(spec, version, shown, report)


def _check_version_of_webhook(spec: Spec, version: Version, shown: str, report: Report) -> None:
    webhook = spec.webhook
    if version < _CONDITIONS_SINCE:
        message = (
            f"Kubernetes {shown} drops matchConditions, so every pod of the cluster is sent to the webhook, and none"
            " starts while it is down; upgrade to 1.28 or newer"
        )
        report.warning("missing-kubernetes-feature", message, spec.at("kubeVersion"), "spec.kubeVersion")
    if version < _SLEEP_SINCE:
        message = (
            f"Kubernetes {shown} has no sleep action for preStop hooks, so it is left out, and gMSA pods can be refused"
            " for a moment while a pod of the webhook is replaced; upgrade to 1.30 or newer"
        )
        report.warning("missing-kubernetes-feature", message, spec.at("kubeVersion"), "spec.kubeVersion")
    if version < _POLICIES_SINCE and webhook.hardening_policy:
        message = (
            f"needs Kubernetes 1.30, but this is {shown}: whoever may add an ephemeral container to a pod can give it"
            " any credential spec; upgrade, or forbid that by RBAC"
        )
        report.warning(
            "missing-kubernetes-feature", message, webhook.at("hardeningPolicy"), f"{webhook.path}.hardeningPolicy"
        )


def _check_modes(resolvers: list[_Resolver]) -> None:
    """A policy refuses credspecs that it does not know, so other configs cannot use another admission mode."""
    first = next((it for it in resolvers if it.mode == "Policy"), None)
    for resolver in resolvers:
        if first is None or resolver is first or resolver.mode == "None":
            continue
        other = first.loaded.config
        message = (
            f"is {resolver.mode}, but {other.metadata.name} ({first.report.location(other.node)}) is in mode Policy,"
            " whose policy refuses the pods of credential specs that it does not know; set None here, which adds these"
            " to the policy, or merge the configs"
        )
        admission = resolver.spec.admission
        resolver.report.error("several-modes", message, admission.at("mode"), f"{admission.path}.mode")


def _check_previous_names(resolvers: list[_Resolver]) -> None:
    names = dict.fromkeys(resolver.name_of(entry) for resolver in resolvers for entry in resolver.spec.credspecs)
    if None in names:
        return  # reported already
    known_names = [name for name in names if name]
    for resolver in resolvers:
        for accepted in resolver.spec.policy.accept_previous:
            if accepted.credspec and accepted.credspec not in names and not list(subdomain_name(accepted.credspec)):
                from gmsa_krm.findings.suggest import suggestion

                known = suggestion(accepted.credspec, known_names)
                message = (
                    f"{accepted.credspec} is not an entry of spec.credspecs{known}; fix the name, or remove the entry"
                )
                resolver.report.error("unknown-credspec", message, accepted.at("credspec"), f"{accepted.path}.credspec")


def _approved(resolvers: list[_Resolver]) -> list[dict[str, list[str]]]:
    """The contents that each credspec may have in a pod, for each config; empty if no config is in mode Policy.

    A policy has the current contents of all configs, and the previous contents of its own config.
    """
    with_policy = any(resolver.mode == "Policy" for resolver in resolvers)
    own: list[dict[str, list[str]]] = []
    all_texts: dict[str, list[str]] = {}
    for resolver in resolvers:
        texts: dict[str, list[str]] = {}
        for credspec in resolver.credspecs:
            if with_policy:
                texts[credspec.name] = [credspec.spec.text]
                all_texts.setdefault(credspec.name, []).append(credspec.spec.text)
            if with_policy or credspec.entry.account is None or credspec.entry.host_account is not None:
                _check_size(credspec, resolver.report)
        own.append(texts)
    approved = []
    for resolver, texts in zip(resolvers, own, strict=True):
        if resolver.mode == "Policy":
            texts = {
                name: list(dict.fromkeys([*current, *(it.text for it in resolver.previous.get(name, ()))]))
                for name, current in all_texts.items()
            }
        approved.append(texts)
    return approved


def _check_size(credspec: ResolvedCredspec, report: Report) -> None:
    size = len(credspec.spec.text.encode())
    if size > _MAX_CREDSPEC:
        message = (
            f"its contents take {size:,} bytes in a pod (a character that JSON escapes takes six), but a pod may hold"
            f" {_MAX_CREDSPEC:,}; shorten the plugin's input"
        )
        report.error("too-large", message, credspec.entry.node, credspec.entry.path)


def _stop_at_errors(resolvers: list[_Resolver]) -> None:
    findings = [finding for resolver in resolvers for finding in resolver.report.findings]
    if has_errors(findings):
        raise InputError(sort_findings(findings))


def _existing_material(webhook: Webhook, documents: Iterable[Document]) -> TlsMaterial | None:
    """The material in the webhook's Secret, if the Secret is among the documents."""
    from base64 import b64decode
    from binascii import Error

    wanted = ("", "Secret", webhook.namespace, webhook.secret_name)
    for document in documents:
        data = document.node.get("data") if document.identity == wanted and document.node is not None else None
        if data is None:
            continue
        try:
            texts = [b64decode(data.string(key)).decode("ascii") for key in ("ca.crt", "tls.crt", "tls.key")]
        except (Error, ValueError):
            continue
        return TlsMaterial(EMITTED, *texts)
    return None
