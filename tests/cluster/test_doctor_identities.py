"""`doctor` on credential specs, access, the proof, workloads, nodes and Active Directory: a fault each, in a healthy cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cluster import upstream
from cluster.api import Object, until
from cluster.harness import (
    CONTENTS,
    CREDSPECS,
    Cluster,
    config,
    mutated,
    pod,
)
from cluster.test_doctor import Doctor, Rendered, add_node
from cluster.test_policy import install, text_of
from conftest import DOMAIN

OLD = CONTENTS.replace("CONTOSO", "OLD")
CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def doctor(cluster: Cluster, tmp_path: Path) -> Doctor:
    return Doctor(cluster, tmp_path)


@pytest.fixture
def healthy(cluster: Cluster, rendered: Rendered, doctor: Doctor) -> Doctor:
    """A cluster with a config in mode Webhook."""
    cluster.install(rendered())
    return doctor


def credspec(name: str = "gmsa-reports", account: str = "Reports") -> Object:
    text = json.dumps(upstream.credspec(name)).replace("WebApp1", account)
    found: Object = json.loads(text)
    return found


def role(name: str, verb: str = "use", **rule: list[str]) -> Object:
    of = {"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": [verb]}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{**of, **rule}],
    }


def bound(name: str, role: str, *accounts: str, group: str | None = None, of: str | None = "web") -> Object:
    """A RoleBinding in a namespace, or, without one, a ClusterRoleBinding; for service accounts of web, or for a group."""
    subjects: list[Object] = [{"kind": "ServiceAccount", "name": it, "namespace": "web"} for it in accounts]
    if group is not None:
        subjects.append({"kind": "Group", "name": group, "apiGroup": RBAC})
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if of else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": of} if of else {})},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def account(name: str, of: str = "web") -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": of}}


def workload(name: str = "web", credspec: str = "gmsa-webapp1", service_account: str = "webapp1") -> Object:
    """A Deployment without pods."""
    template = pod("-", credspec, service_account=service_account)
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }


def without_admission(cluster: Cluster) -> list[Object]:
    """Takes away the webhook configurations, and returns them."""
    taken = []
    for plural, kind in zip(
        CONFIGURATIONS, ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"), strict=True
    ):
        for it in cluster.client.items(f"{REGISTRATION}/{plural}"):
            metadata = {key: it["metadata"][key] for key in ("name", "labels")}
            taken.append({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, **it, "metadata": metadata})
            cluster.client.delete(f"{REGISTRATION}/{plural}/{it['metadata']['name']}")
    policies = f"{REGISTRATION}/validatingadmissionpolicybindings"
    for it in cluster.client.items(policies):
        metadata = {key: it["metadata"][key] for key in ("name", "labels")}
        kind = "ValidatingAdmissionPolicyBinding"
        taken.append({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, **it, "metadata": metadata})
        cluster.client.delete(f"{policies}/{it['metadata']['name']}")
    for probe in (pod("probe", "gmsa-webapp1", contents='{"a":"b"}'), pod("probe")):
        until(lambda it=probe: not cluster.verdict(it), "nothing looks at pods")  # type: ignore[misc]
    return taken


def create_unseen(cluster: Cluster, *items: Object) -> None:
    """Creates pods while no admission looks."""
    taken = without_admission(cluster)
    for item in items:
        cluster.client.create(item)
    cluster.client.apply(*taken)
    probe = pod("probe", "gmsa-webapp1", contents='{"a":"b"}')
    until(lambda: bool(cluster.verdict(probe)), "pods are looked at again")


# Credential specs


def test_a_credspec_that_was_deleted(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.delete("/apis/windows.k8s.io/v1/gmsacredentialspecs/gmsa-webapp1")
    assert len(healthy.finds("credspec-missing")) == 1


def test_an_existing_credspec_that_does_not_exist(healthy: Doctor, cluster: Cluster) -> None:
    text = (healthy.folder / "gmsa.yaml").read_text() + "  existingCredspecs: [gmsa-webap1, gmsa-legacy]\n"
    (healthy.folder / "gmsa.yaml").write_text(text)
    cluster.client.apply(credspec("gmsa-legacy"))
    (found,) = healthy.problems(healthy.folder / "gmsa.yaml")["credspec-missing"]
    assert found == (
        "GMSACredentialSpec gmsa-webap1: does not exist, but existingCredspecs names it (did you mean gmsa-webapp1?);"
        " create it, or remove it from the config"
    )


def test_a_credspec_that_was_changed_by_hand(healthy: Doctor, cluster: Cluster) -> None:
    path = "/apis/windows.k8s.io/v1/gmsacredentialspecs/gmsa-webapp1"
    contents = cluster.client.get(path)["credspec"]
    contents["DomainJoinConfig"]["NetBiosName"] = "FABRIKAM"
    cluster.client.patch(path, {"credspec": contents})
    assert len(healthy.finds("credspec-differs")) == 1


def test_a_mistake_in_a_credspec_that_no_config_emits(healthy: Doctor, cluster: Cluster) -> None:
    item = credspec()
    item["credspec"]["DomainJoinConfig"]["Sid"] += "-1105"
    cluster.client.apply(item, account("reports"), role("reports", resourceNames=["gmsa-reports"]))
    cluster.client.apply(bound("reports", "reports", "reports"))
    assert len(healthy.finds("credspec-mistake")) == 1
    healthy.finds("credspec-mistake", "--skip", "cluster")  # without a config, too


def test_a_domain_that_differs_from_the_configs(healthy: Doctor, cluster: Cluster) -> None:
    item = credspec()
    item["credspec"]["DomainJoinConfig"]["Guid"] = "00000000-87ac-4fcd-92ec-e79e5252348a"
    cluster.client.apply(item, account("reports"), role("reports", resourceNames=["gmsa-reports"]))
    cluster.client.apply(bound("reports", "reports", "reports"))
    found = healthy.problems(healthy.folder / "gmsa.yaml")
    assert list(found) == ["credspec-mistake"]
    assert "(rule domain-conflict)" in found["credspec-mistake"][0]


def test_one_scope_in_a_credspec_that_no_config_emits(healthy: Doctor, cluster: Cluster) -> None:
    item = credspec()
    del item["credspec"]["ActiveDirectoryConfig"]["GroupManagedServiceAccounts"][0]
    cluster.client.apply(item, account("reports"), role("reports", resourceNames=["gmsa-reports"]))
    cluster.client.apply(bound("reports", "reports", "reports"))
    healthy.finds("credspec-doubt")


def test_a_credspec_that_nobody_may_use(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(credspec())
    healthy.finds("credspec-without-users")
    done = healthy(healthy.folder / "gmsa.yaml")
    assert "named by no pod or workload: gmsa-reports, gmsa-webapp1, gmsa-webapp2" in done.stdout


def test_who_may_use_a_credspec_by_wildcards(healthy: Doctor, cluster: Cluster) -> None:
    everything = role("everything", verbs=["*"], resources=["*"], apiGroups=["*"])
    cluster.client.apply(credspec(), everything, bound("operator", "everything", "webapp1", of=None))
    (found,) = healthy.finds_only("credspec-without-users")
    assert found.startswith(
        "GMSACredentialSpec gmsa-reports: only who may do everything may use it (the service account web/webapp1); bind"
    )
    cluster.client.apply(role("of-windows", resources=["*"]), bound("of-windows", "of-windows", "webapp2"))
    healthy.finds_only("access-too-wide", healthy.folder / "gmsa.yaml")


# Access


def test_a_service_account_that_is_missing(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.delete("/api/v1/namespaces/web/serviceaccounts/webapp1")
    assert len(healthy.finds("missing-service-account")) == 1


def test_a_namespace_that_is_missing(doctor: Doctor, cluster: Cluster, rendered: Rendered) -> None:
    text = config(credspecs=CREDSPECS.replace("webapp2, namespace: web", "webapp2, namespace: web"))
    items = rendered(text)
    cluster.install(items)
    wider = text.replace(
        "serviceAccounts: [webapp2]}", "serviceAccounts: [webapp2]}, {namespace: shop, serviceAccounts: [a, b]}"
    )
    (doctor.folder / "gmsa.yaml").write_text(wider)
    found = doctor.problems(doctor.folder / "gmsa.yaml", "--skip", "cluster")
    assert found["missing-service-account"] == [
        (
            "Namespace shop: does not exist, but usedBy names service accounts in it (a, b); create it, or remove them"
            " from usedBy"
        )
    ]
    assert "pod-refused" not in found


def test_a_binding_that_was_deleted(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.delete(f"/apis/{RBAC}/v1/namespaces/web/rolebindings/use-gmsa-webapp1")
    assert len(healthy.finds("access-missing")) == 1


def test_a_binding_that_no_config_asks_for(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(account("other"), bound("legacy", "use-gmsa-webapp1", "other"))
    assert len(healthy.finds("access-too-wide")) == 1


WIDE: dict[str, tuple[list[Object], str]] = {
    "everybody": (
        [bound("all", "use-gmsa-webapp1", group="system:authenticated", of=None)],
        "ClusterRoleBinding all: lets every service account of the cluster use gmsa-webapp1",
    ),
    "a role with *": (
        [role("admin-of-web", verbs=["*"], resources=["*"], apiGroups=["*"]), bound("ci", "admin-of-web", "webapp2")],
        (
            "RoleBinding web/ci: lets the service account web/webapp2 use every credential spec, by * in apiGroups,"
            " resources and verbs of its role"
        ),
    ),
    "no names": (
        [role("use-all"), bound("all", "use-all", "webapp1")],
        (
            "RoleBinding web/all: lets the service account web/webapp1 use every credential spec, since its role has no"
            " resourceNames"
        ),
    ),
}


@pytest.mark.parametrize("kind", WIDE)
def test_access_that_is_too_wide(kind: str, healthy: Doctor, cluster: Cluster) -> None:
    items, message = WIDE[kind]
    cluster.client.apply(*items)
    found = healthy.finds_only("access-too-wide")
    assert found[0].startswith(message), found


def test_the_default_service_account_without_a_config(healthy: Doctor, cluster: Cluster) -> None:
    assert healthy.problems() == {}
    cluster.client.apply(bound("all", "use-gmsa-webapp1", "default"))
    (found,) = healthy.problems()["access-too-wide"]
    assert found.startswith(
        "RoleBinding web/all: lets the service account web/default use gmsa-webapp1, and with it every"
    )


def test_administrators_are_no_finding(healthy: Doctor, cluster: Cluster) -> None:
    everything = role("everything", verbs=["*"], resources=["*"], apiGroups=["*"])
    cluster.client.apply(everything, bound("operator", "everything", "webapp1", of=None))
    assert healthy.problems() == healthy.problems(healthy.folder / "gmsa.yaml") == {}


def test_subjects_that_can_be_nobody(healthy: Doctor, cluster: Cluster) -> None:
    """The API server takes any text for the namespace of a subject, which doctor would ask about."""
    it = bound("nobody", "use-gmsa-webapp1", of=None)
    it["subjects"] = [{"kind": "ServiceAccount", "name": "iis", "namespace": of} for of in ("a b", "web/pods?a=", "#")]
    cluster.client.apply(it)
    found = healthy.problems()
    assert all(rule == "access-too-wide" for rule in found), found


# The proof


LABEL = {"matchExpressions": [{"key": "gmsa-webhook", "operator": "NotIn", "values": ["disabled"]}]}


def leave_out_web(cluster: Cluster, *plurals: str) -> None:
    for plural in plurals:
        (it,) = cluster.client.items(f"{REGISTRATION}/{plural}")
        it["webhooks"][0]["namespaceSelector"] = LABEL
        cluster.client.request("PUT", f"{REGISTRATION}/{plural}/{it['metadata']['name']}", it)
    cluster.client.patch("/api/v1/namespaces/web", {"metadata": {"labels": {"gmsa-webhook": "disabled"}}})


def test_a_namespace_that_the_webhook_leaves_out(healthy: Doctor, cluster: Cluster) -> None:
    leave_out_web(cluster, *CONFIGURATIONS)
    healthy.finds("overlooked-namespace")


@pytest.mark.parametrize(("plural", "effect"), [*zip(CONFIGURATIONS, ("filled in", "checked"), strict=True)])
def test_a_namespace_that_one_of_the_two_webhooks_leaves_out(
    plural: str, effect: str, healthy: Doctor, cluster: Cluster
) -> None:
    leave_out_web(cluster, plural)
    (found,) = healthy.finds_only("overlooked-namespace")
    kind = "MutatingWebhookConfiguration" if plural.startswith("mutating") else "ValidatingWebhookConfiguration"
    assert found.startswith(
        f"Namespace web: is left out by the namespaceSelector of {kind} gmsa-webhook, so the credential specs of"
    )
    assert f" are not {effect}; change that selector" in found


def test_a_webhook_without_its_own_permissions(doctor: Doctor, cluster: Cluster, rendered: Rendered) -> None:
    items = mutated(
        rendered(), "ClusterRole", lambda it: it["metadata"]["name"] == "gmsa-webhook" and it["rules"].pop(0)
    )
    cluster.install(items, settles=False)
    until(lambda: "cannot get resource" in cluster.verdict(pod("a")), "the webhook may not read")
    found = doctor.finds("pod-refused", doctor.folder / "gmsa.yaml", "--skip", "object-drift")
    assert "2 pairs: a test pod is refused" not in found[0]
    assert "the webhook may not read credential specs or ask for permissions" in found[0]
    assert "web/webapp1 with gmsa-webapp1, web/webapp2 with gmsa-webapp2" in found[0]


def test_a_bundle_without_the_ca(doctor: Doctor, cluster: Cluster, rendered: Rendered) -> None:
    from gmsa_krm.certificates.generate import issue

    other = base64.b64encode(issue(["gmsa-webhook.gmsa-webhook.svc"], 0, 4_000_000_000).ca_bundle.encode()).decode()
    items = rendered()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        items = mutated(items, kind, lambda it: it["webhooks"][0]["clientConfig"].update(caBundle=other))
    cluster.install(items, settles=False)
    until(lambda: "unknown authority" in cluster.verdict(pod("a")), "nobody trusts the webhook")
    (found,) = doctor.problems(doctor.folder / "gmsa.yaml", "--check", "proof")["pod-refused"]
    assert "the API server does not trust the webhook's certificate" in found


def test_nothing_fills_in_contents(healthy: Doctor, cluster: Cluster) -> None:
    taken = without_admission(cluster)
    cluster.client.apply(*(it for it in taken if it["kind"] == "ValidatingWebhookConfiguration"))
    healthy.finds("contents-not-filled-in", healthy.folder / "gmsa.yaml", "--check", "proof")


def test_contents_are_not_compared(healthy: Doctor, cluster: Cluster) -> None:
    taken = without_admission(cluster)
    cluster.client.apply(*(it for it in taken if it["kind"] == "MutatingWebhookConfiguration"))
    until(lambda: "WebApp1" in json.dumps(cluster.try_pod(pod("a"))), "contents are filled in")
    healthy.finds("foreign-contents-admitted", healthy.folder / "gmsa.yaml", "--check", "proof")


def test_a_quota_that_is_used_up(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "full", "namespace": "web"},
            "spec": {"hard": {"pods": "0"}},
        }
    )
    cluster.client.patch(
        "/api/v1/namespaces/web/resourcequotas/full/status", {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}
    )
    until(lambda: "exceeded quota" in cluster.verdict(pod("a")), "the quota is in force")
    (found,) = healthy.finds("proof-prevented")
    assert "the quota of its namespace is used up" in found
    assert "exceeded quota: full" in found


@pytest.mark.parametrize("expand", [False, True])
def test_mode_policy(expand: bool, doctor: Doctor, cluster: Cluster, rendered: Rendered) -> None:
    if expand and cluster.minor < 36:
        pytest.skip("MutatingAdmissionPolicy is served from Kubernetes 1.36 on")
    items = rendered(text_of("  policy: {expand: true}\n" if expand else ""))
    install(cluster, items, pod("a", None if expand else "gmsa-webapp1", contents=None if expand else CONTENTS))
    cluster.client.apply(*(account(it, "other") for it in ("webapp1",)))
    if expand:
        until(lambda: not cluster.verdict(pod("a")), "contents are filled in")
    done = doctor(doctor.folder / "gmsa.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 pairs of service account and credential spec: a pod gets exactly its contents" in done.stdout
    assert "2 namespaces: other contents than those of the credential spec are refused" in done.stdout
    assert doctor.problems() == {}
    # A credential spec is gone
    gone = "/apis/windows.k8s.io/v1/gmsacredentialspecs/gmsa-webapp1"
    kept = cluster.client.get(gone)
    cluster.client.delete(gone)
    (found,) = doctor.finds_only("credspec-missing", doctor.folder / "gmsa.yaml")
    assert "does not exist; pods get their contents by the policy, but kubectl" in found
    cluster.client.apply(
        {key: it for key, it in kept.items() if key != "metadata"} | {"metadata": {"name": "gmsa-webapp1"}}
    )
    # A binding that leaves out a namespace
    bindings = f"{REGISTRATION}/validatingadmissionpolicybindings"
    (it,) = cluster.client.items(bindings)
    narrow = {**it, "spec": {**it["spec"], "matchResources": {"namespaceSelector": LABEL}}}
    cluster.client.request("PUT", f"{bindings}/{it['metadata']['name']}", narrow)
    cluster.client.patch("/api/v1/namespaces/web", {"metadata": {"labels": {"gmsa-webhook": "disabled"}}})
    (message,) = doctor.problems(doctor.folder / "gmsa.yaml", "--skip", "drift")["overlooked-namespace"]
    assert message.startswith("Namespace web: is left out by the namespaceSelector of ValidatingAdmissionPolicy ")
    assert " are not checked; change that selector" in message
    cluster.client.patch("/api/v1/namespaces/web", {"metadata": {"labels": {"gmsa-webhook": None}}})
    # The policy of another render
    (policy,) = cluster.client.items(f"{REGISTRATION}/validatingadmissionpolicies")
    changed = json.loads(json.dumps(policy["spec"]).replace("WebApp1", "WebApp9"))
    path = f"{REGISTRATION}/validatingadmissionpolicies/{policy['metadata']['name']}"
    cluster.client.request("PUT", path, {**policy, "spec": changed})
    until(lambda: cluster.verdict(pod("a", contents=CONTENTS)), "the policy is another one")
    found = doctor.problems(doctor.folder / "gmsa.yaml", "--check", "proof")
    assert "the contents differ from those that are approved" in found["pod-refused"][0]


# Workloads


def test_a_workload_with_a_misspelt_credspec(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(workload(), workload("other"))
    assert healthy.problems(healthy.folder / "gmsa.yaml") == {}
    cluster.client.apply(workload(credspec="gmsa-webap1"))
    assert len(healthy.finds("unknown-credspec-in-use")) == 1


def test_a_pod_that_was_created_while_nothing_looked(healthy: Doctor, cluster: Cluster) -> None:
    create_unseen(cluster, pod("web-0"))
    assert len(healthy.finds("pod-without-contents")) == 1


def test_a_pod_from_before_a_change(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.create(pod("web-1"))
    assert healthy.problems(healthy.folder / "gmsa.yaml") == {}
    create_unseen(cluster, pod("web-0", contents=OLD))
    assert len(healthy.finds("pod-with-old-contents")) == 1


# Nodes


def test_no_windows_node(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.delete("/api/v1/nodes/win1")
    healthy.finds("missing-windows-node")


def test_a_node_with_an_old_build(healthy: Doctor, cluster: Cluster) -> None:
    add_node(cluster, "win2", kernelVersion="10.0.17134.1")
    healthy.finds("old-windows-build")


def test_a_node_with_an_old_containerd(healthy: Doctor, cluster: Cluster) -> None:
    add_node(cluster, "win2", containerRuntimeVersion="containerd://1.5.13")
    healthy.finds("old-containerd")


def test_a_taint_that_a_workload_does_not_tolerate(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(workload())
    add_node(cluster, "win1", taint="os")
    assert len(healthy.finds("unschedulable-workload")) == 1
    tolerant = workload()
    tolerant["spec"]["template"]["spec"]["tolerations"] = [{"key": "os", "operator": "Exists"}]
    cluster.client.apply(tolerant)
    assert healthy.problems(healthy.folder / "gmsa.yaml") == {}
    elsewhere = workload()
    elsewhere["spec"]["template"]["spec"]["nodeSelector"]["pool"] = "gmsa"
    cluster.client.apply(elsewhere)
    (found,) = healthy.finds_only("unschedulable-workload")
    assert "has the nodeSelector kubernetes.io/os: windows, pool: gmsa, but no Windows node has these labels" in found


# Active Directory

SNAPSHOT = f"""\
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
spec:
{DOMAIN}  accounts:
  - {{account: WebApp1, domain: contoso.com, kind: GroupManagedServiceAccount, hosts: [WIN1]}}
  - {{account: WebApp2, domain: contoso.com, kind: GroupManagedServiceAccount, hosts: [WIN1]}}
