"""What kustomizations rename in their builds, but not where it is named: credential specs, and what configs make.

kustomize changes names and namespaces in each kustomization, and follows references once, at the end of a build, along
the `nameReference` of all kustomizations in it (api/internal/target/kusttarget.go). It takes a kind that it does not
know for one with a namespace, so it follows a credential spec only into objects that are in the same namespace, or in
none (api/resmap/reswrangler.go); its own `namespace` gives one to credential specs, too.
"""

from __future__ import annotations

from gmsa_krm.credspecs.parse import GROUP, KIND
from gmsa_krm.findings import InputError, Report, has_errors
from gmsa_krm.repository.kustomizations import contents_of, in_order
from gmsa_krm.workloads.kinds import known_kinds, objects_in, workload_of
from gmsa_krm.workloads.mutate import matches
from gmsa_krm.workloads.name_references import HOLDERS, RESOURCE_NAMES, reference_path
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE
from gmsa_krm.yamltext.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gmsa_krm.config.credspecs import CredspecEntry
    from gmsa_krm.config.model import Spec
    from gmsa_krm.findings import Finding
    from gmsa_krm.repository.kustomizations import Applied, Graph, Rename
    from gmsa_krm.repository.wiring import Config
    from gmsa_krm.workloads.kinds import Kinds, Workload
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

# Of objects that are looked at, over all builds.
_MAX_STEPS = 1_000_000
_CLUSTER_SCOPED = ("ClusterRole",)
_TRANSFORMERS = (
    "list the GMSAConfig under transformers of the outermost kustomization, which run after it, and write the final"
    " names into it"
)
_CONFIGURATION = "add a file with the output of gmsa-krm schema --name-references to configurations"


class NamedCredspec:
    """A place where an object names a credential spec.

    `path`: as kustomize writes it; `config`: the number of the config that writes the name there.
    """

    __slots__ = ("config", "group", "kind", "name", "namespace", "path", "shown")

    def __init__(
        self, identity: tuple[str, str, str], path: str, name: str, shown: str, config: int | None = None
    ) -> None:
        self.config = config
        self.group, self.kind, self.namespace = identity
        self.path = path
        self.name = name
        self.shown = shown


class Followed:
    """The fields that the kustomizations of a build tell kustomize to follow credential specs into."""

    def __init__(self, configurations: Iterable[str], schemas: Iterable[str]) -> None:
        self._fields: set[tuple[str, str, str]] = set()
        self._is_unknown = False  # a file of another place has what nobody sees here
        self.is_cluster_scoped = False  # whether kustomize knows that credential specs have no namespace
        for path in configurations:
            self._read(path)
        for path in schemas:
            self.is_cluster_scoped |= not path or KIND.encode() in contents_of(path)

    def has(self, group: str, kind: str, path: str) -> bool:
        wanted = ((group, kind, path), ("", kind, path), (group, "", path), ("", "", path))
        return self._is_unknown or any(it in self._fields for it in wanted)

    def _read(self, path: str) -> None:
        if not path:
            self._is_unknown = True
            return
        data = contents_of(path)
        if KIND.encode() not in data:
            return
        try:
            roots = [it.node for it in split(decode(data, path), path)]
        except InputError:
            return  # kustomize reports it
        for root in roots:
            references = root.get("nameReference") if root is not None and root.kind == MAPPING else None
            for it in references.items if references is not None and references.kind == SEQUENCE else ():
                if it.kind == MAPPING and it.string("kind") == KIND and it.string("group") in ("", GROUP):
                    self._add(it.get("fieldSpecs"))

    def _add(self, fields: Node | None) -> None:
        for it in fields.items if fields is not None and fields.kind == SEQUENCE else ():
            if it.kind == MAPPING:
                path = "/".join(key.removesuffix("[]") for key in it.string("path").split("/"))
                self._fields.add((it.string("group"), it.string("kind"), path))


