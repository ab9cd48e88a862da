"""What `who-can` shows in red: access that is wider than meant, and ways around the check."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import CREDSPEC, Rule

_WEBHOOK = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: gmsa-webhook
webhooks:
- name: admission-webhook.windows-gmsa.sigs.k8s.io
  failurePolicy: Fail
"""
_CHECKED = f"""\
# access.yaml
{_WEBHOOK}---
{CREDSPEC}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: use-gmsa-reports
rules:
- apiGroups: [windows.k8s.io]
  resources: [gmsacredentialspecs]
  resourceNames: [gmsa-reports]
  verbs: [use]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: use-gmsa-reports
  namespace: web
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: use-gmsa-reports
subjects:
- kind: ServiceAccount
  name: webapp1
  namespace: web
"""
_WORKLOAD = """\
---
apiVersion: v1
kind: Pod
metadata:
  name: reports
  namespace: web
spec:
  serviceAccountName: webapp1
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-reports
  containers:
  - name: reports
    image: reports
"""
_RUN = "\n$ gmsa-krm who-can access.yaml\n"
_SNAPSHOT = """
# ad.yaml
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  accounts:
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    passwordReaders:
    - name: WebApp1Hosts
      kind: Group
      sid: S-1-5-21-2126449477-2524075714-3094792973-1107
"""
_RUN_AD = "\n$ gmsa-krm who-can access.yaml --ad ad.yaml\n"


def _changed(old: str, new: str, text: str = _CHECKED) -> str:
    assert old in text
    return text.replace(old, new, 1)


RULES = (
    Rule(
        "delegation",
        WARNING,
        "An account may act as its users towards other services",
        why="""
            With constrained delegation a container that has the account can act as everyone who logs on to it, towards
            the services in msDS-AllowedToDelegateTo. Whoever takes over a pod has that, too.
        """,
        cure="""
            Remove the services that the workload does not call. If it needs them, let few service accounts use the
            credential spec.
        """,
        bad=_CHECKED + _SNAPSHOT + "    delegatesTo:\n    - MSSQLSvc/db.contoso.com:1433\n" + _RUN_AD,
        good=_CHECKED + _SNAPSHOT + _RUN_AD,
    ),
    Rule(
        "every-credspec",
        WARNING,
        "A role lets its subjects use every credential spec",
        why="""
            A rule without resourceNames is for all names, also for those of the future, and so is one with * in its
            resources. Each new account of the cluster then belongs to these service accounts, too.
        """,
        cure="Give the rule resourceNames with the credential specs that the service account needs.",
        bad=_changed("  resourceNames: [gmsa-reports]\n", "") + _RUN,
        good=_CHECKED + _RUN,
    ),
    Rule(
        "no-admission-check",
        WARNING,
        "Nothing checks which credential spec a pod has",
        why="""
            Only an admission webhook or a policy asks whether a service account may use a credential spec. Without one,
            a pod may have any contents, and so any account whose password the node can fetch; RBAC decides nothing.
        """,
        cure="""
            Set admission.mode to Webhook or Policy. If the cluster has a webhook, add its
            ValidatingWebhookConfiguration to what who-can reads.
        """,
        bad=_changed(f"{_WEBHOOK}---\n", "") + _RUN,
        good=_CHECKED + _RUN,
    ),
    Rule(
        "password-of-everyone",
        ERROR,
        "Everyone in the domain may fetch the password of an account",
        why="""
            Authenticated Users, Domain Computers, Domain Users and the like contain nearly every machine or user of the
            domain. Whoever has one of these can fetch the password and is the account, without any cluster.
        """,
        cure="""
            Create a group with the computers of the Windows nodes alone, and give that to
            Set-ADServiceAccount -PrincipalsAllowedToRetrieveManagedPassword.
        """,
        bad=_CHECKED
        + _changed(
            "name: WebApp1Hosts\n      kind: Group", "name: Domain Computers\n      kind: Group", _SNAPSHOT
        ).replace("-1107", "-515")
        + _RUN_AD,
        good=_CHECKED + _SNAPSHOT + _RUN_AD,
    ),
    Rule(
        "refused-workload",
        ERROR,
        "The pods of a workload are refused",
        why="""
            What checks pods refuses those of the workload: its service account may not use the credential spec that the
            pod names, the policy approves no such contents, or the pod has other contents than the credential spec. The
            workload has no new pods, though its controller exists; pods that run already go on.
        """,
        cure="""
            Let the service account use the credential spec (usedBy), fix the name, or remove contents from the
            manifest: admission fills them in.
        """,
        bad=_CHECKED + _WORKLOAD.replace("serviceAccountName: webapp1", "serviceAccountName: other") + _RUN,
        good=_CHECKED + _WORKLOAD + _RUN,
    ),
    Rule(
        "report-file",
        ERROR,
        "A file is not a report of who-can",
        why="who-can --since compares with a report that it wrote earlier with --format json.",
        cure="Write one with `gmsa-krm who-can ... --format json`, keep it, and give that file.",
        bad=_CHECKED + "\n$ gmsa-krm who-can access.yaml --since access.yaml\n",
        good='# access.json\n{"kind": "AccessReport", "nodes": [], "edges": []}\n\n'
        + _CHECKED
        + "\n$ gmsa-krm who-can access.yaml --since access.json\n",
    ),
    Rule(
        "unchecked-pods",
        ERROR,
        "Pods pass without a check of their credential spec",
        why="""
            A namespaceSelector, an objectSelector or failurePolicy Ignore lets pods past the webhook or policy. Whoever
            may create such pods gets any account whose password the nodes can fetch; RBAC decides nothing there.
        """,
        cure="""
            Check all namespaces and pods, and use failurePolicy Fail. Let nobody create pods in namespaces that must be
            left out.
        """,
        bad=_changed(
            "  failurePolicy: Fail\n",
            "  failurePolicy: Fail\n"
            "  namespaceSelector:\n"
            "    matchExpressions:\n"
            "    - key: kubernetes.io/metadata.name\n"
            "      operator: NotIn\n"
            "      values: [legacy]\n",
        )
        + _RUN,
        good=_CHECKED + _RUN,
    ),
)
