"""Examples of the catalogue as a user has them: files in a folder, and lines typed in a shell.

An example is written as briefly as a reader allows, so what it leaves out is added here: a part of a GMSAConfig is
completed to a whole one, a part of a credential spec too, and a Deployment `web` is always among the manifests.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import SEED, Call
from gmsa_krm.findings import Finding

Found = set[tuple[str, str]]  # severity and rule

CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
  webhook:
    certificate:
      source: CertManager
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
  labels:
    app: web
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
        image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
"""
CREDSPEC: dict[str, Any] = {
    "CmsPlugins": ["ActiveDirectory"],
    "DomainJoinConfig": {
        "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
        "MachineAccountName": "WebApp1",
        "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "DnsTreeName": "contoso.com",
        "DnsName": "contoso.com",
        "NetBiosName": "CONTOSO",
    },
    "ActiveDirectoryConfig": {
        "GroupManagedServiceAccounts": [
            {"Name": "WebApp1", "Scope": "contoso.com"},
            {"Name": "WebApp1", "Scope": "CONTOSO"},
        ],
    },
}
# Stands for kustomize, which has nothing to say about a rule of gmsa-krm.
KUSTOMIZE = f"#!/bin/sh\ncat <<'end'\n{DEPLOYMENT}end\n"

_FILE = re.compile(r"# (?P<name>[-a-z0-9/]+\.(?:yaml|json|jsonnet|sh))(?P<remark>, .*)?\n")


class Example:
    """The files of an example, {name: text}, and its commands."""

    def __init__(self, text: str) -> None:
        self.files: dict[str, str] = {}
        self.commands: list[str] = []
        name = ""
        for line in text.splitlines(keepends=True):
            heading = _FILE.fullmatch(line)
            if line.startswith("$ "):
                self.commands.append(line.removeprefix("$ ").strip())
            elif heading:
                name = heading["name"]
            elif line.strip() or name in self.files:
                name = name or _usual_name(text)
                self.files[name] = self.files.get(name, "") + line


def _usual_name(text: str) -> str:
    if text.startswith("{"):
        return "webapp1.json"
    return "gmsa.yaml" if text.startswith("spec:") or "kind: GMSAConfig" in text else "manifest.yaml"


