"""The policy beside the webhook, and where the two modes agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cluster.api import ApiError, Object
from cluster.harness import CONTENTS, Cluster, config, contents_of, namespace, pod, render
from cluster.test_policy import (
    ALLOWED,
    CREDSPECS,
    DENIED,
    FOREIGN,
    NAME,
    OLDER,
    OTHER,
    TEXT,
    change,
    in_namespace,
    left_alone,
    make_older_pods,
    no_warnings,
    with_container,
)

HOOK = "  webhook: {{qps: 1000, burst: 1000, {more}certificate: {{source: Derive}}}}\n"


@pytest.fixture(scope="module")
def hardened(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with webhook and policy; the pods OLDER are older than both."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "gmsa.yaml").write_text(config(HOOK.format(more=""), CREDSPECS))
    items = render(folder / "gmsa.yaml")
    checks = [it for it in items if it["apiVersion"].startswith("admissionregistration.k8s.io/")]
    running.install([it for it in items if it not in checks])
    make_older_pods(running)
    running.install(checks)
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
    "another one": (
        init(pod("a", service_account="both"), **{NAME: "gmsa-webapp2", TEXT: OTHER}),
        "no other credential spec than the pod",
    ),
    "foreign contents": (
        init(pod("a"), **{NAME: "gmsa-webapp1", TEXT: FOREIGN}),
        "no other credential spec than the pod",
    ),
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
    assert (
        "ValidatingAdmissionPolicy 'gmsa-webhook-hardening' with binding 'gmsa-webhook-hardening' denied request"
        in verdict
    )
    assert message in verdict


def test_ephemeral_containers(hardened: Cluster) -> None:
    hardened.client.create(pod("runs"))
    left_alone(hardened, "runs")


@pytest.mark.parametrize("name", OLDER)
def test_older_pods_are_left_alone(name: str, hardened: Cluster) -> None:
    left_alone(hardened, name)


def test_many_containers(hardened: Cluster) -> None:
    """Within the limits of CEL: each of twenty init containers is looked for among fifty."""
    pairs = (SAME, {NAME: "gmsa-webapp2", TEXT: OTHER})
    item = pod("a", None, service_account="both")
    for n in range(50):
        item = with_container(item, "containers", f"c{n}", **{NAME: pairs[n % 2][NAME]})
    for n in range(20):
        item = with_container(item, "initContainers", f"i{n}", **pairs[n % 2])
    assert hardened.verdict(item) == ""
    assert "no other credential spec than the pod" in hardened.verdict(
        init(item, **{NAME: "gmsa-webapp1", TEXT: OTHER})
    )


def test_types(hardened: Cluster) -> None:
    no_warnings(hardened, "gmsa-webhook-hardening")


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


def test_namespaces_that_are_left_out(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """What is refused in another namespace is admitted there, and nothing is filled in."""
    cluster.install(rendered(config(HOOK.format(more="excludedNamespaces: [legacy], "), CREDSPECS)))
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": it, "namespace": "legacy"}}
        for it in ("webapp1", "webapp2", "both")
    ]
    cluster.client.apply(namespace("legacy"), *accounts)
    denied = [item for name, (item, _) in DENIED.items() if name not in FILLED_IN | AS_JSON]
    for item in (*denied, *(item for item, _ in INIT_DENIED.values())):
        assert cluster.verdict(item) != ""
        assert cluster.verdict(in_namespace(item, "legacy")) == ""
    for level, wanted in (("pod", [CONTENTS, None]), ("container", [None, CONTENTS])):
        assert contents_of(cluster.try_pod(pod("a", level=level))) == wanted
        assert contents_of(cluster.try_pod(in_namespace(pod("a", level=level), "legacy"))) == [None, None]
    cluster.debug(cluster.client.create(in_namespace(pod("runs"), "legacy")), SAME)
    runs = cluster.client.create(pod("runs"))
    with pytest.raises(ApiError, match="an ephemeral container has the credential spec of its pod"):
        cluster.debug(runs, SAME)


def test_without_the_policy_the_webhook_lets_them_through(
    cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    """What the policy is for: else the tests above would prove nothing."""
    cluster.install(rendered(config(HOOK.format(more="hardeningPolicy: false, "), CREDSPECS)))
    for item, _ in INIT_DENIED.values():
        assert cluster.verdict(item) == ""
    assert cluster.verdict(change(pod("a", contents=FOREIGN), lambda _: None)) != ""
