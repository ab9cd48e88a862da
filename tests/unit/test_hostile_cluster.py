"""Whatever answers in place of an API server, doctor and who-can end in lines that say so."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake_api_server import FakeApiServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import MODE_POLICY, gmsa_config
from conftest import CONTENTS, SEED, Call, Folder
from gmsa_krm.cluster import proxy
from gmsa_krm.cluster.view import LISTS

Object = dict[str, Any]

CREDSPECS = """
credspecs:
- account: WebApp1
  usedBy:
  - namespace: web
    serviceAccounts: [webapp1]
"""
CONFIGS = {
    "cert-manager": gmsa_config(CREDSPECS, "webhook: {certificate: {source: CertManager}}"),
    "derive": gmsa_config(CREDSPECS),
    "policy": gmsa_config(CREDSPECS, MODE_POLICY, "policy: {expand: true}", "kubeVersion: '1.36'"),
}
OPTIONS = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1", "gmsaCredentialSpec": CONTENTS}}
NAMESPACE = "gmsa-webhook"  # of the webhook, and its name
CONDITION = {"type": "Ready", "status": "False", "message": "why"}
STATE = {"waiting": {"reason": "CrashLoopBackOff", "message": "gmsa-krm: no secure channel"}}


def metadata(name: str, namespace: str = "", **more: Any) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": {"app": name}, **more}


def pod(name: str, namespace: str, labels: Object) -> Object:
    owner = {"kind": "ReplicaSet", "name": "web-7", "controller": True}
    return {
        "metadata": {**metadata(name, namespace, ownerReferences=[owner]), "labels": labels},
        "spec": {
            "serviceAccountName": "webapp1",
            "nodeName": "win-0",
            "securityContext": OPTIONS,
            "containers": [{"name": "iis", "image": "iis", "securityContext": OPTIONS}],
        },
        "status": {
            "phase": "Running",
            "conditions": [CONDITION, {"type": "PodScheduled", "status": "False", "message": "why"}],
            "containerStatuses": [{"name": "iis", "state": STATE, "lastState": STATE}],
        },
    }


def by_hand() -> dict[str, list[Object]]:
    """What the objects of a config do not have: what the cluster makes of them, and the users' own."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("web-0", "web", {})["spec"]}
    template["spec"]["nodeSelector"] = {"kubernetes.io/os": "windows"}
    template["spec"]["tolerations"] = [{"key": "os", "operator": "Equal", "value": "linux", "effect": "NoSchedule"}]
    del template["spec"]["nodeName"]
    when = "2026-11-26T10:00:00Z"
    return {
        "namespaces": [{"metadata": metadata(it)} for it in ("web", NAMESPACE, "default")],
        "nodes": [
            {
                "metadata": {**metadata("win-0"), "labels": {"kubernetes.io/os": "windows"}},
                "spec": {"taints": [{"key": "os", "value": "windows", "effect": "NoSchedule"}]},
                "status": {
                    "addresses": [{"type": "Hostname", "address": "win-0"}],
                    "nodeInfo": {
                        "operatingSystem": "windows",
                        "kernelVersion": "10.0.14393",
                        "containerRuntimeVersion": "containerd://1.5.0",
                    },
                },
            }
        ],
        "pods": [pod("web-0", "web", {"app": "web"}), pod("webhook-0", NAMESPACE, {"app": "gmsa-webhook"})],
        "serviceaccounts": [{"metadata": metadata("webapp1", "web")}],
        "endpointslices": [
            {
                "metadata": {**metadata("webhook-1", NAMESPACE), "labels": {"kubernetes.io/service-name": NAMESPACE}},
                "endpoints": [{"conditions": {"ready": True}}],
            }
        ],
        "events": [
            {
                "metadata": metadata("refused", "web"),
                "involvedObject": {"kind": "ReplicaSet", "namespace": "web", "name": "web-7"},
                "message": "gmsa: denied",
                "count": 3,
                "lastTimestamp": "2999-01-01T00:00:00Z",
                "eventTime": None,
                "series": {"count": 3, "lastObservedTime": "2999-01-01T00:00:00Z"},
            }
        ],
        **{
            kind: [{"metadata": metadata("web", "web"), "spec": {"template": template}}]
            for kind in ("statefulsets", "daemonsets", "jobs")
        },
        "cronjobs": [{"metadata": metadata("web", "web"), "spec": {"jobTemplate": {"spec": {"template": template}}}}],
        "gmsacredentialspecs": [
            {"metadata": metadata("other"), "credspec": {"CmsPlugins": ["ActiveDirectory"], "DomainJoinConfig": {}}}
        ],
        "certificates": [
            {
                "metadata": metadata("old", NAMESPACE),
                "status": {"notAfter": when, "renewalTime": when, "conditions": [CONDITION]},
            }
        ],
    }


