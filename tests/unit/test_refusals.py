"""Why pods are refused: the messages of API servers, and what they mean."""

from __future__ import annotations

import re

import pytest

from gmsa_krm.cluster.proxy import Refused
from gmsa_krm.cluster.refusals import ADMISSION, CALL, CLUSTER, OTHER, USER, WEBHOOK, explain

CALLED = f'Internal error occurred: failed calling webhook "{WEBHOOK}": failed to call webhook: '
POST = 'Post "https://gmsa-webhook.gmsa-webhook.svc:443/mutate?timeout=5s": '
DENIED = f'admission webhook "{WEBHOOK}" denied the request: '


@pytest.mark.parametrize(
    ("message", "kind", "meaning"),
    [
        (
            CALLED + POST + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            CALL,
            "does not trust",
        ),
        (CALLED + POST + "x509: certificate has expired or is not yet valid: current time", CALL, "has expired"),
        (
            CALLED + POST + "x509: certificate is valid for a.b.svc, not gmsa-webhook.gmsa-webhook.svc",
            CALL,
            "another name",
        ),
        (CALLED + POST + "x509: certificate is not valid for any names, but wanted to match a", CALL, "another name"),
        (CALLED + POST + "remote error: tls: bad certificate", CALL, "the TLS handshake"),
        (CALLED + POST + 'no endpoints available for service "gmsa-webhook"', CALL, "no pod of the webhook is ready"),
        (CALLED + POST + 'service "gmsa-webhook" not found', CALL, "the Service of the webhook does not exist"),
        (CALLED + POST + "dial tcp 10.96.1.2:443: connect: connection refused", CALL, "nothing listens"),
        (CALLED + POST + "context deadline exceeded", CALL, "does not answer in time"),
        (CALLED + POST + "EOF", CALL, "cannot be called"),
        (DENIED + 'service account "web" is not authorized to `use` GMSA cred spec "a"', ADMISSION, "may not use"),
        (DENIED + "cred spec a does not exist", ADMISSION, "is unknown"),
        (DENIED + 'cannot get resource "gmsacredentialspecs" in API group', ADMISSION, "the webhook may not read"),
        (
            DENIED + 'the GMSA cred spec contents for pod "a" does not match the contents of GMSA resource',
            ADMISSION,
            "differ from those of the credential spec",
        ),
        (
            (
                "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'gmsa' with binding 'gmsa' denied request: service account a"
                " may not use the credential spec b"
            ),
            ADMISSION,
            "may not use",
        ),
        (
            "ValidatingAdmissionPolicy 'gmsa' with binding 'gmsa' denied request: a is not filled in here: b",
            ADMISSION,
            "fills in",
        ),
        (
            "ValidatingAdmissionPolicy 'labels' with binding 'x' denied request: no team",
            OTHER,
            "labels, which is not about gMSA",
        ),
        (
            'admission webhook "policy.example" denied the request: no',
            OTHER,
            "policy.example, which is not about gMSA, refuses",
        ),
        ('Internal error occurred: failed calling webhook "policy.example": x', OTHER, "does not answer"),
        (
            'pods "a-" is forbidden: error looking up service account web/a: serviceaccount "a" not found',
            CLUSTER,
            "service account does not exist",
        ),
        (
            'pods "a" is forbidden: unable to create new content in namespace web because it is being terminated',
            CLUSTER,
            "being deleted",
        ),
        ('namespaces "web" not found', CLUSTER, "its namespace does not exist"),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', OTHER, "Pod Security"),
        ('pods "a" is forbidden: exceeded quota: full, requested: pods=1', OTHER, "used up"),
        ('pods "a" is forbidden: failed quota: q: must specify limits.cpu', OTHER, "more fields"),
        ('pods "a" is forbidden: minimum cpu usage per Container is 100m, but request is 10m', OTHER, "LimitRange"),
        ('admission webhook "x" does not support dry run', OTHER, "dry runs"),
        ("something new", OTHER, "the API server refuses the test pod"),
        (
            'pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "web"',
            USER,
            "",
        ),
    ],
)
def test_a_refusal(message: str, kind: str, meaning: str) -> None:
    found = explain(Refused(403, "", message), policies=("gmsa",))
    assert found.kind == kind
    assert meaning in found.meaning
    assert found.message == message
    without_config = explain(Refused(403, "", message), policies=("gmsa",), has_config=False)
    for it in (found, without_config):
        assert bool(it.cure) is (kind != USER)  # whoever may not create pods is told so in place of a refusal
        assert "message says" in it.cure or not re.search("see the message|none is needed", it.cure)
    assert "gmsa-krm render" not in without_config.cure
