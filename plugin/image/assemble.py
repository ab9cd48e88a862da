"""Assembles the root folder of an image: gmsa-krm, Python, the libraries of both, their licences, and an SBOM.

`python assemble.py BASE PACKAGES ROOT` takes gmsa-krm from PACKAGES, where pip installed it, and Python from BASE, the
root folder of an image with the same Python as the one that runs this. No program of BASE is run, so it may be of
another architecture. The same input gives the same bytes. There is no shell and no package manager in the image, and
none of Python's modules for databases, terminals and tests.
"""

from __future__ import annotations

import compileall
import os
import shutil
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import NamedTuple

from sbom import Bom, Debian

HOME = "opt/gmsa-krm"
SBOM = f"{HOME}/sbom.cdx.json"
_LEFT_OUT = (
    "__pycache__", "site-packages", "dist-packages", "config-*", "test", "idlelib", "tkinter", "turtledemo",
    "turtle.py", "ensurepip", "lib2to3", "pydoc_data", "sqlite3", "dbm", "curses", "sitecustomize.py",
    "_tkinter.*", "_sqlite3.*", "_dbm.*", "_gdbm.*", "_curses*", "readline.*", "_crypt.*", "nis.*",
    "_test*", "_xx*", "xx*", "_ctypes_test.*",
)  # fmt: skip
_LIBRARIES = ("usr/local/lib", "lib/*-linux-gnu", "usr/lib/*-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib")
# kustomize and kpt run functions as nobody.
_USERS = "root:x:0:0::/:/sbin/nologin\nargocd:x:999:999::/tmp:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n"
_GROUPS = "root:x:0:\nargocd:x:999:\nnobody:x:65534:\nnogroup:x:65534:\n"


