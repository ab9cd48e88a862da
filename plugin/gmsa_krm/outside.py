"""What a run may read besides its input: files of one folder, the environment, the date.

Everything that depends on these passes through an `Outside`, before `generate` is called.
"""

from __future__ import annotations

import errno
import os
import time

from gmsa_krm.findings import input_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class FileProblem(Exception):
    """A file that the input names cannot be used; the message says why and what to do."""


class Outside:
    """`folder` is the one that paths of the config are relative to and may not leave."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def variable(self, name: str) -> str | None:
        return self._environ.get(name)

    def now(self) -> int:
        """Seconds since 1970: SOURCE_DATE_EPOCH where that is set, so that a build can be repeated."""
        given = self._environ.get("SOURCE_DATE_EPOCH")
        if given is None:
            return int(time.time())
        if not (given.isascii() and given.isdigit() and len(given) <= 11):
            raise input_error(
                "source-date-epoch", f"SOURCE_DATE_EPOCH={given[:40]!a} is no number of seconds since 1970; mend or unset it"
            )
        return int(given)

    def path(self, relative: str) -> str:
        """The real path of a file of the folder. Raises FileProblem if it leads out of it."""
        if not relative or "\0" in relative:
            raise FileProblem("is no path; give one relative to the config's folder")
        if os.path.isabs(relative) or relative.startswith("\\") or relative[1:2] == ":":
            raise FileProblem(f"{relative} is an absolute path; give one relative to the config's folder")
        root = os.path.realpath(self._folder)
        if ".." in relative.replace("\\", "/").split("/"):
            raise FileProblem(f"{relative} leaves the config's folder by ..; put the file into the folder")
        real = os.path.realpath(os.path.join(root, relative))
        if os.path.commonpath((root, real)) != root:
            raise FileProblem(f"{relative} leaves the config's folder by a symbolic link; put the file itself there")
        return real

    def read(self, relative: str, limit: int) -> bytes:
        """The contents of a file of the folder, at most `limit` bytes. Raises FileProblem."""
        path = self.path(relative)
        try:
            # Not blocking: a FIFO in place of the file must not hang the render.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with open(descriptor, "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            why = "does not exist" if error.errno == errno.ENOENT else f"cannot be read ({os.strerror(error.errno or 0)})"
            raise FileProblem(f"{relative} {why}; paths are relative to the config's folder") from None
        if data is None or not data:
            raise FileProblem(f"{relative} is empty")
        if len(data) > limit:
            raise FileProblem(f"{relative} is over {limit >> 10} KiB, so it is not the file that is meant")
        return data
