"""Certificates as TLS sees them: handshakes, and `openssl`."""

from __future__ import annotations

import base64
import contextlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from cryptography import x509

from builders import block, gmsa_config
from conftest import Done

DAY = 86_400
# What the API server calls the webhook.
NAME = "gmsa-webhook.gmsa-webhook.svc"


def certificate_config(certificate: str) -> str:
    """A config whose webhook has a certificate with these fields."""
    return gmsa_config(f"webhook:\n  certificate:\n{indent(block(certificate), '    ')}")


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, in PEM."""

    certificate: str
    key: str

    @property
    def x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.encode())


def pair_of(done: Done) -> Pair:
    """The certificate and the key in the Secret that the webhook serves from."""
    assert done.status == 0, done.stderr
    data = done.object("Secret")["data"]
    return Pair(base64.b64decode(data["tls.crt"]).decode(), base64.b64decode(data["tls.key"]).decode())


def bundle_of(done: Done, kind: str = "ValidatingWebhookConfiguration") -> str:
    """The CA certificates that the API server trusts."""
    assert done.status == 0, done.stderr
    return base64.b64decode(done.object(kind)["webhooks"][0]["clientConfig"]["caBundle"]).decode()


def handshake(folder: Path, pair: Pair, trusted: str, name: str = NAME) -> dict[str, Any]:
    """A TLS handshake like the API server's; returns the server's certificate, or raises ssl.SSLError."""
    certificate, key = folder / "server.crt", folder / "server.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cadata=trusted)
    client.hostname_checks_common_name = False
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: epochs of other years
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return dict(ends[0].getpeercert() or {})


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def openssl_verify(folder: Path, leaf: str, trusted: str, *more: str) -> subprocess.CompletedProcess[str]:
    """`openssl verify` of a server's certificate, at its strictest."""
    (folder / "leaf.pem").write_text(leaf)
    (folder / "ca.pem").write_text(trusted)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(folder / "ca.pem")]
    return subprocess.run([*command, *more, str(folder / "leaf.pem")], capture_output=True, text=True, check=False)
