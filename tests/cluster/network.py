"""The network of the tests: addresses on loopback, a namespace per pod, forwarders between them.

The tests run in a network namespace in which 10.96.0.0/16 is local. A pod's process has a namespace of its own,
so that two webhooks can listen on the same port; there is no link between them, only sockets: one that is made in
a namespace stays there, whoever uses it. The forwarders make one on each side and copy.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

API_ADDRESS = "10.96.255.1"
API_PORT = 6443
# The first address of the range is that of the Service kubernetes.
SERVICE_RANGE = "10.96.0.0/20"
API_SERVICE = "10.96.0.1"

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_ADDRESS, _SET_NETMASK, _GET_FLAGS, _SET_FLAGS = 0x8916, 0x891C, 0x8913, 0x8914  # SIOCSIF…, SIOCGIFFLAGS
_UP = 1


def is_own_namespace() -> bool:
    """Whether no interface of a machine works here; fallback tunnels that the kernel adds to each namespace are down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        return not any(_flags(handle, name) & _UP for _, name in socket.if_nameindex() if name != "lo")


def _flags(handle: socket.socket, name: str) -> int:
    answer = fcntl.ioctl(handle, _GET_FLAGS, struct.pack("16sH14x", name.encode(), 0))
    return int(struct.unpack("16sH", answer[:18])[1])


def loopback_up(*networks: tuple[str, str]) -> None:
    """Brings lo up; makes each network, an address and a netmask, local in this thread's namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sH14x", b"lo", _flags(handle, "lo") | _UP))
        for number, (address, netmask) in enumerate(networks):
            name = f"lo:{number}".encode()
            for request, value in ((_SET_ADDRESS, address), (_SET_NETMASK, netmask)):
                fcntl.ioctl(handle, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value)))


class Namespace:
    """A pod's network namespace, with loopback and the pod's address."""

    def __init__(self, address: str, inside: Callable[[], None]) -> None:
        """`inside` is called in a thread that is in the namespace; sockets, processes and threads that it makes stay there."""
        self.address = address
        failures: list[BaseException] = []

        def run() -> None:
            try:
                if _libc.unshare(_NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "no network namespace")
                loopback_up((address, "255.255.255.255"), (API_SERVICE, "255.255.255.255"))
                self._handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
                inside()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    def connect(self, port: int, seconds: float = 5) -> socket.socket:
        """A connection to a port of the pod."""
        with self._entered():
            made = socket.socket()
        made.settimeout(seconds)
        try:
            made.connect((self.address, port))
        except BaseException:
            made.close()
            raise
        made.settimeout(None)
        return made

    def close(self) -> None:
        os.close(self._handle)

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if _libc.setns(self._handle, _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")
            try:
                yield
            finally:
                _libc.setns(own, _NEW_NETWORK)
        finally:
            os.close(own)


class Forwarder:
    """Takes connections on a listening socket and copies each to one that `connect` makes."""

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        """`connect`: may raise OSError; the connection is then closed, as with a Service without endpoints."""
        self._listener = listener
        self._connect = connect
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client:
            try:
                server = self._connect()
            except OSError:
                # A reset, which is what a Service without endpoints answers with too.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            with server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            end.shutdown(how)
