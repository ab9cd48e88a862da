"""`gmsa-krm who-can` of inputs that are wrong, empty or misspelt, and of pods that are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import CREDSPEC, DOMAIN, HEAD, Call, Folder

Object = dict[str, Any]
WEBHOOK = "  webhook: {certificate: {source: Derive}}\n"
CONFIG = HEAD + DOMAIN + CREDSPEC + WEBHOOK
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
  accounts:
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    servicePrincipalNames: [http/web.contoso.com]
"""


def workload(name: str, credspec: str, service_account: str = "webapp1", **options: str) -> str:
    pod = {
        "serviceAccountName": service_account,
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": credspec, **options}},
        "containers": [{"name": "iis", "image": "iis"}],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "web"},
            "spec": {"selector": {}, "template": {"spec": pod}},
        }
    )


def documents(*texts: str) -> str:
    return "---\n".join(texts)


@pytest.fixture
def place(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": workload("web", "gmsa-webapp1")})
    monkeypatch.chdir(root)
    return root


def workloads(data: Object) -> dict[str, Object]:
    return {it["name"]: it for node in data["nodes"] for it in node.get("workloads", ())}


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (workload("bad", "gmsa-unknown"), "refused-workload"),
        (workload("bad", "GMSA-webapp1"), "refused-workload"),
        (workload("bad", "gmsa-webapp1", "other"), "refused-workload"),
        (workload("bad", "gmsa-webapp1", gmsaCredentialSpec="{}"), "refused-workload"),
        (workload("bad", "gmsa-webapp1").replace("os: windows", "os: linux"), "not-windows"),
    ],
)
def test_a_workload_that_is_wrong_is_listed_and_does_not_prevent_the_report(
    other: str, rule: str, call: Call, place: Path
) -> None:
    (place / "bad.yaml").write_text(other)
    done = call("who-can", "gmsa.yaml", "web.yaml", "bad.yaml", "-o", "json")
    assert done.status == 1, done.stderr
    assert done.stderr.startswith("bad.yaml:")
    found = workloads(json.loads(done.stdout))
    assert "risks" not in found["web"]
    assert [it["rule"] for it in found["bad"]["risks"]] == [rule]
    table = call("who-can", "gmsa.yaml", "web.yaml", "bad.yaml").stdout
    assert "\nWorkloads that are refused:\n" in table
    assert "\n! Deployment web/bad  web/" in table
    assert f"  error [{rule}] Deployment web/bad: " in table
    assert "Deployment web (REFUSED)" not in table
    markdown = call("who-can", "gmsa.yaml", "web.yaml", "bad.yaml", "-o", "markdown").stdout
    assert "| red | `Deployment web/bad` |" in markdown
    assert f"- error \\[{rule}\\] Deployment web/bad" in markdown


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "svg", "dot", "mermaid", "opengraph"])
def test_every_format_is_printed_where_a_workload_is_wrong(form: str, call: Call, place: Path) -> None:
    (place / "bad.yaml").write_text(workload("bad", "gmsa-unknown", "other"))
    done = call("who-can", "gmsa.yaml", "bad.yaml", "-o", form)
    assert done.status == 1
    assert "WebApp1" in done.stdout


def test_a_strict_config_does_not_prevent_the_report(call: Call, place: Path) -> None:
    (place / "gmsa.yaml").write_text(CONFIG + "  strict: true\n")
    text = workload("web", "gmsa-webapp1").replace("      nodeSelector:\n        kubernetes.io/os: windows\n", "")
    (place / "web.yaml").write_text(text)
    done = call("who-can", "gmsa.yaml", "web.yaml")
    assert done.status == 0
    assert "warning" in done.stderr


def test_a_binding_of_the_cluster_counts_though_the_config_does_not_know_it(call: Call, place: Path) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "more", "namespace": "web", "uid": "1"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use-gmsa-webapp1"},
        "subjects": [{"kind": "ServiceAccount", "name": "other", "namespace": "web"}],
    }
    (place / "cluster.yaml").write_text(yaml.safe_dump(binding))
    (place / "web.yaml").write_text(workload("web", "gmsa-webapp1", "other"))
    done = call("who-can", "gmsa.yaml", "web.yaml", "cluster.yaml")
    assert (done.status, done.stderr) == (0, "")
    assert "refused" not in done.stdout


