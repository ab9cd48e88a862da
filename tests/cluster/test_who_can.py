"""Every edge of who-can is proved by a SubjectAccessReview, and every pair without an edge by a refusal."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api import ApiError, Client, Object, until
from cluster.harness import CREDSPEC, PROGRAM, Cluster, namespace
from gmsa_krm.access import Rbac
from gmsa_krm.report.build import build
from gmsa_krm.report.graph import Graph
from gmsa_krm.report.nodes import ALL, Group, ServiceAccount, ServiceAccounts, User

RBAC = "rbac.authorization.k8s.io"
VERSION = f"{RBAC}/v1"
NAMESPACES = ("who-a", "who-b", "who-c")
ACCOUNTS = ("app", "batch", "default", "web.dotted")
CREDSPECS = ("one", "two", "three", "four", "five")
GROUPS = (
    "system:serviceaccounts",
    "system:authenticated",
    "system:unauthenticated",
    "who:people",
    *(f"system:serviceaccounts:{it}" for it in NAMESPACES),
)
USE = ("use", "windows.k8s.io", "gmsacredentialspecs")
LABEL = "who-can.test/part"
# What is listed, as kubectl does for `kubectl get ... -o json`.
LISTED = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")


@pytest.fixture(autouse=True)
def roles_are_removed(cluster: Cluster) -> Iterator[None]:
    """The aggregation controller applies the rules of a role that is deleted at this moment, and so creates it again."""
    yield
    path = f"/apis/{VERSION}/clusterroles"
    rounds: list[int] = []

    def are_gone() -> bool:
        found = [it["metadata"]["name"] for it in cluster.client.items(path)]
        own = [name for name in found if name.startswith("who:")]
        for name in own:
            cluster.client.delete(f"{path}/{name}")
        rounds.append(len(own))
        return rounds[-4:] == [0, 0, 0, 0]

    until(are_gone, "the roles of the test are gone")


class Dice:
    """Makes RBAC of all sorts, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def objects(self) -> list[Object]:
        roles = [self._role(f"who:cluster-{it}") for it in range(14)]
        roles += [self._role(f"who-{it}", self._one(NAMESPACES)) for it in range(14)]
        roles += [self._aggregated(it) for it in range(5)]
        bindings = [self._binding(it, roles) for it in range(16)]
        bindings.append(_binding("who-dangling", "who:missing", [_account("who-a", "app")], "who-a"))
        return [*roles, *bindings]

    def _one(self, values: Any) -> Any:
        return self._random.choice(list(values))

    def _some(self, values: Any, most: int = 3) -> list[Any]:
        listed = list(values)
        return self._random.sample(listed, self._random.randint(1, min(most, len(listed))))

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _role(self, name: str, namespace: str | None = None) -> Object:
        labels = {LABEL: str(self._random.randrange(5))} if self._chance(50) else {}
        rules = [self._rule() for _ in range(self._random.randint(1, 2))]
        if namespace is None and self._chance(15):
            rules.append({"nonResourceURLs": ["/metrics", "*"], "verbs": ["*"]})
        return {
            "apiVersion": VERSION,
            "kind": "ClusterRole" if namespace is None else "Role",
            "metadata": {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})},
            "rules": rules,
        }

    def _rule(self) -> Object:
        groups = self._one([["windows.k8s.io"]] * 5 + [["*"], ["", "windows.k8s.io"], [""], ["windows"]])
        resources = self._one(
            [["gmsacredentialspecs"]] * 5
            + [["*"], ["pods", "gmsacredentialspecs"], ["gmsacredentialspecs/status"], ["*/gmsacredentialspecs"]]
        )
        verbs = self._one([["use"]] * 5 + [["*"], ["get", "use"], ["get"], ["Use"], ["update", "patch"]])
        rule: Object = {"apiGroups": groups, "resources": resources, "verbs": verbs}
        if self._chance(75):
            rule["resourceNames"] = self._some([*CREDSPECS, "*", "unknown"])
        elif self._chance(30):
            rule["resourceNames"] = []
        return rule

    def _aggregated(self, number: int) -> Object:
        """Aggregates by a label, and may have one itself, so that roles are aggregated over several steps."""
        part = str(self._random.randrange(5))
        selector = self._one(
            [
                {"matchLabels": {LABEL: part}},
                {"matchExpressions": [{"key": LABEL, "operator": "In", "values": [part, "4"]}]},
                {"matchLabels": {LABEL: part}, "matchExpressions": [{"key": "who-can.test/no", "operator": "Exists"}]},
            ]
        )
        labels = {LABEL: str(self._random.randrange(5))} if self._chance(60) else {}
        return {
            "apiVersion": VERSION,
            "kind": "ClusterRole",
            "metadata": {"name": f"who:aggregated-{number}", "labels": labels},
            "aggregationRule": {"clusterRoleSelectors": [selector]},
            "rules": [],
        }

    def _binding(self, number: int, roles: list[Object]) -> Object:
        cluster_roles = [it["metadata"]["name"] for it in roles if it["kind"] == "ClusterRole"]
        subjects = [self._subject() for _ in range(self._random.randint(1, 2))]
        if self._chance(25):
            return _binding(f"who:binding-{number}", self._one(cluster_roles), subjects)
        own = self._one(NAMESPACES)
        own_roles = [it["metadata"]["name"] for it in roles if it["metadata"].get("namespace") == own]
        kind, names = ("Role", own_roles) if own_roles and self._chance(40) else ("ClusterRole", cluster_roles)
        if self._chance(20):
            subjects.append({"kind": "ServiceAccount", "name": self._one(ACCOUNTS)})
        return _binding(f"who-binding-{number}", self._one(names), subjects, own, kind)

    def _subject(self) -> Object:
        if self._chance(75):
            return _account(self._one(NAMESPACES), self._one(ACCOUNTS))
        if self._chance(40):
            name = f"system:serviceaccount:{self._one(NAMESPACES)}:{self._one(ACCOUNTS)}"
            return {"apiGroup": RBAC, "kind": "User", "name": self._one([name, "jane"])}
        return {"apiGroup": RBAC, "kind": "Group", "name": self._one(GROUPS)}


