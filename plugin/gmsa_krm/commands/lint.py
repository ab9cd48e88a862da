"""`lint`: the findings of files and folders."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.findings import Finding, InputError, has_errors
from gmsa_krm.hosts.files import read_paths, render
from gmsa_krm.output import findings as formats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    findings = _findings(options.path)
    form = {"text": formats.as_text, "json": formats.as_json, "sarif": formats.as_sarif}[options.format]
    console.write(form(findings).encode("utf-8", "surrogateescape"))
    return console.INVALID_INPUT if has_errors(findings) else console.DONE


def _findings(paths: list[str]) -> list[Finding]:
    """Sorted by file and line."""
    try:
        return render(read_paths(paths, os.environ, console.stdin()), config_needed=False).findings
    except InputError as error:
        return error.findings
