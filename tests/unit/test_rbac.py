"""RBAC, evaluated as the API server does; tests/cluster/test_who_can.py asks real ones."""

from __future__ import annotations

from typing import Any

import pytest

from gmsa_krm.access import Rbac

Object = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
USE = ("use", "windows.k8s.io", "gmsacredentialspecs")


def rule(**fields: list[str]) -> Object:
    return {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["use"], **fields}


def role(name: str, *rules: Object, namespace: str = "", labels: Object | None = None, **fields: Any) -> Object:
    """A ClusterRole, or a Role if there is a namespace."""
    metadata = {"name": name, "labels": labels or {}, **({"namespace": namespace} if namespace else {})}
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(rules), **fields}


def binding(name: str, of: str, *subjects: Object, namespace: str = "", kind: str = "ClusterRole") -> Object:
    """A ClusterRoleBinding, or a RoleBinding if there is a namespace."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    reference = {"apiGroup": GROUP, "kind": kind, "name": of}
    own = "RoleBinding" if namespace else "ClusterRoleBinding"
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": own,
        "metadata": metadata,
        "roleRef": reference,
        "subjects": list(subjects),
    }


def account(name: str, namespace: str = "web") -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> Object:
    return {"kind": "Group", "name": name, "apiGroup": GROUP}


def user(name: str) -> Object:
    return {"kind": "User", "name": name, "apiGroup": GROUP}


def bindings_of(rbac: Rbac, namespace: str, name: str, credspec: str = "a") -> list[str]:
    """The names of the bindings that let a service account use a credspec."""
    return [it.binding.name for it in rbac.reasons((namespace, name), *USE, credspec)]


def test_a_binding_in_a_namespace_is_for_that_namespace_and_the_names_of_its_role() -> None:
    rbac = Rbac([role("use-a", rule(resourceNames=["a"])), binding("b", "use-a", account("webapp1"), namespace="web")])
    (grant,) = rbac.reasons(("web", "webapp1"), *USE, "a")
    assert (grant.binding.kind, grant.namespace, grant.binding.name) == ("RoleBinding", "web", "b")
    assert (grant.role.kind, grant.role.name, grant.names) == ("ClusterRole", "use-a", {"a"})
    assert bindings_of(rbac, "web", "webapp1", "other") == []
    assert bindings_of(rbac, "web", "webapp2") == []
    assert bindings_of(rbac, "other", "webapp1") == []
    assert rbac.who_can(*USE, name="a", namespace="web") == [grant]
    assert rbac.who_can(*USE, name="a") == []  # a request without a namespace
    assert rbac.grants(*USE) == [grant]


def test_a_service_account_of_another_namespace_is_bound_there_only() -> None:
    """Its pods are in its own namespace, so the binding is no reason for them."""
    rbac = Rbac([role("use-a", rule()), binding("b", "use-a", account("webapp1", "other"), namespace="web")])
    assert bindings_of(rbac, "other", "webapp1") == []
    assert len(rbac.who_can(*USE, name="a", namespace="web")) == 1


@pytest.mark.parametrize(
    "subject",
    [
        group("system:serviceaccounts"),
        group("system:serviceaccounts:web"),
        group("system:authenticated"),
        user("system:serviceaccount:web:webapp1"),
        {"kind": "ServiceAccount", "name": "webapp1"},
        {"kind": "Group", "name": "system:authenticated"},
        {"kind": "User", "name": "system:serviceaccount:web:webapp1", "namespace": "ignored"},
    ],
)
def test_subjects_that_a_service_account_is(subject: Object) -> None:
    rbac = Rbac([role("all", rule()), binding("b", "all", subject, namespace="web")])
    assert bindings_of(rbac, "web", "webapp1") == ["b"]
    assert bindings_of(rbac, "other", "webapp1") == []


@pytest.mark.parametrize(
    "subject",
    [
        group("system:unauthenticated"),
        group("system:serviceaccounts:other"),
        group("system:serviceaccounts:web:webapp1"),
        user("webapp1"),
        user("system:authenticated"),
        group("system:serviceaccount:web:webapp1"),
        user("system:serviceaccount:web:WebApp1"),
        user("system:serviceaccount:web:webapp1:more"),
    ],
)
def test_subjects_that_a_service_account_is_not(subject: Object) -> None:
    rbac = Rbac([role("all", rule()), binding("b", "all", subject)])
    assert bindings_of(rbac, "web", "webapp1") == []
    assert rbac.refused == []


def test_a_user_with_the_name_of_a_service_account_is_shown_as_one() -> None:
    rbac = Rbac([role("all", rule()), binding("b", "all", user("system:serviceaccount:web:webapp1"))])
    (grant,) = rbac.grants(*USE)
    assert (grant.subject.kind, grant.subject.namespace, grant.subject.name) == ("ServiceAccount", "web", "webapp1")


@pytest.mark.parametrize(
    ("fields", "wildcards"),
    [
        ({"verbs": ["*"]}, ("verbs",)),
        ({"apiGroups": ["*"]}, ("apiGroups",)),
        ({"resources": ["*"]}, ("resources",)),
        ({"verbs": ["get", "*"], "apiGroups": ["", "*"], "resources": ["*"]}, ("apiGroups", "resources", "verbs")),
        ({"verbs": ["*", "use"]}, ()),
        ({"resourceNames": []}, ()),
        ({"resourceNames": None}, ()),
    ],
)
def test_wildcards_and_absent_names_are_for_all(fields: Object, wildcards: tuple[str, ...]) -> None:
    rbac = Rbac([role("all", rule(**fields)), binding("b", "all", account("webapp1"))])
    (grant,) = rbac.reasons(("web", "webapp1"), *USE, "anything")
    assert grant.names is None
    assert grant.wildcards == wildcards


@pytest.mark.parametrize(
    "fields",
    [
        {"verbs": ["get"]},
        {"verbs": ["Use"]},
        {"apiGroups": [""]},
        {"resources": ["gmsacredentialspecs/status"]},
        {"resources": ["*/use"]},
        {"resources": ["gmsa*"]},
        {"resourceNames": ["*"]},
        {"resourceNames": [""]},
    ],
)
def test_what_does_not_allow_it(fields: Object) -> None:
    rbac = Rbac([role("all", rule(**fields)), binding("b", "all", account("webapp1"))])
    assert bindings_of(rbac, "web", "webapp1") == []
    assert rbac.refused == []


def test_rules_with_names_do_not_allow_requests_without_a_name() -> None:
    named = role("named", rule(resourceNames=["a"], verbs=["create", "update"]))
    rbac = Rbac([named, binding("b", "named", account("webapp1"))])
    assert rbac.who_can("create", "windows.k8s.io", "gmsacredentialspecs") == []
    assert len(rbac.who_can("update", "windows.k8s.io", "gmsacredentialspecs", name="a")) == 1


@pytest.mark.parametrize(
    ("resources", "is_allowed"), [(["pods/exec"], True), (["*/exec"], True), (["*"], True), (["pods"], False)]
)
def test_subresources(resources: list[str], is_allowed: bool) -> None:
    rules = {"apiGroups": [""], "resources": resources, "verbs": ["create"]}
    rbac = Rbac([role("r", rules), binding("b", "r", account("webapp1"), namespace="web")])
    found = rbac.who_can("create", "", "pods", namespace="web", subresource="exec")
    assert bool(found) is is_allowed


def test_the_rules_of_a_role_are_added_up() -> None:
    both = role("both", rule(resourceNames=["a"]), rule(resourceNames=["b"], verbs=["*"]), rule(verbs=["get"]))
    rbac = Rbac([both, binding("b", "both", account("webapp1"))])
    (grant,) = rbac.grants(*USE)
    assert (grant.names, grant.wildcards) == ({"a", "b"}, ("verbs",))


def test_a_role_is_bound_in_its_own_namespace() -> None:
    own = role("r", rule(), namespace="web")
    rbac = Rbac(
        [
            own,
            binding("here", "r", account("webapp1"), namespace="web", kind="Role"),
            binding("there", "r", account("webapp1", "other"), namespace="other", kind="Role"),
            binding("no-cluster-role", "r", account("webapp1"), namespace="web"),
        ]
    )
    assert bindings_of(rbac, "web", "webapp1") == ["here"]
    assert bindings_of(rbac, "other", "webapp1") == []
    assert {it.name for it in rbac.without_role} == {"there", "no-cluster-role"}


def aggregated(name: str, *selectors: Object, **fields: Any) -> Object:
    return role(name, aggregationRule={"clusterRoleSelectors": list(selectors)}, **fields)


def test_aggregated_roles_over_several_steps_and_in_circles() -> None:
    rbac = Rbac(
        [
            aggregated("one", {"matchLabels": {"to": "one"}}),
            aggregated("two", {"matchLabels": {"to": "two"}}, labels={"to": "one"}),
            role("three", rule(), labels={"to": "two"}),
            aggregated("circle", {"matchLabels": {"to": "circle"}}, labels={"to": "two"}),
            role("unrelated", rule(resourceNames=["x"])),
            aggregated("back", {"matchLabels": {"to": "two"}}, labels={"to": "circle"}),
            *(binding(it, it, account("webapp1")) for it in ("one", "two", "circle", "back")),
        ]
    )
    assert sorted(bindings_of(rbac, "web", "webapp1")) == ["back", "circle", "one", "two"]


@pytest.mark.parametrize(
    ("selector", "is_selected"),
    [
        ({"matchLabels": {"to": "one", "other": "x"}}, False),
        ({"matchExpressions": [{"key": "to", "operator": "In", "values": ["one", "two"]}]}, True),
        ({"matchExpressions": [{"key": "to", "operator": "NotIn", "values": ["one"]}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "NotIn", "values": ["one"]}]}, True),
        ({"matchExpressions": [{"key": "to", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "to", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"to": "one"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
    ],
)
def test_selectors_of_aggregated_roles(selector: Object, is_selected: bool) -> None:
    selector["matchLabels"] = {"part": "yes", **selector.get("matchLabels", {})}
    rbac = Rbac(
        [
            aggregated("sum", selector),
            role("part", rule(), labels={"to": "one", "part": "yes"}),
            binding("b", "sum", account("webapp1")),
        ]
    )
    assert bool(bindings_of(rbac, "web", "webapp1")) is is_selected


@pytest.mark.parametrize("selector", [{}, {"matchExpressions": [{"key": "to", "operator": "DoesNotExist"}]}])
def test_a_selector_of_nearly_everything_selects_cluster_admin_too(selector: Object) -> None:
    rbac = Rbac([aggregated("sum", selector), binding("b", "sum", account("webapp1"))])
    assert bindings_of(rbac, "web", "webapp1") == ["b"]


def test_own_rules_of_an_aggregated_role_are_overwritten_by_the_controller() -> None:
    """Those that a cluster has are the controller's, and what the API server evaluates."""
    own = aggregated("sum", {"matchLabels": {"to": "one"}})
    own["rules"] = [rule()]
    bound = binding("b", "sum", account("webapp1"))
    assert bindings_of(Rbac([own, bound]), "web", "webapp1") == []
    own["metadata"]["uid"] = "6f1c2b0e-0f1c-4f7e-8d57-3a5a7f6a0b1d"
    assert bindings_of(Rbac([own, bound]), "web", "webapp1") == ["b"]


