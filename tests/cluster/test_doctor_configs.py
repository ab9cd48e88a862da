"""`doctor` with a config that render refuses for now: it says so, and looks at everything else."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cluster.api import until
from cluster.harness import FAST, NOW, PROGRAM, Cluster, config, pod
from cluster.test_doctor import Doctor, Rendered
from cluster.test_doctor_identities import SNAPSHOT
from conftest import environment
from gmsa_krm.certificates.generate import issue as certificate

DAY = 86_400
FILES = config(f"  webhook: {{{FAST}, certificate: {{source: Files}}}}\n")


@pytest.fixture
def doctor(cluster: Cluster, tmp_path: Path) -> Doctor:
    return Doctor(cluster, tmp_path)


def issue(folder: Path, *more: str, **env: str) -> None:
    arguments = [PROGRAM, "certs", "issue", "--dir", folder / "certs", *more]
    subprocess.run(arguments, env=environment(folder, **env), check=True, capture_output=True)


@pytest.fixture
def with_files(cluster: Cluster, doctor: Doctor, rendered: Rendered) -> Doctor:
    issue(doctor.folder)
    cluster.install(rendered(FILES))
    return doctor


def test_a_certificate_file_that_has_expired(with_files: Doctor) -> None:
    shutil.rmtree(with_files.folder / "certs")
    issue(with_files.folder, "--valid-for", "24h", SOURCE_DATE_EPOCH=str(NOW - 40 * DAY))
    assert len(with_files.finds("certificate-unusable")) == 1
    done = with_files(with_files.folder / "gmsa.yaml")
    assert done.returncode == 1
    assert "2 pairs of service account and credential spec: a pod gets exactly its contents" in done.stdout


def test_a_key_that_is_on_another_machine(with_files: Doctor) -> None:
    (with_files.folder / "certs/tls.key").unlink()
    (found,) = with_files.finds_only("certificate-unusable")
    assert "spec.webhook.certificate.files.key: certs/tls.key" in found
    assert "(rule certificate)" in found


def test_a_file_that_is_not_here_hides_nothing_of_the_cluster(with_files: Doctor, cluster: Cluster) -> None:
    (with_files.folder / "certs/tls.key").unlink()
    other = base64.b64encode(certificate(["a.b.svc"], NOW, 90 * DAY).ca_bundle.encode()).decode()
    for kind in ("mutating", "validating"):
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/gmsa-webhook"
        configuration = cluster.client.get(path)
        configuration["webhooks"][0]["clientConfig"]["caBundle"] = other
        cluster.client.request("PUT", path, configuration)
    until(lambda: "unknown authority" in cluster.verdict(pod("a")), "nobody trusts the webhook")
    found = with_files.problems(with_files.folder / "gmsa.yaml")
    assert set(found) == {"certificate-unusable", "pod-refused"}


def test_a_seed_that_is_too_short(cluster: Cluster, doctor: Doctor, rendered: Rendered) -> None:
    cluster.install(rendered())
    done = doctor(doctor.folder / "gmsa.yaml", "-q", GMSA_KRM_SEED="short")
    assert done.returncode == 1
    assert "(rule seed) (certificate-unusable)" in done.stdout
    assert "1 error, no warnings" in done.stdout


def test_warnings_end_no_run_though_the_config_is_strict(with_files: Doctor) -> None:
    """A certificate that expires soon is a warning of render, and in a strict config an error."""
    issue(with_files.folder, "--force", "--valid-for", "240h")
    (with_files.folder / "gmsa.yaml").write_text(FILES + "  strict: true\n")
    done = with_files(with_files.folder / "gmsa.yaml")
    assert "spec.webhook.certificate.files.cert: certs/tls.crt expires in " in done.stderr
    assert "a pod gets exactly its contents" in done.stdout


def test_a_mistake_that_the_snapshot_of_the_config_knows(cluster: Cluster, doctor: Doctor, rendered: Rendered) -> None:
    cluster.install(rendered())
    (doctor.folder / "ad.yaml").write_text(SNAPSHOT.replace("account: WebApp2", "account: Other"))
    (doctor.folder / "gmsa.yaml").write_text(config() + "  activeDirectory: {snapshot: ad.yaml}\n  strict: true\n")
    (found,) = doctor.finds_only("directory-mistake")
    assert "(rule unknown-account)" in found


def test_a_path_without_a_config(doctor: Doctor) -> None:
    (doctor.folder / "pod.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n")
    done = doctor(doctor.folder / "pod.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(
        "pod.yaml: has no GMSAConfig to compare the cluster with; give one, or no path to check the cluster as it is\n"
    )


def test_a_kubeconfig_that_is_none(doctor: Doctor) -> None:
    (doctor.folder / "notes").write_text("hello\n")
    done = doctor("--kubeconfig", doctor.folder / "notes")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("gmsa-krm: kubectl proxy does not start: error loading config file")
    assert done.stderr.endswith("; check --kubeconfig and the variable KUBECONFIG\n")


def test_a_context_that_does_not_exist(doctor: Doctor) -> None:
    done = doctor("--context", "nope")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        'gmsa-krm: kubectl proxy does not start: context "nope" does not exist; kubectl config get-contexts lists the'
        " existing ones\n"
    )


def test_a_cluster_that_does_not_answer(doctor: Doctor, cluster: Cluster) -> None:
    text = cluster.kubeconfig.read_text()
    (doctor.folder / "elsewhere").write_text(re.sub(r"https://[0-9.:]+", "https://127.0.0.1:9", text))
    done = doctor("--kubeconfig", doctor.folder / "elsewhere")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("gmsa-krm: the cluster does not answer (")
