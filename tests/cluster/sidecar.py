"""A mutating webhook of somebody else, in the test's own process: it adds a container that names a credspec."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cluster.api import ApiError, Object, until
from cluster.harness import CREDSPEC, NOW, Cluster, pod
from cluster.stand_in import Handler, Server
from gmsa_krm.certificates.generate import issue

_CONTAINER = {
    "name": "sidecar",
    "image": "iis",
    "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": CREDSPEC}},
}
_LABELS = {"sidecar": "wanted"}


def labelled(item: Object) -> Object:
    """The pod as one that the webhook is asked about."""
    return {**item, "metadata": {**item["metadata"], "labels": _LABELS}}


@contextlib.contextmanager
def sidecar(cluster: Cluster, folder: Path, name: str = "z-sidecar", kind: str = "containers") -> Iterator[None]:
    """Registers the webhook, whose name says when it is called, and waits until it is. `kind`: containers or initContainers."""
    tls = issue(["localhost"], NOW, 86_400)
    (folder / "sidecar.pem").write_text(f"{tls.key}{tls.certificate}")
    server = Server(("127.0.0.1", 0), _Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(folder / "sidecar.pem")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.socket.getsockname()[1]
    _Handler.patch = [
        {"op": "add", "path": "/spec/containers/-", "value": _CONTAINER}
        if kind == "containers"
        else {"op": "add", "path": f"/spec/{kind}", "value": [_CONTAINER]}
    ]
    configuration: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "sidecar.example.com",
                "clientConfig": {
                    "url": f"https://localhost:{port}/",
                    "caBundle": base64.b64encode(tls.ca_bundle.encode()).decode(),
                },
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
                "objectSelector": {"matchLabels": _LABELS},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            },
        ],
    }
    probe = labelled(pod("probe", None))

    def is_called() -> bool:
        # One request: between two, the webhook may come into effect, and its pod be refused.
        try:
            return any(it["name"] == "sidecar" for it in cluster.try_pod(probe)["spec"].get(kind, []))
        except ApiError:
            return True

    cluster.client.apply(configuration)
    try:
        until(is_called, "the sidecar's webhook is called")
        yield
    finally:
        cluster.client.delete(cluster.client.path(configuration))
        until(lambda: not is_called(), "the sidecar's webhook is forgotten")
        server.shutdown()
        server.server_close()


class _Handler(Handler):
    patch: list[Object]

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = base64.b64encode(json.dumps(self.patch).encode()).decode()
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        self._answer(200, {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
