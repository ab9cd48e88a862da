"""The admission webhook of a GMSAConfig."""

from __future__ import annotations

from gmsa_krm.config import values
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


class PodDisruptionBudget(Section):
    """How many webhook pods a drain may take down at once."""

    min_available: int | str | None = number_or_percent("Pods that must stay.")
    max_unavailable: int | str | None = number_or_percent("Pods that may go. Default: 1, if minAvailable is not given.")

    def check(self, report: Report) -> None:
        if self.min_available is not None and self.max_unavailable is not None:
            message = "has minAvailable and maxUnavailable; remove one"
            report.error("disruption-budget", message, self.node, self.path)


class Webhook(Section):
    """The gMSA admission webhook."""

    name: str = string("Name of its objects.", default="gmsa-webhook", check=values.service_name)
    namespace: str = string("Its namespace.", default="gmsa-webhook", check=values.label_name)
    create_namespace: bool = boolean("Emit the namespace too.", default=True)
    image: str = string(
        "Its image.", default="registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0", check=values.image
    )
    replicas: int = integer("How many pods.", 1, 100, default=2)
    random_hostname: bool = boolean("Give gMSA pods a random host name.", default=False)
    resources: dict[str, Any] = kubernetes_value(
        "Requests and limits of its container. Default: 20m CPU and 64Mi requested, 256Mi the limit.",
        RESOURCES,
        default=lambda self: {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    )
    tolerations: list[dict[str, Any]] = kubernetes_value("Tolerations of its pods.", [TOLERATION], default=())
    node_selector: dict[str, str] = kubernetes_value(
        "Further labels that its nodes must have; kubernetes.io/os=linux is always set.",
        {"*": "label"},
        default=lambda self: {},
    )
    affinity: dict[str, Any] | None = kubernetes_value(
        "Affinity of its pods; they are spread over nodes in any case.", AFFINITY
    )
    priority_class_name: str | None = string("Priority class of its pods.", check=values.subdomain_name)
    image_pull_secrets: list[str] = strings(
        "Secrets for pulling its image.", each="Name of a Secret.", check=values.subdomain_name
    )
    pod_disruption_budget: PodDisruptionBudget = section("Its PodDisruptionBudget.", PodDisruptionBudget)
    qps: int = integer("Requests a second that it may send to the API server.", 1, 10_000, default=100)
    burst: int = integer("Requests that it may send at once.", 1, 10_000, default=200)
    log_level: str = enum(
        "How much it logs; debug and trace print whole pods.",
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
        "Emit a ValidatingAdmissionPolicy for what the webhook does not look at: init and ephemeral containers."
        " Without it whoever may add an ephemeral container to a pod can give it any credential spec.",
        default=True,
    )
    excluded_namespaces: list[str] = strings(
        "Namespaces whose pods are not sent to it: they get neither expansion nor checks.",
        each="Name of a namespace.",
        check=values.label_name,
    )
    certificate: Certificate = section("Where its TLS certificate comes from.", Certificate)

    @property
    def secret_name(self) -> str:
        """Name of the Secret with its certificate."""
        if self.certificate.source == "ExistingSecret":
            return self.certificate.existing_secret.name
        return f"{self.name}-tls"

    def check(self, report: Report) -> None:
        check_tolerations(self.tolerations, self.at("tolerations"), f"{self.path}.tolerations", report)
        if self.node_selector.get("kubernetes.io/os", "linux") != "linux":
            message = "kubernetes.io/os must be linux: the webhook's image is a Linux image; remove the label"
            report.error("webhook-os", message, self.at("nodeSelector"), f"{self.path}.nodeSelector")
        if self.create_namespace and (self.namespace == "default" or self.namespace.startswith("kube-")):
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
