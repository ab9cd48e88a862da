"""Reads a credential spec: the JSON that New-CredentialSpec writes, or a GMSACredentialSpec in YAML or JSON."""

from __future__ import annotations

import json

from gmsa_krm.credspecs.check import ACCOUNTS, check_contents
from gmsa_krm.credspecs.domains import DeclaredDomain
from gmsa_krm.credspecs.model import CredentialSpec
from gmsa_krm.findings import ERROR, WARNING, Finding, InputError, Location, Report, has_errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.credspecs.model import JoinedDomain, OtherNames
    from gmsa_krm.findings import Issue
    from gmsa_krm.yamltext.nodes import Node

GROUP = "windows.k8s.io"
KIND = "GMSACredentialSpec"
_WANTED = "the file that New-CredentialSpec wrote, or a GMSACredentialSpec in YAML or JSON"
_OBJECT_KEYS = ("apiVersion", "credspec", "kind", "metadata", "status")
# Contents that break one of these rules cannot exist in a cluster.
_IMPOSSIBLE = ("credspec-file", "duplicate-key", "unknown-field", "credspec-type", "yaml", "encoding")


class _DuplicateKey(Exception):
    pass


class ReadCredspec:
    """A credential spec that was read from a text, and a report about its contents.

    `place` says where it is. `domain` is its domain once it was checked; None if that is wrong by itself.
    """

    __slots__ = ("_text_of", "domain", "place", "report", "spec")

    def __init__(
        self, spec: CredentialSpec, report: Report, place: str, text_of: Callable[[str], str] | None = None
    ) -> None:
        """`text_of`: what the text has for a field."""
        self.spec = spec
        self.report = report
        self.domain: JoinedDomain | None = None
        self.place = place
        self._text_of = text_of

    def check(self, declared: OtherNames | None = None, *, may_be_substituted: bool = False) -> None:
        """Reports every mistake. `declared`: names of domains besides its own that a scope may name.

        `may_be_substituted`: another program replaces `${NAME}` later.
        """
        self.domain = check_contents(
            self.spec, self.report, declared, text_of=self._text_of, may_be_substituted=may_be_substituted
        )

    def declared_domain(self) -> DeclaredDomain | None:
        """Its domain, to be compared with others; None if it is wrong by itself."""
        return None if self.domain is None else DeclaredDomain(self.domain, self.place, self._add_to_domain)

    def add_to_account(self, index: int, issue: Issue) -> None:
        """Reports an issue of an entry of GroupManagedServiceAccounts; -1 is MachineAccountName."""
        field = "DomainJoinConfig.MachineAccountName" if index < 0 else f"{ACCOUNTS}[{index}].Name"
        self.report.add(issue, field=field)

    def _add_to_domain(self, key: str, issue: Issue) -> None:
        self.report.add(issue, field=f"DomainJoinConfig.{key}")


def parse_credspec(
    data: bytes, file: str, findings: list[Finding], declared: OtherNames | None = None
) -> ReadCredspec | None:
    """The credential spec in a file, checked; None if it cannot be read. `findings` gets every mistake.

    `declared`: names of domains besides its own that a scope may name.
    """
    read = _read(data, file, findings)
    if read is not None:
        read.check(declared)
    return read


def parse_previous(data: bytes, file: str, findings: list[Finding]) -> CredentialSpec | None:
    """As `parse_credspec`, for contents from a cluster: their values may be wrong, and the reason for the change."""
    read = _read(data, file, findings)
    if read is None:
        return None
    earlier = len(findings)
    read.check()
    found = findings[earlier:]
    findings[earlier:] = [it for it in found if it.rule in _IMPOSSIBLE]
    wrong = [it for it in found if it.rule not in _IMPOSSIBLE and it.severity == ERROR]
    if wrong and not has_errors(findings[earlier:]):
        it = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        message = f"accepts contents with a mistake: {it.message}{more}; remove the entry once no pod needs it"
        findings.append(Finding(WARNING, "previous-contents", message, it.location, it.field))
    return read.spec


def check_inline(text: str, declared: OtherNames) -> list[Finding]:
    """The findings about contents in a pod, which are JSON. `declared`: domains that a scope may name."""
    report = Report()
    contents = _parse_json(text.encode("utf-8", "surrogateescape"), report, "remove it, since admission fills it in")
    if contents is not None:
        check_contents(CredentialSpec(contents), report, declared)
    return report.findings


def read_credspecs(data: bytes, file: str, findings: list[Finding]) -> list[ReadCredspec]:
    """The credential specs in a file, unchecked: one, or those of a List or a YAML stream; other objects are left out.

    `findings` gets what cannot be read; where there is no error and no credential spec, that is one.
    """
    earlier = len(findings)
    # PowerShell's redirections write UTF-16.
    start = data[:64].decode(json.detect_encoding(data[:64]), "ignore").lstrip("\ufeff \t\r\n")
    is_yaml = bool(start) and start[0] not in "{["
    found = _read_yaml(data, file, findings) if is_yaml else _read_json(data, file, findings)
    if not found and not has_errors(findings[earlier:]):
        findings.append(Finding(ERROR, "credspec-file", f"has no credential spec; give {_WANTED}", Location(file)))
    return found


def _read(data: bytes, file: str, findings: list[Finding]) -> ReadCredspec | None:
    """The one credential spec in a file."""
    found = read_credspecs(data, file, findings)
    if len(found) > 1:
        message = (
            f"has {len(found)} credential specs; give a file with one, or convert all with `gmsa-krm import credspec`"
        )
        findings.append(Finding(ERROR, "credspec-file", message, Location(file)))
        return None
    return found[0] if found else None