def _account(namespace: str, name: str) -> Object:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def _binding(name: str, role: str, subjects: list[Object], namespace: str = "", kind: str = "ClusterRole") -> Object:
    return {
        "apiVersion": VERSION,
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": subjects,
    }


class Reviews:
    """Asks an API server, in parallel."""

    def __init__(self, cluster: Cluster) -> None:
        self._client = cluster.client

    def account(self, namespace: str, name: str, credspec: str) -> bool:
        """What the webhook asks about a pod."""
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        return self.allowed(f"system:serviceaccount:{namespace}:{name}", groups, *USE, credspec, namespace)

    def account_may(
        self, account: str, verb: str, group: str, resource: str, subresource: str = "", name: str = ""
    ) -> bool:
        """Whether a service account of the first namespace may do something in it, or to a node."""
        namespace = NAMESPACES[0]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        user = f"system:serviceaccount:{namespace}:{account}"
        return self.allowed(
            user, groups, verb, group, resource, name, "" if resource == "nodes" else namespace, subresource
        )

    def allowed(
        self,
        user: str,
        groups: list[str],
        verb: str,
        group: str,
        resource: str,
        name: str = "",
        namespace: str = "",
        subresource: str = "",
    ) -> bool:
        attributes = {"verb": verb, "group": group, "resource": resource, "name": name, "namespace": namespace}
        attributes["subresource"] = subresource
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
        }
        answer = self._client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def all(self, ask: Callable[..., bool], questions: list[tuple[Any, ...]]) -> list[bool]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda it: ask(*it), questions))


def listed(cluster: Cluster) -> list[Object]:
    """The RBAC objects of the cluster."""
    items: list[Object] = []
    kinds = {
        "clusterroles": "ClusterRole",
        "clusterrolebindings": "ClusterRoleBinding",
        "roles": "Role",
        "rolebindings": "RoleBinding",
    }
    for resource in LISTED:
        for it in cluster.client.items(f"/apis/{VERSION}/{resource}"):
            items.append({"apiVersion": VERSION, "kind": kinds[resource], **it})
    return items


