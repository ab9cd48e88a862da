"""What an application under Argo CD cannot do: run programs, read the seed of others, or leave its repository."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from conftest import SEED, Call, Folder, as_function
from hosts.applications import CHART_YAML, CONFIG, KUSTOMIZATION, PLAIN, SMALL_CHART, Files, below
from hosts.argocd_cmp import CmpServer
from hosts.conftest import Sidecar
from hosts.support import assert_mentions, gmsa_config

# Programs


@pytest.fixture
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that exists once a program of a repository has run."""
    return tmp_path_factory.mktemp("witness") / "ran"


def with_witness(files: dict[str, str], witness: Path) -> Files:
    return {name: text.replace("WITNESS", str(witness)) for name, text in files.items()}


# kustomize makes a path of the group and kind of a config without looking for .. in it.
PLUGIN_PATH = """\
apiVersion: x/../../../../../../../../../../../..
kind: ../../../../../../../../../../../../bin/sh
metadata: {name: x}
zz: |
  (x); touch WITNESS; exit 0
"""
# kustomize has a flag for helm, and helm runs the downloaders of its plugins.
HELM_DOWNLOADER = {
    "kustomization.yaml": """\
generators: [gmsa.yaml]
helmGlobals:
  configHome: ./cfg
  chartHome: ./charts2
helmCharts:
- name: a
  repo: "x://y"
  version: 1.0.0
  releaseName: z
""",
    "cfg/.data/plugins/e/plugin.yaml": """\
name: e
version: 1.0.0
usage: x
description: x
command: /bin/true
downloaders:
- command: "../../../../../../../../../../../bin/sh ./cfg/.data/plugins/e/e.sh"
  protocols: [x]
""",
    "cfg/.data/plugins/e/e.sh": "touch WITNESS; exit 1\n",
}
# kustomize hands git the branch of a URL as it is, options too.
GIT_OPTION = """\
generators: [gmsa.yaml]
resources:
- "file:///any?ref=--upload-pack=touch${IFS}WITNESS"
"""
ATTACKS: dict[str, dict[str, str]] = {
    "generator": {"kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n", "evil.yaml": PLUGIN_PATH},
    "transformer": {
        "kustomization.yaml": "generators: [gmsa.yaml]\ntransformers: [evil.yaml]\n",
        "evil.yaml": PLUGIN_PATH,
    },
    "validator": {
        "kustomization.yaml": "generators: [gmsa.yaml]\nvalidators: [evil.yaml]\n",
        "evil.yaml": PLUGIN_PATH,
    },
    "folder of generators": {
        "kustomization.yaml": "generators: [gmsa.yaml, g]\n",
        "g/kustomization.yaml": "resources: [evil.yaml]\n",
        "g/evil.yaml": PLUGIN_PATH,
    },
    "in a base": {
        "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [b]\n",
        "b/kustomization.yaml": "Generators: [evil.yaml]\n",
        "b/evil.yaml": PLUGIN_PATH,
    },
    "helm": HELM_DOWNLOADER,
    "git": {"kustomization.yaml": GIT_OPTION},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_program_of_a_repository_runs(attack: str, server: CmpServer, folder: Folder, witness: Path) -> None:
    root = folder({"gmsa.yaml": CONFIG, **with_witness(ATTACKS[attack], witness)})
    assert server.failure(root)
    assert not witness.exists()


EVIL_FUNCTION = """\
apiVersion: example.com/v1
kind: Evil
metadata:
  name: e
  annotations:
    config.kubernetes.io/function: |
      exec: {path: /bin/sh, args: [-c, 'touch WITNESS']}
"""


def test_no_other_function_of_a_repository_runs(server: CmpServer, folder: Folder, witness: Path) -> None:
    """Any application that may use the plugin would otherwise read the seed of all clusters."""
    files = {"kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n", "evil.yaml": EVIL_FUNCTION}
    root = folder({"gmsa.yaml": as_function(CONFIG), **with_witness(files, witness)})
    assert_mentions(server.failure(root), "plugins", "GMSAConfigs")
    assert not witness.exists()


def test_with_the_flag_for_plugins_the_program_would_run(
    sidecar: Sidecar, folder: Folder, witness: Path, plugin_home: Path
) -> None:
    """The attack works where kustomize runs plugins. Otherwise the tests above would prove nothing."""
    files = {"kustomization.yaml": "generators: [evil.yaml]\n", "evil.yaml": PLUGIN_PATH}
    with_plugins = sidecar.with_environ(HOME=str(plugin_home))
    with_plugins.try_to_run(folder(with_witness(files, witness)), "kustomize", "build", "--enable-alpha-plugins", ".")
    assert witness.exists()


PRINT_ENVIRONMENT = """\
#!/bin/sh
env >&2
exit 1
"""


def test_kustomize_gets_no_secret_from_the_environment(
    sidecar: Sidecar, folder: Folder, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = tmp_path_factory.mktemp("programs")
    (programs / "kustomize").write_text(PRINT_ENVIRONMENT)
    (programs / "kustomize").chmod(0o755)
    own = sidecar.with_programs(programs).with_environ(GMSA_KRM_SEED_FILE="/seeds", KUSTOMIZE_PLUGIN_HOME="/x")
    environment = own.try_to_run(folder(KUSTOMIZATION), program, "argocd", "generate").stderr
    assert "GIT_ALLOW_PROTOCOL=https:http:ssh" in environment
    for word in (SEED, "/seeds", "GMSA_KRM", "KUSTOMIZE_PLUGIN_HOME"):
        assert word not in environment


# The seed

DATE = {"SOURCE_DATE_EPOCH": "1750000000"}


def derive(seed_variable: str | None = None) -> str:
    """A config whose certificate is derived from a seed."""
    settings = {"derive": {"seedEnv": seed_variable}} if seed_variable else {}
    return gmsa_config(webhook={"certificate": {"source": "Derive", **settings}})


def test_the_seed_may_be_in_a_mounted_file(
    call: Call, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = folder({"gmsa.yaml": derive()}) / "gmsa.yaml"
    seed = tmp_path_factory.mktemp("seed") / "seed"
    seed.write_text(f"{SEED}\n")
    mounted = call("render", config, env={**DATE, "GMSA_KRM_SEED_FILE": str(seed)})
    assert mounted.status == 0, mounted.stderr
    assert mounted.stdout == call("render", config, env={**DATE, "GMSA_KRM_SEED": SEED}).stdout


def test_a_mounted_file_that_is_missing_is_an_error(call: Call, folder: Folder) -> None:
    config = folder({"gmsa.yaml": derive()}) / "gmsa.yaml"
    missing = call("render", config, env={"GMSA_KRM_SEED_FILE": "/nowhere/seed"})
    assert (missing.status, missing.stdout) == (1, "")
    assert_mentions(missing.stderr, "/nowhere/seed", "GMSA_KRM_SEED_FILE", "does not exist")


@pytest.fixture
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a seed for each of the projects red and blue."""
    folder = tmp_path_factory.mktemp("seeds")
    for project in ("red", "blue"):
        (folder / project).write_text(SEED + project)
    return folder


def of_project(project: str, seeds: Path) -> dict[str, str]:
    """The environment in which an application of a project is rendered."""
    return {
        **DATE,
        "GMSA_KRM_SEED_FILE": str(seeds),
        "ARGOCD_APP_NAME": "app",
        "ARGOCD_APP_PROJECT_NAME": project,
    }


def test_each_project_has_its_own_seed(call: Call, folder: Folder, seeds: Path) -> None:
    """Or an application of any project could render the webhook's key of another."""
    config = folder({"gmsa.yaml": derive()}) / "gmsa.yaml"
    red, blue = (call("render", config, env=of_project(project, seeds)) for project in ("red", "blue"))
    assert red.object("Secret")["data"]["tls.key"] != blue.object("Secret")["data"]["tls.key"]


@pytest.mark.parametrize(
    ("project", "words"),
    [("green", ["/green", "project green", "does not exist"]), ("", ["which file"]), ("../x", ["which file"])],
)
def test_a_project_without_a_seed_gets_none(
    project: str, words: list[str], call: Call, folder: Folder, seeds: Path
) -> None:
    done = call("render", folder({"gmsa.yaml": derive()}) / "gmsa.yaml", env=of_project(project, seeds))
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, *words)


@pytest.mark.parametrize("variable", ["PATH", "ARGOCD_ENV_X", "ARGOCD_APP_REVISION", "PARAM_X"])
def test_an_application_cannot_choose_the_seed(variable: str, server: CmpServer, folder: Folder) -> None:
    root = folder({"gmsa.yaml": derive(variable)})
    message = server.failure(root, ARGOCD_ENV_X="x" * 40, ARGOCD_ENV_X_FILE="/proc/self/environ")
    assert_mentions(message, "seedEnv", variable, "Argo CD", "sidecar")


# Files


WITH_WEB: Files = {**KUSTOMIZATION, "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [web.yaml]\n"}
BASE: Files = {**KUSTOMIZATION, "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [base]\n"}
IN_FOLDER: Files = {**KUSTOMIZATION, "kustomization.yaml": "generators: [gmsa.yaml]\ncrds: [base/secret.yaml]\n"}
LINKS: dict[str, tuple[Files, str, str]] = {
    "beside manifests": (PLAIN, "web.yaml", "../outside/secret.yaml"),
    "beside a chart": (SMALL_CHART, "config.yaml", "../outside/secret.yaml"),
    "in a chart": (SMALL_CHART, "templates/web.yaml", "../../outside/secret.yaml"),
    "in a kustomization": (WITH_WEB, "web.yaml", "../outside/secret.yaml"),
    "of a kustomization": (BASE, "base/kustomization.yaml", "../../outside/secret.yaml"),
    "of a folder": (BASE, "base", "../outside"),
    "on the way to a file": (IN_FOLDER, "base", "../outside"),
    # In the folder of a base it leads elsewhere than here.
    "by the process that follows it": (WITH_WEB, "web.yaml", "/proc/self/cwd/gmsa.yaml"),
    "by that process, relative": (WITH_WEB, "web.yaml", f"{'../' * 30}proc/self/cwd/gmsa.yaml"),
    "by that process, in a chart": (SMALL_CHART, "templates/web.yaml", f"{'../' * 30}proc/self/cwd/config.yaml"),
}


@pytest.mark.parametrize("name", LINKS)
def test_links_out_of_the_repository_are_refused(
    name: str, program: Path, sidecar: Sidecar, tmp_path: Path, folder: Folder
) -> None:
    """Argo CD's own server refuses them before."""
    files, link, target = LINKS[name]
    # A config with a mistake, so that a message about its contents would show that it was read.
    secret = CONFIG.replace("dnsName:", "SECRET:")
    root = folder({**below("app", files), "outside/secret.yaml": secret}) / "app"
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    done = sidecar.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, f"{link}: ", "symbolic link", "repository")
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("files", [SMALL_CHART, KUSTOMIZATION])
def test_a_link_that_nothing_reaches_is_not_followed(
    files: Files, program: Path, sidecar: Sidecar, folder: Folder
) -> None:
    root = folder({**below("app", files), "outside/secret.yaml": "SECRET", "app/.git/x": ""}) / "app"
    (root / ".git/web.yaml").symlink_to("../../outside/secret.yaml")
    assert "SECRET" not in sidecar.run(root, program, "argocd", "generate")


@pytest.mark.parametrize("beside", [{}, {"Chart.yaml": CHART_YAML}, {"Chart.yaml": CHART_YAML, "templates/a": ""}])
def test_discovery_follows_no_link_out_of_the_repository(
    beside: Files, program: Path, sidecar: Sidecar, folder: Folder
) -> None:
    root = folder({**below("app", {**beside, "x": ""}), "gmsa.yaml": CONFIG}) / "app"
    place = root / "templates" if (root / "templates").exists() else root
    (place / "gmsa.yaml").symlink_to(os.path.relpath(root.parent / "gmsa.yaml", place))
    assert sidecar.run(root, program, "argocd", "discover") == ""
    assert sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app").run(root, program, "argocd", "discover")


@pytest.mark.parametrize("link", ["templates", "charts"])
def test_discovery_follows_no_link_of_a_folder_out_of_the_repository(
    link: str, program: Path, sidecar: Sidecar, folder: Folder
) -> None:
    root = folder({"app/Chart.yaml": CHART_YAML, "templates/gmsa.yaml": CONFIG, "charts/a": ""}) / "app"
    with tarfile.open(root.parent / "charts/a.tgz", "w:gz") as archive:
        archive.add(root.parent / "templates", "a/templates")
    (root / link).symlink_to(f"../{link}")
    assert sidecar.run(root, program, "argocd", "discover") == ""
    assert sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app").run(root, program, "argocd", "discover")
