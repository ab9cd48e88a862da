"""From the objects of gmsa-krm 0.1 to an image that looks at init containers, by the ways of docs/upgrade.md."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api import Object, until
from cluster.harness import CONTENTS, Cluster, Loop, config, init_contents_of, mutated, one, pod, render
from cluster.test_hardening import HOOK, init
from cluster.test_policy import CREDSPECS, FOREIGN, NAME, OTHER, TEXT
from cluster.test_rotation import IN_FLIGHT
from cluster.walk import walk
from cluster.webhook_versions import NEW, OLD, image, needs
from conftest import ROOT
from pages import commands

PAGE = "docs/upgrade.md"
HEADING = "From gmsa-krm 0.1, or from an image before v0.14.0"
# What the policy of 0.1 had in place of ours for the same image; all its other objects were the same.
OF_0_1 = {
    "expression": "request.operation == 'UPDATE' || variables.places.all(p, (p.name == '') == (p.contents == ''))",
    "message": "gmsaCredentialSpecName and gmsaCredentialSpec belong together",
}
OF_ITS_OWN = init(pod("init", service_account="both"), **{NAME: "gmsa-webapp2", TEXT: OTHER})
ADMITTED = (pod("allowed"), init(pod("repeats"), **{NAME: "gmsa-webapp1", TEXT: CONTENTS}))
INIT_FOREIGN = init(pod("init-foreign"), **{NAME: "gmsa-webapp1", TEXT: FOREIGN})
REFUSED = (
    INIT_FOREIGN,
    init(pod("init-stranger"), **{NAME: "gmsa-webapp2", TEXT: OTHER}),
    init(pod("init-nameless"), **{TEXT: CONTENTS}),
    pod("foreign", contents=FOREIGN),
)


class One(Loop):
    threads = 1


class Debugged(One):
    """Ephemeral containers, in place of pods."""

    def _ask(self) -> Object:
        return self._cluster.debug(self._item, {NAME: "gmsa-webapp1", TEXT: CONTENTS})


def write(folder: Path, image_version: str, more: str = "") -> Path:
    (folder / "gmsa.yaml").write_text(config(HOOK.format(image=image(image_version), more=more), CREDSPECS))
    return folder / "gmsa.yaml"


def of_0_1(folder: Path) -> list[Object]:
    def change(policy: Object) -> None:
        validations = policy["spec"]["validations"]
        assert [
            "variables.vouched.all(p, p.name == '' || p.contents != '')" in it["expression"] for it in validations
        ] == [
            False,
            False,
            True,
            False,
        ]
        validations[2] = OF_0_1

    return mutated(render(write(folder, OLD)), "ValidatingAdmissionPolicy", change)


@contextlib.contextmanager
def loops(cluster: Cluster) -> Iterator[list[Loop]]:
    running = cluster.client.create(pod("runs"))
    found = [
        *(One(cluster, item) for item in ADMITTED),
        *(One(cluster, item, wanted=None) for item in REFUSED),
        Debugged(cluster, running, wanted=None),
    ]
    with contextlib.ExitStack() as stack:
        for loop in found:
            stack.enter_context(loop)
        yield found


@pytest.mark.parametrize("way", ["kubectl", "two commits and back"])
def test_no_gap(way: str, cluster: Cluster, tmp_path: Path) -> None:
    """But for what an old pod is answering when it ends, which is refused, as in every rollout of upstream's image."""
    needs(OLD, NEW)
    cluster.install(of_0_1(tmp_path))
    with loops(cluster) as found:

        def go_on(_: object = None) -> None:
            for loop in found:
                loop.goes_on(10)

        def commit(version: str, more: str = "") -> None:
            items = render(write(tmp_path, version, more))
            cluster.client.apply(*items)
            cluster.rolled_out(one(items, "Deployment"))
            go_on()

        go_on()
        if way == "kubectl":
            write(tmp_path, NEW)
            walk(cluster, tmp_path, commands(PAGE, HEADING), go_on)
        else:
            assert f"version: {OLD}\n" in (ROOT / PAGE).read_text()
            commit(NEW, f"version: {OLD}, ")
            assert "no other credential spec than the pod" in cluster.verdict(OF_ITS_OWN)
            commit(NEW)
        until(lambda: not cluster.verdict(OF_ITS_OWN), "the webhook checks init containers")
        assert init_contents_of(cluster.try_pod(OF_ITS_OWN)) == [OTHER]
        go_on()
        if way != "kubectl":
            commit(NEW, f"version: {OLD}, ")
            until(lambda: cluster.verdict(OF_ITS_OWN), "the policy checks init containers again")
            commit(OLD)
    wrong = [it for loop in found for it in loop.wrong]
    assert [it for it in wrong if not IN_FLIGHT.search(it)] == []
    rollouts, replicas = (1 if way == "kubectl" else 2), 2
    assert len(wrong) <= rollouts * replicas * len(found)


def test_all_at_once_leaves_a_gap(cluster: Cluster, tmp_path: Path) -> None:
    """What the page warns of: the policy has dropped its rule, and the pods of the old image still answer."""
    needs(OLD, NEW)
    cluster.install(of_0_1(tmp_path))
    new = [it for it in render(write(tmp_path, NEW)) if it["kind"] != "Deployment"]  # a rollout that hangs
    with Loop(cluster, INIT_FOREIGN, wanted=None) as refused:
        refused.goes_on()
        assert refused.wrong == []
        cluster.client.apply(*new)
        until(lambda: refused.wrong, "the loop notices")
    assert init_contents_of(cluster.try_pod(INIT_FOREIGN)) == [FOREIGN]
