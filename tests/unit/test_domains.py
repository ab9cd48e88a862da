"""Domains of a run against each other, scopes of other domains, and credential specs among the manifests."""

from __future__ import annotations

import json

import pytest
import yaml

from builders import MODE_NONE, MODE_POLICY, contoso, deployment, gmsa_config, stream, windows_options
from conftest import CONTENTS, Call, Check, Folder

FABRIKAM_SID = "S-1-5-21-1004336348-1177238915-682003330"
FABRIKAM_GUID = "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11"


def fabrikam(**fields: str) -> str:
    values = {"dns_name": "fabrikam.com", "net_bios_name": "FABRIKAM", "guid": FABRIKAM_GUID, "sid": FABRIKAM_SID}
    return contoso(**{**values, **fields}).removeprefix("domains:\n")


def config(more: str = "", domains: str = "", mode: str = MODE_NONE) -> str:
    credspec = f"credspecs:\n- account: WebApp1\n  domain: contoso.com\n  usedBy: FromWorkloads\n{more}"
    return gmsa_config(credspec, mode, domains=contoso() + domains)


def manifest(name: str = "gmsa-other", **join: str) -> str:
    contents = json.loads(CONTENTS)
    contents["DomainJoinConfig"] |= join
    data = {"apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": {"name": name}}
    return yaml.safe_dump({**data, "credspec": contents}, width=1000)


@pytest.mark.parametrize(
    ("fields", "rule", "field"),
    [
        ({"sid": "S-1-5-21-2126449477-2524075714-3094792973"}, "domain-conflict", "sid"),
        ({"guid": "244818AE-87AC-4FCD-92EC-E79E5252348A"}, "domain-conflict", "guid"),
        ({"net_bios_name": "contoso"}, "shared-netbios-name", "netBiosName"),
    ],
)
def test_two_domains_do_not_share_a_value(fields: dict[str, str], rule: str, field: str, check: Check) -> None:
    finding = check(config(domains=fabrikam(**fields))).finding
    assert (finding.rule, finding.field) == (rule, f"spec.domains[1].{field}")
    assert finding.says("contoso.com")


def test_two_domains_with_their_own_values_are_right(check: Check) -> None:
    assert check(config(domains=fabrikam())).findings == []


def test_a_manifest_has_the_domain_of_the_config(check: Check) -> None:
    assert check(config(), manifest()).findings == []
    finding = check(config(), manifest(Sid=FABRIKAM_SID)).finding
    assert (finding.rule, finding.severity, finding.file) == ("domain-conflict", "error", "web.yaml")
    assert finding.field == "GMSACredentialSpec gmsa-other: credspec.DomainJoinConfig.Sid"
    assert finding.text == FABRIKAM_SID
    assert finding.says("S-1-5-21-2126449477-2524075714-3094792973", "gmsa.yaml")


def test_an_additional_account_of_a_declared_domain_gets_both_scopes(check: Check) -> None:
    more = "  additionalAccounts:\n  - account: WebApp2\n    domain: fabrikam.com\n"
    checked = check(config(more, fabrikam()))
    assert checked.findings == []
    accounts = checked.done.object("GMSACredentialSpec")["credspec"]["ActiveDirectoryConfig"]
    assert [(it["Name"], it["Scope"]) for it in accounts["GroupManagedServiceAccounts"]] == [
        ("WebApp1", "CONTOSO"),
        ("WebApp1", "contoso.com"),
        ("WebApp2", "FABRIKAM"),
        ("WebApp2", "fabrikam.com"),
    ]


@pytest.mark.parametrize(
    ("entry", "rule", "field", "words"),
    [
        ("scope: fabrikam.com", "single-scope", "scope", ("FABRIKAM", "domain in place of scope")),
        ("scope: contso.com", "unknown-scope", "scope", ("contoso.com, CONTOSO", "spec.domains")),
        ("domain: fabricam.com", "domain-reference", "domain", ("did you mean fabrikam.com",)),
        ("{domain: fabrikam.com, scope: FABRIKAM}", "one-of", "scope", ("remove scope",)),
    ],
)
def test_the_domain_of_an_additional_account(
    entry: str, rule: str, field: str, words: tuple[str, ...], check: Check
) -> None:
    inner = entry.strip("{}").replace(", ", "\n    ")
    more = f"  additionalAccounts:\n  - account: WebApp2\n    {inner}\n"
    finding = check(config(more, fabrikam())).finding
    assert (finding.rule, finding.field) == (rule, f"spec.credspecs[0].additionalAccounts[0].{field}")
    assert finding.says(*words)


# Credential specs among the manifests

WEB = deployment(
    "serviceAccountName: webapp1\nnodeSelector:\n  kubernetes.io/os: windows\n",
    windows_options("gmsa-other"),
    "containers:\n- name: iis\n  image: iis\n",
)


def test_a_workload_may_name_a_manifest_beside_it(check: Check) -> None:
    assert check(config(), stream(manifest(), WEB)).findings == []
    assert check(config(), stream(WEB, manifest())).findings == []
    assert check(config(), WEB).finding.rule == "unknown-credspec"


