"""`make bench` and `make bench-check`: measures everything of table.py in one run.

`bench.py` writes BENCHMARKS.md; `bench.py --check` writes it below build/benchmarks, compares with the bounds, and fails
with the figures that miss them. Names of groups (start, helm, ...) measure these only, and write nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from document import ADMISSION, DOCTOR, TARGET, section_of
from measure import Sample, ratio, rounds
from table import ROOT, Comparison, Group, groups, tool

WORK = ROOT / "build" / "benchmarks"
CHECKED = "build/benchmarks/BENCHMARKS.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"compare with the bounds, and write {CHECKED}")
    parser.add_argument("--rounds", type=float, default=1.0, help="this many times the rounds (default: %(default)s)")
    parser.add_argument("group", nargs="*", help="measure these only")
    options = parser.parse_args()
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    rows: list[Row] = []
    for group in groups(WORK):
        if options.group and group.name not in options.group:
            continue
        samples = rounds(group.contenders, max(1, round(group.rounds * options.rounds)))
        for comparison in group.comparisons:
            rows.append(Row(group, comparison, samples))
            print(rows[-1].line(), flush=True)
    missed = [row.line() for row in rows if row.missed]
    if not options.group:
        template = (Path(__file__).parent / "BENCHMARKS.md.in").read_text()
        target = ROOT / CHECKED if options.check else TARGET
        target.write_text(
            template.format(
                table=_table(rows),
                machine=_machine(),
                minutes=f"{(time.monotonic() - started) / 60:.0f}",
                admission=section_of(TARGET.read_text(), ADMISSION),
                doctor=section_of(TARGET.read_text(), DOCTOR),
            )
        )
        print(f"wrote {target}")
    if options.check and missed:
        print("\nmissed:\n" + "\n".join(missed), file=sys.stderr)
        return 1
    return 0


class Row:
    """A comparison with its figures."""

    def __init__(self, group: Group, comparison: Comparison, samples: dict[str, list[Sample]]) -> None:
        self.group = group
        self.comparison = comparison
        self.ours, self.theirs = samples[comparison.ours], samples[comparison.theirs]
        base = samples.get(comparison.base)
        self.ratio = ratio(self.ours, self.theirs, base)
        self.elapsed = ratio(self.ours, self.theirs, base, elapsed=True)
        self.memory = max(sample.memory for sample in self.ours)
        self.ended = any(sample.ended for sample in self.theirs)
        self.is_endless = any(sample.ended for sample in self.ours)

    @property
    def missed(self) -> bool:
        bound, memory = self.comparison.bound, self.comparison.memory
        is_slow = bound is not None and (self.ratio > bound or self.is_endless)
        return is_slow or (memory is not None and self.memory > memory)

    def line(self) -> str:
        it = self.comparison
        bound = f", bound {it.bound:g}, wish {it.wish:g}" if it.bound is not None else ""
        memory = f", {_bytes(self.memory)} of {_bytes(it.memory)}" if it.memory else ""
        said = "MISSED " if self.missed else ""
        return f"{said}{self.group.name}: {it.what} against {it.against}: {self.shown_ratio}{bound}{memory} ({_time(self.ours)} against {_time(self.theirs)})"

    @property
    def shown_ratio(self) -> str:
        inexact = "over " if self.is_endless else "under " if self.ended else ""
        return f"{inexact}{self.ratio:.3g}x"

    def cells(self) -> list[str]:
        it = self.comparison
        bound = f"{it.bound:g}x" if it.bound is not None else ""
        wish = f"{it.wish:g}x" if it.wish is not None else ""
        if it.memory is not None:
            bound += f", {_bytes(it.memory)}"
        verdict = (
            "" if it.bound is None else "missed" if self.missed else "wish" if self.ratio <= (it.wish or 0) else "bound"
        )
        return [
            it.what,
            it.against,
            f"{'over ' if self.is_endless else ''}{_time(self.ours)}",
            f"{'over ' if self.ended else ''}{_time(self.theirs)}",
            f"**{self.shown_ratio}**",
            bound,
            wish,
            verdict,
            f"{self.elapsed:.3g}x",
            _bytes(self.memory),
        ]


def _time(samples: list[Sample]) -> str:
    """The median and the spread: the middle half of the runs, or all where there are few."""
    times = sorted(sample.cpu for sample in samples)
    middle = statistics.median(times)
    low, high = (
        (statistics.quantiles(times)[0], statistics.quantiles(times)[2]) if len(times) >= 4 else (times[0], times[-1])
    )
    unit, digits = (1000, "ms") if middle < 1 else (1, "s")
    shown = "{:.0f}" if middle * unit >= 100 else "{:.1f}"
    spread = f" ({shown.format(low * unit)}-{shown.format(high * unit)})" if len(times) > 1 else ""
    return f"{shown.format(middle * unit)} {digits}{spread}"


def _bytes(number: int) -> str:
    return f"{number / (1 << 30):.3g} GiB" if number >= 1 << 30 else f"{number / (1 << 20):.0f} MiB"


def _table(rows: list[Row]) -> str:
    head = ["what", "against", "ours", "theirs", "ratio", "bound", "wish", "meets", "on the clock", "memory"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    """Where and with what this ran."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    commit = _first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*")
    import yaml._yaml

    facts = {
        "machine": f"{os.cpu_count()} x {processor}, {_bytes(memory)}, {platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[1]:.1f} on average in the last five minutes of the run",
        "gmsa-krm": f"{version('gmsa-krm')}, commit {commit}",
        "Python": f"{platform.python_version()} ({platform.python_compiler()})",
        "PyYAML": f"{version('PyYAML')}, libyaml {yaml._yaml.get_version_string()}",
        "cryptography": version("cryptography"),
        "kustomize": _first_line(str(tool("kustomize")), "version"),
        "kubectl": _first_line(str(tool("kubernetes-newest/kubectl")), "version", "--client").rpartition(" ")[2],
        "Helm": _first_line(str(tool("helm4")), "version", "--short"),
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["unknown"])[0]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
