"""Admission policies: gMSA enforced by the API server itself, in place of the webhook or beside it.

Policy mode: contents are written into workloads when they are rendered, and the policy admits a pod only with what
the config says a credspec is, if the pod's service account may use it. Everything that may be in a pod is a
literal of the policy: contents as parameters would let a name through that no parameter is about.
"""

from __future__ import annotations

from gmsa_krm.findings import error_issue
from gmsa_krm.manifests import cel
from gmsa_krm.manifests.manifest import MANAGED_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.config.admission import Policy
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.findings import Issue
    from gmsa_krm.manifests.manifest import Object

# An authorizer check costs 350,000 of the 10,000,000 that a policy may spend on a request, and one expression may
# spend 1,000,000: so each has an expression of its own, and a pod has as many credspecs at most.
MAX_CREDSPECS_OF_POD = 8
_MAX_BYTES = 1_500_000  # etcd takes 1.5 MiB in one request

_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced"}
_CONSTRAINTS = {
    "matchPolicy": "Equivalent",
    "resourceRules": [
        {**_PODS, "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
        {**_PODS, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
    ],
}


def check_size(approved: dict[str, list[str]]) -> Iterator[Issue]:
    """What the API server would refuse, after everything before the policy was applied."""
    size = 0
    for name, texts in approved.items():
        lengths = [len(cel.literal(text).encode()) for text in texts]
        size += sum(lengths) + 2 * len(name)
        if max(lengths) > cel.MAX_EXPRESSION:
            message = (
                f"the contents of {name} take {max(lengths):,} characters in an expression of the policy, which may have"
                f" {cel.MAX_EXPRESSION:,}; shorten the plugin's input, or use Webhook"
            )
            yield error_issue("too-large", message)
    if size > _MAX_BYTES:
        message = (
            f"the policy holds the contents of {len(approved):,} credential specs, {size / 1e6:.1f} MB, but the API"
            " server takes 1.5 MB; remove those that this cluster does not use, or use Webhook"
        )
        yield error_issue("too-large", message)


def policy(settings: Policy, approved: dict[str, list[str]]) -> Object:
    """`approved`: the contents that each credspec may have in a pod, the current ones first."""
    names, variables = _tables(approved)
    cure = (
        " is not filled in here: write the pod's contents as gmsa-krm render does, or take them from kubectl get"
        " gmsacredentialspec "
    )
    validations = [
        *_unchanged(),
        {
            "expression": f"{_UPDATE} || variables.places.all(p, p.name != '')",
            "message": "gmsaCredentialSpec without gmsaCredentialSpecName: name the credential spec",
        },
        {
            "expression": f"{_UPDATE} || variables.places.all(p, p.name == '' || {_known('p.name', names)})",
            "messageExpression": (
                f"'no credential spec of the policy: ' + variables.places.filter(p, !({_known('p.name', names)})).map(p, p.name).join(', ')"
            ),
        },
        {
            "expression": f"{_UPDATE} || variables.places.all(p, p.contents != '')",
            "messageExpression": (
                "variables.places.filter(p, p.contents == '').map(p, p.name).join(', ')"
                f" + {cel.literal(cure)} + variables.places.filter(p, p.contents == '')[0].name + {cel.literal(' -o jsonpath={.credspec}')}"
            ),
        },
        {
            "expression": f"{_UPDATE} || variables.places.all(p, p.contents == '' || !({_known('p.name', names)}) || {_approved(names)})",
            "messageExpression": (
                f"'gmsaCredentialSpec is not what the credential spec says: ' + variables.places.filter(p, p.contents != '' && !({_approved(names)})).map(p, p.name).join(', ')"
            ),
        },
        {
            "expression": f"{_UPDATE} || size(variables.used) <= {MAX_CREDSPECS_OF_POD}",
            "message": f"a pod uses {MAX_CREDSPECS_OF_POD} credential specs at most",
        },
        *(_authorised(index) for index in range(MAX_CREDSPECS_OF_POD)),
    ]
    lists = cel.lists(approved)
    used = " + ".join(f"variables.known{index}.filter(name, name in variables.names)" for index in range(len(lists)))
    return _policy(
        settings.name,
        {},
        [
            {"name": "places", "expression": cel.places("object", "containers", "initContainers")},
            {"name": "names", "expression": "variables.places.map(p, p.name)"},
            *variables,
            *({"name": f"known{index}", "expression": text} for index, text in enumerate(lists)),
            # of the known ones, so that a name that occurs twice is asked about once; of lists, since the keys of a
            # map come in another order each time
            {"name": "used", "expression": used},
            # the service account plugin has filled in the name
            {"name": "account", "expression": "object.spec.?serviceAccountName.orValue('default')"},
            # without the namespace RoleBindings are not looked at
            {
                "name": "specs",
                "expression": (
                    "authorizer.serviceAccount(request.namespace, variables.account)"
                    ".group('windows.k8s.io').resource('gmsacredentialspecs').namespace(request.namespace)"
                ),
            },
        ],
        validations,
    )


def hardening(webhook: Webhook, selector: Object) -> Object:
    """What the webhook leaves open. It runs after the webhook, which vouches for pod level and containers.

    `selector`: the namespaces that the webhook is asked about. The name is not that of `policy`, whatever both are
    called: between the modes both are there, and one of them is deleted by its name.
    """
    return _policy(
        f"{webhook.name}-hardening",
        selector,
        [
            {"name": "vouched", "expression": cel.places("object", "containers")},
            {"name": "places", "expression": cel.places("object", "containers", "initContainers")},
        ],
        [
            *_unchanged(),
            {
                "expression": f"{_UPDATE} || variables.places.all(p, (p.name == '') == (p.contents == ''))",
                "messageExpression": (
                    "'gmsaCredentialSpecName and gmsaCredentialSpec belong together; not so at '"
                    " + variables.places.filter(p, (p.name == '') != (p.contents == '')).map(p, p.at == '' ? 'the pod' : p.at).join(', ')"
                    " + ' (the webhook fills in the pod and its containers, not init containers, and only if the pod named a credential spec"
                    " when it was called)'"
                ),
            },
            {
                "expression": (
                    f"{_UPDATE} || variables.places.all(p, variables.vouched.exists(v, v.name == p.name && v.contents == p.contents))"
                ),
                "message": "an init container may have no other credential spec than the pod or one of its containers",
            },
        ],
    )


def expansion(settings: Policy, approved: dict[str, list[str]]) -> Object:
    """Fills in the contents of pods that name a credspec, as the webhook would."""
    names, variables = _tables(approved)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": settings.name, "labels": dict(MANAGED_BY)},
        "spec": {
            "failurePolicy": "Fail",
            # Another policy may add a container that names a credspec, to a pod that has one already: what the match
            # conditions leave out in the first round is not called in the second (policy/mutating/dispatcher.go).
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "resourceRules": [{**_PODS, "operations": ["CREATE"], "resources": ["pods"]}],
            },
            "matchConditions": [{"name": "uses-gmsa", "expression": cel.uses_gmsa("object")}],
            "variables": variables,
            "mutations": [
                {"patchType": "JSONPatch", "jsonPatch": {"expression": cel.fill_in(path, kind, names)}}
                for path, kind in (
                    ("/spec", ""),
                    ("/spec/containers/", "containers"),
                    ("/spec/initContainers/", "initContainers"),
                )
            ],
        },
    }


