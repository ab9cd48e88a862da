"""`import ad FILE`: snapshots, and what PowerShell writes where no domain controller is in reach."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Parser

from conftest import CONTENTS, ROOT, Call, Folder

SID = "S-1-5-21-2126449477-2524075714-3094792973"
GUID = "244818ae-87ac-4fcd-92ec-e79e5252348a"
SNAPSHOT = f"""\
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
  annotations:
    gmsa-krm.dev/taken-at: "2026-11-26T00:00:00Z"
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: {GUID}
    sid: {SID}
    forest: contoso.com
  accounts:
  - account: Old
    domain: contoso.com
    kind: ManagedServiceAccount
    enabled: true
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    sid: {SID}-1106
    enabled: true
    servicePrincipalNames:
    - http/web.contoso.com
    passwordReaders:
    - name: WebApp1Hosts
      kind: Group
      sid: {SID}-1105
    hosts:
    - NODE1
    passwordIntervalDays: 30
"""
EMEA = """\
  - dnsName: emea.contoso.com
    dnsTreeName: contoso.com
    netBiosName: EMEA
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-1004336348-1177238915-682003330
    forest: contoso.com
"""
CONFIG = f"""\
# The set-up of the web team
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata: {{name: web}}
spec:
  domains:
  - {{dnsName: contoso.com, netBiosName: CONTOSO, guid: {GUID},
     sid: {SID}}}   # ours
  credspecs:
  - account: Other   # keep it
    usedBy: FromWorkloads
  admission: {{mode: None}}
