"""The credential specs of the cluster: those of the configs are there and the same, and others have no mistakes."""

from __future__ import annotations

import json

from gmsa_krm.cluster.live import CREDSPECS, credspecs_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.pairs import RESOURCE, is_of_administrator, subjects_of
from gmsa_krm.cluster.texts import RENDER, count, some
from gmsa_krm.cluster.view import RBAC_LISTS
from gmsa_krm.credspecs.check import check_contents
from gmsa_krm.credspecs.domains import DeclaredDomain, check_domains
from gmsa_krm.credspecs.model import other_names
from gmsa_krm.credspecs.parse import GROUP, KIND
from gmsa_krm.findings import Report
from gmsa_krm.findings.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted
    from gmsa_krm.findings import Issue

_MAX_DIFFERENCES = 3
_MAX_VALUE = 120


def _run_missing(view: View, wanted: Wanted, found: Found) -> None:
    live = credspecs_of(view)
    effect = (
        "does not exist; pods get their contents by the policy, but kubectl and whoever reads the cluster miss it"
        if wanted.has_policy
        else "does not exist, so pods that name it are refused"
    )
    for name in sorted(wanted.credspecs.keys() - live.keys()):
        found.explained.add(name)
        found.problem(f"{KIND} {name}", f"{effect}; {RENDER}")
    for name in sorted(set(wanted.existing_credspecs) - live.keys()):
        found.explained.add(name)
        hint = suggestion(name, live, listed=False)
        message = f"does not exist, but existingCredspecs names it{hint}; create it, or remove it from the config"
        found.problem(f"{KIND} {name}", message)
    present = wanted.credspecs.keys() & live.keys()
    if present:
        found.holds(f"{count(len(present), 'credential spec')} of the configs: in the cluster")


def _run_differs(view: View, wanted: Wanted, found: Found) -> None:
    live = credspecs_of(view)
    same = 0
    for name, spec in sorted(wanted.credspecs.items()):
        if name not in live:
            continue
        its = live[name]
        if its is not None and its.contents == spec.contents:
            same += 1
            continue
        differences = [*_differences(spec.contents, its.contents)] if its is not None else ["it has no contents"]
        message = (
            f"differs from the config: {some(differences, _MAX_DIFFERENCES, '; ')}; fix the config, or {RENDER} and"
            " restart the pods"
        )
        found.problem(f"{KIND} {name}", message)
    if same:
        found.holds(f"{count(same, 'credential spec')}: as in the configs")


def _differences(wanted: Any, live: Any, path: str = "") -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key in sorted(wanted.keys() | live.keys()):
            yield from _differences(wanted.get(key), live.get(key), f"{path}.{key}" if path else key)
    elif wanted != live:
        yield f"{path} is {_shown(live)} in the cluster and {_shown(wanted)} in the config"


def _shown(value: Any) -> str:
    if value is None:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}..."


class _Mistakes:
    """The findings about the contents of the credential specs that no config emits, by name."""

    def __init__(self, view: View, wanted: Wanted) -> None:
        self.reports: dict[str, Report] = {}
        specs = {name: it for name, it in credspecs_of(view).items() if name not in wanted.credspecs}
        domains = {
            domain.dns_name.lower(): domain
            for it in specs.values()
            if it is not None and (domain := it.domain) is not None
        }
        of_configs = [DeclaredDomain(it.names, it.place, _ignore) for config in wanted.configs for it in config.domains]
        names = other_names([*(it.names for it in of_configs), *domains.values()])
        declared = []
        for name, spec in sorted(specs.items()):
            report = self.reports[name] = Report()
            if spec is None:
                report.error("required", "has no credspec, so a pod that names it is refused; fill it in, or delete it")
                continue
            domain = check_contents(spec, report, names)
            if domain is not None:
                declared.append(DeclaredDomain(domain, f"{KIND} {name}", _adder(report)))
        check_domains([*of_configs, *declared])


def _adder(report: Report) -> Any:
    return lambda key, issue: report.add(issue, field=f"DomainJoinConfig.{key}")


def _ignore(key: str, issue: Issue) -> None:
    """For a domain of a config, which is reported about there."""


def _run_severity(severity: str, view: View, wanted: Wanted, found: Found) -> None:
    mistakes = view.once(_Mistakes, wanted)
    for name, report in mistakes.reports.items():
        for it in report.findings:
            if it.severity == severity:
                field = f"credspec.{it.field}: " if it.field else ""
                found.problem(f"{KIND} {name}", f"{field}{it.message} (rule {it.rule})")
    if severity == ERROR and mistakes.reports and not found.problems:
        found.holds(f"{_others(len(mistakes.reports), wanted)}: without mistakes")


def _run_mistakes(view: View, wanted: Wanted, found: Found) -> None:
    _run_severity(ERROR, view, wanted, found)


def _run_doubts(view: View, wanted: Wanted, found: Found) -> None:
    _run_severity(WARNING, view, wanted, found)


def _run_users(view: View, wanted: Wanted, found: Found) -> None:
    """Those of configs are left out: the configs say who may use them, and this is checked."""
    others = [name for name in credspecs_of(view) if name not in wanted.credspecs]
    if not others:
        return
    subjects = list(subjects_of(view.rbac.grants("use", GROUP, RESOURCE)))
    grants = [grant for grant, _ in subjects if not is_of_administrator(grant)]
    if any(it.names is None for it in grants):
        return
    usable = {name for it in grants for name in it.names or ()}
    administrators = sorted({who for grant, who in subjects if is_of_administrator(grant)})
    who = f"only who may do everything may use it ({some(administrators, 2)})" if administrators else _NOBODY
    for name in sorted(set(others) - usable):
        message = f"{who}; bind a role with the verb use on it for the service accounts of its pods, or delete it"
        found.problem(f"{KIND} {name}", message)
    if usable.intersection(others):
        found.holds(f"{_others(len(usable.intersection(others)), wanted)}: some service account may use it")


def _others(number: int, wanted: Wanted) -> str:
    return f"{count(number, 'credential spec')}{' that no config emits' if wanted.is_given else ''}"


_NOBODY = "no service account may use it"
_GROUP = "credential-specs"
_AFTER = ("crd-not-served",)
CHECKS = (
    Check("credspec-missing", ERROR, _GROUP, _run_missing, lists=(CREDSPECS,), after=_AFTER),
    Check("credspec-differs", ERROR, _GROUP, _run_differs, lists=(CREDSPECS,), after=_AFTER),
    Check("credspec-mistake", ERROR, _GROUP, _run_mistakes, lists=(CREDSPECS,), after=_AFTER),
    Check("credspec-doubt", WARNING, _GROUP, _run_doubts, lists=(CREDSPECS,), after=_AFTER),
    Check("credspec-without-users", WARNING, _GROUP, _run_users, lists=(CREDSPECS, *RBAC_LISTS), after=_AFTER),
)
