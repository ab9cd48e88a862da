"""`patch`: applied by kustomize it gives what the transformer gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conftest import ENTRY, ROOT, Call, as_function, build, by_identity, deployment
from conftest import workloads_config as config

MORE = {
    "pod": "",
    "containers": "    containers: [iis]\n",
    "hook": "    containers: [iis]\n    netlogonRestart: {}\n",
    "hook that replaces": "    containers: [iis]\n    netlogonRestart: {maxAttempts: 0, onExistingHook: Replace}\n",
    "token": "    containers: [iis, log]\n    token: {audience: vault}\n",
    "no placement": "    windowsNode: false\n",
}
WITH_HOOK = (
    "{containers: [{name: iis, image: iis, lifecycle: {postStart: {httpGet: {port: 80}}}}, {name: log, image: log}]}"
)


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_a_patch_gives_what_the_transformer_gives(
    name: str, kind: str, call: Call, kustomize: Path, plugin_home: Path, tmp_path: Path
) -> None:
    text = config(ENTRY + MORE[name])
    pod = WITH_HOOK if "replaces" in name else ""
    workload = deployment(pod)
    if kind == "CronJob":
        workload = deployment(
            pod, kind="batch/v1, kind: CronJob", path="spec: {jobTemplate: {spec: {template: {spec: %s}}}}"
        )
    outputs = []
    for way in ("transformer", "patch"):
        folder = tmp_path / way
        folder.mkdir()
        (folder / "web.yaml").write_text(workload)
        (folder / "gmsa.yaml").write_text(as_function(text))
        kustomization = "resources: [web.yaml]\n"
        if way == "transformer":
            kustomization += "transformers: [gmsa.yaml]\n"
        else:
            done = call("patch", "--config", folder / "gmsa.yaml", f"{kind}/web", "--namespace", "web")
            assert done.status == 0, done.stderr
            (folder / "patch.yaml").write_text(done.stdout)
            kustomization += "patches: [{path: patch.yaml}]\n"
        (folder / "kustomization.yaml").write_text(kustomization)
        built = build(kustomize, folder, plugin_home, "--enable-exec")
        assert built.returncode == 0, built.stderr
        outputs.append(by_identity(list(yaml.safe_load_all(built.stdout)))[kind, "web", "web"])
    assert outputs[0] == outputs[1]
    assert "gmsa-webapp1" in str(outputs[1])


@pytest.mark.parametrize(
    ("target", "more", "message"),
    [
        ("web", "", "web: is no KIND/NAME; write something like Deployment/web"),
        ("Rollout/web", "", "give version and group too, like Rollout.v1alpha1.argoproj.io/web"),
        ("Rollout.v1alpha1.argoproj.io/web", "", "is no kind with a pod that is known; name it in spec.workloadKinds"),
        ("Deployment/other", "", "no entry of spec.workloads matches it"),
        ("Deployment/web", "    netlogonRestart: {}\n", "spec.workloads[0].containers: names no containers"),
        (
            "Deployment/web",
            "    containers: [a]\n    netlogonRestart: {onExistingHook: Keep}\n",
            "Keep is not to be had in a patch",
        ),
    ],
)
def test_what_has_no_patch(target: str, more: str, message: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(config(ENTRY + more))
    done = call("patch", "--config", tmp_path / "gmsa.yaml", target)
    assert (done.status, done.stdout) == (1, "")
    assert message in done.stderr


def test_a_custom_kind_is_named_in_full(call: Call, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(
        config(ENTRY, more="  workloadKinds: [{apiGroup: argoproj.io, kind: Rollout}]\n")
    )
    done = call("patch", "--config", tmp_path / "gmsa.yaml", "Rollout.v1alpha1.argoproj.io/web")
    assert done.status == 0, done.stderr
    patch = done.object("Rollout")
    assert patch["apiVersion"] == "argoproj.io/v1alpha1"
    assert patch["spec"]["template"]["spec"]["serviceAccountName"] == "webapp1"


def test_the_examples_of_the_kubernetes_page_come_out_as_the_page_shows_them(
    kustomize: Path, plugin_home: Path, tmp_path: Path
) -> None:
    """kubernetes.io/docs/tasks/configure-pod-container/configure-gmsa: pod level with the hook, container level."""
    built = build(kustomize, ROOT / "kustomize" / "workloads", plugin_home, "--enable-exec")
    assert built.returncode == 0, built.stderr
    objects = by_identity(list(yaml.safe_load_all(built.stdout)))
    page_command = [
        "powershell.exe",
        "-command",
        "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)",
    ]
    reference = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
    pod = objects["Deployment", "default", "with-creds"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == reference
    assert pod["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert pod["containers"][0]["lifecycle"] == {"postStart": {"exec": {"command": page_command}}}
    pod = objects["Deployment", "default", "with-container-creds"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"] == reference
    assert "securityContext" not in pod
    binding = objects["RoleBinding", "default", "use-gmsa-webapp1"]
    assert [subject["name"] for subject in binding["subjects"]] == ["webapp1"]
