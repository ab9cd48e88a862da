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
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    folder, as_json = _output(options)
    if options.namespace:
        check_option("--namespace", options.namespace, label_name)
    files = read_paths(options.path, os.environ, console.stdin())
    result = render(files, namespace=options.namespace)
    if options.strict:
        refuse_warnings(result.findings, "--strict")
    outputs = in_apply_order(result, files.documents)
    if folder is None:
        from gmsa_krm.output.stream import stream

        data = stream(outputs, as_json=as_json)
        console.print_findings(result.findings, quiet=options.quiet)
        console.write(data)
        return console.DONE
    from gmsa_krm.output.directory import summary, write_directory

    names = write_directory(outputs, folder, as_json=as_json)
    console.print_findings(result.findings, quiet=options.quiet)
    if not options.quiet:
        console.write_text(summary(outputs, names, folder))
    return console.DONE


def _output(options: Options) -> tuple[str | None, bool]:
    """The folder to write to, if any, and whether to write JSON. -o is a format as for kubectl, or else a folder."""
    if options.output not in ("yaml", "json"):
        return options.output, options.format == "json"
    if options.format not in (None, options.output):
        raise UsageError(
            f"-o {options.output} is a format and differs from --format {options.format}; give one of them, or"
            f" -o ./{options.output} for a folder of this name"
        )
    return None, options.output == "json"
