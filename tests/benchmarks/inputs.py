"""The inputs of the benchmarks, made by a seeded generator: the same bytes on every machine.

`python tests/benchmarks/inputs.py FOLDER`. A process of its own, since the memory of the one that measures counts for
those it starts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import doubling
from doubling import DOMAIN

FUNCTION = "  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: gmsa-krm}\n"
# source: what the config says of it beside its name
SOURCES = {
    "CertManager": "",
    "ExistingSecret": "      existingSecret: {name: gmsa-webhook-tls, caBundleFile: certs/ca.crt}\n",
    "Files": "",
    "Derive": "",
    "Generate": "",
}
WORDS = [
    "account",
    "audit",
    "broker",
    "cache",
    "catalog",
    "claims",
    "invoice",
    "ledger",
    "mail",
    "notify",
    "orders",
    "payroll",
    "portal",
    "queue",
    "report",
    "search",
]


def credspecs(number: int, function: bool = False) -> str:
    """A config with as many credspecs, each used in one namespace: three objects each, and no webhook."""
    head = DOMAIN.replace("  name: contoso\n", f"  name: contoso\n{FUNCTION}", 1) if function else DOMAIN
    entries = (
        f"  - account: app{index}\n    usedBy:\n    - namespace: team-{index % 50}\n      serviceAccounts: [app{index}]\n"
        for index in range(number)
    )
    return f"{head}  admission: {{mode: None}}\n  crd: {{install: false}}\n  credspecs:\n{''.join(entries)}"


def workloads(match: str) -> str:
    """A config with one credspec, for the workloads that match."""
    entry = (
        "  admission: {mode: None}\n  crd: {install: false}\n"
        "  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
        f"  workloads:\n  - match: {{{match}}}\n    credspec: gmsa-webapp1\n    serviceAccount: webapp1\n"
    )
    return DOMAIN + entry


class Manifests:
    """Manifests like those of a cluster, each with a name of its own."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0

    def _head(self, api: str, kind: str) -> str:
        self._number += 1
        name = f"{self._random.choice(WORDS)}-{self._random.choice(WORDS)}-{self._number}"
        return (
            f"apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: web\n"
            f"  labels:\n    app.kubernetes.io/name: {name}\n    app.kubernetes.io/managed-by: Helm\n"
        )

    def config_map(self, lines: int) -> str:
        rows = (
            f"    {self._random.choice(WORDS)}.{index} = {self._random.getrandbits(96):x}\n" for index in range(lines)
        )
        return f"{self._head('v1', 'ConfigMap')}data:\n  settings.ini: |\n{''.join(rows)}"

    def service(self) -> str:
        return (
            f"{self._head('v1', 'Service')}spec:\n  selector:\n    app: {self._random.choice(WORDS)}\n"
            f"  ports:\n  - name: http\n    port: {self._random.randrange(1024, 9999)}\n    targetPort: http\n"
        )

    def deployment(self, app: str = "linux") -> str:
        environment = "".join(
            f'        - name: {self._random.choice(WORDS).upper()}_{index}\n          value: "{self._random.getrandbits(64)}"\n'
            for index in range(12)
        )
        head = self._head("apps/v1", "Deployment").replace("  labels:\n", f"  labels:\n    app: {app}\n")
        return (
            f"{head}spec:\n  replicas: {self._random.randrange(1, 9)}\n  selector:\n    matchLabels:\n      app: {app}\n"
            f"  template:\n    metadata:\n      labels:\n        app: {app}\n    spec:\n      containers:\n      - name: main\n"
            f"        image: registry.example.com/{self._random.choice(WORDS)}:v{self._random.randrange(90)}\n"
            f"        ports:\n        - name: http\n          containerPort: 8080\n        env:\n{environment}"
            "        resources:\n          requests: {cpu: 100m, memory: 128Mi}\n          limits: {memory: 256Mi}\n"
        )

    def mixed(self, number: int) -> Iterator[str]:
        """A third each of Deployments, Services and ConfigMaps."""
        makers: list[Callable[[], str]] = [self.deployment, self.service, lambda: self.config_map(20)]
        for index in range(number):
            yield makers[index % 3]()


def make(folder: Path, trial: str) -> None:
    for source, more in SOURCES.items():
        certificate = f"  webhook:\n    certificate:\n      source: {source}\n{more}"
        _write(folder / "start" / f"{source}.yaml", trial + certificate)

    _write(folder / "generator" / "gmsa.yaml", credspecs(300, function=True))
    _write(folder / "generator" / "kustomization.yaml", "generators:\n- gmsa.yaml\n")
    for number in (300, 1000, 10_000):
        _write(folder / "credspecs" / f"{number}.yaml", credspecs(number))

    # a release of ConfigMaps and Services; the config asks for a Deployment that is not among them
    stream, size, made = folder / "stream" / "without-a-match.yaml", 0, Manifests(1)
    _write(folder / "stream" / "gmsa.yaml", workloads("labelSelector: app=iis"))
    with stream.open("w") as file:
        while size < 50_000_000:
            size += file.write(f"---\n# Source: release/templates/all.yaml\n{made.config_map(400)}")
            size += file.write(f"---\n# Source: release/templates/all.yaml\n{made.service()}")

    # 2,000 documents, half of them Deployments, 20 of which match
    made, texts = Manifests(2), []
    for index in range(1000):
        texts += [made.config_map(430), made.deployment("iis" if index % 50 == 0 else "linux")]
    _write(folder / "one-percent" / "gmsa.yaml", workloads("kinds: [Deployment], labelSelector: app=iis"))
    _write(folder / "one-percent" / "stream.yaml", "".join(f"---\n{text}" for text in texts))

    for name, number in (("plain", 1000), ("lint", 5000)):
        made = Manifests(3)
        files = []
        for index, text in enumerate(made.mixed(number)):
            files.append(f"{index:04}.yaml")
            _write(folder / name / files[-1], text)
        if name == "lint":
            _write(folder / name / "kustomization.yaml", "resources:\n" + "".join(f"- {file}\n" for file in files))
        else:
            _write(folder / name / "gmsa.yaml", workloads("labelSelector: app=iis"))

    _applications(folder)
    doubling.write(folder / "doubling")


def _applications(folder: Path) -> None:
    """Of Argo CD, alone in their repository and among the files of others."""
    for around in (0, 20_000):
        root = folder / f"around-{around}"
        _write(root / "kustomization" / "kustomization.yaml", "resources: [web.yaml]\ntransformers: [gmsa.yaml]\n")
        _write(root / "chart" / "Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
        for app, name in (("kustomization", "web.yaml"), ("chart", "templates/web.yaml")):
            _write(root / app / name, Manifests(4).deployment("iis"))
            _write(root / app / "gmsa.yaml", workloads("labelSelector: app=iis"))
        for number in range(around):
            _write(root / "others" / str(number // 100) / f"{number}.yaml", "apiVersion: v1\nkind: ConfigMap\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    make(Path(sys.argv[1]), (Path(__file__).parents[2] / "kustomize" / "trial" / "gmsa.yaml").read_text())
