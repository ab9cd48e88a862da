"""What is written into workloads is accepted by the API server, and it refuses what is an error."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from cluster.api import ApiError, Object
from cluster.harness import PROGRAM, Cluster, render, text_of
from conftest import DOMAIN, HEAD, environment
from windows_pods import LINUX_ONLY, with_field

CONFIG = f"""\
{HEAD}{DOMAIN}\
  admission:
    mode: None
  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: default
      serviceAccounts: [webapp1]
  workloads:
  - match:
      kinds: [Deployment]
    credspec: gmsa-webapp1
    serviceAccount: webapp1
    tolerations:
    - key: os
      value: windows
      effect: NoSchedule
"""
REFUSED = re.compile(r"spec\.([^ ]+): Forbidden: (?:cannot|may not) be set for a windows pod")


def deployment(name: str, spec: Object) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def verdict(cluster: Cluster, item: Object) -> str:
    """The message with which an object is refused; empty where it is accepted."""
    try:
        cluster.client.create(item, dryRun="All", fieldValidation="Strict")
    except ApiError as error:
        return error.message
    return ""


def test_workloads_with_fields_of_linux_are_accepted_as_they_are_rendered(cluster: Cluster, tmp_path: Path) -> None:
    given = [deployment(f"web{number}", with_field(*it)) for number, it in enumerate(LINUX_ONLY.items())]
    (tmp_path / "gmsa.yaml").write_text(CONFIG)
    (tmp_path / "web.yaml").write_text(text_of(given))
    rendered = [it for it in render(tmp_path) if it["kind"] == "Deployment"]
    assert len(rendered) == len(LINUX_ONLY)
    for field, item in zip(LINUX_ONLY, rendered, strict=True):
        pod = item["spec"]["template"]["spec"]
        assert pod["securityContext"]["windowsOptions"] == {"gmsaCredentialSpecName": "gmsa-webapp1"}
        assert [it["key"] for it in pod["tolerations"]] == ["os"]
        assert (field, verdict(cluster, item)) == (field, "")
        pod["os"] = {"name": "windows"}
        assert REFUSED.findall(verdict(cluster, item)) == [f"template.spec.{field}"]


def test_errors_are_exactly_what_the_api_server_refuses(cluster: Cluster, tmp_path: Path) -> None:
    """With every field of the API's pods and security contexts, of any value."""
    pods = dict(pods_with_each_field(cluster.client.get("/openapi/v2")["definitions"]))
    (tmp_path / "gmsa.yaml").write_text(CONFIG.partition("  workloads:")[0])
    (tmp_path / "pods.yaml").write_text(text_of(pods.values()))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "webapp1", "namespace": "default"}}
    cluster.client.apply(account)
    refused = {(name, field) for name, pod in pods.items() for field in REFUSED.findall(verdict(cluster, pod))}
    command = [PROGRAM, "lint", "--format", "json", tmp_path]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    found = [it for it in json.loads(done.stdout) if it["rule"] == "linux-only-field"]
    named = [re.fullmatch(r"Pod default/([^:]+): spec\.(.*)", it["field"]) for it in found]
    assert {(it[1], it[2]) for it in named if it is not None} == refused
    assert len(refused) == len(LINUX_ONLY)


def pods_with_each_field(definitions: Object) -> Any:
    """(name, Pod) with os.name windows and one more field."""
    core = "io.k8s.api.core.v1"
    number = 0
    for kind, prefix in (
        ("PodSpec", ""),
        ("PodSecurityContext", "securityContext."),
        ("SecurityContext", "containers[0].securityContext."),
        ("SecurityContext", "initContainers[0].securityContext."),
    ):
        for key, schema in definitions[f"{core}.{kind}"]["properties"].items():
            if (kind, key) in TAKEN:
                continue
            number += 1
            spec = with_field(f"{prefix}{key}", value_of(schema))
            windows = {"os": {"name": "windows"}, "nodeSelector": {"kubernetes.io/os": "windows"}}
            context = {**spec.get("securityContext", {}), "windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
            spec = {**spec, **windows, "securityContext": context, "serviceAccountName": "webapp1"}
            metadata = {"name": f"pod{number}", "namespace": "default"}
            yield f"pod{number}", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


# Fields that each of the pods has.
TAKEN = {
    *(("PodSpec", key) for key in ("containers", "initContainers", "ephemeralContainers", "os", "nodeSelector")),
    *(("PodSpec", key) for key in ("securityContext", "serviceAccountName", "serviceAccount")),
    *((kind, "windowsOptions") for kind in ("PodSecurityContext", "SecurityContext")),
}


def value_of(schema: Object) -> Any:
    """A value that counts as set; the API server need not take it."""
    values: dict[str, Any] = {"boolean": True, "integer": 1, "string": "x"}
    if schema.get("type") == "array":
        return [value_of(schema["items"])]
    return values.get(schema.get("type", ""), {})
