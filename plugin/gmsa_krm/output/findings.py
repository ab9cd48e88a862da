"""Findings as text, JSON or SARIF 2.1.0."""

from __future__ import annotations

import json
import re

from gmsa_krm import __version__
from gmsa_krm.findings import ERROR, Finding, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Names of files in a note.
_MAX_NAMES = 12


def as_text(findings: list[Finding], passed_over: list[str], *, only_findings: bool) -> str:
    """`passed_over`: the files that are not checked; `only_findings`: whether to leave these and the count out."""
    lines = [str(finding) for finding in findings]
    if not only_findings:
        lines.append(_rules_note(findings))
        errors = sum(finding.severity == ERROR for finding in findings)
        lines.append(f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}")
        lines.append(_passed_over_note(passed_over))
    return "".join(f"{line}\n" for line in lines if line)


def _rules_note(findings: list[Finding]) -> str:
    """One line that says how to learn more about the findings; empty without any."""
    names = list(dict.fromkeys(finding.rule for finding in findings))
    more = f", and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
    return f"rules: {', '.join(names[:_MAX_NAMES])}{more} (gmsa-krm explain RULE says more)" if names else ""


def _passed_over_note(files: list[str]) -> str:
    """One line about the files that are not checked; empty if all are."""
    if not files:
        return ""
    names = ", ".join(map(printable, sorted(files)[:_MAX_NAMES]))
    more = f", and {len(files) - _MAX_NAMES:,} more" if len(files) > _MAX_NAMES else ""
    what = (
        "1 file that is not a Kubernetes manifest"
        if len(files) == 1
        else (f"{len(files):,} files that are not Kubernetes manifests")
    )
    return f"skipped: {what} ({names}{more})"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def as_json(findings: list[Finding]) -> str:
    listing = [
        {
            "severity": finding.severity,
            "rule": finding.rule,
            "message": finding.message,
            "field": finding.field,
            "file": _text(finding.location.file),
            "line": finding.location.line,
            "column": finding.location.column,
        }
        for finding in findings
    ]
    return json.dumps(listing, indent=2) + "\n"


def _text(text: str) -> str:
    """`text` with escapes in place of surrogates, which a file name has that is not UTF-8 and JSON may not have."""
    return re.sub(r"[\ud800-\udfff]", lambda it: ascii(it[0])[1:-1], text)


def as_sarif(findings: list[Finding]) -> str:
    """SARIF 2.1.0 (OASIS): one run, with descriptions of the rules."""
    driver = {
        "name": "gmsa-krm",
        "version": __version__,
        "rules": [_sarif_rule(rule) for rule in sorted({finding.rule for finding in findings})],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_sarif_result(finding) for finding in findings]}],
    }
    return json.dumps(log, indent=2) + "\n"


def _sarif_rule(rule_id: str) -> dict[str, Any]:
    from gmsa_krm.findings.explain import explanation
    from gmsa_krm.findings.rules import find_rule

    rule = find_rule(rule_id)
    if rule is None:
        return {"id": rule_id}
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.summary}."},
        "fullDescription": {"text": rule.why},
        "help": {"text": explanation(rule)},
        "defaultConfiguration": {"level": rule.severity},
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    location = finding.location
    message = f"{finding.field}: {finding.message}" if finding.field else finding.message
    sarif: dict[str, Any] = {}
    if location.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(location.file)}}
        if location.line:
            physical["region"] = {"startLine": location.line, "startColumn": location.column}
        sarif["physicalLocation"] = physical
    if finding.field:
        sarif["logicalLocations"] = [{"fullyQualifiedName": finding.field}]
    return {
        "ruleId": finding.rule,
        "level": finding.severity,
        # `[text](target)` would be a link
        "message": {"text": re.sub(r"\[(?=[^]]*\]\()", r"\\[", message)},
        **({"locations": [sarif]} if sarif else {}),
    }


def _uri(file: str) -> str:
    """A relative reference without `./`: code scanning matches it with the paths of the repository."""
    from urllib.parse import quote

    path = file.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return quote(path.encode("utf-8", "surrogateescape"))
