"""What a release needs: `python tests/tools/release.py` checks the files, `--all` everything, `--set X.Y.Z` writes a version, and the address
in PROJECT_URL.

The version is that of `plugin/gmsa_krm/__init__.py`. Everything else that names it has to agree.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

import changelog

ROOT = changelog.ROOT
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"
SOURCE = "plugin/gmsa_krm/__init__.py"
# Files that have the version in one place each, and the text before it.
PLACES = {
    SOURCE: r'(?m)^__version__ = "',
    "plugin/helm/plugin.yaml": r"(?m)^version: ",
    "charts/gmsa/Chart.yaml": r"(?m)^version: ",
}
# The address of the project, likewise. PLACEHOLDER: until there is a public one.
PLACEHOLDER = "https://gmsa-krm.dev"
ADDRESSES = {
    "plugin/package.py": r'"PROJECT_URL"\) or "([^"]+)"',
    "plugin/Containerfile": r'(?m)^ARG PROJECT_URL="([^"]+)"',
}
# What may stand before it in any other text: an image, an action, an installed package, what a tool checks out.
_BEFORE = (
    r"gmsa-krm[-a-z]*[:@]v?",
    r'image\.version="?v?',
    r"gmsa[-_]krm(?:==|-)",
    r"\b(?:newTag|ref|rev): v",
)
_TEXTS = ("*.md", "*.yml", "*.yaml", "charts/**/*", "docs/**/*.md", "kustomize/**/*", "plugin/**/*")
_NOT_OWN = ("CHANGELOG.md", "BENCHMARKS.md", "docs/upgrade.md")  # of other versions, too


# The files


@dataclass(frozen=True)
class Mention:
    """A place that names the version."""

    path: str
    start: int
    end: int
    version: str
    line: int


def version_of(root: Path) -> str:
    (mention,) = _mentions_in(root, SOURCE, PLACES[SOURCE])
    return mention.version


def address(root: Path = ROOT) -> str:
    """Where the project is published."""
    (found,) = re.findall(ADDRESSES["plugin/package.py"], (root / "plugin/package.py").read_text())
    return str(found)


def mentions(root: Path) -> list[Mention]:
    """All places that name a version of gmsa-krm."""
    found = [it for path, before in PLACES.items() for it in _mentions_in(root, path, before)]
    for path in sorted({path for pattern in _TEXTS for path in root.glob(pattern) if path.is_file()}):
        name = str(path.relative_to(root))
        if path.suffix in (".py", ".md", ".yaml", ".yml") or path.name == "Containerfile":
            found += [it for before in _BEFORE if name not in _NOT_OWN for it in _mentions_in(root, name, before)]
    return found


def _mentions_in(root: Path, path: str, before: str) -> list[Mention]:
    text = (root / path).read_text()
    return [
        Mention(path, match.start(1), match.end(1), match[1], text.count("\n", 0, match.start(1)) + 1)
        for match in re.finditer(rf"{before}({VERSION})", text)
    ]


def problems(root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the files, whether a release is near or not."""
    yield from _versions(root)
    yield from changelog.problems(root)
    yield from _changelog_of(version_of(root), root)
    yield from _locks(root)


def _versions(root: Path) -> Iterator[str]:
    version = version_of(root)
    for path, before in PLACES.items():
        if len(_mentions_in(root, path, before)) != 1:
            yield f"{path}: does not name the version in one place; {SOURCE} has {version}"
    for it in mentions(root):
        if it.version != version:
            yield f"{it.path}:{it.line}: {it.version} is not the version {version} of {SOURCE}; run make release VERSION={version}"
    chart = (root / "charts/gmsa/Chart.yaml").read_text()
    (numbers,) = re.findall(r"(?m)^_NEWEST = \((.*)\)", (root / "plugin/gmsa_krm/config/webhook_image.py").read_text())
    newest = "v" + numbers.replace(", ", ".")
    if f"\nappVersion: {newest}\n" not in chart:
        yield f"charts/gmsa/Chart.yaml: appVersion is not {newest}, the version of the webhook in config/webhook_image.py"


