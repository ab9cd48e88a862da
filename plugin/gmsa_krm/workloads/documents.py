"""The GMSACredentialSpecs among the documents: what they say is checked, and workloads may name them."""

from __future__ import annotations

from gmsa_krm.config.values import subdomain_name
from gmsa_krm.credspecs.domains import DeclaredDomain, check_domains
from gmsa_krm.credspecs.parse import GROUP, KIND, read_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.credspecs.parse import ReadCredspec
    from gmsa_krm.findings import Finding, Issue
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.stream import Document


def credspecs_among(
    documents: Iterable[Document], configs: list[Resolved], findings: list[Finding]
) -> dict[str, ReadCredspec | None]:
    """The credential specs of GMSACredentialSpecs by name, None where one cannot be read; their mistakes.

    Those that a config emits are left out: the config was checked, and `reconcile` compares them.
    """
    emitted = {credspec.name for config in configs for credspec in config.credspecs}
    reader = _Reader(configs, findings)
    for document in documents:
        for item in document.items() or (document,):
            identity = item.identity
            if identity is not None and identity[:2] == (GROUP, KIND) and identity[3] not in emitted:
                reader.read(item)
        document.forget()
    check_domains(reader.domains)
    return reader.found


class _Reader:
    def __init__(self, configs: list[Resolved], findings: list[Finding]) -> None:
        self.found: dict[str, ReadCredspec | None] = {}
        # Those of configs are compared with each other already, and come first.
        self.domains = [DeclaredDomain(it.names, it.place, _ignore) for config in configs for it in config.domains]
        self._declared = [it.names for it in self.domains]
        self._findings = findings

    def read(self, document: Document) -> None:
        root = document.node
        if root is None or document.identity is None:
            return
        name = document.identity[3]
        metadata = root.get("metadata")
        prefix = f"{KIND} {name}"
        for issue in subdomain_name(name):
            document.report(self._findings).add(issue, metadata or root, f"{prefix}: metadata.name")
        read = read_node(root, document.file, document.line, self._findings, f"{prefix}: ")
        self.found[name] = read
        if read is not None:
            read.check(self._declared, may_be_substituted=True)
            domain = read.declared_domain()
            if domain is not None:
                self.domains.append(domain)


def _ignore(key: str, issue: Issue) -> None:
    """For a domain that is reported about elsewhere."""
