"""Certificates whose keys stay in the cluster: sources ExistingSecret and CertManager."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import ROOT, Check, Done, Render
from tls import NAME, bundle_of, certificate_config

CA = (ROOT / "kustomize" / "existing-secret" / "certs" / "ca.crt").read_text()


def kinds(done: Done) -> list[str]:
    assert done.status == 0, done.stderr
    return [item["kind"] for item in done.objects]


def mounted_secret(done: Done) -> Any:
    """The name of the Secret that the webhook serves from."""
    return done.object("Deployment")["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]


# ExistingSecret


EXISTING_SECRET = certificate_config("""
    source: ExistingSecret
    existingSecret:
      name: mine
      caBundleFile: ca.crt
""")


def test_an_existing_secret_is_mounted_and_not_written(render: Render) -> None:
    done = render(EXISTING_SECRET, {"ca.crt": CA})
    assert "Secret" not in kinds(done)
    assert bundle_of(done) == CA
    assert mounted_secret(done) == "mine"


def test_a_missing_ca_file_is_refused(check: Check) -> None:
    finding = check(EXISTING_SECRET).finding
    assert (finding.severity, finding.field) == ("error", "spec.webhook.certificate.existingSecret.caBundleFile")
    assert finding.says("ca.crt", "not exist"), finding.message


# CertManager


def test_cert_manager_issues_a_chain_whose_ca_key_stays(render: Render) -> None:
    config = certificate_config("""
        source: CertManager
        validFor: 17520h
    """)
    done = render(config)
    assert "Secret" not in kinds(done)
    leaf = done.object("Certificate", "gmsa-webhook")["spec"]
    authority = done.object("Certificate", "gmsa-webhook-ca")["spec"]
    assert leaf["dnsNames"] == [NAME, f"{NAME}.cluster.local"]
    assert leaf["duration"] == "17520h"
    assert authority["privateKey"]["rotationPolicy"] == "Never"
    assert done.object("Issuer", leaf["issuerRef"]["name"])["spec"] == {"ca": {"secretName": authority["secretName"]}}
    assert done.object("Issuer", authority["issuerRef"]["name"])["spec"] == {"selfSigned": {}}
    assert mounted_secret(done) == leaf["secretName"]


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_cert_manager_injects_the_ca(kind: str, render: Render) -> None:
    configuration = render(certificate_config("source: CertManager")).object(kind)
    assert configuration["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "gmsa-webhook/gmsa-webhook"}
    assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]


def test_cert_manager_with_an_issuer_of_the_user(render: Render) -> None:
    config = certificate_config("""
        source: CertManager
        certManager:
          issuerRef:
            name: corporate
            kind: ClusterIssuer
    """)
    done = render(config)
    assert kinds(done).count("Certificate") == 1
    assert "Issuer" not in kinds(done)
    certificate = done.object("Certificate", "gmsa-webhook")
    assert certificate["spec"]["issuerRef"] == {
        "name": "corporate",
        "kind": "ClusterIssuer",
        "group": "cert-manager.io",
    }


@pytest.mark.parametrize(
    ("valid_for", "ca_duration", "warned"),
    [
        pytest.param("8760h", "87600h", False, id="a year"),
        pytest.param("876000h", "1752000h", False, id="a century"),
        pytest.param("24h", "87600h", True, id="a day"),
    ],
)
def test_the_ca_of_cert_manager_outlives_what_it_signs(
    valid_for: str, ca_duration: str, warned: bool, check: Check
) -> None:
    config = certificate_config(f"""
        source: CertManager
        validFor: {valid_for}
    """)
    checked = check(config)
    assert checked.done.object("Certificate", "gmsa-webhook-ca")["spec"]["duration"] == ca_duration
    assert any(it.rule == "short-validity" for it in checked.findings) is warned