def install(cluster: Cluster, objects: list[Object]) -> None:
    """Applies RBAC, and waits until the API server evaluates it and the aggregated roles are filled."""
    cluster.client.apply(*map(namespace, NAMESPACES))
    last = _binding("who:last", "cluster-admin", [{"apiGroup": RBAC, "kind": "User", "name": "who:last"}])
    cluster.client.apply(*objects, last)
    wanted = Rbac(objects).roles(*USE)
    names = {role.name: names for role, names in wanted if role.kind == "ClusterRole"}

    def is_settled() -> bool:
        """Whether the rules that the controller has written are those that are expected of it."""
        stored = [{key: it[key] for key in it if key != "aggregationRule"} for it in listed(cluster)]
        found = {role.name: names for role, names in Rbac(stored).roles(*USE)}
        return all(found.get(name) == allowed for name, allowed in names.items())

    until(is_settled, "the aggregated roles have their rules")
    until(lambda: Reviews(cluster).allowed("who:last", [], *USE, "x"), "the API server evaluates the last binding")


Pair = tuple[str, str, str]
PAIRS = [(space, name, credspec) for space in NAMESPACES for name in ACCOUNTS for credspec in (*CREDSPECS, "other")]


# Of other seeds there is less, such as one binding that allows all.
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 6, 7, 8])
def test_every_pair_is_as_the_api_server_says(cluster: Cluster, seed: int) -> None:
    """From manifests, where aggregated roles are empty, and from what the cluster lists."""
    objects = Dice(seed).objects()
    install(cluster, objects)
    graph = build([*objects, CHECK])
    edges = {pair: bool(graph.access(*pair)) for pair in PAIRS}
    live = build([*listed(cluster), CHECK], is_live=True)
    assert {pair: bool(live.access(*pair)) for pair in PAIRS} == edges
    assert 5 < sum(edges.values()) < len(PAIRS) - 5, "the dice make nothing worth to ask"

    def differing() -> list[Pair]:
        answers = Reviews(cluster).all(Reviews(cluster).account, PAIRS)
        return [pair for pair, answer in zip(PAIRS, answers, strict=True) if answer is not edges[pair]]

    # The API server learns of roles and bindings with a delay of its own.
    until(lambda: not differing(), lambda: f"the API server says the same of {differing()}", 15)
    check_bindings(cluster, objects)


# So that there is a check, and access is a matter of RBAC alone.
CHECK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "gmsa-webhook"},
    "webhooks": [{"name": "admission-webhook.windows-gmsa.sigs.k8s.io", "failurePolicy": "Fail"}],
}


def check_bindings(cluster: Cluster, objects: list[Object]) -> None:
    """Without the bindings that its edges name, and with no other change, a pair is refused."""
    graph = build([*objects, CHECK])
    pair = next(it for it in PAIRS if graph.access(*it))
    names = {(it.kind, it.namespace, it.name) for edge in graph.access(*pair) for it in edge.bindings}
    named = [it for it in objects if _key(it) in names]
    assert len(named) == len(names)
    for it in named:
        cluster.client.delete(cluster.client.path(it))
    until(lambda: not Reviews(cluster).account(*pair), f"{pair} is refused without {sorted(names)}")


def _key(it: Object) -> tuple[str, str, str]:
    return it["kind"], it["metadata"].get("namespace", ""), it["metadata"]["name"]


def people(graph: Graph) -> list[tuple[str, list[str]]]:
    """User and groups of those who have powers in a graph."""
    found: list[tuple[str, list[str]]] = []
    for node in graph.nodes.values():
        if isinstance(node, User):
            found.append((node.name, ["system:authenticated"]))
        elif isinstance(node, Group):
            found.append(("someone", [node.name]))
        elif isinstance(node, ServiceAccounts):
            of = [f"system:serviceaccounts:{node.namespace}"] if node.namespace else []
            found.append(("someone", ["system:serviceaccounts", *of]))
        elif isinstance(node, ServiceAccount):
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{node.namespace}", "system:authenticated"]
            found.append((f"system:serviceaccount:{node.namespace}:{node.name}", groups))
    return found


