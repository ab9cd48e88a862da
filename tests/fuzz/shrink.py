"""Smaller calls that still show a problem."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from program import Call

_SECONDS = 20.0

Parts = list[bytes]


def shrink(call: Call, has_problem: Callable[[Call], bool], seconds: float = _SECONDS) -> Call:
    """Leaves out files, documents and lines while the problem stays, for a number of seconds at most."""
    return _Shrinker(call, has_problem, time.monotonic() + seconds).run()


class _Shrinker:
    def __init__(self, call: Call, has_problem: Callable[[Call], bool], ends: float) -> None:
        self._call = call
        self._has_problem = has_problem
        self._ends = ends

    def run(self) -> Call:
        before = None
        while self._call != before and time.monotonic() < self._ends:
            before = self._call
            for name in list(self._call.files):
                self._try(self._call.with_(files={it: file for it, file in self._call.files.items() if it != name}))
            self._shrink_text(self._call.stdin, lambda text: self._call.with_(stdin=text))
            for name, file in self._call.files.items():
                if isinstance(file, bytes):
                    self._shrink_file(name, file)
        return self._call

    def _shrink_file(self, name: str, file: bytes) -> None:
        self._shrink_text(file, lambda text: self._call.with_(files={**self._call.files, name: text}))

    def _try(self, smaller: Call) -> bool:
        if time.monotonic() > self._ends or not self._has_problem(smaller):
            return False
        self._call = smaller
        return True

    def _shrink_text(self, text: bytes, with_text: Callable[[bytes], Call]) -> None:
        def is_enough(parts: Parts) -> bool:
            return self._try(with_text(b"".join(parts)))

        documents = _without_runs(re.split(rb"(?m)^(?=---)", text), is_enough)
        lines = _without_blocks(b"".join(documents).splitlines(keepends=True), is_enough)
        _without_runs(lines, is_enough)


def _without_runs(parts: Parts, is_enough: Callable[[Parts], bool]) -> Parts:
    """Without runs of parts, long ones first."""
    size = -(-len(parts) // 2)
    while size:
        at = 0
        while at < len(parts):
            fewer = parts[:at] + parts[at + size :]
            if is_enough(fewer):
                parts = fewer
            else:
                at += size
        size //= 2
    return parts


def _without_blocks(lines: Parts, is_enough: Callable[[Parts], bool]) -> Parts:
    """Without lines and all that are indented further below them."""
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and _depth(lines[end]) > _depth(lines[at]):
            end += 1
        fewer = lines[:at] + lines[end:]
        if end > at + 1 and is_enough(fewer):
            lines = fewer
        else:
            at += 1
    return lines


def _depth(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" -"))
