"""The hosts as the tests call them: Helm with the post-renderer, and Argo CD's sidecar."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from build import tool
from conftest import ROOT, environment
from hosts.applications import CONFIG_MAP
from hosts.argocd_cmp import CmpServer
from hosts.cases import ENV


class Helm:
    """Runs Helm 3 or Helm 4 (`version`) with gmsa-krm as post-renderer: by path in Helm 3, as plugin in Helm 4."""

    def __init__(self, version: str, program: Path, home: Path) -> None:
        """`home`: a HOME in which `install helm` has been run."""
        self.version = version
        self.home = home
        self._program = program

    def __call__(
        self,
        *arguments: str | Path,
        post_renderer: bool = True,
        options: tuple[str | Path, ...] = (),
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """`options`: arguments of the post-renderer."""
        env = environment(self.home, **ENV)
        command: list[str | Path] = [tool(self.version), *arguments]
        if post_renderer and self.version == "helm3":
            command += ["--post-renderer", self._program, "--post-renderer-args", "post-render"]
        elif post_renderer:
            env["HELM_PLUGINS"] = str(self.home / ".local/share/gmsa-krm/helm-plugins")
            command += ["--post-renderer", "gmsa"]
        for option in options:
            command += ["--post-renderer-args", option]
        return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)

    def template(
        self, chart: Path, *arguments: str | Path, options: tuple[str | Path, ...] = (), cwd: Path | None = None
    ) -> str:
        """What `helm template` prints for a release called r; it must succeed."""
        done = self("template", "r", chart, *arguments, options=options, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def helm_home(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """A HOME in which `install helm` has been run; one for each test, since the log of a failure goes there."""
    home = tmp_path_factory.mktemp("helm")
    done = subprocess.run(
        [program, "install", "helm"], env=environment(home), check=True, capture_output=True, text=True
    )
    assert f"HELM_PLUGINS={home}/.local/share/gmsa-krm/helm-plugins" in done.stdout
    return home


@pytest.fixture
def helm3(program: Path, helm_home: Path) -> Helm:
    return Helm("helm3", program, helm_home)


@pytest.fixture
def helm4(program: Path, helm_home: Path) -> Helm:
    return Helm("helm4", program, helm_home)


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest, program: Path, helm_home: Path) -> Helm:
    """Each Helm in turn."""
    return Helm(request.param, program, helm_home)


@dataclass(frozen=True)
class Sidecar:
    """The sidecar of argocd-repo-server: kustomize, helm (4, as in Argo CD 3.5), gmsa-krm, and a seed."""

    environ: dict[str, str]

    @property
    def temporary(self) -> Path:
        """Its folder for temporary files."""
        return Path(self.environ["TMPDIR"])

    def with_programs(self, folder: Path) -> Sidecar:
        """A sidecar that finds the programs of a folder first."""
        return self.with_environ(PATH=f"{folder}:{self.environ['PATH']}")

    def with_environ(self, **more: str) -> Sidecar:
        return Sidecar({**self.environ, **more})

    def try_to_run(self, cwd: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=cwd, env=self.environ, capture_output=True, text=True, check=False)

    def run(self, cwd: Path, *command: str | Path) -> str:
        """What a command prints, which must succeed."""
        done = self.try_to_run(cwd, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    programs = tmp_path_factory.mktemp("bin")
    for name, source in (("kustomize", "kustomize"), ("helm", "helm4")):
        (programs / name).symlink_to(tool(source))
    return Sidecar(
        {
            "PATH": f"{Path(sys.executable).parent}:{programs}:/usr/bin:/bin",
            "HOME": str(tmp_path_factory.mktemp("home")),
            "LANG": "C.UTF-8",
            "TMPDIR": str(tmp_path_factory.mktemp("tmp")),
            **ENV,
        }
    )


def cmp_server(sidecar: Sidecar, work: Path, deadline: float = 60) -> CmpServer:
    """A server in the sidecar; `work` is a new folder of its own."""
    return CmpServer(tool("argocd"), ROOT / "plugin/argocd", work / "cmp", sidecar.environ, deadline)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sidecar: Sidecar) -> Iterator[CmpServer]:
    with cmp_server(sidecar, tmp_path_factory.mktemp("cmp")) as running:
        yield running


class Web:
    """A web server on this machine, which is what only a sidecar can reach in a cluster."""

    def __init__(self, url: str, requests: list[str], folder: Path) -> None:
        """`folder`: that of its files."""
        self.url = url
        self.requests = requests
        self.folder = folder


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    files = tmp_path_factory.mktemp("web")
    (files / "a.yaml").write_text(CONFIG_MAP)
    requests: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            requests.append(f"http://{self.headers['Host']}{self.path}")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(files))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Web(f"http://127.0.0.1:{running.server_port}/a.yaml", requests, files)
        running.shutdown()
