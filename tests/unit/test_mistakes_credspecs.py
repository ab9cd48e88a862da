"""Mistakes in spec.credspecs."""

from __future__ import annotations

import pytest

from builders import gmsa_config
from conftest import Check
from mistakes import Mistake, assert_is_found

ACCOUNTS = [
    Mistake(
        "an account with its $",
        gmsa_config("""
            credspecs:
            - account: WebApp1$
        """),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="WebApp1$",
        words=("$", "WebApp1"),
    ),
    Mistake(
        "an account with its domain",
        gmsa_config("""
            credspecs:
            - account: CONTOSO\\WebApp1
        """),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="CONTOSO\\WebApp1",
        words=("DOMAIN\\name", "WebApp1"),
    ),
    Mistake(
        "an account as a user principal name",
        gmsa_config("""
            credspecs:
            - account: WebApp1@contoso.com
        """),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="WebApp1@contoso.com",
        words=("user principal name", "WebApp1"),
    ),
    Mistake(
        "an account of 21 characters",
        gmsa_config("""
            credspecs:
            - account: aaaaaaaaaaaaaaaaaaaaa
        """),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="aaaaaaaaaaaaaaaaaaaaa",
        words=("21 characters", "20"),
    ),
    Mistake(
        "an account of 16 characters",
        gmsa_config("""
            credspecs:
            - account: aaaaaaaaaaaaaaaa
              usedBy: FromWorkloads
        """),
        rule="account-name-length",
        field="spec.credspecs[0].account",
        at="aaaaaaaaaaaaaaaa",
        words=("aaaaaaaaaaaaaaaa", "16 characters"),
        severity="warning",
    ),
    Mistake(
        "an account with a colon",
        gmsa_config("""
            credspecs:
            - account: 'Web:App'
        """),
        rule="account-name",
        field="spec.credspecs[0].account",
        at="'Web:App'",
        words=("'Web:App'", "sAMAccountName"),
    ),
]
NAMES = [
    Mistake(
        "a name in upper case",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              name: gmsa-WebApp1
        """),
        rule="kubernetes-name",
        field="spec.credspecs[0].name",
        at="gmsa-WebApp1",
        words=("'gmsa-WebApp1'", "RFC 1123", "gmsa-webapp1"),
    ),
    Mistake(
        "a name with an underscore",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              name: web_app
        """),
        rule="kubernetes-name",
        field="spec.credspecs[0].name",
        at="web_app",
        words=("web-app",),
    ),
    Mistake(
        "two credspecs of one name",
        gmsa_config("""
            credspecs:
            - account: WebApp1
            - account: webapp1
        """),
        rule="duplicate-name",
        field="spec.credspecs[1].name",
        at="account: webapp1",
        words=("gmsa-webapp1", "spec.credspecs[0]"),
    ),
    Mistake(
        "an account of which no name can be derived",
        gmsa_config("""
            credspecs:
            - account: Приложение
        """),
        rule="required",
        field="spec.credspecs[0].name",
        at="account: Приложение",
        words=("Приложение", "RFC 1123"),
    ),
]
SOURCES = [
    Mistake(
        "a domain that does not exist",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              domain: contosso.com
        """),
        rule="domain-reference",
        field="spec.credspecs[0].domain",
        at="contosso.com",
        words=("contosso.com", "spec.domains", "did you mean contoso.com"),
    ),
    Mistake(
        "neither account nor file",
        gmsa_config("""
            credspecs:
            - name: a
        """),
        rule="credspec-source",
        field="spec.credspecs[0]",
        at="name: a",
        words=("neither account nor file",),
    ),
    Mistake(
        "both account and file",
        gmsa_config("""
            credspecs:
            - account: A
              file: a.json
        """),
        rule="credspec-source",
        field="spec.credspecs[0]",
        at="account: A",
        words=("both account and file",),
    ),
    Mistake(
        "a domain beside a file",
        gmsa_config("""
            credspecs:
            - file: a.json
              domain: contoso.com
        """),
        rule="credspec-source",
        field="spec.credspecs[0].domain",
        at="contoso.com",
        words=("account",),
        also=("credspec-file",),  # it does not exist
    ),
]
PLUGINS = [
    Mistake(
        "a plugin's GUID without braces",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: 8019A64C-3F4E-4DE3-AD2B-9A544290E2C3
                input: a
        """),
        rule="plugin-guid",
        field="spec.credspecs[0].hostAccount.plugin",
        at="8019A64C-3F4E-4DE3-AD2B-9A544290E2C3",
        words=("braces", '"{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}"'),
    ),
    Mistake(
        "a plugin in the wrong case",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: AzureKeyvault
                input: a
        """),
        rule="unknown-value",
        field="spec.credspecs[0].hostAccount.plugin",
        at="AzureKeyvault",
        words=("AzureKeyvault", "did you mean AzureKeyVault"),
    ),
    Mistake(
        "an input that the plugin does not read",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: Rancher
                input: a
        """),
        rule="plugin-input",
        field="spec.credspecs[0].hostAccount.input",
        at="a",
        words=("Rancher", "<namespace>:<secret>"),
    ),
    Mistake(
        "an incomplete input",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: AzureKeyVault
                input:
                  ObjectId: a
        """),
        rule="required",
        field="spec.credspecs[0].hostAccount.input.SecretUri",
        at="ObjectId: a",
        words=("AzureKeyVault", "ObjectId and SecretUri"),
    ),
    Mistake(
        "a misspelt field of an input",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: AWS
                input:
                  CredentialArn: arn:aws:secretsmanager:eu-west-1:123456789012:secret:a
        """),
        rule="unknown-field",
        field="spec.credspecs[0].hostAccount.input.CredentialArn",
        at="CredentialArn: arn:aws:secretsmanager:eu-west-1:123456789012:secret:a",
        words=("AWS", "did you mean credentialArn"),
        also=("required",),
    ),
    Mistake(
        "an ARN alone as the input of AWS",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              hostAccount:
                plugin: AWS
                input: arn:aws:ssm:eu-west-1:123456789012:parameter/a
        """),
        rule="plugin-input",
        field="spec.credspecs[0].hostAccount.input",
        at="arn:aws:ssm:eu-west-1:123456789012:parameter/a",
        words=("AWS", '{"credentialArn":'),
    ),
]
USERS = [
    Mistake(
        "the default service account",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy:
              - namespace: web
                serviceAccounts: [default]
        """),
        rule="default-service-account",
        field="spec.credspecs[0].usedBy[0].serviceAccounts",
        at="[default]",
        words=("default service account", "every pod of web"),
        severity="warning",
    ),
    Mistake(
        "diagnostics by a service account that is not in usedBy",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy:
              - namespace: web
                serviceAccounts: [a]
              diagnostics:
                namespace: web
                serviceAccount: b
        """),
        rule="service-account-not-covered",
        field="spec.credspecs[0].diagnostics.serviceAccount",
        at="b",
        words=("b of web", "usedBy"),
    ),
    Mistake(
        "an empty list of service accounts",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy:
              - namespace: web
                serviceAccounts: []
        """),
        rule="required",
        field="spec.credspecs[0].usedBy[0].serviceAccounts",
        at="[]",
        words=("empty", "at least one"),
    ),
    Mistake(
        "a service account with an underscore",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy:
              - namespace: web
                serviceAccounts:
                - Web_App
        """),
        rule="kubernetes-name",
        field="spec.credspecs[0].usedBy[0].serviceAccounts[0]",
        at="Web_App",
        words=("'Web_App'", "RFC 1123"),
    ),
    Mistake(
        "a namespace with a dot",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy:
              - namespace: web.app
                serviceAccounts: [a]
        """),
        rule="kubernetes-name",
        field="spec.credspecs[0].usedBy[0].namespace",
        at="web.app",
        words=("'web.app'", "RFC 1123 label", "web-app"),
    ),
    Mistake(
        "FromWorkloads in the wrong case",
        gmsa_config("""
            credspecs:
            - account: WebApp1
              usedBy: Fromworkloads
        """),
        rule="unknown-value",
        field="spec.credspecs[0].usedBy",
        at="Fromworkloads",
        words=("Fromworkloads", "list", "did you mean FromWorkloads"),
    ),
]


@pytest.mark.parametrize("mistake", [*ACCOUNTS, *NAMES, *SOURCES, *PLUGINS, *USERS], ids=str)
def test_a_mistake_in_a_credspec_is_found(mistake: Mistake, check: Check) -> None:
    assert_is_found(mistake, check)
