"""Reads the files of a repository: what is not a manifest is skipped, and no file hides the findings of others."""

from __future__ import annotations

import os
import re

from gmsa_krm.credspecs.parse import read_node
from gmsa_krm.findings import ExternalError, InputError, Location, invalid
from gmsa_krm.hosts.files import Reader
from gmsa_krm.workloads.kinds import BUILT_IN
from gmsa_krm.yamltext.nodes import MAPPING, SEQUENCE
from gmsa_krm.yamltext.stream import Document, decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, BinaryIO

    from gmsa_krm.findings import Finding
    from gmsa_krm.yamltext.nodes import Node

# What a manifest starts its lines with.
_TOP_LEVEL = re.compile(r"^\ufeff?(apiVersion|kind|metadata)[ \t]*:", re.MULTILINE)
_TOP_LEVEL_JSON = re.compile(r'(?:\A\ufeff?|^|[{,])[ \t]{0,4}"(apiVersion|kind|metadata)"[ \t]*:', re.MULTILINE)
_OURS = ("GMSAConfig", "gmsaCredentialSpec", "GMSACredentialSpec")
_SPACE = re.compile(r"[ \t\r\n]*")
# Of Go's templates and Jinja, Terraform, and ERB.
_DIRECTIVES = ("{{", "{%", "%{", "<%")
# The header of a block scalar, whose lines are text.
_BLOCK = re.compile(r"(?:^|[ \t])[|>][-+0-9]*[ \t]*(?:#.*)?$")
# What `helm install --dry-run` and `helm get all` print around the manifests.
_NOTES = re.compile(r"^NOTES:[ \t]*\r?$", re.MULTILINE)
_RELEASE = re.compile(r"NAME: .*\n(?:.*\n)*?(?:MANIFEST|STATUS):")


class RepositoryReader(Reader):
    """As Reader. `passed_over`: the files of folders that are not manifests, or in which a document is not one.

    `failures`: those that cannot be read; `config_files`: the real path of each config of `files`.
    """

    def __init__(self, variables: Mapping[str, str], stdin: BinaryIO) -> None:
        super().__init__(variables, stdin)
        self.failures: list[ExternalError] = []
        self.config_files: list[str] = []
        self._passed_over: dict[str, str] = {}  # as they are shown, by real path
        self._contents: list[tuple[str, list[Finding]]] = []  # of files of New-CredentialSpec, by real path
        self._shown: dict[str, str] = {}  # by real path
        self._charts: dict[str, bool] = {}  # whether a folder has a Chart.yaml
        self._is_named = False

    def read(self, file: str, real: str, *, is_named: bool) -> None:
        self._is_named = is_named
        self._shown[real] = file
        shown = "stdin" if file == "-" else file
        try:
            data = self.bytes_of(file, shown, is_named)
        except ExternalError as error:
            self.failures.append(error)
            return
        except InputError as error:
            self.errors.append((real, error))
            return
        if file == "-" and not data.strip():
            message = "is empty, so nothing was checked; see why the program before the pipe prints nothing"
            self.errors.append((real, invalid("empty", message, Location(shown))))
            return
        try:
            text = decode(data, shown)
        except InputError as error:
            if is_named or _looks_like_manifest(data.replace(b"\0", b"").decode("latin-1")):
                self.errors.append((real, error))
            else:
                self.pass_over(file, real)
            return
        if not is_named and "{{" in text and self._is_in_chart(file):
            self.pass_over(file, real)
            return
        try:
            documents = split(_without_release(text) if file == "-" else text, shown)
        except InputError as error:
            if not is_named and self._is_in_chart(file):
                self.pass_over(file, real)  # Helm splits at any line that starts with ---
            else:
                self._refuse(error, text, file, real)
            return
        for document in documents:
            self._read_document(document, file, real)

    def _refuse(self, error: InputError, text: str, file: str, real: str) -> None:
        """Keeps the error of a file or document, unless it is a text that is not meant as a manifest."""
        if error.findings[0].rule == "yaml" and not self._is_named and _is_other(text):
            self.pass_over(file, real)
        else:
            self.errors.append((real, error))

    def pass_over(self, file: str, real: str) -> None:
        self._passed_over[real] = file

    def pass_over_parts(self, paths: set[str]) -> None:
        """Takes out what these files hold, since it is a part of an object, to which the rules do not apply."""
        files = self.files
        parts = paths & {*self.config_files, *self.document_files, *(real for real, _ in self.errors)}
        for real in parts:
            self._passed_over.setdefault(real, self._shown.get(real, real))
        files.configs[:], self.config_files[:] = _others(files.configs, self.config_files, parts)
        files.documents[:], self.document_files[:] = _others(files.documents, self.document_files, parts)
        self.errors = [it for it in self.errors if it[0] not in parts or it[1].findings[0].rule in ("yaml", "encoding")]

    def passed_over(self) -> list[str]:
        named = self.named_by_configs() if self._passed_over else set()
        return [file for real, file in self._passed_over.items() if real not in named]

    def findings(self) -> list[Finding]:
        """About what is not read as a config or a document."""
        found = [finding for error in self.unexplained() for finding in error.findings]
        named = self.named_by_configs() if self._contents else set()
        return [*found, *(it for real, findings in self._contents if real not in named for it in findings)]

    def add(self, document: Document, file: str, real: str) -> None:
        configs = len(self.files.configs)
        super().add(document, file, real)
        self.config_files += [real] * (len(self.files.configs) - configs)

    def add_other(self, document: Document, file: str, real: str) -> None:
        if self._check_contents(document, real):
            return
        if self._is_named or _is_incomplete(document.head):
            super().add_other(document, file, real)
        else:
            self.pass_over(file, real)

    def _check_contents(self, document: Document, real: str) -> bool:
        """Checks a file of New-CredentialSpec; whether it is one. What a config reads is checked there."""
        root = document.node if "DomainJoinConfig" in document.text else None
        if root is None or root.get("DomainJoinConfig") is None or root.get("ActiveDirectoryConfig") is None:
            return False
        findings: list[Finding] = []
        read = read_node(root, document.file, document.line, findings)
        if read is not None:
            read.check()
        self._contents.append((real, findings))
        return True

    def _read_document(self, document: Document, file: str, real: str) -> None:
        try:
            if not self._is_named and "{{" in document.text and _has_template(document.node):
                self.pass_over(file, real)
                return
            self.add(document, file, real)
        except InputError as error:
            is_syntax = error.findings[0].rule == "yaml"
            if is_syntax and (values := _json_values(document)):
                for value in values:
                    self._read_document(value, file, real)
            else:
                self._refuse(error, document.text, file, real)

    def _is_in_chart(self, file: str) -> bool:
        """Whether a file is a template of a chart."""
        folder = os.path.dirname(file)
        while folder:
            parent, name = os.path.split(folder)
            if name == "templates":
                if parent not in self._charts:
                    self._charts[parent] = os.path.isfile(os.path.join(parent, "Chart.yaml"))
                if self._charts[parent]:
                    return True
            if parent == folder:
                break
            folder = parent
        return False


