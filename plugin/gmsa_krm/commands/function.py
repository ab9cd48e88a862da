"""Without arguments: a KRM function, with a ResourceList on standard input and output."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.environment import Environment, Host
from gmsa_krm.findings import has_errors

_NAMESPACE = "give metadata.namespace (with kustomize: namespace in the kustomization)"
_WORKLOADS = "give the function its workloads, too: with kustomize list it under transformers"
_EXEC = Host("the working directory (of kustomize: the folder of the kustomization)", _NAMESPACE, _WORKLOADS)
_CONTAINER = Host(
    "/config in the container",
    _NAMESPACE,
    _WORKLOADS,
    file="mount its folder below /config in the container, and add --as-current-user if only you can read it",
    variable="; name the variable in the function's envs, too",
)


def run() -> int:
    if console.is_terminal():
        console.print_error(
            "without arguments gmsa-krm reads a ResourceList on stdin, as kustomize sends it. To render a file:"
            " gmsa-krm render FILE. For all commands: gmsa-krm --help"
        )
        return console.WRONG_USAGE
    from gmsa_krm.hosts.krm import run_function

    host = _CONTAINER if "GMSA_KRM_CONTAINER" in os.environ else _EXEC
    output, findings = run_function(console.stdin().read(), Environment(os.getcwd(), os.environ, host))
    # kustomize drops the results of a function, so all findings go to stderr too.
    console.print_findings(findings)
    console.write(output)
    return console.INVALID_INPUT if has_errors(findings) else console.DONE