"""


def snapshot(folder: Path, text: str = SNAPSHOT) -> Path:
    (folder / "ad.yaml").write_text(text)
    return folder / "ad.yaml"


def test_a_snapshot_that_agrees(healthy: Doctor) -> None:
    file = snapshot(healthy.folder)
    for arguments in ([healthy.folder / "gmsa.yaml"], []):
        done = healthy(*arguments, "--ad", file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 credential specs: as Active Directory has them" in done.stdout


def test_an_account_that_active_directory_does_not_have(healthy: Doctor, cluster: Cluster) -> None:
    cluster.client.apply(credspec(), account("reports"), role("reports", resourceNames=["gmsa-reports"]))
    cluster.client.apply(bound("reports", "reports", "reports"))
    file = snapshot(healthy.folder)
    found = healthy.finds("directory-mistake", "--ad", file)
    assert len(found) == 1
    assert healthy.problems(healthy.folder / "gmsa.yaml", "--ad", file) == {"directory-mistake": found}


def test_a_mistake_of_the_config_does_not_keep_the_cluster_from_being_checked(healthy: Doctor) -> None:
    file = snapshot(healthy.folder, SNAPSHOT.replace("account: WebApp2", "account: Other"))
    found = healthy.problems(healthy.folder / "gmsa.yaml", "--ad", file)
    assert list(found) == ["directory-mistake"]
    assert "gmsa.yaml:" in found["directory-mistake"][0]
    done = healthy(healthy.folder / "gmsa.yaml", "--ad", file)
    assert "a pod gets exactly its contents" in done.stdout


def test_a_node_that_may_not_fetch_the_password(healthy: Doctor, cluster: Cluster) -> None:
    add_node(cluster, "win2")
    found = healthy.problems("--ad", snapshot(healthy.folder))
    assert list(found) == ["directory-mistake"]
    assert "WIN2 of the Windows nodes may not fetch the password of WebApp1" in found["directory-mistake"][0]


def test_an_account_with_delegation_and_a_port_without_an_spn(healthy: Doctor, cluster: Cluster) -> None:
    text = SNAPSHOT.replace("account: WebApp1,", "account: WebApp1, trustedForDelegation: true,")
    assert healthy.finds("directory-doubt", "--ad", snapshot(healthy.folder, text))
    item = workload()
    item["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    cluster.client.apply(item)
    (found,) = healthy.problems("--ad", snapshot(healthy.folder))["directory-doubt"]
    assert found.startswith("Deployment web/web: containers[0].ports[0]: listens on port 80, but WebApp1 has no SPN")


# Logon


# As kubectl on the PATH: it answers exec with what the test has written, and passes on everything else.
FAKE = """\
#!/bin/sh
folder={folder}
case " $* " in
*" exec "*)
    for last; do :; done
    echo "$*" >> $folder/calls
    cat "$folder/$(basename "$last" | tr -d /:).txt"
    ;;
