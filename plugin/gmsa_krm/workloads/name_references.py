r"""Where objects name a credential spec or a service account that kustomize may have renamed, as kustomize writes it.

kustomize follows names along `nameReference` of the files in `configurations` (api/filters/nameref). A path leads
through lists without an index; `\/` is a slash in a key.
"""

from __future__ import annotations

from gmsa_krm.credspecs.parse import GROUP, KIND
from gmsa_krm.workloads.kinds import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.workloads.kinds import Kinds, PodKind

    # API group, kind and path of a field.
    NameField = tuple[str, str, str]

_RBAC = "rbac.authorization.k8s.io"
_NAME = "securityContext/windowsOptions/gmsaCredentialSpecName"
# The holders of a reference below the spec of a pod.
HOLDERS = ("", "containers", "initContainers")
_ROLES = ("ClusterRole", "Role")
RESOURCE_NAMES = "rules/resourceNames"
# The annotation of a Secret with a token. kustomize knows the other fields.
_ACCOUNTS: tuple[NameField, ...] = (("", "Secret", r"metadata/annotations/kubernetes.io\/service-account.name"),)
_KNOWN_TO_KUSTOMIZE = ("CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicationController", "StatefulSet")


def name_references(kinds: Kinds) -> str:
    """The file for `configurations` of a kustomization."""
    lines = [
        "# For configurations of a kustomization: namePrefix and nameSuffix then change the names of credential specs",
        "# where pods and roles name them, too. Printed by: gmsa-krm schema --name-references",
        "nameReference:",
        f"- group: {GROUP}",
        f"  kind: {KIND}",
        "  fieldSpecs:",
        *_field_specs(_credspec_fields(kinds)),
        "- version: v1",
        "  kind: ServiceAccount",
        "  fieldSpecs:",
        *_field_specs(_account_fields(kinds)),
    ]
    return "\n".join(lines)


def reference_path(keys: tuple[str, ...], holder: str) -> str:
    """The path of the names of credential specs in a pod, or in a list of its containers; `keys` lead to the pod."""
    return "/".join([*keys, "spec", *filter(None, (holder,)), _NAME])


def _credspec_fields(kinds: Kinds) -> Iterator[NameField]:
    for role in _ROLES:
        yield _RBAC, role, RESOURCE_NAMES
    for it in kinds.values():
        for holder in HOLDERS:
            yield it.group, it.kind, reference_path(it.path, holder)


def _account_fields(kinds: Kinds) -> Iterator[NameField]:
    yield from _ACCOUNTS
    for it in kinds.values():
        if not _is_followed(it):
            yield it.group, it.kind, "/".join([*it.path, "spec", "serviceAccountName"])


def _is_followed(kind: PodKind) -> bool:
    """Whether kustomize itself follows names of service accounts in a kind."""
    return (kind.group, kind.kind) in BUILT_IN and kind.kind in _KNOWN_TO_KUSTOMIZE


def _field_specs(fields: Iterable[NameField]) -> Iterator[str]:
    from gmsa_krm.yamltext.writer import scalar

    for group, kind, path in fields:
        yield f"  - path: {scalar(path)}"
        if group:
            yield f"    group: {scalar(group)}"
        yield f"    kind: {scalar(kind)}"
