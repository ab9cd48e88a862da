"""Prints docs/rules.md: a table of all rules, from the catalogue."""

from __future__ import annotations

from gmsa_krm.findings.rules import RULES

HEAD = """\
# Rules

Every finding of `gmsa-krm` has a rule. Errors end a run with exit status 1; with warnings it goes on. The rule is in the
output of `gmsa-krm lint --format json` and `--format sarif`, and in the results of the KRM function.
`gmsa-krm explain RULE` says why a rule matters, shows the cure, and gives an example that breaks it beside one that keeps
it.

`make schema` writes this page.

| rule | severity | what it finds |
|---|---|---|
"""


def page() -> str:
    rows = (f"| `{rule.id}` | {rule.severity} | {rule.summary.replace('|', chr(92) + '|')} |\n" for rule in RULES)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
