"""The policy of mode Policy without a cluster: its objects, its expressions, and the previous contents that it accepts."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import MODE_POLICY, contents_of, gmsa_config, listed, nested
from conftest import Call, Check, Done, Folder, Render
from gmsa_krm.manifests import cel
from gmsa_krm.manifests.approved_contents import ApprovedContents

CREDSPEC = """
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
"""
POLICY = gmsa_config(CREDSPEC, MODE_POLICY)


def contents_in_the_policy(done: Done) -> str:
    """The expression of the policy that holds the contents of credential specs."""
    assert done.status == 0, done.stderr
    variables = done.object("ValidatingAdmissionPolicy")["spec"]["variables"]
    (expression,) = [str(it["expression"]) for it in variables if it["name"] == "approved0"]
    return expression


# Its objects


def test_mode_policy_has_no_webhook_no_secret_and_no_certificate(render: Render) -> None:
    done = render(POLICY)
    assert done.status == 0, done.stderr
    assert {it["kind"] for it in done.objects} == {
        "CustomResourceDefinition",
        "GMSACredentialSpec",
        "ClusterRole",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }


def test_the_policies_of_the_modes_have_different_names(render: Render) -> None:
    """Between the modes both exist, and one is deleted by its name; the release of upstream's chart is often gmsa."""
    webhook = """
        webhook:
          name: gmsa
          namespace: gmsa
          certificate:
            source: CertManager
    """
    hardening = render(gmsa_config(CREDSPEC, webhook)).object("ValidatingAdmissionPolicy")
    policy = render(gmsa_config(CREDSPEC, webhook, MODE_POLICY)).object("ValidatingAdmissionPolicy")
    assert hardening["metadata"]["name"] == "gmsa-hardening"
    assert policy["metadata"]["name"] == "gmsa"


def test_a_policy_has_to_fit_into_an_object_of_the_api_server(check: Check) -> None:
    accounts = listed(*(f"account: App{number:05}\nusedBy: FromWorkloads" for number in range(3_600)))
    checked = check(gmsa_config("credspecs:\n" + accounts, MODE_POLICY))
    assert checked.done.status == 1
    assert "3,600 credential specs" in checked.finding.message


# Its expressions


def unescaped(inner: str) -> str:
    """The text of a CEL literal between its quotes, by the escapes of the language."""
    text = ""
    at = 0
    while at < len(inner):
        assert inner[at] != "'", "the literal ends here"
        if inner[at] != "\\":
            text += inner[at]
            at += 1
        elif inner[at + 1] in "'\\":
            text += inner[at + 1]
            at += 2
        else:
            assert inner[at + 1] == "u"
            text += chr(int(inner[at + 2 : at + 6], 16))
            at += 6
    return text


@given(st.text())
def test_text_cannot_break_out_of_a_literal(text: str) -> None:
    literal = cel.literal(text)
    assert literal[0] == literal[-1] == "'"
    assert "\n" not in literal
    assert unescaped(literal[1:-1]) == text


def test_long_tables_are_split() -> None:
    """The API server refuses expressions of more than 100,000 characters, and large tables are slow."""
    approved = {
        **{f"gmsa-{number:05}": ["x" * 400, "y" * 400] for number in range(1000)},
        "gmsa-00500": ["a" * 60_000, "b" * 60_000, "c" * 20_000],
        **{f"long-{number}": ["x" * 30_000] for number in range(10)},
    }
    contents = ApprovedContents(approved)
    texts = [it["expression"] for it in contents.variables]
    assert max(map(len, [*texts, contents.lookup("n")])) < 100_000
    assert max(len(re.findall(r"'[^']*': ", it)) for it in texts) == 16
    for name, expected in approved.items():
        found = [re.findall(rf"'{name}': \[(.*)\]", it) for it in texts]
        assert [text for it in found for part in it for text in part.split(", ")] == [f"'{it}'" for it in expected]
    assert "{'gmsa-00500': variables.approved32['gmsa-00500'] + variables.approved33['gmsa-00500']}" in contents.lookup(
        "n"
    )


