"""`install kustomize`: the plugin goes where kustomize looks for it, and over nothing of somebody else's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, Call, build, environment
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
    assert f"gmsa-krm install {host}" in done.stderr


def test_a_list_of_helms_folders_keeps_the_plugin_out_of_helms_own(call: Call, tmp_path: Path) -> None:
    """As the README has it. Helm 3 loads none of its plugins beside one of Helm 4."""
    own = tmp_path / ".local/share/gmsa-krm/helm-plugins"
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "HELM_PLUGINS": f"{tmp_path}/helm/plugins:{own}"}
    assert call("install", "helm", env=env).status == 0
    assert (own / "gmsa/plugin.yaml").exists()
    assert not (tmp_path / "helm").exists()