def test_refused_pods_are_listed_without_a_config(call: Call, folder: Folder) -> None:
    rendered = folder({"gmsa.yaml": HEAD + DOMAIN + CREDSPEC + "  webhook: {certificate: {source: CertManager}}\n"})
    (rendered / "out.yaml").write_text(call("render", rendered / "gmsa.yaml").stdout)
    (rendered / "web.yaml").write_text(documents(workload("good", "gmsa-webapp1"), workload("bad", "gmsa-webapp2")))
    done = call("who-can", rendered / "out.yaml", rendered / "web.yaml")
    assert (done.status, done.stderr) == (0, "")
    assert (
        "! Deployment web/bad  web/webapp1  gmsa-webapp2  its pods are refused: web/webapp1 may not use gmsa-webapp2,"
        " which is not here (did you mean gmsa-webapp1?); fix the name, or create it\n"
    ) in done.stdout
    assert "usedBy" not in done.stdout  # which is of a config


def test_the_policy_refuses_what_is_not_in_its_tables(call: Call, folder: Folder) -> None:
    """A binding for another credential spec of the cluster gives no access; contents decide about the account."""
    config = HEAD + "  admission: {mode: Policy}\n" + DOMAIN + CREDSPEC
    wide = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "use-gmsa-webapp1"},
        "rules": [
            {
                "apiGroups": ["windows.k8s.io"],
                "resources": ["gmsacredentialspecs"],
                "resourceNames": ["gmsa-webapp1", "gmsa-other"],
                "verbs": ["use", "update"],
            }
        ],
    }
    root = folder({"gmsa.yaml": config})
    objects = [it for it in call("render", root).objects if it["metadata"]["name"] != "use-gmsa-webapp1"]
    other = next(it for it in objects if it["kind"] == "GMSACredentialSpec")
    other = {**other, "metadata": {"name": "gmsa-other"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "use", "namespace": "web"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use-gmsa-webapp1"},
        "subjects": [{"kind": "ServiceAccount", "name": "webapp1"}],
    }
    everything = [it for it in objects if it["kind"] != "RoleBinding"] + [other, wide, binding]
    (root / "cluster.yaml").write_text(yaml.safe_dump_all(everything))
    (root / "web.yaml").write_text(workload("bad", "gmsa-other"))
    done = call("who-can", root / "cluster.yaml", root / "web.yaml", "-o", "json")
    assert done.status == 0, done.stderr
    data = json.loads(done.stdout)
    edges = [(it["kind"], it["source"], it["target"]) for it in data["edges"] if it["kind"] != "LogOn"]
    assert edges == [("Use", "ServiceAccount:web/webapp1", "CredentialSpec:gmsa-webapp1")]
    assert [it["why"] for it in data["withoutEffect"]] == [
        "ValidatingAdmissionPolicy gmsa approves no contents of gmsa-other"
    ]
    assert "approves no contents of gmsa-other" in workloads(data)["bad"]["risks"][0]["message"]


def test_a_snapshot_among_the_paths_is_read(call: Call, place: Path) -> None:
    (place / "ad.yaml").write_text(SNAPSHOT)
    assert "http/web.contoso.com" in call("who-can", place).stdout
    assert call("who-can", place).stdout == call("who-can", "gmsa.yaml", "web.yaml", "--ad", "ad.yaml").stdout
    (place / "other.txt").write_text(SNAPSHOT.replace("http/web", "http/other"))
    replaced = call("who-can", place, "--ad", "other.txt").stdout
    assert "http/other.contoso.com" in replaced
    assert "http/web.contoso.com" not in replaced


def test_a_snapshot_with_a_mistake_among_the_paths(call: Call, place: Path) -> None:
    (place / "ad.yaml").write_text(SNAPSHOT.replace("WebApp1", "[]"))
    done = call("who-can", place)
    assert (done.status, done.stdout) == (1, "")
    assert "ad.yaml:" in done.stderr


def test_a_workload_that_an_entry_does_not_fit_is_listed_though_it_has_no_gmsa(call: Call, place: Path) -> None:
    entry = "  workloads: [{match: [{names: [bad]}], credspec: gmsa-webapp1, containers: [other]}]\n"
    (place / "gmsa.yaml").write_text(CONFIG + entry)
    (place / "bad.yaml").write_text(workload("bad", "x").replace("gmsaCredentialSpecName: x", "{}"))
    done = call("who-can", place, "-o", "json")
    assert done.status == 1
    assert workloads(json.loads(done.stdout))["bad"]["risks"][0]["rule"] == "no-such-container"
    assert "! Deployment web/bad  web/webapp1" in call("who-can", place).stdout


@pytest.mark.parametrize("files", [{}, {"README.md": "text"}, {"empty.yaml": "# nothing\n"}, {"ad.yaml": SNAPSHOT}])
def test_an_input_with_nothing_in_it_is_an_error(files: dict[str, str], call: Call, folder: Folder) -> None:
    done = call("who-can", folder(files))
    assert (done.status, done.stdout) == (1, "")
    assert "nothing to show" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_service_account_that_only_groups_lead_to_is_said_to_be_unknown(call: Call, place: Path) -> None:
    (place / "gmsa.yaml").write_text(CONFIG.replace("[webapp1]", '["*"]'))
    done = call("who-can", place, "--service-account", "web/webap1")
    assert done.status == 0
    assert "no workload runs as web/webap1, and no binding names it (did you mean web/webapp1?)" in done.stdout


def test_who_may_do_everything_has_one_line(call: Call, place: Path) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "admins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "jane"}],
    }
    (place / "rbac.yaml").write_text(yaml.safe_dump(binding))
    table = call("who-can", place).stdout
    lines = [line.split() for line in table.splitlines() if "jane" in line]
    assert [line[:3] for line in lines] == [["user", "jane", "everything,"]]
    markdown = call("who-can", place, "-o", "markdown").stdout
    assert len([line for line in markdown.splitlines() if "jane" in line]) == 1


