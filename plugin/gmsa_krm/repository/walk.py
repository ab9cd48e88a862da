"""The files of folders: manifests, kustomizations, and scripts that may build them."""

from __future__ import annotations

import os
import re
from fnmatch import translate

from gmsa_krm.findings import ExternalError, file_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MANIFESTS = (".yaml", ".yml", ".json")
_SCRIPT_NAMES = (
    *("Makefile", "makefile", "GNUmakefile", "Jenkinsfile", "justfile", "Justfile", "Taskfile.yml", "Taskfile.yaml"),
    *(".gitlab-ci.yml", "azure-pipelines.yml", "azure-pipelines.yaml", "bitbucket-pipelines.yml", ".drone.yml"),
    *(".travis.yml", "cloudbuild.yaml", "buildspec.yml"),
)
_SCRIPT_ENDINGS = (".sh", ".bash", ".mk", ".ps1", ".cmd", ".bat", ".gitlab-ci.yml")
# Hidden folders are skipped but for those of CI systems, whose files are scripts and never manifests.
_CI_FOLDERS = (".github", ".gitlab", ".circleci", ".azure-pipelines", ".buildkite", ".woodpecker")


class Exclude:
    """Patterns of files and folders that are skipped.

    A pattern without a slash is compared with names, another with paths relative to the folder that is walked.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._names: list[re.Pattern[str]] = []
        self._paths: list[re.Pattern[str]] = []
        for pattern in patterns:
            plain = pattern.removeprefix("./").rstrip("/")
            if "/" not in plain:
                self._names.append(re.compile(translate(plain)))
                continue
            # ** is any number of folders, none included.
            for form in {plain, plain.replace("**/", ""), plain.removesuffix("/**")}:
                self._paths.append(re.compile(translate(form)))

    def __bool__(self) -> bool:
        return bool(self._names or self._paths)

    def matches(self, relative: str) -> bool:
        """Whether a file or folder is skipped; `relative` is its path with slashes."""
        name = relative.rpartition("/")[2]
        return any(it.match(name) for it in self._names) or any(it.match(relative) for it in self._paths)

    def matches_named(self, path: str) -> bool:
        """Whether a path that the user gives is skipped, with or without the folders that it is in."""
        relative = os.path.relpath(path or ".").replace(os.sep, "/")
        if relative.startswith("../"):
            return self.matches(os.path.basename(path))
        parts = relative.split("/")
        return any(self.matches("/".join(parts[: end + 1])) for end in range(len(parts)))


class Listing:
    """The files of a folder, in the order in which they are read, and the folders that cannot be read."""

    def __init__(self) -> None:
        self.manifests: list[str] = []
        self.kustomizations: list[str] = []
        self.scripts: list[str] = []
        self.failures: list[ExternalError] = []


def files_in(folder: str, exclude: Exclude) -> Listing:
    """Lists a folder and the folders in it; symbolic links to folders are not followed."""
    found = Listing()

    def failed(error: OSError) -> None:
        found.failures.append(file_error(error.filename, "read", error))

    for parent, folders, files in os.walk(folder, onerror=failed):
        relative = os.path.relpath(parent, folder).replace(os.sep, "/") if exclude else ""
        kept = [name for name in folders if name[0] != "." or name in _CI_FOLDERS]
        if exclude:
            prefix = "" if relative == "." else f"{relative}/"
            kept = [name for name in kept if not exclude.matches(prefix + name)]
            files = [name for name in files if not exclude.matches(prefix + name)]
        folders[:] = sorted(kept)
        is_ci = any(part in _CI_FOLDERS for part in parent[len(folder) :].split(os.sep))
        for name in sorted(files):
            _add(found, parent, name, is_ci)
    return found


def _add(found: Listing, parent: str, name: str, is_ci: bool) -> None:
    is_yaml = name.endswith(_MANIFESTS)
    if name in _SCRIPT_NAMES or name.endswith(_SCRIPT_ENDINGS) or (is_ci and is_yaml):
        found.scripts.append(os.path.join(parent, name))
    if is_ci:
        return
    if name in KUSTOMIZATIONS:
        found.kustomizations.append(os.path.join(parent, name))
    elif is_yaml and not name.startswith("."):
        found.manifests.append(os.path.join(parent, name))
