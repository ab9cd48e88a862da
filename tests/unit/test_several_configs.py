"""Several configs in one run, one of which may be in mode Policy."""

from __future__ import annotations

import pytest

from builders import CERT_MANAGER, IIS, MODE_NONE, MODE_POLICY, contents_of, gmsa_config, pod, stream, windows_options
from conftest import Call, Folder, findings


def config(letter: str, mode: str) -> str:
    """A config named after a letter, with the account WebA or WebB."""
    credspecs = f"""
        credspecs:
        - account: Web{letter.upper()}
          usedBy: FromWorkloads
    """
    return gmsa_config(credspecs, mode, name=letter)


def pod_of(letter: str) -> str:
    """A pod that uses the credential spec of the config of that letter."""
    spec = """
        serviceAccountName: a
        nodeSelector:
          kubernetes.io/os: windows
    """
    return pod(spec, IIS, windows_options(f"gmsa-web{letter}"), name=f"pod-{letter}")


@pytest.mark.parametrize(
    ("mode_of_a", "mode_of_b"),
    [
        pytest.param(MODE_POLICY, MODE_NONE, id="the first in mode Policy"),
        pytest.param(MODE_NONE, MODE_POLICY, id="the second in mode Policy"),
    ],
)
def test_a_policy_knows_the_credspecs_of_the_other_configs(
    mode_of_a: str, mode_of_b: str, call: Call, folder: Folder
) -> None:
    pods = stream(pod_of("a"), pod_of("b"))
    done = call(
        "render", folder({"a.yaml": config("a", mode_of_a), "b.yaml": config("b", mode_of_b), "pods.yaml": pods})
    )
    assert done.status == 0, done.stderr
    for letter in "ab":
        contents = contents_of(f"Web{letter.upper()}")
        options = done.object("Pod", f"pod-{letter}")["spec"]["securityContext"]["windowsOptions"]
        assert options["gmsaCredentialSpec"] == contents
        assert contents in done.object("ValidatingAdmissionPolicy")["spec"]["variables"][1]["expression"]


OTHER_POLICY = """
    admission:
      mode: Policy
    policy:
      name: other
"""


@pytest.mark.parametrize(
    "other",
    [pytest.param(OTHER_POLICY, id="another policy"), pytest.param(CERT_MANAGER, id="a webhook")],
)
def test_a_policy_and_another_kind_of_admission_are_refused_together(other: str, call: Call, folder: Folder) -> None:
    """The policy refuses the pods of credential specs that it does not know."""
    where = folder({"a.yaml": config("a", MODE_POLICY), "b.yaml": config("b", other)})
    done = call("render", where)
    assert (done.status, done.stdout) == (1, "")
    (finding,) = [it for it in findings(call, where, folder=where) if it.severity == "error"]
    assert (finding.file, finding.field) == ("b.yaml", "spec.admission.mode")
    assert finding.says("a.yaml:1:1", "mode Policy", "None"), finding.message
    assert finding.message in done.stderr
