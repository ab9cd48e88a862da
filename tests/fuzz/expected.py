"""What a config asks for in a workload, worked out from the contract and not by the program.

Takes and gives plain data (`plain.Plain`). Where the contract leaves the exact text to the program, the expected data
hold a `Pattern` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from plain import Plain, Scalar, scalar

Data = dict[str, Any]

_TEMPLATE = ("spec", "template")
_BUILT_IN: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): _TEMPLATE,
}
_MANAGED_BY = ("app.kubernetes.io/managed-by", "gmsa-krm")
_OS = "kubernetes.io/os"


@dataclass(frozen=True)
class Pattern:
    """Stands for data that `accepts` recognises."""

    what: str
    accepts: Callable[[Plain], bool]


class Settings:
    """What the configs of a run say about workloads. `configs`: as Python's own data."""

    def __init__(self, configs: list[Any]) -> None:
        self.kinds = dict(_BUILT_IN)
        self.entries: list[Data] = []
        self.contents: dict[str, str | None] = {}  # by credspec; None where it is not worked out here
        self.existing: list[str] = []
        self.has_policy = self.has_unknown_names = False
        self._domains: dict[str, str] = {}  # DNS names, by credspec
        for config in configs:
            self._add(_mapping(_mapping(config).get("spec")))

    def _add(self, spec: Data) -> None:
        self.entries += _mappings(spec.get("workloads"))
        self.existing += [str(it) for it in spec.get("existingCredspecs") or ()]
        for kind in _mappings(spec.get("workloadKinds")):
            path = tuple(str(kind.get("podTemplate") or "spec.template").split("."))
            self.kinds[str(kind.get("apiGroup")), str(kind.get("kind"))] = path
        self.has_policy |= _mapping(spec.get("admission")).get("mode") == "Policy"
        for credspec in _mappings(spec.get("credspecs")):
            self._add_credspec(credspec, _mappings(spec.get("domains")))

    def _add_credspec(self, credspec: Data, domains: list[Data]) -> None:
        account = credspec.get("account")
        name = credspec.get("name")
        if name is None and isinstance(account, str) and re.fullmatch("[A-Za-z][A-Za-z0-9]*", account):
            name = f"gmsa-{account.lower()}"
        if not isinstance(name, str):
            self.has_unknown_names = True
            return
        wanted = credspec.get("domain")
        domain = next((it for it in domains if wanted in (None, it.get("name", it.get("dnsName")))), None)
        if domain is not None and isinstance(account, str):
            self._domains[name] = str(domain.get("dnsName"))
        self.contents[name] = None if domain is None else _contents(credspec, domain)

    def dns_name(self, credspec: Any) -> str | None:
        """None if it is not known here."""
        return self._domains.get(credspec)


def _contents(credspec: Data, domain: Data) -> str | None:
    """The credential spec as the webhook writes it into a pod."""
    account = credspec.get("account")
    if not isinstance(account, str) or not account.isascii() or "hostAccount" in credspec:
        return None
    both = [domain.get("netBiosName"), domain.get("dnsName")]
    accounts = [{"Name": account, "Scope": scope} for scope in both]
    for more in _mappings(credspec.get("additionalAccounts")):
        accounts += [
            {"Name": more.get("account"), "Scope": it} for it in ([more["scope"]] if "scope" in more else both)
        ]
    join = {
        "DnsName": domain.get("dnsName"),
        "DnsTreeName": domain.get("dnsTreeName", domain.get("dnsName")),
        "Guid": domain.get("guid"),
        "MachineAccountName": account,
        "NetBiosName": domain.get("netBiosName"),
        "Sid": domain.get("sid"),
    }
    whole = {
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": accounts},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": join,
    }
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)


def changed(document: Plain, settings: Settings, namespace: str) -> Plain:
    """The document after a run that succeeded; `namespace`: that of objects without one, "" if the host knows none."""
    is_hook = bool(text_at(document, "metadata", "annotations", "helm.sh/hook"))
    return _changed(document, settings, namespace, is_hook)


def _changed(root: Plain, settings: Settings, namespace: str, is_hook: bool) -> Plain:
    if not isinstance(root, dict):
        return root
    kind = text_at(root, "kind")
    path = settings.kinds.get((text_at(root, "apiVersion").rpartition("/")[0], kind))
    if path is None:
        items = root.get("items")
        if not isinstance(items, list):
            return root
        return {**root, "items": [_changed(item, settings, namespace, is_hook) for item in items]}
    pod = at(root, *path, "spec")
    if is_managed(root) or not isinstance(pod, dict):
        return root
    entries = settings.entries
    if is_hook and not any(
        text_at(root, "metadata", "name") in _names(match) for it in entries for match in _matches(it)
    ):
        entries = []
    for entry in entries:
        if any(_is_matched(root, match, namespace) for match in _matches(entry)):
            pod = _PodChange(pod, entry, settings).run()
    return _with_value(root, (*path, "spec"), _with_contents(pod, settings))


