"""What is emitted is taken by a real API server, as it is and in the order that it has."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster.api import Client, Object, until
from cluster.cert_manager import cert_manager_crds
from cluster.harness import PROGRAM, Cluster, namespace, one, pod, render, text_of
from conftest import CASES, DOMAIN, HEAD, ROOT, environment

# kustomize/argocd and the like are no overlays with a config
OVERLAYS = [
    path.parent for path in (ROOT / "kustomize").glob("*/kustomization.yaml") if path.with_name("gmsa.yaml").exists()
]
FOLDERS = [*CASES, *sorted(OVERLAYS)]


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a case or an overlay, with the files that its README tells the user to make."""
    copy = tmp_path / request.param.parent.name
    shutil.copytree(request.param, copy, ignore=shutil.ignore_patterns("want*.yaml"))
    if request.param.name == "files":
        subprocess.run(
            [PROGRAM, "certs", "issue", "--dir", copy / "certs"],
            env=environment(tmp_path),
            check=True,
            capture_output=True,
        )
    return copy


def test_applies_twice_settles_and_comes_back(folder: Path, cluster: Cluster) -> None:
    items = render(folder)
    take_for_granted(cluster.client, items)
    apply(cluster, items)
    before = settled(cluster.client, items)
    apply(cluster, items)
    assert settled(cluster.client, items) == before

    # Generate keeps the keys of a Secret that passes through; to the others it makes no difference.
    (folder / "earlier.yaml").write_text("---\n".join(yaml.safe_dump(it) for it in items if it["kind"] == "Secret"))
    again = render(folder)
    diff = cluster.kubectl("diff", "--server-side", "-f", "-", text=text_of(again), check=False)
    assert (diff.returncode, diff.stdout, diff.stderr) == (0, "", "")

    if folder.name != "kustomize":  # the overlays have the same kinds, and a namespace takes seconds to go
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", text=text_of(items))
        apply(cluster, items)
        assert settled(cluster.client, items).keys() == before.keys()


def test_one_stream_is_enough_where_the_crd_is_there(cluster: Cluster, tmp_path: Path) -> None:
    """kubectl asks for the kinds of a whole stream before it applies any of it."""
    items = render(ROOT / "kustomize/trial")
    take_for_granted(cluster.client, items)
    stream, arguments = (
        text_of(items),
        ("apply", "--server-side", "--validate=strict", f"--cache-dir={tmp_path}", "-f", "-"),
    )
    first = cluster.kubectl(*arguments, text=stream, check=False)
    assert first.returncode == 1
    assert "ensure CRDs are installed first" in first.stderr
    cluster.client.established(one(items, "CustomResourceDefinition"))
    cluster.kubectl(*arguments, text=stream)


def test_no_warning_of_the_api_server(cluster: Cluster) -> None:
    """Deprecated fields, or expressions that do not type-check, would be warned of."""
    items = render(ROOT / "kustomize/trial")
    done = apply(cluster, items)
    assert "Warning" not in done


@pytest.mark.parametrize(
    ("before", "after"), [("dnsName: contoso.com", "dnsName: corp.contoso.com"), ("image: one", "image: two")]
)
def test_a_diagnostics_job_that_changes(
    before: str, after: str, cluster: Cluster, rendered: Callable[..., list[Object]]
) -> None:
    """A Job's template is not to be changed, so what it asks is asked by another Job; its pods are admitted, as any."""
    job = "    diagnostics: {namespace: web, serviceAccount: webapp1, image: one}\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
    accounts = "  serviceAccounts: [{name: webapp1, namespace: web}]\n"
    text = f"{HEAD}{DOMAIN}  credspecs:\n  - account: WebApp1\n{job}{accounts}  admission: {{mode: Policy}}\n"
    jobs = []
    for given in (text, text.replace(before, after)):
        items = rendered(given)
        take_for_granted(cluster.client, items)
        apply(cluster, items)
        jobs.append(one(items, "Job"))
    there = sorted(it["metadata"]["name"] for it in cluster.client.items("/apis/batch/v1/namespaces/web/jobs"))
    assert there == sorted(it["metadata"]["name"] for it in jobs)
    first, last = ({**pod("tried"), "spec": it["spec"]["template"]["spec"]} for it in jobs)
    unknown = pod("tried", "no-such-credspec", contents="{}")
    until(lambda: "no credential spec of the policy" in cluster.verdict(unknown), "the policy is in force")
    until(lambda: not cluster.verdict(last), lambda: f"a pod of the Job is admitted: {cluster.verdict(last)}")
    assert (cluster.verdict(first) == "") is ("dnsName" not in before)


def apply(cluster: Cluster, items: list[Object]) -> str:
    """As a user does: up to the CRD, then the rest. What kubectl says on stderr."""
    said = ""
    crds = [index for index, it in enumerate(items) if it["kind"] == "CustomResourceDefinition"]
    split = crds[0] + 1 if crds else 0
    for part in (items[:split], items[split:]):
        if part:
            said += cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", text=text_of(part)).stderr
        for it in part:
            if it["kind"] == "CustomResourceDefinition":
                cluster.client.established(it)
    return said


def settled(client: Client, items: list[Object]) -> dict[str, str]:
    """The versions, once controllers have written what they write into the status."""
    seen: list[dict[str, str]] = [{}]

    def is_settled() -> bool:
        found = {client.path(it): client.get(client.path(it)) for it in items}
        seen.append({path: _version(it) for path, it in found.items()})
        for it in found.values():
            # the check of types takes its time
            if (
                it["kind"] == "ValidatingAdmissionPolicy"
                and it.get("status", {}).get("observedGeneration") != it["metadata"]["generation"]
            ):
                return False
        return len(seen) > 8 and all(it == seen[-1] for it in seen[-8:])

    until(is_settled, "nothing changes any more")
    return seen[-1]


def _version(item: Object) -> str:
    """The resource version, but for two kinds whose bookkeeping (managedFields) an apply without a change writes again:
    a policy once its types are checked, and a Namespace with nothing but a name, of which the manager owns no field.
    """
    metadata = dict(item["metadata"])
    if item["kind"] not in ("Namespace", "ValidatingAdmissionPolicy"):
        return str(metadata["resourceVersion"])
    for bookkeeping in ("resourceVersion", "managedFields"):
        metadata.pop(bookkeeping, None)
    return json.dumps({**item, "metadata": metadata}, sort_keys=True)


def take_for_granted(client: Client, items: list[Object]) -> None:
    """What is there before: namespaces of the users, our CRD where `crd.install` is off, those of other projects."""
    made = {(it["kind"], it["metadata"]["name"]) for it in items}
    for name in sorted({it["metadata"]["namespace"] for it in items if "namespace" in it["metadata"]} - {"default"}):
        if ("Namespace", name) not in made:
            client.apply(namespace(name))
    kinds = {it["kind"] for it in items}
    if "GMSACredentialSpec" in kinds and "CustomResourceDefinition" not in kinds:
        client.apply(one(render(ROOT / "kustomize/trial"), "CustomResourceDefinition"))
    if "Certificate" in kinds:
        client.apply(*cert_manager_crds())
    client.apply(*(minimal_crd(it) for it in items if it["kind"] in ("Rollout", "CloneSet")))


def minimal_crd(item: Object) -> Object:
    """A stand-in for the CRD of Argo Rollouts or OpenKruise, which takes whatever it is given."""
    group, version = item["apiVersion"].split("/")
    plural = f"{item['kind'].lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": item["kind"], "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }
