"""Files that tell what Active Directory knows: snapshots, and the JSON of PowerShell."""

from __future__ import annotations

from gmsa_krm import console
from gmsa_krm.active_directory.snapshot import load_snapshot, snapshot_text
from gmsa_krm.config.load import SNAPSHOT, is_snapshot
from gmsa_krm.findings import Finding, InputError, Location, Report, has_errors, invalid, sort_findings
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import parse
from gmsa_krm.yamltext.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.active_directory.snapshot import LoadedSnapshot, Snapshot
    from gmsa_krm.yamltext.stream import Document

    Data = dict[str, Any]

MAX_BYTES = 64 * 1024 * 1024


def read_named_snapshot(place: str, findings: list[Finding]) -> Snapshot | None:
    """As `read_snapshot`, of a file that the user has named; standard input if it is `-`. Raises ExternalError."""
    data = console.read_input(place, MAX_BYTES, "give an ActiveDirectorySnapshot")
    return read_snapshot(data, console.shown(place), findings)


def read_snapshot(data: bytes, file: str, findings: list[Finding]) -> Snapshot | None:
    """The snapshot in a file, for checks; None if it has errors. `findings` gets every mistake."""
    try:
        loaded = _loaded(data, file)
    except InputError as error:
        findings += error.findings
        return None
    findings += loaded.findings
    return None if has_errors(loaded.findings) else loaded.snapshot


def snapshots_among(documents: Iterable[Document]) -> tuple[list[Snapshot], list[Finding]]:
    """The snapshots among documents, and warnings. Raises InputError."""
    loaded = [
        load_snapshot(it.node, it.file, it.line) for it in documents if is_snapshot(it.head) and it.node is not None
    ]
    findings = [finding for it in loaded for finding in it.findings]
    if has_errors(findings):
        raise InputError(sort_findings(findings))
    return [it.snapshot for it in loaded], findings


def _loaded(data: bytes, file: str) -> LoadedSnapshot:
    """The snapshot in a file. Raises InputError if there is none, or more than one; the one may have errors."""
    found = []
    for document in split(decode(data, file), file):
        if is_snapshot(document.head) and document.node is not None:
            found.append(load_snapshot(document.node, file, document.line))
    if len(found) != 1:
        number = f"{len(found) or 'no'} {SNAPSHOT}{'s' if len(found) > 1 else ''}"
        message = f"has {number}; give a file with one, as `gmsa-krm import ad --snapshot` writes it"
        raise invalid("directory-file", message, Location(file))
    return found[0]


def read_files(files: list[tuple[str, bytes]]) -> tuple[list[Data], list[Data], list[Finding]]:
    """The domains and accounts of files, in the form of a snapshot, and warnings. Raises InputError.

    `files`: name and contents of each: a snapshot, or JSON of PowerShell.
    """
    from gmsa_krm.active_directory.powershell import PowerShellData

    domains: list[Data] = []
    accounts: list[Data] = []
    findings: list[Finding] = []
    others = PowerShellData()
    for file, data in files:
        if not _is_json(data):
            loaded = _loaded(data, file)
            findings += loaded.findings
            if not has_errors(loaded.findings) and loaded.snapshot.node is not None:
                spec = data_of(loaded.snapshot.node)["spec"]
                domains += spec.get("domains") or []
                accounts += spec.get("accounts") or []
        else:
            others.add(data, Report(file, findings=findings))
    others.complete()
    if not has_errors(findings):
        findings += _findings(others.domains, others.accounts, ", ".join(file for file, _ in files))
    if has_errors(findings):
        raise InputError(sort_findings(findings))
    return [*domains, *others.domains], [*accounts, *others.accounts], findings


def _is_json(data: bytes) -> bool:
    start = data[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start[:1] in (b"{", b"[") and SNAPSHOT.encode() not in data


def _findings(domains: list[Data], accounts: list[Data], file: str) -> list[Finding]:
    """What is wrong with data that is not from a snapshot."""
    root = parse(snapshot_text(domains, accounts, 0))
    if root is None or not (domains or accounts):
        return []
    found = load_snapshot(root, file).findings
    return [Finding(it.severity, it.rule, it.message, Location(file), it.field) for it in found]