def _changelog_of(version: str, root: Path) -> Iterator[str]:
    """CHANGELOG.md has the version, or changes/ what will be in the next one."""
    heading = _heading(version, root)
    if heading is None and not changelog.fragments(root):
        yield f"CHANGELOG.md: has no section {version}, and changes/ is empty; run make release VERSION={version}"
    elif heading is not None and not re.fullmatch(r"20\d\d-\d\d-\d\d|unreleased", heading):
        yield f"CHANGELOG.md: {version} ({heading}) has no date such as 2026-12-31"
    elif heading not in (None, "unreleased"):
        minor = version.rpartition(".")[0]
        if f"\n## To {minor}\n" not in (root / "docs/upgrade.md").read_text():
            yield f'docs/upgrade.md: has no section "To {minor}", which says what to do and what changed'


def _heading(version: str, root: Path) -> str | None:
    """What is in parentheses behind a version in CHANGELOG.md; None if it is not there."""
    match = re.search(rf"(?m)^## {re.escape(version)}(?: \((.*)\))?$", (root / "CHANGELOG.md").read_text())
    return None if match is None else match[1] or ""


def _locks(root: Path) -> Iterator[str]:
    """The locks have what pyproject.toml asks for, with hashes."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    asked = {"requirements": project["project"]["dependencies"], "build": project["build-system"]["requires"]}
    for lock, requirements in asked.items():
        name = f"plugin/{lock}.lock"
        text = (root / name).read_text()
        pinned = {found.lower(): version for found, version in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)", text)}
        for entry in re.split(r"(?m)^(?=[A-Za-z0-9._-]+==)", text)[1:]:
            if "--hash=sha256:" not in entry:
                yield f"{name}: {entry.split()[0]} has no hash; run make lock"
        for requirement in map(Requirement, requirements):
            version = pinned.get(requirement.name.lower())
            if version is None or not requirement.specifier.contains(version):
                yield f"{name}: {requirement} of pyproject.toml is not met by {version or 'any entry'}; run make lock"


def state(root: Path = ROOT) -> str:
    """What is to be done before the tag, in a line."""
    version, waiting = version_of(root), len(changelog.fragments(root))
    if waiting:
        what = "1 change waits" if waiting == 1 else f"{waiting} changes wait"
        return f"{what} in changes/ for the version after {version}: make release VERSION=X.Y.Z"
    if _heading(version, root) == "unreleased":
        return f"CHANGELOG.md calls {version} unreleased"
    return f"ready for the tag v{version}"


# A new version


def set_version(version: str, root: Path = ROOT) -> None:
    """Writes the version into all places that name one, and the fragments into CHANGELOG.md; names its upgrade notes."""
    if not re.fullmatch(VERSION, version):
        raise SystemExit(f"{version!r} is not a version; give one such as 0.2.0")
    minor, _, patch = version.rpartition(".")
    if patch == "0":
        notes = root / "docs/upgrade.md"
        notes.write_text(re.sub(r"(?m)^## To the version after .*$", f"## To {minor}", notes.read_text(), count=1))
    for it in sorted(mentions(root), key=lambda it: (it.path, -it.start)):
        text = (root / it.path).read_text()
        (root / it.path).write_text(text[: it.start] + version + text[it.end :])
    if changelog.fragments(root):
        subprocess.run(
            [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version], cwd=root, check=True
        )


def set_address(url: str, root: Path = ROOT) -> None:
    """Writes the address into the files that have it; `make schema` writes those that follow from it."""
    if not re.fullmatch(r"https://[^\s\"]+[^\s\"/]", url):
        raise SystemExit(f"PROJECT_URL: {url!r} is not an address such as https://github.com/OWNER/gmsa-krm")
    for name, place in ADDRESSES.items():
        text = (root / name).read_text()
        (match,) = re.finditer(place, text)
        (root / name).write_text(text[: match.start(1)] + url + text[match.end(1) :])


# Everything


@dataclass(frozen=True)
class Step:
    """A target of the Makefile. `needs`: programs; of those that apt-get installs, root does not miss any."""

    target: str
    what: str
    needs: tuple[str, ...] = ()
    as_root: bool = False


INSTALLED = (
    "buildah",
    "debootstrap",
    "chromium",
    "mmdebstrap",
    "kinit",
    "redis-server",
)  # by the targets, with apt-get
STEPS = (
    Step("test", "lint, types, and all tests that need no root", ("git",)),
    Step("fuzz-check", "random inputs for a minute"),
    Step("docs-test", "the site: dead links, and in a browser", ("chromium",)),
    Step("dist", "the archives, by the checkers of packages", ("git",)),
    Step("dist-test", "the wheel alone, in each Python"),
    Step("image-test", "the images", ("podman", "debootstrap"), as_root=True),
    Step("cluster-test", "real API servers", ("unshare", "redis-server"), as_root=True),
    Step("ad-test", "a real domain controller", ("unshare", "mmdebstrap", "kinit"), as_root=True),
    Step("bench-check", "the bounds of the benchmarks", ("unshare",), as_root=True),
)


def missing(steps: list[Step]) -> list[str]:
    """What the machine lacks, and who needs it."""
    is_root, has_apt = os.geteuid() == 0, shutil.which("apt-get") is not None
    found = []
    if not is_root and any(it.as_root for it in steps):
        found.append(f"root, for {', '.join(it.target for it in steps if it.as_root)}: run sudo make release-check")
    for program in sorted({program for it in steps for program in it.needs}):
        if shutil.which(program) is None and not (program in INSTALLED and is_root and has_apt):
            found.append(f"{program}, for {', '.join(it.target for it in steps if program in it.needs)}: install it")
    return found


def run(step: Step, logs: Path) -> tuple[int, list[str]]:
    """The exit status of a step, and the tests that it skipped, with their reasons."""
    log = logs / f"{step.target}.log"
    options = os.environ.get("PYTEST_ADDOPTS", "")
    with log.open("w") as opened:
        status = subprocess.run(
            ["make", "--no-print-directory", step.target],
            cwd=ROOT,
            env={**os.environ, "PYTEST_ADDOPTS": f"{options} -rs".strip()},
            stdout=opened,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
    return status, re.findall(r"(?m)^SKIPPED (\[\d+\] .*)$", log.read_text(errors="replace"))


def check_all(skip: list[str], logs: Path = ROOT / "build/release", steps: tuple[Step, ...] = STEPS) -> int:
    unknown = set(skip) - {it.target for it in steps}
    if unknown:
        raise SystemExit(f"SKIP: {', '.join(sorted(unknown))} is not one of {', '.join(it.target for it in steps)}")
    wanted = [it for it in steps if it.target not in skip]
    lacking = missing(wanted)
    if lacking:
        print("This machine lacks:", *(f"  {it}" for it in lacking), sep="\n")
        print("Nothing was run. To run the rest: make release-check SKIP='TARGET ...'")
        return 2
    wrong = [*problems(), *_uncommitted()]
    print(
        *(["files: versions, changelog, locks: " + ("failed" if wrong else "ok")] + [f"  {it}" for it in wrong]),
        sep="\n",
    )
    logs.mkdir(parents=True, exist_ok=True)
    failed = ["files"] if wrong else []
    for step in wanted:
        print(f"{step.target}: {step.what}: ", end="", flush=True)
        start = time.monotonic()
        status, skipped = run(step, logs)
        print("ok" if not status else "failed", f"({time.monotonic() - start:.0f} s)")
        print(*(f"  skipped: {it}" for it in skipped), sep="\n", end="\n" if skipped else "")
        if status:
            failed.append(step.target)
            text = (logs / f"{step.target}.log").read_text(errors="replace")
            print(*(f"  | {it}" for it in text.splitlines()[-15:]), f"  all of it: {logs}/{step.target}.log", sep="\n")
    return _summary(failed, skip)


def _summary(failed: list[str], skip: list[str]) -> int:
    print()
    if address() == PLACEHOLDER:
        print(
            "needs a public address: plugin/package.py has a placeholder; make release VERSION=X.Y.Z PROJECT_URL=https://..."
        )
    if failed:
        print(f"failed: {', '.join(failed)}")
    if skip:
        print(f"not checked: {', '.join(skip)}; a release needs all of it")
    if not failed and not skip:
        print(f"everything is checked; {state()}")
    return int(bool(failed or skip))


def _uncommitted() -> list[str]:
    """The archives are those of a commit."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [f"{line[3:]} is not committed" for line in done.stdout.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="run everything that a release needs")
    parser.add_argument("--skip", default="", help="targets that --all leaves out")
    parser.add_argument("--set", metavar="VERSION", help="write a version, and the changelog's section of it")
    options = parser.parse_args()
    if options.set:
        set_version(options.set)
        if url := os.environ.get("PROJECT_URL"):
            set_address(url)
        return 0
    if options.all:
        return check_all(options.skip.replace(",", " ").split())
    found = list(problems())
    print("\n".join(found) if found else state())
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
