"""`doctor` finds what is wrong with webhook, policies and certificates: each fault in a healthy set-up, and nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Object, until
from cluster.harness import CONTENTS, NOW, Cluster, config, one, pod, render
from cluster.test_doctor import Doctor
from conftest import SEED
from gmsa_krm.certificates.generate import issue

DAY = 86_400
NAME = "gmsa-webhook"
IMAGE = "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
VALIDATING = f"{ADMISSION}/validatingwebhookconfigurations/{NAME}"
MUTATING = f"{ADMISSION}/mutatingwebhookconfigurations/{NAME}"
POLICY = f"{ADMISSION}/validatingadmissionpolicies/{NAME}-hardening"
BINDING = f"{ADMISSION}/validatingadmissionpolicybindings/{NAME}-hardening"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAME}/deployments/{NAME}"
SERVICE = f"/api/v1/namespaces/{NAME}/services/{NAME}"
BUDGET = f"/apis/policy/v1/namespaces/{NAME}/poddisruptionbudgets/{NAME}"


class DoctorAt(Doctor):
    """With variables of the environment in `env`."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        super().__init__(cluster, folder)
        self.env: dict[str, str] = {}

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return super().__call__(*arguments, **{**self.env, **env})


class SetUp:
    """A healthy set-up that faults are planted in; `heal` takes them back."""

    def __init__(self, cluster: Cluster, items: list[Object], doctor: DoctorAt) -> None:
        self.cluster = cluster
        self.items = items
        self.doctor = doctor
        self._made: list[Object] = []

    def make(self, *items: Object) -> None:
        """Creates objects, which `heal` deletes."""
        self._made += items
        self.cluster.client.apply(*items)

    def change(self, path: str, change: Callable[[Object], Any], manager: str = "kubectl-edit") -> None:
        """Changes an object as `kubectl edit` does."""
        item = self.cluster.client.get(path)
        change(item)
        self.cluster.client.request("PUT", path, item, fieldManager=manager)

    def change_webhook(self, path: str, **fields: object) -> None:
        self.change(path, lambda it: it["webhooks"][0].update(fields))

    def heal_of_all(self, events: str) -> None:
        """Deletes what was made, and the events about it."""
        for item in self._made:
            self.cluster.client.delete(self.cluster.client.path(item), propagationPolicy="Foreground")
            until(lambda item=item: not self.cluster.client.find(self.cluster.client.path(item)), "it is gone")
        self.cluster.client.request("DELETE", events)

    def heal(self) -> None:
        for item in reversed(self._made):
            self.cluster.client.delete(self.cluster.client.path(item), gracePeriodSeconds=0)
        self._made = []
        self.doctor.env = {}
        # Fields that a fault has added are gone with the object.
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "PodDisruptionBudget"):
            self.cluster.client.delete(self.cluster.client.path(one(self.items, kind)))
        self.cluster.client.apply(*self.items)
        self.cluster.rolled_out(one(self.items, "Deployment"))
        until(lambda: self.doctor(self.doctor.folder / "gmsa.yaml").returncode == 0, "the set-up is healthy", 30)


@pytest.fixture(scope="module")
def installed(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    running.clean()
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "gmsa.yaml").write_text(config())
    items = render(folder / "gmsa.yaml")
    running.install(items)
    yield SetUp(running, items, DoctorAt(running, folder))
    running.clean()


@pytest.fixture
def set_up(installed: SetUp) -> Iterator[SetUp]:
    assert installed.doctor.problems(installed.doctor.folder / "gmsa.yaml") == {}
    yield installed
    installed.heal()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# Certificates


def test_a_bundle_that_is_none(set_up: SetUp) -> None:
    set_up.change(
        VALIDATING,
        lambda it: it["webhooks"][0]["clientConfig"].update(caBundle=encoded("INSERT_CERTIFICATE_FROM_SECRET")),
    )
    set_up.doctor.finds("ca-bundle-invalid")


