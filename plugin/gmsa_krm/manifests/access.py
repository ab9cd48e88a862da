"""Who may use a credspec: ServiceAccounts, a ClusterRole per credspec, a RoleBinding per namespace."""

from __future__ import annotations

from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.config.model import ServiceAccount
    from gmsa_krm.manifests.manifest import Object


def service_account(account: ServiceAccount) -> Object:
    secrets = [{"name": name} for name in account.image_pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account.name, "namespace": account.namespace, "labels": dict(MANAGED_BY)},
        **({"imagePullSecrets": secrets} if secrets else {}),
        "automountServiceAccountToken": account.automount_token,
    }


def token_secret(account: ServiceAccount) -> Object:
    """A token that never expires; the token controller fills it in."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{account.name}-token",
            "namespace": account.namespace,
            "labels": dict(MANAGED_BY),
            "annotations": {"kubernetes.io/service-account.name": account.name},
        },
        "type": "kubernetes.io/service-account-token",
    }


def issuer_discovery(subjects: str) -> Object:
    """Lets `subjects` (a keyword of the config) read the discovery document of service account tokens."""
    group = {
        "ServiceAccounts": "system:serviceaccounts",
        "Authenticated": "system:authenticated",
        "Unauthenticated": "system:unauthenticated",
    }[subjects]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        # Not the name of Kubernetes' own binding, which the API server restores when it starts.
        "metadata": {"name": f"service-account-issuer-discovery-{subjects.lower()}", "labels": dict(MANAGED_BY)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:service-account-issuer-discovery",
        },
        "subjects": [{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}],
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


def viewer_role() -> Object:
    """Aggregated to the built-in ClusterRole view, and with it to edit and admin."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "view-gmsacredentialspecs",
            "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true", **MANAGED_BY},
        },
        "rules": [
            {
                "apiGroups": ["windows.k8s.io"],
                "resources": ["gmsacredentialspecs"],
                "verbs": ["get", "list", "watch"],
            },
        ],
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
