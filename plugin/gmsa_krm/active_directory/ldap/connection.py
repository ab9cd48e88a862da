"""A connection to a domain controller: bind, search in pages, unbind.

Nothing goes over it in clear text: it is TLS with a verified certificate, or Kerberos seals every message. Whatever a
server sends, memory and time are bounded.
"""

from __future__ import annotations

import time
from contextlib import suppress

from gmsa_krm.active_directory.ldap import ber
from gmsa_krm.active_directory.ldap.errors import LdapError, ResultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    # Tag, contents and controls.
    _Message = tuple[int, memoryview, memoryview]

    class Sealer(Protocol):
        """The Kerberos context of a connection."""

        def wrap(self, data: bytes) -> bytes: ...

        def unwrap(self, data: bytes) -> bytes: ...


LDAP_PORT, LDAPS_PORT = 389, 636
# A server that sends nothing for so long, and a run that takes so long in all, is given up. In seconds.
SILENCE, TOTAL = 20.0, 600.0
# The largest message, and all of them: 100,000 accounts have some 300 MiB.
MAX_MESSAGE, MAX_RECEIVED = 32 * 1024 * 1024, 1024 * 1024 * 1024
_PAGE = 1000
# How many requests are sent before the first is answered.
_AHEAD = 32

_BIND, _UNBIND, _SEARCH = 0x60, 0x42, 0x63
_BIND_DONE, _ENTRY, _SEARCH_DONE, _REFERENCE, _EXTENDED = 0x61, 0x64, 0x65, 0x73, 0x78
_SIMPLE, _SASL, _SASL_REPLY, _CONTROLS = 0x80, 0xA3, 0x87, 0xA0
_SUCCESS, _SASL_CONTINUES, _NO_SUCH_OBJECT = 0, 14, 32
BASE, ONE_LEVEL, SUBTREE = 0, 1, 2
_PAGED_RESULTS = b"1.2.840.113556.1.4.319"
# Active Directory then sends no references to other domains.
_DOMAIN_SCOPE = b"1.2.840.113556.1.4.1339"
ANYTHING = ber.element(0x87, b"objectClass")


class Entry:
    """An object: its distinguished name, and the values of its attributes by their names in lower case."""

    __slots__ = ("attributes", "dn")

    def __init__(self, dn: str, attributes: dict[str, list[bytes]]) -> None:
        self.dn = dn
        self.attributes = attributes

    def values(self, name: str) -> list[bytes]:
        return self.attributes.get(name.lower(), [])

    def texts(self, name: str) -> list[str]:
        return [it.decode("utf-8", "replace") for it in self.values(name)]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def number(self, name: str) -> int:
        """A whole number; 0 if there is none."""
        text = self.text(name)
        return int(text) if text.lstrip("-").isdecimal() and text.isascii() and len(text) < 20 else 0


