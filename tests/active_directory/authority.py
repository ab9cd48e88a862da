"""The CA that the servers of the tests have their certificates from."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """The CA of the tests."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed("CA of the tests", self._key, [], is_ca=True)

    def issue(self, folder: Path, *names: str) -> None:
        """Writes ca.crt, tls.crt and tls.key for a server into a folder."""
        folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(names[0], key, list(names), is_ca=False)
        encryption = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        for name, data in {"ca.crt": self.pem, "tls.crt": _pem(certificate), "tls.key": private}.items():
            (folder / name).write_bytes(data)
            os.chmod(folder / name, 0o600)  # Samba refuses a key that others can read

    @property
    def pem(self) -> bytes:
        return _pem(self.certificate)

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, names: list[str], *, is_ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if is_ca else self.certificate.subject
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(it) for it in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