def test_a_ca_that_has_expired(set_up: SetUp) -> None:
    old = issue([f"{NAME}.{NAME}.svc"], NOW - 40 * DAY, 30 * DAY)
    for path in (VALIDATING, MUTATING):
        set_up.change(path, lambda it: it["webhooks"][0]["clientConfig"].update(caBundle=encoded(old.ca_bundle)))
    assert len(set_up.doctor.finds("ca-bundle-expired")) == 2
    # With failurePolicy Ignore pods are admitted as they are, and why is known already.
    for path in (VALIDATING, MUTATING):
        set_up.change_webhook(path, failurePolicy="Ignore")
    found = set_up.doctor.problems("--skip", "policy")
    assert set(found) == {"ca-bundle-expired", "admission-fails-open"}, found
    effects = ("so gMSA pods pass unchecked; issue", "so gMSA pods get no contents; issue")
    assert all(effect in it for effect, it in zip(effects, found["ca-bundle-expired"], strict=True))


def test_a_ca_that_expires_soon(set_up: SetUp) -> None:
    """Without a config, since it is another CA than the config's."""
    soon = issue([f"{NAME}.{NAME}.svc"], NOW, 10 * DAY - 3600)
    for path in (VALIDATING, MUTATING):
        set_up.change(path, lambda it: it["webhooks"][0]["clientConfig"].update(caBundle=encoded(soon.ca_bundle)))
    set_up.doctor.finds("ca-bundle-expiring", "--check", "certificate")


def test_another_seed(set_up: SetUp) -> None:
    set_up.doctor.env = {"GMSA_KRM_SEED": SEED[::-1]}
    set_up.doctor.finds("ca-bundle-differs")


def test_a_ca_beside_the_one_of_the_config_is_right(set_up: SetUp) -> None:
    """As in the middle of a rotation."""
    other = issue([f"{NAME}.{NAME}.svc"], NOW, 90 * DAY)
    for path in (VALIDATING, MUTATING):
        bundle = base64.b64decode(set_up.cluster.client.get(path)["webhooks"][0]["clientConfig"]["caBundle"]).decode()
        both = encoded(other.ca_bundle + bundle)
        set_up.change(path, lambda it, both=both: it["webhooks"][0]["clientConfig"].update(caBundle=both))
    assert list(set_up.doctor.problems(set_up.doctor.folder / "gmsa.yaml")) == ["object-drift"]


def test_who_runs_the_cluster_needs_no_seed(set_up: SetUp) -> None:
    derive = "certificate: {source: Derive, derive: {seedEnv: GMSA_KRM_SEED_OF_OTHERS}}"
    other = set_up.doctor.folder.parent / f"{set_up.doctor.folder.name}-other.yaml"
    other.write_text((set_up.doctor.folder / "gmsa.yaml").read_text().replace("certificate: {source: Derive}", derive))
    done = set_up.doctor(other)
    assert done.returncode == 0, done.stdout
    assert done.stderr == (
        "gmsa-krm: the variable GMSA_KRM_SEED_OF_OTHERS is not set, so the certificate in the cluster is not compared"
        " with the config's; set it to the seed to compare them\n"
    )
    assert set_up.doctor(other, "-q").stderr == ""


def test_an_epoch_that_has_begun_since(set_up: SetUp) -> None:
    set_up.doctor.env = {"SOURCE_DATE_EPOCH": str(NOW + 40 * DAY)}
    message = set_up.doctor.finds("certificate-outdated")
    served = set_up.cluster.client.get(DEPLOYMENT)["spec"]["template"]["metadata"]["annotations"]
    assert "gmsa-krm.dev/certificate-sha256" in served
    assert len(message) == 1


def test_a_certificate_of_last_year(set_up: SetUp) -> None:
    set_up.doctor.env = {"SOURCE_DATE_EPOCH": str(NOW + 400 * DAY)}
    set_up.doctor.finds("certificate-expired")


# The webhook


