"""`import helm-values`: a values file of upstream's chart (windows-gmsa, chart gmsa) as a GMSAConfig."""

from __future__ import annotations

import re
from itertools import islice

from gmsa_krm import console
from gmsa_krm.commands.import_helm_values import chart
from gmsa_krm.commands.import_helm_values.translate import SOURCES, translate
from gmsa_krm.config.load import parse_config
from gmsa_krm.config.values import check_option, label_name, subdomain_name
from gmsa_krm.findings import ERROR, Finding, InputError, Location, Report, has_errors, sort_findings
from gmsa_krm.yamltext import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.arguments import Options
    from gmsa_krm.commands.import_helm_values.chart import Values


# Of fields that are made of one value, with their indexes: spec.webhook.certificate.existingSecret.name has 4.
_LEVELS = 6


def run(options: Options) -> int:
    """Prints the config, and a warning for every value that it has not. Raises InputError, ExternalError.

    --release and --namespace are those of the upstream release, which its objects are named after.
    """
    check_option("--release", options.release, subdomain_name)
    check_option("--namespace", options.namespace, label_name)
    file = console.shown(options.file)
    data = console.read_input(options.file, chart.MAX_BYTES, "give a values file of the chart gmsa")
    report = Report(file)
    values = chart.read(data, file, report)
    text = writer.document(translate(values, report, options.release, options.namespace))
    # Reports mistakes in the values, such as an account's SID, before the first render does.
    loaded = parse_config(text, "the GMSAConfig", positions=False)
    mistakes = loaded.findings
    found = sort_findings([*report.findings, *_about_values(mistakes, values, report)])
    if has_errors(found):
        raise InputError(found)
    for entry in loaded.config.spec.credspecs:
        entry.warn_of_no_users(loaded.report)
    message = (
        f"{options.namespace}/{options.release} are the names of upstream's objects; to take over a running webhook"
        " without a gap, give webhook.name and webhook.namespace other values and follow docs/how-to/adopt.md"
    )
    names = Report(file)
    names.warning("same-names", message)
    warnings = [*found, *names.findings, *(it for it in mistakes if it.severity != ERROR)]
    console.print_findings(warnings, quiet=options.quiet)
    console.write(text.encode())
    return console.DONE


def _about_values(mistakes: list[Finding], values: Values, report: Report) -> Iterator[Finding]:
    """The errors in a config, as those of the values that it was made of: the config is not printed then.

    There is one for each value.
    """
    reported = {it.field for it in report.findings if it.severity == ERROR}
    for it in mistakes:
        if it.severity != ERROR:
            continue
        field = _source(it.field)
        if not reported.isdisjoint(_heads(field)):
            continue
        reported.add(field)
        location = Location() if field.startswith("--") else report.location(values.place(field))
        yield Finding(ERROR, it.rule, it.message, location, field)


def _source(field: str) -> str:
    """The value or option that a field of the config was made of; the field itself if there is none."""
    known = [head for head in _heads(field) if head in SOURCES]
    return SOURCES[known[-1]] + field[len(known[-1]) :] if known else field


def _heads(field: str) -> list[str]:
    """The field and what it is in, from the outside: spec, spec.a and spec.a[0] of spec.a[0]."""
    ends = [match.start() for match in islice(re.finditer(r"[.[]", field), _LEVELS)]
    return [*(field[:end] for end in ends), field]
