"""The first pages of the documentation, on a cluster: from the quickstart to a pod that the API server accepts."""

from __future__ import annotations

import shutil
from pathlib import Path

from cluster.api import until
from cluster.harness import Cluster, pod
from cluster.test_doctor import Doctor
from cluster.walk import walk
from conftest import CONTENTS, ROOT
from pages import commands, files

STANDALONE, VERIFY, CHANGE = (
    f"docs/{name}.md" for name in ("getting-started/standalone", "getting-started/verify", "how-to/change-credspec")
)


def start(cluster: Cluster, folder: Path) -> None:
    shutil.copytree(ROOT / "kustomize", folder / "kustomize")
    walk(cluster, folder, commands(STANDALONE, "Render", "Apply"))
    # The policy is in force a moment after it was applied.
    until(lambda: cluster.verdict(pod("stranger", service_account="default")), "the policy is in force")


def test_from_the_quickstart_to_a_pod(cluster: Cluster, tmp_path: Path) -> None:
    start(cluster, tmp_path)
    walk(cluster, tmp_path, commands(VERIFY, "1. The API server accepts the pod", "2. The pod has the credential spec"))
    (made,) = until(
        lambda: cluster.client.items("/api/v1/namespaces/web/pods", labelSelector="app=web"), "the Deployment has a pod"
    )
    assert made["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == CONTENTS


def test_the_first_config_of_the_readme(cluster: Cluster, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    for name, contents in files("README.md").items():
        (tmp_path / name).write_text(contents)
    walk(cluster, tmp_path, commands("README.md", "First config"))
    until(lambda: cluster.client.items("/api/v1/namespaces/web/pods", labelSelector="app=web"), "there is a pod")
    until(lambda: cluster.verdict(pod("stranger", service_account="default")), "the policy is in force")
    done = Doctor(cluster, tmp_path)(tmp_path / "gmsa.yaml", tmp_path / "kustomize/quickstart/web.yaml")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "no errors, no warnings" in done.stdout


def test_a_changed_credential_spec(cluster: Cluster, tmp_path: Path) -> None:
    """While the page's steps are followed, pods with the previous contents are admitted, and with the new ones after."""
    start(cluster, tmp_path)
    quickstart = tmp_path / "kustomize/quickstart"
    config = (quickstart / "gmsa.yaml").read_text()
    (tmp_path / "web.yaml").write_text((quickstart / "web.yaml").read_text())
    save, *others = commands(CHANGE, "Mode Policy")
    walk(cluster, tmp_path, [save])
    previous = "  policy:\n    acceptPrevious:\n    - credspec: gmsa-webapp1\n      file: before.json\n"
    (tmp_path / "gmsa.yaml").write_text(config.replace("CONTOSO", "CONTOSO2") + previous)
    walk(cluster, tmp_path, others)
    changed = CONTENTS.replace("CONTOSO", "CONTOSO2")
    assert cluster.verdict(pod("old", contents=CONTENTS)) == ""
    until(lambda: cluster.verdict(pod("new", contents=changed)) == "", "the new contents are accepted")
    # The last step of the page.
    (tmp_path / "gmsa.yaml").write_text(config.replace("CONTOSO", "CONTOSO2"))
    walk(cluster, tmp_path, others)
    until(lambda: cluster.verdict(pod("old", contents=CONTENTS)) != "", "the previous contents are refused")
