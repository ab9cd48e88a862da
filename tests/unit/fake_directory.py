"""A server that speaks LDAP over TLS as far as a test needs it, for what no real one says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from gmsa_krm.active_directory.ldap import ber

BIND, UNBIND, SEARCH = 0x60, 0x42, 0x63
# Attributes of an object by its distinguished name.
Objects = dict[str, dict[str, list[bytes]]]
# What a server answers to a request: number, tag of the operation, its contents.
Answer = Callable[[int, int, bytes], Iterator[bytes]]

CHILD = "DC=emea,DC=contoso,DC=com"
ROOT = "DC=contoso,DC=com"


def sid(*numbers: int) -> bytes:
    return bytes((1, len(numbers))) + (5).to_bytes(6, "big") + struct.pack(f"<{len(numbers)}I", *numbers)


DOMAIN_SID = (21, 1004336348, 1177238915, 682003330)


def descriptor(*readers: bytes) -> bytes:
    """A security descriptor that lets these SIDs read."""
    entries = b"".join(struct.pack("<BBHI", 0, 0, 8 + len(it), 0x10) + it for it in readers)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(entries), len(readers), 0) + entries
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + acl


def child_domain() -> Objects:
    """A domain below the root of its forest, with one gMSA."""
    partitions = "CN=Partitions,CN=Configuration,DC=contoso,DC=com"
    return {
        "": {
            "defaultNamingContext": [CHILD.encode()],
            "configurationNamingContext": [b"CN=Configuration,DC=contoso,DC=com"],
            "rootDomainNamingContext": [ROOT.encode()],
        },
        f"CN=EMEA,{partitions}": {
            "objectClass": [b"crossRef"],
            "nCName": [CHILD.encode()],
            "dnsRoot": [b"emea.contoso.com"],
            "nETBIOSName": [b"EMEA"],
        },
        f"CN=CONTOSO,{partitions}": {
            "objectClass": [b"crossRef"],
            "nCName": [ROOT.encode()],
            "dnsRoot": [b"contoso.com"],
            "nETBIOSName": [b"CONTOSO"],
        },
        CHILD: {
            "objectClass": [b"domainDNS"],
            "objectGUID": [bytes.fromhex("b13c2a5d5c0b0e4b8a0c0f0c1f6f6a11")],
            "objectSid": [sid(*DOMAIN_SID)],
        },
        f"CN=fabrikam.com,CN=System,{CHILD}": {
            "objectClass": [b"trustedDomain"],
            "trustPartner": [b"fabrikam.com"],
            "trustDirection": [b"2"],
            "securityIdentifier": [sid(21, 1, 2, 3)],
        },
        f"CN=Web,{CHILD}": {
            "objectClass": [b"top", b"user", b"computer", b"msDS-GroupManagedServiceAccount"],
            "objectSid": [sid(*DOMAIN_SID, 1106)],
            "sAMAccountName": [b"Web$"],
            "userAccountControl": [b"4096"],
            "msDS-GroupMSAMembership": [descriptor(sid(*DOMAIN_SID, 1105))],
        },
        f"CN=Hosts,{CHILD}": {
            "objectClass": [b"top", b"group"],
            "objectSid": [sid(*DOMAIN_SID, 1105)],
            "sAMAccountName": [b"Hosts"],
            "member": [f"CN=NODE1,{CHILD}".encode()],
        },
        f"CN=NODE1,{CHILD}": {
            "objectClass": [b"top", b"user", b"computer"],
            "objectSid": [sid(*DOMAIN_SID, 1107)],
            "sAMAccountName": [b"NODE1$"],
        },
    }


def message(number: int, operation: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.integer(number), operation)


def result(tag: int, code: int = 0, text: bytes = b"") -> bytes:
    return ber.element(
        tag, ber.integer(code, ber.ENUMERATED), ber.element(ber.OCTETS, b""), ber.element(ber.OCTETS, text)
    )


def entry(dn: str, attributes: dict[str, list[bytes]]) -> bytes:
    pairs = [
        ber.element(
            ber.SEQUENCE,
            ber.element(ber.OCTETS, name.encode()),
            ber.element(ber.SET, *(ber.element(ber.OCTETS, it) for it in values)),
        )
        for name, values in attributes.items()
    ]
    return ber.element(0x64, ber.element(ber.OCTETS, dn.encode()), ber.element(ber.SEQUENCE, *pairs))


def directory(objects: Objects) -> Answer:
    """Answers as a server with these objects, which looks at the scope and at one value of the filter."""

    def answer(number: int, tag: int, contents: bytes) -> Iterator[bytes]:
        if tag == BIND:
            yield message(number, result(0x61))
            return
        reader = ber.Reader(memoryview(contents))
        base = bytes(reader.of(ber.OCTETS)).decode()
        scope = reader.number(ber.ENUMERATED)
        for dn, attributes in objects.items():
            if _is_found(dn, attributes, base, scope, contents):
                yield message(number, entry(dn, attributes))
        yield message(number, result(0x65))

    return answer


def _is_found(dn: str, attributes: dict[str, list[bytes]], base: str, scope: int, request: bytes) -> bool:
    if scope == 0:
        return dn == base
    if not dn.endswith(f",{base}"):
        return False
    if b"objectSid\x04\x1c" in request:  # in a filter, where the SID of an account follows
        return any(b"objectSid" + ber.element(ber.OCTETS, it) in request for it in attributes.get("objectSid", ()))
    return any(b"objectClass" + ber.element(ber.OCTETS, it) in request for it in attributes.get("objectClass", ()))


class FakeDirectory:
    """Serves connections one after the other until it is closed."""

    def __init__(self, folder: Path) -> None:
        """`folder`: has tls.crt and tls.key."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answer: Answer = directory({})
        self.requests: list[tuple[int, bytes]] = []
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()

    def wait(self) -> None:
        """Until the test is over."""
        self._closed.wait(60)

    def _run(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, ber.BerError), self._context.wrap_socket(channel, server_side=True) as it:
                self._serve(it)

    def _serve(self, channel: ssl.SSLSocket) -> None:
        data = bytearray()
        while True:
            found = ber.header(data)
            if found is None or len(data) < found[2]:
                more = channel.recv(65536)
                if not more:
                    return
                data += more
                continue
            reader = ber.Reader(memoryview(bytes(data[found[1] : found[2]])))
            del data[: found[2]]
            number = reader.number()
            tag, contents = reader.next()
            self.requests.append((tag, bytes(contents)))
            if tag == UNBIND:
                return
            for part in self.answer(number, tag, bytes(contents)):
                channel.sendall(part)