*) exec {kubectl} "$@" ;;
esac
"""
PARENT = "contoso.com. (1)\nThe command completed successfully\n"
LOOKUP = "Server:  kube-dns.kube-system.svc.cluster.local\nAddress:  10.96.0.10\n\nName:    contoso.com\nAddress:  10.1.0.4\n"
QUERY = "Flags: 0\nConnection Status = 0 0x0 NERR_Success\nThe command completed successfully\n"


class Exec:
    """Outputs of programs in the pod web-0."""

    def __init__(self, doctor: Doctor, cluster: Cluster) -> None:
        self._doctor = doctor
        self.folder = doctor.folder / "programs"
        self.folder.mkdir()
        program = self.folder / "kubectl"
        program.write_text(FAKE.format(folder=self.folder, kubectl=cluster.kubectl_program))
        program.chmod(0o755)
        doctor.programs = self.folder

    def answers(self, parent: str = PARENT, lookup: str = LOOKUP, query: str = QUERY) -> None:
        texts = {"parentdomain": parent, "contoso.com": lookup, "query": query}
        for name, text in texts.items():
            (self.folder / f"{name}.txt").write_text(text)


@pytest.fixture
def programs(healthy: Doctor, cluster: Cluster) -> Exec:
    item = cluster.client.create(pod("web-0"))
    path = cluster.client.path(item)
    cluster.client.patch(f"{path}/status", {"status": {"phase": "Running"}})
    return Exec(healthy, cluster)


def test_nothing_is_run_in_pods_unless_it_is_asked_for(programs: Exec, healthy: Doctor) -> None:
    assert healthy(healthy.folder / "gmsa.yaml").returncode == 0
    assert not (programs.folder / "calls").exists()


def test_a_pod_that_has_logged_on(programs: Exec, healthy: Doctor) -> None:
    programs.answers()
    done = healthy(healthy.folder / "gmsa.yaml", "--in-pod")
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("in the domain of its credential spec", "DNS knows the domain", "logged on to the domain"):
        assert f"1 pod, one of each credential spec: {text}" in done.stdout
    calls = (programs.folder / "calls").read_text().splitlines()
    assert calls == [
        "exec --namespace=web pod/web-0 --container=iis -- nltest.exe /parentdomain",
        "exec --namespace=web pod/web-0 --container=iis -- nslookup.exe contoso.com",
        "exec --namespace=web pod/web-0 --container=iis -- nltest.exe /query",
    ]


def test_a_container_without_its_credspec(programs: Exec, healthy: Doctor) -> None:
    programs.answers(parent="Getting parent domain failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE\n")
    healthy.finds("credspec-not-passed", healthy.folder / "gmsa.yaml", "--in-pod")


def test_a_domain_that_dns_does_not_know(programs: Exec, healthy: Doctor) -> None:
    programs.answers(
        lookup="Server:  kube-dns\nAddress:  10.96.0.10\n\n*** kube-dns can't find contoso.com: Non-existent domain\n"
    )
    healthy.finds("domain-not-resolved", healthy.folder / "gmsa.yaml", "--in-pod")


def test_a_logon_that_fails(programs: Exec, healthy: Doctor) -> None:
    programs.answers(query="I_NetLogonControl failed: Status = 1311 0x51f ERROR_NO_LOGON_SERVERS\n")
    healthy.finds("logon-fails", healthy.folder / "gmsa.yaml", "--in-pod")


def test_an_image_without_nltest(programs: Exec, healthy: Doctor) -> None:
    programs.answers(parent='exec: "nltest.exe": executable file not found in %PATH%\n')
    done = healthy(healthy.folder / "gmsa.yaml", "--in-pod")
    assert done.returncode == 3, done.stdout
    assert "could not look  the image of Pod web/web-0 has no nltest.exe" in done.stdout
