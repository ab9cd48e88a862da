"""Standard input, output and error, and the exit statuses."""

from __future__ import annotations

import os
import sys

from gmsa_krm.findings import ERROR, Location, UsageError, file_error, invalid, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from gmsa_krm.findings import Finding

DONE = 0
INVALID_INPUT = 1
WRONG_USAGE = 2
EXTERNAL_FAILURE = 3


def stdin() -> BinaryIO:
    """Standard input, or an empty stream if the caller has closed it."""
    if sys.stdin is None:
        from io import BytesIO

        return BytesIO()
    return sys.stdin.buffer


def read_input(file: str, limit: int, advice: str) -> bytes:
    """The contents of a file that the user has named, or of standard input if it is `-`.

    Raises ExternalError, and InputError if there are more bytes than `limit`; `advice` says what to do then.
    """
    try:
        if file == "-":
            data = stdin().read(limit + 1)
        else:
            with open(file, "rb") as opened:
                data = opened.read(limit + 1)
    except OSError as error:
        raise file_error(shown(file), "read", error) from None
    if len(data) > limit:
        raise invalid("too-large", f"is larger than {limit >> 20} MiB; {advice}", Location(shown(file)))
    return data


def refuse_overwriting(option: str, place: str, inputs: Iterable[tuple[str, str]]) -> None:
    """Raises UsageError if what an option writes to `place` would replace an input, stdin's file or stdout's.

    `inputs`: the options, or what else names them, and their paths.
    """
    import stat

    try:
        target = os.stat(place)
    except OSError:  # nothing to lose, or reported where it is written
        return
    if not stat.S_ISREG(target.st_mode):
        return
    files: list[tuple[str, str | int]] = [(what, path) for what, path in inputs if path != "-"]
    for what, path in (*files, ("the file on stdin", 0), ("the file of stdout", 1)):
        try:
            is_same = os.path.samestat(target, os.stat(path))
        except (OSError, ValueError):
            continue
        if is_same:
            raise UsageError(f"{option} {place} is also {what}, which would be lost; give another file")


def shown(file: str) -> str:
    """What messages call a file that the user has named."""
    return "stdin" if file == "-" else file


def is_terminal() -> bool:
    """Whether standard input is a terminal, so that reading it would wait for a user."""
    return sys.stdin is not None and sys.stdin.isatty()


def write(data: bytes) -> None:
    """Writes to standard output. Raises OSError."""
    if sys.stdout is None:
        raise OSError("stdout is closed")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Writes lines to standard output, with escapes in place of what is not printable. Raises OSError."""
    write(f"{_printable_lines(text)}\n".encode())


def print_findings(findings: Iterable[Finding], *, quiet: bool = False) -> None:
    """`quiet`: whether to print errors only."""
    for finding in findings:
        if not quiet or finding.severity == ERROR:
            _print(str(finding))


def print_error(message: object) -> None:
    _print(f"gmsa-krm: {_printable_lines(str(message))}")


def print_messages(program: str, text: str) -> None:
    """The messages of another program, each line with its name before it."""
    _print(_printable_lines(named_lines(program, text)))


def named_lines(program: str, text: str) -> str:
    """The lines of another program's messages, with its name before each: none looks like one of gmsa-krm."""
    return "\n".join(f"{program}: {line}" for line in text.split("\n"))


def _print(line: str) -> None:
    if sys.stderr is None:  # it is closed, and print would take stdout
        return
    try:
        print(line, file=sys.stderr)
    except OSError:  # a full disk or a reader that has gone, of which nobody can be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
