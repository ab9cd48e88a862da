"""The ClusterRoles that `doctor` needs: what it reads, what it tries, and what --in-pod runs."""

from __future__ import annotations

import json

from gmsa_krm.cluster.checks import CHECKS
from gmsa_krm.cluster.checks.drift import TRIED
from gmsa_krm.cluster.view import LISTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Rule = tuple[str, list[str], list[str]]  # API group, resources, verbs

READS = "gmsa-krm-doctor"
TRIES = "gmsa-krm-doctor-dry-run"
RUNS = "gmsa-krm-doctor-in-pod"
_HEADS = {
    READS: """\
# What doctor reads. Nothing here changes anything, and no Secret is read. The review asks whether a service account may
# use a credential spec, as the webhook does; nothing of it is kept.
""",
    TRIES: """\
# What doctor tries, as a dry run, of which the API server keeps nothing: it creates a pod for each service account and
# credential spec, and applies the objects of the config. RBAC cannot tell a dry run from the real thing, so whoever has
# this role can also do it. Without it doctor says "could not look" for the proof of each pair and for drift.
""",
    RUNS: """\
# For --in-pod, which runs nltest and nslookup in a pod of each credential spec. Whoever has this role can run anything
# in any pod. Leave it out if you do not use the option.
""",
}


def cluster_roles() -> str:
    """The ClusterRoles as YAML, each with a comment."""
    documents = (_document(name, rules) for name, rules in roles().items())
    return "---\n".join(documents)


def roles() -> dict[str, list[Rule]]:
    """{name: rules} of the ClusterRoles."""
    lists = sorted({name for check in CHECKS for name in check.lists})
    reads = [
        *_by_group(lists, "list"),
        ("apiextensions.k8s.io", ["customresourcedefinitions"], ["get"]),
        ("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
    ]
    tries = [("", ["pods"], ["create"]), *_by_group(sorted(TRIED), "patch")]
    return {READS: reads, TRIES: tries, RUNS: [("", ["pods/exec"], ["create", "get"])]}


def _by_group(lists: Iterable[str], verb: str) -> Iterator[Rule]:
    groups: dict[str, list[str]] = {}
    for name in lists:
        _, prefix, *rest = LISTS[name].split("/")
        groups.setdefault(rest[0] if prefix == "apis" else "", []).append(rest[-1])
    for group, resources in sorted(groups.items()):
        yield group, resources, [verb]


def _document(name: str, rules: Iterable[Rule]) -> str:
    lines = [f"{_HEADS[name]}apiVersion: rbac.authorization.k8s.io/v1", "kind: ClusterRole", "metadata:"]
    lines += [f"  name: {name}", "rules:"]
    for group, resources, verbs in rules:
        lines += [f"- apiGroups: [{json.dumps(group)}]", "  resources:", *(f"  - {it}" for it in resources)]
        lines.append(f"  verbs: [{', '.join(verbs)}]")
    return "".join(f"{line}\n" for line in lines)
