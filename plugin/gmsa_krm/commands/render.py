"""`render`: the objects of GMSAConfig files and the manifests beside them, in apply order."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.apply_order import in_apply_order
from gmsa_krm.config.values import check_option, label_name
from gmsa_krm.findings import UsageError, refuse_warnings
from gmsa_krm.hosts.files import read_paths, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.apply_order import Output
    from gmsa_krm.arguments import Options
    from gmsa_krm.pipeline import Result


def run(options: Options) -> int:
    folder, as_json = _output(options)
    if options.namespace:
        check_option("--namespace", options.namespace, label_name)
    place = options.chart if folder is None else folder
    left_out: set[str] = set()
    if place is not None:
        from gmsa_krm.output.directory import written_earlier

        left_out = written_earlier(place, options.path)
    files = read_paths(options.path, os.environ, console.stdin(), left_out=left_out)
    result = render(files, namespace=options.namespace)
    if options.strict:
        refuse_warnings(result.findings, "--strict")
    outputs = in_apply_order(result, files.documents)
    if folder is not None or options.chart is not None:
        return _write_folder(outputs, result, folder, as_json, options)
    from gmsa_krm.output.stream import stream

    data = stream(outputs, as_json=as_json)
    console.print_findings(result.findings, quiet=options.quiet)
    console.write(data)
    return console.DONE


def _write_folder(outputs: list[Output], result: Result, folder: str | None, as_json: bool, options: Options) -> int:
    """Writes the files of -o, or the chart if there is no `folder`."""
    from gmsa_krm.output.directory import contents_by_name, row, summary, write_directory, write_files

    note = ""
    if folder is None:
        from gmsa_krm.output.chart import chart

        folder = options.chart
        charted = chart(outputs, contents_by_name(outputs, as_json=False), folder)
        write_files(charted, folder)
        names = [it for it in charted if "/" in it]
        rows = [row(output, name) for output, name in zip(outputs, names, strict=True)]
    else:
        rows, note = write_directory(outputs, folder, as_json=as_json)
    console.print_findings(result.findings, quiet=options.quiet)
    if not options.quiet:
        if note:
            console.print_error(note)
        console.write_text(summary(rows, folder))
    return console.DONE


def _output(options: Options) -> tuple[str | None, bool]:
    """The folder to write to, if any, and whether to write JSON. -o is a format as for kubectl, or else a folder."""
    if options.chart is not None:
        if options.output is not None or options.format == "json":
            raise UsageError("--chart writes a chart, so -o and --format json do not go with it; call render twice")
        return None, False
    if options.output not in ("yaml", "json"):
        return options.output, options.format == "json"
    if options.format not in (None, options.output):
        raise UsageError(
            f"-o {options.output} is a format and differs from --format {options.format}; give one of them, or"
            f" -o ./{options.output} for a folder of this name"
        )
    return None, options.output == "json"
