"""The files in a packed chart.

Python's tarfile reads headers of any length, and follows sparse files to any size, before a caller sees either. Here
nothing is read whose size has not been looked at.
"""

from __future__ import annotations

import io
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from gmsa_krm.hosts.argocd.limits import Budget

_BLOCK = 512
_CHUNK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS  # a header and a checksum of gzip are expected
# helm takes no charts beyond 100 MiB.
_MAX_CHART = 100 * 1024 * 1024
_MAX_NAME = 64 * 1024
_FILES = (b"0", b"\0")
_OTHERS = (b"1", b"2", b"5", b"g")  # links, folders, and headers for all that follow
_LONG_NAMES = (b"L", b"x")  # of GNU tar, and of POSIX


def files_of(path: str, part: str, budget: Budget) -> Iterator[bytes]:
    """The contents of the files of a .tgz with `part` in their path, up to where it is not an archive of a chart.

    Raises OSError, and InputError where the budget is used up.
    """
    with open(path, "rb") as file:
        try:
            yield from _files(io.BufferedReader(_Gzip(file, budget), _CHUNK), part, budget)
        except zlib.error:
            return  # helm reports it


class _Gzip(io.RawIOBase):
    """The decompressed contents of a file. Its parts are counted: a gzip file may have any number, even empty ones."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._part = zlib.decompressobj(_GZIP)
        self._left = b""  # of what was read from the file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        data = b""
        while not data and (left := self._left or self._file.read(_CHUNK)):
            if self._part.eof:
                self._budget.take(0)
                self._part = zlib.decompressobj(_GZIP)
            data = self._part.decompress(left, len(buffer))
            self._left = self._part.unused_data or self._part.unconsumed_tail
        buffer[: len(data)] = data
        return len(data)


def _files(stream: io.BufferedReader, part: str, budget: Budget) -> Iterator[bytes]:
    name = b""
    left = _MAX_CHART
    while len(header := stream.read(_BLOCK)) == _BLOCK and header[0]:
        kind = header[156:157]
        size = _size(header)
        left -= size
        if size < 0 or left < 0 or kind not in (*_FILES, *_OTHERS, *_LONG_NAMES):
            return  # such as a sparse file; no chart has one
        budget.take(size)
        if kind in _LONG_NAMES:
            if size > _MAX_NAME:
                return
            name = _long_name(kind, _read(stream, size))
            continue
        name = name or header[345:500].rstrip(b"\0") + b"/" + header[:100].partition(b"\0")[0]
        if kind in _FILES and part.encode() in name:
            yield _read(stream, size)
        else:
            _skip(stream, size)
        name = b""


def _size(header: bytes) -> int:
    """The size of a member's contents, or -1."""
    digits = header[124:136].strip(b" \0")
    return int(digits or b"0", 8) if digits.strip(b"01234567") == b"" else -1


def _long_name(kind: bytes, data: bytes) -> bytes:
    if kind == b"L":
        return data.rstrip(b"\0")
    for record in data.split(b"\n"):
        key, _, value = record.partition(b" ")[2].partition(b"=")
        if key == b"path":
            return value
    return b""


def _read(stream: io.BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    stream.read(-size % _BLOCK)
    return data


def _skip(stream: io.BufferedReader, size: int) -> None:
    left = size + -size % _BLOCK
    while left and (data := stream.read(min(left, _CHUNK))):
        left -= len(data)
