"""What the JSON Schema of GMSAConfig says beyond types, for editors: patterns, null, fields that depend on others.

It is looser than the checks where JSON Schema cannot say the same. It is draft 07, without what SchemaStore's checks
refuse: a list of types, a `required` without its properties. Patterns have no lookaround, which some readers lack.
"""

from __future__ import annotations

import re

from gmsa_krm.config import values, webhook_image
from gmsa_krm.config.admission import AcceptedContents
from gmsa_krm.config.certificate import SOURCES, Certificate
from gmsa_krm.config.credspecs import AdditionalAccount, CredspecEntry, HostAccount
from gmsa_krm.config.kubernetes_value import LABEL_VALUE, QUANTITY, TAINT_EFFECTS, TOLERATION, TOLERATION_OPERATORS
from gmsa_krm.config.nodes import COMPUTER, computer
from gmsa_krm.config.webhook import PodDisruptionBudget, Webhook
from gmsa_krm.config.workloads import Match, WorkloadEntry
from gmsa_krm.credspecs import values as credspec_values
from gmsa_krm.credspecs.plugins import PLUGINS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gmsa_krm.config.declaration import Field, Schema, Section


def _pattern(expression: str, *, unless: str = "", **more: Any) -> Schema:
    """The whole text has to match `expression`, and no part of it `unless`. Groups with names are Python's."""
    if unless:
        more["not"] = {"type": "string", "pattern": unless}
    return {"pattern": f"^(?:{re.sub(r'[?]P<[a-z]+>', '?:', expression)})$", **more}


_NAME = _pattern(values.SUBDOMAIN, maxLength=253)
_ACCOUNT = credspec_values.NOT_IN_ACCOUNT[1:-1]
_NETBIOS = f"[^{credspec_values.NOT_IN_NETBIOS[1:]}{{1,15}}"
_BY_CHECK: dict[Callable[[str], object], Schema] = {
    values.subdomain_name: _NAME,
    values.label_name: _pattern(values.LABEL),
    values.service_name: _pattern(values.SERVICE_NAME),
    values.service_account: _pattern(rf"\*|{values.SUBDOMAIN}", maxLength=253),
    values.field_path: _pattern(values.FIELD_PATH),
    values.mount_path: _pattern(values.MOUNT_PATH, unless=r"\.\."),
    values.duration: _pattern(values.DURATION, unless="^(?:0+[hms])+$"),
    values.kube_version: _pattern(values.KUBE_VERSION),
    values.webhook_version: _pattern(webhook_image.VERSION),
    values.image: _pattern(values.IMAGE),
    credspec_values.account: _pattern(rf"[^\s$#{_ACCOUNT}](?:[^{_ACCOUNT}]{{0,18}}[^\s${_ACCOUNT}])?"),
    credspec_values.domain_sid: _pattern(credspec_values.SID),
    credspec_values.domain_guid: _pattern(credspec_values.GUID, unless="^[0-]*$"),
    credspec_values.dns_name: _pattern(credspec_values.DNS_NAME, maxLength=253),
    credspec_values.netbios_name: _pattern(_NETBIOS),
    credspec_values.scope: _pattern(f"{credspec_values.DNS_NAME}|{_NETBIOS}"),
    computer: _pattern(COMPUTER),
}
# Fields whose sections check them.
_BY_FIELD: dict[tuple[type[Section], str], Schema] = {
    (HostAccount, "plugin"): _pattern(rf"{'|'.join(PLUGINS)}|\{{{credspec_values.GUID}\}}"),
    (WorkloadEntry, "credspec"): _NAME,
    (AcceptedContents, "credspec"): _NAME,
}


def add_rules(schema: Schema, section: type[Section]) -> None:
    """Adds what holds beyond types to the schema of a section, and to those of its fields."""
    for key, field in section.fields.items():
        _add_to_field(schema["properties"][key], field)
        schema["properties"][key].update(_BY_FIELD.get((section, key), {}))
        if not field.required:
            _allow_null(schema["properties"][key])
    rules = _rules_of(section)
    if rules:
        schema["allOf"] = rules


def _add_to_field(schema: Schema, field: Field) -> None:
    section, item, shape = (getattr(field, it, None) for it in ("section", "item", "shape"))
    if section is not None:
        add_rules(schema, section)
    elif item is not None:
        for form in schema.get("anyOf", [schema]):  # a list, or a list and something in place of it
            if form.get("type") == "array":
                _add_to_field(form["items"], item)
            elif "const" not in form:
                _add_to_field(form, item)
    elif shape is not None:
        _add_to_shape(schema, shape)
    else:
        schema.update(_BY_CHECK.get(getattr(field, "check", None), {}))  # type: ignore[arg-type]
    _without_list_of_types(schema)


