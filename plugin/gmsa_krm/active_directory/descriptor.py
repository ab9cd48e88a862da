"""SIDs, GUIDs and security descriptors as bytes ([MS-DTYP] 2.3.4, 2.4.2, 2.4.4 and 2.4.6)."""

from __future__ import annotations

import struct
from uuid import UUID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Of a DACL: a bit, and each of the generic rights that hold it.
_READS = 0x10 | 0x10000000 | 0x80000000  # RIGHT_DS_READ_PROPERTY, GENERIC_ALL, GENERIC_READ
_ALLOWED, _DENIED, _ALLOWED_OBJECT, _DENIED_OBJECT = 0, 1, 5, 6
_INHERIT_ONLY = 0x08
_HAS_TYPE, _HAS_INHERITED_TYPE = 1, 2

EVERYONE, AUTHENTICATED_USERS = "S-1-1-0", "S-1-5-11"
WELL_KNOWN = {
    EVERYONE: "Everyone",
    "S-1-3-0": "Creator Owner",
    "S-1-5-2": "Network",
    "S-1-5-4": "Interactive",
    "S-1-5-6": "Service",
    "S-1-5-7": "Anonymous Logon",
    "S-1-5-9": "Enterprise Domain Controllers",
    "S-1-5-10": "Self",
    AUTHENTICATED_USERS: "Authenticated Users",
    "S-1-5-15": "This Organization",
    "S-1-5-18": "SYSTEM",
    "S-1-5-19": "Local Service",
    "S-1-5-20": "Network Service",
}


class DescriptorError(Exception):
    """The bytes are not what they should be."""


def guid_text(data: bytes) -> str:
    if len(data) != 16:
        raise DescriptorError("a GUID has 16 bytes")
    return str(UUID(bytes_le=data))


def sid_text(data: bytes) -> str:
    return _sid(data, 0)[0]


def sid_bytes(text: str) -> bytes:
    """The SID of a text that `sid_text` returned."""
    _, revision, authority, *numbers = text.split("-")
    head = bytes((int(revision), len(numbers))) + int(authority).to_bytes(6, "big")
    return head + b"".join(int(it).to_bytes(4, "little") for it in numbers)


def _sid(data: bytes, at: int) -> tuple[str, int]:
    """The SID at an offset, and where it ends."""
    if len(data) < at + 8 or data[at] != 1 or data[at + 1] > 15 or len(data) < at + 8 + 4 * data[at + 1]:
        raise DescriptorError("a SID is incomplete")
    end = at + 8 + 4 * data[at + 1]
    numbers = struct.unpack_from(f"<{data[at + 1]}I", data, at + 8)
    return "-".join(map(str, ("S", 1, int.from_bytes(data[at + 2 : at + 8], "big"), *numbers))), end


def readers(descriptor: bytes) -> Iterator[tuple[str, bool]]:
    """The SIDs whose reading of properties the DACL decides, in its order, and whether it denies it.

    Windows asks for that right before it gives away a gMSA's password ([MS-ADTS] 3.1.1.4.5.39). Raises DescriptorError.
    """
    if len(descriptor) < 20 or descriptor[0] != 1:
        raise DescriptorError("a security descriptor is incomplete")
    control, offset = struct.unpack_from("<H", descriptor, 2)[0], struct.unpack_from("<I", descriptor, 16)[0]
    if not control & 0x4 or not offset:  # without a DACL everyone may do everything
        yield EVERYONE, False
        return
    if len(descriptor) < offset + 8:
        raise DescriptorError("a DACL is incomplete")
    count, at = struct.unpack_from("<H", descriptor, offset + 4)[0], offset + 8
    for _ in range(count):
        if len(descriptor) < at + 8:
            raise DescriptorError("an entry of a DACL is incomplete")
        kind, flags, size, mask = struct.unpack_from("<BBHI", descriptor, at)
        if size < 8 or len(descriptor) < at + size:
            raise DescriptorError("an entry of a DACL has a wrong size")
        start = _start_of_sid(descriptor, at, kind)
        if start is not None and mask & _READS and not flags & _INHERIT_ONLY:
            yield _sid(descriptor[: at + size], start)[0], kind in (_DENIED, _DENIED_OBJECT)
        at += size


def _start_of_sid(data: bytes, at: int, kind: int) -> int | None:
    """Where the SID of an entry is; None if the entry is about something else."""
    if kind in (_ALLOWED, _DENIED):
        return at + 8
    if kind not in (_ALLOWED_OBJECT, _DENIED_OBJECT) or len(data) < at + 12:
        return None
    flags = struct.unpack_from("<I", data, at + 8)[0]
    if flags & _HAS_TYPE:  # for one property, and not for the object
        return None
    return at + (28 if flags & _HAS_INHERITED_TYPE else 12)
