"""The webhook's verdicts, by the API server that it was registered at with what is emitted."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build import tool
from cluster.api import ApiError, Object, until
from cluster.harness import (
    CONTENTS,
    CREDSPEC,
    WEBHOOK,
    Cluster,
    config,
    contents_of,
    init_contents_of,
    namespace,
    objects,
    one,
    pod,
    render,
)
from cluster.sidecar import labelled, sidecar
from cluster.webhook_versions import NEW, checks_init_containers, image, needs
from conftest import CASES, ROOT

HERE = Path(__file__).parent
# by the webhook, or by the policy beside it
REFUSED = re.compile("denied (the )?request")
PODS = Path(os.environ.get("CLUSTER_TEST_PODS") or HERE / "pods")


HOOK = "  webhook: {{image: {image}, qps: 1000, burst: 1000, {more}certificate: {{source: Derive}}}}\n"


@pytest.fixture(scope="module")
def installed(running: Cluster, version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with all that a config asks for; shared, so the tests keep nothing in it or use names of their own."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "gmsa.yaml").write_text(config(HOOK.format(image=image(version), more="")))
    running.install(render(folder / "gmsa.yaml"))
    yield running
    running.clean()


def levels(version: str) -> list[str]:
    """Where the webhook looks."""
    return ["pod", "container", "init"] if checks_init_containers(version) else ["pod", "container"]


def test_exactly_the_credspec_is_put_in(installed: Cluster, version: str) -> None:
    assert contents_of(installed.try_pod(pod("a"))) == [CONTENTS, None]
    assert contents_of(installed.try_pod(pod("a", level="container"))) == [None, CONTENTS]
    if checks_init_containers(version):
        admitted = installed.try_pod(pod("a", level="init"))
        assert (contents_of(admitted), init_contents_of(admitted)) == ([None, None], [CONTENTS])


def test_a_pod_without_gmsa_is_not_touched(installed: Cluster) -> None:
    admitted = installed.try_pod(pod("a", None))
    assert "securityContext" not in admitted["spec"]["containers"][0]
    assert admitted["spec"]["securityContext"] == {}


def refused_by_the_webhook(cluster: Cluster, item: Object, said: str) -> None:
    """The words are those that upstream's integration tests look for."""
    message = cluster.verdict(item)
    assert f'admission webhook "{WEBHOOK}" denied the request' in message
    assert said in message


def test_without_the_role_binding_it_is_refused(installed: Cluster, version: str) -> None:
    for level in levels(version):
        for service_account in ("webapp2", "default"):
            refused_by_the_webhook(
                installed,
                pod("a", service_account=service_account, level=level),
                f'service account "{service_account}" is not authorized to `use` GMSA cred spec "{CREDSPEC}"',
            )


def test_contents(installed: Cluster, version: str) -> None:
    wrong = CONTENTS.replace("WebApp1", "Administrator")
    for level in levels(version):
        admitted = installed.try_pod(pod("a", contents=CONTENTS, level=level))
        assert CONTENTS in [*contents_of(admitted), *init_contents_of(admitted)]
        for contents in (wrong, "no JSON"):
            said = f'does not match the contents of GMSA resource "{CREDSPEC}"'
            refused_by_the_webhook(installed, pod("a", contents=contents, level=level), said)
        for given in (None, CONTENTS):
            refused_by_the_webhook(installed, pod("a", "not-there", contents=given, level=level), "not-there")


def test_contents_without_a_name(installed: Cluster, version: str) -> None:
    """The policy beside the webhook comes first, and leaves it to the webhook."""
    for level in levels(version):
        said = "has a GMSA cred spec set, but does not define the name of the corresponding resource"
        refused_by_the_webhook(installed, pod("a", None, contents=CONTENTS, level=level), said)


@pytest.mark.parametrize("name", ["a-sidecar", "z-sidecar"])
def test_a_container_that_another_webhook_adds(name: str, installed: Cluster, tmp_path: Path) -> None:
    """It comes out with contents, whether the other webhook is called before ours or after it."""
    with sidecar(installed, tmp_path, name):
        assert contents_of(installed.try_pod(labelled(pod("a")))) == [CONTENTS, None, CONTENTS]
        without = labelled(pod("a", None))
        if name < "gmsa-webhook":
            assert contents_of(installed.try_pod(without)) == [None, None, CONTENTS]
        else:  # not called in the first round, so not in the second
            assert "gmsaCredentialSpecName without gmsaCredentialSpec at containers sidecar" in installed.verdict(
                without
            )


@pytest.mark.parametrize("name", ["a-sidecar", "z-sidecar"])
def test_an_init_container_that_another_webhook_adds(
    name: str, installed: Cluster, version: str, tmp_path: Path
) -> None:
    with sidecar(installed, tmp_path, name, kind="initContainers"):
        for item in (pod("a"), pod("a", None)):
            is_called = name < "gmsa-webhook" or item == pod("a")
            if checks_init_containers(version) and is_called:
                assert init_contents_of(installed.try_pod(labelled(item))) == [CONTENTS]
            else:
                assert "ValidatingAdmissionPolicy 'gmsa-webhook-hardening'" in installed.verdict(labelled(item))


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


