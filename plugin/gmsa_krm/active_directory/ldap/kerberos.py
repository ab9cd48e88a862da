"""Binds as the logged-on user by Kerberos (SASL's mechanism GSSAPI, RFC 4752), by pyspnego.

It takes the ticket of a ccache or a keytab (KRB5CCNAME, KRB5_CLIENT_KTNAME), and on Windows that of the logon session.
NTLM is never tried.
"""

from __future__ import annotations

from gmsa_krm.active_directory.ldap.errors import LdapError
from gmsa_krm.findings import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.active_directory.ldap.connection import Connection

_MECHANISM = "GSSAPI"
_NO_LAYER, _SEALED = 1, 4
# As large as the three bytes for it allow.
_MAX_SEALED = 0xFFFFFF
_OTHER_WAY = "or give --user, for a password over TLS"
MISSING = (
    "Kerberos needs more Python packages: pip install 'gmsa-krm[ad]' (on Linux it compiles one, and needs a C compiler"
    " and the headers of Kerberos first; on Debian: apt-get install gcc libkrb5-dev)"
)


class _Sealer:
    def __init__(self, context: Any, host: str) -> None:
        self._context = context
        self._host = host

    def wrap(self, data: bytes) -> bytes:
        return bytes(self._context.wrap(data, encrypt=True).data)

    def unwrap(self, data: bytes) -> bytes:
        try:
            return bytes(self._context.unwrap(data).data)
        except Exception:  # of several libraries
            raise LdapError(
                f"{self._host}: a message is not encrypted as agreed; try again, or another domain controller"
            ) from None


def bind(connection: Connection, certificate: bytes | None) -> None:
    """Binds; without TLS, every message is sealed from then on. Raises LdapError.

    `certificate`: that of the server's end of TLS in DER, to which the ticket is bound; None without TLS.
    """
    try:
        context = _context(connection.host, certificate)
        _authenticate(connection, context, _SEALED if certificate is None else _NO_LAYER)
    except ImportError:
        raise LdapError(f"{MISSING}; {_OTHER_WAY}") from None
    except LdapError:
        raise
    except Exception as error:  # of several libraries
        raise LdapError(f"{connection.host}: Kerberos failed ({_reason(error)}); {_cure(error)}") from None
    if certificate is None:
        connection.seal(_Sealer(context, connection.host))


def _context(host: str, certificate: bytes | None) -> Any:
    import spnego
    from spnego.channel_bindings import GssChannelBindings

    # pyspnego raises it later, and as another exception.
    if not spnego._gss.HAS_GSSAPI and not spnego._sspi.HAS_SSPI:
        raise ImportError("gssapi")
    request = spnego.ContextReq.mutual_auth | spnego.ContextReq.sequence_detect | spnego.ContextReq.replay_detect
    if certificate is None:
        bindings = None
        request |= spnego.ContextReq.integrity | spnego.ContextReq.confidentiality
    else:
        bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + end_point(certificate))
        request |= spnego.ContextReq.no_integrity
    return spnego.client(
        hostname=host, service="ldap", protocol="kerberos", context_req=request, channel_bindings=bindings
    )


def end_point(certificate: bytes) -> bytes:
    """RFC 5929, 4.1: the hash of the certificate by the function of its signature, but for those that are too weak."""
    import hashlib

    from cryptography.x509 import load_der_x509_certificate

    algorithm = load_der_x509_certificate(certificate).signature_hash_algorithm
    name = algorithm.name if algorithm is not None else "sha256"
    return hashlib.new("sha256" if name in ("md5", "sha1") else name, certificate).digest()


def _authenticate(connection: Connection, context: Any, layer: int) -> None:
    token = context.step() or b""
    while True:
        reply, is_bound = connection.bind_step(_MECHANISM, token)
        if is_bound:  # before the layer is agreed
            raise LdapError(
                f"{connection.host} ends the Kerberos exchange early; try another domain controller, {_OTHER_WAY}"
            )
        if context.complete:
            break
        token = context.step(reply) or b""
    offer = bytes(context.unwrap(reply).data)
    if len(offer) != 4 or not offer[0] & layer:
        what = "TLS without a security layer of Kerberos" if layer == _NO_LAYER else "sealed messages"
        raise LdapError(f"{connection.host} does not allow {what}; try another domain controller, {_OTHER_WAY}")
    size = 0 if layer == _NO_LAYER else _MAX_SEALED
    answer = bytes((layer, *size.to_bytes(3, "big")))
    _, is_bound = connection.bind_step(_MECHANISM, bytes(context.wrap(answer, encrypt=False).data))
    if not is_bound:
        raise LdapError(
            f"{connection.host} does not complete the Kerberos exchange; try another domain controller, {_OTHER_WAY}"
        )


def _reason(error: Exception) -> str:
    """What Kerberos says, without the numbers and the names of the library around it."""
    text = str(getattr(error, "base_error", None) or error)
    for mark in ("Minor (", "Minor("):
        if mark in text:
            text = text.rpartition(mark)[2].partition(": ")[2] or text
    return printable(" ".join(text[:300].split()))


def _cure(error: Exception) -> str:
    text = str(error)
    if "Server not found" in text or "not found in Kerberos database" in text:
        return "give --server as the domain controller's own DNS name, such as dc1.contoso.com"
    if "Clock skew" in text:
        return "set the clock"
    if "Cannot find KDC" in text or "Cannot contact" in text:
        return "check krb5.conf and DNS for the realm, " + _OTHER_WAY
    return f"log on with `kinit USER@REALM`, or set KRB5_CLIENT_KTNAME to a keytab, {_OTHER_WAY}"
