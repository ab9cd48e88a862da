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

# How to find an earlier installation, in the form of a comment of each kind of file.
_MARK = "gmsa-krm: calls the program that installed this file"


def kustomize(options: Options) -> int:
    """Installs the legacy exec plugin below kustomize's plugin folder; with --uninstall removes it.

    The file is a script that calls this program's Python, since a plugin gets no arguments of its own. Raises
    ExternalError if the file cannot be written or belongs to another plugin.
    """
    home = options.dir if options.dir is not None else _kustomize_plugins(os.environ)
    path = os.path.join(home, "gmsa-krm.dev", "v1alpha1", "gmsaconfig", "GMSAConfig")
    # The program tells by its name that kustomize calls it.
    cure = _cure("kustomize", options)
    files = {path: (_script("GMSAConfig", cure), 0o755)}
    if _is_windows():
        # kustomize looks for the file without an ending, and Go runs the one beside it that Windows can run.
        note = f"# {_MARK}\n# kustomize looks for this file, and Windows runs GMSAConfig.cmd beside it.\n"
        files = {path: (note, 0o644), f"{path}.cmd": (_batch_file("GMSAConfig", cure), 0o755)}
    if options.uninstall:
        return _uninstall(list(files), home, options)
    _install(files)
    hint = f"; kustomize finds it with KUSTOMIZE_PLUGIN_HOME={os.path.abspath(home)}" if options.dir is not None else ""
    return _done(f"installed {path}{hint}", options)


def helm(options: Options) -> int:
    """Installs the post-renderer plugin `gmsa` of Helm 4; with --uninstall removes it.

    Not into Helm's own plugin folder: Helm 3 and 4 share it, and Helm 3 loads none of its plugins once it finds a
    plugin.yaml in the format of Helm 4. Raises ExternalError.
    """
    plugins = options.dir or _helm_plugins(os.environ)
    folder = os.path.join(plugins, "gmsa")
    # Helm splits a command at spaces before it puts the folder in, so that may have some.
    name, separator = ("gmsa-krm.cmd", "\\") if _is_windows() else ("gmsa-krm", "/")
    program = os.path.join(folder, name)
    manifest = "\n".join(
        (
            f"# {_MARK}",
            "apiVersion: v1",
            "name: gmsa",
            "type: postrenderer/v1",
            f"version: {__version__}",
            "runtime: subprocess",
            "runtimeConfig:",
            "  platformCommand:",
            f"  - command: ${{HELM_PLUGIN_DIR}}{separator}{name}",
            "    args: [post-render]",
            "",
        )
    )
    script = (_batch_file if _is_windows() else _script)("gmsa-krm", _cure("helm", options))
    files = {os.path.join(folder, "plugin.yaml"): (manifest, 0o644), program: (script, 0o755)}
    if options.uninstall:
        return _uninstall(list(files), plugins, options)
    _install(files)
    return _done(
        f"installed {folder}\n{_helm_calls(os.path.abspath(plugins), os.path.abspath(program))}",
        options,
    )


def _helm_calls(plugins: str, program: str) -> str:
    """How Helm is called then, in PowerShell on Windows."""
    template = "helm template RELEASE CHART --post-renderer"
    if _is_windows():
        return (
            f"Helm 4: $env:HELM_PLUGINS = '{plugins}'; {template} gmsa\n"
            f'beside its other plugins: $env:HELM_PLUGINS = "$(helm env HELM_PLUGINS);{plugins}"\n'
            f"Helm 3: {template} '{program}' --post-renderer-args post-render"
        )
    return (
        f"Helm 4: HELM_PLUGINS={plugins} {template} gmsa\n"
        f'beside its other plugins: HELM_PLUGINS="$(helm env HELM_PLUGINS):{plugins}"\n'
        f"Helm 3: {template} {program} --post-renderer-args post-render"
    )


def _is_windows() -> bool:
    return sys.platform == "win32"


