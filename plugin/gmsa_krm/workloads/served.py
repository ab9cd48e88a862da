"""What a pod serves, and whether clients can log on to it there by Kerberos."""

from __future__ import annotations

from gmsa_krm.findings import warning_issue
from gmsa_krm.workloads.pod_data import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.active_directory.compare import Comparison
    from gmsa_krm.findings import Report
    from gmsa_krm.workloads.catalog import CredspecCatalog
    from gmsa_krm.workloads.pod_data import Data

_CLASSES = {80: "HTTP", 443: "HTTP", 1433: "MSSQLSvc"}
_NAMED = {"http": "HTTP", "https": "HTTP", "mssql": "MSSQLSvc"}


def check_served(pod: Data, named: set[str], catalog: CredspecCatalog, comparison: Comparison, report: Report) -> None:
    """Reports a port of a service for which no account of the pod has an SPN. `named`: the pod's credspecs."""
    specs = [(name, catalog.spec_of(name)) for name in sorted(named)]
    reported: set[str] = set()
    for field, port, service_class in _ports(pod):
        missing = [(name, comparison.missing_spn(spec, service_class)) for name, spec in specs if spec is not None]
        accounts = [account for _, account in missing if account is not None]
        if service_class in reported or len(accounts) < len(specs) or not accounts:
            continue
        reported.add(service_class)
        message = (
            f"listens on port {port}, but {accounts[0]} has no SPN of the class {service_class} in Active Directory, so"
            f" nobody can log on there by Kerberos; run setspn -S {service_class}/NAME {accounts[0]}$ with the name"
            " that clients use, unless nobody logs on there"
        )
        report.add(warning_issue("missing-spn", message), field=field)


def _ports(pod: Data) -> Iterator[tuple[str, int, str]]:
    """Field, number and service class of each port whose class is known."""
    for path, container in containers(pod, "containers"):
        ports = container.get("ports")
        for index, port in enumerate(ports if isinstance(ports, list) else ()):
            number, name = (port.get("containerPort"), port.get("name")) if isinstance(port, dict) else (None, None)
            if not isinstance(number, int):
                continue
            found = _CLASSES.get(number) or (_NAMED.get(name) if isinstance(name, str) else None)
            if found is not None:
                yield f"{path}ports[{index}]", number, found
