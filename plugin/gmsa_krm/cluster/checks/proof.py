"""The proof: a pod of each pair is sent as a dry run, and has to come back with exactly the contents."""

from __future__ import annotations

from gmsa_krm.access.selectors import selects
from gmsa_krm.cluster import refusals
from gmsa_krm.cluster.admission import POLICY_LISTS, WEBHOOK_LISTS, find_policies, find_webhooks
from gmsa_krm.cluster.live import CREDSPECS, TEMPLATE_LISTS, credspecs_of, pods_of, workloads_of
from gmsa_krm.cluster.outcome import ERROR, WARNING, Check
from gmsa_krm.cluster.pairs import wanted_pairs
from gmsa_krm.cluster.proxy import Refused, quoted
from gmsa_krm.cluster.texts import count, some
from gmsa_krm.cluster.view import RBAC_LISTS, could_not_look
from gmsa_krm.workloads.pod_data import windows_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.cluster.admission import Policy, Webhook
    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.pairs import Pair
    from gmsa_krm.cluster.refusals import Refusal
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted
    from gmsa_krm.credspecs.model import CredentialSpec

    Object = dict[str, Any]

_NAME, _CONTENTS = "gmsaCredentialSpecName", "gmsaCredentialSpec"
# Contents that no credential spec has, and a JSON object, as the webhook wants it.
_FOREIGN = '{"gmsa-krm":"doctor"}'


class _Attempt:
    """A pair and what came of its pod: `refusal`, or the `contents` that it came back with; "" for none."""

    __slots__ = ("contents", "pair", "refusal", "spec")

    def __init__(self, pair: Pair, spec: CredentialSpec | None, contents: str, refusal: Refusal | None) -> None:
        self.pair = pair
        self.spec = spec
        self.contents = contents
        self.refusal = refusal

    @property
    def is_proved(self) -> bool:
        return self.refusal is None and self.spec is not None and self.spec.is_same(self.contents)


class _Proofs:
    """The attempts of all pairs, once in a run."""

    def __init__(self, view: View, wanted: Wanted) -> None:
        self._view = view
        self._live = credspecs_of(view)
        self._wanted = wanted
        # Mode Policy approves the contents of the configs, whatever the cluster's object has.
        approves = any(it.spec.admission.mode == "Policy" for it in wanted.configs)
        self._specs = {**self._live, **wanted.credspecs} if approves else self._live
        self._webhooks = {refusals.WEBHOOK, *(str(it.entry.get("name")) for it in find_webhooks(view))}
        self._policies = {it.data["metadata"]["name"] for it in find_policies(view)}
        self.attempts: list[_Attempt] = view.map(self._attempt, wanted_pairs(view, wanted))

    def foreign(self, pair: Pair) -> bool:
        """Whether a pod with other contents than those of its credential spec is admitted."""
        return not isinstance(self._send(pair, _FOREIGN), refusals.Refusal)

    def _attempt(self, pair: Pair) -> _Attempt:
        spec = self._specs.get(pair.credspec)
        answer = self._send(pair, "" if self._wanted.is_filled_in or spec is None else spec.text)
        if not self._wanted.is_given and spec is not None and _wants_contents(answer):
            answer = self._send(pair, spec.text)
        if isinstance(answer, refusals.Refusal):
            return _Attempt(pair, spec, "", answer)
        return _Attempt(pair, spec, answer, None)

    def _send(self, pair: Pair, contents: str) -> str | Refusal:
        """The contents that the pod comes back with."""
        path = f"/api/v1/namespaces/{quoted(pair.namespace)}/pods"
        try:
            pod = self._view.server.try_to_create(path, _pod(pair, contents))
        except Refused as error:
            refusal = refusals.explain(error, self._webhooks, self._policies, has_config=self._wanted.is_given)
            if refusal.kind == refusals.USER or error.code == 401:
                raise could_not_look(error, "create pods, not even as a dry run,") from None
            return refusal
        return str(windows_options(pod.get("spec")).get(_CONTENTS) or "")


def _wants_contents(answer: str | Refusal) -> bool:
    return isinstance(answer, refusals.Refusal) and "is not filled in here" in answer.message


