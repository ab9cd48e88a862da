"""The API server by way of `kubectl proxy`: contexts and login plugins are kubectl's, and no library is needed.

kubectl listens on a socket in a folder that only this user can open; where Python has no such sockets (Windows), on a
port of this machine below a path that nobody can guess. One process serves all requests, and ends with this run.
"""

from __future__ import annotations

import json
import os
import queue
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from gmsa_krm import console
from gmsa_krm.findings import ExternalError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from http.client import HTTPResponse
    from typing import Any, Self

    Object = dict[str, Any]

_TERMINATED = 143
_START = 60  # seconds for kubectl to listen: a login plugin may ask its user first
_ANSWER = 30  # seconds for an answer to begin, and for each part of it
_WHOLE = 300  # seconds for all of an answer
_LIST = 600  # seconds for all pages of a list; by then an API server has forgotten what it has listed
_PROGRAM = 60  # seconds for a program in a pod; nltest looks for a domain controller for half of it
_MAX_ANSWER = 512 * 1024 * 1024
_PART = 1024 * 1024
_MAX_OUTPUT = 64 * 1024  # of a program in a pod; those of Windows print a few lines
# Fewer pods a page would be more requests, more would be answers of many megabytes.
_PAGE = 1000
_MAX_PAGES = 2_000  # Kubernetes is made for 150,000 pods
_LONGEST_TMPDIR = 75  # bytes, of the 104 that a path may have in macOS's sockaddr_un
_LISTENING = re.compile(r"Starting to serve on (.*)")
_LOG = re.compile(r"[IWEF][0-9]{4} ")  # klog's lines; what failed is in the answer, too
_CHECK_ADDRESS = "check the address of kubectl's context"
_TRY = "find out whether kubectl version works with the same context"
_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"


