"""The workloads among the documents: changed as the configs ask, checked, and asked what they use."""

from __future__ import annotations

from gmsa_krm.config.fields import guess
from gmsa_krm.config.model import FROM_WORKLOADS
from gmsa_krm.findings import ERROR, WARNING, Finding
from gmsa_krm.inputs import dns_name
from gmsa_krm.manifests.credspec import contents_of
from gmsa_krm.manifests.made import MANAGED_BY
from gmsa_krm.workloads.change import PodChange, matches
from gmsa_krm.workloads.checks import Checker
from gmsa_krm.workloads.contents import filled_in
from gmsa_krm.workloads.pods import BUILT_IN, Paths, workloads_in
from gmsa_krm.yaml.edit import UnusualForm
from gmsa_krm.yaml.overlay import SharedNode, laid_over, overlaid
from gmsa_krm.yaml.stream import Kinds
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import CredentialSpec, Spec, WorkloadChange
    from gmsa_krm.inputs import Inputs
    from gmsa_krm.workloads.pods import Workload
    from gmsa_krm.yaml.edit import Edit
    from gmsa_krm.yaml.read import Node
    from gmsa_krm.yaml.stream import Document

    # {credspec: {namespace: service accounts}}
    Users = dict[str, dict[str, set[str]]]

# A document without one of these has no pod with a gMSA in it; most are told apart without being parsed.
_REFERENCE = "gmsaCredentialSpec"


class Transformed:
    """Edits by index of the document, what is to be said, and who uses which credspec."""

    __slots__ = ("edits", "findings", "users")

    def __init__(self) -> None:
        self.edits: dict[int, list[Edit]] = {}
        self.findings: list[Finding] = []
        self.users: Users = {}


class Known:
    """What the configs say of credspecs. `names` is None where there is no config to say it.

    `approved`, in mode Policy: what each credspec may be in a pod, as in `Inputs`; empty where only its name is known.
    `hardened`: whether a policy stands beside the webhook.
    """

    def __init__(self, configs: list[tuple[LoadedConfig, Inputs]]) -> None:
        self.credspecs: dict[str, CredentialSpec] = {}
        self.domains: dict[str, str] = {}
        self.approved: dict[str, list[str]] = {}
        self.hardened = False
        self._inputs: dict[str, tuple[Spec, Inputs]] = {}
        existing: set[str] = set()
        for loaded, inputs in configs:
            spec = loaded.config.spec
            existing.update(spec.existing_credspecs)
            for credspec in spec.credspecs:
                assert credspec.name is not None
                self.credspecs[credspec.name] = credspec
                self.domains[credspec.name] = dns_name(credspec, spec, inputs)
                self._inputs[credspec.name] = spec, inputs
            self.hardened = self.hardened or (spec.admission.mode == "Webhook" and spec.webhook.hardening_policy)
            if spec.admission.mode == "Policy":
                self.approved.update(inputs.approved)
                self.approved.update((name, []) for name in spec.existing_credspecs if name not in self.approved)
        self.names = {*self.credspecs, *existing} if configs else None

    def is_contents(self, name: str, text: str) -> bool | None:
        """Whether a text in a pod is, as JSON, what the credspec says; None if the config does not know it."""
        if name not in self._inputs:
            return None
        from json import loads

        spec, inputs = self._inputs[name]
        try:
            return bool(loads(text) == contents_of(self.credspecs[name], spec, inputs.contents))
        except (ValueError, RecursionError):
            return False

    def covered(self, name: str, namespace: str, account: str) -> bool | None:
        """Whether usedBy lets the service account use the credspec; None if the config does not say who may."""
        credspec = self.credspecs.get(name)
        if credspec is None or isinstance(credspec.used_by, str) or not credspec.used_by:
            return None
        return any(
            (not namespace or use.namespace == namespace)
            and (account in use.service_accounts or "*" in use.service_accounts)
            for use in credspec.used_by
        )


