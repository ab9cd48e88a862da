"""`lint`: the findings of files, folders and whole repositories."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.config.values import check_option, label_name
from gmsa_krm.findings import has_errors, sort_findings
from gmsa_krm.output import findings as formats
from gmsa_krm.repository import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options
    from gmsa_krm.findings import Finding


def run(options: Options) -> int:
    """What cannot be read is reported on stderr; then stdout has the findings of the rest, and nothing without any."""
    if options.namespace:
        check_option("--namespace", options.namespace, label_name)
    about_snapshot: list[Finding] = []
    snapshot = None
    if options.ad is not None:
        from gmsa_krm.active_directory.files import read_named_snapshot

        snapshot = read_named_snapshot(options.ad, about_snapshot)
    repository = Repository(os.environ, console.stdin(), options.exclude, snapshot)
    repository.read(options.path)
    findings = sort_findings([*about_snapshot, *repository.findings(options.namespace)])
    if options.format == "text":
        text = formats.as_text(findings, repository.passed_over, only_findings=options.quiet)
    else:
        text = (formats.as_json if options.format == "json" else formats.as_sarif)(findings)
    for failure in repository.failures:
        console.print_error(failure)
    if findings or not repository.failures or options.format != "text":
        console.write(text.encode("utf-8", "surrogateescape"))
    if repository.failures:
        return console.EXTERNAL_FAILURE
    return console.INVALID_INPUT if has_errors(findings) or (options.strict and findings) else console.DONE
