"""What means gMSA in a manifest, but is not where the API reads it, or is in a kind whose pods are not known.

Only keys count, and only where a pod may be: schemas, policies and values of charts have keys of the same names.
"""

from __future__ import annotations

import re

from gmsa_krm.workloads.kinds import BUILT_IN
from gmsa_krm.yamltext.nodes import SCALAR, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Finding, Report
    from gmsa_krm.workloads.catalog import CredspecCatalog
    from gmsa_krm.workloads.kinds import Kinds, PodKind
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    Path = tuple[str | int, ...]

_NAMES = {"gmsacredentialspecname": "gmsaCredentialSpecName", "gmsacredentialspec": "gmsaCredentialSpec"}
# A key of these names or of the annotations, in a text in lower case.
_KEY = re.compile(r"gmsa[-_]?credential[-_]?spec(?:[-_]?name)?[\"']?\s*:")
# The annotations of the alpha stage (KEP 689), which Kubernetes has not read since 1.16.
_ALPHA = re.compile(
    r"(?:pod|(?P<container>.+)\.container)\.alpha\.windows\.kubernetes\.io/gmsa-credential-spec(?P<name>-name)?"
)
# Groups whose objects describe other objects: definitions, policies, patches, releases, our own config.
_GROUPS_WITHOUT_PODS = (
    *("apiextensions.k8s.io", "admissionregistration.k8s.io", "kyverno.io", "gatekeeper.sh", "windows.k8s.io"),
    *("kustomize.config.k8s.io", "helm.toolkit.fluxcd.io", "helm.cattle.io", "gmsa-krm.dev"),
)
_KINDS_WITHOUT_PODS = frozenset(("ConfigMap", "CustomResourceDefinition", "GMSACredentialSpec", "Secret"))
# Keys below which anything may be.
_FREE = frozenset(
    (
        *("annotations", "labels", "matchLabels", "nodeSelector", "volumeAttributes", "data", "stringData"),
        *("values", "valuesObject", "parameters", "properties", "openAPIV3Schema", "default", "example", "examples"),
        *("pattern", "anyPattern", "patchStrategicMerge", "patchesStrategicMerge", "managedFields"),
    )
)
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_OPTIONS = ("securityContext", "windowsOptions")
_DEFAULT_TEMPLATE = "spec.template"
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def may_mean_gmsa(document: Document) -> bool:
    """Whether a document may hold what `Overlooked` looks for."""
    node = document.node if document.whole is not None else None
    text = document.text if node is None else document.text[node.start : node.end]
    text = text.lower()
    if "gmsa" not in text or _KEY.search(text) is None:
        return False
    return node is not None or document.plain_kind not in _KINDS_WITHOUT_PODS


# Kinds of Kubernetes with copies of pods.
_OTHER_KINDS = ("ControllerRevision",)


class _Reference:
    """A key that looks like a reference: `path` ends with it."""

    __slots__ = ("key", "path", "value")

    def __init__(self, path: Path, key: Node, value: Node) -> None:
        self.path = path
        self.key = key
        self.value = value

    @property
    def pod(self) -> Path | None:
        """The path of the pod's spec that it belongs to; None if it is not where the API reads references."""
        if self.path[-3:-1] != _OPTIONS or self.path[-1] not in _NAMES.values():
            return None
        holder = self.path[:-3]
        return holder[:-2] if len(holder) > 1 and holder[-2] in _CONTAINERS else holder


class Overlooked:
    """Reports what a run would skip in silence. `findings` gets the findings."""

    def __init__(self, kinds: Kinds, catalog: CredspecCatalog, findings: list[Finding]) -> None:
        self._kinds = kinds
        self._catalog = catalog
        self._findings = findings

    def check(self, document: Document, root: Node, *, has_reference: bool) -> None:
        """`has_reference`: whether the pod of the object names a credspec once it is changed."""
        group, kind = root.string("apiVersion").rpartition("/")[0], root.string("kind")
        if not kind or root.get("apiVersion") is None or _has_no_pod(group, kind) or _is_list(root, kind):
            return
        place = _Place(document.report(self._findings), root, group, kind, self._kinds.get((group, kind)))
        references, annotations = _found_in(root)
        misplaced, elsewhere = [], []
        for it in references:
            if it.pod is not None and it.pod == place.pod:
                has_reference = True
            elif place.knows(it.path):
                misplaced.append(it)
            elif it.pod is not None:
                elsewhere.append(it)
        _report_misplaced(misplaced, place)
        if elsewhere:
            self._report_unknown(elsewhere, place)
        if not has_reference and not elsewhere:
            _report_annotations(annotations, place)

    def _report_unknown(self, references: list[_Reference], place: _Place) -> None:
        """One finding for the object: its pods have one cause."""
        first = references[0]
        meant = _kind_meant(place)
        if meant is not None:
            message = f"is in a kind that no cluster has; write apiVersion: {meant.api_version} and kind: {meant.kind}"
            place.report.error("no-such-kind", message, first.key, place.field(first.path))
            return
        message = (
            f"is in a pod that gmsa-krm does not know, so it is neither changed nor checked; {_cure(first, place)}"
        )
        names = dict.fromkeys(it.value.text for it in references if it.path[-1] == "gmsaCredentialSpecName")
        unbound = [name for name in names if self._catalog.is_used_from_workloads(name)]
        if unbound:
            message += f". usedBy: FromWorkloads of {', '.join(unbound)} makes no RoleBinding for it"
        place.report.warning("unknown-workload-kind", message, first.key, place.field(first.path))