@pytest.mark.parametrize(("version", "length"), [(NEW, 15), ("v0.10.0", 15), ("v0.9.0", 0)])
def test_random_hostnames(version: str, length: int, cluster: Cluster, tmp_path: Path) -> None:
    """Fifteen characters for pods with gMSA that have no hostname of their own, and for no others.

    The config says of each image that it is the newest, or the last would be refused, and rightly.
    """
    needs(version)
    more = f"version: {NEW}, randomHostname: true, "
    (tmp_path / "gmsa.yaml").write_text(config(HOOK.format(image=image(version), more=more)))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    own = pod("a")
    own["spec"]["hostname"] = "own"
    hostnames = [
        cluster.try_pod(it)["spec"].get("hostname")
        for it in (pod("a"), pod("a", contents=CONTENTS), own, pod("a", None))
    ]
    assert [len(it or "") for it in hostnames] == [length, length, 3, 0]
    assert not length or hostnames[0] != hostnames[1]


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
    for case in [*CASES, ROOT / "kustomize/quickstart", ROOT / "kustomize/trial", ROOT / "kustomize/workloads"]:
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


def test_pods_of_a_folder(installed: Cluster, version: str) -> None:
    """Every pod template of `pods/`, or of the folder in CLUSTER_TEST_PODS, which may be upstream's own tests'.

    What to expect follows from the template: each name must be a credspec of the folder, and contents must be its.
    """
    client = installed.client
    credspecs: dict[str, Any] = {}
    for stem, item in filled_in(VALUES):
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
    with_all = {**ALL_VALUES, "CredSpecContent": as_go_writes(credspecs["credspec-0"])}
    named = [(name, pod(name, name)) for name in credspecs]
    verdicts = set()
    for stem, item in [*filled_in(VALUES), *filled_in(with_all), *named]:
        spec = item["spec"] if item["kind"] == "Pod" else item.get("spec", {}).get("template", {}).get("spec")
        if not spec:
            continue
        wanted = expected(spec, credspecs, version)
        tried = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": "web"}, "spec": spec}
        if wanted is None:
            assert REFUSED.search(installed.verdict(tried)), stem
        else:
            admitted = installed.try_pod(tried)
            assert [*contents_of(admitted), *init_contents_of(admitted)] == wanted, stem
        verdicts.add(wanted is None)
    assert verdicts == {True, False}


# The fields that upstream's tests give to their templates; ours use the same ones.
VALUES = {
    **dict.fromkeys(("TmpDir", "CredSpecContent", "ClusterRoleName", "RoleBindingName", "Image", "Cert", "Key"), ""),
    "TestName": "tried",
    "Namespace": "web",
    "ServiceAccountName": "webapp1",
    "CredSpecNames": [f"credspec-{number}" for number in range(3)],
    "ExtraSpecLines": [],
}
# So that the other side of each choice is taken, too.
ALL_VALUES = {
    **VALUES,
    "Image": "another",
    "ExtraSpecLines": ["tolerations:", "- key: os", "  operator: Exists", "  effect: NoSchedule"],
}


def filled_in(values: Object) -> list[tuple[str, Object]]:
    """The documents of the folder's templates, rendered by Go, each with the name of its file."""
    files = sorted(PODS.glob("*.y*ml"))
    done = subprocess.run(
        [tool("gotemplate"), *files], input=json.dumps(values), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rendered = json.loads(done.stdout)
    return [(file.stem, item) for file in files for item in objects(rendered[str(file)])]


def expected(spec: Object, credspecs: dict[str, Any], version: str) -> list[str | None] | None:
    """The contents at pod level, in the containers and init containers, as they come out; None: the pod is refused."""
    places, inits = (
        [references(it) for it in found] for found in ([spec, *spec["containers"]], spec.get("initContainers", []))
    )
    looked_at = [*places, *inits] if checks_init_containers(version) else places
    out: list[str | None] = []
    for name, contents in looked_at:
        if name and name not in credspecs:
            return None
        if contents and not (name and is_json_of(contents, credspecs[name])):
            return None
        out.append(contents or (as_go_writes(credspecs[name]) if name else None))
    if looked_at is places:
        # what comes out elsewhere may be repeated, contents included
        repeated = {(None, None), *((name, contents) for (name, _), contents in zip(places, out, strict=True))}
        if not repeated.issuperset(inits):
            return None
        out += [contents for _, contents in inits]
    return out


def references(holder: Object) -> tuple[str | None, str | None]:
    options = holder.get("securityContext", {}).get("windowsOptions", {})
    return options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")


def is_json_of(text: str, wanted: Any) -> bool:
    try:
        return bool(json.loads(text) == wanted)
    except ValueError:
        return False


def as_go_writes(contents: Any) -> str:
    escapes = {character: f"\\u{ord(character):04x}" for character in "<>&"}
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(escapes.get(character, character) for character in text)
