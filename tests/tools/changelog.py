"""The changelog's fragments in changes/: `python tests/tools/changelog.py` checks them, as `make lint` does.

towncrier collects them into CHANGELOG.md at a release. It takes any text; here is what it does not check.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MARKER = "<!-- towncrier release notes start -->\n"
_FORM = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)\.([a-z]+)\.md")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_LONGEST = 200


def fragments(root: Path = ROOT) -> list[Path]:
    """The files of changes that are in no release yet."""
    return sorted(path for path in (root / "changes").iterdir() if path.name != "template.md.jinja")


def types(root: Path = ROOT) -> list[str]:
    """What a fragment may be about; each is a heading of the changelog."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["towncrier"]
    return [it["directory"] for it in settings["type"]]


def problems(root: Path = ROOT) -> Iterator[str]:
    known = types(root)
    for path in fragments(root):
        name = f"changes/{path.name}"
        form = _FORM.fullmatch(path.name)
        if form is None:
            yield f"{name}: name it SUBJECT.TYPE.md, SUBJECT in lower case with dashes, such as lint-exclude.added.md"
        elif form[2] not in known:
            yield f"{name}: {form[2]} is not a type of change; use {', '.join(known[:-1])} or {known[-1]}"
        yield from (f"{name}: {problem}" for problem in _problems_of(path.read_text(), root))
    yield from _problems_of_changelog((root / "CHANGELOG.md").read_text())


def _problems_of(text: str, root: Path) -> Iterator[str]:
    if not text.strip():
        yield "is empty; say what changed for users, and what they have to do"
        return
    if re.match(r"\s*[-*] ", text):
        yield "starts with a dash; towncrier adds it"
    if re.search(r"(?m)^#+ ", text):
        yield "has a heading; its type is the heading"
    shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text.strip())
    if "\n" in shown or len(shown) > _LONGEST:
        yield f"is not one line of at most {_LONGEST} characters besides addresses; keep what readers need, and link to the page for the rest"
    if not re.search(r"\.[*)]*\n\Z", text):
        yield "ends in something other than a full stop and one line break"
    for link in _LINK.findall(text):
        if not (root / link).exists():
            yield f"dead link to {link}; links start at the top folder, where CHANGELOG.md is"


def _problems_of_changelog(text: str) -> Iterator[str]:
    before, marker, after = text.partition(MARKER)
    if not marker:
        yield f"CHANGELOG.md: has no line {MARKER.strip()}, below which towncrier writes; put it below the title"
    waiting = re.match(r"\s*(?!## \d)\S.*", after) or re.search(r"(?mi)^## unreleased.*|^- .*", before)
    if waiting:
        line = waiting[0].strip()[:60]
        yield f"CHANGELOG.md: {line!r} is in no release; put what changed into a file of its own in changes/"


def unreleased(root: Path = ROOT) -> str:
    """The fragments as CHANGELOG.md will have them, below the heading Unreleased; "" if there are none."""
    if not fragments(root):
        return ""
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased", "--date", "-"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return "## Unreleased\n\n" + done.stdout.partition("\n")[2].strip("\n") + "\n\n"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
