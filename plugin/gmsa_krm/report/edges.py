"""The connections in the graph of who may become which AD account, and the bindings that make them."""

from __future__ import annotations

from gmsa_krm.report.nodes import Risky

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.report.nodes import Node

    EdgeKey = tuple[str, str, str]

# The kinds of edges. Access:
USE = "Use"
UNCHECKED = "Unchecked"
# Ways around the check, by changing what it is about:
CHANGE_CREDSPEC = "ChangeCredspec"
CHANGE_ADMISSION = "ChangeAdmission"
LABEL_NAMESPACE = "LabelNamespace"
GRANT_ACCESS = "GrantAccess"
# Ways by being someone else, whose ways go on from there:
RUN_PODS = "RunPods"
IMPERSONATE = "Impersonate"
# What belongs together:
MEMBER = "Member"
LOG_ON = "LogOn"
ADDITIONAL_ACCOUNT = "AdditionalAccount"
FETCH_PASSWORD = "FetchPassword"  # noqa: S105

# How whoever may add ephemeral containers to pods passes checks that do not look at these.
PAST_CHECKS = "pods/ephemeralcontainers, which nothing checks"

ACCESS = (USE, UNCHECKED)
POWERS = (CHANGE_CREDSPEC, CHANGE_ADMISSION, LABEL_NAMESPACE, GRANT_ACCESS)
DETOURS = (RUN_PODS, IMPERSONATE)
EDGE_KINDS = (MEMBER, *ACCESS, *POWERS, *DETOURS, LOG_ON, ADDITIONAL_ACCOUNT, FETCH_PASSWORD)


class BindingOf:
    """The binding that makes an edge, with its role and the subject in it. `wildcards`: as of a `Grant`.

    `is_built_in`: Kubernetes or its controllers make it, in every cluster; `is_everything`: its role allows everything,
    in the whole cluster.
    """

    __slots__ = (
        "is_built_in",
        "is_everything",
        "kind",
        "name",
        "namespace",
        "role",
        "role_kind",
        "subject",
        "wildcards",
    )

    def __init__(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        role_kind: str,
        role: str,
        subject: str,
        wildcards: tuple[str, ...] = (),
        is_built_in: bool = False,
        is_everything: bool = False,
    ) -> None:
        self.is_everything = is_everything
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.role_kind = role_kind
        self.role = role
        self.subject = subject
        self.wildcards = wildcards
        self.is_built_in = is_built_in

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.namespace, self.name, self.subject

    @property
    def label(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


class Edge(Risky):
    """A connection of two nodes, of one kind. `bindings`: those that make it; `reasons`: how, in words, if not by use.

    `is_certain`: false where it follows from what is not among the objects.
    """

    __slots__ = ("bindings", "is_certain", "kind", "reasons", "source", "target")

    def __init__(self, kind: str, source: Node, target: Node) -> None:
        super().__init__()
        self.kind = kind
        self.source = source
        self.target = target
        self.bindings: list[BindingOf] = []
        self.reasons: list[str] = []
        self.is_certain = True

    @property
    def key(self) -> EdgeKey:
        return self.kind, self.source.id, self.target.id

    @property
    def passes_checks(self) -> bool:
        """Whether someone runs pods by it that get any credential spec. Reasons of other kinds hold names of others."""
        return self.kind == RUN_PODS and any(it.endswith(PAST_CHECKS) for it in self.reasons)

    @property
    def is_built_in(self) -> bool:
        """Whether only bindings of Kubernetes itself make it."""
        return bool(self.bindings) and all(it.is_built_in for it in self.bindings)

    def add_binding(self, binding: BindingOf) -> None:
        if all(it.key != binding.key for it in self.bindings):
            self.bindings.append(binding)

    def add_reason(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)
