"""Objects that gmsa-krm 0.1 rendered are taken over by this version without a gap, as docs/upgrade.md promises."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from cluster.api import Object, until
from cluster.harness import CONTENTS, NOW, Cluster, Loop, namespace, objects, pod, render, text_of
from cluster.test_rotation import IN_FLIGHT
from cluster.webhook_versions import NEW, OLD, needs
from conftest import ROOT, identity

FOLDER = Path(__file__).parent / "version_0_1"
RENDERED_AT = 1_780_000_000  # by 0.1
CONFIGURATIONS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
FOREIGN = CONTENTS.replace("WebApp1", "Administrator")


class One(Loop):
    threads = 1


def of_0_1(name: str) -> list[Object]:
    return objects((FOLDER / f"{name}.rendered.yaml").read_text())


def of_this_version(name: str, epoch: int = NOW) -> list[Object]:
    return render(FOLDER / f"{name}.gmsa.yaml", SOURCE_DATE_EPOCH=str(epoch))


@contextlib.contextmanager
def loops(cluster: Cluster, name: str) -> Iterator[list[Loop]]:
    """Pods that must be admitted with their contents, and pods that must be refused."""
    fills_in = name != "policy"
    found: list[Loop] = [
        One(cluster, pod("allowed", contents=None if fills_in else CONTENTS)),
        One(cluster, pod("own-contents", contents=CONTENTS)),
        One(cluster, pod("stranger", contents=CONTENTS, service_account="webapp2"), wanted=None),
        One(cluster, pod("foreign", contents=FOREIGN), wanted=None),
    ]
    with contextlib.ExitStack() as stack:
        for loop in found:
            stack.enter_context(loop)
        yield found


@pytest.fixture
def installed(name: str, cluster: Cluster) -> list[Object]:
    """The objects of 0.1, applied with kubectl's name; nothing of this version is there."""
    if name == "expand" and cluster.minor < 36:
        pytest.skip("pods are filled in from Kubernetes 1.36 on")
    needs(OLD, NEW)
    items = of_0_1(name)
    cluster.run_webhooks_of(items)
    cluster.client.apply(namespace("web"), *items, manager="kubectl")
    for item in items:
        if item["kind"] == "Deployment":
            cluster.rolled_out(item)
    cluster.configurations_seen(items)
    stranger = pod("stranger", contents=CONTENTS, service_account="webapp2")
    until(
        lambda: "denied" in cluster.verdict(stranger),
        lambda: f"what 0.1 rendered is in force: {cluster.verdict(stranger)}",
    )
    until(lambda: admits(cluster, name), lambda: f"a pod is admitted: {cluster.verdict(pod('a'))}")
    return items


def admits(cluster: Cluster, name: str) -> bool:
    return not cluster.verdict(pod("a", contents=CONTENTS if name == "policy" else None))


@pytest.mark.parametrize(
    ("name", "epoch"),
    [("webhook", NOW), ("webhook", RENDERED_AT), ("options", NOW), ("policy", NOW), ("expand", NOW)],
    ids=["webhook", "webhook, in the same epoch", "options", "policy", "expand"],
)
def test_no_gap(name: str, epoch: int, installed: list[Object], cluster: Cluster) -> None:
    """But for what an old pod is answering when it ends, which is refused, as in every rollout of upstream's image."""
    running = cluster.client.create(pod("runs", contents=CONTENTS))
    new = of_this_version(name, epoch)
    with loops(cluster, name) as found:

        def go_on() -> None:
            for loop in found:
                loop.goes_on(20)

        go_on()
        # The old pods answer the new configurations, until the Deployment is applied as well.
        early = [it for it in new if it["kind"] in (*CONFIGURATIONS, "Secret")]
        cluster.client.apply(*early, manager="kubectl")
        go_on()
        # No conflict: nobody else owns a field. Nothing is forced.
        cluster.kubectl("apply", "--server-side", "-f", "-", text=text_of(new))
        go_on()
        for item in new:
            if item["kind"] == "Deployment":
                cluster.rolled_out(item)
        go_on()
    wrong = [it for loop in found for it in loop.wrong]
    assert [it for it in wrong if not IN_FLIGHT.search(it)] == []
    assert len(wrong) <= 2 * len(found)

    assert_nothing_is_left(installed, new)
    diff = cluster.kubectl("diff", "--server-side", "-f", "-", text=text_of(new), check=False)
    assert (diff.returncode, diff.stdout) == (0, "")
    assert_certificates_are_trusted(cluster, installed, new, epoch)
    # A pod of before is one that the new objects accept: an update of it is admitted.
    cluster.client.patch(cluster.client.path(running), {"metadata": {"labels": {"updated": "true"}}})


def assert_nothing_is_left(old: list[Object], new: list[Object]) -> None:
    """An object that 0.1 rendered and this version does not is one that the upgrade notes say to delete."""
    notes = (ROOT / "docs/upgrade.md").read_text()
    left = {identity(it) for it in old} - {identity(it) for it in new}
    assert [it for it in sorted(left) if f"{it[0]} `{it[2]}`" not in notes] == []


def assert_certificates_are_trusted(cluster: Cluster, old: list[Object], new: list[Object], epoch: int) -> None:
    """The old and the new serving certificate by the old and the new CA: the two may be applied in any order."""
    if not any(it["kind"] in CONFIGURATIONS for it in new):
        return
    served = {load_pem_x509_certificate(it.encode()) for it in cluster.node.certificates.values()}
    before, after = (load_pem_x509_certificate(of_secret(it, "tls.crt")) for it in (old, new))
    assert served == {after}
    assert (before == after) is (epoch == RENDERED_AT)
    for authority in (load_pem_x509_certificate(of_secret(it, "ca.crt")) for it in (old, new)):
        for certificate in (before, after):
            certificate.verify_directly_issued_by(authority)
            assert certificate.not_valid_after_utc > datetime.now(UTC)


def of_secret(items: list[Object], key: str) -> bytes:
    return base64.b64decode(next(it["data"][key] for it in items if key in it.get("data", {})))
