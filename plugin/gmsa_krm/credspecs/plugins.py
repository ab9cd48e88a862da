"""Container Credential Guard plugins, which give a gMSA's password to nodes that are not joined to the domain."""

from __future__ import annotations

import re

from gmsa_krm.findings import error_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gmsa_krm.findings import Issue

    # A plugin's input: the string that it reads, or a mapping that is converted to that string.
    PluginInput = str | dict[str, str]


class Plugin:
    """A plugin with a name. `guid` is the GUID in its vendor's documentation, `keys` are those of its input."""

    __slots__ = ("form", "guid", "keys", "pattern")

    def __init__(self, guid: str, keys: tuple[str, ...], pattern: str, form: str) -> None:
        self.guid = guid
        self.keys = keys
        self.pattern = pattern
        self.form = form


PLUGINS = {
    "AzureKeyVault": Plugin(
        "{CCC2A336-D7F3-4818-A213-272B7924213E}",
        ("ObjectId", "SecretUri"),
        # Atomic: no later /secrets/ is tried, which would take quadratic time.
        r"ObjectId=[^;\s]+;SecretUri=(?>https://[^;\s]+?/secrets/)[^;\s]+",
        "ObjectId=<managed identity's object id>;SecretUri=https://<vault>.vault.azure.net/secrets/<secret>",
    ),
    "AWS": Plugin(
        "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
        ("credentialArn",),
        r"arn:aws[a-z-]*:(?:secretsmanager|ssm):[a-z0-9-]+:[0-9]{12}:\S+",
        '{"credentialArn":"arn:aws:secretsmanager:<region>:<account>:secret:<name>"} (or the ARN of an SSM parameter)',
    ),
    "Rancher": Plugin(
        "{e4781092-f116-4b79-b55e-28eb6a224e26}",
        ("namespace", "secret"),
        r"[^:\s]+:[^:\s]+",
        "<namespace>:<secret>, with one colon",
    ),
}


def host_account_config(plugin: str, value: PluginInput) -> dict[str, Any]:
    """The HostAccountConfig of a credential spec. `plugin`: a name of PLUGINS, or a GUID in braces."""
    return {
        "PluginGUID": PLUGINS[plugin].guid if plugin in PLUGINS else plugin,
        "PluginInput": plugin_input(plugin, value),
        "PortableCcgVersion": "1",
    }


def plugin_input(plugin: str, value: PluginInput) -> str:
    """The string that the plugin reads."""
    if isinstance(value, str):
        return value
    if plugin == "AzureKeyVault":
        return f"ObjectId={value['ObjectId']};SecretUri={value['SecretUri']}"
    if plugin == "Rancher":
        return f"{value['namespace']}:{value['secret']}"
    import json

    return json.dumps(value, separators=(",", ":"))


def check_plugin(plugin: str) -> Iterable[Issue]:
    """The issues of a plugin's name or GUID."""
    if plugin in PLUGINS:
        return ()
    if re.search(r"[0-9]", plugin):
        from gmsa_krm.credspecs.values import plugin_guid

        return plugin_guid(plugin)
    from gmsa_krm.findings.suggest import suggestion

    message = f"{plugin} is not a known plugin{suggestion(plugin, PLUGINS)}; give another plugin by its GUID in braces"
    return (error_issue("unknown-value", message),)


def check_plugin_input(plugin: str, value: PluginInput) -> Iterator[tuple[str, Issue]]:
    """(key of the input, or "" for all of it; issue) for each issue; none for an unknown plugin."""
    known = PLUGINS.get(plugin)
    if known is None:
        return
    if isinstance(value, dict):
        is_complete = True
        for key, issue in _check_keys(plugin, known, value):
            is_complete = False
            yield key, issue
        if not is_complete:
            return
    text = plugin_input(plugin, value)
    if not (_is_arn(text) if plugin == "AWS" else re.fullmatch(known.pattern, text)):
        yield "", error_issue("plugin-input", f"is not what {plugin} reads; write {known.form}")


def _check_keys(plugin: str, known: Plugin, value: dict[str, str]) -> Iterator[tuple[str, Issue]]:
    for key in value:
        if key not in known.keys:
            from gmsa_krm.findings.suggest import suggestion

            message = f"unknown field of {plugin}'s input{suggestion(key, known.keys)}"
            yield key, error_issue("unknown-field", message)
    for key in known.keys:
        if not value.get(key):
            yield key, error_issue("required", f"is missing; {plugin} needs {' and '.join(known.keys)}")


def _is_arn(text: str) -> bool:
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or set(value) != {"credentialArn"}:
        return False
    return bool(re.fullmatch(PLUGINS["AWS"].pattern, str(value["credentialArn"])))