POWERS = {
    "ChangeCredspec": [(verb, "windows.k8s.io", "gmsacredentialspecs") for verb in ("create", "patch", "update")],
    "ChangeAdmission": [
        (verb, "admissionregistration.k8s.io", "validatingwebhookconfigurations")
        for verb in ("delete", "deletecollection", "patch", "update")
    ],
}


def test_who_may_change_what_checks_is_as_the_api_server_says(cluster: Cluster) -> None:
    """On a cluster as it is, with the roles and bindings of Kubernetes itself."""
    install(cluster, power_objects())
    graph = build([*listed(cluster), CHECK], is_live=True)
    reviews = Reviews(cluster)
    for kind, requests in POWERS.items():
        sources = {it.source.id for it in graph.sorted_edges(kind)}
        assert len(sources) > 3
        for user, groups in people(graph):
            # with a name, and as a request that has none
            allowed = any(
                reviews.allowed(user, groups, *request, name)
                for request in requests
                for name in ("", "gmsa-webhook", *CREDSPECS)
            )
            subjects = {f"User:{user}", *(f"Group:{it}" for it in groups), *own_nodes(user, groups)}
            assert bool(subjects & sources) is allowed, (kind, user, groups)


def own_nodes(user: str, groups: list[str]) -> set[str]:
    found = {f"ServiceAccount:{user.split(':')[2]}/{user.split(':')[3]}"} if user.count(":") == 3 else set()
    if "system:serviceaccounts" in groups:
        found.add(f"ServiceAccounts:{ALL}")
    return found | {f"ServiceAccounts:{it.split(':')[2]}/{ALL}" for it in groups if it.count(":") == 2}


