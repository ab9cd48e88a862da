"""The tolerations that workloads and diagnostics Jobs get, for Windows nodes with taints."""

from __future__ import annotations

import pytest

from builders import IIS, MODE_NONE, deployment, entry, gmsa_config, pod_of, stream, workload, workloads_config
from conftest import Call, Check, Folder, Render, RenderFolder

TOLERATIONS = """
    tolerations:
    - key: os
      value: windows
      effect: NoSchedule
"""
WINDOWS = {"key": "os", "value": "windows", "effect": "NoSchedule"}
GPU = {"key": "gpu", "operator": "Exists"}
CONFIG = workloads_config(entry(TOLERATIONS))


def test_tolerations_are_added(render_folder: RenderFolder) -> None:
    assert pod_of(render_folder(CONFIG, deployment(IIS)))["tolerations"] == [WINDOWS]


def test_existing_tolerations_are_kept(render_folder: RenderFolder) -> None:
    existing = """
        tolerations:
        - key: gpu
          operator: Exists  # all of them
    """
    done = render_folder(CONFIG, deployment(existing, IIS))
    assert pod_of(done)["tolerations"] == [GPU, WINDOWS]
    assert "# all of them" in done.stdout


@pytest.mark.parametrize("more", ["", "operator: Equal", 'operator: ""'])
def test_a_toleration_is_not_added_twice(more: str, check: Check) -> None:
    existing = f"""
        tolerations:
        - effect: NoSchedule
          key: os
          value: windows
          {more}
    """
    checked = check(workloads_config(entry(TOLERATIONS), entry(TOLERATIONS)), deployment(existing, IIS))
    assert checked.findings == []
    (toleration,) = pod_of(checked.done)["tolerations"]
    assert toleration["key"] == "os"
    twice = workloads_config(entry(TOLERATIONS), entry(TOLERATIONS, match="kinds: [Deployment]"))
    assert pod_of(check(twice, deployment(IIS)).done)["tolerations"] == [WINDOWS]


@pytest.mark.parametrize(
    "other",
    [
        "{key: os, value: windows}",
        "{key: os, value: windows, effect: NoExecute}",
        "{key: os, operator: Exists, effect: NoSchedule}",
    ],
)
def test_another_toleration_does_not_stand_for_it(other: str, render_folder: RenderFolder) -> None:
    done = render_folder(CONFIG, deployment(f"tolerations: [{other}]", IIS))
    assert pod_of(done)["tolerations"][1:] == [WINDOWS]


def test_only_workloads_that_match_get_them(render_folder: RenderFolder) -> None:
    job = workload(IIS, api_version="batch/v1", kind="Job", name="other")
    done = render_folder(CONFIG, stream(deployment(IIS), job))
    assert "tolerations" not in pod_of(done, "Job")


def test_a_variable_is_not_replaced(check: Check) -> None:
    finding = check(CONFIG, deployment("tolerations: ${TOLERATIONS}\n", IIS)).finding
    assert (finding.rule, finding.field) == ("type", "Deployment web/web: spec.template.spec.tolerations")


def test_a_patch_says_that_it_replaces_the_tolerations(call: Call, folder: Folder) -> None:
    done = call("patch", "--config", folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml", "Deployment/web")
    assert pod_of(done)["tolerations"] == [WINDOWS]
    assert "spec.workloads[0].tolerations: replace those that the workload has" in done.stderr


DIAGNOSED = """
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
      diagnostics:
        namespace: web
        serviceAccount: webapp1
"""


def test_the_diagnostics_job_tolerates_taints(render: Render) -> None:
    without = render(gmsa_config(DIAGNOSED, MODE_NONE)).object("Job")
    assert "tolerations" not in without["spec"]["template"]["spec"]
    tolerant = gmsa_config(DIAGNOSED + TOLERATIONS.replace("\n", "\n    "), MODE_NONE)
    job = render(tolerant).object("Job")
    assert job["spec"]["template"]["spec"].pop("tolerations") == [WINDOWS]
    # A Job cannot be changed, so it has another name.
    assert job["metadata"].pop("name") != without["metadata"].pop("name")
    assert job == without


@pytest.mark.parametrize(
    ("toleration", "words"),
    [
        ("{operator: Equals, key: os}", ("Equals", "Exists")),
        ("{value: windows}", ("key",)),
        ("{operator: Equal}", ("key",)),
        ("{key: os, operator: Exists, value: windows}", ("value", "operator: Equal")),
        ("{key: os, effect: NoStart}", ("NoStart", "NoSchedule")),
        ("{key: os, tolerationSeconds: 30}", ("tolerationSeconds", "NoExecute")),
        ("{key: os, tolerationSeconds: 30, effect: NoSchedule}", ("tolerationSeconds", "NoExecute")),
    ],
)
def test_what_the_api_server_refuses_is_an_error(toleration: str, words: tuple[str, ...], check: Check) -> None:
    config = workloads_config(entry(f"tolerations: [{toleration}]"))
    finding = check(config, deployment(IIS)).finding
    assert (finding.rule, finding.field) == ("toleration", "spec.workloads[0].tolerations[0]")
    assert finding.says(*words), finding.message
    finding = check(
        gmsa_config(DIAGNOSED + f"        tolerations: [{toleration}]\n", MODE_NONE),
    ).finding
    assert (finding.rule, finding.field) == ("toleration", "spec.credspecs[0].diagnostics.tolerations[0]")


@pytest.mark.parametrize(
    "toleration",
    [
        "{operator: Exists}",
        "{key: os}",
        "{key: os, operator: Equal, value: windows, effect: PreferNoSchedule}",
        "{key: os, operator: Exists, effect: NoExecute, tolerationSeconds: 30}",
    ],
)
def test_what_the_api_server_takes_is_taken(toleration: str, check: Check) -> None:
    assert check(workloads_config(entry(f"tolerations: [{toleration}]")), deployment(IIS)).findings == []