class Scenario:
    """Plays examples in a folder of its own."""

    def __init__(self, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._call = call
        self._monkeypatch = monkeypatch

    def play(self, rule: str, text: str) -> Found:
        """The findings of an example of `rule`."""
        text = REPLACED.get(rule, _unchanged)(text)
        example = Example(text)
        environment = {"GMSA_KRM_SEED": SEED}
        for name, contents in list(example.files.items()):
            if "kind: ResourceList" in contents:
                example.commands = [f"gmsa-krm < {name}"]
            if "kind: Application\n" in contents:
                del example.files[name]  # it is applied to Argo CD, and is not in the application's folder
                parameters = yaml.safe_load(contents)["spec"]["source"]["plugin"]["parameters"]
                environment["ARGOCD_APP_PARAMETERS"] = json.dumps(parameters)
                example.commands = ["gmsa-krm argocd generate"]
        encoding = "cp1252" if "saved as Windows-1252" in text else "utf-8"
        for name, contents in completed(example.files).items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents.encode(encoding))
        self._monkeypatch.chdir(self._folder)
        self._monkeypatch.setenv("PATH", str(self._with_kustomize()), prepend=":")
        found: Found = set()
        for command in example.commands or ["gmsa-krm lint ."]:
            found |= self._type(command, environment)
        return found

    def _with_kustomize(self) -> Path:
        program = self._folder.parent / f"{self._folder.name}-bin" / "kustomize"
        program.parent.mkdir(exist_ok=True)
        program.write_text(KUSTOMIZE)
        program.chmod(0o755)
        return program.parent

    def _type(self, command: str, environment: dict[str, str]) -> Found:
        words = shlex.split(
            command.replace(
                "$(openssl rand -hex 32)", "5eed9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            )
        )
        environment = dict(environment)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        program, *arguments = words
        if program == "cat":
            source, _, target = arguments
            Path(target).write_text(Path(target).read_text() + Path(source).read_text())
            return set()
        if program == "ln":
            Path(arguments[2]).symlink_to(arguments[1])
            return set()
        assert program == "gmsa-krm"
        return self._run(arguments, environment)

    def _run(self, arguments: list[str], environment: dict[str, str]) -> Found:
        stdin = b""
        if "<" in arguments:
            at = arguments.index("<")
            stdin = Path(arguments[at + 1]).read_bytes()
            del arguments[at : at + 2]
        if arguments[:1] == ["lint"]:
            done = self._call(*arguments, "--format", "json", env=environment)
            return {(it["severity"], it["rule"]) for it in json.loads(done.stdout)}
        # Other commands print no rule: what is printed is noted on the way.
        printed: Found = set()
        is_report = arguments[:1] == ["who-can"]
        arguments = [*arguments, "--format", "json"] if is_report else arguments
        text_of = Finding.__str__

        def noted(finding: Finding) -> str:
            printed.add((finding.severity, finding.rule))
            return text_of(finding)

        with self._monkeypatch.context() as patch:
            patch.setattr(Finding, "__str__", noted)
            done = self._call(*arguments, stdin=stdin, env=environment)
        assert done.status in (0, 1), done.stderr
        return printed | (_risks(done.stdout) if is_report and done.status == 0 else set())


def _risks(text: str) -> Found:
    """What a report of who-can shows in red."""
    report = json.loads(text)
    entries = [
        *report["nodes"],
        *report["edges"],
        *(it for node in report["nodes"] for it in node.get("workloads", ())),
    ]
    return {(risk["severity"], risk["rule"]) for entry in entries for risk in entry.get("risks", ())}


def completed(files: dict[str, str]) -> dict[str, str]:
    """The files of a folder: those of an example, made whole, and what every folder has."""
    whole = {"deployment.yaml": DEPLOYMENT}
    for name, text in files.items():
        if text.startswith("spec:"):
            text = yaml.safe_dump(with_users(joined(yaml.safe_load(CONFIG), yaml.safe_load(text))), allow_unicode=True)
        elif name == "webapp1.json":
            text = json.dumps(joined(CREDSPEC, json.loads(text)))
            whole["gmsa.yaml"] = CONFIG.replace("account: WebApp1", "file: webapp1.json")
        whole[name] = text
    if not any("kind: GMSAConfig" in text for text in whole.values()):
        whole["gmsa.yaml"] = CONFIG
    if any("file: webapp1.json" in text for text in whole.values()):
        whole.setdefault("webapp1.json", json.dumps(CREDSPEC))
    return whole


def with_users(config: dict[str, Any]) -> dict[str, Any]:
    """Lets the example's service account use each credspec that does not say who may."""
    for entry in config["spec"]["credspecs"]:
        if isinstance(entry, dict):
            entry.setdefault("usedBy", yaml.safe_load(CONFIG)["spec"]["credspecs"][0]["usedBy"])
    return config


def joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, everything else is replaced."""
    merged = dict(one)
    for key, value in other.items():
        known = merged.get(key)
        merged[key] = joined(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _unchanged(text: str) -> str:
    return text


def _of_full_length(text: str) -> str:
    """`AAAA...  # 70,000 characters` as it says."""

    def repeated(match: re.Match[str]) -> str:
        return "A" * int(match[1].replace(",", ""))

    return re.sub(r"AAAA\.\.\.  # ([0-9,]+) characters", repeated, text)


def _with_all_entries(text: str) -> str:
    """The entries between the first and the last, for which `# ...` stands."""
    return re.sub(
        r"(?P<first>^ *- (?:(?!^ *- ).|\n)*?)^ *# \.\.\.\n(?=^ *- .*?(?P<last>[0-9])$)",
        lambda match: "".join(match["first"].replace("1\n", f"{number}\n") for number in range(1, int(match["last"]))),
        text,
        flags=re.MULTILINE,
    )


# Examples that stand for something too long to print.
REPLACED: dict[str, Callable[[str], str]] = {
    "run-limit": _of_full_length,
    "too-large": _of_full_length,
    "too-many-credspecs": _with_all_entries,
}
