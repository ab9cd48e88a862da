"""What the tests share: the program as users call it, the real kustomize, configs to start from."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from config_schema import disagreement
from gmsa_krm.cli import main

sys.path.insert(0, str(Path(__file__).parent / "tools"))

# So that a failed assertion in them shows its values.
pytest.register_assert_rewrite("builders", "mistakes", "tls")

# No test is timed: a busy machine must not fail one. CI repeats the same examples; a developer's run looks for new ones.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Of gRPC: its handlers would start threads in each child process, and end it when its files are closed.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

ROOT = Path(__file__).parent.parent
CASES = sorted(path for path in (ROOT / "tests" / "cases").iterdir() if path.is_dir())
SEED = "a seed for tests, 32 bytes or more; never use it"

DOMAIN = """\
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
"""
# What the credspec of account WebApp1 is in a pod, byte for byte.
CONTENTS = (
    '{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp1","Scope":"CONTOSO"},'
    '{"Name":"WebApp1","Scope":"contoso.com"}]},"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":'
    '{"DnsName":"contoso.com","DnsTreeName":"contoso.com","Guid":"244818ae-87ac-4fcd-92ec-e79e5252348a",'
    '"MachineAccountName":"WebApp1","NetBiosName":"CONTOSO","Sid":"S-1-5-21-2126449477-2524075714-3094792973"}}'
)
HEAD = "apiVersion: gmsa-krm.dev/v1alpha1\nkind: GMSAConfig\nmetadata:\n  name: contoso\nspec:\n"


def config(rest: str = "", domain: str = DOMAIN) -> str:
    """A config with the domain of the Kubernetes page; `rest` is indented below spec."""
    return HEAD + domain + rest


CREDSPEC = "  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"


def workloads_config(workloads: str, credspec: str = CREDSPEC, more: str = "") -> str:
    return HEAD + DOMAIN + credspec + "  admission: {mode: None}\n" + more + f"  workloads:\n{workloads}"


ENTRY = "  - match: {names: [web]}\n    credspec: gmsa-webapp1\n    serviceAccount: webapp1\n"


def deployment(
    pod: str = "",
    name: str = "web",
    kind: str = "apps/v1, kind: Deployment",
    path: str = "spec: {template: {spec: %s}}",
) -> str:
    pod = pod or "{containers: [{name: iis, image: iis}, {name: log, image: log}]}"
    return f"{{apiVersion: {kind}, metadata: {{name: {name}, namespace: web, labels: {{app: iis}}}}, {path % pod}}}\n"


@dataclass
class Done:
    """A run of the program."""

    status: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [document for document in yaml.safe_load_all(self.stdout) if document]

    def object(self, kind: str, name: str | None = None) -> dict[str, Any]:
        found = [it for it in self.objects if it["kind"] == kind and name in (None, it["metadata"]["name"])]
        assert len(found) == 1, f"{len(found)} of {kind} {name}"
        return found[0]


def identity(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def by_identity(items: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {identity(item): item for item in items}
    assert len(found) == len(items)
    return found


@dataclass(frozen=True)
class Finding:
    """A finding as `lint --format json` prints it.

    `file` is relative to the folder of the test. `text` is what the finding points at: its line, from its column on;
    empty where it has no line.
    """

    severity: str
    rule: str
    message: str
    field: str
    file: str
    line: int
    column: int
    text: str

    def says(self, *words: str) -> bool:
        """Whether all words are in the message, each as a whole: "WebApp1" is not a word of "WebApp1$ ends in $"."""
        return all(re.search(rf"(?<![-$@{{}}\\.]){re.escape(word)}(?![-$@{{}}\\.])", self.message) for word in words)


@dataclass(frozen=True)
class Checked:
    """What `render` did with an input, and what `lint` found in it."""

    done: Done
    findings: list[Finding]

    @property
    def finding(self) -> Finding:
        """The only finding."""
        assert len(self.findings) == 1, self.findings
        return self.findings[0]

    def find(self, rule: str, field: str) -> Finding:
        """The first finding of a rule at a field, where there may be others beside it."""
        found = [it for it in self.findings if (it.rule, it.field) == (rule, field)]
        assert found, self.findings
        return found[0]


class _Pipe(io.TextIOWrapper):
    def isatty(self) -> bool:
        return False


class Call:
    """Runs the program in this process: `call("render", path, stdin=b"", env={...})`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None, program: str = "gmsa-krm"
    ) -> Done:
        """`program`: what the program is called as; kustomize calls a legacy plugin by its kind."""
        with self._monkeypatch.context() as patch:
            out, err = io.BytesIO(), io.BytesIO()
            patch.setattr(sys, "argv", [program, *map(str, arguments)])
            patch.setattr(sys, "stdin", _Pipe(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", _Pipe(out, encoding="utf-8", write_through=True))
            patch.setattr(sys, "stderr", _Pipe(err, encoding="utf-8", errors="backslashreplace", write_through=True))
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            try:
                status = main()
            except SystemExit as stop:  # argparse
                status = stop.code if isinstance(stop.code, int) else 1
            return Done(status, out.getvalue().decode(), err.getvalue().decode())


class Folder:
    """Writes files into a folder of the test: `folder({"gmsa.yaml": "..."})` returns the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, files: dict[str, str | bytes]) -> Path:
        for name, contents in files.items():
            path = self._path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return self._path


class Render:
    """Renders the text of a config, with further files beside it."""

    def __init__(self, call: Call, folder: Folder) -> None:
        self._call = call
        self._folder = folder

    def __call__(
        self, text: str, files: dict[str, str | bytes] | None = None, env: dict[str, str] | None = None
    ) -> Done:
        where = self._folder({"gmsa.yaml": text, **(files or {})})
        return self._call("render", where / "gmsa.yaml", env=env)


class RenderFolder:
    """Renders a folder with the text of a config and a manifest."""

    def __init__(self, call: Call, folder: Folder) -> None:
        self._call = call
        self._folder = folder

    def __call__(self, text: str, manifest: str) -> Done:
        return self._call("render", self._folder({"gmsa.yaml": text, "web.yaml": manifest}))


class Check:
    """Renders and lints the text of a config, and a manifest if there is one, with further files beside them.

    Both commands must agree: `render` prints each finding of `lint` on stderr and nothing else there, and one error is
    enough for status 1 and an empty stdout.
    """

    def __init__(self, call: Call, folder: Folder) -> None:
        self._call = call
        self._folder = folder

    def __call__(self, text: str, manifest: str = "", files: dict[str, str | bytes] | None = None) -> Checked:
        where = self._folder({"gmsa.yaml": text, **({"web.yaml": manifest} if manifest else {}), **(files or {})})
        path = where if manifest else where / "gmsa.yaml"
        done = self._call("render", path)
        found = findings(self._call, path, folder=where)
        assert len(done.stderr.splitlines()) == len(found), done.stderr
        assert all(it.rule and printed(it) in done.stderr for it in found), done.stderr
        assert done.status == int(any(it.severity == "error" for it in found)), done.stderr
        assert bool(done.stdout) == (done.status == 0)
        assert not (it := disagreement(text, found)), it
        return Checked(done, found)


def printed(finding: Finding) -> str:
    """The end of the line that a finding is on stderr; a control character is printed as its escape."""
    line = f"{finding.field}: {finding.message}" if finding.field else finding.message
    return "".join(it if it.isprintable() else repr(it)[1:-1] for it in line)


def findings(call: Call, *paths: Path, folder: Path, options: tuple[str | Path, ...] = ()) -> list[Finding]:
    """What `lint` finds in the paths; `folder` is what they are in."""
    done = call("lint", "--format", "json", *options, *paths)
    assert done.stderr == ""
    found = [_finding(item, folder) for item in json.loads(done.stdout)]
    assert done.status == int(any(it.severity == "error" for it in found))
    return found


def _finding(item: dict[str, Any], folder: Path) -> Finding:
    text = ""
    if item["line"]:
        line = Path(item["file"]).read_text().splitlines()[item["line"] - 1]
        text = line[item["column"] - 1 :]
    return Finding(**{**item, "file": item["file"].removeprefix(f"{folder}/")}, text=text)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    return Call(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def render(call: Call, folder: Folder) -> Render:
    return Render(call, folder)


@pytest.fixture
def render_folder(call: Call, folder: Folder) -> RenderFolder:
    return RenderFolder(call, folder)


@pytest.fixture
def check(call: Call, folder: Folder) -> Check:
    return Check(call, folder)


@pytest.fixture(scope="session")
def program() -> Path:
    """The installed program, as a user calls it."""
    return Path(sys.executable).parent / "gmsa-krm"


@pytest.fixture(scope="session")
def kustomize() -> Path:
    from build import tool

    return tool("kustomize")


@pytest.fixture(scope="session")
def plugin_home(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """A HOME in which `install kustomize` has been run."""
    home = tmp_path_factory.mktemp("home")
    subprocess.run([program, "install", "kustomize"], env=environment(home), check=True, capture_output=True)
    return home


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean environment in which the program is on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **more}


def as_function(text: str) -> str:
    """A config with the annotation by which kustomize runs it as a function."""
    return text.replace(
        "metadata:\n",
        "metadata:\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: gmsa-krm}\n",
        1,
    )


def build(program: Path | str, folder: Path, home: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`kustomize build` or `kubectl kustomize`."""
    verb = "kustomize" if Path(program).name == "kubectl" else "build"
    command = [str(program), verb, "--enable-alpha-plugins", *flags, str(folder)]
    return subprocess.run(command, env=environment(home, **env), capture_output=True, text=True, check=False)


def kubectl() -> str | None:
    return shutil.which("kubectl")
