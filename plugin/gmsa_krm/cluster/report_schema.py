"""The JSON Schema of what `doctor -o json` prints."""

from __future__ import annotations

from gmsa_krm.cluster import API_VERSION, KIND
from gmsa_krm.findings.rules import LIVE_RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

_STATUSES = {
    "ok": "proved, just now",
    "warning": "works, but an operator should know",
    "error": "gMSA pods are refused, run as nothing, or are not checked",
    "couldNotLook": "a permission or a part of the API is missing",
    "skipped": "explained by an earlier error",
    "nothingToCheck": "the cluster and the configs have nothing that this check is about",
}


def report_schema() -> Schema:
    """A JSON Schema (draft 2020-12) of a whole report."""
    groups = list(dict.fromkeys(it.group for it in LIVE_RULES))
    ids = sorted(it.id for it in LIVE_RULES)
    check = {
        "id": _text("The check, and the rule that gmsa-krm explain explains. Ids are stable.", enum=ids),
        "group": _text("The group of the check.", enum=groups),
        "status": _text(
            "; ".join(f"{name}: {what}" for name, what in _STATUSES.items()) + ".",
            enum=list(_STATUSES),
        ),
        "problems": _list("What is wrong.", _object(_PROBLEM, "A problem.", ("object", "message"))),
        "proved": _list("What was proved, for people.", {"type": "string"}),
        "reason": _text("Why the check could not look, or not at everything."),
        "explainedBy": _text("The check whose error explains that this one was skipped.", enum=ids),
    }
    summary = {
        "errors": _number("Problems that are errors."),
        "warnings": _number("Problems that are warnings."),
        "couldNotLook": _number("Checks that could not look, or not at everything."),
    }
    required = ("id", "group", "status", "problems", "proved")
    properties = {
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": KIND},
        "checks": _list("The checks that were requested, in order.", _object(check, "A check.", required)),
        "summary": _object(summary, "How many.", tuple(summary)),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gmsa-krm.dev/schema/doctorreport-v1alpha1.json",
        "title": KIND,
        **_object(properties, "What gmsa-krm doctor -o json prints.", tuple(properties)),
    }


def _object(properties: Schema, description: str, required: tuple[str, ...]) -> Schema:
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _list(description: str, items: Schema) -> Schema:
    return {"description": description, "type": "array", "items": items}


def _text(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "string", **more}


def _number(description: str) -> Schema:
    return {"description": description, "type": "integer", "minimum": 0}


_PROBLEM = {
    "object": _text('The object, as "Kind namespace/name"; empty for the cluster as a whole.'),
    "message": _text("What is wrong, and the cure."),
}
