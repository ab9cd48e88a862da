"""What a config asks for in a pod, as overlays on the pod's spec; nothing here touches text."""

from __future__ import annotations

from gmsa_krm.config.selector import parse_selector, selects
from gmsa_krm.workloads.netlogon import hook
from gmsa_krm.workloads.pods import containers_of
from gmsa_krm.yaml.overlay import Instead, Items
from gmsa_krm.yaml.read import MAPPING, SCALAR
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gmsa_krm.config.model import Match, NetlogonRestart, WorkloadChange
    from gmsa_krm.workloads.pods import Workload
    from gmsa_krm.yaml.read import Node

    # Says that something is wrong: severity, rule, message, the node that is meant, its path in the object.
    Say = Callable[[str, str, str, Node | None, str], None]

_OS_LABEL = "kubernetes.io/os"


def matches(change: WorkloadChange, workload: Workload, namespace: str) -> bool:
    """`namespace`: that of the workload, or of the host where the workload names none."""
    return any(_matches(match, workload, namespace) for match in change.match)


def _matches(match: Match, workload: Workload, namespace: str) -> bool:
    return (
        (not match.kinds or workload.kind in match.kinds)
        and (not match.names or workload.name in match.names)
        and (not match.namespaces or namespace in match.namespaces)
        and (not match.label_selector or selects(parse_selector(match.label_selector), workload.labels))
    )


