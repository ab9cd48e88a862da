"""`make bench-admission`: what admission costs a pod, on the cluster tests' control plane; as root, in namespaces.

Writes its section of BENCHMARKS.md; `--check` compares with the bounds instead, and fails with the figures that miss
them. Pods are dry runs: they pass the same admission, and nothing has to be cleaned up. Where CLUSTER_TEST_WEBHOOK
names a real webhook, mode Webhook is measured with it as well as with the stand-in.

Latencies at one at a time are taken in turns: a request that no admission looks at, a pod without gMSA and one with, in
random order. What a turn's pods take in units of its first request changes little on a machine that others use too: they
slow down all three. Everything is installed and measured in several rounds, so that one bad minute is not all there is.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from document import ADMISSION, replace_section

from cluster.api import Object, until
from cluster.control_plane import ControlPlane
from cluster.harness import FAST, Cluster, config, contents_of, namespace, pod, render
from cluster.network import loopback_up
from cluster.node import Node
from cluster.webhook_versions import BINARY, BINARY_VERSION, image
from conftest import CONTENTS, DOMAIN, HEAD

_ROUNDS = 3
_ALONE = 400  # requests of each kind in a round, one at a time
_TOGETHER = 300  # requests of each kind in a round, four at a time
_THREADS = 4
_TICKS = os.sysconf("SC_CLK_TCK")
_NOTHING = "nothing installed"
_CONTROL: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "control", "namespace": "web"},
    "data": {"a": "b"},
}
_PLAIN = pod("plain", None, service_account="all")


@dataclass(frozen=True)
class Scenario:
    """What is installed, and the gMSA pod that is admitted with it. `bound`: of the gMSA pod's latency, against `against`.

    `binary`: the real webhook that is run; None: the stand-in, or none.
    """

    name: str
    config: str | None
    pod: Object
    binary: str | None = None
    against: str = ""
    bound: float | None = None


@dataclass
class Figures:
    """Of a round: seconds at one and at four at a time, by kind of request: control, plain, gmsa."""

    alone: dict[str, list[float]]
    together: dict[str, list[float]]
    rate: dict[str, float]


Measured = dict[str, list[Figures]]  # the rounds of a scenario, by its name


def in_controls(rounds: list[Figures], kind: str) -> float:
    """The latency in units of the control's: the median of those of all turns."""
    turns = [turn for it in rounds for turn in zip(it.alone[kind], it.alone["control"], strict=True)]
    return statistics.median(seconds / control for seconds, control in turns)


def policy(number: int, more: str = "") -> str:
    accounts = "".join(f"  - account: App{n:04}\n    usedBy: []\n" for n in range(number))
    return f"{HEAD}{DOMAIN}  credspecs:\n{accounts}  admission: {{mode: Policy}}\n{more}"


def scenarios() -> list[Scenario]:
    gmsa = pod("gmsa", "gmsa-app0001", service_account="all")
    with_contents = pod("gmsa", "gmsa-app0001", contents=CONTENTS.replace("WebApp1", "App0001"), service_account="all")
    few, few_expanded = "mode Policy, 2 credential specs", "`expand`, 2 credential specs"
    found = [
        Scenario(_NOTHING, None, _PLAIN),
        Scenario("mode Webhook, the stand-in, a program in Python", config(), pod("gmsa")),
    ]
    if BINARY:
        settings = f"{{{FAST}, image: '{image(BINARY_VERSION)}', certificate: {{source: Derive}}}}"
        name = "mode Webhook, a build of the real webhook"
        found.append(Scenario(name, config(f"  webhook: {settings}\n"), pod("gmsa"), BINARY))
    for number in (2, 100, 500, 2000):
        bound = 1.25 if number == 2000 else None
        name = f"mode Policy, {number:,} credential specs"
        found.append(Scenario(name, policy(number), with_contents, against=few, bound=bound))
    for number in (2, 100, 500, 2000):
        bound = 1.25 if number == 2000 else None
        text = policy(number, "  policy: {expand: true}\n")
        name = f"`expand`, {number:,} credential specs"
        found.append(Scenario(name, text, gmsa, against=few_expanded, bound=bound))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the bounds, write nothing")
    options = parser.parse_args()
    loopback_up(("10.96.0.1", "255.255.0.0"))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        folder.chmod(0o755)
        control_plane = ControlPlane("newest", folder / "control-plane")
        control_plane.start()
        node = Node(control_plane.client, folder / "pods")
        try:
            (folder / "pods").mkdir()
            node.start()
            cluster = Cluster(control_plane, node)
            measured: Measured = {it.name: [] for it in scenarios()}
            for number in range(_ROUNDS):
                print(f"round {number + 1} of {_ROUNDS}", flush=True)
                for it in scenarios():
                    measured[it.name].append(measured_in(it, cluster, control_plane, folder))
            release = cluster.client.get("/version")["gitVersion"]
        finally:
            node.stop()
            control_plane.stop()
    missed = [line for it in scenarios() for line in misses(it, measured)]
    if options.check:
        print("\n".join(missed))
        return 1 if missed else 0
    replace_section(ADMISSION, section(measured, release))
    return 0


