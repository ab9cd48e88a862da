"""ASN.1's Basic Encoding Rules as LDAP uses them (RFC 4511, 5.1): definite lengths, tags of one byte."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
# A length in more bytes than this is beyond every limit.
_LENGTH_BYTES = 4


class BerError(Exception):
    """The bytes are not BER, or not of the type that is wanted."""


def element(tag: int, *parts: bytes) -> bytes:
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(value: bool) -> bytes:
    return element(BOOLEAN, b"\xff" if value else b"\x00")


def header(data: bytes | bytearray | memoryview, at: int = 0) -> tuple[int, int, int] | None:
    """Tag, offset of the contents and offset behind them of the element at `at`; None if its header is incomplete."""
    if len(data) < at + 2:
        return None
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= _LENGTH_BYTES:
            raise BerError("a length is in a form that LDAP does not use")
        start += size
        if len(data) < start:
            return None
        length = int.from_bytes(data[at + 2 : start], "big")
    return tag, start, start + length


def elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Tag and contents of each element. Raises BerError."""
    at = 0
    while at < len(data):
        found = header(data, at)
        if found is None or found[2] > len(data):
            raise BerError("an element ends too early")
        tag, start, at = found
        yield tag, data[start:at]


class Reader:
    """Reads the elements of some contents one after the other. Raises BerError."""

    def __init__(self, data: memoryview) -> None:
        self._elements = elements(data)

    def next(self) -> tuple[int, memoryview]:
        found = next(self._elements, None)
        if found is None:
            raise BerError("an element is missing")
        return found

    def of(self, *tags: int) -> memoryview:
        """The contents of the next element, which has one of the tags."""
        tag, contents = self.next()
        if tag not in tags:
            raise BerError(f"an element has tag {tag:#x} in place of {tags[0]:#x}")
        return contents

    def number(self, tag: int = INTEGER) -> int:
        contents = self.of(tag)
        if not 1 <= len(contents) <= 8:
            raise BerError("a number has a wrong size")
        return int.from_bytes(contents, "big", signed=True)

    def rest(self) -> Iterator[tuple[int, memoryview]]:
        return self._elements
