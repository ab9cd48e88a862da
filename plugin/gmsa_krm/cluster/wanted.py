"""What configs ask the cluster for: their objects, and who may use which credential spec."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.active_directory.snapshot import Snapshot
    from gmsa_krm.reconcile import Emitted
    from gmsa_krm.resolve import Resolved

    Object = dict[str, Any]


class Wanted:
    """`configs` and the objects that they emit; both empty where the cluster is taken as it is.

    `snapshot`: what Active Directory knows, from --ad. `now`: seconds since 1970.
    """

    def __init__(
        self, configs: list[Resolved], emitted: Iterable[Emitted], *, now: int, snapshot: Snapshot | None = None
    ) -> None:
        self.configs = configs
        self.objects: list[Object] = [it.data for it in emitted]
        self.now = now
        self.snapshot = snapshot

    @property
    def is_given(self) -> bool:
        """Whether there are configs to compare the cluster with."""
        return bool(self.configs)

    def of_kind(self, kind: str) -> list[Object]:
        return [it for it in self.objects if it["kind"] == kind]
