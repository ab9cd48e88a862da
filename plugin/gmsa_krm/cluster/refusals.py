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

_RENDER = "apply Secret, Deployment and both webhook configurations of one gmsa-krm render"
_RUNS = "look at kubectl get pods,endpointslices in the webhook's namespace, and why they are not ready"
_REACH = "let the API server reach the webhook's pods: a firewall or the network plugin may be between them"

# What the message of a call has: what it means, and the cure; the first that matches counts.
_CALLS = (
    ("certificate signed by unknown authority", "the API server does not trust the webhook's certificate", _RENDER),
    ("certificate is not trusted", "the API server does not trust the webhook's certificate", _RENDER),
    (
        "certificate has expired or is not yet valid",
        "the webhook's certificate has expired, or is not yet valid",
        "renew it (with source Derive or Generate by another render), and restart the webhook's Deployment",
    ),
    (
        r"certificate is (not )?valid for|doesn't contain any IP SANs|relies on legacy Common Name",
        "the webhook's certificate is for another name",
        "set webhook.name and webhook.namespace to those of the Service, and render again",
    ),
    ("x509: |tls: ", "the TLS handshake with the webhook fails", _RENDER),
    ("no endpoints available|endpoints .* not found", "no pod of the webhook is ready", _RUNS),
    (r'service "[^"]*" not found', "the Service of the webhook does not exist", "apply what the set-up has"),
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
        "bind the ClusterRole use-NAME for it in its namespace; doctor --check access says more",
    ),
    (
        r"cred ?spec .* does not exist|gmsacredentialspecs\S* \S* not found|no credential spec of the policy",
        "the credential spec is unknown to what admits pods",
        "create the GMSACredentialSpec; in mode Policy apply the policy of all configs again",
    ),
    (
        "is not filled in here",
        "nothing fills in the contents of pods in this cluster",
        "render workloads with gmsa-krm, or set policy.expand",
    ),
    (
        "is not what the credential spec says|does not match the contents",
        "the contents differ from those that are approved",
        "apply the policy and the credential spec of the same render",
    ),
    (
        _NOT_FILLED_IN,
        "the hardening policy is in force, but the webhook has not filled in the contents",
        "apply the MutatingWebhookConfiguration again",
    ),
    (
        r"cannot (get|create) resource|cannot be (read|asked)|is forbidden",
        "the webhook may not read credential specs or ask for permissions",
        "apply the webhook's ClusterRole and ClusterRoleBinding again",
    ),
    ("", "admission refuses it", "see the message"),
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
        "look whether the workload meets the level of the namespace",
    ),
    ("exceeded quota", OTHER, "the quota of its namespace is used up", "raise the ResourceQuota, or remove pods"),
    ("failed quota|must specify", OTHER, "a quota wants more fields than the test pod has", "none is needed here"),
    (
        r"(minimum|maximum) (cpu|memory)|limit to request ratio",
        OTHER,
        "a LimitRange refuses the test pod",
        "none is needed here",
    ),
    (
        "does not support dry run",
        OTHER,
        "another webhook gets this pod and takes no dry runs",
        "nothing can be proved here; set sideEffects: None in its configuration only if it really has none",
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


def explain(error: Refused, webhooks: Collection[str] = (WEBHOOK,), policies: Collection[str] = ()) -> Refusal:
    """`webhooks` and `policies`: the names of those of gMSA."""
    message = error.message
    for pattern, known, kind, table in (
        (_CALLED, webhooks, CALL, _CALLS),
        (_DENIED, webhooks, ADMISSION, _VERDICTS),
        (_POLICY, policies, ADMISSION, _VERDICTS),
    ):
        by = pattern.search(message)
        if by is not None:
            return _by(by[1], kind, table, message, is_known=by[1] in known)
    if re.search(r'^[^:]*is forbidden: User "[^"]*" cannot create resource', message):
        return Refusal(USER, "", "", message)
    for text, kind, meaning, cure in _REST:
        if re.search(text, message):
            return Refusal(kind, meaning, cure, message)
    return Refusal(OTHER, "the API server refuses the test pod", "see the message", message)


def _by(name: str, kind: str, table: tuple[tuple[str, str, str], ...], message: str, *, is_known: bool) -> Refusal:
    if not is_known:
        what = "does not answer" if kind == CALL else "refuses the test pod"
        return Refusal(
            OTHER, f"{name}, which is not of gMSA, {what}", "look whether it admits the workload", message, name
        )
    meaning, cure = next((meaning, cure) for text, meaning, cure in table if re.search(text, message))
    return Refusal(kind, meaning, cure, message, name)