"""
# As ConvertTo-Json -Depth 5 of Windows PowerShell 5.1 shows a SID, and lists of Active Directory's module.
SID_OBJECT = {"BinaryLength": 24, "AccountDomainSid": {"BinaryLength": 24, "Value": SID}, "Value": SID}
DOMAIN: dict[str, Any] = {
    "AllowedDNSSuffixes": [],
    "ComputersContainer": "CN=Computers,DC=contoso,DC=com",
    "DistinguishedName": "DC=contoso,DC=com",
    "DNSRoot": "contoso.com",
    "DomainMode": 7,
    "DomainSID": SID_OBJECT,
    "Forest": "contoso.com",
    "Name": "contoso",
    "NetBIOSName": "CONTOSO",
    "ObjectClass": "domainDNS",
    "ObjectGUID": GUID,
}
ACCOUNT: dict[str, Any] = {
    "DistinguishedName": "CN=WebApp1,CN=Managed Service Accounts,DC=contoso,DC=com",
    "DNSHostName": "WebApp1.contoso.com",
    "Enabled": True,
    "KerberosEncryptionType": [28],
    "ManagedPasswordIntervalInDays": [30],
    "Name": "WebApp1",
    "ObjectClass": "msDS-GroupManagedServiceAccount",
    "ObjectGUID": "0a5d9f86-d081-884c-7d65-9a2feaa0c55a",
    "PrincipalsAllowedToRetrieveManagedPassword": ["CN=Web Hosts,CN=Users,DC=contoso,DC=com"],
    "SamAccountName": "WebApp1$",
    "ServicePrincipalNames": ["http/web.contoso.com", "http/web"],
    "SID": {"BinaryLength": 28, "AccountDomainSid": SID_OBJECT, "Value": f"{SID}-1106"},
    "TrustedForDelegation": False,
    "UserPrincipalName": None,
}
# What an account above becomes.
WANTED = {
    "account": "WebApp1",
    "domain": "contoso.com",
    "kind": "GroupManagedServiceAccount",
    "sid": f"{SID}-1106",
    "enabled": True,
    "dnsHostName": "WebApp1.contoso.com",
    "servicePrincipalNames": ["http/web", "http/web.contoso.com"],
    "passwordReaders": [{"name": "Web Hosts", "kind": "Unknown"}],
    "encryptionTypes": ["AES128", "AES256", "RC4"],
    "passwordIntervalDays": 30,
}


def test_a_snapshot_becomes_a_config_that_renders(call: Call, folder: Folder) -> None:
    root = folder({"ad.yaml": SNAPSHOT})
    done = call("import", "ad", root / "ad.yaml")
    assert done.status == 0, done.stderr
    folder({"gmsa.yaml": done.stdout})
    rendered = call("render", root / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    assert rendered.object("GMSACredentialSpec", "gmsa-webapp1")["credspec"] == json.loads(CONTENTS)


def test_the_config_of_two_domains_names_each(call: Call, folder: Folder) -> None:
    text = SNAPSHOT.replace("  accounts:\n", EMEA + "  accounts:\n")
    text += "  - {account: webapp1, domain: emea.contoso.com, kind: GroupManagedServiceAccount}\n"
    root = folder({"ad.yaml": text})
    done = call("import", "ad", root / "ad.yaml")
    assert done.status == 0, done.stderr
    spec = yaml.safe_load(done.stdout)["spec"]
    assert [(it["dnsName"], it.get("dnsTreeName")) for it in spec["domains"]] == [
        ("contoso.com", None),
        ("emea.contoso.com", "contoso.com"),
    ]
    assert spec["credspecs"] == [
        {"account": "WebApp1", "domain": "contoso.com"},
        {"account": "webapp1", "name": "gmsa-webapp1-emea-contoso-com", "domain": "emea.contoso.com"},
    ]
    folder({"gmsa.yaml": done.stdout})
    assert call("render", root / "gmsa.yaml").status == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("form", ["together", "two files", "appended", "compressed"])
def test_the_json_of_powershell_becomes_a_snapshot(encoding: str, form: str, call: Call, folder: Folder) -> None:
    texts = [json.dumps(it, indent=4).replace("\n", "\r\n") for it in (DOMAIN, [ACCOUNT])]
    files = {
        "together": [json.dumps({"Domain": DOMAIN, "Accounts": [ACCOUNT]})],
        "two files": texts,
        "appended": ["\r\n".join(texts)],
        "compressed": [json.dumps([DOMAIN, ACCOUNT], separators=(",", ":"))],
    }[form]
    root = folder({f"{index}.json": it.encode(encoding) for index, it in enumerate(files)})
    paths = [root / f"{index}.json" for index in range(len(files))]
    done = call("import", "ad", *paths, "--snapshot", root / "ad.yaml")
    assert done.status == 0, done.stderr
    spec = yaml.safe_load((root / "ad.yaml").read_text())["spec"]
    assert spec["accounts"] == [WANTED]
    again = call("import", "ad", root / "ad.yaml")
    assert (again.status, again.stdout) == (0, done.stdout)


# Other forms of the same values: below the -Depth, of other versions, and of Get-ADObject.
FORMS: list[dict[str, Any]] = [
    {"SID": f"{SID}-1106"},
    {"ServicePrincipalNames": "http/web.contoso.com http/web"},
    {"ServicePrincipalNames": {"Value": ["http/web.contoso.com", "http/web"], "Count": 2}},
    {"KerberosEncryptionType": "RC4, AES128, AES256"},
    {"KerberosEncryptionType": {"Value": 28}},
    {"KerberosEncryptionType": None, "msDS-SupportedEncryptionTypes": 28},
    {"ManagedPasswordIntervalInDays": 30},
    {"ManagedPasswordIntervalInDays": "30"},
    {"ObjectClass": ["top", "person", "user", "computer", "msDS-GroupManagedServiceAccount"]},
    {"PrincipalsAllowedToRetrieveManagedPassword": "CN=Web Hosts,CN=Users,DC=contoso,DC=com"},
    {"Enabled": None, "userAccountControl": 4096},
]


@pytest.mark.parametrize("other", FORMS, ids=str)
def test_values_have_several_forms(other: dict[str, Any], call: Call, folder: Folder) -> None:
    root = folder({"ad.json": json.dumps([{**DOMAIN, "DomainSID": SID}, {**ACCOUNT, **other}])})
    done = call("import", "ad", root / "ad.json", "--snapshot", root / "ad.yaml")
    assert done.status == 0, done.stderr
    assert yaml.safe_load((root / "ad.yaml").read_text())["spec"]["accounts"] == [WANTED]


def test_half_of_a_surrogate_pair_is_no_character(call: Call, folder: Folder) -> None:
    """JSON can write one, and YAML cannot."""
    odd = {**ACCOUNT, "DNSHostName": "web\ud83d.contoso.com", "ServicePrincipalNames": ["http/\udc00"]}
    root = folder({"ad.json": json.dumps([DOMAIN, odd])})
    done = call("import", "ad", root / "ad.json", "--snapshot", root / "ad.yaml")
    assert done.status == 0, done.stderr
    (account,) = yaml.safe_load((root / "ad.yaml").read_text())["spec"]["accounts"]
    assert account["dnsHostName"] == "web\ufffd.contoso.com"
    assert account["servicePrincipalNames"] == ["http/\ufffd"]


def test_a_file_may_have_many_values(call: Call, folder: Folder) -> None:
    """These took ten minutes: each was cut off the text."""
    root = folder({"ad.json": "{}\n" * 1_000_000 + json.dumps([DOMAIN, ACCOUNT]) + "\ufeff\n{}"})
    done = call("import", "ad", root / "ad.json")
    assert done.status == 0, done.stderr
    assert "WebApp1" in done.stdout


def test_forests_and_trusts_belong_to_their_domains(call: Call, folder: Folder) -> None:
    emea = {
        **DOMAIN,
        "DNSRoot": "emea.contoso.com",
        "NetBIOSName": "EMEA",
        "ObjectGUID": "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11",
        "DomainSID": "S-1-5-21-1004336348-1177238915-682003330",
    }
    del emea["Forest"]
    forest = {"RootDomain": "contoso.com", "Domains": ["contoso.com", "emea.contoso.com"], "ForestMode": 7}
    trust = {
        "Direction": 2,
        "DistinguishedName": "CN=fabrikam.com,CN=System,DC=contoso,DC=com",
        "Target": "fabrikam.com",
    }
    root = folder({"ad.json": json.dumps([forest, DOMAIN, emea, trust])})
    done = call("import", "ad", root / "ad.json", "--snapshot", root / "ad.yaml")
    assert done.status == 0, done.stderr
    contoso, child = yaml.safe_load((root / "ad.yaml").read_text())["spec"]["domains"]
    assert contoso["trusts"] == [{"dnsName": "fabrikam.com", "direction": "Outbound"}]
    assert (child["forest"], child["dnsTreeName"]) == ("contoso.com", "contoso.com")


def test_into_adds_what_is_missing_and_nothing_on_a_second_run(call: Call, folder: Folder) -> None:
    root = folder({"ad.yaml": SNAPSHOT, "gmsa.yaml": CONFIG})
    command = ("import", "ad", root / "ad.yaml", "--into", root / "gmsa.yaml")
    done = call(*command)
    assert (done.status, done.stdout) == (0, "")
    assert "WebApp1 was added without usedBy" in done.stderr
    added = (root / "gmsa.yaml").read_text()
    assert added == CONFIG.replace("FromWorkloads\n", "FromWorkloads\n  - account: WebApp1\n")
    again = call(*command)
    assert (again.status, again.stdout, again.stderr) == (0, "", "")
    assert (root / "gmsa.yaml").read_text() == added


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        (f"sid: {SID}}}", f"sid: {SID}-1106}}", "8:11"),
        (f"guid: {GUID}", "guid: 00000000-0000-0000-0000-000000000000", "7:56"),
        ("netBiosName: CONTOSO", "netBiosName: contoso.com", "7:41"),
        ("netBiosName: CONTOSO, ", "", "7:5"),
        ("dnsName: contoso.com,", "dnsName: contoso.com, dnsTreeName: emea.contoso.com,", "7:41"),
    ],
)
def test_into_corrects_a_domain_and_says_so(right: str, wrong: str, place: str, call: Call, folder: Folder) -> None:
    before = CONFIG.replace(right, wrong, 1)
    assert before != CONFIG
    root = folder({"ad.yaml": SNAPSHOT, "gmsa.yaml": before})
    done = call("import", "ad", root / "ad.yaml", "--account", "WebApp1", "--into", root / "gmsa.yaml")
    assert done.status == 0, done.stderr
    assert f"gmsa.yaml:{place}: warning: spec.domains[0]." in done.stderr
    after = yaml.safe_load((root / "gmsa.yaml").read_text())
    wanted = yaml.safe_load(CONFIG)["spec"]["domains"][0]
    assert {**after["spec"]["domains"][0], "dnsTreeName": ""} == {**wanted, "dnsTreeName": ""}
    assert after["spec"]["domains"][0].get("dnsTreeName", "contoso.com") == "contoso.com"
    assert "# ours" in (root / "gmsa.yaml").read_text()
    assert call("import", "ad", root / "ad.yaml", "--into", root / "gmsa.yaml").stderr == ""


def test_accounts_are_limited_by_name_and_by_pattern(call: Call, folder: Folder) -> None:
    more = "".join(
        f"  - {{account: {it}, domain: contoso.com, kind: GroupManagedServiceAccount}}\n"
        for it in ("api", "web2", "web3")
    )
    root = folder({"ad.yaml": SNAPSHOT + more})

    def accounts(*patterns: str) -> list[str]:
        done = call("import", "ad", root / "ad.yaml", *(part for it in patterns for part in ("--account", it)))
        assert done.status == 0, done.stderr
        return [it["account"] for it in yaml.safe_load(done.stdout)["spec"]["credspecs"]]

    assert accounts() == ["api", "web2", "web3", "WebApp1"]
    assert accounts("WEB?") == ["web2", "web3"]
    assert accounts("web*", "api$") == ["api", "web2", "web3", "WebApp1"]
    assert accounts("webapp1") == ["WebApp1"]


WRONG: dict[str, tuple[str, tuple[str, ...], str]] = {
    "an account that is not there": (SNAPSHOT, ("--account", "WebApp9"), "WebApp9 is not an account of contoso.com"),
    "a standalone account": (SNAPSHOT, ("--account", "Old"), "Old is a ManagedServiceAccount and not a gMSA"),
    "accounts without their domain": (
        json.dumps([ACCOUNT]),
        (),
        "there are accounts of contoso.com, but not the domain",
    ),
    "a domain without a SID": (json.dumps([{**DOMAIN, "DomainSID": None}]), (), "contoso.com has no DomainSID"),
    "an account's SID": (json.dumps([{**DOMAIN, "DomainSID": f"{SID}-500"}]), (), "is an account's SID"),
    "lists that were cut": (
        json.dumps([DOMAIN, {**ACCOUNT, "PrincipalsAllowedToRetrieveManagedPassword": "CN=A,DC=a CN=B,DC=a"}]),
        (),
        "add -Depth 5",
    ),
    "an object of something else": (json.dumps({"Name": "a"}), (), "has no object of Get-ADDomain"),
    "an account of no domain": (
        json.dumps([DOMAIN, {**ACCOUNT, "DistinguishedName": "CN=WebApp1"}]),
        (),
        "WebApp1 has no DistinguishedName",
    ),
    "half a file": (json.dumps(DOMAIN)[:-9], (), "is neither a snapshot nor JSON"),
    "a config": (CONFIG, (), "has no ActiveDirectorySnapshot"),
    "two snapshots": (f"{SNAPSHOT}---\n{SNAPSHOT}", (), "has 2 ActiveDirectorySnapshots"),
    "a mistake in a snapshot": (SNAPSHOT.replace("kind: Group\n", "kind: Grp\n"), (), "ad:28:13: spec.accounts[1]"),
    "a snapshot without a spec": (SNAPSHOT.partition("spec:")[0], (), "spec: is missing"),
    "nothing": ("", (), "has no ActiveDirectorySnapshot"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_a_message_and_changes_nothing(name: str, call: Call, folder: Folder) -> None:
    text, options, words = WRONG[name]
    root = folder({"ad": text, "gmsa.yaml": CONFIG})
    for into in ((), ("--into", root / "gmsa.yaml"), ("--snapshot", root / "out.yaml")):
        if name == "accounts without their domain" and into:
            continue
        done = call("import", "ad", root / "ad", *options, *into)
        assert (done.status, done.stdout) == (1, ""), done.stderr
        assert words in done.stderr
    assert (root / "gmsa.yaml").read_text() == CONFIG
    assert not (root / "out.yaml").exists()


def test_a_disabled_gmsa_is_told(call: Call, folder: Folder) -> None:
    root = folder({"ad.yaml": SNAPSHOT.replace("enabled: true\n    service", "enabled: false\n    service")})
    done = call("import", "ad", root / "ad.yaml")
    assert done.status == 0
    assert "warning: WebApp1 of contoso.com is disabled" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("--server", "dc1.contoso.com", "ad.yaml")])
def test_a_server_or_files_are_read(arguments: tuple[str, ...], call: Call) -> None:
    done = call("import", "ad", *arguments)
    assert done.status == 2
    assert "give either --server or --domain, or FILE" in done.stderr


def test_the_lines_for_powershell_are_right(call: Call, folder: Folder) -> None:
    """They parse, and each property that they ask for is read: what they write becomes the snapshot."""
    (block,) = re.findall(r"```powershell\n(.*?)```", (ROOT / "docs/how-to/active-directory.md").read_text(), re.DOTALL)
    tree = Parser(Language(tree_sitter_powershell.language())).parse(block.encode())
    assert not tree.root_node.has_error

    def names(start: str, end: str) -> list[str]:
        return re.findall(r"'([-\w]+)'", block.partition(start)[2].partition(end)[0])

    listed = [*names("Select-Object (@(", ")"), *names("$properties = ", "@{")]
    assert {*ACCOUNT, "msDS-AllowedToDelegateTo", "TrustedToAuthForDelegation"} - set(listed) == {
        *("Name", "ObjectGUID", "UserPrincipalName")
    }
    written = {
        "Forest": {"RootDomain": "contoso.com", "Domains": ["contoso.com"]},
        "Domain": {key: DOMAIN[key] for key in names("Get-ADDomain", "\n")},
        "Trusts": [],
        "Accounts": [{key: ACCOUNT.get(key) for key in listed}],
    }
    # > of Windows PowerShell 5.1
    root = folder({"ad.json": json.dumps(written, indent=4).encode("utf-16")})
    done = call("import", "ad", root / "ad.json", "--snapshot", root / "ad.yaml")
    assert done.status == 0, done.stderr
    spec = yaml.safe_load((root / "ad.yaml").read_text())["spec"]
    assert (spec["domains"][0]["sid"], spec["accounts"]) == (SID, [WANTED])
