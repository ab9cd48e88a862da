"""The outcomes of checks as text for people, as JSON, or as JUnit's XML."""

from __future__ import annotations

import json

from gmsa_krm.cluster import API_VERSION, KIND
from gmsa_krm.cluster.outcome import ERROR, NOTHING, OK, SKIPPED, UNKNOWN, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.cluster.outcome import Outcome

_WIDTH = len(UNKNOWN)
_COLOURS = {OK: "32", WARNING: "33", ERROR: "31", UNKNOWN: "35"}  # SGR: green, yellow, red, magenta


def as_text(outcomes: list[Outcome], *, colour: bool, only_problems: bool) -> str:
    """A line per check, or per problem of it, by groups; then the counts.

    What keeps several checks from looking is one line, at the first of them, with the ids of all.
    """
    lines: list[str] = []
    group = ""
    unknown: dict[str, list[str]] = {}
    for outcome in outcomes:
        if _could_not_look(outcome):
            unknown.setdefault(outcome.reason, []).append(outcome.check.id)
    for outcome in outcomes:
        ids = unknown.pop(outcome.reason, []) if _could_not_look(outcome) else []
        rows = _rows(outcome, ids, only_problems=only_problems)
        if rows and outcome.check.group != group:
            group = outcome.check.group
            lines += ["", group] if lines else [group]
        for status, text in rows:
            shown = f"{status:{_WIDTH}}"
            if colour:
                shown = f"\x1b[{_COLOURS[status]}m{shown}\x1b[0m"
            lines.append(f"  {shown}  {text}")
    lines += ["", _counts(outcomes)] if lines else [_counts(outcomes)]
    failed = list(dict.fromkeys(it.check.id for it in outcomes if it.problems))
    if failed and not only_problems:
        lines.append(f"rules: {', '.join(failed)} (gmsa-krm explain RULE says more)")
    return "".join(f"{line}\n" for line in lines)


def _could_not_look(outcome: Outcome) -> bool:
    """Whether there is something that a check could not look at, though it may have found a problem elsewhere."""
    return bool(outcome.reason) and outcome.status != SKIPPED


def _rows(outcome: Outcome, unknown: list[str], *, only_problems: bool) -> list[tuple[str, str]]:
    """`unknown`: the checks that could not look for the reason of this one; empty if another one says it."""
    rows = [(outcome.status, f"{problem} ({outcome.check.id})") for problem in outcome.problems]
    if unknown:
        rows.append((UNKNOWN, f"{outcome.reason} ({', '.join(unknown)})"))
    if not only_problems:
        rows += [(OK, text) for text in outcome.proved]
    return rows


def _counts(outcomes: list[Outcome]) -> str:
    errors = sum(len(it.problems) for it in outcomes if it.status == ERROR)
    warnings = sum(len(it.problems) for it in outcomes if it.status == WARNING)
    unknown = sum(map(_could_not_look, outcomes))
    skipped = sum(it.status == SKIPPED for it in outcomes)
    counts = [_count(errors, "error"), _count(warnings, "warning")]
    if unknown:
        counts.append(f"{_count(unknown, 'check')} could not look")
    if skipped:
        counts.append(f"{_count(skipped, 'check')} skipped because of an error above")
    return ", ".join(counts)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def as_json(outcomes: list[Outcome]) -> str:
    """`checks` has those that had nothing to check, too, so that a reader sees that they were run."""
    report = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "checks": [_data(it) for it in outcomes],
        "summary": {
            "errors": sum(len(it.problems) for it in outcomes if it.status == ERROR),
            "warnings": sum(len(it.problems) for it in outcomes if it.status == WARNING),
            "couldNotLook": sum(map(_could_not_look, outcomes)),
        },
    }
    return json.dumps(report, indent=2) + "\n"


_WORDS = {
    OK: "ok",
    WARNING: "warning",
    ERROR: "error",
    UNKNOWN: "couldNotLook",
    SKIPPED: "skipped",
    NOTHING: "nothingToCheck",
}


def _data(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.check.id,
        "group": outcome.check.group,
        "status": _WORDS[outcome.status],
        "problems": [{"object": it.about, "message": it.message} for it in outcome.problems],
        "proved": outcome.proved,
        **_reason(outcome),
    }


def _reason(outcome: Outcome) -> dict[str, str]:
    if outcome.status == SKIPPED:
        return {"explainedBy": outcome.reason}
    return {"reason": outcome.reason} if outcome.reason else {}


def as_junit(outcomes: list[Outcome]) -> str:
    """JUnit's XML, which CI servers show as tests: a suite per group, a test per check that had something to check.

    Errors are failures. A check that could not look is an error of the test, and a warning is in its output.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("testsuites", name="gmsa-krm doctor")
    suites: dict[str, Element] = {}
    for outcome in outcomes:
        if outcome.status == NOTHING:
            continue
        group = outcome.check.group
        suite = suites[group] if group in suites else SubElement(root, "testsuite", name=group)
        suites[group] = suite
        case = SubElement(suite, "testcase", classname=f"doctor.{group}", name=outcome.check.id)
        text = "\n".join(map(str, outcome.problems))
        if outcome.status == ERROR:
            SubElement(case, "failure", message=text.split("\n")[0]).text = text
        elif outcome.status == SKIPPED:
            SubElement(case, "skipped", message=f"explained by {outcome.reason}")
        elif outcome.reason:
            SubElement(case, "error", message=outcome.reason)
        said = [*([text] if outcome.status == WARNING else ()), *outcome.proved]
        if said:
            SubElement(case, "system-out").text = "\n".join(said)
    for suite in suites.values():
        counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
        for name, path in {**counts, "skipped": "testcase/skipped"}.items():
            suite.set(name, str(len(suite.findall(path))))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"
