"""The changes that a config asks for, as a patch of a pod's spec."""

from __future__ import annotations

from functools import cache

from gmsa_krm.config.selectors import parse_selector, selects
from gmsa_krm.workloads.kinds import containers_of
from gmsa_krm.workloads.netlogon import hook
from gmsa_krm.workloads.operating_system import linux_only_fields, statements
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import ListPatch, Replace, merge_patches
from gmsa_krm.yamltext.nodes import KIND_NAMES, MAPPING, SCALAR, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.selectors import Requirement
    from gmsa_krm.config.workloads import BoundToken, Match, NetlogonRestart, WorkloadEntry
    from gmsa_krm.findings import Report
    from gmsa_krm.workloads.kinds import Workload
    from gmsa_krm.workloads.operating_system import RuntimeClasses
    from gmsa_krm.yamltext.nodes import Node

    # List (containers or initContainers), index and node of a container.
    Chosen = list[tuple[str, int, Node]]

_OS_LABEL = "kubernetes.io/os"
# How the variables of Flux, envsubst, Kubernetes and templates start.
_VARIABLES = ("${", "$(", "{{")
# Fields that a message names before it counts the rest.
_MAX_SHOWN = 4


def matches(entry: WorkloadEntry, workload: Workload, namespace: str) -> bool:
    """`namespace`: that of the workload, or of the host where the workload names none."""
    return any(_matches(match, workload, namespace) for match in entry.match)


def _matches(match: Match, workload: Workload, namespace: str) -> bool:
    return (
        (not match.kinds or workload.kind in match.kinds)
        and (not match.names or workload.name in match.names)
        and (not match.namespaces or namespace in match.namespaces)
        and (not match.label_selector or selects(_requirements(match.label_selector), workload.labels))
    )


@cache
def _requirements(selector: str) -> list[Requirement]:
    return parse_selector(selector)


