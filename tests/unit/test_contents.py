"""The contents of credential specs in pods: mode Policy writes them, and every mode compares them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import yaml

from builders import (
    IIS,
    MODE_NONE,
    MODE_POLICY,
    contents_of,
    deployment,
    entry,
    gmsa_config,
    listed,
    pod,
    pod_of,
    spaced,
    windows_options,
)
from conftest import Call, Check, Done, Folder, RenderFolder
from gmsa_krm.credspecs.model import canonical_json

ONE = contents_of("WebApp1")
TWO = contents_of("WebApp2")
CREDSPECS = """
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
    - account: WebApp2
      usedBy: FromWorkloads
"""
POLICY = gmsa_config(CREDSPECS, MODE_POLICY)
ON_WINDOWS = """
    serviceAccountName: a
    nodeSelector:
      kubernetes.io/os: windows
"""


def options_of(done: Done) -> dict[str, str]:
    """The windowsOptions of the pod of the Deployment."""
    options: dict[str, str] = pod_of(done)["securityContext"]["windowsOptions"]
    return options


def container(name: str, credspec: str | None = None, contents: str | None = None) -> str:
    """A container, with a reference to a credential spec if one is given."""
    return f"name: {name}\nimage: a\n" + (windows_options(credspec, contents) if credspec else "")


# What is written


def test_contents_are_written_beside_every_name(render_folder: RenderFolder) -> None:
    web = deployment(
        ON_WINDOWS,
        windows_options("gmsa-webapp1"),
        "initContainers:\n" + listed(container("i", "gmsa-webapp2")),
        "containers:\n" + listed(container("a"), container("b", "gmsa-webapp2")),
    )
    spec = pod_of(render_folder(POLICY, web))
    contents = [
        it.get("securityContext", {}).get("windowsOptions", {}).get("gmsaCredentialSpec")
        for it in (spec, *spec["initContainers"], *spec["containers"])
    ]
    assert contents == [ONE, TWO, None, TWO]


def test_contents_are_written_for_an_entry_of_workloads(
    render_folder: RenderFolder, call: Call, folder: Folder
) -> None:
    workloads = "workloads:\n" + entry("containers: [iis]")
    config = gmsa_config(CREDSPECS, MODE_POLICY, workloads)
    first = render_folder(config, deployment())
    assert pod_of(first)["containers"][0]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE
    second = render_folder(config, yaml.safe_dump(first.object("Deployment")))
    assert pod_of(second) == pod_of(first)
    patch = call("patch", "--config", folder({}) / "gmsa.yaml", "Deployment/web", "--namespace", "web")
    (iis,) = yaml.safe_load(patch.stdout)["spec"]["template"]["spec"]["containers"]
    assert iis["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] == ONE


def test_contents_follow_the_name(render_folder: RenderFolder) -> None:
    """What an earlier run wrote goes when the config names another credspec; what a user wrote stays, and is refused."""
    first = render_folder(POLICY, deployment(ON_WINDOWS, windows_options("gmsa-webapp1"), IIS))
    assert options_of(first)["gmsaCredentialSpec"] == ONE
    other = """
        workloads:
        - match:
            names: [web]
          credspec: gmsa-webapp2
    """
    config = gmsa_config(CREDSPECS, MODE_POLICY, other)
    changed = render_folder(config, yaml.safe_dump(first.object("Deployment")))
    assert options_of(changed) == {"gmsaCredentialSpecName": "gmsa-webapp2", "gmsaCredentialSpec": TWO}
    foreign = yaml.safe_dump(first.object("Deployment")).replace("CONTOSO", "ELSEWHERE")
    refused = render_folder(config, foreign)
    assert refused.status == 1
    assert refused.stderr.count("differs from gmsa-webapp2 in the config") == 1


def test_canonical_contents_are_those_of_go() -> None:
    """encoding/json sorts keys, writes no spaces, and escapes <, >, & and two separators and nothing else."""
    given = {"b": "<a> & 'ü'\u2028\u2029\t\"\\", "a": [{"z": "1", "A": "2"}]}
    assert (
        canonical_json(given) == '{"a":[{"A":"2","z":"1"}],"b":"\\u003ca\\u003e \\u0026 \'ü\'\\u2028\\u2029\\t\\"\\\\"}'
    )


# Contents that a pod has already


ACCEPT_TWO = f"""
    policy:
      acceptPrevious:
      - credspec: gmsa-webapp1
        contents: '{TWO}'
