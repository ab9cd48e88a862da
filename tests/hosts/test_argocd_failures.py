"""Failures under Argo CD: what the user sees, and that no program stays behind."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from build import tool
from conftest import Folder
from hosts.applications import CHART_YAML, CONFIG, KUSTOMIZATION, Files
from hosts.argocd_cmp import CmpServer
from hosts.conftest import Sidecar, cmp_server
from hosts.support import NO_ADMISSION, assert_mentions, deployment, gmsa_config

GENERATE = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  webhook:
    certificate:
      source: Generate
"""
NOTHING = gmsa_config(credspecs=[], admission=NO_ADMISSION)
MISTAKE = gmsa_config(credspec=[])
COMPONENT: Files = {
    "kustomization.yaml": "components: [c]\n",
    "c/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
transformers: [gmsa.yaml]
""",
    "c/gmsa.yaml": CONFIG,
}
EMPTY_LIST = """\
apiVersion: v1
kind: List
metadata: {}
items: []
"""
GENERATORS = KUSTOMIZATION["kustomization.yaml"]
WRONG: dict[str, tuple[Files, list[str]]] = {
    "new keys at every render": (
        {"gmsa.yaml": GENERATE},
        ["gmsa.yaml:8:15: ", "spec.webhook.certificate.source: ", "Generate"],
    ),
    "new keys in a kustomization": (
        {"kustomization.yaml": GENERATORS, "gmsa.yaml": gmsa_config()},
        ["spec.webhook.certificate.source: ", "CertManager, Derive, ExistingSecret or Files"],
    ),
    "a mistake": ({"gmsa.yaml": MISTAKE}, ["spec.credspec: ", "unknown field"]),
    "a mistake in a kustomization": (
        {"kustomization.yaml": GENERATORS, "gmsa.yaml": MISTAKE},
        ["spec.credspec: ", "unknown field"],
    ),
    "no config": ({"web.yaml": deployment()}, ["no GMSAConfig"]),
    "nothing to build": ({"kustomization.yaml": "resources: []\n"}, ["no manifests"]),
    "a missing resource": (
        {"kustomization.yaml": "resources: [missing.yaml]\n"},
        ["kustomize build", "exit status 1", "missing.yaml"],
    ),
    "nothing asked for": ({"gmsa.yaml": NOTHING}, ["no manifests", "prune"]),
    "nothing asked for in a kustomization": (
        {"kustomization.yaml": GENERATORS, "gmsa.yaml": NOTHING},
        ["no manifests"],
    ),
    "nothing asked for beside a chart": ({"Chart.yaml": CHART_YAML, "gmsa.yaml": NOTHING}, ["no manifests"]),
    "an empty List": ({"gmsa.yaml": NOTHING, "l.yaml": EMPTY_LIST}, ["no manifests"]),
    "an empty list of another kind": (
        {"gmsa.yaml": NOTHING, "l.yaml": EMPTY_LIST.replace("List", "ConfigMap").replace("{}", "{name: a}")},
        ["no manifests"],
    ),
    "a chart that fails": ({"Chart.yaml": CHART_YAML, "templates/a.yaml": '{{ fail "no luck" }}'}, ["no luck"]),
    "generators that are not a list": (
        {"kustomization.yaml": "generators: 5\nresources: [gmsa.yaml]\n", "gmsa.yaml": CONFIG},
        ["kustomize build"],
    ),
    "resources that are not a list": (
        {"kustomization.yaml": "generators: [gmsa.yaml]\nresources: {gmsa.yaml: 1}\n", "gmsa.yaml": CONFIG},
        ["kustomize build"],
    ),
    "a validator": (
        {"kustomization.yaml": "validators: [gmsa.yaml]\n", "gmsa.yaml": CONFIG},
        ["kustomization.yaml: ", "GMSAConfig", "validators"],
    ),
    "a component": (COMPONENT, ["c/kustomization.yaml: ", "component", "GMSAConfig", "transformers"]),
    "a NUL in a name": (
        {"kustomization.yaml": 'generators: ["a\\0b", gmsa.yaml]\n', "gmsa.yaml": CONFIG},
        ["failed"],
    ),
    "a file outside of the kustomization": (
        {"a/kustomization.yaml": "resources: [../web.yaml]\ngenerators: [../gmsa.yaml]\n", "web.yaml": deployment()},
        ["--load-restrictor cannot be set here", "web.yaml"],
    ),
    "jsonnet": ({"gmsa.yaml": CONFIG, "a.jsonnet": "{}"}, ["a.jsonnet: ", "not rendered"]),
    "a manifest beside a chart": (
        {"Chart.yaml": CHART_YAML, "gmsa.yaml": f"{CONFIG}---\n{deployment()}"},
        [f"gmsa.yaml:{len(CONFIG.splitlines()) + 1}:1: ", "GMSAConfig", "chart"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_failure_is_shown_in_the_ui(name: str, server: CmpServer, folder: Folder) -> None:
    files, words = WRONG[name]
    message = server.failure(folder(files), "a" if "a/kustomization.yaml" in files else ".")
    assert_mentions(message, *words)
    assert "Traceback" not in message


def test_a_missing_program_is_named(sidecar: Sidecar, folder: Folder, program: Path) -> None:
    without_kustomize = sidecar.with_environ(PATH=str(program.parent))
    done = without_kustomize.try_to_run(folder(KUSTOMIZATION), program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "kustomize", "PATH")


def test_git_is_named_where_a_repository_of_an_allowed_host_needs_it(
    sidecar: Sidecar, folder: Folder, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = tmp_path_factory.mktemp("programs")
    (programs / "kustomize").symlink_to(tool("kustomize"))
    own = sidecar.with_environ(PATH=f"{programs}:{program.parent}", GMSA_KRM_ALLOWED_HOSTS="git.example.com")
    files = {
        **KUSTOMIZATION,
        "kustomization.yaml": "generators: [gmsa.yaml]\nresources: ['https://git.example.com/a.git?ref=main']\n",
    }
    done = own.try_to_run(folder(files), program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "git is not in the sidecar", "put a copy into the repository")


def test_a_missing_seed_is_a_matter_of_the_operator(
    sidecar: Sidecar, folder: Folder, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Who writes an application can neither set a variable nor mount a file."""
    root = folder({"gmsa.yaml": gmsa_config(webhook={"certificate": {"source": "Derive"}})})
    environ = {name: value for name, value in sidecar.environ.items() if not name.startswith("GMSA_KRM_SEED")}
    without = Sidecar({**environ, "ARGOCD_APP_NAME": "web", "ARGOCD_APP_PROJECT_NAME": "green"})
    done = without.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "the sidecar of Argo CD has no seed", "operator", "certificate-source")
    of_others = without.with_environ(GMSA_KRM_SEED_FILE=str(tmp_path_factory.mktemp("seeds")))
    done = of_others.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "for the project green", "ask the operator of Argo CD")


