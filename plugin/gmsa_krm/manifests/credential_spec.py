"""GMSACredentialSpecs, which tell the container runtime on a Windows node about a gMSA."""

from __future__ import annotations

from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.credspecs.model import CredentialSpec
    from gmsa_krm.manifests.manifest import Object


def credential_spec(name: str, spec: CredentialSpec) -> Object:
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "credspec": spec.contents,
    }
