"""The archives that are published: the same bytes from the same files, and a wheel that works without the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import gmsa_krm
from build import tool
from conftest import ROOT, SEED, as_function

URL = "https://git.nordwind.example/platform/gmsa-krm"
SOURCES = ["plugin", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".gitignore"]

CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: nordwind
spec:
  domains:
  - dnsName: nordwind.example
    netBiosName: NORDWIND
    guid: 6d0a4a1c-38b8-4d5f-9a2e-0a5a5f5a7c11
    sid: S-1-5-21-1804461032-2719045186-3322740917
  credspecs:
  - account: payroll
    usedBy:
    - namespace: finance
      serviceAccounts: [payroll]
  webhook:
    certificate:
      source: Derive
  workloads:
  - match:
      names: [payroll]
    credspec: gmsa-payroll
    serviceAccount: payroll
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: payroll
  namespace: finance
spec:
  selector:
    matchLabels: {app: payroll}
  template:
    metadata:
      labels: {app: payroll}
    spec:
      containers:
      - name: iis
        image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
"""
CREDSPEC = """\
{
  "CmsPlugins": ["ActiveDirectory"],
  "DomainJoinConfig": {
    "Sid": "S-1-5-21-1804461032-2719045186-3322740917",
    "MachineAccountName": "ledger",
    "Guid": "6d0a4a1c-38b8-4d5f-9a2e-0a5a5f5a7c11",
    "DnsTreeName": "nordwind.example",
    "DnsName": "nordwind.example",
    "NetBiosName": "NORDWIND"
  },
  "ActiveDirectoryConfig": {
    "GroupManagedServiceAccounts": [
      {"Name": "ledger", "Scope": "nordwind.example"},
      {"Name": "ledger", "Scope": "NORDWIND"}
    ]
  }
}
"""
VALUES = """\
certificates:
  certManager:
    enabled: true
"""
FILES = {
    "gmsa.yaml": CONFIG,
    "web.yaml": DEPLOYMENT,
    "ledger.json": CREDSPEC,
    "values.yaml": VALUES,
    "kustomized/gmsa.yaml": as_function(CONFIG),
    "kustomized/web.yaml": DEPLOYMENT,
    "kustomized/kustomization.yaml": "resources: [web.yaml]\ntransformers: [gmsa.yaml]\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: payroll\nversion: 1.0.0\n",
    "chart/templates/web.yaml": DEPLOYMENT,
    "application/gmsa.yaml": CONFIG,
    "application/web.yaml": DEPLOYMENT,
}
# Every command but `help` and `install`, and `doctor`, which needs a cluster; what each prints is what the checkout prints.
COMMANDS = {
    "version": "gmsa-krm version",
    "render": "gmsa-krm render gmsa.yaml web.yaml",
    "post-render": "gmsa-krm post-render --config gmsa.yaml < web.yaml",
    "patch": "gmsa-krm patch --config gmsa.yaml deploy/payroll",
    "lint": "gmsa-krm lint --format sarif .",
    "render --chart": "rm -rf charted && gmsa-krm render gmsa.yaml --chart charted && cat charted/*/*",
    "init": "rm -rf fresh && gmsa-krm init fresh --host helm && cat fresh/*.yaml",
    "explain": "gmsa-krm explain",
    "who-can": "gmsa-krm who-can gmsa.yaml web.yaml --format json",
    "schema of the report": "gmsa-krm schema --access-report",
    "schema": "gmsa-krm schema",
    "schema of the chart": "gmsa-krm schema --chart-values",
    "import credspec": "gmsa-krm import credspec ledger.json",
    "import helm-values": "gmsa-krm import helm-values values.yaml",
    "certs show": "gmsa-krm certs show ca.crt",
    "argocd discover": "cd application && gmsa-krm argocd discover",
    "argocd parameters": "cd application && gmsa-krm argocd parameters",
    "argocd generate": "cd application && gmsa-krm argocd generate",
}


@dataclass(frozen=True)
class Archives:
    wheel: Path
    sdist: Path

    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as wheel:
            (name,) = (it for it in wheel.namelist() if it.endswith(".dist-info/METADATA"))
            return message_from_bytes(wheel.read(name))


