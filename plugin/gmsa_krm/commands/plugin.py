"""kustomize's legacy exec plugin: the config is a file, the resources are on standard input."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.environment import Environment, Host
from gmsa_krm.findings import file_error
from gmsa_krm.hosts.kustomize import run_plugin

_KUSTOMIZE = Host(
    "the folder of the kustomization",
    "give metadata.namespace, or namespace in the kustomization",
    "list the config under transformers, where it gets the resources of the kustomization",
)


def run(config_file: str) -> int:
    try:
        with open(config_file, "rb") as file:
            config = file.read()
    except OSError as error:
        raise file_error(config_file, "read", error) from None
    stdin = b"" if console.is_terminal() else console.stdin().read()
    output, result = run_plugin(config, stdin, Environment(os.getcwd(), os.environ, _KUSTOMIZE))
    console.print_findings(result.findings)
    console.write(output)
    return console.DONE
