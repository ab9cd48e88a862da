"""Puts the pages of the documentation into build/docs, for `make docs` to build: `python tests/tools/documentation.py`.

docs/ can be read in the repository, where its links lead to files outside of it as well: overlays, the changelog, the
chart. On the site there is nothing but the site, so these files become part of it, below repository/.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import yaml

import changelog

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
STAGED = ROOT / "build" / "docs"
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
_CODE = re.compile(r"(?ms)^( *)```.*?^\1```$|`[^`\n]+`")


def stage() -> None:
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(DOCS, STAGED, ignore=shutil.ignore_patterns("*.md"))
    waiting = [
        *DOCS.rglob("*.md"),
        *(ROOT / it[len("repository/") :] for it in in_navigation() if it.startswith("repository/")),
    ]
    done: set[Path] = set()
    while waiting:
        source = waiting.pop()
        if source in done:
            continue
        done.add(source)
        place = STAGED / place_of(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text, linked = rewritten(source)
            place.write_text(text)
            waiting += linked
        else:
            shutil.copyfile(source, place)


def place_of(source: Path) -> Path:
    """Where a file of the repository is on the site."""
    return source.relative_to(DOCS) if DOCS in source.parents else Path("repository") / source.relative_to(ROOT)


def rewritten(source: Path) -> tuple[str, list[Path]]:
    """The text of a page with its links as they are on the site, and the files outside of docs that it links to."""
    linked: list[Path] = []

    def replaced(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        path, hash_, anchor = link.partition("#")
        if not path or re.match(r"[a-z]+:", link):
            return match[0]
        target = (source.parent / path).resolve()
        if target.is_dir():
            names = ("README.md", "gmsa.yaml", *sorted(it.name for it in target.iterdir()))
            target = next(it for name in names if (it := target / name).is_file())
        if not target.is_file():
            raise SystemExit(f"{source.relative_to(ROOT)}: dead link to {link}")
        if target == ROOT / "README.md":
            target = DOCS / "index.md"
        if DOCS not in target.parents:
            linked.append(target)
        return before + os.path.relpath(place_of(target), place_of(source).parent) + hash_ + anchor + after

    text = source.read_text()
    if source == ROOT / "CHANGELOG.md":
        text = text.replace(changelog.MARKER, changelog.unreleased(ROOT))
    # Links in code are text.
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_LINK.sub(replaced, text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _LINK.sub(replaced, text[at:])]), linked


def in_navigation() -> set[str]:
    """The pages that mkdocs.yml names."""

    def pages(entry: object) -> set[str]:
        if isinstance(entry, str):
            return {entry}
        items = entry.values() if isinstance(entry, dict) else entry
        assert isinstance(items, (list, type({}.values())))
        return set().union(*map(pages, items))

    return pages(yaml.load((ROOT / "mkdocs.yml").read_text(), yaml.BaseLoader)["nav"])


if __name__ == "__main__":
    stage()
    there = {str(path.relative_to(STAGED)) for path in STAGED.rglob("*.md")}
    wrong = [f"{it} is in no navigation; name it in mkdocs.yml" for it in sorted(there - in_navigation())]
    wrong += [f"mkdocs.yml names {it}, which is no page" for it in sorted(in_navigation() - there)]
    sys.exit("\n".join(wrong) or 0)