def power_objects() -> list[Object]:
    def role(name: str, group: str, resource: str, verbs: list[str], names: list[str]) -> Object:
        rule = {"apiGroups": [group], "resources": [resource], "verbs": verbs, "resourceNames": names}
        return {"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}

    credspecs, webhooks = "gmsacredentialspecs", "validatingwebhookconfigurations"
    admission = "admissionregistration.k8s.io"
    people = {it: {"apiGroup": RBAC, "kind": "User", "name": it} for it in ("jane", "joe", "jim", "jill", "jack", "jo")}
    return [
        role("who:update", "windows.k8s.io", credspecs, ["update"], ["one"]),
        role("who:create-by-name", "windows.k8s.io", credspecs, ["create"], ["one"]),
        role("who:read", "*", "*", ["get", "list", "watch"], []),
        role("who:delete", admission, webhooks, ["delete"], ["gmsa-webhook"]),
        role("who:other", admission, webhooks, ["delete", "patch"], ["other"]),
        _binding("who:1", "who:update", [people["jane"], _account("who-a", "app")]),
        _binding("who:2", "who:read", [people["joe"]]),
        _binding("who:3", "who:delete", [people["jim"]]),
        _binding("who:4", "who:other", [people["jill"]]),
        _binding("who-5", "who:update", [people["jack"]], "who-a"),
        _binding("who:6", "who:create-by-name", [people["jo"]]),
    ]


def who_can(cluster: Cluster, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    programs = f"{Path(cluster.kubectl_program).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [PROGRAM, "who-can", "-o", "json", *arguments],
        cwd=folder,
        env={"PATH": programs, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_reads_what_kubectl_prints_and_the_live_cluster(cluster: Cluster, tmp_path: Path) -> None:
    objects = Dice(3).objects()
    install(cluster, objects)
    printed = cluster.kubectl("get", ",".join(LISTED), "--all-namespaces", "-o", "yaml").stdout
    (tmp_path / "cluster.yaml").write_text(printed)
    expected = {(it.source.id, it.target.id) for it in build(listed(cluster)).sorted_edges("Use")}
    for arguments in (["cluster.yaml"], ["--kubeconfig", cluster.kubeconfig, "--context", "it"]):
        done = who_can(cluster, tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        report = json.loads(done.stdout)
        assert {(it["source"], it["target"]) for it in report["edges"] if it["kind"] == "Use"} == expected


def test_a_config_counts_before_the_live_cluster(
    cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path
) -> None:
    cluster.install(rendered())
    text = (tmp_path / "gmsa.yaml").read_text()
    (tmp_path / "gmsa.yaml").write_text(text.replace("serviceAccounts: [webapp1]", "serviceAccounts: [webapp3]"))
    live = json.loads(who_can(cluster, tmp_path, "--kubeconfig", cluster.kubeconfig).stdout)
    both = json.loads(who_can(cluster, tmp_path, "--kubeconfig", cluster.kubeconfig, "gmsa.yaml").stdout)

    def users(report: Object) -> set[str]:
        return {it["source"] for it in report["edges"] if it["target"] == f"CredentialSpec:{CREDSPEC}"}

    assert users(live) == {"ServiceAccount:web/webapp1"}
    assert users(both) == {"ServiceAccount:web/webapp3"}


def test_a_cluster_that_may_not_be_listed_gives_no_picture(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
    kubeconfig["users"][0]["user"]["as"] = "nobody"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    done = who_can(cluster, tmp_path, "--kubeconfig", "kubeconfig")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "gmsa-krm: you may not list namespaces here; ask for the roles that gmsa-krm doctor --rbac prints"
    )


GRANTERS = {
    # service account: rules in its RoleBinding in who-a, and whether they are bound in the cluster instead
    "binds": ([([RBAC], ["rolebindings"], ["create"], []), ([RBAC], ["clusterroles"], ["bind"], ["who:use-one"])], False),
    "binds-other": ([([RBAC], ["rolebindings"], ["create"], []), ([RBAC], ["clusterroles"], ["bind"], ["view"])], False),
    "has-it": ([([RBAC], ["rolebindings"], ["create"], []), (["windows.k8s.io"], ["gmsacredentialspecs"], ["use"], ["one"])], False),
    "writes": ([([RBAC], ["rolebindings", "clusterroles", "roles"], ["create", "patch", "update"], [])], False),
    "only-binds": ([([RBAC], ["clusterroles"], ["bind"], [])], False),
    "escalates": ([([RBAC], ["clusterroles"], ["create", "get", "patch", "update", "escalate"], [])], True),
    "escalates-in-a-namespace": ([([RBAC], ["clusterroles"], ["create", "get", "patch", "escalate"], [])], False),
    "escalates-roles": ([([RBAC], ["roles"], ["create", "get", "patch", "update", "escalate"], [])], False),
    "everything": ([(["*"], ["*"], ["*"], [])], True),
    "changes-roles-with-it": ([([RBAC], ["clusterroles"], ["patch"], []), (["windows.k8s.io"], ["gmsacredentialspecs"], ["use"], ["one"])], True),
    "changes-roles": ([([RBAC], ["clusterroles", "roles"], ["patch"], [])], True),
    "binds-by-a-group": ([([RBAC], ["rolebindings"], ["create"], [])], False),
}  # fmt: skip


def granters() -> list[Object]:
    """The service accounts of GRANTERS, with roles and bindings; all may bind who:use-one in who-b, by a group."""
    use = {
        "apiGroups": ["windows.k8s.io"],
        "resources": ["gmsacredentialspecs"],
        "resourceNames": ["one"],
        "verbs": ["use"],
    }
    bind = {"apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": ["who:use-one"], "verbs": ["bind"]}
    roles = {"who:use-one": [use], "who:bind": [bind]}
    for name, (rules, _) in GRANTERS.items():
        keys = ("apiGroups", "resources", "verbs", "resourceNames")
        roles[f"who:{name}"] = [dict(zip(keys, rule, strict=True)) for rule in rules]
    everyone = [{"apiGroup": RBAC, "kind": "Group", "name": "system:serviceaccounts:who-b"}]
    bindings = [
        _binding(f"who-{name}", f"who:{name}", [_account(of, name)], "" if in_cluster else of)
        for name, (_, in_cluster) in GRANTERS.items()
        for of in [_namespace_of(name)]
    ]
    return [
        *({"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": it}, "rules": rules} for it, rules in roles.items()),
        *bindings,
        _binding("who-group", "who:bind", everyone, "who-b"),
    ]  # fmt: skip


def _namespace_of(granter: str) -> str:
    return "who-b" if granter == "binds-by-a-group" else "who-a"


def test_who_may_grant_access_can_really_do_it(cluster: Cluster) -> None:
    """As each service account, a binding or a role that lets others use a credential spec is sent, as a dry run."""
    objects = granters()
    install(cluster, objects)
    graph = build([*objects, CHECK])
    sources = {it.source.name for it in graph.sorted_edges("GrantAccess") if it.target.name in ("one", ALL)}
    until(lambda: _can_grant(cluster, "everything"), "the API server evaluates the bindings")
    assert {name for name in GRANTERS if _can_grant(cluster, name)} == sources
    assert sources == {
        "binds",
        "has-it",
        "escalates",
        "escalates-roles",
        "everything",
        "binds-by-a-group",
        "changes-roles-with-it",
    }


LABELERS = {
    # service account: names and verbs of its role for namespaces
    "labels-it": ([], ["patch"]),
    "labels-it-by-name": (["who-a"], ["patch", "update"]),
    "labels-another": (["who-b"], ["patch"]),
    "reads-it": ([], ["get", "create", "delete"]),
}


def test_who_may_label_its_own_namespace_can_really_do_it(cluster: Cluster) -> None:
    """By a RoleBinding: a request for a namespace is in that namespace."""
    objects: list[Object] = []
    for name, (names, verbs) in LABELERS.items():
        rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": verbs, "resourceNames": names}
        objects += [
            {"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": f"who:{name}"}, "rules": [rule]},
            _binding(f"who-{name}", f"who:{name}", [_account("who-a", name)], "who-a"),
        ]
    install(cluster, objects)
    by_labels = {
        **CHECK,
        "webhooks": [{**it, "namespaceSelector": {"matchLabels": {"gmsa": "on"}}} for it in CHECK["webhooks"]],
    }
    graph = build([*objects, by_labels])
    until(lambda: _can_label(cluster, "labels-it", "who-a"), "the API server evaluates the bindings")
    sources = {it.source.name for it in graph.sorted_edges("LabelNamespace")}
    assert (
        {name for name in LABELERS if _can_label(cluster, name, "who-a")}
        == sources
        == {"labels-it", "labels-it-by-name"}
    )
    assert not any(_can_label(cluster, name, "who-b") for name in LABELERS)


def _can_label(cluster: Cluster, name: str, namespace: str) -> bool:
    client = cluster.client.as_service_account("who-a", name)
    label = {"metadata": {"labels": {"gmsa": "on"}}}
    return _passes(client, "PATCH", f"/api/v1/namespaces/{namespace}", label, "application/merge-patch+json")


def _can_grant(cluster: Cluster, granter: str) -> bool:
    own = _namespace_of(granter)
    client = cluster.client.as_service_account(own, granter)
    all_ = {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["use"]}
    attempts: list[Object] = [
        _binding("who-new", "who:use-one", [_account(own, "app")], own),
        _binding("who:new", "who:use-one", [_account(own, "app")]),
        {"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": "who:new"}, "rules": [all_]},
        {"apiVersion": VERSION, "kind": "Role", "metadata": {"name": "who-new", "namespace": own}, "rules": [all_]},
    ]
    more = {"rules": [{**all_, "resourceNames": ["one"]}]}
    path = f"/apis/{VERSION}/clusterroles/who:bind"
    content = "application/merge-patch+json"
    return any(
        (
            *(_passes(client, "POST", cluster.client.path(it, collection=True), it) for it in attempts),
            _passes(client, "PATCH", path, more, content),
        )
    )


def _passes(client: Client, method: str, path: str, body: Object, content: str = "application/json") -> bool:
    try:
        client.request(method, path, body, content, dryRun="All")
    except ApiError as error:
        if error.code != 403:
            raise
        return False
    return True


DETOURS = {
    # service account: rules of its RoleBinding in who-a, or of its ClusterRoleBinding
    "makes-pods": ([([""], ["pods"], ["create"], [])], False),
    "makes-one-pod": ([([""], ["pods"], ["create"], ["iis"])], False),
    "changes-pods": ([([""], ["pods"], ["patch"], ["iis"])], False),
    "runs-commands": ([([""], ["pods/exec"], ["create"], [])], False),
    "reads-logs": ([([""], ["pods/log"], ["get", "create"], [])], False),
    "attaches": ([([""], ["*/attach"], ["create"], [])], False),
    "debugs": ([([""], ["pods/ephemeralcontainers"], ["update"], [])], False),
    "deploys": ([(["apps"], ["deployments", "statefulsets"], ["update"], [])], False),
    "deploys-everywhere": ([(["apps"], ["*"], ["patch"], [])], True),
    "scales": ([(["apps"], ["deployments/scale"], ["*"], [])], False),
    "schedules": ([(["batch"], ["cronjobs"], ["patch"], ["nightly"])], False),
    "changes-jobs": ([(["batch"], ["jobs"], ["patch"], [])], False),
    "reads": ([(["*"], ["*"], ["get", "list", "watch"], [])], True),
    "is-a-user": ([([""], ["users"], ["impersonate"], ["who:boss"])], True),
    "is-another-user": ([([""], ["users"], ["impersonate"], ["who:nobody"])], True),
    "is-a-user-in-a-namespace": ([([""], ["users"], ["impersonate"], [])], False),
    "is-any-user": ([(["*"], ["users"], ["impersonate"], [])], True),
    "is-a-group": ([([""], ["groups"], ["impersonate"], ["system:masters"])], True),
    "is-a-user-of-a-group": ([([""], ["groups", "users"], ["impersonate"], ["system:masters", "x"])], True),
    "is-an-account": ([([""], ["serviceaccounts"], ["impersonate"], ["deploys"])], False),
    "is-another-account": ([([""], ["serviceaccounts"], ["impersonate"], ["app"])], False),
    "is-an-account-by-user": ([([""], ["users"], ["impersonate"], ["system:serviceaccount:who-a:deploys"])], True),
    "has-tokens": ([([""], ["serviceaccounts/token"], ["create"], ["deploys"])], False),
    "reads-commands": ([([""], ["pods/exec"], ["get"], [])], False),
    "reads-kubelets": ([([""], ["nodes/proxy"], ["get"], [])], True),
    "reads-kubelets-in-a-namespace": ([([""], ["nodes/proxy"], ["get"], [])], False),
    "reads-tokens": ([([""], ["serviceaccounts/token"], ["get"], [])], False),
}  # fmt: skip
RUNS = [
    ("create", "", "pods", ""),
    ("patch", "", "pods", ""),
    ("update", "", "pods", ""),
    ("create", "", "pods", "exec"),
    ("create", "", "pods", "attach"),
    ("get", "", "pods", "exec"),
    ("get", "", "pods", "attach"),
    ("create", "", "nodes", "proxy"),
    ("get", "", "nodes", "proxy"),
    ("patch", "", "pods", "ephemeralcontainers"),
    ("update", "", "pods", "ephemeralcontainers"),
    *(
        (verb, group, resource, "")
        for group, resource in (
            ("", "replicationcontrollers"),
            *(("apps", it) for it in ("daemonsets", "deployments", "replicasets", "statefulsets")),
            ("batch", "cronjobs"),
        )
        for verb in ("create", "patch", "update")
    ),
    ("create", "batch", "jobs", ""),
]


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}


