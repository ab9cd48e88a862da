"""How references in pods are expanded and checked: the admission mode, and the settings of mode Policy."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, enum, sections, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Report


class Admission(Section):
    """What expands and checks the references in pods."""

    mode: str = enum(
        "Webhook: set up the gMSA admission webhook. Policy: the API server checks by itself, and contents are written"
        " into workloads at render time. None: emit only credspecs and RBAC, for a cluster with a webhook (AKS).",
        "Webhook",
        "Policy",
        "None",
        default="Webhook",
    )


class AcceptedContents(Section):
    """Earlier contents of a credspec that pods may still be created with."""

    credspec: str = string("Name of an entry of credspecs.", required=True)
    file: str | None = string("JSON file with the contents, relative to this config's folder.")
    contents: str | None = string(
        "In place of file: the JSON that kubectl get gmsacredentialspec NAME -o jsonpath={.credspec} prints."
    )

    @property
    def has_one_source(self) -> bool:
        return (self.file is None) != (self.contents is None)

    def check(self, report: Report) -> None:
        if not self.has_one_source:
            report.error("one-of", "needs either file or contents; give one of them", self.node, self.path)


class Policy(Section):
    """ValidatingAdmissionPolicy in place of a webhook."""

    name: str = string("Name of the policy's objects.", default="gmsa", check=values.subdomain_name)
    expand: bool = boolean(
        "Fill in the contents of pods that are created in other ways (kubectl run, operators), by a"
        " MutatingAdmissionPolicy. Needs Kubernetes 1.36; not emitted for an older kubeVersion.",
        default=False,
    )
    accept_previous: list[AcceptedContents] = sections(
        "Contents that are accepted in addition to those of credspecs, while pods are still created with them.",
        AcceptedContents,
    )