def _pod(pair: Pair, contents: str) -> Object:
    """A pod that Pod Security and quotas let pass where they let pass anything for Windows."""
    options = {_NAME: pair.credspec, **({_CONTENTS: contents} if contents else {})}
    resources = {"cpu": "10m", "memory": "16Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "gmsa-krm-doctor-", "namespace": pair.namespace},
        "spec": {
            "serviceAccountName": pair.account,
            "os": {"name": "windows"},
            "nodeSelector": {"kubernetes.io/os": "windows"},
            "securityContext": {"runAsNonRoot": True, "windowsOptions": options},
            "containers": [
                {
                    "name": "doctor",
                    "image": "mcr.microsoft.com/windows/nanoserver:ltsc2022",
                    "resources": {"requests": resources, "limits": resources},
                }
            ],
        },
    }


def _run_overlooked(view: View, wanted: Wanted, found: Found) -> None:
    """Namespaces with references, or with service accounts that may use a credential spec."""
    if found.failed_before("webhook", "policy"):
        return
    webhooks, policies = find_webhooks(view), find_policies(view)
    labels = {it["metadata"]["name"]: it["metadata"].get("labels") or {} for it in view.items("namespaces")}
    used: dict[str, dict[str, None]] = {}
    for user in (*workloads_of(view), *(it for it in pods_of(view) if not it.owner)):
        if user.names:
            used.setdefault(user.namespace, {})[user.about] = None
    own = {it.service[0] for it in webhooks if it.service is not None}
    for pair in wanted_pairs(view, wanted):
        if pair.namespace not in own:
            used.setdefault(pair.namespace, {})[pair.about] = None
    # The chart lets its webhook's own service account use everything, which access-too-wide reports.
    found.explained.update(("namespace", it) for it in own)
    for namespace, its in sorted(used.items()):
        left_out = _left_out_by(webhooks, policies, labels[namespace]) if namespace in labels else {}
        if left_out:
            found.explained.add(("namespace", namespace))
            effect = f"neither {' nor '.join(left_out)}" if len(left_out) > 1 else f"not {next(iter(left_out))}"
            message = (
                f"is left out by the namespaceSelector of {' and '.join(dict.fromkeys(left_out.values()))}, so the"
                f" credential specs of {some(its, 3)} are {effect}; change that selector (webhook.excludedNamespaces of"
                " a config) or the namespace's labels, or remove references and bindings there"
            )
            found.problem(f"Namespace {namespace}", message)


def _left_out_by(webhooks: list[Webhook], policies: list[Policy], labels: dict[str, str]) -> dict[str, str]:
    """What is not done in a namespace with these labels, and what does it in others."""
    of_webhooks = [(it.kind, it.about, [[it.namespace_selector]]) for it in webhooks]
    of_policies = [(it, it.about, it.namespace_selectors) for it in policies if it.bindings]
    parts = {
        "filled in": [
            *((about, its) for kind, about, its in of_webhooks if kind.startswith("Mutating")),
            *((about, its) for policy, about, its in of_policies if policy.fills_in),
        ],
        "checked": [
            *((about, its) for kind, about, its in of_webhooks if kind.startswith("Validating")),
            *((about, its) for policy, about, its in of_policies if policy.checks_accounts),
        ],
    }
    return {
        part: does[0][0]
        for part, does in parts.items()
        if does and not any(all(selects(it, labels) for it in selectors) for _, its in does for selectors in its)
    }


def _run_refused(view: View, wanted: Wanted, found: Found) -> None:
    attempts = view.once(_Proofs, wanted).attempts
    refused = [it for it in attempts if it.refusal is not None and it.refusal.is_about_gmsa]
    # What keeps the API server from the webhook is reported there.
    is_reported = found.failed_before("webhook", "certificate", "policy")
    _report(
        found,
        [
            it
            for it in refused
            if not _is_explained(it, found) and not (is_reported and it.refusal and it.refusal.is_of_set_up)
        ],
        "a test pod is refused",
    )
    proved = [it for it in attempts if it.is_proved]
    if proved:
        found.holds(
            f"{count(len(proved), 'pair')} of service account and credential spec: a pod gets exactly its contents"
        )


