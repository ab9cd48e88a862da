"""`--help` of each command: a sentence, examples that run, exit statuses and the variables that it reads."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, Call, Folder, config, environment
from gmsa_krm.arguments import FastParser
from gmsa_krm.declarations import declare_commands
from gmsa_krm.usage import VARIABLES
from hosts.support import SNAPSHOT

CONFIG = config("""\
  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
  admission:
    mode: None
  workloads:
  - match:
      namespaces: [web]
    credspec: gmsa-webapp1
    serviceAccount: webapp1
""")
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
spec:
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: iis
        image: iis
"""
CONTENTS = ROOT / "tests/cases/credspec-file/credspecs/webapp3.json"
VALUES = "certificates:\n  secretName: gmsa-server-cert\n"
# In place of the programs that need a cluster: they print what a cluster holds, and read what they are given.
KUBECTL = """\
#!/bin/sh
case "$*" in
  *"apply "*) grep -q kind: || exit 1; echo applied ;;
  *secret*) cat "$FILES/tls.crt" ;;
  *gmsacredentialspecs*) cat "$FILES/credspecs.yaml" ;;
  *) exit 1 ;;
esac
"""
HELM = """\
#!/bin/sh
case "$1" in
  get) cat values.yaml ;;
  *) exec "$HELM" "$@" ;;
esac
"""


def commands(parser: FastParser | None = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each command, as its words; the program itself is the first."""
    if parser is None:
        parser = FastParser()
        declare_commands(parser)
    yield path
    for name, command in parser.commands.items():
        yield from commands(command, (*path, name))


COMMANDS = list(commands())


def is_leaf(path: tuple[str, ...]) -> bool:
    """Whether a command does something of its own; the examples of the others are those of their commands."""
    return path not in ((), ("help",)) and not any(it[: len(path)] == path for it in COMMANDS if it != path)


def sections(call: Call, path: tuple[str, ...]) -> dict[str, list[str]]:
    """The lines of the help by their title; the sentence is under ""."""
    done = call(*path, "--help", env={"COLUMNS": "200"})
    assert (done.status, done.stderr) == (0, "")
    _, sentence, *rest = done.stdout.split("\n\n")
    found = {"": [sentence]}
    for block in rest:
        title, *lines = block.strip("\n").split("\n")
        found[title.rstrip(":")] = [line.strip() for line in lines]
    return found


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(path: tuple[str, ...], call: Call) -> None:
    found = sections(call, path)
    assert re.fullmatch(r"[A-Z].*\.", found[""][0], re.DOTALL)
    assert len(found["examples"]) >= 2
    assert {"0", "2", "3"} <= {line.split()[0] for line in found["exit status"]}
    assert found["environment variables"]
    if path != ("help",):
        assert call("help", *path).stdout == call(*path, "--help").stdout


class Recorder(dict[str, str]):
    """The variables of the environment, and the names of those that were asked for."""

    asked: set[str]

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


# Not of a command: of Python's libraries, of the program itself, and those that programs which it starts read.
OF_OTHERS = {"COLUMNS", "LINES", "PATH", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "TMPDIR", "TEMP", "TMP", "TERM"}
OF_OTHERS |= {"NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS", "KUSTOMIZE_PLUGIN_CONFIG_STRING", "SSLKEYLOGFILE"}


def arguments_of(example: str) -> list[str] | None:
    """The words of a plain call of the program; None for an example with more than that."""
    words = example.partition(" > ")[0].split()
    return words[1:] if words[0] == "gmsa-krm" and not set("|<") & set(example) else None


@pytest.mark.parametrize("path", [path for path in COMMANDS if is_leaf(path)], ids=" ".join)
def test_the_variables_of_help_are_those_that_are_read(
    path: tuple[str, ...], call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    found = sections(call, path)
    declared = {line.split()[0] for line in found["environment variables"]} & set(VARIABLES)
    recorder = Recorder({"HOME": str(place), "PATH": os.environ["PATH"]})
    recorder.asked = set()
    monkeypatch.setattr(os, "environ", recorder)
    for example in found["examples"]:
        arguments = arguments_of(example)
        if arguments is not None:
            call(*arguments)
    assert recorder.asked - OF_OTHERS <= declared


def test_every_variable_that_help_describes_is_read() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "plugin/gmsa_krm").rglob("*.py"))
    for name in VARIABLES:
        if name in ("KRB5CCNAME", "KUBECONFIG"):
            continue  # Kerberos and kubectl read them: tests/active_directory, tests/cluster
        # Where it is described, where a command declares it, and where it is read.
        assert len(re.findall(rf"['\" ]{name}['\" =]", texts)) > 2, name


def test_help_describes_the_variables_of_the_reference() -> None:
    page = (ROOT / "docs/reference/environment.md").read_text().partition("\n## Passed on")[0]
    names = {name for row in re.findall(r"(?m)^\| ([^|]*) \|", page) for name in re.findall("`(.*?)`", row)}
    assert "GMSA_KRM_SEED" in names
    assert names - {"USERPROFILE", "LOCALAPPDATA", "GMSA_KRM_CONTAINER"} <= set(VARIABLES)  # the last is the image's


@pytest.fixture
def place(folder: Folder, program: Path) -> Path:
    """A folder with what the examples name."""
    root = folder(
        {
            "gmsa.yaml": CONFIG,
            "manifests/web.yaml": WEB,
            "apps/web/gmsa.yaml": CONFIG,
            "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
            "chart/templates/web.yaml": WEB,
            "WebApp1.json": CONTENTS.read_bytes(),
            "ad.yaml": SNAPSHOT,
            "values.yaml": VALUES,
        }
    )
    subprocess.run([program, "certs", "issue", "--dir", "certs"], cwd=root, check=True, capture_output=True)
    return root


def test_every_example_runs(call: Call, place: Path, tmp_path_factory: pytest.TempPathFactory, program: Path) -> None:
    from build import tool

    home, tools = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tools")
    for name, text in {"kubectl": KUBECTL, "helm": HELM}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (home / ".config/fish/completions").mkdir(parents=True)
    (home / ".config/kustomize/plugin").mkdir(parents=True)
    env = environment(home, FILES=str(tools), HELM=str(tool("helm4")), HELM_PLUGINS=str(home / "plugins"))
    env["PATH"] = f"{tools}:{env['PATH']}"
    (tools / "tls.crt").write_bytes((place / "certs/tls.crt").read_bytes())
    spec = subprocess.run(
        [program, "render", "gmsa.yaml"], cwd=place, capture_output=True, text=True, check=True
    ).stdout
    documents = [it for it in spec.split("---\n") if "kind: GMSACredentialSpec\n" in it]
    (tools / "credspecs.yaml").write_text("---\n".join(documents))
    (place / "certs").rename(tools / "certs")
    ran = []
    examples = [
        it
        for path in sorted(COMMANDS, key=lambda it: it[:1] != ("install",))
        for it in sections(call, path)["examples"]
    ]
    for example in dict.fromkeys(examples):
        if "Out-String" in example:
            continue  # PowerShell
        if "--server" in example:
            continue  # a domain controller: tests/active_directory
        if example.startswith("gmsa-krm doctor") or "who-can --context" in example:
            continue  # a cluster: tests/cluster
        if example.endswith("--uninstall"):
            continue  # the next examples need what was installed
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", example.partition("    #")[0]],
            cwd=place / "apps/web" if re.match(r"(ARGOCD_.*)?gmsa-krm argocd", example) else place,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{example}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        ran.append(example)
    assert len(ran) > 25
