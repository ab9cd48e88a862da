"""Pods: what is in the way of a gMSA, and of what the config adds."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import POD, Rule

RULES = (
    Rule(
        "alpha-annotation",
        ERROR,
        "A workload names a credential spec in an annotation of the alpha stage",
        why="""
            Before Kubernetes 1.16 gMSA was configured by annotations that end in
            alpha.windows.kubernetes.io/gmsa-credential-spec-name and gmsa-credential-spec. Kubernetes no longer reads
            them. The pod runs without the gMSA, and no component reports it.
        """,
        cure="""
            Write the name as securityContext.windowsOptions.gmsaCredentialSpecName of the pod or container, and remove
            the annotation.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
              annotations:
                pod.alpha.windows.kubernetes.io/gmsa-credential-spec-name: gmsa-webapp1
            spec:
              serviceAccountName: webapp1
              nodeSelector:
                kubernetes.io/os: windows
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "equal-host-names",
        WARNING,
        "Two workloads with one gMSA give their pods equal host names",
        why="""
            Windows cuts a host name to 15 characters, its NetBIOS name. A domain controller identifies the pods of an
            account by that name. If two pods with the same name talk to it at the same time, the first one loses its
            secure channel. The names of pods start with the name of the workload. So workload names of 15 or more
            characters with the same beginning give equal host names.
        """,
        cure="""
            Rename one of the workloads, or set another hostname. In mode Webhook, webhook.randomHostname gives random
            names to pods that set none, except those of StatefulSets.
        """,
        bad="""
            # api.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: inventory-service-api
              namespace: web
            spec:
              replicas: 1
              selector:
                matchLabels:
                  app: inventory-service-api
              template:
                metadata:
                  labels:
                    app: inventory-service-api
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022

            # worker.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: inventory-service-worker
              namespace: web
            spec:
              replicas: 1
              selector:
                matchLabels:
                  app: inventory-service-worker
              template:
                metadata:
                  labels:
                    app: inventory-service-worker
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            # api.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: inventory-api
              namespace: web
            spec:
              replicas: 1
              selector:
                matchLabels:
                  app: inventory-api
              template:
                metadata:
                  labels:
                    app: inventory-api
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022

            # worker.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: inventory-worker
              namespace: web
            spec:
              replicas: 1
              selector:
                matchLabels:
                  app: inventory-worker
              template:
                metadata:
                  labels:
                    app: inventory-worker
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "misplaced-reference",
        ERROR,
        "A credential spec is named where the API does not read it",
        why="""
            The API reads gmsaCredentialSpecName and gmsaCredentialSpec in securityContext.windowsOptions of a pod or a
            container, in exactly this spelling. Elsewhere, such as in the spec of a Deployment or directly in
            securityContext, the field is unknown. kubectl refuses it; other clients drop it, and the pod runs without
            the gMSA.
        """,
        cure="""
            Move the field to the path that the message names.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "os-name-left-out",
        WARNING,
        "A workload gets no os.name, since it sets fields for Linux pods",
        why="""
            An entry of workloads sets os.name windows, with which the API server refuses fields such as runAsUser,
            fsGroup, seccompProfile and capabilities. Without os.name it accepts them, and Windows ignores them; the
            node selector places the pod. Pod Security level restricted requires some of these fields if os.name is not
            set, and none if it is.
        """,
        cure="""
            Remove the fields, often in the values of a chart. gmsa-krm then sets os.name. Or set windowsNode: false in
            the entry and write the node selector into the workload.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                credspec: gmsa-webapp1
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              securityContext:
                fsGroup: 1000
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                credspec: gmsa-webapp1
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "patch-tolerations",
        WARNING,
        "A patch replaces the tolerations of the workload",
        why="""
            A strategic merge patch replaces a pod's tolerations as a whole, and the patch command does not see those of
            the workload.
        """,
        cure="""
            List all tolerations of the workload in the entry, or use the transformer, which adds the tolerations of the
            entry to the existing ones.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1
                tolerations:
                - key: os
                  value: windows
                  effect: NoSchedule
            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
        good="""
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1
                tolerations:
                - key: os
                  value: windows
                  effect: NoSchedule
            $ gmsa-krm render .
        """,
    ),
    Rule(
        "shared-host-name",
        WARNING,
        "Several pods with one gMSA get the same host name",
        why="""
            All pods of a workload get the hostname of its pod template. The names of a StatefulSet's pods end in a
            number, which is lost when Windows cuts a name to 15 characters. A domain controller identifies the pods of
            an account by host name. If two pods with the same name talk to it at the same time, the first one loses its
            secure channel. The webhook keeps a host name that is set, even with webhook.randomHostname.
        """,
        cure="""
            Remove hostname. Give a StatefulSet a name of at most 12 characters.
        """,
        bad="""
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: shop
              namespace: web
            spec:
              replicas: 3
              selector:
                matchLabels:
                  app: shop
              template:
                metadata:
                  labels:
                    app: shop
                spec:
                  hostname: shop
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: shop
              namespace: web
            spec:
              replicas: 3
              selector:
                matchLabels:
                  app: shop
              template:
                metadata:
                  labels:
                    app: shop
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "no-such-kind",
        ERROR,
        "A credential spec is named in a kind that no cluster has",
        why="""
            v1, apps/v1 and batch/v1 have the kinds of Kubernetes. The API server refuses a misspelled kind, or one of a
            removed version such as extensions/v1beta1. gmsa-krm neither changes nor checks it.
        """,
        cure="""
            Write the apiVersion and kind that the message gives.
        """,
        bad="""
            apiVersion: extensions/v1beta1
            kind: Deployment
            metadata:
              name: shop
              namespace: web
            spec:
              template:
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "unknown-workload-kind",
        WARNING,
        "A credential spec is named in a kind that gmsa-krm does not know",
        why="""
            gmsa-krm knows the kinds of Kubernetes that have a pod. In another kind it changes and checks nothing, and
            usedBy: FromWorkloads emits no RoleBinding for it. A wrong name shows only when the pods are refused.
        """,
        cure="""
            Add the kind to workloadKinds, with the path of its pod template if that is not spec.template. If it has no
            pod template, list its service account in usedBy.
        """,
        bad="""
            apiVersion: argoproj.io/v1alpha1
            kind: Rollout
            metadata:
              name: shop
              namespace: web
            spec:
              template:
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            # gmsa.yaml
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout

            # shop.yaml
            apiVersion: argoproj.io/v1alpha1
            kind: Rollout
            metadata:
              name: shop
              namespace: web
            spec:
              template:
                spec:
                  serviceAccountName: webapp1
                  nodeSelector:
                    kubernetes.io/os: windows
                  securityContext:
                    windowsOptions:
                      gmsaCredentialSpecName: gmsa-webapp1
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "unused-random-hostname",
        WARNING,
        "webhook.randomHostname is set in a mode without a webhook",
        why="""
            The webhook sets random host names. In mode Policy, nothing can: the expressions of a
            MutatingAdmissionPolicy have no random numbers, and do not see the future name or UID of a pod. In mode None
            the webhook of the cluster decides.
        """,
        cure="""
            Remove randomHostname. If you need random host names, use mode Webhook. Or use a StatefulSet with a name of
            at most 12 characters, which gives each pod its own host name.
        """,
        bad="""
            spec:
              admission:
                mode: Policy
              webhook:
                randomHostname: true
        """,
        good="""
            spec:
              admission:
                mode: Webhook
              webhook:
                randomHostname: true
        """,
    ),
)
