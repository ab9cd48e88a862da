"""The webhook configurations: which pods the API server sends to the webhook, and which CA it trusts."""

from __future__ import annotations

import base64

from gmsa_krm.certificates.material import ISSUED
from gmsa_krm.manifests.cel import sets_gmsa, uses_gmsa
from gmsa_krm.manifests.cert_manager import certificate_name
from gmsa_krm.manifests.webhook import labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import TlsMaterial
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.manifests.manifest import Object

# Upstream's name of both webhooks; it is in the error messages that users search for.
_NAME = "admission-webhook.windows-gmsa.sigs.k8s.io"


def validating(webhook: Webhook, tls: TlsMaterial) -> Object:
    return _configuration(
        "ValidatingWebhookConfiguration",
        webhook,
        tls,
        {"path": "/validate", "operations": ["CREATE", "UPDATE"], "expression": sets_gmsa()},
        {},
    )


def mutating(webhook: Webhook, tls: TlsMaterial) -> Object:
    return _configuration(
        "MutatingWebhookConfiguration",
        webhook,
        tls,
        {"path": "/mutate", "operations": ["CREATE"], "expression": uses_gmsa("object")},
        # Another webhook may add a container with a reference after this one has run. A webhook that was not called in
        # the first round is not called again (webhook/mutating/dispatcher.go).
        {"reinvocationPolicy": "IfNeeded"},
    )


def _configuration(kind: str, webhook: Webhook, tls: TlsMaterial, call: Object, more: Object) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {
            "name": webhook.name,
            "labels": labels(webhook),
            **(
                {"annotations": {"cert-manager.io/inject-ca-from": f"{webhook.namespace}/{certificate_name(webhook)}"}}
                if tls.key_location == ISSUED
                else {}
            ),
        },
        "webhooks": [
            {
                "name": _NAME,
                "clientConfig": {
                    "service": {
                        "name": webhook.name,
                        "namespace": webhook.namespace,
                        "path": call["path"],
                        "port": 443,
                    },
                    **({"caBundle": base64.b64encode(tls.ca_bundle.encode()).decode("ascii")} if tls.ca_bundle else {}),
                },
                "rules": [
                    {
                        "operations": call["operations"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                        "scope": "Namespaced",
                    },
                ],
                # Pods without a reference are never sent, so a webhook that is down blocks no other pod, not even its
                # own. So there is no need for a label that turns the checks off.
                "matchConditions": [{"name": "uses-gmsa", "expression": call["expression"]}],
                **namespace_selector(webhook),
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
                **more,
            },
        ],
    }


def namespace_selector(webhook: Webhook) -> Object:
    """The selector without the excluded namespaces; the hardening policy has it too."""
    if not webhook.excluded_namespaces:
        return {}
    return {
        "namespaceSelector": {
            "matchExpressions": [
                {
                    # set by the API server and immutable, unlike other labels
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": sorted(set(webhook.excluded_namespaces)),
                },
            ],
        },
    }
