"""`import`: what a GMSAConfig is made from."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "not-carried-over",
        WARNING,
        "A value of the upstream chart has no counterpart in a GMSAConfig",
        why="""
            import helm-values translates the values of the upstream chart. What a GMSAConfig decides by itself, and
            values that the chart does not know, are left out of the result.
        """,
        cure="""
            Read the reason in the message, and check that the default of gmsa-krm fits. The webhook listens on 8443,
            its pods meet Pod Security level restricted, and its Secret has another name.
        """,
        bad="""
            # values.yaml
            containerPort: 9443

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            spec:
              webhook:
                name: gmsa
                namespace: gmsa
        """,
    ),
    Rule(
        "old-image",
        WARNING,
        "The imported values keep an old image of the webhook",
        why="""
            import helm-values keeps the image that the values name. Before v0.14.0 the webhook neither fills in nor
            checks init containers, so gmsa-krm emits a stricter policy beside it.
        """,
        cure="""
            Set webhook.image to v0.14.1 in the config that was printed, or image.tag in the values.
        """,
        bad="""
            # values.yaml
            image:
              tag: v0.13.0

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1
        """,
    ),
    Rule(
        "same-names",
        WARNING,
        "The imported config names the webhook as the upstream release does",
        why="""
            import helm-values takes over the names of the upstream release. Over the names of a running webhook,
            kubectl apply stops at conflicts of field managers; forced, it renames the target port of the Service under
            pods that do not know it, and pods that use a gMSA are refused.
        """,
        cure="""
            Give webhook.name and webhook.namespace other values, run both webhooks side by side and follow ADOPTION.md.
        """,
        bad="""
            # values.yaml
            replicaCount: 2

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            spec:
              webhook:
                name: gmsa-webhook
                namespace: gmsa-webhook
        """,
    ),
    Rule(
        "values",
        ERROR,
        "A values file of the upstream chart is not a mapping",
        why="""
            import helm-values reads the values of the upstream chart gmsa, a YAML mapping of its settings.
        """,
        cure="""
            Give the file that is passed to helm --values, or what helm get values RELEASE -o yaml prints.
        """,
        bad="""
            # values.yaml
            - replicaCount=2

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            # values.yaml
            replicaCount: 2

            $ gmsa-krm import helm-values values.yaml
        """,
    ),
)
