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
