"""What cert-manager would do with our Issuers and Certificates, and its injector with the webhook configurations.

Two kinds of Issuer (selfSigned, ca), Certificates with their private key's rotation policy, renewals on demand.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cluster.api import Client, Object
from gmsa_krm.certificates.authority import Key, certificate_pem, key_pem

_GROUP = "/apis/cert-manager.io/v1"
_INJECT = "cert-manager.io/inject-ca-from"


class CertManager:
    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def reconcile(self) -> None:
        """Issues what has no Secret yet, and injects."""
        waiting = self._client.items(f"{_GROUP}/namespaces/{self._namespace}/certificates")
        for certificate in sorted(waiting, key=lambda it: not it["spec"].get("isCA", False)):
            if self._secret(certificate["spec"]["secretName"]) is None:
                self._issue(certificate)
        self.inject()

    def renew(self, name: str) -> None:
        """What happens at two thirds of a certificate's life."""
        self._issue(self._client.get(f"{_GROUP}/namespaces/{self._namespace}/certificates/{name}"))

    def inject(self) -> None:
        for kind in ("validating", "mutating"):
            path = f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations"
            for configuration in self._client.items(path):
                source = configuration["metadata"].get("annotations", {}).get(_INJECT, "").partition("/")
                if source[0] != self._namespace:
                    continue
                certificate = self._client.get(f"{_GROUP}/namespaces/{source[0]}/certificates/{source[2]}")
                secret = self._secret(certificate["spec"]["secretName"])
                assert secret
                for index, _ in enumerate(configuration["webhooks"]):
                    change = [
                        {
                            "op": "add",
                            "path": f"/webhooks/{index}/clientConfig/caBundle",
                            "value": secret["data"]["ca.crt"],
                        }
                    ]
                    self._client.request(
                        "PATCH", f"{path}/{configuration['metadata']['name']}", change, "application/json-patch+json"
                    )

    def _secret(self, name: str) -> Object | None:
        found: Object | None = self._client.find(f"/api/v1/namespaces/{self._namespace}/secrets/{name}")
        return found

    def _issue(self, wanted: Object) -> None:
        spec = wanted["spec"]
        before = self._secret(spec["secretName"])
        assert spec["privateKey"]["algorithm"] == "ECDSA"
        assert spec["privateKey"]["size"] == 256
        if before and spec["privateKey"]["rotationPolicy"] == "Never":
            key = _key(before)
        else:
            key = ec.generate_private_key(ec.SECP256R1())

        assert spec["issuerRef"]["kind"] == "Issuer"
        issuer = self._client.get(f"{_GROUP}/namespaces/{self._namespace}/issuers/{spec['issuerRef']['name']}")["spec"]
        subject = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, spec["commonName"])] if "commonName" in spec else []
        )
        if "selfSigned" in issuer:
            issuer_name, issuer_key, ca = subject, key, None
        else:
            authority = self._secret(issuer["ca"]["secretName"])
            assert authority, "cert-manager waits until the CA is there"
            ca = _decoded(authority, "tls.crt")
            issuer_name, issuer_key = x509.load_pem_x509_certificate(ca).subject, _key(authority)
        hours = re.fullmatch(r"(\d+)h(?:0m0s)?", spec["duration"])
        assert hours
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(hours=int(hours[1])))
            .add_extension(x509.BasicConstraints(ca=spec.get("isCA", False), path_length=None), critical=True)
        )
        if spec.get("dnsNames"):
            names = [x509.DNSName(name) for name in spec["dnsNames"]]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not spec.get("commonName"))
        pem = certificate_pem(builder.sign(issuer_key, hashes.SHA256())).encode()
        data = {"ca.crt": ca or pem, "tls.crt": pem, "tls.key": key_pem(key).encode()}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": spec["secretName"], "namespace": self._namespace},
            "type": "kubernetes.io/tls",
            "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        }
        self._client.apply(secret, manager="cert-manager")


def _decoded(secret: Object, name: str) -> bytes:
    return base64.b64decode(secret["data"][name])


def _key(secret: Object) -> Key:
    key = load_pem_private_key(_decoded(secret, "tls.key"), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
