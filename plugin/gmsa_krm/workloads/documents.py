"""The GMSACredentialSpecs among the documents: what they say is checked, and workloads may name them."""

from __future__ import annotations

from gmsa_krm.config.values import subdomain_name
from gmsa_krm.credspecs.domains import DeclaredDomain, check_domains
from gmsa_krm.credspecs.model import other_names
from gmsa_krm.credspecs.parse import GROUP, KIND, read_node
from gmsa_krm.yamltext.nodes import MAPPING

_VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1alpha1")
_CONTENTS = ("ActiveDirectoryConfig", "CmsPlugins", "DomainJoinConfig")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.active_directory.compare import Comparison
    from gmsa_krm.credspecs.parse import ReadCredspec
    from gmsa_krm.findings import Finding, Issue
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document


def credspecs_among(
    documents: Iterable[Document],
    configs: list[Resolved],
    findings: list[Finding],
    comparison: Comparison | None = None,
) -> dict[str, ReadCredspec | None]:
    """The credential specs of GMSACredentialSpecs by name, None where one cannot be read; their mistakes.

    Those that a config emits are left out: the config was checked, and `reconcile` compares them. `comparison`: with
    what Active Directory knows.
    """
    emitted = {credspec.name for config in configs for credspec in config.credspecs}
    reader = _Reader(configs, findings, comparison)
    for document in documents:
        for item in document.items() or (document,):
            reader.add(item, emitted)
        document.forget()
    reader.check_domains()
    return reader.found


class _Reader:
    def __init__(self, configs: list[Resolved], findings: list[Finding], comparison: Comparison | None) -> None:
        self._comparison = comparison
        self.found: dict[str, ReadCredspec | None] = {}
        # Those of configs are compared with each other already, and come first.
        self._of_configs = [DeclaredDomain(it.names, it.place, _ignore) for config in configs for it in config.domains]
        self._declared = other_names(it.names for it in self._of_configs)
        self._findings = findings
        self._domains: dict[str, list[DeclaredDomain]] = {}  # by the folder that they are in
        self._places: dict[tuple[str, str], int] = {}  # lines by file and name

    def add(self, document: Document, emitted: set[str]) -> None:
        """Takes a GMSACredentialSpec; `emitted` are the names of those that configs emit."""
        root, identity = document.node, document.identity
        if root is None or root.kind != MAPPING:
            return
        if identity is None or identity[:2] != (GROUP, KIND) or root.string("apiVersion") not in _VERSIONS:
            self._check_kind(document, root)
        elif identity[3] not in emitted:
            self._read(document, root, identity[3])

    def check_domains(self) -> None:
        """Those of one folder are compared: another may be for another cluster."""
        for domains in self._domains.values():
            check_domains([*self._of_configs, *domains])

    def _check_kind(self, document: Document, root: Node) -> None:
        """An object with the contents of a credential spec that is almost a GMSACredentialSpec."""
        contents = root.get("credspec")
        if contents is None or not any(contents.get(key) is not None for key in _CONTENTS):
            return
        found = f"{root.string('apiVersion')[:60] or 'no apiVersion'}, {root.string('kind')[:60] or 'no kind'}"
        message = (
            f"has the contents of a credential spec and is not one ({found}), so nothing reads it; write apiVersion:"
            f" {_VERSIONS[0]} and kind: {KIND}"
        )
        wrong = "kind" if root.string("apiVersion") in _VERSIONS else "apiVersion"
        document.report(self._findings).error("misspelt-credspec", message, root.get(wrong) or root, wrong)

    def _read(self, document: Document, root: Node, name: str) -> None:
        metadata = root.get("metadata")
        prefix = f"{KIND} {name}"
        report = document.report(self._findings)
        for issue in subdomain_name(name) if "${" not in name else ():
            report.add(issue, metadata or root, f"{prefix}: metadata.name")
        first = self._places.setdefault((document.file, name), document.line + root.line + 1)
        if name in self.found and first != document.line + root.line + 1:
            message = f"{prefix} occurs twice (first in line {first}), and the last one wins; remove one"
            report.error("same-object", message, root, prefix)
        read = read_node(root, document.file, document.line, self._findings, f"{prefix}: ")
        self.found[name] = read
        if read is not None:
            read.check(self._declared, may_be_substituted=True)
            domain = read.declared_domain()
            if domain is not None and self._comparison is not None:
                self._comparison.compare_domain(domain)
                self._comparison.compare_accounts(read.spec, read.add_to_account)
            if domain is not None:
                self._domains.setdefault(document.file.rpartition("/")[0], []).append(domain)


def _ignore(key: str, issue: Issue) -> None:
    """For a domain that is reported about elsewhere."""