def _add_to_shape(schema: Schema, shape: Any) -> None:
    """A value of Kubernetes, see kubernetes_value."""
    if isinstance(shape, list):
        _add_to_shape(schema["items"], shape[0])
    elif isinstance(shape, dict) and "*" in shape:
        _add_to_shape(schema["additionalProperties"], shape["*"])
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            _add_to_shape(schema["properties"][key], inner)
        if shape is TOLERATION:
            schema["properties"]["operator"]["enum"] = list(TOLERATION_OPERATORS)
            schema["properties"]["effect"]["enum"] = list(TAINT_EFFECTS)
    elif shape == "label":
        schema.update(_pattern(LABEL_VALUE))
    elif shape == "quantity":
        schema.update(_pattern(QUANTITY))
    _without_list_of_types(schema)


def _without_list_of_types(schema: Schema) -> None:
    types = schema.get("type")
    if not isinstance(types, list):
        return
    del schema["type"]
    forms: list[Schema] = [{"type": it} for it in types]
    for form in forms:
        for word in {"string": ("pattern",), "object": ("additionalProperties",)}.get(form["type"], ()):
            if word in schema:
                form[word] = schema.pop(word)
    schema["anyOf"] = forms


def _allow_null(schema: Schema) -> None:
    """A field that is null counts as absent."""
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    elif "type" in schema:
        schema["type"] = [schema["type"], "null"]


def _rules_of(section: type[Section]) -> list[Schema]:
    """The rules about several fields of a section, each a schema."""
    if section is CredspecEntry:
        with_file = {"domain": False, "additionalAccounts": False, "hostAccount": False}
        return [_one_of("account", "file"), {"if": _given("file"), "then": {"properties": with_file}}]
    if section is HostAccount:
        return [_keys_of_input(name, plugin.keys) for name, plugin in PLUGINS.items()]
    if section is AcceptedContents:
        return [_one_of("file", "contents")]
    if section is AdditionalAccount:
        return [_not_both("domain", "scope")]
    if section is PodDisruptionBudget:
        return [_not_both("minAvailable", "maxUnavailable")]
    if section is Match:
        filled: list[Schema] = [
            {"properties": {key: _filled(it)}, "required": [key]} for key, it in Match.fields.items()
        ]
        return [{"anyOf": filled}]
    if section is Webhook:
        linux = {"type": ["object", "null"], "properties": {"kubernetes.io/os": {"const": "linux"}}}
        not_made = {"properties": {"createNamespace": {"const": False}}, "required": ["createNamespace"]}
        not_of_kubernetes = {"properties": {"namespace": {"not": {"type": "string", "pattern": "^(?:default$|kube-)"}}}}
        return [{"properties": {"nodeSelector": linux}}, {"if": not_made, "else": not_of_kubernetes}]
    if section is Certificate:
        return _needed_settings()
    return []


def _given(key: str) -> Schema:
    """The field is there and not null."""
    return {"properties": {key: {"not": {"type": "null"}}}, "required": [key]}


def _one_of(*keys: str) -> Schema:
    return {"oneOf": [_given(key) for key in keys]}


def _not_both(*keys: str) -> Schema:
    return {"not": {"allOf": [_given(key) for key in keys]}}


def _filled(field: Field) -> Schema:
    return {"type": "array", "minItems": 1} if hasattr(field, "item") else {"type": "string"}


def _keys_of_input(plugin: str, keys: Iterable[str]) -> Schema:
    """An input that is a mapping has the keys that the plugin reads."""
    mapping = {
        "type": "object",
        "properties": {key: {"type": "string"} for key in keys},
        "required": list(keys),
        "additionalProperties": False,
    }
    is_used = {"properties": {"plugin": {"const": plugin}}, "required": ["plugin"]}
    return {"if": is_used, "then": {"properties": {"input": {"anyOf": [{"type": "string"}, mapping]}}}}


def _needed_settings() -> list[Schema]:
    """A source with required settings needs them."""
    rules: list[Schema] = []
    for source in SOURCES:
        key = source[0].lower() + source[1:]
        settings = getattr(Certificate.fields.get(key), "section", None)
        if settings is not None and any(it.required for it in settings.fields.values()):
            is_used = {"properties": {"source": {"const": source}}, "required": ["source"]}
            rules.append({"if": is_used, "then": _given(key)})
    return rules
