"""A client of the API server: JSON over one kept-open connection per thread, for loops that kubectl is too slow for."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

Object = dict[str, Any]
Found = TypeVar("Found")


class ApiError(Exception):
    """An answer that is no success: `code` is HTTP's, `message` is that of the Status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Client:
    """Speaks to the API server as the owner of a token, or as whom it impersonates."""

    def __init__(
        self, host: str, port: int, ca: Path, token: str, impersonate: str | None = None, group: str | None = None
    ) -> None:
        """`ca`: a file with the CA of the server. `impersonate`: a user's name; groups are those of service accounts.

        `group`: another one, instead.
        """
        self._settings = (host, port, ca, token)
        self._host, self._port = host, port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if impersonate:
            self._headers["Impersonate-User"] = impersonate
        if group:
            self._headers["Impersonate-Group"] = group
        self._threads = threading.local()
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    def as_service_account(self, namespace: str, name: str) -> Client:
        return Client(*self._settings, impersonate=f"system:serviceaccount:{namespace}:{name}")

    def with_token(self, token: str, impersonate: str | None = None, group: str | None = None) -> Client:
        return Client(*self._settings[:3], token, impersonate, group)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content: str = "application/json",
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """The parsed answer. Raises ApiError; nothing is tried twice."""
        if query:
            path += "?" + urlencode(query)
        connection = getattr(self._threads, "connection", None)
        # The server closes one that was idle for 90 seconds.
        if connection is None or time.monotonic() - self._threads.used > 60:
            connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=60)
            self._threads.connection = connection
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {**self._headers, "Content-Type": content, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            self._threads.used = time.monotonic()
        except BaseException:
            connection.close()
            self._threads.connection = None
            raise
        if answer.status >= 300:
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                message = text.decode("utf-8", "replace")
            raise ApiError(answer.status, message)
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def find(self, path: str) -> Any:
        """What is there, or None."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> list[Object]:
        found: list[Object] = self.request("GET", path, **query)["items"]
        return found

    def path(self, item: Object, collection: bool = False) -> str:
        """Where an object is, or its kind in its namespace."""
        prefix, namespaced = self._resource(item["apiVersion"], item["kind"])
        path, _, plural = prefix.rpartition("/")
        if namespaced:
            path += f"/namespaces/{item['metadata'].get('namespace', 'default')}"
        return f"{path}/{plural}" if collection else f"{path}/{plural}/{quote(item['metadata']['name'])}"

    def create(self, item: Object, **query: Any) -> Object:
        created: Object = self.request("POST", self.path(item, collection=True), item, **query)
        return created

    def apply(self, *items: Object, manager: str = "tests", force: bool = True) -> list[Object]:
        """Server-side apply, one by one; a CRD is waited for."""
        applied = []
        for item in items:
            applied.append(
                self.request(
                    "PATCH", self.path(item), item, "application/apply-patch+yaml",
                    fieldManager=manager, force=str(force).lower(), fieldValidation="Strict",
                )
            )  # fmt: skip
            if item["kind"] == "CustomResourceDefinition":
                self.established(item)
        return applied

    def established(self, crd: Object) -> None:
        def is_established() -> bool:
            conditions = self.get(self.path(crd))["status"]["conditions"] or []
            return any(it["type"] == "Established" and it["status"] == "True" for it in conditions)

        until(is_established, f"{crd['metadata']['name']} is established")

    def patch(self, path: str, change: Object, content: str = "application/merge-patch+json") -> Object:
        patched: Object = self.request("PATCH", path, change, content)
        return patched

    def delete(self, path: str, **options: Any) -> None:
        """Deletes what is there; nothing is not an error."""
        try:
            self.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options})
        except ApiError as error:
            if error.code != 404:
                raise

    def forget_resources(self) -> None:
        """For when CRDs have gone."""
        self._resources.clear()

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._resources:
            group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

            def look() -> bool:
                for it in (self.find(group) or {"resources": []})["resources"]:
                    if "/" not in it["name"]:
                        self._resources[api_version, it["kind"]] = (f"{group}/{it['name']}", it["namespaced"])
                return (api_version, kind) in self._resources

            until(look, f"{kind} of {api_version} is served")
        return self._resources[api_version, kind]


def until(check: Callable[[], Found | None], what: str | Callable[[], str], seconds: float = 60) -> Found:
    """The first true answer of `check`. Raises AssertionError, which says `what` was waited for, after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, (
            f"waited {seconds:.0f} s in vain until {what if isinstance(what, str) else what()}"
        )
        time.sleep(0.05)
