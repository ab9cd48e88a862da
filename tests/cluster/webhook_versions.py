"""The webhook's versions in the tests: one before it looked at init containers, and the one that is the default.

The stand-in takes the version from the image of its pod. A real binary (CLUSTER_TEST_WEBHOOK=PATH) has one version
only; CLUSTER_TEST_WEBHOOK_VERSION says which, and the tests of another one are skipped.
"""

from __future__ import annotations

import os
import re

import pytest

from cluster.stand_in import FLAGS, INIT_CONTAINERS, RANDOM_HOST_NAMES, RATE_LIMITS, Version

OLD, NEW = "v0.13.0", "v0.14.1"
BINARY = os.environ.get("CLUSTER_TEST_WEBHOOK")
BINARY_VERSION = os.environ.get("CLUSTER_TEST_WEBHOOK_VERSION", NEW)


def image(version: str) -> str:
    return f"registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:{version}"


def version_of(text: str) -> Version:
    """That of a version or an image's tag; the newest where the tag says nothing."""
    found = re.search(r"(?:^|:)v(\d+)\.(\d+)\.(\d+)", text) or re.search(r"(\d+)\.(\d+)\.(\d+)", NEW)
    assert found
    return int(found[1]), int(found[2]), int(found[3])


def checks_init_containers(version: str) -> bool:
    return version_of(version) >= INIT_CONTAINERS


def needs(*versions: str) -> None:
    """Skips where the webhook is a real binary that can less or more than one of the versions."""
    for version in versions:
        if BINARY and _features(version) != _features(BINARY_VERSION):
            pytest.skip(
                f"CLUSTER_TEST_WEBHOOK is {BINARY_VERSION} (CLUSTER_TEST_WEBHOOK_VERSION), and this is about {version}"
            )


def _features(version: str) -> list[bool]:
    return [version_of(version) >= since for since in (FLAGS, RATE_LIMITS, RANDOM_HOST_NAMES, INIT_CONTAINERS)]
