"""Declares the commands, runs one of them, and returns the exit status.

0: done; 1: the input is invalid; 2: wrong usage; 3: a file, a folder or another program failed. If it is not 0,
`render`, `post-render` and `argocd generate` print nothing on stdout. Only the module of the requested command is
loaded.
"""

from __future__ import annotations

import os
import sys

from gmsa_krm import __version__, console
from gmsa_krm.arguments import FastParser, Options
from gmsa_krm.findings import ExternalError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

_INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Runs the program with `argv` (the process's own arguments if None); returns the exit status."""
    program, *arguments = sys.argv if argv is None else ["gmsa-krm", *argv]
    if argv is None:
        import gc

        # A run leaves few cycles, and looking for them takes half the time of a large render.
        gc.disable()
    try:
        return _run(program, arguments)
    except InputError as error:
        console.print_findings(error.findings)
        return console.INVALID_INPUT
    except ExternalError as error:
        console.print_error(error)
        return console.EXTERNAL_FAILURE
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a closed pipe needs no message
            console.print_error(f"stdin or stdout failed ({error.strerror or error})")
        # Otherwise the interpreter would flush the failed stdout at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return console.EXTERNAL_FAILURE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (RecursionError, MemoryError) as error:
        console.print_error(f"the input is too large or too deeply nested ({type(error).__name__})")
        return console.INVALID_INPUT


def _run(program: str, arguments: list[str]) -> int:
    # kustomize calls a legacy plugin by its kind or with a variable set, and with the config as first argument.
    is_plugin = os.path.basename(program) == "GMSAConfig" or "KUSTOMIZE_PLUGIN_CONFIG_STRING" in os.environ
    if is_plugin and arguments:
        from gmsa_krm.commands import plugin

        return plugin.run(arguments[0])
    if not arguments:
        from gmsa_krm.commands import function

        return function.run()
    parser = FastParser()
    declare_commands(parser)
    options = parser.read(arguments) or _parse(arguments)
    module, _, name = options.run.rpartition(".")
    command = getattr(__import__(f"gmsa_krm.commands.{module}", fromlist=[name]), name)
    status: int = command(options)
    return status


def _parse(arguments: list[str]) -> Options:
    """The options as argparse reads them; it exits after printing help or an error."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="gmsa-krm",
        description="Sets up gMSA on Kubernetes from one GMSAConfig. Without arguments: a KRM function"
        " (a ResourceList on stdin and stdout).",
        allow_abbrev=False,
    )
    declare_commands(parser)
    return Options(vars(parser.parse_args(arguments)))


def declare_commands(parser: ArgumentParser | FastParser) -> None:
    """Declares all commands and their options. `run` is the module in `commands` and the function in it."""
    parser.add_argument("--version", action="version", version=f"gmsa-krm {__version__}")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    _declare_files(commands)
    _declare_hosts(commands)
    _declare_help(commands)
    _declare_import(commands)
    _declare_certs(commands)


def _declare_files(commands: Any) -> None:
    paths = {"nargs": "+", "metavar": "PATH", "help": "GMSAConfig file, manifest, folder of them, or - for stdin"}

    render = commands.add_parser("render", help="print everything that GMSAConfig files ask for, in apply order")
    render.add_argument("path", **paths)
    render.add_argument("-o", "--output", metavar="DIR", help="write a file per resource into DIR instead")
    render.add_argument("--format", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    render.set_defaults(run="render.run")

    lint = commands.add_parser("lint", help="find mistakes; exit status 1 if one is an error")
    lint.add_argument("path", **paths)
    lint.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: %(default)s")
    lint.set_defaults(run="lint.run")

    patch = commands.add_parser("patch", help="print a strategic merge patch for one workload, for kustomize's patches")
    patch.add_argument("--config", action="append", required=True, metavar="FILE", help="GMSAConfig file")
    patch.add_argument(
        "target", metavar="KIND/NAME", help="such as Deployment/web, or Rollout.v1alpha1.argoproj.io/web"
    )
    patch.add_argument("--namespace", default="", metavar="NS", help="namespace of the workload")
    patch.set_defaults(run="patch.run")


def _declare_hosts(commands: Any) -> None:
    post_render = commands.add_parser("post-render", help="Helm's post-renderer: the stream on stdin and stdout")
    post_render.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="GMSAConfig beside those in the stream"
    )
    post_render.add_argument(
        "--namespace", default="", metavar="NS", help="namespace of the release, which Helm does not pass"
    )
    post_render.add_argument(
        "--log-file", metavar="FILE", help="write the messages to this file too, since Helm 4 drops them"
    )
    post_render.set_defaults(run="post_render.run")

    argocd = commands.add_parser("argocd", help="Argo CD's config management plugin, in an application's folder")
    verbs = argocd.add_subparsers(required=True, metavar="discover|generate|parameters")
    discover = verbs.add_parser("discover", help="print a line if the folder uses a GMSAConfig")
    discover.set_defaults(run="argocd.discover")
    generate = verbs.add_parser("generate", help="print the manifests of the application")
    generate.set_defaults(run="argocd.generate")
    parameters = verbs.add_parser("parameters", help="print the parameters that an Application may set")
    parameters.set_defaults(run="argocd.parameters")

    install = commands.add_parser("install", help="put the plugin where a host looks for it")
    hosts = install.add_subparsers(required=True, metavar="HOST")
    kustomize = hosts.add_parser("kustomize", help="the legacy exec plugin of kustomize, for kubectl kustomize")
    kustomize.add_argument("--dir", metavar="DIR", help="plugin folder of kustomize (default: where kustomize looks)")
    kustomize.set_defaults(run="install.kustomize")
    helm = hosts.add_parser("helm", help="the post-renderer plugin of Helm 4; Helm 3 takes the path of the program")
    helm.add_argument(
        "--dir", metavar="DIR", help="plugin folder (default: HELM_PLUGINS, else a folder for this plugin)"
    )
    helm.set_defaults(run="install.helm")


def _declare_help(commands: Any) -> None:
    explain = commands.add_parser("explain", help="explain a rule that findings name, or list all rules")
    explain.add_argument("rule", nargs="?", metavar="RULE", help="id of the rule, such as account-sid")
    explain.set_defaults(run="explain.run")

    schema = commands.add_parser("schema", help="print the JSON Schema of GMSAConfig, for editors")
    schema.add_argument("--chart-values", action="store_true", help="print the schema of the chart's values instead")
    schema.set_defaults(run="schema.run")


def _declare_import(commands: Any) -> None:
    importer = commands.add_parser("import", help="convert the configuration of other tools into a GMSAConfig")
    sources = importer.add_subparsers(required=True, metavar="SOURCE")
    values = sources.add_parser("helm-values", help="a values file of upstream's chart gmsa")
    values.add_argument("file", metavar="FILE")
    values.add_argument("--release", default="gmsa", help="name of the upstream release (default: %(default)s)")
    values.add_argument("--namespace", default="gmsa", help="namespace of that release (default: %(default)s)")
    values.set_defaults(run="import_helm_values.run")


def _declare_certs(commands: Any) -> None:
    certs = commands.add_parser("certs", help="certificate files for webhook.certificate.source Files")
    actions = certs.add_subparsers(required=True, metavar="ACTION")
    issue = actions.add_parser("issue", help="write ca.crt, tls.crt and tls.key; the CA's key is discarded")
    issue.add_argument("--name", default="gmsa-webhook", help="webhook.name of the config (default: %(default)s)")
    issue.add_argument("--namespace", default="gmsa-webhook", help="webhook.namespace (default: %(default)s)")
    issue.add_argument("--valid-for", default="8760h", metavar="DURATION", help="default: %(default)s, a year")
    issue.add_argument("--dir", default="certs", help="where to write the files (default: %(default)s)")
    issue.add_argument(
        "--force", action="store_true", help="replace existing files; the old CA stays trusted beside the new one"
    )
    issue.set_defaults(run="certs.issue")
    show = actions.add_parser("show", help="print what the certificates in PEM files hold")
    show.add_argument("file", nargs="+", metavar="FILE")
    show.set_defaults(run="certs.show")
