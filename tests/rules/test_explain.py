"""What `explain` prints of the catalogue."""

from __future__ import annotations

import pytest

from gmsa_krm.findings.explain import explanation, listing
from gmsa_krm.findings.rules import RULES, LiveRule, Rule, find_rule

ACCOUNT_SID = """\
account-sid (error)
The SID of an account is given in place of the domain SID.

Why it matters
    A domain SID is S-1-5-21 and three numbers. A fourth number is a RID, which makes it the SID of
    one account of that domain. With a wrong SID the credential spec describes no domain, and the
    container does not establish a secure channel.

What to do
    Give the domain SID, (Get-ADDomain).DomainSID.Value: the same value without the last number.

Wrong (in a GMSAConfig)
    spec:
      domains:
      - dnsName: contoso.com
        netBiosName: CONTOSO
        guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
        sid: S-1-5-21-2126449477-2524075714-3094792973-1105

Correct (in a GMSAConfig)
    spec:
      domains:
      - dnsName: contoso.com
        netBiosName: CONTOSO
        guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
        sid: S-1-5-21-2126449477-2524075714-3094792973
"""


def test_an_explanation_says_what_why_and_what_to_do() -> None:
    account_sid = find_rule("account-sid")
    assert account_sid is not None
    assert explanation(account_sid) == ACCOUNT_SID


@pytest.mark.parametrize("of", RULES, ids=lambda it: it.id)
def test_an_explanation_holds_all_of_a_rule_in_100_columns(of: Rule) -> None:
    text = explanation(of)
    assert max(map(len, text.splitlines())) <= 100
    words = " ".join(text.split())
    for part in (of.id, of.severity, of.summary, of.why, of.cure):
        assert part in words
    if isinstance(of, LiveRule):
        assert of.message in words
    for example in (of.bad,) if isinstance(of, LiveRule) else (of.bad, of.good):
        assert "\n" + "".join(f"    {line}\n" if line else "\n" for line in example.splitlines()) in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_the_list_has_a_line_for_each_rule_in_columns() -> None:
    lines = listing().splitlines()
    assert [line.split(maxsplit=2) for line in lines] == [[it.id, it.severity, it.summary] for it in RULES]
    assert len({line.index(it.summary, len(it.id)) for line, it in zip(lines, RULES, strict=True)}) == 1
