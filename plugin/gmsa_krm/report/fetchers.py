"""Who can fetch the password of an account in the end: computers, and others by themselves or by a group."""

from __future__ import annotations

from gmsa_krm.active_directory.snapshot import COMPUTER, DMSA, GMSA, GROUP_KIND, SMSA, UNKNOWN, USER, WELL_KNOWN
from gmsa_krm.report.edges import FETCH_PASSWORD
from gmsa_krm.report.nodes import MISSING, OTHER_DOMAIN, Principal
from gmsa_krm.report.texts import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.report.graph import Graph
    from gmsa_krm.report.nodes import Account

_NOUNS = {USER: "user", **dict.fromkeys((GMSA, SMSA, DMSA), "service account"), UNKNOWN: "other"}
_OPEN = (GROUP_KIND, WELL_KNOWN, UNKNOWN)  # who is in these is not told by their names


class Fetchers:
    """`computers`: None if they are unknown; `others`: those who are neither computers nor groups, by what they are.

    `is_nobody`: there is no such account in the domain.
    """

    def __init__(self, graph: Graph, account: Account) -> None:
        readers = [it.source for it in graph.incoming(account, FETCH_PASSWORD) if isinstance(it.source, Principal)]
        self.is_nobody = account.directory is None and account.state in (MISSING, OTHER_DOMAIN)
        self.computers = account.hosts
        if self.computers is None and readers and all(it.principal_kind not in _OPEN for it in readers):
            self.computers = sorted(it.label for it in readers if it.principal_kind == COMPUTER)
        self.others: dict[str, list[str]] = {}
        for noun in dict.fromkeys(_NOUNS.values()):
            found = sorted(it.label for it in readers if _NOUNS.get(it.principal_kind) == noun)
            if found:
                self.others[noun] = found

    @property
    def counts(self) -> list[str]:
        """Such as `3 hosts` and `1 user`; nothing for what is unknown, and of computers if there is none."""
        found = [counted(len(self.computers), "host")] if self.computers else []
        return [*found, *(counted(len(names), noun) for noun, names in self.others.items())]

    @property
    def listed(self) -> list[tuple[str, list[str]]]:
        """The nouns with their names."""
        found = [("computer", self.computers)] if self.computers else []
        return [(noun if len(names) == 1 else f"{noun}s", names) for noun, names in (*found, *self.others.items())]
