"""Mistakes in spec.webhook."""

from __future__ import annotations

import pytest

from builders import gmsa_config
from conftest import Check
from mistakes import Mistake, assert_is_found

CERTIFICATE = [
    Mistake(
        "a duration in days",
        gmsa_config("""
            webhook:
              certificate:
                validFor: 30d
        """),
        rule="duration",
        field="spec.webhook.certificate.validFor",
        at="30d",
        words=("'30d'", "hours"),
    ),
    Mistake(
        "a validity under two epochs of Derive",
        gmsa_config("""
            webhook:
              certificate:
                source: Derive
                validFor: 1000h
        """),
        rule="validity",
        field="spec.webhook.certificate.validFor",
        at="1000h",
        words=("1000h", "1440h"),
    ),
    Mistake(
        "a validity under an hour",
        gmsa_config("""
            webhook:
              certificate:
                validFor: 5m
        """),
        rule="validity",
        field="spec.webhook.certificate.validFor",
        at="5m",
        words=("5m", "an hour"),
    ),
    Mistake(
        "ExistingSecret without the secret",
        gmsa_config("""
            webhook:
              certificate:
                source: ExistingSecret
        """),
        rule="required",
        field="spec.webhook.certificate.existingSecret",
        at="ExistingSecret",
        words=("existingSecret: {name: ..., caBundleFile: ...}",),
    ),
]
IMAGE_AND_NAMES = [
    Mistake(
        "an image without a tag",
        gmsa_config("""
            webhook:
              image: registry.example.com/webhook
        """),
        rule="floating-image-tag",
        field="spec.webhook.image",
        at="registry.example.com/webhook",
        words=("registry.example.com/webhook", "fixed tag"),
        severity="warning",
    ),
    Mistake(
        "an image with a space",
        gmsa_config("""
            webhook:
              image: 'a b'
        """),
        rule="image",
        field="spec.webhook.image",
        at="'a b'",
        words=("'a b'", "registry/path:tag"),
    ),
    Mistake(
        "a name that a Service cannot have",
        gmsa_config("""
            webhook:
              name: 1webhook
        """),
        rule="kubernetes-name",
        field="spec.webhook.name",
        at="1webhook",
        words=("Service", "gmsa-webhook"),
    ),
    Mistake(
        "a namespace of Kubernetes",
        gmsa_config("""
            webhook:
              namespace: kube-system
              certificate:
                source: CertManager
        """),
        rule="shared-namespace",
        field="spec.webhook.namespace",
        at="kube-system",
        words=("kube-system", "createNamespace: false"),
    ),
]
AVAILABILITY = [
    Mistake(
        "one replica",
        gmsa_config("""
            webhook:
              replicas: 1
        """),
        rule="single-replica",
        field="spec.webhook.replicas",
        at="1",
        words=("2 or more",),
        severity="warning",
    ),
    Mistake(
        "both kinds of disruption budget",
        gmsa_config("""
            webhook:
              podDisruptionBudget:
                minAvailable: 1
                maxUnavailable: 1
        """),
        rule="disruption-budget",
        field="spec.webhook.podDisruptionBudget",
        at="minAvailable: 1",
        words=("minAvailable and maxUnavailable", "one"),
    ),
    Mistake(
        "a disruption budget in words",
        gmsa_config("""
            webhook:
              podDisruptionBudget:
                minAvailable: one
        """),
        rule="type",
        field="spec.webhook.podDisruptionBudget.minAvailable",
        at="one",
        words=("one", "number (1)", "percentage (50%)"),
    ),
    Mistake(
        "a disruption budget that blocks every drain",
        gmsa_config("""
            webhook:
              podDisruptionBudget:
                minAvailable: 2
        """),
        rule="blocked-drain",
        field="spec.webhook.podDisruptionBudget.minAvailable",
        at="2",
        words=("2 of 2 replicas", "drain"),
        severity="warning",
    ),
]
SCHEDULING = [
    Mistake(
        "a misspelt field of a toleration",
        gmsa_config("""
            webhook:
              tolerations:
              - keys: a
        """),
        rule="unknown-field",
        field="spec.webhook.tolerations[0].keys",
        at="keys: a",
        words=("did you mean key",),
    ),
    Mistake(
        "a number where a toleration has text",
        gmsa_config("""
            webhook:
              tolerations:
              - key: a
                operator: 5
        """),
        rule="unquoted",
        field="spec.webhook.tolerations[0].operator",
        at="5",
        words=("number", '"5"'),
    ),
    Mistake(
        "a webhook on Windows nodes",
        gmsa_config("""
            webhook:
              nodeSelector:
                kubernetes.io/os: windows
        """),
        rule="webhook-os",
        field="spec.webhook.nodeSelector",
        at="kubernetes.io/os: windows",
        words=("kubernetes.io/os", "linux"),
    ),
    Mistake(
        "a node label that reads as true",
        gmsa_config("""
            webhook:
              nodeSelector:
                pool: on
        """),
        rule="unquoted",
        field="spec.webhook.nodeSelector.pool",
        at="on",
        words=("boolean", '"on"'),
    ),
    Mistake(
        "a node label with a space",
        gmsa_config("""
            webhook:
              nodeSelector:
                pool: 'c d!'
        """),
        rule="label",
        field="spec.webhook.nodeSelector.pool",
        at="'c d!'",
        words=("c d!", "label value"),
    ),
    Mistake(
        "a misspelt field of an affinity",
        gmsa_config("""
            webhook:
              affinity:
                podAntiAffinity:
                  requiredDuringScheduling: []
        """),
        rule="unknown-field",
        field="spec.webhook.affinity.podAntiAffinity.requiredDuringScheduling",
        at="requiredDuringScheduling: []",
        words=("did you mean requiredDuringSchedulingIgnoredDuringExecution",),
    ),
]
RESOURCES = [
    Mistake(
        "a quantity in words",
        gmsa_config("""
            webhook:
              resources:
                requests:
                  cpu: many
        """),
        rule="type",
        field="spec.webhook.resources.requests.cpu",
        at="many",
        words=("many", "100m or 128Mi"),
    ),
    Mistake(
        "requests that are not a mapping",
        gmsa_config("""
            webhook:
              resources:
                requests: hello
        """),
        rule="type",
        field="spec.webhook.resources.requests",
        at="hello",
        words=("mapping", "scalar"),
    ),
]


@pytest.mark.parametrize("mistake", [*CERTIFICATE, *IMAGE_AND_NAMES, *AVAILABILITY, *SCHEDULING, *RESOURCES], ids=str)
def test_a_mistake_in_the_webhook_is_found(mistake: Mistake, check: Check) -> None:
    assert_is_found(mistake, check)
