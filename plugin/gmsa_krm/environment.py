"""What a run may read besides its input: the files of one folder, environment variables and the date.

`resolve` reads all of it through an `Environment`, before `generate` is called.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from gmsa_krm.findings import invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO


class FileError(Exception):
    """A file that the input refers to cannot be used; the message says why and what to do."""


class Host:
    """What a message says of the program around a run, so that its cure is one that the user has there.

    `folder`: what paths in a config are relative to; `namespace`: how an object without namespace gets one;
    `workloads`: how workloads get here where none does; `file`: what to do about a file that cannot be read;
    `variable`: what to do besides setting a variable.
    """

    __slots__ = ("file", "folder", "namespace", "variable", "workloads")

    def __init__(self, folder: str, namespace: str, workloads: str, file: str = "", variable: str = "") -> None:
        self.folder = folder
        self.namespace = namespace
        self.workloads = workloads
        self.file = file or f"paths are relative to {folder}"
        self.variable = variable


FILES = Host("the config's folder", "give metadata.namespace, or --namespace", "give the workloads' manifests, too")


class Environment:
    """The environment of a config. Its paths are relative to `folder` and may not leave it.

    `files`: the real paths of all files that the config named.
    """

    def __init__(self, folder: str, variables: Mapping[str, str], host: Host = FILES) -> None:
        self._folder = folder
        self._variables = variables
        self.host = host
        self.files: set[str] = set()

    def under(self, host: Host) -> Environment:
        return Environment(self._folder, self._variables, host)

    def with_variable(self, name: str, value: str) -> Environment:
        return Environment(self._folder, {**self._variables, name: value}, self.host)

    def variable(self, name: str) -> str | None:
        return self._variables.get(name)

    def now(self) -> int:
        """Seconds since 1970, or SOURCE_DATE_EPOCH if it is set, for reproducible output."""
        epoch = self._variables.get("SOURCE_DATE_EPOCH")
        if epoch is None:
            return int(time.time())
        if not (epoch.isascii() and epoch.isdigit() and len(epoch) <= 11):
            raise invalid(
                "source-date-epoch",
                f"SOURCE_DATE_EPOCH={epoch[:40]!a} is not a number of seconds since 1970; fix or unset it",
            )
        return int(epoch)

    def path(self, relative: str) -> str:
        """The real path of a file in the folder. Raises FileError if the path leaves the folder."""
        if not relative or "\0" in relative:
            raise FileError(f"is not a path; give one relative to {self.host.folder}")
        if os.path.isabs(relative) or relative.startswith("\\") or relative[1:2] == ":":
            raise FileError(f"{relative} is an absolute path; give one relative to {self.host.folder}")
        try:
            os.fsencode(relative)
        except UnicodeEncodeError:
            raise FileError(f"{relative!a} cannot be a path in this locale; set LC_ALL=C.UTF-8") from None
        root = os.path.realpath(self._folder)
        if ".." in relative.replace("\\", "/").split("/"):
            raise FileError(f"{relative} leaves {self.host.folder} by ..; put the file into the folder")
        real = os.path.realpath(os.path.join(root, relative))
        if os.path.commonpath((root, real)) != root:
            raise FileError(f"{relative} leaves {self.host.folder} by a symbolic link; put the file itself there")
        self.files.add(real)
        return real

    def read(self, relative: str, limit: int) -> bytes:
        """The contents of a file in the folder, at most `limit` bytes. Raises FileError."""
        return _read(self.path(relative), relative, self.host.file, limit)

    def read_named_by(self, variable: str, limit: int) -> bytes | None:
        """The contents of the file whose path is in a variable, or None if it is not set. Raises FileError.

        The file may be anywhere, since the caller who sets the environment can read it. The path may be a folder with a
        file per Argo CD project, so that one project cannot render the secrets of another.
        """
        path = self._variables.get(variable)
        if path is None:
            return None
        self.files.add(os.path.realpath(path))
        shown = f"{path}, which {variable} names,"
        if os.path.isdir(path):
            project = self._variables.get("ARGOCD_APP_PROJECT_NAME", "")
            if not project or "/" in project or project.startswith("."):
                raise FileError(
                    f"{shown} is a folder, and ARGOCD_APP_PROJECT_NAME does not say which file in it; name a file"
                )
            shown = f"{path}/{project}, for the project {project},"
            cure = "ask the operator of Argo CD to add a seed of the project to the sidecar, or use another source"
            return _read(os.path.join(path, project), shown, cure, limit, is_named_by_operator=True)
        return _read(path, shown, "mount or fix it", limit, is_named_by_operator=True)


def open_regular(path: str) -> BinaryIO:
    """A file to read from. Raises OSError, also for a pipe or a device: whoever reads one may wait for ever."""
    # Non-blocking: opening a pipe waits for a writer. Windows has neither flag.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def _read(path: str, shown: str, cure: str, limit: int, *, is_named_by_operator: bool = False) -> bytes:
    try:
        # Process substitution is a pipe, and whoever sets the environment may use it.
        with open(path, "rb") if is_named_by_operator else open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = "does not exist" if error.errno == errno.ENOENT else f"cannot be read ({error.strerror})"
        raise FileError(f"{shown} {why}; {cure}") from None
    if not data:
        raise FileError(f"{shown} is empty; {cure}")
    if len(data) > limit:
        raise FileError(f"{shown} is larger than {limit >> 10} KiB, so it is the wrong file; {cure}")
    return data
