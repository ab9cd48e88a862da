"""Ways around the check in the graph of who may become which AD account, and the parts of the graph around a node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gmsa_krm.report.admission import NAME_LABEL
from gmsa_krm.report.build import build
from gmsa_krm.report.narrow import around
from gmsa_krm.report.nodes import Account, ServiceAccount
from gmsa_krm.report.rows import power_rows
from graphs import (
    RBAC,
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


def test_without_access_nobody_has_a_detour() -> None:
    everything = role("all", ([""], ["*"], [], ["create"]))
    assert edges(build([*SETUP, everything, binding("b", "all", "user:jane")]), "RunPods") == []


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


@pytest.mark.parametrize(
    ("of_bindings", "of_pods", "reaches_all"),
    [("web", "web", True), ("", "web", True), ("api", "web", False), ("", "", True), ("web", "", False)],
)
def test_who_grants_access_to_pods_that_they_run_has_it(of_bindings: str, of_pods: str, reaches_all: bool) -> None:
    objects = [
        *[*SETUP, *hardening(), binding("use", "use-a", "web/app", namespace="web")],
        role("grant", ([RBAC], ["rolebindings"], [], ["create"]), ([RBAC], ["clusterroles"], [], ["bind"])),
        binding("grant", "grant", "user:jane", namespace=of_bindings),
        role("run", ([""], ["pods"], [], ["create"])),
        binding("run", "run", "user:jane", namespace=of_pods),
    ]
    rows, _ = power_rows(build(objects))
    assert any("to which it may grant every credential spec" in it.cells[2] for it in rows) is reaches_all


def test_a_name_is_no_way_past_the_checks() -> None:
    """Names of objects are hostile, and reasons hold them."""
    name = "pods/ephemeralcontainers, which nothing checks"
    objects = [
        *SETUP,
        role("change", (["windows.k8s.io"], ["gmsacredentialspecs"], [], ["update"])),
        binding("change", "change", f"user:{name}"),
        role("be", ([""], ["users"], [name], ["impersonate"])),
        binding("be", "be", "user:jane"),
    ]
    (edge,) = build(objects).sorted_edges("Impersonate")
    assert (edge.passes_checks, edge.risks) == (False, [])
