"""`gmsa-krm who-can`, as users call it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from conftest import CREDSPEC, DOMAIN, HEAD, Call, Done, Folder, deployment
from gmsa_krm.config.model import API_VERSION

RBAC = "rbac.authorization.k8s.io"
# Without a seed, files or keys: nothing of this is applied.
CONFIG = HEAD + DOMAIN + CREDSPEC + "  webhook: {certificate: {source: Derive}}\n"
WEB = deployment(
    "{serviceAccountName: webapp1, securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1}},"
    " nodeSelector: {kubernetes.io/os: windows}, os: {name: windows}, containers: [{name: iis, image: iis}]}"
)
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
    passwordReaders:
    - name: WebApp1Hosts
      kind: Group
      sid: S-1-5-21-2126449477-2524075714-3094792973-1107
    hosts: [NODE1, NODE2]
"""
ALL_ROLE = f"""\
apiVersion: {RBAC}/v1
kind: ClusterRole
metadata:
  name: all
rules:
- apiGroups: [windows.k8s.io]
  resources: [gmsacredentialspecs]
  verbs: ["*"]
---
apiVersion: {RBAC}/v1
kind: ClusterRoleBinding
metadata:
  name: all
roleRef:
  apiGroup: {RBAC}
  kind: ClusterRole
  name: all
subjects:
- kind: ServiceAccount
  name: ops
  namespace: tools
- kind: User
  name: jane
"""


