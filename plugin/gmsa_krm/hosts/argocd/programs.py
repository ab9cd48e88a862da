"""kustomize and helm, run as Argo CD would run them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time

from gmsa_krm import console
from gmsa_krm.findings import ExternalError, Location, invalid
from gmsa_krm.hosts.argocd.confine import Cage, missing
from gmsa_krm.hosts.argocd.dependencies import Dependencies
from gmsa_krm.hosts.argocd.excerpt import Excerpt
from gmsa_krm.hosts.argocd.helm_charts import HelmCharts
from gmsa_krm.hosts.argocd.kustomization import Kustomization
from gmsa_krm.hosts.argocd.limits import MAX_FILE, MIB, over_limit, time_limit
from gmsa_krm.hosts.argocd.references import Hosts
from gmsa_krm.hosts.argocd.repository import inside
from gmsa_krm.hosts.argocd.work_folder import WorkFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from gmsa_krm.hosts.argocd.kustomization import Plugin
    from gmsa_krm.hosts.argocd.parameters import Parameters

_MAX_VALUES = 16 * MIB
_MAX_MESSAGES = 64 * 1024
_LEAST_MEMORY = 192 * MIB  # with which kustomize and helm can work
_REPOSITORIES = "repositories.yaml"


class Programs:
    """Runs programs for one application. Each method raises ExternalError, and InputError for wrong parameters."""

    def __init__(self, folder: str, root: str, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._root = root
        self._variables = variables
        self._allowed = time_limit(variables)
        self._end = time.monotonic() + self._allowed
        self._hosts = Hosts(variables)
        self._work = ""
        self._is_first = True
        self._names: dict[str, str] = {}  # of copies, by path: how the author of the application knows them

    def kustomize_build(self, plugin: Plugin) -> bytes:
        """The output of kustomize for the folder; `plugin` runs a GMSAConfig."""
        with WorkFolder() as self._work:
            excerpt = self._excerpt("repository")
            charts = HelmCharts(excerpt, self._hosts, self._variables, can_confine=not missing())

            def kustomize(folder: str, may_fetch: bool) -> bytes:
                helm = self._program("helm") if charts.is_used else ""
                arguments = charts.arguments(helm) if helm else []
                return self._run(["kustomize", "build", *arguments, "."], folder, may_fetch, helm)

            return Kustomization(self._folder, excerpt, self._hosts, charts, kustomize, plugin).build()

    def helm_template(self, release: str, parameters: Parameters) -> bytes:
        """What helm renders from the chart in the folder, with CRDs and hooks."""
        with WorkFolder() as self._work:
            command = self._template_command(release, parameters)
            excerpt = self._excerpt("repository")
            folder = excerpt.copied(self._folder)
            excerpt.add_tree(folder)
            try:
                return self._run(command, folder)
            except ExternalError as error:
                if "missing in charts/" not in str(error):
                    raise
            return self._with_dependencies(command)

    def _excerpt(self, name: str, writable: bool = False) -> Excerpt:
        excerpt = Excerpt(self._root, os.path.join(self._work, name), writable)
        self._names[excerpt.top] = excerpt.root
        return excerpt

    def _template_command(self, release: str, parameters: Parameters) -> list[str]:
        variables = self._variables
        command = ["helm", "template", "--include-crds"]
        if missing():
            # A schema of values may refer to any file and URL, in packed charts too: only the cage holds that.
            command.append("--skip-schema-validation")
        if variables.get("ARGOCD_APP_NAMESPACE"):
            command += ["--namespace", variables["ARGOCD_APP_NAMESPACE"]]
        if variables.get("KUBE_VERSION"):
            command += ["--kube-version", variables["KUBE_VERSION"]]
        for version in filter(None, variables.get("KUBE_API_VERSIONS", "").split(",")):
            command += ["--api-versions", version]
        for file in parameters.helm_value_files:
            command += ["--values", self._copy_of_values(file)]
        for key, value in parameters.helm_values.items():
            # As Argo CD does for its own Helm parameters: a comma is part of the value, unless it is a list.
            escaped = value if value.startswith("{") else re.sub(r"(?<!\\),", r"\\,", value)
            command += ["--set", f"{key}={escaped}"]
        return [*command, "--", release, "."]

    def _copy_of_values(self, file: str) -> str:
        """The path of a copy with a plain name: helm splits paths at commas and follows links a second time."""
        copied = os.path.join(self._work, f"values-{len(self._names)}.yaml")
        with open(copied, "wb") as opened:
            opened.write(_read_values(file, self._folder, self._root))
        self._names[copied] = file
        return copied

    def _with_dependencies(self, command: list[str]) -> bytes:
        """In a copy, since helm writes fetched charts beside the chart."""
        excerpt = self._excerpt("writable", writable=True)
        folder = excerpt.copied(self._folder)
        excerpt.add_tree(folder)
        # As helm reads it: fields in other cases, and those of requirements.yaml.
        dependencies = Dependencies(self._run(["helm", "show", "chart", "."], folder), folder)
        for path in dependencies.folders:
            excerpt.add_tree(path)
        urls = dependencies.urls(excerpt.top, self._hosts)
        known = self._copy_repositories() if urls else b""
        # With a Chart.lock helm uses only repositories that were added.
        for number, url in enumerate(urls):
            if url.startswith(("http://", "https://")) and not _has_repository(known, url):
                self._run(["helm", "repo", "add", f"dependency-{number}", "--", url], folder, True)
        self._run(["helm", "dependency", "build", "."], folder, bool(urls))
        return self._run(command, folder)

    def _copy_repositories(self) -> bytes:
        """Copies the operator's repositories with their credentials, since helm writes into that file. Returns it."""
        path = self._variables.get("HELM_REPOSITORY_CONFIG", "")
        try:
            with open(path, "rb") as file:
                known = file.read()
        except OSError:
            return b""
        with open(os.path.join(self._work, _REPOSITORIES), "wb") as copied:
            copied.write(known)
        return known

    def _program(self, name: str) -> str:
        program = shutil.which(name, path=self._variables.get("PATH"))
        if program is None:
            raise ExternalError(f"{name} is not on the PATH; add it to the image of the plugin")
        return program

    def _run(self, command: list[str], folder: str, may_fetch: bool = False, other: str = "") -> bytes:
        """The stdout of a program that succeeded; its messages go to stderr. `other`: a program that it starts.

        It reads and writes nothing but the folder of the run, in which the excerpts are. Unless it `may_fetch`, it has
        no network.
        """
        self._say_what_is_missing()
        program = self._program(command[0])
        environ = self._environ(may_fetch)
        cage = self._cage([program, other] if other else [program], environ, may_fetch)
        # Files and not pipes: the kernel limits the size of a file.
        with tempfile.TemporaryFile(dir=self._work) as out, tempfile.TemporaryFile(dir=self._work) as err:
            try:
                process = subprocess.Popen(  # noqa: S603  no shell; what a user gives is behind a flag or checked
                    [program, *command[1:]],
                    cwd=folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    preexec_fn=lambda: _in_child(cage, 2 if other else 1),
                )
            except OSError as error:
                raise ExternalError(f"{program} could not be started ({error})") from None
            except subprocess.SubprocessError:
                raise _cage_error(command[0], "cannot be entered") from None
            finally:
                cage.close()
            self._wait(process, command)
            err.seek(0)
            messages = self._shown(err.read(_MAX_MESSAGES).decode("utf-8", "replace").strip())
            if process.returncode:
                raise _failure(command, process.returncode, messages, out)
            if messages:
                console.print_messages(command[0], messages)
            out.seek(0)
            return out.read()

    def _say_what_is_missing(self) -> None:
        if self._is_first and (names := missing()):
            message = (
                f"this system has no {' and no '.join(names)}, so only checks of paths and URLs confine kustomize and"
                " helm, and helm does not check values.schema.json"
            )
            console.print_error(message)
        self._is_first = False

    def _cage(self, programs: list[str], environ: dict[str, str], may_fetch: bool) -> Cage:
        readable = [os.path.dirname(os.path.realpath(program)) for program in programs]
        if may_fetch:
            readable += [os.path.realpath(path) for path in _RESOLVER]
            named = [environ[name] for name in ("HOME", *_FOLDERS, *_CERTIFICATES) if environ.get(name)]
            readable += [path for value in named for path in value.split(os.pathsep)]
        try:
            return Cage(readable, self._work, may_fetch)
        except OSError as error:
            raise _cage_error(os.path.basename(programs[0]), f"cannot be made ({error.strerror})") from None

    def _environ(self, may_fetch: bool) -> dict[str, str]:
        """Without what kustomize and helm need not know: seeds, what could make kustomize find plugins, and folders.

        What others have left in HOME, such as a broken plugin of helm, is not looked at: HOME may be the folder of all
        runs. The operator's own folders, which may hold credentials and downloaders, are for what may fetch.
        """
        variables = self._variables
        unknown = [*_UNKNOWN, *(() if may_fetch else _FOLDERS)]
        environ = {
            name: value for name, value in variables.items() if not name.startswith("GMSA_KRM_") and name not in unknown
        }
        own = {
            "TMPDIR": self._work,
            "HELM_CACHE_HOME": os.path.join(self._work, "cache"),
            "HELM_REPOSITORY_CACHE": os.path.join(self._work, "cache/repository"),
            "HELM_REPOSITORY_CONFIG": os.path.join(self._work, _REPOSITORIES),
            "HELM_CONFIG_HOME": environ.get("HELM_CONFIG_HOME") or os.path.join(self._work, "config"),
            "HELM_DATA_HOME": environ.get("HELM_DATA_HOME") or os.path.join(self._work, "data"),
        }
        if not may_fetch or self._is_shared(variables.get("HOME", "")):
            own["HOME"] = os.path.join(self._work, "home")
        return {**environ, **own, **_GIT}

    def _is_shared(self, home: str) -> bool:
        """Whether the folders of other runs, or their repositories, may be in a HOME."""
        real = os.path.realpath(home)
        return not home or inside(real, self._work) or inside(real, self._root)

    def _wait(self, process: subprocess.Popen[bytes], command: list[str]) -> None:
        try:
            process.wait(timeout=max(self._end - time.monotonic(), 0.1))
        except BaseException as error:
            process.kill()
            if os.getpgrp() == os.getpid():
                # Argo CD gives a plugin its own process group: this also stops what kustomize has started, such as git.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.killpg(0, signal.SIGTERM)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            message = (
                f"{' '.join(command[:2])} was stopped {self._allowed} s after the start, before Argo CD's own time"
                " limit; raise ARGOCD_EXEC_TIMEOUT of the sidecar, and server.repo.server.timeout.seconds and"
                " controller.repo.server.timeout.seconds in argocd-cmd-params-cm"
            )
            raise ExternalError(message) from None

    def _shown(self, messages: str) -> str:
        """The messages with the paths that the author of the application knows in place of those of copies."""
        for path, name in self._names.items():
            messages = messages.replace(path, name)
        return messages


