"""What the config asks for against what the cluster has, by a server-side apply that is only tried.

The API server fills in defaults and merges as it would, so a difference is one that the next apply would make. It is
tried in the name of the manager that has applied the object, which also shows what the config no longer has.
"""

from __future__ import annotations

import json
import re

from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.proxy import Refused
from gmsa_krm.cluster.shapes import ITEMS
from gmsa_krm.cluster.texts import RENDER, count
from gmsa_krm.cluster.view import CouldNotLookError, could_not_look, describe, fitting
from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

    Object = dict[str, Any]
    Path = tuple[str, ...]

# The lists of the kinds that are emitted. No Secret: they are not read, and a tried apply would answer with its key.
_LISTS = {
    "Namespace": "namespaces",
    "GMSACredentialSpec": "gmsacredentialspecs",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Issuer": "issuers",
    "Certificate": "certificates",
    "Deployment": "deployments",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "DaemonSet": "daemonsets",
    "Job": "jobs",
}
# Other checks say what is wrong with these, and say it better.
_OF_OTHERS = frozenset(("CustomResourceDefinition", "GMSACredentialSpec", "Secret"))
# Not tried: an apply that changes one needs its permissions, which doctor has no use for.
_ROLES = frozenset(("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"))
# The lists of the kinds of which an apply is tried.
TRIED = frozenset(name for kind, name in _LISTS.items() if kind not in _ROLES and kind not in _OF_OTHERS)
_MANAGER = "gmsa-krm-doctor"
_NOT_COMPARED = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CERTIFICATE_HASH = "gmsa-krm.dev/certificate-sha256"
_MAX_PATHS = 3
_MAX_VALUE = 40


def _missing(view: View, wanted: Wanted, found: Found) -> None:
    explained = {it.check.group for it in found.before.values() if it.problems}
    for item in _compared(wanted):
        about = describe(item)
        if _find(view, item) is not None:
            found.holds(about)
        elif not _is_named(found, about) and not _is_access(item, explained):
            found.problem(about, f"does not exist, but the config asks for it; {RENDER}")
    if not found.problems and found.proved:
        found.proved = [f"{count(len(found.proved), 'object')} of the config: in the cluster"]


def _drift(view: View, wanted: Wanted, found: Found) -> None:
    items = [it for it in _compared(wanted) if not _is_named(found, describe(it))]
    generated = {
        (it.spec.webhook.namespace, it.spec.webhook.name) for it in wanted.configs if not wanted.knows_certificate(it)
    }
    same = 0
    reasons: list[CouldNotLookError] = []
    for item, difference in zip(items, view.map(lambda it: _compare(view, it, generated), items), strict=True):
        if isinstance(difference, CouldNotLookError):
            reasons.append(difference)
        elif difference:
            found.problem(describe(item), f"{difference}; {RENDER}, or change the config")
        elif difference is not None:
            same += 1
    if same:
        found.holds(f"{count(same, 'object')} of the config: as the config has them")
    if reasons:
        raise reasons[0]


def _orphans(view: View, wanted: Wanted, found: Found) -> None:
    """Objects with gmsa-krm's label that no config asks for; what controllers make of them may have it, too."""
    if not wanted.is_given:
        return
    asked = {describe(it) for it in wanted.objects}
    ((label, value),) = MANAGED_BY.items()
    number = 0
    for kind, name in _LISTS.items():
        for item in view.items(name):
            metadata = item["metadata"]
            if (metadata.get("labels") or {}).get(label) != value or metadata.get("ownerReferences"):
                continue
            number += 1
            if describe(item, kind) not in asked:
                message = (
                    f"has the label of gmsa-krm, but none of the given configs asks for it; give the one that does, or"
                    f" delete it: {_delete(item, kind)}"
                )
                found.problem(describe(item, kind), message)
    if number and not found.problems:
        found.holds(f"{count(number, 'object')} with the label of gmsa-krm: all from the config")


def _delete(item: Object, kind: str) -> str:
    metadata = item["metadata"]
    namespace = f"-n {metadata['namespace']} " if metadata.get("namespace") else ""
    return f"kubectl {namespace}delete {kind.lower()} {metadata['name']}"


def _is_named(found: Found, about: str) -> bool:
    """Whether an earlier check has found something wrong with an object."""
    name = re.compile(rf"{re.escape(about)}(?![-.\w]*\w)")
    return any(name.search(str(it)) for outcome in found.before.values() for it in outcome.problems)


def _compared(wanted: Wanted) -> list[Object]:
    return [it for it in wanted.objects if it["kind"] not in _OF_OTHERS and it["kind"] in _LISTS]


def _is_access(item: Object, explained: set[str]) -> bool:
    """Whether its absence is what a check of access has reported."""
    return "access" in explained and item["metadata"]["name"].startswith("use-") and "Role" in item["kind"]


def _find(view: View, item: Object) -> Object | None:
    metadata = item["metadata"]
    key = metadata.get("namespace"), metadata["name"]
    return view.by_name(_LISTS[item["kind"]]).get(key)


