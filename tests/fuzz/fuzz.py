"""`make fuzz` and `make fuzz-check`: random, structured inputs for every command, judged by the oracles.

    fuzz.py --runs 20000 --target helm3           # calls of the program, over the targets
    fuzz.py --seconds 60 --seed 7                 # as many as there is time for
    fuzz.py --replay build/fuzz/helm3-1           # a finding again

The same seed gives the same inputs. Each kind of finding is saved once, minimised, as a folder in build/fuzz. Exit
status 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from oracles import Problem, check
from program import Call, Outcome, Sandbox
from shrink import shrink
from support_files import File, Link
from targets import TARGETS, make_call

ROOT = Path(__file__).parents[2]
RUNS = 1_000_000
_CHUNK = 25  # inputs that a worker gets at once
_MINIMISED = 10  # findings of a target; more probably have one of their causes


@dataclass
class Finding:
    """The first input that shows a kind of problem, and how many have shown it."""

    target: str
    number: int
    problem: Problem
    call: Call
    count: int = 1


@dataclass
class Tally:
    """What a target, or a part of it, has given so far. `runs`: calls of the program."""

    inputs: int = 0
    runs: int = 0
    seconds: float = 0.0
    outcomes: Counter[int] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.inputs += other.inputs
        self.runs += other.runs
        self.seconds += other.seconds
        self.outcomes += other.outcomes
        for kind, finding in other.findings.items():
            self.add_finding(kind, finding)

    def add_finding(self, kind: str, finding: Finding) -> None:
        known = self.findings.get(kind)
        if known is None:
            self.findings[kind] = finding
        elif finding.number < known.number:
            finding.count += known.count
            self.findings[kind] = finding
        else:
            known.count += finding.count

    def line(self, target: str) -> str:
        rate = self.runs / self.seconds if self.seconds else 0
        outcomes = ", ".join(f"{status}: {self.outcomes[status]:,}" for status in (0, 1, 2, 3))
        return (
            f"{target}: {self.runs:,} runs ({self.inputs:,} inputs), {rate:,.0f} a second, {outcomes},"
            f" {len(self.findings)} kinds of findings"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="default: all")
    parser.add_argument("--runs", type=int, help=f"calls of the program over all targets (default: {RUNS:,})")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "fuzz", help="where findings are saved")
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="run a saved finding again")
    options = parser.parse_args()
    if options.replay is not None:
        return _replay(options.replay)
    targets = options.target or list(TARGETS)
    runs = options.runs or (RUNS if options.seconds is None else None)
    shutil.rmtree(options.output, ignore_errors=True)
    found = False
    for target in targets:
        share = None if runs is None else -(-runs // len(targets))
        seconds = None if options.seconds is None else options.seconds / len(targets)
        tally = _Pool(target, options.seed, options.jobs).run(share, seconds)
        print(tally.line(target), flush=True)
        if "death" in tally.findings and not _dies_again(tally.findings["death"].call):
            del tally.findings["death"]  # something else has ended the process
        for index, (kind, finding) in enumerate(sorted(tally.findings.items()), 1):
            folder = options.output / f"{target}-{index}"
            save(folder, finding, is_minimised=index <= _MINIMISED)
            print(f"  {folder} ({finding.count}x): {kind}", flush=True)
            found = True
    return 1 if found else 0


class _Pool:
    """The processes that run one target; each is asked for a chunk of inputs at a time."""

    def __init__(self, target: str, seed: int, jobs: int) -> None:
        self._target = target
        self._seed = seed
        self._jobs = jobs
        self._context = multiprocessing.get_context("spawn")
        self._next = 0
        self._busy: dict[Connection, tuple[_Process, int]] = {}

    def run(self, runs: int | None, seconds: float | None) -> Tally:
        """`runs`: calls of the program at least; `seconds`: on the clock at most; one of them must be given."""
        total, started = Tally(), time.monotonic()

        def is_over() -> bool:
            late = seconds is not None and time.monotonic() - started > seconds
            return late or (runs is not None and total.runs >= runs)

        for index in range(self._jobs):
            self._ask(_Process(self._context, index))
        while self._busy:
            for ready in wait(list(self._busy)):
                assert isinstance(ready, Connection)
                process, first = self._busy.pop(ready)
                answer = process.answer()
                if answer is None:
                    number = first + process.progress
                    total.add_finding("death", self._death(number))
                    process = _Process(self._context, process.index)
                else:
                    total.add(answer)
                if is_over():
                    process.end()
                else:
                    self._ask(process)
        total.seconds = time.monotonic() - started
        return total

    def _ask(self, process: _Process) -> None:
        process.connection.send((self._target, self._seed, self._next))
        self._busy[process.connection] = process, self._next
        self._next += _CHUNK

    def _death(self, number: int) -> Finding:
        problem = Problem("death", "the process has ended in the middle of the call")
        return Finding(self._target, number, problem, make_call(self._target, self._seed, number))


class _Process:
    """A worker. Its hash seed is its own, so that an order that depends on it shows in comparisons between runs."""

    def __init__(self, context: multiprocessing.context.SpawnContext, index: int) -> None:
        self.index = index
        self.connection, theirs = context.Pipe()
        self._progress = context.RawValue("i", 0)
        before = os.environ.get("PYTHONHASHSEED")
        os.environ["PYTHONHASHSEED"] = str(index + 1)
        self._process = context.Process(target=_work, args=(theirs, self._progress), daemon=True)
        self._process.start()
        theirs.close()
        os.environ.pop("PYTHONHASHSEED")
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before

    @property
    def progress(self) -> int:
        """Inputs of the chunk that are done."""
        return int(self._progress.value)

    def answer(self) -> Tally | None:
        """None if the process has died."""
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return None
        if not isinstance(answer, Tally):
            raise SystemExit(f"the fuzzer itself fails: {answer}")
        return answer

    def end(self) -> None:
        self.connection.send(None)
        self._process.join(10)


def _work(connection: Connection, progress: Any) -> None:
    """A worker: answers each chunk with its tally."""
    sandbox = Sandbox()
    try:
        while (task := connection.recv()) is not None:
            target, seed, first = task
            tally = Tally(inputs=_CHUNK)

            def run(call: Call, tally: Tally = tally) -> Outcome:
                tally.runs += 1
                return sandbox.run(call)

            try:
                for offset in range(_CHUNK):
                    progress.value = offset
                    _judge(target, seed, first + offset, run, tally)
            except Exception:
                connection.send(f"{target}, seed {seed}, input {first + offset}:\n{traceback.format_exc()}")
                return
            connection.send(tally)
    finally:
        sandbox.close()


def _dies_again(call: Call) -> bool:
    process = multiprocessing.get_context("spawn").Process(target=_run_alone, args=(call,))
    process.start()
    process.join()
    return process.exitcode is None or process.exitcode < 0


def _run_alone(call: Call) -> None:
    sandbox = Sandbox()
    try:
        check(call, sandbox.run, is_thorough=True)
    finally:
        sandbox.close()


def _judge(target: str, seed: int, number: int, run: Any, tally: Tally) -> None:
    call = make_call(target, seed, number)
    outcome, problems = check(call, run)
    tally.outcomes[outcome.status] += 1
    for problem in problems:
        tally.add_finding(problem.kind, Finding(target, number, problem, call))


def save(folder: Path, finding: Finding, *, is_minimised: bool = True) -> None:
    """Minimises the call of a finding and writes it."""
    if finding.problem.oracle == "death":
        _write(folder, finding.call, f"{finding.problem.text}\n")
        return
    sandbox = Sandbox()
    try:

        def has_problem(call: Call) -> bool:
            found = check(call, sandbox.run, is_thorough=True)[1]
            return any(problem.kind == finding.problem.kind for problem in found)

        call = shrink(finding.call, has_problem) if is_minimised and has_problem(finding.call) else finding.call
        outcome, problems = check(call, sandbox.run, is_thorough=True)
        texts = [it.text for it in problems if it.kind == finding.problem.kind] or [finding.problem.text]
    finally:
        sandbox.close()
    shown = f"{finding.problem.oracle}: {texts[0]}\n\nexit status {outcome.status}\n{outcome.stderr}"
    _write(folder, call, shown)
    (folder / "stdout").write_bytes(outcome.stdout)


def _write(folder: Path, call: Call, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "finding.txt").write_text(text, errors="backslashreplace")
    (folder / "stdin").write_bytes(call.stdin)
    links = {name: file.target for name, file in call.files.items() if isinstance(file, Link)}
    described = {
        "arguments": call.arguments,
        "variables": dict(call.variables),
        "program": call.program,
        "folder": call.folder,
        "links": links,
    }
    (folder / "call.json").write_text(json.dumps(described, indent=2) + "\n")
    for name, file in call.files.items():
        if isinstance(file, bytes):
            path = folder / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file)


def read(folder: Path) -> Call:
    """The call of a saved finding."""
    described = json.loads((folder / "call.json").read_text())
    files: dict[str, File] = {name: Link(target) for name, target in described["links"].items()}
    files |= {str(path.relative_to(folder / "files")): path.read_bytes() for path in _files(folder / "files")}
    return Call(
        tuple(described["arguments"]),
        (folder / "stdin").read_bytes(),
        files,
        described["variables"],
        described["program"],
        described["folder"],
    )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _replay(folder: Path) -> int:
    sandbox = Sandbox()
    try:
        outcome, problems = check(read(folder), sandbox.run, is_thorough=True)
    finally:
        sandbox.close()
    sys.stdout.flush()
    sys.stdout.buffer.write(outcome.stdout)
    sys.stdout.buffer.flush()
    print(f"\nexit status {outcome.status}\n{outcome.stderr}")
    for problem in problems:
        print(f"{problem.oracle}: {problem.text}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
