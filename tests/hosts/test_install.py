"""`install kustomize`: the plugin goes where kustomize looks for it, and over nothing of somebody else's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Call, Done, build, environment
from hosts.support import assert_mentions

PLUGIN = "gmsa-krm.dev/v1alpha1/gmsaconfig/GMSAConfig"


@pytest.mark.parametrize(
    ("variable", "below"), [("KUSTOMIZE_PLUGIN_HOME", ""), ("XDG_CONFIG_HOME", "kustomize/plugin")]
)
def test_the_plugin_goes_where_kustomize_looks(
    variable: str, below: str, kustomize: Path, tmp_path: Path, program: Path
) -> None:
    plugins = tmp_path / "a folder"
    env = environment(tmp_path, **{variable: str(plugins)})
    installed = subprocess.run([program, "install", "kustomize"], env=env, capture_output=True, text=True, check=True)
    plugin = plugins / below / PLUGIN
    assert installed.stdout == f"installed {plugin}\n"
    assert os.access(plugin, os.X_OK)
    done = build(kustomize, ROOT / "tests/cases/domain-joined", tmp_path, **{variable: str(plugins)})
    assert done.returncode == 0, done.stderr
    assert "GMSACredentialSpec" in done.stdout


def test_the_plugin_is_installed_again_over_itself(call: Call, tmp_path: Path) -> None:
    for _ in range(2):
        assert call("install", "kustomize", "--dir", tmp_path).status == 0


def test_a_file_of_somebody_else_stays(call: Call, tmp_path: Path) -> None:
    plugin = tmp_path / PLUGIN
    plugin.parent.mkdir(parents=True)
    plugin.write_text("#!/bin/sh\n# somebody's\n")
    refused = call("install", "kustomize", "--dir", tmp_path)
    assert refused.status == 3
    assert_mentions(refused.stderr, str(plugin))
    assert plugin.read_text() == "#!/bin/sh\n# somebody's\n"


@pytest.mark.parametrize("host", ["kustomize", "helm"])
def test_what_was_installed_can_be_removed(host: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert call("install", host, "--dir", tmp_path).status == 0
    removed = call("install", host, "--dir", tmp_path, "--uninstall")
    assert removed.status == 0
    assert [it.name for it in tmp_path.iterdir()] == ["other"]
    assert "removed " in removed.stdout
    again = call("install", host, "--dir", tmp_path, "--uninstall")
    assert (again.status, "is not installed" in again.stdout) == (0, True)


@pytest.mark.parametrize("host", ["kustomize", "helm"])
def test_a_plugin_whose_python_is_gone_says_how_to_install_it_again(host: str, call: Call, tmp_path: Path) -> None:
    assert call("install", host, "--dir", tmp_path).status == 0
    script = tmp_path / (PLUGIN if host == "kustomize" else "gmsa/gmsa-krm")
    script.write_text(script.read_text().replace("python=", "python=/nowhere"))
    done = subprocess.run(
        [script, "post-render"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("gmsa-krm: /nowhere")
    assert f"gmsa-krm install {host} with the same --dir\n" in done.stderr


@pytest.mark.parametrize("host", ["kustomize", "helm"])
def test_a_plugin_whose_python_has_lost_its_packages_says_so(host: str, call: Call, tmp_path: Path) -> None:
    """As a virtual environment does after an upgrade of the Python that it was made of."""
    assert call("install", host, env={"HOME": str(tmp_path)}, stdin=b"").status == 0
    script = next(it for it in tmp_path.rglob("*") if it.name in ("GMSAConfig", "gmsa-krm") and it.is_file())
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    script.write_text(script.read_text().replace(sys.executable, f"{venv}/bin/python"))
    done = subprocess.run(
        [script, "post-render"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"gmsa-krm: {venv}/bin/python has no gmsa-krm; install gmsa-krm again, then call: gmsa-krm install {host}\n"
    )


# Where Python is on Windows, and how a batch file names it.
PYTHONS = {
    r"C:\Program Files (x86)\Python\python.exe": r"C:\Program Files (x86)\Python\python.exe",
    r"C:\Users\Jürgen\.gmsa-krm\Scripts\python.exe": r"%USERPROFILE%\.gmsa-krm\Scripts\python.exe",
    r"D:\100%\python.exe": r"D:\100%%\python.exe",
}


class OnWindows:
    """Calls the program as if it were on Windows, and runs the Python of what it installs."""

    def __init__(self, call: Call, monkeypatch: pytest.MonkeyPatch, python: str) -> None:
        self._call = call
        self._python = sys.executable
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(sys, "executable", python)
        monkeypatch.setenv("USERPROFILE", r"C:\users\Jürgen")

    def install(self, *arguments: str | Path) -> Done:
        done = self._call("install", *arguments)
        assert (done.status, done.stderr) == (0, "")
        return done

    def run(self, batch_file: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the last line of a batch file; what is between double quotes has no character that cmd.exe reads."""
        last = batch_file.read_bytes().decode("ascii").split("\r\n")[-2]
        parts = re.fullmatch(r'"%python%" -P -c "([^"%!]*)" %\*', last)
        assert parts is not None
        command = [self._python, "-P", "-c", parts[1], *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("python", PYTHONS)
def test_a_batch_file_names_python(python: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    OnWindows(call, monkeypatch, python).install("helm", "--dir", tmp_path)
    text = (tmp_path / "gmsa/gmsa-krm.cmd").read_bytes().decode("ascii")
    assert text.replace("\r\n", "\n").startswith(
        "@echo off\nrem gmsa-krm: calls the program that installed this file\nsetlocal\n"
        f'set "python={PYTHONS[python]}"\n'
        'if not exist "%python%" (\n'
        '  >&2 echo gmsa-krm: "%python%" does not exist; install gmsa-krm again, then call: gmsa-krm install helm'
        " with the same --dir\n"
        "  exit /b 3\n)\n"
    )
    assert text.count("\n") == text.count("\r\n")


def test_kustomizes_plugin_on_windows(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kustomize wants the file without an ending to exist, and starts it: Go then adds the endings of PATHEXT."""
    windows = OnWindows(call, monkeypatch, r"C:\python.exe")
    windows.install("kustomize", "--dir", tmp_path)
    assert "#!" not in (tmp_path / PLUGIN).read_text()
    config = ROOT / "kustomize/legacy-plugin/gmsa.yaml"
    done = windows.run(tmp_path / f"{PLUGIN}.cmd", str(config))
    assert done.returncode == 0, done.stderr
    assert "kind: GMSACredentialSpec\n" in done.stdout
    windows.install("kustomize", "--dir", tmp_path)
    windows.install("kustomize", "--dir", tmp_path, "--uninstall")
    assert list(tmp_path.iterdir()) == []


def test_helms_plugin_on_windows(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = OnWindows(call, monkeypatch, r"C:\python.exe")
    printed = windows.install("helm", "--dir", tmp_path).stdout
    manifest = yaml.safe_load((tmp_path / "gmsa/plugin.yaml").read_text())
    assert manifest["runtimeConfig"]["platformCommand"] == [
        {"command": r"${HELM_PLUGIN_DIR}\gmsa-krm.cmd", "args": ["post-render"]}
    ]
    assert f"$env:HELM_PLUGINS = '{tmp_path}'" in printed
    assert f"--post-renderer '{tmp_path}/gmsa/gmsa-krm.cmd'" in printed
    config = str(ROOT / "kustomize/workloads/gmsa.yaml")
    done = windows.run(tmp_path / "gmsa/gmsa-krm.cmd", "post-render", "--config", config)
    assert done.returncode == 0, done.stderr
    assert "kind: GMSACredentialSpec\n" in done.stdout


@pytest.mark.parametrize(
    ("host", "place"), [("kustomize", ".config/kustomize/plugin"), ("helm", "AppData/Local/gmsa-krm/helm-plugins")]
)
def test_the_folders_of_windows(
    host: str, place: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOME is that of Git's shell; kustomize asks for USERPROFILE."""
    windows = OnWindows(call, monkeypatch, r"C:\python.exe")
    for name in ("HELM_PLUGINS", "KUSTOMIZE_PLUGIN_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/c/nothing")
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert str(tmp_path / place) in windows.install(host).stdout


def test_a_list_of_helms_folders_keeps_the_plugin_out_of_helms_own(call: Call, tmp_path: Path) -> None:
    """As the README has it. Helm 3 loads none of its plugins beside one of Helm 4."""
    own = tmp_path / ".local/share/gmsa-krm/helm-plugins"
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "HELM_PLUGINS": f"{tmp_path}/helm/plugins:{own}"}
    assert call("install", "helm", env=env).status == 0
    assert (own / "gmsa/plugin.yaml").exists()
    assert not (tmp_path / "helm").exists()
