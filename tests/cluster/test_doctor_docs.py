"""The page about `doctor`, section by section: what it prints is what the page shows."""

from __future__ import annotations

from pathlib import Path

from cluster.harness import Cluster, one
from cluster.test_doctor import Doctor, Rendered
from cluster.walk import walk
from pages import commands, files

PAGE = "docs/how-to/doctor.md"


def test_the_page(cluster: Cluster, rendered: Rendered, tmp_path: Path) -> None:
    items = rendered()
    cluster.install(items)
    Doctor(cluster, tmp_path)  # makes the node of a cluster that has one
    walk(cluster, tmp_path, commands(PAGE, "Run it", "Webhook"))
    cluster.rolled_out(one(items, "Deployment"))
    walk(cluster, tmp_path, commands(PAGE, "Certificate", "Credential specs", "Access", "Proof"))
    (tmp_path / "ad.yaml").write_text(files(PAGE)["ad.yaml"])
    walk(cluster, tmp_path, commands(PAGE, "Workloads and events", "Nodes and logon", "Active Directory"))
    walk(cluster, tmp_path, commands(PAGE, "Drift", "Policy"))
    walk(cluster, tmp_path, commands(PAGE, "Permissions"))
