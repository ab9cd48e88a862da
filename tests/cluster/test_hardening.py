"""The policy beside the webhook, and where the two modes agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cluster.api import ApiError, Object
from cluster.harness import CONTENTS, Cluster, config, contents_of, pod, render
from cluster.test_policy import (
    ALLOWED,
    CREDSPECS,
    DENIED,
    FOREIGN,
    NAME,
    OTHER,
    TEXT,
    change,
    no_warnings,
    with_container,
)

HOOK = "  webhook: {{qps: 1000, burst: 1000, {more}certificate: {{source: Derive}}}}\n"


@pytest.fixture(scope="module")
def hardened(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("config")
    (folder / "gmsa.yaml").write_text(config(HOOK.format(more=""), CREDSPECS))
    running.install(render(folder / "gmsa.yaml"))
    yield running
    running.clean()


def init(item: Object, **options: str) -> Object:
    return with_container(item, "initContainers", "x", **options)


SAME = {NAME: "gmsa-webapp1", TEXT: CONTENTS}
INIT_ALLOWED = {
    "none of its own": init(pod("a")),
    "the pod's, with contents": init(pod("a"), **SAME),
    "a container's, with contents": init(pod("a", level="container"), **SAME),
}
INIT_DENIED = {
    "another one": (init(pod("a", service_account="both"), **{NAME: "gmsa-webapp2", TEXT: OTHER}), "no other credential spec than the pod"),
    "foreign contents": (init(pod("a"), **{NAME: "gmsa-webapp1", TEXT: FOREIGN}), "no other credential spec than the pod"),
    "alone": (init(pod("a", None), **SAME), "no other credential spec than the pod"),
    "a name alone": (init(pod("a"), **{NAME: "gmsa-webapp1"}), "belong together; not so at initContainers x"),
    "contents alone": (init(pod("a"), **{TEXT: CONTENTS}), "belong together; not so at initContainers x"),
}


@pytest.mark.parametrize("name", INIT_ALLOWED)
def test_init_containers_that_repeat(name: str, hardened: Cluster) -> None:
    assert hardened.verdict(INIT_ALLOWED[name]) == ""


@pytest.mark.parametrize("name", INIT_DENIED)
def test_init_containers_with_something_else(name: str, hardened: Cluster) -> None:
    item, message = INIT_DENIED[name]
    verdict = hardened.verdict(item)
    assert "ValidatingAdmissionPolicy 'gmsa-webhook' with binding 'gmsa-webhook' denied request" in verdict
    assert message in verdict


def test_ephemeral_containers(hardened: Cluster) -> None:
    path = hardened.client.path(hardened.client.create(pod("runs"))) + "/ephemeralcontainers"
    for options, good in (({}, True), ({NAME: "gmsa-webapp1"}, False), (SAME, False), ({TEXT: FOREIGN}, False)):
        context = {"securityContext": {"windowsOptions": options}} if options else {}
        body = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "iis", **context}]}}
        if good:
            hardened.client.request("PATCH", path, body, "application/strategic-merge-patch+json", dryRun="All")
            continue
        with pytest.raises(ApiError, match="an ephemeral container has the credential spec of its pod"):
            hardened.client.request("PATCH", path, body, "application/strategic-merge-patch+json", dryRun="All")


def test_types(hardened: Cluster) -> None:
    no_warnings(hardened, "gmsa-webhook")


# Meant to differ; POLICY.md has the table.
FILLED_IN = {"name without contents", "name without contents in a container", "a bare name hides the pod's"}
AS_JSON = {"the same JSON in other letters"}
DIFFERS = {"previous contents", "init container"}


@pytest.mark.parametrize("name", sorted({*ALLOWED, *DENIED}))
def test_the_modes_agree(name: str, hardened: Cluster) -> None:
    """The pods of test_policy, which knows mode Policy's verdicts, in mode Webhook."""
    item = ALLOWED[name] if name in ALLOWED else DENIED[name][0]
    admitted = name in ALLOWED
    if name in FILLED_IN | AS_JSON | DIFFERS:
        admitted = not admitted
    assert (hardened.verdict(item) == "") is admitted
    if name in FILLED_IN:
        assert CONTENTS in contents_of(hardened.try_pod(item))


def test_without_the_policy_the_webhook_lets_them_through(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """What the policy is for: else the tests above would prove nothing."""
    cluster.install(rendered(config(HOOK.format(more="hardeningPolicy: false, "), CREDSPECS)))
    for item, _ in INIT_DENIED.values():
        assert cluster.verdict(item) == ""
    assert cluster.verdict(change(pod("a", contents=FOREIGN), lambda _: None)) != ""
