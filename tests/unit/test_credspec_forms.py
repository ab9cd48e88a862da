"""A credential spec is checked in every form that it comes in, and each form gets the same findings."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import MODE_NONE, gmsa_config
from conftest import CONTENTS, Call, Folder

GOOD: dict[str, Any] = json.loads(CONTENTS)
JOIN = "DomainJoinConfig"
ACCOUNTS = "ActiveDirectoryConfig.GroupManagedServiceAccounts"
HOST = "ActiveDirectoryConfig.HostAccountConfig"
AZURE = "{CCC2A336-D7F3-4818-A213-272B7924213E}"
AWS = "{859E1386-BDB4-49E8-85C7-3070B13920E1}"
RANCHER = "{e4781092-f116-4b79-b55e-28eb6a224e26}"
IDENTITY = "0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gmsa-a1b2c3"

Findings = set[tuple[str, str, str]]  # severity, rule, field of the contents


@dataclass(frozen=True)
class Fault:
    """A change of good contents: values by path (None removes a key), and the finding: severity, rule, field."""

    name: str
    values: dict[str, Any]
    severity: str
    rule: str
    field: str

    def __str__(self) -> str:
        return self.name


def plugin(guid: str, value: Any, version: Any = "1") -> dict[str, Any]:
    return {HOST: {"PluginGUID": guid, "PluginInput": value, "PortableCcgVersion": version}}


def accounts(*entries: tuple[str, str]) -> dict[str, Any]:
    return {ACCOUNTS: [{"Name": name, "Scope": scope} for name, scope in entries]}


OWN = (("WebApp1", "contoso.com"), ("WebApp1", "CONTOSO"))
# What is wrong follows from what Active Directory, the CRD and the documentation of each plugin say.
FAULTS = [
    Fault("an account's SID", {f"{JOIN}.Sid": "S-1-5-21-1-2-3-1105"}, "error", "account-sid", f"{JOIN}.Sid"),
    Fault("a SID that is none", {f"{JOIN}.Sid": "S-1-5-32-544"}, "error", "domain-sid", f"{JOIN}.Sid"),
    Fault("a GUID in braces", {f"{JOIN}.Guid": f"{{{IDENTITY}}}"}, "error", "domain-guid", f"{JOIN}.Guid"),
    Fault(
        "a DNS name as NetBIOS name",
        {f"{JOIN}.NetBiosName": "contoso.com"},
        "error",
        "netbios-name",
        f"{JOIN}.NetBiosName",
    ),
    Fault(
        "an account with its $",
        {f"{JOIN}.MachineAccountName": "WebApp1$"},
        "error",
        "account-name",
        f"{JOIN}.MachineAccountName",
    ),
    Fault("no SID", {f"{JOIN}.Sid": None}, "error", "required", f"{JOIN}.Sid"),
    Fault("a GUID that is a number", {f"{JOIN}.Guid": 5}, "error", "domain-guid", f"{JOIN}.Guid"),
    Fault(
        "an account that is a number",
        {f"{JOIN}.MachineAccountName": 5},
        "error",
        "credspec-type",
        f"{JOIN}.MachineAccountName",
    ),
    Fault("an unknown field", {f"{JOIN}.DNSName": "contoso.com"}, "error", "unknown-field", f"{JOIN}.DNSName"),
    Fault("another CMS plugin", {"CmsPlugins": ["Other"]}, "error", "cms-plugins", "CmsPlugins"),
    Fault(
        "another machine account",
        {f"{JOIN}.MachineAccountName": "WebApp2"},
        "error",
        "machine-account",
        f"{JOIN}.MachineAccountName",
    ),
    Fault(
        "only scopes of another domain",
        accounts(("WebApp1", "fabrikam.com")),
        "error",
        "machine-account",
        f"{JOIN}.MachineAccountName",
    ),
    Fault("one scope", accounts(OWN[0]), "warning", "single-scope", f"{ACCOUNTS}[0].Scope"),
    Fault(
        "a misspelt scope",
        accounts(("WebApp1", "contso.com"), OWN[1]),
        "warning",
        "unknown-scope",
        f"{ACCOUNTS}[0].Scope",
    ),
    Fault(
        "an additional account with one scope",
        accounts(*OWN, ("WebApp2", "CONTOSO")),
        "warning",
        "single-scope",
        f"{ACCOUNTS}[2].Scope",
    ),
    Fault(
        "an account twice",
        accounts(*OWN, ("webapp1", "Contoso.com")),
        "warning",
        "repeated-account",
        f"{ACCOUNTS}[2].Scope",
    ),
    Fault(
        "the names of parent and child exchanged",
        {f"{JOIN}.DnsTreeName": "emea.contoso.com"},
        "error",
        "swapped-domain-names",
        f"{JOIN}.DnsTreeName",
    ),
    Fault(
        "the forest of another tree",
        {f"{JOIN}.DnsTreeName": "fabrikam.com"},
        "warning",
        "dns-tree-name",
        f"{JOIN}.DnsTreeName",
    ),
    Fault(
        "a plugin without braces",
        plugin(AZURE.strip("{}"), f"ObjectId={IDENTITY};SecretUri=https://a.vault.azure.net/secrets/b"),
        "error",
        "plugin-guid",
        f"{HOST}.PluginGUID",
    ),
    Fault(
        "a name as Azure's identity",
        plugin(AZURE, "ObjectId=gmsa-identity;SecretUri=https://a.vault.azure.net/secrets/b"),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "a resource ID as Azure's identity",
        plugin(AZURE, "ObjectId=/subscriptions/a/b;SecretUri=https://a.vault.azure.net/secrets/b"),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "a secret without https",
        plugin(AZURE, f"ObjectId={IDENTITY};SecretUri=http://a.vault.azure.net/secrets/b"),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "a key in place of a secret",
        plugin(AZURE, f"ObjectId={IDENTITY};SecretUri=https://a.vault.azure.net/keys/b"),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "Azure's placeholder",
        plugin(AZURE, "ObjectId=<id>;SecretUri=https://a.vault.azure.net/secrets/b"),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault("a bare ARN", plugin(AWS, ARN), "error", "plugin-input", f"{HOST}.PluginInput"),
    Fault(
        "AWS's key in another spelling",
        plugin(AWS, json.dumps({"CredentialArn": ARN})),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "an ARN of another service",
        plugin(AWS, '{"credentialArn":"arn:aws:s3:::bucket/a"}'),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault(
        "a placeholder for the ARN",
        plugin(AWS, '{"credentialArn":"REPLACE_ME"}'),
        "error",
        "plugin-input",
        f"{HOST}.PluginInput",
    ),
    Fault("two colons for Rancher", plugin(RANCHER, "a:b:c"), "error", "plugin-input", f"{HOST}.PluginInput"),
    Fault(
        "input that is an object", plugin(AWS, {"credentialArn": ARN}), "error", "credspec-type", f"{HOST}.PluginInput"
    ),
    Fault("another version", plugin(RANCHER, "a:b", "2"), "error", "ccg-version", f"{HOST}.PortableCcgVersion"),
    Fault(
        "a version that is a number", plugin(RANCHER, "a:b", 1), "error", "credspec-type", f"{HOST}.PortableCcgVersion"
    ),
    Fault(
        "a misspelt field of the plugin",
        {HOST: {**plugin(RANCHER, "a:b")[HOST], "PortableCcgPlugin": "1"}},
        "error",
        "unknown-field",
        f"{HOST}.PortableCcgPlugin",
    ),
]
FINE = [
    {},
    {f"{JOIN}.MachineAccountName": "WEBAPP1"},
    accounts(("WebApp1", "CONTOSO.COM"), ("webapp1", "contoso")),
    {
        f"{JOIN}.DnsName": "emea.contoso.com",
        f"{JOIN}.NetBiosName": "EMEA",
        **accounts(("WebApp1", "emea.contoso.com"), ("WebApp1", "EMEA")),
    },
    plugin(AZURE, f"ObjectId={IDENTITY};SecretUri=https://a.vault.azure.net/secrets/b/0123456789abcdef"),
    plugin(AZURE.lower(), f"ObjectId={IDENTITY};SecretUri=https://a.vault.usgovcloudapi.net/secrets/b"),
    plugin(AWS, json.dumps({"credentialArn": ARN})),
    plugin(AWS, '{"credentialArn": "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/gmsa/web"}'),
    plugin(RANCHER, "web:webapp1-password"),
    plugin("{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}", "whatever it <reads>"),
]


def with_values(values: dict[str, Any]) -> dict[str, Any]:
    contents = copy.deepcopy(GOOD)
    for path, value in values.items():
        *parents, last = path.split(".")
        at = contents
        for key in parents:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return contents


# The forms


def of_file(
    name: str, data: Callable[[dict[str, Any]], bytes]
) -> Callable[[dict[str, Any]], tuple[dict[str, str | bytes], str]]:
    def form(contents: dict[str, Any]) -> tuple[dict[str, str | bytes], str]:
        config = gmsa_config(
            f"credspecs:\n- file: {name}\n  usedBy: FromWorkloads\n", MODE_NONE, domains="domains: []\n"
        )
        return {"gmsa.yaml": config, name: data(contents)}, "gmsa.yaml"

    return form


def manifest(contents: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": "gmsa-webapp1"},
        "credspec": contents,
    }


def pod(contents: dict[str, Any]) -> tuple[dict[str, str | bytes], str]:
    spec = {
        "serviceAccountName": "webapp1",
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "securityContext": {
            "windowsOptions": {"gmsaCredentialSpecName": "gmsa-a", "gmsaCredentialSpec": json.dumps(contents)}
        },
        "containers": [{"name": "iis", "image": "iis"}],
    }
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "web"}, "spec": spec}
    return {"pod.yaml": yaml.safe_dump(data)}, "pod.yaml"


def listing(contents: dict[str, Any]) -> tuple[dict[str, str | bytes], str]:
    data = {"apiVersion": "v1", "kind": "List", "items": [manifest(contents)]}
    return {"all.json": json.dumps(data)}, "all.json"


FORMS: dict[str, Callable[[dict[str, Any]], tuple[dict[str, str | bytes], str]]] = {
    "New-CredentialSpec's file": of_file("a.json", lambda it: json.dumps(it, indent=4).encode()),
    "the same in UTF-16": of_file("a.json", lambda it: json.dumps(it).encode("utf-16")),
    "contents in YAML": of_file("a.yaml", lambda it: yaml.safe_dump(it).encode()),
    "a GMSACredentialSpec in a file": of_file("a.yaml", lambda it: yaml.safe_dump(manifest(it)).encode()),
    "a GMSACredentialSpec in JSON in a file": of_file("a.json", lambda it: json.dumps(manifest(it)).encode()),
    "a manifest": lambda it: ({"a.yaml": yaml.safe_dump(manifest(it))}, "a.yaml"),
    "a manifest in a List": listing,
    "a pod": pod,
}


def found(form: str, contents: dict[str, Any], call: Call, folder: Folder) -> Findings:
    files, name = FORMS[form](contents)
    root = folder(files)
    findings = json.loads(call("lint", "--format", "json", root / name).stdout)
    return {(it["severity"], it["rule"], inner(it["field"])) for it in findings}


def inner(field: str) -> str:
    """The field of the contents, without where they are."""
    for start in ("gmsaCredentialSpec.", "credspec."):
        field = field.rpartition(start)[2]
    return field


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_found_in_every_form(fault: Fault, form: str, call: Call, folder: Folder) -> None:
    assert found(form, with_values(fault.values), call, folder) == {(fault.severity, fault.rule, fault.field)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("values", FINE, ids=range(len(FINE)))
def test_what_is_right_has_no_findings_in_any_form(
    values: dict[str, Any], form: str, call: Call, folder: Folder
) -> None:
    assert found(form, with_values(values), call, folder) == set()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(FAULTS), min_size=2, max_size=4, unique_by=lambda it: it.name))
def test_every_form_of_a_credential_spec_has_the_same_findings(faults: list[Fault], call: Call, folder: Folder) -> None:
    values: dict[str, Any] = {}
    for fault in faults:
        values |= {path: value for path, value in fault.values.items() if path not in values}
    contents = with_values(dict(sorted(values.items(), key=lambda it: it[1] is None)))
    first, *others = (found(form, contents, call, folder) for form in FORMS)
    assert first
    assert all(it == first for it in others)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (f"{JOIN}.Sid", "SID"),
        ("DomainJoinConfig", "domainJoinConfig"),
        ("CmsPlugins", "CMSPlugins"),
        (ACCOUNTS, "GroupManagedServiceAccount"),
    ],
)
def test_a_misspelt_key_is_one_error(path: str, wrong: str, form: str, call: Call, folder: Folder) -> None:
    """And not also a missing one."""
    contents = with_values({})
    parents, _, last = path.rpartition(".")
    at = contents[parents] if parents else contents
    at[wrong] = at.pop(last)
    field = f"{parents}.{wrong}" if parents else wrong
    assert found(form, contents, call, folder) == {("error", "unknown-field", field)}
