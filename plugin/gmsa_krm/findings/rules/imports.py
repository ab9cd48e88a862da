"""`import`: what a GMSAConfig is made from."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "chart-value",
        ERROR,
        "A value has a form that the upstream chart cannot use",
        why="""
            import helm-values follows the templates of the upstream chart. helm cannot render a list or null in place
            of a mapping, or a host account without its plugin. Kubernetes refuses a port that is not a number, and an
            image tag that YAML reads as a large number. So no release has such a value.
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
            credential spec of the release has two pairs, Windows finds no such plugin. Pods on nodes that are not
            joined to the domain do not get the account.
        """,
        cure="""
            The printed config has the GUID with one pair of braces. If you keep the release, remove the braces from its
            values.
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
            import helm-values writes a config that does what the templates of the upstream chart do with the values. It
            leaves out or changes, and names, each value that a GMSAConfig decides by itself, that is outside its
            limits, or that the chart does not read. It does not name values that are the chart's defaults.
        """,
        cure="""
            Read the reason in the message, and check that the config fits.
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
            import helm-values keeps the image of the values if it can do what the config needs. Before v0.14.0, the
            webhook neither fills in nor checks init containers, so gmsa-krm emits a stricter policy with it. Before
            v0.9.0 it cannot reload its certificate, and before v0.10.0 it sets no random host names; then the config
            gets the newest image. k8s.gcr.io is frozen, so the config gets registry.k8s.io.
        """,
        cure="""
            Set webhook.image to v0.14.1 in the printed config, or image.tag in the values. If the cluster pulls from
            your own registry, mirror the image there.
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
        "The imported config gives the webhook the names of the upstream release",
        why="""
            import helm-values keeps the names of the upstream release. Applied over a running webhook with these names,
            kubectl apply stops at conflicts of field managers. With --force-conflicts, it renames the target port of
            the Service. The running pods do not know that port, and pods that use a gMSA are refused.
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
            a Chart.yaml, values of another chart or a file without values would give a config with only defaults.
        """,
        cure="""
            Give the file that you pass to helm --values, or the output of helm get values RELEASE -o yaml, with --all
            for a release without its own values. If the chart is a dependency of another one, give the part below its
            name.
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
