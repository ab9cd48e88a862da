"""PEM files that a config names.

They are read with the standard library's ssl, which loads in a third of the time of cryptography.
"""

from __future__ import annotations

import ssl

from gmsa_krm.certificates.material import SOON, days, split_certificates
from gmsa_krm.environment import Environment, FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmsa_krm.config.declaration import Section
    from gmsa_krm.findings import Report

_MAX_BYTES = 256 * 1024


def read_text(section: Section, key: str, environment: Environment, report: Report) -> str | None:
    """The text of the file in the field `key`; None if the report has an error."""
    try:
        return environment.read(section.value(key), _MAX_BYTES).decode("ascii", "replace")
    except FileError as error:
        certificate_error(report, section, key, str(error))
        return None


def read_certificates(section: Section, key: str, environment: Environment, report: Report) -> list[str]:
    """The certificates of a PEM file; empty if the report has an error, such as a private key in the file."""
    pem = read_text(section, key, environment, report)
    if pem is None:
        return []
    path = section.value(key)
    if "PRIVATE KEY-----" in pem:
        message = f"{path} holds a private key, which would become public here; give a file with certificates only"
        certificate_error(report, section, key, message)
        return []
    certificates = split_certificates(pem)
    if not certificates:
        message = f"{path} holds no PEM certificate; give a file with -----BEGIN CERTIFICATE-----"
        certificate_error(report, section, key, message)
    return certificates


def read_authorities(section: Section, key: str, environment: Environment, report: Report) -> list[str]:
    """The CAs of a PEM file that have not expired; empty if the report has an error."""
    authorities = read_certificates(section, key, environment, report)
    return unexpired(authorities, environment.now(), section, key, report) if authorities else []


def unexpired(authorities: list[str], now: int, section: Section, key: str, report: Report) -> list[str]:
    """The CAs that have not expired; empty if all have, or if one cannot be read.

    An expired CA beside a valid one (the old one after a rotation) is left out with a warning.
    """
    path, node, field = section.value(key), section.at(key), f"{section.path}.{key}"
    ends: dict[str, int | None] = {}
    for pem in authorities:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=pem)
            known = context.get_ca_certs()  # lists no certificate that is not a CA: its end is the leaf's
            ends[pem] = end_of(known[0]) if known else None
        except (ssl.SSLError, ValueError) as error:
            message = f"{path} holds a certificate that cannot be read ({reason(error)}); replace it"
            certificate_error(report, section, key, message)
            return []
    valid = [pem for pem in authorities if (end := ends[pem]) is None or end > now]
    if not valid:
        last = max(end for end in ends.values() if end is not None)
        message = f"{path} expired {days(now - last)} ago; issue a new one"
        report.error("expired-certificate", message, node, field)
        return []
    if len(valid) < len(authorities):
        message = f"{path} holds an expired CA beside a valid one; remove it"
        report.warning("expired-ca-in-bundle", message, node, field)
    known_ends = [end for pem in valid if (end := ends[pem]) is not None]
    if known_ends and max(known_ends) <= now + SOON:
        message = f"{path} expires in {days(max(known_ends) - now)}; issue a new one"
        report.warning("expiring-certificate", message, node, field)
    return valid


def end_of(certificate: Mapping[str, object]) -> int:
    """The last second of a certificate as ssl describes it. Raises ValueError for dates that RFC 5280 does not allow.

    The API server reads no certificate with such a date.
    """
    try:
        ssl.cert_time_to_seconds(str(certificate["notBefore"]))
        return ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    except ValueError:
        raise ValueError("its dates are malformed") from None


def certificate_error(report: Report, section: Section, key: str, message: str) -> None:
    report.error("certificate", message, section.at(key), f"{section.path}.{key}")


def reason(error: Exception) -> str:
    """OpenSSL's reason for an error."""
    return getattr(error, "reason", None) or str(error)[:200]