def test_kubernetes_own_roles_need_not_be_among_the_objects() -> None:
    into_view = role("more", rule(), labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"})
    rbac = Rbac(
        [
            into_view,
            *(binding(it, it, account(it), namespace="web") for it in ("cluster-admin", "admin", "edit", "view")),
        ]
    )
    for name in ("cluster-admin", "admin", "edit", "view"):
        assert bindings_of(rbac, "web", name) == [name]
    writers = rbac.who_can("create", GROUP, "rolebindings", namespace="web")
    assert {it.subject.name for it in writers} == {"cluster-admin", "admin"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subjects": [account("ok"), {"kind": "ServiceAccount", "name": ""}]}, "subjects[1].name"),
        ({"subjects": [{"kind": "Robot", "name": "x"}]}, "subjects[0].kind"),
        ({"subjects": [{"name": "x"}]}, "subjects[0].kind"),
        ({"subjects": [{"kind": "ServiceAccount", "name": "Not_A_Name", "namespace": "web"}]}, "subjects[0].name"),
        ({"subjects": [{**account("x"), "apiGroup": GROUP}]}, "subjects[0].apiGroup"),
        ({"subjects": [{**group("x"), "apiGroup": "v1"}]}, "subjects[0].apiGroup"),
        ({"subjects": [{**account("x"), "namespace": 7}]}, "subjects[0].namespace"),
        ({"subjects": "everybody"}, "subjects"),
        ({"subjects": ["everybody"]}, "subjects"),
        ({"roleRef": None}, "roleRef.kind"),
        ({"roleRef": {"kind": "Role", "name": ".."}}, "roleRef.name"),
        ({"roleRef": {"kind": "ClusterRole", "name": "all", "apiGroup": "x"}}, "roleRef.apiGroup"),
        ({"apiVersion": f"{GROUP}/v1beta1"}, "apiVersion"),
        ({"metadata": {"namespace": "web"}}, "metadata.name"),
        ({"metadata": []}, "metadata.name"),
    ],
)
def test_a_malformed_binding_is_refused_as_a_whole(change: Object, field: str) -> None:
    rbac = Rbac([role("all", rule()), {**binding("b", "all", account("ok"), namespace="web"), **change}])
    assert rbac.grants(*USE) == []
    (refused,) = rbac.refused
    assert refused.reason.startswith(field)
    assert refused.kind == "RoleBinding"


