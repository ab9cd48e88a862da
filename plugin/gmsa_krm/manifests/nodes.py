"""Windows nodes: a DaemonSet that sets the registry value for SMB, and diagnostics Jobs."""

from __future__ import annotations

from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.credspecs import Diagnostics
    from gmsa_krm.config.nodes import Nodes
    from gmsa_krm.manifests.manifest import Object

_NAME = "gmsa-smb-compartment-namespace"
_LABELS = {"app.kubernetes.io/name": _NAME, **MANAGED_BY}

# The registry value of the Kubernetes gMSA guide. The script reads it first, so that it does not change a node that has
# it. No double quotes: Windows would parse them again before the process gets them.
_SET_VALUE = (
    "$key = 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\hns\\State'; $name = 'EnableCompartmentNamespace'; "
    "if ((Get-ItemProperty -Path $key -Name $name -ErrorAction SilentlyContinue).$name -eq 1) "
    "{ Write-Output 'set already' } else { "
    "if (-not (Test-Path $key)) { $null = New-Item -Path $key -Force -ErrorAction Stop }; "
    "$null = New-ItemProperty -Path $key -Name $name -PropertyType DWord -Value 1 -Force -ErrorAction Stop; "
    "Write-Output 'set; pods that are created from now on reach SMB shares by name' }"
)
_SLEEP = "while ($true) { Start-Sleep -Seconds 86400 }"


def namespace(nodes: Nodes) -> Object:
    """HostProcess containers need Pod Security level privileged."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": nodes.namespace,
            "labels": {**_LABELS, "pod-security.kubernetes.io/enforce": "privileged"},
        },
    }


def daemon_set(nodes: Nodes) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME, "namespace": nodes.namespace, "labels": dict(_LABELS)},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": _NAME}},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": {
                    "os": {"name": "windows"},
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "tolerations": list(nodes.tolerations),
                    "hostNetwork": True,  # HostProcess containers have no other network
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"},
                    },
                    "initContainers": [_container("set", _SET_VALUE, nodes.image)],
                    "containers": [_container("sleep", _SLEEP, nodes.image)],
                },
            },
        },
    }


def _container(name: str, script: str, image: str) -> Object:
    return {
        "name": name,
        "image": image,
        "command": ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }


def diagnostics_job(name: str, domain: str, settings: Diagnostics, contents: str | None) -> Object:
    """The troubleshooting steps of the Kubernetes gMSA guide for one credspec; `domain` is its DNS name.

    `contents`: its JSON, if nothing in the cluster fills it in.
    """
    options = {"gmsaCredentialSpecName": name, **({} if contents is None else {"gmsaCredentialSpec": contents})}
    template: Object = {
        "metadata": {"labels": dict(MANAGED_BY)},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": settings.service_account,
            "automountServiceAccountToken": False,
            "os": {"name": "windows"},
            "nodeSelector": {"kubernetes.io/os": "windows"},
            **({"tolerations": list(settings.tolerations)} if settings.tolerations else {}),
            "securityContext": {"windowsOptions": options},
            "containers": [
                {
                    "name": "diagnose",
                    "image": settings.image,
                    "command": ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", _diagnosis(domain)],
                },
            ],
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": _job_name(name, template), "namespace": settings.namespace, "labels": dict(MANAGED_BY)},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 900, "template": template},
    }


def _job_name(credspec: str, template: Object) -> str:
    """A name of at most 63 characters, since the Job's pods carry it as a label, with a hash of the template.

    A Job's template is immutable: under the same name a changed config could not be applied.
    """
    from hashlib import sha256
    from json import dumps

    return f"{f'diagnose-{credspec}'[:54].rstrip('-.')}-{sha256(dumps([credspec, template]).encode()).hexdigest()[:8]}"


def _diagnosis(domain: str) -> str:
    """A script with a verdict per step. `domain` is a checked DNS name: letters, digits, -, _ and dots."""
    steps = (
        (
            "nltest.exe /parentdomain",
            "$LASTEXITCODE -eq 0 -and $said -notlike '*failed*'",
            "the credential spec reached the container",
            "it did not: has this pod gmsaCredentialSpec in its securityContext, as kubectl get pod -o yaml shows it?",
        ),
        (
            # Its exit status is always 0.
            f"nslookup.exe '{domain}'",
            "$said -like '*Name:*' -and $said -notlike '*can''t find*'",
            "DNS finds the domain",
            "DNS does not: check the DNS of the pod and of the node",
        ),
        (
            # Its exit status is 0 with a broken channel, too: only the output tells.
            "nltest.exe /query",
            "$said -like '*0x0 NERR_Success*'",
            "the secure channel is up",
            "it is not: check the credential spec, and who may fetch the password of the gMSA",
        ),
    )
    script = ["$failed = 0"]
    for command, test, good, bad in steps:
        # If the program is missing, the result of an earlier step must not count.
        script.append(
            f"$said = ''; $global:LASTEXITCODE = 1; $said = ({command} 2>&1 | Out-String); "
            f"if ({test}) {{ Write-Output 'OK      {good}' }} "
            f"else {{ Write-Output 'FAILED  {bad}'; Write-Output $said; $failed++ }}"
        )
    return "; ".join([*script, "exit $failed"])