class PodChange:
    """The overlay on one pod's spec, from all entries that match it."""

    def __init__(self, pod: Node, approved: dict[str, list[str]], say: Say) -> None:
        """`approved`: as in `Known`."""
        self._pod = pod
        self._approved = approved
        self._say = say
        self._overlay: dict[str, Any] = {}
        self._containers: dict[tuple[str, int], dict[str, Any]] = {}
        self._set: dict[str, tuple[str, str]] = {}

    def add(self, change: WorkloadChange, domain: str) -> None:
        """`domain`: DNS name of the credspec's domain, "" if it is not known."""
        chosen = self._chosen(change)
        if change.credspec is not None:
            self._credspec(change, chosen)
        if change.service_account is not None and self._once("serviceAccountName", change.service_account, change.path):
            self._overlay["serviceAccountName"] = change.service_account
            if self._pod.get("serviceAccount") is not None:  # the deprecated name of the same field
                self._overlay["serviceAccount"] = change.service_account
        if change.windows_node:
            self._windows()
        if change.netlogon_restart is not None:
            self._hook(change.netlogon_restart, chosen, domain)
        if change.token is not None:
            self._token(change, chosen)

    def overlay(self) -> dict[str, Any]:
        overlay = dict(self._overlay)
        for (kind, index), data in self._containers.items():
            items = overlay.setdefault(kind, Items())
            items.changes[index] = data
        return overlay

    def _chosen(self, change: WorkloadChange) -> list[tuple[str, int, Node]]:
        """The containers that the entry is about: the named ones, init containers included, or all that run."""
        if not change.containers:
            return list(containers_of(self._pod, "containers"))
        there = list(containers_of(self._pod, "initContainers", "containers"))
        names = [container.string("name") for _, _, container in there]
        for name in dict.fromkeys(change.containers):
            if name not in names:
                message = f"has no container {name}, which {change.path} names; there are {', '.join(names) or 'none'}"
                self._say("error", "no-such-container", message, self._pod, "containers")
        return [entry for entry in there if entry[2].string("name") in change.containers]

    def _once(self, field: str, value: str, path: str, shown: bool = True) -> bool:
        """Whether nothing else was asked for of this field before. `shown`: the value is fit for a message."""
        known = self._set.setdefault(field, (value, path))
        if known[0] != value:
            one, other = (f"{known[0]} ", f"{value} ") if shown else ("one value ", "another ")
            message = f"gets {one}by {known[1]} and {other}by {path}; narrow the match of one of them"
            self._say("error", "conflicting-changes", message, self._pod, field)
            return False
        return True

    def _credspec(self, change: WorkloadChange, chosen: list[tuple[str, int, Node]]) -> None:
        assert change.credspec is not None
        wanted = {"securityContext": {"windowsOptions": {"gmsaCredentialSpecName": change.credspec}}}
        if not change.containers:
            if self._once("securityContext.windowsOptions.gmsaCredentialSpecName", change.credspec, change.path):
                self._refuse_other_contents(self._pod, change.credspec, "")
                self._overlay.update(merged(self._overlay, wanted))
            return
        for kind, index, container in chosen:
            if self._once(
                f"{kind}[{index}].securityContext.windowsOptions.gmsaCredentialSpecName", change.credspec, change.path
            ):
                self._refuse_other_contents(container, change.credspec, f"{kind}[{index}].")
                self._in_container(kind, index, wanted)

    def _refuse_other_contents(self, node: Node, credspec: str, path: str) -> None:
        if self._approved:
            return  # mode Policy: contents are written after this, and compared with what is there
        options = _at(node, "securityContext", "windowsOptions")
        if options is None or options.get("gmsaCredentialSpec") is None:
            return
        if options.string("gmsaCredentialSpecName") != credspec:
            message = f"holds the contents of another credspec than {credspec}; remove gmsaCredentialSpec, the webhook fills it in"
            self._say("error", "foreign-contents", message, options, f"{path}securityContext.windowsOptions")

    def _windows(self) -> None:
        for key in ("nodeSelector", "os"):
            there = self._pod.get(key)
            if there is not None and there.kind != MAPPING and not there.is_null:
                self._say("error", "type", "is no mapping; mend the workload", there, key)
                return
        selector = self._pod.get("nodeSelector")
        label = selector.get(_OS_LABEL) if selector is not None else None
        name = _at(self._pod, "os", "name")
        for node, field in ((label, f"nodeSelector.{_OS_LABEL}"), (name, "os.name")):
            if node is not None and node.text != "windows":
                message = (
                    f"is {node.text}, and a pod with a gMSA runs on Windows; narrow the match, or mend the workload"
                )
                self._say("error", "not-windows", message, node, field)
                return
        self._overlay.update(merged(self._overlay, {"nodeSelector": {_OS_LABEL: "windows"}, "os": {"name": "windows"}}))

    def _hook(self, settings: NetlogonRestart, chosen: list[tuple[str, int, Node]], domain: str) -> None:
        domain = settings.domain or domain
        if settings.method == "SecureChannelReset" and not domain:
            message = f"gets no hook: the domain of its credspec is not in the config; give {settings.path}.domain"
            self._say("error", "unknown-domain", message, self._pod, "")
            return
        command = hook(settings.method, domain, settings.max_attempts, settings.interval_seconds)
        for kind, index, container in chosen:
            if kind != "containers":
                message = f"is an init container, which has no postStart hook; name other containers in {settings.path.rpartition('.')[0]}"
                self._say("error", "hook-on-init-container", message, container, f"{kind}[{index}]")
                continue
            if not self._once(f"{kind}[{index}].lifecycle.postStart", command[-1], settings.path, shown=False):
                continue
            there = _at(container, "lifecycle", "postStart")
            given = _at(there, "exec", "command") if there is not None else None
            if there is not None and not there.is_null:
                if (
                    given is not None
                    and [it.text for it in getattr(given, "items", ()) if it.kind == SCALAR] == command
                ):
                    continue
                if settings.on_existing_hook == "Keep":
                    continue
                if settings.on_existing_hook == "Error":
                    message = (
                        f"is there already in container {container.string('name')}; set {settings.path}.onExistingHook to"
                        " Keep or Replace, or name other containers"
                    )
                    self._say("error", "existing-hook", message, there, f"{kind}[{index}].lifecycle.postStart")
                    continue
            self._in_container(kind, index, {"lifecycle": {"postStart": Instead({"exec": {"command": command}})}})

    def _token(self, change: WorkloadChange, chosen: list[tuple[str, int, Node]]) -> None:
        token = change.token
        assert token is not None
        volume = {
            "name": token.name,
            "projected": {
                "sources": [
                    {
                        "serviceAccountToken": {
                            "path": token.name,
                            "expirationSeconds": token.expiration_seconds,
                            "audience": token.audience,
                        },
                    },
                ],
            },
        }
        index = _index_of(self._pod.get("volumes"), "name", token.name)
        first = f"volumes.{token.name}" not in self._set
        if not self._once(f"volumes.{token.name}", f"{token.audience} ({token.expiration_seconds} s)", token.path):
            return
        if index is not None:
            listing = self._pod.get("volumes")
            there = listing.items[index] if listing is not None else self._pod
            if data_of(there) != volume:
                message = f"has another volume {token.name} already; give {token.path}.name another name"
                self._say("error", "volume-name", message, there, f"volumes[{index}]")
                return
        elif first:
            self._overlay["volumes"] = Items(more=[*self._more("volumes"), volume])
        for kind, at, container in chosen:
            mounts = container.get("volumeMounts")
            taken = _index_of(mounts, "mountPath", token.mount_path)
            if taken is not None and mounts is not None:
                if mounts.items[taken].string("name") != token.name:
                    message = (
                        f"has something mounted at {token.mount_path} already; give {token.path}.mountPath another path"
                    )
                    self._say(
                        "error", "mount-path", message, mounts.items[taken], f"{kind}[{at}].volumeMounts[{taken}]"
                    )
                continue
            mount = {"name": token.name, "mountPath": token.mount_path, "readOnly": True}
            self._in_container(kind, at, {"volumeMounts": Items(more=[mount])})

    def _more(self, key: str) -> list[Any]:
        known = self._overlay.get(key)
        return known.more if isinstance(known, Items) else []

    def _in_container(self, kind: str, index: int, data: dict[str, Any]) -> None:
        known = self._containers.setdefault((kind, index), {})
        known.update(merged(known, data))


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The overlay that does what both do."""
    joined = dict(one)
    for key, value in other.items():
        known = joined.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            joined[key] = merged(known, value)
        elif isinstance(known, Items) and isinstance(value, Items):
            changes = {
                **known.changes,
                **{at: merged(known.changes.get(at, {}), it) for at, it in value.changes.items()},
            }
            joined[key] = Items(changes, [*known.more, *(entry for entry in value.more if entry not in known.more)])
        else:
            joined[key] = value
    return joined


def _at(node: Node, *keys: str) -> Node | None:
    found: Node | None = node
    for key in keys:
        found = found.get(key) if found is not None else None
    return found


def _index_of(listing: Node | None, key: str, value: str) -> int | None:
    for index, item in enumerate(getattr(listing, "items", ())):
        if item.string(key) == value:
            return index
    return None
