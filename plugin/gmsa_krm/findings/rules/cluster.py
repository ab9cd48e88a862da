"""The live cluster: what `doctor` finds about the set-up and its certificates. In its order."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import LiveRule

SET_UP = (
    LiveRule(
        "served-version",
        ERROR,
        "cluster",
        "The version of Kubernetes lacks an API that the config needs",
        why="""
            ValidatingAdmissionPolicy is served from Kubernetes 1.30 on, MutatingAdmissionPolicy from 1.36 on. An older
            API server refuses these objects, so nothing checks what service accounts may use.
        """,
        cure="""
            Upgrade the cluster, or set kubeVersion in the config to its version. Then render emits what that version
            serves, or says what the config cannot have there.
        """,
        cluster="""
            $ kubectl version
            Server Version: v1.35.4
        """,
        message="Kubernetes: is v1.35..., but MutatingAdmissionPolicy needs v1.36; upgrade it, or set kubeVersion:"
        " v1.35... in the config",
    ),
    LiveRule(
        "crd-not-served",
        ERROR,
        "cluster",
        "The CRD of GMSACredentialSpec does not exist, or does not serve v1",
        why="""
            Credential specs are objects of this CRD. Without it there are none, and the webhook, which reads them as
            v1, refuses every pod that names one.
        """,
        cure="""
            Apply the output of gmsa-krm render, or the manifests of windows-gmsa, which contain the CRD. If another CRD
            has its names, delete that one first.
        """,
        cluster="""
            $ kubectl get crd gmsacredentialspecs.windows.k8s.io
            Error from server (NotFound): customresourcedefinitions.apiextensions.k8s.io
              "gmsacredentialspecs.windows.k8s.io" not found
        """,
        message="CustomResourceDefinition gmsacredentialspecs.windows.k8s.io: does not exist, so the cluster knows no"
        " credential specs; apply what gmsa-krm render prints",
    ),
    LiveRule(
        "ca-bundle-invalid",
        ERROR,
        "certificate",
        "A webhook configuration has no caBundle, or one that holds no certificate",
        why="""
            The API server connects to the webhook by TLS and trusts the CAs in caBundle only. Without one every call
            fails, and with failurePolicy Fail every gMSA pod is refused. The chart of windows-gmsa leaves the text
            INSERT_CERTIFICATE_FROM_SECRET where Helm cannot look into the cluster.
        """,
        cure="""
            Apply the output of gmsa-krm render, or write the CA of the webhook's certificate into caBundle, in base64.
            If the configuration has the annotation cert-manager.io/inject-ca-from, cert-manager's cainjector writes it:
            check that it runs and that the Certificate is Ready.
        """,
        cluster="""
            kind: ValidatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - name: admission-webhook.windows-gmsa.sigs.k8s.io
              clientConfig:
                caBundle: SU5TRVJUX0NFUlRJRklDQVRFX0ZST01fU0VDUkVU
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: has a caBundle without a certificate in PEM
            ('INSERT_CERTIFICATE_FROM_SECRET'), so the API server does not trust the webhook; apply what gmsa-krm render
            prints
        """,
    ),
    LiveRule(
        "ca-bundle-expired",
        ERROR,
        "certificate",
        "All CAs that a webhook configuration trusts have expired",
        why="""
            The API server verifies the webhook's certificate up to a CA of caBundle. When the CA has expired, no
            certificate passes, and every gMSA pod is refused. Pods that run keep running.
        """,
        cure="""
            Issue a new CA and certificate, such as with gmsa-krm certs issue, and apply the output of render. Without
            gmsa-krm, put them into the Secret of the webhook, write the CA into caBundle in base64, and restart the
            Deployment. cert-manager renews its own.
        """,
        cluster="""
            kind: MutatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - clientConfig:
                caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ...
        """,
        message="""
            MutatingWebhookConfiguration gmsa-webhook: trusts no CA that is still valid: the last one expired ... ago,
            so gMSA pods are refused; issue a new one, and apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "ca-bundle-expiring",
        WARNING,
        "certificate",
        "All CAs that a webhook configuration trusts expire within 30 days",
        why="""
            From that day on, every new gMSA pod is refused: at the next deployment, or when a node fails at night.
        """,
        cure="""
            Issue a new CA and certificate, and apply the output of render. gmsa-krm certs issue --force keeps the old
            CA in the bundle, so the order does not matter.
        """,
        cluster="""
            kind: ValidatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - clientConfig:
                caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ...
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: trusts no CA that is valid for longer than 9 days, and from
            then on gMSA pods are refused; before that, issue a new ...
        """,
    ),
    LiveRule(
        "ca-bundle-differs",
        ERROR,
        "certificate",
        "A webhook configuration does not trust the CA of the config",
        why="""
            The config renders a certificate of another CA. If only the Secret and the Deployment were applied, the API
            server does not trust the webhook. If you have another seed here than the one that the cluster was set up
            with, the next apply replaces the CA of a webhook that works.
        """,
        cure="""
            Apply all of the output of render, or render with the seed and the files that the cluster was set up with.
        """,
        cluster="""
            kind: ValidatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - clientConfig:
                caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ...
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: does not trust the CA of the config; if the config is right,
            apply what gmsa-krm render prints; if not, render with the seed or the files that the cluster was set up
            with
        """,
    ),
    LiveRule(
        "certificate-unusable",
        ERROR,
        "certificate",
        "The certificate that the config names cannot be used",
        why="""
            A file of the certificate does not exist here, has expired, or does not fit the others, so render refuses
            the config. The webhook may still have a certificate from before. doctor checks everything but whether that
            one is the config's. The message names the rule.
        """,
        cure="""
            Fix what the message names: gmsa-krm explain RULE says more. Run doctor where the files are, or leave this
            check out with --skip certificate-unusable, if the key is on another machine.
        """,
        cluster="""
            $ openssl x509 -in certs/ca.crt -noout -enddate
            notAfter=Jan 31 00:00:00 2026 GMT
        """,
        message="""
            ...gmsa.yaml: spec.webhook.certificate.files.ca: certs/ca.crt expired ... ago; issue a new one (rule
            expired-certificate)
        """,
    ),
    LiveRule(
        "certificate-not-ready",
        ERROR,
        "certificate",
        "cert-manager has not issued the webhook's certificate",
        why="""
            The Secret with the certificate does not exist or is out of date, so the webhook's pods do not start, or
            serve an old certificate.
        """,
        cure="""
            Run kubectl describe for the Certificate and its CertificateRequest, which name the reason: often an issuer
            that does not exist or is not ready.
        """,
        cluster="""
            kind: Certificate
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            status:
              conditions:
              - type: Ready
                status: 'False'
                message: Referenced issuer does not exist.
        """,
        message="""
            Certificate gmsa-webhook/gmsa-webhook: is not ready: Referenced issuer does not exist; see kubectl -n
            gmsa-webhook describe certificate gmsa-webhook
        """,
    ),
    LiveRule(
        "certificate-expired",
        ERROR,
        "certificate",
        "The webhook's certificate has expired",
        why="""
            The API server refuses the certificate as soon as it connects to the webhook again, and then every gMSA pod
            is refused. With source Derive, the day of the last render decides about the date.
        """,
        cure="""
            Apply the output of render again. For cert-manager, run kubectl describe for the Certificate.
        """,
        cluster="""
            kind: Deployment
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            spec:
              template:
                metadata:
                  annotations:
                    gmsa-krm.dev/certificate-sha256: 5f2b7e0c... # of an epoch that ended last year
        """,
        message="""
            Deployment gmsa-webhook/gmsa-webhook: has a certificate that expired on ..., so gMSA pods are refused as
            soon as the API server connects again; apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "certificate-outdated",
        WARNING,
        "certificate",
        "The webhook's pods have another certificate than the config gives today",
        why="""
            With source Derive, a new epoch has begun, and the next render has a new certificate. If it is not applied,
            the one in the cluster expires. With other sources, the files have changed since the last apply.
        """,
        cure="""
            Apply the output of render. For source Derive, do that on a schedule, or with a refresh of Argo CD.
        """,
        cluster="""
            kind: Deployment
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            spec:
              template:
                metadata:
                  annotations:
                    gmsa-krm.dev/certificate-sha256: 5f2b7e0c... # of an earlier epoch
        """,
        message="""
            Deployment gmsa-webhook/gmsa-webhook: has the certificate of an earlier epoch, which expires on ..., in ...
            days; before that, apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "certificate-renewal-overdue",
        WARNING,
        "certificate",
        "cert-manager has not renewed the webhook's certificate in time",
        why="""
            cert-manager renews at the time in status.renewalTime. If it does not run, or its issuer fails, the
            certificate expires some time later, and gMSA pods are refused from then on.
        """,
        cure="""
            Check that cert-manager runs, and run kubectl describe for the Certificate and its CertificateRequest.
        """,
        cluster="""
            kind: Certificate
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            status:
              renewalTime: '2026-01-02T00:00:00Z'
              notAfter: '2026-03-02T00:00:00Z'
        """,
        message="""
            Certificate gmsa-webhook/gmsa-webhook: has been due for renewal since ..., and expires on ...; check that
            cert-manager runs, and see kubectl -n gmsa-webhook describe certificate gmsa-webhook
        """,
    ),
    LiveRule(
        "webhook-not-configured",
        ERROR,
        "webhook",
        "A webhook configuration for gMSA pods does not exist",
        why="""
            The MutatingWebhookConfiguration makes the webhook fill in the contents of credential specs. The
            ValidatingWebhookConfiguration makes it ask whether the service account may use them. Each works without the
            other, so nothing shows that half of the set-up is missing.
        """,
        cure="""
            Apply all of the output of render, or, without gmsa-krm, both configurations of the webhook's manifests or
            chart. For a cluster without any webhook, gmsa-krm init writes a config.
        """,
        cluster="""
            $ kubectl get mutatingwebhookconfiguration gmsa-webhook
            Error from server (NotFound): mutatingwebhookconfigurations.admissionregistration.k8s.io
              "gmsa-webhook" not found
        """,
        message="""
            MutatingWebhookConfiguration gmsa-webhook: does not exist, so pods that name a credential spec get no
            contents, and have no gMSA; apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "webhook-services-differ",
        WARNING,
        "webhook",
        "The two webhook configurations send pods to different Services",
        why="""
            One webhook fills in the contents and another one checks them. The two may have different versions and
            certificates, and an outage of either refuses gMSA pods. Often a move to another namespace was not finished.
        """,
        cure="""
            Make both configurations name the Service of the webhook that you want to keep, and delete the other one.
        """,
        cluster="""
            kind: MutatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - clientConfig:
                service:
                  name: old
                  namespace: gmsa-webhook
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: sends pods to Service gmsa-webhook/gmsa-webhook, but
            MutatingWebhookConfiguration gmsa-webhook sends them to Service gmsa-webhook/old; make both name the Service
            of the webhook that you want, and delete the other one
        """,
    ),
    LiveRule(
        "webhook-blocks-all-pods",
        WARNING,
        "webhook",
        "An outage of the webhook stops all pods of the cluster",
        why="""
            Upstream's script and chart send every pod to the webhook, with failurePolicy Fail. While the webhook is
            down, no pod is created in the namespaces that the configuration selects. If the webhook's own namespace is
            one of them, the webhook cannot come back by itself.
        """,
        cure="""
            Add matchConditions (Kubernetes 1.28 or later) that send only pods with gMSA to the webhook, such as those
            in the output of gmsa-krm render. If the webhook's own pods are refused now, delete the configurations, wait
            for the webhook, and apply them again.
        """,
        cluster="""
            kind: ValidatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - name: admission-webhook.windows-gmsa.sigs.k8s.io
              failurePolicy: Fail
              rules:
              - operations: [CREATE, UPDATE]
                resources: [pods]
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: gets all pods of the cluster, and has failurePolicy Fail: while
            the webhook is down, none of them can be created, the webhook's own included; apply what gmsa-krm render
            prints
        """,
    ),
    LiveRule(
        "admission-fails-open",
        WARNING,
        "webhook",
        "A webhook or policy lets gMSA pods pass when it fails",
        why="""
            With failurePolicy Ignore, a pod is admitted unchecked while the webhook does not answer. Whoever can create
            a pod can then use any credential spec, and may be able to cause the outage.
        """,
        cure="""
            Set failurePolicy: Fail, together with matchConditions, so that an outage stops gMSA pods only.
        """,
        cluster="""
            kind: ValidatingWebhookConfiguration
            metadata:
              name: gmsa-webhook
            webhooks:
            - name: admission-webhook.windows-gmsa.sigs.k8s.io
              failurePolicy: Ignore
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: has failurePolicy Ignore, so while the webhook is down, any pod
            may use any credential spec; set failurePolicy: Fail
        """,
    ),
    LiveRule(
        "admission-duplicate",
        WARNING,
        "webhook",
        "Two webhooks or policies decide about gMSA pods",
        why="""
            A pod has to satisfy both, so it is refused if either one is down, has an expired certificate or compares
            with old contents. Two are right only while you move to another set-up.
        """,
        cure="""
            Delete the earlier set-up. The how-to guide about adopting an existing set-up has the order.
        """,
        cluster="""
            $ kubectl get validatingwebhookconfigurations
            NAME           WEBHOOKS   AGE
            gmsa-webhook   1          3d
            old            1          412d
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: is one of 2 that decide about gMSA pods, beside
            ValidatingWebhookConfiguration old, and a pod has to satisfy all of them; delete those of an earlier set-up
        """,
    ),
    LiveRule(
        "webhook-service-missing",
        ERROR,
        "webhook",
        "The Service that a webhook configuration names does not exist, or lacks its port",
        why="""
            The API server calls the webhook through the Service. Without it every gMSA pod is refused.
        """,
        cure="""
            Apply all of the output of render, or create the Service again. If the webhook was removed on purpose,
            delete its configurations, too.
        """,
        cluster="""
            $ kubectl --namespace gmsa-webhook get service gmsa-webhook
            Error from server (NotFound): services "gmsa-webhook" not found
        """,
        message="""
            Service gmsa-webhook/gmsa-webhook: does not exist, but ValidatingWebhookConfiguration gmsa-webhook sends
            pods to it, so gMSA pods are refused; apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "webhook-unavailable",
        ERROR,
        "webhook",
        "No pod of the webhook is ready",
        why="""
            The API server reaches no webhook, so every gMSA pod is refused; without matchConditions, every pod of the
            cluster.
        """,
        cure="""
            Fix what the message says of the Deployment or its first pod: an image that cannot be pulled, a Secret that
            does not exist, a process that ends, or no replicas.
        """,
        cluster="""
            kind: Deployment
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            spec:
              replicas: 0
        """,
        message="""
            Service gmsa-webhook/gmsa-webhook: there is no pod of the webhook, so gMSA pods are refused: Deployment
            gmsa-webhook/gmsa-webhook has 0 replicas; run kubectl -n gmsa-webhook scale deployment/gmsa-webhook
            --replicas=2
        """,
    ),
    LiveRule(
        "webhook-degraded",
        WARNING,
        "webhook",
        "The webhook works, but not all of its pods are ready or up to date",
        why="""
            The remaining pods of the webhook answer. When their node is drained, or their certificate expires because
            the rollout hangs, gMSA pods are refused.
        """,
        cure="""
            Fix what the message says of the Deployment or its first pod.
        """,
        cluster="""
            kind: Deployment
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            spec:
              replicas: 2
            status:
              readyReplicas: 2
              conditions:
              - type: Progressing
                status: 'False'
                reason: ProgressDeadlineExceeded
        """,
        message="""
            Deployment gmsa-webhook/gmsa-webhook: is not rolled out: ReplicaSet "gmsa-webhook-..." has timed out
            progressing; see kubectl -n gmsa-webhook describe deployment gmsa-webhook
        """,
    ),
    LiveRule(
        "webhook-image-too-old",
        WARNING,
        "webhook",
        "The webhook's image is too old for its settings, or for init containers",
        why="""
            An image that does not support a setting ignores it or does not start. Before v0.14.0, the webhook does not
            check init containers, so without the hardening policy they may use any credential spec.
        """,
        cure="""
            Use the newest image, or let gmsa-krm emit its hardening policy.
        """,
        cluster="""
            kind: Deployment
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
            spec:
              template:
                spec:
                  containers:
                  - image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.9.0
                    env:
                    - name: RANDOM_HOSTNAME
                      value: 'true'
        """,
        message="""
            Deployment gmsa-webhook/gmsa-webhook: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.9.0 does not
            support RANDOM_HOSTNAME, which is set (v0.10.0 does); set webhook.image in the config to ..., and apply what
            gmsa-krm render prints
        """,
    ),
    LiveRule(
        "policy-missing",
        ERROR,
        "policy",
        "An admission policy does not exist, or has no binding",
        why="""
            A policy without a binding does nothing. Without the policies of mode Policy, nothing checks gMSA pods.
            Without the hardening policy, nothing checks the containers that the webhook does not.
        """,
        cure="""
            Apply all of the output of render, or the binding of the policy.
        """,
        cluster="""
            $ kubectl get validatingadmissionpolicybinding gmsa-webhook-hardening
            Error from server (NotFound): validatingadmissionpolicybindings.admissionregistration.k8s.io
              "gmsa-webhook-hardening" not found
        """,
        message="""
            ValidatingAdmissionPolicyBinding gmsa-webhook-hardening: does not exist; apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "policy-does-not-deny",
        ERROR,
        "policy",
        "The binding of an admission policy does not deny",
        why="""
            With the actions Warn and Audit, the API server admits the pod and writes a warning or an entry of the audit
            log. The pod uses the credential spec.
        """,
        cure="""
            Set validationActions: [Deny] in the binding.
        """,
        cluster="""
            kind: ValidatingAdmissionPolicyBinding
            metadata:
              name: gmsa-webhook-hardening
            spec:
              policyName: gmsa-webhook-hardening
              validationActions:
              - Audit
        """,
        message="""
            ValidatingAdmissionPolicyBinding gmsa-webhook-hardening: has validationActions Audit, so nothing is refused;
            set validationActions: [Deny]
        """,
    ),
    LiveRule(
        "policy-type-warning",
        WARNING,
        "policy",
        "An expression of an admission policy does not fit the type of pods",
        why="""
            The API server checks the types in a policy's expressions and writes what it finds into the status. An
            expression with a wrong type fails when it is evaluated, and then failurePolicy decides: Fail refuses the
            pod.
        """,
        cure="""
            Fix the expression, or apply the output of render again.
        """,
        cluster="""
            kind: ValidatingAdmissionPolicy
            metadata:
              name: gmsa-webhook-hardening
            status:
              typeChecking:
                expressionWarnings:
                - fieldRef: spec.validations[0].expression
                  warning: "/v1, Kind=Pod: ERROR: <input>:1:21: undefined field 'gmsaCredentialSpec'"
        """,
        message="""
            ValidatingAdmissionPolicy gmsa-webhook-hardening: spec.validations[0].expression does not fit the type of
            pods (...); apply what gmsa-krm render prints
        """,
    ),
)
LATER = (
    LiveRule(
        "recent-refusal",
        WARNING,
        "events",
        "A gMSA pod was refused within the last hour",
        why="""
            kubectl applies a Deployment with a wrong reference without an error. Its ReplicaSet fails to create pods,
            and only an event says why.
        """,
        cure="""
            Fix what the message of the event names: a permission, an unknown credential spec, or a webhook that does
            not answer. doctor reports it until the event is an hour old.
        """,
        cluster="""
            kind: Event
            reason: FailedCreate
            involvedObject:
              kind: ReplicaSet
              name: reports-6d4cf56db6
              namespace: web
            message: 'Error creating: admission webhook "admission-webhook.windows-gmsa.sigs.k8s.io"
              denied the request: service account "webapp2" is not authorized to `use` GMSA cred spec
              "gmsa-webapp1"'
        """,
        message="""
            ReplicaSet web/reports-...: a pod was refused ... ago...: Error creating: admission webhook
            "admission-webhook.windows-gmsa.sigs.k8s.io" denied the request: service account "webapp2" is not authorized
            to `use` GMSA cred spec "gmsa-webapp1"...; fix what the message names, or ignore it if that is done
        """,
    ),
    LiveRule(
        "hook-gave-up",
        WARNING,
        "events",
        "The netlogon hook of a container has given up",
        why="""
            The hook of netlogonRestart tries maxAttempts times to get a secure channel to the domain, and then ends the
            container. Kubernetes starts the container again, and the hook fails again, until the logon works.
        """,
        cure="""
            The message has the answer of nltest. Check the credential spec, the DNS of the pod and who may fetch the
            account's password; gmsa-krm doctor --in-pod does that in a running pod.
        """,
        cluster="""
            kind: Pod
            metadata:
              name: web-0
              namespace: web
            status:
              containerStatuses:
              - name: iis
                lastState:
                  terminated:
                    exitCode: 1
                    message: 'gmsa-krm: no secure channel to the domain after 10 attempts. nltest /query
                      said: I_NetLogonControl failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE'
        """,
        message="""
            Pod web/web-0: its container iis ended because its netlogon hook gave up: gmsa-krm: no secure channel to the
            domain after 10 attempts. nltest /query said: I_NetLogonControl failed: Status = 1722 0x6ba
            RPC_S_SERVER_UNAVAILABLE; run gmsa-krm doctor --in-pod to see where the logon fails
        """,
    ),
    LiveRule(
        "object-missing",
        ERROR,
        "drift",
        "An object that the config asks for does not exist",
        why="""
            It was never applied, or someone deleted it. What the config asks for works only in part.
        """,
        cure="""
            Apply the output of render.
        """,
        cluster="""
            $ kubectl --namespace gmsa-webhook get poddisruptionbudget gmsa-webhook
            Error from server (NotFound): poddisruptionbudgets.policy "gmsa-webhook" not found
        """,
        message="""
            PodDisruptionBudget gmsa-webhook/gmsa-webhook: does not exist, but the config asks for it; apply what
            gmsa-krm render prints
        """,
    ),
    LiveRule(
        "object-drift",
        WARNING,
        "drift",
        "An object differs from the one that the config emits",
        why="""
            Someone changed it in the cluster, or the config has changed since it was applied. The next apply undoes the
            change. doctor asks the API server by a server-side apply as a dry run, so the message shows what an apply
            changes. The name after `changed by` is the field manager.
        """,
        cure="""
            Apply the output of render, or make the change in the config.
        """,
        cluster="""
            kind: PodDisruptionBudget
            metadata:
              name: gmsa-webhook
              namespace: gmsa-webhook
              managedFields:
              - manager: kubectl-edit
                operation: Update
            spec:
              maxUnavailable: 2
        """,
        message="""
            PodDisruptionBudget gmsa-webhook/gmsa-webhook: differs from the config in spec.maxUnavailable (2 in the
            cluster, 1 in the config; changed by kubectl-edit on ...); apply what gmsa-krm render prints, or change the
            config
        """,
    ),
    LiveRule(
        "no-longer-configured",
        WARNING,
        "drift",
        "No config asks for an object that gmsa-krm emitted",
        why="""
            kubectl apply deletes nothing. A credential spec or a permission that was removed from the config stays in
            the cluster, and in force.
        """,
        cure="""
            Delete it, or give doctor all configs of the cluster.
        """,
        cluster="""
            kind: ClusterRole
            metadata:
              name: use-gmsa-reports
              labels:
                app.kubernetes.io/managed-by: gmsa-krm
        """,
        message="""
            ClusterRole use-gmsa-reports: has the label of gmsa-krm, but none of the given configs asks for it; give the
            one that does, or delete it: kubectl delete clusterrole use-gmsa-reports
        """,
    ),
)
RULES = (*SET_UP, *LATER)
