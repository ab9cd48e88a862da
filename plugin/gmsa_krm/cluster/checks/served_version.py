"""The version of Kubernetes has what the admission mode needs."""

from __future__ import annotations

import re

from gmsa_krm.cluster.outcome import ERROR, Check
from gmsa_krm.cluster.shapes import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

# ValidatingAdmissionPolicy and MutatingAdmissionPolicy in v1: see resolve.py.
_NEEDED = {"ValidatingAdmissionPolicy": (1, 30), "MutatingAdmissionPolicy": (1, 36)}


def _run(view: View, wanted: Wanted, found: Found) -> None:
    told = view.find("/version", "get /version", VERSION) or {}
    text = str(told.get("gitVersion"))
    version = re.match(r"v?([0-9]{1,3})\.([0-9]{1,3})", text)
    kinds = {it["kind"] for it in wanted.objects}
    lacking = [
        f"{kind} needs v{major}.{minor}"
        for kind, (major, minor) in _NEEDED.items()
        if kind in kinds and version is not None and (int(version[1]), int(version[2])) < (major, minor)
    ]
    if lacking:
        message = f"is {text}, but {' and '.join(lacking)}; upgrade it, or set kubeVersion: {text} in the config"
        found.problem("Kubernetes", message)
    else:
        found.holds(f"Kubernetes {text}")


CHECK = Check("served-version", ERROR, "cluster", _run)
