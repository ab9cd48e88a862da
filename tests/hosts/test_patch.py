"""`patch`: applied by kustomize it gives what the transformer gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, Call, Folder, as_function, build, by_identity
from hosts.support import NO_ADMISSION, WEB, as_yaml, assert_mentions, gmsa_config

IIS = {"containers": ["iis"]}
CHANGES: dict[str, dict[str, Any]] = {
    "pod": {},
    "container": IIS,
    "hook": {**IIS, "netlogonRestart": {}},
    "hook that replaces": {**IIS, "netlogonRestart": {"maxAttempts": 0, "onExistingHook": "Replace"}},
    "token": {"containers": ["iis", "log"], "token": {"audience": "vault"}},
    "no placement": {"windowsNode": False},
}
EXISTING_HOOK = {"lifecycle": {"postStart": {"httpGet": {"port": 80}}}}


def config(**entry: Any) -> str:
    """A config that changes the workload web; `entry` has further fields of the entry."""
    return gmsa_config(admission=NO_ADMISSION, workloads=[{**WEB, **entry}])


def workload(kind: str, **iis: Any) -> str:
    """A Deployment or CronJob web; `iis` has further fields of its container iis."""
    containers = [{"name": "iis", "image": "iis", **iis}, {"name": "log", "image": "log"}]
    template: dict[str, Any] = {"template": {"spec": {"containers": containers}}}
    api_version, spec = (
        ("apps/v1", template) if kind == "Deployment" else ("batch/v1", {"jobTemplate": {"spec": template}})
    )
    return as_yaml(
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "web"}, "spec": spec}
    )


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_a_patch_gives_what_the_transformer_gives(
    change: str, kind: str, call: Call, kustomize: Path, plugin_home: Path, folder: Folder
) -> None:
    root = folder(
        {
            "web.yaml": workload(kind, **(EXISTING_HOOK if "replaces" in change else {})),
            "gmsa.yaml": as_function(config(**CHANGES[change])),
        }
    )
    patch = call("patch", "--config", root / "gmsa.yaml", f"{kind}/web", "--namespace", "web")
    assert patch.status == 0, patch.stderr
    outputs = []
    for field in ("transformers: [gmsa.yaml]", "patches: [{path: patch.yaml}]"):
        folder({"kustomization.yaml": f"resources: [web.yaml]\n{field}\n", "patch.yaml": patch.stdout})
        built = build(kustomize, root, plugin_home, "--enable-exec")
        assert built.returncode == 0, built.stderr
        outputs.append(by_identity(list(yaml.safe_load_all(built.stdout)))[kind, "web", "web"])
    transformed, patched = outputs
    assert patched == transformed
    assert "gmsa-webapp1" in str(patched)


@pytest.mark.parametrize(
    ("target", "entry", "words"),
    [
        ("web", {}, ["web: ", "KIND/NAME", "Deployment/web"]),
        ("Rollout/web", {}, ["version", "group", "Rollout.v1alpha1.argoproj.io/web"]),
        ("Rollout.v1alpha1.argoproj.io/web", {}, ["Rollout.v1alpha1.argoproj.io", "spec.workloadKinds"]),
        ("Deployment/other", {}, ["Deployment/other", "spec.workloads"]),
        ("Deployment/web", {"netlogonRestart": {}}, ["spec.workloads[0].containers: "]),
        (
            "Deployment/web",
            {**IIS, "netlogonRestart": {"onExistingHook": "Keep"}},
            ["spec.workloads[0].netlogonRestart.onExistingHook: ", "Keep"],
        ),
    ],
    ids=["no kind", "kind alone", "kind unknown", "no entry matches", "hook without containers", "Keep"],
)
def test_a_target_without_a_patch_is_an_error(
    target: str, entry: dict[str, Any], words: list[str], call: Call, folder: Folder
) -> None:
    done = call("patch", "--config", folder({"gmsa.yaml": config(**entry)}) / "gmsa.yaml", target)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, *words)


def test_a_custom_kind_is_named_in_full(call: Call, folder: Folder) -> None:
    kinds = [{"apiGroup": "argoproj.io", "kind": "Rollout"}]
    text = gmsa_config(admission=NO_ADMISSION, workloadKinds=kinds, workloads=[WEB])
    done = call("patch", "--config", folder({"gmsa.yaml": text}) / "gmsa.yaml", "Rollout.v1alpha1.argoproj.io/web")
    assert done.status == 0, done.stderr
    patch = done.object("Rollout")
    assert patch["apiVersion"] == "argoproj.io/v1alpha1"
    assert patch["spec"]["template"]["spec"]["serviceAccountName"] == "webapp1"


def test_the_examples_of_the_kubernetes_gmsa_guide_come_out_as_it_shows_them(
    kustomize: Path, plugin_home: Path
) -> None:
    """kubernetes.io/docs/tasks/configure-pod-container/configure-gmsa: pod level with the hook, container level."""
    built = build(kustomize, ROOT / "kustomize/workloads", plugin_home, "--enable-exec")
    assert built.returncode == 0, built.stderr
    objects = by_identity(list(yaml.safe_load_all(built.stdout)))
    script = (
        "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); "
        "if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)"
    )
    reference = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
    pod = objects["Deployment", "default", "with-creds"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == reference
    assert pod["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert pod["containers"][0]["lifecycle"] == {
        "postStart": {"exec": {"command": ["powershell.exe", "-command", script]}}
    }
    pod = objects["Deployment", "default", "with-container-creds"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"] == reference
    assert "securityContext" not in pod
    binding = objects["RoleBinding", "default", "use-gmsa-webapp1"]
    assert [subject["name"] for subject in binding["subjects"]] == ["webapp1"]


@pytest.mark.parametrize("kind", ["deploy", "deployment", "deployments", "Deployment"])
def test_a_kind_may_be_named_as_kubectl_names_it(kind: str, call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, workloads=[WEB])}) / "gmsa.yaml"
    wanted = call("patch", "--config", file, "Deployment/web", "--namespace", "web")
    assert wanted.status == 0, wanted.stderr
    assert call("patch", "--config", file, f"{kind}/web", "--namespace", "web").stdout == wanted.stdout


def test_an_entry_of_a_namespace_is_named_with_the_option(call: Call, folder: Folder) -> None:
    match = {"names": ["web"], "namespaces": ["web", "shop"]}
    root = folder({"gmsa.yaml": config(match=match)})
    options = ("patch", "--config", root / "gmsa.yaml", "deployment/web")
    for more, where in ((), "without a namespace"), (("-n", "other"), "in other"):
        done = call(*options, *more)
        assert (done.status, done.stdout) == (1, "")
        assert_mentions(done.stderr, f"{where}, but in shop, web", "--namespace")
    assert call(*options, "-n", "shop").status == 0
    assert call("patch", "--config", root / "gmsa.yaml", "deployment/other").stderr.endswith(
        "fix the match, or the name\n"
    )
