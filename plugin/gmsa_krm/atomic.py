"""Files written whole or not at all, and only in place of regular files."""

from __future__ import annotations

import errno
import os
import stat
import tempfile


def replace_files(contents: dict[str, tuple[bytes, int]]) -> None:
    """{place: (data, mode)}: everything is written beside its place before anything is put there.

    A file has its mode before it has a name that anyone knows. Raises OSError, with the place as its file name, also
    for a place that holds anything but a regular file; then no temporary file is left, and unless the file system fails
    in between, no place has changed.
    """
    prepared: list[tuple[str, str]] = []
    place = ""
    try:
        for place, (data, mode) in contents.items():
            _refuse_special(place)
            descriptor, path = tempfile.mkstemp(prefix=".gmsa-krm-", dir=os.path.dirname(place) or ".")  # mode 0600
            prepared.append((path, place))
            with open(descriptor, "wb") as file:
                file.write(data)
                _set_mode(descriptor, mode)
        while prepared:
            path, place = prepared[0]
            os.replace(path, place)
            prepared.pop(0)
    except OSError as error:
        error.filename = place
        raise
    finally:
        for path, _ in prepared:
            os.unlink(path)


def write_file(place: str, data: bytes, mode: int) -> None:
    """Replaces a regular file; anything else is written to: what a link leads to, a device, a pipe. Raises OSError."""
    try:
        existing = os.lstat(place)
    except FileNotFoundError:
        replace_files({place: (data, mode)})
        return
    if stat.S_ISREG(existing.st_mode) and not _is_open_as(2, existing):
        replace_files({place: (data, mode)})
        return
    with open(_open_special(place), "wb") as file:
        file.write(data)


def _open_special(place: str) -> int:
    """A descriptor of what is at a place that is not to be replaced."""
    target = os.stat(place)
    # Another descriptor of stderr's file would have a position of its own, and one of a socket cannot be opened.
    if _is_open_as(2, target):
        return os.dup(2)
    if _is_open_as(1, target) and not stat.S_ISCHR(target.st_mode):
        raise OSError(errno.EINVAL, "it is standard output, where the resources go", place)
    # Non-blocking: a pipe that nobody reads is an error then. Windows has neither flag.
    flags = getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(place, os.O_WRONLY | os.O_TRUNC | flags)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor


def _set_mode(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):  # Windows has it from Python 3.13 on, and no modes to speak of
        os.fchmod(descriptor, mode)


def _is_open_as(descriptor: int, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(file, os.fstat(descriptor))
    except OSError:
        return False  # the caller has closed it


def _refuse_special(place: str) -> None:
    try:
        kind = stat.S_IFMT(os.lstat(place).st_mode)
    except FileNotFoundError:
        return
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), place)
    if kind != stat.S_IFREG:
        what = "a symbolic link" if kind == stat.S_IFLNK else "not a regular file"
        raise OSError(errno.EEXIST, f"it is {what}, which is not replaced; remove it", place)


def ordinary_mode() -> int:
    """The mode of a file without secrets: what the user's umask leaves of 0666."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
