"""A cure is one that the user of the host has, and that the next run accepts; nothing is said twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, Folder, as_function, build
from hosts.support import NO_ADMISSION, WEBAPP1, as_yaml, deployment, gmsa_config

ENTRY = {"match": {"names": ["web"]}, "credspec": "gmsa-webapp1", "serviceAccount": "webapp1"}
FROM_WORKLOADS = gmsa_config(
    credspecs=[{"account": "WebApp1", "usedBy": "FromWorkloads"}], admission=NO_ADMISSION, workloads=[ENTRY]
)
# A workload without a namespace, as most charts and bases have it.
WEB = deployment().replace("  namespace: web\n", "")


def resource_list(config: str, *items: str) -> bytes:
    data = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": yaml.safe_load(config),
        "items": [yaml.safe_load(it) for it in items],
    }
    return as_yaml(data).encode()


def test_a_namespace_is_given_by_the_option_that_the_command_has(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": FROM_WORKLOADS, "web.yaml": WEB})
    for command in ("render", "lint"):
        done = call(command, root)
        assert "or --namespace" in done.stdout + done.stderr
        assert "post-render" not in done.stdout + done.stderr
        assert "no-namespace" not in call(command, root, "--namespace", "web").stdout
    done = call("render", root, "--namespace", "web")
    assert done.status == 0, done.stderr


def test_under_helm_it_is_the_option_that_helm_passes_on(call: Call, folder: Folder) -> None:
    config = folder({"gmsa.yaml": FROM_WORKLOADS}) / "gmsa.yaml"
    for arguments, stdin in ((["--config", config], WEB), ([], f"{FROM_WORKLOADS}---\n{WEB}")):
        done = call("post-render", *arguments, stdin=stdin.encode())
        assert done.status == 1
        assert "--post-renderer-args=--release-namespace=NS" in done.stderr
        # Helm takes the option apart.
        done = call("post-render", *arguments, "--release-namespace=web", stdin=stdin.encode())
        assert done.status == 0, done.stderr


def test_under_kustomize_it_is_the_namespace_of_the_kustomization(
    call: Call, folder: Folder, kustomize: Path, plugin_home: Path
) -> None:
    root = folder({"gmsa.yaml": FROM_WORKLOADS, "web.yaml": WEB})
    fields: dict[str, Any] = {"resources": ["web.yaml"], "transformers": ["gmsa.yaml"]}
    for config, flags in ((FROM_WORKLOADS, ()), (as_function(FROM_WORKLOADS), ("--enable-exec",))):
        folder({"gmsa.yaml": config, "kustomization.yaml": as_yaml(fields)})
        done = build(kustomize, root, plugin_home, *flags)
        assert done.returncode != 0
        assert "namespace in the kustomization" in done.stderr
        assert "--" not in done.stderr.replace("--enable", "")
        folder({"kustomization.yaml": as_yaml({**fields, "namespace": "web"})})
        done = build(kustomize, root, plugin_home, *flags)
        assert done.returncode == 0, done.stderr


def test_a_generator_with_workloads_is_told_to_be_a_transformer(
    call: Call, folder: Folder, kustomize: Path, plugin_home: Path
) -> None:
    config = gmsa_config(admission=NO_ADMISSION, workloads=[ENTRY])
    done = call(folder({"gmsa.yaml": config}) / "gmsa.yaml", program="GMSAConfig")
    assert "under transformers" in done.stderr
    own = {**yaml.safe_load(config)}
    own["metadata"]["annotations"] = {"config.kubernetes.io/local-config": "true"}
    done = call(stdin=resource_list(config, as_yaml(own)))
    assert "under transformers" in done.stderr
    folder({"kustomization.yaml": as_yaml({"resources": ["web.yaml"], "transformers": ["gmsa.yaml"]})})
    root = folder({"gmsa.yaml": as_function(config), "web.yaml": deployment()})
    done = build(kustomize, root, plugin_home, "--enable-exec")
    assert (done.returncode, done.stderr) == (0, "")
    # Where workloads pass through, the match is to be fixed.
    done = call(stdin=resource_list(config, deployment("api")))
    assert "fix the match" in done.stderr
    assert "transformers" not in done.stderr


def test_a_config_alone_is_told_to_come_with_its_workloads(call: Call, folder: Folder) -> None:
    config = gmsa_config(admission=NO_ADMISSION, workloads=[ENTRY])
    root = folder({"gmsa.yaml": config, "web.yaml": deployment()})
    assert "give the workloads' manifests" in call("render", root / "gmsa.yaml").stderr
    assert call("render", root).stderr == ""


def test_a_path_is_relative_to_what_the_host_has(
    call: Call, folder: Folder, kustomize: Path, plugin_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gmsa_config(
        credspecs=[{"file": "webapp1.json", "usedBy": WEBAPP1["usedBy"]}],
        admission=NO_ADMISSION,
    )
    root = folder(
        {"app/kustomization.yaml": "generators: [../gmsa]\n", "gmsa/kustomization.yaml": "resources: [g.yaml]\n"}
    )
    folder({"gmsa/g.yaml": config})
    assert "the folder of the kustomization" in build(kustomize, root / "app", plugin_home).stderr
    folder({"gmsa/g.yaml": as_function(config)})
    assert "the folder of the kustomization" in build(kustomize, root / "app", plugin_home, "--enable-exec").stderr
    assert "relative to the config's folder" in call("render", root / "gmsa/g.yaml").stderr
    assert "relative to the config's folder" in call("post-render", "--config", root / "gmsa/g.yaml").stderr
    done = call("post-render", stdin=config.encode())
    assert "relative to the working directory" in done.stderr


TYPO = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webap1"}}


def test_what_an_alias_repeats_is_said_once(call: Call, folder: Folder) -> None:
    config = gmsa_config(admission=NO_ADMISSION)
    containers = [{"name": "iis", "image": "iis", "securityContext": TYPO}]
    pod = {"nodeSelector": {"kubernetes.io/os": "windows"}, "securityContext": TYPO, "containers": containers}
    metadata = {"name": "web", "namespace": "web"}
    manifest = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    assert "&id001" in manifest
    done = call("lint", folder({"gmsa.yaml": config, "web.yaml": manifest}))
    assert done.stdout.count("gmsa-webap1 is not a credspec") == 1


def test_what_two_configs_make_alike_is_said_once_for_each_entry(call: Call, folder: Folder) -> None:
    second = [
        {
            **WEBAPP1,
            "account": "WebApp2",
            "name": "gmsa-webapp1",
            "usedBy": [{**WEBAPP1["usedBy"][0], "serviceAccounts": ["api"]}],
        }
    ]  # type: ignore[index]
    for one, other in (
        ({"admission": NO_ADMISSION}, {"admission": NO_ADMISSION, "credspecs": second}),
        (
            {"webhook": {"replicas": 2}},
            {"webhook": {"replicas": 3, "image": "registry.example/webhook:v1"}, "credspecs": []},
        ),
    ):
        root = folder({"a.yaml": gmsa_config("a", **one), "b.yaml": gmsa_config("b", **other)})
        done = call("render", root)
        assert done.stderr.count("also comes from") == 1, done.stderr
