"""`make bench-doctor`: what `doctor` takes on clusters of two sizes, on the cluster tests' control plane; as root.

In mode Policy, in which the API server decides by itself: the stand-in for the webhook is slower than any real one.

Against what someone would type instead, in the same run: `kubectl get pods -A -o json`, and `kubectl create
--dry-run=server` of one pod for each pair that doctor proves. Writes its section of BENCHMARKS.md; `--check` compares
with the bounds instead, and fails with the figures that miss them.

Pods are written into etcd: copies of one that the API server has made, with a name and a UID of the same length.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from document import DOCTOR, replace_section

from cluster.api import Object, until
from cluster.control_plane import ControlPlane
from cluster.harness import ENV, PROGRAM, Cluster, namespace, pod, render, text_of
from cluster.network import loopback_up
from cluster.node import Node
from cluster.test_doctor import add_node
from conftest import CONTENTS, DOMAIN, HEAD, environment

_ROUNDS = 3
_TIMES = 10  # the larger cluster has so many times as much
_ETCD = "http://127.0.0.1:2379"
_AT_ONCE = 100  # writes of a transaction; etcd allows 128


@dataclass(frozen=True)
class Size:
    """A cluster: each credential spec is used by two service accounts."""

    credspecs: int
    pods: int

    @property
    def accounts(self) -> int:
        return self.credspecs * 2


SIZES = (Size(100, 5_000), Size(100 * _TIMES, 5_000 * _TIMES))


@dataclass
class Figures:
    """Seconds on the clock."""

    doctor: float
    pods: float
    dry_runs: float

    @property
    def ratio(self) -> float:
        return self.doctor / (self.pods + self.dry_runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the bounds, write nothing")
    parser.add_argument("--small", action="store_true", help="the smaller cluster only; print the figures")
    options = parser.parse_args()
    loopback_up(("10.96.0.1", "255.255.0.0"))
    measured: list[tuple[Size, list[Figures]]] = []
    with tempfile.TemporaryDirectory() as work:
        for size in SIZES[: 1 if options.small else None]:
            measured.append((size, measured_on(size, Path(work) / str(size.credspecs))))
    if options.small:
        return 0
    if options.check:
        missed = misses(measured)
        print("\n".join(missed))
        return 1 if missed else 0
    replace_section(DOCTOR, section(measured))
    return 0


def measured_on(size: Size, folder: Path) -> list[Figures]:
    folder.mkdir()
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    control_plane = ControlPlane("newest", folder / "control-plane")
    control_plane.start()
    node = Node(control_plane.client, folder / "pods")
    try:
        (folder / "pods").mkdir()
        node.start()
        cluster = Cluster(control_plane, node)
        fill(cluster, size, folder)
        found = []
        for number in range(_ROUNDS):
            found.append(measured_once(cluster, size, folder))
            it = found[-1]
            print(
                f"{size.pods:,} pods, round {number + 1}: doctor {it.doctor:.2f} s, kubectl {it.pods:.2f} s for the pods"
                f" and {it.dry_runs:.2f} s for dry runs: {it.ratio:.2f}x",
                flush=True,
            )
        return found
    finally:
        node.stop()
        control_plane.stop()


def config(size: Size) -> str:
    credspecs = "".join(
        f"  - account: App{n:04}\n    usedBy: [{{namespace: web, serviceAccounts: [a{n:04}, b{n:04}]}}]\n"
        for n in range(size.credspecs)
    )
    accounts = "".join(
        f"  - {{name: {kind}{n:04}, namespace: web}}\n" for n in range(size.credspecs) for kind in ("a", "b")
    )
    return f"{HEAD}{DOMAIN}  credspecs:\n{credspecs}  serviceAccounts:\n{accounts}  admission: {{mode: Policy}}\n"


def fill(cluster: Cluster, size: Size, folder: Path) -> None:
    (folder / "gmsa.yaml").write_text(config(size))
    cluster.client.apply(namespace("shop"))
    cluster.client.apply(namespace("web"))
    cluster.install(render(folder / "gmsa.yaml"), settles=False)
    add_node(cluster, "win1")
    dry_runs = [
        pod(
            f"{kind}{n:04}",
            f"gmsa-app{n:04}",
            contents=CONTENTS.replace("WebApp1", f"App{n:04}"),
            service_account=f"{kind}{n:04}",
        )
        for n in range(size.credspecs)
        for kind in ("a", "b")
    ]
    (folder / "pods.yaml").write_text(text_of(dry_runs))
    until(lambda: not cluster.verdict(dry_runs[-1]), "the policy is in force")
    # One pod in fifty has a gMSA.
    gmsa = size.pods // 50
    copies(cluster, dry_runs[0], gmsa)
    plain = pod("plain", None, service_account="default")
    plain["metadata"]["namespace"] = "shop"
    copies(cluster, plain, size.pods - gmsa)
    until(lambda: len(cluster.client.items("/api/v1/namespaces/shop/pods")) >= size.pods - gmsa, "all pods are there")


def copies(cluster: Cluster, item: Object, number: int) -> None:
    """Creates a pod and copies of it, with the fields that a running pod has."""
    first = json.loads(json.dumps(item))
    first["metadata"]["name"] = "pod-000000"
    first["metadata"]["labels"] = {"app.kubernetes.io/name": "shop", "pod-template-hash": "5c8d9f7b6d"}
    created = cluster.client.create(first)
    statuses = [
        {"name": it["name"], "ready": True, "restartCount": 0, "image": "iis", "imageID": "", "containerID": ""}
        for it in first["spec"]["containers"]
    ]
    conditions = [
        {"type": it, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for it in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    status = {"phase": "Running", "podIP": "10.1.0.7", "conditions": conditions, "containerStatuses": statuses}
    path = cluster.client.path(created)
    cluster.client.patch(f"{path}/status", {"status": status})
    uid = created["metadata"]["uid"].encode()
    key = f"/registry/pods/{created['metadata']['namespace']}/pod-000000"
    (stored,) = etcd("kv/range", {"key": encoded(key.encode())})["kvs"]
    value = base64.b64decode(stored["value"])
    numbers = range(1, number)
    for start in range(0, len(numbers), _AT_ONCE):
        puts = []
        for n in numbers[start : start + _AT_ONCE]:
            name, other = f"pod-{n:06}", f"{n:08x}".encode() + uid[8:]
            copy = value.replace(b"pod-000000", name.encode()).replace(uid, other)
            puts.append(
                {"requestPut": {"key": encoded(key.replace("pod-000000", name).encode()), "value": encoded(copy)}}
            )
        etcd("kv/txn", {"success": puts})


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def etcd(path: str, body: Object) -> Object:
    request = urllib.request.Request(f"{_ETCD}/v3/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        found: Object = json.load(answer)
    return found


def measured_once(cluster: Cluster, size: Size, folder: Path) -> Figures:
    kubectl = str(cluster.kubectl_program)
    variables = environment(folder, **{**ENV, "KUBECONFIG": str(cluster.kubeconfig)})
    variables["PATH"] = f"{Path(kubectl).parent}{os.pathsep}{variables['PATH']}"
    pods = timed([kubectl, "get", "pods", "-A", "-o", "json"], variables, folder)
    command = [kubectl, "create", "--dry-run=server", "--validate=false", "-f", str(folder / "pods.yaml")]
    dry_runs = timed(command, variables, folder)
    doctor = timed([str(PROGRAM), "doctor", str(folder / "gmsa.yaml")], variables, folder)
    said = (folder / "out").read_text()
    assert f"{size.accounts:,} pairs of service account and credential spec: a pod gets exactly its contents" in said, (
        said
    )
    return Figures(doctor, pods, dry_runs)


def timed(command: list[str], variables: dict[str, str], folder: Path) -> float:
    started = time.perf_counter()
    with (folder / "out").open("wb") as out:
        done = subprocess.run(command, env=variables, stdout=out, stderr=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, (folder / "out").read_text()[-3000:] + done.stderr.decode()[-3000:]
    return seconds


def median(figures: list[Figures], field: str) -> float:
    return statistics.median(float(getattr(it, field)) for it in figures)


_RATIO_BOUND = 1.5
_GROWTH_BOUND = 1.3  # of the ratio, from the smaller cluster to the larger one


def misses(measured: list[tuple[Size, list[Figures]]]) -> list[str]:
    lines = []
    for size, figures in measured:
        if (found := median(figures, "ratio")) > _RATIO_BOUND:
            lines.append(f"{size.pods:,} pods: doctor takes {found:.2f}x of kubectl, bound {_RATIO_BOUND:g}x")
    (_, small), (_, large) = measured
    growth = median(large, "ratio") / median(small, "ratio")
    if growth > _GROWTH_BOUND:
        lines.append(f"{_TIMES}x as much takes {growth:.2f}x as much more than kubectl, bound {_GROWTH_BOUND:g}x")
    return lines


def section(measured: list[tuple[Size, list[Figures]]]) -> str:
    head = [
        "credential specs",
        "service accounts",
        "pods",
        "doctor",
        "kubectl get pods",
        "dry runs by kubectl",
        "ratio",
        "bound",
    ]
    lines = [head, ["---"] * len(head)]
    for size, figures in measured:
        seconds = [f"{median(figures, it):.1f} s" for it in ("doctor", "pods", "dry_runs")]
        numbers = [f"{it:,}" for it in (size.credspecs, size.accounts, size.pods)]
        lines.append([*numbers, *seconds, f"**{median(figures, 'ratio'):.2f}x**", f"{_RATIO_BOUND:g}x"])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"""\
Written by `make bench-doctor`, on an API server with {os.cpu_count()} processors that it shares with etcd
and whatever else runs, in mode Policy; the load was {os.getloadavg()[2]:.1f} on average in the last quarter of an hour. Medians of {_ROUNDS} runs on the
clock. *dry runs by kubectl* is one `kubectl create --dry-run=server` of a pod for each pair; doctor also asks for
permissions, and reads every list.

{table}
"""


if __name__ == "__main__":
    sys.exit(main())
