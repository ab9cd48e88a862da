"""Folders for temporary files, of which none stays behind.

Argo CD kills a plugin that takes too long, and its folder, a copy of a repository, would fill the volume in time. So a
folder is locked while its process lives, and the next run removes those without a lock.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_PREFIX = "gmsa-krm-run-"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as tempfile makes it
# Between the creation of a folder and its lock.
_GRACE_SECONDS = 60


class WorkFolder:
    """A context manager: the path of a new folder, which is removed in the end."""

    def __enter__(self) -> str:
        remove_leftovers()
        self._path = tempfile.mkdtemp(prefix=_PREFIX)
        self._lock = _lock(self._path)
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def remove_leftovers() -> None:
    """Removes the folders of runs that were killed."""
    parent = tempfile.gettempdir()
    for name in filter(_NAME.fullmatch, os.listdir(parent)):
        path = os.path.join(parent, name)
        try:
            status = os.lstat(path)
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < _GRACE_SECONDS:
                continue
            lock = _lock(path)
        except OSError:  # removed by its own run
            continue
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _lock(path: str) -> int | None:
    """A descriptor that holds the lock of a folder; None if another process has it."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
