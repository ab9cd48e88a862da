"""The graph of who may become which AD account, of plain objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gmsa_krm.active_directory.files import read_snapshot
from gmsa_krm.active_directory.snapshot import Snapshot
from gmsa_krm.credspecs.model import canonical_json
from gmsa_krm.report.admission import NAME_LABEL
from gmsa_krm.report.build import build
from gmsa_krm.report.document import document
from gmsa_krm.report.graph import Graph
from gmsa_krm.report.narrow import around
from gmsa_krm.report.nodes import ALL, Account, CredentialSpec, Principal, ServiceAccount
from gmsa_krm.report.rows import power_rows

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
WEBHOOK = "admission-webhook.windows-gmsa.sigs.k8s.io"


def credspec(name: str, account: str = "WebApp1", **directory: Any) -> Object:
    accounts = [{"Name": account, "Scope": scope} for scope in ("CONTOSO", "contoso.com")]
    join = {
        "DnsName": "contoso.com",
        "DnsTreeName": "contoso.com",
        "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "MachineAccountName": account,
        "NetBiosName": "CONTOSO",
        "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
    }
    contents = {
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": accounts, **directory},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": join,
    }
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name},
        "credspec": contents,
    }


def role(name: str, *rules: tuple[list[str], list[str], list[str], list[str]], namespace: str = "") -> Object:
    """Each rule: API groups, resources, names, verbs."""
    keys = ("apiGroups", "resources", "resourceNames", "verbs")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": [dict(zip(keys, rule, strict=True)) for rule in rules],
    }


def use(*names: str) -> tuple[list[str], list[str], list[str], list[str]]:
    return ["windows.k8s.io"], ["gmsacredentialspecs"], list(names), ["use"]


def binding(name: str, of: str, *subjects: str, namespace: str = "", kind: str = "ClusterRole") -> Object:
    """Subjects: `NS/NAME` of a service account, `group:NAME` or `user:NAME`."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": of},
        "subjects": [subject(it) for it in subjects],
    }


def subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if name:
        return {"kind": kind.capitalize(), "name": name, "apiGroup": RBAC}
    namespace, _, name = text.partition("/")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def webhook(**fields: Any) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gmsa-webhook"},
        "webhooks": [{"name": WEBHOOK, "failurePolicy": "Fail", **fields}],
    }


def namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def deployment(name: str, namespace: str, service_account: str | None, credspec: str | None, **options: str) -> Object:
    windows = {**({"gmsaCredentialSpecName": credspec} if credspec else {}), **options}
    pod: Object = {"containers": [{"name": "iis"}], "securityContext": {"windowsOptions": windows}}
    if service_account:
        pod["serviceAccountName"] = service_account
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": pod}},
    }


def edges(graph: Graph, *kinds: str) -> list[str]:
    """The edges, each as `source > target`."""
    return [f"{it.source.label} > {it.target.label}" for it in graph.sorted_edges(*kinds)]


SETUP = [webhook(), credspec("a"), role("use-a", use("a"))]


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


def selector(key: str, operator: str, *values: str) -> Object:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


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


ADMISSION = "admissionregistration.k8s.io"