class Assembly:
    """The root folder that is assembled, and which files of the base are in it."""

    def __init__(self, base: Path, root: Path) -> None:
        self.base = base
        self.root = root
        self.taken: list[str] = []

    def take(self, path: str, to: str = "") -> None:
        """Copies a file of the base, whatever links lead to it."""
        source, target = self._resolved(path), self.root / (to or path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        self.taken.append(source.relative_to(self.base).as_posix())

    def take_folder(self, path: str) -> None:
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        source = self._resolved(path)
        for folder, folders, files in os.walk(source):
            leave = ignored(folder, [*folders, *files])
            folders[:] = sorted(set(folders) - leave)
            for name in sorted(set(files) - leave):
                self.take(os.path.join(path, os.path.relpath(os.path.join(folder, name), source)))

    def take_licences(self) -> Debian:
        """Copies the licences of the packages that the files are from, and what scanners read to know the packages."""
        debian = Debian(self.base, self.taken)
        for package in debian.packages:
            self.write(f"var/lib/dpkg/status.d/{package.name}", package.stanza)
            licence = f"usr/share/doc/{package.name}/copyright"
            if self.exists(licence):
                self.take(licence)
        return debian

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def library(self, name: str) -> str | None:
        """The path of a library in the base."""
        for pattern in _LIBRARIES:
            for folder in sorted(self.base.glob(pattern)):
                if os.path.lexists(folder / name):
                    return (folder / name).relative_to(self.base).as_posix()
        return None

    def exists(self, path: str) -> bool:
        return self._resolved(path).exists()

    def _resolved(self, path: str) -> Path:
        """The file itself; an absolute link of the base leads into the base."""
        found, parts, links = self.base, list(Path(path).parts), 0
        while parts:
            part = parts.pop(0)
            here = found.parent if part == ".." else found / part
            if here.is_symlink() and links < 40:
                target = Path(os.readlink(here))
                links += 1
                if target.is_absolute():
                    found = self.base
                parts = [it for it in target.parts if it != "/"] + parts
            else:
                found = here
        return found


def assemble(base: Path, packages: Path, root: Path) -> None:
    assembly = Assembly(base, root)
    python = _take_python(assembly)
    shutil.copytree(
        packages, root / HOME / "lib", ignore=shutil.ignore_patterns("__pycache__", "bin", "direct_url.json")
    )
    # Isolated: no variable and no folder of a mount adds modules. Without site, which has nothing to add.
    assembly.write(
        f"{HOME}/bin/gmsa-krm",
        f"#!/{python} -IS\nimport sys\n\nsys.path.insert(0, '/{HOME}/lib')\n"
        "from gmsa_krm.cli import main\n\nsys.exit(main())\n",
    )
    _take_libraries(assembly, python)
    assembly.write("etc/passwd", _USERS)
    assembly.write("etc/group", _GROUPS)
    assembly.take("etc/os-release")
    bom = Bom.of(root / HOME / "lib")
    bom.add_base(assembly.take_licences())
    assembly.write(SBOM, bom.text())
    (root / "tmp").mkdir(exist_ok=True)
    (root / "config").mkdir(exist_ok=True)
    _compile(root)
    normalize(root)


def _take_python(assembly: Assembly) -> str:
    """Copies the interpreter with its standard library; returns its path."""
    python = os.path.realpath(sys.executable).lstrip("/")
    assembly.take(python)
    assembly.take_folder(sysconfig.get_path("stdlib").lstrip("/"))
    return python


def _take_libraries(assembly: Assembly, python: str) -> None:
    """Copies what the programs and libraries of the root need, into the folder of libc, where each loader looks."""
    interpreter, _ = _elf(assembly.root / python)
    assembly.take(interpreter.lstrip("/"))
    libc = assembly.library("libc.so.6")
    folder = os.path.dirname(libc) if libc else "usr/lib"
    waiting = sorted(path for path in assembly.root.rglob("*") if path.is_file() and not path.is_symlink())
    found = {os.path.basename(interpreter)}
    found |= {path.name for path in waiting if path.is_relative_to(assembly.root / HOME)}  # wheels bring their own
    while waiting:
        for name in _elf(waiting.pop(0))[1]:
            if name in found:
                continue
            found.add(name)
            path = assembly.library(name)
            if path is None:
                raise SystemExit(f"{name} is not in the base, and a program needs it")
            assembly.take(path, f"{folder}/{name}")
            waiting.append(assembly.root / folder / name)


class _Segment(NamedTuple):
    """A program header of ELF-64."""

    kind: int
    flags: int
    start: int
    address: int
    physical: int
    length: int


_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRINGS = 1, 5


def _elf(path: Path) -> tuple[str, list[str]]:
    """The loader of a program, and the libraries that a program or a library needs; nothing of other files."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return "", []
    (table,), (size, number) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    segments = [_Segment(*struct.unpack_from("<IIQQQQ", data, table + index * size)) for index in range(number)]
    entries = [
        struct.unpack_from("<QQ", data, position)
        for it in segments
        if it.kind == _DYNAMIC
        for position in range(it.start, it.start + it.length, 16)
    ]
    loaders = [_text(data, it.start) for it in segments if it.kind == _INTERPRETER]
    needed = [value for tag, value in entries if tag == _NEEDED]
    if not needed:
        return "".join(loaders), []
    (address,) = (value for tag, value in entries if tag == _STRINGS)
    (holder,) = (it for it in segments if it.kind == _LOAD and 0 <= address - it.address < it.length)
    return "".join(loaders), [_text(data, address - holder.address + holder.start + it) for it in needed]


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()


def _compile(root: Path) -> None:
    """Compiles all modules, for good: the root is read-only, so Python could not keep what it compiles."""
    for path in (root / HOME / "lib", root / sysconfig.get_path("stdlib").lstrip("/")):
        done = compileall.compile_dir(
            path,
            quiet=1,
            stripdir=str(root),
            prependdir="/",
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        if not done:
            raise SystemExit(f"{path} could not be compiled")


def normalize(root: Path) -> None:
    """Gives all files of a layer the same time, and a mode that depends on nothing but what they are."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
    for path in (root, *_below(root)):
        if path.is_dir():
            path.chmod(0o1777 if path == root / "tmp" else 0o755)
        else:
            path.chmod(0o755 if path.stat().st_mode & 0o111 or path.parent.name == "bin" else 0o644)
        os.utime(path, (epoch, epoch))


def _below(root: Path) -> Iterator[Path]:
    """The files first: writing to a folder would change its time."""
    for folder, _, files in os.walk(root, topdown=False):
        yield from (Path(folder, name) for name in files)
        yield Path(folder)


if __name__ == "__main__":
    assemble(*map(Path, sys.argv[1:4]))
