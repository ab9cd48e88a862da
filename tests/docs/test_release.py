"""What `make release-files` finds, each fault planted into a copy of the files; what `make release-check` says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import changelog
import documentation
import release
from conftest import ROOT

FOLDERS = ("changes", "charts", "docs", "kustomize", "plugin")
FILES = ("CHANGELOG.md", "README.md", "action.yml", "pyproject.toml")
FRAGMENT = "It is shorter.\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the repository that a release is about, in their present state but for changes/, which has one."""
    folder = tmp_path_factory.mktemp("files")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    for path in (folder / "plugin/gmsa_krm").rglob("*.py"):
        if str(path.relative_to(folder)) not in (release.SOURCE, "plugin/gmsa_krm/config/webhook_image.py"):
            path.unlink()
    for path in changelog.fragments(folder):
        path.unlink()
    (folder / "changes/output-short.changed.md").write_text(FRAGMENT)
    return folder


@pytest.fixture
def repository(files: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(files, folder)
    return folder


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text, f"{name} has no {old}"
        (root / name).write_text(text.replace(old, new, 1))

    return plant


def write(name: str, text: str) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        (root / name).write_text(text)

    return plant


def without_changes(root: Path) -> None:
    for path in changelog.fragments(root):
        path.unlink()
    replace("CHANGELOG.md", f"## {VERSION} ", "## 0.0.1 ")(root)


VERSION = release.version_of(ROOT)
MARKER = changelog.MARKER.strip()
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the program": (replace(release.SOURCE, VERSION, "9.9.9"), "is not the version 9.9.9 of plugin/gmsa_krm/__init__"),
    "the plugin of Helm 4": (
        replace("plugin/helm/plugin.yaml", f"\nversion: {VERSION}", "\nversion: 9.9.9"),
        r"plugin/helm/plugin\.yaml:\d+: 9\.9\.9 is not the version",
    ),
    "a plugin without a version": (
        replace("plugin/helm/plugin.yaml", f"\nversion: {VERSION}", ""),
        r"plugin/helm/plugin\.yaml: does not name the version in one place",
    ),
    "the chart": (
        replace("charts/gmsa/Chart.yaml", f"\nversion: {VERSION}", "\nversion: 9.9.9"),
        r"charts/gmsa/Chart\.yaml:\d+: 9\.9\.9",
    ),
    "the webhook of the chart": (
        replace("charts/gmsa/Chart.yaml", "\nappVersion: v", "\nappVersion: v9"),
        "appVersion is not v",
    ),
    "an image on a page": (
        replace("docs/getting-started/argocd.md", f"gmsa-krm-cmp:v{VERSION}", "gmsa-krm-cmp:v9.9.9"),
        r"docs/getting-started/argocd\.md:\d+: 9\.9\.9",
    ),
    "the label of an image": (
        write("plugin/Containerfile", 'LABEL org.opencontainers.image.version="9.9.9"\n'),
        r"plugin/Containerfile:1: 9\.9\.9",
    ),
    "an image of an overlay": (
        replace("kustomize/argocd/kustomization.yaml", f"newTag: v{VERSION}", "newTag: v9.9.9"),
        r"kustomize/argocd/kustomization\.yaml:\d+: 9\.9\.9",
    ),
    "the action on a page": (
        replace("docs/how-to/lint.md", f"gmsa-krm@v{VERSION}", "gmsa-krm@v9.9.9"),
        r"docs/how-to/lint\.md:\d+: 9\.9\.9",
    ),
    "the job of GitLab": (
        replace("plugin/gitlab/lint.yml", f"ref: v{VERSION}", "ref: v9.9.9"),
        r"plugin/gitlab/lint\.yml:\d+: 9\.9\.9",
    ),
    "the hook of pre-commit on a page": (
        replace("docs/how-to/lint.md", f"rev: v{VERSION}", "rev: v9.9.9"),
        r"docs/how-to/lint\.md:\d+: 9\.9\.9",
    ),
    "nothing about the version": (without_changes, "has no section .*, and changes/ is empty"),
    "a version without a date": (
        replace("CHANGELOG.md", f"## {VERSION} (", f"## {VERSION} (soon or "),
        "has no date such as",
    ),
    "an entry of before fragments": (
        replace("CHANGELOG.md", f"{MARKER}\n", f"{MARKER}\n\n## Unreleased\n\n- New.\n"),
        "CHANGELOG.md: '## Unreleased' is in no release; put what changed into a file",
    ),
    "an entry above the versions": (
        replace("CHANGELOG.md", MARKER, f"- New.\n\n{MARKER}"),
        "CHANGELOG.md: '- New.' is in no release",
    ),
    "no place for fragments": (replace("CHANGELOG.md", MARKER, ""), "CHANGELOG.md: has no line <!-- towncrier"),
    "a fragment without a type": (write("changes/new.md", FRAGMENT), "changes/new.md: name it SUBJECT.TYPE.md"),
    "a fragment of an unknown type": (
        write("changes/new.feature.md", FRAGMENT),
        "feature is not a type of change; use upgrade, added, .* or security",
    ),
    "a fragment with a name that towncrier takes for two": (
        write("changes/Lint In Ci.added.md", FRAGMENT),
        "changes/Lint In Ci.added.md: name it",
    ),
    "an empty fragment": (write("changes/new.added.md", "\n"), "changes/new.added.md: is empty"),
    "a fragment with a dash": (write("changes/new.added.md", "- New.\n"), "starts with a dash"),
    "a fragment with a heading": (write("changes/new.added.md", "## New\n\nIt is new.\n"), "has a heading"),
    "a fragment with two lines": (write("changes/new.added.md", "It is new.\nIt is short.\n"), "is not one line"),
    "a long fragment": (write("changes/new.added.md", f"It is {'very ' * 40}new.\n"), "is not one line of at most 200"),
    "a fragment that is cut off": (write("changes/new.added.md", "It is new, and\n"), "full stop"),
    "a fragment with a dead link": (
        write("changes/new.added.md", "See [it](../docs/nowhere.md).\n"),
        r"dead link to \.\./docs/nowhere\.md",
    ),
    "a dependency that the lock does not have": (
        replace("pyproject.toml", '"cryptography>=45"', '"cryptography>=999"'),
        r"plugin/requirements\.lock: cryptography>=999 .* is not met by",
    ),
    "a new dependency": (
        replace("pyproject.toml", '"cryptography>=45"', '"new>=1", "cryptography>=45"'),
        "new>=1 of pyproject.toml is not met by any entry; run make lock",
    ),
    "a build backend that the lock does not have": (
        replace("pyproject.toml", '"hatchling>=1.27"', '"hatchling>=999"'),
        r"plugin/build\.lock: hatchling>=999",
    ),
    "a locked version without a hash": (
        write("plugin/build.lock", "hatchling==1.99\n"),
        r"plugin/build\.lock: hatchling==1\.99 has no hash",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, repository: Path) -> None:
    plant, wanted = FAULTS[fault]
    plant(repository)
    found = list(release.problems(repository))
    assert any(re.search(wanted, it) for it in found), found


def test_the_files_of_today_have_no_fault(files: Path) -> None:
    assert list(release.problems(ROOT)) == []
    assert list(release.problems(files)) == []


def test_each_place_that_names_the_version_is_known(files: Path) -> None:
    """The kinds of text that name it: none of them is read past."""
    found = {it.path for it in release.mentions(files)}
    assert found >= {
        "charts/gmsa/Chart.yaml",
        "docs/getting-started/argocd.md",
        "docs/how-to/lint.md",
        "kustomize/argocd/helm-values.yaml",
        "kustomize/argocd/kustomization.yaml",
        "plugin/gitlab/lint.yml",
        "plugin/gmsa_krm/__init__.py",
        "plugin/helm/plugin.yaml",
    }


@pytest.fixture
def notes(repository: Path) -> Path:
    """The upgrade notes, with a section of the next version, as there is between two releases."""
    path = repository / "docs/upgrade.md"
    path.write_text(re.sub(r"(?m)^## To .*$", "## To the version after 7.7", path.read_text(), count=1))
    return path


def test_a_release(repository: Path, notes: Path) -> None:
    """The version is everywhere, the changelog has its section above the last one, and the tag is what is left to do."""
    assert release.state(repository).startswith("1 change waits")
    release.set_version("7.8.0", repository)
    assert list(release.problems(repository)) == []
    assert "\n## To 7.8\n" in notes.read_text()
    assert {it.version for it in release.mentions(repository)} == {"7.8.0"}
    assert release.state(repository) == "ready for the tag v7.8.0"
    assert [it.name for it in (repository / "changes").iterdir()] == ["template.md.jinja"]
    text = (repository / "CHANGELOG.md").read_text()
    title = rf"# Changelog\n\n{re.escape(MARKER)}\n\n## 7\.8\.0 \(20\d\d-\d\d-\d\d\)\n\n"
    assert re.match(rf"{title}### Changed\n\n- It is shorter\.\n\n## {re.escape(VERSION)} ", text), text[:300]


def test_a_patch_leaves_the_notes_of_the_next_version(repository: Path, notes: Path) -> None:
    text = notes.read_text()
    release.set_version("7.7.1", repository)
    assert notes.read_text() == text


def test_a_minor_version_without_notes_is_a_problem(repository: Path, notes: Path) -> None:
    notes.write_text(notes.read_text().replace("## To the version after 7.7", "## To 7.7"))
    release.set_version("7.8.0", repository)
    assert list(release.problems(repository)) == [
        'docs/upgrade.md: has no section "To 7.8", which says what to do and what changed'
    ]


def test_one_variable_sets_the_address(repository: Path) -> None:
    url = "https://git.nordwind.example/platform/gmsa-krm"
    release.set_address(url, repository)
    assert release.address(repository) == url
    assert f'ARG PROJECT_URL="{url}"\n' in (repository / "plugin/Containerfile").read_text()
    with pytest.raises(SystemExit, match="is not an address"):
        release.set_address("git.nordwind.example", repository)


@pytest.mark.parametrize("version", ["v0.2.0", "0.2", "0.2.0rc1", ""])
def test_what_is_no_version_is_refused(version: str, repository: Path) -> None:
    with pytest.raises(SystemExit, match="is not a version"):
        release.set_version(version, repository)
    assert release.version_of(repository) == VERSION


def test_what_the_site_shows_of_the_next_version(repository: Path) -> None:
    (repository / "changes/lint-ad.added.md").write_text("See [Rules](docs/reference/rules.md).\n")
    shown = changelog.unreleased(repository)
    assert shown == (
        "## Unreleased\n\n### Added\n\n- See [Rules](docs/reference/rules.md).\n\n"
        "### Changed\n\n- It is shorter.\n\n"
    )  # fmt: skip


def test_the_site_has_it_in_the_changelog(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentation, "ROOT", repository)
    monkeypatch.setattr(documentation, "DOCS", repository / "docs")
    text, linked = documentation.rewritten(repository / "CHANGELOG.md")
    assert text.startswith("# Changelog\n\n## Unreleased\n\n### Changed\n\n- It is shorter.\n\n")
    assert f"\n\n## {VERSION} " in text
    assert all(it.exists() for it in linked)


# Everything


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Steps of their own, in a Makefile of their own."""
    makefile = tmp_path / "Makefile"
    makefile.write_text(
        "good:\n\t@echo 'SKIPPED [2] tests/a.py:1: needs a printer'\n"
        "bad:\n\t@echo 'E  assert 1 == 2'; exit 1\n"
        "after:\n\t@echo $$PYTEST_ADDOPTS\n"
    )  # fmt: skip
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "problems", list)
    monkeypatch.setattr(release, "_uncommitted", list)
    monkeypatch.setattr(release, "address", lambda: release.PLACEHOLDER)
    for name in ("MAKELEVEL", "MAKEFLAGS", "PYTEST_ADDOPTS"):  # which make test and make release-check set
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "build/release"


GOOD, BAD, AFTER = (release.Step(name, f"what {name} does") for name in ("good", "bad", "after"))


def test_a_failure_is_named_and_the_rest_runs(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.check_all([], logs, (GOOD, BAD, AFTER)) == 1
    printed = re.sub(r"\(\d+ s\)", "(0 s)", capsys.readouterr().out)
    assert printed == (
        "files: versions, changelog, locks: ok\n"
        "good: what good does: ok (0 s)\n"
        "  skipped: [2] tests/a.py:1: needs a printer\n"
        "bad: what bad does: failed (0 s)\n"
        "  | E  assert 1 == 2\n"
        f"  | make: *** [Makefile:4: bad] Error 1\n  all of it: {logs}/bad.log\n"
        "after: what after does: ok (0 s)\n\n"
        "needs a public address: plugin/package.py has a placeholder; make release VERSION=X.Y.Z PROJECT_URL=https://...\n"
        "failed: bad\n"
    )
    assert (logs / "after.log").read_text() == "-rs\n"


def test_what_is_left_out_is_named(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.check_all(["bad"], logs, (GOOD, BAD)) == 1
    assert "not checked: bad; a release needs all of it\n" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="SKIP: worse is not one of good, bad"):
        release.check_all(["worse"], logs, (GOOD, BAD))


def test_everything_is_checked(logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(release, "address", lambda: "https://git.example.com/gmsa-krm")
    monkeypatch.setattr(release, "state", lambda: "ready for the tag v1.2.3")
    assert release.check_all([], logs, (GOOD,)) == 0
    assert capsys.readouterr().out.endswith("\n\neverything is checked; ready for the tag v1.2.3\n")


def test_what_is_missing_is_said_before_anything_runs(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    steps = (GOOD, release.Step("image-test", "the images", ("buildah",), as_root=True))
    assert release.check_all([], logs, steps) == 2
    assert capsys.readouterr().out == (
        "This machine lacks:\n"
        "  root, for image-test: run sudo make release-check\n"
        "  buildah, for image-test: install it\n"
        "Nothing was run. To run the rest: make release-check SKIP='TARGET ...'\n"
    )
    assert not logs.exists()
    assert release.missing([GOOD]) == []


def test_each_step_is_a_target_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for step in release.STEPS:
        assert re.search(rf"(?m)^{re.escape(step.target)}:", makefile), step.target
    # What continuous integration runs, a release needs as well.
    ran = set(re.findall(r"(?m)^make (.*)$", (ROOT / ".ci/run").read_text()))
    assert {it for line in ran for it in line.split()} <= {it.target for it in release.STEPS}
