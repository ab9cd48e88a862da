"""The Windows nodes' DaemonSet and the diagnostics Jobs; and the PowerShell of all scripts that run on Windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import tree_sitter
import tree_sitter_powershell

from builders import MODE_NONE, MODE_POLICY, contoso, deployment, entry, gmsa_config, pod_of, workloads_config
from conftest import Done, Render, RenderFolder

NODES = """
    nodes:
      smbCompartmentNamespace: true
"""
DIAGNOSED = """
    credspecs:
    - account: WebApp1
      usedBy:
      - namespace: web
        serviceAccounts: [webapp1]
      diagnostics:
        namespace: web
        serviceAccount: webapp1
"""


def pod_spec(done: Done, kind: str) -> Any:
    assert (done.status, done.stderr) == (0, "")
    return done.object(kind)["spec"]["template"]["spec"]


@pytest.fixture
def done(render: Render) -> Done:
    """The render of a config with both."""
    return render(gmsa_config(DIAGNOSED, NODES, MODE_NONE))


@pytest.mark.parametrize("kind", ["DaemonSet", "Job", "Namespace"])
@pytest.mark.parametrize("version", ["1.30", "1.33", kubernetes_validate.latest_version()])
def test_the_objects_are_valid(kind: str, version: str, done: Done) -> None:
    kubernetes_validate.validate(done.object(kind), version, strict=True)


def test_the_daemon_set_runs_on_the_host(done: Done) -> None:
    pod = pod_spec(done, "DaemonSet")
    assert pod["hostNetwork"] is True
    assert pod["securityContext"]["windowsOptions"]["hostProcess"] is True
    assert "EnableCompartmentNamespace" in pod["initContainers"][0]["command"][-1]
    labels = done.object("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_job_checks_credspec_then_dns_then_secure_channel(done: Done) -> None:
    pod = pod_spec(done, "Job")
    assert pod["securityContext"]["windowsOptions"]["gmsaCredentialSpecName"] == "gmsa-webapp1"
    script = pod["containers"][0]["command"][-1]
    steps = ["nltest.exe /parentdomain", "nslookup.exe 'contoso.com'", "nltest.exe /query"]
    assert sorted(steps, key=script.index) == steps


def test_another_template_is_a_job_of_another_name(render: Render) -> None:
    """A Job's template cannot be changed."""
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy: FromWorkloads
          diagnostics:
            namespace: web
            serviceAccount: a
    """
    here = gmsa_config(credspecs, MODE_POLICY)
    elsewhere = gmsa_config(credspecs, MODE_POLICY, domains=contoso(dns_name="fabrikam.com"))
    without_policy = gmsa_config(credspecs, MODE_NONE)

    def name(config: str) -> str:
        found: str = render(config).object("Job")["metadata"]["name"]
        return found

    assert name(here) == name(here)
    assert len({name(here), name(elsewhere), name(without_policy)}) == 3


# PowerShell


@dataclass(frozen=True)
class Hook:
    """The settings of a netlogon hook, each of which has a script of its own."""

    method: str
    attempts: int

    def __str__(self) -> str:
        return f"{self.method} {self.attempts}"


HOOKS = [Hook(method, attempts) for method in ("RestartService", "SecureChannelReset") for attempts in (0, 1, 10)]


def assert_is_powershell_without_a_double_quote(script: str) -> None:
    """By the grammar of PowerShell; no test has a Windows to run a script on.

    On Windows, double quotes would be taken apart once more on the way to the process.
    """
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert '"' not in script
    assert not parser.parse(script.encode()).root_node.has_error, script
    broken = script[:-1].replace("}", "", 1)
    assert parser.parse(broken.encode()).root_node.has_error, "the grammar finds no mistake"


@pytest.mark.parametrize("hook", HOOKS, ids=str)
def test_the_script_of_a_hook_is_powershell(hook: Hook, render_folder: RenderFolder) -> None:
    config = workloads_config(
        entry(f"""
            netlogonRestart:
              method: {hook.method}
              maxAttempts: {hook.attempts}
        """)
    )
    container = pod_of(render_folder(config, deployment()))["containers"][0]
    assert_is_powershell_without_a_double_quote(container["lifecycle"]["postStart"]["exec"]["command"][2])


def test_the_scripts_of_the_daemon_set_are_powershell(done: Done) -> None:
    pod = pod_spec(done, "DaemonSet")
    for container in (*pod["initContainers"], *pod["containers"]):
        assert_is_powershell_without_a_double_quote(container["command"][-1])


def test_the_script_of_the_job_is_powershell(done: Done) -> None:
    assert_is_powershell_without_a_double_quote(pod_spec(done, "Job")["containers"][0]["command"][-1])
