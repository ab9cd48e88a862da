"""Writes files as a whole or not at all."""

from __future__ import annotations

import os
import tempfile


def replace_files(contents: dict[str, tuple[bytes, int]]) -> None:
    """{path: (data, mode)}: writes every file to a temporary file beside its path, then renames them all.

    A file gets its mode before its name. Raises OSError with the path as its file name; then no temporary file remains,
    and no file has changed unless a rename failed.
    """
    prepared: list[tuple[str, str]] = []
    path = ""
    try:
        for path, (data, mode) in contents.items():
            if os.path.isdir(path):
                raise IsADirectoryError(21, "Is a directory", path)
            descriptor, temporary = tempfile.mkstemp(prefix=".gmsa-krm-", dir=os.path.dirname(path) or ".")  # mode 0600
            prepared.append((temporary, path))
            with open(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(descriptor, mode)
        while prepared:
            temporary, path = prepared[0]
            os.replace(temporary, path)
            prepared.pop(0)
    except OSError as error:
        error.filename = path
        raise
    finally:
        for temporary, _ in prepared:
            os.unlink(temporary)


def ordinary_mode() -> int:
    """The mode of a file without secrets: 0666 without the bits of the user's umask."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
