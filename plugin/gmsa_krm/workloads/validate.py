"""The checks of a pod as it will be applied, mainly of its gMSA references."""

from __future__ import annotations

import re

from gmsa_krm.config.values import subdomain_name
from gmsa_krm.config.webhook_image import NEWEST
from gmsa_krm.credspecs.values import VARIABLE
from gmsa_krm.findings import error_issue
from gmsa_krm.workloads.operating_system import linux_only_fields, statements
from gmsa_krm.workloads.pod_data import containers, get, windows_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.findings import Report
    from gmsa_krm.workloads.catalog import CredspecCatalog
    from gmsa_krm.workloads.operating_system import RuntimeClasses
    from gmsa_krm.workloads.pod_data import Data

_PLACEMENT = ("affinity", "nodeName", "runtimeClassName", "tolerations")


class PodValidator:
    """The checks of one pod. `pod` is its spec with all changes, `report` is about its workload."""

    def __init__(
        self, pod: Data, catalog: CredspecCatalog, classes: RuntimeClasses, namespace: str, report: Report
    ) -> None:
        self._pod = pod
        self._catalog = catalog
        self._classes = classes
        self._namespace = namespace
        self._report = report

    def run(self) -> set[str]:
        """Reports what is wrong; returns the credspecs that the pod names."""
        named: set[str] = set()
        uses_gmsa = bool(windows_options(self._pod).get("gmsaCredentialSpec"))
        for path, holder in self._holders():
            options = windows_options(holder)
            name, contents = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
            field = f"{path}securityContext.windowsOptions"
            self._check_types(options, field)
            if path.startswith("ephemeral") and (name or contents):
                message = "has its own credential spec, but ephemeral containers use that of their pod; remove it"
                self._report.error("ephemeral-reference", message, field=field)
            elif isinstance(name, str) and name:
                named.add(name)
                self._check_name(name, f"{field}.gmsaCredentialSpecName")
                self._check_contents(name, contents, path, field)
            elif contents:
                uses_gmsa = True
                message = (
                    "holds contents without a gmsaCredentialSpecName, which is refused at admission; give the name, and"
                    " remove the contents"
                )
                self._report.error("contents-without-name", message, field=f"{field}.gmsaCredentialSpec")
        if named or uses_gmsa:
            self._check_placement()
            self._check_service_account(named)
        self._check_policy(named)
        self._check_hooks()
        return named

    def _holders(self) -> Iterator[tuple[str, Data]]:
        """(path prefix, what may have a securityContext): the pod itself, then its containers."""
        yield "", self._pod
        yield from containers(self._pod, "initContainers", "containers", "ephemeralContainers")

    def _check_types(self, options: Data, field: str) -> None:
        for key in ("gmsaCredentialSpecName", "gmsaCredentialSpec"):
            value = options.get(key)
            if value is not None and not (isinstance(value, str) and value):
                found = "empty" if value == "" else "of another type"
                message = f"must be a string that is not empty, but is {found}; quote it, or remove it"
                self._report.error("reference-type", message, field=f"{field}.{key}")

    def _check_name(self, name: str, field: str) -> None:
        known = self._catalog.names
        if known is not None and name in known:
            return
        other = self._catalog.in_other_case(name)
        variable = re.search(VARIABLE, name) if "$" in name else None
        if variable is not None:
            message = (
                f"has the variable {variable[0][:60]}, so it is not checked; if nothing replaces the variable, write"
                " the name"
            )
            self._report.warning("unchecked-variable", message, field=field)
        elif known is None and (other is None or other == name):
            for issue in subdomain_name(name):
                self._report.add(issue, field=field)
        elif other is not None:
            message = f"{name} differs from {other} in case only, and names are case-sensitive; write {other}"
            self._report.error("credspec-case", message, field=field)
        else:
            # A name that no credspec can have is no reason to add one.
            issues = [] if self._catalog.is_account(name) else list(subdomain_name(name))
            for issue in issues or [error_issue("unknown-credspec", self._catalog.unknown(name))]:
                self._report.add(issue, field=field)

    def _check_contents(self, name: str, contents: object, path: str, field: str) -> None:
        """Checks the contents beside a name. In mode Policy, inject_contents compares them."""
        if isinstance(contents, str) and contents and not self._catalog.approved:
            self._compare_contents(name, contents, f"{field}.gmsaCredentialSpec")
        if path and not contents and windows_options(self._pod).get("gmsaCredentialSpec"):
            message = (
                "hides the contents that the pod holds: a container with its own name and without contents runs without"
                " any gMSA unless they are filled in at admission; remove the pod's contents"
            )
            self._report.warning("hidden-contents", message, field=f"{field}.gmsaCredentialSpecName")

    def _compare_contents(self, name: str, contents: str, field: str) -> None:
        """Compares the contents with the credspec; if that is unknown, they are checked themselves."""
        is_same = self._catalog.is_same(name, contents)
        if is_same is False:
            message = (
                f"differs from the credspec {name}, and is refused at admission; remove gmsaCredentialSpec, which"
                " admission fills in"
            )
            self._report.error("foreign-contents", message, field=field)
        for it in self._catalog.mistakes_in(contents) if is_same is None else ():
            self._report.add((it.severity, it.rule, it.message), field=f"{field}.{it.field}".rstrip("."))

    def _check_policy(self, named: set[str]) -> None:
        """Reports what the emitted policies refuse."""
        if self._catalog.approved:
            from gmsa_krm.manifests.policies import MAX_CREDSPECS_OF_POD

            if len(named) > MAX_CREDSPECS_OF_POD:
                message = (
                    f"names {len(named)} credential specs, but mode Policy allows {MAX_CREDSPECS_OF_POD} in one pod;"
                    " split the pod"
                )
                self._report.error("too-many-credspecs", message)
        if not self._catalog.fills_init_containers:
            self._check_init_containers()

    def _check_init_containers(self) -> None:
        """Before v0.14.0 the webhook leaves init containers as they are.

        So the hardening policy allows an init container only the credspec of the pod or of a container.
        """
        holders = [("", self._pod), *containers(self._pod, "containers")]
        names = (windows_options(holder).get("gmsaCredentialSpecName") for _, holder in holders)
        vouched = {name for name in names if isinstance(name, str)}
        for path, container in containers(self._pod, "initContainers"):
            options = windows_options(container)
            name = options.get("gmsaCredentialSpecName")
            field = f"{path}securityContext.windowsOptions.gmsaCredentialSpecName"
            if not name or not isinstance(name, str):
                continue  # a name of a wrong type is reported as such
            if name not in vouched and self._catalog.is_hardened:
                message = (
                    f"names {name}, but neither the pod nor one of its containers does, so the hardening"
                    f" policy refuses the pod; use version {NEWEST} of the webhook, or name it for the pod"
                )
                self._report.error("init-container-reference", message, field=field)
            elif not options.get("gmsaCredentialSpec"):
                message = (
                    f"names {name}, but this version of the webhook does not fill in init containers; use {NEWEST}, or"
                    " name it for the pod, whose reference init containers share, and remove it here"
                )
                self._report.error("init-container-reference", message, field=field)

    def _check_placement(self) -> None:
        """A pod with a gMSA needs Windows and cannot be a HostProcess pod."""
        for path, holder in self._holders():
            if windows_options(holder).get("hostProcess") is True:
                message = (
                    "is a HostProcess container, which runs as an account of the node and cannot use a gMSA; remove"
                    " hostProcess or the reference"
                )
                self._report.error("host-process", message, field=f"{path}securityContext.windowsOptions.hostProcess")
        said = statements(self._pod, self._classes)
        for it in said:
            if not it.is_windows:
                cure = "write windows, in lower case" if it.is_misspelt else "remove the reference, or fix this field"
                message = f"{it.text}, and a pod with a gMSA runs on Windows; {cure}"
                self._report.error("not-windows", message, field=it.field)
        if not said and not any(key in self._pod for key in _PLACEMENT):
            message = "may be scheduled on a Linux node; set nodeSelector kubernetes.io/os: windows"
            self._report.warning("no-windows-node", message)
        if get(self._pod, "os", "name") == "windows":
            for field in linux_only_fields(self._pod):
                message = "is for Linux pods, and the API server refuses it with os.name windows; remove it"
                self._report.error("linux-only-field", message, field=field)

    def _check_service_account(self, named: set[str]) -> None:
        field, account = service_account_of(self._pod)
        if not isinstance(account, str):
            message = (
                "must be a string, but is of another type; write the name of a service account, a number in quotes"
            )
            self._report.error("type", message, field=field)
            return
        issues = list(subdomain_name(account))
        for issue in issues:
            self._report.add(issue, field=field)
        if issues:
            return
        if account == "default":
            message = (
                "is default, so every pod of the namespace may use what this one may; give it a service account of its"
                " own, by workloads[].serviceAccount or in the manifest"
            )
            self._report.warning("default-service-account", message, field="serviceAccountName")
        for name in sorted(named):
            if self._catalog.allows(name, self._namespace, account) is False:
                where = f" in namespace {self._namespace}" if self._namespace else ""
                cure = self._cure_of_no_use(name, account)
                message = f"{account} may not use {name}{where}, so the pod will be refused; {cure}"
                self._report.error("service-account-not-covered", message, field="serviceAccountName")

    def _cure_of_no_use(self, name: str, account: str) -> str:
        if not self._namespace:
            return "add it to usedBy of the credspec"
        entry = f"{{namespace: {self._namespace}, serviceAccounts: [{account}]}}"
        elsewhere = self._catalog.namespaces_of(name, account)
        if not elsewhere:
            return f"add {entry} to usedBy of the credspec"
        more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
        return f"usedBy of the credspec lists it for namespace {elsewhere[0]}{more} only, so add {entry}"

    def _check_hooks(self) -> None:
        for path, container in containers(self._pod, "containers"):
            command = get(container, "lifecycle", "postStart", "exec", "command")
            words = command if isinstance(command, list) else []
            if not any("netlogon" in str(word) or "sc_reset" in str(word) for word in words):
                continue
            field = f"{path}lifecycle.postStart"
            if "nanoserver" in str(container.get("image", "")):
                message = "needs PowerShell, which nanoserver images do not have; use a servercore image"
                self._report.warning("hook-without-powershell", message, field=field)
            user = windows_options(container).get("runAsUserName") or windows_options(self._pod).get("runAsUserName")
            if str(user).rpartition("\\")[2].lower() == "containeruser":
                message = f"runs as {user}, which may not restart netlogon; use ContainerAdministrator"
                self._report.warning("hook-without-rights", message, field=field)


def service_account_of(pod: Data) -> tuple[str, Any]:
    """The field that says as which service account the pod runs, and its value, which may be of any type."""
    for field in ("serviceAccountName", "serviceAccount"):
        value = pod.get(field)
        if value is not None and value != "":
            return field, value
    return "serviceAccountName", "default"
