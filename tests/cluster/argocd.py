"""The real Argo CD beside a cluster: repo-server with the sidecar, application-controller, applicationset-controller, Redis.

Its manifests are those of its own module, and repositories are on this machine's disk.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from build import module, tool
from cluster.api import Object, until
from cluster.control_plane import ApiServer
from cluster.harness import Cluster, namespace, objects
from conftest import ROOT, SEED

Found = TypeVar("Found")

NAMESPACE = "argocd"
GROUP = "argoproj.io/v1alpha1"
_REFRESH = "argocd.argoproj.io/refresh"
# What kubectl applies of Argo CD's manifests; its Deployments are the processes here.
_MANIFESTS = ("crds/*-crd.yaml", "base/config/argocd-*.yaml")
_SIDECAR = ROOT / "kustomize/argocd/repo-server.yaml"
_REPO_SERVER, _REDIS = "127.0.0.1:8081", "127.0.0.1:6379"


def redis_server() -> str:
    """The program of Redis; skips the test where it is not on this machine.

    Debian's redis-tools starts no service; the server is its redis-check-rdb, which goes by the name it is called by.
    """
    found = shutil.which("redis-server") or shutil.which("valkey-server") or shutil.which("redis-check-rdb")
    if found is None:
        pytest.skip("Argo CD needs Redis, which is not on this machine; on Debian: apt-get install redis-tools")
    return found


source = functools.cache(lambda: module("argocd"))


@functools.cache
def manifests() -> tuple[Object, ...]:
    folder = source() / "manifests"
    return tuple(it for glob in _MANIFESTS for path in sorted(folder.glob(glob)) for it in objects(path.read_text()))


class ArgoCD:
    """Runs from `start` to `stop`, with its files in a new folder and without anything cached by an earlier one."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._client = cluster.client
        self._kubeconfig = cluster.kubeconfig
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        redis = redis_server()
        self._client.apply(namespace(NAMESPACE))
        for item in manifests():
            self._client.apply({**item, "metadata": {"namespace": NAMESPACE, **item["metadata"]}})
        anything = [{"group": "*", "kind": "*"}]
        destinations = [{"server": "*", "namespace": "*"}]
        project = {"sourceRepos": ["*"], "destinations": destinations, "clusterResourceWhitelist": anything}
        self._client.apply(self._object("AppProject", "default", project))
        home, bin_folder, sockets = (self._made(name) for name in ("home", "bin", "plugins"))
        programs = {"kustomize": tool("kustomize"), "helm": tool("helm4")}
        programs["git-verify-wrapper.sh"] = source() / "hack/git-verify-wrapper.sh"  # not executable in a module
        for name, program in programs.items():
            shutil.copy(program, bin_folder / name)
            (bin_folder / name).chmod(0o755)
        environ = {
            "HOME": str(home),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_PLUGINSOCKFILEPATH": str(sockets),
        }
        self._run("redis-server", ["--port", "6379", "--save", "", "--dir", str(home)], environ, redis)
        self._run_sidecar({**environ, "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}"})
        until(lambda: self._is_alive() and list(sockets.iterdir()), "the plugin's server listens")
        data = {f"ARGOCD_{it}_DATA_PATH": str(self._made(it)) for it in ("TLS", "SSH")}
        repo_server = f"--redis {_REDIS} --disable-tls --client-ca-path= --port {_REPO_SERVER.partition(':')[2]}"
        self._run(
            "argocd-repo-server", repo_server.split(), {**environ, **data, "TMPDIR": str(self._made("checkouts"))}
        )
        of_kubernetes = ["--kubeconfig", str(self._kubeconfig), "--namespace", NAMESPACE]
        of_repo_server = ["--repo-server-plaintext", "--argocd-repo-server"]
        environ["KUBECONFIG"] = str(self._kubeconfig)
        # Its cache may miss the first objects of a new CRD until it compares the next time: after 120 to 180 s by default.
        resync = ["--app-resync", "20", "--app-resync-jitter", "0"]
        self._run(
            "argocd-application-controller",
            ["--repo-server-plaintext", "--repo-server", _REPO_SERVER, "--redis", _REDIS, *resync, *of_kubernetes],
            environ,
        )
        self._run(
            "argocd-applicationset-controller",
            [*of_repo_server, _REPO_SERVER, "--probe-addr=:8091", *of_kubernetes],
            environ,
        )

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()  # nothing of it is wanted any more
            process.wait()
        # Nobody is left to take the finalizers off.
        for item in (self._client.find(self._path("").rstrip("/")) or {"items": []})["items"]:
            self._client.patch(self._path(item["metadata"]["name"]), {"metadata": {"finalizers": None}})

    @property
    def said(self) -> str:
        """The ends of the logs."""
        return "\n".join(f"{name}: {self._log(name).read_text()[-5_000:]}" for name in self._processes)

    @property
    def failures(self) -> list[str]:
        """What the application-controller has said of attempts to sync that failed; it makes another after each."""
        said = [
            json.loads(it)
            for it in self._log("argocd-application-controller").read_text().splitlines()
            if it[:1] == "{"
        ]
        return [it["msg"] for it in said if it["msg"].startswith("Updating operation state. phase: Running -> Failed")]

    def register(self, name: str, server: ApiServer, **annotations: str) -> None:
        """Makes a cluster known, under the label that applicationset.yaml asks for."""
        config = {"bearerToken": server.token, "tlsClientConfig": {"caData": _base64(server.ca.read_bytes())}}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"cluster-{name}",
                "namespace": NAMESPACE,
                "labels": {"argocd.argoproj.io/secret-type": "cluster", "gmsa": "true"},
                "annotations": {f"gmsa-krm.dev/{key}": value for key, value in annotations.items()},
            },
            "stringData": {"name": name, "server": server.url, "config": json.dumps(config)},
        }
        self._client.apply(secret)

    def create(self, name: str, spec: Object) -> None:
        """An Application that is synced by itself, and takes along what it made."""
        item = self._object("Application", name, {"project": "default", **spec})
        item["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
        self._client.apply(item)

    def change(self, name: str, spec: Object) -> None:
        """Merges into the spec of an Application."""
        self._client.patch(self._path(name), {"spec": spec})

    def delete(self, name: str) -> None:
        self._client.delete(self._path(name))
        self._until(lambda: self._client.find(self._path(name)) is None, f"the application {name} is gone")

    def status(self, name: str) -> Object:
        found: Object = (self._client.find(self._path(name)) or {}).get("status", {})
        return found

    def synced(self, name: str, healthy: bool = True, revision: str | None = None) -> Object:
        """Waits until an application is Synced, and Healthy too, after its last operation; gives its status."""

        def is_synced() -> Object | None:
            status = self.status(name)
            found = status.get("sync", {}).get("status"), status.get("health", {}).get("status")
            ended = status.get("operationState", {}).get("phase") == "Succeeded"
            as_asked = revision in (None, status.get("sync", {}).get("revision"))
            return (
                status
                if ended and as_asked and found[0] == "Synced" and (not healthy or found[1] == "Healthy")
                else None
            )

        return self._until(is_synced, lambda: f"the application {name} is synced: {_shown(self.status(name))}")

    def refresh(self, name: str) -> Object:
        """A hard refresh: everything is rendered and compared again. Waits for its end, and gives the status."""
        path = self._path(name)
        self._client.patch(path, {"metadata": {"annotations": {_REFRESH: "hard"}}})

        def is_done() -> bool:
            return _REFRESH not in self._client.get(path)["metadata"].get("annotations", {})

        self._until(is_done, f"{name} is refreshed")
        return self.status(name)

    def _object(self, kind: str, name: str, spec: Object) -> Object:
        return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}

    def _path(self, name: str) -> str:
        return f"/apis/{GROUP}/namespaces/{NAMESPACE}/applications/{name}"

    def _made(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _run_sidecar(self, environ: dict[str, str]) -> None:
        """The container that the repository ships, with its volumes in a folder, and the Secret of the seeds mounted."""
        (container,) = yaml.safe_load(_SIDECAR.read_text())["spec"]["template"]["spec"]["containers"]
        mounts = {it["mountPath"]: str(self._made(it["name"])) for it in container["volumeMounts"]}
        (Path(mounts["/var/run/gmsa-krm"]) / "default").write_text(SEED)
        shipped = {it["name"]: mounts.get(it["value"], it["value"]) for it in container["env"]}
        own = {"TMPDIR": mounts["/tmp"], "ARGOCD_CMP_WORKDIR": f"{mounts['/tmp']}/_cmp_server"}
        name = Path(container["command"][0]).name
        self._run(name, ["--config-dir-path", str(ROOT / "plugin/argocd")], {**environ, **shipped, **own})

    def _run(self, name: str, arguments: list[str], environ: dict[str, str], program: str | None = None) -> None:
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [name, *arguments],
                executable=program or tool("argocd"),
                env=environ,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )

    def _is_alive(self) -> bool:
        for name, process in self._processes.items():
            assert process.poll() is None, f"{name} has ended: {self._log(name).read_text()[-3000:]}"
        return True

    def _until(self, check: Callable[[], Found | None], what: str | Callable[[], str]) -> Found:
        return until(lambda: check() if self._is_alive() else None, what, 180)


def repository(folder: Path, files: dict[str, str]) -> str:
    """The URL of a new Git repository with these files."""
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files)
    return folder.as_uri()


def commit(folder: Path, files: dict[str, str]) -> str:
    """The revision with these files changed."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=a")
    return _git(folder, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _shown(status: Object) -> str:
    operation = status.get("operationState", {})
    return str(
        {
            "sync": status.get("sync", {}).get("status"),
            "health": status.get("health"),
            "conditions": status.get("conditions"),
            "operation": {key: operation.get(key) for key in ("phase", "message", "retryCount")},
            "unhealthy": [
                it
                for it in status.get("resources", [])
                if it.get("status") != "Synced" or it.get("health", {}).get("status") not in (None, "Healthy")
            ],
        }
    )
