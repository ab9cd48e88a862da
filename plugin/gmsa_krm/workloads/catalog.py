"""The credspecs that a pod may name, from all configs."""

from __future__ import annotations

from gmsa_krm.config.credspecs import FROM_WORKLOADS
from gmsa_krm.credspecs.model import other_names

# Each compares a name with all others.
_MAX_SUGGESTIONS = 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.config.credspecs import UsedBy
    from gmsa_krm.credspecs.model import CredentialSpec, OtherNames
    from gmsa_krm.credspecs.parse import ReadCredspec
    from gmsa_krm.findings import Finding
    from gmsa_krm.resolve import Resolved, ResolvedCredspec
    from gmsa_krm.workloads.grants import Grants


class CredspecCatalog:
    """`names` are those of all credspecs; None if there is no config.

    `approved`, in mode Policy: the contents that each credspec may have in a pod, the current ones first; empty if only
    the name is known. `is_hardened`: whether the hardening policy is emitted beside a webhook that does not check init
    containers. `fills_init_containers`: whether contents are filled in there at admission.
    """

    def __init__(
        self,
        configs: list[Resolved],
        documents: Mapping[str, ReadCredspec | None] | None = None,
        grants: Grants | None = None,
    ) -> None:
        """`documents`: the credential specs among the documents, by name; None for one that cannot be read.

        `grants`: the bindings among them.
        """
        self.approved: dict[str, list[str]] = {}
        self.is_hardened = False
        self.fills_init_containers = True
        self._credspecs: dict[str, ResolvedCredspec] = {}
        existing: set[str] = set()
        for config in configs:
            spec = config.spec
            existing.update(spec.existing_credspecs)
            self._credspecs.update((it.name, it) for it in config.credspecs)
            if spec.admission.mode == "Webhook" and not spec.webhook.checks_init_containers:
                self.fills_init_containers = False
                self.is_hardened |= spec.webhook.hardening_policy
            if spec.admission.mode == "Policy":
                self.approved.update(config.approved)
                self.approved.update((name, []) for name in spec.existing_credspecs if name not in self.approved)
        # A policy approves only the credspecs of configs, so those among the documents are refused beside it.
        self._documents = documents or {}
        usable = () if self.approved else self._documents
        self.names = {*self._credspecs, *existing, *usable} if configs else None
        self._configs = configs
        self._grants = grants
        self._mistakes: dict[str, list[Finding]] = {}
        self._declared: OtherNames | None = None  # the domains of all configs
        self._by_lower_case: dict[str, str] | None = None
        self._by_account: dict[str, str] | None = None
        self._suggested: dict[str, str] = {}
        self._users: dict[str, set[tuple[str, str]]] = {}  # namespace and service account of usedBy, by credspec
        self._namespaces: dict[str, dict[str, list[str]]] = {}  # of usedBy, by credspec and service account

    def ignore(self, names: set[str]) -> None:
        """Accepts names that are reported already."""
        if self.names is not None:
            self.names |= names

    def in_other_case(self, name: str) -> str | None:
        """The known name that differs in case only."""
        if self._by_lower_case is None:
            self._by_lower_case = {it.lower(): it for it in self.names or self._documents}
        return self._by_lower_case.get(name.lower())

    def unknown(self, name: str) -> str:
        """The message about a name that is unknown."""
        if name in self._documents:
            return (
                f"{name} is a GMSACredentialSpec among the manifests, but mode Policy accepts only credential specs"
                " of configs; convert it with `gmsa-krm import credspec`"
            )
        meant = self._named_by_account(name)
        if meant is not None:
            return f"{name} is an account; write the name of its credspec: {meant}"
        if name not in self._suggested and len(self._suggested) < _MAX_SUGGESTIONS:
            from gmsa_krm.findings.suggest import suggestion

            self._suggested[name] = suggestion(name, self.names or ())
        return (
            f"{name} is not a credspec of the config{self._suggested.get(name, '')}; add it to credspecs, or to"
            " existingCredspecs if the cluster has it"
        )

    def is_account(self, name: str) -> bool:
        """Whether a name is that of an account, and not of its credspec."""
        return self._named_by_account(name) is not None

    def _named_by_account(self, name: str) -> str | None:
        """The credspec whose account has this name."""
        if self._by_account is None:
            accounts = ((it.spec.account, it.name) for it in self._credspecs.values())
            self._by_account = {account.lower(): credspec for account, credspec in accounts if account}
        return self._by_account.get(name.removesuffix("$").lower())

    def dns_name(self, name: str | None) -> str:
        """DNS name of a credspec's domain, "" if it is unknown."""
        credspec, read = self._credspecs.get(name or ""), self._documents.get(name or "")
        if credspec is not None:
            return credspec.spec.dns_name
        return read.domain.dns_name if read is not None and read.domain is not None else ""

    def spec_of(self, name: str) -> CredentialSpec | None:
        """The credential spec of that name, None if its contents are unknown."""
        credspec, read = self._credspecs.get(name), self._documents.get(name)
        return credspec.spec if credspec is not None else read.spec if read is not None else None

    def is_same(self, name: str, text: str) -> bool | None:
        """Whether a text in a pod is the credspec, compared as JSON; None if its contents are unknown."""
        spec = self.spec_of(name)
        return spec.is_same(text) if spec is not None else None

    def mistakes_in(self, text: str) -> list[Finding]:
        """The findings about contents in a pod, by fields such as `DomainJoinConfig.Sid`."""
        if text not in self._mistakes:
            from gmsa_krm.credspecs.parse import check_inline

            if self._declared is None:
                self._declared = other_names(it.names for config in self._configs for it in config.domains)
            self._mistakes[text] = check_inline(text, self._declared)
        return self._mistakes[text]

    def is_used_from_workloads(self, name: str) -> bool:
        """Whether every workload that uses the credspec may do so (usedBy: FromWorkloads)."""
        credspec = self._credspecs.get(name)
        return credspec is not None and credspec.entry.used_by == FROM_WORKLOADS

    def allows(self, name: str, namespace: str, service_account: str) -> bool | None:
        """Whether usedBy lets the service account use the credspec; None if the configs do not say who may."""
        credspec = self._credspecs.get(name)
        if credspec is None:
            return None
        used_by = credspec.entry.used_by
        if isinstance(used_by, str) or self._grants is None:
            return None
        return self._is_in(name, used_by, namespace, service_account) or self._grants.allow(
            name, namespace, service_account
        )

    def namespaces_of(self, name: str, service_account: str) -> list[str]:
        """The namespaces for which usedBy of a credspec names the service account, or else all of them."""
        if name not in self._namespaces:
            credspec = self._credspecs.get(name)
            used_by = credspec.entry.used_by if credspec is not None else ""
            found: dict[str, list[str]] = {}
            for use in () if isinstance(used_by, str) else used_by:
                for account in use.service_accounts:
                    found.setdefault(account, []).append(use.namespace)
            self._namespaces[name] = found
        return self._namespaces[name].get(service_account) or self._namespaces[name].get("*", [])

    def _is_in(self, name: str, used_by: list[UsedBy], namespace: str, service_account: str) -> bool:
        """Whether usedBy of a credspec names the service account; an empty namespace is any."""
        if name not in self._users:
            pairs = {(use.namespace, account) for use in used_by for account in use.service_accounts}
            self._users[name] = pairs | {("", account) for _, account in pairs}
        return not self._users[name].isdisjoint(((namespace, service_account), (namespace, "*")))
