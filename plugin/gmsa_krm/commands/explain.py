"""`explain`: what a rule means, or the list of all rules."""

from __future__ import annotations

from gmsa_krm import console
from gmsa_krm.findings import UsageError
from gmsa_krm.findings.explain import explanation, listing
from gmsa_krm.findings.rules import RULES, find_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    if options.rule is None:
        console.write_text(listing().rstrip("\n"))
        return console.DONE
    rule = find_rule(options.rule)
    if rule is None:
        from gmsa_krm.findings.suggest import suggestion

        known = suggestion(options.rule, [it.id for it in RULES], listed=False, many=len(RULES))
        raise UsageError(f"{options.rule[:80]!a} is not a rule{known}; gmsa-krm explain lists all rules")
    console.write_text(explanation(rule).rstrip("\n"))
    return console.DONE
