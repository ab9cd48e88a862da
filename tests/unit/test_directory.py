"""`import ad --server` against servers as no real one is: hostile, broken or rare. A message ends each in time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from active_directory.authority import Authority
from conftest import Call, Done
from fake_directory import (
    BIND,
    CHILD,
    DOMAIN_SID,
    SEARCH,
    UNBIND,
    Answer,
    FakeDirectory,
    child_domain,
    descriptor,
    directory,
    entry,
    message,
    result,
    sid,
)
from gmsa_krm.active_directory.ldap import ber

PASSWORD = "s3cret-of-the-test"
CONNECT = "gmsa_krm.active_directory.ldap.connect"
CONNECTION = "gmsa_krm.active_directory.ldap.connection"


class Server:
    """The fake directory, and `import ad` of it."""

    def __init__(self, fake: FakeDirectory, call: Call, ca: Path) -> None:
        self.fake = fake
        self._call = call
        self._ca = ca

    def read(self, answer: Answer, *options: str | Path) -> Done:
        self.fake.answer = answer
        arguments = ("--server", "localhost", "--user", "reader@emea.contoso.com", "--ca", self._ca, *options)
        return self._call("import", "ad", *arguments, env={"GMSA_KRM_AD_PASSWORD": PASSWORD})

    def snapshot(self, answer: Answer, *options: str) -> dict[str, Any]:
        place = self._ca.with_name("ad.yaml")
        done = self.read(answer, "--snapshot", place, *options)
        assert done.status == 0, done.stderr
        spec: dict[str, Any] = yaml.safe_load(place.read_text())["spec"]
        return spec


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "tls"
    Authority().issue(folder, "localhost")
    return folder


@pytest.fixture
def server(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Path) -> Iterator[Server]:
    fake = FakeDirectory(certificates)
    (tmp_path / "ca.crt").write_bytes((certificates / "ca.crt").read_bytes())
    monkeypatch.setattr(f"{CONNECT}.LDAPS_PORT", fake.port)
    monkeypatch.setattr(f"{CONNECT}.SILENCE", 1.0)
    monkeypatch.setattr(f"{CONNECTION}.SILENCE", 1.0)
    monkeypatch.setattr(f"{CONNECTION}.TOTAL", 4.0)
    yield Server(fake, call, tmp_path / "ca.crt")
    fake.close()


def test_a_child_domain_has_the_root_of_its_forest_as_tree_name(server: Server) -> None:
    spec = server.snapshot(directory(child_domain()))
    assert spec["domains"] == [
        {
            "dnsName": "emea.contoso.com",
            "dnsTreeName": "contoso.com",
            "netBiosName": "EMEA",
            "guid": "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11",
            "sid": "S-1-5-21-1004336348-1177238915-682003330",
            "forest": "contoso.com",
            "trusts": [{"dnsName": "fabrikam.com", "direction": "Outbound", "sid": "S-1-5-21-1-2-3"}],
        }
    ]
    (account,) = spec["accounts"]
    assert (account["account"], account["hosts"]) == ("Web", ["NODE1"])
    assert [it["name"] for it in account["passwordReaders"]] == ["Hosts"]


def test_members_of_a_large_group_come_in_ranges(server: Server) -> None:
    objects = child_domain()
    group = objects[f"CN=Hosts,{CHILD}"]
    nodes = {f"CN=N{number},{CHILD}": number for number in range(5)}
    for dn, number in nodes.items():
        objects[dn] = {
            "objectClass": [b"computer"],
            "objectSid": [sid(*DOMAIN_SID, 2000 + number)],
            "sAMAccountName": [f"N{number}$".encode()],
        }
    names = [it.encode() for it in nodes]
    del group["member"]

    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        is_later = b"member;range=2-*" in contents
        given = {"member;range=2-*": names[2:]} if is_later else {"member;range=0-1": names[:2]}
        everything = {**objects, f"CN=Hosts,{CHILD}": {**group, **given}}
        yield from directory(everything)(number, tag, contents)

    (account,) = server.snapshot(answer)["accounts"]
    assert account["hosts"] == ["N0", "N1", "N2", "N3", "N4"]


def test_answers_may_come_in_any_order(server: Server) -> None:
    """Those to requests that were sent before the first was answered."""
    objects = child_domain()
    nodes = [f"CN=N{number},{CHILD}" for number in range(10)]
    objects[f"CN=Hosts,{CHILD}"]["member"] = [it.encode() for it in nodes]
    for number, dn in enumerate(nodes):
        objects[dn] = {
            "objectClass": [b"computer"],
            "objectSid": [sid(*DOMAIN_SID, 2000 + number)],
            "sAMAccountName": [f"N{number}$".encode()],
        }
    held: list[bytes] = []

    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        parts = list(directory(objects)(number, tag, contents))
        if not any(it.encode() in contents for it in nodes):
            yield from parts
            return
        held.insert(0, b"".join(parts))
        if len(held) == len(nodes):
            yield from held

    (account,) = server.snapshot(answer)["accounts"]
    assert account["hosts"] == [f"N{number}" for number in range(10)]


def test_a_member_in_another_domain_is_told_by_its_name(server: Server) -> None:
    objects = child_domain()
    objects[f"CN=Hosts,{CHILD}"]["member"] = [b"CN=NODE7,DC=contoso,DC=com"]
    (account,) = server.snapshot(directory(objects))["accounts"]
    assert (account["hosts"], account["otherReaders"]) == ([], ["CN=NODE7,DC=contoso,DC=com"])


def test_references_to_other_servers_are_not_followed(server: Server) -> None:
    reference = ber.element(0x73, ber.element(ber.OCTETS, b"ldap://127.0.0.1:9/DC=x"))

    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        if tag == SEARCH:
            yield message(number, reference)
        yield from directory(child_domain())(number, tag, contents)

    assert [it["account"] for it in server.snapshot(answer)["accounts"]] == ["Web"]


def test_odd_texts_stay_in_their_line(server: Server) -> None:
    objects = child_domain()
    web = objects[f"CN=Web,{CHILD}"]
    web["servicePrincipalName"] = [b"http/\xff\xfe", b"a: b\n- c", "http/\u202eevil".encode(), b"\x1b[31m", b""]
    objects[f"CN=NODE1,{CHILD}"]["sAMAccountName"] = ["n\u2028o$".encode()]
    (account,) = server.snapshot(directory(objects))["accounts"]
    assert len(account["servicePrincipalNames"]) == 5
    assert account["hosts"] == ["n\u2028o"]
    web["sAMAccountName"] = [b"\x1b]0;x\x07$"]
    done = server.read(directory(objects))
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.rstrip("\n").isprintable()


def _from_search(*parts: bytes, after: int = 0) -> Answer:
    """Lets the bind succeed, and answers the searches from the one of number `after` on with these bytes."""

    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        if tag == BIND or number <= after + 1:
            yield from directory(child_domain())(number, tag, contents)
        else:
            yield from parts

    return answer


def _bind(*parts: bytes) -> Answer:
    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        yield from parts

    return answer


def _with(dn: str, **attributes: list[bytes]) -> Answer:
    objects = child_domain()
    objects[dn].update({key.replace("_", "-"): it for key, it in attributes.items()})
    return directory(objects)


def _drip(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
    for byte in message(number, entry("x" * 9000, {})):
        time.sleep(0.1)
        yield bytes((byte,))


def _endless(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
    if tag == BIND:
        yield message(number, result(0x61))
        return
    while True:
        yield message(number, entry("", {"a": [b"x" * 100_000]}))


def _pages(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
    """One page after the other, all of them empty."""
    if tag == BIND:
        yield message(number, result(0x61))
        return
    value = ber.element(ber.SEQUENCE, ber.integer(0), ber.element(ber.OCTETS, b"more"))
    control = ber.element(
        ber.SEQUENCE, ber.element(ber.OCTETS, b"1.2.840.113556.1.4.319"), ber.element(ber.OCTETS, value)
    )
    yield ber.element(ber.SEQUENCE, ber.integer(number), result(0x65), ber.element(0xA0, control))


WEB = f"CN=Web,{CHILD}"
HOSTILE: dict[str, tuple[Answer, str]] = {
    "nothing": (_bind(), "does not answer"),
    "HTTP": (_bind(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it is not LDAP"),
    "a length of 4 GiB": (_bind(b"\x30\x84\xff\xff\xff\xff"), "a message is larger than 32 MiB"),
    "a length of 127 bytes": (_bind(b"\x30\xff" + b"\xff" * 127), "a length is in a form that LDAP does not use"),
    "an indefinite length": (_bind(b"\x30\x80\x00\x00"), "a length is in a form that LDAP does not use"),
    "an empty message": (_bind(b"\x30\x00"), "an element is missing"),
    "an answer to another request": (_bind(message(77, result(0x61))), "an answer belongs to no request"),
    "a search's answer to a bind": (_bind(message(1, result(0x65))), "an answer to a bind is of another kind"),
    "a wrong password": (
        _bind(message(1, result(0x61, 49, b"80090308: LdapErr: DSID-0, comment: x, data 532, v4563\0"))),
        "the user's password has expired",
    ),
    "a message of the server": (
        _bind(message(1, result(0x61, 80, b"\x1b[2J" + b"x" * 5000))),
        r"LDAP result 80 (\x1b[2Jxxx",
    ),
    "the end of the connection": (
        _from_search(message(0, ber.element(0x78, ber.integer(52, ber.ENUMERATED)))),
        "ended the connection",
    ),
    "a referral": (_from_search(message(2, result(0x65, 10, b"0000202B: RefErr"))), "which is not followed"),
    "no rights": (_from_search(message(3, result(0x65, 50)), after=1), "the user may not read this"),
    "an entry that ends too early": (
        _from_search(message(2, ber.element(0x64, b"\x04\x7fx"))),
        "an element ends too early",
    ),
    "drops": (_drip, "reading took more than 4 seconds"),
    "without an end": (_endless, "sent more than 16 MiB"),
    "pages without an end": (_pages, "a search does not end"),
    "another server": (directory({"": {"namingContexts": [b"dc=example"]}}), "is not a domain controller"),
    "a SID of three bytes": (_with(CHILD, objectSid=[b"\1\5\0"]), "objectSid: a SID is incomplete"),
    "a GUID of three bytes": (_with(CHILD, objectGUID=[b"abc"]), "objectGUID: a GUID has 16 bytes"),
    "a range of 5,000 digits": (
        _with(f"CN=Hosts,{CHILD}", **{"member;range=0-" + "9" * 5000: [b"CN=NODE1," + CHILD.encode()]}),
        "a range of members is out of bounds",
    ),
    "half a descriptor": (_with(WEB, msDS_GroupMSAMembership=[descriptor()[:-1]]), "a DACL is incomplete"),
    "an entry of no length": (
        _with(WEB, msDS_GroupMSAMembership=[descriptor(sid(1, 2))[:28] + bytes(20)]),
        "an entry of a DACL has a wrong size",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_server_gets_a_message_in_time(name: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{CONNECTION}.MAX_RECEIVED", 16 * 1024 * 1024)
    answer, words = HOSTILE[name]
    started = time.monotonic()
    done = server.read(answer)
    assert time.monotonic() - started < 30  # of a busy machine; without limits it would not end
    assert (done.status, done.stdout) == (3, "")
    assert words in done.stderr
    assert "localhost" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) < 600
    assert PASSWORD not in done.stderr


def test_members_of_many_groups_do_not_fill_the_memory(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the groups has all members of the one in it."""
    monkeypatch.setattr("gmsa_krm.active_directory.ldap.readers._MOST_IN_ALL", 50)
    objects = child_domain()
    sids = [sid(*DOMAIN_SID, 3000 + number) for number in range(50)]
    for number, it in enumerate(sids):
        group = {"objectClass": [b"group"], "objectSid": [it], "sAMAccountName": [b"G%d" % number]}
        objects[f"CN=G{number},{CHILD}"] = {**group, "member": [f"CN=Hosts,{CHILD}".encode()]}
    objects[WEB]["msDS-GroupMSAMembership"] = [descriptor(*sids)]
    done = server.read(directory(objects))
    assert (done.status, done.stdout) == (3, "")
    assert "have more than 50 members; limit the accounts with --account" in done.stderr


