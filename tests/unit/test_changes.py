"""What an entry of spec.workloads changes in a pod: the credential spec, its node, the netlogon hook, a token."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import deployment, entry, pod_of, windows_options, workloads_config
from conftest import Call, Check, Done, Folder, RenderFolder
from gmsa_krm.workloads.netlogon import hook

# The hook of the Kubernetes gMSA guide, word for word.
HOOK_OF_THE_GUIDE = [
    "powershell.exe",
    "-command",
    "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)",
]


# The credential spec


PREPARE_IIS_LOG = """
    initContainers:
    - name: prepare
      image: a
    containers:
    - name: iis
      image: a
    - name: log
      image: a
"""


def test_only_the_named_containers_get_the_credspec(render_folder: RenderFolder) -> None:
    pod = pod_of(
        render_folder(workloads_config(entry("containers: [prepare, iis]")), deployment(PREPARE_IIS_LOG)),
    )
    prepare, iis, log = pod["initContainers"] + pod["containers"]
    reference = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
    assert prepare["securityContext"] == iis["securityContext"] == reference
    assert "securityContext" not in log
    assert "securityContext" not in pod


def test_a_container_that_does_not_exist_is_refused(check: Check) -> None:
    finding = check(workloads_config(entry("containers: [nginx]")), deployment(PREPARE_IIS_LOG)).finding
    assert (finding.severity, finding.rule, finding.file) == ("error", "no-such-container", "web.yaml")
    assert finding.field == "Deployment web/web: spec.template.spec.containers"
    assert finding.line
    assert finding.says("nginx", "spec.workloads[0]", "prepare, iis, log"), finding.message


def test_existing_fields_are_kept(render_folder: RenderFolder) -> None:
    pod = """
        os:
          name: windows
        nodeSelector:
          kubernetes.io/os: windows
          disk: ssd
        securityContext:
          windowsOptions:
            runAsUserName: a
        containers: []
    """
    changed = pod_of(render_folder(workloads_config(entry()), deployment(pod)))
    assert changed["nodeSelector"] == {"kubernetes.io/os": "windows", "disk": "ssd"}
    assert changed["securityContext"] == {
        "windowsOptions": {"runAsUserName": "a", "gmsaCredentialSpecName": "gmsa-webapp1"}
    }


def test_contents_of_another_credspec_are_refused(check: Check) -> None:
    pod = windows_options("other", "{}") + "containers: []\n"
    checked = check(workloads_config(entry()), deployment(pod))
    finding = checked.find(
        "foreign-contents", "Deployment web/web: spec.template.spec.securityContext.windowsOptions.gmsaCredentialSpec"
    )
    assert finding.severity == "error"
    assert finding.says("gmsa-webapp1", "remove gmsaCredentialSpec"), finding.message


def test_a_credspec_that_does_not_exist_is_refused(check: Check) -> None:
    checked = check(workloads_config(entry(credspec="gmsa-webap1")), deployment())
    finding = checked.find("unknown-credspec", "spec.workloads[0].credspec")
    assert finding.severity == "error"
    assert finding.text == "gmsa-webap1"
    assert finding.says("did you mean gmsa-webapp1"), finding.message


def test_two_entries_that_disagree_are_refused(check: Check) -> None:
    config = workloads_config(
        entry(),
        entry(match="labelSelector: app", credspec="gmsa-other"),
        more="existingCredspecs: [gmsa-other]\n",
    )
    finding = check(config, deployment()).finding
    assert finding.rule == "conflicting-changes"
    assert finding.says("gmsa-webapp1", "spec.workloads[0]", "gmsa-other", "spec.workloads[1]", "narrow"), (
        finding.message
    )


# The node


LINUX_BY_OS = """
    os:
      name: linux
    containers: []
"""
LINUX_BY_LABEL = """
    nodeSelector:
      kubernetes.io/os: linux
    containers: []
