"""Changes and validates the workloads among the documents, and collects who uses which credspec."""

from __future__ import annotations

from gmsa_krm.config.values import label_name
from gmsa_krm.findings import InputError
from gmsa_krm.manifests.manifest import MANAGED_BY
from gmsa_krm.workloads.catalog import CredspecCatalog
from gmsa_krm.workloads.grants import Grants, report_unbound
from gmsa_krm.workloads.host_names import HostNames
from gmsa_krm.workloads.inject_contents import inject_contents
from gmsa_krm.workloads.kinds import kind_meant, kind_of, known_kinds, objects_in, report_unnamed, workload_of
from gmsa_krm.workloads.mutate import PodMutation, matches
from gmsa_krm.workloads.operating_system import RuntimeClasses
from gmsa_krm.workloads.overlooked import Overlooked, may_mean_gmsa
from gmsa_krm.workloads.pod_data import PodReport
from gmsa_krm.workloads.validate import PodValidator, service_account_of
from gmsa_krm.yamltext.changes import change_of, report_not_edited
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.edits import NotEdited, apply_patch
from gmsa_krm.yamltext.nodes import MAPPING, overridden_keys, overridden_keys_of, repeated_keys, repeated_keys_of
from gmsa_krm.yamltext.stream import KindFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gmsa_krm.active_directory.compare import Comparison
    from gmsa_krm.config.workloads import WorkloadEntry
    from gmsa_krm.findings import Finding
    from gmsa_krm.resolve import Resolved
    from gmsa_krm.workloads.kinds import Workload
    from gmsa_krm.yamltext.changes import Changes
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document, Identity

    # {credspec: {namespace: service accounts}}
    Usage = dict[str, dict[str, set[str]]]

# Keys that say whether an object is a workload, or has workloads in it, and those by which entries match it.
_DECIDING = ("apiVersion", "items", "kind")
_MATCHED = (*_DECIDING, "labels", "metadata", "name", "namespace")
# A document without this text has no pod with a gMSA, and need not be parsed.
_REFERENCE = "gmsaCredentialSpec"
_CREDSPEC = "GMSACredentialSpec"
_CREDSPECS = KindFilter([_CREDSPEC])
_CONTENTS = "DomainJoinConfig"
# Kinds that hold contents or their schema, and are not credential specs.
_OTHERS = frozenset(
    (
        *("ConfigMap", "CustomResourceDefinition", "Deployment", "MutatingAdmissionPolicy", "Pod", "Secret"),
        *("StatefulSet", "ValidatingAdmissionPolicy"),
    )
)


def process_workloads(
    configs: list[Resolved],
    documents: list[Document],
    namespace: str,
    emitted_workloads: Callable[[Resolved], set[Identity]],
    comparison: Comparison | None = None,
) -> tuple[Changes, Usage, list[Finding]]:
    """The changes by index of the document, who uses which credspec, and the findings about documents.

    `namespace`: the namespace of objects without one, "" if the host does not know it. Findings about configs go to
    their reports. `emitted_workloads`: what a config emits; asked where a document looks like it.
    `comparison`: with what Active Directory knows.
    """
    findings: list[Finding] = []
    credspecs = None
    candidates = [it for it in documents if _may_be_credspec(it)]
    if candidates:
        from gmsa_krm.workloads.documents import credspecs_among

        credspecs = credspecs_among(candidates, configs, findings, comparison)
    grants = Grants(documents)
    catalog = CredspecCatalog(configs, credspecs, grants)
    run = _Run(configs, documents, namespace, emitted_workloads, catalog, findings, comparison)
    run.check_entries()
    for index, document in enumerate(documents):
        run.process(index, document)
    run.check_matched()
    report_unbound(configs, grants, run.named)
    return run.changes, run.usage, run.findings


def _may_be_credspec(document: Document) -> bool:
    """Whether a document may be a GMSACredentialSpec, or was meant to be one."""
    if document.could_be(_CREDSPECS) and document.mentions(_CREDSPEC):
        return True
    return document.plain_kind not in _OTHERS and document.mentions(_CONTENTS)