class Lost:
    """A place with the name of a credential spec from before it was renamed.

    `applied`: what is applied to the credential spec; `config`: the number of the config that makes it; `elsewhere`:
    the namespace into which kustomize does not follow it; `is_known`: whether kustomize is told of all such places.
    """

    __slots__ = ("applied", "config", "elsewhere", "is_known", "place")

    def __init__(self, place: NamedCredspec, applied: Applied, config: int | None) -> None:
        self.place = place
        self.applied = applied
        self.config = config
        self.elsewhere = ""
        self.is_known = True

    @property
    def cure(self) -> str:
        if self.config is not None:
            return _TRANSFORMERS if self.elsewhere else f"{_TRANSFORMERS}, or {_CONFIGURATION}"
        if not self.elsewhere:
            return _CONFIGURATION
        more = "" if self.is_known else f", and {_CONFIGURATION}"
        return (
            f"kustomize takes it for an object with a namespace and does not follow it into {self.elsewhere}: set"
            f" namespace: {self.elsewhere} in the kustomization, too{more}; or keep the GMSACredentialSpec out of it"
        )


class Build:
    """The credential specs in the build of a kustomization by the names that they had before, and what names them.

    `made`: those of configs, by the numbers of these.
    """

    def __init__(self, followed: Followed) -> None:
        self.followed = followed
        self.renamed: dict[str, tuple[Applied, int | None]] = {}
        self.final: set[str] = set()
        self.places: list[tuple[NamedCredspec, Applied]] = []
        self._last: dict[int, str] = {}  # the namespace that is applied, by the id of what is

    def add(self, name: str, applied: Applied, config: int | None) -> None:
        for it in in_order(applied):
            self.renamed.setdefault(name, (applied, config))
            name = _renamed(name, it)
        self.final.add(name)

    def lost(self) -> list[Lost]:
        """A place for each credential spec that still has its name from before; one that is elsewhere, if any is."""
        found: dict[str, Lost] = {}
        for place, applied in self.places:
            if place.name in self.final or place.name not in self.renamed:
                continue
            of_credspec, config = self.renamed[place.name]
            is_free = self.followed.is_cluster_scoped or place.kind in _CLUSTER_SCOPED
            namespace = "" if is_free else self._namespace(place.namespace, applied)
            elsewhere = namespace if namespace != self._namespace("", of_credspec) and not is_free else ""
            is_known = self.followed.has(place.group, place.kind, place.path)
            if elsewhere or not is_known:
                lost = found.setdefault(place.name, Lost(place, of_credspec, config))
                lost.is_known &= is_known
                if elsewhere and not lost.elsewhere:
                    lost.place, lost.elsewhere = place, elsewhere
        return list(found.values())

    def _namespace(self, own: str, applied: Applied) -> str:
        """The namespace as kustomize compares it at the end of a build."""
        if id(applied) not in self._last:
            self._last[id(applied)] = next(
                (it.node.text for it in reversed(in_order(applied)) if it.kind == "namespace"), ""
            )
        return self._last[id(applied)] or own or "default"


