"""The repository around an application's folder: where it starts, what its links lead to, and copies of it."""

from __future__ import annotations

import os

from gmsa_krm.findings import ExternalError, InputError, Location, invalid


def repository(folder: str, source_path: str) -> str:
    """The top of the repository: `folder` without the end that it shares with `source_path`.

    Argo CD sends the whole repository, or what an application's manifest-generate-paths have in common.
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
        return False  # a NUL, or letters that the file system's encoding does not have


def leads_out(root: str, link: str) -> bool:
    """Whether a symbolic link leads out of the repository, for whoever follows it.

    An absolute one may lead elsewhere in a copy of the repository, or, by /proc/self/cwd, in another process.
    """
    return os.path.isabs(os.readlink(link)) or not inside(root, link)


def link_error(file: str) -> InputError:
    message = "is a symbolic link out of the repository; replace it with the file, or make it a relative link"
    return invalid("link", message, Location(file))


def refuse_links(root: str) -> None:
    """Raises InputError for a symbolic link out of the repository, whose target the author may have no right to read.

    Argo CD refuses these by default, too.
    """
    real = os.path.realpath(root)
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) and leads_out(real, path):
                raise link_error(os.path.relpath(path, root))


def copy_repository(root: str, target: str, writable: bool = False) -> None:
    """A copy. Unless it is `writable`, files are hard links where possible: they may be replaced, not changed."""
    import shutil

    def link(source: str, place: str) -> None:
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, place, follow_symlinks=False)

    try:
        shutil.copytree(
            root,
            target,
            symlinks=True,
            ignore=shutil.ignore_patterns(".git"),
            copy_function=shutil.copy2 if writable else link,
        )
    except (OSError, shutil.Error) as error:
        raise ExternalError(f"the repository cannot be copied to {target}: {error}") from None