def test_reports_of_earlier_versions_are_compared_in_what_they_know(call: Call, place: Path) -> None:
    """They had no detours, and no domain in the ids of well-known principals."""
    reader = "    passwordReaders:\n    - name: Authenticated Users\n      kind: WellKnown\n      sid: S-1-5-11\n"
    (place / "ad.yaml").write_text(SNAPSHOT + reader)
    (place / "rbac.yaml").write_text(
        yaml.safe_dump_all(
            [
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "Role",
                    "metadata": {"name": "dev", "namespace": "web"},
                    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
                },
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "RoleBinding",
                    "metadata": {"name": "dev", "namespace": "web"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dev"},
                    "subjects": [{"kind": "User", "name": "jane"}],
                },
            ]
        )
    )
    now = json.loads(call("who-can", place, "-o", "json").stdout)
    assert [it["kind"] for it in now["edges"]].count("RunPods") == 1
    earlier = {key: value for key, value in now.items() if key != "edgeKinds"}
    earlier["edges"] = [it for it in now["edges"] if it["kind"] != "RunPods"]
    text = json.dumps(earlier).replace("Principal:contoso.com/S-1-5-11", "Principal:S-1-5-11")
    (place / "earlier.txt").write_text(text)
    done = call("who-can", place, "--since", "earlier.txt", "--fail-on-new")
    assert done.status == 0
    assert "Since then: 0 came, 0 went" in done.stdout
    (place / "now.txt").write_text(json.dumps(now).replace("jane", "joe"))
    done = call("who-can", place, "--since", "now.txt", "--fail-on-new")
    assert done.status == 1
    assert "  + jane may run code in pods of every service account of web\n" in done.stdout


