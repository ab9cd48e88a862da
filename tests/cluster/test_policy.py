"""Mode Policy: the API server's own verdicts, without a webhook."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api import ApiError, Object, until
from cluster.harness import CONTENTS, Cluster, contents_of, init_contents_of, namespace, one, pod, render
from cluster.sidecar import labelled, sidecar
from cluster.stand_in import canonical
from conftest import DOMAIN, HEAD, ROOT
from gmsa_krm.report.build import build
from gmsa_krm.report.nodes import ServiceAccount

LISTED = {
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
        "Role": "roles",
        "RoleBinding": "rolebindings",
    },
    "admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    },
    "windows.k8s.io/v1": {"GMSACredentialSpec": "gmsacredentialspecs"},
}
OTHER = CONTENTS.replace("WebApp1", "WebApp2")
FOREIGN = CONTENTS.replace("WebApp1", "Administrator")
OLD = CONTENTS.replace("CONTOSO", "OLD")
NAME, TEXT = "gmsaCredentialSpecName", "gmsaCredentialSpec"
CREDSPECS = """\
  credspecs:
  - account: WebApp1
    usedBy: [{namespace: web, serviceAccounts: [webapp1, both]}]
  - account: WebApp2
    usedBy: [{namespace: web, serviceAccounts: [webapp2, both]}, {namespace: other, serviceAccounts: [webapp1]}]
  serviceAccounts:
  - {name: webapp1, namespace: web}
  - {name: webapp2, namespace: web}
  - {name: both, namespace: web}
"""
MODE = "  admission: {mode: Policy}\n"


def text_of(policy: str = "", credspecs: str = CREDSPECS) -> str:
    return HEAD + DOMAIN + credspecs + MODE + policy


def install(cluster: Cluster, items: list[Object], admitted: Object | None = None) -> None:
    """Applies, and waits until the policy refuses what it must and, after another test's, admits `admitted`."""
    made = {it["metadata"]["namespace"] for it in items if "namespace" in it["metadata"]}
    cluster.client.apply(*(namespace(name) for name in sorted({*made, "web"})))
    cluster.client.apply(*items)
    if any(it["kind"] == "ValidatingAdmissionPolicy" for it in items):
        probe = pod("probe", "no-such-credspec", contents="{}", service_account="default")
        until(
            lambda: "ValidatingAdmissionPolicy" in cluster.verdict(probe),
            lambda: f"the policy is in force: {cluster.verdict(probe)}",
        )
        if admitted is not None:
            until(lambda: not cluster.verdict(admitted), lambda: f"the policy is this one: {cluster.verdict(admitted)}")


OLDER = ("before-foreign", "before-bare", "before-debugged")


def make_older_pods(cluster: Cluster) -> None:
    """Those of OLDER, none of which a policy would let in."""
    foreign, bare, debugged = OLDER
    cluster.client.create(pod(foreign, contents=FOREIGN))
    cluster.client.create(pod(bare))
    cluster.debug(cluster.client.create(pod(debugged, None)), {NAME: "gmsa-webapp1", TEXT: FOREIGN}, "older", keep=True)


