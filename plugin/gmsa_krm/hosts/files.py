"""Files and folders: the host of a user who calls the program."""

from __future__ import annotations

import os

from gmsa_krm.config.load import (
    MAX_BYTES,
    LoadedConfig,
    is_config,
    is_for_commands,
    load_config,
    may_be_misspelt,
    too_large,
)
from gmsa_krm.environment import Environment, FileError, open_regular
from gmsa_krm.findings import InputError, Location, file_error, invalid
from gmsa_krm.pipeline import run
from gmsa_krm.yamltext.stream import Document, decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import BinaryIO

    from gmsa_krm.config.overrides import Override
    from gmsa_krm.pipeline import Result

_SUFFIXES = (".yaml", ".yml", ".json")
# Files for kustomize, not for the API server.
_NOT_RESOURCES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# The manifests of a large cluster have tens of megabytes.
_MAX_STREAM = 1024 * 1024 * 1024
_CHUNK = 64 * 1024


class Files:
    """The configs in the files, each with its environment, and the other documents.

    `for_commands`: snapshots and reports, which no cluster knows.
    """

    def __init__(self) -> None:
        self.for_commands: list[Document] = []
        self.configs: list[tuple[LoadedConfig, Environment]] = []
        self.documents: list[Document] = []


def read_paths(
    paths: list[str],
    variables: Mapping[str, str],
    stdin: BinaryIO,
    overrides: list[Override] | None = None,
    left_out: Collection[str] = (),
    *,
    whole: bool = False,
) -> Files:
    """Reads files, folders (with the folders in them) and `-` for stdin.

    `variables`: the environment's; `overrides`: fields of the configs that the host sets; `left_out`: real paths of
    files that are not read, unless a path names them; `whole`: whether all of each document is needed. Raises
    InputError for a file with anything but Kubernetes objects, unless a config names it: a credspec's JSON need not be
    YAML (New-CredentialSpec's output is often UTF-16). A path may be a pipe, what is in a folder may not.
    """
    reader = Reader(variables, stdin, overrides, whole=whole)
    seen: set[str] = set()
    for path in paths:
        for file in _files(path):
            real = reader.real_path(file) if file != "-" else file
            if real not in seen and (file == path or real not in left_out):
                seen.add(real)
                reader.read(file, real, is_named=file == path)
    for error in reader.unexplained():
        raise error
    reader.leave_out_inputs()
    return reader.files


def read_configs(
    paths: list[str], variables: Mapping[str, str], stdin: BinaryIO
) -> list[tuple[LoadedConfig, Environment]]:
    """The GMSAConfigs in the files of --config.

    Raises InputError for other documents too, which nothing would apply, and where there is no GMSAConfig.
    """
    files = read_paths(paths, variables, stdin)
    if files.documents:
        message = "is not a GMSAConfig, and --config reads nothing else; move it out of the file"
        raise invalid("not-a-config", message, files.documents[0].location())
    if paths and not files.configs:
        message = "has no GMSAConfig; one starts with apiVersion: gmsa-krm.dev/v1alpha1, kind: GMSAConfig"
        raise invalid("no-config", message, Location(", ".join(paths)))
    return files.configs


def render(files: Files, *, config_needed: bool = True, namespace: str = "") -> Result:
    """Runs the pipeline over the files. `namespace` is the namespace of documents without one.

    Raises InputError, also if a config is needed and there is none.
    """
    if not files.configs and (config_needed or not files.documents):
        message = (
            "there is no GMSAConfig in the input; one starts with apiVersion: gmsa-krm.dev/v1alpha1, kind: GMSAConfig"
        )
        raise invalid("no-config", message)
    return run(files.configs, files.documents, namespace)


