"""What the cluster tests have found in the manifests, held without a cluster."""

from __future__ import annotations

from conftest import Render, config


def test_a_deleted_pod_serves_until_no_new_connection_comes(render: Render) -> None:
    spec = render(config("  webhook: {certificate: {source: CertManager}}\n")).object("Deployment")["spec"]["template"][
        "spec"
    ]
    seconds = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 5 <= seconds < spec.get("terminationGracePeriodSeconds", 30)
