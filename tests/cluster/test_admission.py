"""The webhook's verdicts, by the API server that it was registered at with what is emitted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api import ApiError, Object, until
from cluster.harness import (
    CONTENTS,
    CREDSPEC,
    WEBHOOK,
    Cluster,
    config,
    contents_of,
    namespace,
    objects,
    one,
    pod,
    render,
)
from cluster.sidecar import labelled, sidecar
from conftest import CASES, ROOT

HERE = Path(__file__).parent
# by the webhook, or by the policy beside it
REFUSED = re.compile("denied (the )?request")
PODS = Path(os.environ.get("CLUSTER_TEST_PODS") or HERE / "pods")


@pytest.fixture(scope="module")
def installed(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with all that a config asks for; shared, so the tests keep nothing in it or use names of their own."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "gmsa.yaml").write_text(config())
    running.install(render(folder / "gmsa.yaml"))
    yield running
    running.clean()


def test_exactly_the_credspec_is_put_in(installed: Cluster) -> None:
    assert contents_of(installed.try_pod(pod("a"))) == [CONTENTS, None]
    assert contents_of(installed.try_pod(pod("a", level="container"))) == [None, CONTENTS]


def test_a_pod_without_gmsa_is_not_touched(installed: Cluster) -> None:
    admitted = installed.try_pod(pod("a", None))
    assert "securityContext" not in admitted["spec"]["containers"][0]
    assert admitted["spec"]["securityContext"] == {}


@pytest.mark.parametrize("level", ["pod", "container"])
def test_without_the_role_binding_it_is_refused(installed: Cluster, level: str) -> None:
    for service_account in ("webapp2", "default"):
        message = installed.verdict(pod("a", service_account=service_account, level=level))
        assert f'admission webhook "{WEBHOOK}" denied the request' in message
        assert service_account in message
        assert CREDSPEC in message


@pytest.mark.parametrize("level", ["pod", "container"])
def test_contents(installed: Cluster, level: str) -> None:
    assert CONTENTS in contents_of(installed.try_pod(pod("a", contents=CONTENTS, level=level)))
    wrong = CONTENTS.replace("WebApp1", "Administrator")
    for contents, credspec in ((wrong, CREDSPEC), ("no JSON", CREDSPEC), (CONTENTS, "not-there")):
        message = installed.verdict(pod("a", credspec, contents=contents, level=level))
        assert f'admission webhook "{WEBHOOK}" denied the request' in message
    # the policy beside the webhook comes first
    assert "ValidatingAdmissionPolicy 'gmsa-webhook-hardening'" in installed.verdict(
        pod("a", None, contents=CONTENTS, level=level)
    )


@pytest.mark.parametrize("name", ["a-sidecar", "z-sidecar"])
def test_a_container_that_another_webhook_adds(name: str, installed: Cluster, tmp_path: Path) -> None:
    """It comes out with contents, whether the other webhook is called before ours or after it."""
    with sidecar(installed, tmp_path, name):
        assert contents_of(installed.try_pod(labelled(pod("a")))) == [CONTENTS, None, CONTENTS]
        without = labelled(pod("a", None))
        if name < "gmsa-webhook":
            assert contents_of(installed.try_pod(without)) == [None, None, CONTENTS]
        else:  # not called in the first round, so not in the second
            assert "belong together; not so at containers sidecar" in installed.verdict(without)


def test_an_update_that_changes_it_is_refused(installed: Cluster) -> None:
    client = installed.client
    made = client.create(pod("updated"))
    path = client.path(made)
    client.patch(path, {"metadata": {"labels": {"colour": "blue"}}})  # others pass
    for change in (
        {"gmsaCredentialSpecName": "gmsa-webapp2"},
        {"gmsaCredentialSpec": CONTENTS.replace("WebApp1", "Admin")},
        None,
    ):
        with pytest.raises(ApiError) as refused:
            client.patch(path, {"spec": {"securityContext": {"windowsOptions": change}}})
        # The API server's own validation of updates comes before the webhook, and has no exception for these fields.
        assert "pod updates may not change fields other than" in refused.value.message
    client.delete(path, gracePeriodSeconds=0)


def test_labels_and_finalizers_do_not_depend_on_the_webhook(installed: Cluster) -> None:
    """Only updates that change gMSA are sent; a Job's pods keep their finalizer until somebody may remove it."""
    client = installed.client
    gmsa, plain = (client.path(client.create(it)) for it in (pod("gmsa"), pod("plain", None)))
    with installed.outage():
        for path in (plain, gmsa):
            for change in ({"labels": {"colour": "blue"}}, {"finalizers": ["example.com/x"]}, {"finalizers": None}):
                client.patch(path, {"metadata": change})
    for path in (gmsa, plain):
        client.delete(path, gracePeriodSeconds=0)


