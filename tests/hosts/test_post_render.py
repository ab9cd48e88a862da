"""`post-render` without a Helm: empty streams, the release's namespace, and large streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from conftest import Call, Folder
from hosts.support import NO_ADMISSION, WEB, as_yaml, assert_mentions, deployment, gmsa_config

HELM_4 = {"HELM_PLUGIN_NAME": "gmsa", "XDG_STATE_HOME": "/nonexistent"}


def test_an_empty_stream_stays_empty_under_helm_3(call: Call) -> None:
    """`helm template --output-dir` sends nothing, and wants nothing."""
    done = call("post-render", stdin=b"\n")
    assert (done.status, done.stdout, done.stderr) == (0, "", "")


def test_an_empty_stream_is_an_error_under_helm_4(call: Call) -> None:
    done = call("post-render", stdin=b"", env=HELM_4)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "stdin: ", "empty", "Helm 4")


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
    done = call("post-render", "--config", file, "--namespace", "web", stdin=stream)
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
