"""The admission webhook of a GMSAConfig."""

from __future__ import annotations

from gmsa_krm.config import values, webhook_image
from gmsa_krm.config.certificate import Certificate
from gmsa_krm.config.declaration import (
    Section,
    boolean,
    enum,
    integer,
    number_or_percent,
    section,
    string,
    strings,
)
from gmsa_krm.config.kubernetes_value import AFFINITY, RESOURCES, TOLERATION, check_tolerations, kubernetes_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.findings import Report


_FIRST_UNPRIVILEGED = 1024
# Ports that Kubernetes uses on nodes (https://kubernetes.io/docs/reference/networking/ports-and-protocols/).
_PORTS_OF_NODES = {
    2379: "etcd",
    2380: "etcd",
    6443: "the API server",
    10248: "the kubelet",
    10249: "kube-proxy",
    10250: "the kubelet",
    10255: "the kubelet",
    10256: "kube-proxy",
    10257: "the controller manager",
    10259: "the scheduler",
}


class PodDisruptionBudget(Section):
    """How many webhook pods a drain may take down at once."""

    min_available: int | str | None = number_or_percent("Pods that must stay available.")
    max_unavailable: int | str | None = number_or_percent(
        "Pods that may be unavailable. Default: 1, unless minAvailable is given."
    )

    def check(self, report: Report) -> None:
        if self.min_available is not None and self.max_unavailable is not None:
            message = "has minAvailable and maxUnavailable; remove one"
            report.error("disruption-budget", message, self.node, self.path)