def test_mode_policy_refuses_what_is_not_in_a_config(check: Check) -> None:
    finding = check(config(mode=MODE_POLICY), stream(manifest(), WEB)).finding
    assert (finding.rule, finding.severity) == ("unknown-credspec", "error")
    assert finding.says("mode Policy", "gmsa-krm import credspec")


def test_a_manifest_with_the_name_of_a_credspec_of_the_config_is_a_conflict(check: Check) -> None:
    finding = check(config(), manifest("gmsa-webapp1")).finding
    assert (finding.rule, finding.severity) == ("same-object", "error")


@pytest.mark.parametrize("name", ["gmsa-WebApp1", "gmsa_webapp1"])
def test_the_name_of_a_manifest_is_checked(name: str, check: Check) -> None:
    """gmsa-WebApp1 is the name in the Kubernetes guide, and the API server refuses it."""
    finding = check(config(), manifest(name)).finding
    assert (finding.rule, finding.field) == ("kubernetes-name", f"GMSACredentialSpec {name}: metadata.name")
    assert finding.says("gmsa-webapp1")


def test_a_variable_of_a_later_substitution_is_not_checked_and_is_said(check: Check) -> None:
    finding = check(config(), manifest(Sid="${DOMAIN_SID}")).finding
    assert (finding.rule, finding.severity) == ("unchecked-variable", "warning")
    assert finding.says("${DOMAIN_SID}")


def test_what_is_not_yet_substituted_never_gets_into_a_hook(check: Check) -> None:
    """A name that is not checked must not become a part of a command."""
    web = deployment("containers:\n- name: iis\n  image: iis\n")
    entry = """\
workloads:
- match: {names: [web]}
  credspec: gmsa-other
  serviceAccount: webapp1
  netlogonRestart: {method: SecureChannelReset}
"""
    evil = manifest(DnsName="${A}'; evil; '", DnsTreeName="${A}'; evil; '")
    checked = check(gmsa_config("credspecs: []\n", entry, MODE_NONE), stream(evil, web))
    assert "unknown-domain" in {it.rule for it in checked.findings}
    assert checked.done.stdout == ""


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("windows.k8s.io/v1", "GmsaCredentialSpec"),
        ("windows.k8s.io/v1", "GMSACredentialSpecs"),
        ("window.k8s.io/v1", "GMSACredentialSpec"),
        ("windows.k8s.io/v1beta1", "GMSACredentialSpec"),
        ("v1", "CredentialSpec"),
    ],
)
def test_what_almost_is_a_credential_spec_is_an_error(api_version: str, kind: str, check: Check) -> None:
    data = {**yaml.safe_load(manifest()), "apiVersion": api_version, "kind": kind}
    finding = check(config(), yaml.safe_dump(data)).finding
    assert (finding.rule, finding.severity) == ("misspelt-credspec", "error")
    assert finding.says("windows.k8s.io/v1", "GMSACredentialSpec")


def test_two_manifests_of_one_name_in_a_stream_are_an_error(check: Check) -> None:
    finding = check(config(), stream(manifest(), manifest())).finding
    assert (finding.rule, finding.file) == ("same-object", "web.yaml")
    assert finding.says("occurs twice", "line 1")


def test_manifests_of_different_folders_may_be_for_different_clusters(call: Call, folder: Folder) -> None:
    root = folder({"dev/cs.yaml": manifest(), "prod/cs.yaml": manifest(Sid=FABRIKAM_SID)})
    assert call("lint", root).stdout.splitlines()[-1] == "no errors, no warnings"
    both = folder({"all.yaml": stream(manifest("a"), manifest("b", Sid=FABRIKAM_SID))}) / "all.yaml"
    assert "domain contoso.com; fix one" in call("lint", both).stdout


@pytest.mark.parametrize("name", ["gmsa-WebApp1", "gmsa_webapp", "file://webapp1.json", "<name>"])
def test_a_reference_that_the_api_server_refuses_needs_no_config(name: str, call: Call, folder: Folder) -> None:
    web = WEB.replace("gmsa-other", json.dumps(name))
    done = call("lint", folder({"web.yaml": web}))
    assert done.status == 1
    assert "is not an RFC 1123 subdomain" in done.stdout
    assert "existingCredspecs" not in call("lint", folder({"gmsa.yaml": config(), "web.yaml": web})).stdout


def test_a_reference_is_compared_with_the_manifests_without_a_config(call: Call, folder: Folder) -> None:
    root = folder({"all.yaml": stream(manifest("gmsa-web1"), WEB.replace("gmsa-other", "gmsa-WEB1"))})
    assert "differs from gmsa-web1 in case only" in call("lint", root).stdout


def test_a_reference_that_is_a_variable_is_said(call: Call, folder: Folder) -> None:
    done = call("lint", folder({"gmsa.yaml": config(), "web.yaml": WEB.replace("gmsa-other", "${CREDSPEC}")}))
    assert done.status == 0
    assert "has the variable ${CREDSPEC}" in done.stdout