"""


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        pytest.param(LINUX_BY_OS, "os.name", id="by os"),
        pytest.param(LINUX_BY_LABEL, "nodeSelector.kubernetes.io/os", id="by label"),
    ],
)
def test_a_pod_for_linux_is_refused(pod: str, field: str, check: Check) -> None:
    finding = check(workloads_config(entry()), deployment(pod)).find(
        "not-windows", f"Deployment web/web: spec.template.spec.{field}"
    )
    assert finding.severity == "error"
    assert finding.text == "linux"
    assert finding.says("Windows"), finding.message


def test_windows_node_false_leaves_the_node_to_the_workload(render_folder: RenderFolder) -> None:
    pod = """
        affinity: {}
        containers: []
    """
    done = render_folder(workloads_config(entry("windowsNode: false")), deployment(pod))
    assert "nodeSelector" not in pod_of(done)


# The netlogon hook


def hook_of(done: Done) -> Any:
    return pod_of(done)["containers"][0]["lifecycle"]["postStart"]


def test_the_hook_without_a_limit_is_that_of_the_guide(render_folder: RenderFolder) -> None:
    config = workloads_config(
        entry("""
            netlogonRestart:
              maxAttempts: 0
        """)
    )
    assert hook_of(render_folder(config, deployment())) == {"exec": {"command": HOOK_OF_THE_GUIDE}}


def test_the_hook_has_ten_attempts_by_default(render_folder: RenderFolder) -> None:
    command = hook_of(render_folder(workloads_config(entry("netlogonRestart: {}")), deployment()))["exec"]["command"]
    assert command[:2] == ["powershell.exe", "-command"]
    assert "$i -lt 10" in command[2]
    assert "Start-Sleep -Seconds 3" in command[2]
    assert "no secure channel to the domain after 10 attempts" in command[2]


def test_the_hook_can_reset_the_secure_channel(render_folder: RenderFolder) -> None:
    config = workloads_config(
        entry("""
            netlogonRestart:
              method: SecureChannelReset
        """)
    )
    command = hook_of(render_folder(config, deployment()))["exec"]["command"]
    assert "nltest.exe '/sc_reset:contoso.com'" in command[2]


EXISTING_HOOK = """
    containers:
    - name: iis
      image: a
      lifecycle:
        preStop:
          exec:
            command: [b]
        postStart:
          httpGet:
            port: 80