class Refused(Exception):
    """An answer that is not a success. `code` is HTTP's; `reason` and `message` are those of the Status."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message


class ApiServer:
    """A context manager: the API server of kubectl's current context, or of `context`; `kubeconfig` as for kubectl.

    Its methods may be called from several threads. They raise Refused, and ExternalError where there is no answer.
    """

    def __init__(self, context: str | None = None, kubeconfig: str | None = None) -> None:
        self._arguments = []
        if context is not None:
            self._arguments.append(f"--context={context}")
        if kubeconfig is not None:
            self._arguments.append(f"--kubeconfig={kubeconfig}")
        self._folder = ""
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._said: list[str] = []
        self._threads = threading.local()
        self._connections: list[HTTPConnection] = []
        self._address: str | tuple[str, int] = ""
        self._prefix = ""

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # so that kubectl ends, too
        try:
            self._start()
            with suppress(Refused):
                self.get("/version")  # alone: without an answer, many requests would wait for theirs
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def get(self, path: str) -> Object:
        return self._request("GET", path)

    def items(self, path: str, keep: Callable[[Object], Object] = lambda it: it) -> list[Object]:
        """All items of a list, in pages, with apiVersion and kind, which those of a list lack.

        `keep`: what to keep of an item; there may be many.
        """
        found: list[Object] = []
        sep, after = "&" if "?" in path else "?", ""
        end = time.monotonic() + _LIST
        for _ in range(_MAX_PAGES):
            page = self.get(f"{path}{sep}limit={_PAGE}{after}")
            items, metadata = page.get("items"), page.get("metadata")
            items = [] if items is None else items
            metadata = {} if metadata is None else metadata
            is_list = isinstance(items, list) and all(isinstance(it, dict) for it in items)
            if not is_list or not isinstance(metadata, dict):
                raise ExternalError(f"the API server's answer to {path} is not a list of objects; {_CHECK_ADDRESS}")
            head = {"apiVersion": page.get("apiVersion"), "kind": str(page.get("kind")).removesuffix("List")}
            found += [keep({**head, **it}) for it in items]
            token = metadata.get("continue")
            if not token or not items:
                return found
            if time.monotonic() > end:
                break
            after = f"&continue={quoted(str(token))}"
        raise ExternalError(f"the API server's list {path} does not end; {_CHECK_ADDRESS}")

    def review(self, path: str, body: Object) -> Object:
        """Sends a review (SubjectAccessReview, say), of which the API server keeps nothing."""
        if not path.rpartition("/")[2].endswith("reviews"):
            raise ValueError(f"{path} is not a review")
        return self._request("POST", path, body)

    def try_to_create(self, path: str, body: Object) -> Object:
        """The object as it would be created. Nothing is kept."""
        return self._request("POST", f"{path}?dryRun=All", body)

    def try_to_apply(self, path: str, body: Object, manager: str) -> Object:
        """The object as it would be after a server-side apply. Nothing is kept."""
        query = f"dryRun=All&force=true&fieldManager={quoted(manager)}"
        return self._request("PATCH", f"{path}?{query}", body, _APPLY)

    def run_in_pod(self, namespace: str, pod: str, container: str, command: Iterable[str]) -> str:
        """What a program in a container prints, or the start of that. Raises ExternalError if it does not end in time.

        The container says what the program is, so it may print without an end.
        """
        # A name may not be read as an option of kubectl.
        arguments = [f"--namespace={namespace}", f"pod/{pod}", f"--container={container}", "--", *command]
        with subprocess.Popen(  # noqa: S603 - no shell
            [_kubectl(), *self._arguments, "exec", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:

            def read(stream: Any) -> bytes:
                data: bytes = stream.read(_MAX_OUTPUT)
                if len(data) == _MAX_OUTPUT:
                    process.kill()
                return data

            end = threading.Timer(_PROGRAM, process.kill)
            end.start()
            with ThreadPoolExecutor(2) as pool:
                said = list(pool.map(read, (process.stdout, process.stderr)))
            is_late = not end.is_alive()
            end.cancel()
        if is_late:
            raise ExternalError(f"{' '.join(command)} in {namespace}/{pod} has not ended in {_PROGRAM} seconds")
        return "\n".join(it.decode("utf-8", "replace") for it in said if it)

    def _request(self, method: str, path: str, body: Object | None = None, content: str = _JSON) -> Object:
        connection = self._connection()
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": _JSON, "Content-Type": content}
        try:
            connection.request(method, self._prefix + path, data, headers)
            answer = connection.getresponse()
            text = _read(answer, path)
        except (OSError, HTTPException) as error:
            connection.close()
            raise ExternalError(self._no_answer(error)) from None
        except ExternalError:
            connection.close()
            raise
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if answer.status >= 300:
            raise self._refused(answer.status, found, text)
        if not isinstance(found, dict):
            raise ExternalError(f"the API server's answer to {path} is not an object in JSON; {_CHECK_ADDRESS}")
        return found

    def _refused(self, code: int, found: object, text: bytes) -> Exception:
        if isinstance(found, dict) and found.get("kind") == "Status":
            return Refused(code, str(found.get("reason") or ""), str(found.get("message") or ""))
        message = printable(text[:300].decode("utf-8", "replace").strip()) or self._last_said()
        if code >= 500:  # the proxy's own: it does not reach the server, or a login plugin has failed
            return ExternalError(f"the cluster does not answer ({message}); {_TRY}")
        return Refused(code, "", message)

    def _no_answer(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"the cluster has not answered within {_ANSWER} seconds; {_TRY}"
        return f"kubectl proxy does not answer ({error}); {self._last_said()}".rstrip("; ")

    def _connection(self) -> HTTPConnection:
        found: HTTPConnection | None = getattr(self._threads, "connection", None)
        if found is None:
            found = _Connection(self._address)
            self._threads.connection = found
            self._connections.append(found)
        return found

    def _start(self) -> None:
        command = [_kubectl(), *self._arguments, "proxy"]
        has_sockets = hasattr(socket, "AF_UNIX")
        # Not a port where TMPDIR is long: other users of the machine can see the path in the arguments of kubectl.
        is_long = len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TMPDIR
        self._folder = tempfile.mkdtemp(prefix="gmsa-krm-", dir="/tmp" if has_sockets and is_long else None)  # noqa: S108
        path = os.path.join(self._folder, "api")
        if has_sockets:
            command.append(f"--unix-socket={path}")
        else:
            self._prefix = f"/{secrets.token_urlsafe(32)}"
            command += ["--port=0", f"--api-prefix={self._prefix}/"]
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and each value is part of one argument
            command, stdin=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        readers = [
            threading.Thread(target=self._read, args=(stream, stream is self._process.stdout), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in readers:
            reader.start()
        listening = self._wait()
        if listening is None:
            readers[1].join(timeout=5)  # it says why, and may be behind
            raise ExternalError(f"kubectl proxy does not start: {_with_cure(self._last_said())}")
        self._address = path if not self._prefix else ("127.0.0.1", int(listening.rpartition(":")[2]))

    def _wait(self) -> str | None:
        """Where kubectl listens; None if it has ended."""
        while True:
            try:
                line = self._lines.get(timeout=_START)
            except queue.Empty:
                raise ExternalError(f"kubectl proxy has not started within {_START} seconds") from None
            if line is None:
                return None
            found = _LISTENING.match(line)
            if found:
                return found[1].strip()

    def _read(self, stream: Any, is_stdout: bool) -> None:
        """Takes kubectl's lines; those of a login plugin are for the user."""
        for line in stream:
            line = line.rstrip("\n")
            if is_stdout:
                self._lines.put(line)
            elif line.strip():
                self._said = [*self._said[-9:], line]
                if not _LOG.match(line) and not line.startswith(("error: ", "Unable to ")):
                    console.print_messages("kubectl", line)
        if is_stdout:
            self._lines.put(None)

    def _last_said(self) -> str:
        return printable(self._said[-1].removeprefix("error: ")) if self._said else ""

    def _stop(self) -> None:
        for connection in self._connections:
            connection.close()
        if self._process is not None:
            self._process.kill()  # it holds nothing that it could lose
            self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _read(answer: HTTPResponse, path: str) -> bytes:
    """The body of an answer. Raises ExternalError where it does not end."""
    parts, size, end = [], 0, time.monotonic() + _WHOLE
    while part := answer.read1(_PART):
        parts.append(part)
        size += len(part)
        if size > _MAX_ANSWER:
            raise ExternalError(f"the API server's answer to {path} is larger than {_MAX_ANSWER >> 20} MiB")
        if time.monotonic() > end:
            raise ExternalError(f"the API server's answer to {path} has not ended within {_WHOLE} seconds")
    answer.close()  # Python 3.11 does not, after read1, and then the connection is not used again
    return b"".join(parts)


def _with_cure(said: str) -> str:
    """Why kubectl does not start, and what to do."""
    if "context" in said and "does not exist" in said:
        return f"{said}; kubectl config get-contexts lists the existing ones"
    return f"{said or 'it gives no reason'}; check --kubeconfig and the variable KUBECONFIG"


def _kubectl() -> str:
    """As Go looks for programs: never in the current folder, which may be a repository. Windows would begin there."""
    name = "kubectl.exe" if sys.platform == "win32" else "kubectl"
    folders = filter(os.path.isabs, os.environ.get("PATH", "").split(os.pathsep))
    program = next(filter(None, (shutil.which(os.path.join(it, name)) for it in folders)), None)
    if program is None:
        raise ExternalError("kubectl is not on the PATH, and gmsa-krm reaches the cluster by it; install it")
    return program


class _Connection(HTTPConnection):
    def __init__(self, address: str | tuple[str, int]) -> None:
        super().__init__("localhost", timeout=_ANSWER)
        self._at = address

    def connect(self) -> None:
        if isinstance(self._at, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._at)
        else:
            self.sock = socket.create_connection(self._at, self.timeout)


def quoted(text: str) -> str:
    """A text as one part of a path or query."""
    from urllib.parse import quote

    return quote(text, safe="")
