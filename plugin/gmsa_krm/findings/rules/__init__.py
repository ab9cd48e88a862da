"""The rules: what each one finds, why it matters, the cure, and an input that breaks it beside one that keeps it.

`explain`, SARIF and the documentation read this module; a run that explains nothing does not load it.

An example is what a user would have in files or type:

- a part of a GMSAConfig, which starts with `spec:`, or a whole one;
- a manifest;
- a part of the JSON that New-CredentialSpec writes;
- `# NAME` in a line of its own before the contents of a file, where the name matters or there are several files;
- lines that start with `$ `, which are typed in a shell.

tests/rules runs every example. The rules of the live cluster are in `cluster`, and tests/cluster plants what they show.
"""

from __future__ import annotations

from gmsa_krm.findings.rules import (
    access,
    active_directory,
    admission,
    cluster,
    cluster_identities,
    credential_specs,
    documents,
    domains,
    fields,
    hosts,
    imports,
    pods,
    repository,
    workloads,
)
from gmsa_krm.findings.rules.rule import LiveRule, Rule

__all__ = ["LIVE_RULES", "RULES", "LiveRule", "Rule", "find_rule"]

_AREAS = (
    access,
    active_directory,
    admission,
    cluster,
    cluster_identities,
    credential_specs,
    documents,
    domains,
    fields,
    hosts,
    imports,
    pods,
    repository,
    workloads,
)
RULES: tuple[Rule, ...] = tuple(sorted((rule for area in _AREAS for rule in area.RULES), key=lambda rule: rule.id))
# In the order of the report.
LIVE_RULES: tuple[LiveRule, ...] = (*cluster.SET_UP, *cluster_identities.RULES, *cluster.LATER)


def find_rule(id: str) -> Rule | None:
    """The rule of that id, None if there is none."""
    return next((it for it in RULES if it.id == id), None)
