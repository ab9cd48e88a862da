"""`import credspec`: credential specs in files as the entries of a GMSAConfig."""

from __future__ import annotations

from gmsa_krm import console
from gmsa_krm.config.load import parse_config
from gmsa_krm.config.model import API_VERSION, KIND
from gmsa_krm.config.values import subdomain_name
from gmsa_krm.credspecs.domains import DeclaredDomain, check_domains
from gmsa_krm.credspecs.entries import credspec_entry, domain_entry
from gmsa_krm.credspecs.model import other_names
from gmsa_krm.credspecs.parse import read_credspecs
from gmsa_krm.credspecs.values import credspec_name
from gmsa_krm.existing_config import ExistingConfig
from gmsa_krm.findings import InputError, Report, has_errors, sort_findings
from gmsa_krm.yamltext import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.arguments import Options
    from gmsa_krm.credspecs.model import DomainNames
    from gmsa_krm.credspecs.parse import ReadCredspec
    from gmsa_krm.findings import Finding, Issue

_MAX_BYTES = 64 * 1024 * 1024
_ADVICE = "give files with credential specs"


def run(options: Options) -> int:
    """Prints a config, or adds to the one of --into. Raises InputError, ExternalError."""
    target = ExistingConfig(options.into) if options.into is not None else None
    findings: list[Finding] = []
    given = [
        read
        for file in options.file
        for read in read_credspecs(console.read_input(file, _MAX_BYTES, _ADVICE), console.shown(file), findings)
    ]
    additions = _Additions(target)
    additions.add(given, findings)
    if has_errors(findings):
        raise InputError(sort_findings(findings))
    if target is None:
        text = additions.config()
        loaded = parse_config(text, "the GMSAConfig", positions=False)
        if has_errors(loaded.findings):
            raise InputError([*sort_findings(findings), *loaded.findings])
        for entry in loaded.config.spec.credspecs:
            entry.warn_of_no_users(loaded.report)
        console.print_findings([*sort_findings(findings), *loaded.findings], quiet=options.quiet)
        console.write(text.encode())
        return console.DONE
    target.add(additions.domains, additions.credspecs)
    target.write()
    for added in additions.credspecs:
        name = added.get("name", added["account"])
        message = f"{name} was added without usedBy, so nobody may use it yet; give its service accounts"
        Report(target.file, findings=findings).warning("no-users", message, field="spec.credspecs")
    console.print_findings(sort_findings(findings), quiet=options.quiet)
    target.print_if_stdin()
    return console.DONE


class _Additions:
    """The entries to add to a config, as data."""

    def __init__(self, target: ExistingConfig | None) -> None:
        """`target`: the existing config, None for a new one."""
        self.domains: list[dict[str, Any]] = []
        self.credspecs: list[dict[str, Any]] = []
        self._file = target.file if target is not None else ""
        self._existing = list(target.spec.domains) if target is not None else []
        self._names = target.names() if target is not None else set()
        self._added: dict[str, ReadCredspec] = {}
        # By the name that entries of the config refer to.
        self._known: dict[str, DomainNames] = {it.name: it for it in self._existing}

    def add(self, given: list[ReadCredspec], findings: list[Finding]) -> None:
        declared = other_names([*self._existing, *(it for read in given if (it := read.spec.domain) is not None)])
        for read in given:
            read.check(declared)
            for issue in subdomain_name(read.spec.object_name) if read.spec.object_name is not None else ():
                Report(read.place, findings=findings).add(issue, field="metadata.name")
        own = [DeclaredDomain(it, f"{self._file}: {it.path}", _ignore) for it in self._existing]
        check_domains([*own, *(it for it in (read.declared_domain() for read in given) if it is not None)])
        if has_errors(findings):
            return
        pairs = [(read, self._name_of(read)) for read in given]
        is_only = len(self._known) == 1
        for read, domain in pairs:
            entry = credspec_entry(read.spec, self._known, domain, is_only=is_only)
            name = entry.get("name") or credspec_name(entry["account"])
            if name is None:
                message = "has no RFC 1123 form, so its credspec needs a name; import it from a GMSACredentialSpec"
                read.report.error(
                    "required", f"{entry['account']} {message}", field="DomainJoinConfig.MachineAccountName"
                )
            elif name in self._added:
                if self._added[name].spec.contents != read.spec.contents:
                    message = f"{name} is also in {self._added[name].place}, with other contents; import one of them"
                    read.report.error("duplicate-name", message)
            elif name in self._names:
                message = f"{name} is in the config already, and is left as it is"
                read.report.warning("existing-entry", message)
            else:
                self._added[name] = read
                self.credspecs.append(entry)

    def _name_of(self, read: ReadCredspec) -> str:
        """The name of a credential spec's domain, which is added if it is new."""
        domain = read.spec.domain
        assert domain is not None
        for name, known in self._known.items():
            if known.dns_name.lower() == domain.dns_name.lower():
                return name
        added, number = domain.dns_name, 2
        while added in self._known:  # another domain of the config is called so
            added, number = f"{domain.dns_name}-{number}", number + 1
        self._known[added] = domain
        self.domains.append({**({} if added == domain.dns_name else {"name": added}), **domain_entry(domain)})
        return added

    def config(self) -> str:
        """A new config."""
        return writer.document(
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": self.domains[0]["dnsName"].lower().replace("_", "-")},
                "spec": {"domains": self.domains, "credspecs": self.credspecs},
            }
        )


def _ignore(key: str, issue: Issue) -> None:
    """For a domain of the config: what differs is reported where the credential spec is."""
