"""What spec.kubeVersion decides: the objects that a version of Kubernetes does not have are left out or refused."""

from __future__ import annotations

import pytest

from builders import CERT_MANAGER, CREDSPEC_FROM_WORKLOADS, MODE_POLICY, gmsa_config
from conftest import Check, Done, Render

EXPAND = """
    policy:
      expand: true
"""


def kinds(done: Done) -> list[str]:
    assert done.status == 0, done.stderr
    return [it["kind"] for it in done.objects]


def version(text: str) -> str:
    return f"kubeVersion: '{text}'"


def webhook(hardening_policy: bool) -> str:
    return f"""
        webhook:
          hardeningPolicy: {str(hardening_policy).lower()}
          certificate:
            source: CertManager
    """


def test_the_hardening_policy_is_the_default(render: Render) -> None:
    assert kinds(render(gmsa_config(CERT_MANAGER))).count("ValidatingAdmissionPolicy") == 1
    assert "ValidatingAdmissionPolicy" not in kinds(render(gmsa_config(webhook(hardening_policy=False))))


def test_an_old_version_has_no_hardening_policy(render: Render) -> None:
    assert "ValidatingAdmissionPolicy" not in kinds(render(gmsa_config(CERT_MANAGER, version("1.29"))))


def test_argo_cd_tells_the_version(render: Render) -> None:
    done = render(gmsa_config(CERT_MANAGER), env={"ARGOCD_APP_NAME": "a", "KUBE_VERSION": "1.29+"})
    assert "ValidatingAdmissionPolicy" not in kinds(done)


def test_expand_adds_a_mutating_policy(render: Render) -> None:
    done = render(gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_POLICY, EXPAND))
    assert kinds(done).count("MutatingAdmissionPolicy") == 1


def test_expand_gets_a_warning_where_the_version_has_no_mutating_policy(check: Check) -> None:
    checked = check(gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_POLICY, EXPAND, version("1.35")))
    assert "MutatingAdmissionPolicy" not in kinds(checked.done)
    finding = checked.finding
    assert (finding.severity, finding.field) == ("warning", "spec.policy.expand")
    assert finding.says("1.36", "1.35"), finding.message


def test_mode_policy_is_refused_where_the_version_has_no_policies(check: Check) -> None:
    finding = check(gmsa_config(CREDSPEC_FROM_WORKLOADS, MODE_POLICY, version("v1.29.3"))).finding
    assert (finding.severity, finding.field) == ("error", "spec.admission.mode")
    assert finding.says("1.30", "1.29", "Webhook"), finding.message


@pytest.mark.parametrize("settings", [CERT_MANAGER, webhook(hardening_policy=True)], ids=["by default", "asked for"])
@pytest.mark.parametrize("text", ["1.29", "1.27"])
def test_a_version_without_the_hardening_policy_gets_a_warning(text: str, settings: str, check: Check) -> None:
    finding = check(gmsa_config(settings, version(text))).find(
        "missing-kubernetes-feature", "spec.webhook.hardeningPolicy"
    )
    assert finding.severity == "warning"
    assert finding.says("1.30", text, "ephemeral"), finding.message


def test_argo_cds_version_gets_the_same_warning(render: Render) -> None:
    done = render(gmsa_config(CERT_MANAGER), env={"ARGOCD_APP_NAME": "a", "KUBE_VERSION": "1.29+"})
    assert "warning: spec.webhook.hardeningPolicy: needs Kubernetes 1.30" in done.stderr


def test_a_version_without_match_conditions_gets_a_warning(check: Check) -> None:
    checked = check(gmsa_config(webhook(hardening_policy=False), version("1.27")))
    finding = checked.find("missing-kubernetes-feature", "spec.kubeVersion")
    assert finding.severity == "warning"
    assert finding.says("1.27", "matchConditions"), finding.message


def test_a_version_that_has_everything_gets_no_warning(check: Check) -> None:
    assert check(gmsa_config(webhook(hardening_policy=True), version("v1.30.5-eks-1a2b"))).findings == []


def test_what_is_given_up_without_the_hardening_policy_is_said(check: Check) -> None:
    finding = check(gmsa_config(webhook(hardening_policy=False))).finding
    assert (finding.severity, finding.field) == ("warning", "spec.webhook.hardeningPolicy")
    assert finding.says("ephemeral container")
    assert "init container" not in finding.message


@pytest.mark.parametrize("text", ["1.34.", "1.34 ", "v1.34.foo", "1.34\\n"])
def test_what_is_not_a_version_is_refused(text: str, check: Check) -> None:
    finding = check(gmsa_config(CERT_MANAGER, f'kubeVersion: "{text}"')).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "kube-version", "spec.kubeVersion")


@pytest.mark.parametrize(("text", "sleeps"), [("1.28", False), ("1.29", False), ("1.30", True)])
def test_a_hook_sleeps_where_the_version_has_it(text: str, sleeps: bool, check: Check) -> None:
    """KEP 3960: 1.28 does not know the field, and drops or refuses it."""
    checked = check(gmsa_config(CERT_MANAGER, version(text)))
    (container,) = checked.done.object("Deployment")["spec"]["template"]["spec"]["containers"]
    assert ("lifecycle" in container) is sleeps
    found = [it for it in checked.findings if it.field == "spec.kubeVersion"]
    assert [it.says("1.30", text, "sleep") for it in found] == ([] if sleeps else [True])
