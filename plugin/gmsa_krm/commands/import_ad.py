"""`import ad`: domains and gMSAs of Active Directory as a GMSAConfig, and as a snapshot for checks."""

from __future__ import annotations

import fnmatch
import os

from gmsa_krm import atomic, console
from gmsa_krm.active_directory.entries import Entries, accounts_in, corrections
from gmsa_krm.active_directory.files import MAX_BYTES, read_files
from gmsa_krm.active_directory.snapshot import GMSA, snapshot_text
from gmsa_krm.config.load import parse_config
from gmsa_krm.config.model import API_VERSION, KIND
from gmsa_krm.environment import Environment
from gmsa_krm.existing_config import ExistingConfig, root_of
from gmsa_krm.findings import ExternalError, InputError, Report, UsageError, file_error, has_errors, sort_findings
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.edits import ListPatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.active_directory.ldap.connect import Login
    from gmsa_krm.arguments import Options
    from gmsa_krm.findings import Finding
    from gmsa_krm.yamltext.nodes import Node

    Data = dict[str, Any]

_PASSWORD = "GMSA_KRM_AD_PASSWORD"  # noqa: S105
_WANTED = "give an ActiveDirectorySnapshot, or the JSON of PowerShell"
# Of a domain that DNS names, so many controllers are tried.
_TRIES = 4


def run(options: Options) -> int:
    """Prints a config, or adds to the one of --into; writes the snapshot of --snapshot.

    Raises InputError, ExternalError.
    """
    is_online = bool(options.server or options.domain)
    if is_online == bool(options.file):
        raise UsageError("import ad reads servers or files: give either --server or --domain, or FILE; see --help")
    _refuse_overwriting(options)
    known = _Directory(options)
    if is_online:
        known.read_servers()
    else:
        known.read_files()
    known.check_names()
    if has_errors(known.findings):
        raise InputError(sort_findings(known.findings))
    return _print(known, options) if options.into is None else _add(known, options)


def _refuse_overwriting(options: Options) -> None:
    """Raises UsageError for a snapshot in place of a file that is read, or of the config that is written."""
    if options.snapshot is not None:
        named = {"--into": options.into, "--ca": options.ca, "--password-file": options.password_file}
        inputs = [("FILE", it) for it in options.file]
        inputs += [(option, file) for option, file in named.items() if file is not None]
        console.refuse_overwriting("--snapshot", options.snapshot, inputs)


def _print(known: _Directory, options: Options) -> int:
    entries = Entries(known.domains, None, set(), known.report)
    entries.add_domains()  # before accounts, which name their domain where there are several
    entries.add(known.accounts)
    if not entries.domains:
        known.report.error("directory-file", "there is no domain; give its Get-ADDomain, too")
    if has_errors(known.findings):
        raise InputError(sort_findings(known.findings))
    name = entries.domains[0]["dnsName"].lower().replace("_", "-")
    spec = {"domains": entries.domains, "credspecs": entries.credspecs}
    text = writer.document({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec})
    loaded = parse_config(text, "the GMSAConfig", positions=False)
    if has_errors(loaded.findings):
        raise InputError([*sort_findings(known.findings), *loaded.findings])
    for entry in loaded.config.spec.credspecs:
        entry.warn_of_no_users(loaded.report)
    known.write_snapshot()
    console.print_findings([*sort_findings(known.findings), *loaded.findings], quiet=options.quiet)
    console.write(text.encode())
    return console.DONE


def _add(known: _Directory, options: Options) -> int:
    report = Report(console.shown(options.into), findings=known.findings)

    def correct(root: Node) -> Data:
        patches = corrections(root, known.domains, report)
        return {"domains": ListPatch(change=patches)} if patches else {}

    target = ExistingConfig(options.into, correct)
    entries = Entries(known.domains, target.spec, target.names(), report)
    entries.add(known.accounts)
    if has_errors(known.findings):
        raise InputError(sort_findings(known.findings))
    target.add(entries.domains, entries.credspecs)
    known.write_snapshot()
    target.write()
    for added in entries.credspecs:
        message = f"{added['account']} was added without usedBy, so nobody may use it yet; give its service accounts"
        report.warning("no-users", message, field="spec.credspecs")
    console.print_findings(sort_findings(known.findings), quiet=options.quiet)
    target.print_if_stdin()
    return console.DONE


