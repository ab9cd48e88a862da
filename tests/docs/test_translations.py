"""The quick start in other languages is the one of the README: the same blocks, one after the other."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT
from pages import blocks

LANGUAGES = {"ja": r"[\u3040-\u30ff]", "ko": r"[\uac00-\ud7af]", "zh": r"[\u4e00-\u9fff]"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_the_blocks_of_the_english(language: str) -> None:
    english = [(it.language, it.title, it.text) for it in blocks("README.md") if it.heading in ("", "First config")]
    translated = [(it.language, it.title, it.text) for it in blocks(f"docs/{language}.md")]
    assert len(english) == 6
    assert translated == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_in_its_language_and_links_to_the_others(language: str) -> None:
    text = (ROOT / f"docs/{language}.md").read_text()
    prose = re.sub(r"(?ms)^```.*?^```$", "", text)
    assert len(re.findall(LANGUAGES[language], prose)) > 100
    for other in {"ja", "ko", "zh"} - {language}:
        assert f"({other}.md)" in text
    assert "(../README.md)" in text
    assert f"(docs/{language}.md)" in (ROOT / "README.md").read_text()
