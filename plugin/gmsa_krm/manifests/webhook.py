"""The gMSA admission webhook: its namespace, identity, Secret, Deployment, Service and disruption budget."""

from __future__ import annotations

import base64

from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import TlsMaterial
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.manifests.manifest import Object

# "nonroot" of the distroless images; the webhook's image sets no user.
_USER = 65532
_DRAIN_SECONDS = 10


# Upstream's script and chart select pods by this label, and a Deployment's selector is immutable: the same selector
# lets gmsa-krm adopt their Deployment.
def _selector(webhook: Webhook) -> Object:
    return {"app": webhook.name}


def labels(webhook: Webhook) -> Object:
    return {"app.kubernetes.io/name": webhook.name, "app.kubernetes.io/component": "gmsa-webhook", **MANAGED_BY}


def namespace(webhook: Webhook) -> Object:
    """The webhook's pods meet Pod Security level restricted, so the namespace enforces it; hostNetwork meets none."""
    level = "privileged" if webhook.host_network else "restricted"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": webhook.namespace,
            "labels": {**labels(webhook), "pod-security.kubernetes.io/enforce": level},
        },
    }


def service_account(webhook: Webhook) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(webhook),
        "automountServiceAccountToken": False,  # the Deployment mounts it
    }


def cluster_role(webhook: Webhook) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _cluster_name(webhook), "labels": labels(webhook)},
        "rules": [
            {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["get"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]},
        ],
    }


def cluster_role_binding(webhook: Webhook) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _cluster_name(webhook), "labels": labels(webhook)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": _cluster_name(webhook),
        },
        "subjects": [{"kind": "ServiceAccount", "name": webhook.name, "namespace": webhook.namespace}],
    }


def secret(webhook: Webhook, tls: TlsMaterial) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": webhook.secret_name, "namespace": webhook.namespace, "labels": labels(webhook)},
        "type": "kubernetes.io/tls",
        "data": {
            "ca.crt": _base64(tls.ca_bundle),
            "tls.crt": _base64(tls.certificate),
            "tls.key": _base64(tls.key),
        },
    }


def deployment(webhook: Webhook, tls: TlsMaterial, *, sleeps: bool) -> Object:
    """`sleeps`: whether the cluster has a sleep action for hooks."""
    pull_secrets = [{"name": name} for name in webhook.image_pull_secrets]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            **_metadata(webhook),
            # Stakater's Reloader, if the cluster has it, rolls the pods when the certificate is renewed.
            **(
                {"annotations": {"secret.reloader.stakater.com/reload": webhook.secret_name}}
                if webhook.certificate.is_renewed_in_cluster
                else {}
            ),
        },
        "spec": {
            "replicas": webhook.replicas,
            "selector": {"matchLabels": _selector(webhook)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _rolling_update(webhook)},
            "template": {
                "metadata": {
                    "labels": {**_selector(webhook), **labels(webhook)},
                    # A process reloads its certificate only once (the first change of the file ends the watch), so a
                    # new certificate has to roll the pods.
                    **(_certificate_hash(tls) if tls.ca_bundle else {}),
                },
                "spec": {
                    "serviceAccountName": webhook.name,
                    "automountServiceAccountToken": True,
                    **({"imagePullSecrets": pull_secrets} if pull_secrets else {}),
                    **({"priorityClassName": webhook.priority_class_name} if webhook.priority_class_name else {}),
                    **({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"} if webhook.host_network else {}),
                    "os": {"name": "linux"},
                    "nodeSelector": {"kubernetes.io/os": "linux", **webhook.node_selector},
                    **({"tolerations": webhook.tolerations} if webhook.tolerations else {}),
                    **({"affinity": webhook.affinity} if webhook.affinity else {}),
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": _selector(webhook)},
                        },
                    ],
                    "securityContext": _pod_security_context(webhook),
                    "containers": [_container(webhook, sleeps)],
                    "volumes": [
                        # 0440: readable through fsGroup only
                        {"name": "tls", "secret": {"secretName": webhook.secret_name, "defaultMode": 0o440}},
                    ],
                },
            },
        },
    }


def _rolling_update(webhook: Webhook) -> Object:
    """With hostNetwork two pods need two nodes, so one makes room first, unless it is the only one."""
    if webhook.host_network and webhook.replicas > 1:
        return {"maxUnavailable": 1, "maxSurge": 0}
    return {"maxUnavailable": 0, "maxSurge": 1}


def _pod_security_context(webhook: Webhook) -> Object:
    return {
        "runAsNonRoot": True,
        **({"runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER} if webhook.fixed_user else {}),
        "seccompProfile": {"type": "RuntimeDefault"},
        # A safe sysctl of the pod's own network: whoever runs in it may listen on this port and above.
        **(
            {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": str(webhook.port)}]}
            if webhook.is_privileged_port
            else {}
        ),
    }


def _container(webhook: Webhook, sleeps: bool) -> Object:
    probe = {"httpGet": {"scheme": "HTTPS", "path": "/health", "port": "https"}}
    return {
        "name": "webhook",
        "image": webhook.image,
        "imagePullPolicy": "IfNotPresent",
        **({"args": ["--cert-reload=true"]} if webhook.certificate.is_renewed_in_cluster else {}),
        "ports": [{"name": "https", "containerPort": webhook.port}],
        "env": [
            {"name": "TLS_CRT", "value": "/tls/tls.crt"},
            {"name": "TLS_KEY", "value": "/tls/tls.key"},
            {"name": "HTTPS_PORT", "value": str(webhook.port)},
            {"name": "QPS", "value": str(webhook.qps)},
            {"name": "BURST", "value": str(webhook.burst)},
            {"name": "RANDOM_HOSTNAME", "value": "true" if webhook.random_hostname else "false"},
            {"name": "LOG_LEVEL", "value": webhook.log_level},
        ],
        "readinessProbe": {**probe, "periodSeconds": 5, "timeoutSeconds": 3},
        "livenessProbe": {**probe, "initialDelaySeconds": 10, "periodSeconds": 20, "timeoutSeconds": 5},
        # A deleted pod gets new connections until every kube-proxy knows; if the webhook has stopped by then, pods are
        # refused. The kubelet sleeps, since the image has no shell (KEP 3960, on by default since 1.30).
        **({"lifecycle": {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}}} if sleeps else {}),
        "resources": webhook.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": True}],
    }


def service(webhook: Webhook) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(webhook),
        "spec": {
            "selector": _selector(webhook),
            "ports": [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}],
        },
    }


def disruption_budget(webhook: Webhook) -> Object:
    budget = webhook.pod_disruption_budget
    if budget.min_available is not None:
        limit: Object = {"minAvailable": budget.min_available}
    else:
        limit = {"maxUnavailable": 1 if budget.max_unavailable is None else budget.max_unavailable}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(webhook),
        # A pod that is not ready serves nothing, so it must not block a drain.
        "spec": {
            **limit,
            "selector": {"matchLabels": _selector(webhook)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _metadata(webhook: Webhook) -> Object:
    return {"name": webhook.name, "namespace": webhook.namespace, "labels": labels(webhook)}


def _cluster_name(webhook: Webhook) -> str:
    """The name of cluster-scoped objects, unique among webhooks of several namespaces."""
    if webhook.name == webhook.namespace:
        return webhook.name
    return f"{webhook.namespace}-{webhook.name}"


def _certificate_hash(tls: TlsMaterial) -> Object:
    from hashlib import sha256

    text = tls.certificate or tls.ca_bundle
    return {"annotations": {"gmsa-krm.dev/certificate-sha256": sha256(text.encode()).hexdigest()}}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
