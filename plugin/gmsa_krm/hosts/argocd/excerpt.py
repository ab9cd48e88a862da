"""What kustomize and helm are given of a repository: a folder with the parts that they reach, and nothing else.

So a run costs what its application has, however large the repository around it is, and what was not looked at cannot
be read.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat

from gmsa_krm.findings import ExternalError
from gmsa_krm.hosts.argocd.limits import MAX_COPIED, MIB, over_limit
from gmsa_krm.hosts.argocd.repository import leads_out, link_error

_MAX_LINKS = 40  # in a row; Linux's
# The history, and credentials; no program needs it.
_LEFT_OUT = ".git"


class Excerpt:
    """A folder that has the same paths as the repository, and of these what was added.

    Files are hard links if possible, unless it is `writable`: replace, never change them. A symbolic link comes with
    what it leads to. Each method raises InputError for a link that leads out of the repository, and ExternalError.
    """

    def __init__(self, root: str, top: str, writable: bool = False) -> None:
        """`root`: that of the repository; `top`: a new folder."""
        self.root = os.path.realpath(root)
        self.top = os.path.join(os.path.realpath(os.path.dirname(top)), os.path.basename(top))
        self._writable = writable
        self._left = MAX_COPIED
        self._folders = {self.root}  # of the repository that have been made
        self._asked: set[str] = set()
        os.mkdir(self.top)

    def copied(self, path: str) -> str:
        """The path in the excerpt of a path of the repository."""
        return os.path.normpath(os.path.join(self.top, os.path.relpath(path, self.root)))

    def original(self, path: str) -> str:
        """The path in the repository of a path of the excerpt."""
        return os.path.normpath(os.path.join(self.root, os.path.relpath(path, self.top)))

    def add(self, path: str) -> str:
        """Adds the file at a path of the excerpt, or the folder without its contents.

        Returns its real path in the repository; an empty string where that has neither.
        """
        try:
            return self._walk(os.path.relpath(path, self.top).split(os.sep)[::-1])
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return ""  # ValueError: a NUL
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return ""
            shown = f"{error.filename}: " if error.filename else ""
            raise ExternalError(f"the repository cannot be copied to {self.top}: {shown}{error.strerror}") from None

    def _walk(self, pending: list[str]) -> str:
        """`pending`: the parts of the path, the last one first."""
        here = self.root
        link = ""
        links = 0
        while pending:
            here = os.path.normpath(os.path.join(here, pending.pop()))
            if here in self._folders:
                continue
            if link and not here.startswith(self.root + os.sep):
                # It leads back here, and from the copy elsewhere: /proc/self/cwd is another folder in another process.
                raise link_error(link)
            if not here.startswith(self.root + os.sep) or os.path.basename(here) == _LEFT_OUT:
                return ""
            self._asked.add(here)
            mode = os.lstat(here).st_mode
            if stat.S_ISLNK(mode) and links < _MAX_LINKS:
                links += 1
                link = os.path.relpath(here, self.root)
                pending += self._add_link(here).split(os.sep)[::-1]
                here = os.path.dirname(here)
            elif stat.S_ISDIR(mode):
                os.makedirs(self._in_excerpt(here), exist_ok=True)
                self._folders.add(here)
            elif stat.S_ISREG(mode) and not pending:
                self._add_file(here)
            else:
                return ""
        return here

    def add_tree(self, path: str) -> None:
        """Adds the file or folder at a path of the excerpt with all that is in it."""
        pending = [path]
        seen = set()
        while pending:
            real = self.add(pending.pop())
            if real and real not in seen and real in self._folders:
                seen.add(real)
                pending += [os.path.join(self._in_excerpt(real), name) for name in os.listdir(real)]

    def is_free(self, path: str) -> bool:
        """Whether a path of the excerpt has no file, in the repository neither, and no one has asked for one."""
        original = self.original(path)
        return original not in self._asked and not os.path.lexists(original) and not os.path.lexists(path)

    def _in_excerpt(self, real: str) -> str:
        return self.top + real[len(self.root) :]

    def _add_link(self, real: str) -> str:
        """Adds a symbolic link, and returns its target."""
        if leads_out(self.root, real):
            raise link_error(os.path.relpath(real, self.root))
        target = os.readlink(real)
        if not os.path.lexists(self._in_excerpt(real)):
            os.symlink(target, self._in_excerpt(real))
        return target

    def _add_file(self, real: str) -> None:
        target = self._in_excerpt(real)
        if os.path.lexists(target):
            return  # it may have been replaced since
        if not self._writable:
            try:
                os.link(real, target, follow_symlinks=False)
            except OSError:  # another file system
                pass
            else:
                return
        self._left -= os.lstat(real).st_size
        if self._left < 0:
            raise over_limit(
                f"has more than {MAX_COPIED // MIB:,} MiB to copy",
                "remove what it does not need, or commit the packed charts that it depends on",
            )
        shutil.copy2(real, target, follow_symlinks=False)