def _compare(view: View, item: Object, generated: set[tuple[str, str]]) -> str | CouldNotLookError | None:
    """What applying would change; "" if nothing, None if the object does not exist."""
    live = _find(view, item)
    if live is None:
        return None
    item = _with_certificate_of(live, item, generated)
    if _comparable(live) == _comparable(item):
        return ""  # an apply would change nothing, so there is none to try; a large cluster has thousands of accounts
    if item["kind"] in _ROLES:
        after = _with_access(live, item)
    else:
        try:
            after = view.server.try_to_apply(_path(item), item, _manager(live))
            fitting(after, ITEMS[_LISTS[item["kind"]]], f"the answer to a dry run of {describe(item)}")
        except CouldNotLookError as error:
            return error
        except Refused as error:
            return could_not_look(error, f"patch {_LISTS[item['kind']]}, not even as a dry run,")
    paths = list(_differences(_comparable(live), _comparable(after), ()))
    if not paths:
        return ""
    owners = _owners(live)
    shown = [_shown(path, before, value, owners) for path, before, value in paths[:_MAX_PATHS]]
    more = f", and {len(paths) - _MAX_PATHS} more" if len(paths) > _MAX_PATHS else ""
    return f"differs from the config in {', '.join(shown)}{more}"


def _with_access(live: Object, item: Object) -> Object:
    """A role or binding as applying leaves it: its own fields, which have no defaults, and its labels."""
    after: Object = json.loads(json.dumps(live))
    after["metadata"].setdefault("labels", {}).update(item["metadata"].get("labels") or {})
    for key in ("rules", "roleRef", "subjects"):
        if key in item:
            after[key] = item[key]
    return after


def _path(item: Object) -> str:
    api, metadata = item["apiVersion"], item["metadata"]
    group = f"/apis/{api}" if "/" in api else f"/api/{api}"
    namespace = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{group}{namespace}/{_LISTS[item['kind']]}/{metadata['name']}"


def _manager(live: Object) -> str:
    """The manager that has applied gmsa-krm's label, so that the apply is tried as its next one."""
    ((label, _),) = MANAGED_BY.items()
    for it in live["metadata"].get("managedFields") or []:
        labels = ((it.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
        if it.get("operation") == "Apply" and f"f:{label}" in labels:
            return str(it.get("manager"))
    return _MANAGER


def _with_certificate_of(live: Object, item: Object, generated: set[tuple[str, str]]) -> Object:
    """The certificate's hash is for certificate-outdated to judge. `generated`: the webhooks whose CA is unknown."""
    copy: Object = json.loads(json.dumps(item))
    if copy["kind"] == "Deployment":
        before = (live["spec"]["template"]["metadata"].get("annotations") or {}).get(_CERTIFICATE_HASH)
        after = copy["spec"]["template"]["metadata"].get("annotations") or {}
        if before and _CERTIFICATE_HASH in after:
            after[_CERTIFICATE_HASH] = before
    for webhook, existing in zip(copy.get("webhooks") or [], live.get("webhooks") or [], strict=False):
        if (webhook["clientConfig"]["service"]["namespace"], webhook["clientConfig"]["service"]["name"]) in generated:
            webhook["clientConfig"]["caBundle"] = existing["clientConfig"].get("caBundle")
    return copy


def _comparable(item: Object) -> Object:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _NOT_COMPARED}
    annotations = {
        key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != _LAST_APPLIED
    }
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in item.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    return {"metadata": metadata, **rest}


def _differences(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _differences(before.get(key), after.get(key), (*path, str(key)))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, (*path, str(index)))
    else:
        yield path, before, after


def _shown(path: Path, before: Any, after: Any, owners: list[tuple[str, str, Object]]) -> str:
    """`spec.replicas (1 in the cluster, 2 in the config; changed by kubectl-scale at ...)`."""
    values = f"{_value(before)} in the cluster, {_value(after)} in the config"
    changed = [(time, manager) for time, manager, fields in owners if _owns(fields, path)]
    by = f"; changed by {changed[-1][1]} on {changed[-1][0]}" if changed else ""
    return f"{'.'.join(path)} ({values}{by})"


def _value(value: Any) -> str:
    if value is None:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_VALUE and "\n" not in text else f"{text[: _MAX_VALUE - 3].splitlines()[0]}..."


def _owners(live: Object) -> list[tuple[str, str, Object]]:
    """(time, manager, fields), the latest last."""
    found = [
        (str(it.get("time", "")), str(it.get("manager", "")), it.get("fieldsV1") or {})
        for it in live["metadata"].get("managedFields") or []
    ]
    return sorted(found, key=lambda it: it[0])


def _owns(fields: object, path: Path) -> bool:
    """Whether a manager owns the field; the items of a list are taken as one."""
    if not path:
        return True
    step, rest = path[0], path[1:]
    key = f"f:{step}"
    if not isinstance(fields, dict):
        return False
    if key in fields:
        return not fields[key] or _owns(fields[key], rest)
    if step.isdigit():
        return any(_owns(value, rest) for name, value in fields.items() if name.startswith(("k:", "v:", "i:")))
    return False


_ALL = tuple(_LISTS.values())
CHECKS = (
    Check("object-missing", ERROR, "drift", _missing, lists=_ALL, after=("crd-not-served",)),
    Check("object-drift", WARNING, "drift", _drift, lists=_ALL, after=("crd-not-served",)),
    Check("no-longer-configured", WARNING, "drift", _orphans, lists=_ALL),
)
