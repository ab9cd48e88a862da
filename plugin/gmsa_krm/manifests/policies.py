"""Admission policies: the API server itself enforces gMSA, in place of the webhook or beside it.

In mode Policy, contents are written into workloads when they are rendered. The policy admits a pod only if its contents
are those of the config and its service account may use the credspec. All allowed contents are literals of the policy:
if they were parameters, the policy would admit a name that no parameter has.
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

# An authorizer check costs 350,000. A policy may spend 10,000,000 on a request, and one expression 1,000,000: so each
# check has its own expression, and the number of credspecs in a pod is limited.
MAX_CREDSPECS_OF_POD = 8
_MAX_BYTES = 1_500_000  # etcd accepts 1.5 MiB in one request

_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced"}
_CONSTRAINTS = {
    "matchPolicy": "Equivalent",
    "resourceRules": [
        {**_PODS, "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
        {**_PODS, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
    ],
}


def check_size(approved: dict[str, list[str]]) -> Iterator[Issue]:
    """Issues of a policy that is too large: the API server would refuse it after it has accepted the other objects."""
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
            # filters the known names, so that a repeated name is checked once; from lists, since the keys of a map have
            # no fixed order
            {"name": "used", "expression": used},
            # the ServiceAccount admission plugin has set the name
            {"name": "account", "expression": "object.spec.?serviceAccountName.orValue('default')"},
            # without the namespace, RoleBindings do not count
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
    """Checks what the webhook does not. It runs after the webhook, which has checked the pod level and containers.

    `selector`: the namespaces of the webhook. The name always differs from that of `policy`: both exist while a cluster
    changes its mode, and one of them is deleted by name.
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
            # Another policy may add a container that names a credspec to a pod with a reference. (A policy whose match
            # conditions excluded the pod in the first round is not called again: policy/mutating/dispatcher.go.)
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


def binding(policy: Object) -> Object:
    """The binding that puts a policy into force."""
    kind = policy["kind"]
    name = policy["metadata"]["name"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name, "labels": dict(MANAGED_BY)},
        "spec": {
            "policyName": name,
            **({"validationActions": ["Deny"]} if kind == "ValidatingAdmissionPolicy" else {}),
        },
    }


# Contents are checked when a pod is created: the credspec may change later, and the pod must still accept labels.
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
    """Validations that refuse changed references; an ephemeral container that is older than the policy may stay."""
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
