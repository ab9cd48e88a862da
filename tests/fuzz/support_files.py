"""The files that configs name: certificates, seeds and credential specs, right and wrong; the same on every run."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
from dataclasses import dataclass

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from configs import CONTENTS, DOMAINS, OLDER

NOW = 1_790_000_000  # SOURCE_DATE_EPOCH of the runs
_DAY = 86_400
_NAMES = ("gmsa-webhook.gmsa-webhook.svc", "gmsa-webhook.gmsa-webhook.svc.cluster.local")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


File = bytes | Link

SEED = "a seed for fuzzing, 32 bytes or more; never use it"
_SEED_FILE = "another seed for fuzzing, 32 bytes or more\n"
_REPEATING = "zq" * 30
SEEDS = {
    "GMSA_KRM_SEED": SEED,
    "GMSA_KRM_SEED_2": "a second seed for fuzzing, 32 bytes or more",
    "WEAK": _REPEATING,
    "SHORT": "zq-short",
}
# What no message may hold.
SECRETS = (*SEEDS.values(), _SEED_FILE.strip())
VARIABLES = {**SEEDS, "SOURCE_DATE_EPOCH": str(NOW), "FILE_SEED_FILE": "@WORK@/seed.txt"}


@dataclass(frozen=True)
class Material:
    """PEM texts of `certs/`."""

    ca: str
    cert: str
    key: str

    def files(self) -> dict[str, File]:
        return {
            "certs/ca.crt": self.ca.encode(),
            "certs/tls.crt": self.cert.encode(),
            "certs/tls.key": self.key.encode(),
        }


def _key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31], "big"), ec.SECP256R1())


def _prime(name: str) -> int:
    """A prime of 1,024 bits: the first after a number that the name gives."""
    digest = b"".join(hashlib.sha512(f"{name} {index}".encode()).digest() for index in range(2))
    candidate = int.from_bytes(digest, "big") | (3 << 1022) | 1
    while any(candidate % small == 0 for small in (3, 5, 7, 11, 13)) or pow(2, candidate - 1, candidate) != 1:
        candidate += 2
    return candidate


def _rsa_key() -> rsa.RSAPrivateKey:
    p, q, e = _prime("p"), _prime("q"), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, rsa.RSAPublicNumbers(e, p * q)).private_key()


@dataclass(frozen=True)
class _Subject:
    name: str
    key: Key


def _certificate(
    subject: _Subject,
    issuer: _Subject,
    days: tuple[int, int],
    names: tuple[str, ...] = (),
    *,
    is_ca: bool = False,
    extension: x509.ExtensionType | None = None,
) -> str:
    """The PEM text of a certificate; `days`: of its validity, from NOW."""
    first, last = days
    number = hashlib.sha256(f"{subject.name}{first}{last}".encode()).digest()[:10]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer.name)]))
        .public_key(subject.key.public_key())
        .serial_number(int.from_bytes(number, "big"))
        .not_valid_before(datetime.datetime.fromtimestamp(NOW + first * _DAY, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(NOW + last * _DAY, datetime.UTC))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    deterministic = True if isinstance(issuer.key, ec.EllipticCurvePrivateKey) else None
    signed = builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=deterministic)
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _pem(key: Key, *, is_traditional: bool = False, password: bytes = b"") -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL if is_traditional else serialization.PrivateFormat.PKCS8
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


@functools.cache
def good_material() -> Material:
    ca, leaf = _Subject("ca", _key("ca")), _Subject("leaf", _key("leaf"))
    root = _certificate(ca, ca, (-10, 3650), is_ca=True)
    return Material(root, _certificate(leaf, ca, (-1, 365), _NAMES), _pem(leaf.key))


@functools.cache
def _old_root() -> str:
    other = _Subject("old", _key("other"))
    return _certificate(other, other, (-900, -1), is_ca=True)


@functools.cache
def materials() -> list[Material]:
    """Good ones, and each way to be wrong."""
    good = good_material()
    return [*_of_dates_and_names(good), *_of_keys(good), *_of_chains(good), *_of_texts(good)]


def _of_dates_and_names(good: Material) -> list[Material]:
    ca, leaf = _Subject("ca", _key("ca")), _Subject("leaf", _key("leaf"))
    stranger = _Subject("ca", _key("other"))
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certs = (
        _certificate(leaf, ca, (-100, -1), _NAMES),
        _certificate(leaf, ca, (-100, 20), _NAMES),
        _certificate(leaf, ca, (10, 100), _NAMES),
        _certificate(leaf, ca, (-1, 365), ("other.svc",)),
        _certificate(leaf, ca, (-1, 365), ("*.gmsa-webhook.svc",)),
        _certificate(leaf, ca, (-1, 365), _NAMES, extension=client),
        _certificate(_Subject("a\nb\x1b[31m", leaf.key), ca, (-1, 365)),
    )
    roots = (
        _old_root() + good.ca,
        _old_root(),
        _certificate(stranger, stranger, (-10, 3650), is_ca=True),
        _certificate(ca, ca, (-10, 9), is_ca=True),
    )
    return [
        good,
        *(Material(good.ca, it, good.key) for it in certs),
        *(Material(it, good.cert, good.key) for it in roots),
    ]


def _of_keys(good: Material) -> list[Material]:
    leaf, large = _key("leaf"), _rsa_key()
    ca = _Subject("ca", _key("ca"))
    by_rsa = _certificate(_Subject("leaf", large), ca, (-1, 365), _NAMES)
    keys = (_pem(_key("other")), _pem(leaf, password=b"x"), _pem(leaf, is_traditional=True), good.cert, "")
    return [
        *(Material(good.ca, good.cert, key) for key in keys),
        Material(good.ca, by_rsa, _pem(large)),
        Material(good.ca, by_rsa, _pem(large, is_traditional=True)),
        Material(good.ca + _pem(leaf), good.cert, good.key),
        Material(good.ca, good.cert + _pem(leaf), good.key),
    ]


def _of_chains(good: Material) -> list[Material]:
    ca, middle, leaf = (_Subject(name, _key(name)) for name in ("ca", "middle", "leaf"))
    intermediate = _certificate(middle, ca, (-1, 365), is_ca=True)
    below = _certificate(leaf, middle, (-1, 365), _NAMES)
    by_itself = _certificate(leaf, leaf, (-1, 365), _NAMES)
    expired = _certificate(leaf, leaf, (-9, -1), _NAMES)
    return [
        Material(good.ca, below + intermediate, good.key),
        Material(good.ca, below + intermediate + good.ca, good.key),
        Material(good.ca, below, good.key),
        Material(intermediate, below, good.key),
        Material(by_itself, by_itself, good.key),
        Material(expired, expired, good.key),
    ]


def _of_texts(good: Material) -> list[Material]:
    broken = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"
    roots = (
        *("\ufeff" + good.ca, "# é\n" + good.ca, broken.format("CERTIFICATE"), "", good.ca + "#" * 300_000),
        good.ca * 50,
    )
    return [
        *(Material(ca, good.cert, good.key) for ca in roots),
        Material(f"Subject: ca\n{good.ca}# more\n", f"x\n{good.cert}\n\n", good.key),
        Material(*(text.replace("\n", "\r\n") for text in (good.ca, good.cert, good.key))),
        Material(good.ca, broken.format("CERTIFICATE"), good.key),
        Material(good.ca, good.cert, broken.format("PRIVATE KEY")),
        Material(good.ca, good.cert[:300], good.key),
        Material("x", "y", "z"),
    ]


def _credspec_of(account: str) -> dict[str, object]:
    return {**CONTENTS, "DomainJoinConfig": {**CONTENTS["DomainJoinConfig"], "MachineAccountName": account}}


def _snapshot() -> bytes:
    """A snapshot of the domain that most configs have, without accounts."""
    head = {
        "apiVersion": "gmsa-krm.dev/v1alpha1",
        "kind": "ActiveDirectorySnapshot",
        "metadata": {"name": "contoso.com"},
    }
    return yaml.safe_dump({**head, "spec": {"domains": [DOMAINS[0]]}}).encode()


@functools.cache
def _by_name() -> dict[str, File]:
    return {
        **good_material().files(),
        "certs/two.crt": (_old_root() + good_material().ca).encode(),
        "credspecs/webapp3.json": json.dumps(_credspec_of("WebApp3"), indent=2).encode(),
        "directory/snapshot": _snapshot(),
        "utf16.json": json.dumps(_credspec_of("Sixteen"), indent=2).encode("utf-16"),
        "bom.json": json.dumps(CONTENTS).encode("utf-8-sig"),
        "before.json": OLDER.encode(),
        "empty.json": b"",
        "seed.txt": _SEED_FILE.encode(),
        "short.txt": b"zq-short",
        "weak.txt": _REPEATING.encode(),
        "link.json": Link("/etc/hostname"),
        "loop.json": Link("loop.json"),
    }


def files_named_in(*texts: str) -> dict[str, File]:
    """The files that the texts of configs name; those of source Files by its default too."""
    joined = "\n".join(texts)
    named = {name: file for name, file in _by_name().items() if name in joined}
    return {**good_material().files(), **named} if "Files" in joined else named
