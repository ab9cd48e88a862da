"""Container Credential Guard plugins, which give a gMSA's password to nodes that are not joined to the domain."""

from __future__ import annotations

import re

from gmsa_krm.credspecs.values import GUID, PLACEHOLDER, plugin_guid
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

    __slots__ = ("form", "guid", "keys")

    def __init__(self, guid: str, keys: dict[str, str], form: str) -> None:
        self.guid = guid
        self.keys = keys
        self.form = form

    @property
    def mapping(self) -> str:
        """The input as a mapping, which a GMSAConfig takes in place of the string."""
        return "{" + ", ".join(f"{key}: {value}" for key, value in self.keys.items()) + "}"


_ARN = r"arn:aws[a-z-]*:(?:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/)[^\s\"]+"

PLUGINS = {
    "AzureKeyVault": Plugin(
        "{CCC2A336-D7F3-4818-A213-272B7924213E}",
        {
            "ObjectId": "<managed identity's object id>",
            "SecretUri": "https://<vault>.vault.azure.net/secrets/<secret>",
        },
        "ObjectId=<managed identity's object id>;SecretUri=https://<vault>.vault.azure.net/secrets/<secret>",
    ),
    "AWS": Plugin(
        "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
        {"credentialArn": "arn:aws:secretsmanager:<region>:<account>:secret:<name>"},
        """'{"credentialArn":"arn:aws:secretsmanager:<region>:<account>:secret:<name>"}', in quotes, or the ARN of a"""
        " parameter of SSM there",
    ),
    "Rancher": Plugin(
        "{e4781092-f116-4b79-b55e-28eb6a224e26}",
        {"namespace": "<namespace>", "secret": "<secret>"},
        "<namespace>:<secret>, with one colon",
    ),
}


