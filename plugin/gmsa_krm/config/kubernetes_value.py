"""A field whose value goes into a manifest unchanged, if it has the shape that the Kubernetes API expects.

A shape is a mapping of keys to shapes ("*" for every key), a list with the shape of its entries, or one of the words
string, label, quantity, integer, any.
"""

from __future__ import annotations

import re

from gmsa_krm.config.declaration import Field, is_scalar, shown
from gmsa_krm.config.plain_data import INTEGER, below, plain_data, unquoted
from gmsa_krm.yamltext.nodes import KIND_NAMES, MAPPING, SEQUENCE, Node
from gmsa_krm.yamltext.scalars import meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.declaration import Schema
    from gmsa_krm.config.plain_data import Shape
    from gmsa_krm.findings import Report

QUANTITY = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
LABEL_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"

TOLERATION: Shape = {
    "key": "string",
    "operator": "string",
    "value": "string",
    "effect": "string",
    "tolerationSeconds": "integer",
}
# Lt and Gt need a feature of the cluster.
TOLERATION_OPERATORS = ("", "Equal", "Exists", "Lt", "Gt")
TAINT_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
_AFFINITY_TERMS: Shape = {
    "requiredDuringSchedulingIgnoredDuringExecution": "any",
    "preferredDuringSchedulingIgnoredDuringExecution": "any",
}
AFFINITY: Shape = {"nodeAffinity": _AFFINITY_TERMS, "podAffinity": _AFFINITY_TERMS, "podAntiAffinity": _AFFINITY_TERMS}
RESOURCES: Shape = {
    "requests": {"*": "quantity"},
    "limits": {"*": "quantity"},
    "claims": [{"name": "string", "request": "string"}],
}


def kubernetes_value(doc: str, shape: Shape, **rest: Any) -> Any:
    return _KubernetesValue(doc, shape, **rest)


def check_tolerations(tolerations: list[dict[str, Any]], node: Node | None, path: str, report: Report) -> None:
    """Reports what the API server refuses (core/validation, ValidateTolerations)."""
    for index, toleration in enumerate(tolerations):
        message = _refused_toleration(toleration)
        if message:
            report.error("toleration", message, node, f"{path}[{index}]")


def _refused_toleration(toleration: dict[str, Any]) -> str:
    operator, effect = toleration.get("operator", ""), toleration.get("effect", "")
    if operator not in TOLERATION_OPERATORS:
        return f"has the operator {shown(operator)}; write Equal or Exists"
    if effect not in TAINT_EFFECTS:
        return f"has the effect {shown(effect)}; write NoSchedule, PreferNoSchedule or NoExecute"
    if not toleration.get("key") and operator != "Exists":
        return "has no key, which the API server takes with operator: Exists only; give the key of the taint"
    if operator == "Exists" and toleration.get("value"):
        return "has a value, which the API server refuses with operator: Exists; remove it, or write operator: Equal"
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        return (
            "has tolerationSeconds, which the API server takes with effect: NoExecute only; add the effect, or"
            " remove tolerationSeconds"
        )
    return ""


class _KubernetesValue(Field):
    def __init__(self, doc: str, shape: Shape, **rest: Any) -> None:
        super().__init__(doc, **rest)
        self.shape = shape

    def read(self, node: Node, path: str, report: Report) -> Any:
        earlier = len(report.findings)
        data = plain_data(node, path, report, self.shape)
        if len(report.findings) == earlier:
            _check_shape(node, self.shape, path, report)
        return data if len(report.findings) == earlier else None

    def type_schema(self) -> Schema:
        return _shape_schema(self.shape)


def _check_shape(node: Node, shape: Shape, path: str, report: Report) -> None:
    if shape == "any":
        return
    if isinstance(shape, dict):
        _check_mapping(node, shape, path, report)
    elif isinstance(shape, list):
        if node.kind != SEQUENCE:
            report.error("type", f"must be a list, but is {KIND_NAMES[node.kind]}", node, path)
            return
        for index, item in enumerate(node.items):
            _check_shape(item, shape[0], f"{path}[{index}]", report)
    elif is_scalar(node, path, report, f"a {shape}"):
        _check_scalar(node, shape, path, report)


def _check_mapping(node: Node, shape: dict[str, Shape], path: str, report: Report) -> None:
    if node.kind != MAPPING:
        report.error("type", f"must be a mapping, but is {KIND_NAMES[node.kind]}", node, path)
        return
    for key, value in node.entries():
        inner = shape.get(key.text, shape.get("*"))
        if inner is None:
            from gmsa_krm.findings.suggest import suggestion_for

            message = f"unknown field{suggestion_for(report, key.text, shape)}"
            report.error("unknown-field", message, key, below(path, key.text))
        else:
            _check_shape(value, inner, below(path, key.text), report)


def _check_scalar(node: Node, shape: str, path: str, report: Report) -> None:
    is_plain = not node.style and node.tag is None
    if shape == "integer" and (node.style or not re.fullmatch(INTEGER, node.text)):
        report.error("type", f"{shown(node.text)} is not a whole number; write digits without quotes", node, path)
    elif shape == "quantity" and not re.fullmatch(QUANTITY, node.text):
        report.error("type", f"{shown(node.text)} is not a quantity; write one such as 100m or 128Mi", node, path)
    elif shape in ("string", "label") and is_plain and meaning(node.text) != "string":
        report.error("unquoted", unquoted(node.text), node, path)
    elif shape == "label" and not re.fullmatch(LABEL_VALUE, node.text):
        message = f"{shown(node.text)} is not a label value; use at most 63 letters, digits, -, _ and ."
        report.error("label", message, node, path)


def _shape_schema(shape: Shape) -> Schema:
    if isinstance(shape, dict):
        every = shape.get("*")
        if every is not None:
            return {"type": "object", "additionalProperties": _shape_schema(every)}
        properties = {key: _shape_schema(inner) for key, inner in shape.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(shape, list):
        return {"type": "array", "items": _shape_schema(shape[0])}
    types = {"string": "string", "label": "string", "integer": "integer", "quantity": ["string", "number"]}
    return {"type": types[shape]} if shape in types else {}
