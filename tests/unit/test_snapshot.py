"""ActiveDirectorySnapshot: what is written is read back, in a stable form, and mistakes have their place."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from conftest import CREDSPEC, ROOT, Call, Folder, config
from gmsa_krm.active_directory.snapshot import LoadedSnapshot, load_snapshot, snapshot_text
from gmsa_krm.yamltext.nodes import parse

CONTOSO: dict[str, Any] = {
    "dnsName": "contoso.com",
    "netBiosName": "CONTOSO",
    "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "sid": "S-1-5-21-2126449477-2524075714-3094792973",
    "forest": "contoso.com",
    "trusts": [
        {"dnsName": "fabrikam.com", "direction": "Outbound", "sid": "S-1-5-21-1-2-3"},
        {"dnsName": "emea.contoso.com", "direction": "Bidirectional"},
    ],
}
WEB: dict[str, Any] = {
    "account": "WebApp1",
    "domain": "contoso.com",
    "kind": "GroupManagedServiceAccount",
    "sid": "S-1-5-21-2126449477-2524075714-3094792973-1106",
    "enabled": True,
    "dnsHostName": "WebApp1.contoso.com",
    "servicePrincipalNames": ["http/WebApp1.contoso.com", "host/WebApp1.contoso.com", "host/WebApp1.contoso.com"],
    "passwordReaders": [{"name": "WebApp1Hosts", "kind": "Group", "sid": "S-1-5-21-1-2-3-1105"}],
    "hosts": [],
    "encryptionTypes": ["RC4", "AES256", "AES128"],
    "passwordIntervalDays": 30,
    "delegatesTo": [],
}
OLD: dict[str, Any] = {"account": "no", "domain": "contoso.com", "kind": "User", "enabled": False}
WANT = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
  annotations:
    gmsa-krm.dev/taken-at: "2026-11-26T00:00:00Z"
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
    forest: contoso.com
    trusts:
    - dnsName: emea.contoso.com
      direction: Bidirectional
    - dnsName: fabrikam.com
      direction: Outbound
      sid: S-1-5-21-1-2-3
  accounts:
  - account: "no"
    domain: contoso.com
    kind: User
    enabled: false
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    sid: S-1-5-21-2126449477-2524075714-3094792973-1106
    enabled: true
    dnsHostName: WebApp1.contoso.com
    servicePrincipalNames:
    - host/WebApp1.contoso.com
    - http/WebApp1.contoso.com
    passwordReaders:
    - name: WebApp1Hosts
      kind: Group
      sid: S-1-5-21-1-2-3-1105
    hosts: []
    encryptionTypes:
    - AES128
    - AES256
    - RC4
    passwordIntervalDays: 30
"""
SCHEMA = json.loads((ROOT / "kustomize/activedirectorysnapshot.schema.json").read_text())


def load(text: str) -> LoadedSnapshot:
    root = parse(text)
    assert root is not None
    return load_snapshot(root, "ad.yaml")


def test_a_snapshot_is_sorted_and_stable() -> None:
    taken_at = 1795651200
    written = snapshot_text([CONTOSO], [WEB, OLD], taken_at)
    assert written.replace("'", '"') == WANT
    backwards = {key: value[::-1] if isinstance(value, list) else value for key, value in reversed(WEB.items())}
    assert snapshot_text([CONTOSO], [OLD, backwards], taken_at) == written
    jsonschema.validate(yaml.safe_load(written), SCHEMA)


def test_a_snapshot_is_read_back() -> None:
    loaded = load(WANT)
    assert not loaded.findings
    (domain,), (old, web) = loaded.snapshot.spec.domains, loaded.snapshot.spec.accounts
    assert (domain.dns_tree_name, domain.forest, domain.net_bios_name) == ("contoso.com", "contoso.com", "CONTOSO")
    assert (domain.trusts[0].dns_name, domain.trusts[0].direction) == ("emea.contoso.com", "Bidirectional")
    assert (old.enabled, old.knows_hosts) == (False, False)
    assert (web.enabled, web.knows_hosts, web.hosts) == (True, True, [])
    assert [(it.name, it.kind, it.denied) for it in web.password_readers] == [("WebApp1Hosts", "Group", False)]


@pytest.mark.parametrize(
    ("right", "wrong", "place", "words"),
    [
        ("sid: S-1-5-21-2126449477-2524075714-3094792973\n", "sid: S-1-5-21-1-2-3-4\n", "12:10", "an account's SID"),
        ("kind: User", "kind: Usr", "23:11", "did you mean User?"),
        ("enabled: false", "enabled: no", "24:14", "is not true or false"),
        ("-1106", "-x", "28:10", "is not a SID"),
        ("dnsHostName:", "dnsHostname:", "30:5", "did you mean dnsHostName?"),
        ("hosts: []", "hosts: NODE1", "38:12", "must be a list"),
        ("passwordIntervalDays: 30", "passwordIntervalDays: -1", "43:27", "-1"),
        ("    hosts: []", "    hosts: []\n    hosts: []", "39:5", "repeated"),
    ],
)
def test_a_mistake_in_a_snapshot_has_its_place(right: str, wrong: str, place: str, words: str) -> None:
    assert right in WANT
    (finding,) = load(WANT.replace(right, wrong, 1)).findings
    assert str(finding.location) == f"ad.yaml:{place}"
    assert words in finding.message


@pytest.mark.parametrize("command", ["render", "lint"])
def test_a_snapshot_beside_a_config_is_not_for_the_cluster(command: str, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": config(CREDSPEC + "  admission: {mode: None}\n"), "ad.yaml": WANT})
    done = call(command, root)
    assert (done.status, done.stderr) == (0, "")
    assert "ActiveDirectorySnapshot" not in done.stdout
    if command == "render":
        assert [it["kind"] for it in done.objects if it["kind"] == "GMSACredentialSpec"]