def detour_objects() -> list[Object]:
    keys = ("apiGroups", "resources", "verbs", "resourceNames")
    roles = {f"who:{name}": [dict(zip(keys, it, strict=True)) for it in rules] for name, (rules, _) in DETOURS.items()}
    roles["who:use-one"] = [
        {
            "apiGroups": ["windows.k8s.io"],
            "resources": ["gmsacredentialspecs"],
            "resourceNames": ["one"],
            "verbs": ["use"],
        }
    ]
    boss = {"apiGroup": RBAC, "kind": "User", "name": "who:boss"}
    return [
        *({"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": it}, "rules": rules} for it, rules in roles.items()),
        *(
            _binding(f"who-{name}", f"who:{name}", [_account("who-a", name)], "" if in_cluster else "who-a")
            for name, (_, in_cluster) in DETOURS.items()
        ),
        _binding("who-use", "who:use-one", [_account("who-a", "app")], "who-a"),
        _binding("who-edit", "edit", [_account("who-a", "edits")], "who-a"),
        _binding("who-boss", "who:makes-pods", [boss], "who-a"),
    ]  # fmt: skip


def test_who_may_run_pods_is_as_the_api_server_says(cluster: Cluster) -> None:
    """From manifests, with what is known of edit, and from what the cluster lists."""
    objects = detour_objects()
    install(cluster, objects)
    reviews = Reviews(cluster)
    graphs = [build([*objects, CHECK]), build([*listed(cluster), CHECK], is_live=True)]
    names = [*DETOURS, "edits"]
    sources = [{it.source.name for it in graph.sorted_edges("RunPods")} & set(names) for graph in graphs]
    assert sources[0] == sources[1]

    def runs(name: str) -> bool:
        # a name as it is known of what exists, and none for what is created
        return any(
            reviews.account_may(name, verb, group, resource, part, "" if verb == "create" and not part else it)
            for verb, group, resource, part in RUNS
            for it in ("iis", "nightly")
        )

    until(lambda: runs("edits"), "the API server evaluates the bindings")
    assert {it for it in names if runs(it)} == sources[0]
    assert sources[0] == {
        *("makes-pods", "changes-pods", "runs-commands", "attaches", "debugs", "deploys", "deploys-everywhere"),
        *("schedules", "edits", "reads", "reads-commands", "reads-kubelets"),
    }


