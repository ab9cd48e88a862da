"""The webhook's Service, Deployment, pods and image."""

from __future__ import annotations

from gmsa_krm.cluster.admission import POLICY_LISTS, WEBHOOK_LISTS, find_policies, find_webhooks
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import RENDER, count
from gmsa_krm.cluster.view import describe
from gmsa_krm.config.webhook_image import (
    CERTIFICATE_RELOAD,
    INIT_CONTAINERS,
    NEWEST,
    RANDOM_HOST_NAMES,
    parse_version,
    shown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

    Object = dict[str, Any]

_NEVER_READY = ("waiting", "terminated")


def _service(view: View, wanted: Wanted, found: Found) -> None:
    services = _services(view)
    for webhook in find_webhooks(view):
        if webhook.service is None:
            continue
        service = services.get(webhook.service)
        about = f"Service {'/'.join(webhook.service)}"
        ports = [it.get("port") for it in service["spec"].get("ports") or []] if service else []
        if any(it.about == about for it in found.problems):
            continue
        if service is None:
            cure = RENDER if wanted.is_given else "create it again, or delete the configurations if the webhook is gone"
            message = f"does not exist, but {webhook.about} sends pods to it, so {webhook.effect_of_failure}; {cure}"
            found.problem(about, message)
        elif webhook.port not in ports:
            cure = RENDER if wanted.is_given else "add the port, or fix it in the configuration"
            message = (
                f"has no port {webhook.port}, to which {webhook.about} sends pods (it has"
                f" {', '.join(map(str, ports)) or 'none'}), so {webhook.effect_of_failure}; {cure}"
            )
            found.problem(about, message)
        else:
            found.holds(f"{about} has port {webhook.port}")
    found.proved = list(dict.fromkeys(found.proved))


def _available(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    for service in _called(view):
        about = describe(service, "Service")
        ready, all_ = _endpoints(view, service)
        if ready:
            found.holds(f"{about} has {count(ready, 'ready endpoint')}")
            continue
        selector = ", ".join(f"{key}={value}" for key, value in (service["spec"].get("selector") or {}).items())
        pods = _pods(view, service)
        deployments = _deployments(view, service)
        if not pods and not deployments:
            why = f"no pod has its labels {selector}; fix its selector, or apply the Deployment of the webhook"
        elif not pods:
            why = _why_no_pods(deployments[0])
        else:
            why = f"{_why_not_ready(pods)}; {_look(pods[0])}"
        effect = "no pod of the webhook is ready" if all_ or pods else "there is no pod of the webhook"
        found.problem(about, f"{effect}, so gMSA pods are refused: {why}")


def _degraded(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    for service in _called(view):
        pods = _pods(view, service)
        for it in _deployments(view, service):
            about = describe(it, "Deployment")
            replicas, status = it["spec"].get("replicas", 1), it.get("status") or {}
            ready = status.get("readyReplicas", 0)
            if not ready:
                continue
            if ready < replicas:
                why = _why_not_ready(pods) or _condition(it, "ReplicaFailure").get("message") or "no reason given"
                found.problem(about, f"has {ready} of {replicas} pods ready: {why}; {_look_at(it)}")
            elif _condition(it, "Progressing").get("status") == "False":
                why = str(_condition(it, "Progressing").get("message")).rstrip(".")
                found.problem(about, f"is not rolled out: {why}; {_look_at(it)}")
            else:
                found.holds(f"{about} has {ready} of {replicas} pods ready")


def _image(view: View, wanted: Wanted, found: Found) -> None:
    told = {
        (it.spec.webhook.namespace, it.spec.webhook.name): it.spec.webhook.version
        for it in wanted.configs
        if it.spec.admission.mode == "Webhook"
    }
    for service in _called(view):
        for it in _deployments(view, service):
            about = describe(it, "Deployment")
            for container in it["spec"]["template"]["spec"].get("containers") or []:
                image = container.get("image", "")
                tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
                version = parse_version(told.get((it["metadata"]["namespace"], it["metadata"]["name"])) or tag)
                if version is None:
                    continue
                for lacking in _lacking(view, container, version):
                    cure = (
                        f"set webhook.image in the config to {NEWEST}, and {RENDER}"
                        if wanted.is_given
                        else f"set the image's tag to {NEWEST}"
                    )
                    found.problem(about, f"{image} {lacking}; {cure}")
                if not found.problems:
                    found.holds(f"{about} runs version {shown(version)} of the webhook")


def _lacking(view: View, container: Object, version: tuple[int, int, int]) -> Iterator[str]:
    env = {it.get("name"): it.get("value") for it in container.get("env") or []}
    if env.get("RANDOM_HOSTNAME") == "true" and version < RANDOM_HOST_NAMES:
        yield f"does not support RANDOM_HOSTNAME, which is set ({shown(RANDOM_HOST_NAMES)} does)"
    if any("cert-reload" in it and "false" not in it for it in container.get("args") or []) and (
        version < CERTIFICATE_RELOAD
    ):
        yield f"does not support --cert-reload, which is set ({shown(CERTIFICATE_RELOAD)} does)"
    if version < INIT_CONTAINERS and not any("initContainers" in it.text for it in find_policies(view)):
        yield (
            f"does not check init containers ({shown(INIT_CONTAINERS)} does), and no policy does, so they may use any"
            " credential spec"
        )


# What is behind a webhook configuration


def _services(view: View) -> dict[tuple[str, str], Object]:
    return {(it["metadata"]["namespace"], it["metadata"]["name"]): it for it in view.items("services")}


def _called(view: View) -> list[Object]:
    """The Services that webhooks of gMSA are called by."""
    services = _services(view)
    names = dict.fromkeys(it.service for it in find_webhooks(view) if it.service is not None)
    return [services[name] for name in names if name in services]


def _endpoints(view: View, service: Object) -> tuple[int, int]:
    """How many are ready, and how many there are."""
    metadata = service["metadata"]
    endpoints = [
        endpoint
        for it in view.items("endpointslices")
        if it["metadata"]["namespace"] == metadata["namespace"]
        and (it["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == metadata["name"]
        for endpoint in it.get("endpoints") or []
    ]
    ready = [it for it in endpoints if (it.get("conditions") or {}).get("ready") is not False]
    return len(ready), len(endpoints)


def _deployments(view: View, service: Object) -> list[Object]:
    return [
        it
        for it in view.items("deployments")
        if _is_selected(service, it["metadata"]["namespace"], it["spec"]["template"]["metadata"])
    ]


def _pods(view: View, service: Object) -> list[Object]:
    return [it for it in view.items("pods") if _is_selected(service, it["metadata"]["namespace"], it["metadata"])]


def _is_selected(service: Object, namespace: str, metadata: Object) -> bool:
    selector = service["spec"].get("selector")
    labels = metadata.get("labels") or {}
    is_in_namespace = bool(selector) and service["metadata"]["namespace"] == namespace
    return is_in_namespace and all(labels.get(key) == value for key, value in selector.items())


def _why_no_pods(deployment: Object) -> str:
    about = describe(deployment, "Deployment")
    if not deployment["spec"].get("replicas", 1):
        metadata = deployment["metadata"]
        scale = f"kubectl -n {metadata['namespace']} scale deployment/{metadata['name']} --replicas=2"
        return f"{about} has 0 replicas; run {scale}"
    failure = _condition(deployment, "ReplicaFailure").get("message")
    return f"{about} has no pod ({failure or 'no reason given'}); {_look_at(deployment)}"


def _why_not_ready(pods: list[Object]) -> str:
    """The reason of the first pod that is not ready; empty if all are."""
    for pod in pods:
        ready = _condition(pod, "Ready")
        if ready.get("status") == "True":
            continue
        name = f"Pod {pod['metadata']['name']}"
        for it in (pod.get("status") or {}).get("containerStatuses") or []:
            for state in _NEVER_READY:
                told = (it.get("state") or {}).get(state)
                if told:
                    last = ((it.get("lastState") or {}).get("terminated") or {}).get("message") or told.get("message")
                    return f"{name} is {state}: {told.get('reason')}{f' ({last})' if last else ''}"
        scheduled = _condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            return f"{name} is not scheduled: {scheduled.get('message')}"
        return f"{name} is not ready: {ready.get('message') or 'its probe has not succeeded'}"
    return ""


def _look(pod: Object) -> str:
    metadata = pod["metadata"]
    return f"see kubectl -n {metadata['namespace']} describe pod {metadata['name']}"


def _look_at(deployment: Object) -> str:
    metadata = deployment["metadata"]
    return f"see kubectl -n {metadata['namespace']} describe deployment {metadata['name']}"


def _condition(item: Object, type: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or []
    found: Object = next((it for it in conditions if it.get("type") == type), {})
    return found


_BEHIND = (*WEBHOOK_LISTS, "services", "endpointslices", "deployments", "pods")
CHECKS = (
    Check("webhook-service-missing", ERROR, "webhook", _service, lists=(*WEBHOOK_LISTS, "services")),
    Check("webhook-unavailable", ERROR, "webhook", _available, lists=_BEHIND, after=("webhook-service-missing",)),
    Check("webhook-degraded", WARNING, "webhook", _degraded, lists=_BEHIND, after=("webhook-unavailable",)),
    Check("webhook-image-too-old", WARNING, "webhook", _image, lists=(*_BEHIND, *POLICY_LISTS)),
)