def plural(kind: str) -> str:
    return re.sub(r"y$", "ie", kind.lower()) + "s"


KINDS = {
    plural(it): it
    for it in (
        *("Pod", "Node", "Namespace", "ServiceAccount", "Service", "Deployment", "StatefulSet", "DaemonSet", "Job"),
        *("CronJob", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "GMSACredentialSpec"),
        *("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy"),
        *("MutatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding"),
    )
}


# Without them who-can reads an object of another group.
API_VERSIONS = {
    name: path.removeprefix("/apis/").rpartition("/")[0] for name, path in LISTS.items() if "/apis/" in path
}


def with_status(kind: str, item: Object) -> Object:
    """As the cluster has an object of a config, after someone has changed it and controllers have looked at it."""
    fields = {"f:metadata": {"f:labels": {"f:app.kubernetes.io/managed-by": {}}}, "f:spec": {}}
    applied = {"manager": "argocd", "operation": "Apply", "time": "2026-11-26T10:00:00Z", "fieldsV1": fields}
    item["metadata"]["managedFields"] = [applied]
    item["metadata"].setdefault("annotations", {})["seen"] = "yes"
    status: Object = {"conditions": [CONDITION, {"type": "Progressing", "status": "False", "message": "why"}]}
    if kind == "Deployment":
        status["readyReplicas"] = 1
    elif kind.endswith("Policy"):
        status["typeChecking"] = {"expressionWarnings": [{"fieldRef": "spec.validations[0]", "warning": "no"}]}
    elif kind == "Certificate":
        status |= {"notAfter": "2026-11-26T10:00:00Z", "renewalTime": "2026-11-26T10:00:00Z"}
    return item if kind.endswith("Binding") else {**item, "status": status}


def cluster_of(objects: list[Object]) -> Object:
    """The answers by the last part of a path: lists, and what is read one by one."""
    lists = by_hand()
    for it in objects:
        lists.setdefault(plural(it["kind"]), []).append(with_status(it["kind"], copy.deepcopy(it)))
    found: Object = {
        name: {"kind": f"{KINDS.get(name, 'Other')}List", "apiVersion": API_VERSIONS.get(name, "v1"), "items": items}
        for name, items in lists.items()
    }
    found["version"] = {"gitVersion": "v1.37.2"}
    found["gmsacredentialspecs.windows.k8s.io"] = {
        "spec": {"versions": [{"name": "v1", "served": True, "storage": True}]},
        "status": {"conditions": [{"type": "Established", "status": "True", "message": "no"}]},
    }
    found["localsubjectaccessreviews"] = {"status": {"allowed": True, "denied": False}}
    found["created"] = pod("test", "web", {})
    # Of a server-side apply: what was there, with another label.
    found["applied"] = {}
    for name, items in lists.items():
        for it in items:
            changed = copy.deepcopy(it)
            changed["metadata"]["labels"] = {"changed": "yes"}
            found["applied"][f"{name}/{it['metadata']['name']}"] = changed
    return found


