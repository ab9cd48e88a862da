"""Inputs that took quadratic time, with what is found in them; `make bench` measures how their time grows."""

from __future__ import annotations

import json
from textwrap import indent

import pytest

from builders import MODE_NONE, contoso, gmsa_config
from conftest import Call, Check, Folder, findings


def host_account(given: str) -> str:
    return gmsa_config(
        MODE_NONE,
        f"""
        credspecs:
        - account: WebApp1
          usedBy: FromWorkloads
          hostAccount:
            plugin: AzureKeyVault
            input: {given}
        """,
    )


START = "ObjectId=0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1;SecretUri=https://"


def test_a_plugin_input_that_nearly_matches_takes_no_time(check: Check) -> None:
    """With 40,000 times /secrets/ it took minutes."""
    checked = check(host_account(f"{START}v{'/secrets/' * 40_000};"))
    assert checked.finding.rule == "plugin-input"


@pytest.mark.parametrize(
    "end", ["v.vault.azure.net/secrets/s", "v.vault.azure.net:443/secrets/s/", "v.example/secrets/s/0123abcd"]
)
def test_a_plugin_input_that_matches_still_does(end: str, check: Check) -> None:
    assert check(host_account(START + end)).findings == []


@pytest.mark.parametrize(
    "end",
    [
        "/secrets/s",
        "v.example/secrets/",
        "v.example/secret/s",
        "v.example/secrets/s;",
        "v.example/secrets/ s",
        "v/secrets/s",
    ],
)
def test_a_plugin_input_that_does_not_match_still_does_not(end: str, check: Check) -> None:
    assert check(host_account(f'"{START}{end}"')).finding.rule == "plugin-input"


def credspecs(number: int, more: str = "") -> str:
    entries = "".join(f"- account: A{index}\n  domain: {more or 'contoso.com'}\n" for index in range(number))
    return f"credspecs:\n{entries}"


def test_a_name_in_another_case_is_suggested_among_many(check: Check) -> None:
    workloads = """
        workloads:
        - match:
            names: [web]
          credspec: gmsa-a249x
    """
    previous = """
        policy:
          acceptPrevious:
          - credspec: gmsa-a250
            contents: "{}"
    """
    mode = "admission: {mode: Policy}"
    found = check(gmsa_config(mode, credspecs(250), previous, workloads)).find(
        "unknown-credspec", "spec.policy.acceptPrevious[0].credspec"
    )
    assert "did you mean" not in found.message
    many = "".join(f"- dnsName: C{index}.com\n  netBiosName: C{index}\n{REST}" for index in range(250))
    config = gmsa_config(MODE_NONE, credspecs(1, "c7.com"), domains=f"domains:\n{many}")
    finding = check(config).find("domain-reference", "spec.credspecs[0].domain")
    assert finding.says("did you mean C7.com?"), finding.message


REST = "  guid: 244818ae-87ac-4fcd-92ec-e79e5252348a\n  sid: S-1-5-21-2126449477-2524075714-3094792973\n"


def test_a_file_that_many_entries_name_is_read_once(call: Call, folder: Folder) -> None:
    entries = "".join(f"- file: {'./' * index}bad.json\n  name: a{index}\n" for index in range(100))
    bad = json.dumps({f"k{index}": 1 for index in range(100)})
    where = folder({"gmsa.yaml": gmsa_config(MODE_NONE, f"credspecs:\n{entries}"), "bad.json": bad})
    found = findings(call, where / "gmsa.yaml", folder=where)
    assert sum(it.rule == "unknown-field" for it in found) == 100


def test_suggestions_end_where_nobody_reads_on(call: Call, folder: Folder) -> None:
    fields = "".join(f"domain{index}: a\n" for index in range(3000))
    where = folder({"gmsa.yaml": gmsa_config(MODE_NONE, fields)})
    found = findings(call, where / "gmsa.yaml", folder=where)
    assert [it.message for it in found] == ["unknown field (did you mean domains?)"] * 1000 + ["unknown field"] * 2000


def test_the_first_repeated_key_of_a_credential_spec_is_named(check: Check) -> None:
    keys = "".join(f'"k{index}":1,' for index in range(4000))
    config = gmsa_config(MODE_NONE, "credspecs: [{file: a.json}]")
    finding = check(config, files={"a.json": f'{{{keys}"z":1,"y":1,"y":2,"z":2}}'}).finding
    assert (finding.rule, finding.message) == ("duplicate-key", "the key z is repeated in one object; remove one")


def test_accounts_are_compared_with_all_patterns_of_a_snapshot_at_once(call: Call, folder: Folder) -> None:
    """A snapshot of some accounts has their patterns; one after the other they took minutes."""
    snapshot = f"""\
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
  annotations:
    gmsa-krm.dev/accounts: "{" ".join(f"w{index}*" for index in range(40_000))} last?$"
spec:
{indent(contoso(), "  ")}
  accounts:
  - account: Web
    domain: contoso.com
    kind: GroupManagedServiceAccount
"""
    entries = [f"- account: {name}\n  usedBy: FromWorkloads\n" for name in ("Last1", *(f"A{it}" for it in range(500)))]
    root = folder({"gmsa.yaml": gmsa_config(MODE_NONE, f"credspecs:\n{''.join(entries)}"), "ad.yaml": snapshot})
    lines = call("lint", root / "gmsa.yaml", "--ad", root / "ad.yaml").stdout.splitlines()
    assert sum("was taken without" in it for it in lines) == 500
    assert sum("Last1 is not an account of contoso.com" in it for it in lines) == 1
