"""The oracles can fail: each finds a fault that is planted in the program or in what comes out of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import fuzz
import oracles
from program import Call, Outcome, Sandbox
from shrink import shrink
from support_files import SEED, good_material
from targets import TARGETS, make_call

CONFIG = b"""\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
  admission:
    mode: None
  crd:
    install: false
  workloads:
  - match:
      names: [web]
    credspec: gmsa-webapp1
    serviceAccount: webapp1
"""
WORKLOAD = b"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
spec:
  template:
    spec:
      containers:
      - name: iis
        image: iis:1
"""
FOREIGN = b"""\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: texts
data:
  norway: "NO"   # a comment
"""
STREAM = Call(("post-render", "--config", "gmsa.yaml"), WORKLOAD + FOREIGN, {"gmsa.yaml": CONFIG})


def indented(text: bytes, pad: str) -> bytes:
    return b"".join(pad.encode() + line for line in text.splitlines(keepends=True))


def resource_list(config: bytes = CONFIG) -> Call:
    head = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- "
    items = indented(WORKLOAD, "  ")[2:] + b"- " + indented(FOREIGN.removeprefix(b"---\n"), "  ")[2:]
    return Call((), head + items + b"functionConfig:\n" + indented(config, "  "))


LIST = resource_list()
WRONG_LIST = resource_list(CONFIG.replace(b"3094792973", b"3094792973-1105"))
RENDER = Call(("render", "gmsa.yaml"), files={"gmsa.yaml": CONFIG.partition(b"  workloads:\n")[0]})
WRONG = RENDER.with_(files={"gmsa.yaml": CONFIG.replace(b"CONTOSO", b"a b")})
JSON = RENDER.with_(arguments=("render", "gmsa.yaml", "--format", "json"))
VALUES = Call(("import", "helm-values", "values.yaml"), files={"values.yaml": b"replicaCount: 3\n"})

Change = Callable[[Outcome], Outcome]


def stdout(change: Callable[[bytes], bytes]) -> Change:
    return lambda outcome: replace(outcome, stdout=change(outcome.stdout))


def stderr(text: str) -> Change:
    return lambda outcome: replace(outcome, stderr=outcome.stderr + text)


def replaced(old: str, new: str) -> Change:
    def change(text: bytes) -> bytes:
        assert old.encode() in text
        return text.replace(old.encode(), new.encode(), 1)

    return stdout(change)


def in_secrets(outcome: Outcome) -> Outcome:
    """The webhook's key once more than it should be."""
    key = base64.b64encode(good_material().key.encode())
    return replace(outcome, stdout=outcome.stdout + b"# " + key + b"\n# " + key + b"\n")


