"""Who may use which credential spec: those of the configs, and nobody else."""

from __future__ import annotations

from gmsa_krm.access.objects import GROUP as SUBJECT_GROUP
from gmsa_krm.access.objects import groups_of, user_name
from gmsa_krm.cluster.live import CREDSPECS, credspecs_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.pairs import RESOURCE, is_of_administrator, subjects_of, wanted_pairs
from gmsa_krm.cluster.proxy import Refused, quoted
from gmsa_krm.cluster.shapes import REVIEW
from gmsa_krm.cluster.texts import count, some
from gmsa_krm.cluster.view import RBAC_LISTS, could_not_look, fitting
from gmsa_krm.credspecs.parse import GROUP
from gmsa_krm.manifests.access import role_name
from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.access import Grant
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.pairs import Pair
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

_REVIEWS = "localsubjectaccessreviews"


def _run_accounts(view: View, wanted: Wanted, found: Found) -> None:
    """The service accounts and namespaces of pairs exist."""
    namespaces = {it["metadata"]["name"] for it in view.items("namespaces")}
    accounts = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in view.items("serviceaccounts")}
    pairs = wanted_pairs(view, wanted)
    by_account: dict[tuple[str, str], list[Pair]] = {}
    for it in pairs:
        by_account.setdefault((it.namespace, it.account), []).append(it)
    missing: dict[str, list[str]] = {}
    for (namespace, account), its in by_account.items():
        if (namespace, account) in accounts:
            continue
        found.explained.update(it.key for it in its)
        if namespace not in namespaces:
            missing.setdefault(namespace, []).append(account)
            continue
        message = (
            f"does not exist, so no pod can run as it, but it may use {some(it.credspec for it in its)}; create it, or"
            f" remove it from {'usedBy' if wanted.is_given else f'the RoleBindings of {namespace}'}"
        )
        found.problem(its[0].about, message)
    for namespace, names in missing.items():
        by, there = ("usedBy names", "usedBy") if wanted.is_given else ("bindings name", "the bindings")
        message = (
            f"does not exist, but {by} service accounts in it ({some(names)}); create it, or remove them from {there}"
        )
        found.problem(f"Namespace {namespace}", message)
    present = len(by_account.keys() & accounts)
    if present:
        found.holds(f"{count(present, 'service account')} with a credential spec: in the cluster")


def _run_missing(view: View, wanted: Wanted, found: Found) -> None:
    """Each pair of the configs is asked for as the webhook asks."""
    if not wanted.is_given:
        return
    pairs = wanted_pairs(view, wanted)
    answers = view.map(lambda it: _may_use(view, it), pairs)
    denied = [pair for pair, is_allowed in zip(pairs, answers, strict=True) if not is_allowed]
    for it in denied:
        found.explained.add(it.key)
        message = (
            f"may not use {it.credspec}, but usedBy says that it may; apply the ClusterRole {role_name(it.credspec)}"
            f" and its RoleBinding in {it.namespace}, which gmsa-krm render prints"
        )
        found.problem(f"Namespace {it.namespace}" if it.is_any else it.about, message)
    if len(denied) < len(pairs):
        found.holds(f"{count(len(pairs) - len(denied), 'pair')} of service account and credential spec: may use it")


def _may_use(view: View, pair: Pair) -> bool:
    """Raises CouldNotLookError."""
    attributes = {
        "namespace": pair.namespace,
        "verb": "use",
        "group": GROUP,
        "resource": RESOURCE,
        "name": pair.credspec,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": pair.namespace},
        "spec": {
            "user": user_name(pair.namespace, pair.account),
            "groups": list(groups_of(pair.namespace)),
            "resourceAttributes": attributes,
        },
    }
    path = f"/apis/authorization.k8s.io/v1/namespaces/{quoted(pair.namespace)}/{_REVIEWS}"
    try:
        answer = view.server.review(path, review)
    except Refused as error:
        raise could_not_look(error, f"create {_REVIEWS}") from None
    status = fitting(answer, REVIEW, "the answer to a LocalSubjectAccessReview").get("status") or {}
    return bool(status.get("allowed")) and not status.get("denied")


