"""What goes onto the site: links lead to the place that a file has there, and a dead link stops the build."""

from __future__ import annotations

from pathlib import Path

import pytest

import documentation


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "README.md": "",
        "CHANGELOG.md": "",
        "kustomize/README.md": "[a](../docs/how-to/a.md)",
        "kustomize/fleet/gmsa.yaml": "",
        "docs/index.md": "",
        "docs/how-to/a.md": "",
        "docs/images/a.svg": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, path in (("ROOT", tmp_path), ("DOCS", tmp_path / "docs"), ("STAGED", tmp_path / "build/docs")):
        monkeypatch.setattr(documentation, name, path)
    return tmp_path


@pytest.mark.parametrize(
    ("link", "on_the_site"),
    [
        ("[a](../index.md#b)", "[a](../index.md#b)"),
        ("![a](../images/a.svg)", "![a](../images/a.svg)"),
        ("[a](../../CHANGELOG.md#b)", "[a](../repository/CHANGELOG.md#b)"),
        ("[a](../../kustomize)", "[a](../repository/kustomize/README.md)"),
        ("[a](../../kustomize/fleet)", "[a](../repository/kustomize/fleet/gmsa.yaml)"),
        ("[a](../../README.md)", "[a](../index.md)"),
        ("[a](https://example.com/a)", "[a](https://example.com/a)"),
        ("[a](#b)", "[a](#b)"),
        ("`[a](nowhere.md)`", "`[a](nowhere.md)`"),
        ("```text\n[a](nowhere.md)\n```", "```text\n[a](nowhere.md)\n```"),
    ],
)
def test_a_link(link: str, on_the_site: str, repository: Path) -> None:
    page = repository / "docs/how-to/a.md"
    page.write_text(link)
    assert documentation.rewritten(page)[0] == on_the_site


def test_a_page_outside_of_docs_links_back(repository: Path) -> None:
    assert documentation.rewritten(repository / "kustomize/README.md")[0] == "[a](../../how-to/a.md)"


def test_a_dead_link_stops_the_build(repository: Path) -> None:
    page = repository / "docs/how-to/a.md"
    page.write_text("[a](nowhere.md)")
    with pytest.raises(SystemExit, match=r"docs/how-to/a\.md: dead link to nowhere\.md"):
        documentation.rewritten(page)


def test_linked_files_are_on_the_site_and_no_others(repository: Path) -> None:
    (repository / "mkdocs.yml").write_text("nav:\n- A: index.md\n- B:\n  - C: repository/kustomize/README.md\n")
    documentation.stage()
    staged = repository / "build/docs"
    found = {str(it.relative_to(staged)) for it in staged.rglob("*") if it.is_file()}
    assert found == {"index.md", "how-to/a.md", "images/a.svg", "repository/kustomize/README.md"}
    assert documentation.in_navigation() == {"index.md", "repository/kustomize/README.md"}