def test_get_is_enough_to_run_commands_before_1_35(cluster: Cluster) -> None:
    """There is no kubelet, so what is allowed ends in another error."""
    install(cluster, detour_objects())
    pod = {"containers": [{"name": "iis", "image": "iis"}], "nodeName": "none", "serviceAccountName": "default"}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "who-a"}}
    metadata = {"name": "iis", "namespace": "who-a"}
    cluster.client.apply(account, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    path = "/api/v1/namespaces/who-a/pods/iis/exec"

    def is_refused(method: str, name: str) -> bool:
        client = cluster.client.as_service_account("who-a", name)
        with pytest.raises(ApiError) as refused:
            client.request(method, path, headers=WEBSOCKET, command="cmd", stdout="true")
        return refused.value.code == 403

    until(lambda: not is_refused("POST", "runs-commands"), "the API server evaluates the bindings")
    assert is_refused("POST", "reads-commands")
    assert is_refused("GET", "reads-logs")
    assert is_refused("GET", "reads-commands") is (cluster.minor >= 35)


def test_who_may_be_someone_else_can_really_do_it(cluster: Cluster) -> None:
    """As each service account, a request is sent as someone who may run pods; or a token is requested."""
    objects = detour_objects()
    install(cluster, objects)
    graph = build([*objects, CHECK])
    found = {(it.source.name, it.target.label) for it in graph.sorted_edges("Impersonate") if it.source.name in DETOURS}
    assert found == {
        ("is-a-user", "who:boss"),
        ("is-any-user", "every user of the cluster"),
        ("is-a-user-of-a-group", "system:masters"),
        ("is-an-account", "who-a/deploys"),
        ("has-tokens", "who-a/deploys"),
    }
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": it, "namespace": "who-a"}} for it in DETOURS
    ]
    cluster.client.apply(*accounts)
    until(lambda: _can_be(cluster, "is-any-user"), "the API server evaluates the bindings")
    assert {name for name in DETOURS if _can_be(cluster, name)} == {name for name, _ in found}


def _can_be(cluster: Cluster, name: str) -> bool:
    """Whether the owner of its token may be one of those who have powers, or get the token of one."""
    token = cluster.client.request("POST", _tokens(name), TOKEN)["status"]["token"]
    others = [("who:boss", None), ("x", "system:masters"), ("system:serviceaccount:who-a:deploys", None)]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return any(_passes(cluster.client.with_token(token, *it), "POST", path, review) for it in others) or _passes(
        cluster.client.with_token(token), "POST", _tokens("deploys"), TOKEN
    )


TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}


def _tokens(name: str) -> str:
    return f"/api/v1/namespaces/who-a/serviceaccounts/{name}/token"