class Renames:
    """Checks what the builds of a repository rename.

    `documents`: those in which a credential spec may be or be named, by the real paths of their files. `accounts`: the
    ServiceAccounts of the repository, as (namespace, name); asked where that decides.
    """

    def __init__(
        self,
        graph: Graph,
        configs: list[Config],
        documents: dict[str, list[Document]],
        accounts: Callable[[], set[tuple[str, str]]],
    ) -> None:
        self._graph = graph
        self._configs = configs
        self._documents = documents
        self._accounts = accounts
        self._kinds = known_kinds(config.spec for config in configs)
        self._entries = [
            (number, entry)
            for number, config in enumerate(configs)
            if not has_errors(config.loaded.findings)
            for entry in config.spec.workloads
        ]
        self._objects: dict[str, tuple[list[str], list[NamedCredspec]]] = {}  # by file
        self._reported: set[tuple[str, int, int]] = set()
        self._steps = 0

    def findings(self) -> list[Finding]:
        found: list[Finding] = []
        for top in self._graph.tops():
            uses, files = self._graph.uses[top], self._graph.files[top]
            self._steps += len(uses) + len(files)
            if self._steps < _MAX_STEPS and any((*uses.values(), *files.values())):
                self._check_build(top, found)
        return found

    def _check_build(self, top: str, found: list[Finding]) -> None:
        build = self._build(top)
        lost = build.lost()
        for number, applied in self._graph.uses[top].items():
            config = self._configs[number]
            if has_errors(config.loaded.findings):
                continue
            for rename in in_order(applied):
                parts, cure = self._parts_of_config(config.spec, rename, build.followed)
                for it in lost if rename.kind != "namespace" else ():
                    if it.config == number and it.elsewhere:
                        parts.append(f"the name of {it.place.name}, but not in {it.place.shown}")
                        cure = it.cure
                        break
                if parts:
                    what = f"what {config.loaded.file or 'the GMSAConfig'} emits: {', and '.join(parts[:2])}"
                    self._report(rename, what, cure, found)
        for it in lost:
            for rename in in_order(it.applied):
                if rename.kind != "namespace":
                    what = f"the name of the GMSACredentialSpec {it.place.name}, but not in {it.place.shown}"
                    self._report(rename, what, it.cure, found)

    def _parts_of_config(self, spec: Spec, rename: Rename, followed: Followed) -> tuple[list[str], str]:
        """What a rename breaks in what a config makes, and the cure."""
        if rename.kind == "namespace":
            return _moved(spec, rename, self._accounts()), _TRANSFORMERS
        parts = _fixed(spec)
        if parts:
            return parts, _TRANSFORMERS
        if spec.credspecs and not followed.has("rbac.authorization.k8s.io", "ClusterRole", RESOURCE_NAMES):
            parts.append("the names of GMSACredentialSpecs, but not where pods and ClusterRoles name them")
        return parts, f"{_TRANSFORMERS}, or {_CONFIGURATION}"

    def _report(self, rename: Rename, what: str, cure: str, found: list[Finding]) -> None:
        report = Report(rename.file, rename.line, findings=found)
        where = report.location(rename.node)
        place = where.file, where.line, where.column
        if place not in self._reported:
            self._reported.add(place)
            message = f"{rename.node.text[:60]} also changes {what}; {cure}"
            report.error("renamed-objects", message, where, rename.field)

    def _build(self, top: str) -> Build:
        folders = [self._graph.by_folder[it] for it in self._graph.folders_below([top])]
        configurations = dict.fromkeys(path for it in folders for path in it.configurations)
        build = Build(Followed(configurations, [path for it in folders for path in it.schemas]))
        for number, applied in self._graph.uses[top].items():
            for entry in self._configs[number].spec.credspecs:
                if entry.name:
                    build.add(entry.name, applied, number)
                if entry.name and entry.diagnostics is not None:
                    job = ("batch", "Job", entry.diagnostics.namespace)
                    path = reference_path(("spec", "template"), "")
                    build.places.append((NamedCredspec(job, path, entry.name, f"the Job of {entry.path}"), applied))
        for path, applied in self._graph.files[top].items():
            names, places = self._objects_in(path)
            self._steps += len(names) + len(places)
            for name in names:
                build.add(name, applied, None)
            uses = self._graph.uses[top]
            build.places += ((it, applied) for it in places if it.config is None or it.config in uses)
        return build

    def _objects_in(self, path: str) -> tuple[list[str], list[NamedCredspec]]:
        """The names of the GMSACredentialSpecs in a file, and the places that name one."""
        if path not in self._objects:
            names: list[str] = []
            places: list[NamedCredspec] = []
            for document in self._documents.get(path, ()):
                for it, _ in objects_in(document.node) if document.node is not None else ():
                    identity = _identity(it)
                    if identity[:2] == (GROUP, KIND):
                        names.append(identity[3])
                    places += _places_in(it, document, self._kinds)
                    places += self._places_written(it, document)
                document.forget()
            self._objects[path] = names, places
        return self._objects[path]

    def _places_written(self, root: Node, document: Document) -> Iterator[NamedCredspec]:
        """Where configs write names into a workload."""
        workload = workload_of(root, self._kinds) if self._entries else None
        if workload is None:
            return
        group, kind, namespace, name = workload.identity
        location = document.location(root)
        shown = f"{kind} {name} ({location.file}:{location.line})"
        self._steps += len(self._entries)
        for number, entry in self._entries if self._steps < _MAX_STEPS else ():
            if entry.credspec and matches(entry, workload, namespace):
                path = reference_path(workload.path, "containers" if entry.containers else "")
                yield NamedCredspec((group, kind, namespace), path, entry.credspec, shown, number)


def _identity(root: Node) -> tuple[str, str, str, str]:
    metadata = root.get("metadata")
    found = (metadata.string("namespace"), metadata.string("name")) if metadata is not None else ("", "")
    return (root.string("apiVersion").rpartition("/")[0], root.string("kind"), *found)


