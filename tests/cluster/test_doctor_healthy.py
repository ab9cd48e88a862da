"""`doctor` gives no false alarm: every case folder and overlay, installed; and what upstream's set-ups deserve."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster import upstream
from cluster.api import Object, until
from cluster.harness import PROGRAM, Cluster, one, render
from cluster.test_adoption import set_up
from cluster.test_apply import folder, take_for_granted
from cluster.test_doctor import Doctor
from conftest import ROOT, environment

__all__ = ["folder"]


def service_accounts(items: list[Object]) -> list[Object]:
    """Those of RoleBindings, which a user has beside the set-up."""
    subjects = {
        (subject["namespace"], subject["name"])
        for it in items
        if it["kind"] == "RoleBinding"
        for subject in it["subjects"]
        if subject["kind"] == "ServiceAccount"
    }
    made = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in items if it["kind"] == "ServiceAccount"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
        for namespace, name in sorted(subjects - made)
    ]


def existing_credspecs(folder: Path, items: list[Object]) -> list[Object]:
    """Those that the config expects in the cluster."""
    spec = yaml.safe_load((folder / "gmsa.yaml").read_text())["spec"]
    emitted = {it["metadata"]["name"] for it in items if it["kind"] == "GMSACredentialSpec"}
    return [upstream.credspec(name) for name in spec.get("existingCredspecs", ()) if name not in emitted]


def existing_secret(folder: Path) -> Object:
    data = {name: base64.b64encode((folder / "certs" / name).read_bytes()).decode() for name in ("tls.crt", "tls.key")}
    metadata = {"name": "gmsa-webhook-tls", "namespace": "gmsa-webhook"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}


def test_no_false_alarm(folder: Path, cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if (folder / "certs").exists() and not (folder / "certs/tls.key").exists():
        issue = [PROGRAM, "certs", "issue", "--dir", folder / "certs", "--force"]
        subprocess.run(issue, env=environment(tmp_path), check=True, capture_output=True)
    items = render(folder)
    if any(it["kind"] == "Certificate" for it in items):
        request.getfixturevalue("cert_manager")
    take_for_granted(cluster.client, items)
    cluster.client.apply(one(render(ROOT / "kustomize/trial"), "CustomResourceDefinition"))
    cluster.client.apply(*existing_credspecs(folder, items))
    needs_secret = not any(it["kind"] in ("Secret", "Certificate") for it in items) and (folder / "certs").exists()

    def meanwhile() -> None:
        cluster.client.apply(*service_accounts(items))
        if needs_secret:
            cluster.client.apply(existing_secret(folder))

    webhooks = [
        it
        for it in items
        if it["kind"] == "Deployment"
        and it["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "gmsa-webhook"
    ]
    if any("priorityClassName" in it["spec"]["template"]["spec"] for it in webhooks):
        pytest.skip("its webhook needs a registry and a priority class of the user's")
    cluster.run_webhooks_of(webhooks)
    cluster.client.apply(*items)
    meanwhile()
    for it in webhooks:
        cluster.rolled_out(it)
    doctor = Doctor(cluster, tmp_path)
    admits = any(it["kind"] in ("ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy") for it in items)
    # Mode None is for a cluster that has a webhook; and the user binds roles for credential specs of the cluster.
    expected = set() if admits else {"contents-not-filled-in", "pod-without-contents"}
    expected.add("unschedulable-workload")  # some workloads are for pools of nodes that this cluster has not
    if existing_credspecs(folder, items):
        expected.add("credspec-without-users")

    def found() -> set[str]:
        # The snapshots know no node of this cluster.
        return set(doctor.problems(folder, "--skip", "active-directory"))

    # The API server learns of configurations and policies with a delay, and cert-manager takes its time.
    until(lambda: found() <= expected, lambda: f"{doctor(folder).stdout}", seconds=30)
    if admits:
        done = doctor()
        assert done.returncode == 0, done.stdout
        assert "no errors" in done.stdout


@pytest.mark.parametrize("way", ["script", "chart"])
def test_upstream(way: str, cluster: Cluster, tmp_path: Path) -> None:
    """What docs/how-to/adopt.md and the threat model speak of, and no more."""
    set_up(cluster, way, tmp_path)
    doctor = Doctor(cluster, tmp_path)
    found = doctor.problems()
    wanted = {"webhook-blocks-all-pods", "webhook-image-too-old"}
    if way == "chart":
        wanted.add("access-too-wide")  # its webhook may use every credential spec
    del found["ca-bundle-expiring"]  # of the tests, whose certificates are for a day
    assert set(found) == wanted, found
    assert doctor().returncode == 0