# kustomize passes a repository's branch to git unchecked, options too, and git runs programs for local transports.
_GIT = {"GIT_ALLOW_PROTOCOL": "https:http:ssh", "GIT_TERMINAL_PROMPT": "0"}


# Parameters of gmsa-krm's own, plugins, and caches, which are in the folder of the run.
_UNKNOWN = ("ARGOCD_APP_PARAMETERS", "KUSTOMIZE_PLUGIN_HOME", "HELM_CONTENT_CACHE", "XDG_CACHE_HOME")
# Where helm, kustomize and git look for settings, credentials and plugins if these variables are set.
_FOLDERS = (
    *("HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REGISTRY_CONFIG", "DOCKER_CONFIG"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME"),
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
# May be links out of /etc.
_RESOLVER = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")


def _has_repository(known: bytes, url: str) -> bool:
    """Whether a URL is in a file of repositories, as helm writes it."""
    return bool(re.search(rb"^ *url: \"?" + re.escape(url.encode().rstrip(b"/")) + rb"/?\"?$", known, re.MULTILINE))


def _cage_error(program: str, what: str) -> ExternalError:
    return ExternalError(
        f"{program} was not started: its confinement by Landlock and seccomp {what}, though this system has them; look"
        " at what the container runtime forbids"
    )


def _in_child(cage: Cage, number: int) -> None:
    """`number`: of the programs that run at one time, each of which has the limits; they share the memory."""
    import resource

    memory, most = resource.getrlimit(resource.RLIMIT_DATA)
    if number > 1 and memory != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_DATA, (max(memory // number, min(memory, _LEAST_MEMORY)), most))
    # Of programs the clock counts the seconds, since they have threads.
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    cage.enter()


def _failure(command: list[str], status: int, messages: str, out: IO[bytes]) -> Exception:
    name = " ".join(command[:2])
    if os.fstat(out.fileno()).st_size >= MAX_FILE:
        return over_limit(f"makes {name} print more than {MAX_FILE // MIB} MiB")
    # Go's runtime mostly says that it is out of memory, and dies of a signal where it could not; kustomize repeats what
    # helm says behind its own "Error: ".
    if re.search(r"^(?:Error: )?(?:fatal error|fatal|runtime|SIG[A-Z]+): ", messages, re.MULTILINE):
        share = (
            "a quarter each for kustomize and helm" if "--enable-helm" in command else "half of what the sidecar has"
        )
        return over_limit(f"makes {name} take too much memory ({share})", "split it, or give the sidecar more")
    shown = console.named_lines(command[0], messages or "(no message)")
    why = f"exit status {status}" if status > 0 else f"signal {-status}"
    return ExternalError(f"{name} failed ({why}):\n{shown}{_cure(messages)}")


# What messages of the programs mean here, where their own cures are not possible.
_CURES = {
    "external plugins disabled|unable to load external plugin": (
        "Only GMSAConfigs run here: with other plugins a repository could run any program. Put a GMSAConfig into the"
        " repository itself, under generators or transformers"
    ),
    r"security; file .* is not in or below": (
        "kustomize reads files of the kustomization's own folder only, and --load-restrictor cannot be set here: move"
        " the file below it, or write a kustomization.yaml beside it and name its folder under resources or components"
    ),
    r"401 Unauthorized|403 Forbidden": (
        "Credentials of Argo CD's own repositories do not reach a plugin: commit the packed charts, or ask the operator"
        " of Argo CD for HELM_REPOSITORY_CONFIG or HELM_REGISTRY_CONFIG of the sidecar"
    ),
    r"no 'git' program on path": (
        "git is not in the sidecar, since a repository could give it options: put a copy into the repository, or name"
        " the URLs of files"
    ),
}


def _cure(messages: str) -> str:
    return "".join(f"\n{cure}" for pattern, cure in _CURES.items() if re.search(pattern, messages))


def _read_values(file: str, folder: str, root: str) -> bytes:
    path = os.path.join(folder, file)
    location = Location("parameter 'helm-value-files'")
    if file.startswith("$"):
        message = (
            f"{file[:120]!a} is in another source of the application, which Argo CD gives to its own Helm only; copy"
            " the file into this repository, or give helm-values"
        )
        raise invalid("parameter", message, location)
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
