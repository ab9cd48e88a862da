"""What every host runs between reading and writing: resolve, process workloads, generate, reconcile, stop at errors."""

from __future__ import annotations

from gmsa_krm.findings import InputError, has_errors, sort_findings
from gmsa_krm.generate import generate
from gmsa_krm.reconcile import merge, reconcile
from gmsa_krm.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding
    from gmsa_krm.reconcile import Emitted
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.workloads.process import Usage
    from gmsa_krm.yamltext.edits import Edit
    from gmsa_krm.yamltext.stream import Document


class Result:
    """The emitted objects in apply order, the edits of the documents, and the findings.

    `edits` are by index of the document; their offsets count in the document's text.
    """

    __slots__ = ("_documents", "edits", "findings", "objects")

    def __init__(
        self, documents: list[Document], objects: list[Emitted], edits: dict[int, list[Edit]], findings: list[Finding]
    ) -> None:
        self._documents = documents
        self.objects = objects
        self.edits = edits
        self.findings = findings

    @property
    def added(self) -> list[Emitted]:
        """The objects that are not among the documents."""
        return [it for it in self.objects if it.document is None]

    @property
    def replaced(self) -> dict[int, Emitted]:
        """The objects that replace a document, by its index."""
        return {it.document: it for it in self.objects if it.is_changed and it.document is not None and not it.in_list}

    def text_of(self, index: int) -> str:
        """The text of a document with its edits."""
        text, edits = self._documents[index].text, self.edits.get(index)
        if not edits:
            return text
        from gmsa_krm.yamltext.edits import apply_edits

        return apply_edits(text, edits)

    def texts(self) -> list[str]:
        """The texts of all documents, edited or replaced."""
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
    resolved = resolve(configs, documents)
    edits: dict[int, list[Edit]] = {}
    usage: Usage = {}
    findings: list[Finding] = []
    if documents or any(config.spec.workloads for config in resolved):
        from gmsa_krm.workloads.process import process_workloads

        edits, usage, findings = process_workloads(resolved, documents, namespace)
    _add_diagnostics(resolved, usage)
    emitted = merge((manifest, config) for config in resolved for manifest in generate(config, usage))
    for index, more in reconcile(emitted, documents, findings).items() if documents else ():
        edits.setdefault(index, []).extend(more)
    findings = sort_findings([*(it for config in resolved for it in config.report.findings), *findings])
    if has_errors(findings):
        raise InputError(findings)
    return Result(documents, list(emitted.values()), edits, findings)


def _add_diagnostics(configs: list[Resolved], usage: Usage) -> None:
    """Adds the service accounts of diagnostics Jobs, which use their credspec too."""
    for config in configs:
        for credspec in config.credspecs:
            job = credspec.entry.diagnostics
            if job is not None:
                usage.setdefault(credspec.name, {}).setdefault(job.namespace, set()).add(job.service_account)
