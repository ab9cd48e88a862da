"""Source Files: PEM files, verified by a TLS handshake in memory, in which OpenSSL checks key, chain and name."""

from __future__ import annotations

import ssl

from gmsa_krm.certificates.material import EMITTED, SOON, TlsMaterial, days, dns_names
from gmsa_krm.certificates.pem import certificate_error, end_of, read_certificates, read_text, reason, unexpired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.certificate import CertificateFiles
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report

# X509_V_FLAG_NO_CHECK_TIME: dates are compared with Environment.now(), which may be SOURCE_DATE_EPOCH.
_NO_CHECK_TIME = 0x200000
# Characters of a key of 4096 bits in PEM, and of the largest that is used; longer ones have notes beside them.
_USUAL_KEY = 4096
_MAX_KEY = 16_384
_MAX_BITS = 8192
# X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_OUT_OF_DATE = (9, 10)


def obtain(
    webhook: Webhook, environment: Environment, report: Report, _find_existing: FindExisting
) -> TlsMaterial | None:
    files = webhook.certificate.files
    authorities = read_certificates(files, "ca", environment, report)
    chain = read_certificates(files, "cert", environment, report)
    key = _read_key(files, environment, report)
    if not authorities or not chain or key is None or not _is_usual_size(key, chain[0], files, report):
        return None
    server = _server(files, environment, report)
    if server is None:
        return None
    authorities = unexpired(authorities, environment.now(), files, "ca", report)
    if not authorities:
        return None
    client = _client_context(authorities)
    name = dns_names(webhook.name, webhook.namespace)[0]
    certificate = _handshake(client, server, name, files, report)
    if certificate is None or not _is_valid_now(certificate, environment.now(), files, report):
        return None
    if environment.variable("SOURCE_DATE_EPOCH") is None:
        # A second handshake checks the dates of the whole chain, which OpenSSL can only compare with the clock.
        client.verify_flags &= ~_NO_CHECK_TIME
        if _handshake(client, server, name, files, report) is None:
            return None
    return TlsMaterial(EMITTED, "".join(authorities), "".join(chain), key)


def _read_key(files: CertificateFiles, environment: Environment, report: Report) -> str | None:
    key = read_text(files, "key", environment, report)
    if key is None:
        return None
    if "PRIVATE KEY-----" not in key:
        certificate_error(report, files, "key", f"{files.key} holds no PEM private key; give the certificate's key")
        return None
    if "ENCRYPTED" in key:
        message = f"{files.key} is encrypted, and the webhook cannot ask for a password; store it decrypted"
        certificate_error(report, files, "key", message)
        return None
    return key


def _is_usual_size(key: str, certificate: str, files: CertificateFiles, report: Report) -> bool:
    """Whether a handshake takes no longer than usual: the time for RSA grows with the cube of the size."""
    if len(key) <= _USUAL_KEY:
        return True
    from cryptography.x509 import load_pem_x509_certificate

    try:
        size = getattr(load_pem_x509_certificate(certificate.encode()).public_key(), "key_size", 0)
    except Exception:  # cryptography has many for a certificate that it cannot read
        size = 0
    if len(key) <= _MAX_KEY and 0 < size <= _MAX_BITS:
        return True
    certificate_error(
        report, files, "key", f"{files.key} is larger than a key of {_MAX_BITS} bits; issue a smaller one"
    )
    return False


def _server(files: CertificateFiles, environment: Environment, report: Report) -> ssl.SSLContext | None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(environment.path(files.cert), environment.path(files.key), password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            message = f"{files.key} is not the key of the certificate in {files.cert}; give the key that belongs to it"
            certificate_error(report, files, "key", message)
        else:
            message = (
                f"a TLS server cannot use {files.cert} and {files.key} ({reason(error)}); give a certificate and its"
                " key"
            )
            certificate_error(report, files, "cert", message)
        return None
    return server


def _client_context(authorities: list[str]) -> ssl.SSLContext:
    """A client that trusts every certificate of the bundle, root or not, as the API server does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Go reads no name from the subject, and trusts any certificate of its pool.
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    context.load_verify_locations(cadata="".join(authorities))
    return context


def _handshake(
    client: ssl.SSLContext, server: ssl.SSLContext, name: str, files: CertificateFiles, report: Report
) -> dict[str, Any] | None:
    """The server's certificate as the client sees it; None if the report has an error."""
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
        certificate_error(report, files, "cert", _verification_message(error, name, files))
        return None
    except (ssl.SSLError, ValueError) as error:
        message = f"a TLS client cannot connect to a server with {files.cert} and {files.key} ({reason(error)})"
        certificate_error(report, files, "cert", message)
        return None
    certificate_error(
        report, files, "cert", f"a TLS server with {files.cert} and {files.key} does not finish the handshake"
    )
    return None


def _verification_message(error: ssl.SSLCertVerificationError, name: str, files: CertificateFiles) -> str:
    if "ostname mismatch" in error.verify_message:
        return (
            f"{files.cert} is not for {name}, the name by which the API server calls the webhook; issue it with that"
            " DNS name"
        )
    if error.verify_code in _OUT_OF_DATE:
        return (
            f"{files.cert} or a certificate between it and its CA is not valid today ({error.verify_message}); issue a"
            " new one"
        )
    return (
        f"{files.cert} does not lead to a CA in {files.ca} ({error.verify_message}); give the CA that signed it, and"
        f" add intermediate certificates to {files.cert}"
    )


def _is_valid_now(certificate: dict[str, Any], now: int, files: CertificateFiles, report: Report) -> bool:
    """Whether the serving certificate has not expired; a warning if it expires soon."""
    node, field = files.at("cert"), f"{files.path}.cert"
    try:
        last = end_of(certificate)
    except ValueError as error:
        certificate_error(report, files, "cert", f"{files.cert} cannot be read ({error}); issue a new one")
        return False
    if last <= now:
        message = f"{files.cert} expired {days(now - last)} ago; issue a new one"
        report.error("expired-certificate", message, node, field)
        return False
    if last <= now + SOON:
        message = f"{files.cert} expires in {days(last - now)}; issue a new one"
        report.warning("expiring-certificate", message, node, field)
    return True


def _no_password() -> str:
    return ""  # OpenSSL would ask for a password on the terminal
