"""`lint --ad` and spec.activeDirectory: configs, files and manifests compared with what Active Directory knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from conftest import Call, Finding, Folder, findings

ROOT_DOMAIN: dict[str, Any] = {
    "dnsName": "contoso.com",
    "netBiosName": "CONTOSO",
    "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "sid": "S-1-5-21-2126449477-2524075714-3094792973",
}
CHILD: dict[str, Any] = {
    "dnsName": "emea.contoso.com",
    "dnsTreeName": "contoso.com",
    "netBiosName": "EMEA",
    "guid": "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11",
    "sid": "S-1-5-21-1004336348-1177238915-682003330",
}
GMSA = "GroupManagedServiceAccount"
HEALTHY: dict[str, Any] = {
    "account": "WebApp1",
    "domain": "contoso.com",
    "kind": GMSA,
    "enabled": True,
    "servicePrincipalNames": ["http/web.contoso.com"],
    "passwordReaders": [{"name": "WebApp1Hosts", "kind": "Group"}],
    "hosts": ["NODE1", "NODE2"],
    "encryptionTypes": ["AES128", "AES256"],
    "passwordIntervalDays": 30,
    "delegatesTo": ["MSSQLSvc/sql.contoso.com"],
}
IN_CHILD = {**HEALTHY, "account": "Emea1", "domain": "emea.contoso.com"}

# Each puts a credential spec with these contents into files, `name: text`.
Form = Callable[[dict[str, Any]], dict[str, str]]


def snapshot(*accounts: dict[str, Any], domains: tuple[dict[str, Any], ...] = (ROOT_DOMAIN, CHILD)) -> str:
    known = accounts or (HEALTHY, IN_CHILD)
    return yaml.safe_dump(
        {
            "apiVersion": "gmsa-krm.dev/v1alpha1",
            "kind": "ActiveDirectorySnapshot",
            "metadata": {"name": "contoso.com"},
            "spec": {"domains": list(domains), "accounts": list(known)},
        }
    )


def contents(domain: dict[str, Any] = ROOT_DOMAIN, account: str = "WebApp1", **changes: str) -> dict[str, Any]:
    """Contents for an account of a domain; `changes` are of the fields of DomainJoinConfig."""
    data = {**domain, **{key[0].lower() + key[1:]: it for key, it in changes.items()}}
    names = (data["netBiosName"], data["dnsName"])
    return {
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": [{"Name": account, "Scope": it} for it in names]},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": data["dnsName"],
            "DnsTreeName": data.get("dnsTreeName", data["dnsName"]),
            "Guid": data["guid"],
            "MachineAccountName": account,
            "NetBiosName": data["netBiosName"],
            "Sid": data["sid"],
        },
    }


def config_of(spec: dict[str, Any]) -> str:
    whole = {"webhook": {"certificate": {"source": "CertManager"}}, **spec}
    meta = {"apiVersion": "gmsa-krm.dev/v1alpha1", "kind": "GMSAConfig", "metadata": {"name": "contoso"}}
    return yaml.safe_dump({**meta, "spec": whole}, sort_keys=False)


def entry(**fields: Any) -> dict[str, Any]:
    return {**fields, "usedBy": [{"namespace": "web", "serviceAccounts": ["webapp1"]}]}


def as_entry(data: dict[str, Any], **more: Any) -> dict[str, str]:
    join = data["DomainJoinConfig"]
    domain = {key[0].lower() + key[1:]: it for key, it in join.items() if key != "MachineAccountName"}
    return {
        "gmsa.yaml": config_of({"domains": [domain], "credspecs": [entry(account=join["MachineAccountName"])], **more})
    }


def as_json(data: dict[str, Any]) -> dict[str, str]:
    return {"gmsa.yaml": config_of({"credspecs": [entry(file="web.json")]}), "web.json": json.dumps(data)}


def as_object(data: dict[str, Any]) -> str:
    head = {"apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": {"name": "gmsa-web"}}
    return yaml.safe_dump({**head, "credspec": data})


def as_file(data: dict[str, Any]) -> dict[str, str]:
    return {"gmsa.yaml": config_of({"credspecs": [entry(file="spec.yaml")]}), "spec.yaml": as_object(data)}


def as_manifest(data: dict[str, Any]) -> dict[str, str]:
    return {"manifest.yaml": as_object(data)}


FORMS: dict[str, Form] = {"entry": as_entry, "json": as_json, "file": as_file, "manifest": as_manifest}


Lint = Callable[..., list[Finding]]


@pytest.fixture
def lint(call: Call, folder: Folder) -> Lint:
    """The findings of `lint --ad` in files, with the snapshot of two domains or another one."""

    def run(files: dict[str, str], known: str | None = None) -> list[Finding]:
        where = folder({**files, "ad.yaml": snapshot() if known is None else known})
        return findings(call, where, folder=where, options=("--ad", where / "ad.yaml"))

    return run


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "data",
    [contents(), contents(CHILD, "Emea1"), contents(account="webapp1"), contents(ROOT_DOMAIN, DnsName="Contoso.COM")],
    ids=["root", "child", "account in other case", "domain in other case"],
)
def test_what_active_directory_has_is_free_of_findings(lint: Lint, form: Form, data: dict[str, Any]) -> None:
    assert lint(form(data)) == []


WRONG = {
    "Sid": (CHILD["sid"], ROOT_DOMAIN["sid"]),
    "Guid": (CHILD["guid"], ROOT_DOMAIN["guid"]),
    "NetBiosName": ("CONTOS", "CONTOSO"),
    "DnsName": ("contosso.com", "contoso.com"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_of_a_domain_is_found_with_the_right_one(lint: Lint, form: Form, key: str) -> None:
    value, right = WRONG[key]
    found = only(lint(form(contents(**{key: value}))))
    assert (found.severity, found.rule) == ("error", "wrong-domain-value")
    field = {"Sid": "sid", "Guid": "guid", "NetBiosName": "netBiosName", "DnsName": "dnsName"}[key]
    assert found.field.endswith(f".{key}" if form is not as_entry else f"spec.domains[0].{field}")
    assert found.says(value, right)
    if found.file != "web.json":  # findings in JSON have a path, but no line
        assert found.text == value


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_tree_name_that_is_not_the_forests_root_is_found(lint: Lint, form: Form) -> None:
    found = only(lint(form(contents(CHILD, "Emea1", DnsTreeName="emea.contoso.com"))))
    assert (found.severity, found.rule) == ("error", "wrong-domain-value")
    assert found.field.lower().endswith("dnstreename")
    assert found.says("contoso.com")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_parents_dns_name_in_place_of_the_domains_is_one_mistake(lint: Lint, form: Form) -> None:
    found = only(lint(form(contents(CHILD, "Emea1", DnsName="contoso.com"))))
    assert (found.rule, found.field.lower().rpartition(".")[2]) == ("wrong-domain-value", "dnsname")
    assert found.says("emea.contoso.com")


def test_the_sid_of_a_known_domain_is_wrong_for_one_that_the_snapshot_does_not_have(lint: Lint) -> None:
    other = {"dnsName": "fabrikam.com", "netBiosName": "FABRIKAM", "guid": "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a12"}
    found = only(lint(as_entry(contents({**other, "sid": ROOT_DOMAIN["sid"]}))))
    assert (found.rule, found.field) == ("wrong-domain-value", "spec.domains[0].sid")
    assert found.says("contoso.com", "fabrikam.com")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_domain_that_the_snapshot_does_not_have_is_a_warning(lint: Lint, form: Form) -> None:
    other = {
        "dnsName": "fabrikam.com",
        "netBiosName": "FABRIKAM",
        "guid": "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a12",
        "sid": "S-1-5-21-1-2-3",
    }
    found = only(lint(form(contents(other))))
    assert (found.severity, found.rule) == ("warning", "not-in-snapshot")
    assert found.says("fabrikam.com")


ACCOUNTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "absent": ({"account": "WebApp2"}, "error", "unknown-account"),
    "disabled": ({"enabled": False}, "error", "account-disabled"),
    "standalone": ({"kind": "ManagedServiceAccount"}, "error", "not-a-gmsa"),
    "delegated": ({"kind": "DelegatedManagedServiceAccount"}, "error", "not-a-gmsa"),
    "user": ({"kind": "User"}, "error", "not-a-gmsa"),
    "computer": ({"kind": "Computer"}, "error", "not-a-gmsa"),
    "elsewhere": ({"domain": "emea.contoso.com"}, "error", "account-domain"),
    "nobody": ({"passwordReaders": [], "hosts": []}, "error", "no-password-readers"),
    "empty group": ({"hosts": []}, "error", "no-password-readers"),
    "a user only": ({"hosts": [], "otherReaders": ["svc-web"]}, "error", "no-password-readers"),
    "a deleted group": ({"hosts": [], "otherReaders": [f"{ROOT_DOMAIN['sid']}-4444"]}, "error", "no-password-readers"),
    "unconstrained": ({"trustedForDelegation": True}, "warning", "unconstrained-delegation"),
    "to a domain controller": ({"delegatesTo": ["LDAP/dc1.contoso.com"]}, "warning", "broad-delegation"),
    "as anyone": ({"trustedToAuthForDelegation": True}, "warning", "broad-delegation"),
    "RC4": ({"encryptionTypes": ["RC4"]}, "warning", "weak-keys"),
    "DES and RC4": ({"encryptionTypes": ["DES", "RC4"]}, "warning", "weak-keys"),
    "ten years": ({"passwordIntervalDays": 3650}, "warning", "password-interval"),
}
OTHER = {**HEALTHY, "account": "Other"}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("case", ACCOUNTS)
def test_an_account_that_cannot_work_is_found_at_its_name(lint: Lint, form: Form, case: str) -> None:
    change, severity, rule = ACCOUNTS[case]
    found = only(lint(form(contents()), snapshot({**HEALTHY, **change}, OTHER)))
    assert (found.severity, found.rule) == (severity, rule)
    field = "spec.credspecs[0].account" if form is as_entry else "DomainJoinConfig.MachineAccountName"
    assert found.field.endswith(field)
    assert found.says("WebApp1")
    if found.file != "web.json":
        assert found.text == "WebApp1"


@pytest.mark.parametrize("case", ["disabled", "standalone", "unconstrained", "as anyone", "RC4"])
def test_with_several_domains_commands_name_the_one_of_the_account(lint: Lint, case: str) -> None:
    """PowerShell's commands act in the domain of their user else."""
    broken = snapshot({**HEALTHY, **ACCOUNTS[case][0]}, OTHER)
    assert " -Server contoso.com" in only(lint(as_entry(contents()), broken)).message
    alone = snapshot({**HEALTHY, **ACCOUNTS[case][0]}, OTHER, domains=(ROOT_DOMAIN,))
    assert "-Server" not in only(lint(as_entry(contents()), alone)).message