class Reader:
    """Reads files into `files`; `errors` has the real path and the error of each file that is not a manifest.

    `document_files`: the real path of each document of `files`. `whole`: whether to parse documents once and keep their
    nodes, and not their heads first.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        stdin: BinaryIO,
        overrides: list[Override] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.files = Files()
        self.errors: list[tuple[str, InputError]] = []
        self.document_files: list[str] = []
        self._variables = variables
        self._stdin = stdin
        self._overrides = overrides
        self._whole = whole
        self._folders: dict[str, str] = {}  # real paths of folders

    def real_path(self, file: str) -> str:
        """The real path; the links of a folder are resolved once for all files in it."""
        if os.path.islink(file):
            return os.path.realpath(file)
        parent, name = os.path.split(file)
        if name in ("", ".", ".."):
            return os.path.realpath(file)
        if parent not in self._folders:
            self._folders[parent] = os.path.realpath(parent)
        return os.path.join(self._folders[parent], name)

    def read(self, file: str, real: str, *, is_named: bool) -> None:
        """Reads a file; `is_named`: whether the user has named it, so that it may be a pipe. Raises ExternalError."""
        shown = "stdin" if file == "-" else file
        data = self.bytes_of(file, shown, is_named)
        try:
            for document in split(decode(data, shown), shown):
                self.add(document, file, real)
        except InputError as error:
            self.errors.append((real, error))

    def unexplained(self) -> list[InputError]:
        """The errors of the files that no config names."""
        named = self.named_by_configs() if self.errors else set()
        return [error for real, error in self.errors if real not in named]

    def leave_out_inputs(self) -> None:
        """Takes out the GMSACredentialSpecs that configs read as their `file`: the configs emit them."""
        named = self.named_by_configs()
        if named.isdisjoint(self.document_files):
            return
        pairs = zip(self.files.documents, self.document_files, strict=True)
        kept = [(document, real) for document, real in pairs if real not in named]
        self.files.documents[:] = [document for document, _ in kept]
        self.document_files[:] = [real for _, real in kept]

    def named_by_configs(self) -> set[str]:
        """The real paths of the files that the configs read: a credspec's JSON need not be YAML."""
        named = set()
        for loaded, environment in self.files.configs:
            spec = loaded.config.spec
            for file in (*(it.file for it in spec.credspecs), *(it.file for it in spec.policy.accept_previous)):
                try:
                    named.add(environment.path(file or ""))
                except FileError:
                    continue  # reported where the file is read
        return named

    def bytes_of(self, file: str, shown: str, is_named: bool) -> bytes:
        """The contents of a file. Raises ExternalError, and InputError for a file that is too large."""
        try:
            if file == "-":
                data = self._stdin.read(_MAX_STREAM + 1)
            else:
                with open(file, "rb") if is_named else open_regular(file) as opened:
                    data = opened.read(_CHUNK)
                    # Reading allocates as much as is asked for, so that is what was read so far, and not the limit.
                    while len(data) <= _MAX_STREAM and (more := opened.read(max(len(data), _CHUNK))):
                        data += more
        except OSError as error:
            raise file_error(shown, "read", error) from None
        if len(data) > _MAX_STREAM:
            raise invalid("too-large", f"is larger than {_MAX_STREAM >> 20} MiB; split it", Location(shown))
        return data

    def add(self, document: Document, file: str, real: str) -> None:
        """Adds a document of a file. Raises InputError if it cannot be read."""
        head = document.node if self._whole else document.head
        if head is None or head.is_null:
            return
        if is_config(head):
            if len(document.text) > MAX_BYTES:
                raise invalid("too-large", too_large(), document.location())
            root = document.node or head
            loaded = load_config(root, document.file, document.line, overrides=self._overrides)
            self.files.configs.append((loaded, self.environment(file)))
        elif is_for_commands(head):
            document.forget()
            self.files.for_commands.append(document)
        elif may_be_misspelt(head) and (error := _misspelt(document)) is not None:
            self.errors.append((real, error))
        elif document.identity is None:
            self.add_other(document, file, real)
        else:
            if not self._whole:
                document.forget()
            self.files.documents.append(document)
            self.document_files.append(real)

    def add_other(self, document: Document, file: str, real: str) -> None:
        """Takes a document that is not a Kubernetes object."""
        message = "is not a Kubernetes object (it has no kind or no metadata); give the manifests without it, or fix it"
        self.errors.append((real, invalid("not-an-object", message, document.location(document.head))))

    def environment(self, file: str) -> Environment:
        """That of a config in a file."""
        folder = os.path.dirname(os.path.abspath(file)) if file != "-" else os.getcwd()
        return Environment(folder, self._variables)


def _misspelt(document: Document) -> InputError | None:
    from gmsa_krm.config.misspelt import misspelt

    root = document.node
    return misspelt(root, document.report([])) if root is not None else None


def _files(path: str) -> list[str]:
    if path == "-" or not os.path.isdir(path):
        return [path]
    found = []

    def failed(error: OSError) -> None:
        raise file_error(error.filename, "read", error)

    for parent, folders, files in os.walk(path, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)
            for name in sorted(files)
            if name.endswith(_SUFFIXES) and name not in _NOT_RESOURCES and not name.startswith(".")
        ]
    return found
