"""Help and messages about usage: argparse's parser with the sections that each command's help has."""

from __future__ import annotations

import argparse
import textwrap

from gmsa_krm.declarations import declare_commands
from gmsa_krm.findings import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_STATUSES = {
    0: "done",
    1: "the input is wrong",
    2: "wrong usage of the command line",
    3: "something outside failed: a file that cannot be read or written, a program that is missing",
}
VARIABLES = {
    "ARGOCD_APP_NAME": "Argo CD runs gmsa-krm: KUBE_VERSION is that of the cluster, and certificates must be stable",
    "ARGOCD_APP_NAMESPACE": "namespace of manifests without one",
    "ARGOCD_APP_PARAMETERS": "the parameters of the Application, in JSON",
    "ARGOCD_APP_PROJECT_NAME": "the file to read, where GMSA_KRM_SEED_FILE names a folder",
    "ARGOCD_APP_SOURCE_PATH": "path of the folder in its repository",
    "ARGOCD_ENV_": "variables of spec.source.plugin.env have this prefix; they are refused, or named in a warning",
    "ARGOCD_EXEC_TIMEOUT": "the time after which Argo CD gives up, such as 90s",
    "GMSA_KRM_AD_PASSWORD": "password of --user",
    "GMSA_KRM_ALLOWED_HOSTS": "hosts from which charts and bases may be fetched",
    "GMSA_KRM_ENABLE_HELM": "true: kustomize may run helm for helmCharts",
    "GMSA_KRM_SEED": "seed of certificate source Derive; derive.seedEnv of the config names another variable",
    "GMSA_KRM_SEED_FILE": "file with that seed, or a folder with a file per project of Argo CD",
    "HELM_PLUGIN_NAME": "Helm 4 runs gmsa-krm, and drops its messages: they go to a log, too",
    "HELM_PLUGINS": "folders of Helm's plugins",
    "HOME": "the user's folder, below which the default folders are; on Windows USERPROFILE and LOCALAPPDATA",
    "KRB5CCNAME": "ticket of the logged-on user; default: that of kinit, on Windows of the logon session",
    "KRB5_CLIENT_KTNAME": "keytab to log on with in place of a ticket",
    "KUBECONFIG": "files with the contexts of kubectl",
    "KUBE_API_VERSIONS": "API versions of the cluster, for charts",
    "KUBE_VERSION": "version of the cluster, unless the config has a kubeVersion",
    "KUSTOMIZE_PLUGIN_CONFIG_STRING": "kustomize runs gmsa-krm as its legacy plugin, with a file as the first argument",
    "KUSTOMIZE_PLUGIN_HOME": "folder of kustomize's plugins",
    "NO_COLOR": "set: print no colours",
    "SOURCE_DATE_EPOCH": "seconds since 1970 in place of the time, to repeat an earlier run",
    "XDG_CONFIG_HOME": "folder of the user's settings (default: ~/.config)",
    "XDG_DATA_HOME": "folder of the user's data (default: ~/.local/share)",
    "XDG_STATE_HOME": "folder of that log's folder (default: ~/.local/state)",
}


def program_parser() -> argparse.ArgumentParser:
    """The parser of the program, with all commands."""
    parser = HelpParser(
        prog="gmsa-krm",
        summary="sets up gMSA on Kubernetes from one GMSAConfig. Without arguments, it is a KRM function that reads a"
        " ResourceList on stdin and writes it to stdout",
        examples=("gmsa-krm lint gmsa.yaml", "gmsa-krm render gmsa.yaml -o out/"),
        statuses={},
        variables=("KUSTOMIZE_PLUGIN_CONFIG_STRING",),
    )
    declare_commands(parser)
    return parser


class HelpParser(argparse.ArgumentParser):
    """The parser of a command. The arguments of its own are those of `declarations`.

    `variables`: None for a command that has commands. `lists_checks`: whether to list those of a cluster.
    """

    def __init__(
        self,
        *,
        summary: str,
        examples: tuple[str, ...],
        statuses: dict[int, str],
        variables: tuple[str, ...] | None,
        lists_checks: bool = False,
        **settings: Any,
    ) -> None:
        sections = {
            **({"checks": _checks()} if lists_checks else {}),
            "examples": [f"  {example}" for example in examples],
            "exit status": _rows({str(key): text for key, text in {**_STATUSES, **statuses}.items() if text}),
            "environment variables": _variables(variables),
        }
        super().__init__(
            description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}.", 100),
            epilog="\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in sections.items()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **settings,
        )

    def error(self, message: str) -> NoReturn:
        """One line, as for all other mistakes, that a log can have."""
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def _variables(names: tuple[str, ...] | None) -> list[str]:
    if names is None:
        return ["  see each command"]
    return _rows({name: VARIABLES[name] for name in names}) or ["  none are read"]


def _checks() -> list[str]:
    """Those of the live cluster, by their groups."""
    from gmsa_krm.findings.rules import LIVE_RULES

    groups: dict[str, list[str]] = {}
    for rule in LIVE_RULES:
        groups.setdefault(rule.group, []).append(rule.id)
    return _rows({group: ", ".join(ids) for group, ids in groups.items()})


def _rows(texts: dict[str, str]) -> list[str]:
    width = max(map(len, texts), default=0) + 4
    return [
        textwrap.fill(
            text, 100, initial_indent=f"  {name}".ljust(width), subsequent_indent=" " * width, break_on_hyphens=False
        )
        for name, text in texts.items()
    ]
