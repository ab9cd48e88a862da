"""What a report does not cover, so that no one takes silence for safety. docs/how-to/who-can.md has the same list."""

from __future__ import annotations

LIMITS = (
    "Other authorizers of the cluster, such as a webhook or a cloud's, and what they allow.",
    "Other admission webhooks and policies that check or change pods.",
    "Kinds that are not Kubernetes' own, as a way to run pods.",
    "Tokens in Secrets, and impersonation that is limited to some requests (the verbs impersonate:...).",
    "Workloads without any gMSA, though their service account may use a credential spec: they could name it later.",
    "Who can log on to nodes or read etcd: a node can fetch the password of each account that lists it.",
)
