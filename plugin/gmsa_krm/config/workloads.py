"""The changes of a GMSAConfig to the workloads that pass through."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, enum, integer, one_or_more, section, string, strings
from gmsa_krm.config.kubernetes_value import TOLERATION, check_tolerations, kubernetes_value
from gmsa_krm.credspecs import values as credspec_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.findings import Report


class Match(Section):
    """Selects workloads: all given fields must match."""

    kinds: list[str] = strings("Kinds of the workloads.", each="A kind, such as Deployment.")
    names: list[str] = strings("Names of the workloads.", each="A name.", check=values.subdomain_name)
    namespaces: list[str] = strings("Namespaces of the workloads.", each="A namespace.", check=values.label_name)
    label_selector: str | None = string(
        "Label selector, in the syntax of kubectl: app=iis,tier in (web,api),!legacy.",
        check=values.label_selector,
        examples=("app=iis",),
    )

    def check(self, report: Report) -> None:
        if not (self.kinds or self.names or self.namespaces or self.label_selector):
            message = "matches every workload; give kinds, names, namespaces or labelSelector"
            report.error("empty-match", message, self.node, self.path)


class NetlogonRestart(Section):
    """A postStart hook that repairs the secure channel to the domain."""

    max_attempts: int = integer(
        "Attempts before the container fails. 0: it retries until it succeeds, as in the Kubernetes gMSA guide.",
        0,
        1000,
        default=10,
    )
    interval_seconds: int = integer("Seconds between attempts.", 1, 600, default=3)
    method: str = enum(
        "RestartService: restart netlogon. SecureChannelReset: nltest /sc_reset:<domain>.",
        "RestartService",
        "SecureChannelReset",
        default="RestartService",
    )
    on_existing_hook: str = enum(
        "What to do about an existing postStart hook: report an Error, Keep it, or Replace it.",
        "Error",
        "Keep",
        "Replace",
        default="Error",
    )
    domain: str | None = string(
        "For SecureChannelReset: DNS name of the domain. Default: that of the credspec.", check=credspec_values.dns_name
    )


class BoundToken(Section):
    """A token of the pod's service account for another audience, in a projected volume."""

    audience: str = string("Audience of the token.", required=True, examples=("vault",))
    expiration_seconds: int = integer(
        "Lifetime of a token, in seconds; the kubelet renews it.", 600, 1 << 32, default=3600
    )
    name: str = string("Name of the volume, and of the file in it.", default="bound-token", check=values.label_name)
    mount_path: str = string(
        "Path where the volume is mounted.", default="/var/run/secrets/tokens", check=values.mount_path
    )


class WorkloadEntry(Section):
    """What to change in the workloads that pass through."""

    match: list[Match] = one_or_more(
        "Workloads to change. In a list, those that any entry matches.", Match, required=True
    )
    credspec: str | None = string(
        "Name of a credspec, from credspecs or existingCredspecs.",
    )
    containers: list[str] = strings(
        "Only these containers or init containers. Default: the whole pod.",
        each="Name of a container.",
        check=values.label_name,
    )
    service_account: str | None = string("Set serviceAccountName.", check=values.subdomain_name)
    windows_node: bool = boolean(
        "Set nodeSelector kubernetes.io/os=windows, and os.name=windows unless the pod has fields that the API server"
        " refuses with it.",
        default=True,
    )
    tolerations: list[dict[str, Any]] = kubernetes_value(
        "Tolerations that are added to those of the pod, for Windows nodes with taints.", [TOLERATION], default=()
    )
    netlogon_restart: NetlogonRestart | None = section("Add the netlogon hook.", NetlogonRestart, optional=True)
    token: BoundToken | None = section("Mount a bound token.", BoundToken, optional=True)

    def check(self, report: Report) -> None:
        check_tolerations(self.tolerations, self.at("tolerations"), f"{self.path}.tolerations", report)


class WorkloadKind(Section):
    """A kind of custom resource with a pod template."""

    api_group: str = string(
        "API group of the kind.", required=True, check=values.subdomain_name, examples=("argoproj.io",)
    )
    kind: str = string("Name of the kind.", required=True, examples=("Rollout",))
    pod_template: str = string(
        "Path of the pod template, the mapping that holds the pod's metadata and spec.",
        default="spec.template",
        check=values.field_path,
    )
