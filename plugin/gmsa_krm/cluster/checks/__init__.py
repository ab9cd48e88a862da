"""The checks, in the order in which they are reported, and how they are run."""

from __future__ import annotations

from gmsa_krm.cluster.checks import (
    access,
    ca_bundles,
    certificates,
    crd,
    credspecs,
    directory,
    drift,
    logon,
    nodes,
    policies,
    proof,
    refusals,
    served_version,
    webhook_configurations,
    webhook_pods,
    workloads,
)
from gmsa_krm.cluster.outcome import ERROR, NOTHING, OK, SKIPPED, UNKNOWN, Found, Outcome
from gmsa_krm.cluster.view import CouldNotLookError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gmsa_krm.cluster.outcome import Check
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

# Groups in the order of the report: what comes first explains what comes later.
CHECKS: tuple[Check, ...] = (
    served_version.CHECK,
    crd.CHECK,
    *ca_bundles.CHECKS,
    *certificates.CHECKS,
    *webhook_configurations.CHECKS,
    *webhook_pods.CHECKS,
    *policies.CHECKS,
    *credspecs.CHECKS,
    *access.CHECKS,
    *proof.CHECKS,
    *workloads.CHECKS,
    *nodes.CHECKS,
    *logon.CHECKS,
    *directory.CHECKS,
    *refusals.CHECKS,
    *drift.CHECKS,
)


def run_checks(
    checks: Iterable[Check], view: View, wanted: Wanted, tell: Callable[[str], None] = lambda _: None
) -> list[Outcome]:
    """`tell` is called with the id of each check before it runs."""
    chosen = list(checks)
    view.prefetch(name for check in chosen for name in check.lists)
    outcomes: dict[str, Outcome] = {}
    explained: set[object] = set()
    for check in chosen:
        tell(check.id)
        outcomes[check.id] = _run(check, view, wanted, Found(outcomes, explained), outcomes)
    return list(outcomes.values())


def _run(check: Check, view: View, wanted: Wanted, found: Found, before: dict[str, Outcome]) -> Outcome:
    for id in check.after:
        if id in before and before[id].status in (ERROR, SKIPPED):
            return Outcome(check, SKIPPED, found, id)
    reason = ""
    try:
        check.run(view, wanted, found)
    except CouldNotLookError as error:
        reason = str(error)
    if found.problems:
        return Outcome(check, check.severity, found, reason)
    if reason:
        return Outcome(check, UNKNOWN, found, reason)
    return Outcome(check, OK if found.proved else NOTHING, found)
