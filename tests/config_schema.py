"""The JSON Schema of GMSAConfig as an editor uses it, compared with what gmsa-krm finds in the same config.

YAML is read by the core schema of YAML 1.2, as the language server for YAML reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Protocol

import jsonschema
import yaml

from gmsa_krm.config.json_schema import json_schema

# Rules about the form of a value or of a section: the schema says the same.
IN_SCHEMA = frozenset(
    [
        "account-name",
        "account-sid",
        "computer-name",
        "credspec-source",
        "disruption-budget",
        "dns-name",
        "domain-guid",
        "domain-sid",
        "duration",
        "empty-match",
        "field-path",
        "image",
        "kube-version",
        "kubernetes-name",
        "label",
        "mount-path",
        "netbios-name",
        "one-of",
        "plugin-guid",
        "range",
        "required",
        "type",
        "unknown-field",
        "unknown-value",
        "webhook-os",
        "webhook-version",
    ]
)
# What a schema cannot say about these fields, and why.
NOT_IN_SCHEMA = (
    ("domain-sid", r"", r"above 4294967295"),  # a number in a text
    ("account-name", r"", r"variable|placeholder"),  # as a part of the text
    ("required", r"\.name", r"has no RFC 1123 form"),  # follows from another field
    ("unknown-field", r"\.contents\b", r""),  # JSON in a text
)


class Found(Protocol):
    severity: str
    rule: str
    field: str
    message: str
    file: str


class CoreLoader(yaml.CSafeLoader):
    """YAML 1.2, core schema."""


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", "<"),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


@cache
def validator() -> Any:
    # In JavaScript $ is the end; in Python it is before a line break at the end, too.
    schema = json.dumps(json_schema()).replace('$"', r'\\Z"')
    return jsonschema.Draft7Validator(json.loads(schema))


def errors(config: Any) -> list[str]:
    """What the schema says about a config."""
    return [f"{'.'.join(map(str, it.path))}: {it.message[:200]}" for it in validator().iter_errors(config)]


def disagreement(text: str, findings: Iterable[Found]) -> str:
    """How the schema and the findings in the text of a config disagree; "" if they do not."""
    try:
        documents = list(yaml.load_all(text, Loader=CoreLoader))
    except (yaml.YAMLError, ValueError):  # a tag that does not fit
        return ""
    if len(documents) != 1 or not isinstance(documents[0], dict) or documents[0].get("kind") != "GMSAConfig":
        return ""
    wrong = [it for it in findings if it.severity == "error"]
    said = errors(documents[0])
    if said and not wrong:
        return f"the config has no error, and the schema says {said[:3]}"
    for finding in wrong:
        if not said and _is_in_schema(finding):
            return f"the schema does not find {finding.rule}: {finding.field}: {finding.message}"
    return ""


def _is_in_schema(finding: Found) -> bool:
    if finding.rule not in IN_SCHEMA or not re.match(r"spec\b|metadata\b|kind$|apiVersion$", finding.field):
        return False
    return not any(
        finding.rule == rule and re.search(field, finding.field) and re.search(words, finding.message)
        for rule, field, words in NOT_IN_SCHEMA
    )
