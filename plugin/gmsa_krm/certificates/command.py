"""`gmsa-krm certs`: files for the source Files, and what a certificate holds."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gmsa_krm.atomic import replace_files
from gmsa_krm.certificates.generate import issue
from gmsa_krm.certificates.material import DAY, certificates_of, dns_names
from gmsa_krm.config import values
from gmsa_krm.findings import OutsideError, input_error
from gmsa_krm.outside import Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def issue_files(name: str, namespace: str, valid_for: str, folder: str, force: bool, environ: Mapping[str, str]) -> str:
    """Writes ca.crt, tls.crt and tls.key into `folder`; returns what to do with them.

    With `force` files that are there are replaced; the CA that was trusted stays in ca.crt behind the new
    one, so that pods with the old certificate are trusted until the new one is rolled out.
    """
    for value, check, option in (
        (name, values.service_name, "--name"),
        (namespace, values.label_name, "--namespace"),
        (valid_for, values.duration, "--valid-for"),
    ):
        for _, rule, message in check(value):
            raise input_error(rule, message, field=option)
    now = Outside(folder, environ).now()
    material = issue(dns_names(name, namespace), now, values.seconds(valid_for))
    places = {file: os.path.join(folder, file) for file in ("ca.crt", "tls.crt", "tls.key")}
    there = [place for place in places.values() if os.path.lexists(place)]
    if there and not force:
        raise OutsideError(f"{there[0]} is there already; choose another --dir, or replace it with --force")
    try:
        earlier = _earlier_authority(places["ca.crt"], now)
        os.makedirs(folder, exist_ok=True)
        replace_files(
            {
                places["ca.crt"]: ((material.ca_bundle + earlier).encode(), 0o644),
                places["tls.crt"]: ((material.certificate or "").encode(), 0o644),
                places["tls.key"]: ((material.key or "").encode(), 0o600),
            }
        )
    except OSError as error:
        raise OutsideError(f"{error.filename or folder}: cannot be written ({error.strerror})") from None
    last = datetime.fromtimestamp(now + values.seconds(valid_for), UTC)
    return (
        f"wrote {', '.join(places.values())}\nvalid until {last:%Y-%m-%d}, for {dns_names(name, namespace)[0]}\n"
        f"keep {places['tls.key']} out of Git unless it is encrypted there (SOPS, git-crypt)"
    )


def _earlier_authority(place: str, now: int) -> str:
    """The first CA in an earlier ca.crt, if it has not expired."""
    try:
        with open(place, encoding="ascii", errors="replace") as file:
            blocks = certificates_of(file.read(256 * 1024))
    except FileNotFoundError:
        return ""
    try:
        earlier = x509.load_pem_x509_certificate(blocks[0].encode()) if blocks else None
    except ValueError:
        return ""
    return blocks[0] if earlier is not None and earlier.not_valid_after_utc.timestamp() > now else ""


def show(path: str) -> str:
    """What the certificates in a PEM file hold. Raises OutsideError, or InputError if there are none."""
    from gmsa_krm.findings import Place

    try:
        with open(path, encoding="ascii", errors="replace") as file:
            blocks = certificates_of(file.read(1024 * 1024))
    except OSError as error:
        raise OutsideError(f"{path}: cannot be read ({error.strerror})") from None
    if not blocks:
        raise input_error("certificate", "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", Place(path))
    out = []
    for number, block in enumerate(blocks, 1):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            out.append("\n".join([f"{path}, certificate {number} of {len(blocks)}", *_lines(certificate)]))
        except ValueError as error:
            raise input_error(
                "certificate", f"certificate {number} cannot be read ({str(error)[:100]})", Place(path)
            ) from None
    return "\n".join(out)


def _lines(certificate: x509.Certificate) -> list[str]:
    left = int(certificate.not_valid_after_utc.timestamp() - datetime.now(UTC).timestamp())
    state = f"{left // DAY} days left" if left > 0 else "EXPIRED"
    rows = {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": ", ".join(_names(certificate)) or "none",
        "valid": f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC ({state})",
        "key": _key(certificate),
        "CA": "yes" if _is_authority(certificate) else "no",
        "serial": f"{certificate.serial_number:x}",
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }
    return [f"  {label + ':':9}{value}" for label, value in rows.items()]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in held]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "of a kind that is not known"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size} bits"
    return type(key).__name__
