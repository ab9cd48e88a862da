"""What the cluster has of gMSA: its credential specs, and the references in pods and in workloads' templates."""

from __future__ import annotations

from gmsa_krm.credspecs.model import CredentialSpec
from gmsa_krm.workloads.pod_data import containers, get, windows_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.view import View

    Object = dict[str, Any]

CREDSPECS = "gmsacredentialspecs"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_ENDED = ("Succeeded", "Failed")

# The lists of workloads with a template: kind, name of the resource for kubectl, the path of the template.
_TEMPLATES = {
    "deployments": ("Deployment", "deployment", ("spec", "template")),
    "daemonsets": ("DaemonSet", "daemonset", ("spec", "template")),
    "statefulsets": ("StatefulSet", "statefulset", ("spec", "template")),
    "jobs": ("Job", "job", ("spec", "template")),
    "cronjobs": ("CronJob", "cronjob", ("spec", "jobTemplate", "spec", "template")),
}
TEMPLATE_LISTS = tuple(_TEMPLATES)


def credspecs_of(view: View) -> dict[str, CredentialSpec | None]:
    """The credential specs of the cluster by name; None for one without contents. Raises CouldNotLookError."""
    return view.once(_credspecs)


def _credspecs(view: View) -> dict[str, CredentialSpec | None]:
    found: dict[str, CredentialSpec | None] = {}
    for it in view.items(CREDSPECS):
        name, contents = it["metadata"]["name"], it.get("credspec")
        found[name] = CredentialSpec(contents, name) if isinstance(contents, dict) else None
    return found


class Reference:
    """A credential spec in a pod's spec. `place`: the container's name, "" for the pod as a whole.

    `name` and `contents` are "" if they are absent. `is_effective`: whether a container runs with it.
    """

    __slots__ = ("contents", "name", "place")

    def __init__(self, place: str, name: str, contents: str) -> None:
        self.place = place
        self.name = name
        self.contents = contents


class User:
    """A pod, or a workload whose template makes pods, with references.

    `owner`: of a pod, the resource and the name of the workload that it belongs to, for kubectl; "" if there is none.
    """

    __slots__ = ("kind", "name", "namespace", "owner", "references", "resource", "spec", "status")

    def __init__(self, kind: str, resource: str, it: Object, spec: Object, references: list[Reference]) -> None:
        self.kind = kind
        self.resource = resource
        self.namespace: str = it["metadata"].get("namespace", "")
        self.name: str = it["metadata"]["name"]
        self.owner = _owner(it) if kind == "Pod" else f"{resource}/{self.name}"
        self.spec = spec
        self.status: Object = it.get("status") or {}
        self.references = references

    @property
    def about(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def names(self) -> list[str]:
        """The credential specs that it names, each once."""
        return sorted({it.name for it in self.references if it.name})

    @property
    def service_account(self) -> str:
        return str(self.spec.get("serviceAccountName") or "default")


def pods_of(view: View) -> list[User]:
    """The pods with references that have not ended. Raises CouldNotLookError."""
    return view.once(_pods)


def workloads_of(view: View) -> list[User]:
    """The workloads whose templates have references, without those that a pod or a CronJob owns. Raises as above."""
    return view.once(_workloads)


def _pods(view: View) -> list[User]:
    found = []
    for it in view.items("pods"):
        spec = it.get("spec") or {}
        references = references_in(spec)
        if references and get(it, "status", "phase") not in _ENDED and not it["metadata"].get("deletionTimestamp"):
            found.append(User("Pod", "pod", it, spec, references))
    return found


def _workloads(view: View) -> list[User]:
    found = []
    for name, (kind, resource, path) in _TEMPLATES.items():
        for it in view.items(name):
            spec = get(it, *path, "spec") or {}
            references = references_in(spec)
            if references and not it["metadata"].get("ownerReferences"):
                found.append(User(kind, resource, it, spec, references))
    return found


def references_in(spec: Object) -> list[Reference]:
    """The references in a pod's spec, of the pod and of each container."""
    return [
        Reference(place, str(name or ""), str(contents or ""))
        for place, holder in _holders(spec)
        for options in (windows_options(holder),)
        for name, contents in ((options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")),)
        if name or contents
    ]


def _holders(spec: Object) -> Iterator[tuple[str, Object]]:
    yield "", spec
    for _, container in containers(spec, *_CONTAINERS):
        yield str(container.get("name")), container


def _owner(pod: Object) -> str:
    """Resource and name of the workload, for kubectl: of a pod of a Deployment, the Deployment."""
    metadata = pod["metadata"]
    for it in metadata.get("ownerReferences") or []:
        if it.get("controller"):
            kind, name = str(it.get("kind")), str(it.get("name"))
            suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash')}"
            if kind == "ReplicaSet" and name.endswith(suffix):
                return f"deployment/{name.removesuffix(suffix)}"
            return f"{kind.lower()}/{name}"
    return ""
