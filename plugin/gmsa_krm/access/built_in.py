"""The ClusterRoles that every cluster has and that manifests bind without containing them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.access.objects import Object

_WRITE = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def _cluster_role(name: str, **fields: object) -> Object:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, **fields}


def _aggregated(name: str, into: str | None = None) -> Object:
    """A role that gets the rules of those with a label, and that is itself aggregated into another."""
    label = f"rbac.authorization.k8s.io/aggregate-to-{name}"
    role = _cluster_role(name, aggregationRule={"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]})
    if into is not None:
        role["metadata"]["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{into}": "true"}
    return role


_ADMIN_RULES = _cluster_role(
    "system:aggregate-to-admin",
    rules=[
        {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": _WRITE},
    ],
)
_ADMIN_RULES["metadata"]["labels"] = {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}

# plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go of Kubernetes 1.37, without the rules of edit and view,
# which have no wildcards and are about workloads.
CLUSTER_ROLES = (
    _cluster_role("cluster-admin", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
    _aggregated("admin"),
    _aggregated("edit", into="admin"),
    _aggregated("view", into="edit"),
    _ADMIN_RULES,
)
