"""Declares the commands, runs one of them, and returns the exit status.

0 done; 1 the input is wrong; 2 wrong usage; 3 something outside failed, or this program. Unless it is 0,
`render`, `post-render` and `argocd generate` print nothing on stdout. Only the module of the one command is loaded.
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
_CRYPTOGRAPHY = 45  # the first major version whose signatures are deterministic: RFC 6979


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
    except SystemExit:
        raise
    except BaseException as error:  # panics of cryptography's Rust code are not Exceptions
        return _last_resort(error)


def _last_resort(error: BaseException) -> int:
    if isinstance(error, (RecursionError, MemoryError)):
        console.print_error(f"the input is too large or too deeply nested ({type(error).__name__})")
        return console.INVALID_INPUT
    message = _old_library() or (_missing_library(error) if isinstance(error, ImportError) else _internal_error(error))
    console.print_error(message)
    return console.EXTERNAL_FAILURE


def _old_library() -> str:
    """A package of a distribution may be older than what pip installs; it fails wherever it lacks something."""
    version = getattr(sys.modules.get("cryptography"), "__version__", "")
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) >= _CRYPTOGRAPHY:
        return ""
    return (
        f"cryptography {version} is too old; install {_CRYPTOGRAPHY} or newer:"
        f" {sys.executable} -m pip install 'cryptography>={_CRYPTOGRAPHY}'"
    )


def _missing_library(error: ImportError) -> str:
    if error.name == "yaml._yaml":
        return (
            "PyYAML is installed without libyaml (yaml._yaml is missing); install its wheel:"
            " pip install --force-reinstall --only-binary PyYAML PyYAML"
        )
    return f"{error.name or 'a library'} cannot be imported; install gmsa-krm again, with its dependencies"


def _internal_error(error: BaseException) -> str:
    """For a report: what failed where, and nothing of the input, such as the error's message may hold."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if module.startswith("gmsa_krm"):
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"internal error: {type(error).__name__} at {place} (gmsa-krm {__version__}, Python {python}); this is a"
        " mistake of gmsa-krm and not of the input, so report this line and what led to it"
    )


def _run(program: str, arguments: list[str]) -> int:
    # kustomize calls a legacy plugin by its kind or with a variable set, and with the config as first argument.
    if not arguments:
        from gmsa_krm.commands import function

        return function.run()
    if os.path.basename(program) == "GMSAConfig":
        return _run_plugin(arguments[0])
    parser = FastParser()
    declare_commands(parser)
    # The variable may be inherited: a command or an option is not the file of a config.
    if "KUSTOMIZE_PLUGIN_CONFIG_STRING" in os.environ and not parser.knows(arguments[0]):
        return _run_plugin(arguments[0])
    options = (parser.read(arguments) if arguments[0] != "help" else None) or _parse(parser, arguments)
    module, _, name = options.run.rpartition(".")
    command = getattr(__import__(f"gmsa_krm.commands.{module}", fromlist=[name]), name)
    status: int = command(options)
    return status


def _run_plugin(file: str) -> int:
    from gmsa_krm.commands import plugin

    return plugin.run(file)


def _parse(declared: FastParser, arguments: list[str]) -> Options:
    """The options as argparse reads them; it exits after printing help or an error."""
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    unknown = declared.unknown_command(arguments)
    if unknown is not None:
        from gmsa_krm.findings.suggest import suggestion

        path, word, known = unknown
        command = " ".join(("gmsa-krm", *path))
        console.print_error(f"{word[:60]} is not a command of {command}{suggestion(word, known)}; see {command} --help")
        raise SystemExit(console.WRONG_USAGE)
    import argparse

    parser = argparse.ArgumentParser(
        prog="gmsa-krm",
        description="Sets up gMSA on Kubernetes from one GMSAConfig. Without arguments, it is a KRM function"
        " that reads a ResourceList on stdin and writes it to stdout.",
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


def _add_command(commands: Any, name: str, summary: str) -> Any:
    """Declares a command; its own help starts with the summary, too."""
    return commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")


def _declare_files(commands: Any) -> None:
    paths = {"nargs": "+", "metavar": "PATH", "help": "a GMSAConfig, a manifest, a folder of them, or - for stdin"}

    render = _add_command(commands, "render", "print the objects of GMSAConfig files, in apply order")
    render.add_argument("path", **paths)
    render.add_argument("-o", "--output", metavar="DIR", help="write a file per resource into the folder DIR instead")
    render.add_argument(
        "--format", choices=("yaml", "json"), default="yaml", help="output format (default: %(default)s)"
    )
    render.add_argument("--namespace", default="", metavar="NS", help="namespace of the manifests without one")
    render.add_argument("--strict", action="store_true", help="make warnings errors")
    render.set_defaults(run="render.run")

    lint = _add_command(commands, "lint", "report mistakes; the exit status is 1 if one is an error")
    lint.add_argument("path", **paths)
    lint.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="output format (default: %(default)s)"
    )
    lint.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="pass over files and folders of this name, or of this path in the folder; may be repeated",
    )
    lint.add_argument("--namespace", default="", metavar="NS", help="namespace of the manifests without one")
    lint.add_argument("--strict", action="store_true", help="exit with status 1 for warnings, too")
    lint.set_defaults(run="lint.run")

    patch = _add_command(commands, "patch", "print a strategic merge patch of one workload, for kustomize")
    patch.add_argument("--config", action="append", required=True, metavar="FILE", help="GMSAConfig file")
    patch.add_argument(
        "target", metavar="KIND/NAME", help="the workload, such as Deployment/web or Rollout.v1alpha1.argoproj.io/web"
    )
    patch.add_argument("--namespace", default="", metavar="NS", help="namespace of the workload")
    patch.set_defaults(run="patch.run")


