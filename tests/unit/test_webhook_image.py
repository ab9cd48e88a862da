"""What the image of the webhook can do, and the findings where a config needs more."""

from __future__ import annotations

import pytest

from builders import IIS, block, gmsa_config, pod, windows_options
from conftest import Check, Render
from gmsa_krm.config.webhook_image import IMAGE, version_of

REPOSITORY = "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook"
DIGEST = f"@sha256:{'0' * 64}"
CREDSPEC = """
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
"""


def webhook(image: str, *fields: str, source: str = "CertManager") -> str:
    more = "".join(f"      {line}\n" for field in fields for line in block(field).splitlines())
    return f"    webhook:\n      image: {image}\n{more}      certificate:\n        source: {source}\n"


@pytest.mark.parametrize(
    ("image", "told", "version"),
    [
        (IMAGE, None, (0, 14, 1)),
        (f"{REPOSITORY}:v0.13.0", None, (0, 13, 0)),
        (f"{REPOSITORY}:v0.9.0{DIGEST}", None, (0, 9, 0)),
        ("registry.example.com:5000/mirror/gmsa:0.10.0-hardened.2", None, (0, 10, 0)),
        # What cannot be told is taken for the default.
        (f"{REPOSITORY}{DIGEST}", None, (0, 14, 1)),
        ("registry.example.com:5000/mirror/gmsa:stable", None, (0, 14, 1)),
        ("registry.example.com:5000/gmsa", None, (0, 14, 1)),
        ("registry.example.com/gmsa:2026.11.1x", None, (0, 14, 1)),
        # The config knows better.
        ("registry.example.com:5000/mirror/gmsa:stable", "v0.9.0", (0, 9, 0)),
        (f"{REPOSITORY}:v0.14.1", "0.13.0", (0, 13, 0)),
    ],
)
def test_the_version_of_an_image(image: str, told: str | None, version: tuple[int, int, int]) -> None:
    assert version_of(image, told) == version


@pytest.mark.parametrize("source", ["CertManager", "ExistingSecret"])
def test_an_image_without_certificate_reload_would_serve_an_expired_certificate(source: str, check: Check) -> None:
    secret = "" if source == "CertManager" else "        existingSecret: {name: tls, caBundleFile: ca.crt}\n"
    config = gmsa_config(webhook(f"{REPOSITORY}:v0.6.0", source=source) + secret)
    finding = check(config).find("image-version", "spec.webhook.certificate.source")
    assert finding.severity == "error"
    assert finding.says("v0.9.0", "v0.6.0", "v0.14.1")


@pytest.mark.parametrize(("tag", "is_enough"), [("v0.9.0", False), ("v0.10.0", True), ("v0.14.1", True)])
def test_random_host_names_need_an_image_that_has_them(tag: str, is_enough: bool, check: Check) -> None:
    found = check(gmsa_config(webhook(f"{REPOSITORY}:{tag}", "randomHostname: true"))).findings
    assert [(it.rule, it.field) for it in found] == (
        [] if is_enough else [("image-version", "spec.webhook.randomHostname")]
    )


def test_a_version_that_is_told_is_believed(check: Check) -> None:
    mirrored = webhook(f"registry.example.com/gmsa:1{DIGEST}", "version: v0.9.0", "randomHostname: true")
    assert check(gmsa_config(mirrored)).finding.says("v0.10.0", "v0.9.0", "webhook.version")
    assert check(gmsa_config(mirrored.replace("v0.9.0", "v0.10.0"))).findings == []


@pytest.mark.parametrize("text", ["latest", "v0.14", "0", '"v0.14.1\\n"'])
def test_what_is_not_a_version_is_refused(text: str, check: Check) -> None:
    finding = check(gmsa_config(webhook(IMAGE, f"version: {text}"))).findings[0]
    assert (finding.severity, finding.field) == ("error", "spec.webhook.version")


@pytest.mark.parametrize(("tag", "looks"), [("v0.13.0", False), ("v0.14.0", True), ("v0.14.1", True)])
def test_the_policy_checks_init_containers_beside_an_image_that_does_not(tag: str, looks: bool, render: Render) -> None:
    done = render(gmsa_config(webhook(f"{REPOSITORY}:{tag}")))
    assert done.status == 0, done.stderr
    validations = done.object("ValidatingAdmissionPolicy")["spec"]["validations"]
    messages = [str(it.get("message", "")) for it in validations]
    assert any("ephemeral container" in it for it in messages)
    assert any("init container" in it for it in messages) is not looks


INIT_CONTAINER = """\
initContainers:
- name: i
  image: i
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-webapp1
"""
ON_WINDOWS = """
    serviceAccountName: a
    nodeSelector:
      kubernetes.io/os: windows
"""


@pytest.mark.parametrize("own", [IIS, IIS + windows_options("gmsa-webapp1")], ids=["alone", "beside the pod's"])
def test_init_containers_may_have_credspecs_of_their_own_from_0_14_on(own: str, check: Check) -> None:
    given = pod(ON_WINDOWS, own + INIT_CONTAINER)
    assert check(gmsa_config(CREDSPEC, webhook(f"{REPOSITORY}:v0.14.1")), given).findings == []
    for fields in ([], ["hardeningPolicy: false"]):
        found = check(gmsa_config(CREDSPEC, webhook(f"{REPOSITORY}:v0.13.0", *fields)), given).findings
        assert "init-container-reference" in {it.rule for it in found}, found


def test_without_the_policy_an_old_image_leaves_init_containers_unchecked_too(check: Check) -> None:
    finding = check(gmsa_config(webhook(f"{REPOSITORY}:v0.13.0", "hardeningPolicy: false"))).finding
    assert (finding.severity, finding.rule) == ("warning", "no-hardening")
    assert finding.says("ephemeral container", "init containers", "v0.13.0")


@pytest.mark.parametrize(
    ("port", "word"), [(10250, "kubelet"), (6443, "API server"), (443, "root")], ids=["kubelet", "API server", "root"]
)
def test_a_port_that_nodes_use_is_refused_in_their_network(port: int, word: str, check: Check) -> None:
    on_nodes = webhook(IMAGE, "hostNetwork: true", f"port: {port}")
    finding = check(gmsa_config(on_nodes)).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "host-port", "spec.webhook.port")
    assert finding.says(word)
    assert check(gmsa_config(webhook(IMAGE, f"port: {port}"))).findings == []


def test_the_namespace_of_a_webhook_on_nodes_holds_nothing_else(check: Check) -> None:
    """Its Pod Security level is privileged."""
    accounts = "    serviceAccounts:\n    - name: app\n      namespace: gmsa-webhook\n"
    assert check(gmsa_config(webhook(IMAGE), accounts)).findings == []
    finding = check(gmsa_config(webhook(IMAGE, "hostNetwork: true"), accounts)).finding
    assert (finding.severity, finding.rule, finding.field) == ("error", "shared-namespace", "spec.webhook.namespace")
    assert finding.says("gmsa-webhook", "spec.serviceAccounts[0]")
