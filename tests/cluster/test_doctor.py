"""`doctor` against the cluster: a healthy set-up gives no problem, and each fault exactly its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Object
from cluster.harness import ENV, PROGRAM, Cluster, config
from conftest import environment
from gmsa_krm.cluster import proxy
from gmsa_krm.cluster.proxy import ApiServer
from gmsa_krm.findings import ExternalError
from gmsa_krm.findings.rules import LiveRule, find_rule

Rendered = Callable[..., list[Object]]


class Doctor:
    """Runs `doctor` on a cluster, in a folder with the config."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder
        self.programs = Path(cluster.kubectl_program).parent  # where kubectl is
        add_node(cluster, "win1")
        for it in cluster.client.items("/api/v1/namespaces"):  # refusals of the tests before would be reported
            cluster.client.delete(f"/api/v1/namespaces/{it['metadata']['name']}/events")

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        variables = environment(self.folder, **{**ENV, "KUBECONFIG": str(self._cluster.kubeconfig), **env})
        variables["PATH"] = f"{self.programs}{os.pathsep}{variables['PATH']}"
        return subprocess.run(
            [PROGRAM, "doctor", *arguments], env=variables, capture_output=True, text=True, check=False
        )

    def problems(self, *arguments: str | Path) -> dict[str, list[str]]:
        """The messages by check."""
        done = self(*arguments, "-o", "json")
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        has_config = any(not str(it).startswith("-") for it in arguments[:1])
        # Without a config nobody has anything to render.
        assert has_config or "gmsa-krm render" not in done.stdout, done.stdout
        return {
            it["id"]: [": ".join(filter(None, (one["object"], one["message"]))) for one in it["problems"]]
            for it in report["checks"]
            if it["problems"]
        }

    def finds(self, id: str, *arguments: str | Path) -> list[str]:
        """Asserts that this check has problems and no other does, and that its rule shows one; returns the messages."""
        rule = find_rule(id)
        assert isinstance(rule, LiveRule)
        found = self.finds_only(id, *arguments)
        shown = re.compile(re.escape(rule.message).replace(re.escape("..."), ".*"))
        assert any(shown.fullmatch(it) for it in found), (rule.message, found)
        return found

    def finds_only(self, id: str, *arguments: str | Path) -> list[str]:
        """As `finds`, for a problem that is another one than the rule shows."""
        found = self.problems(*(arguments or (self.folder / "gmsa.yaml",)))
        assert list(found) == [id], found
        if not arguments:
            self.problems()  # which looks at the cures
        return found[id]


def add_node(cluster: Cluster, name: str, *, taint: str | None = None, **info: str) -> None:
    """A Windows node, of which the API server knows; nothing runs there."""
    labels = {"kubernetes.io/os": "windows", "kubernetes.io/hostname": name}
    taints = [{"key": taint, "value": "true", "effect": "NoSchedule"}] if taint else []
    node: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
    }
    cluster.client.apply(node)
    told = {
        "operatingSystem": "windows",
        "osImage": "Windows Server 2022 Datacenter",
        "kernelVersion": "10.0.20348.2402",
        "containerRuntimeVersion": "containerd://1.7.22",
        **info,
    }
    unknown = ("architecture", "bootID", "machineID", "systemUUID", "kubeletVersion", "kubeProxyVersion")
    status = {"status": {"nodeInfo": {**dict.fromkeys(unknown, ""), **told}}}
    cluster.client.patch(f"{cluster.client.path(node)}/status", status)


@pytest.fixture
def doctor(cluster: Cluster, tmp_path: Path) -> Doctor:
    return Doctor(cluster, tmp_path)


def test_a_healthy_cluster_has_no_problem(doctor: Doctor, cluster: Cluster, rendered: Rendered) -> None:
    cluster.install(rendered())
    done = doctor(doctor.folder / "gmsa.yaml")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "no errors, no warnings" in done.stdout


def test_a_cluster_without_the_crd(doctor: Doctor) -> None:
    (doctor.folder / "gmsa.yaml").write_text(config())
    doctor.finds("crd-not-served")
    assert doctor(doctor.folder / "gmsa.yaml").returncode == 1


def test_an_older_release_than_the_config_says(doctor: Doctor, cluster: Cluster) -> None:
    if cluster.minor >= 36:
        pytest.skip("this release serves all that a config can ask for")
    policy = '  admission: {mode: Policy}\n  policy: {expand: true}\n  kubeVersion: "1.36"\n'
    (doctor.folder / "gmsa.yaml").write_text(config(policy))
    doctor.finds("served-version", doctor.folder / "gmsa.yaml", "--check", "served-version")


def test_a_server_that_hangs_is_waited_for_once(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real kubectl. One request is alone at first, or many would wait for their answers, one after the other."""
    monkeypatch.setattr(proxy, "_ANSWER", 2)
    monkeypatch.setenv("PATH", str(doctor.programs), prepend=os.pathsep)
    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as server:
        cluster = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{server.getsockname()[1]}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
        user = {"name": "c", "user": {"token": "none"}}
        kubeconfig = doctor.folder / "hangs"
        kubeconfig.write_text(
            json.dumps({"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"})
        )
        with pytest.raises(ExternalError, match="has not answered within 2 seconds"), ApiServer(None, str(kubeconfig)):
            pass
        server.setblocking(False)
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):
            server.accept()
    signal.signal(signal.SIGTERM, before)
