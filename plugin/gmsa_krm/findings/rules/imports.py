"""`import`: what a GMSAConfig is made from."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "chart-value",
        ERROR,
        "A value has a form with which the upstream chart does not work",
        why="""
            import helm-values follows the templates of the upstream chart. With a list or null in place of a mapping,
            or a host account without its plugin, helm cannot render it; a port that is not a number, or an image tag
            that YAML reads as a large number, is refused by Kubernetes. So no release has such a value.
        """,
        cure="""
            Write the value as the message says, and import the file again.
        """,
        bad="""
            # values.yaml
            image:
              tag: 20260901

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            # values.yaml
            image:
              tag: "20260901"

            $ gmsa-krm import helm-values values.yaml
        """,
    ),
    Rule(
        "doubled-braces",
        WARNING,
        "The GUID of a plugin has braces in values of the upstream chart",
        why="""
            The upstream chart puts braces around credential.hostAccountConfig.pluginGUID. With braces in the values the
            credential spec of the release has two pairs, Windows finds no such plugin, and pods on nodes that are not
            joined to the domain do not get the account.
        """,
        cure="""
            Nothing in the config that was printed, which has the GUID with one pair. Remove the braces from the values
            if the release stays.
        """,
        bad="""
            # values.yaml
            credential:
              enabled: true
              hostAccountConfig:
                pluginGUID: "{E4781092-F116-4B79-B55E-28EB6A224E26}"
                portableCcgVersion: "1"
                pluginInput: cattle-gmsa:account
              domainJoinConfig:
                dnsName: contoso.com
                dnsTreeName: contoso.com
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                machineAccountName: WebApp1
                netBiosName: CONTOSO
                sid: S-1-5-21-2126449477-2524075714-3094792973

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            # values.yaml
            credential:
              enabled: true
              hostAccountConfig:
                pluginGUID: E4781092-F116-4B79-B55E-28EB6A224E26
                portableCcgVersion: "1"
                pluginInput: cattle-gmsa:account
              domainJoinConfig:
                dnsName: contoso.com
                dnsTreeName: contoso.com
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                machineAccountName: WebApp1
                netBiosName: CONTOSO
                sid: S-1-5-21-2126449477-2524075714-3094792973

            $ gmsa-krm import helm-values values.yaml
        """,
    ),
    Rule(
        "not-carried-over",
        WARNING,
        "A value of the upstream chart is left out or changed by the import",
        why="""
            import helm-values makes a config of what the templates of the upstream chart do with the values. What a
            GMSAConfig decides by itself, what it has other limits for, and what the chart does not read, is left out
            of the result or changed, and named. A value that is the chart's default is not.
        """,
        cure="""
            Read the reason in the message, and check that what is taken fits.
        """,
        bad="""
            # values.yaml
            image:
              imagePullPolicy: Always

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            # values.yaml
            image:
              imagePullPolicy: IfNotPresent

            $ gmsa-krm import helm-values values.yaml
        """,
    ),
    Rule(
        "old-image",
        WARNING,
        "The imported values name an old image of the webhook",
        why="""
            import helm-values keeps the image that the values name if it can what the config needs. Before v0.14.0 the
            webhook neither fills in nor checks init containers, so gmsa-krm emits a stricter policy beside it; before
            v0.9.0 it cannot reload its certificate and before v0.10.0 it sets no random host names, and the newest
            image is taken in its place. k8s.gcr.io is frozen, so registry.k8s.io is taken.
        """,
        cure="""
            Set webhook.image to v0.14.1 in the config that was printed, or image.tag in the values; mirror the image
            if the cluster pulls from a registry of its own.
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
            Give webhook.name and webhook.namespace other values, run both webhooks side by side and follow
            docs/how-to/adopt.md.
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
        "A file has no values of the upstream chart",
        why="""
            import helm-values reads the values of the upstream chart gmsa, a YAML mapping of its settings. A manifest,
            a Chart.yaml, values of another chart or a file without values would become a config of nothing but
            defaults.
        """,
        cure="""
            Give the file that is passed to helm --values, or what helm get values RELEASE -o yaml prints; with --all
            for a release without values of its own. Where the chart is a dependency of another one, give what is below
            its name.
        """,
        bad="""
            # values.yaml
            controller:
              replicaCount: 2

            $ gmsa-krm import helm-values values.yaml
        """,
        good="""
            # values.yaml
            replicaCount: 2

            $ gmsa-krm import helm-values values.yaml
        """,
    ),
)
