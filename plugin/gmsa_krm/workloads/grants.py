"""Who may use a credspec by bindings among the documents, and the credspecs that nobody may use."""

from __future__ import annotations

from gmsa_krm.manifests.access import role_name
from gmsa_krm.yamltext.nodes import SEQUENCE
from gmsa_krm.yamltext.stream import KindFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    # Namespace in which a binding holds, "" for all; kind, namespace and name of its subject.
    Grant = tuple[str, str, str, str]

_BINDINGS = KindFilter(["RoleBinding", "ClusterRoleBinding"])
_ROLE_PREFIX = role_name("")
_ACCOUNT, _GROUP = "ServiceAccount", "Group"
_ANY = "*"  # of a namespace
_EVERYBODY = ("system:serviceaccounts", "system:authenticated")


class Grants:
    """The bindings among the documents to the ClusterRoles of credspecs, read when they are asked for."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._documents = documents
        self._by_role: dict[str, set[Grant]] | None = None

    def exist(self, credspec: str) -> bool:
        """Whether a binding lets anyone use the credspec."""
        return bool(self._of(credspec))

    def allow(self, credspec: str, namespace: str, service_account: str) -> bool:
        """Whether a binding lets the service account use the credspec; an empty namespace is any."""
        groups = [*_EVERYBODY, f"system:serviceaccounts:{namespace}"]
        subjects = [(_GROUP, "", name) for name in groups]
        subjects += [(_ACCOUNT, of, service_account) for of in {"", namespace or _ANY}]
        grants = self._of(credspec)
        return any((where, *subject) in grants for where in {"", namespace or _ANY} for subject in subjects)

    def _of(self, credspec: str) -> set[Grant]:
        if self._by_role is None:
            self._by_role = {}
            for document in self._documents:
                if document.could_be(_BINDINGS) and document.mentions(_ROLE_PREFIX):
                    for item in document.items() or (document,):
                        if item.node is not None:
                            self._add(item.node)
                    document.forget()
        return self._by_role.get(role_name(credspec), set())

    def _add(self, root: Node) -> None:
        role, subjects, metadata = root.get("roleRef"), root.get("subjects"), root.get("metadata")
        if role is None or self._by_role is None or not root.string("kind").endswith("RoleBinding"):
            return
        is_cluster = root.string("kind") == "ClusterRoleBinding"
        where = "" if is_cluster or metadata is None else metadata.string("namespace")
        grants = self._by_role.setdefault(role.string("name"), set())
        for it in subjects.items if subjects is not None and subjects.kind == SEQUENCE else ():
            kind, name = it.string("kind"), it.string("name")
            of = "" if kind == _GROUP else it.string("namespace") or where
            # So that it is found where the namespace of a workload is unknown.
            grants.update({(where, kind, of, name), (_ANY, kind, of and _ANY, name)})


def report_unbound(configs: Iterable[Resolved], grants: Grants, named: set[str]) -> None:
    """Warns of the credspecs that nobody may use. `named`: those that workloads name, which are reported there."""
    for config in configs:
        for it in config.credspecs:
            if not it.entry.used_by and it.name not in named and not grants.exist(it.name):
                it.entry.warn_of_no_users(config.report)