# oracle, call, the number of the call of the program whose outcome is changed, and how
FAULTS: list[tuple[str, Call, int, Change]] = [
    ("exit_status", STREAM, 0, lambda outcome: replace(outcome, status=4)),
    ("no_crash", STREAM, 0, lambda outcome: replace(outcome, status=-1, crash="Traceback …")),
    ("no_crash", STREAM, 0, stderr("gmsa-krm: KeyError; please report it\n")),
    ("no_output_on_failure", WRONG, 0, stdout(lambda _: b"kind: Pod\n")),
    ("no_output_on_failure", WRONG, 0, lambda outcome: replace(outcome, written={"out/pod.yaml": b""})),
    ("no_leftovers", STREAM, 0, lambda outcome: replace(outcome, leftovers=("tmp1",))),
    ("messages_are_lines", STREAM, 0, stderr("two\x1b[31m\n")),
    ("messages_are_lines", Call(("explain",)), 0, stdout(lambda text: text + b"\x1b[31m")),
    ("messages_are_lines", WRONG, 0, lambda outcome: replace(outcome, stderr="")),
    ("messages_are_said_once", WRONG, 0, lambda outcome: replace(outcome, stderr=outcome.stderr * 2)),
    ("messages_are_lines", WRONG_LIST, 0, replaced("message: ", 'message: "two\\nlines"  # ')),
    ("no_key_material", STREAM, 0, stderr(f"the seed {SEED} is weak\n")),
    ("no_key_material", STREAM, 0, stderr(good_material().key)),
    ("no_key_material", RENDER, 0, in_secrets),
    ("formats_are_json", JSON, 0, stdout(lambda text: text + b"}")),
    ("formats_are_json", JSON, 0, replaced('"kind"', '"apiVersion"')),
    ("output_parses", STREAM, 0, replaced("image: iis:1", "image: [iis:1")),
    ("output_parses", STREAM, 0, replaced("image: iis:1\n", "image: iis:1\n        image: iis:2\n")),
    ("foreign_bytes", STREAM, 0, replaced('"NO"   #', '"NO"  #')),
    ("documents_as_expected", STREAM, 0, replaced('"NO"', "NO")),
    ("documents_as_expected", STREAM, 0, replaced("serviceAccountName: webapp1", "serviceAccountName: webapp2")),
    ("documents_as_expected", LIST, 0, replaced("image: iis:1", "image: iis:2")),
    ("documents_as_expected", RENDER, 0, replaced("app.kubernetes.io/managed-by: gmsa-krm", "a: b")),
    ("readers_get_what_is_meant", STREAM, 0, replaced("serviceAccountName: webapp1", "serviceAccountName: webapp2")),
    ("readers_get_what_is_meant", STREAM, 0, replaced("    spec:\n", "    spec:\n      <<: {hostname: a}\n")),
    ("readers_get_what_is_meant", STREAM, 0, replaced("image: iis:1\n", "image: iis:1\n---#\n")),
    (
        "readers_see_no_other_reference",
        STREAM,
        0,
        replaced("gmsaCredentialSpecName: gmsa-webapp1", "gmsaCredentialSpecName: gmsa-other"),
    ),
    ("resource_list_is_kept", LIST, 0, replaced("account: WebApp1", "account: WebApp2")),
    ("resource_list_is_kept", WRONG_LIST, 0, replaced("image: iis:1", "image: iis:2")),
    ("resource_list_is_kept", WRONG_LIST, 0, replaced("severity: error", "severity: info")),
    ("same_bytes_twice", STREAM, 1, stdout(lambda text: text + b"\n")),
    ("own_output_is_final", STREAM, 2, stdout(lambda text: text + b"---\na: b\n")),
    ("own_output_is_final", LIST, 2, replaced("name: gmsa-webapp1", "name: gmsa-other")),
    ("own_output_is_final", RENDER, 2, lambda outcome: replace(outcome, status=1, stdout=b"")),
    ("lint_agrees", RENDER, 3, lambda outcome: replace(outcome, status=1)),
    ("lint_agrees", WRONG, 2, replaced("netBiosName", "guid")),
    ("formats_agree", RENDER, 4, replaced('"WebApp1"', "1")),
    ("imported_config_is_one", VALUES, 0, replaced("kind: GMSAConfig", "kind: Config")),
    ("imported_config_is_one", VALUES, 2, lambda outcome: replace(outcome, crash="Traceback …")),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def problems(call: Call, run: oracles.Run) -> list[str]:
    return [problem.oracle for problem in oracles.check(call, run, is_thorough=True)[1]]


@pytest.mark.parametrize("call", [STREAM, LIST, WRONG_LIST, RENDER, WRONG, JSON, VALUES])
def test_a_sound_run_has_no_problem(sandbox: Sandbox, call: Call) -> None:
    assert problems(call, sandbox.run) == []


@pytest.mark.parametrize(("oracle", "call", "number", "change"), FAULTS)
def test_a_fault_in_the_outcome_is_found(
    sandbox: Sandbox, oracle: str, call: Call, number: int, change: Change
) -> None:
    calls = 0

    def run(call: Call) -> Outcome:
        nonlocal calls
        outcome = sandbox.run(call)
        calls += 1
        return change(outcome) if calls == number + 1 else outcome

    assert oracle in problems(call, run)


def test_every_oracle_has_a_fault() -> None:
    assert {oracle.__name__ for oracle in oracles.ORACLES} == {oracle for oracle, *_ in FAULTS}


def test_an_exception_of_the_program_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr("gmsa_krm.commands.render.render", run)
    assert "no_crash" in problems(RENDER, sandbox.run)


def test_an_entry_that_is_not_applied_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmsa_krm.workloads.process.matches", lambda *_: False)
    assert "documents_as_expected" in problems(STREAM, sandbox.run)


def test_text_that_is_written_again_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from gmsa_krm.yamltext.stream import encoded

    monkeypatch.setattr(
        "gmsa_krm.hosts.helm.encoded", lambda texts: encoded([text.replace("   # a comment", "") for text in texts])
    )
    assert "foreign_bytes" in problems(STREAM, sandbox.run)


@pytest.mark.parametrize("target", TARGETS)
def test_a_seed_gives_the_same_inputs(target: str) -> None:
    assert [make_call(target, 3, number) for number in range(20)] == [
        make_call(target, 3, number) for number in range(20)
    ]


def test_a_finding_is_saved_minimised_and_read_again(sandbox: Sandbox, tmp_path: Path) -> None:
    def has_problem(call: Call) -> bool:
        return b"ConfigMap" in sandbox.run(call).stdout

    small = shrink(STREAM, has_problem)
    assert small.stdin == b"kind: ConfigMap\n"
    problem = oracles.Problem("exit_status", "planted")
    fuzz.save(tmp_path / "it", fuzz.Finding("helm3", 1, problem, STREAM))
    assert fuzz.read(tmp_path / "it") == STREAM
    assert "exit_status: planted" in (tmp_path / "it" / "finding.txt").read_text()
    assert json.loads((tmp_path / "it" / "call.json").read_text())["arguments"] == list(STREAM.arguments)
