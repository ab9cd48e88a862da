"""The report of `doctor` as text, and as JUnit's XML, read as a CI server reads it."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from gmsa_krm.cluster.formats import as_json, as_junit, as_text
from gmsa_krm.cluster.outcome import ERROR, NOTHING, OK, SKIPPED, UNKNOWN, WARNING, Check, Found, Outcome


def outcome(
    id: str, status: str, *problems: str, group: str = "webhook", proved: str = "", reason: str = ""
) -> Outcome:
    found = Found()
    for message in problems:
        found.problem("Service a/b", message)
    if proved:
        found.holds(proved)
    return Outcome(Check(id, ERROR, group, lambda *_: None), status, found, reason)


def test_junit_has_a_test_for_each_check_that_had_something_to_check() -> None:
    text = as_junit(
        [
            outcome("one", OK, proved="it works"),
            outcome("two", ERROR, "is down & <out>", "has \x1b[31m no port"),
            outcome("three", WARNING, "is old"),
            outcome("four", SKIPPED, reason="two"),
            outcome("five", UNKNOWN, reason="you may not list pods", group="workloads"),
            outcome("six", NOTHING, group="nodes"),
        ]
    )
    root = ElementTree.fromstring(text)
    counted = ("name", "tests", "failures", "errors", "skipped")
    assert [[it.get(name) for name in counted] for it in root] == [
        ["webhook", "4", "1", "0", "1"],
        ["workloads", "1", "0", "1", "0"],
    ]
    cases = {it.get("name"): it for it in root.iter("testcase")}
    failure = cases["two"].find("failure")
    assert failure is not None
    assert failure.get("message") == "Service a/b: is down & <out>"
    assert failure.text == "Service a/b: is down & <out>\nService a/b: has \\x1b[31m no port"
    assert cases["one"].findtext("system-out") == "it works"
    assert cases["three"].findtext("system-out") == "Service a/b: is old"
    error = cases["five"].find("error")
    assert error is not None
    assert error.get("message") == "you may not list pods"


def test_what_keeps_several_checks_from_looking_is_said_once() -> None:
    pods, nodes = "you may not create pods here", "you may not list nodes here"
    outcomes = [
        outcome("a", UNKNOWN, reason=pods, group="proof"),
        outcome("b", ERROR, "is down", reason=pods, group="proof"),
        outcome("c", UNKNOWN, reason=nodes, group="nodes"),
        outcome("d", UNKNOWN, reason=pods, group="drift"),
        outcome("e", SKIPPED, reason="b", group="drift"),
    ]
    assert as_text(outcomes, colour=False, only_problems=True).splitlines() == [
        "proof",
        "  could not look  you may not create pods here (a, b, d)",
        "  error           Service a/b: is down (b)",
        "",
        "nodes",
        "  could not look  you may not list nodes here (c)",
        "",
        "1 error, no warnings, 4 checks could not look, 1 check skipped because of an error above",
    ]
    report = json.loads(as_json(outcomes))
    assert [it.get("reason") for it in report["checks"]] == [pods, pods, nodes, pods, None]
