"""Whole processes, measured side by side: CPU time, elapsed time and memory of each run.

CPU time is that of the process and of those it has waited for (`wait4`), so that other work on the machine shows
little. Contenders take turns within a round, and a ratio is that of two runs of one round.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Without what would change how Python runs: PYTHONDONTWRITEBYTECODE has every start compile the program.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@dataclass(frozen=True)
class Command:
    """A process to measure. `stdin` goes in through a pipe, and then what comes out goes through one too.

    `rounds`: in how many rounds it takes part at most; `cap`: seconds on the clock after which it is ended; `status`: the
    exit status that it should have.
    """

    argv: tuple[str | Path, ...]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    stdin: Path | None = None
    rounds: int = 1000
    cap: float = 120
    status: int = 0


@dataclass(frozen=True)
class Sample:
    """Seconds of CPU time, seconds on the clock, bytes of memory at most. `ended`: by its cap, so at least that."""

    cpu: float
    elapsed: float
    memory: int
    ended: bool


class Broken(Exception):
    """A command that was to be measured has failed."""


def measure(command: Command) -> Sample:
    """One run. Raises Broken with the end of its stderr if the exit status is another one."""
    helpers = []
    with tempfile.TemporaryFile() as errors, open(os.devnull, "r+b") as null:
        source: int = null.fileno()
        target: int = source
        if command.stdin is not None:
            feeder = subprocess.Popen(["cat", command.stdin], stdout=subprocess.PIPE)
            drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=null)
            helpers = [feeder, drain]
            assert feeder.stdout is not None
            assert drain.stdin is not None
            source, target = feeder.stdout.fileno(), drain.stdin.fileno()
        started = time.monotonic()
        process = subprocess.Popen(
            [*map(str, command.argv)],
            cwd=command.folder,
            env={**ENVIRONMENT, **command.environ},
            stdin=source,
            stdout=target,
            stderr=errors,
            start_new_session=True,
        )
        for helper in helpers:
            for stream in (helper.stdin, helper.stdout):
                if stream:
                    stream.close()  # else the end of the input would not be seen
        ended = threading.Event()

        def end() -> None:
            ended.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(command.cap, end)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - started
        timer.cancel()
        process.returncode = status  # reaped already
        for helper in helpers:
            helper.wait()
        if os.waitstatus_to_exitcode(status) != command.status and not ended.is_set():
            errors.seek(0)
            said = errors.read()[-2000:].decode(errors="replace")
            raise Broken(f"{' '.join(map(str, command.argv))} (in {command.folder}) failed:\n{said}")
    return Sample(usage.ru_utime + usage.ru_stime, elapsed, usage.ru_maxrss * 1024, ended.is_set())


def rounds(contenders: Mapping[str, Command], number: int) -> dict[str, list[Sample]]:
    """The samples of each contender; within a round each runs once, beginning with another one in each round."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(number):
        at = turn % len(names)
        for name in names[at:] + names[:at]:
            if turn < contenders[name].rounds:
                samples[name].append(measure(contenders[name]))
    return samples


def ratio(
    ours: list[Sample], theirs: list[Sample], base: list[Sample] | None = None, *, elapsed: bool = False
) -> float:
    """The median over the rounds in which both ran, each without what `base` took in that round."""

    def seconds(sample: Sample) -> float:
        return sample.elapsed if elapsed else sample.cpu

    nothing = [0.0] * max(len(ours), len(theirs))
    bases = nothing if base is None else list(map(seconds, base))
    # What is hardly more than its base is noise.
    least = 1e-3
    return statistics.median(
        (seconds(a) - c) / max(seconds(b) - c, least) for a, b, c in zip(ours, theirs, bases, strict=False)
    )