class PodMutation:
    """The patch of one pod's spec, from all entries that match it."""

    def __init__(self, pod: Node, classes: RuntimeClasses, report: Report, *, injects_contents: bool) -> None:
        """`injects_contents`: mode Policy, where contents are written after this."""
        self._pod = pod
        self._classes = classes
        self._report = report
        self._injects_contents = injects_contents
        self._patch: dict[str, Any] = {}
        self._containers: dict[tuple[str, int], dict[str, Any]] = {}
        # The token at a path of a container, by list, index and path.
        self._mounted: dict[tuple[str, int, str], BoundToken] = {}
        # Value and path of the entry, by field: two entries must not disagree.
        self._requested: dict[str, tuple[str, str]] = {}
        self._is_windows_set = False
        # What the tolerations that the pod has and gets mean; None before it gets one.
        self._tolerations: set[str] | None = None
        # Paths of values of a wrong type that are reported.
        self._refused: set[str] = set()

    def add(self, entry: WorkloadEntry, domain: str) -> None:
        """Adds the changes of an entry. `domain`: DNS name of the credspec's domain, "" if it is unknown."""
        chosen = self._choose(entry)
        if entry.credspec is not None:
            self._set_credspec(entry.credspec, entry, chosen)
        if entry.service_account is not None:
            self._set_service_account(entry.service_account, entry)
        if entry.windows_node and not self._is_windows_set:
            self._is_windows_set = True
            self._set_windows()
        self._add_tolerations(entry.tolerations)
        if entry.netlogon_restart is not None:
            self._add_hook(entry.netlogon_restart, chosen, domain)
        if entry.token is not None:
            self._add_token(entry.token, chosen)

    def patch(self) -> dict[str, Any]:
        """The changes; none if a value is in the way of one, which is reported."""
        patch = dict(self._patch)
        for (key, index), data in self._containers.items():
            patch.setdefault(key, ListPatch()).change[index] = data
        self._check_types(patch, self._pod, "")
        return {} if self._refused else patch

    def _check_types(self, patch: dict[str, Any], node: Node, above: str) -> None:
        """Reports values that are neither mappings nor lists where the patch changes such.

        They may be the variables of a later substitution, so they are not replaced.
        """
        for key, wanted in patch.items():
            value, path = node.get(key), f"{above}{key}"
            is_list = isinstance(wanted, ListPatch)
            if value is None or value.is_null or not (is_list or isinstance(wanted, dict)):
                continue
            if value.kind != (SEQUENCE if is_list else MAPPING):
                self._refuse(value, "a list" if is_list else "a mapping", path)
            elif isinstance(wanted, ListPatch):
                for index, change in wanted.change.items():
                    self._check_types(change, value.items[index], f"{path}[{index}].")
            else:
                self._check_types(wanted, value, f"{path}.")

    def _refuse(self, value: Node, wanted: str, path: str) -> None:
        if path in self._refused:
            return
        self._refused.add(path)
        if value.kind == SCALAR and any(start in value.text for start in _VARIABLES):
            message = (
                f"is {value.text[:60]}, but must be {wanted} when gmsa-krm changes it; run gmsa-krm after the"
                f" substitution, or write {wanted} here"
            )
        else:
            message = f"is {KIND_NAMES[value.kind]}, but must be {wanted}; fix the workload"
        self._report.error("type", message, value, path)

    def _check_containers(self, *lists: str) -> None:
        """Reports containers that an entry would skip, since they are not mappings."""
        for key in lists:
            listing = self._pod.get(key)
            if listing is None or listing.is_null:
                continue
            if listing.kind != SEQUENCE:
                self._refuse(listing, "a list", key)
            for index, item in enumerate(listing.items if listing.kind == SEQUENCE else ()):
                if item.kind != MAPPING:
                    self._refuse(item, "a mapping", f"{key}[{index}]")

    def _choose(self, entry: WorkloadEntry) -> Chosen:
        """The containers of the entry: the named ones, which may be init containers, or all containers."""
        if entry.containers:
            self._check_containers("initContainers", "containers")
        elif entry.netlogon_restart is not None or entry.token is not None:
            self._check_containers("containers")
        if not entry.containers:
            return list(containers_of(self._pod, "containers"))
        existing = list(containers_of(self._pod, "initContainers", "containers"))
        names = dict.fromkeys(container.string("name") for _, _, container in existing)
        for name in dict.fromkeys(entry.containers):
            if name not in names:
                message = (
                    f"has no container {name}, which {entry.path} names; it has {', '.join(names) or 'none'}, so fix"
                    " the entry"
                )
                self._report.error("no-such-container", message, self._pod, "containers")
        chosen = set(entry.containers)
        return [it for it in existing if it[2].string("name") in chosen]

    def _request(self, field: str, value: str, path: str, *, is_shown: bool = True) -> bool:
        """Whether no other entry asks for another value of the field. `is_shown`: the value fits into a message."""
        known = self._requested.setdefault(field, (value, path))
        if known[0] != value:
            one, other = (f"{known[0]} ", f"{value} ") if is_shown else ("one value ", "another ")
            message = f"gets {one}by {known[1]} and {other}by {path}; narrow the match of one of them"
            self._report.error("conflicting-changes", message, self._pod, field)
            return False
        return True

    def _set_credspec(self, credspec: str, entry: WorkloadEntry, chosen: Chosen) -> None:
        wanted = {"securityContext": {"windowsOptions": {"gmsaCredentialSpecName": credspec}}}
        field = "securityContext.windowsOptions.gmsaCredentialSpecName"
        if not entry.containers:
            if self._request(field, credspec, entry.path):
                self._check_contents(self._pod, credspec, "")
                self._patch.update(merge_patches(self._patch, wanted))
            return
        for key, index, container in chosen:
            if self._request(f"{key}[{index}].{field}", credspec, entry.path):
                self._check_contents(container, credspec, f"{key}[{index}].")
                self._in_container(key, index, wanted)

    def _check_contents(self, holder: Node, credspec: str, path: str) -> None:
        if self._injects_contents:
            return  # inject_contents compares them
        options = _get(holder, "securityContext", "windowsOptions")
        if options is None or options.get("gmsaCredentialSpec") is None:
            return
        if options.string("gmsaCredentialSpecName") != credspec:
            message = (
                f"holds the contents of another credspec than {credspec}; remove gmsaCredentialSpec, which the webhook"
                " fills in"
            )
            field = f"{path}securityContext.windowsOptions.gmsaCredentialSpec"
            self._report.error("foreign-contents", message, field=field)

    def _set_service_account(self, name: str, entry: WorkloadEntry) -> None:
        if self._request("serviceAccountName", name, entry.path):
            self._patch["serviceAccountName"] = name
            if self._pod.get("serviceAccount") is not None:  # the deprecated name of the same field
                self._patch["serviceAccount"] = name

    def _set_windows(self) -> None:
        """Sets the node selector, and os.name where the API server takes it."""
        pod = data_of(self._pod)
        others = [it for it in statements(pod, self._classes) if not it.is_windows]
        for it in others:
            cure = "write windows, in lower case" if it.is_misspelt else "narrow the match, or fix the workload"
            message = f"{it.text}, and a pod with a gMSA runs on Windows; {cure}"
            self._report.error("not-windows", message, field=it.field)
        if others:
            return
        wanted: dict[str, Any] = {"nodeSelector": {_OS_LABEL: "windows"}}
        fields = linux_only_fields(pod)
        if not fields or isinstance(pod.get("os"), dict):  # with an os of its own the validation refuses them
            wanted["os"] = {"name": "windows"}
        else:
            more = f" and {len(fields) - _MAX_SHOWN} more" if len(fields) > _MAX_SHOWN else ""
            message = (
                "is not set, since the API server refuses it in a pod with"
                f" {', '.join(fields[:_MAX_SHOWN])}{more}; remove the fields that a Windows pod does not need,"
                " and gmsa-krm sets it"
            )
            self._report.warning("os-name-left-out", message, field="os.name")
        self._patch.update(merge_patches(self._patch, wanted))

    def _add_tolerations(self, tolerations: list[dict[str, Any]]) -> None:
        if self._tolerations is None and tolerations:
            existing = self._pod.get("tolerations")
            self._tolerations = {_meaning_of(data_of(item)) for item in getattr(existing, "items", ())}
        for toleration in tolerations:
            meaning = _meaning_of(toleration)
            if self._tolerations is not None and meaning not in self._tolerations:
                self._tolerations.add(meaning)
                self._patch.setdefault("tolerations", ListPatch()).append.append(toleration)

    def _add_hook(self, settings: NetlogonRestart, chosen: Chosen, domain: str) -> None:
        domain = settings.domain or domain
        if settings.method == "SecureChannelReset" and not domain:
            message = f"gets no hook: the domain of its credspec is not in the config; give {settings.path}.domain"
            self._report.error("unknown-domain", message, self._pod)
            return
        command = hook(settings.method, domain, settings.max_attempts, settings.interval_seconds)
        for key, index, container in chosen:
            if key != "containers":
                message = (
                    "is an init container, which has no postStart hook; name other containers in"
                    f" {settings.path.rpartition('.')[0]}"
                )
                self._report.error("hook-on-init-container", message, container, f"{key}[{index}]")
                continue
            field = f"{key}[{index}].lifecycle.postStart"
            if not self._request(field, command[-1], settings.path, is_shown=False):
                continue
            if self._writes_hook(settings, command, container, field):
                self._in_container(key, index, {"lifecycle": {"postStart": Replace({"exec": {"command": command}})}})

    def _writes_hook(self, settings: NetlogonRestart, command: list[str], container: Node, field: str) -> bool:
        """Whether the hook has to be written; an error if another hook exists and must not be replaced."""
        existing = _get(container, "lifecycle", "postStart")
        if existing is None or existing.is_null:
            return True
        words = _get(existing, "exec", "command")
        if words is not None and [it.text for it in getattr(words, "items", ()) if it.kind == SCALAR] == command:
            return False
        if settings.on_existing_hook == "Error":
            message = (
                f"already exists in container {container.string('name')}; set {settings.path}.onExistingHook to Keep or"
                " Replace, or name other containers"
            )
            self._report.error("existing-hook", message, existing, field)
        return settings.on_existing_hook == "Replace"

    def _add_token(self, token: BoundToken, chosen: Chosen) -> None:
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
        is_first = f"volumes.{token.name}" not in self._requested
        if not self._request(f"volumes.{token.name}", f"{token.audience} ({token.expiration_seconds} s)", token.path):
            return
        volumes = self._pod.get("volumes")
        index = _index_of(volumes, "name", token.name)
        if index is not None and volumes is not None:
            if data_of(volumes.items[index]) != volume:
                message = f"already has another volume {token.name}; give {token.path}.name another name"
                self._report.error("volume-name", message, volumes.items[index], f"volumes[{index}]")
                return
        elif is_first:
            self._patch.setdefault("volumes", ListPatch()).append.append(volume)
        for key, at, container in chosen:
            self._mount(token, key, at, container)

    def _mount(self, token: BoundToken, key: str, index: int, container: Node) -> None:
        mounts = container.get("volumeMounts")
        existing = _index_of(mounts, "mountPath", token.mount_path)
        if existing is None or mounts is None:
            other = self._mounted.setdefault((key, index, token.mount_path), token)
            if other.name != token.name:
                message = (
                    f"gets two mounts at {token.mount_path}, by {other.path} and by {token.path}; give one of them"
                    " another mountPath"
                )
                self._report.error("mount-path", message, container, f"{key}[{index}].volumeMounts")
            elif other is token:
                mount = {"name": token.name, "mountPath": token.mount_path, "readOnly": True}
                self._containers.setdefault((key, index), {}).setdefault("volumeMounts", ListPatch()).append.append(
                    mount
                )
        elif mounts.items[existing].string("name") != token.name:
            message = f"already has a mount at {token.mount_path}; give {token.path}.mountPath another path"
            field = f"{key}[{index}].volumeMounts[{existing}]"
            self._report.error("mount-path", message, mounts.items[existing], field)

    def _in_container(self, key: str, index: int, data: dict[str, Any]) -> None:
        known = self._containers.setdefault((key, index), {})
        known.update(merge_patches(known, data))


def _meaning_of(toleration: Any) -> str:
    """Equal for tolerations of the same taints: Equal is the default operator, and an empty value counts as missing."""
    given = toleration if isinstance(toleration, dict) else {"": toleration}
    fields = {key: value for key, value in given.items() if value not in (None, "")}
    return repr(sorted({"operator": "Equal", **fields}.items()))


def _get(node: Node, *keys: str) -> Node | None:
    found: Node | None = node
    for key in keys:
        found = found.get(key) if found is not None else None
    return found


def _index_of(listing: Node | None, key: str, value: str) -> int | None:
    for index, item in enumerate(getattr(listing, "items", ())):
        if item.string(key) == value:
            return index
    return None
