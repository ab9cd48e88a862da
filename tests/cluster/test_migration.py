"""Between the modes, by the commands of POLICY.md, under loops that notice any gap."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

from cluster.api import ApiError, Object, until
from cluster.harness import CONTENTS, CREDSPECS, FAST, Cluster, Loop, namespace, pod, render
from cluster.walk import commands, walk
from conftest import DOMAIN, HEAD, ROOT

PAGE = ROOT / "POLICY.md"
HOOK = f"  webhook: {{{FAST}, certificate: {{source: Derive}}}}\n"


def text_of(mode: str) -> str:
    return HEAD + DOMAIN + CREDSPECS + f"  admission: {{mode: {mode}}}\n" + HOOK


def deployment() -> Object:
    """A user's workload, with a name and no contents."""
    spec = {**pod("app")["spec"], "restartPolicy": "Always"}
    labels = {"app": "app"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


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
                        cluster.client.patch(f"/api/v1/namespaces/web/pods/{it['metadata']['name']}/status", {"status": status})

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_there_and_back(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(text_of("Webhook"))
    (tmp_path / "workloads.yaml").write_text(json.dumps(deployment()) + "\n")
    cluster.client.apply(namespace("web"))
    cluster.install(render(tmp_path / "gmsa.yaml"))
    cluster.client.apply(deployment())
    stranger = pod("stranger", contents=CONTENTS, service_account="webapp2")
    other = pod("other", contents=CONTENTS.replace("WebApp1", "Administrator"))
    with (
        windows_node(cluster),
        Loop(cluster, pod("allowed", contents=CONTENTS)) as admitted,
        Loop(cluster, stranger, wanted=None) as unbound,
        Loop(cluster, other, wanted=None) as foreign,
    ):
        loops = (admitted, unbound, foreign)

        def go_on(_: str) -> None:
            for loop in loops:
                loop.goes_on(20)

        (tmp_path / "gmsa.yaml").write_text(text_of("Policy"))
        walk(cluster, tmp_path, commands(PAGE, "From Webhook to Policy"), go_on)
        assert [loop.wrong for loop in loops] == [[], [], []]
        assert not cluster.client.items("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations")
        assert "is not filled in here" in cluster.verdict(pod("bare"))

        (tmp_path / "gmsa.yaml").write_text(text_of("Webhook"))
        walk(cluster, tmp_path, commands(PAGE, "From Policy to Webhook"), go_on)
        assert [loop.wrong for loop in loops] == [[], [], []]
    until(lambda: not cluster.verdict(pod("bare")), "the webhook fills in contents again")
