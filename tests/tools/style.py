"""Finds the words that CONTRIBUTING.md says not to write: `python tests/tools/style.py`, or `make lint`.

It reads all pages, the texts and comments of the program, and the comments of the overlays and the chart.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_CODE = re.compile(r"(?ms)^( *)```.*?^\1```$|(`+)[^`].*?\2|\]\([^)\s]*\)")


def words() -> dict[str, str]:
    """{what not to write: what to write}, of the table below the heading Words in CONTRIBUTING.md."""
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("\n### Words\n")[2].partition("\n#")[0]
    found = {}
    for row in re.findall(r"(?m)^\| (`.*?) \| (.*?) \|$", table):
        found.update(dict.fromkeys((it.lower() for it in re.findall(r"`([^`]+)`", row[0])), row[1].replace("`", "")))
    assert len(found) > 20, "CONTRIBUTING.md has no table of words"
    return found


def texts() -> Iterator[tuple[Path, int, str]]:
    """(file, line, text) of what a reader meets."""
    for path in sorted(
        path
        for pattern in ("*.md", "changes/*.md", "docs/**/*.md", "kustomize/**/*.md", "charts/**/*.md", "plugin/**/*.md")
        for path in ROOT.glob(pattern)
    ):
        if path.name != "CHANGELOG.md":  # of versions that are out
            yield path, 1, _CODE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text())
    for path in sorted((ROOT / "plugin/gmsa_krm").rglob("*.py")):
        yield from _of_python(path)
    for path in sorted([ROOT / "Makefile", *ROOT.glob("kustomize/**/*.yaml"), *ROOT.glob("charts/**/*.yaml")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield path, number, line.partition("#")[2]


def _of_python(path: Path) -> Iterator[tuple[Path, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1):
            yield path, token.start[0], re.sub(r"\{[^{}]*\}", "", token.string)


def findings() -> Iterator[str]:
    wanted = words()
    pattern = re.compile(
        r"(?<![\w-])(" + "|".join(re.escape(it).replace(r"\ ", r"\s+") for it in wanted) + r")(?![\w-])", re.I
    )
    for path, first, text in texts():
        if path.name == "CONTRIBUTING.md":
            text = text.partition("\n### Words\n")[0]
        for match in pattern.finditer(text):
            line = first + text.count("\n", 0, match.start())
            phrase = " ".join(match[0].lower().split())
            yield f'{path.relative_to(ROOT)}:{line}: "{phrase}": {wanted[phrase]}'


if __name__ == "__main__":
    found = list(findings())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