def test_a_cluster_role_binding_needs_the_namespace_of_a_service_account_and_a_cluster_role() -> None:
    rbac = Rbac(
        [
            role("all", rule()),
            binding("b", "all", {"kind": "ServiceAccount", "name": "webapp1"}),
            binding("c", "all", account("webapp1"), kind="Role"),
        ]
    )
    assert [it.reason.partition(" ")[0] for it in rbac.refused] == ["subjects[0].namespace", "roleRef.kind"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"verbs": []},
        {"verbs": None},
        {"apiGroups": []},
        {"resources": None},
        {"resourceNames": [1]},
        {"nonResourceURLs": ["/healthz"]},
        {"verbs": "use"},
    ],
)
def test_a_malformed_role_is_refused_as_a_whole(wrong: Object) -> None:
    rbac = Rbac([role("all", rule(), rule(**wrong)), binding("b", "all", account("webapp1"))])
    assert rbac.grants(*USE) == []
    assert [(it.kind, it.name) for it in rbac.refused] == [("ClusterRole", "all")]


@pytest.mark.parametrize(
    "rule_",
    [
        {"clusterRoleSelectors": []},
        {},
        [],
        {"clusterRoleSelectors": [{"matchLabels": {"a": 1}}]},
        {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]},
        {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}]},
        {"clusterRoleSelectors": [{"matchExpressions": [{"operator": "Exists"}]}]},
        {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "Is", "values": ["x"]}]}]},
    ],
)
def test_a_malformed_aggregation_is_refused(rule_: Any) -> None:
    rbac = Rbac([role("all", aggregationRule=rule_)])
    assert [it.name for it in rbac.refused] == ["all"]