def transform(configs: list[tuple[LoadedConfig, Inputs]], documents: list[Document], namespace: str) -> Transformed:
    """`namespace`: that of objects which name none, where the host knows it, else ""."""
    result = Transformed()
    known = Known(configs)
    paths: Paths = dict(BUILT_IN)
    changes: list[tuple[WorkloadChange, LoadedConfig]] = []
    for loaded, _ in configs:
        spec = loaded.config.spec
        paths.update({(kind.api_group, kind.kind): tuple(kind.pod_template.split(".")) for kind in spec.workload_kinds})
        for change in spec.workloads:
            changes.append((change, loaded))
            _check_reference(change, loaded, known, result)
    matched: set[int] = set()
    kinds = Kinds(kind for _, kind in paths)
    for index, document in enumerate(documents):
        root = _root(document, kinds, bool(changes))
        if root is None:
            continue
        hook = _is_hook(document)
        shared: set[str] | None = None
        for workload in workloads_in(root, paths):
            if all(workload.labels.get(key) == value for key, value in MANAGED_BY.items()):
                continue  # an earlier output of ours
            asked = changes
            if hook and not any(workload.name in match.names for change, _ in changes for match in change.match):
                # A hook of a Helm release is changed only if it is selected by its name; in mode Policy it gets contents
                # all the same, since it is refused without.
                if not known.approved:
                    continue
                asked = []
            overlay = _one(document, workload, asked, matched, known, namespace, result)
            if overlay:
                shared = document.repeated_anchors() if shared is None else shared
                _edit(index, document, workload, overlay, shared, result)
        if index not in result.edits:
            document.forget()
    for number, (change, loaded) in enumerate(changes):
        if number not in matched:
            message = "matches no workload that passes through; mend the match, or remove the entry"
            place = loaded.report.place(change.at("match"))
            result.findings.append(Finding(WARNING, "no-match", message, place, f"{change.path}.match"))
    return result


def _root(document: Document, kinds: Kinds, all_of_them: bool) -> Node | None:
    if not document.could_be(kinds) or (not all_of_them and not document.mentions(_REFERENCE)):
        return None
    document.close()
    return document.node


def _is_hook(document: Document) -> bool:
    """Whether a document is a hook of the release, which Helm 4 sends with the rest."""
    if not document.mentions("helm.sh/hook"):
        return False
    root = document.node
    metadata = root.get("metadata") if root is not None else None
    annotations = metadata.get("annotations") if metadata is not None else None
    return annotations is not None and bool(annotations.string("helm.sh/hook"))


def _check_reference(change: WorkloadChange, loaded: LoadedConfig, known: Known, result: Transformed) -> None:
    name = change.credspec
    if name is None or known.names is None or name in known.names:
        return
    message = f"{name} is no credspec of the config{guess(name, known.names)}; add it to credspecs, or to existingCredspecs if the cluster has it"
    place = loaded.report.place(change.at("credspec"))
    result.findings.append(Finding(ERROR, "unknown-credspec", message, place, f"{change.path}.credspec"))


def _one(
    document: Document,
    workload: Workload,
    changes: list[tuple[WorkloadChange, LoadedConfig]],
    matched: set[int],
    known: Known,
    namespace: str,
    result: Transformed,
) -> dict[str, Any]:
    """The overlay on the workload's pod; checks the pod with it."""
    node = workload.pod

    def say(severity: str, rule: str, message: str, at: Node | None, path: str) -> None:
        field = f"{workload}: {workload.field}{'.' + path if path else ''}"
        result.findings.append(Finding(severity, rule, message, document.place(at), field))

    own_namespace = workload.namespace or namespace
    asked = [
        (number, change)
        for number, (change, _) in enumerate(changes)
        if matches(change, workload, own_namespace or "default")
    ]
    matched.update(number for number, _ in asked)
    if node is None:
        if asked:
            message = "has no pod spec to change; mend the workload, or narrow the match"
            say(ERROR, "no-pod", message, workload.root, "")
        return {}
    overlay: dict[str, Any] = {}
    if asked:
        pod_change = PodChange(node, known.approved, say)
        for _, change in asked:
            pod_change.add(change, known.domains.get(change.credspec or "", ""))
        overlay = pod_change.overlay()
    if known.approved:
        overlay = filled_in(overlay, node, known, say)
    pod = laid_over(data_of(node), overlay)
    named = Checker(pod, node, known, own_namespace, say).run()
    account = str(pod.get("serviceAccountName") or pod.get("serviceAccount") or "default")
    for name in sorted(named):
        credspec = known.credspecs.get(name)
        if credspec is None or credspec.used_by != FROM_WORKLOADS:
            continue
        if not own_namespace:
            message = f"has no namespace, so it is not known where its service account may use {name}; give metadata.namespace"
            say(ERROR, "no-namespace", message, workload.root, "")
        result.users.setdefault(name, {}).setdefault(own_namespace, set()).add(account)
    return overlay


def _edit(
    index: int, document: Document, workload: Workload, overlay: dict[str, Any], shared: set[str], result: Transformed
) -> None:
    nested: dict[str, Any] = {"spec": overlay}
    for key in reversed(workload.path):
        nested = {key: nested}
    try:
        edits = overlaid(document.text, workload.root, nested, shared)
    except SharedNode as found:
        message = f"stands under &{found.node.anchor}, which is repeated elsewhere, so the change would reach further; write the alias out"
        result.findings.append(Finding(ERROR, "shared-node", message, document.place(found.node), str(workload)))
        return
    except UnusualForm as found:
        message = f"has {found}, which is not changed here"
        result.findings.append(Finding(ERROR, "unusual-form", message, document.place(found.node), str(workload)))
        return
    if edits:
        result.edits.setdefault(index, []).extend(edits)
