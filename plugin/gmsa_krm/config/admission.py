"""How references in pods are expanded and checked: the admission mode, and the policy of mode Policy."""

from __future__ import annotations

from gmsa_krm.config import values
from gmsa_krm.config.declaration import Section, boolean, enum, sections, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Report


class Admission(Section):
    """What expands and checks the references in pods."""

    mode: str = enum(
        "Webhook: the gMSA admission webhook is set up here. Policy: the API server itself checks, and contents are"
        " written into workloads at render time. None: a webhook is there already (AKS), emit credspecs and RBAC.",
        "Webhook",
        "Policy",
        "None",
        default="Webhook",
    )


class AcceptedContents(Section):
    """Contents that a credspec had, and that pods may still be created with."""

    credspec: str = string("Name of an entry of credspecs.", required=True, check=values.subdomain_name)
    file: str | None = string("JSON file that holds them, relative to this config's folder.")
    contents: str | None = string(
        "Or the JSON itself, as kubectl get gmsacredentialspec NAME -o jsonpath={.credspec} prints it."
    )

    @property
    def has_one_source(self) -> bool:
        return (self.file is None) != (self.contents is None)

    def check(self, report: Report) -> None:
        if not self.has_one_source:
            report.error("one-of", "needs either file or contents; give one of them", self.node, self.path)


class Policy(Section):
    """ValidatingAdmissionPolicy in place of a webhook."""

    name: str = string("Name of its objects.", default="gmsa", check=values.subdomain_name)
    expand: bool = boolean(
        "Fill in the contents of pods made elsewhere (kubectl run, operators) by a MutatingAdmissionPolicy, which"
        " needs Kubernetes 1.36; where kubeVersion is older it is left out.",
        default=False,
    )
    accept_previous: list[AcceptedContents] = sections(
        "Contents that are accepted beside those of credspecs, while pods with them are still created.",
        AcceptedContents,
    )