def test_half_a_set_up(set_up: SetUp) -> None:
    set_up.cluster.client.delete(MUTATING)
    set_up.doctor.finds("webhook-not-configured")
    without = set_up.doctor.problems("--check", "webhook-not-configured")
    assert "has no MutatingWebhookConfiguration beside it" in without["webhook-not-configured"][0]


def another_service(set_up: SetUp) -> Object:
    """For whose name the webhook has no certificate, so the proof fails."""
    service: Object = json.loads(json.dumps(one(set_up.items, "Service")))
    service["metadata"] = {"name": "old", "namespace": NAME}
    set_up.make(service)
    until(
        lambda: set_up.cluster.client.items(
            f"/apis/discovery.k8s.io/v1/namespaces/{NAME}/endpointslices",
            labelSelector="kubernetes.io/service-name=old",
        ),
        "it has endpoints",
    )
    return service


def test_a_webhook_of_each_kind_for_itself(set_up: SetUp) -> None:
    another_service(set_up)
    set_up.change(MUTATING, lambda it: it["webhooks"][0]["clientConfig"]["service"].update(name="old"))
    set_up.doctor.finds("webhook-services-differ", set_up.doctor.folder / "gmsa.yaml", "--skip", "proof")


def test_a_webhook_that_gets_all_pods(set_up: SetUp) -> None:
    for path in (VALIDATING, MUTATING):
        set_up.change(path, lambda it: it["webhooks"][0].pop("matchConditions"))
    assert len(set_up.doctor.finds("webhook-blocks-all-pods")) == 2
    elsewhere = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [NAME]}]}
    for path in (VALIDATING, MUTATING):
        set_up.change_webhook(path, namespaceSelector=elsewhere)
    for message in set_up.doctor.problems()["webhook-blocks-all-pods"]:
        assert "gets all pods of the namespaces that its namespaceSelector selects" in message
        assert "its own" not in message.replace("its namespaceSelector", "")
        assert "add matchConditions" in message


def test_a_webhook_that_is_ignored_when_it_is_down(set_up: SetUp) -> None:
    set_up.change_webhook(VALIDATING, failurePolicy="Ignore")
    set_up.doctor.finds("admission-fails-open")


def test_two_webhooks(set_up: SetUp) -> None:
    another_service(set_up)
    old: Object = json.loads(json.dumps(one(set_up.items, "ValidatingWebhookConfiguration")))
    old["metadata"] = {"name": "old"}
    old["webhooks"][0]["clientConfig"]["service"]["name"] = "old"
    set_up.make(old)
    set_up.doctor.finds("admission-duplicate", set_up.doctor.folder / "gmsa.yaml", "--skip", "proof")


def test_a_service_that_is_gone(set_up: SetUp) -> None:
    set_up.cluster.client.delete(SERVICE)
    set_up.doctor.finds("webhook-service-missing")


def test_a_webhook_without_pods(set_up: SetUp) -> None:
    set_up.change(DEPLOYMENT, lambda it: it["spec"].update(replicas=0))

    def is_down() -> bool:
        slices = set_up.cluster.client.items(f"/apis/discovery.k8s.io/v1/namespaces/{NAME}/endpointslices")
        pods = set_up.cluster.client.items(f"/api/v1/namespaces/{NAME}/pods")
        return not pods and not any(it["endpoints"] for it in slices)

    until(is_down, "the webhook is down")
    set_up.doctor.finds("webhook-unavailable")