def binding(of: Object) -> Object:
    """What puts a policy into force."""
    kind = of["kind"]
    name = of["metadata"]["name"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "spec": {
            "policyName": name,
            **({"validationActions": ["Deny"]} if kind == "ValidatingAdmissionPolicy" else {}),
        },
    }


# Contents are looked at when a pod is created: later a credspec may have changed, and the pod must still get labels.
_UPDATE = "request.operation == 'UPDATE'"


def _policy(name: str, selector: Object, variables: list[Object], validations: list[Object]) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {**_CONSTRAINTS, **selector},
            "matchConditions": [{"name": "uses-gmsa", "expression": cel.uses_gmsa_now_or_before()}],
            "variables": variables,
            "validations": validations,
        },
    }


def _unchanged() -> list[Object]:
    """On updates; an ephemeral container from before the policy stays as it is."""
    before = "oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name)"
    return [
        {
            "expression": f"request.operation != 'UPDATE' || variables.places == ({cel.places('oldObject', 'containers', 'initContainers')})",
            "message": "the credential spec of a pod that is there cannot be changed",
        },
        {
            "expression": (
                f"object.spec.?ephemeralContainers.orValue([]).all(c, !{cel.has_reference('c')} || (request.operation == 'UPDATE' && {before}))"
            ),
            "message": "an ephemeral container has the credential spec of its pod, and none of its own",
        },
    ]


def _tables(approved: dict[str, list[str]]) -> tuple[list[str], list[Object]]:
    """The names of the variables that hold the approved contents, and the variables."""
    texts = cel.tables(approved)
    names = [f"approved{index}" for index in range(len(texts))]
    return names, [{"name": name, "expression": text} for name, text in zip(names, texts, strict=True)]


def _known(name: str, tables: list[str]) -> str:
    return " || ".join(f"{name} in variables.{table}" for table in tables)


def _approved(tables: list[str]) -> str:
    return " || ".join(f"(p.name in variables.{table} && p.contents in variables.{table}[p.name])" for table in tables)


def _authorised(index: int) -> Object:
    return {
        "expression": (
            f"{_UPDATE} || size(variables.used) <= {index} || variables.specs.name(variables.used[{index}]).check('use').allowed()"
        ),
        "messageExpression": f"'service account ' + variables.account + ' may not use the credential spec ' + variables.used[{index}]",
        "reason": "Forbidden",
    }
