"""Arguments and exit status.

0 done; 1 the input is wrong; 2 wrong usage; 3 something outside failed. Unless it is 0, `render` and
`post-render` print nothing on stdout. Each command imports what it needs and nothing else.
"""

from __future__ import annotations

import os
import sys

from gmsa_krm import __version__
from gmsa_krm.arguments import Options, Quick
from gmsa_krm.findings import Finding, InputError, OutsideError, has_errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable
    from typing import Any, BinaryIO

DONE = 0
WRONG_INPUT = 1
WRONG_USAGE = 2
OUTSIDE_FAILED = 3


def main(argv: list[str] | None = None) -> int:
    """Runs the program with `argv` (the process's own arguments if None); returns the exit status."""
    program, *arguments = sys.argv if argv is None else ["gmsa-krm", *argv]
    if argv is None:
        import gc

        # Nothing here makes cycles worth finding, and looking for them takes half the time of a large render.
        gc.disable()
    try:
        return _run(program, arguments)
    except InputError as error:
        _print(error.findings)
        return WRONG_INPUT
    except OutsideError as error:
        print(f"gmsa-krm: {error}", file=sys.stderr)
        return OUTSIDE_FAILED
    except BrokenPipeError:
        # The reader has gone; with stdout closed the interpreter would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OUTSIDE_FAILED
    except OSError as error:
        print(f"gmsa-krm: stdin or stdout failed ({error.strerror or error})", file=sys.stderr)
        return OUTSIDE_FAILED
    except KeyboardInterrupt:
        return 130
    except (RecursionError, MemoryError) as error:
        print(f"gmsa-krm: the input is too large or too deeply nested ({type(error).__name__})", file=sys.stderr)
        return WRONG_INPUT


def _run(program: str, arguments: list[str]) -> int:
    # kustomize calls a legacy plugin by its kind or with a variable set, and with the config as first argument.
    as_plugin = os.path.basename(program) == "GMSAConfig" or "KUSTOMIZE_PLUGIN_CONFIG_STRING" in os.environ
    if as_plugin and arguments:
        return _plugin(arguments)
    if not arguments:
        return _function()
    quick = Quick()
    _declare(quick)
    options = quick.read(arguments) or _parsed(arguments)
    status: int = options.run(options)
    return status


def _function() -> int:
    if sys.stdin is not None and sys.stdin.isatty():
        print(
            "gmsa-krm reads a ResourceList on stdin, as kustomize sends it. By hand: gmsa-krm render FILE, or gmsa-krm --help",
            file=sys.stderr,
        )
        return WRONG_USAGE
    from gmsa_krm.hosts.krm import run_function
    from gmsa_krm.outside import Outside

    output, findings = run_function(_stdin().read(), Outside(os.getcwd(), os.environ))
    # kustomize drops the results, so everything is said on stderr too.
    _print(findings)
    _write(output)
    return WRONG_INPUT if has_errors(findings) else DONE


def _plugin(arguments: list[str]) -> int:
    from gmsa_krm.hosts.kustomize import run_plugin
    from gmsa_krm.outside import Outside

    try:
        with open(arguments[0], "rb") as file:
            config = file.read()
    except OSError as error:
        raise OutsideError(f"{arguments[0]}: cannot be read ({error.strerror})") from None
    stdin = b"" if sys.stdin is not None and sys.stdin.isatty() else _stdin().read()
    output, findings = run_plugin(config, stdin, Outside(os.getcwd(), os.environ))
    _print(findings)
    _write(output)
    return DONE


def _render(options: Options) -> int:
    from gmsa_krm.hosts.files import generate_from, read_paths
    from gmsa_krm.hosts.render import in_apply_order, stream

    folder = read_paths(options.path, os.environ, _stdin())
    outcome = generate_from(folder)
    outputs = in_apply_order(outcome, folder.documents)
    as_json = options.format == "json"
    if options.output is None:
        data = stream(outputs, as_json)
        _print(outcome.findings)
        _write(data)
        return DONE
    from gmsa_krm.hosts.folder import summary, write_folder

    written = write_folder(outputs, options.output, as_json)
    _print(outcome.findings)
    _write(f"{summary(outputs, written, options.output)}\n".encode("utf-8", "surrogateescape"))
    return DONE


def _post_render(options: Options) -> int:
    from gmsa_krm.hosts.files import read_paths
    from gmsa_krm.hosts.helm import forget_log, log_place, post_render, write_log
    from gmsa_krm.outside import Outside

    helm4 = "HELM_PLUGIN_NAME" in os.environ
    # Helm 4 swallows stderr, so a failure has to be found in a file.
    log = options.log_file or (log_place(os.environ) if helm4 else None)
    try:
        configs = read_paths(options.config, os.environ, _stdin()).configs
        outside = Outside(os.getcwd(), os.environ)
        data, findings = post_render(_stdin().read(), configs, outside, options.namespace, helm4)
    except InputError as error:
        write_log(log, error.findings)
        raise
    except OutsideError as error:
        write_log(log, [error])
        raise
    if options.log_file:
        write_log(log, findings)
    elif log:
        forget_log(log)
    _print(findings)
    _write(data)
    return DONE


