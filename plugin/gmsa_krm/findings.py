"""What the program has to say about an input: a severity, a place, a message that holds the cure.

A finding never carries the value of a secret: whoever makes one for key material names the file or the
variable, not what it holds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR = "error"
WARNING = "warning"


class Place:
    """Where in a file something stands; line and column count from 1, 0 means "the whole file"."""

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
    """One mistake (severity error) or one doubt (severity warning) about an input.

    `rule` is a stable kebab-case name of the check, for filters and for SARIF. `field` is the path of the
    field as the user would write it (`spec.domains[0].sid`), empty where the whole input is meant.
    `message` says what is wrong and what to do.
    """

    __slots__ = ("field", "message", "place", "rule", "severity")

    def __init__(self, severity: str, rule: str, message: str, place: Place, field: str = "") -> None:
        self.severity = severity
        self.rule = rule
        self.message = message
        self.place = place
        self.field = field

    def __str__(self) -> str:
        head = str(self.place)
        parts = [head] if head else []
        if self.severity != ERROR:
            parts.append(self.severity)
        if self.field:
            parts.append(self.field)
        parts.append(self.message)
        line = ": ".join(parts)
        # A key or value of the input must not write to the terminal, nor a second line that looks like ours.
        return line if line.isprintable() else "".join(it if it.isprintable() else repr(it)[1:-1] for it in line)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By file, line and column; what is said of a whole file comes after what has a line."""
    return sorted(findings, key=lambda it: (it.place.file, it.place.line or 1 << 60, it.place.column))


def has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


class InputError(Exception):
    """The input is wrong: exit status 1. Holds every finding of the run, warnings included."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


class OutsideError(Exception):
    """Something outside the program failed (a file, a folder, another program): exit status 3."""


def input_error(rule: str, message: str, place: Place | None = None, field: str = "") -> InputError:
    return InputError([Finding(ERROR, rule, message, place or Place(), field)])
