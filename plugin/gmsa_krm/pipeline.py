"""What every host runs between reading and writing: resolve, process workloads, generate, reconcile, stop at errors."""

from __future__ import annotations

from functools import partial

from gmsa_krm.findings import InputError, has_errors, refuse_by_config, sort_findings
from gmsa_krm.generate import emitted_workloads, generate
from gmsa_krm.reconcile import merge, reconcile
from gmsa_krm.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.active_directory.compare import Comparison
    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding, Location
    from gmsa_krm.reconcile import Emitted
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.workloads.process import Usage
    from gmsa_krm.yamltext.changes import Changes
    from gmsa_krm.yamltext.stream import Document


class Result:
    """The emitted objects in apply order, the changes to the documents, and the findings.

    `changes` are those of the items of a ResourceList, by index; `texts` has the other changed documents. `strict`:
    where a config makes warnings errors, None if none does; a host that adds warnings asks for it.
    """

    __slots__ = ("_changed", "_documents", "changes", "findings", "objects", "strict")

    def __init__(
        self,
        documents: list[Document],
        objects: list[Emitted],
        changes: Changes,
        changed: dict[int, str],
        findings: list[Finding],
        strict: Location | None,
    ) -> None:
        """`changed`: texts by index of the document."""
        self._documents = documents
        self._changed = changed
        self.objects = objects
        self.changes = changes
        self.findings = findings
        self.strict = strict

    @property
    def added(self) -> list[Emitted]:
        """The objects that are not among the documents."""
        return [it for it in self.objects if it.document is None]

    @property
    def replaced(self) -> dict[int, Emitted]:
        """The objects that replace a document, by its index."""
        return {it.document: it for it in self.objects if it.is_changed and it.document is not None and not it.in_list}

    def text_of(self, index: int) -> str:
        """The text of a document with its changes."""
        text = self._changed.get(index)
        return self._documents[index].text if text is None else text

    def texts(self) -> list[str]:
        """The texts of all documents, changed or replaced."""
        from gmsa_krm.yamltext import writer

        replaced = self.replaced
        return [
            writer.document(replaced[index].data) if index in replaced else self.text_of(index)
            for index in range(len(self._documents))
        ]


def run(configs: list[tuple[LoadedConfig, Environment]], documents: list[Document], namespace: str = "") -> Result:
    """Generates the objects of the configs and changes the documents as the configs ask.

    `namespace`: the namespace of documents without one, if the host knows it. Raises InputError with all findings if
    one is an error.
    """
    return run_resolved(resolve(configs, documents), documents, namespace)


def run_resolved(
    resolved: list[Resolved],
    documents: list[Document],
    namespace: str = "",
    snapshot: Snapshot | None = None,
    *,
    compares: bool = True,
    is_strict: bool = True,
    stops: bool = True,
) -> Result:
    """As `run`, after `resolve`. `snapshot`: to compare with in place of those of the configs.

    `compares`: whether to compare with Active Directory at all. `is_strict`: whether strict of a config applies.
    `stops`: whether errors about documents end the run, as those about configs do. If not, they are among the findings,
    and all is changed that can be.
    """
    comparison = _compare(resolved, snapshot) if compares else None
    changes: Changes = {}
    usage: Usage = {}
    findings: list[Finding] = []
    if documents or any(config.spec.workloads for config in resolved):
        from gmsa_krm.workloads.process import process_workloads

        changes, usage, findings = process_workloads(resolved, documents, namespace, emitted_workloads, comparison)
    elif any(not credspec.entry.used_by for config in resolved for credspec in config.credspecs):
        from gmsa_krm.workloads.grants import Grants, report_unbound

        report_unbound(resolved, Grants(), set())
    _add_diagnostics(resolved, usage)
    emitted = merge((manifest, config) for config in resolved for manifest in generate(config, usage))
    if documents:
        reconcile(emitted, documents, changes, findings)
    own = [it for config in resolved for it in config.report.findings]
    findings = [*own, *findings]
    may_go_on = not has_errors(findings if stops else own)
    changed = _changed(documents, changes, findings) if may_go_on else {}
    findings = sort_findings(findings)
    if has_errors(findings if stops else own):
        raise InputError(findings)
    strict = next((it.report.location(it.spec.at("strict")) for it in resolved if it.spec.strict), None)
    if is_strict:
        refuse_by_config(findings, strict)
    return Result(documents, list(emitted.values()), changes, changed, findings, strict)


def _compare(configs: list[Resolved], snapshot: Snapshot | None) -> Comparison | None:
    """Compares configs with Active Directory; the result is for the documents. None if nothing says what that knows.

    The configs are those of one cluster, so each of their snapshots is for all of them.
    """
    snapshots = [it.snapshot for it in configs if it.snapshot is not None] if snapshot is None else [snapshot]
    if not snapshots:
        return None
    from gmsa_krm.active_directory.compare import Comparison

    comparison = Comparison(
        {id(it): it for it in snapshots}.values(), (it for config in configs for it in config.spec.nodes.hosts)
    )
    for config in configs:
        for domain in config.domains:
            comparison.compare_domain(domain)
    for config in configs:
        for credspec in config.credspecs:
            comparison.compare_accounts(credspec.spec, partial(config.add_to_account, credspec))
    return comparison


def _changed(documents: list[Document], changes: Changes, findings: list[Finding]) -> dict[int, str]:
    """The texts of the changed documents, by index; items of a ResourceList have no text of their own."""
    texts: dict[int, str] = {}
    for index, document in ((index, documents[index]) for index in changes):
        if document.whole is not None:
            continue
        from gmsa_krm.yamltext.changes import changed_text, report_not_edited
        from gmsa_krm.yamltext.edits import NotEdited

        try:
            texts[index] = changed_text(document, changes[index])
        except NotEdited as found:
            report_not_edited(document.report(findings), found)
        document.forget()
    return texts


def _add_diagnostics(configs: list[Resolved], usage: Usage) -> None:
    """Adds the service accounts of diagnostics Jobs, which use their credspec too."""
    for config in configs:
        for credspec in config.credspecs:
            job = credspec.entry.diagnostics
            if job is not None:
                usage.setdefault(credspec.name, {}).setdefault(job.namespace, set()).add(job.service_account)
