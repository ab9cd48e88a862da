"""The references between Kubernetes objects that a gMSA set-up depends on, as the API server and controllers follow them.

Written from the Kubernetes API reference and cert-manager's, so it knows nothing of where objects come from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from cryptography import x509

Object = dict[str, Any]

# The API server drops the namespace of what has none.
_CLUSTER_SCOPED = {
    *("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "GMSACredentialSpec", "Namespace"),
    *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"),
}

_POD_PATHS = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"), ("spec", "template")
    ),
}
_GMSA = "windows.k8s.io"


def broken(objects: list[Object]) -> set[str]:
    """What refers to an object that is not there, or that is not what it is for."""
    return {
        f"{it['kind']} {it['metadata']['name']}: {problem}" for it in objects for problem in _Cluster(objects).check(it)
    }


def grants(objects: list[Object]) -> set[tuple[str, str, str]]:
    """(namespace of the pod, its ServiceAccount, credential spec) of what RBAC lets use what, for those that are there."""
    cluster = _Cluster(objects)
    return {
        (namespace, account, credspec)
        for it in objects
        if it["kind"] in ("RoleBinding", "ClusterRoleBinding")
        for namespace, account in _subjects(it)
        for credspec in cluster.usable(it["roleRef"], it["metadata"].get("namespace", ""))
    }


def _subjects(binding: Object) -> Iterator[tuple[str, str]]:
    """(namespace, name) of the ServiceAccounts whose pods may be in a namespace where the binding holds."""
    where = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else ""
    for it in binding.get("subjects", ()):
        if it["kind"] == "ServiceAccount" and where in ("", it.get("namespace")):
            yield it.get("namespace", ""), it["name"]


def pods(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Each workload with its pod template."""
    for it in objects:
        if it["kind"] in _POD_PATHS or "template" in it.get("spec", {}):
            template: Any = it
            for key in _POD_PATHS.get(it["kind"], ("spec", "template")):
                template = template[key]
            if isinstance(template.get("spec"), dict):
                yield it, template


def credspecs_of(pod: Object) -> Iterator[str]:
    holders = [pod, *(c for key in ("containers", "initContainers", "ephemeralContainers") for c in pod.get(key, ()))]
    for holder in holders:
        name = holder.get("securityContext", {}).get("windowsOptions", {}).get("gmsaCredentialSpecName")
        if name is not None:
            yield name


