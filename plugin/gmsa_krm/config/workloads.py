"""What a GMSAConfig changes in the workloads that pass through."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, enum, integer, one_or_more, section, string, strings
from gmsa_krm.credspecs import values as directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Report


class Match(Section):
    """Which workloads: all given fields must match."""

    kinds: list[str] = strings("Their kinds.", each="A kind, such as Deployment.")
    names: list[str] = strings("Their names.", each="A name.", check=values.subdomain_name)
    namespaces: list[str] = strings("Their namespaces.", each="A namespace.", check=values.label_name)
    label_selector: str | None = string(
        "Their labels, in the syntax of kubectl: app=iis,tier in (web,api),!legacy.",
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
        "How often it tries; then the container fails. 0: until it succeeds, as the Kubernetes page has it.",
        0,
        1000,
        default=10,
    )
    interval_seconds: int = integer("Seconds between two attempts.", 1, 600, default=3)
    method: str = enum(
        "RestartService: restart netlogon. SecureChannelReset: nltest /sc_reset:<domain>.",
        "RestartService",
        "SecureChannelReset",
        default="RestartService",
    )
    on_existing_hook: str = enum(
        "What becomes of a postStart hook that is there: Error, Keep it, Replace it.",
        "Error",
        "Keep",
        "Replace",
        default="Error",
    )
    domain: str | None = string(
        "For SecureChannelReset: DNS name of the domain. Default: that of the credspec.", check=directory.dns_name
    )


class BoundToken(Section):
    """A token of the pod's service account for another audience, in a projected volume."""

    audience: str = string("Whom the token is for.", required=True, examples=("vault",))
    expiration_seconds: int = integer("How long a token lasts; the kubelet renews it.", 600, 1 << 32, default=3600)
    name: str = string("Name of the volume, and of the file in it.", default="bound-token", check=values.label_name)
    mount_path: str = string("Where it is mounted.", default="/var/run/secrets/tokens", check=values.mount_path)


class WorkloadEntry(Section):
    """What to change in the workloads that pass through."""

    match: list[Match] = one_or_more("Which workloads; a list of these is an or.", Match, required=True)
    credspec: str | None = string(
        "Name of a credspec: one of credspecs, or one that lives in the cluster (existingCredspecs).",
        check=values.subdomain_name,
    )
    containers: list[str] = strings(
        "Only these containers or init containers. Default: the whole pod.",
        each="Name of a container.",
        check=values.label_name,
    )
    service_account: str | None = string("Set serviceAccountName.", check=values.subdomain_name)
    windows_node: bool = boolean("Set nodeSelector kubernetes.io/os=windows and os.name=windows.", default=True)
    netlogon_restart: NetlogonRestart | None = section(
        "The netlogon hook; absent: no hook.", NetlogonRestart, optional=True
    )
    token: BoundToken | None = section("A bound token; absent: none.", BoundToken, optional=True)


class WorkloadKind(Section):
    """A kind of a custom resource that has a pod template."""

    api_group: str = string("Its API group.", required=True, check=values.subdomain_name, examples=("argoproj.io",))
    kind: str = string("The kind.", required=True, examples=("Rollout",))
    pod_template: str = string(
        "Path of the pod template, the mapping that holds the pod's metadata and spec.",
        default="spec.template",
        check=values.field_path,
    )
