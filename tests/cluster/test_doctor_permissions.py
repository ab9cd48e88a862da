"""`doctor --rbac`: with its ClusterRoles every check works, and without one of their verbs a check says that it could not look."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.api import Object
from cluster.harness import PROGRAM, Cluster, config, objects, render
from cluster.test_doctor import Doctor
from conftest import ROOT, environment
from gmsa_krm.cluster.permissions import RUNS, roles

ACCOUNT = "system:serviceaccount:doctors:doctor"
GROUP = "rbac.authorization.k8s.io"
SCHEMA = json.loads((ROOT / "kustomize/doctorreport.schema.json").read_text())
# Of objects that this config does not emit.
OF_OTHER_CONFIGS = (
    "issuers",
    "certificates",
    "daemonsets",
    "jobs",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
)
# (ClusterRole, API group, resource, verb), without what only --in-pod needs.
PERMISSIONS = [
    (name, group, resource, verb)
    for name, rules in roles().items()
    if name != RUNS
    for group, resources, verbs in rules
    for resource in resources
    for verb in verbs
    if not (verb == "patch" and resource in OF_OTHER_CONFIGS)
]


class Restricted(Doctor):
    """As a service account, whose permissions are those of ClusterRoles."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        super().__init__(cluster, folder)
        kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
        for user in kubeconfig["users"]:
            user["user"]["as"] = ACCOUNT
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(yaml.safe_dump(kubeconfig))
        printed = super().__call__("--rbac")
        assert (printed.returncode, printed.stderr) == (0, "")
        self.roles = objects(printed.stdout)
        cluster.client.apply(*self.roles, *(binding(it["metadata"]["name"]) for it in self.roles))

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return super().__call__(*arguments, **{"KUBECONFIG": str(self._kubeconfig), **env})

    def report(self) -> tuple[int, dict[str, Any]]:
        done = self(self.folder / "gmsa.yaml", "-o", "json")
        report: dict[str, Any] = json.loads(done.stdout)
        jsonschema.validate(report, SCHEMA)
        return done.returncode, report


def binding(role: str) -> Object:
    namespace, name = ACCOUNT.split(":")[2:]
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
    }


@pytest.fixture(scope="module")
def restricted(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restricted]:
    running.clean()
    folder = tmp_path_factory.mktemp("restricted")
    (folder / "gmsa.yaml").write_text(config())
    installed = render(folder / "gmsa.yaml")
    running.install(installed)
    # An apply is tried of what is not as in the config, if only by an annotation that somebody has added.
    for item in installed:
        running.client.patch(running.client.path(item), {"metadata": {"annotations": {"example.com/owner": "web"}}})
    yield Restricted(running, folder)
    running.clean()


def test_with_the_roles_every_check_works(restricted: Restricted) -> None:
    status, report = restricted.report()
    assert report["summary"] == {"errors": 0, "warnings": 0, "couldNotLook": 0}, report
    assert status == 0
    assert not [it["id"] for it in report["checks"] if it["status"] in ("couldNotLook", "skipped")]


def test_the_role_that_reads_changes_nothing() -> None:
    reads = next(iter(roles().values()))
    assert {
        (resource, verb) for _, resources, verbs in reads for resource in resources for verb in verbs if verb != "list"
    } == {
        ("customresourcedefinitions", "get"),
        ("localsubjectaccessreviews", "create"),
    }
    assert not [it for rules in roles().values() for _, resources, _ in rules for it in resources if "secret" in it]


def test_each_verb_is_needed(restricted: Restricted, running: Cluster) -> None:
    """Without it a check says so, and the exit status is 3. No check says that anything is wrong."""
    wrong = []
    for name, group, resource, verb in PERMISSIONS:
        role = next(it for it in restricted.roles if it["metadata"]["name"] == name)
        without = json.loads(json.dumps(role))
        for rule in without["rules"]:
            if group in rule["apiGroups"] and verb in rule["verbs"] and resource in rule["resources"]:
                rule["resources"].remove(resource)
        without["rules"] = [it for it in without["rules"] if it["resources"]]
        running.client.apply(without)
        status, report = restricted.report()
        running.client.apply(role)
        unknown = [it["id"] for it in report["checks"] if it["status"] == "couldNotLook"]
        problems = [it["id"] for it in report["checks"] if it["problems"]]
        if status != 3 or not unknown or problems:
            wrong.append((verb, resource, status, unknown, problems))
    assert not wrong


def test_text_says_who_may_not_do_what(restricted: Restricted, running: Cluster) -> None:
    role = restricted.roles[0]
    running.client.apply({**role, "rules": [it for it in role["rules"] if "pods" not in it["resources"]]})
    done = restricted(restricted.folder / "gmsa.yaml")
    running.client.apply(role)
    assert done.returncode == 3
    assert "could not look" in done.stdout
    assert (
        "you may not list pods here; ask for the roles that gmsa-krm doctor --rbac prints, or use another context"
        in done.stdout
    )


def test_the_roles_are_printed_without_a_cluster(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "doctor", "--rbac"],
        env=environment(tmp_path, PATH="/nowhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