def test_a_rollout_that_hangs(set_up: SetUp) -> None:
    """The new pod's image is none that the node knows, so it stays Pending."""

    def hang(it: Object) -> None:
        it["spec"]["progressDeadlineSeconds"] = 1
        it["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.k8s.io/other"

    set_up.change(DEPLOYMENT, hang)

    def has_hung() -> bool:
        conditions = set_up.cluster.client.get(DEPLOYMENT)["status"]["conditions"]
        return any(it.get("reason") == "ProgressDeadlineExceeded" for it in conditions)

    until(has_hung, "the rollout has hung")
    set_up.doctor.finds("webhook-degraded")


def test_an_image_that_is_too_old(set_up: SetUp) -> None:
    def downgrade(it: Object) -> None:
        container = it["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"{IMAGE}:v0.9.0"
        next(it for it in container["env"] if it["name"] == "RANDOM_HOSTNAME")["value"] = "true"

    set_up.change(DEPLOYMENT, downgrade)
    set_up.cluster.rolled_out(one(set_up.items, "Deployment"))
    set_up.doctor.finds("webhook-image-too-old")


# Policies


def test_a_policy_without_its_binding(set_up: SetUp) -> None:
    set_up.cluster.client.delete(BINDING)
    set_up.doctor.finds("policy-missing")
    without = set_up.doctor.problems("--check", "policy-missing")
    assert "has no ValidatingAdmissionPolicyBinding" in without["policy-missing"][0]


def test_a_binding_that_only_audits(set_up: SetUp) -> None:
    set_up.change(BINDING, lambda it: it["spec"].update(validationActions=["Audit"]))
    set_up.doctor.finds("policy-does-not-deny")


def test_an_expression_of_the_wrong_type(set_up: SetUp) -> None:
    wrong = {"expression": "request.operation != '' || object.spec.gmsaCredentialSpec == ''"}
    set_up.change(POLICY, lambda it: it["spec"]["validations"].insert(0, wrong))

    def is_checked() -> bool:
        return bool(set_up.cluster.client.get(POLICY)["status"]["typeChecking"].get("expressionWarnings"))

    until(is_checked, "the types are checked")
    set_up.doctor.finds("policy-type-warning")


# Drift


def test_an_object_that_was_deleted(set_up: SetUp) -> None:
    set_up.cluster.client.delete(BUDGET)
    set_up.doctor.finds("object-missing")


def test_an_object_that_was_changed(set_up: SetUp) -> None:
    set_up.change(BUDGET, lambda it: it["spec"].update(maxUnavailable=2))
    set_up.doctor.finds("object-drift")


def test_an_object_that_the_config_no_longer_has(set_up: SetUp) -> None:
    role: Object = json.loads(json.dumps(one(set_up.items, "ClusterRole", "use-gmsa-webapp1")))
    role["metadata"]["name"] = "use-gmsa-reports"
    set_up.make(role)
    set_up.doctor.finds("no-longer-configured")
    assert set_up.doctor.problems() == {}


# Workloads


def test_a_hook_that_gave_up(set_up: SetUp) -> None:
    set_up.make(pod("web-0", contents=CONTENTS))
    message = (
        "gmsa-krm: no secure channel to the domain after 10 attempts. nltest /query said: I_NetLogonControl failed:"
        " Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE"
    )
    container = {
        "name": "iis",
        "image": "iis",
        "imageID": "",
        "ready": False,
        "restartCount": 1,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": message}},
    }
    set_up.cluster.client.patch(
        "/api/v1/namespaces/web/pods/web-0/status", {"status": {"containerStatuses": [container]}}
    )
    set_up.doctor.finds("hook-gave-up")


def test_a_pod_that_was_refused(set_up: SetUp) -> None:
    """Last, since events stay for an hour."""
    template = pod("reports", service_account="webapp2")
    del template["apiVersion"], template["kind"]
    template["metadata"] = {"labels": {"app": "reports"}}
    metadata = {"name": "reports", "namespace": "web"}
    spec = {"selector": {"matchLabels": {"app": "reports"}}, "template": template}
    set_up.make({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    events = "/api/v1/namespaces/web/events"
    until(
        lambda: any(it["reason"] == "FailedCreate" for it in set_up.cluster.client.items(events)), "the pod is refused"
    )
    set_up.doctor.finds("recent-refusal")
    set_up.heal_of_all(events)
    assert "recent-refusal" not in set_up.doctor.problems(set_up.doctor.folder / "gmsa.yaml")
