"""Puts the program where a host looks for its plugins."""

from __future__ import annotations

import os
import shlex
import sys

from gmsa_krm import __version__
from gmsa_krm.atomic import replace_files
from gmsa_krm.findings import OutsideError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = "# gmsa-krm: calls the program that installed this file"


def install_kustomize(folder: str | None, environ: Mapping[str, str]) -> str:
    """Installs the legacy exec plugin below kustomize's plugin folder; returns a line that says so.

    The file is a script that calls this program's Python, since a plugin gets no arguments of its own.
    Raises OutsideError if it cannot be written or another plugin is there.
    """
    home = folder if folder is not None else _plugin_home(environ)
    place = os.path.join(home, "gmsa-krm.dev", "v1alpha1", "gmsaconfig", "GMSAConfig")
    # sh and not a #! line with Python's path, which may hold spaces or be too long for the kernel.
    # -P: a file of the user's in the plugin folder must not stand in for a module of ours.
    # -c and not -m: argv[0] is then ours to give, and tells the program what it is called as.
    call = "import sys; sys.argv[0] = 'GMSAConfig'; from gmsa_krm.cli import main; sys.exit(main())"
    script = f'#!/bin/sh\n{_MARK}\nexec {shlex.quote(sys.executable)} -P -c {shlex.quote(call)} "$@"\n'
    try:
        _refuse_foreign(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        replace_files({place: (script.encode(), 0o755)})
    except OSError as error:
        raise OutsideError(f"{error.filename or place}: cannot be written ({error.strerror})") from None
    hint = "" if folder is None else f"; kustomize finds it with KUSTOMIZE_PLUGIN_HOME={os.path.abspath(home)}"
    return f"installed {place}{hint}"


def install_helm(folder: str | None, environ: Mapping[str, str]) -> str:
    """Installs the post-renderer plugin `gmsa` of Helm 4; returns lines that say where and how to call it.

    Not into Helm's own folder of plugins: Helm 3 and 4 share that, and Helm 3 loads none of its plugins once
    it meets a plugin.yaml of Helm 4's form. Raises OutsideError.
    """
    plugins = folder or environ.get("HELM_PLUGINS") or _own_helm_plugins(environ)
    plugins = plugins.split(os.pathsep)[0]
    place = os.path.join(plugins, "gmsa")
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
    script = f'#!/bin/sh\n{_MARK}\nexec {shlex.quote(sys.executable)} -P -m gmsa_krm "$@"\n'
    files = {os.path.join(place, "plugin.yaml"): (manifest, 0o644), os.path.join(place, "gmsa-krm"): (script, 0o755)}
    try:
        for path in files:
            _refuse_foreign(path)
        os.makedirs(place, exist_ok=True)
        replace_files({path: (text.encode(), mode) for path, (text, mode) in files.items()})
    except OSError as error:
        raise OutsideError(f"{error.filename or place}: cannot be written ({error.strerror})") from None
    return (
        f"installed {place}\n"
        f"Helm 4: HELM_PLUGINS={os.path.abspath(plugins)} helm template RELEASE CHART --post-renderer gmsa\n"
        f"Helm 3: helm template RELEASE CHART --post-renderer {os.path.abspath(os.path.join(place, 'gmsa-krm'))}"
        " --post-renderer-args post-render"
    )


def _own_helm_plugins(environ: Mapping[str, str]) -> str:
    data = environ.get("XDG_DATA_HOME") or os.path.join(
        environ.get("HOME") or os.path.expanduser("~"), ".local", "share"
    )
    return os.path.join(data, "gmsa-krm", "helm-plugins")


def _refuse_foreign(place: str) -> None:
    if os.path.lexists(place):
        with open(place, encoding="utf-8", errors="replace") as file:
            if _MARK not in file.read(4096):
                raise OutsideError(f"{place} is there and not ours; move it away first")


def _plugin_home(environ: Mapping[str, str]) -> str:
    """Where kustomize looks: the first of these that exists (api/konfig/plugins.go), else the usual one."""
    given = environ.get("KUSTOMIZE_PLUGIN_HOME")
    if given:
        return given
    home = environ.get("HOME") or os.path.expanduser("~")
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    usual = os.path.join(config, "kustomize", "plugin")
    other = os.path.join(home, "kustomize", "plugin")
    return other if os.path.isdir(other) and not os.path.isdir(usual) else usual
