"""Label selectors (apimachinery, pkg/labels and pkg/apis/meta/v1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def selects(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches labels: an empty or absent one does, one that is not valid does not."""
    if selector is None:
        return True
    if not isinstance(selector, dict):
        return False
    wanted, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not isinstance(wanted, dict) or not isinstance(expressions, list):
        return False
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _matches(expression, labels) for expression in expressions
    )


def _matches(expression: Any, labels: Mapping[str, str]) -> bool:
    """An absent label is not in any set of values."""
    if not isinstance(expression, dict) or not isinstance(expression.get("key"), str):
        return False
    value, operator, values = labels.get(expression["key"]), expression.get("operator"), expression.get("values")
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) is (operator == "Exists")
    if operator not in ("In", "NotIn") or not isinstance(values, list):
        return False
    return (value in values) is (operator == "In")