"""


@pytest.mark.parametrize(
    ("contents", "more"),
    [
        pytest.param(ONE, "", id="the same"),
        pytest.param(spaced(ONE), "", id="the same in another form"),
        pytest.param(TWO, ACCEPT_TWO, id="previous ones"),
    ],
)
def test_existing_contents_that_are_accepted_become_canonical(
    contents: str, more: str, render_folder: RenderFolder
) -> None:
    web = deployment(ON_WINDOWS, windows_options("gmsa-webapp1", contents), IIS)
    assert options_of(render_folder(gmsa_config(CREDSPECS, MODE_POLICY, more), web))["gmsaCredentialSpec"] == ONE


def test_foreign_contents_are_refused_where_they_are(check: Check) -> None:
    finding = check(POLICY, deployment(ON_WINDOWS, windows_options("gmsa-webapp1", TWO), IIS)).finding
    assert (finding.severity, finding.rule) == ("error", "foreign-contents")
    assert finding.text == f"'{TWO}'"
    assert finding.says("gmsa-webapp1", "remove gmsaCredentialSpec"), finding.message


def test_a_name_whose_contents_are_not_known_is_refused(check: Check) -> None:
    config = gmsa_config(CREDSPECS, MODE_POLICY, "existingCredspecs: [gmsa-other]")
    finding = check(config, deployment(ON_WINDOWS, windows_options("gmsa-other"), IIS)).finding
    assert (finding.severity, finding.rule) == ("error", "unknown-contents")
    assert finding.says("existingCredspecs"), finding.message


def test_a_name_that_does_not_exist_is_refused(check: Check) -> None:
    finding = check(POLICY, deployment(ON_WINDOWS, windows_options("gmsa-other"), IIS)).finding
    assert (finding.severity, finding.rule) == ("error", "unknown-credspec")
    assert finding.says("gmsa-other"), finding.message


# Long contents, and odd characters in them

OF_FILE = """
    credspecs:
    - file: webapp1.json
      usedBy: FromWorkloads
"""


def with_input(text: str) -> str:
    """The JSON of a credential spec with the input of a plugin that gmsa-krm does not know."""
    contents = json.loads(ONE)
    contents["ActiveDirectoryConfig"]["HostAccountConfig"] = {
        "PluginGUID": "{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}",
        "PluginInput": text,
        "PortableCcgVersion": "1",
    }
    return json.dumps(contents, ensure_ascii=False)


@dataclass(frozen=True)
class Length:
    """A plugin's input by its length, and the size that is too large for the mode, as far as its thousands."""

    name: str
    text: str
    mode: str
    too_large: str = ""

    def __str__(self) -> str:
        return self.name


@pytest.mark.parametrize(
    "length",
    [
        Length("72 KB in a pod", "<" * 12_000, MODE_NONE, too_large="72,"),
        Length("72 KB in a pod, with a policy", "<" * 12_000, MODE_POLICY, too_large="72,"),
        Length("60 KB in a pod", "<" * 10_000, MODE_NONE),
        Length("100 KB in an expression", "'" * 50_000, MODE_POLICY, too_large="100,"),
        Length("60 KB in an expression", "x" * 60_000, MODE_POLICY),
    ],
    ids=str,
)
def test_contents_have_a_largest_size(length: Length, check: Check) -> None:
    """64 KiB in a pod, where < takes six characters; and less in an expression, where a quote takes two."""
    checked = check(gmsa_config(OF_FILE, length.mode), files={"webapp1.json": with_input(length.text)})
    if length.too_large:
        assert f"take {length.too_large}" in checked.finding.message
    else:
        assert checked.findings == []


def test_previous_contents_have_an_expression_of_their_own(call: Call, folder: Folder) -> None:
    """Together they would be too long for one."""
    accept = """
        policy:
          acceptPrevious:
          - credspec: gmsa-webapp1
            file: before.json
    """
    files: dict[str, str | bytes] = {
        "gmsa.yaml": gmsa_config(OF_FILE, MODE_POLICY, accept),
        "webapp1.json": with_input("x" * 60_000),
        "before.json": with_input("y" * 60_000),
    }
    done = call("render", folder(files))
    assert done.status == 0, done.stderr
    variables = {it["name"]: it["expression"] for it in done.object("ValidatingAdmissionPolicy")["spec"]["variables"]}
    assert max(map(len, variables.values())) < 100_000
    assert [name for name, it in variables.items() if "x" * 60_000 in it] == ["approved0"]
    assert [name for name, it in variables.items() if "y" * 60_000 in it] == ["approved1"]
    both = "{'gmsa-webapp1': variables.approved0['gmsa-webapp1'] + variables.approved1['gmsa-webapp1']}"
    assert both in variables["foreign"]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_pod_in_json_gets_characters_beyond_the_basic_plane(form: str, call: Call, folder: Folder) -> None:
    """Readers of YAML do not take the two escapes that JSON has for such a character."""
    contents = with_input("a\U0001f600b\x7f")
    given = yaml.safe_load(pod(ON_WINDOWS, windows_options("gmsa-webapp1"), IIS))
    files: dict[str, str | bytes] = {
        "gmsa.yaml": gmsa_config(OF_FILE, MODE_POLICY),
        "webapp1.json": contents,
        "pod.json": json.dumps(given),
    }
    done = call("render", folder(files), "--format", form)
    assert done.status == 0, done.stderr
    items = done.objects if form == "yaml" else done.objects[0]["items"]
    (found,) = [it for it in items if it["kind"] == "Pod"]
    written = found["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"]
    assert json.loads(written) == json.loads(contents)
