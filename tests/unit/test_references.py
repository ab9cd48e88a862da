"""The checks of a pod that refers to a credential spec, whether an entry of spec.workloads changes it or not."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from builders import (
    CERT_MANAGER,
    CREDSPEC,
    MODE_NONE,
    block,
    deployment,
    gmsa_config,
    windows_options,
    workloads_config,
)
from conftest import CONTENTS, Call, Check, Folder

GOOD = """
    serviceAccountName: webapp1
    nodeSelector:
      kubernetes.io/os: windows
    securityContext:
      windowsOptions:
        gmsaCredentialSpecName: gmsa-webapp1
    containers: []
"""


@dataclass(frozen=True)
class Mistake:
    """A pod, and the finding that it gets: the field below the pod's spec, and the key words of cause and cure.

    `also`: the rules of further findings.
    """

    name: str
    pod: str
    rule: str
    field: str
    words: tuple[str, ...] = ()
    severity: str = "error"
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


MISTAKES = [
    Mistake(
        "a credspec that does not exist",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-web
            containers: []
        """,
        rule="unknown-credspec",
        field=".securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("gmsa-web ", "did you mean gmsa-webapp1"),
    ),
    Mistake(
        "a credspec in the wrong case",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-WebApp1
            containers: []
        """,
        rule="credspec-case",
        field=".securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("gmsa-WebApp1", "gmsa-webapp1", "case"),
    ),
    Mistake(
        "a credspec that does not exist, in a container",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            containers:
            - name: a
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-x
        """,
        rule="unknown-credspec",
        field=".containers[0].securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("gmsa-x ",),
    ),
    Mistake(
        "a service account that may not use the credspec",
        pod="""
            serviceAccountName: other
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers: []
        """,
        rule="service-account-not-covered",
        field=".serviceAccountName",
        words=("other", "gmsa-webapp1", "namespace web", "usedBy"),
    ),
    Mistake(
        "the default service account",
        pod="""
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers: []
        """,
        rule="default-service-account",
        field=".serviceAccountName",
        words=("default",),
        severity="warning",
        also=("service-account-not-covered",),
    ),
    Mistake(
        "contents without a name",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpec: '{}'
            containers: []
        """,
        rule="contents-without-name",
        field=".securityContext.windowsOptions.gmsaCredentialSpec",
        words=("gmsaCredentialSpecName",),
    ),
    Mistake(
        "a container that hides the contents of the pod",
        pod=f"""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
                gmsaCredentialSpec: '{CONTENTS}'
            containers:
            - name: a
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
        """,
        rule="hidden-contents",
        field=".containers[0].securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("hides", "remove the pod's contents"),
        severity="warning",
    ),
    Mistake(
        "a HostProcess container",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
                hostProcess: true
            containers: []
        """,
        rule="host-process",
        field=".securityContext.windowsOptions.hostProcess",
        words=("HostProcess",),
    ),
    Mistake(
        "a pod for Linux, by its os",
        pod="""
            serviceAccountName: webapp1
            os:
              name: linux
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers: []
        """,
        rule="not-windows",
        field=".os.name",
        words=("linux", "Windows"),
    ),
    Mistake(
        "a pod for Linux, by its node selector",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: linux
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers: []
        """,
        rule="not-windows",
        field=".nodeSelector.kubernetes.io/os",
        words=("linux",),
    ),
    Mistake(
        "a pod that fits on any node",
        pod="""
            serviceAccountName: webapp1
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers: []
        """,
        rule="no-windows-node",
        field="",
        words=("Linux node",),
        severity="warning",
    ),
    Mistake(
        "a hook of PowerShell in an image without PowerShell",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers:
            - name: a
              image: mcr.microsoft.com/windows/nanoserver:ltsc2022
              lifecycle:
                postStart:
                  exec:
                    command: [powershell.exe, Restart-Service netlogon]
        """,
        rule="hook-without-powershell",
        field=".containers[0].lifecycle.postStart",
        words=("PowerShell", "nanoserver"),
        severity="warning",
    ),
    Mistake(
        "a hook that its user may not run",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers:
            - name: a
              image: a
              securityContext:
                windowsOptions:
                  runAsUserName: ContainerUser
              lifecycle:
                postStart:
                  exec:
                    command: [powershell.exe, Restart-Service netlogon]
        """,
        rule="hook-without-rights",
        field=".containers[0].lifecycle.postStart",
        words=("ContainerUser", "netlogon"),
        severity="warning",
    ),
    Mistake(
        "a field for Linux in a pod for Windows",
        pod="""
            serviceAccountName: webapp1
            nodeSelector:
              kubernetes.io/os: windows
            os:
              name: windows
            securityContext:
              windowsOptions:
                gmsaCredentialSpecName: gmsa-webapp1
            containers:
            - name: a
              securityContext:
                allowPrivilegeEscalation: false
        """,
        rule="linux-only-field",
        field=".containers[0].securityContext.allowPrivilegeEscalation",
        words=("Linux",),
    ),
]


def test_a_good_reference_has_no_findings(check: Check) -> None:
    assert check(workloads_config(), deployment(GOOD)).findings == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_in_a_pod_is_found(mistake: Mistake, check: Check, call: Call, folder: Folder) -> None:
    checked = check(workloads_config(), deployment(mistake.pod))
    finding = checked.find(mistake.rule, f"Deployment web/web: spec.template.spec{mistake.field}")
    assert finding.severity == mistake.severity
    assert sorted(it.rule for it in checked.findings) == sorted([mistake.rule, *mistake.also])
    assert finding.file == "web.yaml"
    assert finding.says(*mistake.words), finding.message
    assert finding.message in call("lint", folder({})).stdout
    sarif = json.loads(call("lint", "--format", "sarif", folder({})).stdout)
    region = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == checked.findings[0].line > 0


@pytest.mark.parametrize("name", ["{a: b}", "[a]", "7"])
def test_a_name_of_another_type_in_an_init_container_is_an_error(name: str, check: Check) -> None:
    """A mapping ended in a traceback."""
    init = f"""
        initContainers:
        - name: init
          securityContext:
            windowsOptions:
              gmsaCredentialSpecName: {name}
    """
    for source in (CERT_MANAGER, MODE_NONE):
        config = gmsa_config(CREDSPEC, source)
        for pod in ([init], [block(GOOD).replace("gmsa-webapp1", name)], [GOOD, init]):
            rules = {it.rule for it in check(config, deployment(*pod)).findings}
            assert "reference-type" in rules, rules


def test_a_credspec_of_the_cluster_is_known(check: Check) -> None:
    config = workloads_config(more="existingCredspecs: [gmsa-old]")
    pod = """
        serviceAccountName: webapp1
        nodeSelector:
          kubernetes.io/os: windows
        securityContext:
          windowsOptions:
            gmsaCredentialSpecName: gmsa-old
        containers: []
    """
    assert check(config, deployment(pod)).findings == []


def test_manifests_are_linted_without_a_config(call: Call, folder: Folder) -> None:
    """Then every name may be that of a credspec in the cluster."""
    where = folder({"named.yaml": deployment(GOOD), "unnamed.yaml": deployment(windows_options(contents="{}"))})
    assert call("lint", where / "named.yaml").status == 0
    assert call("lint", where / "unnamed.yaml").status == 1
