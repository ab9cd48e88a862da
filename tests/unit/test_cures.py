"""Messages advise what the next run accepts."""

from __future__ import annotations

import pytest

from builders import CREDSPEC, MODE_NONE, MODE_POLICY, entry, gmsa_config, nested
from conftest import Check
from mistakes import Mistake, assert_is_found

DOMAIN = """
    domains:
    - dnsName: contoso.com
      netBiosName: CONTOSO
      guid: {}
      sid: {}
"""
GUID = "244818ae-87ac-4fcd-92ec-e79e5252348a"
SID = "S-1-5-21-2126449477-2524075714-3094792973"

MISTAKES = [
    Mistake(
        "an account in place of a credspec's name",
        gmsa_config(CREDSPEC, MODE_NONE, f"workloads:\n{entry(credspec='WebApp1')}"),
        rule="unknown-credspec",
        field="spec.workloads[0].credspec",
        at="WebApp1",
        words=("is an account", "gmsa-webapp1"),
    ),
    Mistake(
        "the account with its $ in acceptPrevious",
        gmsa_config(CREDSPEC, MODE_POLICY, nested("policy.acceptPrevious[]", "credspec: webapp1$\ncontents: '{}'\n")),
        rule="unknown-credspec",
        field="spec.policy.acceptPrevious[0].credspec",
        at="webapp1$",
        words=("is an account", "gmsa-webapp1"),
        also=("previous-contents",),
    ),
    Mistake(
        "a service account as RBAC names its user",
        gmsa_config(CREDSPEC.replace("- webapp1", "- system:serviceaccount:apps:webapp1"), MODE_NONE),
        rule="kubernetes-name",
        field="spec.credspecs[0].usedBy[0].serviceAccounts[0]",
        at="system:serviceaccount:apps:webapp1",
        words=("write webapp1", "namespace: apps"),
    ),
    Mistake(
        "a group of service accounts",
        gmsa_config(CREDSPEC.replace("- webapp1", "- system:serviceaccounts:apps"), MODE_NONE),
        rule="kubernetes-name",
        field="spec.credspecs[0].usedBy[0].serviceAccounts[0]",
        at="system:serviceaccounts:apps",
        words=('write "*"', "namespace: apps"),
    ),
    Mistake(
        "a service account with its namespace",
        gmsa_config(CREDSPEC.replace("- webapp1", "- apps/webapp1"), MODE_NONE),
        rule="kubernetes-name",
        field="spec.credspecs[0].usedBy[0].serviceAccounts[0]",
        at="apps/webapp1",
        words=("write webapp1", "namespace: apps"),
    ),
    Mistake(
        "a domain's GUID in braces without quotes",
        gmsa_config(CREDSPEC, MODE_NONE, domains=DOMAIN.format(f"{{{GUID}}}", SID)),
        rule="domain-guid",
        field="spec.domains[0].guid",
        at=f"{{{GUID}}}",
        words=("braces", f"without them: {GUID}"),
    ),
    Mistake(
        "a number in place of a SID",
        gmsa_config(CREDSPEC, MODE_NONE, domains=DOMAIN.format(GUID, "1105")),
        rule="domain-sid",
        field="spec.domains[0].sid",
        at="1105",
        words=("S-1-5-21-a-b-c",),
    ),
    Mistake(
        "a placeholder of an example",
        gmsa_config(CREDSPEC.replace("WebApp1", "REPLACE_ME"), MODE_NONE),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="REPLACE_ME",
        words=("placeholder",),
    ),
    Mistake(
        "a variable of another program",
        gmsa_config(CREDSPEC.replace("WebApp1", '"${ACCOUNT}"'), MODE_NONE),
        rule="account-name",
        field="spec.credspecs[0].account",
        at='"${ACCOUNT}"',
        words=("variable that nothing has replaced",),
    ),
    Mistake(
        "a misspelt required field",
        gmsa_config(CREDSPEC, MODE_NONE, domains=DOMAIN.format(GUID, SID).replace("netBiosName", "netbiosName")),
        rule="unknown-field",
        field="spec.domains[0].netbiosName",
        at="netbiosName: CONTOSO",
        words=("did you mean netBiosName?",),
    ),
    *(
        Mistake(
            f"the kind {kind}",
            gmsa_config(CREDSPEC, MODE_NONE, f"workloads:\n{entry(match=f'kinds: [{kind}]')}"),
            rule="match-kind",
            field="spec.workloads[0].match.kinds",
            at=f"[{kind}]",
            words=(words,),
        )
        for kind, words in {
            "Deployments": "did you mean Deployment?",
            "statefulset": "did you mean StatefulSet?",
            "deploy": "did you mean Deployment?",
            "sts": "did you mean StatefulSet?",
            "Rollout": "workloadKinds",
        }.items()
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_the_cure_is_one(mistake: Mistake, check: Check) -> None:
    assert_is_found(mistake, check)


def test_a_service_account_of_the_webhooks_name_is_told_to_change_its_own(check: Check) -> None:
    accounts = "serviceAccounts:\n- name: gmsa-webhook\n  namespace: gmsa-webhook\n"
    (error,) = (it for it in check(gmsa_config(CREDSPEC, accounts)).findings if it.severity == "error")
    assert error.rule == "same-object"
    assert error.says("another name")
    assert not error.says("join the configs")


@pytest.mark.parametrize("plugin", ["AzureKeyVault", "'{CCC2A336-D7F3-4818-A213-272B7924213E}'"])
def test_a_plugin_is_the_same_by_name_and_by_guid(plugin: str, check: Check) -> None:
    host = f"  hostAccount:\n    plugin: {plugin}\n    input:\n      ObjectId: ID\n      SecretUri: https://a.vault.azure.net/secrets/b\n"
    right = host.replace("ID", "0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1", 1)
    checked = check(gmsa_config(CREDSPEC + right, MODE_NONE))
    assert checked.findings == []
    contents = checked.done.object("GMSACredentialSpec")["credspec"]["ActiveDirectoryConfig"]["HostAccountConfig"]
    assert contents == {
        "PluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}",
        "PluginInput": "ObjectId=0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1;SecretUri=https://a.vault.azure.net/secrets/b",
        "PortableCcgVersion": "1",
    }
    finding = check(gmsa_config(CREDSPEC + host.replace("ID", "my-identity", 1), MODE_NONE)).finding
    assert (finding.rule, finding.field) == ("plugin-input", "spec.credspecs[0].hostAccount.input")
    assert finding.says("'my-identity' is not a GUID")


def test_the_input_of_a_plugin_is_cured_in_the_form_that_it_has(check: Check) -> None:
    """A config takes the plugin's string or a mapping; a string may become either, a mapping stays one."""
    host = "  hostAccount:\n    plugin: AzureKeyVault\n    input: https://a.vault.azure.net/secrets/b\n"
    finding = check(gmsa_config(CREDSPEC + host, MODE_NONE)).finding
    assert finding.says("write ObjectId=<", ";SecretUri=https://<", "or a mapping with ObjectId and SecretUri")
    host = "  hostAccount:\n    plugin: AzureKeyVault\n    input: {ObjectId: a, SecretUri: https://a.vault.azure.net/secrets/b}\n"
    finding = check(gmsa_config(CREDSPEC + host, MODE_NONE)).finding
    assert finding.says("write {ObjectId: <", ", SecretUri: https://<")
    assert not finding.says("ObjectId=<")


@pytest.mark.parametrize("account", ["WebApp1$", "CONTOSO\\WebApp1", "CONTOSO\\WebApp1$", "WebApp1$@contoso.com"])
def test_the_cure_of_an_account_is_its_bare_name(account: str, check: Check) -> None:
    finding = check(gmsa_config(CREDSPEC.replace("WebApp1", account), MODE_NONE)).finding
    assert finding.rule == "account-name"
    assert finding.message.endswith(": WebApp1")


def test_a_template_in_place_of_a_value_is_called_one(check: Check) -> None:
    finding = check(gmsa_config(CREDSPEC.replace("WebApp1", "{{ .Values.account }}"), MODE_NONE)).finding
    assert finding.says("a template in {{ }}", "render the template first")
