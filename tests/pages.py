"""The pages of the documentation as their readers use them: blocks of code, and the commands in them.

- `console` blocks are run, each in order. A line that begins with `$ ` is typed; the lines below it are what it prints,
  where `...` stands for anything, in a line or as lines.
- `yaml` blocks are read. One with `title="FILE"` is a file of the reader's, which the commands of the page find.
- `bash` blocks have names to replace or need what no test has; their syntax is checked, as is that of `powershell`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from conftest import ROOT

# Generated from the program, whose tests run the examples.
GENERATED = tuple(f"docs/reference/{name}.md" for name in ("commands", "config", "output", "rules"))
PAGES = tuple(
    str(path.relative_to(ROOT))
    for path in sorted(
        [
            *ROOT.glob("*.md"),
            *ROOT.glob("docs/**/*.md"),
            *ROOT.glob("kustomize/**/README.md"),
            *ROOT.glob("plugin/function/**/README.md"),
            ROOT / "charts/gmsa/README.md",
        ]
    )
    if str(path.relative_to(ROOT)) not in GENERATED
)
_FENCE = re.compile(r"(?ms)^( *)```(\w+)([^\n]*)\n(.*?)^\1```$")


@dataclass(frozen=True)
class Block:
    heading: str  # the last one of the second level before it
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Command:
    heading: str
    line: str
    prints: str  # as the page shows it; "" if it shows nothing

    def check(self, printed: str) -> None:
        """Raises AssertionError if the page shows something else."""
        if self.prints:
            assert re.fullmatch(self._pattern(), printed.rstrip("\n") + "\n"), f"{self.line} prints:\n{printed}"

    def _pattern(self) -> str:
        def line(text: str) -> str:
            return ".*".join(map(re.escape, text.split("...")))

        return "".join(r"(?:.*\n)*" if it == "..." else line(it) + r" *\n" for it in self.prints.splitlines())


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    text = (ROOT / page).read_text()
    headings = [(match.start(), match[1]) for match in re.finditer(r"(?m)^## (.*)$", text)]
    found = []
    for match in _FENCE.finditer(text):
        heading = next((name for start, name in reversed(headings) if start < match.start()), "")
        title = re.search(r'title="([^"]*)"', match[3])
        found.append(Block(heading, match[2], title[1] if title else "", dedent(match[4])))
    return found


def commands(page: str, *headings: str) -> list[Command]:
    """The commands of the sections with these headings, or of the whole page."""
    assert set(headings) <= {it.heading for it in blocks(page)}, f"{page} has no such section: {headings}"
    found = []
    for block in blocks(page):
        if block.language != "console" or (headings and block.heading not in headings):
            continue
        start, *parts = re.split(r"(?m)^\$ ", block.text)
        assert not start, f"{page}: a console block begins with a command"
        for part in parts:
            line, _, prints = part.partition("\n")
            found.append(Command(block.heading, line, prints))
    return found


def files(page: str) -> dict[str, str]:
    """{name: contents} of the files that a page shows."""
    return {it.title: it.text for it in blocks(page) if it.title}


def run(
    steps: list[Command], folder: Path, env: dict[str, str], after_each: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Runs commands in a folder, as someone would type them; returns what each one printed on stdout."""
    printed, exports = [], []
    for step in steps:
        # Each runs in a shell of its own, which needs the variables that were exported before.
        script = "\n".join(["set -e", *exports, step.line])
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step.line}: {done.stdout}{done.stderr}"
        step.check(done.stdout + done.stderr)
        if step.line.startswith("export "):
            exports.append(step.line)
        printed.append(done.stdout)
        after_each(step.line)
    return printed
