"""--config of post-render and patch: nothing in its files is lost without a message."""

from __future__ import annotations

import pytest

from conftest import Call, Folder

CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata: {name: contoso}
spec:
  admission: {mode: None}
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
"""
COMMANDS = [pytest.param(["post-render"], id="post-render"), pytest.param(["patch", "Deployment/web"], id="patch")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_manifest_in_the_file_is_an_error(command: list[str], call: Call, folder: Folder) -> None:
    """It vanished: exit status 0, and no word."""
    file = folder({"gmsa.yaml": f"{CONFIG}---\n{CONFIG_MAP}"}) / "gmsa.yaml"
    done = call(command[0], "--config", file, *command[1:], stdin=CONFIG_MAP.encode())
    assert (done.status, done.stdout) == (1, "")
    assert f"{file}:6:1: is not a GMSAConfig" in done.stderr or f"{file}:7:1: is not a GMSAConfig" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_a_config_is_named(command: list[str], call: Call, folder: Folder) -> None:
    file = folder({"empty.yaml": "# nothing\n"}) / "empty.yaml"
    done = call(command[0], "--config", file, *command[1:], stdin=CONFIG_MAP.encode())
    assert (done.status, done.stdout) == (1, "")
    assert f"{file}: has no GMSAConfig" in done.stderr


def test_stdin_is_the_stream_and_not_the_config_of_post_render(call: Call) -> None:
    """It was read twice, and Helm 3 got an empty release with exit status 0."""
    done = call("post-render", "--config", "-", stdin=(CONFIG + "---\n" + CONFIG_MAP).encode())
    assert (done.status, done.stdout) == (2, "")
    assert "--config - is not possible, since Helm's stream is on stdin" in done.stderr
