"""Objects that every cluster has and needs: whoever emits one of their names would replace them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.yamltext.stream import Identity

# plugin/pkg/auth/authorizer/rbac/bootstrappolicy of Kubernetes; what starts with system: has a colon, which the names
# in a config may not have.
_CLUSTER_ROLES = ("admin", "cluster-admin", "edit", "view")
# Service accounts that the same policy, kubeadm or a component binds, beside those that end in -controller.
_SYSTEM_ACCOUNTS = (
    "bootstrap-signer",
    "cloud-controller-manager",
    "cloud-provider",
    "coredns",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "kube-apiserver-serving-clustertrustbundle-publisher",
    "kube-controller-manager",
    "kube-dns",
    "kube-proxy",
    "kube-scheduler",
    "legacy-service-account-token-cleaner",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "podcertificaterequestcleaner",
    "root-ca-cert-publisher",
    "token-cleaner",
)
_SERVICES = (("default", "kubernetes"), ("kube-system", "kube-dns"))


def is_built_in(identity: Identity) -> bool:
    _, kind, namespace, name = identity
    if kind in ("ClusterRole", "ClusterRoleBinding"):
        return name in _CLUSTER_ROLES or name.startswith("system:")
    if kind == "ServiceAccount":
        return name == "default" or (namespace == "kube-system" and _is_system_account(name))
    return kind == "Service" and (namespace, name) in _SERVICES


def _is_system_account(name: str) -> bool:
    return name in _SYSTEM_ACCOUNTS or name.endswith("-controller")
