"""Each source of certificates but CertManager, by the handshake that the API server itself makes with the webhook's pods."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.api import Object
from cluster.harness import FAST, PROGRAM, Cluster, Loop, config
from conftest import environment

SOURCES = ("Generate", "Derive", "Files", "ExistingSecret")


def with_source(source: str) -> str:
    more = ", existingSecret: {name: own-tls, caBundleFile: certs/ca.crt}" if source == "ExistingSecret" else ""
    return config(f"  webhook: {{{FAST}, certificate: {{source: {source}{more}}}}}\n")


@pytest.mark.parametrize("source", SOURCES)
def test_the_api_server_trusts_the_webhook(
    source: str, cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path
) -> None:
    subprocess.run(
        [PROGRAM, "certs", "issue", "--dir", tmp_path / "certs"],
        env=environment(tmp_path),
        check=True,
        capture_output=True,
    )

    def make_the_secret() -> None:
        if source == "ExistingSecret":
            data = {
                name: base64.b64encode((tmp_path / "certs" / name).read_bytes()).decode()
                for name in ("tls.crt", "tls.key")
            }
            metadata = {"name": "own-tls", "namespace": "gmsa-webhook"}
            cluster.client.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}
            )

    items = rendered(with_source(source))
    assert any(it["kind"] == "Secret" for it in items) is (source != "ExistingSecret")
    cluster.install(items, make_the_secret)
    cluster.admits()


def test_files_that_are_issued_anew(cluster: Cluster, rendered: Callable[..., list[Object]], tmp_path: Path) -> None:
    """`certs issue --force` keeps the old CA in the bundle, so Secret, pods and configurations may come in any order."""
    issue = [PROGRAM, "certs", "issue", "--dir", tmp_path / "certs"]
    subprocess.run(issue, env=environment(tmp_path), check=True, capture_output=True)
    before = rendered(with_source("Files"))
    cluster.node.image_finishes = True
    cluster.install(before)
    subprocess.run([*issue, "--force"], env=environment(tmp_path), check=True, capture_output=True)
    after = rendered(with_source("Files"))
    configurations = [it for it in after if it["kind"].endswith("WebhookConfiguration")]
    with Loop(cluster) as loop:
        cluster.client.apply(*configurations)
        loop.goes_on()
        cluster.install([it for it in after if it not in configurations])
        loop.goes_on()
    assert loop.wrong == []
