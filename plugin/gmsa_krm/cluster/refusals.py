"""Why the API server refuses a pod: what its message means, and the cure."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from gmsa_krm.cluster.proxy import Refused

# Where what refuses a pod is.
CALL = "call"  # the webhook does not answer, or is not trusted
ADMISSION = "admission"  # the webhook or the policy has looked at the pod, and refuses it
CLUSTER = "cluster"  # Kubernetes itself: a namespace or a service account
OTHER = "other"  # what has nothing to do with gMSA, so that another pod may be admitted
USER = "user"  # whoever asks may not create pods

# Upstream's name of both webhooks, which all of its set-ups have, and ours.
WEBHOOK = "admission-webhook.windows-gmsa.sigs.k8s.io"
_CALLED = re.compile(r'failed calling webhook "([^"]+)"')
_DENIED = re.compile(r'admission webhook "([^"]+)" denied the request')
_POLICY = re.compile(r"(?:Validating|Mutating)AdmissionPolicy '([^']+)'")

# Cures: with a config, and for whatever set-up without one.
_TRUST = (
    "apply Secret, Deployment and both webhook configurations of one gmsa-krm render",
    "write the CA of the webhook's certificate into caBundle of both webhook configurations, in base64",
)
_RUNS = ("find out whether its pods are ready: kubectl get pods,endpointslices in the webhook's namespace",) * 2
_REACH = ("let the API server reach the webhook's pods: a firewall or the network plugin may be between them",) * 2

# What the message of a call has: what it means, and the cures; the first that matches counts.
_CALLS = (
    ("certificate signed by unknown authority", "the API server does not trust the webhook's certificate", _TRUST),
    ("certificate is not trusted", "the API server does not trust the webhook's certificate", _TRUST),
    (
        "certificate has expired or is not yet valid",
        "the webhook's certificate has expired, or is not yet valid",
        (
            "apply another render, which has a new one with source Derive or Generate; with Files, issue it first",
            "put a new one into the Secret of the webhook, and restart its Deployment",
        ),
    ),
    (
        r"certificate is (not )?valid for|doesn't contain any IP SANs|relies on legacy Common Name",
        "the webhook's certificate is for another name",
        (
            "set webhook.name and webhook.namespace to those of the Service, and apply another render",
            "issue one for SERVICE.NAMESPACE.svc of the Service in the webhook configurations",
        ),
    ),
    (
        "x509: |tls: ",
        "the TLS handshake with the webhook fails",
        (_TRUST[0], "look into the logs of the webhook's pods, and at the certificate and the key in its Secret"),
    ),
    ("no endpoints available|endpoints .* not found", "no pod of the webhook is ready", _RUNS),
    (
        r'service "[^"]*" not found',
        "the Service of the webhook does not exist",
        (
            "apply what gmsa-krm render prints",
            "create the Service again, or delete the webhook configurations that name it",
        ),
    ),
    ("connection refused", "nothing listens where the webhook's Service points to", _RUNS),
    (
        "deadline exceeded|Client.Timeout|i/o timeout|no route to host|network is unreachable",
        "the webhook does not answer in time",
        _REACH,
    ),
    ("", "the webhook cannot be called", _RUNS),
)
_NOT_FILLED_IN = "without gmsaCredentialSpec at"  # of the hardening policy
_VERDICTS = (
    (
        r"is not authorized to .?use|may not use the credential spec",
        "its service account may not use the credential spec",
        (
            "apply the ClusterRole and the RoleBinding for it, which gmsa-krm render prints",
            "bind a role with the verb use on it for the service account, in the pod's namespace",
        ),
    ),
    (
        r"cred ?spec .* does not exist|gmsacredentialspecs\S* \S* not found|no credential spec of the policy",
        "the credential spec is unknown to what admits pods",
        (
            "apply what gmsa-krm render prints; in mode Policy, of all configs together",
            "create the GMSACredentialSpec, or, if a policy has the contents, add them there",
        ),
    ),
    (
        "is not filled in here",
        "nothing fills in the contents of pods in this cluster",
        ("render workloads with gmsa-krm, or set policy.expand in the config",) * 2,
    ),
    (
        "is not what the credential spec says",
        "the contents differ from those that are approved",
        ("apply the policy and the credential spec of the same render",) * 2,
    ),
    (
        "does not match the contents",
        "the contents differ from those of the credential spec",
        ("look for another webhook or policy that fills in contents, and delete it",) * 2,
    ),
    (
        _NOT_FILLED_IN,
        "the hardening policy is in force, but the webhook has not filled in the contents",
        ("apply the MutatingWebhookConfiguration again",) * 2,
    ),
    (
        r"cannot (get|create) resource|cannot be (read|asked)|is forbidden",
        "the webhook may not read credential specs or ask for permissions",
        (
            "apply the webhook's ClusterRole and ClusterRoleBinding, which gmsa-krm render prints",
            "let its service account get gmsacredentialspecs and create localsubjectaccessreviews in all namespaces",
        ),
    ),
    (
        "",
        "admission refuses it",
        ("do what the message says; the logs of the webhook's pods may have more",) * 2,
    ),
)
_REST = (
    (
        r"error looking up service account|serviceaccount \S+ not found",
        CLUSTER,
        "its service account does not exist",
        "create the service account",
    ),
    ("is being terminated", CLUSTER, "its namespace is being deleted", "wait, and create the namespace again"),
    (r"namespaces? \S+ not found", CLUSTER, "its namespace does not exist", "create the namespace"),
    (
        "violates PodSecurity",
        OTHER,
        "Pod Security refuses the test pod",
        "make sure that the workload meets the Pod Security level of its namespace",
    ),
    ("exceeded quota", OTHER, "the quota of its namespace is used up", "raise the ResourceQuota, or remove pods"),
    (
        "failed quota|must specify",
        OTHER,
        "a quota wants more fields than the test pod has",
        "make sure that the containers of the workload have them, or add a LimitRange with defaults",
    ),
    (
        r"(minimum|maximum) (cpu|memory)|limit to request ratio",
        OTHER,
        "a LimitRange refuses the test pod",
        "make sure that the requests and limits of the workload are within the LimitRange",
    ),
    (
        "does not support dry run",
        OTHER,
        "another webhook gets this pod and takes no dry runs",
        "if that webhook has no side effects, set sideEffects: None in its configuration",
    ),
)


class Refusal:
    """`kind`: one of those above; `by`: the webhook or policy that refuses. `meaning` and `cure` are for a sentence."""

    __slots__ = ("by", "cure", "kind", "meaning", "message")

    def __init__(self, kind: str, meaning: str, cure: str, message: str, by: str = "") -> None:
        self.kind = kind
        self.meaning = meaning
        self.cure = cure
        self.message = message
        self.by = by

    @property
    def is_about_gmsa(self) -> bool:
        return self.kind in (CALL, ADMISSION, CLUSTER)

    @property
    def is_of_set_up(self) -> bool:
        """Whether the webhook is not called, or its configuration is missing: no pod of any pair is admitted."""
        return self.kind == CALL or _NOT_FILLED_IN in self.message


def explain(
    error: Refused,
    webhooks: Collection[str] = (WEBHOOK,),
    policies: Collection[str] = (),
    *,
    has_config: bool = True,
) -> Refusal:
    """`webhooks` and `policies`: the names of those that are about gMSA; `has_config`: the cure may speak of one."""
    message = error.message
    for pattern, known, kind, table in (
        (_CALLED, webhooks, CALL, _CALLS),
        (_DENIED, webhooks, ADMISSION, _VERDICTS),
        (_POLICY, policies, ADMISSION, _VERDICTS),
    ):
        by = pattern.search(message)
        if by is not None:
            if by[1] not in known:
                return _of_another(by[1], kind, message)
            meaning, cures = next((meaning, cures) for text, meaning, cures in table if re.search(text, message))
            return Refusal(kind, meaning, cures[0 if has_config else 1], message, by[1])
    if re.search(r'^[^:]*is forbidden: User "[^"]*" cannot create resource', message):
        return Refusal(USER, "", "", message)
    for text, kind, meaning, cure in _REST:
        if re.search(text, message):
            return Refusal(kind, meaning, cure, message)
    cure = "do what the message says, if the pods of the workload are refused, too"
    return Refusal(OTHER, "the API server refuses the test pod", cure, message)


def _of_another(name: str, kind: str, message: str) -> Refusal:
    what = "does not answer" if kind == CALL else "refuses the test pod"
    cure = "make sure that it admits the pods of the workload"
    return Refusal(OTHER, f"{name}, which is not about gMSA, {what}", cure, message, name)
