"""kustomize and helm, run as Argo CD would run them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

from gmsa_krm.config.values import seconds
from gmsa_krm.findings import ExternalError, Location, invalid
from gmsa_krm.hosts.argocd.folder import dependencies, inside
from gmsa_krm.hosts.argocd.kustomization import Kustomization, copy_repository, refuse_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.hosts.argocd.kustomization import Plugin
    from gmsa_krm.hosts.argocd.parameters import Parameters

_MAX_VALUES = 16 * 1024 * 1024


class Programs:
    """Runs programs for one application. Each method raises ExternalError, and InputError for wrong parameters."""

    def __init__(self, folder: str, root: str, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._root = root
        self._variables = variables
        self._allowed = _time_limit(variables)
        self._end = time.monotonic() + self._allowed
        self._names: dict[str, str] = {}  # of copies, by path: how the author of the application knows them

    def kustomize_build(self, plugin: Plugin) -> bytes:
        """The output of kustomize for the folder; `plugin` runs a GMSAConfig."""
        return Kustomization(self._folder, self._root, self._run, plugin).build()

    def helm_template(self, release: str, parameters: Parameters) -> bytes:
        """What helm renders from the chart in the folder, with CRDs and hooks."""
        refuse_links(self._root)
        with tempfile.TemporaryDirectory(prefix="gmsa-krm-") as work:
            command = self._template_command(release, parameters, work)
            try:
                return self._run(command, self._folder)
            except ExternalError as error:
                if "missing in charts/" not in str(error):
                    raise
            return self._with_dependencies(command, work)

    def _template_command(self, release: str, parameters: Parameters, work: str) -> list[str]:
        variables = self._variables
        command = ["helm", "template", "--include-crds"]
        if variables.get("ARGOCD_APP_NAMESPACE"):
            command += ["--namespace", variables["ARGOCD_APP_NAMESPACE"]]
        if variables.get("KUBE_VERSION"):
            command += ["--kube-version", variables["KUBE_VERSION"]]
        for version in filter(None, variables.get("KUBE_API_VERSIONS", "").split(",")):
            command += ["--api-versions", version]
        for file in parameters.helm_value_files:
            command += ["--values", self._copy_of_values(file, work)]
        for key, value in parameters.helm_values.items():
            # As Argo CD does for its own Helm parameters: a comma is part of the value, unless it is a list.
            escaped = value if value.startswith("{") else re.sub(r"(?<!\\),", r"\\,", value)
            command += ["--set", f"{key}={escaped}"]
        return [*command, "--", release, "."]

    def _copy_of_values(self, file: str, work: str) -> str:
        """The path of a copy with a plain name: helm splits paths at commas and follows links a second time."""
        copied = os.path.join(work, f"values-{len(self._names)}.yaml")
        with open(copied, "wb") as opened:
            opened.write(_read_values(file, self._folder, self._root))
        self._names[copied] = file
        return copied

    def _with_dependencies(self, command: list[str], work: str) -> bytes:
        """In a copy of the repository, since helm writes fetched charts beside the chart."""
        copied = os.path.join(work, "repository")
        copy_repository(self._root, copied, writable=True)
        folder = os.path.join(copied, os.path.relpath(self._folder, self._root))
        own = {
            "HELM_REPOSITORY_CONFIG": os.path.join(work, "repositories.yaml"),
            "HELM_REPOSITORY_CACHE": os.path.join(work, "cache"),
        }
        # With a Chart.lock helm uses only repositories that were added.
        for number, url in enumerate(dict.fromkeys(dependencies(folder))):
            if url.startswith(("http://", "https://")):
                self._run(["helm", "repo", "add", f"dependency-{number}", url], folder, own)
        self._run(["helm", "dependency", "build", "."], folder, own)
        return self._run(command, folder, own)

    def _run(self, command: list[str], folder: str, more: Mapping[str, str] | None = None) -> bytes:
        """The stdout of a program that succeeded; its messages go to stderr."""
        program = shutil.which(command[0], path=self._variables.get("PATH"))
        if program is None:
            raise ExternalError(f"{command[0]} is not on the PATH; add it to the image of the plugin")
        environ = {**_without_secrets(self._variables), **_GIT, **(more or {})}
        try:
            process = subprocess.Popen(  # noqa: S603  no shell; what a user gives is behind a flag or checked
                [program, *command[1:]],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise ExternalError(f"{program} could not be started ({error.strerror})") from None
        try:
            out, err = process.communicate(timeout=max(self._end - time.monotonic(), 0.1))
        except BaseException as error:
            process.kill()
            if os.getpgrp() == os.getpid():
                # Argo CD gives a plugin its own process group: this also stops what kustomize has started, such as git.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.killpg(0, signal.SIGTERM)
            process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            message = (
                f"{' '.join(command[:2])} was stopped {self._allowed} s after the start, before Argo CD's own time"
                " limit; raise ARGOCD_EXEC_TIMEOUT of the sidecar, and server.repo.server.timeout.seconds and"
                " controller.repo.server.timeout.seconds in argocd-cmd-params-cm"
            )
            raise ExternalError(message) from None
        messages = self._shown(err.decode("utf-8", "replace").strip(), folder)
        if process.returncode:
            why = f"exit status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
            raise ExternalError(
                f"{' '.join(command[:2])} failed ({why}):\n{messages or '(no message)'}{_cure(messages)}"
            )
        if messages:
            print(messages, file=sys.stderr)
        return out

    def _shown(self, messages: str, folder: str) -> str:
        """The messages with the paths of the repository in place of those of copies."""
        for path, name in self._names.items():
            messages = messages.replace(path, name)
        copied = re.match(r".*?/gmsa-krm-[^/]+/repository", folder)
        return messages.replace(copied[0], os.path.realpath(self._root)) if copied else messages


# kustomize passes a repository's branch to git unchecked, options too, and git runs programs for local transports.
_GIT = {"GIT_ALLOW_PROTOCOL": "https:http:ssh", "GIT_TERMINAL_PROMPT": "0"}


def _without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without seeds, and without those that make kustomize find plugins."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith("GMSA_KRM_") and name not in ("KUSTOMIZE_PLUGIN_HOME", "ARGOCD_APP_PARAMETERS")
    }


def _cure(messages: str) -> str:
    if "external plugins disabled" in messages or "unable to load external plugin" in messages:
        return (
            "\nOnly GMSAConfigs run here: with other plugins a repository could run any program. Put a GMSAConfig into"
            " the repository itself, under generators or transformers"
        )
    return ""


def _read_values(file: str, folder: str, root: str) -> bytes:
    path = os.path.join(folder, file)
    location = Location("parameter 'helm-value-files'")
    if "://" in file or not inside(os.path.realpath(root), path):
        raise invalid(
            "parameter",
            f"{file[:120]!a} is not in the repository; give a path relative to the chart's folder",
            location,
        )
    try:
        # What was looked at above is what is read: no link, and no FIFO that would hang the render.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(os.path.realpath(path), flags), "rb") as opened:
            data = opened.read(_MAX_VALUES + 1) if stat.S_ISREG(os.fstat(opened.fileno()).st_mode) else None
    except OSError:
        data = None
    if data is None:
        raise invalid("parameter", f"{file[:120]!a} is not a file; give paths relative to the chart's folder", location)
    if len(data) > _MAX_VALUES:
        message = f"{file[:120]!a} is larger than {_MAX_VALUES >> 20} MiB, so it is the wrong file; fix the path"
        raise invalid("parameter", message, location)
    return data


def _time_limit(variables: Mapping[str, str]) -> int:
    """Seconds that a program may take.

    Argo CD kills the plugin without a message when its request times out, which no variable tells: after 60 s, unless
    both sides are configured otherwise, as ARGOCD_EXEC_TIMEOUT shows.
    """
    allowed = seconds(variables.get("ARGOCD_EXEC_TIMEOUT", "")) or 60
    return min(max(allowed - 5, 1), 86_400)
