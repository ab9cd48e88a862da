"""No false alarm: cases that a user could have, installed as they are."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from cluster.api import Object, until
from cluster.harness import FAST, Cluster, namespace, render
from cluster.test_doctor import Doctor, add_node
from conftest import DOMAIN, HEAD, ROOT
from gmsa_krm.manifests.crd import crd
from gmsa_krm.manifests.manifest import MANAGED_BY

# Those whose certificate is someone else's are in test_doctor_cert_manager, or have none that a test could make.
CASES = sorted(
    it.name
    for it in (ROOT / "tests/cases").iterdir()
    if it.is_dir() and it.name not in ("domain-joined", "webhook-options")
)
# Of mode None: who runs the webhook is nobody of gmsa-krm.
WEBHOOK = f"{HEAD}{DOMAIN}  webhook: {{{FAST}, certificate: {{source: Derive}}}}\n"


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_healthy(name: str, cluster: Cluster, tmp_path: Path) -> None:
    doctor = Doctor(cluster, tmp_path)
    folder = tmp_path / name
    shutil.copytree(ROOT / "tests/cases" / name, folder, ignore=shutil.ignore_patterns("want*", "kustomization.yaml"))
    if "mode: None" in (folder / "gmsa.yaml").read_text():
        (tmp_path / "webhook.yaml").write_text(WEBHOOK)
        cluster.install([without_label(it) for it in render(tmp_path / "webhook.yaml")])
    items = [it for it in render(folder) if it["kind"] != "Rollout"]
    accounts = service_accounts(items)
    cluster.client.apply(*(namespace(it) for it in sorted({it["metadata"]["namespace"] for it in accounts})))
    cluster.client.apply(crd(), *accounts)
    own = [it for it in items if MANAGED_BY.items() <= it["metadata"].get("labels", {}).items()]
    cluster.install(own)
    cluster.client.apply(*(it for it in items if it not in own))  # their pods wait for a kubelet
    if name == "active-directory":
        cluster.client.delete("/api/v1/nodes/win1")
        add_node(cluster, "node1")
    done = settled(doctor, folder)
    assert "no errors, no warnings" in done, done


def settled(doctor: Doctor, folder: Path) -> str:
    """What doctor says once the API server knows all policies and configurations."""
    said = ""

    def is_healthy() -> bool:
        nonlocal said
        done = doctor(folder)
        said = done.stdout + done.stderr
        return done.returncode == 0 and "no warnings" in done.stdout

    with contextlib.suppress(AssertionError):
        until(is_healthy, "doctor finds nothing", 15)
    return said


def without_label(item: Object) -> Object:
    labels = {key: value for key, value in item["metadata"].get("labels", {}).items() if "managed-by" not in key}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def service_accounts(items: list[Object]) -> list[Object]:
    """Those that bindings have, and those of workloads."""
    found = {
        (it["metadata"]["namespace"], subject["name"])
        for it in items
        if it["kind"] == "RoleBinding"
        for subject in it["subjects"]
        if subject["kind"] == "ServiceAccount"
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": of}}
        for of, name in sorted(found)
        if name != "default"
    ]
