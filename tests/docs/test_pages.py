"""The blocks of all pages: commands work, configs render, the rest has the right syntax."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Parser

from build import tool
from conftest import ROOT, SEED, Folder, environment
from hosts.support import CONTOSO, WEBAPP1, deployment
from pages import PAGES, Block, blocks, commands, files, run

# Run by tests/cluster, section by section.
ON_A_CLUSTER = (
    "docs/getting-started/verify.md",
    "docs/how-to/adopt.md",
    "docs/how-to/change-credspec.md",
    "docs/how-to/doctor.md",
    "docs/how-to/policy-mode.md",
    "docs/upgrade.md",
)
# Here without what needs a cluster, there with it.
PARTLY = ("README.md", "docs/getting-started/standalone.md", "docs/ja.md", "docs/ko.md", "docs/zh.md")
# Run by tests/image, with the image.
WITH_AN_IMAGE = ("docs/getting-started/container.md", *(it for it in PAGES if it.startswith("plugin/function/")))
ELSEWHERE = ON_A_CLUSTER + WITH_AN_IMAGE
WITH_COMMANDS = [it for it in PAGES if it not in ELSEWHERE and any(b.language == "console" for b in blocks(it))]
# The page of Helm 3 calls it helm, as the others call Helm 4.
HELM = {"docs/getting-started/helm-3.md": "helm3"}


def is_local(line: str) -> bool:
    """Whether a command needs no cluster. The make targets run this test."""
    return not line.startswith("make ") and (not line.startswith("kubectl ") or line.startswith("kubectl kustomize"))


def kubectl() -> str | None:
    found = Path.home() / ".cache/gmsa-krm"
    return shutil.which("kubectl") or next((str(it) for it in found.glob("**/kubectl") if it.is_file()), None)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a reader of the pages has: the repository, as far as the pages use it."""
    for name in ("kustomize", "charts", "plugin/helm"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    return tmp_path / "checkout"


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_the_commands_work_as_they_are(page: str, checkout: Path, tmp_path: Path) -> None:
    for name, contents in files(page).items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(contents)
    programs, home = tmp_path / "bin", tmp_path / "home"
    for folder in (programs, home):
        folder.mkdir()
    (programs / "kustomize").symlink_to(tool("kustomize"))
    helm = programs / "helm"
    # A Helm 3 that is built from its module believes in a cluster of Kubernetes 1.20.
    more = "--kube-version 1.37.0" if page in HELM else ""
    helm.write_text(f'#!/bin/sh\nexec "{tool(HELM.get(page, "helm4"))}" "$@" {more}\n')
    helm.chmod(0o755)
    found = kubectl()
    if found:
        (programs / "kubectl").symlink_to(found)
    env = environment(home)
    env["PATH"] = f"{programs}:{env['PATH']}"
    if page == "kustomize/README.md":  # its table asks for it
        subprocess.run(["gmsa-krm", "install", "kustomize"], env=env, check=True, capture_output=True)
    steps = [it for it in commands(page) if is_local(it.line) and (found or not it.line.startswith("kubectl"))]
    run(steps, checkout, env)


def test_the_cluster_tests_name_each_section_with_commands() -> None:
    sources = "".join(it.read_text() for it in (ROOT / "tests/cluster").glob("test_*.py"))
    for page in ON_A_CLUSTER:
        for heading in {it.heading for it in commands(page)}:
            named = re.sub(r"Remove the (script|chart)'s", r"Remove the {way}'s", heading)
            assert f'"{named}"' in sources, f"{page}: {heading}"


def test_what_is_not_run_on_a_cluster_needs_none() -> None:
    """A page with commands for a cluster is in the list above, or has them in blocks that are not run."""
    for page in WITH_COMMANDS:
        left_out = [it.line for it in commands(page) if it.line.startswith("kubectl ") and not is_local(it.line)]
        assert not left_out or page in PARTLY, (page, left_out)


def of_language(language: str) -> list[object]:
    return [
        pytest.param(it, id=f"{page}-{it.heading}") for page in PAGES for it in blocks(page) if it.language == language
    ]


@pytest.mark.parametrize("block", of_language("yaml"))
def test_a_config_renders(block: Block, folder: Folder, program: Path) -> None:
    """A part of a config is completed; other YAML is only read."""
    data = list(yaml.safe_load_all(block.text))
    if len(data) != 1 or not isinstance(data[0], dict):
        return
    config = data[0]
    part = set(config) == {"spec"} and not isinstance(config["spec"].get("securityContext"), dict)
    if not part and config.get("kind") != "GMSAConfig":
        return
    config = {"apiVersion": "gmsa-krm.dev/v1alpha1", "kind": "GMSAConfig", "metadata": {"name": "contoso"}, **config}
    spec = config["spec"] = {"domains": [CONTOSO], "credspecs": [WEBAPP1], **config["spec"]}
    for credspec in spec["credspecs"]:
        credspec.setdefault("usedBy", WEBAPP1["usedBy"])
    root = folder({"gmsa.yaml": yaml.safe_dump(config, sort_keys=False), "web.yaml": deployment()})
    _write_files(spec, root)
    env = environment(root, GMSA_KRM_SEED=SEED)
    done = subprocess.run(
        [program, "render", "gmsa.yaml", "web.yaml"], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # Parts of a config leave things out that a whole one has.
    assert part or not [it for it in done.stderr.splitlines() if "matches no workload" not in it]


def _write_files(spec: dict[str, object], root: Path) -> None:
    """The files that examples name."""
    contents = (ROOT / "tests/cases/credspec-file/credspecs").glob("*.json")
    (root / "webapp1.json").write_text(next(contents).read_text())
    shutil.copytree(ROOT / "kustomize/existing-secret/certs", root / "certs")
    shutil.copy(ROOT / "tests/cases/active-directory/directory/ad.yaml", root)
    (root / "before.json").write_text(
        '{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp1","Scope":"CONTOSO"},'
        '{"Name":"WebApp1","Scope":"contoso.com"}]},"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":'
        '{"DnsName":"contoso.com","DnsTreeName":"contoso.com","Guid":"244818ae-87ac-4fcd-92ec-e79e5252348b",'
        '"MachineAccountName":"WebApp1","NetBiosName":"CONTOSO","Sid":"S-1-5-21-2126449477-2524075714-3094792973"}}'
    )


@pytest.mark.parametrize("block", of_language("bash"))
def test_shell_has_the_right_syntax(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", of_language("powershell"))
def test_powershell_has_the_right_syntax(block: Block) -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(block.text.encode())
    assert not tree.root_node.has_error, block.text


def test_every_block_is_of_a_language_that_is_checked() -> None:
    known = {"console", "yaml", "bash", "powershell", "text", "json", "mermaid"}
    found = {(page, it.language) for page in PAGES for it in blocks(page)}
    assert {it for it in found if it[1] not in known} == set()


def messages_in_troubleshooting() -> list[str]:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    rows = re.findall(r"(?m)^\| (.+) \| \[[a-z-]+\]\(reference/rules\.md#", text)
    return [*rows, *re.findall(r"(?m)^### (needs a command[^(]*)", text)]


@pytest.mark.parametrize("message", messages_in_troubleshooting())
def test_a_message_in_troubleshooting_is_one_of_the_program(message: str) -> None:
    modules = [it for it in (ROOT / "plugin/gmsa_krm").rglob("*.py") if "rules" not in it.parts]
    assert any(message.strip() in it.read_text() for it in modules)
