"""An API server that answers what a test wants it to, behind a kubectl whose proxy leads to it.

It stands where no real one can: an API server that lies. What a real one says is tried in tests/cluster.
"""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Takes method, path and query; returns the body.
Answer = Callable[[str, str, dict[str, list[str]]], Any]

_KUBECTL = """\
#!/bin/sh
for it; do
  case $it in --unix-socket=*) ln -s {socket} "${{it#--unix-socket=}}";; esac
done
echo Starting to serve on there
exec sleep 600
"""


class FakeApiServer:
    """A context manager. `answer` may be changed; what it returns is sent as JSON.

    Bytes are sent as they are, and an iterator's as chunks, with a pause behind each: so kubectl proxy sends what came
    compressed.
    """

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.answer = answer
        self.folder = folder / "bin"
        self.folder.mkdir()
        path = folder / "s"
        kubectl = self.folder / "kubectl"
        kubectl.write_text(_KUBECTL.format(socket=path))
        kubectl.chmod(0o755)
        self._server = _Server(str(path), _handler(self))

    @property
    def path(self) -> str:
        """PATH with its kubectl."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def __enter__(self) -> FakeApiServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who has asked may hang up."""


def _handler(server: FakeApiServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            answer = server.answer(self.command, url.path, parse_qs(url.query))
            self.send_response(HTTPStatus.OK)
            if isinstance(answer, Iterator):
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in answer:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    time.sleep(0.01)
                self.wfile.write(b"0\r\n\r\n")
                return
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_GET

    return Handler
