"""The graph of who may become which AD account, of plain objects."""

from __future__ import annotations

from typing import Any

import pytest

from gmsa_krm.report.build import build
from gmsa_krm.report.model import ALL, CredentialSpec, Graph, ServiceAccount

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
    assert edges(graph.around([CredentialSpec("b")]), "Use") == ["web/app > every credential spec"]


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


def test_who_may_label_namespaces_matters_where_labels_decide() -> None:
    labels = webhook(namespaceSelector=selector("gmsa-webhook", "NotIn", "disabled"))
    power = role("power", ([""], ["namespaces"], [], ["patch"]))
    graph = build([labels, power, binding("b", "power", "user:jane")])
    assert edges(graph, "LabelNamespace") == ["jane > every credential spec"]


def test_who_may_bind_one_role_grants_the_credential_specs_of_that_role() -> None:
    power = role("power", ([RBAC], ["rolebindings"], [], ["create"]), ([RBAC], ["clusterroles"], ["use-a"], ["bind"]))
    graph = build([*SETUP, power, binding("b", "power", "user:jane", namespace="web")])
    assert edges(graph, "GrantAccess") == ["jane > a"]
    (edge,) = graph.sorted_edges("GrantAccess")
    assert edge.reasons == ["may create rolebindings and bind clusterroles"]


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
    assert edges(graph.around([account])) == [
        "web/one > every service account of web",
        "api/two > b",
        "every service account of web > b",
        "b > WebApp2 of contoso.com",
    ]
    two = graph.nodes["ServiceAccount:api/two"]
    assert edges(graph.around([two])) == ["api/two > b", "b > WebApp2 of contoso.com"]
    one = graph.nodes["ServiceAccount:web/one"]
    assert len(edges(graph.around([one]))) == 5


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
    build([*SETUP, broken]).around([CredentialSpec(ALL)])
