"""`schema`: JSON Schemas of GMSAConfig, the chart's values, snapshots and reports; where kustomize finds names."""

from __future__ import annotations

import json
import os

from gmsa_krm import console
from gmsa_krm.findings import InputError, has_errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options
    from gmsa_krm.config.declaration import Schema


def run(options: Options) -> int:
    if options.name_references or options.config:
        console.write_text(_name_references(options.config))
        return console.DONE
    console.write_text(json.dumps(_schema(options), indent=2))
    return console.DONE


def _schema(options: Options) -> Schema:
    from gmsa_krm.config.json_schema import json_schema, values_schema

    if options.snapshot:
        from gmsa_krm.active_directory.snapshot import snapshot_schema

        return snapshot_schema()
    if options.access_report:
        from gmsa_krm.report.document import report_schema

        return report_schema()
    if options.doctor_report:
        from gmsa_krm.cluster.report_schema import report_schema

        return report_schema()
    return values_schema() if options.chart_values else json_schema()


def _name_references(paths: list[str]) -> str:
    """The configuration for kustomize. `paths`: configs whose workloadKinds it has, too. Raises InputError."""
    from gmsa_krm.hosts.files import read_configs
    from gmsa_krm.workloads.kinds import known_kinds
    from gmsa_krm.workloads.name_references import name_references

    configs = [loaded for loaded, _ in read_configs(paths, os.environ, console.stdin())] if paths else []
    findings = [finding for loaded in configs for finding in loaded.findings]
    if has_errors(findings):
        raise InputError(findings)
    return name_references(known_kinds(loaded.config.spec for loaded in configs))
