"""Mode Policy without a cluster: what is written into workloads, and what a policy is made of."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import CONTENTS as ONE
from conftest import DOMAIN, HEAD, Call, Done, Folder, Render, config, deployment
from gmsa_krm.manifests import cel
from gmsa_krm.manifests.credspec import canonical

CREDSPECS = (
    "  credspecs:\n  - account: WebApp1\n    usedBy: FromWorkloads\n  - account: WebApp2\n    usedBy: FromWorkloads\n"
)
POLICY = HEAD + DOMAIN + CREDSPECS + "  admission: {mode: Policy}\n"
TWO = ONE.replace("WebApp1", "WebApp2")


def named(name: str, contents: str | None = None) -> str:
    given = {"gmsaCredentialSpecName": name, **({} if contents is None else {"gmsaCredentialSpec": contents})}
    return json.dumps({"windowsOptions": given})


def pod_of(done: Done) -> dict[str, Any]:
    assert done.status == 0, done.stderr
    spec: dict[str, Any] = done.object("Deployment")["spec"]["template"]["spec"]
    return spec


def test_contents_are_written_where_a_name_is(call: Call, folder: Folder) -> None:
    pod = f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, securityContext: {named('gmsa-webapp1')}, initContainers: [{{name: i, image: i, securityContext: {named('gmsa-webapp2')}}}], containers: [{{name: a, image: a}}, {{name: b, image: b, securityContext: {named('gmsa-webapp2')}}}]}}"
    root = folder({"gmsa.yaml": POLICY, "web.yaml": deployment(pod)})
    spec = pod_of(call("render", root))
    options = [
        it.get("securityContext", {}).get("windowsOptions", {}).get("gmsaCredentialSpec")
        for it in (spec, *spec["initContainers"], *spec["containers"])
    ]
    assert options == [ONE, TWO, None, TWO]


def test_an_entry_of_workloads_and_a_second_run(call: Call, folder: Folder) -> None:
    text = (
        POLICY
        + "  workloads:\n  - match: {names: [web]}\n    credspec: gmsa-webapp1\n    containers: [iis]\n    serviceAccount: a\n"
    )
    root = folder({"gmsa.yaml": text, "web.yaml": deployment()})
    first = call("render", root)
    assert pod_of(first)["containers"][0]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    (root / "web.yaml").write_text(yaml.safe_dump(first.object("Deployment")))
    assert pod_of(call("render", root)) == pod_of(first)
    patched = call("patch", "--config", root / "gmsa.yaml", "Deployment/web", "--namespace", "web")
    assert (
        ONE in patched.stdout.replace("\\", "")
        or yaml.safe_load(patched.stdout)["spec"]["template"]["spec"]["containers"][0]["securityContext"][
            "windowsOptions"
        ]["gmsaCredentialSpec"]
        == ONE
    )


@pytest.mark.parametrize(
    ("name", "contents", "more", "wanted"),
    [
        ("gmsa-webapp1", TWO, "", "differs from what the config says gmsa-webapp1 is; remove gmsaCredentialSpec"),
        ("gmsa-webapp1", ONE, "", None),
        ("gmsa-webapp1", TWO, f"  policy: {{acceptPrevious: [{{credspec: gmsa-webapp1, contents: '{TWO}'}}]}}\n", None),
        (
            "gmsa-other",
            None,
            "  existingCredspecs: [gmsa-other]\n",
            "is in existingCredspecs only, so its contents are not known",
        ),
        ("gmsa-other", None, "", "gmsa-other is no credspec of the config"),
    ],
)
def test_contents_that_are_there(
    name: str,
    contents: str | None,
    more: str,
    wanted: str | None,
    call: Call,
    folder: Folder,
) -> None:
    pod = f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, securityContext: {named(name, contents)}, containers: [{{name: a, image: a}}]}}"
    done = call("render", folder({"gmsa.yaml": POLICY + more, "web.yaml": deployment(pod)}))
    if wanted is None:
        assert pod_of(done)["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    else:
        assert (done.status, done.stdout) == (1, "")
        assert wanted in done.stderr


def kinds(done: Done) -> list[str]:
    assert done.status == 0, done.stderr
    return [it["kind"] for it in done.objects]


def test_what_the_version_decides(render: Render) -> None:
    hook = "  webhook: {certificate: {source: CertManager}}\n"
    assert kinds(render(config(hook))).count("ValidatingAdmissionPolicy") == 1
    assert "ValidatingAdmissionPolicy" not in kinds(render(config(hook + '  kubeVersion: "1.29"\n')))
    assert "ValidatingAdmissionPolicy" not in kinds(
        render(config(hook), env={"ARGOCD_APP_NAME": "a", "KUBE_VERSION": "1.29+"})
    )
    assert "ValidatingAdmissionPolicy" not in kinds(
        render(config(hook.replace("{cert", "{hardeningPolicy: false, cert")))
    )
    expand = "  policy: {expand: true}\n"
    assert kinds(render(POLICY + expand)).count("MutatingAdmissionPolicy") == 1
    old = render(POLICY + expand + '  kubeVersion: "1.35"\n')
    assert "MutatingAdmissionPolicy" not in kinds(old)
    assert "spec.policy.expand: needs Kubernetes 1.36, and this is 1.35" in old.stderr
    older = render(POLICY + '  kubeVersion: "v1.29.3"\n')
    assert (older.status, older.stdout) == (1, "")
    assert "spec.admission.mode: Policy needs Kubernetes 1.30, and this is 1.29; use Webhook" in older.stderr


def test_no_webhook_no_secret_no_certificate(render: Render) -> None:
    assert set(kinds(render(POLICY))) == {
        "CustomResourceDefinition", "GMSACredentialSpec", "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    }  # fmt: skip


def test_canonical_contents_are_those_of_go() -> None:
    """encoding/json: keys sorted, no spaces, <, >, & and two separators escaped, everything else raw."""
    given_ = {"b": "<a> & 'ü'\u2028\u2029\t\"\\", "a": [{"z": "1", "A": "2"}]}
    assert canonical(given_) == '{"a":[{"A":"2","z":"1"}],"b":"\\u003ca\\u003e \\u0026 \'ü\'\\u2028\\u2029\\t\\"\\\\"}'


@given(st.text())
def test_a_literal_cannot_be_broken_out_of(text: str) -> None:
    """A literal of CEL ends at its last quote only, and gives the text back by the escapes of the language."""
    literal = cel.literal(text)
    inner = literal[1:-1]
    assert literal[0] == literal[-1] == "'"
    assert "\n" not in inner
    back = ""
    at = 0
    while at < len(inner):
        assert inner[at] != "'"
        if inner[at] == "\\" and inner[at + 1] in "'\\":
            back += inner[at + 1]
            at += 2
        elif inner[at] == "\\":
            assert inner[at + 1] == "u"
            back += chr(int(inner[at + 2 : at + 6], 16))
            at += 6
        else:
            back += inner[at]
            at += 1
    assert back == text


def test_long_tables_are_split() -> None:
    names = {f"gmsa-{number:05}": ["x" * 400] for number in range(1000)}
    tables, lists = cel.tables(names), cel.lists(names)
    assert max(map(len, [*tables, *lists])) < 100_000
    assert len(tables) > 1
    for name in names:
        assert sum(f"'{name}':" in table for table in tables) == 1
        assert sum(f"'{name}'" in listed for listed in lists) == 1


def test_a_folder_with_previous_contents_in_it(call: Call, folder: Folder) -> None:
    """The JSON that the config names is no manifest."""
    text = POLICY + "  policy: {acceptPrevious: [{credspec: gmsa-webapp1, file: before.json}]}\n"
    done = call("render", folder({"gmsa.yaml": text, "before.json": TWO}))
    assert done.status == 0, done.stderr
    assert TWO in done.object("ValidatingAdmissionPolicy")["spec"]["variables"][2]["expression"]


def both(one: str, other: str, *, pods: str = "") -> dict[str, str]:
    credspec = "  credspecs:\n  - account: Web{}\n    usedBy: FromWorkloads\n"
    texts = {
        f"{name}.yaml": HEAD.replace("contoso", name) + DOMAIN + credspec.format(name.upper()) + mode
        for name, mode in (("a", one), ("b", other))
    }
    return {**texts, **({"pods.yaml": pods} if pods else {})}


def one_pod(name: str, spec: str) -> str:
    return f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: web}}, spec: {{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, {spec}}}}}\n"


IIS = "containers: [{name: iis, image: iis}]"
MODE = "  admission: {mode: Policy}\n"
NONE = "  admission: {mode: None}\n"


@pytest.mark.parametrize("modes", [(MODE, NONE), (NONE, MODE)])
def test_a_policy_knows_the_credspecs_of_the_other_configs(modes: tuple[str, str], call: Call, folder: Folder) -> None:
    pods = "---\n".join(one_pod(f"pod-{name}", f"securityContext: {named(f'gmsa-web{name}')}, {IIS}") for name in "ab")
    done = call("render", folder(both(*modes, pods=pods)))
    assert done.status == 0, done.stderr
    for name in "AB":
        contents = ONE.replace("WebApp1", f"Web{name}")
        assert (
            done.object("Pod", f"pod-{name.lower()}")["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"]
            == contents
        )
        assert contents in done.object("ValidatingAdmissionPolicy")["spec"]["variables"][2]["expression"]


@pytest.mark.parametrize(
    "other", [MODE + "  policy: {name: other}\n", "  webhook: {certificate: {source: CertManager}}\n"]
)
def test_a_policy_and_something_else_in_one_cluster(other: str, call: Call, folder: Folder) -> None:
    done = call("render", folder(both(MODE, other)))
    assert (done.status, done.stdout) == (1, "")
    assert "spec.admission.mode: is " in done.stderr
    assert (
        "a (a.yaml:1:1) is in mode Policy, whose policy refuses the pods of credential specs that it does not know; set None here"
        in done.stderr.replace(str(folder({})) + "/", "")
    )


HOOKS = "  webhook: {certificate: {source: CertManager}}\n"
MISTAKES = {
    "name of another type": (
        MODE,
        f"securityContext: {{windowsOptions: {{gmsaCredentialSpecName: 123}}}}, {IIS}",
        "gmsaCredentialSpecName: must be a string that is not empty, and is another type",
    ),
    "empty name": (
        HOOKS,
        f"securityContext: {named('')}, {IIS}",
        "gmsaCredentialSpecName: must be a string that is not empty, and is empty",
    ),
    "contents of another type": (
        HOOKS,
        f"securityContext: {{windowsOptions: {{gmsaCredentialSpecName: gmsa-weba, gmsaCredentialSpec: {{a: b}}}}}}, {IIS}",
        "gmsaCredentialSpec: must be a string",
    ),
    "foreign contents": (
        HOOKS,
        f"securityContext: {named('gmsa-weba', TWO)}, {IIS}",
        "gmsaCredentialSpec: differs from what the config says gmsa-weba is, and is refused at admission",
    ),
    "contents that are no JSON, in a container": (
        NONE,
        f"containers: [{{name: iis, image: iis, securityContext: {named('gmsa-weba', 'x')}}}]",
        "containers[0].securityContext.windowsOptions.gmsaCredentialSpec: differs",
    ),
    "ephemeral container": (
        MODE,
        f"{IIS}, ephemeralContainers: [{{name: e, image: e, securityContext: {named('gmsa-weba')}}}]",
        "ephemeralContainers[0].securityContext.windowsOptions: has a credential spec of its own",
    ),
    "init container alone": (
        HOOKS,
        f"{IIS}, initContainers: [{{name: i, image: i, securityContext: {named('gmsa-weba')}}}]",
        "names gmsa-weba, which neither the pod nor one of its containers does",
    ),
    "init container without contents": (
        HOOKS,
        f"securityContext: {named('gmsa-weba')}, {IIS}, initContainers: [{{name: i, image: i, securityContext: {named('gmsa-weba')}}}]",
        "names gmsa-weba, and the webhook fills in no init containers",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_admission_would_refuse_is_said(mistake: str, call: Call, folder: Folder) -> None:
    mode, pod, wanted = MISTAKES[mistake]
    done = call("render", folder({"a.yaml": both(mode, "")["a.yaml"], "pod.yaml": one_pod("pod", pod)}))
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.count(": Pod web/pod: ") == 1, done.stderr
    assert wanted in done.stderr


def test_the_same_contents_in_another_form_pass(call: Call, folder: Folder) -> None:
    """The webhook compares them as JSON."""
    pod = one_pod(
        "pod",
        f"securityContext: {named('gmsa-weba', json.dumps(json.loads(ONE.replace('WebApp1', 'WebA')), indent=1))}, {IIS}",
    )
    done = call("render", folder({"a.yaml": both(HOOKS, "")["a.yaml"], "pod.yaml": pod}))
    assert done.status == 0, done.stderr
    assert pod in done.stdout


def test_init_containers_where_no_policy_of_ours_stands(call: Call, folder: Folder) -> None:
    pod = one_pod("pod", MISTAKES["init container alone"][1])
    for mode in (NONE, HOOKS.replace("{cert", "{hardeningPolicy: false, cert")):
        done = call("render", folder({"a.yaml": both(mode, "")["a.yaml"], "pod.yaml": pod}))
        assert done.status == 0, done.stderr


def test_more_credspecs_than_the_policy_takes(call: Call, folder: Folder) -> None:
    accounts = "".join(f"  - account: App{n}\n    usedBy: FromWorkloads\n" for n in range(9))
    text = HEAD + DOMAIN + "  credspecs:\n" + accounts + MODE
    for number in (8, 9):
        containers = ", ".join(
            f"{{name: c{n}, image: c, securityContext: {named(f'gmsa-app{n}')}}}" for n in range(number)
        )
        done = call("render", folder({"a.yaml": text, "pod.yaml": one_pod("pod", f"containers: [{containers}]")}))
        assert (done.status == 0) is (number == 8)
    assert "names 9 credential specs, and mode Policy takes 8 in one pod" in done.stderr


def test_contents_that_are_there_in_another_form_or_of_the_name_before(call: Call, folder: Folder) -> None:
    """The same JSON is written as the policy wants it; what was written here goes when the config names another credspec."""
    spaced = json.dumps(json.loads(ONE), indent=1)
    root = folder(
        {
            "gmsa.yaml": POLICY,
            "web.yaml": deployment(
                f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, securityContext: {named('gmsa-webapp1', spaced)}, {IIS}}}"
            ),
        }
    )
    first = call("render", root)
    assert pod_of(first)["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    (root / "web.yaml").write_text(yaml.safe_dump(first.object("Deployment")))
    (root / "gmsa.yaml").write_text(POLICY + "  workloads: [{match: {names: [web]}, credspec: gmsa-webapp2}]\n")
    assert pod_of(call("render", root))["securityContext"]["windowsOptions"] == {
        "gmsaCredentialSpecName": "gmsa-webapp2",
        "gmsaCredentialSpec": TWO,
    }
    (root / "web.yaml").write_text((root / "web.yaml").read_text().replace("CONTOSO", "ELSEWHERE"))
    refused = call("render", root)
    assert refused.status == 1
    assert refused.stderr.count("differs from what the config says gmsa-webapp2 is; remove gmsaCredentialSpec") == 1


def test_a_place_is_that_of_the_field(call: Call, folder: Folder) -> None:
    pod = f"{{serviceAccountName: a, nodeSelector: {{kubernetes.io/os: windows}}, {IIS},\n securityContext: {named('gmsa-webapp1', TWO)}}}"
    assert "web.yaml:2:" in call("render", folder({"gmsa.yaml": POLICY, "web.yaml": deployment(pod)})).stderr


@pytest.mark.parametrize(
    "previous",
    [
        "credspec: gmsa-webapp1",
        "",
        "credspec: gmsa-webapp1, file: 5",
        "credspec: gmsa-webapp1, contents: {a: b}",
        "credspec: gmsa-webapp1, contents: '{}', file: a.json",
        "credspec: gmsa-x, contents: '{}'",
        "credspec: gmsa-webapp1, contents: '['",
        'credspec: gmsa-webapp1, contents: \'{"A": "b"}\'',
    ],
)
def test_previous_contents_that_are_none(previous: str, render: Render) -> None:
    done = render(POLICY + f"  policy:\n    acceptPrevious:\n    - {{{previous}}}\n")
    assert (done.status, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert re.search(r"gmsa.yaml:\d+:\d+: spec.policy.acceptPrevious\[0\]", line), line


def test_previous_contents_may_be_wrong(render: Render) -> None:
    """They are the reason to change them; and a name may come from a file."""
    account_sid = json.dumps({"DomainJoinConfig": {"MachineAccountName": "WebApp1$", "Sid": "S-1-5-21-1-2-3-1105"}})
    done = render(POLICY + f"  policy: {{acceptPrevious: [{{credspec: gmsa-webapp1, contents: '{account_sid}'}}]}}\n")
    assert done.status == 0, done.stderr
    assert (
        account_sid.replace(" ", "") in done.object("ValidatingAdmissionPolicy")["spec"]["variables"][2]["expression"]
    )


def with_input(text: str) -> str:
    contents = json.loads(ONE)
    contents["ActiveDirectoryConfig"]["HostAccountConfig"] = {
        "PluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}",
        "PluginInput": text,
        "PortableCcgVersion": "1",
    }
    return json.dumps(contents, ensure_ascii=False)


OF_FILE = HEAD + DOMAIN + "  credspecs: [{file: webapp1.json, usedBy: FromWorkloads}]\n"


def test_long_contents(call: Call, folder: Folder) -> None:
    """As they stand in a pod (64 KiB), in an expression of the policy, and with those of before beside them."""
    for text, mode, wanted in (
        ("<" * 12_000, NONE, "its contents take 72,"),
        ("<" * 12_000, MODE, "its contents take 72,"),
        ("<" * 10_000, NONE, ""),
        ("'" * 50_000, MODE, "take 100,"),
        ("x" * 60_000, MODE, ""),
    ):
        done = call("render", folder({"gmsa.yaml": OF_FILE + mode, "webapp1.json": with_input(text)}))
        assert (done.status == 0) is not bool(wanted), done.stderr
        assert wanted in done.stderr
    text = OF_FILE + MODE + "  policy: {acceptPrevious: [{credspec: gmsa-webapp1, file: before.json}]}\n"
    done = call(
        "render",
        folder({"gmsa.yaml": text, "webapp1.json": with_input("x" * 60_000), "before.json": with_input("y" * 60_000)}),
    )
    expressions = [it["expression"] for it in done.object("ValidatingAdmissionPolicy")["spec"]["variables"]]
    assert max(map(len, expressions)) < 100_000
    assert ["x" * 60_000 in it for it in expressions[2:4]] == [True, False]
    assert ["y" * 60_000 in it for it in expressions[2:4]] == [False, True]


def test_no_name_can_be_made_of_the_account_in_a_file(call: Call, folder: Folder) -> None:
    """No more than of an account in the config."""
    for account in ("B\u00fcro", "___"):
        done = call("render", folder({"gmsa.yaml": OF_FILE + NONE, "webapp1.json": ONE.replace("WebApp1", account)}))
        assert (done.status, done.stdout) == (1, "")
        assert f"spec.credspecs[0].name: is missing, and none can be made of {account}" in done.stderr


def test_more_than_an_object_of_the_api_server_holds(call: Call, folder: Folder) -> None:
    accounts = "".join(f"  - account: App{n:05}\n" for n in range(3_600))
    done = call("render", folder({"gmsa.yaml": HEAD + DOMAIN + "  credspecs:\n" + accounts + MODE}))
    assert (done.status, done.stdout) == (1, "")
    assert "the policy holds the contents of 3,600 credential specs" in done.stderr


def test_contents_beyond_the_basic_plane_in_json(call: Call, folder: Folder) -> None:
    """A pod in JSON gets text that readers of YAML take; JSON's two escapes for one character they do not."""
    pod = json.dumps(yaml.safe_load(one_pod("pod", f"securityContext: {named('gmsa-webapp1')}, {IIS}")))
    root = folder({"gmsa.yaml": OF_FILE + MODE, "webapp1.json": with_input("a\U0001f600b\x7f"), "pod.json": pod})
    wanted = json.loads(with_input("a\U0001f600b\x7f"))
    for form in ("yaml", "json"):
        done = call("render", root, "--format", form)
        assert done.status == 0, done.stderr
        items = done.objects if form == "yaml" else done.objects[0]["items"]
        (found,) = [it for it in items if it["kind"] == "Pod"]
        assert json.loads(found["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"]) == wanted


