"""`lint`: the findings of files and folders, as text, JSON or SARIF 2.1.0."""

from __future__ import annotations

import json

from gmsa_krm import __version__
from gmsa_krm.findings import ERROR, Finding, InputError
from gmsa_krm.hosts.files import generate_from, read_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, BinaryIO


def lint(paths: list[str], environ: Mapping[str, str], stdin: BinaryIO) -> list[Finding]:
    """What is to be said of the configs and manifests in the paths, in the order of file and line."""
    try:
        return generate_from(read_paths(paths, environ, stdin), config_needed=False).findings
    except InputError as error:
        return error.findings


def as_text(findings: list[Finding]) -> str:
    errors = sum(finding.severity == ERROR for finding in findings)
    lines = [str(finding) for finding in findings]
    return "".join(
        f"{line}\n" for line in [*lines, f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"]
    )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def as_json(findings: list[Finding]) -> str:
    return (
        json.dumps(
            [
                {
                    "severity": finding.severity,
                    "rule": finding.rule,
                    "message": finding.message,
                    "field": finding.field,
                    "file": finding.place.file,
                    "line": finding.place.line,
                    "column": finding.place.column,
                }
                for finding in findings
            ],
            indent=2,
        )
        + "\n"
    )


def as_sarif(findings: list[Finding]) -> str:
    """SARIF 2.1.0 (OASIS), one run."""
    rules = sorted({finding.rule for finding in findings})
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "gmsa-krm", "version": __version__, "rules": [{"id": rule} for rule in rules]},
                },
                "results": [_sarif_result(finding) for finding in findings],
            },
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _sarif_result(finding: Finding) -> dict[str, Any]:
    from urllib.parse import quote

    place = finding.place
    message = f"{finding.field}: {finding.message}" if finding.field else finding.message
    location: dict[str, Any] = {}
    if place.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(place.file.replace("\\", "/"))}}
        if place.line:
            physical["region"] = {"startLine": place.line, "startColumn": place.column}
        location["physicalLocation"] = physical
    if finding.field:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.field}]
    return {
        "ruleId": finding.rule,
        "level": finding.severity,
        "message": {"text": message},
        **({"locations": [location]} if location else {}),
    }