FINE: dict[str, dict[str, Any]] = {
    "the members of groups are not known": {"hosts": None},
    "every computer": {"hosts": ["*"]},
    "members of other domains": {"hosts": [], "otherReaders": ["CN=NODE9,OU=Nodes,DC=fabrikam,DC=com"]},
    "a foreign principal": {"hosts": [], "otherReaders": ["S-1-5-21-1-2-3-4444"]},
    "the domain's keys": {"encryptionTypes": None},
    "RC4 beside AES": {"encryptionTypes": ["AES256", "RC4"]},
    "no SPN": {"servicePrincipalNames": None},
    "a user of the same name": {"account": "WebApp1"},
    "protocol transition to nothing": {"trustedToAuthForDelegation": True, "delegatesTo": []},
}


@pytest.mark.parametrize("case", FINE)
def test_what_works_in_a_domain_is_free_of_findings(lint: Lint, case: str) -> None:
    account = {key: it for key, it in {**HEALTHY, **FINE[case]}.items() if it is not None}
    namesake = {"account": "WebApp1", "domain": "contoso.com", "kind": "User", "enabled": False}
    assert lint(as_entry(contents()), snapshot(namesake, account)) == []


def test_a_misspelt_account_gets_the_name_that_was_meant(lint: Lint) -> None:
    found = only(lint(as_entry(contents(account="WebAp1"))))
    assert (found.rule, found.text) == ("unknown-account", "WebAp1")
    assert found.says("did", "you", "mean", "WebApp1")