def _read_json(data: bytes, file: str, findings: list[Finding]) -> list[ReadCredspec]:
    report = Report(file, findings=findings)
    contents = _parse_json(data, report, f"give {_WANTED}")
    if contents is None:
        return []
    kind, items = contents.get("kind"), contents.get("items")
    if kind == KIND:
        found = [_of_object(contents, file, findings, "")]
    elif isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        objects = [(index, it) for index, it in enumerate(items) if isinstance(it, dict) and it.get("kind") == KIND]
        found = [_of_object(it, file, findings, f"items[{index}].") for index, it in objects]
    elif isinstance(kind, str):
        return []
    else:
        return [ReadCredspec(CredentialSpec(contents), report, file)]
    return [it for it in found if it is not None]


def _of_object(data: dict[str, Any], file: str, findings: list[Finding], prefix: str) -> ReadCredspec | None:
    _check_object(data, Report(file, findings=findings), prefix=prefix)
    metadata, inner = data.get("metadata"), data.get("credspec")
    if not isinstance(inner, dict):
        return None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    spec = CredentialSpec(inner, name if name and isinstance(name, str) else None)
    return ReadCredspec(spec, Report(file, prefix=f"{prefix}credspec", findings=findings), file)


def _check_object(data: dict[str, Any], report: Report, root: Node | None = None, prefix: str = "") -> None:
    """Reports keys of a GMSACredentialSpec that its CRD drops, and contents at the wrong place."""
    values = {key.text: value for key, value in root.entries()} if root is not None else {}
    for key in data:
        if key not in _OBJECT_KEYS:
            message = "unknown field, which the CRD drops; the contents of a GMSACredentialSpec are in credspec"
            report.error("unknown-field", message, values.get(key), f"{prefix}{key[:60]}")
    contents = data.get("credspec")
    if isinstance(contents, dict):
        return
    node = root.get("credspec") if root is not None else None
    if contents is not None:
        message = "must be an object, and is of another type; write its fields below it, without quotes and without |"
        report.error("credspec-type", message, node or root, f"{prefix}credspec")
    elif "spec" not in data:
        message = "is missing; it has the contents of the credential spec, an object"
        report.error("required", message, root, f"{prefix}credspec")


def _read_yaml(data: bytes, file: str, findings: list[Finding]) -> list[ReadCredspec]:
    from gmsa_krm.yamltext.nodes import MAPPING
    from gmsa_krm.yamltext.stream import decode, split

    found = []
    try:
        for document in split(decode(data, file), file):
            root = document.node
            if root is not None and root.kind != MAPPING:
                message = f"is neither a JSON object nor a mapping; give {_WANTED}"
                document.report(findings).error("credspec-file", message, root)
            for item in [it.node for it in document.items()] or [root]:
                if item is not None and item.kind == MAPPING and item.string("kind") in (KIND, ""):
                    found.append(read_node(item, file, document.line, findings))
    except InputError as error:
        findings += error.findings
        return []
    return [it for it in found if it is not None]


def read_node(root: Node, file: str, first_line: int, findings: list[Finding], prefix: str = "") -> ReadCredspec | None:
    """The credential spec in a GMSACredentialSpec or in bare contents; None if it cannot be read.

    `prefix` is put before the paths of fields.
    """
    from gmsa_krm.yamltext.data import data_of
    from gmsa_krm.yamltext.nodes import MAPPING, duplicate_keys, overridden_keys
    from gmsa_krm.yamltext.paths import FieldReport, nearest

    report = Report(file, first_line, findings=findings)
    repeated = duplicate_keys(root)
    for key in repeated:
        report.error("duplicate-key", f"the key {key.text[:60]} is repeated in this mapping; remove one", key)
    overridden = overridden_keys(root)
    for key, merge_key in overridden:
        message = (
            f"the key {key.text[:60]} is merged once more by << in line {first_line + merge_key.line + 1}, and kubectl"
            " applies the merged value; write << first in the mapping, or keep one of the two"
        )
        report.error("duplicate-key", message, key)
    if repeated or overridden:
        return None
    contents: Node | None = root
    name = ""
    if root.string("kind") == KIND:
        _check_object(data_of(root), report, root, prefix)
        contents, metadata = root.get("credspec"), root.get("metadata")
        name = metadata.string("name") if metadata is not None else ""
        prefix = f"{prefix}credspec"
    if contents is None or contents.kind != MAPPING:
        return None
    inner = FieldReport(contents, file, first_line, prefix=prefix, findings=findings)
    found = contents
    place = str(inner.location(root))
    return ReadCredspec(
        CredentialSpec(data_of(contents), name or None), inner, place, lambda field: nearest(found, field).text
    )


def _parse_json(data: bytes, report: Report, cure: str) -> dict[str, Any] | None:
    try:
        # json detects UTF-8, UTF-16 and a byte order mark.
        encoding = json.detect_encoding(data)
        contents = json.loads(data.decode(encoding), object_pairs_hook=_without_duplicates)
    except _DuplicateKey as duplicate:
        report.error("duplicate-key", f"the key {duplicate} is repeated in one object; remove one")
        return None
    except (ValueError, RecursionError) as error:
        report.error("credspec-file", f"is not JSON ({str(error)[:120]}); {cure}")
        return None
    if not isinstance(contents, dict):
        report.error("credspec-file", f"is not a JSON object; {cure}")
        return None
    try:
        json.dumps(contents, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "has half of a surrogate pair (\\ud800 to \\udfff), which is not text; fix the escape"
        report.error("credspec-file", message)
        return None
    return contents


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        last: dict[str, int] = {key: index for index, (key, _) in enumerate(pairs)}
        raise _DuplicateKey(next(key for index, (key, _) in enumerate(pairs) if last[key] != index)[:60])
    return unique
