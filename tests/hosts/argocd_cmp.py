"""Argo CD's side of the plugin protocol: what repo-server sends to argocd-cmp-server.

The messages are declared here by the numbers of cmpserver/plugin/plugin.proto and
reposerver/repository/repository.proto (Argo CD 3.5): their own descriptors import half of Kubernetes.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from conftest import by_identity

_TYPES = {"string": 9, "bytes": 12, "int64": 3, "bool": 8}
_MESSAGES = {
    "EnvEntry": {"name": (1, "string"), "value": (2, "string")},
    "Metadata": {
        "appName": (1, "string"),
        "appRelPath": (2, "string"),
        "checksum": (3, "string"),
        "size": (4, "int64"),
        "env": (5, "*EnvEntry"),
    },
    "File": {"chunk": (1, "bytes")},
    "AppStreamRequest": {"metadata": (1, "Metadata"), "file": (2, "File")},
    "ManifestResponse": {"manifests": (1, "*string"), "sourceType": (2, "string")},
    "RepositoryResponse": {"isSupported": (1, "bool"), "isDiscoveryEnabled": (2, "bool")},
    "Announcement": {
        "name": (1, "string"),
        "title": (2, "string"),
        "tooltip": (3, "string"),
        "collectionType": (6, "string"),
        "string": (7, "string"),
    },
    "Announcements": {"parameterAnnouncements": (1, "*Announcement")},
}


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="cmp.proto", package="cmp", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            repeated, word = kind.startswith("*"), kind.lstrip("*")
            added = message.field.add(name=field, number=number, label=3 if repeated else 1, type=_TYPES.get(word, 11))
            if word not in _TYPES:
                added.type_name = f".cmp.{word}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"cmp.{name}")) for name in _MESSAGES}


_OF = _messages()


class CmpError(Exception):
    """A failure, with the text that Argo CD would show."""


class CmpServer:
    """A running argocd-cmp-server with the plugin.yaml of `plugin`; a context manager.

    `deadline`: seconds after which Argo CD gives up a request.
    """

    def __init__(self, program: Path, plugin: Path, work: Path, environ: dict[str, str], deadline: float = 60) -> None:
        work.mkdir()
        sockets = work / "s"
        sockets.mkdir()
        own = {"ARGOCD_PLUGINSOCKFILEPATH": str(sockets), "ARGOCD_CMP_WORKDIR": str(work / "w")}
        self.log = work / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["argocd-cmp-server", "--config-dir-path", plugin],
                executable=program,
                env={**environ, **own},
                stdout=log,
                stderr=log,
                cwd=work,
            )
        self._deadline = deadline
        self._socket = sockets / "gmsa-krm.sock"
        for _ in range(200):
            if self._socket.exists() or self._process.poll() is not None:
                break
            time.sleep(0.05)
        assert self._socket.exists(), self.log.read_text()
        self._channel = grpc.insecure_channel(f"unix:{self._socket}", options=[("grpc.enable_http_proxy", 0)])

    def __enter__(self) -> CmpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._process.kill()  # it ignores SIGTERM
        self._process.wait(10)

    def generate(self, root: Path, app: str = ".", **env: str) -> list[str]:
        """The manifests of the application in the folder `app` of the repository `root`, as JSON."""
        return list(self._call("GenerateManifest", "ManifestResponse", root, app, env).manifests)

    def objects(self, root: Path, app: str = ".", **env: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The manifests by kind, namespace and name."""
        return by_identity([json.loads(manifest) for manifest in self.generate(root, app, **env)])

    def failure(self, root: Path, app: str = ".", **env: str) -> str:
        """The message with which `generate` fails, as it has to."""
        try:
            self.generate(root, app, **env)
        except CmpError as error:
            return str(error)
        raise AssertionError("the manifests were generated")

    def matches(self, root: Path, app: str = ".") -> bool:
        return bool(self._call("MatchRepository", "RepositoryResponse", root, app, {}).isSupported)

    def parameters(self, root: Path, app: str = ".") -> list[Any]:
        found = self._call("GetParametersAnnouncement", "Announcements", root, app, {})
        return list(found.parameterAnnouncements)

    def _call(self, method: str, answer: str, root: Path, app: str, env: dict[str, str]) -> Any:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path in sorted(root.rglob("*")):
                if ".git" not in path.parts:
                    archive.add(path, str(path.relative_to(root)), recursive=False)
        data = packed.getvalue()
        entries = {
            "ARGOCD_APP_NAME": "app",
            "ARGOCD_APP_NAMESPACE": "default",
            "ARGOCD_APP_SOURCE_PATH": app,
            "KUBE_VERSION": "1.34",
            **env,
        }
        metadata = _OF["Metadata"](
            appName="app",
            appRelPath=app,
            checksum=hashlib.sha256(data).hexdigest(),
            size=len(data),
            env=[_OF["EnvEntry"](name=name, value=value) for name, value in entries.items()],
        )
        chunks = [data[at : at + 1024] for at in range(0, len(data), 1024)]
        requests = [_OF["AppStreamRequest"](metadata=metadata)]
        requests += [_OF["AppStreamRequest"](file=_OF["File"](chunk=chunk)) for chunk in chunks]
        stub = self._channel.stream_unary(
            f"/plugin.ConfigManagementPluginService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=_OF[answer].FromString,
        )
        try:
            return stub(iter(requests), timeout=self._deadline)
        except grpc.RpcError as error:
            raise CmpError(error.details()) from None
