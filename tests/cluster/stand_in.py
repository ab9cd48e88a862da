"""A stand-in for the image of upstream's gMSA admission webhook (k8s-gmsa-webhook).

Upstream's binary cannot be had as a Go module, so this program of our own takes its place. It does what upstream's
public source does: same arguments, environment and files, same requests to the API server, same verdicts and codes,
weaknesses included. What depends on the version, and the change of kubernetes-sigs/windows-gmsa that it follows:

- it looks at the pod and at `containers`; from v0.14.0 on (PR 179) at `initContainers` too: they are filled in, at the
  pointer /spec/initContainers/N, their contents are compared, `use` is checked, and updates are compared with what they
  were. No version looks at ephemeral containers;
- arguments are ignored before v0.9.0; from then on one that it does not know ends it;
- from v0.9.0 on (a8e931e) `--cert-reload` makes it notice the first change of its certificate and no further one: the
  watch is on the file that the kubelet then removes;
- QPS and BURST count from v0.9.0 on (d949ba6);
- RANDOM_HOSTNAME counts from v0.10.0 on (d56c3d1); a host name that a pod has is kept;
- a signal ends it at once, with whatever it was answering: upstream handles none, so Go's runtime does. With
  STAND_IN_FINISHES set it answers what has come, and then ends, as an image that handles it would.

A refusal has the words that upstream's integration tests look for. `CLUSTER_TEST_WEBHOOK=PATH` runs a real binary instead
(see `webhook_versions`). Standard library only: it runs in an empty root directory, so whatever it needs is imported
before (see `pod`).
"""

from __future__ import annotations

import base64
import encodings.idna  # noqa: F401 - loaded by the first use of a host name otherwise
import http.client
import http.server
import json
import os
import signal
import socketserver
import ssl
import threading
import time
import uuid
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
NAME = "gmsaCredentialSpecName"
CONTENTS = "gmsaCredentialSpec"

Version = tuple[int, int, int]
FLAGS: Version = (0, 9, 0)
RATE_LIMITS: Version = (0, 9, 0)
RANDOM_HOST_NAMES: Version = (0, 10, 0)
INIT_CONTAINERS: Version = (0, 14, 0)


def main(version: Version, arguments: list[str], environ: dict[str, str]) -> None:
    """Serves until it is killed. `arguments` are those after the program's name."""
    reload = version >= FLAGS and _cert_reload(arguments)
    certificate, key = environ["TLS_CRT"], environ["TLS_KEY"]
    Handler.api = Api(environ, limits=environ if version >= RATE_LIMITS else {})
    Handler.version = version
    Handler.random_hostname = version >= RANDOM_HOST_NAMES and environ.get("RANDOM_HOSTNAME") == "true"
    server = Server(("", int(environ.get("HTTPS_PORT", "443"))), Handler)
    server.context = _context(certificate, key)
    if reload:
        threading.Thread(target=_reload_once, args=(server, certificate, key), daemon=True).start()
    if environ.get("STAND_IN_FINISHES"):
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_finish).start())
    server.serve_forever()


def _cert_reload(arguments: list[str]) -> bool:
    """The one flag; any other ends the program, as Go's flag package does."""
    reload = False
    for argument in arguments:
        flag, _, value = argument.lstrip("-").partition("=")
        if flag != "cert-reload":
            raise SystemExit(f"flag provided but not defined: {argument}")
        reload = value in ("", "true", "1")
    return reload


def _finish() -> None:
    """As Go's Server.Shutdown: connections are closed after the answer that is due on them."""
    Handler.is_last = True
    time.sleep(1)
    os._exit(0)


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _reload_once(server: Server, certificate: str, key: str) -> None:
    """Upstream's watch is lost with the first change.

    The context is replaced as a whole: one that is loaded anew has the new certificate beside the old key for a moment,
    and refuses the handshakes of that moment.
    """
    before = _read(certificate)
    while _read(certificate) == before:
        time.sleep(0.1)
    server.context = _context(certificate, key)


def _read(path: str) -> str:
    with open(path) as opened:
        return opened.read()