@pytest.fixture(scope="module")
def enforced(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a config in mode Policy; pods named before-* are older than the policy."""
    folder = tmp_path_factory.mktemp("config")
    previous = f"  policy: {{acceptPrevious: [{{credspec: gmsa-webapp1, contents: '{OLD}'}}]}}\n"
    (folder / "gmsa.yaml").write_text(text_of(previous))
    items = render(folder / "gmsa.yaml")
    policies = [it for it in items if "AdmissionPolicy" in it["kind"]]
    install(running, [it for it in items if it not in policies])
    make_older_pods(running)
    install(running, policies)
    running.client.create(pod("running", contents=CONTENTS))
    yield running
    running.clean()


def change(item: Object, edit: Callable[[Object], object]) -> Object:
    copy: Object = json.loads(json.dumps(item))
    edit(copy["spec"])
    return copy


def in_namespace(item: Object, name: str) -> Object:
    return {**item, "metadata": {**item["metadata"], "namespace": name}}


def with_container(item: Object, kind: str, name: str, **options: str) -> Object:
    context = {"securityContext": {"windowsOptions": options}} if options else {}
    return change(item, lambda spec: spec.setdefault(kind, []).append({"name": name, "image": "iis", **context}))


GOOD = pod("a", contents=CONTENTS)

ALLOWED = {
    "no gMSA": pod("a", None),
    "pod": GOOD,
    "container": pod("a", contents=CONTENTS, level="container"),
    "init container": pod("a", contents=CONTENTS, level="init"),
    "a second container without": with_container(GOOD, "containers", "log"),
    "the same twice": with_container(
        GOOD, "containers", "log", gmsaCredentialSpecName="gmsa-webapp1", gmsaCredentialSpec=CONTENTS
    ),
    "previous contents": pod("a", contents=OLD),
    "two that it may use": with_container(
        pod("a", contents=CONTENTS, service_account="both"),
        "containers",
        "log",
        gmsaCredentialSpecName="gmsa-webapp2",
        gmsaCredentialSpec=OTHER,
    ),
    "the service account of another": pod("a", "gmsa-webapp2", contents=OTHER, service_account="webapp2"),
}
WRONG_CONTENTS = "gmsaCredentialSpec is not what the credential spec says: gmsa-webapp1"
UNUSED = "service account webapp2 may not use the credential spec gmsa-webapp1"
UNKNOWN_BUT_USABLE = "an unknown name that may be used"
DENIED = {
    "foreign contents": (pod("a", contents=FOREIGN), WRONG_CONTENTS),
    "foreign contents in a container": (pod("a", contents=FOREIGN, level="container"), WRONG_CONTENTS),
    "foreign contents in an init container": (pod("a", contents=FOREIGN, level="init"), WRONG_CONTENTS),
    "foreign contents beside good ones": (with_container(GOOD, "containers", "x", gmsaCredentialSpecName="gmsa-webapp1", gmsaCredentialSpec=FOREIGN), WRONG_CONTENTS),
    "foreign contents in an init container beside": (with_container(GOOD, "initContainers", "x", gmsaCredentialSpecName="gmsa-webapp1", gmsaCredentialSpec=FOREIGN), WRONG_CONTENTS),
    "contents of another credspec": (pod("a", contents=OTHER), WRONG_CONTENTS),
    "the same JSON in other letters": (pod("a", contents=json.dumps(json.loads(CONTENTS))), WRONG_CONTENTS),
    "no JSON": (pod("a", contents="x"), WRONG_CONTENTS),
    "previous contents of another": (pod("a", "gmsa-webapp2", contents=OLD, service_account="webapp2"), "not what the credential spec says: gmsa-webapp2"),
    "contents without name": (pod("a", None, contents=CONTENTS), "gmsaCredentialSpec without gmsaCredentialSpecName"),
    "contents without name in a container": (pod("a", None, contents=CONTENTS, level="container"), "gmsaCredentialSpec without gmsaCredentialSpecName"),
    "contents without name in an init container": (pod("a", None, contents=CONTENTS, level="init"), "gmsaCredentialSpec without gmsaCredentialSpecName"),
    "name without contents": (pod("a"), "kubectl get gmsacredentialspec gmsa-webapp1 -o jsonpath={.credspec}"),
    "name without contents in a container": (pod("a", level="container"), "gmsa-webapp1 is not filled in here"),
    "name without contents in an init container": (pod("a", level="init"), "gmsa-webapp1 is not filled in here"),
    "a bare name hides the pod's": (with_container(GOOD, "containers", "x", gmsaCredentialSpecName="gmsa-webapp1"), "gmsa-webapp1 is not filled in here"),
    "an unknown name": (pod("a", "gmsa-nobody", contents=CONTENTS), "no credential spec of the policy: gmsa-nobody"),
    UNKNOWN_BUT_USABLE: (pod("a", "gmsa-loose", contents=CONTENTS), "no credential spec of the policy: gmsa-loose"),
    "an unknown name in an init container": (pod("a", "gmsa-nobody", contents=CONTENTS, level="init"), "no credential spec of the policy: gmsa-nobody"),
    "no use": (pod("a", contents=CONTENTS, service_account="webapp2"), UNUSED),
    "no use, container": (pod("a", contents=CONTENTS, service_account="webapp2", level="container"), UNUSED),
    "no use, init container": (pod("a", contents=CONTENTS, service_account="webapp2", level="init"), UNUSED),
    "no use, default account": (change(GOOD, lambda spec: spec.pop("serviceAccountName")), "service account default may not use the credential spec gmsa-webapp1"),
    "use in another namespace only": (pod("a", "gmsa-webapp2", contents=OTHER), "service account webapp1 may not use the credential spec gmsa-webapp2"),
    "use of one of two": (with_container(GOOD, "containers", "x", gmsaCredentialSpecName="gmsa-webapp2", gmsaCredentialSpec=OTHER), "may not use the credential spec gmsa-webapp2"),
    "use of one of two, init container": (with_container(GOOD, "initContainers", "x", gmsaCredentialSpecName="gmsa-webapp2", gmsaCredentialSpec=OTHER), "may not use the credential spec gmsa-webapp2"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str, enforced: Cluster) -> None:
    assert enforced.verdict(ALLOWED[name]) == ""


def let_use_an_unknown_name(cluster: Cluster) -> None:
    role = {
        "apiGroups": ["windows.k8s.io"],
        "resources": ["gmsacredentialspecs"],
        "resourceNames": ["gmsa-loose"],
        "verbs": ["use"],
    }
    meta = {"name": "loose", "namespace": "web"}
    cluster.client.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": [role]},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "loose"},
            "subjects": [{"kind": "ServiceAccount", "name": "webapp1", "namespace": "web"}],
        },
    )


@pytest.mark.parametrize("name", DENIED)
def test_denied(name: str, enforced: Cluster) -> None:
    if name == UNKNOWN_BUT_USABLE:
        let_use_an_unknown_name(enforced)
    item, message = DENIED[name]
    verdict = enforced.verdict(item)
    assert "ValidatingAdmissionPolicy 'gmsa' with binding 'gmsa' denied request" in verdict
    assert message in verdict


def test_who_can_says_which_pods_are_refused(enforced: Cluster) -> None:
    """Of what the cluster has, and of each pod of the tests above."""
    let_use_an_unknown_name(enforced)
    objects = []
    for version, kinds in LISTED.items():
        for kind, path in kinds.items():
            items = enforced.client.items(f"/{'api' if version == 'v1' else 'apis'}/{version}/{path}")
            objects += [{"apiVersion": version, "kind": kind, **it} for it in items]
    pods = {**ALLOWED, **{name: item for name, (item, _) in DENIED.items()}}
    for name, item in pods.items():
        metadata = {**item["metadata"], "name": name}
        objects.append({**item, "metadata": metadata})
    graph = build(objects, is_live=True)
    found = {it.name: it for node in graph.of_kind(ServiceAccount) for it in node.workloads}
    refused = {name for name, it in found.items() if it.is_refused}
    assert refused == set(DENIED)
    names = ("gmsa-webapp1", "gmsa-webapp2", "gmsa-loose", "gmsa-nobody")
    accounts = ("webapp1", "webapp2", "both", "default")
    pairs = {(account, name) for account in accounts for name in names if graph.access("web", account, name)}
    contents = {"gmsa-webapp2": OTHER}
    verdicts = {
        (account, name): enforced.verdict(
            pod("a", name, contents=contents.get(name, CONTENTS), service_account=account)
        )
        for account in accounts
        for name in names
    }
    assert pairs == {pair for pair, verdict in verdicts.items() if not verdict}


@pytest.mark.parametrize("name", [*OLDER, "running"])
def test_pods_that_run_are_left_alone(name: str, enforced: Cluster) -> None:
    left_alone(enforced, name)


def left_alone(cluster: Cluster, name: str) -> None:
    """Asserts that a pod gets what others write into it, and an ephemeral container unless that has a credspec of its own."""
    client, item = cluster.client, pod(name)
    path = client.path(item)
    for patch in (
        {"labels": {"colour": "blue"}},
        {"finalizers": ["example.com/x"]},
        {"finalizers": None},
        {"annotations": {"a": "b"}},
    ):
        client.patch(path, {"metadata": patch})
    client.patch(f"{path}/status", {"status": {"phase": "Running"}})
    there = client.get(path)["spec"].get("ephemeralContainers", [])
    assert cluster.debug(item)["spec"]["ephemeralContainers"][1:] == there
    for options in ({NAME: "gmsa-webapp1"}, {TEXT: FOREIGN}, {NAME: "gmsa-webapp1", TEXT: CONTENTS}):
        with pytest.raises(ApiError, match="an ephemeral container has the credential spec of its pod"):
            cluster.debug(item, options)


def test_an_older_ephemeral_container_is_not_to_be_changed(enforced: Cluster) -> None:
    """The policy knows it by its name alone, since the API server lets nobody change it."""
    with pytest.raises(ApiError, match='existing ephemeral containers "older" may not be changed'):
        enforced.debug(pod("before-debugged"), {NAME: "gmsa-webapp2"}, "older")


def test_an_ephemeral_container_in_a_pod_without_gmsa(enforced: Cluster) -> None:
    made = enforced.client.create(pod("plain", None))
    with pytest.raises(ApiError, match="an ephemeral container has the credential spec of its pod"):
        enforced.debug(made, {NAME: "gmsa-webapp1", TEXT: CONTENTS})


def no_warnings(cluster: Cluster, name: str) -> None:
    """The type check of the controller manager has run, and has nothing to say."""
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"

    def checked() -> Any:
        found = cluster.client.get(path)
        return found if found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"] else None

    assert until(checked, "the types are checked")["status"].get("typeChecking", {}).get("expressionWarnings", []) == []


def test_type_checking_has_no_warnings(enforced: Cluster) -> None:
    no_warnings(enforced, "gmsa")


def with_app(item: Object, container: str, account: str) -> Object:
    """With a container that has the credspec of an account."""
    return with_container(
        item, "containers", container, **{NAME: f"gmsa-{account.lower()}", TEXT: CONTENTS.replace("WebApp1", account)}
    )


def test_more_credspecs_than_a_policy_can_check_are_refused(
    cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    accounts = "".join(
        f"  - account: App{n}\n    usedBy: [{{namespace: web, serviceAccounts: [all]}}]\n" for n in range(9)
    )
    items = rendered(
        text_of(credspecs="  credspecs:\n" + accounts + "  serviceAccounts: [{name: all, namespace: web}]\n")
    )
    install(cluster, items, pod("a", "gmsa-app0", contents=CONTENTS.replace("WebApp1", "App0"), service_account="all"))
    item = pod("a", None, service_account="all")
    for number in range(9):
        item = with_app(item, f"c{number}", f"App{number}")
        assert ("a pod uses 8 credential specs at most" in cluster.verdict(item)) is (number == 8), cluster.verdict(
            item
        )


def test_a_workload_that_was_rendered_is_admitted(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """The contents that are written at render time are what the policy wants."""
    spec = {**pod("web")["spec"], "restartPolicy": "Always"}
    spec["initContainers"] = [
        {"name": "init", "image": "iis", "securityContext": {"windowsOptions": {NAME: "gmsa-webapp2"}}}
    ]
    spec["serviceAccountName"] = "both"
    meta = {"name": "web", "namespace": "web"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    items = rendered(text_of() + "---\n" + json.dumps(deployment) + "\n")
    install(cluster, items)
    found = until(
        lambda: cluster.client.items("/api/v1/namespaces/web/pods", labelSelector="app=web"), "the pod is made"
    )
    assert contents_of(found[0]) == [CONTENTS, None]
    assert found[0]["spec"]["initContainers"][0]["securityContext"]["windowsOptions"][TEXT] == OTHER


def test_the_kubernetes_pages_workloads(cluster: Cluster) -> None:
    """kustomize/policy: through ReplicaSets, on the real API server."""
    install(cluster, render(ROOT / "kustomize/policy"))
    for name, wanted in (("with-creds", [CONTENTS, None]), ("with-container-creds", [None, CONTENTS])):

        def made(name: str = name) -> list[Object]:
            return cluster.client.items("/api/v1/namespaces/default/pods", labelSelector=f"run={name}")

        assert [contents_of(it) for it in until(made, f"a pod of {name} is made")] == [wanted]


def test_expansion(cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path) -> None:
    """From 1.36 on; before, the version in the config leaves it out, with a warning."""
    items = rendered(text_of(f'  policy: {{expand: true}}\n  kubeVersion: "1.{cluster.minor}"\n'))
    assert any(it["kind"] == "MutatingAdmissionPolicy" for it in items) is (cluster.minor >= 36)
    install(cluster, items)
    if cluster.minor < 36:
        assert "is not filled in here" in cluster.verdict(pod("a"))
        return
    until(lambda: not cluster.verdict(pod("a")), "the mutating policy is in force")
    for level in ("pod", "container", "init"):
        admitted = cluster.try_pod(pod("a", level=level))
        assert CONTENTS in [*contents_of(admitted), *init_contents_of(admitted)]
    assert contents_of(cluster.try_pod(pod("a", contents=CONTENTS))) == [CONTENTS, None]
    mixed = with_container(pod("a", service_account="both"), "containers", "x", gmsaCredentialSpecName="gmsa-webapp2")
    assert contents_of(cluster.try_pod(mixed)) == [CONTENTS, None, OTHER]
    assert "may not use" in cluster.verdict(pod("a", service_account="webapp2"))
    assert "no credential spec of the policy: gmsa-nobody" in cluster.verdict(pod("a", "gmsa-nobody"))
    assert "is not what" in cluster.verdict(pod("a", contents=FOREIGN))
    with sidecar(cluster, tmp_path):  # after the policy, which is called again
        assert contents_of(cluster.try_pod(labelled(pod("a")))) == [CONTENTS, None, CONTENTS]


def test_two_thousand_credspecs(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """Within the limits of CEL: the cost is counted by the API server, which refuses what is over."""
    number = 2000
    accounts = "".join(
        f"  - account: App{n:04}\n    usedBy: [{{namespace: web, serviceAccounts: [all]}}]\n" for n in range(number)
    )
    items = rendered(
        text_of(credspecs="  credspecs:\n" + accounts + "  serviceAccounts: [{name: all, namespace: web}]\n")
    )
    policy = one(items, "ValidatingAdmissionPolicy")
    assert max(len(it["expression"]) for it in policy["spec"]["variables"]) < 100_000
    keep = (
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ServiceAccount",
        "CustomResourceDefinition",
    )
    # all may use all: the test is about the policy
    rule = {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["use"]}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "use-all"},
        "rules": [rule],
    }
    subjects = [{"kind": "ServiceAccount", "name": "all", "namespace": "web"}]
    bound = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "use-all", "namespace": "web"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use-all"}, "subjects": subjects,
    }  # fmt: skip
    last = CONTENTS.replace("WebApp1", "App1999")
    install(
        cluster,
        [role, *(it for it in items if it["kind"] in keep), bound],
        pod("a", "gmsa-app1999", contents=last, service_account="all"),
    )
    item = pod("a", None, service_account="all")
    for n in range(100):
        item = with_app(item, f"c{n}", f"App{n % 8 * 250:04}")
    assert cluster.verdict(item) == ""
    item["spec"]["containers"][-1]["securityContext"]["windowsOptions"][TEXT] = FOREIGN
    assert "is not what the credential spec says: gmsa-app0750" in cluster.verdict(item)
    assert "is not what" in cluster.verdict(pod("a", "gmsa-app1999", contents=CONTENTS, service_account="all"))
    # Each is looked for in the table that could have it: the first and the last, and one between two neighbours.
    tables = [it["expression"] for it in policy["spec"]["variables"] if it["name"].startswith("approved")]
    assert [it.split("'")[1] for it in tables] == [f"gmsa-app{n:04}" for n in range(0, number, 16)]
    for n in (0, 15, 16, 17, 31, 32, 991, 992, 1007, 1008, 1983, 1984):
        contents = CONTENTS.replace("WebApp1", f"App{n:04}")
        assert cluster.verdict(pod("a", f"gmsa-app{n:04}", contents=contents, service_account="all")) == ""
    for name in ("a", "gmsa-app0", "gmsa-app0000x", "gmsa-app0015x", "gmsa-app1007.a", "gmsa-app1999x", "zz"):
        assert f"no credential spec of the policy: {name}" in cluster.verdict(
            pod("a", name, contents=CONTENTS, service_account="all")
        )


def test_the_largest_config_is_accepted(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """What is within the limit of `too-large` is within the API server's, with the fields that it adds."""
    accounts = "".join(
        f"  - account: App{n:04}\n    usedBy: [{{namespace: web, serviceAccounts: [all]}}]\n" for n in range(3480)
    )
    items = rendered(text_of("  policy: {expand: true}\n", f"  credspecs:\n{accounts}"))
    policies = [it for it in items if it["kind"].endswith("AdmissionPolicy")]
    served = [it for it in policies if cluster.minor >= 36 or it["kind"].startswith("Validating")]
    assert max(len(json.dumps(it)) for it in served) > 1_400_000
    cluster.client.apply(*served)


def test_contents_of_sixty_kilobytes(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """A pod may hold 64 KiB of them."""
    host_account = f"    hostAccount: {{plugin: '{{0f0e0d0c-0b0a-0908-0706-050403020100}}', input: '{'x' * 60_000}'}}\n"
    items = rendered(
        text_of(credspecs=CREDSPECS.replace("  - account: WebApp1\n", "  - account: WebApp1\n" + host_account))
    )
    contents = canonical(one(items, "GMSACredentialSpec", "gmsa-webapp1")["credspec"])
    assert len(contents) > 60_000
    good = pod("a", contents=contents)
    install(cluster, items, good)
    assert contents_of(cluster.try_pod(good)) == [contents, None]
    for wrong in (CONTENTS, contents.replace('x"', 'y"')):
        assert WRONG_CONTENTS in cluster.verdict(pod("a", contents=wrong))


def test_all_service_accounts_of_a_namespace(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """`*` is a group, and the policy asks with the groups that a service account has."""
    items = rendered(
        text_of(
            credspecs='  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: ["*"]}]\n'
        )
    )
    install(cluster, items)
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "any", "namespace": it}}
        for it in ("web", "other")
    ]
    cluster.client.apply(namespace("other"), *accounts)
    for name in ("any", "default"):
        item = pod("a", contents=CONTENTS, service_account=name)
        assert cluster.verdict(item) == ""
        elsewhere = in_namespace(item, "other")
        assert f"service account {name} may not use the credential spec gmsa-webapp1" in cluster.verdict(elsewhere)


