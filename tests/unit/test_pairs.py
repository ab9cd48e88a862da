"""Pairs of service account and credential spec, from roles and bindings."""

from __future__ import annotations

from typing import Any

import pytest

from gmsa_krm.access import Rbac
from gmsa_krm.cluster.pairs import pairs_of

GROUP = "rbac.authorization.k8s.io"


def role(name: str, names: list[str] | None = None, verb: str = "use", resource: str = "gmsacredentialspecs") -> Any:
    rule: dict[str, Any] = {"apiGroups": ["windows.k8s.io"], "resources": [resource], "verbs": [verb]}
    if names is not None:
        rule["resourceNames"] = names
    return {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}


def binding(role: str, *subjects: tuple[str, str, str], namespace: str | None = "web") -> Any:
    """`subjects`: kind, namespace and name."""
    metadata = {"name": f"{role}-{len(subjects)}", **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [
            {"kind": kind, "name": name, **({"namespace": of} if of else {"apiGroup": GROUP})}
            for kind, of, name in subjects
        ],
    }


def account(name: str, namespace: str = "web") -> tuple[str, str, str]:
    return "ServiceAccount", namespace, name


def pairs(*objects: Any, known: tuple[str, ...] = ("a", "b", "c")) -> list[str]:
    return [f"{it}{' (any)' if it.is_any else ''}" for it in pairs_of(Rbac(objects), known)]


def test_a_role_with_names() -> None:
    assert pairs(role("r", ["a", "gone"]), binding("r", account("x"), account("y"))) == ["web/x with a", "web/y with a"]


def test_a_binding_is_for_pods_of_its_namespace() -> None:
    assert pairs(role("r", ["a"]), binding("r", account("x", "shop"))) == []
    everywhere = binding("r", account("x", "shop"), namespace=None)
    assert pairs(role("r", ["a"]), everywhere) == ["shop/x with a"]


def test_a_group_stands_for_its_service_accounts() -> None:
    of_web = ("Group", "", "system:serviceaccounts:web")
    assert pairs(role("r", ["a"]), binding("r", of_web)) == ["web/default with a (any)"]
    assert pairs(role("r", ["a"]), binding("r", ("Group", "", "system:authenticated"))) == ["web/default with a (any)"]
    assert pairs(role("r", ["a"]), binding("r", ("Group", "", "system:authenticated"), namespace=None)) == []
    assert pairs(role("r", ["a"]), binding("r", ("User", "", "jane"))) == []


def test_a_role_without_names_tries_each_account_and_each_credspec_once() -> None:
    accounts = [account(f"x{n}") for n in range(5)]
    found = pairs(role("r"), binding("r", *accounts))
    assert found == ["web/x0 with a", "web/x1 with b", "web/x2 with c", "web/x3 with a", "web/x4 with b"]
    assert pairs(role("r"), binding("r", account("x"))) == ["web/x with a", "web/x with b", "web/x with c"]


def test_administrators_are_left_out() -> None:
    assert pairs(role("r", verb="*"), binding("r", account("x"))) == []
    assert pairs(role("r", resource="*"), binding("r", account("x"))) == []


def test_nothing_is_known() -> None:
    assert pairs(role("r"), binding("r", account("x")), known=()) == []


@pytest.mark.parametrize(
    "subject",
    [
        ("ServiceAccount", "a b", "iis"),
        ("ServiceAccount", "web/pods?a=", "iis"),
        ("User", "", "system:serviceaccount:web/pods?a=:iis"),
        ("User", "", "system:serviceaccount:web:i\nis"),
        ("Group", "", "system:serviceaccounts:../../kube-system"),
    ],
)
def test_what_can_be_no_service_account_is_in_no_pair(subject: tuple[str, str, str]) -> None:
    """The API server takes any text there; a space ended doctor, and a ? its dry run."""
    objects = role("use-a", ["a"]), binding("use-a", subject, account("iis"), namespace=None)
    assert pairs(*objects) == ["web/iis with a"]