class _Run:
    def __init__(
        self,
        configs: list[Resolved],
        documents: list[Document],
        namespace: str,
        emitted_workloads: Callable[[Resolved], set[Identity]],
        catalog: CredspecCatalog,
        findings: list[Finding],
        comparison: Comparison | None,
    ) -> None:
        self.changes: Changes = {}
        self.usage: Usage = {}
        self.named: set[str] = set()
        self.findings = findings
        self._namespace = namespace
        self._configs = configs
        self._documents = documents
        self._emitted_workloads = emitted_workloads
        self._own: set[Identity] | None = None
        self._catalog = catalog
        self._comparison = comparison
        self._classes = RuntimeClasses(documents)
        self._host_names = HostNames(configs)
        self._kinds = known_kinds(config.spec for config in configs)
        self._overlooked = Overlooked(self._kinds, self._catalog, self.findings)
        self._filter = KindFilter(kind for _, kind in self._kinds)
        self._entries = [(entry, config) for config in configs for entry in config.spec.workloads]
        self._matched: set[int] = set()  # numbers of entries
        # By name the entries that match no other names, so that not every workload is compared with every entry.
        self._by_name: dict[str, list[int]] = {}
        self._of_any_name: list[int] = []
        for number, (entry, _) in enumerate(self._entries):
            if not all(match.names for match in entry.match):
                self._of_any_name.append(number)
            for name in {name for match in entry.match for name in match.names}:
                self._by_name.setdefault(name, []).append(number)

    def check_entries(self) -> None:
        known = self._catalog.names
        reported: set[str] = set()
        for number, (entry, config) in enumerate(self._entries):
            name = entry.credspec
            if name is not None and known is not None and name not in known:
                message = self._catalog.unknown(name)
                config.report.error("unknown-credspec", message, entry.at("credspec"), f"{entry.path}.credspec")
                reported.add(name)
            if self._has_unknown_kind(entry, config):
                self._matched.add(number)  # what it matches is unknown
        # The pods that these entries match have the same cause, which is reported above.
        self._catalog.ignore(reported)

    def _has_unknown_kind(self, entry: WorkloadEntry, config: Resolved) -> bool:
        known = {kind for _, kind in self._kinds}
        earlier = len(config.report.findings)
        for match in entry.match:
            for kind in match.kinds:
                if kind not in known:
                    from gmsa_krm.findings.suggest import suggestion

                    meant = kind_meant(kind, self._kinds)
                    hint = f" (did you mean {meant}?)" if meant is not None else suggestion(kind, known, listed=False)
                    message = f"{kind[:60]} is not a kind with a pod{hint}; fix it, or add the kind to workloadKinds"
                    config.report.error("match-kind", message, match.at("kinds"), f"{match.path}.kinds")
        return len(config.report.findings) > earlier

    def check_matched(self) -> None:
        for index, (entry, config) in enumerate(self._entries):
            if index not in self._matched:
                cure = "fix the match, or remove the entry" if self._has_documents else config.host.workloads
                message = f"matches no workload that passes through; {cure}"
                config.report.warning("no-match", message, entry.at("match"), f"{entry.path}.match")

    @property
    def _has_documents(self) -> bool:
        """Whether anything passes through; a function gets its config among the items."""
        return any(it.identity is not None and it.identity[1] != "GMSAConfig" for it in self._documents)

    def process(self, index: int, document: Document) -> None:
        may_be_overlooked = may_mean_gmsa(document)
        root = self._root(document)
        if root is None:
            if may_be_overlooked:
                self._check_overlooked(document)
            return
        is_hook = _is_hook(document)
        may_refer = document.mentions(_REFERENCE)
        is_patched = False
        around: list[Node] = []  # what the workloads are in
        for it, above in objects_in(root):
            report_unnamed(it, self._kinds.__contains__, document.report(self.findings))
            workload = workload_of(it, self._kinds)
            has_reference = False
            if workload is None and kind_of(it, self._kinds) is not None:
                # With the last of two equal keys it may have a pod.
                keys, overridden = repeated_keys(it), overridden_keys(it)
            elif workload is None:
                # With another kind it may be a workload to some readers.
                around.append(it)
                keys = [found for found in _in(it, repeated_keys_of) if may_refer or found[1].text in _DECIDING]
                overridden = [found for found in _in(it, overridden_keys_of) if may_refer or found[0].text in _DECIDING]
            elif self._is_own(workload):
                continue
            else:
                patch, has_reference = self._process(document, workload, is_hook)
                is_patched |= bool(patch)
                is_read = patch or may_refer
                keys = repeated_keys(it) if is_read else _matched(workload, repeated_keys_of, 1)
                overridden = overridden_keys(it) if is_read else _matched(workload, overridden_keys_of, 0)
                if patch and not keys:  # it could be for the first of two equal keys
                    self._edit(index, document, workload, above, patch)
            self._refuse_repeated(document, keys, str(workload or ""))
            self._refuse_overridden(document, overridden, str(workload or ""))
            if may_be_overlooked:
                self._overlooked.check(document, it, has_reference=has_reference)
        # It refers in the output, where these would be errors.
        self._refuse_repeated_in(document, around if is_patched and not may_refer else [])
        if index not in self.changes:
            document.forget()

    def _refuse_repeated_in(self, document: Document, objects: list[Node]) -> None:
        for it in objects:
            keys = [found for found in _in(it, repeated_keys_of) if found[1].text not in _DECIDING]
            self._refuse_repeated(document, keys, "")
            overridden = [found for found in _in(it, overridden_keys_of) if found[0].text not in _DECIDING]
            self._refuse_overridden(document, overridden, "")

    def _check_overlooked(self, document: Document) -> None:
        """The check of a document without a workload to process."""
        try:
            root = document.node
        except InputError:
            return  # who needs the document reports it
        for it, _ in objects_in(root) if root is not None else ():
            self._overlooked.check(document, it, has_reference=False)
        document.forget()

    def _is_own(self, workload: Workload) -> bool:
        """Whether it is an earlier output. The label alone does not say so, since anyone may write it."""
        if any(workload.labels.get(key) != value for key, value in MANAGED_BY.items()):
            return False
        if self._own is None:
            self._own = set().union(*map(self._emitted_workloads, self._configs))
        return workload.identity in self._own

    def _process(self, document: Document, workload: Workload, is_hook: bool) -> tuple[dict[str, Any], bool]:
        """The patch of the workload's pod, and whether the pod then names a credspec."""
        numbers = sorted({*self._by_name.get(workload.name, ()), *self._of_any_name})
        if is_hook and workload.name not in self._by_name:
            # A hook of a Helm release is changed only if an entry names it. In mode Policy it gets contents in any
            # case, since it is refused without them. It is always checked: anyone may write the annotation.
            numbers = []
        patch, named = self._patch(document, workload, numbers)
        return patch, bool(named)

    def _root(self, document: Document) -> Node | None:
        """The root of a document that may have a workload to process."""
        if not document.could_be(self._filter):
            return None
        if not self._entries and not document.mentions(_REFERENCE):
            return None
        document.close()
        return document.node

    def _patch(self, document: Document, workload: Workload, candidates: list[int]) -> tuple[dict[str, Any], set[str]]:
        """The patch of the workload's pod, after validation, and the credspecs that the pod then names.

        `candidates`: indices of the entries that may match.
        """
        report = PodReport(document, workload, self.findings)
        namespace = workload.namespace or self._namespace
        matching = [it for it in candidates if matches(self._entries[it][0], workload, namespace or "default")]
        self._matched.update(matching)
        node = workload.pod
        if node is None:
            if matching:
                message = "has no pod spec to change; fix the workload, or narrow the match"
                report.error("no-pod", message, workload.root)
            return {}, set()
        patch = self._mutation([self._entries[it][0] for it in matching], node, report)
        try:
            if self._catalog.approved:
                patch = inject_contents(patch, node, self._catalog, report)
            pod = apply_patch(data_of(node), patch)
        except IndexError:
            # Of two equal keys the patch is for the first and the data have the last; the keys are reported as errors.
            pod = data_of(node)
        report.skip_reported()
        named = PodValidator(pod, self._catalog, self._classes, namespace, report).run()
        if named:
            self._check_namespace(document, workload, namespace)
            self._host_names.check(workload, pod, named, report)
            if self._comparison is not None:
                from gmsa_krm.workloads.served import check_served

                check_served(pod, named, self._catalog, self._comparison, report)
        self.named |= named
        for name in sorted(named):
            if not self._catalog.is_used_from_workloads(name):
                continue
            if not namespace:
                message = (
                    f"has no namespace, so gmsa-krm cannot bind its service account to {name};"
                    f" {self._configs[0].host.namespace}"
                )
                report.error("no-namespace", message, workload.root)
            # A wrong type is reported; as a text it can stand beside the others.
            self.usage.setdefault(name, {}).setdefault(namespace, set()).add(str(service_account_of(pod)[1]))
        return patch, named

    def _check_namespace(self, document: Document, workload: Workload, namespace: str) -> None:
        """A namespace becomes that of RoleBindings, so it is checked as one of the config."""
        report = document.report(self.findings)
        metadata = workload.root.get("metadata")
        node = metadata.get("namespace") if metadata is not None else None
        field = f"{workload}: metadata.namespace"
        if node is not None and not (node.is_null or isinstance(data_of(node), str)):
            message = "must be a string, but is of another type; write the name of a namespace, a number in quotes"
            report.error("type", message, node, field)
        elif namespace:
            for issue in label_name(namespace):
                report.add(issue, node or workload.root, field)

    def _mutation(self, entries: list[WorkloadEntry], node: Node, report: PodReport) -> dict[str, Any]:
        if not entries:
            return {}
        mutation = PodMutation(node, self._classes, report, injects_contents=bool(self._catalog.approved))
        for entry in entries:
            mutation.add(entry, self._catalog.dns_name(entry.credspec))
        return mutation.patch()

    def _refuse_repeated(self, document: Document, keys: Iterable[tuple[Node, Node]], field: str) -> None:
        """Of equal keys some readers take the first, some the last, so what is checked may not be what is applied."""
        report = document.report(self.findings)
        repeated: dict[int, list[Node]] = {}
        for first, again in keys:
            repeated.setdefault(id(first), [first]).append(again)
        for first, again, *more in repeated.values():
            line = document.line + first.line + 1
            cure = "keep one" if more else "remove one"
            message = f"the key {again.text[:60]} is repeated in this mapping (first in line {line}); {cure}"
            report.error("duplicate-key", message, again, field)

    def _refuse_overridden(self, document: Document, keys: Iterable[tuple[Node, Node]], field: str) -> None:
        report = document.report(self.findings)
        for own, merge_key in keys:
            line = document.line + merge_key.line + 1
            message = (
                f"the key {own.text[:60]} is merged once more by << in line {line}, and kubectl applies the merged"
                " value, other readers this one; write << first in the mapping, or keep one of the two"
            )
            report.error("duplicate-key", message, own, field)

    def _edit(
        self, index: int, document: Document, workload: Workload, above: list[Node], patch: dict[str, Any]
    ) -> None:
        """`above`: what the workload is in, below the root of the document."""
        nested: dict[str, Any] = {"spec": patch}
        for key in reversed(workload.path):
            nested = {key: nested}
        try:
            change = change_of(document, workload.root, nested, above)
        except NotEdited as found:
            report_not_edited(document.report(self.findings), found, str(workload))
        else:
            if change is not None:
                self.changes.setdefault(index, []).append(change)


def _in(mapping: Node, find: Callable[[Node], list[tuple[Node, Node]]]) -> list[tuple[Node, Node]]:
    """What `find` finds in a mapping and in those that it merges."""
    return [found for source in mapping.sources() for found in find(source)]


def _matched(workload: Workload, find: Callable[[Node], list[tuple[Node, Node]]], at: int) -> list[tuple[Node, Node]]:
    """What `find` finds in what entries match a workload by; `at`: which node of what it finds is the key."""
    found: list[tuple[Node, Node]] = []
    metadata = workload.root.get("metadata")
    labels = metadata.get("labels") if metadata is not None else None
    for mapping in (workload.root, metadata, labels):
        if mapping is not None and mapping.kind == MAPPING:
            found += [it for it in _in(mapping, find) if mapping is labels or it[at].text in _MATCHED]
    return found


def _is_hook(document: Document) -> bool:
    """Whether a document is a hook of a release, which Helm 4 sends with the rest."""
    if not document.mentions("helm.sh/hook"):
        return False
    root = document.node
    metadata = root.get("metadata") if root is not None else None
    annotations = metadata.get("annotations") if metadata is not None else None
    return annotations is not None and bool(annotations.string("helm.sh/hook"))
