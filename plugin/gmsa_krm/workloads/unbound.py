"""Credential specs that usedBy lets nobody use."""

from __future__ import annotations

from gmsa_krm.manifests.access import role_name
from gmsa_krm.yamltext.stream import KindFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.resolve import Resolved
    from gmsa_krm.yamltext.stream import Document

_BINDINGS = KindFilter(["RoleBinding", "ClusterRoleBinding"])


def unbound_credspecs(configs: Iterable[Resolved], documents: Iterable[Document]) -> set[str]:
    """The names of credspecs without usedBy whose ClusterRole no document binds either."""
    names = {it.name for config in configs for it in config.credspecs if not it.entry.used_by}
    if not names:
        return names
    roles = {role_name(name): name for name in names}
    for document in documents:
        if not document.could_be(_BINDINGS):
            continue
        for item in document.items() or (document,):
            reference = item.node.get("roleRef") if item.node is not None else None
            if reference is not None:
                names.discard(roles.get(reference.string("name"), ""))
        document.forget()
    return names


def report_unbound(configs: Iterable[Resolved], unbound: set[str], named: set[str]) -> None:
    """Warns of the credspecs that nobody may use. `named`: those that workloads name, which are reported there."""
    for config in configs if unbound else ():
        for credspec in config.credspecs:
            if credspec.name in unbound and credspec.name not in named:
                credspec.entry.warn_of_no_users(config.report)