class Connection:
    """A socket to a domain controller, and the messages on it. Raises LdapError."""

    def __init__(self, host: str, channel: socket.socket, deadline: float) -> None:
        """`deadline`: by `time.monotonic`."""
        self.host = host
        self._channel = channel
        self._deadline = deadline
        self._sealer: Sealer | None = None
        self._raw = bytearray()
        self._plain = bytearray()
        self._received = 0
        self._last_id = 0
        # Messages that came before they were requested, by the number of the request: servers answer in any order.
        self._early: dict[int, list[_Message]] = {}

    def close(self) -> None:
        with suppress(LdapError):  # it is closed in any case
            self._send(ber.element(_UNBIND))
        self._channel.close()

    def bind_simple(self, user: str, password: str) -> None:
        """Only for a channel that is encrypted."""
        if not password:  # an anonymous bind, which succeeds
            raise LdapError("the password is empty")
        method = ber.element(_SIMPLE, password.encode("utf-8", "surrogateescape"))
        self._bind(user, method)

    def bind_step(self, mechanism: str, token: bytes) -> tuple[bytes, bool]:
        """Sends a token of a SASL mechanism; returns that of the server, and whether the bind is complete."""
        mechanism_of, credentials = ber.element(ber.OCTETS, mechanism.encode()), ber.element(ber.OCTETS, token)
        return self._bind("", ber.element(_SASL, mechanism_of, credentials))

    def seal(self, sealer: Sealer) -> None:
        """From here on each message is encrypted by Kerberos."""
        self._sealer = sealer

    def _bind(self, user: str, method: bytes) -> tuple[bytes, bool]:
        name = ber.element(ber.OCTETS, user.encode("utf-8", "surrogateescape"))
        sent = self._send(ber.element(_BIND, ber.integer(3), name, method))
        tag, contents = self._answer_to(sent)
        if tag != _BIND_DONE:
            raise self._broken("an answer to a bind is of another kind")
        reader = ber.Reader(contents)
        code, detail = self._result(reader)
        if code not in (_SUCCESS, _SASL_CONTINUES):
            raise ResultError(self.host, "authentication", code, detail)
        reply = next((bytes(value) for kind, value in reader.rest() if kind == _SASL_REPLY), b"")
        return reply, code == _SUCCESS

    def search(
        self, base: str, scope: int, filter_: bytes, attributes: Iterable[str], doing: str = "a search"
    ) -> list[Entry]:
        """All entries, read in pages: a server may refuse the next page once another search came in between."""
        found: list[Entry] = []
        cookie = b""
        request = self._search(base, scope, filter_, attributes)
        while True:
            value = ber.element(ber.SEQUENCE, ber.integer(_PAGE), ber.element(ber.OCTETS, cookie))
            sent = self._send(request, (_PAGED_RESULTS, True, value), (_DOMAIN_SCOPE, False, b""))
            entries, code, detail, following = self._entries(sent)
            found += entries
            if code != _SUCCESS:
                raise ResultError(self.host, doing, code, detail)
            if not following:
                return found
            if following == cookie and not entries:
                raise self._broken("a search does not end")
            cookie = following

    def read_all(self, names: list[str], attributes: Iterable[str]) -> dict[str, Entry | None]:
        """The objects of distinguished names; None for one that is not here."""
        wanted = tuple(attributes)
        read: dict[str, Entry | None] = {}
        for start in range(0, len(names), _AHEAD):
            sent = [
                (name, self._send(self._search(name, BASE, ANYTHING, wanted))) for name in names[start : start + _AHEAD]
            ]
            self._early = {number: [] for _, number in sent}
            for name, number in sent:
                entries, _, _, _ = self._entries(number)
                read[name] = entries[0] if entries else None
            self._early = {}
        return read

    def _search(self, base: str, scope: int, filter_: bytes, attributes: Iterable[str]) -> bytes:
        never_dereference, no_limit = ber.integer(0, ber.ENUMERATED), ber.integer(0)
        return ber.element(
            _SEARCH,
            ber.element(ber.OCTETS, base.encode("utf-8", "replace")),
            ber.integer(scope, ber.ENUMERATED),
            never_dereference,
            no_limit,
            ber.integer(int(SILENCE)),
            ber.boolean(False),
            filter_,
            ber.element(ber.SEQUENCE, *(ber.element(ber.OCTETS, it.encode()) for it in attributes)),
        )

    def _entries(self, sent: int) -> tuple[list[Entry], int, str, bytes]:
        """The entries of a search, its result code and message, and the cookie of the next page."""
        found: list[Entry] = []
        while True:
            tag, contents, controls = self._message_to(sent)
            try:
                if tag == _ENTRY:
                    found.append(_entry(contents))
                elif tag == _SEARCH_DONE:
                    code, detail = self._result(ber.Reader(contents))
                    return found, code, detail, _cookie(controls)
                elif tag != _REFERENCE:  # to other servers, which are not asked
                    raise self._broken("an answer to a search is of another kind")
            except ber.BerError as error:
                raise self._broken(str(error)) from None

    def _result(self, reader: ber.Reader) -> tuple[int, str]:
        try:
            code = reader.number(ber.ENUMERATED)
            reader.of(ber.OCTETS)
            return code, bytes(reader.of(ber.OCTETS)).decode("utf-8", "replace")
        except ber.BerError as error:
            raise self._broken(str(error)) from None

    def _answer_to(self, sent: int) -> tuple[int, memoryview]:
        tag, contents, _ = self._message_to(sent)
        return tag, contents

    def _message_to(self, sent: int) -> _Message:
        """The next message that answers the request `sent`."""
        early = self._early.get(sent)
        if early:
            return early.pop(0)
        while True:
            number, message = self._next()
            if number == sent:
                return message
            if number not in self._early:
                raise self._broken("an answer belongs to no request")
            self._early[number].append(message)

    def _next(self) -> tuple[int, _Message]:
        try:
            reader = ber.Reader(memoryview(self._message()))
            number = reader.number()
            tag, contents = reader.next()
            controls = next((value for kind, value in reader.rest() if kind == _CONTROLS), memoryview(b""))
        except ber.BerError as error:
            raise self._broken(str(error)) from None
        if number == 0 and tag == _EXTENDED:
            raise LdapError(f"{self.host} ended the connection; try again, or another domain controller")
        return number, (tag, contents, controls)

    def _send(self, operation: bytes, *controls: tuple[bytes, bool, bytes]) -> int:
        """Sends a request; returns its number."""
        self._last_id += 1
        parts = [ber.integer(self._last_id), operation]
        if controls:
            parts.append(ber.element(_CONTROLS, *(_control(*it) for it in controls)))
        message = ber.element(ber.SEQUENCE, *parts)
        if self._sealer is not None:
            sealed = self._sealer.wrap(message)
            message = len(sealed).to_bytes(4, "big") + sealed
        try:
            self._channel.settimeout(self._patience())
            self._channel.sendall(message)
        except OSError as error:
            raise self._lost(error) from None
        return self._last_id

    def _message(self) -> bytes:
        """The contents of the next message."""
        while True:
            found = ber.header(self._plain)
            if found is not None:
                tag, start, end = found
                if tag != ber.SEQUENCE:
                    raise self._broken("it is not LDAP")
                if end > MAX_MESSAGE:
                    raise self._broken(f"a message is larger than {MAX_MESSAGE >> 20} MiB")
                if len(self._plain) >= end:
                    contents = bytes(self._plain[start:end])
                    del self._plain[:end]
                    return contents
            self._plain += self._receive() if self._sealer is None else self._unsealed(self._sealer)

    def _unsealed(self, sealer: Sealer) -> bytes:
        size = None
        while size is None or len(self._raw) < size:
            if size is None and len(self._raw) >= 4:
                size = 4 + int.from_bytes(self._raw[:4], "big")
                if size > MAX_MESSAGE:
                    raise self._broken(f"a message is larger than {MAX_MESSAGE >> 20} MiB")
                continue
            self._raw += self._receive()
        sealed = bytes(self._raw[4:size])
        del self._raw[:size]
        return sealer.unwrap(sealed)

    def _receive(self) -> bytes:
        try:
            self._channel.settimeout(self._patience())
            data = self._channel.recv(256 * 1024)
        except OSError as error:
            raise self._lost(error) from None
        if not data:
            raise LdapError(f"{self.host} closed the connection; try again, or another domain controller")
        self._received += len(data)
        if self._received > MAX_RECEIVED:
            raise self._broken(f"it has sent more than {MAX_RECEIVED >> 20} MiB; limit the accounts with --account")
        return data

    def check_time(self) -> None:
        """Raises LdapError once the run has taken too long."""
        if time.monotonic() >= self._deadline:
            raise self._late()

    def _patience(self) -> float:
        """How long to wait now, in seconds."""
        self.check_time()
        return min(max(self._deadline - time.monotonic(), 0.001), SILENCE)

    def _late(self) -> LdapError:
        message = f"{self.host}: reading took more than {TOTAL:.0f} seconds"
        return LdapError(f"{message}; limit the accounts with --account, or try another domain controller")

    def _lost(self, error: OSError) -> LdapError:
        if isinstance(error, TimeoutError):
            if time.monotonic() >= self._deadline:
                return self._late()
            return LdapError(f"{self.host} does not answer; try again, or another domain controller")
        return LdapError(f"{self.host}: the connection failed ({error.strerror or error})")

    def _broken(self, what: str) -> LdapError:
        return LdapError(f"{self.host} does not speak LDAP as expected: {what}")