@pytest.mark.parametrize(
    ("rule", "of", "expected"),
    [
        ((["windows.k8s.io"], ["gmsacredentialspecs"], ["a"], ["update"]), "", ["ChangeCredspec a"]),
        ((["windows.k8s.io"], ["gmsacredentialspecs"], [], ["create"]), "", ["ChangeCredspec *"]),
        ((["windows.k8s.io"], ["gmsacredentialspecs"], ["a"], ["create", "delete", "get"]), "", []),
        ((["windows.k8s.io"], ["gmsacredentialspecs"], [], ["patch"]), "web", []),
        (([ADMISSION], ["validatingwebhookconfigurations"], [], ["delete"]), "", ["ChangeAdmission *"]),
        (([ADMISSION], ["validatingwebhookconfigurations"], ["gmsa-webhook"], ["patch"]), "", ["ChangeAdmission *"]),
        (([ADMISSION], ["validatingwebhookconfigurations"], ["other"], ["patch"]), "", []),
        (([ADMISSION], ["validatingadmissionpolicies"], [], ["patch"]), "", []),
        (([""], ["namespaces"], [], ["patch"]), "", []),
        (([RBAC], ["rolebindings"], [], ["create"]), "web", []),
        (([RBAC], ["*"], [], ["create", "bind"]), "web", ["GrantAccess *"]),
        (([RBAC], ["clusterroles"], [], ["update", "escalate"]), "", ["GrantAccess *"]),
        (([RBAC], ["clusterroles"], [], ["update", "escalate"]), "web", []),
        (([RBAC], ["clusterroles"], [], ["update"]), "", []),
        ((["*"], ["*"], [], ["*"]), "", ["ChangeAdmission *", "ChangeCredspec *", "GrantAccess *"]),
    ],
)
def test_powers(rule: Any, of: str, expected: list[str]) -> None:
    graph = build([*SETUP, role("power", rule), binding("b", "power", "user:jane", namespace=of)])
    powers = graph.sorted_edges("ChangeCredspec", "ChangeAdmission", "LabelNamespace", "GrantAccess")
    assert sorted(f"{it.kind} {it.target.name}" for it in powers) == expected
    assert all(it.source.id == "User:jane" and it.bindings and it.reasons for it in powers)


@pytest.mark.parametrize(
    ("of", "names", "verbs", "how"),
    [
        ("", [], ["patch"], "may patch namespaces"),
        ("", ["web"], ["create"], None),
        # A request for a namespace is in that namespace.
        ("web", [], ["patch"], "may patch the namespace web"),
        ("web", ["web"], ["update"], "may update the namespace web"),
        ("web", ["legacy"], ["update"], None),
        ("web", [], ["create", "get", "delete"], None),
    ],
)
def test_who_may_label_namespaces_matters_where_labels_decide(
    of: str, names: list[str], verbs: list[str], how: str | None
) -> None:
    labels = webhook(namespaceSelector=selector("gmsa-webhook", "NotIn", "disabled"))
    power = role("power", ([""], ["namespaces"], names, verbs))
    graph = build([labels, power, binding("b", "power", "user:jane", namespace=of)])
    assert edges(graph, "LabelNamespace") == (["jane > every credential spec"] if how else [])
    assert [it.reasons for it in graph.sorted_edges("LabelNamespace")] == (
        [[f"{how}, whose labels decide on the check"]] if how else []
    )


def test_who_may_bind_one_role_grants_the_credential_specs_of_that_role() -> None:
    power = role("power", ([RBAC], ["rolebindings"], [], ["create"]), ([RBAC], ["clusterroles"], ["use-a"], ["bind"]))
    graph = build([*SETUP, power, binding("b", "power", "user:jane", namespace="web")])
    assert edges(graph, "GrantAccess") == ["jane > a"]
    (edge,) = graph.sorted_edges("GrantAccess")
    assert edge.reasons == ["may create rolebindings and bind clusterroles, to service accounts of web"]


@pytest.mark.parametrize(("of", "whom"), [("web", ", to service accounts of web"), ("", "")])
def test_who_may_grant_access_in_a_namespace_does_so_for_its_service_accounts(of: str, whom: str) -> None:
    """The webhook asks in the pod's namespace; `*` is each verb."""
    graph = build(
        [*SETUP, role("all", ([RBAC], ["*"], [], ["*"]), use("a")), binding("b", "all", "web/ops", namespace=of)]
    )
    (every, one) = graph.sorted_edges("GrantAccess")
    writes = [f"may {verb} rolebindings" for verb in ("create", "patch", "update")]
    found = {it for it in every.reasons if it.partition(" and ")[0] in writes}
    assert found == {f"{it} and bind {roles}{whom}" for it in writes for roles in ("clusterroles", "roles")}
    assert f"may patch and escalate roles{whom}" in every.reasons
    assert {f"{it}, and pass on what it may use{whom}" for it in writes} <= set(one.reasons)
    assert all(it.endswith(whom) for it in (*every.reasons, *one.reasons))


