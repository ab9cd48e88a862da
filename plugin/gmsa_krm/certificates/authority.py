"""A certificate authority for one Service, and the certificates that it signs.

ECDSA P-256, SHA-256. The CA's name constraints allow the Service's names and nothing else, so that its key,
should it leak, can impersonate this webhook only. Kinds of names that are not mentioned would be free: addresses are
excluded, and e-mail addresses and URIs are allowed below a domain that cannot exist (RFC 2606), since RFC 5280 has no
form that excludes all of them and OpenSSL and Go differ about an empty one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
# First and last second of the validity, since 1970.
Validity = tuple[int, int]


class Authority:
    """A CA: `certificate` is public; the key never leaves the object."""

    def __init__(self, key: Key, names: list[str], serial: int, validity: Validity, deterministic: bool) -> None:
        """`names`: the DNS names that it may sign for. `deterministic`: RFC 6979 signatures, the same in every run."""
        self._key = key
        self._deterministic = deterministic
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gmsa-krm webhook CA")])
        builder = (
            _builder(self._subject, self._subject, key, serial, validity)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(_name_constraints(names), critical=True)
        )
        self.certificate = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=deterministic)

    def issue(self, key: Key, names: list[str], serial: int, validity: Validity) -> x509.Certificate:
        """A serving certificate for `names`."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0].partition(".")[0])])
        own_key_id = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            _builder(subject, self._subject, key, serial, validity)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_key_id), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=self._deterministic)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, serial: int, validity: Validity
) -> x509.CertificateBuilder:
    first, last = (datetime.fromtimestamp(second, UTC) for second in validity)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name_constraints(names: list[str]) -> x509.NameConstraints:
    nowhere = "gmsa-krm.invalid"
    return x509.NameConstraints(
        [*(x509.DNSName(name) for name in names), x509.RFC822Name(nowhere), x509.UniformResourceIdentifier(nowhere)],
        [x509.IPAddress(ip_network(everything)) for everything in ("0.0.0.0/0", "::/0")],
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def key_pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
