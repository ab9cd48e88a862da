"""`patch`: the changes that the transformer would make to one workload, as a strategic merge patch."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.config.values import check_option, label_name, subdomain_name
from gmsa_krm.findings import InputError, Report, has_errors, invalid, sort_findings
from gmsa_krm.hosts.files import read_configs
from gmsa_krm.resolve import resolve
from gmsa_krm.workloads.catalog import CredspecCatalog
from gmsa_krm.workloads.inject_contents import inject_contents
from gmsa_krm.workloads.kinds import BUILT_IN, PodKind, Workload, kind_meant, known_kinds
from gmsa_krm.workloads.mutate import PodMutation
from gmsa_krm.workloads.operating_system import RuntimeClasses
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.edits import ListPatch, Replace
from gmsa_krm.yamltext.nodes import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.arguments import Options
    from gmsa_krm.config.workloads import Match, WorkloadEntry
    from gmsa_krm.findings import Finding
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.nodes import Node


def run(options: Options) -> int:
    if options.namespace:
        check_option("--namespace", options.namespace, label_name)
    configs = resolve(read_configs(options.config, os.environ, console.stdin()), [])
    data, findings = _patch(configs, options.target, options.namespace)
    console.print_findings(findings, quiet=options.quiet)
    console.write(data)
    return console.DONE


def _patch(configs: list[Resolved], target: str, namespace: str) -> tuple[bytes, list[Finding]]:
    """The patch for `target` (KIND/NAME or KIND.VERSION.GROUP/NAME). Raises InputError."""
    kind, name = _parse_target(target, configs)
    entries = [
        entry
        for config in configs
        for entry in config.spec.workloads
        if any(_may_match(match, kind.kind, name, namespace) for match in entry.match)
    ]
    if not entries:
        raise invalid("no-matching-entry", _no_entry(configs, kind.kind, name, namespace), field=target)
    catalog = CredspecCatalog(configs)
    findings = [finding for config in configs for finding in config.report.findings]
    _check_entries(entries, Report(findings=findings))
    pod = _stub(kind, name, namespace, entries)
    # The stub is not a file of the user, so its positions mean nothing.
    report = Report(positions=False, prefix=f"{target}: {'.'.join((*kind.path, 'spec'))}", findings=findings)
    mutation = PodMutation(pod, RuntimeClasses(()), report, injects_contents=bool(catalog.approved))
    for entry in entries:
        mutation.add(entry, catalog.dns_name(entry.credspec))
    patch = mutation.patch()
    if catalog.approved:
        patch = inject_contents(patch, pod, catalog, report)
    if (kind.group, kind.kind) not in BUILT_IN and any(isinstance(value, ListPatch) for value in patch.values()):
        message = (
            "is a custom resource, in which a strategic merge patch replaces whole lists; use the transformer for"
            " containers, hooks and tokens"
        )
        Report(findings=findings).error("patch-custom-kind", message, field=target)
    if has_errors(findings):
        raise InputError(sort_findings(findings))
    replaces = any(
        it.netlogon_restart is not None and it.netlogon_restart.on_existing_hook == "Replace" for it in entries
    )
    data: dict[str, Any] = {"spec": _strategic(patch, pod, replaces_mappings=replaces)}
    for key in reversed(kind.path):
        data = {key: data}
    return writer.document({**_head(kind, name, namespace), **data}).encode(), findings


def _parse_target(target: str, configs: list[Resolved]) -> tuple[PodKind, str]:
    """The kind, with the version of the target, and the name."""
    kind, slash, name = target.partition("/")
    if not slash or not kind or not name:
        raise invalid("target", "is not KIND/NAME; write one such as Deployment/web", field=target)
    check_option(target, name, subdomain_name)
    kind, dot, rest = kind.partition(".")
    if not dot:
        wanted = kind_meant(kind, BUILT_IN) or kind
        known = next((it for it in BUILT_IN.values() if it.kind == wanted), None)
        if known is None:
            from gmsa_krm.findings.suggest import suggestion

            meant = suggestion(kind, [it.kind for it in BUILT_IN.values()], listed=False)
            message = (
                f"{kind} is not a kind of Kubernetes with a pod{meant}; give its version and group too, such as"
                f" Rollout.v1alpha1.argoproj.io/{name}"
            )
            raise invalid("target", message, field=target)
        return known, name
    version, _, group = rest.partition(".")
    known = known_kinds(config.spec for config in configs).get((group, kind))
    if known is None:
        message = f"{kind} of group {group or 'core'} is not a known kind with a pod; add it to spec.workloadKinds"
        raise invalid("unknown-kind", message, field=target)
    return PodKind(group, version, kind, known.path), name


def _no_entry(configs: list[Resolved], kind: str, name: str, namespace: str) -> str:
    matches = [match for config in configs for entry in config.spec.workloads for match in entry.match]
    elsewhere = sorted({it for match in matches for it in match.namespaces if _may_match(match, kind, name, it)})
    if elsewhere:
        names = ", ".join(elsewhere[:5])
        where = f"in {namespace}" if namespace else "without a namespace"
        return (
            f"no entry of spec.workloads matches it {where}, but in {names}; give --namespace, or remove namespaces"
            " from the match if the manifest has none"
        )
    return "no entry of spec.workloads matches it; fix the match, or the name"


def _may_match(match: Match, kind: str, name: str, namespace: str) -> bool:
    """As the transformer matches, except by labels, which are not known here."""
    return (
        (not match.kinds or kind in match.kinds)
        and (not match.names or name in match.names)
        and (not match.namespaces or (namespace or "default") in match.namespaces)
    )


def _check_entries(entries: list[WorkloadEntry], report: Report) -> None:
    for entry in entries:
        hook = entry.netlogon_restart
        if not entry.containers and (hook is not None or entry.token is not None):
            message = "names no containers, but a patch must name those that get a hook or a token; list them"
            report.error("patch-containers", message, field=f"{entry.path}.containers")
        if hook is not None and hook.on_existing_hook == "Keep":
            message = (
                "Keep is not possible in a patch, which does not see existing hooks; use Replace or the transformer"
            )
            report.error("patch-hook", message, field=f"{hook.path}.onExistingHook")
        if entry.tolerations:
            message = (
                "replace those that the workload has, since a strategic merge patch does not add to them; list them"
                " all, or use the transformer"
            )
            report.warning("patch-tolerations", message, field=f"{entry.path}.tolerations")


def _head(kind: PodKind, name: str, namespace: str) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def _stub(kind: PodKind, name: str, namespace: str, entries: list[WorkloadEntry]) -> Node:
    """The spec of a pod with only the containers that the entries name."""
    names = dict.fromkeys(it for entry in entries for it in entry.containers)
    spec: dict[str, Any] = {"spec": {"containers": [{"name": it} for it in names]}}
    for key in reversed(kind.path):
        spec = {key: spec}
    root = parse(writer.document({**_head(kind, name, namespace), **spec}))
    assert root is not None
    template = root
    for key in kind.path:
        template = template.get(key) or template
    pod = Workload(root, kind.path, template).pod
    assert pod is not None
    return pod


def _strategic(patch: dict[str, Any], pod: Node, *, replaces_mappings: bool) -> dict[str, Any]:
    """The patch with each list as entries with names, which a strategic merge patch merges by name."""
    data: dict[str, Any] = {}
    for key, value in patch.items():
        if isinstance(value, ListPatch):
            names = [item.string("name") for item in getattr(pod.get(key), "items", ())]
            changed = [
                {"name": names[index], **_strategic(change, pod, replaces_mappings=replaces_mappings)}
                for index, change in value.change.items()
            ]
            data[key] = [*changed, *value.append]
        elif isinstance(value, Replace):
            data[key] = {"$patch": "replace", **value.data} if replaces_mappings else value.data
        elif isinstance(value, dict):
            data[key] = _strategic(value, pod, replaces_mappings=replaces_mappings)
        else:
            data[key] = value
    return data
