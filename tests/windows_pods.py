"""Pods with fields that the API server refuses with os.name windows, by the path of the field."""

from __future__ import annotations

from typing import Any

LINUX_ONLY: dict[str, Any] = {
    "hostPID": True,
    "hostIPC": True,
    "hostUsers": False,
    "shareProcessNamespace": False,
    "resources": {"limits": {"cpu": "1"}},
    "securityContext.fsGroup": 0,
    "securityContext.fsGroupChangePolicy": "Always",
    "securityContext.runAsUser": 1000,
    "securityContext.runAsGroup": 1000,
    "securityContext.supplementalGroups": [1],
    "securityContext.supplementalGroupsPolicy": "Merge",
    "securityContext.seccompProfile": {"type": "RuntimeDefault"},
    "securityContext.appArmorProfile": {"type": "RuntimeDefault"},
    "securityContext.seLinuxOptions": {"level": "s0"},
    "securityContext.seLinuxChangePolicy": "Recursive",
    "securityContext.sysctls": [{"name": "kernel.shm_rmid_forced", "value": "0"}],
    **{
        f"{listing}[0].securityContext.{key}": value
        for listing in ("containers", "initContainers")
        for key, value in {
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "procMount": "Default",
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
            "appArmorProfile": {"type": "RuntimeDefault"},
            "seLinuxOptions": {"level": "s0"},
        }.items()
    },
}


def with_field(field: str, value: Any) -> dict[str, Any]:
    """The spec of a pod that sets the field."""
    pod: dict[str, Any] = {"containers": [{"name": "iis", "image": "iis"}]}
    first, *keys = field.replace("[0]", "").split(".")
    if not keys:
        return {**pod, first: value}
    holder: dict[str, Any] = {"name": first[:4].lower(), "image": "iis"} if first.endswith("ontainers") else {}
    return {**pod, first: [{**holder, keys[0]: {keys[1]: value}}] if holder else {keys[0]: value}}
