"""Renders the want files of the case folders again, and prints what changes for a person to read.

`python tests/tools/golden.py [--check] [CASE...]`, or `make golden`. A case is the name of a folder in tests/cases;
without one, all of them. tests/hosts/cases.py describes the files of a case.

- `want.yaml` is written where its objects or their order are not those that `gmsa-krm render` gives. The comment at its
  top stays. There is none where a key is rendered, which nobody can check by eye.
- `want-NAME.yaml` is written where the text of NAME.yaml's documents is not the rendered one, and removed where nothing
  of the manifest changes.

With `--check` nothing is written; the exit status is 1 if something would be.

No test and no CI job calls this: a want file says what the specification asks for, so read the diff against it, line by
line, before you commit. A difference that you did not mean is a bug of the program, not of the want file.
"""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

from hosts.cases import CASES, ENV, Case, documents, objects, read  # noqa: E402

PROGRAM = Path(sys.executable).parent / "gmsa-krm"


def main() -> int:
    parser = argparse.ArgumentParser(description="Renders the want files of the case folders again.")
    parser.add_argument("case", nargs="*", help="name of a folder in tests/cases (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    arguments = parser.parse_args()
    unknown = set(arguments.case) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    changed = 0
    for case in CASES:
        if arguments.case and case.name not in arguments.case:
            continue
        for path, text, diff in changes(case):
            changed += 1
            sys.stdout.writelines(diff)
            if not arguments.check:
                write(path, text)
    verb = "would change" if arguments.check else "changed: check every line of the diff by the specification"
    print(f"{changed} want files {verb}")
    return 1 if changed and arguments.check else 0


def changes(case: Case) -> Iterator[tuple[Path, str | None, list[str]]]:
    """(want file, its new text, or None if it goes, the diff) for each want file that changes."""
    rendered = render(case)
    if "kind: Secret\n" not in rendered:
        old = read(case.want) if case.want.exists() else ""
        # Compared as objects: a want file may be written by hand, in another style than the program's.
        diff = unified(case.want, canonical(old), canonical(rendered))
        if diff:
            yield case.want, heading(old) + rendered, diff
    passed = dict(zip(identities(rendered), documents(rendered), strict=True))
    for manifest in case.manifests:
        want, given = case.want_text(manifest), read(manifest)
        old = read(want) if want.exists() else given
        new = [passed[identity] for identity in identities(given)]
        if new == documents(given):
            if want.exists():
                yield want, None, unified(want, old, given)
        elif new != documents(old):
            text = "---\n".join(new)
            yield want, text, unified(want, old, text)


def render(case: Case) -> str:
    """What `render` writes for the config and the manifests, in one stream."""
    command: list[str | Path] = [PROGRAM, "render", case.config, *case.manifests]
    done = subprocess.run(command, env={**os.environ, **ENV}, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr.decode()}")
    return done.stdout.decode()


def identities(text: str) -> list[tuple[str, ...]]:
    items = [item for part in documents(text) for item in objects(part)]
    return [(it["apiVersion"], it["kind"], it["metadata"].get("namespace", ""), it["metadata"]["name"]) for it in items]


def canonical(stream: str) -> str:
    """The objects of a stream in one style."""
    items = objects(stream)
    return yaml.safe_dump_all(items, sort_keys=False, width=1000, allow_unicode=True) if items else ""


def heading(text: str) -> str:
    """The comment lines at the top of a file."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[: next((at for at, line in enumerate(lines) if not line.startswith("#")), 0)])


def unified(path: Path, old: str, new: str) -> list[str]:
    name = str(path.relative_to(TESTS.parent))
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return [f"{line}\n" for line in lines]


def write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text.encode())


if __name__ == "__main__":
    sys.exit(main())
