"""`gmsa-krm explain`, as users call it."""

from __future__ import annotations

from conftest import Call


def test_a_rule_is_explained(call: Call) -> None:
    done = call("explain", "account-sid")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith("account-sid (error)\n")
    assert "(Get-ADDomain).DomainSID.Value" in done.stdout
    assert done.stdout.endswith("\n")
    assert not done.stdout.endswith("\n\n")


def test_without_a_rule_all_are_listed(call: Call) -> None:
    lines = call("explain").stdout.splitlines()
    assert len(lines) > 100
    assert any(line.split()[:2] == ["account-sid", "error"] for line in lines)


def test_an_unknown_rule_is_wrong_usage_with_the_rule_that_was_probably_meant(call: Call) -> None:
    done = call("explain", "account-id")
    assert (done.status, done.stdout) == (2, "")
    assert "did you mean account-sid?" in done.stderr
    assert "\x1b" not in call("explain", "\x1b[31m").stderr
