"""The CustomResourceDefinition of GMSACredentialSpec: upstream's (windows-gmsa v0.13.0), but merged atomically."""

from __future__ import annotations

from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.manifests.manifest import Object


def crd() -> Object:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "gmsacredentialspecs.windows.k8s.io",
            "labels": dict(MANAGED_BY),
            "annotations": {
                "api-approved.kubernetes.io": (
                    "https://github.com/kubernetes/enhancements/tree/master/keps/sig-windows/689-windows-gmsa"
                ),
                # Deleting the CRD deletes every credspec of the cluster, so it must outlive a release or application.
                "helm.sh/resource-policy": "keep",
                "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
            },
        },
        "spec": {
            "group": "windows.k8s.io",
            "names": {"kind": "GMSACredentialSpec", "plural": "gmsacredentialspecs"},
            "scope": "Cluster",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": _schema()},
                {"name": "v1alpha1", "served": True, "storage": False, "deprecated": True, "schema": _schema()},
            ],
            "conversion": {"strategy": "None"},
        },
    }


def _schema() -> Object:
    return {
        "openAPIV3Schema": {
            "type": "object",
            "properties": {
                "credspec": {
                    "description": "GMSA Credential Spec",
                    "type": "object",
                    # Upstream does not have this. Without it, server-side apply keeps fields of other managers, such as
                    # HostAccountConfig, and shows no difference. Contents in pods are compared with the whole credspec.
                    "x-kubernetes-map-type": "atomic",
                    "properties": {
                        "ActiveDirectoryConfig": {
                            "type": "object",
                            "properties": {
                                "GroupManagedServiceAccounts": {
                                    "type": "array",
                                    "items": _strings("Name", "Scope"),
                                },
                                "HostAccountConfig": _strings("PluginGUID", "PluginInput", "PortableCcgVersion"),
                            },
                        },
                        "CmsPlugins": {"type": "array", "items": {"type": "string"}},
                        "DomainJoinConfig": _strings(
                            "DnsName", "DnsTreeName", "Guid", "MachineAccountName", "NetBiosName", "Sid"
                        ),
                    },
                },
            },
        },
    }


def _strings(*names: str) -> Object:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}
