"""Pairs of a service account and a credential spec that it may use, in its namespace."""

from __future__ import annotations

from gmsa_krm.access.objects import AUTHENTICATED, SERVICE_ACCOUNT, SERVICE_ACCOUNTS
from gmsa_krm.access.objects import GROUP as GROUP_OF_SUBJECTS
from gmsa_krm.config.values import label_name, subdomain_name
from gmsa_krm.credspecs.parse import GROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.access import Grant, Rbac
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

RESOURCE = "gmsacredentialspecs"
_ALL_FIELDS = 3  # apiGroups, resources and verbs
_DEFAULT = "default"  # the service account that each namespace has


class Pair:
    """A service account and a credential spec. `is_any`: it stands for every service account of the namespace."""

    __slots__ = ("account", "credspec", "is_any", "namespace")

    def __init__(self, namespace: str, account: str, credspec: str, *, is_any: bool = False) -> None:
        self.namespace = namespace
        self.account = account
        self.credspec = credspec
        self.is_any = is_any

    @property
    def key(self) -> tuple[str, str, str]:
        return self.namespace, self.account, self.credspec

    @property
    def about(self) -> str:
        return f"ServiceAccount {self.namespace}/{self.account}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.account} with {self.credspec}"


def wanted_pairs(view: View, wanted: Wanted) -> list[Pair]:
    """The pairs that the configs let, or, without configs, those that bindings of the cluster let.

    Raises CouldNotLookError.
    """
    if wanted.is_given:
        return pairs_of(wanted.rbac, [*wanted.credspecs, *wanted.existing_credspecs])
    live = [it["metadata"]["name"] for it in view.items(RESOURCE)]
    return pairs_of(view.rbac, live)


def pairs_of(rbac: Rbac, credspecs: Iterable[str]) -> list[Pair]:
    """The pairs with one of these credential specs. Who may do everything is an administrator, and not a user of one.

    A role without names is for all of them: of its accounts each is in a pair, and each credential spec, so that their
    number stays that of the longer list and is not the product.
    """
    known_names = set(credspecs)
    known = sorted(known_names)
    found: list[tuple[tuple[str, str, bool], str]] = []
    of_all: list[tuple[str, str, bool]] = []  # by roles without names
    for grant in rbac.grants("use", GROUP, RESOURCE):
        account = _account(grant)
        if grant.wildcards or account is None or not _may_exist(account):
            continue
        if grant.names is None:
            of_all.append(account)
        else:
            found += [(account, name) for name in sorted(grant.names & known_names)]
    if of_all and known:
        number = max(len(of_all), len(known))
        found += [(of_all[n % len(of_all)], known[n % len(known)]) for n in range(number)]
    pairs = (Pair(namespace, name, credspec, is_any=is_any) for (namespace, name, is_any), credspec in found)
    return [pair for _, pair in sorted({it.key: it for it in pairs}.items())]


def _account(grant: Grant) -> tuple[str, str, bool] | None:
    """Namespace and name of a service account that has the grant, and whether it has it with all of its namespace."""
    subject, where = grant.subject, grant.namespace
    if subject.kind == SERVICE_ACCOUNT:
        # A pod has a service account of its own namespace.
        return (subject.namespace, subject.name, False) if where in ("", subject.namespace) else None
    if subject.name.startswith(f"{SERVICE_ACCOUNTS}:"):
        namespace = subject.name.removeprefix(f"{SERVICE_ACCOUNTS}:")
        return (namespace, _DEFAULT, True) if where in ("", namespace) else None
    return (where, _DEFAULT, True) if where and subject.name in (SERVICE_ACCOUNTS, AUTHENTICATED) else None


def _may_exist(account: tuple[str, str, bool]) -> bool:
    """Whether there can be such a service account. The API server checks neither a subject's namespace nor users."""
    namespace, name, _ = account
    return not any(label_name(namespace)) and not any(subdomain_name(name))


def is_of_administrator(grant: Grant) -> bool:
    """Whether someone may do everything in the cluster, and so could give itself any other permission."""
    return grant.subject.kind != GROUP_OF_SUBJECTS and not grant.namespace and len(grant.wildcards) == _ALL_FIELDS


def subjects_of(grants: Iterable[Grant]) -> Iterator[tuple[Grant, str]]:
    """The grants to pods, with what to call the pods' service accounts."""
    for grant in grants:
        subject = grant.subject
        if subject.kind == SERVICE_ACCOUNT:
            if grant.namespace in ("", subject.namespace):
                yield grant, f"the service account {subject.namespace}/{subject.name}"
        elif subject.name.startswith(f"{SERVICE_ACCOUNTS}:"):
            namespace = subject.name.removeprefix(f"{SERVICE_ACCOUNTS}:")
            if grant.namespace in ("", namespace):
                yield grant, f"every service account of {namespace}"
        elif subject.name in (SERVICE_ACCOUNTS, AUTHENTICATED):
            yield grant, f"every service account of {grant.namespace or 'the cluster'}"
