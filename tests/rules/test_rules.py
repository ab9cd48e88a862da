"""The catalogue of rules: every example does what it says, and the catalogue and the sources name the same rules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_schema import disagreement
from conftest import ROOT, Call
from gmsa_krm.cluster.checks import CHECKS
from gmsa_krm.findings.rules import LIVE_RULES, RULES, LiveRule, Rule, find_rule
from scenarios import REPLACED, Example, Scenario

SOURCES = ROOT / "plugin" / "gmsa_krm"
# What reports: a call whose first text in the form of a rule is one.
REPORTING = ("error", "warning", "invalid", "error_issue", "warning_issue", "Finding", "Check")
FILE_RULES = [it for it in RULES if not isinstance(it, LiveRule)]
FORM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SEVERITIES = ("error", "warning")
# Words that a reader of Kubernetes documentation would stumble over.
FORBIDDEN = (
    "is to be had",
    "comes of",
    "mend",
    "stands there",
    "what is made",
    "of ours",
    "the page",
    "said",
    r"(?<!there )is no\b",
)

# Findings that an example cannot do without.
UNAVOIDABLE: dict[str, set[tuple[str, str]]] = {
    "all-service-accounts": {("warning", "wildcard-grant")},
    # every import has the first, and every imported credential the second
    **{it: {("warning", "same-names")} for it in ("chart-value", "not-carried-over", "old-image", "values")},
    "strict": {("warning", "no-users")},
    "existing-entry": {("warning", "no-users")},
    "doubled-braces": {("warning", "same-names"), ("warning", "no-users")},
}


@pytest.fixture
def scenario(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Scenario(folder, call, monkeypatch)


@pytest.mark.parametrize("of", FILE_RULES, ids=lambda it: it.id)
def test_the_bad_example_breaks_the_rule_and_no_other(of: Rule, scenario: Scenario) -> None:
    assert scenario.play(of.id, of.bad) - UNAVOIDABLE.get(of.id, set()) == {(of.severity, of.id)}


@pytest.mark.parametrize("of", FILE_RULES, ids=lambda it: it.id)
def test_the_good_example_keeps_every_rule(of: Rule, scenario: Scenario, tmp_path: Path) -> None:
    assert scenario.play(of.id, of.good) - UNAVOIDABLE.get(of.id, set()) == set()
    for path in tmp_path.rglob("*.yaml"):
        assert disagreement(path.read_text(errors="replace"), []) == ""  # an editor shows no error in it


def test_the_catalogue_declares_the_rules_of_the_sources_and_no_others() -> None:
    assert {name for file in SOURCES.rglob("*.py") for name in reported(file)} == {it.id for it in RULES}


def reported(file: Path) -> Iterator[str]:
    """The rules that a source file reports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name.lstrip("_") not in REPORTING:
            continue
        texts = [it.value for it in node.args if isinstance(it, ast.Constant) and isinstance(it.value, str)]
        rules = [it for it in texts if FORM.fullmatch(it) and it not in SEVERITIES]
        yield from rules[:1]


def test_live_rules_are_the_checks_in_their_order() -> None:
    assert [(it.id, it.severity, it.group) for it in LIVE_RULES] == [(it.id, it.severity, it.group) for it in CHECKS]


def test_each_live_rule_has_a_planted_fault() -> None:
    """tests/cluster breaks a healthy cluster, and `finds` exactly that rule."""
    planted = set()
    for file in (ROOT / "tests/cluster").glob("test_doctor*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "finds" and node.args:
                planted.add(ast.literal_eval(node.args[0]))
    assert planted == {it.id for it in LIVE_RULES}


def test_a_rule_is_found_by_its_id() -> None:
    assert [find_rule(it.id) for it in RULES] == list(RULES)
    assert find_rule("no-such-rule") is None


def test_rules_are_sorted_and_unique() -> None:
    ids = [it.id for it in RULES]
    assert ids == sorted(set(ids))
    assert all(FORM.fullmatch(name) for name in ids)
    assert {*REPLACED, *UNAVOIDABLE} <= set(ids)


@pytest.mark.parametrize("of", RULES, ids=lambda it: it.id)
def test_texts_are_well_formed(of: Rule) -> None:
    assert of.severity in SEVERITIES
    assert 0 < len(of.summary) < 100
    assert not of.summary.endswith(".")
    for prose in (of.why, of.cure):
        assert prose.endswith(".")
        assert prose == " ".join(prose.split())
    for text in (of.summary, of.why, of.cure):
        assert not [word for word in FORBIDDEN if re.search(rf"\b{word}", text, re.IGNORECASE)]
    if isinstance(of, LiveRule):
        assert max(map(len, of.bad.splitlines())) <= 96
        return
    for example in (of.bad, of.good):
        assert Example(example).files or Example(example).commands
        assert example.endswith("\n")
        assert max(map(len, example.splitlines())) <= 96  # `explain` indents them, and has 100 columns
    assert of.bad != of.good