"""


@pytest.mark.parametrize(
    ("choice", "hook"), [("Keep", {"httpGet": {"port": 80}}), ("Replace", {"exec": {"command": HOOK_OF_THE_GUIDE}})]
)
def test_an_existing_hook_is_kept_or_replaced(choice: str, hook: Any, render_folder: RenderFolder) -> None:
    config = workloads_config(
        entry(f"""
            netlogonRestart:
              maxAttempts: 0
              onExistingHook: {choice}
        """)
    )
    done = render_folder(config, deployment(EXISTING_HOOK))
    assert hook_of(done) == hook
    assert pod_of(done)["containers"][0]["lifecycle"]["preStop"] == {"exec": {"command": ["b"]}}


def test_an_existing_hook_is_refused_by_default(check: Check) -> None:
    finding = check(workloads_config(entry("netlogonRestart: {}")), deployment(EXISTING_HOOK)).finding
    assert (finding.severity, finding.rule) == ("error", "existing-hook")
    assert finding.field == "Deployment web/web: spec.template.spec.containers[0].lifecycle.postStart"
    assert finding.says("container iis", "spec.workloads[0].netlogonRestart.onExistingHook", "Keep", "Replace"), (
        finding.message
    )


def test_a_hook_on_an_init_container_is_refused(check: Check) -> None:
    pod = """
        initContainers:
        - name: first
        containers:
        - name: iis
    """
    config = workloads_config(
        entry("""
            containers: [first]
            netlogonRestart: {}
        """)
    )
    finding = check(config, deployment(pod)).finding
    assert finding.severity == "error"
    assert finding.field == "Deployment web/web: spec.template.spec.initContainers[0]"
    assert finding.says("postStart"), finding.message


@pytest.mark.parametrize(
    "domain",
    [
        "contoso.com'; Remove-Item C:\\ -Recurse; '",
        "a\u2019b.com",
        "$(whoami).com",
        "a`b.com",
        'a".com',
    ],
)
def test_a_domain_name_cannot_become_powershell(domain: str, check: Check) -> None:
    config = workloads_config(
        entry(f"""
            netlogonRestart:
              method: SecureChannelReset
              domain: {json.dumps(domain)}
        """)
    )
    finding = check(config, deployment()).finding
    assert (finding.severity, finding.rule) == ("error", "dns-name")
    assert finding.field == "spec.workloads[0].netlogonRestart.domain"
    with pytest.raises(ValueError, match="DNS name"):
        hook("SecureChannelReset", domain, 1, 1)


# A bound token


def test_a_token_is_mounted_into_the_named_container(render_folder: RenderFolder) -> None:
    config = workloads_config(
        entry("""
            containers: [iis]
            token:
              audience: vault
              expirationSeconds: 7200
              name: vault-token
        """)
    )
    pod = pod_of(render_folder(config, deployment()))
    source = {"serviceAccountToken": {"path": "vault-token", "expirationSeconds": 7200, "audience": "vault"}}
    assert pod["volumes"] == [{"name": "vault-token", "projected": {"sources": [source]}}]
    iis, log = pod["containers"]
    assert iis["volumeMounts"] == [
        {"name": "vault-token", "mountPath": "/var/run/secrets/tokens", "readOnly": True},
    ]
    assert "volumeMounts" not in log


def token(audience: str) -> str:
    return f"""
        token:
          audience: {audience}
    """


def test_two_entries_with_the_same_token_mount_it_once(render_folder: RenderFolder) -> None:
    done = render_folder(workloads_config(entry(token("vault")), entry(token("vault"))), deployment())
    assert len(pod_of(done)["volumes"]) == 1


def test_two_entries_with_different_tokens_are_refused(check: Check) -> None:
    finding = check(workloads_config(entry(token("vault")), entry(token("other"))), deployment()).finding
    assert finding.rule == "conflicting-changes"
    assert finding.says("vault (3600 s)", "spec.workloads[0].token", "other (3600 s)", "spec.workloads[1].token"), (
        finding.message
    )


def test_a_token_does_not_replace_an_existing_volume(check: Check) -> None:
    pod = """
        containers:
        - name: iis
        volumes:
        - name: bound-token
          projected:
            sources: []
    """
    finding = check(workloads_config(entry(token("vault"))), deployment(pod)).finding
    assert (finding.severity, finding.rule) == ("error", "volume-name")
    assert finding.says("volume bound-token"), finding.message


def test_a_token_is_not_mounted_over_something_else(check: Check) -> None:
    pod = """
        containers:
        - name: iis
          volumeMounts:
          - name: x
            mountPath: /var/run/secrets/tokens
    """
    finding = check(workloads_config(entry(token("vault"))), deployment(pod)).finding
    assert (finding.severity, finding.rule) == ("error", "mount-path")
    assert finding.says("/var/run/secrets/tokens"), finding.message


def test_two_tokens_of_two_entries_are_not_mounted_at_one_path(check: Check) -> None:
    """The API server would refuse the pod; only a run on the own output said so."""
    other = """
        token:
          audience: sts
          name: other
    """
    config = workloads_config(entry(token("vault")), entry(other))
    finding = check(config, deployment("containers:\n- name: iis\n")).finding
    assert (finding.severity, finding.rule) == ("error", "mount-path")
    assert finding.says("spec.workloads[0].token", "spec.workloads[1].token", "/var/run/secrets/tokens")


# A second run


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("", id="whole pod"),
        pytest.param("containers: [iis]", id="one container"),
        pytest.param(
            """
            netlogonRestart:
              onExistingHook: Replace
            token:
              audience: vault
            """,
            id="hook and token",
        ),
    ],
)
def test_a_second_run_changes_nothing(more: str, render_folder: RenderFolder) -> None:
    config = workloads_config(entry(more))
    first = render_folder(config, deployment())
    assert first.status == 0, first.stderr
    assert render_folder(config, first.stdout).stdout == first.stdout


# As a patch


def test_a_patch_of_a_custom_kind_does_not_replace_lists(call: Call, folder: Folder) -> None:
    """A strategic merge patch does so with kinds whose lists have no keys that kustomize knows."""
    config = workloads_config(
        entry("containers: [iis]"),
        more="""
            workloadKinds:
            - apiGroup: argoproj.io
              kind: Rollout
        """,
    )
    where = folder({"gmsa.yaml": config})
    done = call("patch", "--config", where / "gmsa.yaml", "Rollout.v1alpha1.argoproj.io/web")
    assert (done.status, done.stdout) == (1, "")
    assert "strategic merge patch" in done.stderr
    assert "lists" in done.stderr