def test_who_may_use_it_and_create_bindings_passes_it_on() -> None:
    power = role("power", ([RBAC], ["rolebindings"], [], ["create"]))
    graph = build(
        [*SETUP, power, binding("b", "power", "web/app", namespace="web"), binding("c", "use-a", "web/app", namespace="web")]
    )  # fmt: skip
    assert edges(graph, "GrantAccess") == ["web/app > a"]
    assert {it.name for it in graph.sorted_edges("GrantAccess")[0].bindings} == {"b", "c"}


@pytest.mark.parametrize(
    ("resource", "verb", "is_granted"),
    [
        ("clusterroles", "update", True),
        ("clusterroles", "create", True),
        ("roles", "patch", True),
        ("roles", "create", False),
    ],
)
def test_who_may_use_it_and_change_roles_passes_it_on(resource: str, verb: str, is_granted: bool) -> None:
    """A role that others have already gets the rule; a new ClusterRole may be aggregated into one."""
    power = role("power", ([RBAC], [resource], [], [verb]))
    graph = build([*SETUP, power, binding("b", "power", "web/app"), binding("c", "use-a", "web/app", namespace="web")])
    assert edges(graph, "GrantAccess") == (["web/app > a"] if is_granted else [])


def test_a_right_that_a_group_adds() -> None:
    """The subject may create bindings, and all who are logged on may bind roles."""
    objects = [
        role("write", ([RBAC], ["rolebindings"], [], ["create"])),
        role("bind", ([RBAC], ["clusterroles"], [], ["bind"])),
        binding("w", "write", "web/app", namespace="web"),
        binding("b", "bind", "group:system:authenticated"),
    ]
    assert edges(build([*SETUP, *objects]), "GrantAccess") == ["web/app > every credential spec"]


def test_parts_of_the_graph_in_either_direction() -> None:
    graph = build(
        [
            webhook(),
            credspec("a"),
            credspec("b", "WebApp2"),
            role("use-a", use("a")),
            role("use-b", use("b")),
            binding("a", "use-a", "web/one", namespace="web"),
            binding("b", "use-b", "api/two", namespace="api"),
            binding("c", "use-b", "group:system:serviceaccounts:web", namespace="web"),
        ]
    )
    account = next(it for it in graph.nodes.values() if it.label.startswith("WebApp2"))
    assert edges(around(graph, [account])) == [
        "web/one > every service account of web",
        "api/two > b",
        "every service account of web > b",
        "b > WebApp2 of contoso.com",
    ]
    two = graph.nodes["ServiceAccount:api/two"]
    assert edges(around(graph, [two])) == ["api/two > b", "b > WebApp2 of contoso.com"]
    one = graph.nodes["ServiceAccount:web/one"]
    assert len(edges(around(graph, [one]))) == 5


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


RUNS = "RunPods > every service account of web"
CLUSTER = "RunPods > every service account of the cluster"


