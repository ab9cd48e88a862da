"""`doctor` finds what cert-manager has not done, by the status of its Certificates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cluster.cert_manager import CertManager
from cluster.harness import NOW, Cluster
from cluster.test_cert_manager import with_cert_manager
from cluster.test_doctor import Doctor, Rendered

DAY = 86_400
PATH = "/apis/cert-manager.io/v1/namespaces/gmsa-webhook/certificates/gmsa-webhook"


def test_certificates_of_cert_manager(
    cluster: Cluster, cert_manager: CertManager, rendered: Rendered, tmp_path: Path
) -> None:
    items = rendered(with_cert_manager())
    cluster.install(items)
    cert_manager.injected()
    doctor = Doctor(cluster, tmp_path)
    gmsa = tmp_path / "gmsa.yaml"
    assert doctor.problems(gmsa) == {}
    assert doctor.problems("--check", "certificate") == {}
    cert_manager.stop()  # or it would correct what follows
    status = cluster.client.get(PATH)["status"]

    def plant(**changes: object) -> None:
        cluster.client.patch(f"{PATH}/status", {"status": {**status, **changes}})

    plant(conditions=[{**status["conditions"][0], "status": "False", "message": "Referenced issuer does not exist."}])
    doctor.finds("certificate-not-ready")
    doctor.finds("certificate-not-ready", "--check", "certificate")
    plant(renewalTime=rfc3339(NOW - DAY))
    doctor.finds("certificate-renewal-overdue")
    plant(renewalTime=rfc3339(NOW - 9 * DAY), notAfter=rfc3339(NOW - DAY))
    assert list(doctor.problems(gmsa)) == ["certificate-expired"]


def rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
