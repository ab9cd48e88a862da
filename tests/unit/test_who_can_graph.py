"""The graph of who may become which AD account, of plain objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gmsa_krm.active_directory.files import read_snapshot
from gmsa_krm.active_directory.snapshot import Snapshot
from gmsa_krm.credspecs.model import canonical_json
from gmsa_krm.report.build import build
from gmsa_krm.report.document import document
from gmsa_krm.report.graph import Graph
from gmsa_krm.report.narrow import around
from gmsa_krm.report.nodes import ALL, Account, CredentialSpec, Principal, ServiceAccount
from graphs import (
    SETUP,
    Object,
    binding,
    credspec,
    deployment,
    edges,
    namespace,
    role,
    selector,
    use,
    webhook,
)


def test_the_way_from_a_workload_to_its_account() -> None:
    graph = build(
        [*SETUP, binding("b", "use-a", "web/app", namespace="web"), deployment("iis", "web", "app", "a")],
    )
    assert edges(graph) == ["web/app > a", "a > WebApp1 of contoso.com"]
    (edge,) = graph.sorted_edges("Use")
    assert [(it.label, it.role_kind, it.role) for it in edge.bindings] == [
        ("RoleBinding web/b", "ClusterRole", "use-a")
    ]
    (account,) = graph.of_kind(ServiceAccount)
    assert [it.label for it in account.workloads] == ["Deployment iis"]
    assert graph.checks == ["ValidatingWebhookConfiguration gmsa-webhook"]
    assert not [it for it in (*graph.nodes.values(), *graph.edges.values()) if it.risks]


def test_an_edge_has_all_the_bindings_that_make_it() -> None:
    graph = build([*SETUP, binding("b", "use-a", "web/app", namespace="web"), binding("c", "use-a", "web/app")])
    (edge,) = graph.sorted_edges("Use")
    assert {it.label for it in edge.bindings} == {"RoleBinding web/b", "ClusterRoleBinding c"}


@pytest.mark.parametrize(
    ("group", "of", "source"),
    [
        ("system:serviceaccounts", "web", "every service account of web"),
        ("system:authenticated", "web", "every service account of web"),
        ("system:serviceaccounts:web", "web", "every service account of web"),
        ("system:serviceaccounts:web", "", "every service account of web"),
        ("system:serviceaccounts", "", "every service account of the cluster"),
        ("system:authenticated", "", "every service account of the cluster"),
    ],
)
def test_groups_of_service_accounts(group: str, of: str, source: str) -> None:
    graph = build([*SETUP, binding("b", "use-a", f"group:{group}", namespace=of)])
    assert edges(graph, "Use") == [f"{source} > a"]
    (edge,) = graph.sorted_edges("Use")
    assert [it.rule for it in edge.risks] == ["wildcard-grant"]
    assert graph.access("web", "anyone", "a") == [edge]
    assert bool(graph.access("other", "anyone", "a")) is source.endswith("cluster")


@pytest.mark.parametrize(
    ("who", "of"),
    [
        ("other/app", "web"),
        ("group:system:serviceaccounts:other", "web"),
        ("user:jane", ""),
        ("group:admins", ""),
        ("group:system:unauthenticated", ""),
    ],
)
def test_bindings_that_no_pod_can_use(who: str, of: str) -> None:
    graph = build([*SETUP, binding("b", "use-a", who, namespace=of)])
    assert edges(graph, "Use") == []
    assert [it.name for it in graph.without_effect] == ["b"]


def test_a_role_without_names_is_for_every_credential_spec_and_is_drawn_once() -> None:
    graph = build([*SETUP, credspec("b"), role("all", use()), binding("x", "all", "web/app")])
    assert edges(graph, "Use") == ["web/app > every credential spec"]
    assert [it.rule for it in graph.sorted_edges("Use")[0].risks] == ["every-credspec"]
    assert graph.access("web", "app", "of-the-future")
    assert edges(around(graph, [CredentialSpec("b")]), "Use") == ["web/app > every credential spec"]


def test_a_star_among_the_names_is_a_name() -> None:
    """It is no wildcard there, and no object can have it."""
    objects = [role("star", use("*")), role("both", use("*", "a")), binding("x", "star", "web/app"), binding("y", "both", "web/app")]  # fmt: skip
    graph = build([*SETUP, *objects])
    assert edges(graph, "Use") == ["web/app > a"]
    assert [it.name for it in graph.without_effect] == ["x"]
    assert not graph.access("web", "app", "b")


def test_the_default_service_account_is_red() -> None:
    graph = build([*SETUP, binding("b", "use-a", "web/default", namespace="web"), deployment("iis", "web", None, "a")])
    assert [it.rule for it in graph.sorted_edges("Use")[0].risks] == ["default-service-account"]
    assert [it.name for it in graph.of_kind(ServiceAccount)[0].workloads] == ["iis"]


def test_without_a_check_every_pod_reaches_everything() -> None:
    graph = build([credspec("a")])
    assert edges(graph, "Unchecked") == ["every service account of the cluster > every credential spec"]
    (edge,) = graph.sorted_edges("Unchecked")
    assert (edge.is_certain, [it.rule for it in edge.risks]) == (False, ["no-admission-check"])
    assert build([credspec("a")], is_live=True).sorted_edges("Unchecked")[0].is_certain


@pytest.mark.parametrize(
    ("selected", "left_out"),
    [
        (selector("kubernetes.io/metadata.name", "NotIn", "old", "legacy"), ["legacy", "old"]),
        (selector("gmsa-webhook", "NotIn", "disabled"), ["legacy"]),
        ({"matchLabels": {"gmsa": "yes"}}, ["legacy", "web"]),
        ({}, []),
    ],
)
def test_namespaces_that_selectors_leave_out(selected: Object, left_out: list[str]) -> None:
    graph = build(
        [
            webhook(namespaceSelector=selected),
            namespace("legacy", **{"gmsa-webhook": "disabled"}),
            namespace("web"),
        ]
    )
    assert edges(graph, "Unchecked") == [f"every service account of {it} > every credential spec" for it in left_out]
    assert [it for it in ("legacy", "old", "web") if graph.access(it, "anyone", "anything")] == left_out


@pytest.mark.parametrize(
    ("fields", "word"), [({"failurePolicy": "Ignore"}, "Ignore"), ({"objectSelector": {"matchLabels": {"a": "b"}}}, "objectSelector")]
)  # fmt: skip
def test_ways_past_the_webhook(fields: Object, word: str) -> None:
    (edge,) = build([webhook(**fields)]).sorted_edges("Unchecked")
    assert edge.source.label == "every service account of the cluster"
    assert word in edge.reasons[0]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"kind": "GMSACredentialSpec", "apiVersion": "windows.k8s.io/v1", "metadata": {"name": "x"}, "credspec": []},
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "x", "labels": ["a"]}},
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x", "ownerReferences": [1]}, "spec": {"containers": 1}},
        {"kind": 1, "apiVersion": 2, "metadata": {"name": "x"}},
        {"kind": "Pod", "apiVersion": "v1", "metadata": [], "spec": []},
        webhook(namespaceSelector=[1], objectSelector="x"),
        webhook(namespaceSelector={"matchExpressions": [{"key": 1}], "matchLabels": {"a": {}}}),
        {"kind": "ValidatingAdmissionPolicy", "apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "x"}, "spec": 1},
        {"kind": "ValidatingAdmissionPolicyBinding", "apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "x"}, "spec": {"policyName": {}}},
    ],
)  # fmt: skip
def test_objects_of_wrong_types_end_in_no_traceback(broken: Object) -> None:
    around(build([*SETUP, broken]), [CredentialSpec(ALL)])


def policy(**approved: str) -> list[Object]:
    """The policy that mode Policy renders, and its binding."""
    from gmsa_krm.manifests.policies import binding as policy_binding
    from gmsa_krm.manifests.policies import policy as rendered

    found = rendered(Named(), {name: [text] for name, text in approved.items()})
    return [found, policy_binding(found)]


class Named:
    """The settings of a policy."""

    name = "gmsa"


def text_of(name: str) -> str:
    return canonical_json(credspec("x", name)["credspec"])


def test_a_policy_lets_nobody_have_what_is_not_in_its_tables() -> None:
    names = [f"c{number:03}" for number in range(40)]
    approved = {it: text_of(f"it's \\ of {it}\u2028") for it in names}
    grants = [role("use", use(*names, "other")), binding("b", "use", "web/app", namespace="web")]
    graph = build([*policy(**approved), credspec("other"), *grants])
    assert edges(graph, "Use") == [f"web/app > {it}" for it in names]
    assert [it.label for it in graph.of_kind(Account)][:2] == [
        "WebApp1 of contoso.com",
        "it's \\ of c000\u2028 of contoso.com",
    ]
    assert [it.why for it in graph.without_effect] == ["ValidatingAdmissionPolicy gmsa approves no contents of other"]
    everything = build([*policy(**approved), role("all", use()), binding("b", "all", "web/app")])
    assert everything.access("web", "app", "c001")
    assert not everything.access("web", "app", "other")


def test_a_policy_without_tables_that_can_be_read_is_taken_to_approve_all() -> None:
    found, its_binding = policy(a=text_of("WebApp1"))
    for variable in found["spec"]["variables"]:
        variable["expression"] = variable["expression"].replace("{\n'a'", "{'a'")
    graph = build([found, its_binding, role("use", use("b")), binding("b", "use", "web/app")])
    assert edges(graph, "Use") == ["web/app > b"]


def test_who_may_change_a_credential_spec_changes_nothing_where_the_policy_has_the_contents() -> None:
    power = role("power", (["windows.k8s.io"], ["gmsacredentialspecs"], [], ["update"]))
    objects = [*policy(a=text_of("WebApp1")), power, binding("b", "power", "user:jane")]
    assert edges(build(objects), "ChangeCredspec") == []
    assert edges(build([*objects, webhook()]), "ChangeCredspec") == ["jane > every credential spec"]


def test_what_a_policy_covers_is_decided_by_namespace() -> None:
    found, its_binding = policy(a=text_of("WebApp1"))
    its_binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": {"gmsa": "yes"}}}
    objects = [
        namespace("web", gmsa="yes"),
        namespace("api", gmsa="no"),
        webhook(),
        role("use", use("b")),
        binding("b", "use", "web/app", "api/app"),
    ]
    assert edges(build([found, its_binding, *objects]), "Use") == ["api/app > b"]


def test_workloads_that_can_act_as_an_account() -> None:
    """By name, by contents of their own where nothing checks, and by a right that they do not use; by groups, too."""
    own = {"gmsaCredentialSpec": text_of("WebApp1")}
    objects = [
        *SETUP,
        credspec("b", "WebApp2"),
        webhook(namespaceSelector=selector("kubernetes.io/metadata.name", "NotIn", "legacy")),
        binding("g", "use-a", "group:system:serviceaccounts:web", namespace="web"),
        role("use-b", use("b")),
        binding("h", "use-b", "web/app", namespace="web"),
        deployment("names", "web", "app", "a"),
        deployment("other", "web", "app", "b"),
        deployment("refused", "api", "app", "a"),
        deployment("brings", "legacy", "old", None, **own),
        deployment("elsewhere", "api", "app", "b"),
    ]
    graph = build(objects[1:])
    account = graph.nodes["Account:contoso.com\\webapp1"]
    found = [(it.how, it.workload.name, it.service_account.label) for it in graph.actors(account)]
    assert found == [("Names", "names", "web/app"), ("Brings", "brings", "legacy/old"), ("May", "other", "web/app")]
    every = graph.nodes["CredentialSpec:*"]
    assert [(it.how, it.workload.name) for it in graph.actors(every)] == [("May", "brings")]
    refused = [it.name for node in graph.of_kind(ServiceAccount) for it in node.workloads if it.is_refused]
    assert refused == ["elsewhere", "refused"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"credspec": "a", "gmsaCredentialSpec": "{}"}, "its contents are not those of a"),
        ({"credspec": None, "gmsaCredentialSpec": "{}"}, "contents without gmsaCredentialSpecName"),
        ({"credspec": "b"}, "web/app may not use b, which is not here"),
        ({"credspec": "a", "gmsaCredentialSpec": text_of("WebApp1")}, ""),
        ({"credspec": "a"}, ""),
    ],
)
def test_pods_that_are_refused(options: Any, reason: str) -> None:
    objects = [*SETUP, binding("b", "use-a", "web/app", namespace="web"), deployment("iis", "web", "app", **options)]
    (account,) = build(objects).of_kind(ServiceAccount)
    messages = [it.message for it in account.workloads[0].risks]
    assert [reason in it for it in messages] == [True] * bool(reason)
    unchecked = build(objects[1:]).of_kind(ServiceAccount)
    assert not any(it.is_refused for node in unchecked for it in node.workloads)


def mutating(**fields: Any) -> Object:
    return {**webhook(**fields), "kind": "MutatingWebhookConfiguration"}


def expansion(**of_binding: Any) -> list[Object]:
    """The policy that fills in contents, and its binding."""
    from gmsa_krm.manifests.policies import binding as policy_binding
    from gmsa_krm.manifests.policies import expansion as rendered

    found = rendered(Named(), {"a": [text_of("WebApp1")]})
    its_binding = policy_binding(found)
    its_binding["spec"] |= of_binding
    return [found, its_binding]


NOT_LEGACY = selector("kubernetes.io/metadata.name", "NotIn", "legacy")
NOTHING_FILLS_IN = (
    "no webhook and no policy that fills in contents is among the objects: without one, pods that only name a"
    " credential spec have no account"
)


@pytest.mark.parametrize(
    ("fillers", "is_live", "without"),
    [
        ([mutating()], False, []),
        ([mutating(namespaceSelector=NOT_LEGACY)], False, ["legacy"]),
        ([mutating(namespaceSelector=NOT_LEGACY), {**mutating(), "metadata": {"name": "other"}}], False, []),
        ([mutating(objectSelector={"matchLabels": {"gmsa": "yes"}})], False, ["legacy", "web"]),
        ([mutating(objectSelector={"matchLabels": {"app": "iis"}})], False, []),
        ([mutating(name="of-others")], True, ["legacy", "web"]),
        (expansion(), False, []),
        (expansion()[:1], False, []),
        (expansion(matchResources={"namespaceSelector": NOT_LEGACY}), False, ["legacy"]),
        ([], True, ["legacy", "web"]),
        ([], False, []),
    ],
)
def test_workloads_whose_contents_nothing_fills_in(fillers: list[Object], is_live: bool, without: list[str]) -> None:
    """The kubelet reads contents alone; in files without any webhook nobody knows."""
    objects = [*SETUP, namespace("web"), namespace("legacy"), *fillers, role("all", use())]
    objects.append(binding("all", "all", "group:system:serviceaccounts"))
    for of in ("web", "legacy"):
        own = deployment("names", of, "app", "a")
        own["spec"]["template"]["metadata"] = {"labels": {"app": "iis"}}
        objects += [own, deployment("brings", of, "app", "a", gmsaCredentialSpec=text_of("WebApp1"))]
    graph = build(objects, is_live=is_live)
    found = [it for node in graph.of_kind(ServiceAccount) for it in node.workloads]
    assert [it.namespace for it in found if it.without_contents == ["a"]] == without
    assert all(it.name == "names" and not it.is_refused for it in found if it.without_contents)
    assert (NOTHING_FILLS_IN in graph.notes) is (not fillers and not is_live)
    if without:
        (of_legacy,) = [
            it["workloads"] for it in document(graph)["nodes"] if it["name"] == "app" and it["namespace"] == "legacy"
        ]
        assert [it.get("withoutContents") for it in of_legacy] == [None, ["a"]]
        assert found[1].lack == (
            "names a, but nothing fills in its contents in legacy: it has no account until it brings them"
        )


def test_bindings_of_unknown_roles_are_named() -> None:
    objects = [webhook(), binding("old", "use-old", "web/app", "user:jane", namespace="web")]
    assert build(objects).notes == [
        (
            "RoleBinding web/old binds ClusterRole use-old to ServiceAccount web/app, User jane, but that role is not"
            " among the objects, so what it allows is unknown"
        )
    ]
    (live,) = build(objects, is_live=True).notes
    assert live.endswith("but that role is not there, so it allows nothing yet")
    many = [binding(f"b{number}", "x", "web/app", namespace="web") for number in range(8)]
    notes = build([webhook(), *many]).notes
    assert (len(notes), notes[-1]) == (6, "3 more bindings name such roles")


@pytest.mark.parametrize(
    ("selected", "why"),
    [
        (selector("gmsa-webhook", "NotIn", "disabled"), "its label gmsa-webhook=disabled"),
        (selector("gmsa-webhook", "DoesNotExist"), "its label gmsa-webhook=disabled"),
        (selector("kubernetes.io/metadata.name", "NotIn", "labor"), "its selector names it"),
        ({"matchLabels": {"gmsa": "yes"}}, "it has no label gmsa"),
        (selector("gmsa", "Exists"), "it has no label gmsa"),
    ],
)
def test_checks_say_where_they_do_not_check(selected: Object, why: str) -> None:
    graph = build([webhook(namespaceSelector=selected), namespace("labor", **{"gmsa-webhook": "disabled"})])
    assert graph.checks == [f"ValidatingWebhookConfiguration gmsa-webhook, except in namespace labor ({why})"]
    (edge,) = graph.sorted_edges("Unchecked")
    assert edge.reasons == [f"no check covers the namespace labor ({why})"]


AZURE = "{CCC2A336-D7F3-4818-A213-272B7924213E}"
AZURE_INPUT = "ObjectId=3f1c9f0e-2c57-4a86-9c39-6d4a0c3e8f11;SecretUri=https://v.vault.azure.net/secrets/web"


@pytest.mark.parametrize(
    ("guid", "text", "end"),
    [
        (
            AZURE,
            AZURE_INPUT,
            ", from https://v.vault.azure.net/secrets/web: whoever may read that secret has the account.",
        ),
        (AZURE.lower(), "<b>", "is not read."),
        (AZURE, ["x"], "is not read."),
        ("{11111111-D7F3-4818-A213-272B7924213E}", AZURE_INPUT, "is not read."),
        (["x"], None, "is not read."),
    ],
)
def test_a_user_fetches_the_password_where_nodes_are_not_joined(guid: object, text: object, end: str) -> None:
    portable = {"PluginGUID": guid, "PluginInput": text, "PortableCcgVersion": "1"}
    (account,) = build([credspec("a", HostAccountConfig=portable)]).of_kind(Account)
    (how,) = account.fetched_as
    assert how.startswith(
        f"Nodes fetch it as a user that plug-in {guid if isinstance(guid, str) else 'without a GUID'} "
    )
    assert how.endswith(end)
    assert "<b>" not in how
    (joined,) = build([credspec("a", HostAccountConfig=[])]).of_kind(Account)
    assert joined.fetched_as == []


@pytest.mark.parametrize(
    ("account", "absence"),
    [
        ("WebApp1", ""),
        ("Other", "The snapshot of contoso.com has no such account."),
        (None, "Unknown: no snapshot of Active Directory has it (--ad FILE)."),
    ],
)
def test_an_account_that_a_snapshot_does_not_have(account: str | None, absence: str) -> None:
    snapshots = [snapshot(gmsa(account=account))] if account else []
    (found,) = build([credspec("a")], snapshots).of_kind(Account)
    assert found.absence == absence


def test_the_roles_of_kubernetes_need_not_be_there() -> None:
    use_a = binding("use", "use-a", "web/app", namespace="web")
    graph = build([*SETUP, use_a, binding("b", "edit", "user:jane", namespace="web")])
    assert edges(graph, "RunPods", "Impersonate") == ["jane > every service account of web"]
    assert edges(build([*SETUP, use_a, binding("b", "view", "user:jane", namespace="web")]), "RunPods") == []


SID = "S-1-5-21-2126449477-2524075714-3094792973"


def snapshot(*accounts: Object, **domain: str) -> Snapshot:
    own = {
        "dnsName": "contoso.com",
        "netBiosName": "CONTOSO",
        "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "sid": SID,
    }
    data = {
        "apiVersion": "gmsa-krm.dev/v1alpha1",
        "kind": "ActiveDirectorySnapshot",
        "metadata": {"name": "x"},
        "spec": {"domains": [{**own, **domain}], "accounts": list(accounts)},
    }
    found = read_snapshot(json.dumps(data).encode(), "ad.yaml", [])
    assert found is not None
    return found


def gmsa(*readers: Object, **fields: Any) -> Object:
    gmsa = {"account": "WebApp1", "domain": "contoso.com", "kind": "GroupManagedServiceAccount"}
    return {**gmsa, "passwordReaders": list(readers), **fields}


def reader(name: str, sid: str) -> Object:
    return {"name": name, "kind": "Group", **({"sid": sid} if sid else {})}


@pytest.mark.parametrize(
    ("name", "sid", "everyone"),
    [
        ("Everyone", "S-1-1-0", "every user and computer"),
        ("Authentifizierte Benutzer", "S-1-5-11", "every user and computer"),
        ("Authenticated Users", "", "every user and computer"),
        ("This Organization", "S-1-5-15", "every user and computer"),
        ("Users", "S-1-5-32-545", "every user and computer"),
        ("Pre-Windows 2000 Compatible Access", "S-1-5-32-554", "every user and computer"),
        ("Anonymous Logon", "S-1-5-7", "anyone, without a logon"),
        ("Domain Users", f"{SID}-513", "every user of the domain"),
        ("CONTOSO\\Domain Guests", "", "every guest of the domain"),
        ("Domänencomputer", f"{SID}-515", "every computer of the domain"),
        ("Everyone", f"{SID}-1107", ""),
        ("Domain Controllers", f"{SID}-516", ""),
        ("Hosts", "S-1-5-11-515", ""),
    ],
)
def test_who_is_everyone_is_told_by_sid(name: str, sid: str, everyone: str) -> None:
    (account,) = build([*SETUP], [snapshot(gmsa(reader(name, sid)))]).of_kind(Account)
    assert account.everyone == everyone
    assert ("password-of-everyone" in [it.rule for it in account.risks]) is bool(everyone)


def test_the_widest_of_several_is_told() -> None:
    readers = [reader("Domain Computers", f"{SID}-515"), reader("Authenticated Users", "S-1-5-11")]
    (account,) = build([*SETUP], [snapshot(gmsa(*readers, hosts=["*"]))]).of_kind(Account)
    assert account.everyone == "every user and computer"
    denied = [{**it, "denied": True} for it in readers]
    (account,) = build([*SETUP], [snapshot(gmsa(*denied, hosts=[]))]).of_kind(Account)
    assert account.everyone == ""


@pytest.mark.parametrize(("sid", "id_"), [("S-1-5-11", "S-1-5-11"), ("", "hosts")])
def test_groups_of_one_name_in_two_domains_stay_two(sid: str, id_: str) -> None:
    other = credspec("b", "WebApp2")
    text = json.dumps(other).replace("contoso.com", "fabrikam.com").replace("CONTOSO", "FABRIKAM")
    fabrikam = {"dnsName": "fabrikam.com", "netBiosName": "FABRIKAM", "sid": "S-1-5-21-1-2-3"}
    accounts = [
        gmsa(reader("Hosts", sid)),
        {**gmsa(reader("Hosts", sid)), "account": "WebApp2", "domain": "fabrikam.com"},
    ]
    snapshots = [snapshot(accounts[0]), snapshot(accounts[1], **fabrikam, guid="244818ae-87ac-4fcd-92ec-e79e52523480")]
    graph = build([*SETUP, json.loads(text)], snapshots)
    found = [(it.id, it.label) for it in graph.of_kind(Principal)]
    assert found == [
        (f"Principal:contoso.com/{id_}", "Hosts of contoso.com"),
        (f"Principal:fabrikam.com/{id_}", "Hosts of fabrikam.com"),
    ]


def test_a_group_of_another_domain_has_the_domain_of_its_sid() -> None:
    trusting = snapshot(gmsa(reader("Hosts", "S-1-5-21-1-2-3-1107"), reader("Hosts", f"{SID}-1107")))
    other = snapshot(dnsName="fabrikam.com", netBiosName="FABRIKAM", sid="S-1-5-21-1-2-3")
    graph = build([*SETUP], [trusting, other])
    assert sorted(it.label for it in graph.of_kind(Principal)) == ["Hosts of contoso.com", "Hosts of fabrikam.com"]


@pytest.mark.parametrize(
    ("accounts", "state", "words"),
    [
        ([gmsa()], "Exists", "exists"),
        ([gmsa(enabled=False)], "Exists", "DISABLED"),
        ([gmsa(kind="User")], "OtherKind", "NO gMSA, but a User"),
        ([gmsa(domain="fabrikam.com")], "OtherDomain", "MISSING, but in fabrikam.com"),
        ([gmsa(domain="fabrikam.com", kind="User")], "OtherDomain", "MISSING, but in fabrikam.com"),
        ([gmsa(account="Other")], "Missing", "MISSING"),
        ([], "NotChecked", "not checked"),
    ],
)
def test_what_active_directory_has_of_an_account(accounts: list[Object], state: str, words: str) -> None:
    (account,) = build([*SETUP], [snapshot(*accounts)]).of_kind(Account)
    assert (account.state, account.state_words) == (state, words)


@pytest.mark.parametrize(
    ("is_checked", "expected"), [(False, {"Other": ["Brings"], "WebApp1": []}), (True, {"WebApp1": []})]
)
def test_contents_of_another_account_count_where_nothing_checks_the_name(
    is_checked: bool, expected: dict[str, list[str]]
) -> None:
    """The kubelet reads the contents, so such a pod is never the account of the credential spec that it names."""
    labels = {} if is_checked else {"namespaceSelector": selector("kubernetes.io/metadata.name", "NotIn", "legacy")}
    pod = deployment("liar", "legacy", "app", "a", gmsaCredentialSpec=text_of("Other"))
    graph = build([credspec("a"), webhook(**labels), namespace("legacy"), pod])
    assert {it.name: [each.how for each in graph.actors(it)] for it in graph.of_kind(Account)} == expected


def test_contents_that_render_has_written_are_of_the_name() -> None:
    pod = deployment("web", "web", "app", "a", gmsaCredentialSpec=text_of("WebApp1"))
    graph = build([*SETUP, role("all", use()), binding("b", "all", "web/app"), pod])
    (account,) = (it for it in graph.of_kind(Account) if it.name == "WebApp1")
    assert [it.how for it in graph.actors(account)] == ["Names"]


def test_a_binding_for_a_service_account_of_another_namespace_says_which_may_be_meant() -> None:
    objects = [*SETUP, binding("b", "use-a", "order/app", namespace="orders"), deployment("iis", "orders", "app", "a")]
    graph = build(objects)
    (found,) = graph.without_effect
    assert found.why == "order/app runs no pods in orders, where the binding is (did you mean orders/app?)"
    assert refusals(graph) == ["RoleBinding orders/b is for order/app: fix the namespace of its subject"]


def refusals(graph: Graph) -> list[str]:
    """The cures of refused workloads."""
    workloads = (it for node in graph.of_kind(ServiceAccount) for it in node.workloads)
    return [risk.message.partition("; ")[2] for it in workloads for risk in it.risks]


@pytest.mark.parametrize(
    ("binds", "names", "cure"),
    [
        ("Role", "a", "RoleBinding web/b binds Role web/use-a, which is not here: fix its roleRef"),
        ("ClusterRole", "aa", "fix the name, or create it"),
        ("Role", "aa", "fix the name, or create it"),
    ],
)
def test_a_refused_workload_says_what_keeps_its_access_from_it(binds: str, names: str, cure: str) -> None:
    objects = [
        *SETUP,
        binding("b", "use-a", "web/app", namespace="web", kind=binds),
        deployment("iis", "web", "app", names),
    ]
    assert refusals(build(objects)) == [cure]


def test_a_role_that_aggregates_another_says_which_to_change() -> None:
    part = role("gmsa-for-editors", use())
    part["metadata"]["labels"] = {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}
    graph = build([*SETUP, part, binding("b", "edit", "web/app", namespace="web")])
    (edge,) = graph.sorted_edges("Use")
    (risk,) = [it for it in edge.risks if it.rule == "every-credspec"]
    assert risk.message.startswith(
        "ClusterRole edit, into which gmsa-for-editors is aggregated, names no credential spec"
    )
    assert risk.message.endswith("give gmsa-for-editors resourceNames")


def test_a_refused_workload_does_not_act_as_what_its_service_account_may_use() -> None:
    objects = [
        *[*SETUP, credspec("b", "Other"), role("use-b", use("b"))],
        binding("b", "use-b", "web/app", namespace="web"),
        deployment("iis", "web", "app", "a"),
    ]
    graph = build(objects)
    (account,) = [it for it in graph.of_kind(Account) if it.name == "Other"]
    assert list(graph.actors(account)) == []
