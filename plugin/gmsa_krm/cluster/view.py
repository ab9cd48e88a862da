"""What the cluster has, each list read once and side by side with others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gmsa_krm.access import Rbac
from gmsa_krm.cluster.proxy import Refused
from gmsa_krm.cluster.shapes import ITEMS, fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from gmsa_krm.cluster.proxy import ApiServer
    from gmsa_krm.cluster.shapes import Shape

    Object = dict[str, Any]
    Result = TypeVar("Result")

_AT_ONCE = 8
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"

# The lists that checks read, by the plural of their kind.
LISTS = {
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
    "serviceaccounts": "/api/v1/serviceaccounts",
    "services": "/api/v1/services",
    "events": "/api/v1/events",
    "deployments": "/apis/apps/v1/deployments",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "jobs": "/apis/batch/v1/jobs",
    "cronjobs": "/apis/batch/v1/cronjobs",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "clusterroles": f"{_RBAC}/clusterroles",
    "clusterrolebindings": f"{_RBAC}/clusterrolebindings",
    "roles": f"{_RBAC}/roles",
    "rolebindings": f"{_RBAC}/rolebindings",
    "validatingwebhookconfigurations": f"{_ADMISSION}/validatingwebhookconfigurations",
    "mutatingwebhookconfigurations": f"{_ADMISSION}/mutatingwebhookconfigurations",
    "validatingadmissionpolicies": f"{_ADMISSION}/validatingadmissionpolicies",
    "validatingadmissionpolicybindings": f"{_ADMISSION}/validatingadmissionpolicybindings",
    "mutatingadmissionpolicies": f"{_ADMISSION}/mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings": f"{_ADMISSION}/mutatingadmissionpolicybindings",
    "gmsacredentialspecs": "/apis/windows.k8s.io/v1/gmsacredentialspecs",
    "certificates": "/apis/cert-manager.io/v1/certificates",
    "issuers": "/apis/cert-manager.io/v1/issuers",
    "poddisruptionbudgets": "/apis/policy/v1/poddisruptionbudgets",
}


class CouldNotLookError(Exception):
    """A permission or a part of the API is missing, so nothing can be said. The message names it and the cure."""


class View:
    """The cluster of one run. Its methods raise CouldNotLookError, and ExternalError without an answer."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._locks = {name: threading.Lock() for name in LISTS}
        self._lists: dict[str, list[Object] | CouldNotLookError | None] = {}
        self._computed: dict[Callable[..., Any], Any] = {}
        self._names: dict[str, dict[tuple[str | None, str], Object]] = {}

    def prefetch(self, names: Iterable[str]) -> None:
        """Reads lists side by side; what fails is reported by who asks for it."""

        def read(name: str) -> None:
            with suppress(CouldNotLookError):
                self.find_list(name)

        self.map(read, sorted(set(names)))

    def items(self, name: str) -> list[Object]:
        """The items of a list of `LISTS`; none if the cluster does not serve the kind."""
        return self.find_list(name) or []

    def find_list(self, name: str) -> list[Object] | None:
        """As `items`; None if the cluster does not serve the kind."""
        with self._locks[name]:
            if name not in self._lists:
                try:
                    self._lists[name] = self.server.items(LISTS[name], lambda it: _kept(name, it))
                except CouldNotLookError as error:
                    self._lists[name] = error
                except Refused as error:
                    self._lists[name] = None if error.code == 404 else could_not_look(error, f"list {name}")
            found = self._lists[name]
        if isinstance(found, CouldNotLookError):
            raise found
        return found

    @property
    def rbac(self) -> Rbac:
        """The roles and bindings of the cluster."""
        return self.once(_rbac)

    def by_name(self, name: str) -> dict[tuple[str | None, str], Object]:
        """The items of a list by their namespace, None for those without, and their name."""
        if name not in self._names:
            items = self.items(name)
            self._names[name] = {(it["metadata"].get("namespace"), it["metadata"]["name"]): it for it in items}
        return self._names[name]

    def find(self, path: str, what: str, shape: Shape) -> Object | None:
        """The object at a path, None if there is none. `what`: "get namespaces", for the message."""
        try:
            return fitting(self.server.get(path), shape, f"the answer to {path}")
        except Refused as error:
            if error.code == 404:
                return None
            raise could_not_look(error, what) from None

    def once(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What a function of this view makes, called once in a run, with the same arguments each time.

        Raises CouldNotLookError each time if it did so once.
        """
        if function not in self._computed:
            try:
                self._computed[function] = function(self, *arguments)
            except CouldNotLookError as error:
                self._computed[function] = error
        found = self._computed[function]
        if isinstance(found, CouldNotLookError):
            raise found
        made: Result = found
        return made

    def map(self, function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
        """The results of a function that asks the server, in the order of the values."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(function, values))


def fitting(item: Object, shape: Shape, what: str) -> Object:
    """The object, without null. Raises CouldNotLookError if it is not one of Kubernetes: something else answers."""
    problem = fit(item, shape)
    if problem:
        raise CouldNotLookError(
            f"{what} is not as Kubernetes has it ({problem}); check the address of kubectl's context, and what else"
            " serves this part of the API"
        )
    return item


def _kept(name: str, item: Object) -> Object:
    """What checks need of an item of a list. Raises as above."""
    fitting(item, ITEMS[name], f"an item of the list {name}")
    return _of_pod(item) if name == "pods" else item


def _of_pod(pod: Object) -> Object:
    """A pod without what no check reads: a large cluster has tens of thousands."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    spec = _without(pod.get("spec") or {}, _UNREAD_OF_SPECS)
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        if isinstance(spec.get(kind), list):
            spec[kind] = [_without(it, _UNREAD_OF_CONTAINERS) for it in spec[kind] if isinstance(it, dict)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _without(metadata, ("managedFields", "annotations")),
        "spec": spec,
        "status": {key: status[key] for key in ("phase", "conditions", "containerStatuses") if key in status},
    }


def _without(item: Object, keys: Iterable[str]) -> Object:
    return {key: value for key, value in item.items() if key not in keys}


_UNREAD_OF_SPECS = frozenset(("volumes", "affinity", "topologySpreadConstraints", "dnsConfig", "imagePullSecrets"))
_UNREAD_OF_CONTAINERS = frozenset(
    ("args", "command", "env", "envFrom", "lifecycle", "livenessProbe", "readinessProbe", "resources", "startupProbe")
) | {"volumeMounts"}

# The lists that `View.rbac` reads.
RBAC_LISTS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")


def _rbac(view: View) -> Rbac:
    return Rbac(it for name in RBAC_LISTS for it in view.items(name))


def describe(item: Object, kind: str | None = None) -> str:
    """`Kind namespace/name`. `kind`: that of items of a list, which have none themselves."""
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    return (
        f"{kind or item['kind']} {namespace}/{metadata['name']}"
        if namespace
        else f"{kind or item['kind']} {metadata['name']}"
    )


def could_not_look(error: Refused, what: str) -> CouldNotLookError:
    """`what`: verb and resource."""
    if error.code == 401:
        return CouldNotLookError("the API server does not accept your login; log in again, or use another context")
    if error.code == 403:
        return not_allowed(what)
    return CouldNotLookError(f"the API server refuses to {what}: {error.message}")


def not_allowed(what: str) -> CouldNotLookError:
    """`what`: as above."""
    return CouldNotLookError(
        f"you may not {what} here; ask for the roles that gmsa-krm doctor --rbac prints, or use another context"
    )