def _declare_hosts(commands: Any) -> None:
    post_render = _add_command(commands, "post-render", "run as Helm's post-renderer, from stdin to stdout")
    post_render.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="another GMSAConfig, besides those in the stream"
    )
    # Helm takes --namespace among --post-renderer-args for its own.
    post_render.add_argument(
        *("--namespace", "--release-namespace"),
        dest="namespace",
        default="",
        metavar="NS",
        help="namespace of the release; Helm does not pass it, and takes --namespace for its own",
    )
    post_render.add_argument(
        "--log-file", metavar="FILE", help="also write the messages to FILE, since Helm 4 drops them"
    )
    post_render.add_argument("--strict", action="store_true", help="make warnings errors")
    post_render.set_defaults(run="post_render.run")

    argocd = _add_command(commands, "argocd", "run as Argo CD's config management plugin, in an application's folder")
    verbs = argocd.add_subparsers(required=True, metavar="discover|generate|parameters")
    discover = _add_command(verbs, "discover", "print a line if the folder uses a GMSAConfig")
    discover.set_defaults(run="argocd.discover")
    generate = _add_command(verbs, "generate", "print the manifests of the application")
    generate.set_defaults(run="argocd.generate")
    parameters = _add_command(verbs, "parameters", "print the parameters that an Application may set")
    parameters.set_defaults(run="argocd.parameters")

    install = _add_command(commands, "install", "install the plugin where its host looks for it")
    hosts = install.add_subparsers(required=True, metavar="HOST")
    kustomize = _add_command(
        hosts, "kustomize", "install the legacy exec plugin of kustomize, which kubectl kustomize runs too"
    )
    kustomize.add_argument(
        "--dir", metavar="DIR", help="plugin folder of kustomize (default: the one that kustomize uses)"
    )
    kustomize.add_argument("--uninstall", action="store_true", help="remove the plugin instead")
    kustomize.set_defaults(run="install.kustomize")
    helm = _add_command(hosts, "helm", "install the post-renderer plugin of Helm 4, with a program for Helm 3")
    helm.add_argument("--dir", metavar="DIR", help="plugin folder (default: HELM_PLUGINS, or else a separate folder)")
    helm.add_argument("--uninstall", action="store_true", help="remove the plugin instead")
    helm.set_defaults(run="install.helm")


def _declare_help(commands: Any) -> None:
    help_ = _add_command(commands, "help", "print the help of a command")
    help_.add_argument("command", nargs="*", metavar="COMMAND", help="a command, such as render or certs issue")
    version = _add_command(commands, "version", "print the version")
    version.set_defaults(run="version.run")

    explain = _add_command(commands, "explain", "explain a rule that findings name, or list all rules")
    explain.add_argument("rule", nargs="?", metavar="RULE", help="id of a rule, such as account-sid")
    explain.set_defaults(run="explain.run")

    schema = _add_command(commands, "schema", "print the JSON Schema of GMSAConfig, for editors")
    schema.add_argument("--chart-values", action="store_true", help="print the schema of the chart's values instead")
    schema.set_defaults(run="schema.run")


def _declare_import(commands: Any) -> None:
    importer = _add_command(commands, "import", "convert the configuration of another tool into a GMSAConfig")
    sources = importer.add_subparsers(required=True, metavar="SOURCE")
    credspec = _add_command(sources, "credspec", "convert files with credential specs")
    credspec.add_argument(
        "file",
        nargs="+",
        metavar="FILE",
        help="JSON of New-CredentialSpec, or GMSACredentialSpecs in YAML or JSON, also a List; - for stdin",
    )
    credspec.add_argument("--into", metavar="CONFIG", help="add to this config, and keep the rest of it as it is")
    credspec.set_defaults(run="import_credspec.run")
    values = _add_command(sources, "helm-values", "convert a values file of upstream's chart gmsa")
    values.add_argument("file", metavar="FILE", help="the values file")
    values.add_argument("--release", default="gmsa", help="name of the upstream release (default: %(default)s)")
    values.add_argument("--namespace", default="gmsa", help="namespace of that release (default: %(default)s)")
    values.set_defaults(run="import_helm_values.run")


def _declare_certs(commands: Any) -> None:
    certs = _add_command(commands, "certs", "issue and show certificate files, for webhook.certificate.source Files")
    actions = certs.add_subparsers(required=True, metavar="ACTION")
    issue = _add_command(actions, "issue", "write ca.crt, tls.crt and tls.key; the CA's key is discarded")
    issue.add_argument("--name", default="gmsa-webhook", help="webhook.name of the config (default: %(default)s)")
    issue.add_argument("--namespace", default="gmsa-webhook", help="webhook.namespace (default: %(default)s)")
    issue.add_argument(
        "--valid-for", default="8760h", metavar="DURATION", help="validity (default: %(default)s, a year)"
    )
    issue.add_argument("--dir", default="certs", help="folder for the files (default: %(default)s)")
    issue.add_argument("--force", action="store_true", help="replace existing files; the previous CA stays in ca.crt")
    issue.set_defaults(run="certs.issue")
    show = _add_command(actions, "show", "print the contents of the certificates in PEM files")
    show.add_argument("file", nargs="+", metavar="FILE", help="a PEM file")
    show.add_argument(
        "--fail-within", metavar="DURATION", help="exit with status 1 if a certificate expires within this time (720h)"
    )
    show.set_defaults(run="certs.show")