def test_the_name_of_the_kubernetes_page_is_no_name(installed: Cluster) -> None:
    """The page says gmsa-WebApp1; its pods are tried with the name in lower case."""
    with pytest.raises(ApiError, match="a lowercase RFC 1123 subdomain"):
        installed.client.apply(
            {"apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": {"name": "gmsa-WebApp1"}}
        )
    assert "gmsa-WebApp1" in installed.verdict(pod("a", "gmsa-WebApp1"))


def test_random_hostnames(cluster: Cluster, tmp_path: Path) -> None:
    """Fifteen characters for pods with gMSA that have no hostname of their own, and for no others."""
    (tmp_path / "gmsa.yaml").write_text(config("  webhook: {randomHostname: true, certificate: {source: Derive}}\n"))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    own = pod("a")
    own["spec"]["hostname"] = "own"
    hostnames = [
        cluster.try_pod(it)["spec"].get("hostname")
        for it in (pod("a"), pod("a", contents=CONTENTS), own, pod("a", None))
    ]
    assert [len(it or "") for it in hostnames] == [15, 15, 3, 0]
    assert hostnames[0] != hostnames[1]


def test_deployments_of_the_kubernetes_page(cluster: Cluster, tmp_path: Path) -> None:
    """Those of kustomize/workloads, through ReplicaSets, with the RBAC that was made of them."""
    (tmp_path / "gmsa.yaml").write_text(config(credspecs="  crd: {install: true}\n"))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    items = render(ROOT / "kustomize/workloads")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "webapp1", "namespace": "default"}}
    cluster.client.apply(account, *items)

    for name, wanted in (("with-creds", [CONTENTS, None]), ("with-container-creds", [None, CONTENTS])):

        def made(name: str = name) -> list[Object]:
            return cluster.client.items("/api/v1/namespaces/default/pods", labelSelector=f"run={name}")

        assert [contents_of(it) for it in until(made, f"a pod of {name} is made")] == [wanted]


def test_credspecs_and_rbac_of_every_case(cluster: Cluster, tmp_path: Path) -> None:
    """Each service account that a case binds may use that credspec and gets its JSON; the account that it does not, not."""
    (tmp_path / "gmsa.yaml").write_text(config(credspecs="  crd: {install: true}\n"))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    client = cluster.client
    tried = 0
    for case in [*CASES, ROOT / "kustomize/quickstart", ROOT / "kustomize/workloads"]:
        items = render(case / "gmsa.yaml" if (case / "want.yaml").exists() else case)
        kinds = ("GMSACredentialSpec", "ServiceAccount", "ClusterRole", "RoleBinding")
        own = [
            it
            for it in items
            if it["kind"] in kinds and it["metadata"].get("namespace") not in ("gmsa-webhook", "windows-gmsa")
        ]
        namespaces = {it["metadata"]["namespace"] for it in own if "namespace" in it["metadata"]} | {"elsewhere"}
        client.apply(*(namespace(name) for name in namespaces - {"default"}), *own)
        for credspec in (it for it in own if it["kind"] == "GMSACredentialSpec"):
            name, wanted = credspec["metadata"]["name"], as_go_writes(credspec["credspec"])
            for item in allowed(own, name):
                account = {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {
                        "name": item["spec"]["serviceAccountName"],
                        "namespace": item["metadata"]["namespace"],
                    },
                }
                client.apply(account)
                assert contents_of(cluster.try_pod(item)) == [wanted, None]
                tried += 1
            client.apply(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": "elsewhere"}}
            )
            stranger = pod("a", name, service_account="nobody")
            stranger["metadata"]["namespace"] = "elsewhere"
            assert "denied the request" in cluster.verdict(stranger)
        client.request("DELETE", "/apis/windows.k8s.io/v1/gmsacredentialspecs")
    assert tried > 5