def _run_too_wide(view: View, wanted: Wanted, found: Found) -> None:
    if not credspecs_of(view):
        return
    asked = _Asked(wanted)
    wide: dict[tuple[str, str, str], dict[str, None]] = {}
    for grant, who in subjects_of(view.rbac.grants("use", GROUP, RESOURCE)):
        message = asked.wider(grant, who) if wanted.is_given else _wide(grant, who)
        if message:
            binding = grant.binding
            wide.setdefault((binding.kind, binding.namespace, binding.name), {})[message] = None
    ours = _left_over(view) if wanted.is_given else frozenset()
    for (kind, namespace, name), messages in sorted(wide.items()):
        if (kind, namespace, name) not in ours:
            about = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
            more = f"; the same holds for {count(len(messages) - 1, 'more subject')}" if len(messages) > 1 else ""
            found.problem(about, next(iter(messages)) + more)
    if not found.problems:
        found.holds("only those that the configs name may use their credential specs" if wanted.is_given else _NARROW)


_NARROW = "each binding lets service accounts that it names use credential specs that its role names"


def _left_over(view: View) -> set[tuple[str, str, str]]:
    """The bindings that gmsa-krm has made. Those that no config asks for are reported as such."""
    return {
        (it["kind"], it["metadata"].get("namespace", ""), it["metadata"]["name"])
        for name in ("rolebindings", "clusterrolebindings")
        for it in view.items(name)
        if MANAGED_BY.items() <= (it["metadata"].get("labels") or {}).items()
    }


def _wide(grant: Grant, who: str) -> str:
    """What is wide about a grant by itself; "" if nothing is."""
    is_group = grant.subject.kind == SUBJECT_GROUP
    if grant.wildcards:
        if is_of_administrator(grant):
            return ""
        *fields, last = grant.wildcards
        listed = f"{', '.join(fields)} and {last}" if fields else last
        return _EVERY.format(who=who, why=f"by * in {listed} of its role")
    if grant.names is None:
        return _EVERY.format(who=who, why="since its role has no resourceNames")
    names = some(sorted(grant.names))
    if is_group:
        return f"lets {who} use {names}; bind the service accounts of its pods by name"
    if grant.subject.name == _DEFAULT:
        namespace = grant.subject.namespace
        return (
            f"lets {who} use {names}, and with it every pod of {namespace} that names no service account; give the"
            " workload a service account of its own, and bind that"
        )
    return ""


_EVERY = "lets {who} use every credential spec, {why}; bind a role with the credential specs in resourceNames"
_DEFAULT = "default"


class _Asked:
    """The grants that configs ask for."""

    def __init__(self, wanted: Wanted) -> None:
        self._names = wanted.credspecs.keys()
        self._grants: dict[tuple[tuple[str, str], str], set[str] | None] = {}  # by subject and namespace; None: all
        for it in wanted.rbac.grants("use", GROUP, RESOURCE):
            key = it.subject.key, it.namespace
            names = self._grants.setdefault(key, set())
            self._grants[key] = None if names is None or it.names is None else names | it.names

    def wider(self, grant: Grant, who: str) -> str:
        """What a grant of the cluster lets beyond the configs; "" if nothing, or if it is about other credspecs."""
        subjects = [grant.subject.key]
        if grant.subject.kind != SUBJECT_GROUP:
            subjects += [(SUBJECT_GROUP, it) for it in groups_of(grant.subject.namespace)]
        asked: set[str] = set()
        for subject in subjects:
            for namespace in {"", grant.namespace}:
                names = self._grants.get((subject, namespace), set())
                if names is None:
                    return ""
                asked |= names
        if grant.names is None:
            return _wide(grant, who)
        more = sorted((grant.names & self._names) - asked)
        if not more:
            return ""
        return f"lets {who} use {some(more)}, which no config asks for; delete the binding, or add it to usedBy"


_GROUP = "access"
_AFTER = ("crd-not-served",)
CHECKS = (
    Check(
        "missing-service-account",
        WARNING,
        _GROUP,
        _run_accounts,
        lists=("namespaces", "serviceaccounts", CREDSPECS, *RBAC_LISTS),
        after=_AFTER,
    ),
    Check("access-missing", ERROR, _GROUP, _run_missing, lists=(CREDSPECS,), after=_AFTER),
    Check("access-too-wide", WARNING, _GROUP, _run_too_wide, lists=(CREDSPECS, *RBAC_LISTS), after=_AFTER),
)
