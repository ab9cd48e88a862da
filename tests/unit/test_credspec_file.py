"""Credential specs from files: their contents, their encoding, and where the files may be."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders import MODE_NONE, contents_of, gmsa_config
from conftest import ROOT, Call, Check, Folder, Render

CONFIG = gmsa_config(
    """
    credspecs:
    - file: webapp.json
      usedBy: FromWorkloads
    """,
    MODE_NONE,
)
GOOD: dict[str, Any] = json.loads((ROOT / "tests/cases/credspec-file/credspecs/webapp3.json").read_text())
PLUGIN_GUID = "{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}"  # not one that gmsa-krm knows


def changed(path: str, value: Any) -> str:
    """A good credspec but for a value at a path."""
    contents = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    at = contents
    for key in parents:
        at = at[key]
    at[last] = value
    return json.dumps(contents)


def with_host_account(**fields: Any) -> str:
    """A good credspec but for some fields of its HostAccountConfig."""
    good = {"PluginGUID": PLUGIN_GUID, "PluginInput": "a", "PortableCcgVersion": "1"}
    host_account = {key: value for key, value in {**good, **fields}.items() if value is not None}
    return changed("ActiveDirectoryConfig.HostAccountConfig", host_account)


@dataclass(frozen=True)
class Mistake:
    """The contents of a file, and the finding that they get.

    `field`: where in the file they are wrong. `words`: the parts of the message that a user needs.
    `also`: the rules of further findings that the mistake causes.
    """

    name: str
    contents: str
    rule: str
    words: tuple[str, ...]
    field: str = ""
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


HOST_ACCOUNT = "ActiveDirectoryConfig.HostAccountConfig"
MISTAKES = [
    Mistake(
        "an open brace",
        "{",
        rule="credspec-file",
        words=("JSON", "New-CredentialSpec"),
    ),
    Mistake(
        "a list",
        "[]",
        rule="credspec-file",
        words=("JSON object", "New-CredentialSpec"),
    ),
    Mistake(
        "a repeated key",
        '{"a": 1, "a": 2}',
        rule="duplicate-key",
        words=("the key a ", "repeated"),
    ),
    Mistake(
        "half of a surrogate pair",
        with_host_account(PluginInput="x\ud800y"),
        rule="credspec-file",
        words=("half of a surrogate pair",),
    ),
    Mistake(
        "no domain",
        '{"CmsPlugins": ["ActiveDirectory"]}',
        rule="required",
        field="DomainJoinConfig",
        words=("missing", "object"),
        also=("required",),
    ),
    Mistake(
        "an account's SID",
        changed("DomainJoinConfig.Sid", "S-1-5-21-1-2-3-1105"),
        rule="account-sid",
        field="DomainJoinConfig.Sid",
        words=("S-1-5-21-1-2-3-1105", "S-1-5-21-1-2-3"),
    ),
    Mistake(
        "a GUID in braces",
        changed("DomainJoinConfig.Guid", "{630a7dd3-2d3e-4471-ae91-1d9ea2556cd5}"),
        rule="domain-guid",
        field="DomainJoinConfig.Guid",
        words=("{630a7dd3-2d3e-4471-ae91-1d9ea2556cd5}", "630a7dd3-2d3e-4471-ae91-1d9ea2556cd5"),
    ),
    Mistake(
        "an account with its $",
        changed("DomainJoinConfig.MachineAccountName", "WebApp3$"),
        rule="account-name",
        field="DomainJoinConfig.MachineAccountName",
        words=("WebApp3$", "WebApp3"),
    ),
    Mistake(
        "no account in the list of accounts",
        changed("ActiveDirectoryConfig.GroupManagedServiceAccounts", []),
        rule="required",
        field="ActiveDirectoryConfig.GroupManagedServiceAccounts",
        words=("{Name, Scope}",),
    ),
    Mistake(
        "another CMS plugin",
        changed("CmsPlugins", ["Other"]),
        rule="cms-plugins",
        field="CmsPlugins",
        words=('["ActiveDirectory"]',),
    ),
    Mistake(
        "an input of a plugin that is not a string",
        with_host_account(PluginInput={"a": "b"}),
        rule="credspec-type",
        field=f"{HOST_ACCOUNT}.PluginInput",
        words=("string", '"{\\"a\\":\\"b\\"}"'),
    ),
    Mistake(
        "a version of the plugin's interface that is a number",
        with_host_account(PortableCcgVersion=1),
        rule="credspec-type",
        field=f"{HOST_ACCOUNT}.PortableCcgVersion",
        words=("string", '"1"'),
    ),
    Mistake(
        "a plugin's GUID without braces",
        with_host_account(PluginGUID=PLUGIN_GUID.strip("{}")),
        rule="plugin-guid",
        field=f"{HOST_ACCOUNT}.PluginGUID",
        words=("braces", f'"{PLUGIN_GUID}"'),
    ),
    Mistake(
        "an unknown field",
        with_host_account(PortableCcgVersion=None, PortableCcgPlugin="1"),
        rule="unknown-field",
        field=f"{HOST_ACCOUNT}.PortableCcgPlugin",
        words=("CRD", "did you mean PortableCcgVersion"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_in_a_credspec_file_is_found(mistake: Mistake, check: Check) -> None:
    checked = check(CONFIG, files={"webapp.json": mistake.contents})
    finding = checked.find(mistake.rule, mistake.field)
    assert (finding.severity, finding.file) == ("error", "webapp.json")
    assert finding.says(*mistake.words), finding.message
    assert sorted(it.rule for it in checked.findings) == sorted([mistake.rule, *mistake.also])


def test_an_account_in_one_scope_only_gets_a_warning(check: Check) -> None:
    accounts = [{"Name": "WebApp3", "Scope": "fabrikam.com"}]
    contents = changed("ActiveDirectoryConfig.GroupManagedServiceAccounts", accounts)
    finding = check(CONFIG, files={"webapp.json": contents}).finding
    assert finding.severity == "warning"
    assert "webapp.json" in finding.file
    assert finding.says("one Scope", "NTLM", "NetBIOS name"), finding.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_credspec_file_has_an_encoding_of_powershell(encoding: str, render: Render) -> None:
    done = render(CONFIG, {"webapp.json": json.dumps(GOOD).encode(encoding)})
    assert done.status == 0, done.stderr
    assert done.object("GMSACredentialSpec")["credspec"] == GOOD


def test_two_files_of_one_account_need_names(check: Check) -> None:
    config = gmsa_config(
        """
        credspecs:
        - file: a.json
        - file: b.json
        """,
        MODE_NONE,
    )
    finding = check(config, files={"a.json": json.dumps(GOOD), "b.json": json.dumps(GOOD)}).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "duplicate-name", "spec.credspecs[1].name")
    assert finding.says("gmsa-webapp3", "spec.credspecs[0]"), finding.message


@pytest.mark.parametrize("account", ["B\u00fcro", "___"])
def test_a_name_cannot_be_derived_from_every_account_in_a_file(account: str, check: Check) -> None:
    """As with an account in the config."""
    finding = check(CONFIG, files={"webapp.json": contents_of(account)}).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "required", "spec.credspecs[0].name")
    assert account in finding.message


@pytest.mark.parametrize(
    "path",
    [
        "../secret.json",
        "/etc/passwd",
        "a/../../secret.json",
        "link.json",
        "linked/secret.json",
        "C:\\a",
        "\\\\server\\a",
    ],
)
def test_a_path_may_not_leave_the_folder_of_the_config(path: str, call: Call, folder: Folder, tmp_path: Path) -> None:
    config = gmsa_config(f"""
        credspecs:
        - file: '{path}'
    """)
    folder({"secret.json": json.dumps(GOOD), "inner/gmsa.yaml": config, "inner/a/empty": ""})
    inner = tmp_path / "inner"
    (inner / "link.json").symlink_to(tmp_path / "secret.json")
    (inner / "linked").symlink_to(tmp_path)
    done = call("render", inner / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "spec.credspecs[0].file: " in done.stderr
    assert "leaves the config's folder" in done.stderr or "absolute path" in done.stderr


def test_a_link_inside_the_folder_is_followed(render: Render, tmp_path: Path) -> None:
    (tmp_path / "webapp.json").symlink_to("real.json")
    done = render(CONFIG, {"real.json": json.dumps(GOOD)})
    assert done.status == 0, done.stderr