def test_without_any_gmsa_of_the_domain_nothing_is_known_of_one(lint: Lint) -> None:
    found = only(lint(as_entry(contents()), snapshot(IN_CHILD)))
    assert (found.severity, found.rule) == ("warning", "not-in-snapshot")


def test_a_snapshot_of_some_accounts_says_nothing_of_others(call: Call, folder: Folder) -> None:
    where = folder({"all.yaml": snapshot(HEALTHY, OTHER), **as_entry(contents(account="Other"))})
    done = call("import", "ad", where / "all.yaml", "--account", "web*", "--snapshot", where / "ad.yaml")
    assert done.status == 0, done.stderr
    options = ("--ad", where / "ad.yaml")
    found = only(findings(call, where / "gmsa.yaml", folder=where, options=options))
    assert (found.severity, found.rule, found.text) == ("warning", "not-in-snapshot", "Other")
    folder(as_entry(contents(account="WebApp2")))
    assert only(findings(call, where / "gmsa.yaml", folder=where, options=options)).rule == "unknown-account"


def test_an_additional_account_is_found_at_its_own_entry(lint: Lint) -> None:
    domains = [ROOT_DOMAIN, CHILD]
    additional = [{"account": "Emea1", "domain": "emea.contoso.com"}, {"account": "WebApp9"}]
    entries = [entry(account="WebApp1", domain="contoso.com", additionalAccounts=additional)]
    text = config_of({"domains": domains, "credspecs": entries})
    found = only(lint({"gmsa.yaml": text}))
    assert (found.rule, found.field) == ("unknown-account", "spec.credspecs[0].additionalAccounts[1].account")
    assert found.text == "WebApp9"


