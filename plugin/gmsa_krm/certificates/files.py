"""Sources Files and ExistingSecret: PEM files, proved by a TLS handshake in memory.

The standard library's ssl and not cryptography: OpenSSL checks key, chain and name in one handshake just as
a client would, and its import costs a third.
"""

from __future__ import annotations

import ssl

from gmsa_krm.certificates.material import DAY, SOON, TlsMaterial, certificates_of, dns_names
from gmsa_krm.outside import FileProblem, Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.fields import Report, Section
    from gmsa_krm.config.model import Webhook

_MAX_BYTES = 256 * 1024
# X509_V_FLAG_NO_CHECK_TIME: dates are compared with Outside.now(), which may be SOURCE_DATE_EPOCH.
_NO_CHECK_TIME = 0x200000


def from_files(webhook: Webhook, outside: Outside, report: Report) -> TlsMaterial | None:
    files = webhook.certificate.files
    texts = {key: _read(files, key, outside, report) for key in ("ca", "cert", "key")}
    authorities = _certificates(files, "ca", texts["ca"], report)
    chain = _certificates(files, "cert", texts["cert"], report)
    key = texts["key"]
    if key is not None and "PRIVATE KEY-----" not in key:
        _error(report, files, "key", f"{files.key} holds no private key in PEM form")
        return None
    if key is not None and "ENCRYPTED" in key:
        _error(
            report,
            files,
            "key",
            f"{files.key} is encrypted, and the webhook cannot ask for a password; store it decrypted",
        )
        return None
    if not authorities or not chain or key is None:
        return None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(outside.path(files.cert), outside.path(files.key), password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            _error(
                report,
                files,
                "key",
                f"{files.key} is not the key of the certificate in {files.cert}; give the one that was made with it",
            )
        else:
            _error(
                report, files, "cert", f"{files.cert} and {files.key} cannot be used by a TLS server ({_reason(error)})"
            )
        return None
    authorities = _in_force(authorities, outside.now(), files, "ca", report)
    if not authorities:
        return None
    client = _client(authorities)
    name = dns_names(webhook.name, webhook.namespace)[0]
    certificate = _handshake(client, server, name, files, report)
    if certificate is None:
        return None
    if not _check_dates(certificate, outside, files, report):
        return None
    if outside.variable("SOURCE_DATE_EPOCH") is None:
        # Once more with the dates of the whole chain, which OpenSSL compares with the clock only.
        client.verify_flags &= ~_NO_CHECK_TIME
        if _handshake(client, server, name, files, report) is None:
            return None
    return TlsMaterial("".join(authorities), "".join(chain), key)


def from_existing_secret(webhook: Webhook, outside: Outside, report: Report) -> TlsMaterial | None:
    settings = webhook.certificate.existing_secret
    authorities = _certificates(settings, "caBundleFile", _read(settings, "caBundleFile", outside, report), report)
    if not authorities:
        return None
    authorities = _in_force(authorities, outside.now(), settings, "caBundleFile", report)
    return TlsMaterial("".join(authorities)) if authorities else None


def _read(section: Section, key: str, outside: Outside, report: Report) -> str | None:
    path = section.value(key)
    try:
        return outside.read(path, _MAX_BYTES).decode("ascii", "replace")
    except FileProblem as problem:
        _error(report, section, key, str(problem))
        return None


def _certificates(section: Section, key: str, pem: str | None, report: Report) -> list[str]:
    """The certificates of a PEM file; none if there are none, or if a private key is with them."""
    if pem is None:
        return []
    path = section.value(key)
    if "PRIVATE KEY-----" in pem:
        _error(
            report,
            section,
            key,
            f"{path} holds a private key, which would become public here; give a file of certificates only",
        )
        return []
    certificates = certificates_of(pem)
    if not certificates:
        _error(report, section, key, f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    return certificates


def _in_force(authorities: list[str], now: int, section: Section, key: str, report: Report) -> list[str]:
    """Those of the CAs that have not expired; none if that leaves none or one cannot be read.

    An expired CA beside a good one (the old one after a rotation) is left out with a warning.
    """
    path, node, field = section.value(key), section.at(key), f"{section.path}.{key}"
    ends: dict[str, int | None] = {}
    for pem in authorities:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError) as error:
            _error(report, section, key, f"{path} holds a certificate that cannot be read ({_reason(error)})")
            return []
        known = context.get_ca_certs()  # a certificate that is no CA is not listed: its end is the leaf's
        ends[pem] = ssl.cert_time_to_seconds(str(known[0]["notAfter"])) if known else None
    good = [pem for pem in authorities if (end := ends[pem]) is None or end > now]
    if not good:
        last = max(end for end in ends.values() if end is not None)
        report.error(
            node, field, "expired-certificate", f"{path} expired {(now - last) // DAY} days ago; issue a new one"
        )
        return []
    if len(good) < len(authorities):
        report.warning(node, field, "expired-ca-in-bundle", f"{path} holds an expired CA beside a good one; remove it")
    last_good = [end for end in map(ends.__getitem__, good) if end is not None]
    if last_good and max(last_good) <= now + SOON:
        report.warning(
            node,
            field,
            "expiring-certificate",
            f"{path} expires in {(max(last_good) - now) // DAY} days; issue a new one",
        )
    return good


def _client(authorities: list[str]) -> ssl.SSLContext:
    """A client that trusts what the API server would: every certificate of the bundle, root or not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Go takes no name from the subject, and any certificate of its pool as an anchor.
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    context.load_verify_locations(cadata="".join(authorities))
    return context


def _handshake(
    client: ssl.SSLContext, server: ssl.SSLContext, name: str, files: Any, report: Report
) -> dict[str, Any] | None:
    """The server's certificate as the client saw it, or None and the reason in the report."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    pending = list(ends)
    try:
        for _ in range(10):
            for end in list(pending):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                pending.remove(end)
        certificate = ends[0].getpeercert()
        if certificate:
            return dict(certificate)
    except ssl.SSLCertVerificationError as error:
        if "ostname mismatch" in error.verify_message:
            message = f"{files.cert} is not for {name}, the name by which the API server calls the webhook; issue it with that DNS name"
        elif error.verify_code in (9, 10):  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
            message = f"{files.cert} or the chain to its CA is not in force today ({error.verify_message}); issue the one that is not anew"
        else:
            message = f"{files.cert} does not lead to a CA in {files.ca} ({error.verify_message}); give the CA that signed it, and intermediate certificates after it in {files.cert}"
        _error(report, files, "cert", message)
        return None
    except (ssl.SSLError, ValueError) as error:
        _error(
            report,
            files,
            "cert",
            f"a TLS server with {files.cert} and {files.key} cannot be reached ({_reason(error)})",
        )
        return None
    _error(report, files, "cert", f"a TLS server with {files.cert} and {files.key} does not finish the handshake")
    return None


def _check_dates(certificate: dict[str, Any], outside: Outside, files: Any, report: Report) -> bool:
    """Whether the serving certificate is in force; a warning if it soon will not be."""
    node, field, now = files.at("cert"), f"{files.path}.cert", outside.now()
    last = ssl.cert_time_to_seconds(certificate["notAfter"])
    if last <= now:
        report.error(
            node, field, "expired-certificate", f"{files.cert} expired {(now - last) // DAY} days ago; issue a new one"
        )
        return False
    if last <= now + SOON:
        report.warning(
            node, field, "expiring-certificate", f"{files.cert} expires in {(last - now) // DAY} days; issue a new one"
        )
    return True


def _no_password() -> str:
    return ""  # without this OpenSSL would ask on the terminal


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)[:200]


def _error(report: Report, section: Section, key: str, message: str) -> None:
    report.error(section.at(key), f"{section.path}.{key}", "certificate", message)