def build(folder: Path, **env: str) -> Archives:
    """The archives of a copy of the sources, whose files have another age than those of the checkout."""
    for name in SOURCES:
        source, copy = ROOT / name, folder / "source" / name
        if source.is_dir():
            shutil.copytree(
                source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"), copy_function=shutil.copyfile
            )
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    command = [sys.executable, "-m", "build", "--outdir", folder, folder / "source"]
    done = subprocess.run(
        command,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Archives(wheel, sdist)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return build(tmp_path_factory.mktemp("dist"))


def interpreters() -> list[str]:
    """The Pythons of this machine that the package supports: those on the PATH and those of pyenv."""
    found = []
    for name in (f"python3.{minor}" for minor in range(11, 15)):
        places = [shutil.which(name), *sorted(Path.home().glob(f".pyenv/versions/*/bin/{name}"))]
        works = (
            it for it in places if it and subprocess.run([it, "-V"], capture_output=True, check=False).returncode == 0
        )
        found += [str(it) for it in works][:1]
    return found or [sys.executable]


@pytest.fixture(scope="module", params=interpreters(), ids=lambda it: Path(it).name)
def installed(request: pytest.FixtureRequest, archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment with nothing but the wheel and what it asks for."""
    where = tmp_path_factory.mktemp("installed")
    subprocess.run([request.param, "-m", "venv", where], check=True)
    subprocess.run([where / "bin/pip", "install", "--quiet", archives.wheel], check=True)
    return where / "bin"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "ca.pem"]
    request = ["openssl", "req", "-x509", *key, "-subj", "/CN=nordwind", "-out", tmp_path / "ca.crt"]
    subprocess.run(request, check=True, capture_output=True)
    return tmp_path


def environment(programs: Path, work: Path) -> dict[str, str]:
    home = work / "home"
    home.mkdir(exist_ok=True)
    # The day of Derive's certificate is given, so that two runs around midnight are alike.
    fixed = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1750000000", "ARGOCD_APP_NAME": "app", "LANG": "C.UTF-8"}
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home), **fixed}


def run(script: str, programs: Path, work: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script],
        cwd=work,
        env={**environment(programs, work), **env},
        capture_output=True,
        text=True,
        check=False,
    )


# The archives


def test_the_same_files_give_the_same_archives(archives: Archives, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert again.wheel.name == archives.wheel.name
    assert again.wheel.read_bytes() == archives.wheel.read_bytes()
    assert again.sdist.read_bytes() == archives.sdist.read_bytes()


def test_the_wheel_holds_the_package_and_nothing_else(archives: Archives) -> None:
    with zipfile.ZipFile(archives.wheel) as wheel:
        names = {it for it in wheel.namelist() if ".dist-info/" not in it}
    package = ROOT / "plugin/gmsa_krm"
    wanted = {
        str(it.relative_to(ROOT / "plugin"))
        for it in package.rglob("*")
        if it.is_file() and "__pycache__" not in it.parts
    }
    assert names == wanted
    assert "gmsa_krm/py.typed" in names


def test_a_wheel_of_the_sdist_is_the_wheel(archives: Archives, tmp_path: Path) -> None:
    with tarfile.open(archives.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000"},
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == archives.wheel.read_bytes()


def test_the_checkers_of_packages_have_no_complaint(archives: Archives) -> None:
    for checker in (
        ["twine", "check", "--strict", archives.wheel, archives.sdist],
        ["check-wheel-contents", archives.wheel],
        ["pyroma", "--min", "10", archives.sdist],
    ):
        command = [Path(sys.executable).parent / checker[0], *checker[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_the_program_s(archives: Archives) -> None:
    assert archives.metadata()["Version"] == gmsa_krm.__version__


def test_a_release_has_checksums_and_a_bill_of_materials(archives: Archives, tmp_path: Path) -> None:
    for archive in (archives.wheel, archives.sdist):
        shutil.copy(archive, tmp_path)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "plugin/image")}
    for _ in range(2):  # the second run finds the files of the first
        subprocess.run([sys.executable, ROOT / "tests/tools/assets.py", tmp_path], env=env, check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    (text,) = (it.read_text() for it in tmp_path.glob("*.cdx.json"))
    named = {line.split()[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    assert named == {it.name for it in tmp_path.iterdir()} - {"SHA256SUMS"}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    locked = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / "plugin/requirements.lock").read_text()))
    assert {it["name"]: it["version"] for it in document["components"]} == locked
    assert document["metadata"]["component"]["version"] == gmsa_krm.__version__


def test_one_variable_sets_every_address(tmp_path: Path) -> None:
    metadata = build(tmp_path, PROJECT_URL=URL).metadata()
    addresses = [it.partition(", ")[2] for it in metadata.get_all("Project-URL", [])]
    assert len(addresses) == 4
    assert all(it.startswith(URL) for it in addresses)
    readme = metadata.get_payload()
    assert isinstance(readme, str)
    links = re.findall(r"\]\(([^)]+)\)|\bsrc=\"([^\"]+)\"", readme)
    assert links
    for link in (inline or source for inline, source in links):
        assert link.startswith(("https://", "#")), link
        if link.startswith(f"{URL}/blob/main/"):
            path = link.removeprefix(f"{URL}/blob/main/").partition("#")[0]
            assert (ROOT / path).exists(), link


# The wheel without the checkout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_the_checkout_prints(name: str, installed: Path, work: Path) -> None:
    done = run(COMMANDS[name], installed, work)
    wanted = run(COMMANDS[name], Path(sys.executable).parent, work)
    assert (done.returncode, done.stdout, done.stderr) == (wanted.returncode, wanted.stdout, wanted.stderr)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_command_is_tried(installed: Path, work: Path) -> None:
    text = run("gmsa-krm help", installed, work).stdout
    commands = set(re.findall(r"^ {4}([a-z-]+)", text, re.M)) - {"help", "install", "completion", "doctor"}
    assert commands == {line.partition("gmsa-krm ")[2].split()[0] for line in COMMANDS.values()}


def test_the_package_is_its_own(installed: Path, work: Path) -> None:
    done = run("python -c 'import gmsa_krm; print(gmsa_krm.__file__)'", installed, work)
    assert done.stdout.startswith(str(installed.parent))


def test_kustomize_runs_it_as_a_function(installed: Path, work: Path) -> None:
    build = f"{tool('kustomize')} build --enable-alpha-plugins --enable-exec kustomized"
    done = run(build, installed, work)
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-payroll" in done.stdout
    assert done.stdout == run(build, Path(sys.executable).parent, work).stdout


def test_kustomize_runs_it_as_a_plugin(installed: Path, work: Path) -> None:
    (work / "kustomized/gmsa.yaml").write_text(CONFIG)
    done = run(
        f"gmsa-krm install kustomize && {tool('kustomize')} build --enable-alpha-plugins kustomized", installed, work
    )
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-payroll" in done.stdout


def test_helm_3_runs_it(installed: Path, work: Path) -> None:
    options = "--post-renderer-args post-render --post-renderer-args --config=gmsa.yaml"
    done = run(f"{tool('helm3')} template r chart --post-renderer gmsa-krm {options}", installed, work)
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-payroll" in done.stdout


def test_helm_4_runs_it(installed: Path, work: Path) -> None:
    template = f"{tool('helm4')} template r chart --post-renderer gmsa --post-renderer-args --config=gmsa.yaml"
    done = run(f"gmsa-krm install helm --dir plugins && HELM_PLUGINS=$PWD/plugins {template}", installed, work)
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-payroll" in done.stdout


# Libraries of a distribution


def test_too_old_a_cryptography_is_named_with_the_cure(archives: Archives, tmp_path: Path, work: Path) -> None:
    """Before 45 its signatures are not deterministic; Debian 12 has 38."""
    where = tmp_path / "old"
    subprocess.run([sys.executable, "-m", "venv", where], check=True)
    pip = [where / "bin/pip", "install", "--quiet"]
    subprocess.run([*pip, "cryptography==44.0.3", "PyYAML"], check=True)
    subprocess.run([*pip, "--no-deps", archives.wheel], check=True)
    done = run("gmsa-krm render gmsa.yaml", where / "bin", work)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("gmsa-krm: cryptography 44.0.3 is too old; install 45 or newer: ")
    assert line.endswith("-m pip install 'cryptography>=45'")
