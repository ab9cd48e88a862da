"""Label selectors, evaluated as apimachinery does (pkg/labels)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector selects what has these labels; an empty one selects everything."""
    matching = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return matching and all(_holds(it, labels) for it in selector.get("matchExpressions") or [])


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    value = labels.get(str(expression.get("key")))
    operator = expression.get("operator")
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) is (operator == "Exists")
    return (value in (expression.get("values") or [])) is (operator == "In")