def allowed(items: list[Object], credspec: str) -> Iterator[Object]:
    """A pod for each service account that a RoleBinding lets use the credspec."""
    for binding in (it for it in items if it["kind"] == "RoleBinding"):
        role = one(items, "ClusterRole", binding["roleRef"]["name"])
        if credspec in role["rules"][0]["resourceNames"]:
            for subject in binding["subjects"]:
                name = "anyone" if subject["kind"] == "Group" else subject["name"]
                item = pod("a", credspec, service_account=name)
                item["metadata"]["namespace"] = binding["metadata"]["namespace"]
                yield item


def test_pods_of_a_folder(cluster: Cluster, tmp_path: Path) -> None:
    """Every pod template of `pods/`, or of the folder in CLUSTER_TEST_PODS, which may be upstream's own tests'.

    What to expect follows from the template: each name must be a credspec of the folder, and contents must be its.
    """
    (tmp_path / "gmsa.yaml").write_text(config())
    cluster.install(render(tmp_path / "gmsa.yaml"))
    client = cluster.client
    documents = [(file.stem, item) for file in sorted(PODS.glob("*.y*ml")) for item in objects(filled_in(file))]
    credspecs = {}
    for stem, item in documents:
        if item["kind"] == "GMSACredentialSpec":
            # upstream has two files for one name, of which each of its tests takes one
            name = item["metadata"]["name"] if item["metadata"]["name"] not in credspecs else stem
            (stored,) = client.apply({**item, "apiVersion": "windows.k8s.io/v1", "metadata": {"name": name}})
            credspecs[name] = stored["credspec"]
    rule = {
        "apiGroups": ["windows.k8s.io"],
        "resources": ["gmsacredentialspecs"],
        "verbs": ["use"],
        "resourceNames": list(credspecs),
    }
    rbac = "rbac.authorization.k8s.io"
    client.apply(
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "use-all"}, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "use-all", "namespace": "web"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "use-all"},
            "subjects": [{"kind": "ServiceAccount", "name": "webapp1", "namespace": "web"}],
        },
    )
    verdicts = set()
    for stem, item in [*documents, *((name, pod(name, name)) for name in credspecs)]:
        spec = item["spec"] if item["kind"] == "Pod" else item.get("spec", {}).get("template", {}).get("spec")
        if not spec:
            continue
        wanted = expected(spec, credspecs)
        tried = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": "web"}, "spec": spec}
        if wanted is None:
            assert REFUSED.search(cluster.verdict(tried)), stem
        else:
            assert contents_of(cluster.try_pod(tried)) == wanted, stem
        verdicts.add(wanted is None)
    assert verdicts == {True, False}


def filled_in(file: Path) -> str:
    """A text of Go's template language, as upstream's tests fill it in; ours use the same names."""
    text = re.sub(r"\{\{-? *range .*?\{\{-? *end *-?\}\}", "", file.read_text(), flags=re.DOTALL)
    text = re.sub(r"\{\{ *index \.CredSpecNames (\d+) *\}\}", r"credspec-\1", text)
    values = {"TestName": "tried", "Namespace": "web", "ServiceAccountName": "webapp1"}
    return re.sub(r"\{\{-? *\.(\w+) *-?\}\}", lambda found: values.get(found[1], "any"), text)


def expected(spec: Object, credspecs: dict[str, Any]) -> list[str | None] | None:
    """The contents at pod level and in the containers, as they are to come out; None: it is to be refused."""
    out: list[str | None] = []
    for place in [spec, *spec["containers"]]:
        options = place.get("securityContext", {}).get("windowsOptions", {})
        name, contents = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
        if name and name not in credspecs:
            return None
        if contents and not (name and is_json_of(contents, credspecs[name])):
            return None
        out.append(contents or (as_go_writes(credspecs[name]) if name else None))
    return out


def is_json_of(text: str, wanted: Any) -> bool:
    try:
        return bool(json.loads(text) == wanted)
    except ValueError:
        return False


def as_go_writes(contents: Any) -> str:
    escapes = {character: f"\\u{ord(character):04x}" for character in "<>&"}
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(escapes.get(character, character) for character in text)