def references(root: Plain, settings: Settings) -> Iterator[str]:
    """The credspecs that the pod of a workload refers to, and its containers."""
    path = settings.kinds.get((text_at(root, "apiVersion").rpartition("/")[0], text_at(root, "kind")))
    pod = None if path is None else at(root, *path, "spec")
    lists = (_mapping(pod).get(key) for key in ("containers", "initContainers", "ephemeralContainers"))
    for holder in (pod, *(it for listing in lists for it in _mappings(listing))):
        name = text_at(holder, "securityContext", "windowsOptions", "gmsaCredentialSpecName")
        if name:
            yield name


def is_managed(root: Plain) -> bool:
    """Whether an object is what an earlier run emitted."""
    return text_at(root, "metadata", "labels", _MANAGED_BY[0]) == _MANAGED_BY[1]


def _matches(entry: Data) -> list[Data]:
    match = entry.get("match")
    return [match] if isinstance(match, dict) else _mappings(match)


def _names(match: Data) -> list[str]:
    return [str(name) for name in match.get("names") or ()]


def _is_matched(root: Plain, match: Data, namespace: str) -> bool:
    own = text_at(root, "metadata", "namespace") or namespace or "default"
    labels = _mapping(at(root, "metadata", "labels"))
    texts = {key: value.text for key, value in labels.items() if isinstance(value, Scalar)}
    selector = match.get("labelSelector")
    return (
        (not match.get("kinds") or text_at(root, "kind") in match["kinds"])
        and (not match.get("names") or text_at(root, "metadata", "name") in _names(match))
        and (not match.get("namespaces") or own in map(str, match["namespaces"]))
        and (not selector or all(_is_met(it, texts) for it in re.split(r",(?![^(]*\))", selector)))
    )


def _is_met(requirement: str, labels: dict[str, str]) -> bool:
    """One requirement of a label selector, as kubectl has them."""
    text = requirement.strip()
    if text.startswith("!"):
        return text[1:].strip() not in labels
    in_set = re.fullmatch(r"(\S+)\s+(in|notin)\s*\((.*)\)", text)
    if in_set is not None:
        among = labels.get(in_set[1]) in [value.strip() for value in in_set[3].split(",")]
        return among if in_set[2] == "in" else not among
    compared = re.fullmatch(r"([^=!<>\s]+)\s*(==|=|!=|>|<)\s*(.*)", text)
    if compared is None:
        return text in labels
    value = labels.get(compared[1])
    if compared[2] in (">", "<"):
        if value is None or not re.fullmatch("-?[0-9]{1,18}", value):
            return False
        return int(value) > int(compared[3]) if compared[2] == ">" else int(value) < int(compared[3])
    return (value == compared[3]) != (compared[2] == "!=")