def _places_in(root: Node, document: Document, kinds: Kinds) -> Iterator[NamedCredspec]:
    group, kind, namespace, name = _identity(root)
    location = document.location(root)
    shown = f"{kind} {name} ({location.file}:{location.line})"
    workload = workload_of(root, kinds)
    if workload is not None:
        for path, text in _names_in(workload):
            yield NamedCredspec((group, kind, namespace), path, text, shown)
    rules = root.get("rules") if kind in ("ClusterRole", "Role") else None
    for rule in rules.items if rules is not None and rules.kind == SEQUENCE else ():
        names = rule.get("resourceNames") if rule.kind == MAPPING and _is_of_credspecs(rule) else None
        for it in names.items if names is not None and names.kind == SEQUENCE else ():
            yield NamedCredspec((group, kind, namespace), RESOURCE_NAMES, it.text, shown)


def _is_of_credspecs(rule: Node) -> bool:
    groups = rule.get("apiGroups")
    return groups is not None and groups.kind == SEQUENCE and any(it.text in (GROUP, "*") for it in groups.items)


def _names_in(workload: Workload) -> Iterator[tuple[str, str]]:
    """The names of credential specs in a pod, each with its path."""
    for holder in HOLDERS if workload.pod is not None else ():
        listed = workload.pod.get(holder) if holder and workload.pod is not None else None
        nodes = listed.items if listed is not None and listed.kind == SEQUENCE else [workload.pod] if not holder else []
        for it in nodes:
            name: Node | None = it
            for key in ("securityContext", "windowsOptions", "gmsaCredentialSpecName"):
                name = name.get(key) if name is not None and name.kind == MAPPING else None
            if name is not None and name.kind == SCALAR and name.text:
                yield reference_path(workload.path, holder), name.text


def _renamed(name: str, rename: Rename) -> str:
    if rename.kind == "nameprefix":
        return rename.node.text + name
    return name + rename.node.text if rename.kind == "namesuffix" else name


def _fixed(spec: Spec) -> list[str]:
    """What another name breaks, whatever kustomize follows."""
    parts = []
    if _has_fixed_names(spec):
        parts.append("the name of the webhook's Service, but not in its certificate")
    if spec.admission.mode == "Policy" and spec.credspecs:
        parts.append("the names of GMSACredentialSpecs, but not in the policy, which then refuses all of them")
    return parts


def _moved(spec: Spec, rename: Rename, accounts: set[tuple[str, str]]) -> list[str]:
    """What another namespace breaks."""
    namespace = rename.node.text
    parts = []
    if _has_fixed_names(spec) and spec.webhook.namespace != namespace:
        parts.append("the namespace of the webhook's Service, but not in its certificate")
    if spec.nodes.smb_compartment_namespace and spec.nodes.namespace != namespace:
        parts.append(f"the Namespace {spec.nodes.namespace} to {namespace}, which is then privileged for Pod Security")
    known = accounts | {(it.namespace, it.name) for it in spec.service_accounts}
    for entry in spec.credspecs:
        if isinstance(entry.used_by, str):
            continue
        if len({use.namespace for use in entry.used_by}) > 1:
            parts.append(f"the RoleBindings of {entry.path}, which then have one namespace and one name")
        elif not rename.moves_subjects and (stays := _account_that_stays(entry, namespace, known)) is not None:
            parts.append(f"the namespace of the RoleBinding of {entry.path}, but not that of its subject {stays}")
        if len(parts) > 1:
            break
    return parts


def _has_fixed_names(spec: Spec) -> bool:
    """Whether the certificate of the webhook is made or checked for the names in the config."""
    return spec.admission.mode == "Webhook" and spec.webhook.certificate.source != "ExistingSecret"


def _account_that_stays(entry: CredspecEntry, namespace: str, known: Iterable[tuple[str, str]]) -> str | None:
    """A subject of a RoleBinding whose namespace kustomize leaves as it is.

    It changes that of `default`, and of ServiceAccounts that are in the build.
    """
    for use in () if isinstance(entry.used_by, str) else entry.used_by:
        for name in use.service_accounts:
            if use.namespace != namespace and name != "default" and (use.namespace, name) not in known:
                return f"{use.namespace}/{name}"
    return None
