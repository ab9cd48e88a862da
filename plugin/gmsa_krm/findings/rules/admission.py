"""Admission: the webhook, its certificate, and the policies."""

from __future__ import annotations

from textwrap import indent

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import CONTENTS, Rule

_PREVIOUS = """\
spec:
  admission:
    mode: Policy
  policy:
    acceptPrevious:
    - credspec: gmsa-webapp1
      contents: |
""" + indent(CONTENTS, " " * 8)

RULES = (
    Rule(
        "blocked-drain",
        WARNING,
        "The PodDisruptionBudget of the webhook lets no pod be evicted",
        why="""
            With minAvailable at or above the number of replicas, the eviction API refuses to evict any of them:
            draining a node that runs one does not finish.
        """,
        cure="""
            Set minAvailable below webhook.replicas, or use maxUnavailable: 1, which is the default.
        """,
        bad="""
            spec:
              webhook:
                replicas: 2
                podDisruptionBudget:
                  minAvailable: 2
        """,
        good="""
            spec:
              webhook:
                replicas: 2
                podDisruptionBudget:
                  minAvailable: 1
        """,
    ),
    Rule(
        "built-in-name",
        ERROR,
        "An object would have the name of one that every cluster has",
        why="""
            The webhook's ClusterRole is named after its namespace and name, so admin in namespace cluster would replace
            cluster-admin. Other names that every cluster has are the ServiceAccount default of each namespace, those
            of the controllers in kube-system, and the Service kubernetes in default.
        """,
        cure="""
            Choose another name. To let the service account default use a credential spec, list it in usedBy; every
            namespace already has it.
        """,
        bad="""
            spec:
              webhook:
                name: admin
                namespace: cluster
        """,
        good="""
            spec:
              webhook:
                name: gmsa-webhook
                namespace: cluster
        """,
    ),
    Rule(
        "certificate",
        ERROR,
        "A certificate file of the webhook cannot be used",
        why="""
            The API server calls the webhook over TLS at <name>.<namespace>.svc. If the key does not belong to the
            certificate, the chain does not lead to the CA in caBundle, or the certificate is for another name, every
            call fails, and with failurePolicy Fail the API server refuses every pod that uses a gMSA.
        """,
        cure="""
            Fix the file that the message names. gmsa-krm certs issue writes a matching set for webhook.name and
            webhook.namespace; gmsa-krm certs show prints what a file holds. A ca file holds certificates only, never a
            private key, and the key file is not encrypted.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --name gmsa-webhook --namespace default --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --name gmsa-webhook --namespace gmsa-webhook --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "disruption-budget",
        ERROR,
        "The PodDisruptionBudget has both minAvailable and maxUnavailable",
        why="""
            The API server refuses a PodDisruptionBudget with both fields.
        """,
        cure="""
            Keep minAvailable or maxUnavailable.
        """,
        bad="""
            spec:
              webhook:
                replicas: 3
                podDisruptionBudget:
                  minAvailable: 1
                  maxUnavailable: 1
        """,
        good="""
            spec:
              webhook:
                replicas: 3
                podDisruptionBudget:
                  maxUnavailable: 1
        """,
    ),
    Rule(
        "expired-ca-in-bundle",
        WARNING,
        "The CA file holds an expired CA beside a valid one",
        why="""
            After a rotation the old CA stays in the bundle until the last pod has a certificate of the new one. An
            expired CA is of no use, so gmsa-krm leaves it out of caBundle.
        """,
        cure="""
            Remove the expired certificate from the file.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ SOURCE_DATE_EPOCH=1577836800 gmsa-krm certs issue --valid-for 720h --dir old
            $ gmsa-krm certs issue --dir certs
            $ cat old/ca.crt >> certs/ca.crt
            $ gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "expired-certificate",
        ERROR,
        "A certificate of the webhook has expired",
        why="""
            The API server does not accept an expired certificate: every call of the webhook fails, and with
            failurePolicy Fail no pod that uses a gMSA is created.
        """,
        cure="""
            Issue new files with gmsa-krm certs issue --force. The sources CertManager and Derive renew by themselves.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ SOURCE_DATE_EPOCH=1577836800 gmsa-krm certs issue --valid-for 720h --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "expiring-certificate",
        WARNING,
        "A certificate of the webhook expires within 30 days",
        why="""
            Nothing renews certificate files for you. Once the certificate has expired, the API server refuses every pod
            that uses a gMSA.
        """,
        cure="""
            Issue new files with gmsa-krm certs issue --force, then render and apply. The CA in use stays trusted beside
            the new one.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --valid-for 240h --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Files

            $ gmsa-krm certs issue --valid-for 8760h --dir certs
            $ gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "floating-image-tag",
        WARNING,
        "An image has no fixed tag",
        why="""
            Without a tag, or with latest, pods of one Deployment can run different images, and what runs changes
            without a rollout.
        """,
        cure="""
            Name a version or a digest.
        """,
        bad="""
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:latest
        """,
        good="""
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1
        """,
    ),
    Rule(
        "generated-certificate",
        WARNING,
        "The webhook gets a new certificate at every render",
        why="""
            Source Generate makes new keys on every run. No two renders are equal, and each one that is applied restarts
            the webhook pods.
        """,
        cure="""
            Use CertManager, Derive, Files or ExistingSecret for anything but a trial.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Generate
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: CertManager
        """,
    ),
    Rule(
        "generated-certificate-argocd",
        ERROR,
        "Argo CD would render a new certificate each time",
        why="""
            Argo CD compares what it renders with the cluster. With source Generate no two renders are equal, so the
            application would be OutOfSync after each refresh and roll the webhook at each sync.
        """,
        cure="""
            Set webhook.certificate.source to CertManager, Derive, ExistingSecret or Files.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Generate

            $ ARGOCD_APP_NAME=gmsa gmsa-krm argocd generate
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: CertManager

            $ ARGOCD_APP_NAME=gmsa gmsa-krm argocd generate
        """,
    ),
    Rule(
        "host-port",
        ERROR,
        "The webhook cannot listen on its port in the network of the node",
        why="""
            With hostNetwork the webhook shares the ports of its node. The kubelet and the control plane use some of
            them, and only root may listen below 1024.
        """,
        cure="""
            Choose a port from 1024 on that nothing on the nodes uses, such as 8443, and let the API server reach it.
        """,
        bad="""
            spec:
              webhook:
                hostNetwork: true
                port: 10250
        """,
        good="""
            spec:
              webhook:
                hostNetwork: true
                port: 8443
        """,
    ),
    Rule(
        "image",
        ERROR,
        "The value is not an image reference",
        why="""
            An image reference is a registry with an optional port, a path in lower case, and a tag or a digest. A URL
            with its scheme is not one, and pods with it do not start (InvalidImageName).
        """,
        cure="""
            Write registry/path:tag or registry/path@sha256:digest.
        """,
        bad="""
            spec:
              webhook:
                image: https://registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1
        """,
        good="""
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1
        """,
    ),
    Rule(
        "image-version",
        ERROR,
        "The webhook's image is too old for a setting of the config",
        why="""
            Images before v0.9.0 ignore --cert-reload, which gmsa-krm sets if the certificate is renewed in the cluster
            (CertManager, ExistingSecret): they serve the first certificate until it expires, and then gMSA pods are
            refused. Images before v0.10.0 ignore randomHostname. The version is webhook.version, else the image's tag
            if it is a version, else that of the default image.
        """,
        cure="""
            Use the version that the message names, or a newer one. If your image has that version under another tag,
            set webhook.version.
        """,
        bad="""
            spec:
              webhook:
                image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.6.0
                certificate:
                  source: CertManager
        """,
        good="""
            spec:
              webhook:
                image: registry.example.com/mirror/gmsa-webhook:stable
                version: v0.14.1
                certificate:
                  source: CertManager
        """,
    ),
    Rule(
        "kube-version",
        ERROR,
        "kubeVersion is not a version of Kubernetes",
        why="""
            kubeVersion decides what depends on the release: ValidatingAdmissionPolicy needs 1.30,
            MutatingAdmissionPolicy v1 needs 1.36.
        """,
        cure="""
            Write major and minor version in quotes, such as "1.34". Without quotes YAML reads a number, and 1.30
            becomes 1.3.
        """,
        bad="""
            spec:
              kubeVersion: latest
        """,
        good="""
            spec:
              kubeVersion: "1.34"
        """,
    ),
    Rule(
        "missing-kubernetes-feature",
        WARNING,
        "The cluster is too old for a setting of the config",
        why="""
            policy.expand needs MutatingAdmissionPolicy v1 (Kubernetes 1.36), and webhook.hardeningPolicy needs
            ValidatingAdmissionPolicy v1 (1.30). gmsa-krm leaves out what the cluster does not serve. Without the
            hardening policy, which is on by default, nothing checks ephemeral containers. Before 1.30, preStop hooks
            cannot sleep, so a pod of the webhook may end while it still gets requests. Before 1.28, the API server
            drops the matchConditions of webhook configurations: it sends every pod of the cluster to the webhook, and
            no pod starts while the webhook is down.
        """,
        cure="""
            Upgrade the cluster, or set the field to false. Correct kubeVersion if the cluster is newer than it says.
        """,
        bad="""
            spec:
              kubeVersion: "1.34"
              admission:
                mode: Policy
              policy:
                expand: true
        """,
        good="""
            spec:
              kubeVersion: "1.36"
              admission:
                mode: Policy
              policy:
                expand: true
        """,
    ),
    Rule(
        "no-hardening",
        WARNING,
        "Nothing checks the containers that the webhook ignores",
        why="""
            No version of the webhook checks ephemeral containers. With hardeningPolicy: false, whoever may add one to a
            pod (pods/ephemeralcontainers, as kubectl debug does) can give it the contents of any credential spec.
            Before v0.14.0, the same holds for init containers and whoever may create a pod.
        """,
        cure="""
            Set webhook.hardeningPolicy to true, which is the default. If init containers need credential specs of their
            own, use webhook v0.14.0 or newer.
        """,
        bad="""
            spec:
              webhook:
                hardeningPolicy: false
        """,
        good="""
            spec:
              webhook:
                hardeningPolicy: true
        """,
    ),
    Rule(
        "one-of",
        ERROR,
        "An entry of acceptPrevious does not have exactly one of file and contents",
        why="""
            policy.acceptPrevious gives the contents that stay accepted, by a file or in the config. With both, it is
            unclear which ones pods may have; with neither, there are none.
        """,
        cure="""
            Keep file or contents. Get the contents from the cluster: kubectl get gmsacredentialspec NAME -o
            jsonpath={.credspec}.
        """,
        bad="""
            spec:
              admission:
                mode: Policy
              policy:
                acceptPrevious:
                - credspec: gmsa-webapp1
        """,
        good=_PREVIOUS,
    ),
    Rule(
        "previous-contents",
        WARNING,
        "Contents that mode Policy still accepts have a mistake",
        why="""
            policy.acceptPrevious lets pods start with earlier contents of a credential spec. With a mistake in them,
            such as the SID of an account, a pod starts and has no identity. That may be the reason for the change.
        """,
        cure="""
            Remove the entry once no workload creates pods with these contents.
        """,
        bad="""
            spec:
              admission:
                mode: Policy
              policy:
                acceptPrevious:
                - credspec: gmsa-webapp1
                  contents: '{"CmsPlugins":["ActiveDirectory"]}'
        """,
        good=_PREVIOUS,
    ),
    Rule(
        "excluded-namespace",
        WARNING,
        "A namespace that uses a credential spec is excluded from the webhook",
        why="""
            The webhook fills in the contents of credential specs. It skips the namespaces of
            webhook.excludedNamespaces: a pod without contents starts there, has no identity, and shows no error.
        """,
        cure="""
            Remove the namespace from excludedNamespaces, or from usedBy. Leave the warning if another webhook serves
            the namespace.
        """,
        bad="""
            spec:
              webhook:
                excludedNamespaces: [web]
        """,
        good="""
            spec:
              webhook:
                excludedNamespaces: [kube-system]
        """,
    ),
    Rule(
        "seed",
        ERROR,
        "The seed of source Derive cannot be used",
        why="""
            Derive computes the keys of the webhook from a secret seed of at least 32 bytes: whoever can guess the seed
            has all keys. Under Argo CD only variables that start with GMSA_KRM_SEED are read, since an Application can
            set others.
        """,
        cure="""
            Generate a seed once with openssl rand -hex 32, keep it in a secret store, and pass it in GMSA_KRM_SEED, in
            a file that GMSA_KRM_SEED_FILE names, or in seedFile.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ GMSA_KRM_SEED=changeme gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ GMSA_KRM_SEED=$(openssl rand -hex 32) gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "several-modes",
        ERROR,
        "Configs of one cluster ask for different admission modes",
        why="""
            The policy of mode Policy refuses pods with credential specs that it does not know. It knows the credential
            specs of configs that you render with it, if their mode is None.
        """,
        cure="""
            Set admission.mode to None in all configs but the one with mode Policy, and render them together. Or merge
            the configs.
        """,
        bad="""
            # contoso.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: Policy

            # fabrikam.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: fabrikam
            spec:
              admission:
                mode: Webhook
              webhook:
                certificate:
                  source: CertManager
        """,
        good="""
            # contoso.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: Policy

            # fabrikam.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: fabrikam
            spec:
              admission:
                mode: None
        """,
    ),
    Rule(
        "shared-namespace",
        ERROR,
        "The config would change Pod Security in a shared namespace",
        why="""
            With createNamespace, the output includes the namespace of the webhook, which enforces Pod Security level
            restricted. In default or a kube- namespace, other pods would then be refused. The namespace of nodes is at
            level privileged. In a namespace of Kubernetes or of workloads, any pod could then take over its node.
        """,
        cure="""
            Give the webhook and the DaemonSet namespaces of their own, or set webhook.createNamespace to false.
        """,
        bad="""
            spec:
              webhook:
                namespace: kube-system
        """,
        good="""
            spec:
              webhook:
                namespace: kube-system
                createNamespace: false
        """,
    ),
    Rule(
        "short-validity",
        WARNING,
        "A cert-manager certificate is too short-lived for the webhook",
        why="""
            Each pod of the webhook reloads its certificate once; after that, its file watch no longer works. It then
            serves that certificate until it expires, 5/3 of validFor after the start of the pod, and the API server
            refuses every pod that uses a gMSA.
        """,
        cure="""
            Set validFor to 4380h or more, or restart the webhook pods before that time.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: CertManager
                  validFor: 2160h
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: CertManager
                  validFor: 8760h
        """,
    ),
    Rule(
        "single-replica",
        WARNING,
        "The webhook has one replica",
        why="""
            failurePolicy is Fail: while the only pod of the webhook restarts or moves to another node, no pod that uses
            a gMSA is created. Other pods do not depend on it.
        """,
        cure="""
            Set replicas to 2 or more.
        """,
        bad="""
            spec:
              webhook:
                replicas: 1
        """,
        good="""
            spec:
              webhook:
                replicas: 2
        """,
    ),
    Rule(
        "source-date-epoch",
        ERROR,
        "SOURCE_DATE_EPOCH is not a number of seconds",
        why="""
            SOURCE_DATE_EPOCH sets the date of a run, so that certificates are the same as at that time. It counts
            seconds since 1970-01-01 UTC.
        """,
        cure="""
            Set it to a whole number, such as date +%s prints, or unset it.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ SOURCE_DATE_EPOCH=2026-01-01 gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ SOURCE_DATE_EPOCH=1767225600 gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "toleration",
        ERROR,
        "The API server refuses the toleration",
        why="""
            operator is Equal or Exists, effect NoSchedule, PreferNoSchedule or NoExecute. Only with operator Exists may
            key be missing, and then there is no value. tolerationSeconds says how long a pod stays on a node that gets
            a NoExecute taint, and is refused with any other effect.
        """,
        cure="""
            Write the toleration as kubectl describe node shows the taint: key, value and effect. Remove
            tolerationSeconds unless effect is NoExecute.
        """,
        bad="""
            spec:
              webhook:
                tolerations:
                - key: node.kubernetes.io/unreachable
                  operator: Exists
                  tolerationSeconds: 30
        """,
        good="""
            spec:
              webhook:
                tolerations:
                - key: node.kubernetes.io/unreachable
                  operator: Exists
                  effect: NoExecute
                  tolerationSeconds: 30
        """,
    ),
    Rule(
        "too-many-credspecs",
        ERROR,
        "A pod names more than 8 credential specs in mode Policy",
        why="""
            The ValidatingAdmissionPolicy checks for each credential spec of a pod whether the service account may use
            it. CEL limits the cost of a policy for each request, which allows 8 of these checks.
        """,
        cure="""
            Split the pod, or use mode Webhook.
        """,
        bad="""
            # gmsa.yaml
            spec:
              admission:
                mode: Policy
              credspecs:
              - account: WebApp1
              # ...
              - account: WebApp9

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
              containers:
              - name: web1
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
              # ...
              - name: web9
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp9
        """,
        good="""
            # gmsa.yaml
            spec:
              admission:
                mode: Policy
              credspecs:
              - account: WebApp1
              # ...
              - account: WebApp8

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
              containers:
              - name: web1
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp1
              # ...
              - name: web8
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    gmsaCredentialSpecName: gmsa-webapp8
        """,
    ),
    Rule(
        "unsupported-mode",
        ERROR,
        "The cluster is too old for admission mode Policy",
        why="""
            Mode Policy is enforced by a ValidatingAdmissionPolicy, which needs Kubernetes 1.30. An older API server
            does not know the kind, and without it nothing would check pods that use a gMSA.
        """,
        cure="""
            Use mode Webhook, or upgrade the cluster.
        """,
        bad="""
            spec:
              kubeVersion: "1.29"
              admission:
                mode: Policy
        """,
        good="""
            spec:
              kubeVersion: "1.30"
              admission:
                mode: Policy
        """,
    ),
    Rule(
        "validity",
        ERROR,
        "validFor is too short",
        why="""
            A certificate must be valid until the next one is rolled out. Derive issues one in each epoch (rotateEvery),
            so validFor must be at least two epochs. For every source, it must be at least an hour.
        """,
        cure="""
            Raise validFor, or lower derive.rotateEvery.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Derive
                  validFor: 720h
                  derive:
                    rotateEvery: 720h
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Derive
                  validFor: 1440h
                  derive:
                    rotateEvery: 720h
        """,
    ),
    Rule(
        "weak-seed",
        WARNING,
        "The seed of source Derive repeats a few characters or a pattern",
        why="""
            A seed is as secret as the key of a CA. A seed typed by hand can be guessed. Whoever has it can compute the
            key of the webhook for every epoch.
        """,
        cure="""
            Generate the seed with openssl rand -hex 32. A new seed means a new CA: pods that use a gMSA are refused
            until the new webhook pods run.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ GMSA_KRM_SEED=password-password-password-password gmsa-krm lint gmsa.yaml
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: Derive

            $ GMSA_KRM_SEED=$(openssl rand -hex 32) gmsa-krm lint gmsa.yaml
        """,
    ),
    Rule(
        "webhook-os",
        ERROR,
        "The webhook is placed on Windows nodes",
        why="""
            The image of the webhook is a Linux image. On a Windows node its pods do not start, and no pod that uses a
            gMSA is admitted.
        """,
        cure="""
            Remove kubernetes.io/os from webhook.nodeSelector; it is always set to linux.
        """,
        bad="""
            spec:
              webhook:
                nodeSelector:
                  kubernetes.io/os: windows
        """,
        good="""
            spec:
              webhook:
                nodeSelector:
                  kubernetes.io/arch: amd64
        """,
    ),
    Rule(
        "webhook-version",
        ERROR,
        "webhook.version is not a version",
        why="""
            From the version, gmsa-krm knows what the webhook can do: certificate reload, random host names, init
            containers.
        """,
        cure="""
            Write the version of kubernetes-sigs/windows-gmsa that the image was built from, such as v0.14.1.
        """,
        bad="""
            spec:
              webhook:
                version: latest
        """,
        good="""
            spec:
              webhook:
                version: v0.14.1
        """,
    ),
)
