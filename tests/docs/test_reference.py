"""The reference is that of the program."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT
from gmsa_krm import console
from reference import DOCS, pages

SOURCES = "".join(it.read_text() for it in (ROOT / "plugin/gmsa_krm").rglob("*.py"))


@pytest.mark.parametrize("name", pages())
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == pages()[name], "run: make schema"


def test_every_field_has_a_description_and_an_example() -> None:
    sections = re.split(r"(?m)^##+ ", pages()["reference/config.md"])[1:]
    assert len(sections) > 100
    assert [it.splitlines()[0] for it in sections if "```yaml" not in it or len(it.splitlines()) < 8] == []


def test_every_variable_that_the_program_reads_is_described() -> None:
    known = r"\b(GMSA_KRM_[A-Z_]+|ARGOCD_[A-Z_]+|KUSTOMIZE_PLUGIN_[A-Z_]+|HELM_[A-Z_]+|XDG_[A-Z_]+|KUBE_[A-Z_]+|SOURCE_DATE_EPOCH)\b"
    # What Helm tells its plugins is compared with, and not read for a setting.
    found = set(re.findall(known, SOURCES)) - {"HELM_PLUGIN_NAME", "HELM_PLUGIN_DIR"}
    page = (DOCS / "reference/environment.md").read_text()
    named = {it for it in found if (f"`{it}" if it.endswith("_") else f"`{it}`") in page}
    assert found - named == set()


def test_every_exit_status_is_described() -> None:
    statuses = [console.DONE, console.INVALID_INPUT, console.WRONG_USAGE, console.EXTERNAL_FAILURE, 130]
    rows = re.findall(r"(?m)^\| (\d+) \|", (DOCS / "reference/exit-status.md").read_text())
    assert [int(it) for it in rows] == statuses
