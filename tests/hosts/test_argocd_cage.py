"""The cage of kustomize and helm under Argo CD: what holds where a check is wrong, and what they know and say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from build import tool
from conftest import Folder
from hosts.applications import CONFIG, KUSTOMIZATION, SMALL_CHART, Files
from hosts.conftest import Sidecar, Web
from hosts.support import as_yaml, assert_mentions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")

# The interpreter of the tests may be where nothing is read.
PYTHON = "/usr/bin/python3"
# Stands for a kustomize that is persuaded by something that the checks do not see.
PERSUADED = """\
#!{python}
import os, socket, sys
for path in {secrets}:
    try:
        print("read:", path, open(path).read())
    except OSError as error:
        print("not read:", path, error, file=sys.stderr)
for path in {targets}:
    try:
        open(path, "a").write("x")
        print("written:", path)
    except OSError as error:
        print("not written:", path, error, file=sys.stderr)
try:
    socket.create_connection(("127.0.0.1", {port}))
    print("connected:", file=sys.stderr)
except OSError as error:
    print("not connected:", error, file=sys.stderr)
work = os.environ["TMPDIR"]
os.makedirs(work + "/a/b")
open(work + "/a/x", "w").write("x")
os.rename(work + "/a/x", work + "/a/b/x")
print("apiVersion: v1")
"""
NO_CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

MakeProgram = Callable[[str, str], Sidecar]


def fetching(url: str) -> Files:
    """An application that fetches a URL."""
    return {"kustomization.yaml": as_yaml({"generators": ["gmsa.yaml"], "resources": [url]}), "gmsa.yaml": CONFIG}


@pytest.fixture
def make_program(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> MakeProgram:
    """A sidecar with a text as the program of a name, which may fetch from this machine."""

    def make(name: str, text: str) -> Sidecar:
        folder = tmp_path_factory.mktemp("programs")
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return sidecar.with_programs(folder).with_environ(GMSA_KRM_ALLOWED_HOSTS="127.0.0.1")

    return make


@pytest.mark.skipif(not os.path.exists(PYTHON), reason=f"there is no {PYTHON}")
@pytest.mark.parametrize("may_fetch", [False, True])
def test_the_kernel_stops_what_the_checks_overlook(
    may_fetch: bool,
    make_program: MakeProgram,
    program: Path,
    folder: Folder,
    web: Web,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What may fetch has the network, and no more files."""
    seeds = tmp_path_factory.mktemp("seeds")
    (seeds / "project").write_text("seed")
    secret = tmp_path_factory.mktemp("other") / "secret"
    secret.write_text("secret")
    root = folder(fetching(web.url) if may_fetch else KUSTOMIZATION)
    targets = [str(root / "gmsa.yaml"), str(secret), str(seeds / "new")]
    secrets = [str(secret), f"/proc/{os.getpid()}/environ", str(seeds / "project")]
    port = web.url.rpartition(":")[2].partition("/")[0]
    text = PERSUADED.format(python=PYTHON, secrets=secrets, targets=targets, port=port)
    done = make_program("kustomize", text).try_to_run(root, program, "argocd", "generate")
    assert done.stderr.count("kustomize: not read:") == 3, done.stderr
    assert done.stderr.count("kustomize: not written:") == 3, done.stderr
    assert ("kustomize: connected:" in done.stderr) is may_fetch
    assert "read:" not in done.stdout
    assert "written:" not in done.stdout
    assert (root / "gmsa.yaml").read_text() == CONFIG
    assert "Traceback" not in done.stderr


# Runs a command on a kernel in which system calls of one number fail.
LAUNCHER = """\
import ctypes, os, struct, sys
number, argument, error = map(int, sys.argv[1:4])
rules = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, argument)]
if argument < 0:
    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, number)]
rules += [(0x06, 0, 0, 0x50000 | error), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *it) for it in rules))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, struct.pack("HP", len(rules), ctypes.addressof(code)), 0, 0) == 0
os.execv(sys.argv[4], sys.argv[4:])
"""
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, PRCTL = (
    444,
    445,
    446,
    {"x86_64": 157, "aarch64": 167}.get(os.uname().machine, 0),
)
ENOSYS, EPERM, EINVAL = 38, 1, 22
SET_SECCOMP = 22


def on_kernel(sidecar: Sidecar, root: Path, program: Path, *fails: int) -> subprocess.CompletedProcess[str]:
    """`fails`: the number of a system call, its first argument or -1, and the error."""
    numbers = map(str, fails)
    return sidecar.try_to_run(root, sys.executable, "-c", LAUNCHER, *numbers, program, "argocd", "generate")


@pytest.mark.parametrize(
    ("fails", "missing"),
    [
        ((CREATE_RULESET, -1, ENOSYS), "has no Landlock, so"),
        ((CREATE_RULESET, -1, EPERM), "has no Landlock, so"),
        ((PRCTL, SET_SECCOMP, EINVAL), "has no seccomp, so"),
    ],
)
def test_a_part_that_is_missing_is_named_once(
    fails: tuple[int, ...], missing: str, sidecar: Sidecar, program: Path, folder: Folder
) -> None:
    # kustomize runs twice.
    files = {
        **KUSTOMIZATION,
        "kustomization.yaml": "transformers: [gmsa.yaml]\nresources: [a.yaml]\n",
        "a.yaml": NO_CONFIG,
    }
    done = on_kernel(sidecar, folder(files), program, *fails)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("gmsa-krm: this system") == 1
    assert_mentions(done.stderr, missing)