class _Cluster:
    def __init__(self, objects: list[Object]) -> None:
        self._names = {
            (
                it["kind"],
                "" if it["kind"] in _CLUSTER_SCOPED else it["metadata"].get("namespace", ""),
                it["metadata"]["name"],
            )
            for it in objects
        }
        self._objects = objects
        self._credspecs = {name for kind, _, name in self._names if kind == "GMSACredentialSpec"}

    def check(self, it: Object) -> Iterator[str]:
        namespace = it["metadata"].get("namespace", "")
        for workload, template in pods([it]):
            yield from self._check_pod(template["spec"], workload["metadata"].get("namespace", ""))
        selector = it.get("spec", {}).get("selector")
        if it["kind"] in ("Service", "PodDisruptionBudget"):
            labels = selector if it["kind"] == "Service" else selector["matchLabels"]
            if not any(
                owner["metadata"].get("namespace", "") == namespace
                and labels.items() <= template["metadata"]["labels"].items()
                for owner, template in pods(self._objects)
            ):
                yield "selects no pod"
        elif it["kind"] in _POD_PATHS and selector and it["kind"] != "ReplicationController":
            template = next(template for _, template in pods([it]))
            if not selector["matchLabels"].items() <= template["metadata"]["labels"].items():
                yield "does not select its own pods"
        check = getattr(self, f"_check_{it['kind']}", None)
        yield from check(it) if check is not None else ()

    def usable(self, role: Object, namespace: str) -> Iterator[str]:
        """The credential specs that a role lets use."""
        for it in self._objects:
            is_in_reach = it["kind"] == "ClusterRole" or it["metadata"].get("namespace", "") == namespace
            if (it["kind"], it["metadata"]["name"]) == (role["kind"], role["name"]) and is_in_reach:
                for rule in it["rules"]:
                    if "use" in rule["verbs"] and _GMSA in rule["apiGroups"]:
                        yield from self._credspecs & set(rule.get("resourceNames", self._credspecs))

    def _has(self, kind: str, namespace: str, name: str) -> bool:
        return (kind, namespace, name) in self._names

    def _check_pod(self, pod: Object, namespace: str) -> Iterator[str]:
        for name in credspecs_of(pod):
            if name not in self._credspecs:
                yield f"no GMSACredentialSpec {name}"
        account = pod.get("serviceAccountName")
        if account is not None and not self._has("ServiceAccount", namespace, account):
            yield f"no ServiceAccount {namespace}/{account}"
        for volume in pod.get("volumes", ()):
            secret = volume.get("secret", {}).get("secretName")
            if secret is not None and not self._makes_secret(namespace, secret):
                yield f"no Secret {namespace}/{secret}"

    def _makes_secret(self, namespace: str, name: str) -> bool:
        return self._has("Secret", namespace, name) or any(
            it["kind"] == "Certificate" and (it["metadata"]["namespace"], it["spec"]["secretName"]) == (namespace, name)
            for it in self._objects
        )

    def _check_ClusterRole(self, it: Object) -> Iterator[str]:
        for rule in it["rules"]:
            if _GMSA in rule["apiGroups"] and "use" in rule["verbs"]:
                yield from (f"no {name}" for name in rule.get("resourceNames", ()) if name not in self._credspecs)

    _check_Role = _check_ClusterRole

    def _check_RoleBinding(self, it: Object) -> Iterator[str]:
        yield from self._check_ClusterRoleBinding(it)
        namespace = it["metadata"]["namespace"]
        for subject in it["subjects"]:
            if subject.get("namespace", namespace) != namespace:
                yield f"a subject in {subject['namespace']}"

    def _check_ClusterRoleBinding(self, it: Object) -> Iterator[str]:
        role = it["roleRef"]
        namespace = it["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
        if not self._has(role["kind"], namespace, role["name"]):
            yield f"no {role['kind']} {role['name']}"
        for subject in it["subjects"]:
            if subject["kind"] == "ServiceAccount" and not self._has(
                "ServiceAccount", subject["namespace"], subject["name"]
            ):
                yield f"no ServiceAccount {subject['namespace']}/{subject['name']}"

    def _check_Secret(self, it: Object) -> Iterator[str]:
        account = it["metadata"].get("annotations", {}).get("kubernetes.io/service-account.name")
        if account is not None and not self._has("ServiceAccount", it["metadata"]["namespace"], account):
            yield f"no ServiceAccount {account}"

    def _check_ValidatingWebhookConfiguration(self, it: Object) -> Iterator[str]:
        source = it["metadata"].get("annotations", {}).get("cert-manager.io/inject-ca-from")
        if source is not None and not self._has("Certificate", *source.split("/")):
            yield f"no Certificate {source}"
        for webhook in it["webhooks"]:
            service = webhook["clientConfig"]["service"]
            if not self._has("Service", service["namespace"], service["name"]):
                yield f"no Service {service['namespace']}/{service['name']}"
            yield from self._check_names(f"{service['name']}.{service['namespace']}.svc")

    _check_MutatingWebhookConfiguration = _check_ValidatingWebhookConfiguration

    def _check_names(self, host: str) -> Iterator[str]:
        """What the API server expects in the certificate of the webhook."""
        certified: set[str] = set()
        is_known = False
        for it in self._objects:
            if it["kind"] == "Certificate" and "dnsNames" in it["spec"]:
                is_known = True
                certified.update(it["spec"]["dnsNames"])
            elif it["kind"] == "Secret" and it.get("type") == "kubernetes.io/tls":
                is_known = True
                data = it.get("stringData") or {k: base64.b64decode(v).decode() for k, v in it["data"].items()}
                certificate = x509.load_pem_x509_certificate(data["tls.crt"].encode())
                names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
                certified.update(names.get_values_for_type(x509.DNSName))
        if is_known and host not in certified:
            yield f"no certificate for {host}"

    def _check_Certificate(self, it: Object) -> Iterator[str]:
        issuer = it["spec"]["issuerRef"]
        if issuer["kind"] == "Issuer" and not self._has("Issuer", it["metadata"]["namespace"], issuer["name"]):
            yield f"no Issuer {issuer['name']}"

    def _check_Issuer(self, it: Object) -> Iterator[str]:
        secret = it["spec"].get("ca", {}).get("secretName")
        if secret is not None and not self._makes_secret(it["metadata"]["namespace"], secret):
            yield f"no Secret {secret}"

    def _check_ValidatingAdmissionPolicyBinding(self, it: Object) -> Iterator[str]:
        kind = it["kind"].removesuffix("Binding")
        if not self._has(kind, "", it["spec"]["policyName"]):
            yield f"no {kind} {it['spec']['policyName']}"

    _check_MutatingAdmissionPolicyBinding = _check_ValidatingAdmissionPolicyBinding

    def _check_ValidatingAdmissionPolicy(self, it: Object) -> Iterator[str]:
        """In the policies of mode Policy, the names of credential specs are literals."""
        expressions = json.dumps(it["spec"])
        for name in self._credspecs:
            if "ActiveDirectoryConfig" in expressions and f"'{name}'" not in expressions:
                yield f"refuses {name}"

    _check_MutatingAdmissionPolicy = _check_ValidatingAdmissionPolicy
