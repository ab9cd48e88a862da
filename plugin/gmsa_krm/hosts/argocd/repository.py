"""The repository around an application's folder: its root, and its symbolic links."""

from __future__ import annotations

import os

from gmsa_krm.findings import InputError, Location, invalid

_MAX_PATH = 4096  # Linux's


def repository(folder: str, source_path: str) -> str:
    """The root of the repository: `folder` without the end that it shares with `source_path`.

    Argo CD sends the whole repository, or the common folder of an application's manifest-generate-paths.
    """
    head = folder
    for part in reversed([part for part in source_path.split("/") if part not in ("", ".")]):
        before, last = os.path.split(head)
        if last != part or before == head:
            break
        head = before
    return head


def inside(root: str, path: str) -> bool:
    """Whether a path, its symbolic links followed, is in the repository; `root` is a real path."""
    try:
        return os.path.commonpath((root, os.path.realpath(path))) == root
    except (ValueError, UnicodeError):
        return False  # a NUL, or characters that the file system cannot encode


def located(root: str, folder: str, entry: str) -> str | None:
    """The real path of what an entry of a file in `folder` names; None if that is outside of the repository.

    As Go programs find it: `..` is taken off the text first, and links are followed afterwards. `root` and `folder` are
    real paths.
    """
    path = os.path.normpath(os.path.join(folder, entry))
    if len(path) > _MAX_PATH or not inside(root, path):
        return None
    return os.path.realpath(path)


def leads_out(root: str, link: str) -> bool:
    """Whether a symbolic link may lead out of the repository, whichever program follows it.

    An absolute link may lead elsewhere in a copy of the repository, or, by /proc/self/cwd, in another process.
    """
    return os.path.isabs(os.readlink(link)) or not inside(root, link)


def link_error(file: str) -> InputError:
    message = "is a symbolic link out of the repository; replace it with the file, or make it a relative link"
    return invalid("link", message, Location(file))