@pytest.mark.parametrize("ref", ["a file", "a URL"])
@pytest.mark.parametrize(
    "fails", [(), (CREATE_RULESET, -1, ENOSYS), (PRCTL, SET_SECCOMP, EINVAL)], ids=["all", "no Landlock", "no seccomp"]
)
def test_a_schema_of_values_reads_nothing_outside(
    fails: tuple[int, ...],
    ref: str,
    sidecar: Sidecar,
    program: Path,
    folder: Folder,
    web: Web,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """helm shows what is wrong in values by quoting the schema."""
    other = tmp_path_factory.mktemp("other") / "secret.json"
    other.write_text('{"enum": ["hunter2"]}')
    url = web.url if ref == "a URL" else other.as_uri()
    schema = json.dumps({"properties": {"a": {"$ref": url}}})
    root = folder({**SMALL_CHART, "gmsa.yaml": CONFIG, "values.yaml": "a: 1\n", "values.schema.json": schema})
    done = (
        on_kernel(sidecar, root, program, *fails) if fails else sidecar.try_to_run(root, program, "argocd", "generate")
    )
    assert (done.returncode == 0) is bool(fails), done.stderr
    assert "hunter2" not in done.stderr
    assert web.requests == []


@pytest.mark.parametrize("call", [ADD_RULE, RESTRICT_SELF])
def test_no_program_starts_where_the_cage_fails(call: int, sidecar: Sidecar, program: Path, folder: Folder) -> None:
    done = on_kernel(sidecar, folder(KUSTOMIZATION), program, call, -1, EINVAL)
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "kustomize was not started", "Landlock")


def test_a_system_with_all_of_it_says_nothing(sidecar: Sidecar, program: Path, folder: Folder) -> None:
    assert sidecar.try_to_run(folder(KUSTOMIZATION), program, "argocd", "generate").stderr == ""


# What the programs know

PRINT_ENVIRONMENT = "#!/bin/sh\nenv >&2\nexit 1\n"
OWN = ("HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REGISTRY_CONFIG", "DOCKER_CONFIG", "XDG_CONFIG_HOME")


@pytest.mark.parametrize("may_fetch", [False, True])
def test_the_operators_folders_are_for_what_may_fetch(
    may_fetch: bool, make_program: MakeProgram, program: Path, folder: Folder
) -> None:
    own = make_program("kustomize", PRINT_ENVIRONMENT).with_environ(**{name: f"/own/{name}" for name in OWN})
    root = folder(fetching("http://127.0.0.1/a") if may_fetch else KUSTOMIZATION)
    shown = own.try_to_run(root, program, "argocd", "generate").stderr
    for name in OWN:
        assert (f"kustomize: {name}=/own/{name}\n" in shown) is may_fetch
    assert (f"HOME={own.environ['HOME']}\n" in shown) is may_fetch


@pytest.mark.parametrize("may_fetch", [False, True])
def test_a_home_with_the_folders_of_all_runs_is_not_looked_at(
    may_fetch: bool, make_program: MakeProgram, program: Path, folder: Folder
) -> None:
    own = make_program("kustomize", PRINT_ENVIRONMENT)
    home = str(own.temporary.parent)
    root = folder(fetching("http://127.0.0.1/a") if may_fetch else KUSTOMIZATION)
    shown = own.with_environ(HOME=home).try_to_run(root, program, "argocd", "generate").stderr
    homes = [line.partition("=")[2] for line in shown.splitlines() if "HOME=" in line]
    assert len(homes) >= 4
    assert all("/gmsa-krm-run-" in it for it in homes)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".local/share/helm/plugins/x/plugin.yaml", "{"),
        (".config/helm/registry/config.json", "{"),
        (".config/helm/repositories.yaml", "{"),
        (".docker/config.json", "{"),
    ],
)
@pytest.mark.parametrize("version", ["helm3", "helm4"])
def test_a_file_in_a_shared_home_breaks_no_chart(
    version: str,
    file: str,
    text: str,
    sidecar: Sidecar,
    program: Path,
    folder: Folder,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    programs = tmp_path_factory.mktemp("programs")
    (programs / "helm").symlink_to(tool(version))
    home = tmp_path_factory.mktemp("shared")
    (home / file).parent.mkdir(parents=True)
    (home / file).write_text(text)
    own = sidecar.with_programs(programs).with_environ(HOME=str(home), TMPDIR=str(home))
    assert "kind: Deployment" in own.run(folder(SMALL_CHART), program, "argocd", "generate")


# What the programs say


@pytest.mark.parametrize("status", [0, 1])
def test_messages_of_programs_are_printable_and_named(
    status: int, make_program: MakeProgram, program: Path, folder: Folder
) -> None:
    text = f"#!/bin/sh\nprintf 'a\\033[31mRED\\r\\ngmsa-krm: forged\\n' >&2\necho '{{}}'\nexit {status}\n"
    done = make_program("helm", text).try_to_run(folder(SMALL_CHART), program, "argocd", "generate")
    lines = done.stderr.splitlines()
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert "helm: a\\x1b[31mRED\\r" in lines
    assert "helm: gmsa-krm: forged" in lines


def test_a_link_forges_no_message(program: Path, sidecar: Sidecar, folder: Folder) -> None:
    root = folder({**SMALL_CHART, "f": "x"})
    (root / "l\x1b[31mRED\ngmsa-krm: forged line").symlink_to("f")
    done = sidecar.try_to_run(root, program, "argocd", "generate")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert all(line.startswith("helm: ") for line in done.stderr.splitlines())
    assert "forged" in done.stderr
