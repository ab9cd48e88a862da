"""What the tests of the hosts share beside fixtures: configs and workloads to start from, and checks of messages."""

from __future__ import annotations

from typing import Any

import yaml

CONTOSO = {
    "dnsName": "contoso.com",
    "netBiosName": "CONTOSO",
    "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "sid": "S-1-5-21-2126449477-2524075714-3094792973",
}
WEBAPP1 = {"account": "WebApp1", "usedBy": [{"namespace": "web", "serviceAccounts": ["webapp1"]}]}
CERT_MANAGER = {"certificate": {"source": "CertManager"}}
NO_ADMISSION = {"mode": "None"}
# The entry of spec.workloads for the Deployment web.
WEB = {"match": {"names": ["web"]}, "credspec": "gmsa-webapp1", "serviceAccount": "webapp1"}


def gmsa_config(name: str = "contoso", **spec: Any) -> str:
    """The text of a GMSAConfig for contoso.com with the account WebApp1; `spec` has further fields, or other values."""
    return as_yaml(
        {
            "apiVersion": "gmsa-krm.dev/v1alpha1",
            "kind": "GMSAConfig",
            "metadata": {"name": name},
            "spec": {"domains": [CONTOSO], "credspecs": [WEBAPP1], **spec},
        }
    )


def deployment(name: str = "web", **pod: Any) -> str:
    """The text of a Deployment in the namespace web with two containers; `pod` has fields of the pod's spec."""
    containers = [{"name": "iis", "image": "iis"}, {"name": "log", "image": "log"}]
    return as_yaml(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "web", "labels": {"app": "iis", "tier": "web"}},
            "spec": {"template": {"spec": {"containers": containers, **pod}}},
        }
    )


def as_yaml(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False)


def assert_mentions(text: str, *words: str) -> None:
    """A message has the place, the field and the words that matter; how it says the rest may change."""
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"


# What `import ad` reads, with an account that a node may use.
SNAPSHOT = """\
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
    forest: contoso.com
  accounts:
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    enabled: true
    passwordReaders:
    - {name: NODE1$, kind: Computer}
    hosts: [NODE1]
"""
