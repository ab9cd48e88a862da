"""What is in the graph of who may become which AD account, each with its risks."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

    from gmsa_krm.active_directory.snapshot import DirectoryAccount
    from gmsa_krm.findings import Issue

# The name of what stands for all of a kind.
ALL = "*"
# SIDs of domains and of what is in them start with it ([MS-DTYP] 2.4.2.3).
DOMAIN_SID = "S-1-5-21-"

# What is known of an account in Active Directory: no snapshot tells; it is a gMSA there; there is none of that name;
# it is of another kind; it is only in other domains.
NOT_CHECKED, EXISTS, MISSING, OTHER_KIND, OTHER_DOMAIN = "NotChecked", "Exists", "Missing", "OtherKind", "OtherDomain"


# What gives accounts away, the worst first. What keeps a workload from its account comes after it, since that is
# noticed anyway.
_EXPOSING = (
    *("unchecked-pods", "no-admission-check", "password-of-everyone", "unconstrained-delegation", "broad-delegation"),
    *("every-credspec", "no-hardening", "wildcard-grant"),
)


class Risk:
    """A reason to be shown in red, in words.

    `severity`: `error` or `warning`; `rule`: its id in the catalogue; `message`: what is wrong, and what to do.
    """

    __slots__ = ("message", "rule", "severity")

    def __init__(self, severity: str, rule: str, message: str) -> None:
        self.severity = severity
        self.rule = rule
        self.message = message

    @property
    def rank(self) -> tuple[bool, int, str]:
        """The worst first."""
        exposing = _EXPOSING.index(self.rule) if self.rule in _EXPOSING else len(_EXPOSING)
        return self.severity != ERROR, exposing, self.rule


class Risky:
    """What can have risks, each rule once. A rule is one of the catalogue (`gmsa-krm explain`)."""

    __slots__ = ("risks",)

    def __init__(self) -> None:
        self.risks: list[Risk] = []

    def error(self, rule: str, message: str) -> None:
        self.add((ERROR, rule, message))

    def warning(self, rule: str, message: str) -> None:
        self.add((WARNING, rule, message))

    def add(self, issue: Issue) -> None:
        severity, rule, message = issue
        if all(it.rule != rule for it in self.risks):
            self.risks.append(Risk(severity, rule, message))


class Node(Risky):
    """Something in the graph. `id`: unique in it, and the same in each run; `label`: what a reader calls it."""

    kind: ClassVar[str]
    __slots__ = ("id", "name", "namespace")

    def __init__(self, name: str, namespace: str = "") -> None:
        super().__init__()
        self.name = name
        self.namespace = namespace
        self.id = ":".join((self.kind, f"{namespace}/{name}" if namespace else name))

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Workload(Risky):
    """An object with a pod that runs as a service account. `credspecs`: the names in its pod, sorted.

    `references`: name and contents of each place in the pod that has one of them, or both; `has_contents`: a place
    has contents without a name; `is_checked`: something checks its pods; `brings`: the accounts of its contents,
    where nothing but the contents decides; `without_contents`: those of `credspecs` whose contents it does not
    bring, and nothing fills in, so that it has no account by them. Its risks say why its pods are refused, or why
    it cannot be rendered.
    """

    __slots__ = (
        *("brings", "credspecs", "has_contents", "is_checked", "kind", "name", "namespace", "references"),
        "without_contents",
    )

    def __init__(self, kind: str, namespace: str, name: str, references: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.references = sorted(set(references))
        self.credspecs = sorted({credspec for credspec, _ in self.references if credspec})
        # With a name the contents are filled in at admission, and are checked.
        self.has_contents = any(not credspec for credspec, _ in self.references)
        self.brings: list[Account] = []
        self.is_checked = True
        self.without_contents = sorted({credspec for credspec, contents in self.references if not contents})

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def lack(self) -> str:
        """In words, that it has no account by what it names; empty if it has."""
        if not self.without_contents:
            return ""
        names = ", ".join(self.without_contents)
        return (
            f"names {names}, but nothing fills in its contents in {self.namespace}: it has no account until it brings"
            " them"
        )

    @property
    def is_refused(self) -> bool:
        return bool(self.risks)


class ServiceAccount(Node):
    """A service account that a binding names, or that a gMSA workload runs as. `workloads`: the gMSA ones."""

    kind = "ServiceAccount"
    __slots__ = ("workloads",)

    def __init__(self, name: str, namespace: str) -> None:
        super().__init__(name, namespace)
        self.workloads: list[Workload] = []


class ServiceAccounts(Node):
    """All service accounts of a namespace, or of the cluster if there is no namespace."""

    kind = "ServiceAccounts"
    __slots__ = ()

    def __init__(self, namespace: str = "") -> None:
        super().__init__(ALL, namespace)

    @property
    def label(self) -> str:
        return (
            f"every service account of {self.namespace}" if self.namespace else "every service account of the cluster"
        )


class User(Node):
    """A user of the cluster who is not a service account; named `*` all of them."""

    kind = "User"
    __slots__ = ()

    @property
    def label(self) -> str:
        return "every user of the cluster" if self.name == ALL else self.name


class Group(Node):
    """A group of users of the cluster; named `*` all of them."""

    kind = "Group"
    __slots__ = ()

    @property
    def label(self) -> str:
        return "every group of the cluster" if self.name == ALL else self.name


class CredentialSpec(Node):
    """A GMSACredentialSpec. `is_known`: its object is among those that the graph is made of.

    Named `*` it is every one, and every account that the nodes can fetch the password of.
    """

    kind = "CredentialSpec"
    __slots__ = ("is_known",)

    def __init__(self, name: str, *, is_known: bool = False) -> None:
        super().__init__(name)
        self.is_known = is_known

    @property
    def label(self) -> str:
        return "every credential spec" if self.name == ALL else self.name


class Account(Node):
    """An account of Active Directory. `domain`: its DNS name, or else what the credential spec calls its scope.

    `state`: NotChecked, Exists, Missing, OtherKind or OtherDomain; `directory`: the fields of the snapshot, if the
    domain has an account of that name; `elsewhere`: domains that have one, if it does not; `everyone`: who may fetch
    the password, if it is as good as everyone, such as `every user and computer`; `fetched_as`: as whom nodes that are
    not joined to the domain fetch it, in sentences.
    """

    kind = "Account"
    __slots__ = ("directory", "domain", "elsewhere", "everyone", "fetched_as", "state")

    def __init__(self, name: str, domain: str) -> None:
        super().__init__(name.removesuffix("$"))
        self.domain = domain
        self.id = f"{self.kind}:{domain.lower()}\\{self.name.lower()}"
        self.directory: DirectoryAccount | None = None
        self.elsewhere: list[str] = []
        self.everyone = ""
        self.fetched_as: list[str] = []
        self.state = NOT_CHECKED

    @property
    def absence(self) -> str:
        """Why nothing of Active Directory is known of it, in a sentence; empty if something is."""
        if self.directory is not None:
            return ""
        if self.state in (MISSING, OTHER_DOMAIN):
            return f"The snapshot of {self.domain} has no such account."
        return "Unknown: no snapshot of Active Directory has it (--ad FILE)."

    @property
    def state_words(self) -> str:
        """What Active Directory knows of it, in a few words."""
        if self.state == OTHER_KIND and self.directory is not None:
            return f"NO gMSA, but a {self.directory.kind}"
        if self.state == OTHER_DOMAIN:
            more = f" and {len(self.elsewhere) - 1:,} more" if len(self.elsewhere) > 1 else ""
            return f"MISSING, but in {self.elsewhere[0]}{more}"
        if self.directory is not None and not self.directory.enabled:
            return "DISABLED"
        return {EXISTS: "exists", MISSING: "MISSING"}.get(self.state, "not checked")

    @property
    def label(self) -> str:
        return f"{self.name} of {self.domain}"

    @property
    def service_principal_names(self) -> list[str]:
        return self.directory.service_principal_names if self.directory is not None else []

    @property
    def delegation(self) -> str:
        """What it may do as its users: Unconstrained, ProtocolTransition, Constrained, None, or Unknown."""
        if self.directory is None:
            return "Unknown"
        if self.directory.trusted_for_delegation:
            return "Unconstrained"
        if not self.directory.delegates_to:
            return "None"
        return "ProtocolTransition" if self.directory.trusted_to_auth_for_delegation else "Constrained"

    @property
    def delegates_to(self) -> list[str]:
        """The SPNs that it may act as its users towards; of no use where delegation is unconstrained."""
        return self.directory.delegates_to if self.directory is not None else []

    @property
    def denied(self) -> list[str]:
        """Who may not fetch its password, even if a group of theirs may."""
        readers = self.directory.password_readers if self.directory is not None else []
        return [f"{it.kind} {it.name}" for it in readers if it.denied]

    @property
    def hosts(self) -> list[str] | None:
        """The computers that may fetch its password, `*` for all of the domain; None if that is unknown."""
        return self.directory.hosts if self.directory is not None and self.directory.knows_hosts else None


class Principal(Node):
    """Who Active Directory lets fetch a password. `principal_kind`: Group, Computer, ... as in a snapshot.

    `is_ambiguous`: others have its name, so its label has the domain, too.
    """

    kind = "Principal"
    __slots__ = ("domain", "is_ambiguous", "principal_kind", "sid")

    def __init__(self, name: str, principal_kind: str, sid: str, domain: str) -> None:
        """`domain`: that of its SID if it is known, or else that of the account, in which the name counts."""
        super().__init__(name)
        self.principal_kind = principal_kind
        self.sid = sid
        self.domain = domain
        self.is_ambiguous = False
        own = sid.upper()
        # Each domain has well-known ones of its own, such as S-1-5-11.
        self.id = f"{self.kind}:{own if own.startswith(DOMAIN_SID) else f'{domain.lower()}/{own or name.lower()}'}"

    @property
    def label(self) -> str:
        return f"{self.name} of {self.domain}" if self.is_ambiguous else self.name


NODE_KINDS = tuple(it.kind for it in (ServiceAccount, ServiceAccounts, User, Group, CredentialSpec, Account, Principal))
