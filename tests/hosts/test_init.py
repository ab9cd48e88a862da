"""`init`: a reader types what it prints, with the real hosts, and gets a set-up."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from build import tool
from conftest import Call, Folder, environment
from hosts.conftest import Sidecar
from hosts.support import assert_mentions

HOSTS = ("kustomize", "helm", "argocd", "flux")
VALUES = {
    "<DNS name>": "contoso.com",
    "<NETBIOS name>": "CONTOSO",
    "<GUID>": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "<SID>": "S-1-5-21-2126449477-2524075714-3094792973",
    "<account>": "WebApp1",
}
KINDS = {
    "GMSACredentialSpec",
    "ClusterRole",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def config_of(folder: Path, host: str) -> Path:
    return folder / ("manifests/gmsa.yaml" if host == "argocd" else "gmsa.yaml")


def fill_in(config: Path) -> None:
    text = config.read_text()
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    config.write_text(text)


def next_steps(printed: str) -> list[str]:
    return re.findall(r"(?m)^  (\S.*)$", printed.partition("Next: ")[2])


@pytest.fixture
def shell(tmp_path: Path, program: Path) -> dict[str, str]:
    """Variables of a shell with the hosts, and with stand-ins for what needs a cluster or a registry."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    for folder in (programs, home):
        folder.mkdir()
    (programs / "kustomize").symlink_to(tool("kustomize"))
    (programs / "helm").symlink_to(tool("helm4"))
    for name in ("kubectl", "flux"):  # tests/cluster has the one, tests/hosts/test_flux.py the other
        (programs / name).write_text(
            '#!/bin/sh\nfor word; do case "$word" in *.yaml) test -f "$word" || exit 1 ;; esac; done\n'
        )
        (programs / name).chmod(0o755)
    env = environment(home)
    return {**env, "PATH": f"{programs}:{env['PATH']}"}


@pytest.mark.parametrize("where", ["new", "deploy/my gmsa", "."])
@pytest.mark.parametrize("host", HOSTS)
def test_what_it_says_works(host: str, where: str, shell: dict[str, str], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()

    def typed(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "-c", line], cwd=work, env=shell, capture_output=True, text=True, check=False)

    done = typed(f"gmsa-krm init '{where}' --host {host}")
    assert done.returncode == 0, done.stderr
    lint, *steps = next_steps(done.stdout)
    assert typed(lint).returncode == 1  # there are placeholders
    fill_in(config_of(work / where, host))
    checked = typed(lint)
    assert (checked.returncode, checked.stdout) == (0, "no errors, no warnings\n"), checked.stdout + checked.stderr
    # In one shell, and with its variables only.
    ran = typed("\n".join(["set -eu", *(f"echo ---\n{it}" for it in steps)]))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = "".join(f"---\n{it}" for it in re.split(r"(?m)^---\n", ran.stdout) if "apiVersion:" in it)
    if host == "flux":
        printed = typed(f"kustomize build '{where}/out'").stdout
    found = {it["kind"] for it in yaml.safe_load_all(printed) if it}
    assert found - {"CustomResourceDefinition"} == KINDS
    assert host == "helm" or "CustomResourceDefinition" in found


@pytest.mark.parametrize("domain", ["contoso.com", None])
def test_lint_names_each_placeholder_and_nothing_else(domain: str | None, call: Call, folder: Folder) -> None:
    root = folder({})
    more = ("--domain", domain) if domain is not None else ()
    assert call("init", root / "new", *more).status == 0
    config = config_of(root / "new", "kustomize")
    placeholders = {
        number for number, line in enumerate(config.read_text().splitlines(), 1) if re.search(r": <[^>]*>", line)
    }
    findings = json.loads(call("lint", "-o", "json", root / "new").stdout)
    assert {it["line"] for it in findings} == placeholders
    assert len(placeholders) == (5 if domain is None else 4)


@pytest.mark.parametrize("host", HOSTS)
def test_the_editor_finds_the_schema(host: str, call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root / "new", "--host", host).status == 0
    config = config_of(root / "new", host)
    schema = config.parent / config.read_text().splitlines()[0].partition("$schema=")[2]
    assert json.loads(schema.read_text()) == json.loads(call("schema").stdout)


