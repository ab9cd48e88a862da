"""Who may use a credspec: ServiceAccounts, a ClusterRole per credspec, a RoleBinding per namespace."""

from __future__ import annotations

from gmsa_krm.manifests.made import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.config.model import ServiceAccount
    from gmsa_krm.manifests.made import Object


def service_account(account: ServiceAccount) -> Object:
    secrets = [{"name": name} for name in account.image_pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account.name, "namespace": account.namespace, "labels": dict(MANAGED_BY)},
        **({"imagePullSecrets": secrets} if secrets else {}),
        "automountServiceAccountToken": account.automount_token,
    }


def role(credspec: str) -> Object:
    """A ClusterRole and not a Role, since the credspec is cluster-scoped; the bindings say in which namespaces."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": role_name(credspec), "labels": dict(MANAGED_BY)},
        "rules": [
            {
                "apiGroups": ["windows.k8s.io"],
                "resources": ["gmsacredentialspecs"],
                "resourceNames": [credspec],
                "verbs": ["use"],
            },
        ],
    }


def role_binding(credspec: str, namespace: str, service_accounts: Iterable[str]) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role_name(credspec), "namespace": namespace, "labels": dict(MANAGED_BY)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role_name(credspec),
        },
        "subjects": [_subject(name, namespace) for name in service_accounts],
    }


def role_name(credspec: str) -> str:
    return f"use-{credspec}"


def _subject(service_account: str, namespace: str) -> Object:
    if service_account == "*":
        return {
            "kind": "Group",
            "name": f"system:serviceaccounts:{namespace}",
            "apiGroup": "rbac.authorization.k8s.io",
        }
    return {"kind": "ServiceAccount", "name": service_account, "namespace": namespace}
