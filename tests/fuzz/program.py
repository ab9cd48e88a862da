"""One call of the program in this process: what goes in, and all that comes out."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gmsa_krm import cli
from support_files import VARIABLES, File, Link

# The folder of the call, in arguments, variables and links.
WORK = "@WORK@"
# Seconds of CPU time; a call on such small inputs takes milliseconds.
LIMIT = 10.0
_CALLS_BETWEEN_COLLECTIONS = 200


@dataclass(frozen=True)
class Call:
    """`folder`: the working directory, relative to the folder that holds `files`. `program`: what it is called as."""

    arguments: tuple[str, ...] = ()
    stdin: bytes = b""
    files: Mapping[str, File] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=lambda: VARIABLES)
    program: str = "gmsa-krm"
    folder: str = ""

    def with_(self, **changes: Any) -> Call:
        return replace(self, **changes)


@dataclass(frozen=True)
class Outcome:
    """`crash`: the traceback of an exception that left `main`. `written`: files that were not there before.

    `leftovers`: names in the folder for temporary files.
    """

    status: int
    stdout: bytes = b""
    stderr: str = ""
    crash: str = ""
    written: Mapping[str, bytes] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()

    @property
    def messages(self) -> list[str]:
        return self.stderr.split("\n")[:-1] if self.stderr.endswith("\n") else self.stderr.split("\n")


class TooSlow(BaseException):
    """A call has used up its CPU time; not an Exception, so that the program does not catch it."""


class _Pipe(io.TextIOWrapper):
    def isatty(self) -> bool:
        return False


class Sandbox:
    """A folder for calls, on a file system in memory where there is one. To be closed."""

    def __init__(self) -> None:
        in_memory = Path("/dev/shm")
        base = in_memory if os.access(in_memory, os.W_OK) else None
        self._place = tempfile.mkdtemp(prefix="gmsa-krm-fuzz-", dir=base)
        self._work = os.path.join(self._place, "work")
        self._home = os.path.join(self._place, "home")
        self._temporary = os.path.join(self._place, "tmp")
        self._calls = 0
        self._variables = dict(os.environ)

    def close(self) -> None:
        os.chdir("/")
        os.environ.clear()
        os.environ.update(self._variables)
        tempfile.tempdir = None
        shutil.rmtree(self._place, ignore_errors=True)

    def run(self, call: Call) -> Outcome:
        self._calls += 1
        if self._calls % _CALLS_BETWEEN_COLLECTIONS == 0:
            gc.collect()  # the program turns it off
        self._fill(call)
        self._set_variables(call.variables)
        out, err = io.BytesIO(), io.BytesIO()
        with self._streams(call, out, err):
            status, crash = _status()
            stdout, stderr = out.getvalue().replace(self._work.encode(), WORK.encode()), err.getvalue()
        os.chdir("/")
        return Outcome(
            status,
            stdout,
            stderr.decode("utf-8", "replace").replace(self._work, WORK),
            crash,
            self._written(call),
            tuple(sorted(os.listdir(self._temporary))),
        )

    def _in_place(self, text: str) -> str:
        return text.replace(WORK, self._work)

    def _fill(self, call: Call) -> None:
        os.chdir("/")
        for folder in (self._work, self._home, self._temporary):
            _empty(folder)
        made: set[str] = {self._work}
        for name, file in call.files.items():
            path = os.path.join(self._work, name)
            parent = os.path.dirname(path)
            if parent not in made:
                os.makedirs(parent, exist_ok=True)
                made.add(parent)
            if isinstance(file, Link):
                os.symlink(self._in_place(file.target), path)
            else:
                with open(path, "wb") as opened:
                    opened.write(file)
        folder = os.path.join(self._work, call.folder)
        os.makedirs(folder, exist_ok=True)
        os.chdir(folder)

    def _set_variables(self, variables: Mapping[str, str]) -> None:
        os.environ.clear()
        os.environ.update({"PATH": "/nowhere", "HOME": self._home, "TMPDIR": self._temporary, "LANG": "C.UTF-8"})
        os.environ.update({name: self._in_place(value) for name, value in variables.items()})
        tempfile.tempdir = self._temporary

    @contextlib.contextmanager
    def _streams(self, call: Call, out: io.BytesIO, err: io.BytesIO) -> Iterator[None]:
        kept = sys.argv, sys.stdin, sys.stdout, sys.stderr
        sys.argv = [call.program, *map(self._in_place, call.arguments)]
        sys.stdin = _Pipe(io.BytesIO(call.stdin))
        sys.stdout = _Pipe(out, encoding="utf-8", write_through=True)
        sys.stderr = _Pipe(err, encoding="utf-8", errors="backslashreplace", write_through=True)
        try:
            yield
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = kept
            gc.enable()

    def _written(self, call: Call) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for parent, _, names in os.walk(self._work):
            for name in names:
                path = os.path.join(parent, name)
                relative = os.path.relpath(path, self._work)
                if relative not in call.files and os.path.normpath(relative) not in map(os.path.normpath, call.files):
                    with open(path, "rb") as opened:
                        found[relative] = opened.read()
        return found


def _empty(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _status() -> tuple[int, str]:
    """Exit status and traceback of the program with the arguments of the process."""
    before = signal.signal(signal.SIGPROF, _stop), signal.getsignal(signal.SIGTERM)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        return cli.main(), ""
    except SystemExit as stop:  # argparse
        return (stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1), ""
    except (Exception, TooSlow):
        return -1, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _stop(*_: object) -> None:
    raise TooSlow(f"more than {LIMIT:g} seconds of CPU time")
