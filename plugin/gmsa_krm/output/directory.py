"""A folder with a file per resource and a kustomization, and a summary of where each resource comes from."""

from __future__ import annotations

import errno
import os
import re

from gmsa_krm.apply_order import EMITTED, EMITTED_KINDS
from gmsa_krm.atomic import ordinary_mode, replace_files
from gmsa_krm.environment import open_regular
from gmsa_krm.findings import ExternalError, file_error, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gmsa_krm.apply_order import Output

# Lists the files of a run, so that the next run removes those that it no longer writes, and no others.
_INDEX = ".gmsa-krm-files"
_OWN_NAME = re.compile(
    r"(?:(?:crds|templates)/)?[0-9]{2}-[a-z0-9]+-[-A-Za-z0-9._]*\.(?:yaml|json)|Chart\.yaml|\.helmignore"
)
_INNER = ("crds", "templates")  # the folders of a chart
# kustomize takes any of these names. Ours starts with the mark.
_KUSTOMIZATION = "kustomization.yaml"
_KUSTOMIZATIONS = (_KUSTOMIZATION, "kustomization.yml", "Kustomization")
_MARK = "# written by gmsa-krm render"
_MOST = 16 * 1024 * 1024  # bytes that are read of a kustomization
_SHOWN = 3  # names in a message


def summary(rows: list[tuple[str, str, str]], folder: str) -> str:
    """A table: file, object, and the field of the config (or the file) that it comes from."""
    rows = [("FILE", "OBJECT", "FROM"), *((printable(a), printable(b), printable(c)) for a, b, c in rows)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}" for row in rows]
    return "\n".join([*lines, f"{len(rows) - 1} files in {printable(folder)}"])


def row(output: Output, file: str) -> tuple[str, str, str]:
    """The line of a resource in the summary."""
    _, kind, namespace, name = output.identity
    return file, f"{kind} {namespace and namespace + '/'}{name}", output.source


def write_directory(outputs: list[Output], folder: str, *, as_json: bool) -> tuple[list[tuple[str, str, str]], str]:
    """Writes a file per resource into `folder`, whose names sort in apply order, and a kustomization of them.

    Returns the lines of the summary, and a message about a kustomization of the user's, or "". Raises ExternalError.
    """
    contents = contents_by_name(outputs, as_json=as_json)
    rows = [row(output, name) for output, name in zip(outputs, contents, strict=True)]
    theirs = _foreign_kustomization(folder)
    if theirs is not None:
        write_files(contents, folder, {_KUSTOMIZATION: None} if theirs[0] != _KUSTOMIZATION else {})
        return rows, _missing_in(theirs, list(contents), folder)
    write_files(contents, folder, {_KUSTOMIZATION: _kustomization(list(contents))})
    return [*rows, (_KUSTOMIZATION, "Kustomization", "the files above")], ""


def write_files(files: dict[str, tuple[bytes, bool]], folder: str, more: Mapping[str, bytes | None] = {}) -> None:
    """Writes {path in the folder: (contents, whether they are secret)}, and `more`, which may replace any file.

    None in `more`: the file is removed.

    Everything is written to temporary files before anything is replaced. Files that an earlier run wrote and this one
    does not are removed; other files are never overwritten. Raises ExternalError.
    """
    if os.path.isfile(folder):
        raise ExternalError(
            f"{printable(folder)} is a file, and the output goes into a folder; give another name, or for one file"
            " leave the option out and redirect stdout"
        )
    try:
        _refuse_links(folder)
        earlier = _earlier(folder)
        for name in files:
            place = os.path.join(folder, name)
            if name not in earlier and os.path.lexists(place):
                raise ExternalError(
                    f"{printable(place)} exists and was not written by gmsa-krm; move it, or choose another folder"
                )
        for path in {os.path.dirname(os.path.join(folder, name)) for name in (*files, _INDEX)}:
            os.makedirs(path, exist_ok=True)
        # The index is first, with the names of both runs: if this run is interrupted, the next one knows all files.
        index, mode = os.path.join(folder, _INDEX), ordinary_mode()
        replace_files({index: (_index(earlier | set(files)), mode)})
        written = {name: (data, 0o600 if secret else mode) for name, (data, secret) in files.items()}
        written |= {name: (data, mode) for name, data in more.items() if data is not None}
        replace_files({os.path.join(folder, name): file for name, file in written.items()})
        for name in (*(earlier - set(files)), *(name for name, data in more.items() if data is None)):
            if os.path.lexists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        replace_files({index: (_index(set(files)), mode)})
    except OSError as error:
        raise file_error(error.filename or folder, "written", error) from None


def _refuse_links(folder: str) -> None:
    """Raises OSError for a link in place of a folder of a chart: it may lead anywhere."""
    for inner in _INNER:
        path = os.path.join(folder, inner)
        if os.path.islink(path):
            raise OSError(errno.EEXIST, "it is a symbolic link, which is not followed; remove it", path)