@pytest.mark.parametrize(
    ("rule", "of", "expected"),
    [
        (([""], ["pods"], [], ["create"]), "web", [RUNS]),
        (([""], ["pods"], [], ["create"]), "", [CLUSTER]),
        (([""], ["pods"], [], ["create"]), "other", []),
        (([""], ["pods"], ["iis"], ["create"]), "web", []),
        (([""], ["pods"], ["iis"], ["patch"]), "web", [RUNS]),
        (([""], ["pods/exec"], ["iis"], ["create"]), "web", [RUNS]),
        (([""], ["pods/exec"], [], ["get"]), "web", [RUNS]),
        (([""], ["nodes/proxy"], [], ["get"]), "", [CLUSTER]),
        (([""], ["nodes/proxy"], [], ["get"]), "web", []),
        (([""], ["nodes"], [], ["get"]), "", []),
        (([""], ["pods/log"], [], ["create"]), "web", []),
        (([""], ["pods/ephemeralcontainers"], [], ["patch"]), "web", [RUNS]),
        (([""], ["pods/ephemeralcontainers"], [], ["patch"]), "other", ["RunPods > every service account of other"]),
        ((["apps"], ["deployments"], [], ["update"]), "web", [RUNS]),
        (([""], ["deployments"], [], ["update"]), "web", []),
        ((["batch"], ["jobs"], [], ["patch"]), "web", []),
        ((["batch"], ["cronjobs"], [], ["patch"]), "web", [RUNS]),
        (([""], ["users"], ["ann"], ["impersonate"]), "", ["Impersonate > ann"]),
        (([""], ["users"], ["bob"], ["impersonate"]), "", []),
        (([""], ["users"], ["ann"], ["impersonate"]), "web", []),
        (([""], ["users"], [], ["impersonate"]), "", ["Impersonate > every user of the cluster"]),
        (([""], ["users"], ["system:serviceaccount:web:ops"], ["impersonate"]), "", []),
        (([""], ["groups"], ["system:masters"], ["impersonate"]), "", []),
        (([""], ["groups", "users"], ["system:masters", "x"], ["impersonate"]), "", ["Impersonate > system:masters"]),
        (([""], ["serviceaccounts"], ["ops"], ["impersonate"]), "web", ["Impersonate > web/ops"]),
        (([""], ["serviceaccounts"], ["app"], ["impersonate"]), "web", []),
        (([""], ["serviceaccounts"], [], ["impersonate"]), "web", ["Impersonate > every service account of web"]),
        (([""], ["serviceaccounts"], [], ["impersonate"]), "api", []),
        (([""], ["serviceaccounts"], ["ops"], ["impersonate"]), "", ["Impersonate > web/ops"]),
        (([""], ["serviceaccounts/token"], ["ops"], ["create"]), "web", ["Impersonate > web/ops"]),
        (([""], ["serviceaccounts/token"], [], ["get"]), "web", []),
    ],
)
def test_who_may_act_as_others(rule: Any, of: str, expected: list[str]) -> None:
    """ann may run pods in web, and web/ops may change a credential spec."""
    objects = [
        *SETUP,
        binding("use", "use-a", "web/app", namespace="web"),
        role("run", ([""], ["pods"], [], ["create"])),
        binding("run", "run", "user:ann", namespace="web"),
        role("change", (["windows.k8s.io"], ["gmsacredentialspecs"], [], ["update"])),
        binding("change", "change", "web/ops"),
        role("detour", rule),
        binding("b", "detour", "user:jane", namespace=of),
    ]
    found = [it for it in build(objects).sorted_edges("RunPods", "Impersonate") if it.source.label == "jane"]
    assert [f"{it.kind} > {it.target.label}" for it in found] == expected
    assert all(it.bindings and it.reasons for it in found)


def test_detours_lead_on_to_others() -> None:
    objects = [
        *SETUP,
        binding("use", "use-a", "web/app", namespace="web"),
        role("run", ([""], ["pods"], [], ["create"])),
        binding("run", "run", "web/ops", namespace="web"),
        role("as-ops", ([""], ["serviceaccounts"], ["ops"], ["impersonate"])),
        binding("as-ops", "as-ops", "user:ann", namespace="web"),
        role("as-ann", ([""], ["users"], ["ann"], ["impersonate"])),
        binding("as-ann", "as-ann", "user:jane"),
    ]
    graph = build(objects)
    wanted = ["web/ops > every service account of web", "ann > web/ops", "jane > ann"]
    assert edges(graph, "RunPods", "Impersonate") == wanted
    account = graph.nodes["Account:contoso.com\\webapp1"]
    assert edges(around(graph, [account]), "RunPods", "Impersonate") == wanted
    assert "web/app > a" in edges(around(graph, [graph.nodes["User:jane"]]))
    assert edges(around(graph, [graph.nodes["ServiceAccount:web/app"]]), "RunPods") == wanted[:1]


