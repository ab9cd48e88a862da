"""`lint --ad` with a snapshot of a real domain: what works there is green, and what does not is found at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from active_directory import contoso
from active_directory.conftest import Importer
from conftest import Call, Finding, findings

NODES = ["NODE1", "NODE2"]
GOOD = ("WebApp1", "FullControl", "Everybody", "Computers", "DeniedTooLate", "Modern", "Weekly")
# Whether a node may fetch a password is asked of the KDC by test_proof.py. Who may of Gone is in another domain.
BAD = {
    "Nobody": "no-password-readers",
    "EmptyGroup": "no-password-readers",
    "WriteOnly": "no-password-readers",
    "Controllers": "node-cannot-fetch",
    "Denied": "node-cannot-fetch",
    "Loop": "node-cannot-fetch",
    "Disabled": "account-disabled",
    "Old": "weak-keys",
    "Delegating": "unconstrained-delegation",
    "Constrained": "broad-delegation",
    "Standalone": "not-a-gmsa",
    "WebApp": "unknown-account",
    "locked": "unknown-account",
}


class Linter:
    """Lints configs in a folder with a snapshot of the domain."""

    def __init__(self, importer: Importer, call: Call, ca: Path) -> None:
        self._call = call
        self._folder = ca.parent
        done = importer.by_password(ca, "--snapshot", self._folder / "ad.yaml", "--account", "*")
        assert done.status == 0, done.stderr
        self.imported: dict[str, Any] = yaml.safe_load(done.stdout)

    def __call__(self, *accounts: str, nodes: list[str] | None = None, **changes: str) -> list[Finding]:
        """The findings of a config for the accounts; `changes` are of the fields of its domain."""
        domain = {**self.imported["spec"]["domains"][0], **changes}
        used_by = [{"namespace": "web", "serviceAccounts": ["webapp1"]}]
        credspecs = [{"account": it, "usedBy": used_by} for it in accounts]
        spec = {
            "domains": [domain],
            "credspecs": credspecs,
            "nodes": {"hosts": nodes or []},
            "admission": {"mode": "None"},
        }
        config = self._folder / "gmsa.yaml"
        config.write_text(yaml.safe_dump({**self.imported, "spec": spec}, sort_keys=False))
        return findings(self._call, config, folder=self._folder, options=("--ad", self._folder / "ad.yaml"))


@pytest.fixture
def lint(importer: Importer, call: Call, ca: Path) -> Linter:
    return Linter(importer, call, ca)


def test_a_newcomers_path_is_green(importer: Importer, call: Call, ca: Path) -> None:
    importer.log_on()
    folder = ca.parent
    done = importer("--domain", contoso.DOMAIN, "--account", "webapp1", "--snapshot", folder / "ad.yaml")
    assert done.status == 0, done.stderr
    config = folder / "gmsa.yaml"
    users = "  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
    config.write_text(done.stdout.replace("  - account: WebApp1\n", f"{users}  admission: {{mode: None}}\n"))
    rendered = call("render", config)
    assert rendered.object("GMSACredentialSpec")["credspec"]["DomainJoinConfig"]["Sid"] == contoso.SID
    linted = call("lint", config, "--ad", folder / "ad.yaml", "--strict")
    assert (linted.status, linted.stderr) == (0, ""), linted.stdout


def test_what_works_is_free_of_findings(lint: Linter) -> None:
    assert lint(*GOOD, nodes=NODES) == []


@pytest.mark.parametrize("account", BAD)
def test_an_account_that_does_not_is_found_at_its_name(lint: Linter, account: str) -> None:
    (found,) = lint("WebApp1", account, nodes=NODES)
    assert (found.rule, found.field, found.text) == (BAD[account], "spec.credspecs[1].account", account)


def test_every_state_is_judged(lint: Linter) -> None:
    states = {it["name"] for it in contoso.DATA["accounts"]}
    assert states - {"Gone"} == {*GOOD, *BAD} - {"WebApp", "locked"}
    assert lint("Gone") == []


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("sid", "S-1-5-21-2126449477-2524075714-3094792974", contoso.SID),
        ("guid", "244818ae-87ac-4fcd-92ec-e79e5252348b", contoso.GUID),
        ("netBiosName", "CONTOSSO", contoso.NET_BIOS_NAME),
        ("dnsName", "contosso.com", contoso.DOMAIN),
        ("dnsTreeName", "com", contoso.DOMAIN),
    ],
)
def test_a_wrong_value_is_found_with_the_right_one(lint: Linter, key: str, wrong: str, right: str) -> None:
    found = [it for it in lint("WebApp1", **{key: wrong}) if it.rule == "wrong-domain-value"]
    assert [(it.field, it.text) for it in found] == [(f"spec.domains[0].{key}", wrong)]
    assert found[0].says(right)
