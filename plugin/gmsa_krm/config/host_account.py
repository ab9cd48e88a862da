"""The input of the Container Credential Guard plugins: what each wants, and how a mapping becomes its string."""

from __future__ import annotations

import re

from gmsa_krm.config import values
from gmsa_krm.config.fields import Report, guess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.model import HostAccount

# {plugin: (GUID, keys of its input)}; the GUIDs are those that the vendors document.
PLUGINS = {
    "AzureKeyVault": ("{CCC2A336-D7F3-4818-A213-272B7924213E}", ("ObjectId", "SecretUri")),
    "AWS": ("{859E1386-BDB4-49E8-85C7-3070B13920E1}", ("credentialArn",)),
    "Rancher": ("{e4781092-f116-4b79-b55e-28eb6a224e26}", ("namespace", "secret")),
}

_AZURE = r"ObjectId=(?P<id>[^;\s]+);SecretUri=(?P<uri>https://[^;\s]+/secrets/[^;\s]+)"
_ARN = r"arn:aws[a-z-]*:(?:secretsmanager|ssm):[a-z0-9-]+:[0-9]{12}:\S+"
_RANCHER = r"[^:\s]+:[^:\s]+"


def plugin_guid(plugin: str) -> str:
    return PLUGINS[plugin][0] if plugin in PLUGINS else plugin


def plugin_input(plugin: str, given: str | dict[str, str]) -> str:
    """The string that the plugin reads; a mapping is written as the plugin wants it."""
    if isinstance(given, str):
        return given
    if plugin == "AzureKeyVault":
        return f"ObjectId={given['ObjectId']};SecretUri={given['SecretUri']}"
    if plugin == "Rancher":
        return f"{given['namespace']}:{given['secret']}"
    import json

    return json.dumps(given, separators=(",", ":"))


def check_host_account(section: HostAccount, report: Report) -> None:
    plugin = section.plugin
    if plugin not in PLUGINS:
        path = f"{section.path}.plugin"
        if re.search(r"[0-9]", plugin):
            for remark in values.plugin_guid(plugin):
                report.add(section.at("plugin"), path, remark)
        else:
            report.error(
                section.at("plugin"),
                path,
                "unknown-value",
                f"{plugin} is no known plugin{guess(plugin, PLUGINS)}; another one is given by its GUID in braces",
            )
        return
    path, node = f"{section.path}.input", section.at("input")
    if isinstance(section.input, dict):
        keys = PLUGINS[plugin][1]
        for key in section.input:
            if key not in keys:
                report.error(
                    node, f"{path}.{key}", "unknown-field", f"unknown field of {plugin}'s input{guess(key, keys)}"
                )
        for key in keys:
            if not section.input.get(key):
                report.error(node, f"{path}.{key}", "required", f"is missing; {plugin} needs {' and '.join(keys)}")
        if set(section.input) != set(keys) or not all(section.input.values()):
            return
    written = plugin_input(plugin, section.input)
    if plugin == "AzureKeyVault" and not re.fullmatch(_AZURE, written):
        cure = "ObjectId=<managed identity's object id>;SecretUri=https://<vault>.vault.azure.net/secrets/<secret>"
    elif plugin == "AWS" and not _arn(written):
        cure = '{"credentialArn":"arn:aws:secretsmanager:<region>:<account>:secret:<name>"} (or the ARN of an SSM parameter)'
    elif plugin == "Rancher" and not re.fullmatch(_RANCHER, written):
        cure = "<namespace>:<secret>, with one colon"
    else:
        return
    report.error(node, path, "plugin-input", f"is not what {plugin} reads; write {cure}")


def _arn(written: str) -> bool:
    import json

    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(value, dict)
        and set(value) == {"credentialArn"}
        and bool(re.fullmatch(_ARN, str(value["credentialArn"])))
    )
