"""kustomize and helm, run as Argo CD would run them, with the plugin."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from gmsa_krm.config.values import seconds
from gmsa_krm.findings import OutsideError, Place, input_error
from gmsa_krm.hosts.argocd.folder import Found, stripped_copies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gmsa_krm.hosts.argocd.parameters import Parameters

# A legacy plugin leaves its name in the file that this variable names: kustomize may have skipped it.
RAN = "GMSA_KRM_RAN"


def kustomize_build(
    folder: str, root: str, found: Found, environ: Mapping[str, str], install: Callable[[str], object]
) -> bytes:
    """What kustomize builds of the folder. `install` puts the legacy plugin below a folder. Raises OutsideError.

    Never with --enable-exec: then any repository could run any program beside the seed of all certificates.
    Configs that are exec functions are made plugins in a copy of the repository.
    """
    if found.inline_function:
        message = (
            "holds a GMSAConfig with the annotation config.kubernetes.io/function in itself; exec functions are not run"
            " here, so remove the annotation: the plugin runs without it"
        )
        raise input_error("exec-function", message, Place(found.inline_function))
    with tempfile.TemporaryDirectory(prefix="gmsa-krm-") as work:
        home = environ.get("KUSTOMIZE_PLUGIN_HOME", "")
        if not os.path.exists(os.path.join(home, "gmsa-krm.dev", "v1alpha1", "gmsaconfig", "GMSAConfig")):
            home = os.path.join(work, "plugins")
            install(home)
        if found.functions:
            copied = os.path.join(work, "repository")
            _copy(root, copied, found.functions)
            folder = os.path.join(copied, os.path.relpath(folder, root))
        ran = os.path.join(work, "ran")
        data = _run(
            ["kustomize", "build", "--enable-alpha-plugins", "."],
            folder,
            {**environ, "KUSTOMIZE_PLUGIN_HOME": home, RAN: ran},
        )
        if not os.path.exists(ran) and (found.any or found.unseen):
            where = f" (it refers to {found.unseen})" if found.unseen else ""
            message = (
                f"kustomize ran no GMSAConfig of this folder{where}; one with the annotation config.kubernetes.io/function"
                " outside the repository is skipped: remove the annotation there, or leave this plugin out of the application"
            )
            raise input_error("skipped", message)
        return data


def helm_template(folder: str, root: str, parameters: Parameters, environ: Mapping[str, str]) -> bytes:
    """What helm makes of the chart in the folder, CRDs and hooks included. Raises OutsideError and InputError."""
    command = ["helm", "template", parameters.helm_release or environ.get("ARGOCD_APP_NAME") or "release-name", "."]
    command.append("--include-crds")
    if environ.get("ARGOCD_APP_NAMESPACE"):
        command += ["--namespace", environ["ARGOCD_APP_NAMESPACE"]]
    if environ.get("KUBE_VERSION"):
        command += ["--kube-version", environ["KUBE_VERSION"]]
    for version in filter(None, environ.get("KUBE_API_VERSIONS", "").split(",")):
        command += ["--api-versions", version]
    for file in parameters.helm_value_files:
        command += ["--values", _value_file(file, folder, root)]
    for key, value in parameters.helm_values.items():
        # As Argo CD does for its own helm parameters: a comma is part of the value, unless it is a list.
        escaped = value if value.startswith("{") else re.sub(r"(?<!\\),", r"\\,", value)
        command += ["--set", f"{key}={escaped}"]
    try:
        return _run(command, folder, environ)
    except OutsideError as error:
        if "missing in charts/" not in str(error):
            raise
    with _writable_copy(folder, root) as copied:
        _run(["helm", "dependency", "build", "."], copied, environ)
        return _run(command, copied, environ)


def _value_file(file: str, folder: str, root: str) -> str:
    real = os.path.realpath(os.path.join(folder, file))
    if "://" in file or os.path.commonpath((os.path.realpath(root), real)) != os.path.realpath(root):
        message = f"{file[:120]!a} is not in the repository; give a path relative to the chart's folder"
        raise input_error("parameter", message, Place("parameter 'helm-value-files'"))
    return real


@contextlib.contextmanager
def _writable_copy(folder: str, root: str) -> Iterator[str]:
    """The chart's folder in a copy of the repository, since helm writes the dependencies that it fetches there."""
    with tempfile.TemporaryDirectory(prefix="gmsa-krm-") as work:
        copied = os.path.join(work, "repository")
        _copy(root, copied, set())
        yield os.path.join(copied, os.path.relpath(folder, root))


def _copy(root: str, target: str, functions: set[str]) -> None:
    def link(source: str, place: str) -> None:
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, place, follow_symlinks=False)

    try:
        ignored = shutil.ignore_patterns(".git")
        shutil.copytree(root, target, symlinks=True, ignore=ignored, copy_function=link)
        for path, data in stripped_copies(functions):
            place = os.path.join(target, os.path.relpath(path, os.path.realpath(root)))
            os.unlink(place)  # a hard link: the file of the repository must stay as it is
            with open(place, "wb") as file:
                file.write(data)
    except (OSError, shutil.Error) as error:
        raise OutsideError(f"the repository cannot be copied to {target}: {error}") from None


def _time_limit(environ: Mapping[str, str]) -> int:
    """Seconds that a program may take. Argo CD kills the plugin without a word when its request's time is over,
    which no variable says: 60 s, unless both sides were told otherwise, as ARGOCD_EXEC_TIMEOUT shows.
    """
    allowed = seconds(environ.get("ARGOCD_EXEC_TIMEOUT", "")) or 60
    return max(allowed - 5, 1)


def _run(command: list[str], folder: str, environ: Mapping[str, str]) -> bytes:
    """The stdout of a program that succeeded; its messages go on as ours. Raises OutsideError."""
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        raise OutsideError(f"{command[0]} is not on the PATH; add it to the image of the plugin, and {command[0]} folders work")
    limit = _time_limit(environ)
    try:
        done = subprocess.run(  # noqa: S603  no shell; what a user gives is behind a flag or checked
            [program, *command[1:]], cwd=folder, env=dict(environ), capture_output=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        message = (
            f"{' '.join(command[:2])} was stopped after {limit} s, before Argo CD's own time limit; raise ARGOCD_EXEC_TIMEOUT"
            " of the sidecar, and server.repo.server.timeout.seconds and controller.repo.server.timeout.seconds in"
            " argocd-cmd-params-cm"
        )
        raise OutsideError(message) from None
    except OSError as error:
        raise OutsideError(f"{program} could not be started ({error.strerror})") from None
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode:
        why = f"exit status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise OutsideError(f"{' '.join(command[:2])} failed ({why}):\n{said or '(it said nothing)'}")
    if said:
        import sys

        print(said, file=sys.stderr)
    return done.stdout
