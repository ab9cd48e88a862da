"""Pods: what is in the way of a gMSA, and of what the config adds."""

from __future__ import annotations

from gmsa_krm.findings import WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "os-name-left-out",
        WARNING,
        "A workload gets no os.name, since it sets fields that are for Linux pods only",
        why="""
            An entry of workloads sets os.name windows, with which the API server refuses fields such as runAsUser,
            fsGroup, seccompProfile and capabilities. Without os.name it accepts them, and Windows ignores them; the
            node selector places the pod. Pod Security level restricted demands some of them without os.name, and none
            with it.
        """,
        cure="""
            Remove the fields, often by the values of a chart; os.name is then set. Or set windowsNode: false in the
            entry and write the node selector into the workload.
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
            List all tolerations of the workload in the entry, or let the transformer change the workload: it adds the
            tolerations of the entry to the existing ones.
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
)