def test_an_additional_account_of_an_unknown_domain_is_a_warning(lint: Lint) -> None:
    data = contents()
    data["ActiveDirectoryConfig"]["GroupManagedServiceAccounts"].append({"Name": "Sales", "Scope": "fabrikam.com"})
    found = [it for it in lint(as_manifest(data)) if it.rule != "unknown-scope"]
    assert (only(found).rule, found[0].text) == ("not-in-snapshot", "Sales")


NODES = {"nodes": {"hosts": ["node1", "CONTOSO\\NODE2", "NODE3"]}}


def test_nodes_that_may_not_fetch_the_password_are_named(lint: Lint) -> None:
    found = only(lint(as_entry(contents(), **NODES)))
    assert (found.severity, found.rule, found.text) == ("error", "node-cannot-fetch", "WebApp1")
    assert found.says("NODE3")
    assert not found.says("NODE2")


def test_nodes_of_the_config_are_those_of_the_manifests_too(lint: Lint) -> None:
    files = {"gmsa.yaml": config_of({"existingCredspecs": ["gmsa-other"], **NODES}), **as_manifest(contents())}
    found = only(lint(files))
    assert (found.rule, found.file) == ("node-cannot-fetch", "manifest.yaml")


@pytest.mark.parametrize("hosts", [None, ["*"], ["NODE1", "NODE2", "NODE3"], ["NODE1", "node2", "EMEA\\node3"]])
def test_nodes_that_may_fetch_it_are_fine(lint: Lint, hosts: list[str] | None) -> None:
    account = {key: it for key, it in {**HEALTHY, "hosts": hosts}.items() if it is not None}
    assert lint(as_entry(contents(), **NODES), snapshot(account)) == []


def test_nodes_that_are_not_joined_to_the_domain_need_not_fetch_it(lint: Lint) -> None:
    host = {
        "plugin": "AWS",
        "input": {"credentialArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:gmsa-AbCdEf"},
    }
    text = config_of({"domains": [ROOT_DOMAIN], "credspecs": [entry(account="WebApp1", hostAccount=host)], **NODES})
    assert lint({"gmsa.yaml": text}, snapshot({**HEALTHY, "hosts": [], "otherReaders": ["svc-web"]})) == []


@pytest.mark.parametrize(("name", "is_right"), [("NODE1", True), ("EMEA\\n-1", True), ("n.contoso.com", False)])
def test_a_nodes_name_is_that_of_its_computer_account(lint: Lint, name: str, is_right: bool) -> None:
    account = {**HEALTHY, "hosts": ["*"]}
    found = lint(as_entry(contents(), nodes={"hosts": [name]}), snapshot(account))
    assert [it.rule for it in found] == ([] if is_right else ["computer-name"])


def pod(*ports: dict[str, Any], os: str = "windows") -> str:
    options = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
    container = {"name": "iis", "image": "iis", "ports": list(ports)}
    spec = {
        "serviceAccountName": "webapp1",
        "nodeSelector": {"kubernetes.io/os": os},
        "securityContext": options,
        "containers": [container],
    }
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "web"}}
    return yaml.safe_dump({**head, "spec": spec}, sort_keys=False)


