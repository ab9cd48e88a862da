"""`post-render` without a Helm: empty streams, the release's namespace, and large streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import Call, Folder
from hosts.support import NO_ADMISSION, WEB, as_yaml, assert_mentions, deployment, gmsa_config

HELM_4 = {"HELM_PLUGIN_NAME": "gmsa", "XDG_STATE_HOME": "/nonexistent"}


@pytest.mark.parametrize("env", [{}, HELM_4], ids=["", "with a plugin's variables"])
def test_an_empty_stream_stays_empty_and_is_said(env: dict[str, str], call: Call) -> None:
    """A chart may render nothing, and `helm template --output-dir` of Helm 3 sends nothing."""
    done = call("post-render", stdin=b"\n", env=env)
    assert (done.status, done.stdout) == (0, "")
    assert_mentions(done.stderr, "stdin: warning: ", "empty", "--output-dir")


def test_an_empty_stream_beside_a_config_gets_the_objects_of_the_config(call: Call, folder: Folder) -> None:
    """An empty answer would remove from the cluster what an earlier release installed."""
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION)}) / "gmsa.yaml"
    done = call("post-render", "--config", file, stdin=b"")
    assert done.status == 0, done.stderr
    assert [it["kind"] for it in done.objects] == [it["kind"] for it in call("render", file).objects]


def test_the_variables_of_a_plugin_say_nothing_about_the_host(call: Call, folder: Folder) -> None:
    """helm-diff, helm-secrets and helmfile run Helm 3 with them."""
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION)}) / "gmsa.yaml"
    stream = f"---\n# Source: web/templates/web.yaml\n{deployment()}".encode()
    inherited = {**HELM_4, "KUSTOMIZE_PLUGIN_CONFIG_STRING": "a"}
    done = call("post-render", "--config", file, stdin=stream, env=inherited)
    assert done.status == 0, done.stderr
    assert done.stdout == call("post-render", "--config", file, stdin=stream).stdout
    assert "# Source: web/templates/gmsa-krm.yaml" in done.stdout
    assert "postrender-filename" not in done.stdout


@pytest.mark.parametrize("command", ["render", "lint"])
def test_the_variable_of_kustomize_makes_no_plugin_of_a_command(command: str, call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION)}) / "gmsa.yaml"
    done = call(command, file, env={"KUSTOMIZE_PLUGIN_CONFIG_STRING": "a"})
    assert (done.status, done.stdout) == (0, call(command, file).stdout)


def test_the_log_of_a_plugin_keeps_warnings(call: Call, tmp_path: Path) -> None:
    """Helm 4 drops what a plugin prints."""
    log = tmp_path / "gmsa-krm" / "post-render.log"
    call("post-render", stdin=b"", env={**HELM_4, "XDG_STATE_HOME": str(tmp_path)})
    assert "warning: is empty" in log.read_text()


def test_a_stream_without_a_config_is_an_error(call: Call) -> None:
    done = call("post-render", stdin=deployment().encode())
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "no GMSAConfig", "--config")


def test_the_namespace_of_the_release_is_that_of_documents_without_one(call: Call, folder: Folder) -> None:
    entry = {**WEB, "match": {"namespaces": ["web"]}}
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, workloads=[entry])}) / "gmsa.yaml"
    workload = yaml.safe_load(deployment())
    del workload["metadata"]["namespace"]
    stream = as_yaml(workload).encode()
    assert "gmsaCredentialSpecName" not in call("post-render", "--config", file, stdin=stream).stdout
    assert call("post-render", "--config", file, "--namespace", "web", stdin=stream).stdout != ""
    done = call("post-render", "--config", file, "--release-namespace", "web", stdin=stream)
    changed = done.object("Deployment", "web")
    assert changed["spec"]["template"]["spec"]["serviceAccountName"] == "webapp1"
    assert "namespace" not in changed["metadata"]


# In a process of its own: the peak of children that getrusage knows is that of the largest one so far.
MEASURE = """\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
sys.stderr.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(done.returncode)
"""


def test_twenty_megabytes_take_less_than_eight_times_that(program: Path, folder: Folder) -> None:
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, workloads=[WEB])}) / "gmsa.yaml"
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": {f"k{number}": "some text " * 8 for number in range(40)},
    }
    document = f"---\n# Source: big/templates/a.yaml\n{as_yaml(config_map)}"
    stream = (document * (20_000_000 // len(document) + 1) + f"---\n{deployment()}").encode()
    assert len(stream) > 20_000_000
    command: list[str | Path] = [sys.executable, "-c", MEASURE, program, "post-render", "--config", file]
    done = subprocess.run(command, input=stream, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[:500]
    kibibytes = int(done.stderr.splitlines()[-1])
    assert kibibytes * 1024 < 8 * len(stream)
    assert done.stdout.count(document.encode()) == stream.count(document.encode())
    assert b"gmsaCredentialSpecName: gmsa-webapp1" in done.stdout