@pytest.mark.parametrize(
    ("version", "more", "wanted"),
    [
        ("1.29", "hardeningPolicy: true, ", "spec.webhook.hardeningPolicy: needs Kubernetes 1.30, and this is 1.29"),
        ("1.27", "", "spec.kubeVersion: Kubernetes 1.27 drops matchConditions"),
        ("1.29", "", ""),
        ("v1.30.5-eks-1a2b", "hardeningPolicy: true, ", ""),
    ],
)
def test_versions_that_lack_something_are_warned_of(version: str, more: str, wanted: str, render: Render) -> None:
    done = render(config(f"  webhook: {{{more}certificate: {{source: CertManager}}}}\n  kubeVersion: '{version}'\n"))
    assert done.status == 0
    assert wanted in done.stderr
    assert bool(wanted) is bool(done.stderr)


@pytest.mark.parametrize("version", ["1.34.", "1.34 ", "v1.34.foo", "1.34\\n"])
def test_versions_that_are_none(version: str, render: Render) -> None:
    assert "is no version of Kubernetes" in render(config(f'  kubeVersion: "{version}"\n')).stderr


def test_the_policies_of_the_modes_have_different_names(render: Render) -> None:
    """Between the modes both are there, and one is deleted by its name; upstream's chart is often called gmsa."""
    text = config(
        CREDSPECS
        + "  webhook: {name: gmsa, namespace: gmsa, certificate: {source: CertManager}}\n  admission: {mode: %s}\n"
    )
    names = [
        render(text % mode).object("ValidatingAdmissionPolicy")["metadata"]["name"] for mode in ("Webhook", "Policy")
    ]
    assert names == ["gmsa-hardening", "gmsa"]


def test_another_template_is_another_job(render: Render) -> None:
    """A Job's template cannot be changed."""
    text = POLICY.replace("WebApp1\n", "WebApp1\n    diagnostics: {namespace: web, serviceAccount: a}\n")
    names = {
        render(it).object("Job")["metadata"]["name"]
        for it in (text, text, text.replace("contoso.com", "fabrikam.com"), text.replace("mode: Policy", "mode: None"))
    }
    assert len(names) == 3
