"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile


def replace_files(contents: dict[str, tuple[bytes, int]]) -> None:
    """{place: (data, mode)}: everything is written beside its place before anything is put there.

    A file has its mode before it has a name that anybody knows. Raises OSError, with the place as its file name;
    then no temporary file is left, and unless the file system fails in between, no place has changed.
    """
    prepared: list[tuple[str, str]] = []
    place = ""
    try:
        for place, (data, mode) in contents.items():
            if os.path.isdir(place):
                raise IsADirectoryError(21, "Is a directory", place)
            descriptor, path = tempfile.mkstemp(prefix=".gmsa-krm-", dir=os.path.dirname(place) or ".")  # mode 0600
            prepared.append((path, place))
            with open(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(descriptor, mode)
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


def ordinary_mode() -> int:
    """The mode of a file without secrets: what the user's umask leaves of 0666."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
