"""The runner of console blocks notices a command that fails, and output that is not what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import environment
from pages import Command, run


def attempt(folder: Path, *steps: tuple[str, str]) -> list[str]:
    return run([Command("", line, prints) for line, prints in steps], folder, environment(folder))


@pytest.mark.parametrize(
    ("line", "prints"),
    [
        ("echo a", ""),
        ("echo a", "a\n"),
        ("printf 'a  \\nb\\n'", "a\nb\n"),
        ("echo version 1.2", "version ...\n"),
        ("printf 'a\\nb\\nc\\n'", "a\n...\nc\n"),
        ("echo a", "...\na\n"),
    ],
)
def test_what_a_page_shows_is_printed(line: str, prints: str, tmp_path: Path) -> None:
    assert attempt(tmp_path, (line, prints))


@pytest.mark.parametrize(
    ("line", "prints"), [("false", ""), ("echo a", "b\n"), ("echo 'a b'", "a\n"), ("printf 'a\\nb\\n'", "a\n")]
)
def test_anything_else_fails(line: str, prints: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        attempt(tmp_path, (line, prints))


def test_exported_variables_reach_the_next_commands(tmp_path: Path) -> None:
    assert attempt(tmp_path, ("export A=1", ""), ("echo $A", "1\n")) == ["", "1\n"]
