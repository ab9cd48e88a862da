"""etcd, kube-apiserver and kube-controller-manager of one release, as processes of the test."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from build import HERE as TOOLS
from build import tool
from cluster.api import ApiError, Client, until
from cluster.network import API_ADDRESS, API_PORT, API_SERVICE, SERVICE_RANGE
from gmsa_krm.certificates.authority import certificate_pem, key_pem

RELEASES = ("newest", "oldest")
# What the tests need of it: rollouts, endpoints, tokens, and what a deleted object takes with it.
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "replicaset-controller",
    "endpointslice-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "validatingadmissionpolicy-status-controller",  # checks types
    "disruption-controller",  # without the status of a PodDisruptionBudget, Argo CD waits for it
)


def version(release: str) -> str:
    """That of the go.mod, such as v1.37.2."""
    text = (TOOLS / f"kubernetes-{release}" / "go.mod").read_text()
    found = re.search(r"k8s.io/kubernetes (v[0-9.]+)", text)
    assert found
    return found[1]


@dataclass(frozen=True)
class ApiServer:
    """How an API server is reached; the owner of the token is in the group system:masters."""

    port: int
    ca: Path
    token: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def client(self) -> Client:
        return Client("127.0.0.1", self.port, self.ca, self.token)


class ControlPlane:
    """Runs from `start` to `stop`."""

    def __init__(self, release: str, folder: Path) -> None:
        self.release = release
        self.folder = folder
        self.kubectl = tool(f"kubernetes-{release}/kubectl")
        self._processes: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        self.api_server = ApiServer(API_PORT, folder / "ca.crt", secrets.token_hex(16))
        self._write_certificates()
        self.client = self.api_server.client

    def start(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        file = self.folder.joinpath
        self._run(
            tool("etcd"),
            f"--data-dir={file('etcd')}",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )
        self._run_api_server(self.api_server)
        assert self.client.get("/version")["gitVersion"] == version(self.release)
        self._run(
            tool(f"kubernetes-{self.release}/kube-controller-manager"),
            f"--kubeconfig={file('kubeconfig')}",
            f"--controllers={','.join(_CONTROLLERS)}",
            f"--service-account-private-key-file={file('accounts.key')}",
            f"--root-ca-file={file('ca.crt')}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=500",
        )
        until(lambda: self.client.find("/api/v1/namespaces/default/serviceaccounts/default"), "the controllers run")

    @contextlib.contextmanager
    def second(self) -> Iterator[ApiServer]:
        """Another cluster, which is an API server beside this one's, with data of its own and no controllers."""
        server = replace(self.api_server, port=API_PORT + 1)
        self._run_api_server(server, "--etcd-prefix=/second")
        try:
            yield server
        finally:
            self._stop_last()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process, _ in self._processes]

    def stop(self) -> None:
        while self._processes:
            self._stop_last()

    def _stop_last(self) -> None:
        process, log = self._processes.pop()
        process.kill()  # nothing of it is wanted any more
        process.wait()
        log.close()

    def _run_api_server(self, server: ApiServer, *arguments: str) -> None:
        file = self.folder.joinpath
        self._run(
            tool(f"kubernetes-{self.release}/kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--secure-port={server.port}",
            f"--advertise-address={API_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--tls-cert-file={file('server.crt')}",
            f"--tls-private-key-file={file('server.key')}",
            f"--token-auth-file={file('tokens.csv')}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={file('accounts.pub')}",
            f"--service-account-signing-key-file={file('accounts.key')}",
            *arguments,
        )
        until(lambda: self._is_ready(server.client), "the API server is ready")

    def _run(self, program: Path, *arguments: str) -> None:
        log = (self.folder / f"{program.name}-{len(self._processes)}.log").open("wb")
        process = subprocess.Popen(
            [program, *arguments], cwd=self.folder, stdout=log, stderr=log, env={"HOME": str(self.folder)}
        )
        self._processes.append((process, log))

    def _is_ready(self, client: Client) -> bool:
        for process, log in self._processes:
            assert process.poll() is None, f"{process.args} ended: {Path(log.name).read_text()[-3000:]}"
        try:
            return bool(client.get("/readyz") == "ok")
        except (OSError, ApiError):
            return False

    def _write_certificates(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder.joinpath
        now = datetime.now(UTC)
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        ca, server, accounts = keys
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
        builder = (
            x509.CertificateBuilder()
            .issuer_name(name)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )
        file("ca.crt").write_text(
            certificate_pem(
                builder.subject_name(name)
                .public_key(ca.public_key())
                .serial_number(x509.random_serial_number())
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .sign(ca, hashes.SHA256())
            )
        )
        addresses = [x509.IPAddress(ipaddress.ip_address(it)) for it in ("127.0.0.1", API_ADDRESS, API_SERVICE)]
        file("server.crt").write_text(
            certificate_pem(
                builder.subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")]))
                .public_key(server.public_key())
                .serial_number(x509.random_serial_number())
                .add_extension(
                    x509.SubjectAlternativeName([*addresses, x509.DNSName("kubernetes.default.svc")]), critical=False
                )
                .sign(ca, hashes.SHA256())
            )
        )
        file("server.key").write_text(key_pem(server))
        file("accounts.key").write_text(key_pem(accounts))
        public = accounts.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        file("accounts.pub").write_bytes(public)
        file("tokens.csv").write_text(f'{self.api_server.token},admin,admin,"system:masters"\n')
        file("kubeconfig").write_text(f"""\
apiVersion: v1
kind: Config
clusters:
- name: it
  cluster: {{server: "{self.api_server.url}", certificate-authority: {file("ca.crt")}}}
users:
- name: admin
  user: {{token: {self.api_server.token}}}
contexts:
- name: it
  context: {{cluster: it, user: admin}}
current-context: it
""")
