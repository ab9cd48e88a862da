"""Who may use a credential spec (RBAC), and the service accounts that a config creates."""

from __future__ import annotations

from builders import (
    CREDSPEC_FROM_WORKLOADS,
    MODE_NONE,
    bindings,
    deployment,
    entry,
    gmsa_config,
    stream,
    workloads_config,
)
from conftest import Call, Check, Folder, Render, RenderFolder


def deployment_of(service_account: str, *, name: str, namespace: str = "web") -> str:
    """A Deployment that names the credential spec itself."""
    pod = f"""
        serviceAccountName: {service_account}
        nodeSelector:
          kubernetes.io/os: windows
        securityContext:
          windowsOptions:
            gmsaCredentialSpecName: gmsa-webapp1
        containers: []
    """
    return deployment(pod, name=name, namespace=namespace)


def test_exactly_the_service_accounts_of_the_workloads_may_use_a_credspec(render_folder: RenderFolder) -> None:
    manifests = stream(
        deployment(),
        deployment_of("batch", name="by-hand", namespace="build"),
        deployment_of("api", name="other"),
        deployment(name="without"),
    )
    done = render_folder(workloads_config(entry(), credspecs=CREDSPEC_FROM_WORKLOADS), manifests)
    assert bindings(done) == {"build": ["batch"], "web": ["api", "webapp1"]}


def test_a_workload_without_a_namespace_cannot_be_bound(check: Check) -> None:
    checked = check(workloads_config(entry(), credspecs=CREDSPEC_FROM_WORKLOADS), deployment(namespace=""))
    assert checked.finding.rule == "no-namespace"
    assert "gmsa-webapp1" in checked.finding.message
    assert "no namespace" in checked.finding.message


def test_the_diagnostics_job_may_use_its_credspec(render_folder: RenderFolder, call: Call, folder: Folder) -> None:
    credspecs = """
        credspecs:
        - account: WebApp1
          usedBy: FromWorkloads
          diagnostics:
            namespace: diag
            serviceAccount: diagsa
    """
    done = render_folder(workloads_config(entry(), credspecs=credspecs), deployment())
    assert bindings(done) == {"diag": ["diagsa"], "web": ["webapp1"]}
    assert call("render", folder({"web.yaml": done.stdout})).stdout == done.stdout


def test_a_token_secret_belongs_to_its_service_account(check: Check) -> None:
    config = gmsa_config(
        MODE_NONE,
        """
        serviceAccounts:
        - name: robot
          namespace: build
          tokenSecret: true
        """,
        domains="",
    )
    checked = check(config)
    secret = checked.done.object("Secret")
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "robot"}
    assert (checked.finding.severity, checked.finding.rule) == ("warning", "long-lived-token")
    assert "never expires" in checked.finding.message


def test_issuer_discovery_is_bound_to_everyone(render: Render) -> None:
    binding = render(
        gmsa_config(MODE_NONE, "issuerDiscovery: Unauthenticated", domains=""),
    ).object("ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "system:service-account-issuer-discovery"
    assert binding["subjects"] == [
        {"kind": "Group", "name": "system:unauthenticated", "apiGroup": "rbac.authorization.k8s.io"}
    ]
