"""What the tests hold in their hands: a cluster, the program that renders, pods to try it with."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.api import ApiError, Client, Object, until
from cluster.control_plane import ControlPlane
from cluster.node import Node
from conftest import CONTENTS, DOMAIN, HEAD, SEED, environment

PROGRAM = Path(sys.executable).parent / "gmsa-krm"
WEBHOOK = "admission-webhook.windows-gmsa.sigs.k8s.io"
# The API server's clock is the machine's, so certificates have to be of today.
NOW = int(time.time())
ENV = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": str(NOW)}

CREDSPEC = "gmsa-webapp1"
CREDSPECS = """\
  credspecs:
  - account: WebApp1
    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]
  - account: WebApp2
    usedBy: [{namespace: web, serviceAccounts: [webapp2]}]
  serviceAccounts:
  - {name: webapp1, namespace: web}
  - {name: webapp2, namespace: web}
"""


# More requests a second than the default allows, or it is the limit that is tested.
FAST = "qps: 1000, burst: 1000"


def config(
    webhook: str = f"  webhook: {{{FAST}, certificate: {{source: Derive}}}}\n", credspecs: str = CREDSPECS
) -> str:
    return HEAD + DOMAIN + credspecs + webhook


def render(path: Path, **env: str) -> list[Object]:
    """What the program makes of a config or folder, in its order."""
    done = subprocess.run(
        [PROGRAM, "render", path],
        env=environment(path.parent, **{**ENV, **env}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def objects(text: str) -> list[Object]:
    return [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]


def text_of(items: Iterable[Object]) -> str:
    return "---\n".join(json.dumps(item) + "\n" for item in items)


def one(items: Iterable[Object], kind: str, name: str | None = None) -> Object:
    found = [it for it in items if it["kind"] == kind and name in (None, it["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def pod(
    name: str,
    credspec: str | None = CREDSPEC,
    *,
    contents: str | None = None,
    service_account: str = "webapp1",
    level: str = "pod",
) -> Object:
    """A pod in the namespace web; `level`: pod, container or init."""
    named = {"gmsaCredentialSpecName": credspec, "gmsaCredentialSpec": contents}
    windows = {key: value for key, value in named.items() if value}
    options = {"securityContext": {"windowsOptions": windows}} if windows else {}
    container: Object = {"name": "iis", "image": "iis"}
    spec: Object = {
        "serviceAccountName": service_account,
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "os": {"name": "windows"},
        "containers": [{**container, **(options if level == "container" else {})}],
        **(options if level == "pod" else {}),
        **({"initContainers": [{"name": "init", "image": "iis", **options}]} if level == "init" else {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "web"}, "spec": spec}


def contents_of(admitted: Object) -> list[str | None]:
    """The contents at pod level, and in each container."""
    return _contents([admitted["spec"], *admitted["spec"]["containers"]])


def init_contents_of(admitted: Object) -> list[str | None]:
    """The contents in each init container."""
    return _contents(admitted["spec"].get("initContainers", []))


def _contents(places: list[Object]) -> list[str | None]:
    return [it.get("securityContext", {}).get("windowsOptions", {}).get("gmsaCredentialSpec") for it in places]


class Cluster:
    """A running control plane with a node. `clean` takes back what a test has made."""

    _KINDS = (
        "admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        "admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
        "admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
        "admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
        "rbac.authorization.k8s.io/v1/clusterroles",
        "rbac.authorization.k8s.io/v1/clusterrolebindings",
        "apiextensions.k8s.io/v1/customresourcedefinitions",
    )
    # In the namespace default, which cannot be deleted; owners first.
    _OF_DEFAULT = ("apis/apps/v1", "apis/batch/v1", "api/v1", "apis/rbac.authorization.k8s.io/v1")
    _PLURALS = (
        "deployments",
        "daemonsets",
        "jobs",
        "replicasets",
        "pods",
        "serviceaccounts",
        "secrets",
        "rolebindings",
    )

    def __init__(self, control_plane: ControlPlane, node: Node) -> None:
        self.control_plane = control_plane
        self.client: Client = control_plane.client
        self.node = node
        self.release = control_plane.release
        self.kubectl_program = control_plane.kubectl
        self.kubeconfig = control_plane.folder / "kubeconfig"
        self.minor = int(self.client.get("/version")["minor"])
        self._folder = control_plane.folder
        self._first = self._everything()

    def kubectl(
        self, *arguments: str | Path, text: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(self._folder), "KUBECONFIG": str(self.kubeconfig), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [self.kubectl_program, *arguments],
            input=text,
            env=env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
        return done

    def install(self, items: list[Object], meanwhile: Callable[[], None] = lambda: None, settles: bool = True) -> None:
        """Applies what was rendered, with the namespaces that it takes for granted, and waits for the webhook.

        `meanwhile` is called between, for what others do: a Secret that is made elsewhere, say. `settles`: whether
        the webhook is expected to work.
        """
        self.run_webhooks_of(items)
        made = {it["metadata"]["name"] for it in items if it["kind"] == "Namespace"}
        wanted = {it["metadata"]["namespace"] for it in items if "namespace" in it["metadata"]}
        self.client.apply(*(namespace(name) for name in sorted(wanted - made - {"default"})))
        self.client.apply(*items)
        meanwhile()
        for item in items:
            if item["kind"] == "Deployment":
                self.rolled_out(item)
        if settles:
            self.configurations_seen(items)

    def run_webhooks_of(self, items: list[Object]) -> None:
        self.node.namespaces |= {it["metadata"]["namespace"] for it in items if it["kind"] == "Deployment"}

    def rolled_out(self, deployment: Object) -> None:
        """Waits until all its pods are new and ready, and the old ones are gone."""
        metadata = deployment["metadata"]
        selector = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())

        def is_rolled_out() -> bool:
            assert self.node.failure is None, self.node.failure
            found = self.client.get(self.client.path(deployment))
            status, wanted = found.get("status", {}), found["spec"]["replicas"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            if status.get("observedGeneration") != found["metadata"]["generation"] or counts != [wanted] * 3:
                return False
            pods = self.client.items(f"/api/v1/namespaces/{metadata['namespace']}/pods", labelSelector=selector)
            return len(pods) == wanted

        until(
            is_rolled_out,
            lambda: f"{metadata['name']} is rolled out; its pods say: {self.node.logs(metadata['namespace'])}",
        )

    def configurations_seen(self, items: list[Object]) -> None:
        """Waits until the API server sends pods: it learns of a webhook configuration with a delay of its own.

        The webhook's service account is asked about, which is in no RoleBinding: only the webhook refuses it.
        """
        if not any(it["kind"] == "ValidatingWebhookConfiguration" for it in items) or not self.client.find(
            "/api/v1/namespaces/web"
        ):
            return
        probe = pod("probe", "no-such-credspec", service_account="default")

        until(lambda: "denied the request" in self.verdict(probe), "the API server knows the webhook configurations")
        if any(it["kind"] == "ValidatingAdmissionPolicy" for it in items):
            # What no webhook looks at: an ephemeral container, for which there has to be a pod.
            made = self.client.create(pod("probe", None, service_account="default"))
            until(
                lambda: "ValidatingAdmissionPolicy" in self.debug_verdict(made, {"gmsaCredentialSpecName": CREDSPEC}),
                "the hardening policy is in force",
            )
            self.client.delete(self.client.path(made), gracePeriodSeconds=0)

    def try_pod(self, item: Object) -> Object:
        """The pod as it would be admitted; nothing is kept. Raises ApiError."""
        return self.client.create(item, dryRun="All", fieldValidation="Strict")

    def verdict(self, item: Object) -> str:
        """The message with which a pod is refused; empty where it is admitted."""
        try:
            self.try_pod(item)
        except ApiError as error:
            return error.message
        return ""

    def admits(self, item: Object | None = None) -> None:
        """Asserts that a gMSA pod comes out with its credspec: the API server trusts the webhook, and it does its work."""
        message = self.verdict(item or pod("a"))
        assert not message, message
        assert CONTENTS in contents_of(self.try_pod(item or pod("a")))

    def debug(
        self, item: Object, options: dict[str, str] | None = None, container: str = "debug", keep: bool = False
    ) -> Object:
        """Adds an ephemeral container to a pod that is there, as kubectl debug does. Raises ApiError.

        `options`: its windowsOptions. `keep`: whether it stays; otherwise it is a dry run.
        """
        context = {"securityContext": {"windowsOptions": options}} if options else {}
        body = {"spec": {"ephemeralContainers": [{"name": container, "image": "iis", **context}]}}
        query = {} if keep else {"dryRun": "All"}
        patched: Object = self.client.request(
            "PATCH",
            f"{self.client.path(item)}/ephemeralcontainers",
            body,
            "application/strategic-merge-patch+json",
            **query,
        )
        return patched

    def debug_verdict(self, item: Object, options: dict[str, str]) -> str:
        """The message with which an ephemeral container is refused; empty where it is admitted."""
        try:
            self.debug(item, options)
        except ApiError as error:
            return error.message
        return ""

    @contextlib.contextmanager
    def outage(self) -> Iterator[str]:
        """The webhook's processes are killed, and come back afterwards; gives the message of a pod that is refused."""
        self.node.is_down = True
        try:
            until(lambda: not self.node.processes, "the webhook's processes are gone")
            yield until(lambda: self.verdict(pod("a")), "gMSA pods are refused")
        finally:
            self.node.is_down = False
        until(lambda: not self.verdict(pod("a")), "gMSA pods are admitted again")

    def clean(self) -> None:
        self.node.is_down = False
        for path in self._everything() - self._first:
            if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
                self._remove_namespace(path)
            else:
                self.client.delete(path, gracePeriodSeconds=0, propagationPolicy="Background")
        self.node.namespaces = set()
        self.node.image_finishes = False
        until(lambda: not self._everything() - self._first, "what the test has made is gone")
        # The API server forgets configurations and policies with a delay of its own; each would refuse this one.
        probe = pod("probe", service_account="default")
        probe["metadata"]["namespace"] = "default"
        until(lambda: not self.verdict(probe), lambda: f"nothing of the test is in force: {self.verdict(probe)}")
        self.client.forget_resources()

    def _everything(self) -> set[str]:
        found = set()
        for kind in self._KINDS:
            listed = self.client.find(f"/apis/{kind}") or {"items": []}  # not all are served by the oldest release
            found |= {f"/apis/{kind}/{it['metadata']['name']}" for it in listed["items"]}
        for plural in ("namespaces", "nodes"):
            found |= {f"/api/v1/{plural}/{it['metadata']['name']}" for it in self.client.items(f"/api/v1/{plural}")}
        for plural in self._PLURALS:
            for group in self._OF_DEFAULT:
                path = f"/{group}/namespaces/default/{plural}"
                if (answer := self.client.find(path)) is not None:
                    found |= {f"{path}/{it['metadata']['name']}" for it in answer["items"]}
        return found

    def _remove_namespace(self, path: str) -> None:
        """What the namespace controller does, without the five seconds that it waits before."""
        self.client.delete(path)
        name = path.rpartition("/")[2]
        for group in (
            "/api/v1",
            *(f"/apis/{it['preferredVersion']['groupVersion']}" for it in self.client.get("/apis")["groups"]),
        ):
            for resource in (self.client.find(group) or {"resources": []})["resources"]:
                if resource["namespaced"] and "deletecollection" in resource["verbs"]:
                    self.client.delete(
                        f"{group}/namespaces/{name}/{resource['name']}",
                        gracePeriodSeconds=0,
                        propagationPolicy="Background",
                    )
        found = self.client.find(path)
        if found:
            with contextlib.suppress(ApiError):  # the controller was faster
                self.client.request("PUT", f"{path}/finalize", {**found, "spec": {"finalizers": []}})


