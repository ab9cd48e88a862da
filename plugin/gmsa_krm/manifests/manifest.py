"""An object for the API server, and the field of the config that it comes from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.yamltext.stream import Identity

    Object = dict[str, Any]

# Labels emitted objects, so that a later run recognizes them.
MANAGED_BY = {"app.kubernetes.io/managed-by": "gmsa-krm"}


class Manifest:
    """`data` is the object, `source` the path of the field that asks for it."""

    __slots__ = ("data", "identity", "source")

    def __init__(self, data: Object, source: str) -> None:
        metadata = data["metadata"]
        group = data["apiVersion"].rpartition("/")[0]
        self.data = data
        self.source = source
        self.identity: Identity = group, data["kind"], metadata.get("namespace", ""), metadata["name"]
