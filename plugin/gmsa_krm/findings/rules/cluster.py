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
            Upgrade the cluster, or set kubeVersion in the config to its version: then render emits what that version
            serves, or says what it cannot do without.
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
            Credential specs are objects of this CRD. Without it none exists, and the webhook, which reads them as v1,
            refuses every pod that names one.
        """,
        cure="""
            Apply the output of gmsa-krm render, which contains the CRD. If another CRD has its names, delete that one
            first.
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
            Apply the output of gmsa-krm render. With source CertManager, cert-manager's cainjector writes the bundle:
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
            The API server verifies the webhook's certificate up to a CA of caBundle. After the CA has expired no
            certificate passes, and every gMSA pod is refused. Running pods go on.
        """,
        cure="""
            Issue a new CA and certificate, such as with gmsa-krm certs issue, and apply the output of render.
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
            MutatingWebhookConfiguration gmsa-webhook: trusts no CA that is still valid: the last expired ... ago, so
            gMSA pods are refused; issue a new one, and apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "ca-bundle-expiring",
        WARNING,
        "certificate",
        "All CAs that a webhook configuration trusts expire within 30 days",
        why="""
            From that day on every gMSA pod is refused: at the next deployment, or when a node fails at night.
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
            ValidatingWebhookConfiguration gmsa-webhook: trusts a CA that expires in 9 days, and from then on gMSA pods
            are refused; issue a new one before
        """,
    ),
    LiveRule(
        "ca-bundle-differs",
        ERROR,
        "certificate",
        "A webhook configuration does not trust the CA of the config",
        why="""
            The config renders a certificate of another CA. If only the Secret and the pods were applied, the API server
            does not trust them. If the config was rendered with another seed than the cluster, the next apply replaces
            the CA of a webhook that works.
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
            ValidatingWebhookConfiguration gmsa-webhook: trusts another CA than the one that the config has; if the
            config is right, apply what gmsa-krm render prints, and else render with the seed or the files that the
            cluster was set up with
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
            The Secret with the certificate does not exist or does not fit, so the webhook's pods do not start, or serve
            an old certificate.
        """,
        cure="""
            kubectl describe of the Certificate, and of its CertificateRequest, names the reason: often an issuer that
            does not exist or is not ready.
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
            Certificate gmsa-webhook/gmsa-webhook: is not ready: Referenced issuer does not exist; kubectl -n
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
            is refused. With source Derive the date follows from the day of the last apply.
        """,
        cure="""
            Apply the output of render again. For cert-manager see kubectl describe of the Certificate.
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
            With source Derive a new epoch has begun, and the certificate is renewed by rendering and applying again. If
            that does not happen, the certificate expires. With other sources the files have changed since.
        """,
        cure="""
            Apply the output of render. A scheduled run, or Argo CD with a refresh, does that for source Derive.
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
            Deployment gmsa-webhook/gmsa-webhook: has the certificate of an earlier epoch, and a new one is due; it
            expires on ..., in ... days; apply what gmsa-krm render prints before
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
            Check that cert-manager runs, and what kubectl describe says of the Certificate and its CertificateRequest.
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
            cert-manager runs: kubectl -n gmsa-webhook describe certificate gmsa-webhook
        """,
    ),
    LiveRule(
        "webhook-not-configured",
        ERROR,
        "webhook",
        "A webhook configuration of gMSA does not exist",
        why="""
            The MutatingWebhookConfiguration makes the webhook fill in the contents of credential specs. The
            ValidatingWebhookConfiguration makes it ask whether the service account may use them. Each works without the
            other, so nothing shows that half of the set-up is missing.
        """,
        cure="""
            Apply all of the output of render.
        """,
        cluster="""
            $ kubectl get mutatingwebhookconfiguration gmsa-webhook
            Error from server (NotFound): mutatingwebhookconfigurations.admissionregistration.k8s.io
              "gmsa-webhook" not found
        """,
        message="""
            MutatingWebhookConfiguration gmsa-webhook: does not exist, so pods that name a credential spec get no
            contents, and run without gMSA at best; apply what gmsa-krm render prints
        """,
    ),
    LiveRule(
        "webhook-services-differ",
        WARNING,
        "webhook",
        "The two webhook configurations send pods to different Services",
        why="""
            One webhook fills in the contents and another one checks them. The two may have different versions and
            certificates, and an outage of either refuses gMSA pods. It is often left from a move to another namespace.
        """,
        cure="""
            Apply both configurations of one set-up again.
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
            ValidatingWebhookConfiguration gmsa-webhook: sends pods to Service gmsa-webhook/gmsa-webhook, and
            MutatingWebhookConfiguration gmsa-webhook to Service gmsa-webhook/old; apply both of one set-up again
        """,
    ),
    LiveRule(
        "webhook-blocks-all-pods",
        WARNING,
        "webhook",
        "An outage of the webhook stops all pods of the cluster",
        why="""
            Upstream's script and chart send every pod to the webhook, with failurePolicy Fail. While the webhook is
            down no pod starts, and neither do the webhook's own pods in a namespace that is not exempt.
        """,
        cure="""
            Add matchConditions that let only pods with gMSA through, as the output of gmsa-krm render has them.
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
            ValidatingWebhookConfiguration gmsa-webhook: gets all pods, and has failurePolicy Fail: while the webhook is
            down, no pod of the cluster can start, the webhook's own included; add matchConditions for pods that use
            gMSA, as gmsa-krm emits them
        """,
    ),
    LiveRule(
        "admission-fails-open",
        WARNING,
        "webhook",
        "A webhook or policy lets gMSA pods pass when it fails",
        why="""
            With failurePolicy Ignore a pod is admitted unchecked while the webhook does not answer. Whoever can create
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
            ValidatingWebhookConfiguration gmsa-webhook: has failurePolicy Ignore, so while the webhook is down any pod
            may use any credential spec; set failurePolicy: Fail
        """,
    ),
    LiveRule(
        "admission-duplicate",
        WARNING,
        "webhook",
        "Two webhooks or policies decide about gMSA pods",
        why="""
            A pod has to satisfy both, so an outage, an expired certificate or old contents of either one refuses it.
            This is right in the middle of a move to another set-up, and at no other time.
        """,
        cure="""
            Delete the earlier set-up. The how-to about adopting an existing set-up has the order.
        """,
        cluster="""
            $ kubectl get validatingwebhookconfigurations
            NAME           WEBHOOKS   AGE
            gmsa-webhook   1          3d
            old            1          412d
        """,
        message="""
            ValidatingWebhookConfiguration gmsa-webhook: is one of 2 that decide about gMSA pods, beside
            ValidatingWebhookConfiguration old, and a pod has to satisfy all; delete those that are left from an earlier
            set-up
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
            Apply all of the output of render. If the webhook is gone on purpose, delete its configurations, too.
        """,
        cluster="""
            $ kubectl --namespace gmsa-webhook get service gmsa-webhook
            Error from server (NotFound): services "gmsa-webhook" not found
        """,
        message="""
            Service gmsa-webhook/gmsa-webhook: does not exist, but ValidatingWebhookConfiguration gmsa-webhook sends
            pods to it, so gMSA pods are refused; apply the set-up of the webhook again
        """,
    ),
    LiveRule(
        "webhook-unavailable",
        ERROR,
        "webhook",
        "No pod of the webhook is ready",
        why="""
            The API server reaches no webhook, so every gMSA pod is refused. Without matchConditions that holds for all
            pods of the cluster.
        """,
        cure="""
            The message has what the Deployment or its first pod says: an image that cannot be pulled, a Secret that
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
            gmsa-webhook/gmsa-webhook has 0 replicas; kubectl -n gmsa-webhook scale deployment/gmsa-webhook --replicas=2
        """,
    ),
    LiveRule(
        "webhook-degraded",
        WARNING,
        "webhook",
        "The webhook works, but not all of its pods are ready or up to date",
        why="""
            The webhook goes on with the pods that it has. The next node that is drained, or a rollout that hangs with
            an old certificate, takes them away.
        """,
        cure="""
            The message has what the Deployment or its first pod says.
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
            progressing; kubectl -n gmsa-webhook describe deployment gmsa-webhook
        """,
    ),
    LiveRule(
        "webhook-image-too-old",
        WARNING,
        "webhook",
        "The webhook's image cannot do what it is asked for",
        why="""
            An old image ignores variables and arguments that it does not know. Before v0.14.0 the webhook does not look
            at init containers, so without the hardening policy they may use any credential spec.
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
            Deployment gmsa-webhook/gmsa-webhook: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.9.0 does not know
            RANDOM_HOSTNAME, which is set (v0.10.0 does); set webhook.image in the config, and apply it
        """,
    ),
    LiveRule(
        "policy-missing",
        ERROR,
        "policy",
        "An admission policy does not exist, or has no binding",
        why="""
            A policy without a binding does nothing. Without the policies of mode Policy nothing checks gMSA pods.
            Without the hardening policy, containers that the webhook does not look at are unchecked.
        """,
        cure="""
            Apply all of the output of render.
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
            With the actions Warn and Audit a pod is admitted, with a warning or an entry in the audit log. It still
            uses the credential spec.
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
            The API server checks the types of a policy's expressions and writes what it finds into the status. An
            expression with a wrong type fails when it is evaluated, and with failurePolicy Fail the pod is refused.
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
            pods (...); fix the expression
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
            A Deployment with a wrong reference applies without an error. Its ReplicaSet fails to create pods, and only
            an event says why.
        """,
        cure="""
            The message of the event names the reason: a permission, an unknown credential spec, or a webhook that does
            not answer.
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
            ReplicaSet web/reports-...: got no pod ... ago...: Error creating: admission webhook
            "admission-webhook.windows-gmsa.sigs.k8s.io" denied the request: service account "webapp2" is not authorized
            to `use` GMSA cred spec "gmsa-webapp1"...; fix what it names, or ignore it if that is done
        """,
    ),
    LiveRule(
        "hook-gave-up",
        WARNING,
        "events",
        "The netlogon hook of a container has given up",
        why="""
            The hook of netlogonRestart tries maxAttempts times to get a secure channel to the domain, and then ends the
            container. It starts again, and fails again, until the logon works.
        """,
        cure="""
            The message has what nltest answered. Check the credential spec, the DNS of the pod and who may fetch the
            account's password.
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
            Pod web/web-0: its container iis ended since its netlogon hook gave up: gmsa-krm: no secure channel to the
            domain after 10 attempts. nltest /query said: I_NetLogonControl failed: Status = 1722 0x6ba
            RPC_S_SERVER_UNAVAILABLE; run gmsa-krm doctor with --in-pod to see where the logon fails
        """,
    ),
    LiveRule(
        "object-missing",
        ERROR,
        "drift",
        "An object that the config asks for does not exist",
        why="""
            It was never applied, or someone deleted it. What it is for does not work.
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
        "An object differs from what the config gives",
        why="""
            Someone changed it in the cluster, or the config has changed since it was applied. The next apply changes it
            back. The difference is what the API server says that it would change: doctor tries a server-side apply,
            of which nothing is kept. The name after `changed by` is the field manager.
        """,
        cure="""
            Apply the output of render, or take the change over into the config.
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
        "An object of gmsa-krm exists that no config asks for",
        why="""
            kubectl apply deletes nothing. A credential spec or a permission that has left the config stays in the
            cluster, and stays in force.
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
            ClusterRole use-gmsa-reports: is of gmsa-krm (by its label), but no config given asks for it; give the
            config that does, or delete it: kubectl delete clusterrole use-gmsa-reports
        """,
    ),
)
RULES = (*SET_UP, *LATER)
