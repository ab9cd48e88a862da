"""--in-pod: whether a running pod of each credential spec has logged on to its domain. Runs programs in the pods."""

from __future__ import annotations

from gmsa_krm.cluster import logon
from gmsa_krm.cluster.live import CREDSPECS, credspecs_of, pods_of
from gmsa_krm.cluster.outcome import ERROR, Check
from gmsa_krm.cluster.texts import count
from gmsa_krm.cluster.view import CouldNotLookError, not_allowed
from gmsa_krm.findings import ExternalError
from gmsa_krm.workloads.pod_data import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.cluster.live import User
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted
    from gmsa_krm.credspecs.model import CredentialSpec

_PASSED, _RESOLVED, _LOGGED_ON = "parentdomain", "nslookup", "query"


class _Chain:
    """The steps of a pod up to the first that fails. `reason`: why a step could not be taken."""

    def __init__(self, view: View, user: User, container: str, name: str, spec: CredentialSpec) -> None:
        self.user = user
        self.name = name
        self.failures: dict[str, str] = {}  # by step
        self.reason = ""
        self._view = view
        self._container = container
        try:
            self._run(spec)
        except CouldNotLookError as error:
            self.reason = str(error)

    def _run(self, spec: CredentialSpec) -> None:
        domain = logon.parent_domain(self._output("nltest.exe", "/parentdomain"))
        if isinstance(domain, logon.Failure):
            if domain.code == logon.ACCESS_DENIED:
                self._ask_kerberos()
            else:
                self.failures[_PASSED] = f"nltest /parentdomain: {domain}"
            return
        names = {it.lower() for it in (spec.dns_name, spec.domain.dns_tree_name if spec.domain else "")}
        if domain.lower() not in names:
            message = f"is in the domain {domain} instead of {spec.dns_name}; restart the pod, or fix {self.name}"
            self.failures[_PASSED] = message
            return
        failure = logon.name_lookup(self._output("nslookup.exe", spec.dns_name), spec.dns_name)
        if failure is not None:
            self.failures[_RESOLVED] = str(failure)
            return
        failure = logon.secure_channel(self._output("nltest.exe", "/query"))
        if failure is not None and failure.code == logon.ACCESS_DENIED:
            self._ask_kerberos()
        elif failure is not None:
            self.failures[_LOGGED_ON] = f"nltest /query: {failure}"

    def _ask_kerberos(self) -> None:
        """For a user that may not ask netlogon."""
        failure = logon.failure_in(self._output("klist.exe", "get", "krbtgt"))
        if failure is not None:
            self.failures[_LOGGED_ON] = f"klist get krbtgt: {failure}"

    def _output(self, *command: str) -> str:
        user = self.user
        try:
            output = self._view.server.run_in_pod(user.namespace, user.name, self._container, command)
        except ExternalError as error:  # of this pod; the others are asked, and all else is checked
            raise CouldNotLookError(str(error)) from None
        if logon.has_no_program(output):
            raise CouldNotLookError(f"the image of {user.about} has no {command[0]}, as all images of nanoserver")
        if output.startswith("Error from server (Forbidden)"):
            raise not_allowed("create pods/exec")
        return output


def _chains(view: View) -> list[_Chain]:
    """A pod of each credential spec."""
    live = credspecs_of(view)
    chosen: dict[str, tuple[User, str, str, CredentialSpec]] = {}
    for user in pods_of(view):
        if user.status.get("phase") != "Running":
            continue
        for it in user.references:
            spec = live.get(it.name)
            if it.contents and spec is not None and it.name not in chosen:
                container = it.place or str(next(containers(user.spec, "containers"))[1].get("name"))
                chosen[it.name] = (user, container, it.name, spec)
    return view.map(lambda it: _Chain(view, *it), [chosen[name] for name in sorted(chosen)])


def _run_step(step: str, proved: str, view: View, wanted: Wanted, found: Found) -> None:
    if not wanted.in_pod:
        return
    chains = view.once(_chains)
    for it in chains:
        if step in it.failures:
            found.problem(it.user.about, f"with {it.name}: {it.failures[step]}")
    steps = (_PASSED, _RESOLVED, _LOGGED_ON)
    passed = [it for it in chains if not it.reason and not {*steps[: steps.index(step) + 1]} & it.failures.keys()]
    if passed:
        found.holds(f"{count(len(passed), 'pod')}, one of each credential spec: {proved}")
    reasons = [it.reason for it in chains if it.reason]
    if reasons and step == _PASSED:
        raise CouldNotLookError(reasons[0])


def _run_passed(view: View, wanted: Wanted, found: Found) -> None:
    _run_step(_PASSED, "in the domain of its credential spec", view, wanted, found)


def _run_resolved(view: View, wanted: Wanted, found: Found) -> None:
    _run_step(_RESOLVED, "DNS knows the domain", view, wanted, found)


def _run_logged_on(view: View, wanted: Wanted, found: Found) -> None:
    _run_step(_LOGGED_ON, "logged on to the domain", view, wanted, found)


_GROUP = "logon"
_LISTS = ("pods", CREDSPECS)
CHECKS = (
    Check("credspec-not-passed", ERROR, _GROUP, _run_passed, lists=_LISTS),
    Check("domain-not-resolved", ERROR, _GROUP, _run_resolved, lists=_LISTS),
    Check("logon-fails", ERROR, _GROUP, _run_logged_on, lists=_LISTS),
)
