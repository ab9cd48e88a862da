"""Where the documents of a stream come from: findings name that, and not a line of what the host sends."""

from __future__ import annotations

from bisect import bisect_right

from gmsa_krm.findings import Finding, Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gmsa_krm.yamltext.stream import Document

# What cannot be read has no other place than its line.
_OF_LINES = ("encoding", "yaml")


class Origins:
    """The documents of `stdin`, in their order; `file_of` is asked for the file of one, "" if it is unknown."""

    def __init__(self, documents: Sequence[Document], file_of: Callable[[Document], str]) -> None:
        self._documents = documents
        self._file_of = file_of

    def document_of(self, finding: Finding) -> Document | None:
        """The document that a finding is about; None if it is about none."""
        return self._document_at(finding.location)

    def _document_at(self, location: Location) -> Document | None:
        if location.file != "stdin" or not location.line:
            return None
        place = location.line - 1, location.column - 1
        at = bisect_right(self._documents, place, key=start_of) - 1
        return self._documents[at] if at >= 0 else None

    def named(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings with the files of their documents, where these are known."""
        return [self._named(it) for it in findings]

    def _named(self, finding: Finding) -> Finding:
        location = self.place_of(finding.location) if finding.rule not in _OF_LINES else finding.location
        if location is finding.location:
            return finding
        return Finding(finding.severity, finding.rule, finding.message, location, finding.field)

    def place_of(self, location: Location) -> Location:
        """The file of the document at a location, or the location itself if that is unknown."""
        document = self._document_at(location)
        file = self._file_of(document) if document is not None else ""
        return Location(file) if file else location


def start_of(document: Document) -> tuple[int, int]:
    """The line and column of stdin in which a document starts, counted from 0; for an item, those of its node."""
    node = document.node if document.whole is not None else None
    return (document.line, 0) if node is None else (document.line + node.line, node.column)
