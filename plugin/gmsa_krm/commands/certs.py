"""`certs`: writes the files for certificate source Files, and shows the contents of certificate files."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gmsa_krm import console
from gmsa_krm.atomic import replace_files
from gmsa_krm.certificates.generate import issue as issue_material
from gmsa_krm.certificates.material import DAY, dns_names, split_certificates
from gmsa_krm.config import values
from gmsa_krm.environment import Environment, open_regular
from gmsa_krm.findings import ERROR, ExternalError, Finding, Location, file_error, invalid, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gmsa_krm.arguments import Options

_MAX_BYTES = 1024 * 1024


def issue(options: Options) -> int:
    """Writes ca.crt, tls.crt and tls.key.

    With --force, existing files are replaced. The previous CA stays in ca.crt after the new one, so that pods with the
    previous certificate are trusted until the new one is rolled out. Raises InputError, ExternalError.
    """
    values.check_option("--name", options.name, values.service_name)
    values.check_option("--namespace", options.namespace, values.label_name)
    values.check_option("--valid-for", options.valid_for, values.duration)
    now = Environment(options.dir, os.environ).now()
    names = dns_names(options.name, options.namespace)
    valid_for = values.seconds(options.valid_for)
    material = issue_material(names, now, valid_for)
    authority, certificate, key = (os.path.join(options.dir, file) for file in ("ca.crt", "tls.crt", "tls.key"))
    existing = [path for path in (authority, certificate, key) if os.path.lexists(path)]
    if existing and not options.force:
        raise ExternalError(
            f"{printable(existing[0])} already exists; choose another --dir, or replace it with --force"
        )
    try:
        previous = _previous_authority(authority, now)
        os.makedirs(options.dir, exist_ok=True)
        replace_files(
            {
                authority: ((material.ca_bundle + previous).encode(), 0o644),
                certificate: (material.certificate.encode(), 0o644),
                key: (material.key.encode(), 0o600),
            }
        )
    except OSError as error:
        raise file_error(error.filename or options.dir, "written", error) from None
    if not options.quiet:
        last = datetime.fromtimestamp(now + valid_for, UTC)
        console.write_text(
            f"wrote {authority}, {certificate}, {key}\nvalid until {last:%Y-%m-%d}, for {names[0]}\n"
            f"keep {key} out of Git unless it is encrypted there (SOPS, git-crypt)"
        )
    return console.DONE


def show(options: Options) -> int:
    """Prints what the certificates in PEM files hold. Raises ExternalError, or InputError if there are none.

    With --fail-within the exit status is 1 if one of them expires within that time.
    """
    if options.fail_within is not None:
        values.check_option("--fail-within", options.fail_within, values.duration)
    certificates = [it for file in options.file for it in _certificates(file)]
    console.write_text("\n".join(f"{title}\n{text}" for title, text, _ in certificates))
    if options.fail_within is None:
        return console.DONE
    latest = datetime.now(UTC).timestamp() + values.seconds(options.fail_within)
    expiring = [
        Finding(ERROR, "certificate", f"{title} expires within {options.fail_within}; renew it", Location())
        for title, _, end in certificates
        if end <= latest
    ]
    console.print_findings(expiring)
    return console.INVALID_INPUT if expiring else console.DONE


def _previous_authority(path: str, now: int) -> str:
    """The first CA in an existing ca.crt, if it has not expired."""
    try:
        with open_regular(path) as file:
            blocks = split_certificates(file.read(_MAX_BYTES).decode("ascii", "replace"))
    except FileNotFoundError:
        return ""
    try:
        previous = x509.load_pem_x509_certificate(blocks[0].encode()) if blocks else None
    except (ValueError, x509.InvalidVersion):
        return ""
    return blocks[0] if previous is not None and previous.not_valid_after_utc.timestamp() > now else ""


def _certificates(path: str) -> list[tuple[str, str, float]]:
    """The title, the description and the end (a Unix time) of each certificate in a file."""
    data = console.read_input(path, _MAX_BYTES, "split it")
    path = console.shown(path)
    blocks = split_certificates(data.decode("ascii", "replace"))
    if not blocks:
        message = "holds no PEM certificate; give a file with -----BEGIN CERTIFICATE-----"
        raise invalid("certificate", message, Location(path))
    out = []
    for number, block in enumerate(blocks, 1):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            title = f"{printable(path)}, certificate {number} of {len(blocks)}"
            out.append((title, "\n".join(_lines(certificate)), certificate.not_valid_after_utc.timestamp()))
        except (ValueError, x509.InvalidVersion) as error:
            message = f"certificate {number} cannot be read ({str(error)[:100]}); replace it"
            raise invalid("certificate", message, Location(path)) from None
    return out


def _lines(certificate: x509.Certificate) -> list[str]:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left = int(last.timestamp() - datetime.now(UTC).timestamp())
    state = f"{left // DAY} days left" if left > 0 else "EXPIRED"
    rows: dict[str, Callable[[], str]] = {
        "subject": certificate.subject.rfc4514_string,
        "issuer": certificate.issuer.rfc4514_string,
        "names": lambda: ", ".join(_names(certificate)) or "none",
        "valid": lambda: f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC ({state})",
        "key": lambda: _key(certificate),
        "CA": lambda: "yes" if _is_authority(certificate) else "no",
        "serial": lambda: f"{certificate.serial_number:x}",
        "sha256": lambda: certificate.fingerprint(hashes.SHA256()).hex(),
    }
    return [f"  {label + ':':9}{_row(read)}" for label, read in rows.items()]


def _row(read: Callable[[], str]) -> str:
    try:
        return printable(read())
    except Exception as error:  # cryptography reads parts of a certificate when they are asked for, and has many
        return f"cannot be read ({type(error).__name__})"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        alternative_names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in alternative_names]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "of an unknown kind"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size} bits"
    return type(key).__name__