def _kustomization(names: list[str]) -> bytes:
    """A kustomization whose build is the output of render, in the same order."""
    resources = "".join(f"- {name}\n" for name in names) if names else "[]\n"
    return (
        f"{_MARK}, and written again by the next run: to add to it, list this folder in a kustomization elsewhere\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nsortOptions:\n  order: fifo\n"
        f"resources:{chr(10) if names else ' '}{resources}"
    ).encode()


def _foreign_kustomization(folder: str) -> tuple[str, str] | None:
    """The name and the text of a kustomization that gmsa-krm did not write. Raises ExternalError."""
    for name in _KUSTOMIZATIONS:
        path = os.path.join(folder, name)
        try:
            with open_regular(path) as file:
                text = file.read(_MOST).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(path):
                return name, ""
            continue
        except OSError as error:
            raise file_error(path, "read", error) from None
        if not text.startswith(_MARK) or os.path.islink(path):
            return name, text
    return None


def _missing_in(theirs: tuple[str, str], names: list[str], folder: str) -> str:
    """What to do about a kustomization of the user's that does not name all files, or ""."""
    name, text = theirs
    missing = [it for it in names if it not in text]
    if not missing:
        return ""
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    path = printable(os.path.join(folder, name))
    return (
        f"{path} was not written by gmsa-krm and is not changed; add {', '.join(missing[:_SHOWN])}{more} to its"
        f" resources, or move it to another folder and list {printable(folder)} there"
    )


def written_earlier(folder: str, paths: list[str]) -> set[str]:
    """The real paths of what an earlier run wrote into a folder that is below one of the paths; else none.

    They are not its input: what is no longer in a config would be emitted by them. Raises ExternalError.
    """
    place = os.path.realpath(folder)
    if not any(it != "-" and os.path.isdir(it) and _is_below(place, os.path.realpath(it)) for it in paths):
        return set()
    try:
        return {os.path.join(place, name) for name in _earlier(folder)}
    except OSError as error:
        raise file_error(error.filename or folder, "read", error) from None


def _is_below(place: str, folder: str) -> bool:
    return place != folder and place.startswith(os.path.join(folder, ""))


def _earlier(folder: str) -> set[str]:
    try:
        with open_regular(os.path.join(folder, _INDEX)) as file:
            names = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return set()
    # The index may have been tampered with: only names that gmsa-krm writes, which lead out of no folder.
    return {name for name in names if _OWN_NAME.fullmatch(name)}


def _index(names: set[str]) -> bytes:
    return (f"{_MARK}\n" + "".join(f"{name}\n" for name in sorted(names))).encode()


def contents_by_name(outputs: list[Output], *, as_json: bool) -> dict[str, tuple[bytes, bool]]:
    """{file name: (contents, whether they are secret)}, an entry per output; the names sort in apply order."""
    ending = "json" if as_json else "yaml"
    contents: dict[str, tuple[bytes, bool]] = {}
    # In lower case, since file systems of macOS and Windows take names that differ in case for one.
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # of the next file with the same stem
    for output in outputs:
        _, kind, namespace, name = output.identity
        stem = re.sub(
            r"[^-A-Za-z0-9._]", "-", f"{_number(output):02}-{kind.lower()}-{namespace and namespace + '_'}{name}"
        )
        file = f"{stem[:200]}.{ending}"
        more = numbers.get(stem[:200].lower(), 2)
        while file.lower() in taken:
            file = f"{stem[:200]}_{more}.{ending}"
            more += 1
        taken.add(file.lower())
        numbers[stem[:200].lower()] = more
        contents[file] = (_json(output) if as_json else output.as_yaml().encode(), _is_secret(output))
    return contents


def _is_secret(output: Output) -> bool:
    if output.identity[1] == "Secret":
        return True
    # What holds other objects is a list, whatever its kind is; an escape or a tag can hide the word.
    may_list = output.text is None or any(it in output.text for it in ("items", "\\", "!"))
    return may_list and _holds_secret(output.as_data())


def _holds_secret(data: Any) -> bool:
    """Whether an object is a Secret, or a list with one; the entries of a SecretList need not say their kind."""
    if not isinstance(data, dict):
        return False
    items = data.get("items")
    return data.get("kind") in ("Secret", "SecretList") or (isinstance(items, list) and any(map(_holds_secret, items)))


def _json(output: Output) -> bytes:
    from gmsa_krm.yamltext import writer

    return (writer.json_of(output.as_json_data(), indent=2) + "\n").encode()


def _number(output: Output) -> int:
    """A number per kind, so that a new credspec renames no file."""
    if output.rank != EMITTED:
        return output.rank if output.rank < EMITTED else output.rank * 10
    kind = output.identity[1]
    return 10 + (EMITTED_KINDS.index(kind) if kind in EMITTED_KINDS else len(EMITTED_KINDS))
