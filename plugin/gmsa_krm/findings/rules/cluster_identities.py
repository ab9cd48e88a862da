"""The live cluster: what `doctor` finds about credential specs, who uses them, and their nodes. In its order."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import LiveRule

CREDSPECS = (
    LiveRule(
        "credspec-missing",
        ERROR,
        "credential-specs",
        "A credential spec of the config is not in the cluster",
        why="""
            The webhook reads the credential spec when a pod names it. If it does not exist, the pod is refused. In mode
            Policy the policy has the contents, so pods still work, but kubectl and other tools miss the object.
        """,
        cure="""
            Apply the output of gmsa-krm render. If a credential spec of existingCredspecs is missing, create it, or
            remove it from the config.
        """,
        cluster="""
            $ kubectl get gmsacredentialspec gmsa-webapp1
            Error from server (NotFound): gmsacredentialspecs.windows.k8s.io "gmsa-webapp1" not found
        """,
        message="GMSACredentialSpec gmsa-webapp1: does not exist, so pods that name it are refused; apply what gmsa-krm"
        " render prints",
    ),
    LiveRule(
        "credspec-differs",
        ERROR,
        "credential-specs",
        "A credential spec of the cluster has other contents than the config",
        why="""
            New pods get the contents that the cluster has. Either someone changed the object by hand, or the config
            changed and was not applied.
        """,
        cure="""
            Decide which one is right. Fix the config, or apply the output of gmsa-krm render. Then restart the pods,
            since a running pod keeps the contents that it has.
        """,
        cluster="""
            $ kubectl get gmsacredentialspec gmsa-webapp1 \\
                -o jsonpath={.credspec.DomainJoinConfig.NetBiosName}
            FABRIKAM
        """,
        message="GMSACredentialSpec gmsa-webapp1: differs from the config: DomainJoinConfig.NetBiosName is FABRIKAM"
        " in the cluster and CONTOSO in the config; fix the config, or apply what gmsa-krm render prints and restart"
        " the pods",
    ),
    LiveRule(
        "credspec-mistake",
        ERROR,
        "credential-specs",
        "A credential spec that no config emits has a mistake",
        why="""
            The CRD accepts any string, so a wrong SID, a name with $ or a GUID with braces shows only when the
            container cannot log on. doctor checks credential specs as lint does, and the message names the rule.
        """,
        cure="""
            Fix the object as the message says, or convert it with gmsa-krm import credspec and let the config emit it.
            gmsa-krm explain RULE says more about the mistake.
        """,
        cluster="""
            $ kubectl get gmsacredentialspec gmsa-reports -o jsonpath={.credspec.DomainJoinConfig.Sid}
            S-1-5-21-2126449477-2524075714-3094792973-1105
        """,
        message="GMSACredentialSpec gmsa-reports: credspec.DomainJoinConfig.Sid: ... (rule account-sid)",
    ),
    LiveRule(
        "credspec-doubt",
        WARNING,
        "credential-specs",
        "A credential spec that no config emits has contents that often fail",
        why="""
            The CRD accepts the contents, and they may work, but they are known to cause trouble, such as NTLM in place
            of Kerberos. doctor checks credential specs as lint does, and the message names the rule.
        """,
        cure="""
            Fix the object as the message says, or convert it with gmsa-krm import credspec and let the config emit it.
            gmsa-krm explain RULE says more.
        """,
        cluster="""
            $ kubectl get gmsacredentialspec gmsa-reports -o yaml
            credspec:
              ActiveDirectoryConfig:
                GroupManagedServiceAccounts:
                - Name: WebApp1
                  Scope: contoso.com
        """,
        message="GMSACredentialSpec gmsa-reports: credspec.ActiveDirectoryConfig.GroupManagedServiceAccounts...",
    ),
    LiveRule(
        "credspec-without-users",
        WARNING,
        "credential-specs",
        "No service account may use a credential spec",
        why="""
            A pod may name a credential spec only if its service account has the verb use on it. Without a binding every
            pod that names it is refused. Service accounts that may do everything in the cluster may use it, too; the
            message names them, since they are hardly meant.
        """,
        cure="""
            Bind a ClusterRole with the verb use to the service accounts of its pods, in their namespaces, or add the
            credential spec to a config with usedBy. Delete it if it is not needed.
        """,
        cluster="""
            $ kubectl auth can-i use gmsacredentialspec/gmsa-reports -n web \\
                --as system:serviceaccount:web:reports
            no
        """,
        message="GMSACredentialSpec gmsa-reports: no service account may use it; bind a role with the verb use on it"
        " for the service accounts of its pods, or delete it",
    ),
)
ACCESS = (
    LiveRule(
        "missing-service-account",
        WARNING,
        "access",
        "A service account that may use a credential spec does not exist",
        why="""
            The API server refuses every pod of a service account or namespace that does not exist. Often usedBy names
            the wrong namespace: each namespace has service accounts of its own.
        """,
        cure="""
            Create the service account, or add it to serviceAccounts of the config. If nothing needs it, remove it
            from usedBy or from the RoleBinding.
        """,
        cluster="""
            $ kubectl get serviceaccount webapp1 -n web
            Error from server (NotFound): serviceaccounts "webapp1" not found
        """,
        message="ServiceAccount web/webapp1: does not exist, so no pod can run as it, but it may use gmsa-webapp1;"
        " create it, or remove it from usedBy",
    ),
    LiveRule(
        "access-missing",
        ERROR,
        "access",
        "A service account that usedBy names may not use its credential spec",
        why="""
            doctor asks the API server what the webhook asks: whether the service account has the verb use on the
            credential spec in its namespace. If not, its pods are refused.
        """,
        cure="""
            Apply the ClusterRole and the RoleBinding from the output of gmsa-krm render. If they exist, find out
            whether another tool changes them.
        """,
        cluster="""
            $ kubectl auth can-i use gmsacredentialspec/gmsa-webapp1 -n web \\
                --as system:serviceaccount:web:webapp1
            no
        """,
        message="ServiceAccount web/webapp1: may not use gmsa-webapp1, but usedBy says that it may; apply the"
        " ClusterRole use-gmsa-webapp1 and its RoleBinding in web, which gmsa-krm render prints",
    ),
    LiveRule(
        "access-too-wide",
        WARNING,
        "access",
        "More service accounts than necessary may use a credential spec",
        why="""
            Whoever may create pods in a namespace can run them as each of its service accounts, and so as each account
            of Active Directory that these may use. A role with * includes credential specs, a group includes every
            service account in it, and every pod that names no service account runs as default.
        """,
        cure="""
            Delete the binding if it is not needed. Otherwise bind a role that names the credential specs in
            resourceNames, to the service accounts of the workloads. With a config, add them to usedBy.
        """,
        cluster="""
            $ kubectl get rolebinding legacy -n web -o wide
            NAME     ROLE                           SERVICEACCOUNTS
            legacy   ClusterRole/use-gmsa-webapp1   web/other
        """,
        message="RoleBinding web/legacy: lets the service account web/other use gmsa-webapp1, which no config asks for;"
        " delete the binding, or add it to usedBy",
    ),
)
PROOF = (
    LiveRule(
        "overlooked-namespace",
        ERROR,
        "proof",
        "The webhook or the policy leaves out a namespace with credential specs in use",
        why="""
            The namespaceSelector of a webhook configuration, of a policy or of its binding decides which namespaces it
            is for. Where contents are not filled in, pods have no gMSA. Where they are not checked, whoever may create
            pods can write any contents into them, and become any account whose password the nodes may fetch.
        """,
        cure="""
            Change the namespaceSelector or the labels of the namespace, or remove the namespace from
            webhook.excludedNamespaces in the config. If no gMSA is wanted there, remove the references and the
            bindings.
        """,
        cluster="""
            $ kubectl get namespace web --show-labels
            NAME   STATUS   AGE   LABELS
            web    Active   90d   gmsa-webhook=disabled,kubernetes.io/metadata.name=web
        """,
        message="Namespace web: is left out by the namespaceSelector of MutatingWebhookConfiguration gmsa-webhook"
        " and ValidatingWebhookConfiguration gmsa-webhook, so the credential specs of ... are neither filled in nor"
        " checked;"
        " change that selector (webhook.excludedNamespaces of a config) or the namespace's labels, or remove references"
        " and bindings there",
    ),
    LiveRule(
        "pod-refused",
        ERROR,
        "proof",
        "A test pod with a credential spec is refused",
        why="""
            For each service account and a credential spec that it may use, doctor sends a pod as a dry run. The pod
            goes through all of admission, and nothing is kept. What refuses it also refuses the pods of workloads.
        """,
        cure="""
            Do what the message says at its end. In the parentheses it has the words of the API server, which you find
            under Troubleshooting in the documentation.
        """,
        cluster="""
            $ kubectl get events -n web
            Error creating: admission webhook "admission-webhook.windows-gmsa.sigs.k8s.io"
              denied the request: ...
        """,
        message="a test pod is refused for web/webapp1 with gmsa-webapp1, ...: ...",
    ),
    LiveRule(
        "contents-not-filled-in",
        ERROR,
        "proof",
        "A test pod comes back without the contents of its credential spec",
        why="""
            The API server admits a pod that names a credential spec even if nothing fills in the contents. Its
            containers start without an identity, and no event or status says so.
        """,
        cure="""
            Check that the MutatingWebhookConfiguration or the MutatingAdmissionPolicy exists, and that it selects pods
            of the namespace. With a config, apply the output of gmsa-krm render again.
        """,
        cluster="""
            $ kubectl get pod web-0 -n web -o jsonpath={.spec.securityContext.windowsOptions}
            {"gmsaCredentialSpecName":"gmsa-webapp1"}
        """,
        message="...without the gMSA, since admission fills in no contents: web/webapp1 with gmsa-webapp1, ...; check"
        " that a MutatingWebhookConfiguration or a MutatingAdmissionPolicy exists and selects pods of the namespace",
    ),
    LiveRule(
        "foreign-contents-admitted",
        ERROR,
        "proof",
        "A test pod with contents of its own is admitted",
        why="""
            The contents in a pod decide as which account it runs. If nothing compares them with the credential spec,
            whoever may create pods can become any account whose password the node may fetch.
        """,
        cure="""
            Apply the ValidatingWebhookConfiguration of the webhook again, or the ValidatingAdmissionPolicy of mode
            Policy and its binding. With a config, gmsa-krm render prints them.
        """,
        cluster="""
            $ kubectl get validatingwebhookconfiguration gmsa-webhook
            Error from server (NotFound): validatingwebhookconfigurations.admissionregistration.k8s.io
              "gmsa-webhook" not found
        """,
        message="whoever may create pods in web can become any account whose password the nodes may fetch, since"
        " contents other than the credential spec's are admitted; apply the ValidatingWebhookConfiguration or the"
        " policy again",
    ),
    LiveRule(
        "proof-prevented",
        WARNING,
        "proof",
        "Something that is not about gMSA refuses the test pod",
        why="""
            A quota, a LimitRange, Pod Security or another webhook refuses the pod that doctor sends. It may admit the
            pods of the workload, so this may be no fault, but nothing is proved.
        """,
        cure="""
            Do what the message says at its end, or create a pod of the workload to see whether it is admitted.
        """,
        cluster="""
            $ kubectl get resourcequota -n web
            NAME   REQUEST
            full   pods: 0/0
        """,
        message="nothing is proved for web/webapp1 with gmsa-webapp1, ...: the quota of its namespace is used"
        " up (...); raise the ResourceQuota, or remove pods",
    ),
)
WORKLOADS = (
    LiveRule(
        "unknown-credspec-in-use",
        ERROR,
        "workloads",
        "A workload names a credential spec that is not in the cluster",
        why="""
            The webhook refuses its pods, and the Deployment or StatefulSet only shows fewer ready replicas. Pods from
            before the mistake keep running until they are replaced.
        """,
        cure="""
            Fix the name in the workload, or create the credential spec.
        """,
        cluster="""
            $ kubectl get deployment web -n web \\
                -o jsonpath={.spec.template.spec.securityContext.windowsOptions}
            {"gmsaCredentialSpecName":"gmsa-webap1"}
        """,
        message="Deployment web/web: names gmsa-webap1, which is not in the cluster (did you mean gmsa-webapp1?), so"
        " its pods are refused; fix the name, or create the credential spec",
    ),
    LiveRule(
        "pod-without-contents",
        ERROR,
        "workloads",
        "A running pod names a credential spec and has no contents",
        why="""
            The container runtime takes the contents, not the name. This pod was created while there was no webhook or
            policy, or it left out the namespace, so its containers have no identity in the domain.
        """,
        cure="""
            Restart the workload. If new pods have no contents either, gmsa-krm doctor --check proof says why.
        """,
        cluster="""
            $ kubectl get pod web-0 -n web -o jsonpath={.spec.securityContext.windowsOptions}
            {"gmsaCredentialSpecName":"gmsa-webapp1"}
        """,
        message="Pod web/web-0: runs without any gMSA: it names gmsa-webapp1 and has no contents, since no webhook or"
        " policy saw it when it was created; ...",
    ),
    LiveRule(
        "pod-with-old-contents",
        WARNING,
        "workloads",
        "A running pod has the contents of a credential spec from before a change",
        why="""
            The contents of a pod never change. After a change of the credential spec, pods keep the old contents until
            they are replaced, and may fail to log on.
        """,
        cure="""
            Restart the workload. In mode Policy without expand, render the workload again and apply it.
        """,
        cluster="""
            $ kubectl get pod web-0 -n web \\
                -o jsonpath={.spec.securityContext.windowsOptions.gmsaCredentialSpec}
            {"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp1","Scope":"OLD"}]}}
        """,
        message="Pod web/web-0: runs with contents of gmsa-webapp1 from before a change; ...",
    ),
)
NODES = (
    LiveRule(
        "missing-windows-node",
        WARNING,
        "nodes",
        "The cluster has no Windows node",
        why="""
            Pods with a gMSA run on Windows nodes only, and stay Pending until there is one.
        """,
        cure="""
            Add a Windows node. If an autoscaler adds nodes when pods need them, leave this check out with --skip
            missing-windows-node.
        """,
        cluster="""
            $ kubectl get nodes --selector kubernetes.io/os=windows
            No resources found
        """,
        message="the cluster has no Windows node to run pods with a gMSA; add one, unless an autoscaler does so",
    ),
    LiveRule(
        "old-windows-build",
        ERROR,
        "nodes",
        "A node has a Windows that is too old for gMSA on Kubernetes",
        why="""
            Kubernetes supports Windows Server 2019 (build 17763) and newer. Before that, several containers with one
            gMSA break each other's secure channel, and the host name of a container has to be that of the account.
        """,
        cure="""
            Replace the node by one with Windows Server 2019 or newer.
        """,
        cluster="""
            $ kubectl get node win2 -o jsonpath={.status.nodeInfo.kernelVersion}
            10.0.17134.1
        """,
        message="Node win2: has the Windows build 17134, but gMSA on Kubernetes needs 17763 (Windows Server 2019) or"
        " newer; replace it",
    ),
    LiveRule(
        "old-containerd",
        WARNING,
        "nodes",
        "A Windows node has a containerd that cannot run HostProcess containers",
        why="""
            HostProcess containers need containerd 1.6. The DaemonSet of nodes.smbCompartmentNamespace has one, and so
            have tools that set up or debug Windows nodes.
        """,
        cure="""
            Upgrade containerd on the node.
        """,
        cluster="""
            $ kubectl get node win2 -o jsonpath={.status.nodeInfo.containerRuntimeVersion}
            containerd://1.5.13
        """,
        message="Node win2: has containerd 1.5.13, which cannot run HostProcess containers (1.6 can); upgrade"
        " containerd",
    ),
    LiveRule(
        "unschedulable-workload",
        WARNING,
        "nodes",
        "No Windows node may run the pods of a workload with a credential spec",
        why="""
            All Windows nodes have a taint that the workload does not tolerate, or none has the labels of its
            nodeSelector, so its pods stay Pending. A workload with a pod on a node is not checked.
        """,
        cure="""
            Add the toleration to the pod template, or fix its nodeSelector.
        """,
        cluster="""
            $ kubectl get nodes -o jsonpath={.items[*].spec.taints}
            [{"effect":"NoSchedule","key":"os","value":"true"}]
        """,
        message="Deployment web/web: does not tolerate the taint os=true:NoSchedule, so no Windows node runs its"
        " pods; add the toleration {key: os, operator: Exists, effect: NoSchedule}",
    ),
)
LOGON = (
    LiveRule(
        "credspec-not-passed",
        ERROR,
        "logon",
        "A container does not have its credential spec",
        why="""
            With --in-pod, doctor runs nltest /parentdomain in a running pod of each credential spec. If netlogon knows
            no domain, or another one, the container was not started with the credential spec.
        """,
        cure="""
            Compare the pod's contents with the credential spec, and restart the pod. If that does not help, look into
            the event log Microsoft-Windows-Containers-CCG/Admin on the node.
        """,
        cluster="""
            $ kubectl exec -n web web-0 -- nltest.exe /parentdomain
            Getting parent domain failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE
        """,
        message="Pod web/web-0: with gmsa-webapp1: nltest /parentdomain: netlogon does not answer: ...",
    ),
    LiveRule(
        "domain-not-resolved",
        ERROR,
        "logon",
        "A container does not find the domain in DNS",
        why="""
            Windows finds domain controllers by DNS. The DNS of the cluster knows the domain only if it forwards its
            names to the domain's own servers. With --in-pod, doctor runs nslookup.
        """,
        cure="""
            Add the domain to the Corefile of CoreDNS with a forward to its DNS servers, or let nodes and pods reach
            them.
        """,
        cluster="""
            $ kubectl exec -n web web-0 -- nslookup.exe contoso.com
            *** kube-dns.kube-system.svc.cluster.local can't find contoso.com: Non-existent domain
        """,
        message="Pod web/web-0: with gmsa-webapp1: DNS does not know the domain (nslookup contoso.com); ...",
    ),
    LiveRule(
        "logon-fails",
        ERROR,
        "logon",
        "A container cannot log on to its domain",
        why="""
            The container has its credential spec and finds the domain, but the secure channel is not established: the
            node could not fetch the account's password, or no domain controller accepts it. With --in-pod, doctor runs
            nltest /query.
        """,
        cure="""
            Do what the message says about the number that nltest reports. Most often the node's computer account may
            not fetch the password, or the node was not restarted after it was added to the group that may.
        """,
        cluster="""
            $ kubectl exec -n web web-0 -- nltest.exe /query
            I_NetLogonControl failed: Status = 1311 0x51f ERROR_NO_LOGON_SERVERS
        """,
        message="Pod web/web-0: with gmsa-webapp1: nltest /query: no domain controller lets the account log on (1311"
        " ERROR_NO_LOGON_SERVERS); ...",
    ),
)
DIRECTORY = (
    LiveRule(
        "directory-mistake",
        ERROR,
        "active-directory",
        "Active Directory contradicts a credential spec, a config or a node",
        why="""
            With --ad or activeDirectory.snapshot, doctor compares the domains and accounts of all credential specs of
            the cluster and of the configs with what Active Directory knows, and the names of the Windows nodes with who
            may fetch the passwords. The message names the rule.
        """,
        cure="""
            Fix what the message names; gmsa-krm explain RULE says more. If Active Directory has changed, take the
            snapshot again: gmsa-krm import ad --snapshot.
        """,
        cluster="""
            $ kubectl get gmsacredentialspec gmsa-reports \\
                -o jsonpath={.credspec.DomainJoinConfig.MachineAccountName}
            Reports
        """,
        message="GMSACredentialSpec gmsa-reports: ... is not an account of contoso.com...",
    ),
    LiveRule(
        "directory-doubt",
        WARNING,
        "active-directory",
        "An account is weak in Active Directory, or not in the snapshot",
        why="""
            An account with unconstrained delegation or weak keys works, but helps an attacker; one without an SPN falls
            back to NTLM. Accounts that are not in the snapshot are not checked. The message names the rule.
        """,
        cure="""
            Fix what the message names, or take a snapshot with all domains and accounts; gmsa-krm explain RULE says
            more.
        """,
        cluster="""
            PS> (Get-ADServiceAccount WebApp1 -Properties TrustedForDelegation).TrustedForDelegation
            True
        """,
        message="...: ... is trusted for delegation to any service, ...",
    ),
)
RULES = (*CREDSPECS, *ACCESS, *PROOF, *WORKLOADS, *NODES, *LOGON, *DIRECTORY)