def _argocd_discover(_: Options) -> int:
    from gmsa_krm.hosts.argocd.folder import repository, takes_part

    folder = os.getcwd()
    if takes_part(folder, repository(folder, os.environ.get("ARGOCD_APP_SOURCE_PATH", ""))):
        print("a GMSAConfig takes part in this folder")
    return DONE


def _argocd_parameters(_: Options) -> int:
    from gmsa_krm.hosts.argocd.parameters import announcement

    print(announcement())
    return DONE


def _argocd_generate(_: Options) -> int:
    import signal

    from gmsa_krm.hosts.argocd import application

    def stopped(*_: object) -> None:
        raise OutsideError("stopped by SIGTERM before the manifests were done")

    signal.signal(signal.SIGTERM, stopped)  # what it started is stopped too, and leaves no files
    app = application.Application(os.getcwd(), os.environ)
    findings: list[Finding] = []
    if app.kind == application.KUSTOMIZE:
        from gmsa_krm.hosts.kustomize import run_plugin

        def plugin(config: bytes, resources: bytes, folder: str, file: str) -> bytes:
            output, said = run_plugin(config, resources, app.outside(folder), file)
            findings.extend(said)
            return output

        data = app.kustomize_build(plugin)
    else:
        from gmsa_krm.hosts.files import generate_from, read_paths

        is_chart = app.kind == application.HELM
        folder = read_paths(app.configs() if is_chart else app.manifests(), os.environ, _stdin(), app.overrides)
        if is_chart:
            from gmsa_krm.hosts.helm import post_render

            data = app.helm_template(folder.documents)
            data, findings = post_render(data, folder.configs, app.outside(), app.namespace, False, config_needed=False)
        else:
            from gmsa_krm.hosts.render import in_apply_order, stream

            outcome = generate_from(folder, namespace=app.namespace)
            data, findings = stream(in_apply_order(outcome, folder.documents), as_json=False), outcome.findings
    findings += app.ending()
    application.refuse_empty(data)
    _print(findings)
    _write(data)
    return DONE


def _patch(options: Options) -> int:
    from gmsa_krm.hosts.files import read_paths
    from gmsa_krm.hosts.patch import patch

    folder = read_paths(options.config, os.environ, _stdin())
    data, findings = patch(folder.configs, options.target, options.namespace)
    _print(findings)
    _write(data)
    return DONE


def _lint(options: Options) -> int:
    from gmsa_krm.hosts.lint import as_json, as_sarif, as_text, lint

    findings = lint(options.path, os.environ, _stdin())
    form = {"text": as_text, "json": as_json, "sarif": as_sarif}[options.format]
    _write(form(findings).encode("utf-8", "surrogateescape"))
    return WRONG_INPUT if has_errors(findings) else DONE


def _schema(options: Options) -> int:
    import json

    from gmsa_krm.config.schema import json_schema, values_schema

    schema = values_schema() if options.chart_values else json_schema()
    _write((json.dumps(schema, indent=2) + "\n").encode())
    return DONE


def _install(options: Options) -> int:
    from gmsa_krm.install import install_kustomize

    print(install_kustomize(options.dir, os.environ))
    return DONE


def _install_helm(options: Options) -> int:
    from gmsa_krm.install import install_helm

    print(install_helm(options.dir, os.environ))
    return DONE


def _import_helm_values(options: Options) -> int:
    from gmsa_krm.hosts.helm_values import import_helm_values

    data, findings = import_helm_values(options.file, options.release, options.namespace)
    _print(findings)
    _write(data)
    return DONE


def _certs_issue(options: Options) -> int:
    from gmsa_krm.certificates.command import issue_files

    print(issue_files(options.name, options.namespace, options.valid_for, options.dir, options.force, os.environ))
    return DONE


def _certs_show(options: Options) -> int:
    from gmsa_krm.certificates.command import show

    for path in options.file:
        print(show(path))
    return DONE