def _script(name: str, cure: str) -> str:
    """A script that calls this program's Python as `name`, and says what to do once that is gone."""
    # sh: in a #! line, Python's path may have spaces or be too long for the kernel.
    # -P: a file of the user in the plugin folder must not shadow a module of gmsa-krm.
    return (
        f"#!/bin/sh\n# {_MARK}\npython={shlex.quote(sys.executable)}\n"
        f'[ -x "$python" ] || {{ echo "gmsa-krm: $python does not exist; {cure}" >&2; exit 3; }}\n'
        f'exec "$python" -P -c {shlex.quote(_code(name, cure))} "$@"\n'
    )


def _batch_file(name: str, cure: str) -> str:
    """The same for Windows."""
    # In one line, and without double quotes, which end the argument.
    code = _code(name, cure).replace('"', "\\'").replace("\n", "\\n")
    return (
        f'@echo off\nrem {_MARK}\nsetlocal\nset "python={_python_of_batch_file()}"\n'
        f'if not exist "%python%" (\n  >&2 echo gmsa-krm: "%python%" does not exist; {cure}\n  exit /b 3\n)\n'
        f'"%python%" -P -c "exec(\'{code}\')" %*\n'
    ).replace("\n", "\r\n")


def _python_of_batch_file() -> str:
    """The path of this program's Python. cmd.exe reads files in a code page that may lack letters of a user's name."""
    python, profile = sys.executable, os.environ.get("USERPROFILE", "")
    if profile and python.lower().startswith(f"{profile.lower()}\\"):
        return "%USERPROFILE%" + python[len(profile) :].replace("%", "%%")
    return python.replace("%", "%%")


def _code(name: str, cure: str) -> str:
    """What Python runs: a virtual environment may have a Python after an upgrade, and no packages for it."""
    return (
        f'import sys\nsys.argv[0] = "{name}"\ntry:\n    from gmsa_krm.cli import main\n'
        "except ModuleNotFoundError:\n"
        f'    print("gmsa-krm:", sys.executable, "has no gmsa-krm; {cure}", file=sys.stderr)\n'
        "    sys.exit(3)\nsys.exit(main())\n"
    )


def _cure(host: str, options: Options) -> str:
    same = " with the same --dir" if options.dir is not None else ""
    return f"install gmsa-krm again, then call: gmsa-krm install {host}{same}"


def _done(message: str, options: Options) -> int:
    if not options.quiet:
        console.write_text(message)
    return console.DONE


def _uninstall(paths: list[str], top: str, options: Options) -> int:
    """Removes files of an earlier installation, and the folders below `top` that are empty then."""
    installed = [path for path in paths if os.path.lexists(path)]
    try:
        for path in installed:
            _refuse_foreign(path)
        for path in installed:
            os.unlink(path)
        for path in installed:
            folder = os.path.dirname(path)
            while len(folder) > len(top) and os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)
                folder = os.path.dirname(folder)
    except OSError as error:
        raise file_error(error.filename or paths[0], "removed", error) from None
    removed = "\n".join(f"removed {path}" for path in installed)
    return _done(removed or f"{paths[0]} is not installed", options)


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
    own = os.path.join(_data_folder(variables), "gmsa-krm", "helm-plugins")
    given = list(filter(None, variables.get("HELM_PLUGINS", "").split(os.pathsep)))
    return own if not given or own in given else given[0]


def _data_folder(variables: Mapping[str, str]) -> str:
    if _is_windows():
        return variables.get("LOCALAPPDATA") or os.path.join(_home(variables), "AppData", "Local")
    return variables.get("XDG_DATA_HOME") or os.path.join(_home(variables), ".local", "share")


def _home(variables: Mapping[str, str]) -> str:
    """As Go and kustomize have it."""
    return variables.get("USERPROFILE" if _is_windows() else "HOME") or os.path.expanduser("~")


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
    home = _home(variables)
    config = variables.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    default = os.path.join(config, "kustomize", "plugin")
    other = os.path.join(home, "kustomize", "plugin")
    return other if os.path.isdir(other) and not os.path.isdir(default) else default
