"""`import ad` reads a real domain: the values of the Kubernetes gMSA guide, and accounts in every state."""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from active_directory import contoso
from active_directory.authority import Authority
from active_directory.conftest import Importer
from active_directory.samba import PASSWORD, DomainController
from conftest import CONTENTS, Call

_GROUP = {"name": "WebApp1Hosts", "kind": "Group"}
_BOTH = ["NODE1", "NODE2"]
# What the snapshot has of each account besides its name, its domain and what all have in common.
WANT: dict[str, dict[str, Any]] = {
    "WebApp1": {"servicePrincipalNames": ["host/WebApp1.contoso.com", "http/web.contoso.com"]},
    "FullControl": {},
    "Nobody": {"passwordReaders": [], "hosts": []},
    "EmptyGroup": {"passwordReaders": [{"name": "NoHosts", "kind": "Group"}], "hosts": []},
    "Everybody": {"passwordReaders": [{"name": "Authenticated Users", "kind": "WellKnown"}], "hosts": ["*"]},
    "Computers": {"passwordReaders": [{"name": "Domain Computers", "kind": "Group"}], "hosts": ["*"]},
    "Controllers": {"passwordReaders": [{"name": "Domain Controllers", "kind": "Group"}], "hosts": ["DC1"]},
    "Denied": {
        "passwordReaders": [{"name": "NODE2", "kind": "Computer", "denied": True}, _GROUP],
        "hosts": ["NODE1"],
    },
    "DeniedTooLate": {"passwordReaders": [{"name": "NODE2", "kind": "Computer", "denied": True}, _GROUP]},
    "WriteOnly": {"passwordReaders": [], "hosts": []},
    "Loop": {
        "passwordReaders": [{"name": "LoopA", "kind": "Group"}],
        "hosts": ["NODE3"],
        "otherReaders": ["svc-web"],
    },
    "Gone": {
        "passwordReaders": [{"name": "S-1-5-21-1-2-3-4444", "kind": "Unknown"}],
        "hosts": [],
        "otherReaders": ["S-1-5-21-1-2-3-4444"],
    },
    "Disabled": {"enabled": False},
    "Old": {"encryptionTypes": ["RC4"]},
    "Modern": {"encryptionTypes": ["AES128", "AES256"]},
    "Weekly": {"passwordIntervalDays": 7},
    "Delegating": {"trustedForDelegation": True},
    "Constrained": {
        "trustedToAuthForDelegation": True,
        "delegatesTo": ["cifs/files", "cifs/files.contoso.com"],
    },
    "Standalone": {"kind": "ManagedServiceAccount"},
}
COMMON = {
    "kind": "GroupManagedServiceAccount",
    "enabled": True,
    "passwordReaders": [_GROUP],
    "hosts": _BOTH,
    "passwordIntervalDays": 30,
}


def snapshot(importer: Importer, ca: Path, *options: str) -> str:
    place = ca.with_name("ad.yaml")
    done = importer.by_password(ca, "--snapshot", place, *options)
    assert done.status == 0, done.stderr
    return place.read_text()


def test_the_snapshot_has_every_account_in_its_state(importer: Importer, ca: Path) -> None:
    found = yaml.safe_load(snapshot(importer, ca))["spec"]
    assert found["domains"] == [
        {
            "dnsName": "contoso.com",
            "netBiosName": "CONTOSO",
            "guid": contoso.GUID,
            "sid": contoso.SID,
            "forest": "contoso.com",
        }
    ]
    accounts = {it.pop("account"): it for it in found["accounts"]}
    assert list(accounts) == sorted(accounts, key=str.lower)
    for it in accounts.values():
        assert it.pop("sid").rpartition("-")[0] == contoso.SID
        assert it.pop("domain") == "contoso.com"
        for reader in it.get("passwordReaders", ()):
            assert reader.pop("sid").startswith("S-1-5-")
    for name, it in WANT.items():
        host_name = {"dnsHostName": f"{name}.contoso.com"} if name != "Standalone" else {}
        common = COMMON if name != "Standalone" else {"enabled": True}
        wanted = {key: value for key, value in {**common, **host_name, **it}.items() if value != [] or key == "hosts"}
        assert accounts.pop(name) == wanted, name
    assert not accounts


def test_a_snapshot_is_the_same_at_each_run(importer: Importer, ca: Path) -> None:
    assert snapshot(importer, ca) == snapshot(importer, ca)


def test_a_newcomers_config_renders_what_the_guide_has(importer: Importer, call: Call, ca: Path) -> None:
    importer.log_on()
    done = importer("--domain", contoso.DOMAIN, "--account", "webapp1")
    assert done.status == 0, done.stderr
    (ca.parent / "gmsa.yaml").write_text(done.stdout)
    rendered = call("render", ca.parent / "gmsa.yaml")
    assert rendered.object("GMSACredentialSpec", "gmsa-webapp1")["credspec"] == json.loads(CONTENTS)