class Webhook(Section):
    """The gMSA admission webhook."""

    name: str = string("Name of the webhook's objects.", default="gmsa-webhook", check=values.service_name)
    namespace: str = string("Namespace of the webhook.", default="gmsa-webhook", check=values.label_name)
    create_namespace: bool = boolean("Also emit the namespace.", default=True)
    image: str = string("Image of the webhook.", default=webhook_image.IMAGE, check=values.image)
    version: str | None = string(
        "Version of the webhook in the image, which decides what the image can do. Default: the image's tag if it is a"
        f" version, else {webhook_image.NEWEST}.",
        check=values.webhook_version,
        examples=(webhook_image.NEWEST,),
    )
    port: int = integer(
        "Port that the webhook's pods listen on; their Service stays at 443. Some API servers reach certain ports only,"
        " those of private GKE clusters 443 and 10250.",
        1,
        65535,
        default=8443,
    )
    host_network: bool = boolean(
        "Run the webhook's pods in the network of their nodes, where the API server cannot reach pods, as on EKS with"
        " another CNI. The emitted namespace then has Pod Security level privileged.",
        default=False,
    )
    fixed_user: bool = boolean(
        "Run the webhook as user 65532. false leaves runAsUser, runAsGroup and fsGroup to the platform, for OpenShift's"
        " restricted-v2.",
        default=True,
    )
    replicas: int = integer("Number of webhook pods.", 1, 100, default=2)
    random_hostname: bool = boolean("Give gMSA pods a random host name.", default=False)
    resources: dict[str, Any] = kubernetes_value(
        "Resources of the webhook's container. Default: requests of 20m CPU and 64Mi memory, a limit of 256Mi memory.",
        RESOURCES,
        default=lambda self: {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    )
    tolerations: list[dict[str, Any]] = kubernetes_value("Tolerations of the webhook's pods.", [TOLERATION], default=())
    node_selector: dict[str, str] = kubernetes_value(
        "Additional labels that the webhook's nodes must have; kubernetes.io/os: linux is always set.",
        {"*": "label"},
        default=lambda self: {},
    )
    affinity: dict[str, Any] | None = kubernetes_value(
        "Affinity of the webhook's pods, which are always spread over nodes.", AFFINITY
    )
    priority_class_name: str | None = string("Priority class of the webhook's pods.", check=values.subdomain_name)
    image_pull_secrets: list[str] = strings(
        "Secrets for pulling the webhook's image.", each="Name of a Secret.", check=values.subdomain_name
    )
    pod_disruption_budget: PodDisruptionBudget = section("The webhook's PodDisruptionBudget.", PodDisruptionBudget)
    qps: int = integer("Requests per second that the webhook may send to the API server.", 1, 10_000, default=100)
    burst: int = integer("Requests that the webhook may send in a burst.", 1, 10_000, default=200)
    log_level: str = enum(
        "Log level of the webhook; debug and trace print whole pods.",
        "panic",
        "fatal",
        "error",
        "warn",
        "info",
        "debug",
        "trace",
        default="info",
    )
    hardening_policy: bool = boolean(
        "Emit a ValidatingAdmissionPolicy for what the webhook does not check: ephemeral containers, and before v0.14.0"
        " init containers. Without it, anyone who may add an ephemeral container to a pod can give it any credential"
        " spec.",
        default=True,
    )
    excluded_namespaces: list[str] = strings(
        "Namespaces whose pods are not sent to the webhook: their references are neither expanded nor checked.",
        each="Name of a namespace.",
        check=values.label_name,
    )
    certificate: Certificate = section("Source of the webhook's TLS certificate.", Certificate)

    @property
    def secret_name(self) -> str:
        """Name of the Secret with its certificate."""
        settings = self.certificate.settings
        return (settings.secret_name if settings is not None else None) or f"{self.name}-tls"

    @property
    def checks_init_containers(self) -> bool:
        """Whether the image fills in and checks init containers."""
        return self._can(webhook_image.INIT_CONTAINERS)

    @property
    def is_privileged_port(self) -> bool:
        """Whether only root may listen on the port by default."""
        return self.port < _FIRST_UNPRIVILEGED

    def _can(self, since: webhook_image.Version) -> bool:
        return webhook_image.version_of(self.image, self.version) >= since

    def check(self, report: Report) -> None:
        self._check_image(report)
        self._check_port(report)
        check_tolerations(self.tolerations, self.at("tolerations"), f"{self.path}.tolerations", report)
        if self.node_selector.get("kubernetes.io/os", "linux") != "linux":
            message = "kubernetes.io/os must be linux: the webhook's image is a Linux image; remove the label"
            report.error("webhook-os", message, self.at("nodeSelector"), f"{self.path}.nodeSelector")
        if self.create_namespace and values.is_of_kubernetes(self.namespace):
            message = (
                f"{self.namespace} belongs to Kubernetes, and the emitted namespace enforces Pod Security restricted;"
                " choose another namespace, or set createNamespace: false"
            )
            report.error("shared-namespace", message, self.at("namespace"), f"{self.path}.namespace")
        budget = self.pod_disruption_budget
        if isinstance(budget.min_available, int) and budget.min_available >= self.replicas:
            message = (
                f"{budget.min_available} of {self.replicas} replicas must stay, so no node with one of them can be"
                " drained; give less"
            )
            report.warning("blocked-drain", message, budget.at("minAvailable"), f"{budget.path}.minAvailable")
        if self.replicas == 1:
            message = "with one replica no gMSA pod can start while it restarts; give 2 or more"
            report.warning("single-replica", message, self.at("replicas"), f"{self.path}.replicas")

    def _check_port(self, report: Report) -> None:
        if not self.host_network:
            return
        user = _PORTS_OF_NODES.get(self.port)
        if user is not None:
            message = f"{self.port} is taken by {user} of the node with hostNetwork; give another one, such as 8443"
            report.error("host-port", message, self.at("port"), f"{self.path}.port")
        elif self.is_privileged_port:
            message = f"{self.port} needs root with hostNetwork; give {_FIRST_UNPRIVILEGED} or more, such as 8443"
            report.error("host-port", message, self.at("port"), f"{self.path}.port")

    def _check_image(self, report: Report) -> None:
        version = webhook_image.shown(webhook_image.version_of(self.image, self.version))
        source = self.certificate
        needs = [
            (self.random_hostname, webhook_image.RANDOM_HOST_NAMES, "randomHostname", self),
            (source.is_renewed_in_cluster, webhook_image.CERTIFICATE_RELOAD, "source", source),
        ]
        for is_used, since, key, owner in needs:
            if is_used and not self._can(since):
                message = (
                    f"needs version {webhook_image.shown(since)} of the webhook, but the image has {version}; give"
                    f" {webhook_image.NEWEST} in webhook.image, or in webhook.version if the image has it"
                )
                report.error("image-version", message, owner.at(key), f"{owner.path}.{key}")
        if not self.hardening_policy:
            also = "" if self.checks_init_containers else f", and the webhook {version} does not check init containers"
            message = (
                f"is false: whoever may add an ephemeral container to a pod can give it any credential spec{also}; set"
                " it to true"
            )
            report.warning("no-hardening", message, self.at("hardeningPolicy"), f"{self.path}.hardeningPolicy")
