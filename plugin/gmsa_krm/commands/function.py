"""Without arguments: a KRM function, with a ResourceList on standard input and output."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.environment import Environment, Host
from gmsa_krm.findings import has_errors

_FUNCTION = Host(
    "the working directory (of kustomize: the folder of the kustomization)",
    "give metadata.namespace (with kustomize: namespace in the kustomization)",
    "give the function its workloads, too: with kustomize list it under transformers",
)


def run() -> int:
    if console.is_terminal():
        console.print_error(
            "without arguments gmsa-krm reads a ResourceList on stdin, as kustomize sends it. To render a file:"
            " gmsa-krm render FILE. For all commands: gmsa-krm --help"
        )
        return console.WRONG_USAGE
    from gmsa_krm.hosts.krm import run_function

    output, findings = run_function(console.stdin().read(), Environment(os.getcwd(), os.environ, _FUNCTION))
    # kustomize drops the results of a function, so all findings go to stderr too.
    console.print_findings(findings)
    console.write(output)
    return console.INVALID_INPUT if has_errors(findings) else console.DONE