@pytest.fixture
def place(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": WEB, "more/all.yaml": ALL_ROLE, "ad/ad.yaml": SNAPSHOT})
    monkeypatch.chdir(root)
    return root


def report(done: Done) -> dict[str, Any]:
    assert done.status == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def edges(data: dict[str, Any], *kinds: str) -> list[tuple[str, str]]:
    return [(it["source"], it["target"]) for it in data["edges"] if it["kind"] in kinds]


def test_a_config_and_a_workload(call: Call, place: Path) -> None:
    data = report(call("who-can", "gmsa.yaml", "web.yaml", "--format", "json"))
    assert edges(data, "Use") == [("ServiceAccount:web/webapp1", "CredentialSpec:gmsa-webapp1")]
    assert edges(data, "LogOn") == [("CredentialSpec:gmsa-webapp1", "Account:contoso.com\\webapp1")]
    assert data["nodes"][0]["workloads"] == [{"kind": "Deployment", "name": "web", "credspecs": ["gmsa-webapp1"]}]
    assert data["checks"] == ["ValidatingWebhookConfiguration gmsa-webhook"]
    assert not [it for it in (*data["nodes"], *data["edges"]) if it.get("risks")]


def test_the_table(call: Call, place: Path) -> None:
    done = call("who-can", "gmsa.yaml", "web.yaml", "more", "--ad", "ad/ad.yaml")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == dedent("""\
        Pods are checked by ValidatingWebhookConfiguration gmsa-webhook.

        Who may use which account:
          WHO          WORKLOADS       CREDENTIAL SPEC        ACCOUNTS                BY
        ! tools/ops                    every credential spec  any                     ClusterRoleBinding all
          web/webapp1  Deployment web  gmsa-webapp1           WebApp1 of contoso.com  RoleBinding web/use-gmsa-webapp1

        Ways around the check:
          WHO        MAY                                     REACHES                BY
          tools/ops  create, patch, update credential specs  every credential spec  ClusterRoleBinding all
          user jane  create, patch, update credential specs  every credential spec  ClusterRoleBinding all

        Accounts:
          ACCOUNT                 STATE   SERVES                DELEGATION  PASSWORD FOR
          WebApp1 of contoso.com  exists  http/web.contoso.com  none        WebApp1Hosts (2 hosts)

        Without effect on pods:
          OBJECT                  WHY
          ClusterRoleBinding all  User jane is not a service account, and pods run as service accounts

        1 reason to look at (!):
          warning [every-credspec] tools/ops and every credential spec: ClusterRole all names no credential spec (* in verbs), so it lets tools/ops use every one, also those of the future; give it resourceNames
        """)  # fmt: skip


def test_json_is_as_its_schema_says(call: Call, place: Path) -> None:
    schema = json.loads(call("schema", "--access-report").stdout)
    first = call("who-can", "gmsa.yaml", "web.yaml", "--format", "json").stdout
    (place / "access.json").write_text(first)
    arguments = ("--ad", "ad/ad.yaml", "--since", "access.json", "-o", "json")
    for more in ((), ("--account", "webapp1"), ("--service-account", "web/webapp1"), ("-n", "web")):
        done = call("who-can", "gmsa.yaml", "web.yaml", "more", *(more or arguments), "--format", "json")
        jsonschema.validate(report(done), schema)
    assert call("who-can", "gmsa.yaml", "web.yaml", "--format", "json").stdout == first


def test_what_changed_since_a_report(call: Call, place: Path) -> None:
    files = ("gmsa.yaml", "web.yaml")
    (place / "access.json").write_text(call("who-can", *files, "--format", "json").stdout)
    since = ("--since", "access.json", "--fail-on-new")
    same = call("who-can", *files, *since)
    assert same.status == 0
    assert "Since then: 0 came, 0 went" in same.stdout
    wider = call("who-can", *files, "more", *since)
    assert wider.status == 1
    assert "  + tools/ops may use every credential spec\n" in wider.stdout
    assert "  + jane may change the account of every credential spec\n" in wider.stdout
    (place / "wide.json").write_text(call("who-can", *files, "more", "--format", "json").stdout)
    narrower = call("who-can", *files, "--since", "wide.json", "--fail-on-new")
    assert narrower.status == 0
    assert "  - tools/ops may use every credential spec\n" in narrower.stdout
    data = json.loads(call("who-can", *files, "more", *since, "-o", "json").stdout)
    assert len(data["since"]["came"]) == 3
    assert data["since"]["went"] == []


def test_a_report_beside_the_config_is_no_manifest(call: Call, folder: Folder) -> None:
    config = CONFIG.replace("Derive", "CertManager")
    root = folder({"gmsa.yaml": config, "web.yaml": WEB})
    before = call("render", root)
    (root / "access.json").write_text(call("who-can", root, "-o", "json").stdout)
    assert call("lint", root).stdout == "no errors, no warnings\n"
    assert call("render", root) == before
    assert call("who-can", root, "--since", root / "access.json", "--fail-on-new").status == 0


def test_access_that_was_there_by_a_wider_binding_is_not_new(call: Call, folder: Folder) -> None:
    everyone = CONFIG.replace("[webapp1]", '["*"]')
    root = folder({"wide/gmsa.yaml": everyone, "narrow/gmsa.yaml": CONFIG})
    (root / "wide.json").write_text(call("who-can", root / "wide", "-o", "json").stdout)
    done = call("who-can", root / "narrow", "--since", root / "wide.json", "--fail-on-new")
    assert done.status == 0
    assert "0 came, 1 went" in done.stdout


def test_what_active_directory_is_asked_for_the_first_time_is_not_new(call: Call, place: Path) -> None:
    """Before, nobody could know it; later, a host that may fetch the password is."""
    files = ("gmsa.yaml", "web.yaml")
    (place / "before.json").write_text(call("who-can", *files, "-o", "json").stdout)
    done = call("who-can", *files, "--ad", "ad/ad.yaml", "--since", "before.json", "--fail-on-new", "-o", "json")
    data = report(done)
    assert data["since"] == {"came": [], "went": []}
    (place / "now.json").write_text(done.stdout)
    (place / "ad/ad.yaml").write_text(SNAPSHOT.replace("NODE2]", "NODE2, NODE3]\n    delegatesTo: [cifs/files]"))
    done = call("who-can", *files, "--ad", "ad/ad.yaml", "--since", "now.json", "--fail-on-new")
    assert done.status == 1
    assert "  + NODE3 may fetch the password of WebApp1 of contoso.com\n" in done.stdout
    assert "  + WebApp1 of contoso.com may act as its users towards cifs/files\n" in done.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[]", "is not an AccessReport"),
        ('{"kind": "AccessReport"}', "no list of nodes"),
        ('{"kind": "AccessReport", "nodes": [1], "edges": []}', "nodes[0]"),
        ('{"kind": "AccessReport", "nodes": [], "edges": [{"kind": "Use"}]}', "edges[0]"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_not_a_report(text: str, reason: str, call: Call, place: Path) -> None:
    (place / "access.json").write_text(text)
    done = call("who-can", "gmsa.yaml", "--since", "access.json")
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith("access.json: ")
    assert reason in done.stderr


def test_reports_of_different_parts_are_not_compared(call: Call, place: Path) -> None:
    (place / "part.json").write_text(call("who-can", "gmsa.yaml", "-n", "web", "-o", "json").stdout)
    done = call("who-can", "gmsa.yaml", "--since", "part.json")
    assert (done.status, done.stdout) == (2, "")
    assert call("who-can", "gmsa.yaml", "-n", "web", "--since", "part.json").status == 0


TWO = """\
  credspecs:
  - {account: WebApp1, usedBy: [{namespace: web, serviceAccounts: [webapp1]}]}
  - {account: WebApp2, usedBy: [{namespace: api, serviceAccounts: [webapp2]}]}
"""


@pytest.mark.parametrize(
    ("options", "accounts", "services"),
    [
        (("--account", "WebApp1"), ["WebApp1"], ["web/webapp1"]),
        (("--account", "contoso.com\\webapp1$"), ["WebApp1"], ["web/webapp1"]),
        (("--account", "CONTOSO\\WebApp1"), ["WebApp1"], ["web/webapp1"]),
        (("--account", "WebApp1@contoso.com"), ["WebApp1"], ["web/webapp1"]),
        (("--account", "WebApp1", "--account", "WebApp2"), ["WebApp1", "WebApp2"], ["api/webapp2", "web/webapp1"]),
        (("--service-account", "api/webapp2"), ["WebApp2"], ["api/webapp2"]),
        (("--namespace", "web"), ["WebApp1"], ["web/webapp1"]),
        (("--service-account", "web/default"), [], []),
    ],
)
def test_a_part_of_the_picture(
    options: tuple[str, ...], accounts: list[str], services: list[str], call: Call, folder: Folder
) -> None:
    root = folder({"gmsa.yaml": HEAD + DOMAIN + TWO + "  webhook: {certificate: {source: CertManager}}\n"})
    nodes = report(call("who-can", root, *options, "-o", "json"))["nodes"]
    assert [it["name"] for it in nodes if it["kind"] == "Account"] == accounts
    assert [it["label"] for it in nodes if it["kind"] == "ServiceAccount"] == services


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--account", "WebAp1"), "did you mean WebApp1?"),
        (("--account", "fabrikam\\WebApp1"), "not an account"),
        (("--service-account", "webapp1"), "NAMESPACE/NAME"),
        (("--service-account", "/webapp1"), "NAMESPACE/NAME"),
        (("--service-account", "web/webap1"), "did you mean web/webapp1?"),
        (("--service-account", "wep/webapp1"), "did you mean web/webapp1?"),
        (("--service-account", "other/default"), "no binding names it"),
        (("--namespace", "wep"), "did you mean web?"),
        (("--fail-on-new",), "--since"),
    ],
)
def test_options_that_mean_nothing(options: tuple[str, ...], message: str, call: Call, place: Path) -> None:
    done = call("who-can", "gmsa.yaml", *options)
    assert (done.status, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def exported(items: list[dict[str, Any]]) -> str:
    """As kubectl get -o yaml prints what a cluster has."""
    found = copy.deepcopy(items)
    for number, it in enumerate(found):
        it["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "1"}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": found, "metadata": {"resourceVersion": ""}})


