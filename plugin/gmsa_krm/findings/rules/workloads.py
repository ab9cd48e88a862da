"""Workloads: what the config changes in them, and their references."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import POD, Rule

RULES = (
    Rule(
        "conflicting-changes",
        ERROR,
        "Two entries of workloads set one field of a workload to different values",
        why="""
            Each entry of workloads applies to every workload that it matches. Where two entries want different values
            for one field, the result would depend on their order.
        """,
        cure="""
            Narrow match of one entry, or give both the same value.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  namespaces: [web]
                serviceAccount: webapp1
              - match:
                  names: [web]
                serviceAccount: webapp2
        """,
        good="""
            spec:
              workloads:
              - match:
                  namespaces: [web]
                serviceAccount: webapp1
        """,
    ),
    Rule(
        "contents-without-name",
        ERROR,
        "A pod holds gmsaCredentialSpec without gmsaCredentialSpecName",
        why="""
            Admission authorizes a credential spec by its name. The webhook and the admission policies refuse contents
            without a name, since RBAC grants the use of a name, not of contents.
        """,
        cure="""
            Name the credential spec in gmsaCredentialSpecName and remove gmsaCredentialSpec: the contents are filled in
            at admission, or by gmsa-krm in mode Policy.
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
                windowsOptions:
                  gmsaCredentialSpec: '{"CmsPlugins":["ActiveDirectory"]}'
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "credspec-case",
        ERROR,
        "A pod names a credential spec in a different case than the config",
        why="""
            Names of Kubernetes objects are case-sensitive. The API server refuses a gmsaCredentialSpecName with
            capitals, since it is not a DNS subdomain; the name in the Kubernetes gMSA guide, gmsa-WebApp1, is refused
            for that reason.
        """,
        cure="""
            Write the name as the config has it, in lower case.
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-WebApp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "empty-match",
        ERROR,
        "An entry of workloads matches every workload",
        why="""
            A match without kinds, names, namespaces and labelSelector selects every workload that passes through. That
            would give all of them the identity of the gMSA.
        """,
        cure="""
            Give at least one of kinds, names, namespaces and labelSelector.
        """,
        bad="""
            spec:
              workloads:
              - match: {}
                serviceAccount: webapp1
        """,
        good="""
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1
        """,
    ),
    Rule(
        "ephemeral-reference",
        ERROR,
        "An ephemeral container has a credential spec of its own",
        why="""
            The webhook does not look at ephemeral containers, so whoever may add one could give it any credential spec.
            The policies that gmsa-krm emits refuse such a reference; an ephemeral container shares the credential spec
            of its pod.
        """,
        cure="""
            Remove gmsaCredentialSpecName and gmsaCredentialSpec from the ephemeral container.
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
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
              ephemeralContainers:
              - name: debug
                image: mcr.microsoft.com/windows/servercore:ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
        """,
        good="""
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
              ephemeralContainers:
              - name: debug
                image: mcr.microsoft.com/windows/servercore:ltsc2022
        """,
    ),
    Rule(
        "existing-hook",
        ERROR,
        "A container already has a postStart hook",
        why="""
            A container has one postStart hook. netlogonRestart would replace the existing hook of the application.
        """,
        cure="""
            Set onExistingHook to Keep or Replace, or list other containers.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                netlogonRestart: {}

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
                lifecycle:
                  postStart:
                    exec:
                      command: [powershell.exe, C:/warm-up.ps1]
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                netlogonRestart:
                  onExistingHook: Keep

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
                lifecycle:
                  postStart:
                    exec:
                      command: [powershell.exe, C:/warm-up.ps1]
        """,
    ),
    Rule(
        "field-path",
        ERROR,
        "podTemplate is not a path of fields",
        why="""
            workloadKinds[].podTemplate says where a custom resource has its pod template: field names, joined by dots.
            Slashes, indexes and JSONPath are not supported.
        """,
        cure="""
            Write the path from the root of the object, such as spec.template.
        """,
        bad="""
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout
                podTemplate: /spec/template
        """,
        good="""
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout
                podTemplate: spec.template
        """,
    ),
    Rule(
        "foreign-contents",
        ERROR,
        "The contents in a pod differ from the credential spec that it names",
        why="""
            Admission compares gmsaCredentialSpec with the GMSACredentialSpec of that name and refuses a pod whose
            contents differ.
        """,
        cure="""
            Remove gmsaCredentialSpec: the webhook fills it in at admission, and gmsa-krm writes it in mode Policy.
            After a change of the credential spec, policy.acceptPrevious keeps the old contents accepted.
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
                  gmsaCredentialSpec: '{"CmsPlugins":["ActiveDirectory"]}'
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "hidden-contents",
        WARNING,
        "A container's gmsaCredentialSpecName hides the contents that the pod holds",
        why="""
            For a container that sets gmsaCredentialSpecName, the kubelet uses only the container's name and contents,
            not those of the pod. A container with a name and without contents runs without a gMSA, and nothing reports
            it, unless admission fills in the contents.
        """,
        cure="""
            Remove gmsaCredentialSpec from the pod, so that admission fills in the contents in both places, or remove
            the name from the container.
        """,
        bad="""
            # gmsa.yaml
            spec:
              existingCredspecs: [gmsa-reports]

            # reports.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: reports
              namespace: web
            spec:
              serviceAccountName: webapp1
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-reports
                  gmsaCredentialSpec: |
                    {
                      "ActiveDirectoryConfig": {
                        "GroupManagedServiceAccounts": [
                          {"Name": "Reports", "Scope": "CONTOSO"},
                          {"Name": "Reports", "Scope": "contoso.com"}
                        ]
                      },
                      "CmsPlugins": ["ActiveDirectory"],
                      "DomainJoinConfig": {
                        "DnsName": "contoso.com",
                        "DnsTreeName": "contoso.com",
                        "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                        "MachineAccountName": "Reports",
                        "NetBiosName": "CONTOSO",
                        "Sid": "S-1-5-21-2126449477-2524075714-3094792973"
                      }
                    }
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
        """,
        good="""
            # gmsa.yaml
            spec:
              existingCredspecs: [gmsa-reports]

            # reports.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: reports
              namespace: web
            spec:
              serviceAccountName: webapp1
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-reports
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
        """,
    ),
    Rule(
        "hook-on-init-container",
        ERROR,
        "netlogonRestart names an init container",
        why="""
            The API server refuses lifecycle hooks in init containers that run to completion, so gmsa-krm adds the hook
            to containers only.
        """,
        cure="""
            List containers only, or leave containers out to change all of them.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                containers: [migrate]
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              initContainers:
              - name: migrate
                image: mcr.microsoft.com/windows/servercore:ltsc2022
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
                containers: [iis]
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              initContainers:
              - name: migrate
                image: mcr.microsoft.com/windows/servercore:ltsc2022
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "hook-without-powershell",
        WARNING,
        "The netlogon hook runs in a nanoserver image",
        why="""
            The hook is a PowerShell command, and nanoserver images have no PowerShell. The kubelet kills a container
            whose postStart hook fails.
        """,
        cure="""
            Use an image that is built from servercore, or leave the hook out.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              containers:
              - name: api
                image: mcr.microsoft.com/dotnet/aspnet:8.0-nanoserver-ltsc2022
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              containers:
              - name: api
                image: mcr.microsoft.com/dotnet/aspnet:8.0-windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "hook-without-rights",
        WARNING,
        "The netlogon hook runs as ContainerUser",
        why="""
            ContainerUser may not restart services, so the hook does not restart netlogon and the secure channel is not
            repaired.
        """,
        cure="""
            Set runAsUserName to ContainerAdministrator, or leave the hook out.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              securityContext:
                windowsOptions:
                  runAsUserName: ContainerUser
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
                netlogonRestart: {}

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              securityContext:
                windowsOptions:
                  runAsUserName: ContainerAdministrator
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "host-process",
        ERROR,
        "A HostProcess container has a credential spec",
        why="""
            A HostProcess container runs as an account of the node, directly on the host, and takes no gMSA.
        """,
        cure="""
            Remove hostProcess, or remove the credential spec.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
              hostNetwork: true
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                windowsOptions:
                  hostProcess: true
                  runAsUserName: NT AUTHORITY\\SYSTEM
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "init-container-reference",
        ERROR,
        "An init container names a credential spec that admission refuses there",
        why="""
            Before v0.14.0 the webhook does not look at init containers: it fills in no contents and checks no names. So
            the hardening policy (webhook.hardeningPolicy) admits an init container only with the name and contents of
            the pod or of one of its containers.
        """,
        cure="""
            Use version v0.14.1 of the webhook. Or name the credential spec for the pod, which its init containers
            share, and remove it from the init container.
        """,
        bad="""
            # gmsa.yaml
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0
            # manifest.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
              nodeSelector:
                kubernetes.io/os: windows
              initContainers:
              - name: migrate
                image: mcr.microsoft.com/windows/servercore:ltsc2022
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
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0
            # manifest.yaml
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              initContainers:
              - name: migrate
                image: mcr.microsoft.com/windows/servercore:ltsc2022
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "label-selector",
        ERROR,
        "The value is not a label selector",
        why="""
            labelSelector takes the syntax of kubectl get --selector. A selector that cannot be read would select
            nothing, or everything.
        """,
        cure="""
            Join requirements with commas: app=iis, tier!=db, env in (prod,test), env notin (dev), gmsa, !legacy.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  labelSelector: app in web
                serviceAccount: webapp1
        """,
        good="""
            spec:
              workloads:
              - match:
                  labelSelector: app in (web)
                serviceAccount: webapp1
        """,
    ),
    Rule(
        "linux-only-field",
        ERROR,
        "A pod with os.name windows sets a field that is for Linux pods only",
        why="""
            With os.name windows the API server refuses runAsUser, fsGroup, seccompProfile, capabilities, privileged,
            hostPID, pod-level resources and other fields that have no meaning on Windows. A Deployment with such a pod
            is refused as well.
        """,
        cure="""
            Remove the field, or os.name if the pod needs the field. The Windows counterpart of runAsUser is
            windowsOptions.runAsUserName.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
              os:
                name: windows
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                runAsUser: 1000
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
              os:
                name: windows
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                windowsOptions:
                  runAsUserName: ContainerUser
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "mount-path",
        ERROR,
        "A bound token cannot be mounted at mountPath",
        why="""
            The path is not absolute, or the container already mounts another volume there. The API server refuses two
            mounts at one path.
        """,
        cure="""
            Give token.mountPath an absolute path without .. that no other volume uses.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  names: [web]
                token:
                  audience: vault
                  mountPath: secrets/tokens
        """,
        good="""
            spec:
              workloads:
              - match:
                  names: [web]
                token:
                  audience: vault
                  mountPath: /var/run/secrets/tokens
        """,
    ),
    Rule(
        "no-match",
        WARNING,
        "An entry of workloads matches no workload",
        why="""
            The entry changes nothing, so its workload runs without the gMSA. Often the name is misspelled, the workload
            is not in the input, or its kind is missing from workloadKinds.
        """,
        cure="""
            Fix match, pass the workload too, or remove the entry. With kustomize, list the config under transformers,
            since generators see no workloads.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  names: [webb]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
        """,
        good="""
            spec:
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
        """,
    ),
    Rule(
        "no-namespace",
        ERROR,
        "A workload of a FromWorkloads credential spec has no namespace",
        why="""
            usedBy: FromWorkloads emits a RoleBinding in the namespace of each workload that uses the credential spec.
            Without a namespace, gmsa-krm does not know where to put it.
        """,
        cure="""
            Set metadata.namespace of the workload, or namespace in the kustomization; pass --namespace to render or
            lint, --release-namespace to post-render; or list the service accounts in usedBy.
        """,
        bad="""
            # gmsa.yaml
            spec:
              credspecs:
              - account: WebApp1
                usedBy: FromWorkloads

            # web.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
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
              credspecs:
              - account: WebApp1
                usedBy: FromWorkloads

            # web.yaml
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "no-pod",
        ERROR,
        "A workload that an entry matches has no pod spec",
        why="""
            The entry changes the pod, but the pod template of the workload has no spec. The API server refuses such a
            workload.
        """,
        cure="""
            Complete the workload, or narrow match. For a custom resource check workloadKinds[].podTemplate.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: shop
              namespace: web
            spec:
              selector:
                matchLabels:
                  app: shop
              template:
                metadata:
                  labels:
                    app: shop
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: shop
              namespace: web
            spec:
              selector:
                matchLabels:
                  app: shop
              template:
                metadata:
                  labels:
                    app: shop
                spec:
                  containers:
                  - name: iis
                    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "no-such-container",
        ERROR,
        "An entry of workloads names a container that the workload does not have",
        why="""
            The change would reach no container, and the intended one would run without the gMSA.
        """,
        cure="""
            Fix the name in containers, or leave containers out to change the whole pod.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
                containers: [isi]
        """,
        good="""
            spec:
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
                containers: [iis]
        """,
    ),
    Rule(
        "no-windows-node",
        WARNING,
        "A pod with a gMSA may be scheduled on a Linux node",
        why="""
            Credential specs work on Windows nodes only. Without a node selector, affinity, toleration or runtime class
            the scheduler may choose any node.
        """,
        cure="""
            Set nodeSelector kubernetes.io/os: windows and os.name: windows. An entry of workloads sets both by default.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: webapp1
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
        "not-windows",
        ERROR,
        "A pod with a gMSA is placed on Linux",
        why="""
            gMSA is for Windows containers. A pod whose os.name, node selector, required node affinity or RuntimeClass
            says linux cannot use it, and an entry of workloads does not override that.
        """,
        cure="""
            Set nodeSelector kubernetes.io/os and os.name to windows, and let the affinity and the RuntimeClass allow
            Windows nodes; or remove the reference. Narrow match of an entry that matches a Linux workload.
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
                kubernetes.io/os: linux
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
        "reference-type",
        ERROR,
        "gmsaCredentialSpecName or gmsaCredentialSpec is not a non-empty string",
        why="""
            Both fields are strings. YAML reads an unquoted number, yes or no as another type, which the API server
            refuses; an empty string is a reference to nothing.
        """,
        cure="""
            Quote the value, or remove the field.
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
                windowsOptions:
                  gmsaCredentialSpecName: ""
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "unknown-contents",
        ERROR,
        "In mode Policy a pod names a credential spec whose contents are not known",
        why="""
            In mode Policy gmsa-krm writes the contents into the pod. existingCredspecs has names only, so gmsa-krm has
            no contents to write. The policy refuses a pod that has only a name.
        """,
        cure="""
            Add the credential spec to credspecs; with file, from its JSON: kubectl get gmsacredentialspec NAME -o
            jsonpath={.credspec}.
        """,
        bad="""
            # gmsa.yaml
            spec:
              admission:
                mode: Policy
              credspecs: []
              existingCredspecs: [gmsa-webapp1]

            # web.yaml
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            # gmsa.yaml
            spec:
              admission:
                mode: Policy
              credspecs:
              - file: webapp1.json

            # web.yaml
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "unknown-credspec",
        ERROR,
        "A workload names a credential spec that the config does not know",
        why="""
            Admission refuses a pod that names a GMSACredentialSpec which does not exist. The Deployment itself applies
            without an error; its ReplicaSet fails later.
        """,
        cure="""
            Fix the name, add the credential spec to credspecs, or list it in existingCredspecs if the cluster has it.
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
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "unknown-domain",
        ERROR,
        "SecureChannelReset has no domain to reset",
        why="""
            The hook runs nltest /sc_reset:<domain>. The domain of a credential spec in existingCredspecs, or of an
            entry without credspec, is not in the config.
        """,
        cure="""
            Set netlogonRestart.domain to the DNS name of the domain.
        """,
        bad="""
            spec:
              existingCredspecs: [gmsa-reports]
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-reports
                serviceAccount: reports
                netlogonRestart:
                  method: SecureChannelReset
        """,
        good="""
            spec:
              existingCredspecs: [gmsa-reports]
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-reports
                serviceAccount: reports
                netlogonRestart:
                  method: SecureChannelReset
                  domain: contoso.com
        """,
    ),
    Rule(
        "volume-name",
        ERROR,
        "The pod already has a volume with the name of the bound token",
        why="""
            The volumes of a pod need different names. The existing volume is not the token.
        """,
        cure="""
            Set token.name to a name that the pod does not use.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                token:
                  audience: vault
                  name: cache

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
              volumes:
              - name: cache
                emptyDir: {}
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                token:
                  audience: vault
                  name: vault-token

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
              volumes:
              - name: cache
                emptyDir: {}
        """,
    ),
)
