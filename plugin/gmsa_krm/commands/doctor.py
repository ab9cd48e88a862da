"""`doctor`: what is wrong in the running cluster, and what is proved to work."""

from __future__ import annotations

import os
import sys

from gmsa_krm import console
from gmsa_krm.active_directory.files import read_named_snapshot
from gmsa_krm.cluster.checks import CHECKS, run_checks
from gmsa_krm.cluster.config_certificates import ConfigCertificates
from gmsa_krm.cluster.formats import as_json, as_junit, as_text
from gmsa_krm.cluster.outcome import ERROR
from gmsa_krm.cluster.proxy import ApiServer
from gmsa_krm.cluster.view import View
from gmsa_krm.cluster.wanted import Wanted
from gmsa_krm.environment import Environment
from gmsa_krm.findings import InputError, Location, UsageError, has_errors, invalid, sort_findings
from gmsa_krm.findings.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options
    from gmsa_krm.cluster.outcome import Check
    from gmsa_krm.findings import Finding


def run(options: Options) -> int:
    """Raises InputError for configs that are wrong, and ExternalError where the cluster does not answer."""
    if options.rbac:
        from gmsa_krm.cluster.permissions import cluster_roles

        console.write_text(cluster_roles().rstrip("\n"))
        return console.DONE
    checks = _chosen(options.check, options.skip)
    wanted = _wanted(options)
    progress = _Progress()
    with ApiServer(options.context, options.kubeconfig) as server:
        outcomes = run_checks(checks, View(server), wanted, progress.tell)
    progress.clear()
    if options.format != "text":
        text = (as_json if options.format == "json" else as_junit)(outcomes)
    else:
        text = as_text(outcomes, colour=_is_terminal(sys.stdout), only_problems=options.quiet)
    console.write(text.encode())
    if any(it.status == ERROR for it in outcomes):
        return console.INVALID_INPUT
    return (
        console.EXTERNAL_FAILURE
        if any(it.reason and not it.problems for it in outcomes if it.status != "skipped")
        else console.DONE
    )


def _wanted(options: Options) -> Wanted:
    from gmsa_krm.hosts.files import read_paths
    from gmsa_krm.pipeline import run_resolved
    from gmsa_krm.resolve import resolve

    now = Environment(os.getcwd(), os.environ).now()
    findings: list[Finding] = []
    snapshot = read_named_snapshot(options.ad, findings) if options.ad is not None else None
    if has_errors(findings):
        raise InputError(findings)
    console.print_findings(findings, quiet=options.quiet)
    if not options.path:
        return Wanted([], [], now=now, snapshot=snapshot, in_pod=options.in_pod)
    files = read_paths(options.path, os.environ, console.stdin())
    if not files.configs:
        message = "has no GMSAConfig to compare the cluster with; give one, or no path to check the cluster as it is"
        raise invalid("no-config", message, Location(", ".join(map(console.shown, options.path))))
    certificates = ConfigCertificates()
    configs = resolve(files.configs, files.documents, obtain=certificates.obtain)
    # Whoever checks the cluster wants to know all of it, so a warning does not end the run, whatever spec.strict says.
    result = run_resolved(configs, files.documents, options.namespace, compares=False, is_strict=False)
    console.print_findings([*certificates.warnings, *result.findings], quiet=options.quiet)
    if not options.quiet:
        for message in certificates.notes:
            console.print_error(message)
    compared: list[Finding] = []
    if snapshot is not None or any(it.snapshot is not None for it in configs):
        # By a run of its own: a mistake that only Active Directory knows must not keep the cluster from being checked.
        try:
            compared = run_resolved(configs, files.documents, options.namespace, snapshot, is_strict=False).findings
        except InputError as error:
            compared = error.findings
        known = {str(it) for it in result.findings}
        compared = [it for it in sort_findings(compared) if str(it) not in known]
    return Wanted(
        configs,
        result.objects,
        now=now,
        environments=[environment for _, environment in files.configs],
        certificates=certificates,
        snapshot=snapshot,
        documents=files.documents,
        directory_findings=compared,
        in_pod=options.in_pod,
    )


def _chosen(only: list[str], skipped: list[str]) -> list[Check]:
    """The checks of --check and --skip, which name a check or a group. Raises UsageError for a name that is neither."""
    names = {name for check in CHECKS for name in (check.id, check.group)}
    for name in (*only, *skipped):
        if name not in names:
            raise UsageError(
                f"{name} is not a check{suggestion(name, sorted(names))}; gmsa-krm doctor --help lists them"
            )
    return [
        it
        for it in CHECKS
        if (not only or it.id in only or it.group in only) and it.id not in skipped and it.group not in skipped
    ]


def _is_terminal(stream: object) -> bool:
    return hasattr(stream, "isatty") and bool(stream.isatty()) and "NO_COLOR" not in os.environ


class _Progress:
    """One line on a terminal that says what is being checked."""

    def __init__(self) -> None:
        self._is_on = sys.stderr is not None and sys.stderr.isatty()

    def tell(self, what: str) -> None:
        if self._is_on:
            print(f"\r\x1b[Kchecking {what}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