def answer_from(answers: Object, method: str, path: str) -> Any:
    *_, before, last = path.split("/")
    if method == "PATCH":
        return answers["applied"].get(f"{before}/{last}")
    if method == "POST" and last == "pods":
        return answers["created"]
    return answers.get(last, {"items": []})


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all that is in a value."""
    yield path
    if isinstance(value, dict):
        for key, it in value.items():
            yield from places(it, *path, key)
    elif isinstance(value, list):
        for index, it in enumerate(value):
            yield from places(it, *path, index)


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    if new is ABSENT:
        del value[path[-1]]
    else:
        value[path[-1]] = new


ABSENT = object()
WRONG = [
    None,
    True,
    0,
    -1,
    1e300,
    "",
    "x",
    "9999-99",
    [],
    [None],
    [[]],
    ["x"],
    [{}],
    {},
    {"a": None},
    {"a": {}},
    ABSENT,
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApiServer]:
    with FakeApiServer(tmp_path, lambda *_: {}) as started:
        monkeypatch.setenv("PATH", started.path)
        monkeypatch.setenv("GMSA_KRM_SEED", SEED)
        yield started


@pytest.fixture(params=CONFIGS)
def cluster(request: pytest.FixtureRequest, call: Call, folder: Folder) -> tuple[Path, Object]:
    """A config, and the answers of a cluster that has its objects."""
    file = folder({"gmsa.yaml": CONFIGS[request.param]}) / "gmsa.yaml"
    rendered = call("render", file)
    assert rendered.status == 0, rendered.stderr
    return file, cluster_of([json.loads(json.dumps(it)) for it in rendered.objects])


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_answers_the_run_ends_in_messages(
    data: st.DataObject, cluster: tuple[Path, Object], server: FakeApiServer, call: Call
) -> None:
    file, answers = cluster
    changed = copy.deepcopy(answers)
    known = [it for it in places(answers) if len(it) > 1]
    for path in data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)):
        # Another change may have taken the place.
        with suppress(KeyError, IndexError, TypeError):
            put(changed, path, data.draw(st.sampled_from(WRONG)))
    server.answer = lambda method, path, _: answer_from(changed, method, path)
    for arguments in (("doctor", file, "--format", "json"), ("doctor",), ("who-can", "--context", "any")):
        done = call(*arguments)
        assert "internal error" not in done.stderr, done.stderr
        assert done.status in (0, 1, 3), done.stderr
        assert done.stdout or done.status == 3


# What a message says, and that the other checks go on


@pytest.mark.parametrize("cluster", ["derive"], indirect=True)
@pytest.mark.parametrize(
    ("path", "wrong", "reason"),
    [
        (("pods", "items", 0, "metadata", "name"), ABSENT, "of the list pods {} (metadata.name is missing)"),
        (("pods", "items", 0, "spec", "containers"), {}, "of the list pods {} (spec.containers is not a list)"),
        (("nodes", "items", 0, "metadata", "labels", "a"), 1, "{} (metadata.labels.a is not a string)"),
        (("services", "items", 0, "spec", "ports", 0, "port"), True, "{} (spec.ports[0].port is not an integer)"),
        (("rolebindings", "items", 0, "kind"), [], "of the list rolebindings {} (kind is not a string)"),
        (("version", "gitVersion"), ABSENT, "the answer to /version {} (gitVersion is missing)"),
        (("localsubjectaccessreviews", "status"), [], "a LocalSubjectAccessReview {} (status is not a mapping)"),
    ],
)
def test_an_answer_that_is_not_kubernetes_has_its_place_and_a_cure(
    path: tuple[Any, ...], wrong: Any, reason: str, cluster: tuple[Path, Object], server: FakeApiServer, call: Call
) -> None:
    file, answers = cluster
    put(answers, path, wrong)
    server.answer = lambda method, path, _: answer_from(answers, method, path)
    done = call("doctor", file)
    assert done.status == 1
    assert f"{reason.format('is not as Kubernetes has it')}; check the address of kubectl's context" in done.stdout
    assert "a pod was refused" in done.stdout  # by another list


@pytest.mark.parametrize("cluster", ["derive"], indirect=True)
def test_null_is_absent(cluster: tuple[Path, Object], server: FakeApiServer, call: Call) -> None:
    """As for Go: what a real API server writes for an empty list of endpoints, or a time that it does not know."""
    file, answers = cluster
    server.answer = lambda method, path, _: answer_from(answers, method, path)
    before = call("doctor", file)
    for name, keys in {"pods": ("affinity", "tolerations"), "services": ("externalName", "ipFamilies")}.items():
        for it in answers[name]["items"]:
            it["spec"].update(dict.fromkeys(keys))
    for it in answers["events"]["items"]:
        it["series"] = it["eventTime"] = None
    after = call("doctor", file)
    assert (after.status, after.stderr) == (before.status, before.stderr)
    assert "could not look" not in after.stdout


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "is not an object in JSON"),
        (b"[" * 100_000, "is not an object in JSON"),
        (b'{"a": %s}' % (b"1" * 5000), "is not an object in JSON"),
        ([], "is not an object in JSON"),
        ({"items": {"a": 1}}, "is not a list of objects"),
        ({"items": ["x"]}, "is not a list of objects"),
        ({"items": [], "metadata": [1]}, "is not a list of objects"),
    ],
)
@pytest.mark.parametrize("command", [("doctor",), ("who-can", "--context", "any")])
def test_what_is_no_api_server_ends_the_run(
    body: Any, message: str, command: tuple[str, ...], server: FakeApiServer, call: Call
) -> None:
    server.answer = lambda _, path, __: {"gitVersion": "v1.37.2"} if path == "/version" else body
    done = call(*command)
    assert (done.status, done.stdout) == (3, "")
    assert message in done.stderr
    assert done.stderr.rstrip().endswith("check the address of kubectl's context")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("limit", "value"), [("_MAX_PAGES", 20), ("_LIST", 0.2)])
def test_a_list_without_an_end_ends(
    limit: str, value: float, server: FakeApiServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, limit, value)
    item = {"metadata": {"name": "a", "namespace": "b"}, "spec": {}}

    def answer(_: str, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/version":
            return {"gitVersion": "v1.37.2"}
        page = int(query.get("continue", ["0"])[0])
        return {"kind": "PodList", "apiVersion": "v1", "items": [item], "metadata": {"continue": str(page + 1)}}

    server.answer = answer
    done = call("doctor")
    assert (done.status, done.stdout) == (3, "")
    assert re.search(r"the API server's list /\S+ does not end; check the address", done.stderr)


@pytest.mark.parametrize("cluster", ["policy"], indirect=True)
def test_an_answer_in_parts_is_as_one(cluster: tuple[Path, Object], server: FakeApiServer, call: Call) -> None:
    file, answers = cluster
    server.answer = lambda method, path, _: answer_from(answers, method, path)
    whole = call("doctor", file)

    def in_parts(method: str, path: str, _: object) -> Any:
        text = json.dumps(answer_from(answers, method, path)).encode()
        return iter([text[:5], text[5:]])

    server.answer = in_parts
    assert call("doctor", file) == whole


def test_an_answer_in_drops_ends(server: FakeApiServer, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part comes in time, and the whole never does."""
    monkeypatch.setattr(proxy, "_WHOLE", 0.3)
    server.answer = lambda _, path, __: {"gitVersion": "v1.37.2"} if path == "/version" else iter(lambda: b" ", b"")
    done = call("doctor")
    assert (done.status, done.stdout) == (3, "")
    assert re.search(r"the API server's answer to /\S+ has not ended within 0.3 seconds", done.stderr)
