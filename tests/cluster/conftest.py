"""Fixtures of the cluster tests: one cluster per release, cleaned after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.api import Object
from cluster.cert_manager import CertManager
from cluster.control_plane import RELEASES, ControlPlane
from cluster.harness import Cluster, config, render
from cluster.network import is_own_namespace, loopback_up
from cluster.node import Node
from cluster.webhook_versions import NEW, OLD, needs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--release", choices=RELEASES, help="the tests of one release; newest also has those without one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = config.getoption("--release")
    if asked is None:
        return
    left_out = [it for it in items if _release(it) != asked]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [it for it in items if _release(it) == asked]


def _release(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    release: str = callspec.params.get("running", RELEASES[0]) if callspec is not None else RELEASES[0]
    return release


@pytest.fixture(scope="session", params=RELEASES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """etcd, API server and controllers of a release, and a node."""
    if not is_own_namespace():
        pytest.exit("the cluster tests run in namespaces of their own: make cluster-test", returncode=1)
    loopback_up(("10.96.0.1", "255.255.0.0"))
    folder = tmp_path_factory.mktemp(request.param)
    folder.chmod(0o755)
    control_plane = ControlPlane(request.param, folder / "control-plane")
    control_plane.start()
    node = Node(control_plane.client, folder / "pods")
    try:
        (folder / "pods").mkdir()
        node.start()
        yield Cluster(control_plane, node)
    finally:
        node.stop()
        control_plane.stop()


@pytest.fixture(scope="module", params=[OLD, NEW])
def version(request: pytest.FixtureRequest) -> str:
    """The webhook's."""
    asked: str = request.param
    needs(asked)
    return asked


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    running.clean()  # of what tests share that came before
    yield running
    running.clean()


@pytest.fixture
def cert_manager(cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CertManager]:
    """cert-manager runs beside the cluster during the test; it watches its CRDs, and these go with each test.

    A parameter is a list of its features.
    """
    manager = CertManager(cluster, tmp_path / "cert-manager.log", *getattr(request, "param", ()))
    manager.start()
    try:
        yield manager
    finally:
        manager.stop()
        print(manager.said)  # shown where the test fails


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[..., list[Object]]:
    """Renders the text of a config: `rendered(config(), SOURCE_DATE_EPOCH="0")`."""

    def run(text: str | None = None, files: dict[str, str] | None = None, **env: str) -> list[Object]:
        for name, contents in {"gmsa.yaml": text or config(), **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(contents)
        return render(tmp_path / "gmsa.yaml", **env)

    return run