# Programs that do not end


class SlowKustomize:
    """A kustomize that does not end, and a sidecar that runs it."""

    def __init__(self, sidecar: Sidecar, programs: Path, temporary: Path) -> None:
        kustomize = programs / "kustomize"
        # It may write nowhere else, and this folder goes when it ends.
        kustomize.write_text("#!/bin/sh\necho $$ > $TMPDIR/new && mv $TMPDIR/new $TMPDIR/pid\nexec sleep 300\n")
        kustomize.chmod(0o755)
        self.sidecar = sidecar.with_programs(programs).with_environ(TMPDIR=str(temporary))
        self._temporary = temporary
        self._pid = ""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        for _ in range(3000):
            for file in self._temporary.glob("*/pid"):
                self._pid = file.read_text().strip()
                return
            time.sleep(0.01)

    def has_started(self) -> bool:
        return bool(self._pid)

    def is_running(self) -> bool:
        assert self._pid, "it was not started"
        return Path("/proc", self._pid).exists()

    def has_ended(self) -> bool:
        return not self.is_running()


@pytest.fixture
def slow(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> SlowKustomize:
    return SlowKustomize(sidecar, tmp_path_factory.mktemp("slow"), tmp_path_factory.mktemp("tmp"))


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"{condition.__name__} was not true within 60 s")


def test_a_program_that_takes_too_long_is_named(
    slow: SlowKustomize, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    impatient = slow.sidecar.with_environ(ARGOCD_EXEC_TIMEOUT="6s")
    with cmp_server(impatient, tmp_path_factory.mktemp("s")) as server:
        message = server.failure(folder(KUSTOMIZATION))
    assert_mentions(message, "kustomize build", "1 s after", "ARGOCD_EXEC_TIMEOUT", "sidecar")
    assert not slow.is_running()


def test_kustomize_ends_where_argo_cds_deadline_comes_first(
    slow: SlowKustomize, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Argo CD kills the plugin then, which cannot say anything."""
    patient = slow.sidecar.with_environ(ARGOCD_EXEC_TIMEOUT="1m")
    with cmp_server(patient, tmp_path_factory.mktemp("s"), deadline=8) as server:
        assert server.failure(folder(KUSTOMIZATION))
        wait_for(slow.has_ended)


def test_kustomize_ends_with_sigterm(slow: SlowKustomize, folder: Folder, program: Path) -> None:
    command: list[str | Path] = [program, "argocd", "generate"]
    pipe, environ = subprocess.PIPE, slow.sidecar.environ
    with subprocess.Popen(
        command, cwd=folder(KUSTOMIZATION), env=environ, stdout=pipe, stderr=pipe, text=True
    ) as process:
        wait_for(slow.has_started)
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (3, "")
    assert_mentions(err, "SIGTERM")
    assert len(err.splitlines()) == 1
    assert not slow.is_running()
    assert os.listdir(slow.sidecar.temporary) == []