def _run_prevented(view: View, wanted: Wanted, found: Found) -> None:
    attempts = view.once(_Proofs, wanted).attempts
    prevented = [it for it in attempts if it.refusal is not None and not it.refusal.is_about_gmsa]
    _report(found, [it for it in prevented if not _is_explained(it, found)], "nothing is proved")


def _report(found: Found, attempts: Iterable[_Attempt], what: str) -> None:
    """What is refused for the same reason is one problem."""
    by_reason: dict[tuple[str, str], list[_Attempt]] = {}
    for it in attempts:
        assert it.refusal is not None
        by_reason.setdefault((it.refusal.meaning, it.refusal.by), []).append(it)
    for its in by_reason.values():
        refusal = its[0].refusal
        assert refusal is not None
        reason = f"{refusal.meaning} ({refusal.message}); {refusal.cure}"
        if len(its) == 1:
            found.problem(its[0].pair.about, f"{what} with {its[0].pair.credspec}: {reason}")
        else:
            found.problem("", f"{what} for {some((it.pair for it in its), 3)}: {reason}")


def _is_explained(attempt: _Attempt, found: Found) -> bool:
    pair = attempt.pair
    return not found.explained.isdisjoint((pair.key, pair.credspec, ("namespace", pair.namespace)))


def _run_contents(view: View, wanted: Wanted, found: Found) -> None:
    """Admitted, and not with the contents."""
    if found.failed_before("webhook", "policy", "certificate"):
        return
    attempts = view.once(_Proofs, wanted).attempts
    wrong = [it for it in attempts if it.refusal is None and not it.is_proved and not _is_explained(it, found)]
    without = [it.pair for it in wrong if not it.contents]
    if without:
        what = "a pod runs" if len(without) == 1 else "pods run"
        message = (
            f"{what} without the gMSA, since admission fills in no contents: {some(without)}; check that a"
            " MutatingWebhookConfiguration or a MutatingAdmissionPolicy exists and selects pods of the namespace"
        )
        found.problem("", message)
    for it in wrong:
        if it.contents:
            message = (
                f"a test pod with {it.pair.credspec} comes back with other contents than the GMSACredentialSpec has;"
                " look for a second webhook or policy, and restart the webhook"
            )
            found.problem(it.pair.about, message)


def _run_foreign(view: View, wanted: Wanted, found: Found) -> None:
    """Asks once in each namespace in which a pair is proved."""
    proofs = view.once(_Proofs, wanted)
    proved = (it for it in proofs.attempts if it.is_proved and not _is_explained(it, found))
    by_namespace = {it.pair.namespace: it.pair for it in proved}
    pairs = list(by_namespace.values())
    admitted = [pair.namespace for pair, yes in zip(pairs, view.map(proofs.foreign, pairs), strict=True) if yes]
    if admitted:
        message = (
            f"whoever may create pods in {some(admitted)} can become any account whose password the nodes may"
            " fetch, since contents other than the credential spec's are admitted; apply the"
            " ValidatingWebhookConfiguration or the policy again"
        )
        found.problem("", message)
    elif pairs:
        found.holds(f"{count(len(pairs), 'namespace')}: other contents than those of the credential spec are refused")


_GROUP = "proof"
_AFTER = ("crd-not-served", "served-version")
_LISTS = (CREDSPECS, *RBAC_LISTS, *WEBHOOK_LISTS, *POLICY_LISTS)
CHECKS = (
    Check(
        "overlooked-namespace",
        ERROR,
        _GROUP,
        _run_overlooked,
        lists=("namespaces", "pods", *TEMPLATE_LISTS, *_LISTS),
        after=_AFTER,
    ),
    Check("pod-refused", ERROR, _GROUP, _run_refused, lists=_LISTS, after=_AFTER),
    Check("contents-not-filled-in", ERROR, _GROUP, _run_contents, lists=_LISTS, after=_AFTER),
    Check("foreign-contents-admitted", ERROR, _GROUP, _run_foreign, lists=_LISTS, after=_AFTER),
    Check("proof-prevented", WARNING, _GROUP, _run_prevented, lists=_LISTS, after=_AFTER),
)