@given(st.sets(st.text("ab-.0z", min_size=1, max_size=4), max_size=60), st.text("ab-.0z", max_size=5))
def test_a_name_is_looked_up_in_the_table_that_has_it(names: set[str], name: str) -> None:
    """The tree is evaluated as CEL does: strings are compared by their bytes."""
    contents = ApprovedContents({it: [f"contents of {it}"] for it in names})
    tree = contents.lookup("n").removesuffix("[?n].orValue([])")
    while chosen := re.match(r"\(n < '([^']*)' \? ", tree):
        before = _first_operand(tree[chosen.end() :])
        after = tree[chosen.end() + len(before) + 3 : -1]
        tree = before if name.encode() < chosen[1].encode() else after
    table = next(it["expression"] for it in contents.variables if f"variables.{it['name']}" == tree)
    assert (f"'{name}': ['contents of {name}']" in table) is (name in names)


def _first_operand(text: str) -> str:
    """The text up to the `:` that is in no parentheses."""
    depth = 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if not depth and text.startswith(" : ", at):
            return text[:at]
    raise AssertionError(text)


# Previous contents


def test_a_file_with_previous_contents_may_be_among_the_manifests(call: Call, folder: Folder) -> None:
    """The config names it, so it is not a manifest."""
    accept = """
        policy:
          acceptPrevious:
          - credspec: gmsa-webapp1
            file: before.json
    """
    previous = contents_of("WebApp2")
    where = folder({"gmsa.yaml": gmsa_config(CREDSPEC, MODE_POLICY, accept), "before.json": previous})
    assert previous in contents_in_the_policy(call("render", where))


def test_previous_contents_may_be_wrong(render: Render) -> None:
    """That is a reason to change them; and their name may come from a file."""
    wrong = {"DomainJoinConfig": {"MachineAccountName": "WebApp1$", "Sid": "S-1-5-21-1-2-3-1105"}}
    accept = f"""
        policy:
          acceptPrevious:
          - credspec: gmsa-webapp1
            contents: '{json.dumps(wrong)}'
    """
    done = render(gmsa_config(CREDSPEC, MODE_POLICY, accept))
    assert json.dumps(wrong, separators=(",", ":")) in contents_in_the_policy(done)


@pytest.mark.parametrize(
    "previous",
    [
        pytest.param("credspec: gmsa-webapp1", id="neither file nor contents"),
        pytest.param("{}", id="nothing"),
        pytest.param(
            """
            credspec: gmsa-webapp1
            file: 5
            """,
            id="a file that is a number",
        ),
        pytest.param(
            """
            credspec: gmsa-webapp1
            contents:
              a: b
            """,
            id="contents that are a mapping",
        ),
        pytest.param(
            """
            credspec: gmsa-webapp1
            contents: '{}'
            file: a.json
            """,
            id="both file and contents",
        ),
        pytest.param(
            """
            credspec: gmsa-x
            contents: '{}'
            """,
            id="a credspec that does not exist",
        ),
        pytest.param(
            """
            credspec: gmsa-webapp1
            contents: '['
            """,
            id="contents that are not JSON",
        ),
        pytest.param(
            """
            credspec: gmsa-webapp1
            contents: '{"A": "b"}'
            """,
            id="contents without a domain",
        ),
    ],
)
def test_what_is_not_previous_contents_is_refused(previous: str, check: Check) -> None:
    found = check(gmsa_config(CREDSPEC, MODE_POLICY, nested("policy.acceptPrevious[]", previous))).findings
    (finding,) = (it for it in found if it.severity == "error")
    assert finding.field.startswith("spec.policy.acceptPrevious[0]")
    assert finding.file == "gmsa.yaml"
    assert finding.line