def test_nothing_but_bind_search_and_unbind_is_sent(server: Server) -> None:
    server.snapshot(directory(child_domain()), "--account", "*)(objectClass=*")
    kinds = [kind for kind, _ in server.fake.requests]
    assert {BIND, SEARCH} <= set(kinds) <= {BIND, SEARCH, UNBIND}
    assert kinds.count(BIND) == 1
    assert not any(
        b"msDS-ManagedPassword\x04" in it or it.endswith(b"msDS-ManagedPassword") for _, it in server.fake.requests
    )


def _dns_names(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Makes DNS name these domain controllers."""
    exception, resolver = ModuleType("dns.exception"), ModuleType("dns.resolver")
    exception.DNSException = type("DNSException", (Exception,), {})  # type: ignore[attr-defined]
    records = [
        SimpleNamespace(priority=0, weight=-number, target=SimpleNamespace(to_text=lambda omit_final_dot, it=it: it))
        for number, it in enumerate(hosts)
    ]
    resolver.resolve = lambda *_, **__: records  # type: ignore[attr-defined]
    for name, module in {"dns.exception": exception, "dns.resolver": resolver}.items():
        monkeypatch.setitem(sys.modules, name, module)


def test_a_password_goes_to_no_server_of_another_domain(
    server: Server, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of DNS can be forged, and a certificate for the name in them can be valid."""
    server.fake.answer = directory(child_domain())
    options = ("--user", "x@contoso.com", "--ca", tmp_path / "ca.crt")

    def read(domain: str) -> Done:
        return call("import", "ad", "--domain", domain, *options, env={"GMSA_KRM_AD_PASSWORD": PASSWORD})

    _dns_names(monkeypatch, "localhost")
    for domain in ("emea.contoso.com", "host", "ocalhost"):
        done = read(domain)
        assert (done.status, done.stdout) == (3, "")
        assert "DNS names localhost, which is not below it" in done.stderr
        assert "--server" in done.stderr
    assert server.fake.requests == []
    _dns_names(monkeypatch, "elsewhere.example.com", "LOCALHOST")
    assert read("localhost.").status == 0
    assert BIND in {kind for kind, _ in server.fake.requests}


def test_without_the_extra_a_message_says_what_to_install(
    server: Server, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("spnego", "dns.exception"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(f"{CONNECT}.LDAP_PORT", server.fake.port)
    for option in ("--server", "--domain"):
        done = call("import", "ad", option, "localhost")
        assert (done.status, done.stdout) == (3, "")
        assert "pip install 'gmsa-krm[ad]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_password_needs_a_source_that_others_cannot_see(
    server: Server, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GMSA_KRM_AD_PASSWORD", raising=False)
    arguments = ("import", "ad", "--server", "localhost", "--user", "x", "--ca", tmp_path / "ca.crt")
    done = call(*arguments)
    assert done.status == 3
    assert "--password-file" in done.stderr
    server.fake.answer = directory(child_domain())
    for text in ("", "\n"):
        (tmp_path / "password").write_text(text)
        done = call(*arguments, "--password-file", tmp_path / "password")
        assert (done.status, "the password is empty" in done.stderr) == (3, True)
    (tmp_path / "password").write_text(f"{PASSWORD}\r\n")
    assert call(*arguments, "--password-file", tmp_path / "password").status == 0
    assert any(kind == BIND and it.endswith(PASSWORD.encode()) for kind, it in server.fake.requests)