def host_account_config(plugin: str, value: PluginInput) -> dict[str, Any]:
    """The HostAccountConfig of a credential spec. `plugin`: a name of PLUGINS, or a GUID in braces."""
    return {
        "PluginGUID": PLUGINS[plugin].guid if plugin in PLUGINS else plugin,
        "PluginInput": plugin_input(plugin if plugin in PLUGINS else name_of(plugin) or plugin, value),
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
        return plugin_guid(plugin)
    from gmsa_krm.findings.suggest import suggestion

    message = f"{plugin} is not a known plugin{suggestion(plugin, PLUGINS)}; give another plugin by its GUID in braces"
    return (error_issue("unknown-value", message),)


def check_plugin_input(plugin: str, value: PluginInput) -> Iterator[tuple[str, Issue]]:
    """(key of the input, or "" for all of it; issue) for each issue, in a GMSAConfig.

    `plugin`: a name of PLUGINS, or a GUID.
    """
    name = plugin if plugin in PLUGINS else name_of(plugin)
    if name is not None and isinstance(value, dict):
        is_complete = True
        for key, issue in _check_keys(name, PLUGINS[name], value):
            is_complete = False
            yield key, issue
        if not is_complete:
            return
    known = PLUGINS.get(name or "")
    cure = (
        ""
        if known is None
        else known.mapping
        if isinstance(value, dict)
        else f"{known.form}, or a mapping with {' and '.join(known.keys)}"
    )
    yield from (("", issue) for issue in check_text(name, plugin_input(name or plugin, value), cure))


def name_of(guid: object) -> str | None:
    """The name of the plugin with a GUID, with or without braces; None for an unknown one."""
    bare = guid.strip("{}").lower() if isinstance(guid, str) else ""
    return next((name for name, known in PLUGINS.items() if known.guid.strip("{}").lower() == bare), None)


def check_version(text: str) -> Iterator[Issue]:
    """The issues of PortableCcgVersion."""
    if text != "1":
        yield error_issue("ccg-version", f'{text[:60]!a} is not a version of Container Credential Guard; write "1"')


def check_text(name: str | None, text: str, cure: str = "") -> Iterator[Issue]:
    """The issues of the string that a plugin reads. `name`: one of PLUGINS, None for an unknown plugin.

    `cure`: what to write; by default the form of that string.
    """
    # What an unknown plugin reads may look like a placeholder in part.
    placeholder = (re.search if name is not None else re.fullmatch)(PLACEHOLDER, text)
    if placeholder:
        message = f"still has the placeholder {placeholder[0][:60]}; write the value in its place"
        yield error_issue("plugin-input", message)
    elif not text.strip():
        yield error_issue("plugin-input", "is empty; write what the plugin's documentation asks for")
    elif name is not None:
        wrong = _CHECKS[name](text)
        if wrong:
            yield error_issue("plugin-input", f"is not what {name} reads: {wrong}; write {cure or PLUGINS[name].form}")


def cure_of_object(name: str | None, value: dict[str, Any]) -> str:
    """How to write an input that is an object: its string if that is right, else the form of one."""
    import json

    if name is None:
        is_flat = all(isinstance(it, str) for it in value.values())
        return f"write {json.dumps(json.dumps(value, separators=(',', ':')))[:160]}" if is_flat else "write its text"
    known = PLUGINS[name]
    by_key = {key.lower(): text for key, text in value.items() if isinstance(text, str)}
    found = {key: by_key[key.lower()] for key in known.keys if key.lower() in by_key}
    if len(found) == len(known.keys):
        text = plugin_input(name, found)
        if not list(check_text(name, text)):
            return f"write {json.dumps(text)[:320]}"
    return f"write {known.form}"


def _check_keys(plugin: str, known: Plugin, value: dict[str, str]) -> Iterator[tuple[str, Issue]]:
    for key in value:
        if key not in known.keys:
            from gmsa_krm.findings.suggest import suggestion

            message = f"unknown field of {plugin}'s input{suggestion(key, known.keys)}"
            yield key, error_issue("unknown-field", message)
    for key in known.keys:
        if not value.get(key):
            yield key, error_issue("required", f"is missing; {plugin} needs {' and '.join(known.keys)}")


def _wrong_in_azure(text: str) -> str:
    """What is wrong with the input of Azure's plugin, "" if nothing is."""
    parts = re.fullmatch(r"ObjectId=([^;]*);SecretUri=([^;]*)", text)
    if parts is None and re.search(r"\s", text):
        return "it has a space"
    if parts is None:
        keys = [part.partition("=")[0][:30] for part in text.split(";", 4)[:4]]
        return f"it needs ObjectId, a semicolon and SecretUri, and has {', '.join(map(ascii, keys))}"
    identity, uri = parts[1], parts[2]
    if not re.fullmatch(GUID, identity):
        return f"ObjectId {identity[:60]!a} is not a GUID, as the object ID of a managed identity is"
    if not uri.startswith("https://"):
        return "SecretUri does not start with https://"
    if not re.fullmatch(
        r"https://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::443)?/secrets/[A-Za-z0-9-]+(?:/[0-9A-Za-z]+)?/?", uri
    ):
        return "SecretUri does not name a secret of a vault"
    return ""


def _wrong_in_aws(text: str) -> str:
    import json

    if text.startswith("arn:"):
        return "it is a bare ARN"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "it is not JSON"
    if not isinstance(value, dict) or len(value) != 1:
        return "it is not an object with credentialArn alone"
    key, arn = next(iter(value.items()))
    if key != "credentialArn":
        return f"the key is {key[:60]!a}, and the plugin reads credentialArn"
    if not isinstance(arn, str) or not re.fullmatch(_ARN, arn):
        return "credentialArn is not the ARN of a secret in Secrets Manager or of a parameter of SSM"
    return ""


def _wrong_in_rancher(text: str) -> str:
    if text.count(":") != 1:
        return f"it has {text.count(':') or 'no'} colon{'s' if text.count(':') > 1 else ''}"
    wrong = next(
        (part for part in text.split(":") if not re.fullmatch(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", part)), None
    )
    return "" if wrong is None else f"{wrong[:60]!a} is not a name of Kubernetes"


_CHECKS = {"AWS": _wrong_in_aws, "AzureKeyVault": _wrong_in_azure, "Rancher": _wrong_in_rancher}
