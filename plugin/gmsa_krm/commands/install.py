"""`install`: puts the plugin where its host looks for it, or removes it from there."""

from __future__ import annotations

import os
import shlex
import sys

from gmsa_krm import __version__, console
from gmsa_krm.atomic import replace_files
from gmsa_krm.environment import open_regular
from gmsa_krm.findings import ExternalError, file_error, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.arguments import Options

_MARK = "# gmsa-krm: calls the program that installed this file"


def kustomize(options: Options) -> int:
    """Installs the legacy exec plugin below kustomize's plugin folder; with --uninstall removes it.

    The file is a script that calls this program's Python, since a plugin gets no arguments of its own. Raises
    ExternalError if the file cannot be written or belongs to another plugin.
    """
    home = options.dir if options.dir is not None else _kustomize_plugins(os.environ)
    path = os.path.join(home, "gmsa-krm.dev", "v1alpha1", "gmsaconfig", "GMSAConfig")
    if options.uninstall:
        return _uninstall([path], home)
    # sh: in a #! line, Python's path may have spaces or be too long for the kernel.
    # -P: a file of the user in the plugin folder must not shadow a module of gmsa-krm.
    # -c: unlike -m, it lets the script set argv[0], which tells the program that kustomize calls it.
    call = "import sys; sys.argv[0] = 'GMSAConfig'; from gmsa_krm.cli import main; sys.exit(main())"
    _install({path: (_script(f"-P -c {shlex.quote(call)}", "kustomize"), 0o755)})
    hint = "" if options.dir is None else f"; kustomize finds it with KUSTOMIZE_PLUGIN_HOME={os.path.abspath(home)}"
    console.write_text(f"installed {path}{hint}")
    return console.DONE


def helm(options: Options) -> int:
    """Installs the post-renderer plugin `gmsa` of Helm 4; with --uninstall removes it.

    Not into Helm's own plugin folder: Helm 3 and 4 share it, and Helm 3 loads none of its plugins once it finds a
    plugin.yaml in the format of Helm 4. Raises ExternalError.
    """
    plugins = options.dir or _helm_plugins(os.environ)
    folder = os.path.join(plugins, "gmsa")
    program = os.path.join(folder, "gmsa-krm")
    if options.uninstall:
        return _uninstall([os.path.join(folder, "plugin.yaml"), program], plugins)
    manifest = "\n".join(
        (
            _MARK,
            "apiVersion: v1",
            "name: gmsa",
            "type: postrenderer/v1",
            f"version: {__version__}",
            "runtime: subprocess",
            "runtimeConfig:",
            "  platformCommand:",
            "  - command: ${HELM_PLUGIN_DIR}/gmsa-krm",
            "    args: [post-render]",
            "",
        )
    )
    script = _script("-P -m gmsa_krm", "helm")
    _install({os.path.join(folder, "plugin.yaml"): (manifest, 0o644), program: (script, 0o755)})
    console.write_text(
        f"installed {folder}\n"
        f"Helm 4: HELM_PLUGINS={os.path.abspath(plugins)} helm template RELEASE CHART --post-renderer gmsa\n"
        f'beside its other plugins: HELM_PLUGINS="$(helm env HELM_PLUGINS):{os.path.abspath(plugins)}"\n'
        f"Helm 3: helm template RELEASE CHART --post-renderer {os.path.abspath(program)}"
        " --post-renderer-args post-render"
    )
    return console.DONE


def _script(arguments: str, host: str) -> str:
    """A script that calls this program's Python, and says what to do once that has moved."""
    python = shlex.quote(sys.executable)
    message = (
        f"the Python that installed this plugin is gone; install gmsa-krm again, then call: gmsa-krm install {host}"
    )
    return (
        f"#!/bin/sh\n{_MARK}\npython={python}\n"
        f'[ -x "$python" ] || {{ echo "gmsa-krm: $python: {message}" >&2; exit 3; }}\n'
        f'exec "$python" {arguments} "$@"\n'
    )


def _uninstall(paths: list[str], top: str) -> int:
    """Removes files of an earlier installation, and the folders below `top` that are empty then."""
    installed = [path for path in paths if os.path.lexists(path)]
    try:
        for path in installed:
            _refuse_foreign(path)
        for path in installed:
            os.unlink(path)
            console.write_text(f"removed {path}")
        for path in installed:
            folder = os.path.dirname(path)
            while len(folder) > len(top) and os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)
                folder = os.path.dirname(folder)
    except OSError as error:
        raise file_error(error.filename or paths[0], "removed", error) from None
    if not installed:
        console.write_text(f"{paths[0]} is not installed")
    return console.DONE


def _install(files: dict[str, tuple[str, int]]) -> None:
    """Writes {path: (text, mode)}; replaces only files of an earlier installation."""
    try:
        for path in files:
            _refuse_foreign(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_files({path: (text.encode(), mode) for path, (text, mode) in files.items()})
    except OSError as error:
        raise file_error(error.filename or next(iter(files)), "written", error) from None


def _helm_plugins(variables: Mapping[str, str]) -> str:
    """The folder of the plugin: a separate one, unless HELM_PLUGINS is set and does not name it."""
    own = _own_helm_plugins(variables)
    given = list(filter(None, variables.get("HELM_PLUGINS", "").split(os.pathsep)))
    return own if not given or own in given else given[0]


def _own_helm_plugins(variables: Mapping[str, str]) -> str:
    data = variables.get("XDG_DATA_HOME") or os.path.join(
        variables.get("HOME") or os.path.expanduser("~"), ".local", "share"
    )
    return os.path.join(data, "gmsa-krm", "helm-plugins")


def _refuse_foreign(path: str) -> None:
    if os.path.lexists(path):
        with open_regular(path) as file:
            if _MARK.encode() not in file.read(4096):
                raise ExternalError(f"{printable(path)} exists and was not installed by gmsa-krm; move it away first")


def _kustomize_plugins(variables: Mapping[str, str]) -> str:
    """The plugin folder of kustomize: the first that exists (api/konfig/plugins.go), else the default one."""
    configured = variables.get("KUSTOMIZE_PLUGIN_HOME")
    if configured:
        return configured
    home = variables.get("HOME") or os.path.expanduser("~")
    config = variables.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    default = os.path.join(config, "kustomize", "plugin")
    other = os.path.join(home, "kustomize", "plugin")
    return other if os.path.isdir(other) and not os.path.isdir(default) else default
