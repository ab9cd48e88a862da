"""A config that an import adds to (`--into`); everything else in its file stays as it is."""

from __future__ import annotations

import os
import stat

from gmsa_krm import atomic, console
from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.credspecs.parse import read_credspecs
from gmsa_krm.credspecs.values import credspec_name
from gmsa_krm.environment import Environment, FileError
from gmsa_krm.findings import InputError, Location, Report, file_error, has_errors, invalid, sort_findings
from gmsa_krm.yamltext.changes import change_of, changed_text, report_not_edited
from gmsa_krm.yamltext.edits import ListPatch, NotEdited
from gmsa_krm.yamltext.stream import Document, decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.config.model import Spec
    from gmsa_krm.yamltext.nodes import Node

    Entries = list[dict[str, Any]]

_MAX_BYTES = 64 * 1024 * 1024


def root_of(file: str) -> Node:
    """The only config of a file, which may have errors. Raises InputError, ExternalError."""
    return _Text(file).root


class _Text:
    """The documents of a file in which one is a config."""

    def __init__(self, file: str) -> None:
        shown = console.shown(file)
        data = console.read_input(file, _MAX_BYTES, "give a file with a GMSAConfig")
        self._documents = split(decode(data, shown), shown)
        configs = [index for index, it in enumerate(self._documents) if is_config(it.head)]
        if len(configs) != 1:
            message = f"has {len(configs) or 'no'} GMSAConfig{'s' if len(configs) > 1 else ''}; give a file with one"
            raise invalid("no-config", message, Location(shown))
        self._index = configs[0]
        self.document.close()
        self.is_changed = False

    @property
    def document(self) -> Document:
        """The config's."""
        return self._documents[self._index]

    @property
    def root(self) -> Node:
        root = self.document.node
        assert root is not None
        return root

    @property
    def text(self) -> str:
        return "".join(it.text for it in self._documents)

    def change(self, patch: dict[str, Any]) -> None:
        """Applies a patch of the config's spec. Raises InputError if its text cannot be edited."""
        document = self.document
        report = Report()
        try:
            change = change_of(document, self.root, {"spec": patch})
            if change is None:
                return
            text = changed_text(document, [change])
        except NotEdited as found:
            report_not_edited(document.report(report.findings), found, "spec")
            raise InputError(report.findings) from None
        self.is_changed = True
        self._documents[self._index] = Document(text, document.file, document.line)


class ExistingConfig:
    """The config in a file. Raises InputError if it has errors, or is not the only one in its file."""

    def __init__(self, file: str, correct: Callable[[Node], dict[str, Any]] | None = None) -> None:
        """`correct`: returns a patch of the spec, which is applied first: it may remove errors."""
        self.file = console.shown(file)
        self._place = file
        self._text = _Text(file)
        patch = correct(self._text.root) if correct is not None else {}
        if patch:
            self._text.change(patch)
        self.spec: Spec = self._loaded()

    def _loaded(self) -> Spec:
        loaded = load_config(self._text.root, self.file, self._text.document.line)
        if has_errors(loaded.findings):
            raise InputError(sort_findings(loaded.findings))
        return loaded.config.spec

    def names(self) -> set[str | None]:
        """The names of its credspecs; those that are named after what is in a file, as far as it can be read."""
        environment = Environment(os.path.dirname(os.path.abspath(self.file)), {})
        names = {it.name for it in self.spec.credspecs}
        for entry in self.spec.credspecs:
            if entry.name is None and entry.file is not None:
                try:
                    data = environment.read(entry.file, _MAX_BYTES)
                except FileError:
                    continue  # reported where the config is rendered
                for read in read_credspecs(data, entry.file, []):
                    names.add(read.spec.object_name or credspec_name(read.spec.account or ""))
        return names

    def add(self, domains: Entries, credspecs: Entries) -> None:
        """Adds entries; with a second domain, each existing entry names its own. Raises InputError."""
        patch: dict[str, Any] = {}
        if domains:
            patch["domains"] = ListPatch(append=domains)
        if credspecs:
            patch["credspecs"] = ListPatch(append=credspecs)
        if domains and len(self.spec.domains) == 1:
            own = {"domain": self.spec.domains[0].name}
            entries = enumerate(self.spec.credspecs)
            nameless = {index: own for index, it in entries if it.account and not it.domain}
            patch.setdefault("credspecs", ListPatch()).change = nameless
        if patch:
            self._text.change(patch)

    def write(self) -> None:
        """Replaces the file, or what a link leads to, as a whole, if it has changed; not where it is stdin.

        Raises InputError where the config has become wrong, ExternalError.
        """
        if not self._text.is_changed:
            return
        self._loaded()
        if self._place == "-":
            return
        place = os.path.realpath(self._place)
        try:
            atomic.write_file(place, self._text.text.encode(), stat.S_IMODE(os.stat(place).st_mode))
        except OSError as error:
            raise file_error(place, "written", error) from None

    def print_if_stdin(self) -> None:
        """Prints the new text of a config that came from stdin."""
        if self._place == "-":
            console.write(self._text.text.encode())
