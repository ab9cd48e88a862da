"""What of Kubernetes' objects the checks read, so that they may rely on it, whatever it is that answers.

A shape is the type of a scalar, `[shape]` for a list, or a mapping with the shapes of the keys that are read: `name!`
has to be there, and `*` is every other key. null is the same as absent, as for Go.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Shape = type | list[Any] | dict[str, Any]

_NAME = 63  # as much of a key as a message shows
_TEXTS = {"*": str}
_FIELDS = {"manager": str, "operation": str, "time": str, "fieldsV1": {"f:metadata": {"f:labels": {}}}}
_OWNERS = [{"kind": str, "name": str, "controller": bool}]
_CLUSTER_WIDE = {
    "name!": str,
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "ownerReferences": _OWNERS,
    "managedFields": [_FIELDS],
}
_NAMESPACED = {**_CLUSTER_WIDE, "namespace!": str}
_CONDITIONS = [{"type": str, "status": str, "message": str}]
_SELECTOR = {"matchLabels": _TEXTS, "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}]}
_SECURITY = {"windowsOptions": {"gmsaCredentialSpecName": str, "gmsaCredentialSpec": str}}
_CONTAINER = {"name!": str, "securityContext": _SECURITY}
_POD = {
    "serviceAccountName": str,
    "nodeName": str,
    "nodeSelector": _TEXTS,
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str}],
    "securityContext": _SECURITY,
    "initContainers": [_CONTAINER],
    "containers": [_CONTAINER],
    "ephemeralContainers": [_CONTAINER],
}
_STATE = {"*": {"reason": str, "message": str}}
_TEMPLATE = {"metadata": {"labels": _TEXTS, "annotations": _TEXTS}, "spec!": _POD}
_OF_WEBHOOK = {**_CONTAINER, "image": str, "args": [str], "env": [{"name": str, "value": str}]}
_TEMPLATE_OF_WEBHOOK = {"metadata!": _TEMPLATE["metadata"], "spec!": {**_POD, "containers": [_OF_WEBHOOK]}}
_WORKLOAD = {"metadata!": _NAMESPACED, "spec!": {"template!": _TEMPLATE}}
_OF_CLUSTER = {"metadata!": _CLUSTER_WIDE}
_OF_NAMESPACE = {"metadata!": _NAMESPACED}
_WEBHOOKS = {
    **_OF_CLUSTER,
    "webhooks": [
        {
            "name!": str,
            "clientConfig!": {"service": {"namespace!": str, "name!": str, "port": int}, "caBundle": str},
            "failurePolicy": str,
            "namespaceSelector": _SELECTOR,
            "objectSelector": _SELECTOR,
            "matchConditions": [{}],
        }
    ],
}
_POLICY = {
    **_OF_CLUSTER,
    "spec!": {"failurePolicy": str, "matchConstraints": {"namespaceSelector": _SELECTOR}},
    "status": {"typeChecking": {"expressionWarnings": [{"fieldRef": str, "warning": str}]}},
}
_POLICY_BINDING = {
    **_OF_CLUSTER,
    "spec!": {
        "policyName": str,
        "validationActions": [str],
        "matchResources": {"namespaceSelector": _SELECTOR},
    },
}

# The objects of each list of `view.LISTS`. `access` judges rules, subjects and roleRef, `credspecs` contents.
_OBJECTS: dict[str, dict[str, Any]] = {
    "namespaces": _OF_CLUSTER,
    "nodes": {
        **_OF_CLUSTER,
        "spec": {"taints": [{"key": str, "value": str, "effect": str}]},
        "status": {
            "addresses": [{"type": str, "address": str}],
            "nodeInfo": {"operatingSystem": str, "kernelVersion": str, "containerRuntimeVersion": str},
        },
    },
    "pods": {
        "metadata!": {
            "name!": str,
            "namespace!": str,
            "labels": _TEXTS,
            "ownerReferences": _OWNERS,
            "deletionTimestamp": str,
        },
        "spec!": _POD,
        "status": {
            "phase": str,
            "conditions": _CONDITIONS,
            "containerStatuses": [{"name": str, "state": _STATE, "lastState": _STATE}],
        },
    },
    "serviceaccounts": _OF_NAMESPACE,
    "services": {**_OF_NAMESPACE, "spec!": {"ports": [{"port": int}], "selector": _TEXTS}},
    "events": {
        **_OF_NAMESPACE,
        "involvedObject": {"kind": str, "namespace": str, "name": str},
        "message": str,
        "count": int,
        "lastTimestamp": str,
        "eventTime": str,
        "series": {"count": int, "lastObservedTime": str},
    },
    "deployments": {
        "metadata!": _NAMESPACED,
        "spec!": {"replicas": int, "template!": _TEMPLATE_OF_WEBHOOK},
        "status": {"readyReplicas": int, "conditions": _CONDITIONS},
    },
    "daemonsets": _WORKLOAD,
    "statefulsets": _WORKLOAD,
    "jobs": _WORKLOAD,
    "cronjobs": {"metadata!": _NAMESPACED, "spec!": {"jobTemplate!": {"spec!": {"template!": _TEMPLATE}}}},
    "endpointslices": {**_OF_NAMESPACE, "endpoints": [{"conditions": {"ready": bool}}]},
    "clusterroles": _OF_CLUSTER,
    "clusterrolebindings": _OF_CLUSTER,
    "roles": _OF_NAMESPACE,
    "rolebindings": _OF_NAMESPACE,
    "validatingwebhookconfigurations": _WEBHOOKS,
    "mutatingwebhookconfigurations": _WEBHOOKS,
    "validatingadmissionpolicies": _POLICY,
    "validatingadmissionpolicybindings": _POLICY_BINDING,
    "mutatingadmissionpolicies": _POLICY,
    "mutatingadmissionpolicybindings": _POLICY_BINDING,
    "gmsacredentialspecs": _OF_CLUSTER,
    "certificates": {
        **_OF_NAMESPACE,
        "status": {"notAfter": str, "renewalTime": str, "conditions": _CONDITIONS},
    },
    "issuers": _OF_NAMESPACE,
    "poddisruptionbudgets": _OF_NAMESPACE,
}
ITEMS: dict[str, Shape] = {name: {"apiVersion!": str, "kind!": str, **it} for name, it in _OBJECTS.items()}
VERSION: Shape = {"gitVersion!": str}
REVIEW: Shape = {"status": {"allowed": bool, "denied": bool}}
CRD: Shape = {
    "spec!": {"versions": [{"name!": str, "served": bool, "storage": bool}]},
    "status": {"conditions": _CONDITIONS},
}


def fit(value: object, shape: Shape, path: str = "") -> str:
    """Why the value has another shape, with the first field that has; "" if it fits. Takes out what is null."""
    if isinstance(shape, type):
        # True is an int to Python.
        return "" if type(value) is shape else f"{path} is not {_NAMES[shape]}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is not a list"
        problems = (fit(it, shape[0], f"{path}[{index}]") for index, it in enumerate(value))
        return next(filter(None, problems), "")
    if not isinstance(value, dict):
        return f"{path or 'it'} is not a mapping"
    return _fit_keys(value, shape, f"{path}." if path else "")


def _fit_keys(value: dict[str, Any], shape: dict[str, Any], prefix: str) -> str:
    """There are very many keys in a large cluster, so what needs no call has none."""
    for key, inner in shape.items():
        if key == "*":
            for name, given in value.items():
                if type(given) is not inner and (problem := fit(given, inner, f"{prefix}{name[:_NAME]}")):
                    return problem
            continue
        name = key.rstrip("!")
        given = value.get(name)
        if given is None:
            if name != key:
                return f"{prefix}{name} is missing"
            value.pop(name, None)
        elif type(given) is not inner and (problem := fit(given, inner, f"{prefix}{name}")):
            return problem
    return ""


_NAMES: dict[type, str] = {str: "a string", int: "an integer", bool: "true or false"}