def test_the_last_of_two_objects_counts_and_others_are_passed_over() -> None:
    rbac = Rbac(
        [
            role("all", rule()),
            role("all", rule(verbs=["get"])),
            binding("b", "all", account("webapp1")),
            {"apiVersion": "v1", "kind": "Role"},
            {"kind": "RoleBinding"},
            {},
        ]
    )
    assert rbac.grants(*USE) == []
    assert rbac.refused == []


def test_objects_without_a_namespace_are_in_the_given_one() -> None:
    without = {**binding("b", "all", account("webapp1"), namespace="x"), "metadata": {"name": "b"}}
    assert bindings_of(Rbac([role("all", rule()), without], "web"), "web", "webapp1") == ["b"]
    assert bindings_of(Rbac([role("all", rule()), without]), "web", "webapp1") == []


def large(number: int) -> list[Object]:
    """Roles, bindings and service accounts, with what makes a product of them: wildcards, groups, shared roles."""
    roles = [role(f"use-{it}", rule(resourceNames=[f"credspec-{it}"])) for it in range(number)]
    names = [f"credspec-{it}" for it in range(number)]
    shared = [role("all", rule()), role("all-by-name", rule(resourceNames=names))]
    bound = [binding(f"b{it}", f"use-{it}", account(f"a{it}", f"ns{it % 50}"), namespace=f"ns{it % 50}") for it in range(number)]  # fmt: skip
    groups = [binding(f"g{it}", f"use-{it}", group("system:authenticated")) for it in range(number)]
    wide = [binding(f"w{it}", "all", account(f"a{it}", f"ns{it % 50}")) for it in range(number)]
    named = [binding(f"n{it}", "all-by-name", account(f"a{it}", f"ns{it % 50}")) for it in range(number)]
    aggregates = [aggregated(f"sum{it}", {"matchLabels": {"to": str(it)}}) for it in range(number)]
    return [*roles, *shared, *bound, *groups, *wide, *named, *aggregates]


def test_many_bindings_take_no_product_of_accounts_and_credspecs() -> None:
    """10,000 bindings, and more than that of pairs; a product of them takes minutes."""
    number = 2_500
    rbac = Rbac(large(number))
    for it in range(number):
        assert len(rbac.reasons((f"ns{it % 50}", f"a{it}"), *USE, f"credspec-{it}")) == 4
