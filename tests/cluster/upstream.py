"""The objects of upstream's script and of its chart (windows-gmsa v0.13.0), as far as they matter to a take-over.

Written from what they make, not with their text: names, ports, selector, layout of the Secret, both configurations
for all pods with failurePolicy Fail, no matchConditions, the label that exempts a namespace.
"""

from __future__ import annotations

import base64
from typing import Any

from cluster.api import Object
from cluster.harness import NOW, WEBHOOK
from gmsa_krm.certificates.generate import issue
from gmsa_krm.manifests.crd import crd as our_crd

IMAGE = "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0"


def crd() -> Object:
    """The CRD as both have it: it has no conversion, merges a credspec field by field, and carries nobody's label."""
    found = our_crd()
    for it in found["spec"]["versions"]:
        del it["schema"]["openAPIV3Schema"]["properties"]["credspec"]["x-kubernetes-map-type"]
    approval = "api-approved.kubernetes.io"
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {
            "name": found["metadata"]["name"],
            "annotations": {approval: found["metadata"]["annotations"][approval]},
        },
        "spec": {key: value for key, value in found["spec"].items() if key != "conversion"},
    }


def credspec(name: str) -> Object:
    """Account WebApp1 as the Kubernetes page and the chart have it."""
    accounts = [{"Name": "WebApp1", "Scope": scope} for scope in ("CONTOSO", "contoso.com")]
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name},
        "credspec": {
            "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": accounts},
            "CmsPlugins": ["ActiveDirectory"],
            "DomainJoinConfig": {
                "DnsName": "contoso.com",
                "DnsTreeName": "contoso.com",
                "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                "MachineAccountName": "WebApp1",
                "NetBiosName": "CONTOSO",
                "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
            },
        },
    }


def by_script() -> list[Object]:
    """Everything is called gmsa-webhook; the Secret has keys of its own."""
    name = namespace = "gmsa-webhook"
    role = f"{namespace}-{name}-rbac-role"
    tls = issue([f"{name}.{namespace}.svc"], NOW, 86_400)
    exempt = [{"key": "gmsa-webhook", "operator": "NotIn", "values": ["disabled"]}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"gmsa-webhook": "disabled"}},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"tls_private_key": _base64(tls.key), "tls_certificate": _base64(tls.certificate)},
        },
        *_identity(name, namespace, role, f"{namespace}-{name}-binding-to-{role}", ["get"]),
        _deployment(name, namespace, name, {"tls_private_key": "key", "tls_certificate": "crt"}, replicas=1),
        _service(name, namespace),
        *_configurations(name, namespace, _base64(tls.ca_bundle), exempt),
    ]


def by_chart(release: str = "gmsa") -> list[Object]:
    """Everything is called like the release, whose namespace was there; the certificate is cert-manager's work."""
    tls = issue([f"{release}.{release}.svc"], NOW, 86_400)
    data = {"ca.crt": _base64(tls.ca_bundle), "tls.crt": _base64(tls.certificate), "tls.key": _base64(tls.key)}
    exempt = [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [release]},
        {"key": "windows.k8s.io/disabled", "operator": "NotIn", "values": ["true"]},
    ]
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gmsa-server-cert", "namespace": release},
        "data": data,
    }
    deployment = _deployment(release, release, "gmsa-server-cert", {"tls.key": "key", "tls.crt": "crt"}, replicas=2)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["--cert-reload=false"]
    container["env"].append({"name": "HTTPS_PORT", "value": "443"})
    certificate = {
        "dnsNames": [f"{release}.{release}.svc"],
        "issuerRef": {"kind": "Issuer", "name": release},
        "secretName": "gmsa-server-cert",
    }
    made = [
        secret,
        *(
            {
                "apiVersion": "cert-manager.io/v1",
                "kind": kind,
                "metadata": {"name": release, "namespace": release},
                "spec": spec,
            }
            for kind, spec in (("Issuer", {"selfSigned": {}}), ("Certificate", certificate))
        ),
        *_identity(release, release, release, release, ["get", "use"]),
        deployment,
        _service(release, release),
        *_configurations(release, release, data["ca.crt"], exempt),
        credspec("webapp1"),
    ]
    for item in made:
        item["metadata"]["labels"] = {"chart": "gmsa-0.13.0"}
    return made


def _identity(name: str, namespace: str, role: str, binding: str, verbs: list[str]) -> list[Object]:
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [
                {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": verbs},
                {
                    "apiGroups": ["authorization.k8s.io"],
                    "resources": ["localsubjectaccessreviews"],
                    "verbs": ["create"],
                },
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": binding},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _deployment(name: str, namespace: str, secret: str, files: dict[str, str], replicas: int) -> Object:
    probe = {"httpGet": {"scheme": "HTTPS", "path": "/health", "port": 443}}
    container: dict[str, Any] = {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "readinessProbe": probe,
        "ports": [{"containerPort": 443}],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": True}],
        "env": [
            {"name": "TLS_KEY", "value": "/tls/key"},
            {"name": "TLS_CRT", "value": "/tls/crt"},
            # the loops of the tests are faster than the default
            {"name": "QPS", "value": "1000"},
            {"name": "BURST", "value": "1000"},
        ],
    }
    volume = {"secretName": secret, "items": [{"key": key, "path": path} for key, path in files.items()]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "serviceAccountName": name,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "containers": [container],
                    "volumes": [{"name": "tls", "secret": volume}],
                },
            },
        },
    }


def _service(name: str, namespace: str) -> Object:
    ports = [{"port": 443, "targetPort": 443}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": ports, "selector": {"app": name}},
    }


def _configurations(name: str, namespace: str, bundle: str, exempt: list[Object]) -> list[Object]:
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [
                {
                    "name": WEBHOOK,
                    "clientConfig": {
                        "service": {"name": name, "namespace": namespace, "path": path},
                        "caBundle": bundle,
                    },
                    "rules": [
                        {"operations": operations, "apiGroups": [""], "apiVersions": ["*"], "resources": ["pods"]}
                    ],
                    "failurePolicy": "Fail",
                    "admissionReviewVersions": ["v1", "v1beta1"],
                    "sideEffects": "None",
                    "namespaceSelector": {"matchExpressions": exempt},
                },
            ],
        }
        for kind, path, operations in (
            ("Validating", "/validate", ["CREATE", "UPDATE"]),
            ("Mutating", "/mutate", ["CREATE"]),
        )
    ]


def _base64(text: str | None) -> str:
    return base64.b64encode((text or "").encode()).decode()
