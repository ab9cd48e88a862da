"""Finds a domain controller, connects to it and binds."""

from __future__ import annotations

import socket
import ssl
import time

from gmsa_krm.active_directory.ldap.connection import LDAP_PORT, LDAPS_PORT, SILENCE, Connection
from gmsa_krm.active_directory.ldap.errors import LdapError, UnreachableError
from gmsa_krm.findings import file_error, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Login:
    """How to bind. Without a `user`, as the logged-on user by Kerberos.

    `password` is called once it is needed; `ca`: a file with the CAs to trust in place of the system's.
    """

    __slots__ = ("ca", "password", "user")

    def __init__(self, user: str | None, password: Callable[[], str], ca: str | None) -> None:
        self.user = user
        self.password = password
        self.ca = ca


def connect(host: str, login: Login, deadline: float) -> Connection:
    """A connection to a domain controller, bound. `deadline`: by `time.monotonic`. Raises LdapError."""
    if login.user is not None:
        password = login.password()  # a person may take longer than a server waits
        channel = _encrypted(host, login.ca)
        connection = Connection(host, channel, deadline)
        with _Closing(connection):
            connection.bind_simple(login.user, password)
        return connection
    return _connect_by_kerberos(host, login, deadline)


def _connect_by_kerberos(host: str, login: Login, deadline: float) -> Connection:
    """Sealed by Kerberos, which needs no certificate; over TLS where only that is open."""
    from gmsa_krm.active_directory.ldap import kerberos

    certificate: bytes | None = None
    channel: socket.socket
    try:
        channel = _open(host, LDAP_PORT)
    except UnreachableError as error:
        try:
            encrypted = _encrypted(host, login.ca)
        except UnreachableError:
            raise error from None
        channel, certificate = encrypted, encrypted.getpeercert(binary_form=True)
    connection = Connection(host, channel, deadline)
    with _Closing(connection):
        kerberos.bind(connection, certificate)
    return connection


class _Closing:
    """Closes a connection if what is done with it fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._connection.close()


def _open(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=SILENCE)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        message = f"{printable(host[:253])}: cannot be reached at port {port} ({why})"
        raise UnreachableError(message) from None


def _encrypted(host: str, ca: str | None) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cafile=ca)
    except FileNotFoundError as error:
        raise file_error(ca or "", "read", error) from None
    except (ssl.SSLError, OSError):
        raise LdapError(f"{printable(ca or '')}: has no certificate in PEM form; give the CA of the domain's") from None
    channel = _open(host, LDAPS_PORT)
    try:
        return context.wrap_socket(channel, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        channel.close()
        cure = "give the CA with --ca FILE" if ca is None else "check --ca, and that --server is a name in it"
        message = f"{host}: the certificate is not trusted ({error.verify_message}); {cure}"
        raise LdapError(message) from None
    except (OSError, ValueError) as error:
        channel.close()
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it does not answer"
        raise LdapError(f"{host}: TLS failed at port {LDAPS_PORT} ({why}); does it have a certificate?") from None


def domain_controllers(domain: str, login: Login) -> list[str]:
    """The domain controllers of a domain by DNS (SRV), the preferred first. Raises LdapError."""
    hosts = _hosts_in_dns(domain)
    if login.user is None:  # Kerberos proves that a server is one of the domain
        return hosts
    # A certificate proves a name, but DNS may have been made to give a wrong one, with a certificate that is valid.
    name = domain.lower().rstrip(".")
    own = [it for it in hosts if it.lower() == name or it.lower().endswith(f".{name}")]
    if not own:
        message = (
            f"{printable(domain[:253])}: DNS names {printable(hosts[0][:253])}, which is not below it, so it may not be"
            " a domain controller and gets no password; if it is one, give it as --server"
        )
        raise LdapError(message)
    return own


def _hosts_in_dns(domain: str) -> list[str]:
    try:
        from dns.exception import DNSException
        from dns.resolver import resolve
    except ImportError:
        message = "finding a domain controller by DNS needs dnspython: pip install 'gmsa-krm[ad]'"
        raise LdapError(f"{message}; or give --server") from None
    name = f"_ldap._tcp.dc._msdcs.{domain.rstrip('.')}."
    try:
        records = sorted(resolve(name, "SRV", lifetime=SILENCE), key=lambda it: (it.priority, -it.weight, it.target))
    except (DNSException, OSError, ValueError) as error:
        why = printable(" ".join(str(error)[:160].split())) or type(error).__name__
        message = f"{printable(domain[:253])}: DNS names no domain controller for {name} ({why})"
        raise LdapError(f"{message}; check the name and the DNS server, or give --server") from None
    return [it.target.to_text(omit_final_dot=True) for it in records]


def deadline(seconds: float) -> float:
    """When a run that may take so long has to end, by `time.monotonic`."""
    return time.monotonic() + seconds