class Loop:
    """Asks for gMSA pods all the time, from two threads; `wrong` is what did not go as it must.

    `threads`: how many requests are under way at most. Dry runs: they pass the same admission, and leave nothing to clean up.
    """

    threads = 2

    def __init__(self, cluster: Cluster, item: Object | None = None, wanted: str | None = CONTENTS) -> None:
        """`wanted`: the contents that each pod must come out with; None: it must be refused by the webhook."""
        self.wrong: list[str] = []
        self.count = 0
        self._cluster = cluster
        self._item = item or pod("looped")
        self._wanted = wanted
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.threads)]

    def __enter__(self) -> Loop:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, more: int = 40) -> None:
        """Waits until so many more pods have been asked for."""
        until_count = self.count + more
        until(lambda: self.count >= until_count, "the loop goes on")

    def _ask(self) -> Object:
        return self._cluster.try_pod(self._item)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                admitted = self._ask()
            except ApiError as error:
                if self._wanted is not None or not re.search("denied (the )?request", error.message):
                    self.wrong.append(error.message)
            else:
                if self._wanted is None or self._wanted not in contents_of(admitted):
                    self.wrong.append(f"admitted with {contents_of(admitted)}")
            self.count += 1
            time.sleep(0.01)  # leaves the machine to those that are tested


def mutated(items: list[Object], kind: str, change: Any) -> list[Object]:
    """A copy in which `change` was called with each object of the kind."""
    copy: list[Object] = json.loads(json.dumps(items))
    found = [it for it in copy if it["kind"] == kind]
    assert found
    for item in found:
        change(item)
    return copy
