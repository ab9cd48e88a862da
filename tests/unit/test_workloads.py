"""Workloads that pass through: selected, changed, checked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from conftest import CONTENTS, CREDSPEC, DOMAIN, ENTRY, HEAD, Call, Done, Folder, deployment
from conftest import workloads_config as config
from gmsa_krm.config.selector import SelectorError, parse_selector, selects
from gmsa_krm.workloads.netlogon import hook

PAGE_HOOK = [
    "powershell.exe",
    "-command",
    "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)",
]


@pytest.fixture
def change(call: Call, folder: Folder) -> Callable[..., Done]:
    def run(text: str, manifest: str) -> Done:
        where = folder({"gmsa.yaml": text, "web.yaml": manifest})
        return call("render", where)

    return run


def pod_of(done: Done, kind: str = "Deployment") -> Any:
    assert done.status == 0, done.stderr
    return done.object(kind)["spec"]["template"]["spec"]


# Selection


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("app=iis", {"app": "iis"}, True),
        ("app==iis", {"app": "web"}, False),
        ("app!=iis", {}, True),
        ("app!=iis", {"app": "iis"}, False),
        ("app in (iis,web)", {"app": "web"}, True),
        ("app in ( iis , web )", {"app": "x"}, False),
        ("app notin (iis)", {}, True),
        ("app notin (iis)", {"app": "iis"}, False),
        ("app", {"app": ""}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("! app", {"app": "x"}, False),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "3"}, False),
        ("n>3", {"n": "x"}, False),
        ("app=", {"app": ""}, True),
        ("app in (,iis)", {"app": ""}, True),
        ("a.b/c-d=1,x in (y),!z", {"a.b/c-d": "1", "x": "y"}, True),
        ("a=1, b", {"a": "1"}, False),
    ],
)
def test_label_selectors_as_kubectl_has_them(selector: str, labels: dict[str, str], selected: bool) -> None:
    """The forms of apimachinery's pkg/labels/selector.go."""
    assert selects(parse_selector(selector), labels) is selected


@pytest.mark.parametrize(
    "selector", ["app=iis,", "=", "app in iis", "app in (iis", "a b", "a=b c", "app => 1", "a/b/c", "n>x", "a=%"]
)
def test_label_selectors_that_are_none(selector: str) -> None:
    with pytest.raises(SelectorError):
        parse_selector(selector)