@pytest.mark.parametrize(
    ("resource", "name", "how"),
    [
        ("users", "ann", "may impersonate user ann"),
        ("users", "karin", "may impersonate user karin, who may do everything"),
        ("users", None, "may impersonate users, who may do everything"),
        ("serviceaccounts", None, "may impersonate serviceaccounts, who may do everything"),
        ("groups", "admins", "may impersonate group admins, who may do everything"),
        ("groups", "system:masters", "may impersonate group system:masters, who may do everything"),
    ],
)
def test_impersonation_names_whom_and_what_follows(resource: str, name: str | None, how: str) -> None:
    """Without a name it is everyone, and so those who may do everything."""
    names = [] if name is None else [name]
    objects = [
        *SETUP,
        role("change", (["windows.k8s.io"], ["gmsacredentialspecs"], [], ["update"])),
        binding("change", "change", "user:ann"),
        binding("all", "cluster-admin", "user:karin", "group:admins", "ops/robot"),
        role("detour", ([""], [resource], names, ["impersonate"]), ([""], ["users"], ["nobody"], ["impersonate"])),
        binding("b", "detour", "user:jane"),
    ]
    (edge,) = [it for it in build(objects).sorted_edges("Impersonate") if it.source.label == "jane"]
    assert edge.reasons == [how]
    assert edge.target.name == (name or "*")


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


def test_without_access_nobody_has_a_detour() -> None:
    everything = role("all", ([""], ["*"], [], ["create"]))
    assert edges(build([*SETUP, everything, binding("b", "all", "user:jane")]), "RunPods") == []


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


def hardening(namespaces: Object | None = None, actions: tuple[str, ...] = ("Deny",), of: str = "") -> list[Object]:
    """What the policy that gmsa-krm emits looks at, and its binding."""
    version = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rules = [{"apiGroups": [""], "resources": ["pods", of or "pods/ephemeralcontainers"], "operations": ["UPDATE"]}]
    expression = "object.spec.ephemeralContainers.all(c, !has(c.securityContext.windowsOptions.gmsaCredentialSpec))"
    policy = {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": expression}]}
    resources = {"matchResources": {"namespaceSelector": namespaces}} if namespaces else {}
    bound = {"policyName": "hardening", "validationActions": list(actions), **resources}
    return [
        {**version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "hardening"}, "spec": policy},
        {**version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "hardening"}, "spec": bound},
    ]


@pytest.mark.parametrize(
    ("policies", "of", "passes"),
    [
        ([], "web", True),
        ([], "", True),
        (hardening(), "web", False),
        (hardening(), "", False),
        (hardening()[:1], "web", True),
        (hardening(actions=("Audit",)), "web", True),
        (hardening(of="pods/status"), "web", True),
        (hardening(selector(NAME_LABEL, "NotIn", "web")), "web", True),
        (hardening(selector(NAME_LABEL, "NotIn", "web")), "", True),
        (hardening(selector(NAME_LABEL, "NotIn", "api")), "web", False),
    ],
)
def test_who_adds_ephemeral_containers_passes_checks_that_do_not_look_at_them(
    policies: list[Object], of: str, passes: bool
) -> None:
    objects = [
        *SETUP,
        *policies,
        binding("use", "use-a", "web/app", namespace="web"),
        role("debug", ([""], ["pods/ephemeralcontainers"], [], ["patch"])),
        binding("b", "debug", "user:jane", namespace=of),
    ]
    graph = build(objects)
    (edge,) = graph.sorted_edges("RunPods")
    assert (edge.passes_checks, [it.rule for it in edge.risks]) == (passes, ["no-hardening"] if passes else [])
    assert ("so every account" in power_rows(graph)[0][0].cells[2]) is passes
    # Then it leads to an account, wherever that is used.
    other = build(
        [*objects, credspec("b", "Other"), role("use-b", use("b")), binding("b2", "use-b", "api/app", namespace="api")]
    )
    (account,) = [it for it in other.of_kind(Account) if it.name == "Other"]
    assert ("RunPods" in {it.kind for it in around(other, [account]).edges.values()}) is (passes or not of)


def test_where_nothing_checks_pods_ephemeral_containers_are_no_way_of_their_own() -> None:
    debug = role("debug", ([""], ["pods/ephemeralcontainers"], [], ["patch"]))
    graph = build([credspec("a"), debug, binding("b", "debug", "user:jane", namespace="web")])
    assert not any(it.passes_checks for it in graph.sorted_edges())


