"""A folder with a file per resource, and a summary of where each resource comes from."""

from __future__ import annotations

import os
import re

from gmsa_krm.apply_order import EMITTED, EMITTED_KINDS
from gmsa_krm.atomic import ordinary_mode, replace_files
from gmsa_krm.environment import open_regular
from gmsa_krm.findings import ExternalError, file_error, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.apply_order import Output

# Lists the files of a run, so that the next run removes those that it no longer writes, and no others.
_INDEX = ".gmsa-krm-files"
_OWN_NAME = re.compile(r"[0-9]{2}-[a-z0-9]+-[-A-Za-z0-9._]*\.(?:yaml|json)")


def summary(outputs: list[Output], files: list[str], folder: str) -> str:
    """A table: file, object, and the field of the config (or the file) that it comes from."""
    rows = [("FILE", "OBJECT", "FROM")]
    for output, file in zip(outputs, files, strict=True):
        _, kind, namespace, name = output.identity
        row = file, f"{kind} {namespace and namespace + '/'}{name}", output.source
        rows.append((printable(row[0]), printable(row[1]), printable(row[2])))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}" for row in rows]
    return "\n".join([*lines, f"{len(files)} files in {printable(folder)}"])


def write_directory(outputs: list[Output], folder: str, *, as_json: bool) -> list[str]:
    """Writes a file per resource into `folder`; the names sort in apply order. Returns the names.

    Everything is written to temporary files before anything is replaced. Files that an earlier run wrote and this one
    does not are removed; other files are never overwritten. Raises ExternalError.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        earlier = _earlier(folder)
        contents = _named_contents(outputs, as_json)
        for name in contents:
            place = os.path.join(folder, name)
            if name not in earlier and os.path.lexists(place):
                raise ExternalError(
                    f"{printable(place)} exists and was not written by gmsa-krm; move it, or choose another folder"
                )
        # The index is first, with the names of both runs: if this run is interrupted, the next one knows all files.
        index, mode = os.path.join(folder, _INDEX), ordinary_mode()
        replace_files({index: (_index(earlier | set(contents)), mode)})
        replace_files(
            {os.path.join(folder, name): (data, 0o600 if secret else mode) for name, (data, secret) in contents.items()}
        )
        for name in earlier - set(contents):
            if os.path.lexists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        replace_files({index: (_index(set(contents)), mode)})
    except OSError as error:
        raise file_error(error.filename or folder, "written", error) from None
    return list(contents)


def _earlier(folder: str) -> set[str]:
    try:
        with open_regular(os.path.join(folder, _INDEX)) as file:
            names = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return set()
    # The index may have been tampered with: only names that gmsa-krm writes, which have no path separator.
    return {name for name in names if _OWN_NAME.fullmatch(name)}


def _index(names: set[str]) -> bytes:
    return ("# written by gmsa-krm render\n" + "".join(f"{name}\n" for name in sorted(names))).encode()


def _named_contents(outputs: list[Output], as_json: bool) -> dict[str, tuple[bytes, bool]]:
    """{file name: (contents, whether they are secret)}."""
    ending = "json" if as_json else "yaml"
    contents: dict[str, tuple[bytes, bool]] = {}
    numbers: dict[str, int] = {}  # of the next file with the same stem
    for output in outputs:
        _, kind, namespace, name = output.identity
        stem = re.sub(
            r"[^-A-Za-z0-9._]", "-", f"{_number(output):02}-{kind.lower()}-{namespace and namespace + '_'}{name}"
        )
        file = f"{stem[:200]}.{ending}"
        more = numbers.get(stem[:200], 2)
        while file in contents:
            file = f"{stem[:200]}_{more}.{ending}"
            more += 1
        numbers[stem[:200]] = more
        contents[file] = (_json(output) if as_json else output.as_yaml().encode(), _is_secret(output))
    return contents


def _is_secret(output: Output) -> bool:
    if output.identity[1] == "Secret":
        return True
    # What holds other objects is a list, whatever its kind is.
    may_list = output.text is None or "items" in output.text
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
