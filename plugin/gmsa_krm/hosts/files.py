"""`render` and `lint`: files and folders in; a stream, a folder or findings out."""

from __future__ import annotations

import contextlib
import os

from gmsa_krm.config.load import MAX_BYTES, LoadedConfig, is_config, load_config
from gmsa_krm.findings import InputError, OutsideError, Place, input_error
from gmsa_krm.outside import FileProblem, Outside
from gmsa_krm.pipeline import run
from gmsa_krm.yaml.stream import Document, decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from gmsa_krm.config.overrides import Override
    from gmsa_krm.generate import Generated

_ENDINGS = (".yaml", ".yml", ".json")
# Read by kustomize and not meant for the API server.
_NOT_RESOURCES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# A folder of manifests of a large cluster has some tens of megabytes.
_MAX_STREAM = 1024 * 1024 * 1024
_PIECE = 64 * 1024


class Folder:
    """What was read of the paths: the configs, each with its own folder, and the other documents.

    `others`: the real paths of files with something else in them, and what is to be said of that: a credspec's JSON
    need be no YAML (New-CredentialSpec's output is often UTF-16).
    """

    def __init__(self) -> None:
        self.configs: list[tuple[LoadedConfig, Outside]] = []
        self.documents: list[Document] = []
        self.others: list[tuple[str, InputError]] = []


def read_paths(
    paths: list[str], environ: Mapping[str, str], stdin: BinaryIO, overrides: list[Override] | None = None
) -> Folder:
    """Reads files, folders (with the folders in them) and `-` for stdin; what is no YAML raises InputError.

    `overrides`: fields of the configs that the host sets.
    """
    folder = Folder()
    seen: set[str] = set()
    folders: dict[str, str] = {}
    for path in paths:
        for file in _files(path):
            real = _real(file, folders) if file != "-" else file
            if real in seen:
                continue
            seen.add(real)
            try:
                _read(file, folder, environ, stdin, overrides)
            except InputError as error:
                folder.others.append((real, error))
    referred = _referred(folder) if folder.others else set()
    for real, problem in folder.others:
        if real not in referred:
            raise problem from None
    return folder


def _real(file: str, folders: dict[str, str]) -> str:
    """The real path; links above a folder are followed once for all files in it. `folders`: those known."""
    if os.path.islink(file):
        return os.path.realpath(file)
    parent, name = os.path.split(file)
    if name in ("", ".", ".."):
        return os.path.realpath(file)
    if parent not in folders:
        folders[parent] = os.path.realpath(parent)
    return os.path.join(folders[parent], name)


def _referred(folder: Folder) -> set[str]:
    """The credspec files that the configs name, which may stand among the manifests."""
    found = set()
    for loaded, outside in folder.configs:
        spec = loaded.config.spec
        for file in (*(it.file for it in spec.credspecs), *(it.file for it in spec.policy.accept_previous)):
            with contextlib.suppress(FileProblem):
                found.add(outside.path(file or ""))
    return found


def generate_from(folder: Folder, config_needed: bool = True, namespace: str = "") -> Generated:
    """What the configs of the paths ask for; `namespace` is that of documents which name none.

    Raises InputError, also where a config is needed and there is none.
    """
    if not folder.configs and (config_needed or not folder.documents):
        raise input_error(
            "no-config",
            "no GMSAConfig in what was given; it starts with apiVersion: gmsa-krm.dev/v1alpha1, kind: GMSAConfig",
        )
    return run(folder.configs, folder.documents, namespace)


def _files(path: str) -> list[str]:
    if path == "-" or not os.path.isdir(path):
        return [path]
    found = []

    def failed(error: OSError) -> None:
        raise OutsideError(f"{error.filename}: cannot be read ({error.strerror})")

    for parent, folders, files in os.walk(path, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)
            for name in sorted(files)
            if name.endswith(_ENDINGS) and name not in _NOT_RESOURCES and not name.startswith(".")
        ]
    return found


def _read(
    file: str, folder: Folder, environ: Mapping[str, str], stdin: BinaryIO, overrides: list[Override] | None
) -> None:
    shown = "stdin" if file == "-" else file
    try:
        if file == "-":
            data = stdin.read(_MAX_STREAM + 1)
        else:
            with open(file, "rb") as opened:
                data = opened.read(_PIECE)
                if len(data) == _PIECE:  # to read as much at once takes memory for as much
                    data += opened.read(_MAX_STREAM + 1 - _PIECE)
    except OSError as error:
        raise OutsideError(f"{shown}: cannot be read ({error.strerror})") from None
    if len(data) > _MAX_STREAM:
        raise input_error("too-large", f"is over {_MAX_STREAM >> 20} MiB", Place(shown))
    for document in split(decode(data, shown), shown):
        head = document.head
        if head is None:
            continue
        if is_config(head):
            if len(document.text) > MAX_BYTES:
                raise input_error(
                    "too-large", f"is over {MAX_BYTES >> 20} MiB; a GMSAConfig is a small file", document.place()
                )
            own_folder = os.path.dirname(os.path.abspath(file)) if file != "-" else os.getcwd()
            outside = Outside(own_folder, environ, overrides)
            root = document.node
            assert root is not None
            loaded = load_config(root, shown, document.line, overrides=outside.overrides)
            folder.configs.append((loaded, outside))
        elif document.identity is None:
            message = "is no Kubernetes object (it has no kind or no metadata); leave the file out or mend it"
            folder.others.append((os.path.realpath(file), input_error("not-an-object", message, document.place(head))))
        else:
            document.forget()
            folder.documents.append(document)
