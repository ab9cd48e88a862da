"""An object that was made here, and what of the config it comes from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]


MANAGED_BY = {"app.kubernetes.io/managed-by": "gmsa-krm"}


class Made:
    """`data` is the object as it goes to the API server, `source` the field of the config behind it.

    `document` is the index of the document that passes through and is this object already (an earlier output
    of ours), if there is one; `in_list` says that it is an entry of that document, a List, and `changed` whether
    `data` has to take its place.
    """

    __slots__ = ("changed", "data", "document", "in_list", "source")

    def __init__(self, data: Object, source: str) -> None:
        self.data = data
        self.source = source
        self.document: int | None = None
        self.changed = False
        self.in_list = False

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """API group, kind, namespace, name: what the API server tells objects apart by."""
        metadata = self.data["metadata"]
        group = self.data["apiVersion"].rpartition("/")[0]
        return group, self.data["kind"], metadata.get("namespace", ""), metadata["name"]