def test_what_kubectl_prints_of_a_cluster(call: Call, place: Path) -> None:
    items = list(yaml.safe_load_all(ALL_ROLE))
    data = report(call("who-can", "-", "-o", "json", stdin=exported(items).encode()))
    assert edges(data, "Use") == [("ServiceAccount:tools/ops", "CredentialSpec:*")]
    assert edges(data, "Unchecked") == [("ServiceAccounts:*", "CredentialSpec:*")]


def test_a_config_counts_before_what_the_cluster_has(call: Call, place: Path) -> None:
    """The role that the cluster has is wider than the one that the config emits, and is not in the way of it."""
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "use-gmsa-webapp1"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    }
    (place / "cluster.yaml").write_text(exported([role]))
    data = report(call("who-can", "cluster.yaml", "gmsa.yaml", "-o", "json"))
    assert edges(data, "Use") == [("ServiceAccount:web/webapp1", "CredentialSpec:gmsa-webapp1")]
    alone = report(call("who-can", "gmsa.yaml", "-o", "json"))
    assert data["edges"] == alone["edges"]


def test_a_config_with_a_mistake_is_reported_and_nothing_is_printed(call: Call, place: Path) -> None:
    (place / "gmsa.yaml").write_text(CONFIG.replace("S-1-5-21-2126449477-2524075714-3094792973", "S-1-5-21-1-2-3-4"))
    done = call("who-can", "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "account's SID" in done.stderr


HOSTILE = ["<script>alert(1)</script>", "a|b`c", "\u202eevil", "x" * 253, "\x1b[31mred", "@everyone", "a\nb", "[x](y)"]


def hostile_objects() -> str:
    items: list[dict[str, Any]] = []
    for number, name in enumerate(HOSTILE):
        rule = {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "resourceNames": [name], "verbs": ["use", "update"]}  # fmt: skip
        subjects = [{"kind": "User", "name": name}, {"kind": "ServiceAccount", "name": "app", "namespace": name}]
        metadata = {"name": name.replace("/", "")}
        items += [
            {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": f"r{number}"}, "rules": [rule]},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": metadata,
                "roleRef": {"kind": "ClusterRole", "name": f"r{number}"},
                "subjects": subjects,
            },
        ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def test_hostile_names_are_text(call: Call, folder: Folder) -> None:
    root = folder({"rbac.json": hostile_objects()})
    table = call("who-can", root, "--format", "table").stdout
    assert all(line.isprintable() for line in table.splitlines())
    data = report(call("who-can", root, "-o", "json"))
    assert set(HOSTILE) <= {it["name"] for it in data["nodes"] if it["kind"] == "CredentialSpec"}
    markdown = call("who-can", root, "--format", "markdown").stdout
    assert all(line.isprintable() for line in markdown.splitlines())
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    columns = {line.replace("\\|", "").count("|") for line in rows}
    assert columns == {4, 6, 7}  # of tables with two, four and five columns, and the one for red
    outside = [line for line in markdown.splitlines() if "`" not in line]
    assert not [line for line in outside if "<script" in line or "@everyone" in line]


def test_users_who_fetch_a_password_by_a_group_are_named(call: Call, place: Path) -> None:
    (place / "ad/ad.yaml").write_text(f"{SNAPSHOT}    otherReaders: [mallory, WebApp1Hosts]\n")
    report = json.loads(call("who-can", "gmsa.yaml", "--ad", "ad/ad.yaml", "-o", "json").stdout)
    names = {it["id"]: it["name"] for it in report["nodes"]}
    readers = sorted(names[it["source"]] for it in report["edges"] if it["kind"] == "FetchPassword")
    assert readers == ["WebApp1Hosts", "mallory"]
    assert "mallory" in call("who-can", "gmsa.yaml", "--ad", "ad/ad.yaml").stdout


@pytest.mark.parametrize("name", ["Domain Computers", "S-1-5-11", "CONTOSO\\Domain Users"])
def test_everyone_is_known_by_name_too(name: str, call: Call, place: Path) -> None:
    """The JSON of PowerShell has no SIDs."""
    sid = "      sid: S-1-5-21-2126449477-2524075714-3094792973-1107\n"
    (place / "ad/ad.yaml").write_text(SNAPSHOT.replace("WebApp1Hosts", name).replace(sid, ""))
    assert "[password-of-everyone]" in call("who-can", "gmsa.yaml", "--ad", "ad/ad.yaml").stdout


@pytest.mark.parametrize(
    ("change", "rule", "shown"),
    [
        ("enabled: false", "account-disabled", "DISABLED"),
        ("hosts: []", "no-password-readers", "no hosts"),
        ('hosts: ["*"]', "password-of-everyone", "every computer of the domain"),
        ("trustedForDelegation: true", "unconstrained-delegation", "ANY SERVICE"),
        ("delegatesTo: [http/a]", "delegation", "http/a"),
        ("delegatesTo: [cifs/a]\n    trustedToAuthForDelegation: true", "broad-delegation", "as any user, to cifs/a"),
        ("kind: User", "not-a-gmsa", "NO gMSA, but a User"),
    ],
)
@pytest.mark.parametrize("is_named", [True, False], ids=["by the config", "by --ad"])
def test_what_is_wrong_in_active_directory_is_red(
    change: str, rule: str, shown: str, is_named: bool, call: Call, place: Path
) -> None:
    """And does not keep the picture from being drawn, also where the config names the snapshot."""
    key = change.partition(":")[0]
    lines = [line for line in SNAPSHOT.splitlines() if not line.startswith(f"    {key}:")]
    (place / "ad/ad.yaml").write_text("\n".join([*lines, f"    {change}", ""]))
    if is_named:
        (place / "gmsa.yaml").write_text(CONFIG + "  activeDirectory: {snapshot: ad/ad.yaml}\n")
    arguments = ("gmsa.yaml", "web.yaml", *(() if is_named else ("--ad", "ad/ad.yaml")))
    done = call("who-can", *arguments)
    assert (done.status, done.stderr) == (0, "")
    assert f"[{rule}]" in done.stdout
    account = next(line for line in done.stdout.splitlines() if "WebApp1 of" in line and not line.endswith("webapp1"))
    assert account.startswith("! ")
    assert shown in account
    use = next(line for line in done.stdout.splitlines() if line.endswith("use-gmsa-webapp1"))
    assert use.startswith("! ")


def test_markdown_for_a_pull_request(call: Call, place: Path) -> None:
    (place / "access.json").write_text(call("who-can", "gmsa.yaml", "web.yaml", "-o", "json").stdout)
    done = call("who-can", "gmsa.yaml", "web.yaml", "more", "--since", "access.json", "-o", "markdown")
    assert done.status == 0
    assert "**Access that is new (3):**" in done.stdout
    assert "| red | `tools/ops` |  | `every credential spec` | `any` | `ClusterRoleBinding all` |" in done.stdout


def test_the_report_says_which_api_it_is(call: Call, place: Path) -> None:
    data = report(call("who-can", "gmsa.yaml", "-o", "json"))
    assert (data["apiVersion"], data["kind"]) == (API_VERSION, "AccessReport")
