"""Between the modes, by the commands of docs/how-to/policy-mode.md, under loops that notice any gap."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.api import ApiError, Object, until
from cluster.harness import CONTENTS, CREDSPEC, CREDSPECS, FAST, Cluster, Loop, namespace, pod, render
from cluster.walk import walk
from conftest import DOMAIN, HEAD, ROOT
from pages import Command, commands

PAGE = "docs/how-to/policy-mode.md"
KINDS = "/apis/admissionregistration.k8s.io/v1"
# Named in the text, for those with `expand`.
EXPANSION_GOES = "kubectl delete mutatingadmissionpolicybinding,mutatingadmissionpolicy gmsa"


def text_of(mode: str, name: str, expand: bool) -> str:
    hook = f"  webhook: {{name: {name}, namespace: {name}, {FAST}, certificate: {{source: Derive}}}}\n"
    policy = "  policy: {expand: true}\n" if expand else ""
    return HEAD + DOMAIN + CREDSPECS + f"  admission: {{mode: {mode}}}\n" + hook + policy


def deployment() -> Object:
    """A user's workload, with a name and no contents."""
    spec = {**pod("app")["spec"], "restartPolicy": "Always"}
    labels = {"app": "app"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


@contextlib.contextmanager
def windows_node(cluster: Cluster) -> Iterator[None]:
    """Says of the workload's pods that they run; there is no Windows to run them."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.2):
            for it in cluster.client.items("/api/v1/namespaces/web/pods", labelSelector="app=app"):
                if it["status"].get("phase") != "Running":
                    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
                    with contextlib.suppress(ApiError):  # deleted meanwhile
                        cluster.client.patch(
                            f"/api/v1/namespaces/web/pods/{it['metadata']['name']}/status", {"status": status}
                        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("name", "expand"), [("gmsa-webhook", False), ("gmsa", True)], ids=["default", "one name, filled in"]
)
def test_there_and_back(name: str, expand: bool, cluster: Cluster, tmp_path: Path) -> None:
    """`name`: the webhook's, which may be the policy's as well. With `expand` pods that have a name alone go on too."""
    if expand and cluster.minor < 36:
        pytest.skip("pods are filled in from Kubernetes 1.36 on")

    def write(mode: str) -> None:
        (tmp_path / "gmsa.yaml").write_text(text_of(mode, name, expand))

    def steps(heading: str) -> list[Command]:
        return [replace(it, line=it.line.replace("gmsa-webhook", name)) for it in commands(PAGE, heading)]

    write("Webhook")
    (tmp_path / "workloads.yaml").write_text(json.dumps(deployment()) + "\n")
    cluster.client.apply(namespace("web"))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    cluster.client.apply(deployment())
    bare = pod("bare")
    loops = [
        Loop(cluster, pod("allowed", contents=CONTENTS)),
        Loop(cluster, pod("stranger", contents=CONTENTS, service_account="webapp2"), wanted=None),
        Loop(cluster, pod("other", contents=CONTENTS.replace("WebApp1", "Administrator")), wanted=None),
        *([Loop(cluster, bare)] if expand else []),
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(windows_node(cluster))
        for loop in loops:
            stack.enter_context(loop)

        def go_on(_: str) -> None:
            for loop in loops:
                loop.goes_on(20)

        def wrong() -> list[str]:
            return [it for loop in loops for it in loop.wrong]

        write("Policy")
        walk(cluster, tmp_path, steps("From Webhook to Policy"), go_on)
        assert wrong() == []
        assert not cluster.client.items(f"{KINDS}/validatingwebhookconfigurations")
        assert named(cluster, "validatingadmissionpolicies") == {"gmsa"}
        assert ("is not filled in here" in cluster.verdict(bare)) is not expand

        write("Webhook")
        walk(cluster, tmp_path, steps("From Policy to Webhook"), go_on)
        if expand:
            assert EXPANSION_GOES in (ROOT / PAGE).read_text()
            walk(cluster, tmp_path, [Command("", EXPANSION_GOES, "")], go_on)
        assert wrong() == []
        assert named(cluster, "validatingadmissionpolicies") == {f"{name}-hardening"}
    until(lambda: not cluster.verdict(bare), "the webhook fills in contents again")
    running = cluster.client.create(pod("running"))
    until(
        lambda: "an ephemeral container has" in cluster.debug_verdict(running, {"gmsaCredentialSpecName": CREDSPEC}),
        "the hardening policy is in force",
    )


def named(cluster: Cluster, plural: str) -> set[str]:
    """The names of what is there of a kind."""
    return {it["metadata"]["name"] for it in cluster.client.items(f"{KINDS}/{plural}")}
