"""`render`: the objects of GMSAConfig files and the manifests beside them, in apply order."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.apply_order import in_apply_order
from gmsa_krm.config.values import check_option, label_name
from gmsa_krm.findings import refuse_warnings
from gmsa_krm.hosts.files import read_paths, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    if options.namespace:
        check_option("--namespace", options.namespace, label_name)
    files = read_paths(options.path, os.environ, console.stdin())
    result = render(files, namespace=options.namespace)
    if options.strict:
        refuse_warnings(result.findings, "--strict")
    outputs = in_apply_order(result, files.documents)
    as_json = options.format == "json"
    if options.output is None:
        from gmsa_krm.output.stream import stream

        data = stream(outputs, as_json=as_json)
        console.print_findings(result.findings)
        console.write(data)
        return console.DONE
    from gmsa_krm.output.directory import summary, write_directory

    names = write_directory(outputs, options.output, as_json=as_json)
    console.print_findings(result.findings)
    console.write_text(summary(outputs, names, options.output))
    return console.DONE
