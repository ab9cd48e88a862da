"""A node: the parts of kubelet and kube-proxy that the webhook's pods need.

Pods with the webhook's image in the namespaces that the node is told of are run; all others stay Pending, and their
admitted spec is what the tests look at. There is one process per pod, with volumes, token, user and environment as
the pod's spec and the ServiceAccount admission plugin ask for.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.api import ApiError, Client, Object
from cluster.network import API_PORT, API_SERVICE, Forwarder, Namespace
from cluster.webhook_versions import BINARY, version_of

NAME = "node"
_IMAGE = "webhook"
# A real kubelet and kube-proxy take longer, and no two of them the same time; so a preStop sleep is shorter too.
_TICK = 0.1
_HASTE = 10


class Node:
    """`namespaces` may be changed at any time. `is_down`: its pods are killed and none is run.

    `image_finishes`: whether the stand-in answers what has come before it ends. `binary`: what the pods that start from
    now on run, a real webhook; None: the stand-in.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.namespaces: set[str] = set()
        self.is_down = False
        self.image_finishes = False
        self.binary = BINARY
        self._folder = folder
        self._pods: dict[str, Pod] = {}
        self._services: dict[tuple[str, int], tuple[Forwarder, Service]] = {}
        self._addresses = (f"10.96.{128 + number // 250}.{number % 250 + 1}" for number in range(30_000))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        self.client.create(node)
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": _now(),
            "lastTransitionTime": _now(),
        }
        self.client.patch(f"/api/v1/nodes/{NAME}/status", {"status": {"conditions": [ready]}})
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        for pod in self._pods.values():
            pod.kill()
        for forwarder, _ in self._services.values():
            forwarder.close()

    @property
    def processes(self) -> dict[str, int]:
        """The running pods' names and process ids."""
        return {pod.name: pod.process.pid for pod in self._pods.values() if pod.is_running}

    def logs(self, namespace: str) -> str:
        """The ends of what the pods of a namespace have said."""
        files = {pod.name: pod.log for pod in list(self._pods.values()) if pod.namespace == namespace}
        return "\n".join(f"{name}: {file.read_text()[-1000:]}" for name, file in files.items() if file.exists())

    @property
    def certificates(self) -> dict[str, str]:
        """What each pod serves, in PEM."""
        found = {}
        for pod in list(self._pods.values()):
            if pod.network and pod.is_ready:
                with (
                    pod.network.connect(pod.port) as plain,
                    ssl._create_unverified_context().wrap_socket(plain) as connection,
                ):
                    found[pod.name] = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
        return found

    def _run(self) -> None:
        while not self._ended.wait(_TICK):
            try:
                self._sync()
            except (ApiError, OSError, http.client.HTTPException):
                continue  # the next round finds what this one did not
            except BaseException as error:
                self.failure = error
                raise

    def _sync(self) -> None:
        seen = set()
        for namespace in sorted(self.namespaces):
            for pod in self.client.items(f"/api/v1/namespaces/{namespace}/pods"):
                if _IMAGE in pod["spec"]["containers"][0]["image"] and pod.get("status", {}).get("phase") not in (
                    "Succeeded",
                    "Failed",
                ):
                    seen.add(pod["metadata"]["uid"])
                    with contextlib.suppress(ApiError):  # deleted meanwhile, say; the next round knows more
                        self._sync_pod(pod)
            self._sync_services(namespace)
        for uid in set(self._pods) - seen:
            self._pods.pop(uid).kill()

    def _sync_pod(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        own = self._pods.get(uid)
        if self.is_down:
            if own:
                own.kill()
                own.report()
            return
        if own is None:
            if pod["metadata"].get("deletionTimestamp"):
                return
            own = Pod(self.client, pod, self._folder / uid, next(self._addresses), self)
            own.bind()
            self._pods[uid] = own
        own.sync(pod)

    def _sync_services(self, namespace: str) -> None:
        slices = self.client.items(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
        found = {}
        for service in self.client.items(f"/api/v1/namespaces/{namespace}/services"):
            name, address = service["metadata"]["name"], service["spec"].get("clusterIP")
            for port in service["spec"].get("ports", []):
                own = [
                    it for it in slices if it["metadata"].get("labels", {}).get("kubernetes.io/service-name") == name
                ]
                found[address, port["port"]] = _endpoints(own, port)
        for key, ready in found.items():
            if key not in self._services:
                service = Service(namespace, self)
                self._services[key] = Forwarder(socket.create_server(key, backlog=128), service.connect), service
            self._services[key][1].ready = ready
        for key, (forwarder, service) in list(self._services.items()):
            if service.namespace == namespace and key not in found:
                forwarder.close()
                del self._services[key]

    def pod_at(self, address: str) -> Pod | None:
        return next((it for it in list(self._pods.values()) if it.network and it.address == address), None)


def _endpoints(slices: list[Object], port: Object) -> list[tuple[str, int]]:
    return [
        (endpoint["addresses"][0], target["port"])
        for it in slices
        for target in it.get("ports") or []
        if (target.get("name") or "") == port.get("name", "")
        for endpoint in it.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
    ]


class Service:
    """The ready endpoints of a port of a Service, taken in turn."""

    def __init__(self, namespace: str, node: Node) -> None:
        self.namespace = namespace
        self.ready: list[tuple[str, int]] = []
        self._node = node
        self._turn = 0

    def connect(self) -> socket.socket:
        ready = self.ready
        if not ready:
            raise ConnectionRefusedError("no endpoint is ready")
        self._turn += 1
        address, port = ready[self._turn % len(ready)]
        pod = self._node.pod_at(address)
        if pod is None or pod.network is None:
            raise ConnectionRefusedError("the endpoint is gone")
        return pod.network.connect(port)


class Pod:
    """One pod's process, volumes and status."""

    def __init__(self, client: Client, pod: Object, root: Path, address: str, node: Node) -> None:
        self.name, self.namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        self.address = address
        self.log = root.with_suffix(".log")
        self.network: Namespace | None = None
        self._client = client
        self._pod = pod
        self._root = root
        self._finishes = node.image_finishes
        self._binary = node.binary
        self._path = client.path({"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]})
        self._container = pod["spec"]["containers"][0]
        self._reported: Any = None
        self._probed = 0.0
        self._failures = 0
        self.is_ready = False
        self._stops_at: float | None = None

    @property
    def port(self) -> int:
        """The one that is probed, as a number."""
        port = self._container["readinessProbe"]["httpGet"]["port"]
        named = {it.get("name"): it["containerPort"] for it in self._container["ports"]}
        return int(named.get(port, port))

    @property
    def is_running(self) -> bool:
        return self.network is not None and self.process.poll() is None

    def bind(self) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        self._client.request(
            "POST",
            f"{self._path}/binding",
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": target},
        )

    def sync(self, pod: Object) -> None:
        """One round of the kubelet."""
        self._pod = pod
        if self._stops_at is not None or pod["metadata"].get("deletionTimestamp"):
            self._terminate()
            return
        if not self._mount():
            return  # ContainerCreating until its Secret is there
        if not self.is_running:
            self.kill()
            self._start()
        self._probe()
        self.report()

    def kill(self) -> None:
        if self.network is not None:
            self.process.kill()
            self.process.wait()
            self._api.close()
            self.network.close()
            self.network = None
        self.is_ready = False
        self._failures = 0

    def report(self) -> None:
        """Its status, if it has changed."""
        running = self.is_running
        if self._reported == (running, self.is_ready):
            return
        self._reported = running, self.is_ready
        kinds = ("Initialized", "PodScheduled", "ContainersReady", "Ready")
        values = (True, True, self.is_ready, self.is_ready)
        state = {"running": {"startedAt": _now()}} if running else {"waiting": {"reason": "CrashLoopBackOff"}}
        status = {
            "phase": "Running",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": _now(),
            "conditions": [{"type": kind, "status": str(value), "lastTransitionTime": _now()} for kind, value in zip(kinds, values, strict=True)],
            "containerStatuses": [
                {
                    "name": self._container["name"], "ready": self.is_ready, "started": running, "restartCount": 0,
                    "image": self._container["image"], "imageID": "", "state": state,
                },
            ],
        }  # fmt: skip
        with contextlib.suppress(ApiError):
            self._client.patch(f"{self._path}/status", {"status": status}, "application/strategic-merge-patch+json")

    def _terminate(self) -> None:
        """preStop sleep, then the signal. Its namespace's endpoint is gone by then, if kube-proxy was fast enough."""
        now = time.monotonic()
        if self._stops_at is None:
            sleep = self._container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            self._stops_at = now + min(sleep, self._pod["metadata"].get("deletionGracePeriodSeconds", 30)) / _HASTE
        if now < self._stops_at and self.is_running:
            return
        if self.is_running:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
        self.kill()
        self._client.delete(self._path, gracePeriodSeconds=0, preconditions={"uid": self._pod["metadata"]["uid"]})
        shutil.rmtree(self._root, ignore_errors=True)

    def _start(self) -> None:
        spec = self._pod["spec"]
        context = {**spec.get("securityContext", {}), **self._container.get("securityContext", {})}
        asked = {
            "binary": self._binary,
            "version": version_of(self._container["image"]),
            "root": str(self._root),
            "user": context.get("runAsUser", 0),
            "group": context.get("runAsGroup", 0),
            "groups": [context["fsGroup"]] if "fsGroup" in context else [],
            "arguments": self._container.get("args", []),
            "environ": {
                "KUBERNETES_SERVICE_HOST": API_SERVICE,
                "KUBERNETES_SERVICE_PORT": str(API_PORT),  # 443 is for a webhook that listens on all addresses
                **({"STAND_IN_FINISHES": "1"} if self._finishes else {}),
                **{it["name"]: it.get("value", "") for it in self._container.get("env", [])},
            },
        }
        assert asked["user"] or not context.get("runAsNonRoot"), "the kubelet runs no root where runAsNonRoot is set"

        listeners: list[socket.socket] = []

        def inside() -> None:
            listeners.append(socket.create_server((API_SERVICE, API_PORT)))
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "cluster.pod"],
                    cwd=Path(__file__).parent.parent,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )
            assert self.process.stdin
            self.process.stdin.write(json.dumps(asked).encode())
            self.process.stdin.close()

        self.network = Namespace(self.address, inside)
        self._api = Forwarder(listeners[0], lambda: socket.create_connection(("127.0.0.1", API_PORT)))

    def _probe(self) -> None:
        probe = self._container.get("readinessProbe")
        if probe is None:
            self.is_ready = True
            return
        now = time.monotonic()
        # Until the first success in every round, which a real kubelet does too, at most; then as the probe says.
        if self.is_ready and now - self._probed < probe.get("periodSeconds", 10):
            return
        self._probed = now
        if self._answers(probe):
            self.is_ready, self._failures = True, 0
        else:
            self._failures += 1
            if self._failures >= probe.get("failureThreshold", 3):
                self.is_ready = False

    def _answers(self, probe: Object) -> bool:
        get = probe["httpGet"]
        assert self.network
        assert get.get("scheme") == "HTTPS"
        try:
            with self.network.connect(self.port, probe.get("timeoutSeconds", 1)) as plain:
                plain.settimeout(probe.get("timeoutSeconds", 1))
                context = ssl._create_unverified_context()  # the kubelet does not verify either
                with context.wrap_socket(plain) as connection:
                    connection.sendall(
                        f"GET {get['path']} HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n\r\n".encode()
                    )
                    return connection.recv(12)[9:10] in (b"2", b"3")
        except OSError:
            return False

    def _mount(self) -> bool:
        """Brings the volumes up to date; False while a source is missing."""
        mounts = {it["name"]: it["mountPath"] for it in self._container.get("volumeMounts", [])}
        group = self._pod["spec"].get("securityContext", {}).get("fsGroup")
        for volume in self._pod["spec"].get("volumes", []):
            if volume["name"] not in mounts:
                continue
            folder = self._root / mounts[volume["name"]].lstrip("/")
            if "projected" in volume and (folder / "token").exists():
                continue  # lives longer than a test
            files = self._files(volume)
            if files is None:
                return False
            _write(folder, files, group)
        return True

    def _files(self, volume: Object) -> dict[str, tuple[bytes, int]] | None:
        """Paths with contents and mode."""
        if "secret" in volume:
            return self._data(
                "secrets", volume["secret"]["secretName"], volume["secret"], volume["secret"].get("defaultMode", 0o644)
            )
        files: dict[str, tuple[bytes, int]] = {}
        mode = volume["projected"].get("defaultMode", 0o644)
        for source in volume["projected"]["sources"]:
            if "serviceAccountToken" in source:
                account = self._pod["spec"].get("serviceAccountName", "default")
                bound = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self._pod["metadata"]["uid"]}
                request = {
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenRequest",
                    "spec": {"audiences": [], "boundObjectRef": bound, "expirationSeconds": 3600},
                }
                token = self._client.request(
                    "POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token", request
                )
                files[source["serviceAccountToken"]["path"]] = (
                    token["status"]["token"].encode(),
                    0o600 if mode == 0o644 else mode,
                )
            elif "configMap" in source:
                found = self._data("configmaps", source["configMap"]["name"], source["configMap"], mode)
                if found is None:
                    return None
                files |= found
            elif "downwardAPI" in source:
                files["namespace"] = self.namespace.encode(), mode
        return files

    def _data(self, plural: str, name: str, source: Object, mode: int) -> dict[str, tuple[bytes, int]] | None:
        found = self._client.find(f"/api/v1/namespaces/{self.namespace}/{plural}/{name}")
        if found is None:
            return None
        decode = base64.b64decode if plural == "secrets" else str.encode
        data = {key: decode(value) for key, value in (found.get("data") or {}).items()}
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        if any(it["key"] not in data for it in items):
            return None  # FailedMount: references non-existent secret key
        return {it["path"]: (data[it["key"]], it.get("mode", mode)) for it in items}


def _write(folder: Path, files: dict[str, tuple[bytes, int]], group: int | None) -> None:
    """As the kubelet's atomic writer: a new folder, and one link that is turned to it."""
    there = folder / "..data"
    if there.exists() and {it.name: it.read_bytes() for it in there.iterdir()} == {
        name: data for name, (data, _) in files.items()
    }:
        return
    new = folder / f"..{time.monotonic_ns()}"
    new.mkdir(parents=True)
    for name, (data, mode) in files.items():
        file = new / name
        file.write_bytes(data)
        # With an fsGroup the group can read what the kubelet writes, whatever the mode says.
        file.chmod(mode | 0o440 if group is not None else mode)
        if group is not None:
            os.chown(file, 0, group)
    link = folder / "..link"
    link.symlink_to(new.name)
    old = there.resolve() if there.exists() else None
    link.replace(there)
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    if old:
        shutil.rmtree(old)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
