"""What a report does not cover, so that no one takes silence for safety."""

from __future__ import annotations

LIMITS = (
    "Other authorizers of the cluster, such as a webhook or that of a cloud, and what they allow.",
    "Other admission webhooks and policies that check or change pods.",
    "Who can log on to a node or read etcd: a node can fetch the password of each account that lists it.",
    "What has changed since the objects and the snapshot were read.",
)