def _others(items: list[Any], paths: list[str], parts: set[str]) -> tuple[list[Any], list[str]]:
    """The items, and their paths, that are not in `parts`."""
    kept = [(item, path) for item, path in zip(items, paths, strict=True) if path not in parts]
    return [item for item, _ in kept], [path for _, path in kept]


def _json_values(document: Document) -> list[Document]:
    """The objects of a text with several JSON objects after each other, which kubectl takes; none for another text."""
    text = document.text
    if text.lstrip("\ufeff \t\r\n")[:1] != "{":
        return []
    from json import JSONDecoder

    decoder = JSONDecoder()
    values = []
    start = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    line = document.line + text.count("\n", 0, start)
    while start < len(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        space = _SPACE.match(text, end)
        end = space.end() if space is not None else end
        values.append(Document(text[start:end], document.file, line))
        line += text.count("\n", start, end)
        start = end
    return values if len(values) > 1 else []


def _is_other(text: str) -> bool:
    """Whether a text that is not YAML is something else than a manifest with a mistake."""
    return _has_template_line(text) or not _looks_like_manifest(text)


def _looks_like_manifest(text: str) -> bool:
    if any(word in text for word in _OURS):
        return True
    pattern = _TOP_LEVEL_JSON if text.lstrip("\ufeff \t\r\n")[:1] == "{" else _TOP_LEVEL
    found = set()
    for match in pattern.finditer(text):
        found.add(match[1])
        if len(found) > 1:
            return True
    return False


def _has_template_line(text: str) -> bool:
    """Whether a text has directives of a template outside of comments and block scalars, whose text may be one."""
    if not any(it in text for it in _DIRECTIVES):
        return False
    block: int | None = None  # the indentation of the line whose value is a block scalar
    for line in text.splitlines():
        stripped = line.lstrip(" ")
        if not stripped:
            continue
        indentation = len(line) - len(stripped)
        if block is not None and indentation > block:
            continue
        block = None
        if ("{{" in stripped and stripped[0] != "#") or stripped.startswith(_DIRECTIVES):
            return True
        if _BLOCK.search(stripped):
            block = indentation
    return False


def _has_template(root: Node | None) -> bool:
    """Whether a value is `{{ ... }}` without quotes: YAML takes it for a mapping whose key is a mapping."""
    pending = [root] if root is not None else []
    while pending:
        node = pending.pop()
        if node.kind == MAPPING:
            if any(key.kind == MAPPING and key.flow for key, _ in node.pairs):
                return True
            pending += [value for _, value in node.pairs if value.kind and not value.alias]
        elif node.kind == SEQUENCE:
            pending += [item for item in node.items if item.kind and not item.alias]
    return False


def _is_incomplete(root: Node | None) -> bool:
    """Whether a mapping was meant to be a Kubernetes object, but its kind or metadata is missing or misspelt.

    Files of other tools have an apiVersion and a kind, too, and no metadata: kubeconfigs, Skaffold, kind, kubeadm.
    """
    if root is None or root.kind != MAPPING:
        return False
    keys = {key.text.lower() for key, _ in root.pairs}
    if not {"apiversion", "metadata"} <= keys:
        kind, group = root.string("kind"), root.string("apiVersion").rpartition("/")[0]
        return (group, kind) in _KNOWN
    return True


_KNOWN = {(group, kind) for group, kind in BUILT_IN} | {("windows.k8s.io", "GMSACredentialSpec")}


def _without_release(text: str) -> str:
    """A stream without what Helm prints around it, in as many lines."""
    head = _RELEASE.match(text)
    if head is not None:
        start = text.find("\n---", head.end())
        text = "\n" * text.count("\n", 0, start + 1) + text[start + 1 :] if start >= 0 else text
    notes = _NOTES.search(text, max(text.rfind("\n---\n"), 0))
    return text[: notes.start()] if notes is not None else text