@pytest.mark.parametrize(("name", "is_whole"), [("", True), ("", False), ("gmsa-webapp1", True)])
def test_contents_that_nothing_checks_are_refused_by_nothing(
    name: str, is_whole: bool, call: Call, folder: Folder
) -> None:
    """`render` refuses them; in a namespace that the webhook leaves out the pod runs, and has the account."""
    webhook = "  webhook: {certificate: {source: CertManager}, excludedNamespaces: [web]}\n"
    join = dict.fromkeys(("DnsName", "DnsTreeName"), "contoso.com") | {"NetBiosName": "CONTOSO", "Guid": "", "Sid": ""}
    contents = {"DomainJoinConfig": join | {"MachineAccountName": "Backup"}} if is_whole else {}
    pod = workload("probe", name, gmsaCredentialSpec=json.dumps(contents)).replace(
        "gmsaCredentialSpecName: ''", "runAsUserName: a"
    )
    where = folder({"gmsa.yaml": HEAD + DOMAIN + CREDSPEC + webhook, "web.yaml": pod})
    done = call("who-can", where)
    assert "refused" not in done.stdout + done.stderr
    assert "cannot be rendered" not in done.stdout
    names = f"{name}, " if name else ""
    whose = "of Backup of contoso.com" if is_whole else "that cannot be read"
    assert f"Deployment web/probe ({names}contents {whose})" in done.stdout


@pytest.mark.parametrize("form", ["html", "table", "markdown"])
def test_an_account_that_fetches_the_password_of_another_is_told(form: str, call: Call, folder: Folder) -> None:
    reader = "S-1-5-21-2126449477-2524075714-3094792973-1300"
    snapshot = (
        SNAPSHOT.replace("    servicePrincipal", f"    sid: {reader}\n    servicePrincipal")
        + f"""\
  - account: Orders
    domain: contoso.com
    kind: GroupManagedServiceAccount
    passwordReaders: [{{name: WebApp1, kind: GroupManagedServiceAccount, sid: {reader}}}]
"""
    )
    more = CREDSPEC.replace("WebApp1", "Orders").replace("webapp1", "orders").partition("credspecs:\n")[2]
    where = folder(
        {
            "gmsa.yaml": HEAD + DOMAIN + CREDSPEC + more + WEBHOOK,
            "ad.yaml": snapshot,
            "web.yaml": workload("web", "gmsa-webapp1"),
        }
    )
    done = call("who-can", where, "--format", form)
    text = re.sub("<[^>]+>", "", done.stdout) if form == "html" else done.stdout
    assert "WebApp1" in text
    if form == "html":
        assert "It may fetch the password of Orders of contoso.com." in text
        assert "which is an account here: whoever can act as it can fetch this one" in text
    narrowed = json.loads(call("who-can", where, "--account", "Orders", "--format", "json").stdout)
    assert "ServiceAccount:web/webapp1" in {it["id"] for it in narrowed["nodes"]}


def test_no_character_of_a_finding_means_anything_in_markdown(call: Call, folder: Folder) -> None:
    """An `@` would mention someone."""
    webhook = "  webhook: {certificate: {source: CertManager}, excludedNamespaces: [ops]}\n"
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    group = {"apiGroup": "rbac.authorization.k8s.io"}
    role = {
        **rbac,
        "kind": "Role",
        "metadata": {"name": "run", "namespace": "ops"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
    }
    binding = {
        **rbac,
        "kind": "RoleBinding",
        "metadata": {"name": "run", "namespace": "ops"},
        "roleRef": {**group, "kind": "Role", "name": "run"},
        "subjects": [{**group, "kind": "User", "name": "kaja@contoso.com"}],
    }
    where = folder(
        {"gmsa.yaml": HEAD + DOMAIN + CREDSPEC + webhook, "rbac.yaml": documents(*map(yaml.safe_dump, (role, binding)))}
    )
    done = call("who-can", where, "--format", "markdown")
    (finding,) = [it for it in done.stdout.splitlines() if it.startswith("- error") and "unchecked" in it]
    assert "user kaja&#64;contoso.com" in finding
