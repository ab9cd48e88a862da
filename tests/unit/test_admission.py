"""Pods that the webhook or the policy of the config would refuse are found before they are applied."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from builders import (
    CERT_MANAGER,
    IIS,
    MODE_NONE,
    MODE_POLICY,
    contents_of,
    gmsa_config,
    listed,
    pod,
    spaced,
    windows_options,
)
from conftest import Check, RenderFolder

CREDSPEC = """
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
"""
ONE = contents_of("WebApp1")
TWO = contents_of("WebApp2")
ON_WINDOWS = """
    serviceAccountName: a
    nodeSelector:
      kubernetes.io/os: windows
"""
BEFORE_INIT_CONTAINERS = """
    webhook:
      image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0
      certificate:
        source: CertManager
"""
INIT_CONTAINER_WITH_A_NAME = """\
initContainers:
- name: i
  image: i
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-webapp1
"""


@dataclass(frozen=True)
class Mistake:
    """Fields of a pod's spec that are refused at admission in a mode, and the finding that they get.

    `field` is below the spec. `words`: the parts of the message that a user needs.
    """

    name: str
    mode: str
    pod: str
    rule: str
    field: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


MISTAKES = [
    Mistake(
        "a name that is a number",
        MODE_POLICY,
        IIS + windows_options(123),
        rule="reference-type",
        field=".securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("string", "another type"),
    ),
    Mistake(
        "an empty name",
        CERT_MANAGER,
        IIS + windows_options(""),
        rule="reference-type",
        field=".securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("string", "empty"),
    ),
    Mistake(
        "contents that are a mapping",
        CERT_MANAGER,
        IIS + windows_options("gmsa-webapp1", {"a": "b"}),
        rule="reference-type",
        field=".securityContext.windowsOptions.gmsaCredentialSpec",
        words=("string",),
    ),
    Mistake(
        "contents of another credspec",
        CERT_MANAGER,
        IIS + windows_options("gmsa-webapp1", TWO),
        rule="foreign-contents",
        field=".securityContext.windowsOptions.gmsaCredentialSpec",
        words=("gmsa-webapp1", "refused at admission"),
    ),
    Mistake(
        "contents in a container that are not JSON",
        MODE_NONE,
        """
        containers:
        - name: iis
          image: iis
          securityContext:
            windowsOptions:
              gmsaCredentialSpecName: gmsa-webapp1
              gmsaCredentialSpec: x
        """,
        rule="foreign-contents",
        field=".containers[0].securityContext.windowsOptions.gmsaCredentialSpec",
        words=("gmsa-webapp1",),
    ),
    Mistake(
        "an ephemeral container with a name of its own",
        MODE_POLICY,
        """
        containers:
        - name: iis
          image: iis
        ephemeralContainers:
        - name: e
          image: e
          securityContext:
            windowsOptions:
              gmsaCredentialSpecName: gmsa-webapp1
        """,
        rule="ephemeral-reference",
        field=".ephemeralContainers[0].securityContext.windowsOptions",
        words=("ephemeral containers", "remove"),
    ),
    Mistake(
        "a name in an init container alone",
        BEFORE_INIT_CONTAINERS,
        IIS + INIT_CONTAINER_WITH_A_NAME,
        rule="init-container-reference",
        field=".initContainers[0].securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("gmsa-webapp1", "neither the pod nor one of its containers"),
    ),
    Mistake(
        "an init container without contents",
        BEFORE_INIT_CONTAINERS,
        IIS + windows_options("gmsa-webapp1") + INIT_CONTAINER_WITH_A_NAME,
        rule="init-container-reference",
        field=".initContainers[0].securityContext.windowsOptions.gmsaCredentialSpecName",
        words=("gmsa-webapp1", "init containers"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_what_admission_would_refuse_is_found(mistake: Mistake, check: Check) -> None:
    checked = check(gmsa_config(CREDSPEC, mistake.mode), pod(ON_WINDOWS, mistake.pod))
    (finding,) = [it for it in checked.findings if it.field.startswith("Pod web/web: ")]
    assert (finding.severity, finding.rule) == ("error", mistake.rule)
    assert finding.field == f"Pod web/web: spec{mistake.field}"
    assert finding.says(*mistake.words), finding.message


def test_the_same_contents_in_another_form_pass(render_folder: RenderFolder) -> None:
    """The webhook compares them as JSON."""
    given = pod(ON_WINDOWS, windows_options("gmsa-webapp1", spaced(ONE)), IIS)
    done = render_folder(gmsa_config(CREDSPEC, CERT_MANAGER), given)
    assert done.status == 0, done.stderr
    assert given in done.stdout


WITHOUT_HARDENING = """
    webhook:
      hardeningPolicy: false
      certificate:
        source: CertManager
"""


@pytest.mark.parametrize("mode", [MODE_NONE, WITHOUT_HARDENING], ids=["mode None", "no hardening policy"])
def test_an_init_container_may_have_a_name_where_the_config_has_no_policy(
    mode: str, render_folder: RenderFolder
) -> None:
    done = render_folder(gmsa_config(CREDSPEC, mode), pod(ON_WINDOWS, IIS, INIT_CONTAINER_WITH_A_NAME))
    assert done.status == 0, done.stderr


def test_a_pod_has_eight_credspecs_at_most_in_mode_policy(check: Check) -> None:
    credspecs = "credspecs:\n" + listed(*(f"account: App{n}\nusedBy: FromWorkloads" for n in range(9)))
    containers = [f"name: c{n}\nimage: c\n{windows_options(f'gmsa-app{n}')}" for n in range(9)]
    config = gmsa_config(credspecs, MODE_POLICY)
    eight, nine = (pod(ON_WINDOWS, "containers:\n" + listed(*containers[:count])) for count in (8, 9))
    assert check(config, eight).done.status == 0
    finding = check(config, nine).finding
    assert finding.rule == "too-many-credspecs"
    assert finding.says("9 credential specs", " 8 "), finding.message
