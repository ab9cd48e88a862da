"""What the images install: versions that the package asks for, each with its hashes."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED = {
    "requirements": PROJECT["project"]["dependencies"],
    "build": PROJECT["build-system"]["requires"],
}


def pinned(lock: str) -> dict[str, str]:
    """The versions in a lock file, by name; each has hashes."""
    text = (ROOT / "plugin" / f"{lock}.lock").read_text()
    entries = re.findall(
        r"^([A-Za-z0-9._-]+)==([^ ]+)(?: ;[^\\\n]*)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.M
    )
    assert len(entries) == text.count("==") - text.count("'==") == len(re.findall("^[A-Za-z]", text, re.M))
    return {name.lower(): version for name, version, _ in entries}


@pytest.mark.parametrize("lock", LOCKED)
def test_the_locked_versions_are_those_that_are_asked_for(lock: str) -> None:
    versions = pinned(lock)
    for text in LOCKED[lock]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(versions[wanted.name.lower()]), text


def test_a_library_with_a_private_name_in_use_has_an_upper_bound() -> None:
    """`yaml._yaml.CParser` may go with the next major version."""
    (yaml,) = (Requirement(it) for it in LOCKED["requirements"] if it.startswith("PyYAML"))
    assert not yaml.specifier.contains("7.0")
