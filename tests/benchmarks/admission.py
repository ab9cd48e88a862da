"""`make bench-admission`: what admission costs a pod, on the cluster tests' control plane; as root, in namespaces.

Writes its section of BENCHMARKS.md; `--check` compares with the bounds instead, and fails with the figures that miss
them. Pods are dry runs: they pass the same admission, and nothing has to be cleaned up. Where CLUSTER_TEST_WEBHOOK
names a real webhook, mode Webhook is measured with it as well as with the stand-in.

Latencies at one at a time are measured in turns with a request that no admission looks at, and ratios are those of
latencies in units of that request, so that a machine that slows down for a while changes no ratio.
"""

from __future__ import annotations

import argparse
import os
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

_ALONE = 400  # requests of each kind, one at a time
_TOGETHER = 1200  # requests of each kind, four at a time
_THREADS = 4
_TICKS = os.sysconf("SC_CLK_TCK")
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
    """Seconds at one and at four at a time, by kind of request: control, plain, gmsa."""

    alone: dict[str, list[float]]
    together: dict[str, list[float]]
    rate: dict[str, float]

    def in_controls(self, kind: str) -> float:
        """The median latency in units of the control's."""
        return statistics.median(self.alone[kind]) / statistics.median(self.alone["control"])


def policy(number: int, more: str = "") -> str:
    accounts = "".join(f"  - account: App{n:04}\n    usedBy: []\n" for n in range(number))
    return f"{HEAD}{DOMAIN}  credspecs:\n{accounts}  admission: {{mode: Policy}}\n{more}"


def scenarios() -> list[Scenario]:
    gmsa = pod("gmsa", "gmsa-app0001", service_account="all")
    with_contents = pod("gmsa", "gmsa-app0001", contents=CONTENTS.replace("WebApp1", "App0001"), service_account="all")
    few, few_expanded = "mode Policy, 2 credential specs", "`expand`, 2 credential specs"
    found = [
        Scenario("nothing installed", None, _PLAIN),
        Scenario("mode Webhook, the stand-in, a program in Python", config(), pod("gmsa")),
    ]
    if BINARY:
        settings = f"{{{FAST}, image: '{image(BINARY_VERSION)}', certificate: {{source: Derive}}}}"
        name = f"mode Webhook, the real webhook {BINARY_VERSION}"
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
            measured = {it.name: measured_in(it, cluster, control_plane, folder) for it in scenarios()}
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
    for _ in range(_ALONE // 10):
        for kind, item in requests.items():
            alone[kind] += timed(cluster, item, 10)
    together, rate = {}, {}
    for kind, item in requests.items():
        together[kind], rate[kind] = at_once(cluster, item)
    figures = Figures(alone, together, rate)
    controls = f"{figures.in_controls('gmsa'):.2f} of the control's, without gMSA {figures.in_controls('plain'):.2f}"
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


def misses(scenario: Scenario, measured: dict[str, Figures]) -> list[str]:
    figures, nothing = measured[scenario.name], measured["nothing installed"]
    lines = []
    plain = figures.in_controls("plain") / nothing.in_controls("plain")
    if plain > 1.1:
        lines.append(f"{scenario.name}: a pod without gMSA takes {plain:.2f}x of nothing installed, bound 1.1x")
    if scenario.bound is not None:
        ratio = figures.in_controls("gmsa") / measured[scenario.against].in_controls("gmsa")
        if ratio > scenario.bound:
            lines.append(f"{scenario.name}: takes {ratio:.2f}x of {scenario.against}, bound {scenario.bound:g}x")
    return lines


def section(measured: dict[str, Figures], release: str) -> str:
    nothing = measured["nothing installed"]
    head = [
        *("installed", "gMSA pods/s", "p50", "p99", "p50, four at a time", "p99, four at a time"),
        *("against", "bound", "without gMSA, p50", "against nothing", "bound"),
    ]
    lines = [head, ["---"] * len(head)]
    for it in scenarios():
        figures = measured[it.name]
        against = figures.in_controls("gmsa") / measured[it.against].in_controls("gmsa") if it.against else 0
        has_gmsa = it.config is not None
        lines.append(
            [
                it.name,
                *(
                    [
                        f"{figures.rate['gmsa']:.0f}",
                        _ms(figures.alone["gmsa"], 50),
                        _ms(figures.alone["gmsa"], 99),
                        _ms(figures.together["gmsa"], 50),
                        _ms(figures.together["gmsa"], 99),
                        f"{against:.2f}x of {it.against}" if it.against and it.against != it.name else "",
                        f"{it.bound:g}x" if it.bound else "",
                    ]
                    if has_gmsa
                    else [""] * 7
                ),
                _ms(figures.alone["plain"], 50),
                f"{figures.in_controls('plain') / nothing.in_controls('plain'):.2f}x" if has_gmsa else "",
                "1.1x" if has_gmsa else "",
            ]
        )
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"""\
Written by `make bench-admission`, on an API server {release} with {os.cpu_count()} processors that it shares with etcd, the
controllers and the measuring program. Dry-run pods, one and four at a time; latencies as the client sees them. Ratios
are of medians at one at a time, each in units of a request that no admission looks at.

{table}
"""


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{statistics.quantiles(seconds, n=100)[percentile - 1] * 1000:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