class _PodChange:
    """One entry, applied to the spec of one pod."""

    def __init__(self, pod: Data, entry: Data, settings: Settings) -> None:
        self._pod = dict(pod)
        self._entry = entry
        self._settings = settings

    def run(self) -> Data:
        entry = self._entry
        credspec, account = entry.get("credspec"), entry.get("serviceAccount")
        if credspec is not None:
            self._set_credspec(str(credspec))
        if account is not None:
            self._pod["serviceAccountName"] = scalar(str(account))
            if "serviceAccount" in self._pod:
                self._pod["serviceAccount"] = scalar(str(account))
        if entry.get("windowsNode") is not False:
            self._pod["nodeSelector"] = {**_mapping(self._pod.get("nodeSelector")), _OS: scalar("windows")}
            if isinstance(self._pod.get("os"), dict) or not _has_fields_of_linux(self._pod):
                self._pod["os"] = {**_mapping(self._pod.get("os")), "name": scalar("windows")}
        if entry.get("tolerations"):
            self._add_tolerations(_mappings(entry["tolerations"]))
        if entry.get("netlogonRestart") is not None:
            self._each_container(self._add_hook, ("containers",))
        if entry.get("token") is not None:
            self._add_token(_mapping(entry["token"]))
        return self._pod

    def _set_credspec(self, name: str) -> None:
        def set_name(holder: Data) -> Data:
            context = _mapping(holder.get("securityContext"))
            options = {**_mapping(context.get("windowsOptions")), "gmsaCredentialSpecName": scalar(name)}
            return {**holder, "securityContext": {**context, "windowsOptions": options}}

        if self._entry.get("containers"):
            self._each_container(set_name)
        else:
            self._pod = set_name(self._pod)

    def _each_container(
        self, change: Callable[[Data], Data], lists: tuple[str, ...] = ("initContainers", "containers")
    ) -> None:
        """Changes the containers that the entry names, init containers included; without names all that run."""
        names = self._entry.get("containers")
        for key in lists if names else ("containers",):
            listing = self._pod.get(key)
            if isinstance(listing, list):
                self._pod[key] = [change(it) if self._is_chosen(it, names) else it for it in listing]

    def _is_chosen(self, container: Plain, names: Any) -> bool:
        return isinstance(container, dict) and (not names or text_at(container, "name") in names)

    def _add_tolerations(self, tolerations: list[Data]) -> None:
        listing = self._pod.get("tolerations")
        self._pod["tolerations"] = entries = list(listing) if isinstance(listing, list) else []
        for toleration in tolerations:
            added = scalar(toleration)
            if not any(_tolerates(it) == _tolerates(added) for it in entries):
                entries.append(added)

    def _add_hook(self, container: Data) -> Data:
        settings = _mapping(self._entry["netlogonRestart"])
        lifecycle = _mapping(container.get("lifecycle"))
        existing = lifecycle.get("postStart")
        is_there = existing is not None and existing != Scalar("null", "")
        if is_there and settings.get("onExistingHook") == "Keep":
            return container
        domain = settings.get("domain") or self._settings.dns_name(self._entry.get("credspec"))
        return {**container, "lifecycle": {**lifecycle, "postStart": _hook(settings, domain)}}

    def _add_token(self, token: Data) -> None:
        name = str(token.get("name", "bound-token"))
        source = {
            "path": name,
            "expirationSeconds": token.get("expirationSeconds", 3600),
            "audience": str(token.get("audience")),
        }
        volume = {"name": name, "projected": {"sources": [{"serviceAccountToken": source}]}}
        mount = {"name": name, "mountPath": str(token.get("mountPath", "/var/run/secrets/tokens")), "readOnly": True}

        def add_mount(container: Data) -> Data:
            return _with_entry(container, "volumeMounts", mount, "mountPath")

        self._pod = _with_entry(self._pod, "volumes", volume, "name")
        self._each_container(add_mount)


def _tolerates(toleration: Plain) -> tuple[str, ...]:
    """What the scheduler compares."""
    operator = text_at(toleration, "operator") or "Equal"
    return operator, *(text_at(toleration, key) for key in ("key", "value", "effect", "tolerationSeconds"))