class Refused(Exception):
    """The verdict is no; the text is for the user, the code is HTTP's."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Api:
    """The API server, as a program in a pod finds it."""

    def __init__(self, environ: dict[str, str], limits: dict[str, str]) -> None:
        self._address = environ["KUBERNETES_SERVICE_HOST"], int(environ["KUBERNETES_SERVICE_PORT"])
        self._context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
        self._connections: list[http.client.HTTPSConnection] = []
        # client-go's own: 5 and 10
        self._rate, self._tokens = float(limits.get("QPS", "5")), float(limits.get("BURST", "10"))
        self._most, self._at, self._lock = self._tokens, time.monotonic(), threading.Lock()

    def credspec(self, name: str) -> Object:
        code, answer = self._request("GET", f"/apis/windows.k8s.io/v1/gmsacredentialspecs/{quote(name)}")
        if code == 404:
            raise Refused(f"cred spec {name} does not exist", 404)
        if code != 200:
            raise Refused(f"cred spec {name} cannot be read: {answer.get('message')}", 500)
        contents: Object | None = answer.get("credspec")
        if contents is None:
            raise Refused(f"cred spec {name} has no contents", 417)
        return contents

    def may_use(self, name: str, namespace: str, service_account: str) -> None:
        """Raises Refused, also where that cannot be asked."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{service_account}",
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                "resourceAttributes": {
                    "namespace": namespace, "verb": "use", "group": "windows.k8s.io",
                    "resource": "gmsacredentialspecs", "name": name,
                },
            },
        }  # fmt: skip
        code, answer = self._request(
            "POST", f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews", review
        )
        status = answer["status"] if code == 201 else {"reason": f"it cannot be asked: {answer.get('message')}"}
        if not status.get("allowed") or status.get("denied"):
            reason = f', reason: "{status["reason"]}"' if status.get("reason") else ""
            raise Refused(
                f'service account "{service_account}" is not authorized to `use` GMSA cred spec "{name}"{reason}', 403
            )

    def _request(self, method: str, path: str, body: Object | None = None) -> tuple[int, Object]:
        self._wait()
        headers = {"Authorization": f"Bearer {_read(f'{ACCOUNT}/token')}", "Content-Type": "application/json"}
        try:
            connection = self._connections.pop()
        except IndexError:
            connection = http.client.HTTPSConnection(*self._address, context=self._context, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            read = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Refused(f"the API server does not answer: {error!r}", 500) from None
        self._connections.append(connection)
        return read

    def _wait(self) -> None:
        """QPS and BURST, a token bucket as in client-go."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            wait = -self._tokens / self._rate
        if wait > 0:
            time.sleep(wait)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    context: ssl.SSLContext

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own asks for the host's name
        self.server_name, self.server_port = "", 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's thread: a slow handshake holds up nobody else."""
        request.settimeout(120)
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    api: Api
    version: Version
    random_hostname: bool
    is_last = False

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(204, None)
        elif self.path == "/info":
            self._answer(200, {"version": ".".join(map(str, self.version))})
        else:
            self._answer(404, None)

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        response: Object = {"uid": request["uid"], "allowed": True}
        try:
            if self.path.startswith("/mutate"):
                patch = mutate(self.api, request, self.version, self.random_hostname)
                if patch:
                    response |= {
                        "patchType": "JSONPatch",
                        "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
                    }
            elif self.path.startswith("/validate"):
                validate(self.api, request, self.version)
            else:
                return self._answer(404, None)
        except Refused as refusal:
            response |= {"allowed": False, "status": {"code": refusal.code, "message": str(refusal)}}
        self._answer(200, {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
        return None

    def _answer(self, code: int, body: Object | None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        if self.is_last:
            self.send_header("Connection", "close")
        if code != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def places(pod: Object, version: Version) -> list[tuple[str, str, Object]]:
    """Where the webhook looks: what to call it, the JSON pointer of its contents, its Windows options."""
    spec, name = pod["spec"], pod["metadata"].get("name", "")
    found = [(f'pod "{name}"', "/spec", spec)]
    for kind in ("containers", *(["initContainers"] if version >= INIT_CONTAINERS else [])):
        for index, container in enumerate(spec.get(kind) or []):
            found.append((f'container "{container["name"]}"', f"/spec/{kind}/{index}", container))
    return [
        (what, f"{path}/securityContext/windowsOptions/{CONTENTS}", _options(holder)) for what, path, holder in found
    ]


def _options(holder: Object) -> Object:
    options: Object = (holder.get("securityContext") or {}).get("windowsOptions") or {}
    return options


def mutate(api: Api, request: Object, version: Version, random_hostname: bool) -> list[Object]:
    if request["operation"] != "CREATE":
        return []
    pod, patch = request["object"], []
    names = [(path, options) for _, path, options in places(pod, version) if NAME in options]
    for path, options in names:
        if CONTENTS not in options:
            patch.append({"op": "add", "path": path, "value": canonical(api.credspec(options[NAME]))})
    if random_hostname and names and not pod["spec"].get("hostname"):
        # A pod's own name is its host's by default; NetBIOS cuts it to 15 characters.
        patch.append({"op": "add", "path": "/spec/hostname", "value": str(uuid.uuid4())[:15]})
    return patch


def validate(api: Api, request: Object, version: Version) -> None:
    pod = request["object"]
    if request["operation"] == "UPDATE":
        before = {what: options for what, _, options in places(request["oldObject"], version)}
        for what, _, options in places(pod, version):
            old = before.get(what, {})
            changed = [
                said for said, key in (("name", NAME), ("contents", CONTENTS)) if options.get(key) != old.get(key)
            ]
            if changed:
                raise Refused(
                    f"cannot update an existing pod's GMSA settings (GMSA {' and '.join(changed)} modified on {what})",
                    403,
                )
        return
    service_account = pod["spec"].get("serviceAccountName", "")
    for what, _, options in places(pod, version):
        name, contents = options.get(NAME), options.get(CONTENTS)
        if contents is not None and name is None:
            raise Refused(
                f"{what} has a GMSA cred spec set, but does not define the name of the corresponding resource", 422
            )
        if name is None:
            continue
        api.may_use(name, request["namespace"], service_account)
        if contents is not None and not _same(contents, canonical(api.credspec(name))):
            raise Refused(
                f'the GMSA cred spec contents for {what} does not match the contents of GMSA resource "{name}"', 422
            )


def _same(given: str, wanted: str) -> bool:
    """Equal as parsed JSON."""
    try:
        return given == wanted or bool(json.loads(given) == json.loads(wanted))
    except ValueError:
        return False


def canonical(contents: Object) -> str:
    """As Go's encoding/json writes a map: keys sorted, compact, HTML's characters escaped."""
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