def test_a_validation_that_is_dropped_is_noticed(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """Each lets something through that the tests above want refused; but for the one that the API server itself precedes."""
    items = rendered(text_of())
    install(cluster, items, GOOD)
    let_use_an_unknown_name(cluster)
    policy = one(items, "ValidatingAdmissionPolicy")
    validations = policy["spec"]["validations"]
    running = cluster.client.create({**GOOD, "metadata": {"name": "running", "namespace": "web"}})
    pods = [item for name, (item, _) in DENIED.items() if name != "previous contents of another"]

    def passes() -> bool:
        with contextlib.suppress(ApiError):
            cluster.debug(running, {NAME: "gmsa-webapp1", TEXT: FOREIGN})
            return True
        return any(not cluster.verdict(item) for item in pods)

    until(lambda: not passes(), "the policy is this one")
    first, *rest = range(len(validations))
    assert "cannot be changed" in validations[first]["message"]
    # those about more than two credspecs in a pod have tests of their own
    few = [index for index in rest if not re.search(r"used[2-8]\b", validations[index]["expression"])]
    assert len(few) == len(rest) - 7
    for index in few:
        left = [it for at, it in enumerate(validations) if at != index]
        cluster.client.apply({**policy, "spec": {**policy["spec"], "validations": left}})
        until(passes, f"without {validations[index]['expression']} something passes", seconds=20)
        cluster.client.apply(policy)
        until(lambda: not passes(), "all are refused again")


@pytest.mark.parametrize("missing", range(8))
def test_each_of_eight_credspecs_is_asked_about(
    missing: int, cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    accounts = "".join(
        f"  - account: App{n}\n    usedBy: [{{namespace: web, serviceAccounts: [{'other' if n == missing else 'all'}]}}]\n"
        for n in range(8)
    )
    items = rendered(
        text_of(credspecs="  credspecs:\n" + accounts + "  serviceAccounts: [{name: all, namespace: web}]\n")
    )
    good = 0 if missing else 1
    install(
        cluster,
        items,
        pod("a", f"gmsa-app{good}", contents=CONTENTS.replace("WebApp1", f"App{good}"), service_account="all"),
    )
    item = pod("a", None, service_account="all")
    for n in range(8):
        item = with_app(item, f"c{n}", f"App{n}")
    assert f"service account all may not use the credential spec gmsa-app{missing}" in cluster.verdict(item)
