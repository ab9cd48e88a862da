"""Streams as the programs read them that apply manifests: kubectl, Argo CD and kustomize, in Go (tests/tools/readers)."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from plain import Plain, Scalar, scalar

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from build import tool


@dataclass(frozen=True)
class Reading:
    """What a reader gets. `error`: why it stops behind these documents; "" if it reads all."""

    documents: list[Plain]
    error: str


@functools.cache
def _process() -> subprocess.Popen[bytes]:
    """One for all streams that this process asks about. It ends with its stdin."""
    return subprocess.Popen([tool("readers")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@functools.lru_cache(10)  # oracles ask for the same streams
def readings(stream: bytes) -> dict[str, Reading]:
    """By the name of the reader what it gets of a stream."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"%d\n%b" % (len(stream), stream))
    process.stdin.flush()
    answer = json.loads(process.stdout.readline(), parse_int=_Number, parse_float=_Number)
    return {
        name: Reading([_plain(it) for it in reading["documents"] or ()], reading["error"])
        for name, reading in answer.items()
    }


class _Number(str):
    """A number as it is written."""


def _plain(data: object) -> Plain:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(item) for item in data]
    if isinstance(data, _Number):
        return Scalar("int", str(data))
    return Scalar("null", "") if data is None else scalar(data)
