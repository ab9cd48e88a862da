"""`post-render`: Helm's post-renderer, with a log file, since Helm 4 drops the messages of a post-renderer."""

from __future__ import annotations

import contextlib
import os
import stat

from gmsa_krm import console
from gmsa_krm.config.values import check_option, label_name
from gmsa_krm.environment import Environment, Host
from gmsa_krm.findings import ExternalError, InputError, UsageError, file_error, refuse_warnings
from gmsa_krm.hosts.files import read_configs
from gmsa_krm.hosts.helm import PostRenderer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.arguments import Options

_NAMESPACE = "give metadata.namespace, or --post-renderer-args=--release-namespace=NS"
_WORKLOADS = "fix the match, or remove the entry"
_STREAM = Host("the working directory, since the config is in the chart's output", _NAMESPACE, _WORKLOADS)
_FILES = Host("the config's folder", _NAMESPACE, _WORKLOADS)


def run(options: Options) -> int:
    if "-" in options.config:
        raise UsageError("--config - is not possible, since Helm's stream is on stdin; give the config as a file")
    # Helm 4 drops the messages of its plugins. Helm 3 prints them, and a log beside them does no harm.
    log = options.log_file or (_default_log() if "HELM_PLUGIN_NAME" in os.environ else None)
    if options.log_file:
        console.refuse_overwriting("--log-file", options.log_file, (("a --config", it) for it in options.config))
    environments = [Environment(os.getcwd(), os.environ, _STREAM)]
    host = PostRenderer(environments[0], namespace=options.namespace)
    try:
        if options.namespace:
            check_option("--namespace", options.namespace, label_name)
        read = read_configs(options.config, os.environ, console.stdin())
        configs = [(config, environment.under(_FILES)) for config, environment in read]
        environments += [environment for _, environment in configs]
        data, findings = host.run(console.stdin().read(), configs)
        if options.strict:
            refuse_warnings(findings, "--strict")
    except InputError as error:
        _write_log(log, error.findings, environments)
        raise
    except ExternalError as error:
        _write_log(log, [error], environments)
        raise
    if options.log_file or findings:
        _write_log(log, findings, environments)
    elif log:
        # The log of an earlier failure would look like the log of this run.
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.lstat(log).st_mode):
                os.unlink(log)
    console.print_findings(findings, quiet=options.quiet)
    console.write(data)
    return console.DONE


def log_wrong_usage(error: UsageError) -> None:
    """Helm 4 drops this message, too, and the log of an earlier run would look like that of this one."""
    if "HELM_PLUGIN_NAME" in os.environ:
        _write_log(_default_log(), [error], [])


def _default_log() -> str:
    """The log of runs with messages if there is no --log-file."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "gmsa-krm", "post-render.log")


def _write_log(path: str | None, messages: Iterable[object], environments: list[Environment]) -> None:
    """Writes a message per line; if the log cannot be written, prints an error and continues.

    Raises UsageError for a file that a config names.
    """
    if path is None:
        return
    if any(os.path.realpath(path) in it.files for it in environments):
        raise UsageError(
            f"--log-file {path} is also a file that a config reads, which would be lost; give another file"
        )
    from gmsa_krm.atomic import write_file

    text = "".join(f"{message}\n" for message in messages)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        write_file(path, text.encode("utf-8", "backslashreplace"), 0o600)
    except OSError as error:
        console.print_error(file_error(path, "written", error))
