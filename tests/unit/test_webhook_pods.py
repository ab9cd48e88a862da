"""The pods of the webhook."""

from __future__ import annotations

from builders import CERT_MANAGER, gmsa_config, pod_of
from conftest import Render


def test_a_deleted_pod_serves_until_no_new_connection_comes(render: Render) -> None:
    """Tests on a cluster found refused connections without it."""
    pod = pod_of(render(gmsa_config(CERT_MANAGER)))
    seconds = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 5 <= seconds < pod.get("terminationGracePeriodSeconds", 30)
