"""The policy beside the webhook, and where the two modes agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cluster.api import ApiError, Object
from cluster.harness import CONTENTS, WEBHOOK, Cluster, config, contents_of, init_contents_of, namespace, pod, render
from cluster.test_policy import (
    ALLOWED,
    CREDSPECS,
    DENIED,
    FOREIGN,
    NAME,
    OLDER,
    OTHER,
    TEXT,
    in_namespace,
    left_alone,
    make_older_pods,
    no_warnings,
    with_container,
)
from cluster.webhook_versions import NEW, checks_init_containers, image, needs

HOOK = "  webhook: {{image: {image}, qps: 1000, burst: 1000, {more}certificate: {{source: Derive}}}}\n"


def text(version: str, more: str = "") -> str:
    return config(HOOK.format(image=image(version), more=more), CREDSPECS)


@pytest.fixture(scope="module")
def hardened(running: Cluster, version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with webhook and policy; the pods OLDER are older than both."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "gmsa.yaml").write_text(text(version))
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
    "none of its own": (init(pod("a")), None),
    "the pod's, with contents": (init(pod("a"), **SAME), CONTENTS),
    "a container's, with contents": (init(pod("a", level="container"), **SAME), CONTENTS),
}
# Admitted from v0.14.0 on, with these contents.
INIT_OF_ITS_OWN = {
    "another one": (init(pod("a", service_account="both"), **{NAME: "gmsa-webapp2"}), OTHER),
    "another one, with contents": (
        init(pod("a", service_account="both"), **{NAME: "gmsa-webapp2", TEXT: OTHER}),
        OTHER,
    ),
    "alone": (init(pod("a", None), **{NAME: "gmsa-webapp1"}), CONTENTS),
    "alone, with contents": (init(pod("a", None), **SAME), CONTENTS),
    "the pod's, a name alone": (init(pod("a"), **{NAME: "gmsa-webapp1"}), CONTENTS),
}
# Never admitted; what the webhook says from v0.14.0 on.
NOT_AUTHORIZED = 'service account "webapp1" is not authorized to `use` GMSA cred spec "gmsa-webapp2"'
INIT_DENIED = {
    "foreign contents": (
        init(pod("a"), **{NAME: "gmsa-webapp1", TEXT: FOREIGN}),
        'does not match the contents of GMSA resource "gmsa-webapp1"',
    ),
    "foreign contents alone": (
        init(pod("a", None), **{NAME: "gmsa-webapp1", TEXT: FOREIGN}),
        'does not match the contents of GMSA resource "gmsa-webapp1"',
    ),
    "contents without a name": (
        init(pod("a"), **{TEXT: CONTENTS}),
        "has a GMSA cred spec set, but does not define the name of the corresponding resource",
    ),
    "one that it may not use": (init(pod("a"), **{NAME: "gmsa-webapp2"}), NOT_AUTHORIZED),
    "one that it may not use, with contents": (init(pod("a"), **{NAME: "gmsa-webapp2", TEXT: OTHER}), NOT_AUTHORIZED),
    "one that does not exist": (init(pod("a"), **{NAME: "gmsa-nobody"}), "cred spec gmsa-nobody does not exist"),
}
BY_THE_POLICY = (
    "ValidatingAdmissionPolicy 'gmsa-webhook-hardening' with binding 'gmsa-webhook-hardening' denied request"
)


@pytest.mark.parametrize("name", INIT_ALLOWED)
def test_init_containers_that_repeat(name: str, hardened: Cluster) -> None:
    item, contents = INIT_ALLOWED[name]
    assert init_contents_of(hardened.try_pod(item)) == [contents]


@pytest.mark.parametrize("name", INIT_OF_ITS_OWN)
def test_init_containers_with_one_of_their_own(name: str, hardened: Cluster, version: str) -> None:
    item, contents = INIT_OF_ITS_OWN[name]
    if checks_init_containers(version):
        assert init_contents_of(hardened.try_pod(item)) == [contents]
    else:
        refused_by_the_policy(hardened, item)


@pytest.mark.parametrize("name", INIT_DENIED)
def test_init_containers_with_something_else(name: str, hardened: Cluster, version: str) -> None:
    item, message = INIT_DENIED[name]
    if checks_init_containers(version):
        verdict = hardened.verdict(item)
        assert f'admission webhook "{WEBHOOK}" denied the request' in verdict
        assert message in verdict
    else:
        refused_by_the_policy(hardened, item)


def refused_by_the_policy(cluster: Cluster, item: Object) -> None:
    verdict = cluster.verdict(item)
    assert BY_THE_POLICY in verdict
    assert "no other credential spec than the pod" in verdict


def test_ephemeral_containers(hardened: Cluster) -> None:
    hardened.client.create(pod("runs"))
    left_alone(hardened, "runs")


@pytest.mark.parametrize("name", OLDER)
def test_older_pods_are_left_alone(name: str, hardened: Cluster) -> None:
    left_alone(hardened, name)


def test_many_containers(hardened: Cluster, version: str) -> None:
    """Within the limits of CEL: each of twenty init containers is looked for among fifty."""
    pairs = (SAME, {NAME: "gmsa-webapp2", TEXT: OTHER})
    item = pod("a", None, service_account="both")
    for n in range(50):
        item = with_container(item, "containers", f"c{n}", **{NAME: pairs[n % 2][NAME]})
    for n in range(20):
        item = with_container(item, "initContainers", f"i{n}", **pairs[n % 2])
    assert hardened.verdict(item) == ""
    said = "does not match the contents" if checks_init_containers(version) else "no other credential spec than the pod"
    assert said in hardened.verdict(init(item, **{NAME: "gmsa-webapp1", TEXT: OTHER}))


def test_types(hardened: Cluster) -> None:
    no_warnings(hardened, "gmsa-webhook-hardening")


# Meant to differ; docs/concepts/admission-modes.md has the table.
FILLED_IN = {"name without contents", "name without contents in a container", "a bare name hides the pod's"}
FILLED_IN_FROM_0_14 = {"name without contents in an init container"}
AS_JSON = {"the same JSON in other letters"}
DIFFERS = {"previous contents"}
DIFFERS_BEFORE_0_14 = {"init container"}


@pytest.mark.parametrize("name", sorted({*ALLOWED, *DENIED}))
def test_the_modes_agree(name: str, hardened: Cluster, version: str) -> None:
    """The pods of test_policy, which knows mode Policy's verdicts, in mode Webhook."""
    item = ALLOWED[name] if name in ALLOWED else DENIED[name][0]
    is_new = checks_init_containers(version)
    filled_in = FILLED_IN | (FILLED_IN_FROM_0_14 if is_new else set())
    admitted = name in ALLOWED
    if name in filled_in | AS_JSON | DIFFERS | (set() if is_new else DIFFERS_BEFORE_0_14):
        admitted = not admitted
    assert (hardened.verdict(item) == "") is admitted
    if name in filled_in:
        tried = hardened.try_pod(item)
        assert CONTENTS in [*contents_of(tried), *init_contents_of(tried)]


def test_namespaces_that_are_left_out(cluster: Cluster, rendered: Callable[..., list[Object]]) -> None:
    """What is refused in another namespace is admitted there, and nothing is filled in."""
    needs(NEW)
    cluster.install(rendered(text(NEW, "excludedNamespaces: [legacy], ")))
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": it, "namespace": "legacy"}}
        for it in ("webapp1", "webapp2", "both")
    ]
    cluster.client.apply(namespace("legacy"), *accounts)
    denied = [item for name, (item, _) in DENIED.items() if name not in FILLED_IN | FILLED_IN_FROM_0_14 | AS_JSON]
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
    cluster: Cluster, version: str, rendered: Callable[..., list[Object]]
) -> None:
    """What the policy is for: else the tests above would prove nothing."""
    cluster.install(rendered(text(version, "hardeningPolicy: false, ")))
    for item, _ in INIT_DENIED.values():
        assert (cluster.verdict(item) == "") is not checks_init_containers(version)
    assert cluster.verdict(pod("a", contents=FOREIGN)) != ""
    cluster.debug(cluster.client.create(pod("runs")), {NAME: "gmsa-webapp2", TEXT: FOREIGN})
