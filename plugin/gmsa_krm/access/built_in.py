"""The ClusterRoles that every cluster has and that manifests bind without containing them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.access.objects import Object

_READ = ["get", "list", "watch"]
_CHANGE = ["create", "delete", "deletecollection", "patch", "update"]


def _cluster_role(name: str, **fields: object) -> Object:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, **fields}


def _aggregated(name: str, into: str | None = None) -> Object:
    """A role that gets the rules of those with a label, and that is itself aggregated into another."""
    label = f"rbac.authorization.k8s.io/aggregate-to-{name}"
    role = _cluster_role(name, aggregationRule={"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]})
    if into is not None:
        role["metadata"]["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{into}": "true"}
    return role


def _rules_of(name: str, *rules: tuple[str, list[str], list[str]]) -> Object:
    """A role that is aggregated into another. Each rule: API group, resources, verbs."""
    role = _cluster_role(
        f"system:aggregate-to-{name}",
        rules=[{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources, verbs in rules],
    )
    role["metadata"]["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{name}": "true"}
    return role


# plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go of Kubernetes 1.37: of edit what runs pods and acts as
# service accounts; view only reads, and none of it matters here.
CLUSTER_ROLES = (
    _cluster_role("cluster-admin", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
    _aggregated("admin"),
    _aggregated("edit", into="admin"),
    _aggregated("view", into="edit"),
    _rules_of(
        "admin",
        ("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
        ("rbac.authorization.k8s.io", ["roles", "rolebindings"], [*_READ, *_CHANGE]),
    ),
    _rules_of(
        "edit",
        ("", ["serviceaccounts"], ["impersonate", *_CHANGE]),
        ("", ["pods", "pods/attach", "pods/exec", "replicationcontrollers"], _CHANGE),
        ("", ["serviceaccounts/token"], ["create"]),
        ("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"], _CHANGE),
        ("batch", ["cronjobs", "jobs"], _CHANGE),
    ),
)
