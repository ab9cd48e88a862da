"""What the webhook's service account may do: its work, and nothing more."""

from __future__ import annotations

from collections.abc import Callable

from cluster.api import Client, Object
from cluster.harness import Cluster, one

Rule = tuple[str, str, str, str]

NEEDED = {
    ("windows.k8s.io", "gmsacredentialspecs", "*", "get"),
    ("authorization.k8s.io", "localsubjectaccessreviews", "*", "create"),
}


def test_it_may_do_its_work_and_nothing_more(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    items = rendered()
    cluster.client.apply(
        *(it for it in items if it["metadata"].get("namespace") != "web" and it["kind"] != "Deployment")
    )
    check(cluster.client, one(items, "Deployment"))


def check(client: Client, deployment: Object) -> None:
    """Asks as the account that the pods run as; what it may more than an account without any binding."""
    own = deployment["metadata"]["namespace"]
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": own}})
    for namespace in (own, "default", "kube-system"):
        everybody = rules(client.as_service_account(own, "nobody"), namespace)
        assert ("authorization.k8s.io", "selfsubjectaccessreviews", "*", "create") in everybody
        assert rules(client.as_service_account(own, account), namespace) - everybody == NEEDED


def rules(client: Client, namespace: str) -> set[Rule]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    assert not status["incomplete"]
    found = {
        (group, resource, name, verb)
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or ["*"]
        for verb in rule["verbs"]
    }
    return found | {
        ("", path, "", verb)
        for rule in status["nonResourceRules"]
        for path in rule["nonResourceURLs"]
        for verb in rule["verbs"]
    }
