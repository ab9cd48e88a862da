"""Objects of clusters for the graph of who may become which AD account, in short."""

from __future__ import annotations

from typing import Any

from gmsa_krm.report.graph import Graph

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
WEBHOOK = "admission-webhook.windows-gmsa.sigs.k8s.io"


def credspec(name: str, account: str = "WebApp1", **directory: Any) -> Object:
    accounts = [{"Name": account, "Scope": scope} for scope in ("CONTOSO", "contoso.com")]
    join = {
        "DnsName": "contoso.com",
        "DnsTreeName": "contoso.com",
        "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "MachineAccountName": account,
        "NetBiosName": "CONTOSO",
        "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
    }
    contents = {
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": accounts, **directory},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": join,
    }
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name},
        "credspec": contents,
    }


def role(name: str, *rules: tuple[list[str], list[str], list[str], list[str]], namespace: str = "") -> Object:
    """Each rule: API groups, resources, names, verbs."""
    keys = ("apiGroups", "resources", "resourceNames", "verbs")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": [dict(zip(keys, rule, strict=True)) for rule in rules],
    }


def use(*names: str) -> tuple[list[str], list[str], list[str], list[str]]:
    return ["windows.k8s.io"], ["gmsacredentialspecs"], list(names), ["use"]


def binding(name: str, of: str, *subjects: str, namespace: str = "", kind: str = "ClusterRole") -> Object:
    """Subjects: `NS/NAME` of a service account, `group:NAME` or `user:NAME`."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": of},
        "subjects": [subject(it) for it in subjects],
    }


def subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if name:
        return {"kind": kind.capitalize(), "name": name, "apiGroup": RBAC}
    namespace, _, name = text.partition("/")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def webhook(**fields: Any) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gmsa-webhook"},
        "webhooks": [{"name": WEBHOOK, "failurePolicy": "Fail", **fields}],
    }


def namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def deployment(name: str, namespace: str, service_account: str | None, credspec: str | None, **options: str) -> Object:
    windows = {**({"gmsaCredentialSpecName": credspec} if credspec else {}), **options}
    pod: Object = {"containers": [{"name": "iis"}], "securityContext": {"windowsOptions": windows}}
    if service_account:
        pod["serviceAccountName"] = service_account
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": pod}},
    }


def edges(graph: Graph, *kinds: str) -> list[str]:
    """The edges, each as `source > target`."""
    return [f"{it.source.label} > {it.target.label}" for it in graph.sorted_edges(*kinds)]


SETUP = [webhook(), credspec("a"), role("use-a", use("a"))]


def selector(key: str, operator: str, *values: str) -> Object:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