def measured_in(scenario: Scenario, cluster: Cluster, control_plane: ControlPlane, folder: Path) -> Figures:
    print(f"{scenario.name}: installing", flush=True)
    items: list[Object] = []
    if scenario.config is not None:
        (folder / "gmsa.yaml").write_text(scenario.config)
        items = render(folder / "gmsa.yaml")
    policies = [it for it in items if "AdmissionPolicy" in it["kind"]]
    if policies and not any(it["kind"] == "Deployment" for it in items):
        items = policies  # thousands of credential specs and roles are not what is measured
    cluster.client.apply(namespace("web"), *access())
    cluster.node.binary = scenario.binary
    cluster.install(items)
    for process in cluster.node.processes.values():
        assert Path(f"/proc/{process}/exe").samefile(scenario.binary or sys.executable)
    wanted = contents_of(scenario.pod)[0] or (CONTENTS if "Webhook" in scenario.name else None)
    until(lambda: not cluster.verdict(scenario.pod), lambda: f"the pod passes: {cluster.verdict(scenario.pod)}")
    admitted = contents_of(cluster.try_pod(scenario.pod))[0]
    assert wanted is None or admitted == wanted, admitted
    settle(control_plane)
    requests = {"control": _CONTROL, "plain": _PLAIN, "gmsa": scenario.pod}
    for item in requests.values():
        timed(cluster, item, 50)
    alone: dict[str, list[float]] = {kind: [] for kind in requests}
    order = random.Random(scenario.name)
    for _ in range(_ALONE):
        for kind in order.sample(list(requests), len(requests)):
            alone[kind] += timed(cluster, requests[kind], 1)
    together, rate = {}, {}
    for kind, item in requests.items():
        together[kind], rate[kind] = at_once(cluster, item)
    figures = Figures(alone, together, rate)
    controls = (
        f"{in_controls([figures], 'gmsa'):.2f} of the control's, without gMSA {in_controls([figures], 'plain'):.2f}"
    )
    print(f"  {rate['gmsa']:.0f} gMSA pods/s, p50 {_ms(alone['gmsa'], 50)}, {controls}", flush=True)
    cluster.clean()
    return figures


def access() -> list[Object]:
    """A service account that may use every credential spec."""
    rule = {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["use"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "all", "namespace": "web"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "use-all", "namespace": "web"},
            "rules": [rule],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "use-all", "namespace": "web"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "use-all"},
            "subjects": [{"kind": "ServiceAccount", "name": "all", "namespace": "web"}],
        },
    ]


def settle(control_plane: ControlPlane) -> None:
    """Waits until the control plane idles: after a policy has come, the controllers check its types."""

    def is_idle() -> bool:
        before = cpu(control_plane.pids)
        time.sleep(1)
        return cpu(control_plane.pids) - before < 0.4  # the webhook's node asks all the time

    until(is_idle, "the controllers have settled", 180)


def cpu(pids: list[int]) -> float:
    """Seconds of processor time that the processes have taken."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def timed(cluster: Cluster, item: Object, number: int) -> list[float]:
    found = []
    for _ in range(number):
        started = time.perf_counter()
        cluster.client.create(item, dryRun="All")
        found.append(time.perf_counter() - started)
    return found


def at_once(cluster: Cluster, item: Object) -> tuple[list[float], float]:
    """Latencies from several threads, and requests a second."""
    found: list[list[float]] = [[] for _ in range(_THREADS)]

    def run(index: int) -> None:
        timed(cluster, item, 10)
        found[index] = timed(cluster, item, _TOGETHER // _THREADS)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(_THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    return [it for part in found for it in part], (_TOGETHER + 10 * _THREADS) / seconds


def misses(scenario: Scenario, measured: Measured) -> list[str]:
    rounds = measured[scenario.name]
    lines = []
    plain = in_controls(rounds, "plain") / in_controls(measured[_NOTHING], "plain")
    if plain > 1.1:
        lines.append(f"{scenario.name}: a pod without gMSA takes {plain:.2f}x of nothing installed, bound 1.1x")
    if scenario.bound is not None:
        gmsa = in_controls(rounds, "gmsa") / in_controls(measured[scenario.against], "gmsa")
        if gmsa > scenario.bound:
            lines.append(f"{scenario.name}: takes {gmsa:.2f}x of {scenario.against}, bound {scenario.bound:g}x")
    return lines


def section(measured: Measured, release: str) -> str:
    head = [
        *("installed", "gMSA pods/s", "p50", "p99", "p50, four at a time", "p99, four at a time"),
        *("against", "bound", "without gMSA, p50", "against nothing", "bound"),
    ]
    lines = [head, ["---"] * len(head), *(row(it, measured) for it in scenarios())]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"""\
Written by `make bench-admission`, on an API server {release} with {os.cpu_count()} processors that it shares with etcd, the
controllers, the measuring program and whatever else runs; the load was {os.getloadavg()[2]:.1f} on average in the last quarter of
an hour. Dry-run pods, one and four at a time; latencies as the client sees them, of {_ROUNDS} rounds in which each was
installed. Ratios are of latencies at one at a time, in units of a request that no admission looks at, taken in turns
with it.

{table}
"""


def row(scenario: Scenario, measured: Measured) -> list[str]:
    rounds = measured[scenario.name]
    plain = _ms([second for it in rounds for second in it.alone["plain"]], 50)
    if scenario.config is None:
        return [scenario.name, *[""] * 7, plain, "", ""]
    alone = [second for it in rounds for second in it.alone["gmsa"]]
    together = [second for it in rounds for second in it.together["gmsa"]]
    against = ""
    if scenario.against not in ("", scenario.name):
        ratio = in_controls(rounds, "gmsa") / in_controls(measured[scenario.against], "gmsa")
        against = f"{ratio:.2f}x of {scenario.against}"
    return [
        scenario.name,
        f"{statistics.median(it.rate['gmsa'] for it in rounds):.0f}",
        *(_ms(alone, 50), _ms(alone, 99), _ms(together, 50), _ms(together, 99)),
        against,
        f"{scenario.bound:g}x" if scenario.bound else "",
        plain,
        f"{in_controls(rounds, 'plain') / in_controls(measured[_NOTHING], 'plain'):.2f}x",
        "1.1x",
    ]


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{statistics.quantiles(seconds, n=100)[percentile - 1] * 1000:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