def _has_fields_of_linux(pod: Data) -> bool:
    """Whether the API server would refuse os.name windows (KEP-2802)."""
    of_context = {"runAsUser", "runAsGroup", "seccompProfile", "seLinuxOptions", "appArmorProfile"}
    of_pod = {"fsGroup", "fsGroupChangePolicy", "sysctls", "supplementalGroups", "supplementalGroupsPolicy"}
    of_container = {"capabilities", "privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "procMount"}
    containers = [
        container
        for key in ("initContainers", "containers", "ephemeralContainers")
        for container in _mappings(pod.get(key))
    ]
    return (
        any(_is_set(pod.get(key)) for key in ("hostUsers", "shareProcessNamespace", "resources"))
        or any(_is_set(pod.get(key)) and text_of(pod[key]) != "false" for key in ("hostPID", "hostIPC"))
        or _sets(pod, of_context | of_pod | {"seLinuxChangePolicy"})
        or any(_sets(container, of_context | of_container) for container in containers)
    )


def _sets(holder: Data, keys: set[str]) -> bool:
    context = _mapping(holder.get("securityContext"))
    return any(_is_set(context.get(key)) and (key, context[key]) != ("sysctls", []) for key in keys)


def _is_set(value: Plain) -> bool:
    return value is not None and value != Scalar("null", "")


def _hook(settings: Data, domain: str | None) -> Pattern:
    """The postStart hook. `domain`: None if it is not known here."""
    attempts, interval = settings.get("maxAttempts", 10), settings.get("intervalSeconds", 3)
    words = ["nltest", "/query"]
    if settings.get("method") == "SecureChannelReset":
        words.append(f"'/sc_reset:{domain}'" if domain else "/sc_reset:")
    else:
        words.append("Restart-Service -Name netlogon")
    if attempts:
        words += [f"$i -lt {attempts};", f"-Seconds {interval} "]

    def accepts(actual: Plain) -> bool:
        command = at(actual, "exec", "command")
        texts = [text_of(word) for word in command] if isinstance(command, list) else []
        is_known = set(actual) == {"exec"} and texts[:2] == ["powershell.exe", "-command"] and len(texts) == 3
        return is_known and all(word in texts[2] for word in words)

    return Pattern(f"a hook with {words}", accepts)


def _with_entry(holder: Data, key: str, entry: Data, identity: str) -> Data:
    """`holder` with an entry at the end of a list, unless one with its identity is there."""
    listing = holder.get(key)
    entries = listing if isinstance(listing, list) else []
    if any(text_at(it, identity) == entry[identity] for it in entries):
        return holder
    return {**holder, key: [*entries, scalar(entry)]}


def _with_contents(pod: Data, settings: Settings) -> Plain:
    """Mode Policy: whoever names a credspec of the configs has its contents beside the name."""
    if not settings.has_policy:
        return pod
    lists = {
        key: [_holder_with_contents(container, settings) for container in pod[key]]
        for key in ("initContainers", "containers")
        if isinstance(pod.get(key), list)
    }
    return _holder_with_contents({**pod, **lists}, settings)


def _holder_with_contents(holder: Plain, settings: Settings) -> Plain:
    options = _mapping(at(holder, "securityContext", "windowsOptions"))
    name = text_at(options, "gmsaCredentialSpecName")
    if not name or (name not in settings.contents and not settings.has_unknown_names):
        return holder
    text = settings.contents.get(name)
    if text is not None:
        contents: Plain = scalar(text)
    else:
        before = options.get("gmsaCredentialSpec")
        contents = Pattern("contents in JSON", lambda actual: actual == before or _is_json_object(text_of(actual)))
        if before is None and name not in settings.contents:
            return Pattern(
                "the same with or without contents", lambda actual: not difference(holder, _without_contents(actual))
            )
    return _with_value(holder, ("securityContext", "windowsOptions", "gmsaCredentialSpec"), contents)


def _without_contents(holder: Plain) -> Plain:
    if at(holder, "securityContext", "windowsOptions") is None:
        return holder
    options = dict(_mapping(at(holder, "securityContext", "windowsOptions")))
    options.pop("gmsaCredentialSpec", None)
    return _with_value(holder, ("securityContext", "windowsOptions"), options)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def difference(expected: Plain, actual: Plain, path: str = "") -> str:
    """The first place where the data differ, as text; "" if they are equal."""
    if isinstance(expected, Pattern):
        return "" if expected.accepts(actual) else f"{path}: {actual!r:.300} is not {expected.what}"
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in [*expected, *(it for it in actual if it not in expected)]:
            if key not in actual or key not in expected:
                return f"{path}.{key}: {'is missing' if key in expected else 'is new'}"
            found = difference(expected[key], actual[key], f"{path}.{key}")
            if found:
                return found
        return ""
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next((found for at, (one, two) in pairs if (found := difference(one, two, f"{path}[{at}]"))), "")
    return "" if expected == actual else f"{path}: {actual!r:.300} is not {expected!r:.300}"


def at(data: Plain, *keys: str) -> Plain | None:
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def text_of(data: Plain | None) -> str:
    return data.text if isinstance(data, Scalar) else ""


def text_at(data: Plain, *keys: str) -> str:
    """The text of a scalar at a path, or ""."""
    return text_of(at(data, *keys))


def identity(root: Plain) -> tuple[str, str, str, str]:
    """API group, kind, namespace and name."""
    group = text_at(root, "apiVersion").rpartition("/")[0]
    return group, text_at(root, "kind"), text_at(root, "metadata", "namespace"), text_at(root, "metadata", "name")


def objects_in(root: Plain) -> Iterator[Plain]:
    """The object, or those in a List."""
    items = at(root, "items")
    if not isinstance(items, list):
        yield root
        return
    for item in items:
        yield from objects_in(item)


def _with_value(data: Data, path: tuple[str, ...], value: Plain) -> Data:
    first, *rest = path
    return {**data, first: _with_value(data[first], tuple(rest), value) if rest else value}


def _mapping(data: Any) -> Data:
    return data if isinstance(data, dict) else {}


def _mappings(data: Any) -> list[Data]:
    return [it for it in data if isinstance(it, dict)] if isinstance(data, list) else []
