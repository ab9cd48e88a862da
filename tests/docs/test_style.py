"""The checker of words: what it finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import style


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.md", "It is to be\nhad there.\n", ['a.md:1: "to be had": available']),
        ("a.md", "First.\n\n```text\nnobody asked\n```\n\nMend it.\n", ['a.md:7: "mend": fix']),
        ("a.md", "`via` and [a link](via.md)\n", []),
        ("a.md", "To recommend it.\n", []),
        (
            "plugin/gmsa_krm/a.py",
            'mend = 1\nraise E(f"{mend} is done anew")\n',
            ['plugin/gmsa_krm/a.py:2: "anew": again'],
        ),
        ("plugin/gmsa_krm/a.py", "a = 1  # of ours\n", ['plugin/gmsa_krm/a.py:1: "of ours": our, gmsa-krm\'s']),
        ("kustomize/a.yaml", "mend: x  # via\n", ['kustomize/a.yaml:1: "via": through, by, with']),
    ],
)
def test_words_are_found(
    name: str, text: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = style.words()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / "Makefile").write_text("")
    monkeypatch.setattr(style, "ROOT", tmp_path)
    monkeypatch.setattr(style, "words", lambda: wanted)
    assert list(style.findings()) == found


def test_the_texts_of_today_have_none_of_them() -> None:
    assert list(style.findings()) == []
