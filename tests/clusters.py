"""Clusters for `who-can`, as files that a user could have: objects, and a snapshot of Active Directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
SID = "S-1-5-21-2126449477-2524075714-3094792973"
DOMAIN = {
    "dnsName": "contoso.com",
    "netBiosName": "CONTOSO",
    "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "sid": SID,
}
# What a name of an object must not become: markup, an end of a quoted text, another line, a text from right to left.
HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style></script><img src=x onerror=alert(1)>",
    "\"'`;--><!--",
    "]]>&amp;&lt;b&gt; #quot; #35; ${x} {{ 7*7 }} {% raw %}",
    "a\\nb\\l\\N\\G\\",
    "line\nfeed\ttab\u2028separator\x85",
    "\u202egnp.exe\u200f\u2066 \u05d0\u05d1 1",
    "*bold* _it_ `code` [link](https://example.com) 1. one - two",
    "https://example.com/?a=b&c=d",
    "end",
    "subgraph",
    "n0",
    "1. one",
    "- two",
    "日本語のサービスアカウント",
    "x" * 253,
    "名" * 120,
)


def write(folder: Path, objects: list[Object], accounts: list[Object]) -> tuple[str, ...]:
    """Writes both files and gives the arguments for them."""
    snapshot = {
        "apiVersion": "gmsa-krm.dev/v1alpha1",
        "kind": "ActiveDirectorySnapshot",
        "metadata": {"name": "contoso.com"},
        "spec": {"domains": [{**DOMAIN, "forest": "contoso.com"}], "accounts": accounts},
    }
    (folder / "objects.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    (folder / "ad.json").write_text(json.dumps(snapshot))
    return "who-can", str(folder / "objects.json"), "--ad", str(folder / "ad.json")


def company(accounts: int, bindings: int) -> tuple[list[Object], list[Object]]:
    """Objects and accounts: a namespace for ten accounts, and one mistake of each sort."""
    objects: list[Object] = [webhook()]
    known = [directory_account(number) for number in range(accounts) if number != 3]
    for number in range(accounts):
        objects += [
            credspec(f"gmsa-app{number:04}", f"App{number:04}"),
            role(f"use-app{number:04}", [f"gmsa-app{number:04}"]),
        ]
    for number in range(bindings):
        app, turn = number % accounts, number // accounts
        namespace = f"team-{app // 10:03}"
        name = f"app{app:04}" if not turn else f"job{turn:02}-{app:04}"
        objects.append(
            binding(f"use-app{app:04}-{turn}", f"use-app{app:04}", [service_account(namespace, name)], namespace)
        )
        if turn < 2:
            objects.append(deployment(f"web{app:04}-{turn}", namespace, name, f"gmsa-app{app:04}"))
    objects += mistakes()
    return objects, known


def mistakes() -> list[Object]:
    return [
        binding("pods", "use-app0000", [service_account("team-000", "default")], "team-000"),
        binding("all-of-team", "use-app0001", [group("system:serviceaccounts:team-000")], "team-000"),
        role("use-everything", []),
        binding("legacy", "use-everything", [service_account("legacy", "runner")], "legacy"),
        role("edit-credspecs", [], ["create", "update"]),
        binding("platform", "edit-credspecs", [group("platform-team"), user("alice@contoso.com")]),
    ]


def directory_account(number: int) -> Object:
    """The first ones have something wrong each."""
    readers = [{"name": "WindowsNodes", "kind": "Group", "sid": f"{SID}-2001"}]
    hosts = ["NODE1", "NODE2", "NODE3"]
    if number == 4:
        readers, hosts = [{"name": "Authenticated Users", "kind": "WellKnown", "sid": "S-1-5-11"}], ["*"]
    if number == 5:
        readers, hosts = [], []
    if number % 10 == 9:
        readers.append({"name": f"Team{number // 10}Nodes", "kind": "Group", "sid": f"{SID}-{3000 + number}"})
    found = {
        "account": f"App{number:04}",
        "domain": "contoso.com",
        "kind": "GroupManagedServiceAccount",
        "sid": f"{SID}-{11000 + number}",
        "enabled": number != 6,
        "dnsHostName": f"app{number:04}.contoso.com",
        "servicePrincipalNames": [f"http/app{number:04}.contoso.com", f"MSSQLSvc/sql{number:04}.contoso.com:1433"],
        "passwordReaders": readers,
        "hosts": hosts,
        "encryptionTypes": ["AES256"],
    }
    if number == 7:
        found["trustedForDelegation"] = True
    if number == 8:
        found |= {"delegatesTo": ["cifs/files.contoso.com"], "trustedToAuthForDelegation": True}
    return {key: value for key, value in found.items() if value != [] or key == "hosts"}


def hostile() -> tuple[list[Object], list[Object]]:
    """Every name that a reader of files takes, in every place."""
    objects: list[Object] = [webhook()]
    known = []
    for number, name in enumerate(HOSTILE):
        objects += [
            credspec(f"spec {name}", name),
            role(f"role {name}", [f"spec {name}"]),
            binding(f"binding {name}", f"role {name}", [service_account(f"ns {name}", f"sa {name}")], f"ns {name}"),
            binding(f"web {name}", f"role {name}", [service_account("web", "app"), user(f"user {name}")], "web"),
            deployment(f"web {name}", f"ns {name}", f"sa {name}", f"spec {name}"),
            role(f"edit {name}", [f"spec {name}"], ["update"]),
            binding(f"editor {name}", f"edit {name}", [group(f"group {name}"), user(f"user {name}")]),
        ]
        known.append(
            directory_account(100 + number)
            | {"account": name, "servicePrincipalNames": [f"http/{name}"], "delegatesTo": [f"cifs/{name}"]}
            | {"passwordReaders": [{"name": f"reader {name}", "kind": "Group"}], "hosts": [f"host {name}"]}
        )
    return objects, known


def nordwind() -> tuple[list[Object], list[Object]]:
    """A company with twelve accounts, of which most have something wrong, in ways that a reader has to tell apart."""
    objects: list[Object] = [
        webhook({"matchExpressions": [{"key": "gmsa-check", "operator": "NotIn", "values": ["off"]}]}),
        *(namespace(it) for it in ("shop", "billing", "reports", "crm", "intranet", "legacy", "ops")),
        namespace("sandbox", {"gmsa-check": "off"}),
    ]
    names = [
        "Shop",
        "ShopDb",
        "Billing",
        "Reports",
        "Legacy",
        "Ghost",
        "Payroll",
        "Crm",
        "Search",
        "Intranet",
        "Archive",
        "Batch",
    ]
    for name in names:
        objects += [credspec(f"gmsa-{name.lower()}", name), role(f"use-{name.lower()}", [f"gmsa-{name.lower()}"])]
    for where, account, of in (
        ("shop", "shop", "shop"),
        ("shop", "db", "shopdb"),
        ("reports", "reports", "reports"),
        ("legacy", "legacy", "legacy"),
        ("legacy", "ghost", "ghost"),
        ("billing", "payroll", "payroll"),
        ("crm", "crm", "crm"),
        ("crm", "search", "search"),
        ("intranet", "portal", "intranet"),
        ("intranet", "wiki", "intranet"),
        ("ops", "batch", "batch"),
    ):
        objects.append(binding(f"{account}-{of}", f"use-{of}", [service_account(where, account)], where))
    objects += [
        binding("all-of-billing", "use-billing", [group("system:serviceaccounts:billing")], "billing"),
        role("use-any", []),
        binding("runner", "use-any", [service_account("ops", "runner")], "ops"),
        binding(
            "admins",
            "cluster-admin",
            [group("nordwind-admins"), user("root@nordwind.example"), service_account("argocd", "argocd-controller")],
        ),
        deployment("shop", "shop", "shop", "gmsa-shop"),
        deployment("checkout", "shop", "checkout", "gmsa-shop"),
        deployment("db", "shop", "db", "gmsa-shopdb"),
        deployment("invoices", "billing", "invoices", "gmsa-billing"),
        deployment("dunning", "billing", "dunning", "gmsa-billing"),
        deployment("payroll", "billing", "payroll", "gmsa-payroll"),
        deployment("reports", "reports", "reports", "gmsa-reports"),
        deployment("legacy", "legacy", "legacy", "gmsa-legacy"),
        deployment("ghost", "legacy", "ghost", "gmsa-ghost"),
        deployment("crm", "crm", "crm", "gmsa-crm"),
        deployment("search", "crm", "search", "gmsa-search"),
        deployment("portal", "intranet", "portal", "gmsa-intranet"),
        deployment("runner", "ops", "runner", "gmsa-shop"),
        deployment("tinker", "sandbox", "default", "gmsa-payroll"),
        with_contents(deployment("smuggler", "sandbox", "smuggler", ""), credspec("", "Crm")["credspec"]),
        role("deploy", [], ["create", "patch"], "apps", "deployments"),
        binding("developers", "deploy", [group("shop-developers")], "shop"),
        role("impersonate", [], ["impersonate"], "", "serviceaccounts"),
        binding("helpdesk", "impersonate", [user("helpdesk@nordwind.example")]),
        # In one box of a picture there are several ways.
        role("edit-shop", ["gmsa-shop"], ["update"]),
        binding("carol-edits", "edit-shop", [user("carol@nordwind.example")]),
        role("label-namespaces", [], ["patch"], "", "namespaces"),
        binding("carol-labels", "label-namespaces", [user("carol@nordwind.example")]),
    ]
    nodes = {"name": "WindowsNodes", "kind": "Group", "sid": f"{SID}-2001"}
    known = {
        name: directory_account(100 + number)
        | {"account": name, "dnsHostName": f"{name.lower()}.contoso.com"}
        | {"servicePrincipalNames": [f"http/{name.lower()}.contoso.com"], "passwordReaders": [nodes]}
        for number, name in enumerate(names)
        if name != "Ghost"
    }
    known["Legacy"]["enabled"] = False
    known["Payroll"] |= {
        "passwordReaders": [{"name": "Domain Computers", "kind": "Group", "sid": f"{SID}-515"}],
        "hosts": ["*"],
    }
    known["Reports"]["delegatesTo"] = ["cifs/files.contoso.com"]
    known["Crm"]["trustedForDelegation"] = True
    known["Search"] |= {"delegatesTo": ["MSSQLSvc/index.contoso.com"], "trustedToAuthForDelegation": True}
    known["Archive"] |= {"passwordReaders": [], "hosts": []}
    known["ShopDb"]["passwordReaders"].append({"name": "svc-backup", "kind": "User", "sid": f"{SID}-2002"})
    return objects, list(known.values())


def credspec(name: str, account: str) -> Object:
    accounts = [{"Name": account, "Scope": scope} for scope in ("CONTOSO", "contoso.com")]
    contents = {
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": accounts},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": DOMAIN["dnsName"],
            "DnsTreeName": DOMAIN["dnsName"],
            "Guid": DOMAIN["guid"],
            "MachineAccountName": account,
            "NetBiosName": DOMAIN["netBiosName"],
            "Sid": SID,
        },
    }
    kind = {"apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec"}
    return {**kind, "metadata": {"name": name}, "credspec": contents}


def role(
    name: str,
    credspecs: list[str],
    verbs: list[str] | None = None,
    of: str = "windows.k8s.io",
    resource: str = "gmsacredentialspecs",
) -> Object:
    rule = {"apiGroups": [of], "resources": [resource], "verbs": verbs or ["use"]}
    rule |= {"resourceNames": credspecs} if credspecs else {}
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}


def binding(name: str, of: str, subjects: list[Object], namespace: str = "") -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": of},
        "subjects": subjects,
    }


def service_account(namespace: str, name: str) -> Object:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def group(name: str) -> Object:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def user(name: str) -> Object:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def webhook(selector: Object | None = None) -> Object:
    entry: Object = {"name": "admission-webhook.windows-gmsa.sigs.k8s.io", "failurePolicy": "Fail"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gmsa-webhook"},
        "webhooks": [entry | ({"namespaceSelector": selector} if selector else {})],
    }


def namespace(name: str, labels: Object | None = None) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}


def deployment(name: str, namespace: str, account: str, of: str) -> Object:
    pod = {
        "containers": [{"name": "iis", "image": "iis"}],
        "serviceAccountName": account,
        "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": of}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": pod}},
    }


def with_contents(workload: Object, contents: Object) -> Object:
    """A workload whose pod has contents of a credential spec, and no name of one."""
    options = {"gmsaCredentialSpec": json.dumps(contents)}
    workload["spec"]["template"]["spec"]["securityContext"]["windowsOptions"] = options
    return workload


def texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, it in value.items():
            yield from texts(key)
            yield from texts(it)
    elif isinstance(value, list):
        for it in value:
            yield from texts(it)
