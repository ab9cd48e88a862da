"""Pods and workloads with references: whether they run as what their credential specs say now."""

from __future__ import annotations

from gmsa_krm.cluster.live import CREDSPECS, TEMPLATE_LISTS, credspecs_of, pods_of, workloads_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.texts import count, some
from gmsa_krm.findings.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.live import User
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted


def _run_unknown(view: View, wanted: Wanted, found: Found) -> None:
    """Those of workloads are reported there, and not again for each pod."""
    live = credspecs_of(view)
    missing: dict[tuple[str, str, str], None] = {}
    workloads = workloads_of(view)
    known = {(it.namespace, it.owner) for it in workloads}
    users = [*workloads, *(it for it in pods_of(view) if (it.namespace, it.owner) not in known)]
    for it in users:
        for name in it.names:
            if name not in live and name not in found.explained:
                about = it.about if not (it.kind == "Pod" and it.owner) else f"{it.owner} in {it.namespace}"
                missing[it.namespace, about, name] = None
    for _, about, name in sorted(missing):
        hint = suggestion(name, live, listed=False)
        message = (
            f"names {name}, which is not in the cluster{hint}, so its pods are refused; fix the name, or create the"
            " credential spec"
        )
        found.problem(about, message)
    if users and not missing:
        number = f"{count(len(workloads), 'workload')} and {count(len(pods_of(view)), 'pod')}"
        found.holds(f"{number} with a credential spec: it exists")


def _run_without(view: View, wanted: Wanted, found: Found) -> None:
    """They were admitted while nothing looked at them."""
    live = credspecs_of(view)
    found_in: dict[tuple[str, str], list[tuple[User, str]]] = {}
    for it in pods_of(view):
        names = [ref.name for ref in it.references if ref.name and not ref.contents and ref.name in live]
        if names:
            found_in.setdefault((it.namespace, it.owner or it.about), []).append((it, names[0]))
    for (namespace, _), its in sorted(found_in.items()):
        pod, name = its[0]
        message = (
            f"{_runs(its)} without any gMSA: it names {name} and has no contents, since no webhook or policy saw it"
            f" when it was created; {_restart(namespace, pod)}"
        )
        found.problem(pod.about, message)


def _runs(its: list[tuple[User, str]]) -> str:
    return "runs" if len(its) == 1 else f"runs, as {count(len(its) - 1, 'more pod')} of {its[0][0].owner},"


def _restart(namespace: str, pod: User, *, has_template: bool = False) -> str:
    if has_template:
        return f"render {pod.owner or 'it'} with gmsa-krm again and apply it"
    kind = pod.owner.partition("/")[0]
    if kind in ("deployment", "statefulset", "daemonset"):
        return f"run kubectl -n {namespace} rollout restart {pod.owner}"
    return "delete it and create it again"


def _run_old(view: View, wanted: Wanted, found: Found) -> None:
    live = credspecs_of(view)
    current = dict(live) if wanted.is_filled_in else {**live, **wanted.credspecs}
    stale: dict[tuple[str, str], list[tuple[User, str]]] = {}
    same = 0
    for it in pods_of(view):
        names = [
            ref.name
            for ref in it.references
            if ref.contents and (spec := current.get(ref.name)) is not None and not spec.is_same(ref.contents)
        ]
        if names:
            stale.setdefault((it.namespace, it.owner or it.about), []).append((it, names[0]))
        else:
            same += any(ref.contents for ref in it.references)
    for (namespace, _), its in sorted(stale.items()):
        pod, name = its[0]
        cure = _restart(namespace, pod, has_template=not wanted.is_filled_in)
        message = f"{_runs(its)} with contents of {name} from before a change; {cure}"
        found.problem(pod.about, message)
    if same:
        found.holds(f"{count(same, 'pod')}: with the current contents")
    named = {name for it in (*pods_of(view), *workloads_of(view)) for name in it.names}
    unused = sorted(live.keys() - named)
    if unused:
        found.holds(f"{count(len(unused), 'credential spec')} named by no pod or workload: {some(unused)}")


_GROUP = "workloads"
_AFTER = ("crd-not-served",)
_LISTS = (CREDSPECS, "pods", *TEMPLATE_LISTS)
CHECKS = (
    Check("unknown-credspec-in-use", ERROR, _GROUP, _run_unknown, lists=_LISTS, after=_AFTER),
    Check("pod-without-contents", ERROR, _GROUP, _run_without, lists=(CREDSPECS, "pods"), after=_AFTER),
    Check("pod-with-old-contents", WARNING, _GROUP, _run_old, lists=_LISTS, after=_AFTER),
)
