"""Findings: what is wrong with an input, where, and how to fix it.

A `Report` collects findings; where a run cannot continue, raise `invalid`. There is no other way to report. `rules`
describes the rule of each finding; it is loaded only to explain one.

A finding never contains a secret: a finding about key material names the file or the variable, not its contents.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    # A finding without a location, from a check of a single value: severity, rule, message.
    Issue = tuple[str, str, str]

    class HasPosition(Protocol):
        """A node of a YAML text; line and column count from 0."""

        line: int
        column: int


ERROR = "error"
WARNING = "warning"
# Longer than all messages whose values are of a usual length.
_MAX_TEXT = 4_000


class Location:
    """A position in a file. Line and column count from 1; 0 means the whole file."""

    __slots__ = ("column", "file", "line")

    def __init__(self, file: str = "", line: int = 0, column: int = 0) -> None:
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


class Finding:
    """An error or a warning about an input.

    `rule` is the id of a rule of the catalogue, for filters and for SARIF. `field` is the path of the field as the
    user would write it (`spec.domains[0].sid`), empty for the whole input. `message` says what is wrong and how to fix
    it. Both are printable and of limited length, whatever the input holds.
    """

    __slots__ = ("field", "location", "message", "rule", "severity")

    def __init__(self, severity: str, rule: str, message: str, location: Location, field: str = "") -> None:
        self.severity = severity
        self.rule = rule
        self.message = printable(_cut(message))
        self.location = location
        self.field = printable(_cut(field))

    def __str__(self) -> str:
        head = str(self.location)
        parts = [head] if head else []
        if self.severity != ERROR:
            parts.append(self.severity)
        if self.field:
            parts.append(self.field)
        parts.append(self.message)
        return printable(": ".join(parts))


def _cut(text: str) -> str:
    """A text without its middle if it is long: it may hold a value of any length, which aliases repeat."""
    if len(text) <= _MAX_TEXT:
        return text
    return f"{text[: _MAX_TEXT // 2]} [{len(text) - _MAX_TEXT:,} characters] {text[-_MAX_TEXT // 2 :]}"


def printable(text: str) -> str:
    """`text` on one line, with escapes in place of what is not printable.

    What comes from an input must not write to the terminal, nor a second line that looks like one of this program.
    """
    return text if text.isprintable() else "".join(it if it.isprintable() else repr(it)[1:-1] for it in text)


class Report:
    """Collects the findings about one text.

    `file` and `first_line` say where the text is; without `positions` its lines are not those of the user's file.
    `prefix` is put before each field. Several reports may share one list of `findings`.
    """

    def __init__(
        self,
        file: str = "",
        first_line: int = 0,
        *,
        positions: bool = True,
        prefix: str = "",
        findings: list[Finding] | None = None,
    ) -> None:
        self.findings: list[Finding] = [] if findings is None else findings
        self._file = file
        self._first_line = first_line
        self._positions = positions
        self._prefix = prefix

    def error(self, rule: str, message: str, where: HasPosition | Location | None = None, field: str = "") -> None:
        """`where`: a node of the text, another location, or None for the whole text."""
        self.add((ERROR, rule, message), where, field)

    def warning(self, rule: str, message: str, where: HasPosition | Location | None = None, field: str = "") -> None:
        self.add((WARNING, rule, message), where, field)

    def add(self, issue: Issue, where: HasPosition | Location | None = None, field: str = "") -> None:
        """Reports an issue that a check of a single value has found."""
        severity, rule, message = issue
        location = where if isinstance(where, Location) else self.location(where)
        if self._prefix:
            field = f"{self._prefix}.{field}" if field else self._prefix
        self.findings.append(Finding(severity, rule, message, location, field))

    def location(self, node: HasPosition | None) -> Location:
        if node is None or not self._positions:
            return Location(self._file)
        return Location(self._file, self._first_line + node.line + 1, node.column + 1)


def error_issue(rule: str, message: str) -> Issue:
    return ERROR, rule, message


def warning_issue(rule: str, message: str) -> Issue:
    return WARNING, rule, message


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """By file, line and column, each once; findings about a whole file come after those with a line.

    An alias repeats a place under the path of another field.
    """
    once: dict[tuple[object, ...], Finding] = {}
    for it in findings:
        where = it.location
        field = it.field.rpartition(".")[2].partition("[")[0] if where.line else it.field
        once.setdefault((it.rule, where.file, where.line, where.column, field, it.message), it)
    return sorted(once.values(), key=lambda it: (it.location.file, it.location.line or 1 << 60, it.location.column))


def has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


def refuse_warnings(findings: list[Finding], field: str, where: Location | None = None) -> None:
    """Raises InputError if there is a warning, where `field` says that warnings are errors."""
    number = sum(it.severity == WARNING for it in findings)
    if number:
        what = "warning, which is an error" if number == 1 else "warnings, which are errors"
        message = f"there {'is' if number == 1 else 'are'} {number:,} {what} here; fix what is found, or remove {field}"
        raise InputError([*findings, Finding(ERROR, "strict", message, where or Location(), field)])


def refuse_by_config(findings: list[Finding], strict: Location | None) -> None:
    """As `refuse_warnings`; `strict`: where a config makes warnings errors, None if none does."""
    if strict is not None:
        refuse_warnings(findings, "spec.strict", strict)


class InputError(Exception):
    """The input is invalid: exit status 1. `findings` are those of the whole run, warnings included."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


class UsageError(Exception):
    """The command line asks for what cannot be: exit status 2."""


class ExternalError(Exception):
    """A file, a folder or another program failed: exit status 3."""


def file_error(path: str, verb: str, error: OSError) -> ExternalError:
    """The exception for a file that cannot be `read` or `written`."""
    return ExternalError(f"{printable(path)}: cannot be {verb} ({error.strerror})")


def invalid(rule: str, message: str, location: Location | None = None, field: str = "") -> InputError:
    """The exception for an input that cannot be processed any further."""
    return InputError([Finding(ERROR, rule, message, location or Location(), field)])
