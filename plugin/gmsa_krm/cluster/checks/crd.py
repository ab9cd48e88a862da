"""The CRD of GMSACredentialSpec is there, and serves and stores v1."""

from __future__ import annotations

from gmsa_krm.cluster.outcome import ERROR, Check
from gmsa_krm.cluster.shapes import CRD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

_NAME = "gmsacredentialspecs.windows.k8s.io"
_PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{_NAME}"


def _run(view: View, wanted: Wanted, found: Found) -> None:
    about = f"CustomResourceDefinition {_NAME}"
    crd = view.find(_PATH, "get customresourcedefinitions", CRD)
    if crd is None:
        cure = "apply what gmsa-krm render prints" if wanted.is_given else "install a gMSA set-up first"
        found.problem(about, f"does not exist, so the cluster knows no credential specs; {cure}")
        return
    versions = {it.get("name"): it for it in crd["spec"].get("versions", [])}
    v1 = versions.get("v1")
    conditions = {it.get("type"): it for it in crd.get("status", {}).get("conditions") or []}
    if v1 is None or not v1.get("served"):
        found.problem(about, "does not serve v1, which the webhook reads; apply the CRD of gmsa-krm or of windows-gmsa")
    elif conditions.get("Established", {}).get("status") != "True":
        reason = conditions.get("NamesAccepted", {}).get("message") or "no reason given"
        found.problem(about, f"is not established ({reason}); delete the CRD that has its names, or wait")
    else:
        stored = next((name for name, it in versions.items() if it.get("storage")), "none")
        found.holds(f"{_NAME} serves v1 and stores {stored}")


CHECK = Check("crd-not-served", ERROR, "cluster", _run)
