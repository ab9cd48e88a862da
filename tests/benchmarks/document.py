"""BENCHMARKS.md: its parts are written by different commands, each of which keeps the other's."""

from __future__ import annotations

from pathlib import Path

TARGET = Path(__file__).parent.parent.parent / "BENCHMARKS.md"
ADMISSION = "admission"
DOCTOR = "doctor"


def section_of(text: str, name: str) -> str:
    """The part of a text between the marks of a section; empty if it has none."""
    start, end = _marks(name)
    return text.partition(start)[2].partition(end)[0]


def replace_section(name: str, contents: str) -> None:
    text = TARGET.read_text()
    start, end = _marks(name)
    before, _, rest = text.partition(start)
    TARGET.write_text(f"{before}{start}\n{contents}{end}{rest.partition(end)[2]}")
    print(f"wrote the section {name} of {TARGET}")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"