class _Place:
    """An object, and what is known about its kind."""

    def __init__(self, report: Report, root: Node, group: str, kind: str, known: PodKind | None) -> None:
        metadata = root.get("metadata")
        namespace, name = (metadata.string(key) if metadata is not None else "" for key in ("namespace", "name"))
        self.report = report
        self.group = group
        self.kind = kind
        self.known = known
        # The path of the spec of its pod, None if it is unknown.
        self.pod: Path | None = None if known is None else (*known.path, "spec")
        self._name = f"{kind} {namespace + '/' if namespace else ''}{name}"

    def knows(self, path: Path) -> bool:
        """Whether it is known which fields are read there: everywhere in a kind of Kubernetes, else in the template."""
        if self.known is None:
            return False
        return BUILT_IN.get((self.group, self.kind)) is self.known or path[: len(self.known.path)] == self.known.path

    def field(self, path: Path) -> str:
        return f"{self._name}: {_dotted(path)}"


def _is_list(root: Node, kind: str) -> bool:
    """Whether the object is a List, whose entries are objects of their own."""
    return kind.endswith("List") and root.get("items") is not None


def _report_misplaced(references: list[_Reference], place: _Place) -> None:
    """One finding for the name and the contents at one place."""
    reported: set[Path] = set()
    for it in references:
        if it.path[:-1] in reported:
            continue
        reported.add(it.path[:-1])
        wanted = _right_path(it.path, place.pod or ())
        if [_plain(key) for key in wanted] == [_plain(key) for key in it.path]:
            message = f"is not read in this spelling, so the pod gets no gMSA from it; write {_dotted(wanted)}"
        else:
            message = f"is not read here, so the pod gets no gMSA from it; move it to {_dotted(wanted)}"
        place.report.error("misplaced-reference", message, it.key, place.field(it.path))


def _has_no_pod(group: str, kind: str) -> bool:
    return kind in _KINDS_WITHOUT_PODS or any(group == it or group.endswith(f".{it}") for it in _GROUPS_WITHOUT_PODS)


def _found_in(root: Node) -> tuple[list[_Reference], list[tuple[Path, Node, Node]]]:
    """The keys that look like references, and the annotations of the alpha stage with their paths."""
    references: list[_Reference] = []
    annotations: list[tuple[Path, Node, Node]] = []
    pending: list[tuple[Path, Node]] = [((), root)]
    while pending:
        path, node = pending.pop()
        if node.kind == SEQUENCE:
            pending += [((*path, index), item) for index, item in enumerate(node.items) if item.kind != SCALAR]
            continue
        for key, value in node.entries():
            if value.kind != SCALAR:
                if key.text == "annotations" and path[-1:] == ("metadata",):
                    annotations += [
                        ((*path, "annotations"), *it) for it in value.entries() if _ALPHA.fullmatch(it[0].text)
                    ]
                elif key.text not in _FREE:
                    pending.append(((*path, key.text), value))
            elif not value.is_null and _plain(key.text) in _NAMES:
                references.append(_Reference((*path, key.text), key, value))
    references.sort(key=lambda it: it.key.start)
    return references, annotations


def _plain(key: str | int) -> str | int:
    """A key without what spellings differ in."""
    return key.lower().replace("_", "").replace("-", "") if isinstance(key, str) and len(key) < 60 else key


def _dotted(path: Path) -> str:
    return "".join(f"[{it}]" if isinstance(it, int) else f".{it}" for it in path).removeprefix(".")


def _right_path(path: Path, pod: Path) -> Path:
    """Where the API reads what is misplaced: in the container that it is in, or for the pod."""
    at = len(pod)
    is_in_container = path[:at] == pod and len(path) > at + 1 and path[at] in _CONTAINERS
    holder = path[: at + 2] if is_in_container else pod
    return (*holder, *_OPTIONS, _NAMES[str(_plain(path[-1]))])


def _kind_meant(place: _Place) -> PodKind | None:
    """The kind that was meant by one that no cluster has: groups without a dot have the kinds of Kubernetes alone."""
    if place.known is not None or "." in place.group or place.kind in _OTHER_KINDS:
        return None
    from difflib import get_close_matches

    by_name = {it.kind.lower(): it for it in BUILT_IN.values()}
    close = get_close_matches(place.kind[:60].lower().removesuffix("s"), by_name, n=1, cutoff=0.8)
    return by_name[close[0]] if close else None


def _cure(reference: _Reference, place: _Place) -> str:
    pod = reference.pod or ()
    template = pod[:-1]
    is_reached = place.known is None and place.group and template and pod[-1] == "spec"
    if not is_reached or not all(isinstance(key, str) and _FIELD.fullmatch(key) for key in template):
        return "no entry of workloadKinds reaches it, so check it by hand, and list its service account in usedBy"
    path = _dotted(template)
    entry = f"apiGroup: {place.group}, kind: {place.kind}"
    more = f", podTemplate: {path}" if path != _DEFAULT_TEMPLATE else ""
    return f"add {{{entry}{more}}} to spec.workloadKinds"


def _report_annotations(annotations: list[tuple[Path, Node, Node]], place: _Place) -> None:
    """One finding for the name and the contents of a pod or container."""
    reported: set[tuple[Path, str]] = set()
    for path, key, value in sorted(annotations, key=lambda it: (not it[1].text.endswith("-name"), it[1].start)):
        found = _ALPHA.fullmatch(key.text)
        container = (found and found["container"]) or ""
        if found is None or (path, container) in reported:
            continue
        reported.add((path, container))
        name = value.text if found["name"] and value.kind == SCALAR and value.text else "the credspec's name"
        holder = f"of container {container}" if container else "of the pod"
        message = (
            f"{key.text} has had no effect since Kubernetes 1.16; write {name} as"
            f" securityContext.windowsOptions.gmsaCredentialSpecName {holder}, and remove the annotation"
        )
        place.report.error("alpha-annotation", message, key, place.field(path))