def _parsed(arguments: list[str]) -> Options:
    """The options by argparse, which ends the process for help and mistakes."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="gmsa-krm",
        description="Sets up gMSA on Kubernetes from one GMSAConfig. Without arguments: a KRM function"
        " (a ResourceList on stdin and stdout).",
        allow_abbrev=False,
    )
    _declare(parser)
    return Options(vars(parser.parse_args(arguments)))


def _declare(parser: ArgumentParser | Quick) -> None:
    """All commands and their options, to whichever parser."""
    parser.add_argument("--version", action="version", version=f"gmsa-krm {__version__}")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")

    render = commands.add_parser("render", help="print everything that GMSAConfig files ask for, in apply order")
    render.add_argument(
        "path", nargs="+", metavar="PATH", help="GMSAConfig file, manifest, folder of them, or - for stdin"
    )
    render.add_argument("-o", "--output", metavar="DIR", help="write a file per resource into DIR instead")
    render.add_argument("--format", choices=("yaml", "json"), default="yaml")
    render.set_defaults(run=_render)

    post_render = commands.add_parser("post-render", help="Helm's post-renderer: the stream on stdin and stdout")
    post_render.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="GMSAConfig beside those in the stream"
    )
    post_render.add_argument(
        "--namespace", default="", metavar="NS", help="the release's namespace, which Helm does not say"
    )
    post_render.add_argument("--log-file", metavar="FILE", help="write the messages there too, since Helm 4 drops them")
    post_render.set_defaults(run=_post_render)

    patch = commands.add_parser("patch", help="print a strategic merge patch for one workload, for kustomize's patches")
    patch.add_argument("--config", action="append", required=True, metavar="FILE", help="GMSAConfig file")
    patch.add_argument(
        "target", metavar="KIND/NAME", help="such as Deployment/web, or Rollout.v1alpha1.argoproj.io/web"
    )
    patch.add_argument("--namespace", default="", metavar="NS", help="its namespace")
    patch.set_defaults(run=_patch)

    lint = commands.add_parser("lint", help="find mistakes; exit status 1 if one is an error")
    lint.add_argument(
        "path", nargs="+", metavar="PATH", help="GMSAConfig file, manifest, folder of them, or - for stdin"
    )
    lint.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    lint.set_defaults(run=_lint)

    argocd = commands.add_parser("argocd", help="Argo CD's config management plugin, in an application's folder")
    verbs = argocd.add_subparsers(required=True, metavar="discover|generate|parameters")
    verbs.add_parser("discover", help="say something if a GMSAConfig takes part").set_defaults(run=_argocd_discover)
    verbs.add_parser("generate", help="print the manifests of the application").set_defaults(run=_argocd_generate)
    verbs.add_parser("parameters", help="print what an Application may set").set_defaults(run=_argocd_parameters)

    schema = commands.add_parser("schema", help="print the JSON Schema of GMSAConfig, for editors")
    schema.add_argument("--chart-values", action="store_true", help="the one of the chart's values instead")
    schema.set_defaults(run=_schema)

    install = commands.add_parser("install", help="put the plugin where a host looks for it")
    hosts = install.add_subparsers(required=True, metavar="HOST")
    kustomize = hosts.add_parser("kustomize", help="the legacy exec plugin of kustomize, for kubectl kustomize")
    kustomize.add_argument("--dir", metavar="DIR", help="kustomize's plugin folder (default: where kustomize looks)")
    kustomize.set_defaults(run=_install)

    helm = hosts.add_parser("helm", help="the post-renderer plugin of Helm 4; Helm 3 is given the program's path")
    helm.add_argument("--dir", metavar="DIR", help="folder of plugins (default: HELM_PLUGINS, else one of our own)")
    helm.set_defaults(run=_install_helm)

    importer = commands.add_parser("import", help="turn the configuration of other tools into a GMSAConfig")
    sources = importer.add_subparsers(required=True, metavar="SOURCE")
    values = sources.add_parser("helm-values", help="a values file of upstream's chart gmsa")
    values.add_argument("file", metavar="FILE")
    values.add_argument("--release", default="gmsa", help="name of the upstream release (default: %(default)s)")
    values.add_argument("--namespace", default="gmsa", help="its namespace (default: %(default)s)")
    values.set_defaults(run=_import_helm_values)

    certs = commands.add_parser("certs", help="certificate files for webhook.certificate.source Files")
    actions = certs.add_subparsers(required=True, metavar="ACTION")
    issue = actions.add_parser("issue", help="make ca.crt, tls.crt and tls.key; the CA's key is thrown away")
    issue.add_argument("--name", default="gmsa-webhook", help="webhook.name of the config (default: %(default)s)")
    issue.add_argument("--namespace", default="gmsa-webhook", help="webhook.namespace (default: %(default)s)")
    issue.add_argument("--valid-for", default="8760h", metavar="DURATION", help="default: %(default)s, a year")
    issue.add_argument("--dir", default="certs", help="where to write them (default: %(default)s)")
    issue.add_argument(
        "--force", action="store_true", help="replace files that are there; the old CA stays trusted beside the new one"
    )
    issue.set_defaults(run=_certs_issue)
    show = actions.add_parser("show", help="print what the certificates in PEM files hold")
    show.add_argument("file", nargs="+", metavar="FILE")
    show.set_defaults(run=_certs_show)


def _print(findings: Iterable[Finding]) -> None:
    for finding in findings:
        print(finding, file=sys.stderr)


def _stdin() -> BinaryIO:
    """Standard input; an empty one where the caller has closed it."""
    if sys.stdin is None:
        from io import BytesIO

        return BytesIO()
    return sys.stdin.buffer


def _write(data: bytes) -> None:
    if sys.stdout is None:
        raise OSError("stdout is closed")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
