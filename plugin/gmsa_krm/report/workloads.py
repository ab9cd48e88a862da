"""The gMSA workloads among plain objects, and the service accounts that they run as."""

from __future__ import annotations

from gmsa_krm.report.model import Workload
from gmsa_krm.workloads.pod_data import containers, get, windows_options
from gmsa_krm.workloads.validate import service_account_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access.objects import Object
    from gmsa_krm.workloads.kinds import Kinds

_LISTS = ("initContainers", "containers", "ephemeralContainers")


def gmsa_workloads(objects: Iterable[Object], kinds: Kinds, namespace: str) -> Iterator[tuple[str, Workload]]:
    """The name of the service account, and the workload; `namespace`: of objects without one.

    What a controller made is left out, since the controller's object is there, too.
    """
    for it in objects:
        kind, version = it.get("kind"), it.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str):
            continue
        known = kinds.get((version.rpartition("/")[0], kind))
        if known is None or _is_controlled(it):
            continue
        pod = get(it, *known.path, "spec")
        if isinstance(pod, dict):
            found = _workload(it, kind, pod, namespace)
            account = service_account_of(pod)[1]
            if found is not None and isinstance(account, str):
                yield account, found


def _workload(it: Object, kind: str, pod: Object, namespace: str) -> Workload | None:
    options = [windows_options(pod), *(windows_options(container) for _, container in containers(pod, *_LISTS))]
    names = {name for each in options if isinstance(name := each.get("gmsaCredentialSpecName"), str) and name}
    contents = {text for each in options if isinstance(text := each.get("gmsaCredentialSpec"), str) and text}
    # With a name the contents are filled in at admission, and are checked.
    has_contents = any(
        isinstance(each.get("gmsaCredentialSpec"), str) and not each.get("gmsaCredentialSpecName") for each in options
    )
    if not names and not has_contents:
        return None
    name, of = get(it, "metadata", "name"), get(it, "metadata", "namespace")
    return Workload(
        kind,
        of if isinstance(of, str) and of else namespace,
        name if isinstance(name, str) else "",
        sorted(names),
        has_contents=has_contents,
        contents=sorted(contents),
    )


def _is_controlled(it: Object) -> bool:
    owners = get(it, "metadata", "ownerReferences")
    return isinstance(owners, list) and any(isinstance(own, dict) and own.get("controller") is True for own in owners)