KINDS = {
    "Pod": ("v1, kind: Pod", "spec: %s", ["spec"]),
    "PodTemplate": ("v1, kind: PodTemplate", "template: {spec: %s}", ["template", "spec"]),
    "ReplicationController": (
        "v1, kind: ReplicationController",
        "spec: {template: {spec: %s}}",
        ["spec", "template", "spec"],
    ),
    **{
        kind: (f"apps/v1, kind: {kind}", "spec: {template: {spec: %s}}", ["spec", "template", "spec"])
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
    "Job": ("batch/v1, kind: Job", "spec: {template: {spec: %s}}", ["spec", "template", "spec"]),
    "CronJob": (
        "batch/v1, kind: CronJob",
        "spec: {jobTemplate: {spec: {template: {spec: %s}}}}",
        ["spec", "jobTemplate", "spec", "template", "spec"],
    ),
    "Rollout": ("argoproj.io/v1alpha1, kind: Rollout", "spec: {template: {spec: %s}}", ["spec", "template", "spec"]),
    "BroadcastJob": (
        "apps.kruise.io/v1alpha1, kind: BroadcastJob",
        "spec: {template: {spec: %s}}",
        ["spec", "template", "spec"],
    ),
    "Sidecar": ("example.com/v1, kind: Sidecar", "spec: {pods: {blue: {spec: %s}}}", ["spec", "pods", "blue", "spec"]),
}
MORE_KINDS = """\
  workloadKinds:
  - {apiGroup: argoproj.io, kind: Rollout}
  - {apiGroup: apps.kruise.io, kind: BroadcastJob}
  - {apiGroup: example.com, kind: Sidecar, podTemplate: spec.pods.blue}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_with_a_pod_template(kind: str, change: Callable[..., Done]) -> None:
    head, form, path = KINDS[kind]
    done = change(config(ENTRY, more=MORE_KINDS), deployment(kind=head, path=form))
    assert done.status == 0, done.stderr
    at: Any = done.object(kind)
    for key in path:
        at = at[key]
    assert at["securityContext"]["windowsOptions"]["gmsaCredentialSpecName"] == "gmsa-webapp1"
    assert at["serviceAccountName"] == "webapp1"
    assert at["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert at["os"] == {"name": "windows"}


def test_a_kind_that_is_not_named_is_left_alone(change: Callable[..., Done]) -> None:
    head, form, _ = KINDS["Rollout"]
    done = change(config(ENTRY), deployment(kind=head, path=form))
    assert deployment(kind=head, path=form) in done.stdout
    assert "gmsa.yaml:19:5: warning: " not in done.stderr
    assert "warning: spec.workloads[0].match: matches no workload that passes through" in done.stderr


def test_a_list_is_looked_into(change: Callable[..., Done]) -> None:
    manifest = (
        "apiVersion: v1\nkind: List\nmetadata: {name: all}\nitems:\n- " + deployment() + "- " + deployment(name="other")
    )
    done = change(config(ENTRY), manifest)
    assert done.status == 0, done.stderr
    first, second = done.object("List")["items"]
    assert first["spec"]["template"]["spec"]["serviceAccountName"] == "webapp1"
    assert "serviceAccountName" not in second["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("match", "matched"),
    [
        ("{kinds: [Deployment], names: [web], namespaces: [web], labelSelector: app=iis}", True),
        ("{kinds: [StatefulSet], names: [web]}", False),
        ("{namespaces: [other]}", False),
        ("{labelSelector: app!=iis}", False),
        ("[{names: [x]}, {labelSelector: app}]", True),
    ],
)
def test_all_fields_must_match_and_a_list_is_an_or(match: str, matched: bool, change: Callable[..., Done]) -> None:
    done = change(config(ENTRY.replace("{names: [web]}", match)), deployment())
    assert ("gmsaCredentialSpecName" in done.stdout) is matched
    assert ("matches no workload" in done.stderr) is not matched


# Changes


def test_named_containers_and_init_containers(change: Callable[..., Done]) -> None:
    pod = "{initContainers: [{name: prepare, image: a}], containers: [{name: iis, image: a}, {name: log, image: a}]}"
    done = change(config(ENTRY + "    containers: [prepare, iis]\n"), deployment(pod))
    found = pod_of(done)
    reference = {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}}
    assert [it.get("securityContext") for it in found["initContainers"] + found["containers"]] == [
        reference,
        reference,
        None,
    ]
    assert "securityContext" not in found
    wrong = change(config(ENTRY + "    containers: [nginx]\n"), deployment(pod))
    assert (wrong.status, wrong.stdout) == (1, "")
    assert "web.yaml:1:" in wrong.stderr
    assert (
        "Deployment web/web: spec.template.spec.containers: has no container nginx, which spec.workloads[0] names; there are prepare, iis, log"
        in wrong.stderr
    )


def test_what_stands_there_is_kept_or_contradicts(change: Callable[..., Done]) -> None:
    kept = "{os: {name: windows}, nodeSelector: {kubernetes.io/os: windows, disk: ssd}, securityContext: {windowsOptions: {runAsUserName: a}}, containers: []}"
    found = pod_of(change(config(ENTRY), deployment(kept)))
    assert found["nodeSelector"] == {"kubernetes.io/os": "windows", "disk": "ssd"}
    assert found["securityContext"] == {
        "windowsOptions": {"runAsUserName": "a", "gmsaCredentialSpecName": "gmsa-webapp1"}
    }
    for linux, field in (
        ("{os: {name: linux}, containers: []}", "os.name"),
        ("{nodeSelector: {kubernetes.io/os: linux}, containers: []}", "nodeSelector.kubernetes.io/os"),
    ):
        done = change(config(ENTRY), deployment(linux))
        assert (done.status, done.stdout) == (1, "")
        assert f"spec.template.spec.{field}: is linux, and a pod with a gMSA runs on Windows" in done.stderr
    off = change(config(ENTRY + "    windowsNode: false\n"), deployment("{affinity: {}, containers: []}"))
    assert "nodeSelector" not in pod_of(off)


def test_two_entries_that_disagree(change: Callable[..., Done]) -> None:
    text = config(
        ENTRY + ENTRY.replace("names: [web]", "labelSelector: app").replace("gmsa-webapp1", "gmsa-other"),
        more="  existingCredspecs: [gmsa-other]\n",
    )
    done = change(text, deployment())
    assert done.status == 1
    assert (
        "gets gmsa-webapp1 by spec.workloads[0] and gmsa-other by spec.workloads[1]; narrow the match of one of them"
        in done.stderr
    )


def hook_of(done: Done) -> Any:
    return pod_of(done)["containers"][0]["lifecycle"]["postStart"]


def test_the_hook_is_that_of_the_page_or_bounded(change: Callable[..., Done]) -> None:
    endless = change(config(ENTRY + "    netlogonRestart: {maxAttempts: 0}\n"), deployment())
    assert hook_of(endless) == {"exec": {"command": PAGE_HOOK}}
    bounded = hook_of(change(config(ENTRY + "    netlogonRestart: {}\n"), deployment()))["exec"]["command"]
    assert bounded[:2] == ["powershell.exe", "-command"]
    assert "$i -lt 10" in bounded[2]
    assert "Start-Sleep -Seconds 3" in bounded[2]
    assert "no secure channel to the domain after 10 attempts" in bounded[2]
    reset = change(config(ENTRY + "    netlogonRestart: {method: SecureChannelReset}\n"), deployment())
    assert "nltest.exe '/sc_reset:contoso.com'" in hook_of(reset)["exec"]["command"][2]


def test_an_existing_hook(change: Callable[..., Done]) -> None:
    pod = "{containers: [{name: iis, image: a, lifecycle: {preStop: {exec: {command: [b]}}, postStart: {httpGet: {port: 80}}}}]}"
    for choice, wanted in (("Keep", {"httpGet": {"port": 80}}), ("Replace", {"exec": {"command": PAGE_HOOK}})):
        done = change(
            config(ENTRY + f"    netlogonRestart: {{maxAttempts: 0, onExistingHook: {choice}}}\n"), deployment(pod)
        )
        assert hook_of(done) == wanted
        assert pod_of(done)["containers"][0]["lifecycle"]["preStop"] == {"exec": {"command": ["b"]}}
    refused = change(config(ENTRY + "    netlogonRestart: {}\n"), deployment(pod))
    assert (refused.status, refused.stdout) == (1, "")
    assert (
        "containers[0].lifecycle.postStart: is there already in container iis; set spec.workloads[0].netlogonRestart.onExistingHook to Keep or Replace"
        in refused.stderr
    )


@pytest.mark.parametrize(
    "domain", ["contoso.com'; Remove-Item C:\\ -Recurse; '", "a\u2019b.com", "$(whoami).com", "a`b.com", 'a".com']
)
def test_no_name_becomes_powershell(domain: str, change: Callable[..., Done]) -> None:
    text = config(
        ENTRY + "    netlogonRestart:\n      method: SecureChannelReset\n      domain: " + json.dumps(domain) + "\n"
    )
    done = change(text, deployment())
    assert (done.status, done.stdout) == (1, "")
    assert "is no DNS name" in done.stderr
    with pytest.raises(ValueError, match="no DNS name"):
        hook("SecureChannelReset", domain, 1, 1)


def test_the_scripts_are_powershell_without_a_double_quote() -> None:
    """By the grammar of PowerShell; no test has a Windows to run them on."""
    import tree_sitter
    import tree_sitter_powershell

    from gmsa_krm.manifests.nodes import _SET_VALUE, _SLEEP, _diagnosis

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    scripts = [_SET_VALUE, _SLEEP, _diagnosis("contoso.com")]
    scripts += [
        hook(method, "contoso.com", attempts, 3)[2]
        for method in ("RestartService", "SecureChannelReset")
        for attempts in (0, 1, 10)
    ]
    for script in scripts:
        assert '"' not in script
        assert not parser.parse(script.encode()).root_node.has_error, script
        assert parser.parse(script[:-1].replace("}", "", 1).encode()).root_node.has_error  # it would be seen


def test_a_bound_token(change: Callable[..., Done]) -> None:
    text = config(
        ENTRY + "    containers: [iis]\n    token: {audience: vault, expirationSeconds: 7200, name: vault-token}\n"
    )
    done = change(text, deployment())
    found = pod_of(done)
    source = {"serviceAccountToken": {"path": "vault-token", "expirationSeconds": 7200, "audience": "vault"}}
    assert found["volumes"] == [{"name": "vault-token", "projected": {"sources": [source]}}]
    assert found["containers"][0]["volumeMounts"] == [
        {"name": "vault-token", "mountPath": "/var/run/secrets/tokens", "readOnly": True}
    ]
    assert "volumeMounts" not in found["containers"][1]


MODES = [
    "",
    "    containers: [iis]\n",
    "    netlogonRestart: {onExistingHook: Replace}\n    token: {audience: vault}\n",
]


@pytest.mark.parametrize("more", MODES)
def test_its_own_output_changes_nothing(more: str, change: Callable[..., Done], call: Call, folder: Folder) -> None:
    first = change(config(ENTRY + more), deployment())
    assert first.status == 0, first.stderr
    again = folder({"web.yaml": first.stdout})
    assert call("render", again).stdout == first.stdout


# Loss


FOREIGN = """\
# A comment
apiVersion: v1
kind: ConfigMap
metadata:   {name: a,   namespace: web}
data:
  norway: NO
  octal: 0o17
  keep: |+
    ---

  long: 123456789012345678901234567890
  merged: &m {a: 0x1F, b: 12:30}
  more: {<<: *m, d: 2026-01-01}
"""


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_other_documents_come_out_to_the_byte_and_changed_ones_line_by_line(
    line_break: str, call: Call, folder: Folder
) -> None:
    web = "# The web\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n    name: web # here\n    namespace: web\nspec:\n    template:\n        spec:\n            containers:\n            -   name: iis\n                image: 'a'   # quoted\n                args: [NO,   0o17]\n"
    stream = (FOREIGN + "---\n" + web + "---\n" + FOREIGN.replace("name: a", "name: b")).replace("\n", line_break)
    (where := folder({"config": config(ENTRY), "stream": stream}))
    done = call(where / "config", program="GMSAConfig", stdin=stream.encode())
    assert done.status == 0, done.stderr
    out = done.stdout[: done.stdout.index("---\napiVersion: windows.k8s.io")]
    changed = [line for line in difflib.ndiff(stream.split(line_break), out.split(line_break)) if line[0] in "+-"]
    assert changed == [
        "+             securityContext:",
        "+               windowsOptions:",
        "+                 gmsaCredentialSpecName: gmsa-webapp1",
        "+             serviceAccountName: webapp1",
        "+             nodeSelector:",
        "+               kubernetes.io/os: windows",
        "+             os:",
        "+               name: windows",
    ]


def _crd() -> Any:
    """In the style of the CRDs that operators ship: deep schemas, descriptions over several lines, odd defaults."""
    schema: Any = {
        "type": "string",
        "description": "A value: 'on', \"off\" or # nothing\n\n  indented\n",
        "default": "NO",
        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    }
    for level in range(40):
        schema = {
            "type": "object",
            "properties": {f"level{level}": schema, "y": {"type": "boolean"}},
            "required": ["y"],
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a.b"},
        "spec": {"schema": schema},
    }


def test_twenty_megabytes_with_one_match(call: Call, folder: Folder) -> None:
    crd = yaml.safe_dump(_crd(), sort_keys=False, default_flow_style=None)
    dashboard = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dashboard}\ndata:\n  board.json: |-\n    "
        + json.dumps({"panels": [{"expr": "sum(rate(x[5m]))", "on": True}] * 50}, indent=2).replace("\n", "\n    ")
        + "\n"
    )
    filler = "".join(FOREIGN.replace("name: a", f"name: a{number}") + "---\n" for number in range(2_000))
    filler += "".join(f"{crd}---\n# Source: chart/templates/{number}.yaml\n{dashboard}---\n" for number in range(150))
    web = yaml.safe_dump(yaml.safe_load(deployment()), sort_keys=False)
    big = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  text: |\n"
        + "    some text of a chart that is long\n" * 500_000
        + "---\n"
    )
    stream = filler + big + web + "---\n" + filler
    assert len(stream) > 19_000_000
    where = folder({"config": config(ENTRY)})
    done = call(where / "config", program="GMSAConfig", stdin=stream.encode())
    assert done.status == 0, done.stderr
    start = stream.index(web)
    assert done.stdout.startswith(stream[:start] + web)
    assert done.stdout[start + len(web) :].partition("---\n")[2].startswith(filler)
    added = done.stdout[start + len(web) :].partition("---\n")[0]
    assert yaml.safe_load(web + added)["spec"]["template"]["spec"]["os"] == {"name": "windows"}


# Checks

USES = "securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1}}"
WINDOWS = "nodeSelector: {kubernetes.io/os: windows}, serviceAccountName: webapp1"
CHECKS: dict[str, tuple[str, int, str]] = {
    "right": (f"{{{USES}, {WINDOWS}, containers: []}}", 0, ""),
    "unknown": (
        f"{{{USES.replace('webapp1', 'web')}, {WINDOWS}, containers: []}}",
        1,
        "gmsaCredentialSpecName: gmsa-web is no credspec of the config; did you mean gmsa-webapp1?",
    ),
    "case": (
        f"{{{USES.replace('webapp1', 'WebApp1')}, {WINDOWS}, containers: []}}",
        1,
        "gmsa-WebApp1 differs from gmsa-webapp1 in case only",
    ),
    "in a container": (
        f"{{{WINDOWS}, containers: [{{name: a, {USES.replace('webapp1', 'x')}}}]}}",
        1,
        "spec.template.spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpecName: gmsa-x is no credspec",
    ),
    "service account": (
        f"{{{USES}, {WINDOWS.replace('webapp1', 'other')}, containers: []}}",
        1,
        "serviceAccountName: other may not use gmsa-webapp1 in namespace web, so the pod will be refused; add it to usedBy",
    ),
    "default service account": (
        f"{{{USES}, nodeSelector: {{kubernetes.io/os: windows}}, containers: []}}",
        1,
        "warning: Deployment web/web: spec.template.spec.serviceAccountName: is default",
    ),
    "contents without a name": (
        "{securityContext: {windowsOptions: {gmsaCredentialSpec: '{}'}}, " + WINDOWS + ", containers: []}",
        1,
        "holds contents without a gmsaCredentialSpecName",
    ),
    "hidden contents": (
        "{securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1, gmsaCredentialSpec: '"
        + CONTENTS
        + "'}}, "
        + WINDOWS
        + f", containers: [{{name: a, {USES}}}]}}",
        0,
        "warning: Deployment web/web: spec.template.spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpecName: hides the contents that the pod holds",
    ),
    "hostProcess": (
        "{securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-webapp1, hostProcess: true}}, "
        + WINDOWS
        + ", containers: []}",
        1,
        "hostProcess: is a HostProcess container",
    ),
    "linux by os": (
        f"{{{USES}, os: {{name: linux}}, serviceAccountName: webapp1, containers: []}}",
        1,
        "os.name: is linux, and a pod with a gMSA runs on Windows",
    ),
    "linux by label": (
        f"{{{USES}, nodeSelector: {{kubernetes.io/os: linux}}, serviceAccountName: webapp1, containers: []}}",
        1,
        "nodeSelector.kubernetes.io/os: is linux",
    ),
    "anywhere": (
        f"{{{USES}, serviceAccountName: webapp1, containers: []}}",
        0,
        "warning: Deployment web/web: spec.template.spec: may be scheduled on a Linux node",
    ),
    "nanoserver": (
        f"{{{USES}, {WINDOWS}, containers: [{{name: a, image: mcr.microsoft.com/windows/nanoserver:ltsc2022, lifecycle: {{postStart: {{exec: {{command: [powershell.exe, Restart-Service netlogon]}}}}}}}}]}}",
        0,
        "warning: Deployment web/web: spec.template.spec.containers[0].lifecycle.postStart: needs PowerShell, which nanoserver images do not have",
    ),
    "ContainerUser": (
        f"{{{USES}, {WINDOWS}, containers: [{{name: a, image: a, securityContext: {{windowsOptions: {{runAsUserName: ContainerUser}}}}, lifecycle: {{postStart: {{exec: {{command: [powershell.exe, Restart-Service netlogon]}}}}}}}}]}}",
        0,
        "runs as ContainerUser, who may not restart netlogon",
    ),
    "linux field": (
        f"{{{USES}, os: {{name: windows}}, {WINDOWS}, containers: [{{name: a, securityContext: {{allowPrivilegeEscalation: false}}}}]}}",
        0,
        "containers[0].securityContext.allowPrivilegeEscalation: is for Linux pods",
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_references_are_checked(name: str, call: Call, folder: Folder) -> None:
    pod, status, wanted = CHECKS[name]
    where = folder({"gmsa.yaml": config("    []\n"), "web.yaml": deployment(pod)})
    rendered = call("render", where)
    assert rendered.status == status, rendered.stderr
    assert bool(rendered.stdout) == (status == 0)
    assert wanted in rendered.stderr
    assert bool(rendered.stderr) == bool(wanted)
    linted = call("lint", where)
    assert linted.status == status
    assert wanted in linted.stdout
    if wanted:
        sarif = json.loads(call("lint", "--format", "sarif", where).stdout)
        region = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == 1


def test_credspecs_of_the_cluster_are_known_and_manifests_alone_are_linted(call: Call, folder: Folder) -> None:
    where = folder(
        {
            "gmsa.yaml": config("    []\n", more="  existingCredspecs: [gmsa-old]\n"),
            "web.yaml": deployment(CHECKS["right"][0].replace("gmsa-webapp1", "gmsa-old")),
        }
    )
    assert call("render", where).stderr == ""
    assert call("lint", where / "web.yaml").status == 0
    (where / "web.yaml").write_text(deployment(CHECKS["contents without a name"][0]))
    assert call("lint", where / "web.yaml").status == 1


def test_an_entry_that_names_an_unknown_credspec(change: Callable[..., Done]) -> None:
    done = change(config(ENTRY.replace("gmsa-webapp1", "gmsa-webap1")), deployment())
    assert done.status == 1
    assert (
        "spec.workloads[0].credspec: gmsa-webap1 is no credspec of the config; did you mean gmsa-webapp1?"
        in done.stderr
    )


def test_foreign_contents_are_refused(change: Callable[..., Done]) -> None:
    done = change(
        config(ENTRY),
        deployment(
            "{securityContext: {windowsOptions: {gmsaCredentialSpecName: other, gmsaCredentialSpec: '{}'}}, containers: []}"
        ),
    )
    assert done.status == 1
    assert "holds the contents of another credspec than gmsa-webapp1" in done.stderr


# RBAC from use


def test_exactly_the_service_accounts_that_use_it_may(change: Callable[..., Done]) -> None:
    credspec = "  credspecs:\n  - account: WebApp1\n    usedBy: FromWorkloads\n"
    manifest = "---\n".join(
        [
            deployment(),
            deployment(f"{{{USES}, {WINDOWS.replace('webapp1', 'batch')}, containers: []}}", name="by-hand").replace(
                "namespace: web", "namespace: build"
            ),
            deployment(f"{{{USES}, {WINDOWS.replace('webapp1', 'api')}, containers: []}}", name="other"),
            deployment(name="without"),
        ]
    )
    done = change(config(ENTRY, credspec), manifest)
    assert done.status == 0, done.stderr
    bindings = {
        it["metadata"]["namespace"]: [subject["name"] for subject in it["subjects"]]
        for it in done.objects
        if it["kind"] == "RoleBinding"
    }
    assert bindings == {"build": ["batch"], "web": ["api", "webapp1"]}
    nowhere = change(config(ENTRY, credspec), deployment().replace(" namespace: web,", ""))
    assert nowhere.status == 1
    assert "has no namespace, so it is not known where its service account may use gmsa-webapp1" in nowhere.stderr


# Service accounts and nodes


def test_token_secret_and_issuer_discovery(call: Call, folder: Folder) -> None:
    text = (
        HEAD
        + "  serviceAccounts: [{name: robot, namespace: build, tokenSecret: true}]\n  issuerDiscovery: Unauthenticated\n  admission: {mode: None}\n"
    )
    done = call("render", folder({"gmsa.yaml": text}) / "gmsa.yaml")
    secret = done.object("Secret")
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "robot"}
    assert "makes a token that never expires" in done.stderr
    binding = done.object("ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "system:service-account-issuer-discovery"
    assert binding["subjects"] == [
        {"kind": "Group", "name": "system:unauthenticated", "apiGroup": "rbac.authorization.k8s.io"}
    ]


def test_nodes_and_diagnostics(call: Call, folder: Folder) -> None:
    import kubernetes_validate

    text = (
        HEAD
        + DOMAIN
        + CREDSPEC
        + "    diagnostics: {namespace: web, serviceAccount: webapp1}\n  nodes: {smbCompartmentNamespace: true}\n  admission: {mode: None}\n"
    )
    done = call("render", folder({"gmsa.yaml": text}) / "gmsa.yaml")
    assert (done.status, done.stderr) == (0, "")
    daemon_set, job = done.object("DaemonSet"), done.object("Job")
    for item in (daemon_set, job, done.object("Namespace")):
        for version in ("1.30", "1.33", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(item, version, strict=True)
    pod = daemon_set["spec"]["template"]["spec"]
    assert pod["hostNetwork"] is True
    assert pod["securityContext"]["windowsOptions"]["hostProcess"] is True
    assert "EnableCompartmentNamespace" in pod["initContainers"][0]["command"][-1]
    assert done.object("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    script = job["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    assert [
        script.index(step) for step in ("nltest.exe /parentdomain", "nslookup.exe 'contoso.com'", "nltest.exe /query")
    ] == sorted(
        script.index(step) for step in ("nltest.exe /parentdomain", "nslookup.exe 'contoso.com'", "nltest.exe /query")
    )
    assert (
        job["spec"]["template"]["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpecName"] == "gmsa-webapp1"
    )