def test_each_way_to_log_on_reads_the_same(
    importer: Importer, ca: Path, controller: DomainController, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_password = importer.by_password(ca)
    assert by_password.status == 0, by_password.stderr
    (ca.parent / "password").write_text(f"{PASSWORD}\n")
    server = ("--server", controller.host)
    by_file = importer(*server, "--user", r"CONTOSO\reader", "--ca", ca, "--password-file", ca.parent / "password")
    importer.log_on()
    sealed = importer(*server)
    # Where a firewall leaves port 636 alone; this controller then wants channel binding.
    monkeypatch.setattr("gmsa_krm.active_directory.ldap.connect.LDAP_PORT", 1)
    over_tls = importer(*server, "--ca", ca)
    for other in (by_file, sealed, over_tls):
        assert (other.status, other.stdout) == (0, by_password.stdout), other.stderr


def test_a_keytab_is_a_logon_too(importer: Importer, controller: DomainController, tmp_path: Path) -> None:
    keytab = controller.folder / "reader.keytab"
    database = f"{controller.inside}/private/sam.ldb"
    command = ("samba-tool", "domain", "exportkeytab", f"{controller.inside}/reader.keytab", "-H", database)
    controller.run(*command, "--principal=reader@CONTOSO.COM", f"--configfile={controller.configuration}")
    done = importer("--server", controller.host, KRB5_CLIENT_KTNAME=str(keytab))
    assert done.status == 0, done.stderr


def test_the_controller_wants_channel_binding(
    importer: Importer, ca: Path, controller: DomainController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the test above would prove nothing."""
    importer.log_on()
    monkeypatch.setattr("gmsa_krm.active_directory.ldap.connect.LDAP_PORT", 1)
    monkeypatch.setattr("gmsa_krm.active_directory.ldap.kerberos.end_point", lambda certificate: b"wrong")
    done = importer("--server", controller.host, "--ca", ca)
    assert done.status == 3
    assert "the server wants channel binding" in done.stderr


def test_into_corrects_a_config_and_then_leaves_it(importer: Importer, ca: Path) -> None:
    config = ca.parent / "gmsa.yaml"
    right = importer.by_password(ca, "--account", "WebApp1").stdout
    config.write_text(
        "# ours\n" + right.replace(contoso.SID, f"{contoso.SID}-1105").replace("WebApp1", "webapp1 # keep")
    )
    for _ in range(2):
        done = importer.by_password(ca, "--account", "WebApp1", "--into", config)
        assert done.status == 0, done.stderr
        assert config.read_text() == "# ours\n" + right.replace("WebApp1", "webapp1 # keep")
    assert done.stderr == ""


def test_accounts_of_other_kinds_are_told(importer: Importer, ca: Path) -> None:
    names = ("Standalone", "svc-web", "NODE1", "WebApp9", "*)(objectClass=*")
    done = importer.by_password(ca, *(part for it in names for part in ("--account", it)))
    assert (done.status, done.stdout) == (1, "")
    for words in (
        "Standalone is a ManagedServiceAccount and not a gMSA",
        "svc-web is a User and not a gMSA",
        "NODE1 is a Computer and not a gMSA",
        "WebApp9 is not an account of contoso.com",
    ):
        assert words in done.stderr
    assert len(done.stderr.splitlines()) == 4


REFUSED: dict[str, tuple[list[str], str]] = {
    "no ticket": ([], "log on with `kinit USER@REALM`"),
    "a wrong password": (["--user", "reader@contoso.com", "--ca", "CA"], "the user or the password is wrong"),
    "a disabled user": (["--user", "locked@contoso.com", "--ca", "CA"], "the user is disabled"),
    "no CA": (["--user", "reader@contoso.com"], "the certificate is not trusted"),
    "another CA": (["--user", "reader@contoso.com", "--ca", "OTHER"], "the certificate is not trusted"),
    "no file for a CA": (["--user", "reader@contoso.com", "--ca", "/nothing"], "/nothing: cannot be read"),
    "a file without a CA": (
        ["--user", "reader@contoso.com", "--ca", "/etc/hostname"],
        "has no certificate in PEM form",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name: str, importer: Importer, ca: Path, controller: DomainController) -> None:
    options, words = REFUSED[name]
    (ca.parent / "other.crt").write_bytes(Authority().pem)
    places = {"CA": str(ca), "OTHER": str(ca.parent / "other.crt")}
    password = "wrong-Pass-1" if name == "a wrong password" else PASSWORD
    arguments = [places.get(it, it) for it in options]
    done = importer("--server", controller.host, *arguments, GMSA_KRM_AD_PASSWORD=password)
    assert (done.status, done.stdout) == (3, "")
    assert words in done.stderr
    assert password not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_name_of_the_server_is_verified(importer: Importer, ca: Path) -> None:
    done = importer(
        "--server", "contoso.com", "--user", "reader@contoso.com", "--ca", ca, GMSA_KRM_AD_PASSWORD=PASSWORD
    )
    assert done.status == 3
    assert "Hostname mismatch" in done.stderr


def test_a_domain_that_dns_does_not_know_gets_a_message(importer: Importer) -> None:
    done = importer("--domain", "nowhere.contoso.com")
    assert done.status == 3
    assert "DNS names no domain controller" in done.stderr


# Of LDAP's requests: bind, search, unbind.
ALLOWED = {0x60, 0x63, 0x42}


def test_only_reading_goes_over_the_wire(importer: Importer, ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    send = ssl.SSLSocket.sendall

    def recorded(self: ssl.SSLSocket, data: Any, flags: int = 0) -> None:
        sent.append(bytes(data))
        send(self, data, flags)

    monkeypatch.setattr(ssl.SSLSocket, "sendall", recorded)
    assert importer.by_password(ca).status == 0
    kinds = {_operation(it) for it in sent}
    assert kinds == ALLOWED
    assert not any(re.search(rb"msDS-ManagedPassword(?!Interval)", it, re.IGNORECASE) for it in sent)


def _operation(message: bytes) -> int:
    """The tag of the operation in an LDAPMessage, behind the tags and lengths of it and of its number."""
    at = 2 + (message[1] & 0x7F if message[1] & 0x80 else 0)
    return message[at + 2 + message[at + 1]]
