"""The stand-in itself, where no cluster shows it: the API server refuses such updates before it asks a webhook."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import Object
from cluster.harness import pod
from cluster.stand_in import Refused, main, validate
from cluster.webhook_versions import NEW, OLD, image, version_of


def update(before: Object, after: Object, version: str) -> None:
    not_asked: Any = None
    validate(not_asked, {"operation": "UPDATE", "oldObject": before, "object": after}, version_of(version))


@pytest.mark.parametrize("level", ["pod", "container", "init"])
@pytest.mark.parametrize("version", [OLD, NEW])
def test_updates(level: str, version: str) -> None:
    before = pod("a", level=level)
    update(before, pod("a", level=level), version)
    for after, said in (
        (pod("a", "another", level=level), "GMSA name modified on"),
        (pod("a", contents="{}", level=level), "GMSA contents modified on"),
        (pod("a", "another", contents="{}", level=level), "GMSA name and contents modified on"),
    ):
        if level == "init" and version == OLD:
            update(before, after, version)
        else:
            with pytest.raises(Refused, match=said):
                update(before, after, version)


def test_arguments() -> None:
    """Each ends here, the first for want of its environment."""
    for version in ((0, 8, 0), (0, 9, 0)):
        with pytest.raises(KeyError, match="TLS_CRT"):
            main(version, ["--cert-reload=true"], {})
    with pytest.raises(KeyError, match="TLS_CRT"):
        main((0, 8, 0), ["--other"], {})
    with pytest.raises(SystemExit, match="flag provided but not defined: --other"):
        main((0, 9, 0), ["--other"], {})


@pytest.mark.parametrize(
    ("given", "version"),
    [
        (image("v0.13.0"), (0, 13, 0)),
        (image("v0.9.0"), (0, 9, 0)),
        ("registry.example.com:5000/webhook:2026-11", (0, 14, 1)),
        ("registry.example.com/webhook", (0, 14, 1)),
        (f"registry.example.com/webhook@sha256:{'0' * 64}", (0, 14, 1)),
        (f"registry.example.com/webhook:v0.13.0@sha256:{'0' * 64}", (0, 13, 0)),
    ],
)
def test_version(given: str, version: tuple[int, int, int]) -> None:
    assert version_of(given) == version