class _Directory:
    """What Active Directory knows, in the form of a snapshot's fields, and what is wrong with it."""

    def __init__(self, options: Options) -> None:
        self.domains: list[Data] = []
        self.accounts: list[Data] = []
        self.findings: list[Finding] = []
        self.report = Report(findings=self.findings)
        self._options = options
        self._named = [it.removesuffix("$") for it in options.account if not set(it) & set("*?[")]

    def read_files(self) -> None:
        files = [(console.shown(it), console.read_input(it, MAX_BYTES, _WANTED)) for it in self._options.file]
        self.domains, accounts, findings = read_files(files)
        self.findings += findings
        patterns = [it.lower().removesuffix("$") for it in self._options.account]
        for it in accounts:
            if not patterns or any(fnmatch.fnmatchcase(it["account"].lower(), pattern) for pattern in patterns):
                self.accounts.append(it)

    def read_servers(self) -> None:
        from gmsa_krm.active_directory.ldap.connect import Login, deadline
        from gmsa_krm.active_directory.ldap.connection import TOTAL

        options = self._options
        wanted = list(self._named)
        if options.into not in (None, "-"):  # which can be read but once
            wanted += accounts_in(root_of(options.into))
        login = Login(options.user, self._password, options.ca)
        reading = _Reading(self, login, deadline(TOTAL), options.account, wanted)
        if options.server is not None:
            reading.server(options.server)
        for domain in options.domain:
            if domain.lower().rstrip(".") not in {it["dnsName"].lower() for it in self.domains}:
                reading.domain(domain)

    def _password(self) -> str:
        """The password of --user. It is never an argument, which other users of the machine can see."""
        if self._options.password_file is not None:
            data = console.read_input(self._options.password_file, MAX_BYTES, "give a file with a password")
            return data.decode("utf-8-sig", "surrogateescape").splitlines()[0] if data.strip() else ""
        if _PASSWORD in os.environ:
            return os.environ[_PASSWORD]
        if console.is_terminal():
            from getpass import getpass

            return getpass(f"Password of {self._options.user}: ")
        message = f"--user needs a password: give --password-file, or set {_PASSWORD}, or run it in a terminal"
        raise ExternalError(message)

    def check_names(self) -> None:
        """Reports accounts that were requested by name and are not there, or are not gMSAs."""
        known = {it["account"].lower(): it for it in sorted(self.accounts, key=lambda it: str(it["kind"] == GMSA))}
        for name in self._named:
            found = known.get(name.lower())
            if found is None:
                where = ", ".join(it["dnsName"] for it in self.domains) or "the files"
                message = f"{name} is not an account of {where}; give its sAMAccountName, or a pattern such as web*"
                self.report.error("unknown-account", message, field="--account")
            elif found["kind"] != GMSA:
                message = (
                    f"{name} is a {found['kind']} and not a gMSA; create one with New-ADServiceAccount -DNSHostName"
                )
                self.report.error("not-a-gmsa", message, field="--account")

    def write_snapshot(self) -> None:
        place = self._options.snapshot
        if place is None:
            return
        text = snapshot_text(self.domains, self.accounts, Environment(".", os.environ).now(), self._options.account)
        try:
            atomic.write_file(place, text.encode(), atomic.ordinary_mode())
        except OSError as error:
            raise file_error(place, "written", error) from None


class _Reading:
    """Reads domains from servers into a directory."""

    def __init__(self, into: _Directory, login: Login, until: float, patterns: list[str], named: list[str]) -> None:
        """`until`: when it has to end; `patterns`, `named`: as for `Directory.accounts`."""
        self._into = into
        self._login = login
        self._until = until
        self._patterns = patterns
        self._named = named

    def domain(self, name: str) -> None:
        """Reads a domain from one of its controllers, which DNS names."""
        from gmsa_krm.active_directory.ldap.connect import domain_controllers
        from gmsa_krm.active_directory.ldap.errors import UnreachableError

        hosts = domain_controllers(name, self._login)[:_TRIES]
        for host in hosts:
            try:
                self.server(host)
            except UnreachableError:
                if host == hosts[-1]:
                    raise
            else:
                return

    def server(self, host: str) -> None:
        from gmsa_krm.active_directory.ldap.connect import connect
        from gmsa_krm.active_directory.ldap.directory import Directory

        connection = connect(host, self._login, self._until)
        try:
            directory = Directory(connection)
            domain = directory.domain()
            self._into.accounts += directory.accounts(domain, self._patterns, self._named)
            self._into.domains.append(domain)
        finally:
            connection.close()