def test_get_is_told_with_the_versions_for_which_it_is_enough() -> None:
    reader = role("read", ([""], ["pods/exec", "nodes/proxy"], [], ["get"]))
    objects = [*SETUP, binding("use", "use-a", "web/app", namespace="web"), reader, binding("b", "read", "user:jane")]
    (edge,) = build(objects).sorted_edges("RunPods")
    assert edge.reasons == ["may get pods/exec, which is enough before Kubernetes 1.35", "may get nodes/proxy"]


def test_an_account_that_only_contents_have_is_reached_where_nothing_is_checked() -> None:
    own = json.dumps(credspec("x", "Backup")["credspec"])
    objects = [
        *[webhook(namespaceSelector=selector(NAME_LABEL, "NotIn", "ops")), *SETUP[1:]],
        binding("use", "use-a", "web/app", namespace="web"),
        role("all", use()),
        binding("all", "all", "web/every", namespace="web"),
        deployment("probe", "ops", "probe", None, gmsaCredentialSpec=own),
        role("run", ([""], ["pods"], [], ["create"])),
        binding("run", "run", "user:kaja", namespace="ops"),
        binding("run", "run", "user:jane", namespace="web"),
        role("label", ([""], ["namespaces"], [], ["patch"])),
        binding("label", "label", "user:lea"),
    ]
    graph = build([*objects, namespace("ops", **{NAME_LABEL: "ops"})])
    (account,) = [it for it in graph.of_kind(Account) if it.name == "Backup"]
    part = around(graph, [account])
    assert edges(part, "Unchecked") == ["every service account of ops > every credential spec"]
    assert edges(part, "RunPods") == ["kaja > every service account of ops"]
    assert edges(part, "Use") == []  # a role lets use what exists
    assert [it.name for it in part.of_kind(ServiceAccount)] == ["probe"]


TOKENS = role("tokens", ([""], ["serviceaccounts/token"], [], ["create"]))


def test_tokens_lead_to_what_a_service_account_may_do_and_not_to_the_accounts_of_its_pods() -> None:
    objects = [
        *SETUP,
        binding("use", "use-a", "web/app", namespace="web"),
        role("change", (["windows.k8s.io"], ["gmsacredentialspecs"], ["b"], ["update"])),
        credspec("b", "Other"),
        binding("change", "change", "ops/operator"),
        TOKENS,
        binding("tokens", "tokens", "ops/backup"),
    ]
    graph = build(objects)
    one, other = sorted(graph.of_kind(Account), key=lambda it: it.name)
    assert edges(around(graph, [other]), "Use") == ["web/app > a"]
    assert edges(around(graph, [other]), "Impersonate") == []
    assert edges(around(graph, [one]), "Impersonate", "ChangeCredspec") == [
        "ops/operator > b",
        "ops/backup > every service account of the cluster",
    ]
    # What the operator's pods may use is not what its token gives.
    graph = build([*objects, binding("own", "use-a", "ops/operator", namespace="ops")])
    ahead = around(graph, [graph.nodes["ServiceAccount:ops/backup"]])
    assert [it.name for it in ahead.of_kind(Account)] == ["Other"]
    ahead = around(graph, [graph.nodes["ServiceAccount:ops/operator"]])
    assert [it.name for it in ahead.of_kind(Account)] == ["Other", "WebApp1"]


def test_a_namespace_brings_no_others_along_by_a_group_of_all() -> None:
    objects = [
        *SETUP,
        binding("use", "use-a", "group:system:serviceaccounts"),
        *(deployment(it, it, "app", "a") for it in ("web", "api")),
    ]
    graph = build(objects)
    focus = [graph.nodes["ServiceAccount:web/app"], graph.nodes["ServiceAccounts:*"]]
    assert [it.namespace for it in around(graph, focus).of_kind(ServiceAccount)] == ["web"]


def test_a_binding_for_a_service_account_of_another_namespace_says_which_may_be_meant() -> None:
    objects = [*SETUP, binding("b", "use-a", "order/app", namespace="orders"), deployment("iis", "orders", "app", "a")]
    (found,) = build(objects).without_effect
    assert found.why == "order/app runs no pods in orders, where the binding is (did you mean orders/app?)"


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