def test_argocd_s_plugin_takes_the_folder(sidecar: Sidecar, call: Call, folder: Folder) -> None:
    """And reads what `application.yaml` names, which is no manifest of it."""
    root = folder({})
    assert call("init", root / "new", "--host", "argocd", "--domain", "contoso.com").status == 0
    fill_in(root / "new/manifests/gmsa.yaml")
    application = yaml.safe_load((root / "new/application.yaml").read_text())
    assert application["spec"]["source"]["plugin"]["name"] == "gmsa-krm"
    assert sidecar.run(root / "new/manifests", "gmsa-krm", "argocd", "discover")
    generated = sidecar.with_environ(ARGOCD_APP_NAME="gmsa").run(
        root / "new/manifests", "gmsa-krm", "argocd", "generate"
    )
    assert {it["kind"] for it in yaml.safe_load_all(generated)} == {*KINDS, "CustomResourceDefinition"}


def test_helm_3_takes_the_chart(shell: dict[str, str], tmp_path: Path, call: Call, folder: Folder) -> None:
    root = folder({})
    done = call("init", root / "new", "--host", "helm")
    assert done.status == 0
    fill_in(root / "new/gmsa.yaml")
    (tmp_path / "bin/helm").unlink()
    (tmp_path / "bin/helm").symlink_to(tool("helm3"))
    (command,) = re.findall(r"(?m)^Helm 3 needs no plugin: (.*)$", done.stdout)
    done = subprocess.run(["bash", "-c", command], env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {it["kind"] for it in yaml.safe_load_all(done.stdout) if it} == KINDS


@pytest.mark.parametrize("host", HOSTS)
def test_no_existing_file_is_written_over(host: str, call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root / "model", "--host", host).status == 0
    names = [str(it.relative_to(root / "model")) for it in (root / "model").rglob("*") if it.is_file()]
    for number, name in enumerate(it for it in names if it != ".gitignore"):
        folder({f"{number}/{name}": "mine"})
        done = call("init", root / str(number), "--host", host)
        assert (done.status, done.stdout) == (3, "")
        assert_mentions(done.stderr, f"{root}/{number}/{name} exists", "another folder")
        assert [it.read_text() for it in (root / str(number)).rglob("*") if it.is_file()] == ["mine"]


def test_a_link_is_not_written_through(call: Call, folder: Folder) -> None:
    root = folder({"new/a": ""})
    (root / "new/gmsa.yaml").symlink_to(root / "nothing")
    assert call("init", root / "new").status == 3
    assert not (root / "nothing").exists()


def test_a_gitignore_is_kept_and_its_lines_are_named(call: Call, folder: Folder) -> None:
    root = folder({"new/.gitignore": "mine\n"})
    done = call("init", root / "new")
    assert done.status == 0
    assert (root / "new/.gitignore").read_text() == "mine\n"
    assert_mentions(done.stdout, f"kept {root}/new/.gitignore", "*.key")


def test_git_ignores_what_flux_pushes(call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root, "--host", "flux", "--domain", "contoso.com").status == 0
    fill_in(root / "gmsa.yaml")
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", "init", "-q", root], check=True, env=env)
    command = ["git", "-C", root, "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    assert "flux.yaml" in status
    assert "out/" not in status


def test_git_ignores_keys(call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root).status == 0
    assert call("certs", "issue", "--dir", root / "certs").status == 0
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", "init", "-q", root], check=True, env=env)
    command = ["git", "-C", root, "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    assert "certs/tls.crt" in status
    assert "tls.key" not in status


@pytest.mark.parametrize("domain", ["", "contoso.com.", "a b", "CONTOSO\n  x: y", "<x>"])
def test_a_domain_that_is_none_is_refused(domain: str, call: Call, folder: Folder) -> None:
    root = folder({})
    done = call("init", root / "new", "--domain", domain)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "--domain")
    assert not (root / "new").exists()


def test_quiet_prints_nothing(call: Call, folder: Folder) -> None:
    root = folder({})
    assert call("init", root / "new", "-q").stdout == ""
    assert (root / "new/gmsa.yaml").exists()
