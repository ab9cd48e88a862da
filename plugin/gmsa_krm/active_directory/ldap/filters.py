"""Filters of searches, made of values and not of text: there is nothing to escape, and so nothing to forget."""

from __future__ import annotations

from gmsa_krm.active_directory.ldap import ber

_AND, _OR, _EQUAL, _SUBSTRINGS, _PRESENT = 0xA0, 0xA1, 0xA3, 0xA4, 0x87
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")


def equal(attribute: str, value: str | bytes) -> bytes:
    return ber.element(_EQUAL, ber.element(ber.OCTETS, _bytes(attribute)), ber.element(ber.OCTETS, _bytes(value)))


def present(attribute: str) -> bytes:
    return ber.element(_PRESENT, _bytes(attribute))


def all_of(*filters: bytes) -> bytes:
    return ber.element(_AND, *filters)


def any_of(*filters: bytes) -> bytes:
    return ber.element(_OR, *filters)


def like(attribute: str, pattern: str) -> bytes:
    """Values of a pattern in which * stands for any text."""
    first, *middle = pattern.split("*")
    if not middle:
        return equal(attribute, pattern)
    last = middle.pop()
    parts = [(_INITIAL, first), *((_ANY, it) for it in middle), (_FINAL, last)]
    texts = [ber.element(tag, _bytes(text)) for tag, text in parts if text]
    if not texts:
        return present(attribute)
    return ber.element(_SUBSTRINGS, ber.element(ber.OCTETS, _bytes(attribute)), ber.element(ber.SEQUENCE, *texts))
