"""kustomize's legacy exec plugin: the config is a file, the resources are on standard input."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.environment import Environment
from gmsa_krm.findings import ExternalError
from gmsa_krm.hosts.kustomize import run_plugin


def run(config_file: str) -> int:
    try:
        with open(config_file, "rb") as file:
            config = file.read()
    except OSError as error:
        raise ExternalError(f"{config_file}: cannot be read ({error.strerror})") from None
    stdin = b"" if console.is_terminal() else console.stdin().read()
    output, findings = run_plugin(config, stdin, Environment(os.getcwd(), os.environ))
    console.print_findings(findings)
    console.write(output)
    return console.DONE