def _control(kind: bytes, is_critical: bool, value: bytes) -> bytes:
    values = (ber.element(ber.OCTETS, value),) if value else ()
    return ber.element(ber.SEQUENCE, ber.element(ber.OCTETS, kind), ber.boolean(is_critical), *values)


def _entry(contents: memoryview) -> Entry:
    reader = ber.Reader(contents)
    dn = bytes(reader.of(ber.OCTETS)).decode("utf-8", "replace")
    attributes: dict[str, list[bytes]] = {}
    for _, pair in ber.elements(reader.of(ber.SEQUENCE)):
        inner = ber.Reader(pair)
        name = bytes(inner.of(ber.OCTETS)).decode("ascii", "replace").lower()
        attributes.setdefault(name, []).extend(bytes(value) for _, value in ber.elements(inner.of(ber.SET)))
    return Entry(dn, attributes)


def _cookie(controls: memoryview) -> bytes:
    for kind, control in _controls(controls):
        if kind == _PAGED_RESULTS:
            reader = ber.Reader(control)
            inner = ber.Reader(reader.of(ber.SEQUENCE))
            inner.number()
            return bytes(inner.of(ber.OCTETS))
    return b""


def _controls(controls: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    for _, control in ber.elements(controls):
        reader = ber.Reader(control)
        kind = bytes(reader.of(ber.OCTETS))
        for tag, value in reader.rest():
            if tag == ber.OCTETS:
                yield kind, value
