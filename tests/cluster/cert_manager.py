"""The real cert-manager beside a cluster: its controllers and its CA injector, in one process (tests/tools/cert-manager)."""

from __future__ import annotations

import base64
import functools
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from build import module, tool
from cluster.api import ApiError, Object, until
from cluster.harness import Cluster, namespace, objects

Found = TypeVar("Found")

# Where cert-manager is installed, and looks for what a ClusterIssuer names.
NAMESPACE = "cert-manager"
SECRET = "gmsa-webhook-tls"
# From 1.19 on the injector adds a CA to those in a webhook configuration; before, or with this, it replaces them.
REPLACES = "CAInjectorMerging=false"
_GROUP = "/apis/cert-manager.io/v1"
_INJECT = "cert-manager.io/inject-ca-from"


@functools.cache
def cert_manager_crds() -> tuple[Object, ...]:
    """cert-manager's own, but for those of ACME."""
    folder = module("cert-manager") / "deploy" / "crds"
    return tuple(it for path in sorted(folder.glob("cert-manager.io_*.yaml")) for it in objects(path.read_text()))


class CertManager:
    """Runs from `start` to `stop`. What it says goes to the file `log`. `features`: gates, such as `Name=false`."""

    def __init__(self, cluster: Cluster, log: Path, *features: str) -> None:
        self._cluster = cluster
        self._client = cluster.client
        self._log = log
        self._features = features
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._client.apply(*cert_manager_crds(), namespace(NAMESPACE))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [tool("cert-manager"), self._cluster.kubeconfig, *self._features], stdout=log, stderr=log, env={}
            )

    def stop(self) -> None:
        if self._process:
            self._process.kill()  # nothing of it is wanted any more
            self._process.wait()

    @property
    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-10_000:]

    def secret(self, name: str, namespace: str = "gmsa-webhook") -> dict[str, bytes]:
        """What is in a Secret."""
        data = self._client.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")["data"]
        return {key: base64.b64decode(value) for key, value in data.items()}

    def issued(self, name: str, namespace: str = "gmsa-webhook", after: int = 0) -> None:
        """Waits until a Certificate is issued, once more than `after` times."""
        path = f"{_GROUP}/namespaces/{namespace}/certificates/{name}"

        def is_issued() -> bool:
            status = self._client.get(path).get("status", {})
            return status.get("revision", 0) > after and _conditions(status) == {"Ready": "True"}

        self._until(is_issued, lambda: f"{name} is issued: {self._client.get(path).get('status')}")

    def renew(self, name: str, namespace: str = "gmsa-webhook") -> None:
        """As `cmctl renew`, or cert-manager itself at two thirds of a certificate's life; waits until it is issued."""
        path = f"{_GROUP}/namespaces/{namespace}/certificates/{name}"
        revision = self._client.get(path)["status"]["revision"]
        asked = {
            "type": "Issuing",
            "status": "True",
            "reason": "ManuallyTriggered",
            "message": "Certificate re-issuance manually triggered",
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

        def ask() -> bool:
            found = self._client.get(path)
            metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
            others = [it for it in found["status"]["conditions"] if it["type"] != "Issuing"]
            try:
                self._client.patch(f"{path}/status", {"metadata": metadata, "status": {"conditions": [*others, asked]}})
            except ApiError as error:
                if error.code != 409:
                    raise
                return False
            return True

        self._until(ask, lambda: f"{name} is to be renewed")
        self.issued(name, namespace, after=revision)

    def bundles(self) -> list[bytes]:
        """The CAs in each webhook configuration that is to get one."""
        return [
            base64.b64decode(webhook["clientConfig"].get("caBundle", ""))
            for kind in ("validating", "mutating")
            for it in self._client.items(f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations")
            if _INJECT in it["metadata"].get("annotations", {})
            for webhook in it["webhooks"]
        ]

    def injected(self) -> None:
        """Waits until both webhook configurations have the CA of the webhook's certificate, alone or among others."""

        def is_injected() -> bool:
            bundles, ca = self.bundles(), self.secret(SECRET)["ca.crt"]
            return len(bundles) == 2 and all(ca in it for it in bundles)

        self._until(is_injected, lambda: f"the CA is injected: {self.bundles()}")

    def _until(self, check: Callable[[], Found | None], what: Callable[[], str]) -> Found:
        def check_both() -> Found | None:
            assert self._process
            assert self._process.poll() is None, f"cert-manager has ended: {self.said}"
            return check()

        return until(check_both, what)


def _conditions(status: Object) -> dict[str, str]:
    return {it["type"]: it["status"] for it in status.get("conditions", [])}