@pytest.mark.parametrize(
    ("port", "spns", "is_found"),
    [
        ({"containerPort": 80}, [], True),
        ({"containerPort": 8080, "name": "http"}, ["MSSQLSvc/web"], True),
        ({"containerPort": 1433}, ["host/web.contoso.com"], True),
        ({"containerPort": 80}, ["HTTP/web.contoso.com"], False),
        ({"containerPort": 443}, ["host/web.contoso.com"], False),
        ({"containerPort": 1433}, ["MSSQLSvc/web.contoso.com:1433"], False),
        ({"containerPort": 9090}, [], False),
    ],
)
def test_a_port_without_an_spn_is_a_warning(lint: Lint, port: dict[str, Any], spns: list[str], is_found: bool) -> None:
    account = {**HEALTHY, "servicePrincipalNames": spns}
    found = lint({**as_entry(contents()), "web.yaml": pod(port)}, snapshot(account))
    assert [(it.severity, it.rule) for it in found] == ([("warning", "missing-spn")] if is_found else [])
    if is_found:
        assert found[0].field.endswith("spec.containers[0].ports[0]")
        assert found[0].says("WebApp1", str(port["containerPort"]))


def test_the_snapshot_that_a_config_names_is_compared_at_each_run(call: Call, folder: Folder) -> None:
    files = as_entry(contents(Sid=CHILD["sid"]), activeDirectory={"snapshot": "ad/ad.yaml"})
    where = folder({**files, "ad/ad.yaml": snapshot()})
    done = call("render", where / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert f"spec.domains[0].sid: {CHILD['sid']} is not the SID of the domain contoso.com" in done.stderr


def test_the_option_is_in_place_of_the_snapshot_that_a_config_names(lint: Lint) -> None:
    files = as_entry(contents(), activeDirectory={"snapshot": "old.yaml"})
    assert only(lint({**files, "old.yaml": snapshot(OTHER)}, snapshot(OTHER))).rule == "unknown-account"
    assert lint({**files, "old.yaml": snapshot(OTHER)}) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none.yaml", "does not exist"),
        ("../ad.yaml", "leaves"),
        ("/etc/passwd", "absolute"),
        ("gmsa.yaml", "has no ActiveDirectorySnapshot"),
        ("broken.yaml", "sid"),
        ("two.yaml", "has 2 ActiveDirectorySnapshots"),
    ],
)
def test_a_snapshot_that_cannot_be_used_is_an_error(call: Call, folder: Folder, path: str, says: str) -> None:
    files = as_entry(contents(), activeDirectory={"snapshot": path})
    two = f"{snapshot()}---\n{snapshot()}"
    broken = snapshot().replace(ROOT_DOMAIN["sid"], "S-1-?")
    where = folder({**files, "two.yaml": two, "broken.yaml": broken})
    done = call("render", where / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert says in done.stderr


def test_a_file_that_is_no_snapshot_ends_lint_with_its_findings(call: Call, folder: Folder) -> None:
    where = folder({**as_entry(contents()), "ad.json": "{}"})
    done = call("lint", where / "gmsa.yaml", "--ad", where / "ad.json", "-o", "json")
    assert (done.status, [it["rule"] for it in json.loads(done.stdout)]) == (1, ["directory-file"])
    assert call("lint", where / "gmsa.yaml", "--ad", where / "none").status == 3


def test_snapshots_of_configs_are_put_together(call: Call, folder: Folder) -> None:
    root = as_entry(contents(), activeDirectory={"snapshot": "root.yaml"})["gmsa.yaml"]
    child = as_entry(contents(CHILD, "Emea1"), activeDirectory={"snapshot": "child.yaml"})["gmsa.yaml"]
    off = "  admission: {mode: None}\n"
    where = folder(
        {
            "root.yaml": snapshot(HEALTHY, domains=(ROOT_DOMAIN,)),
            "child.yaml": snapshot(IN_CHILD, domains=(CHILD,)),
            "one.yaml": root + off,
            "two.yaml": child.replace("name: contoso", "name: emea") + off,
        }
    )
    assert findings(call, where, folder=where) == []


def test_an_account_of_one_of_several_domains_is_imported_with_its_domain(call: Call, folder: Folder) -> None:
    where = folder({"ad.yaml": snapshot()})
    done = call("import", "ad", where / "ad.yaml", "--account", "WebApp1")
    assert done.status == 0, done.stderr
    assert done.object("GMSAConfig")["spec"]["credspecs"] == [{"account": "WebApp1", "domain": "contoso.com"}]
