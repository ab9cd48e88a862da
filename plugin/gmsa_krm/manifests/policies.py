"""Admission policies: the API server itself enforces gMSA, in place of the webhook or beside it.

In mode Policy, contents are written into workloads when they are rendered. The policy admits a pod only if its contents
are those of the config and its service account may use the credspec. All allowed contents are literals of the policy:
if they were parameters, the policy would admit a name that no parameter has.
"""

from __future__ import annotations

from gmsa_krm.config.webhook_image import NEWEST
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
_BYTES_OF_FIELD = 30

_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced"}
_CONSTRAINTS = {
    "matchPolicy": "Equivalent",
    "resourceRules": [
        {**_PODS, "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
        {**_PODS, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
    ],
}


def check_size(approved: dict[str, list[str]], policies: list[Object]) -> Iterator[Issue]:
    """Issues of a policy that is too large: the API server would refuse it after it has accepted the other objects."""
    size = max(_size(policy["spec"]) for policy in policies)
    for name, texts in approved.items():
        lengths = [len(cel.literal(text).encode()) for text in texts]
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


def _size(data: object) -> int:
    """Bytes of the texts in a policy, with what the API server adds for each field that is managed."""
    if isinstance(data, dict):
        return sum(_size(value) + _BYTES_OF_FIELD for value in data.values())
    if isinstance(data, list):
        return sum(map(_size, data))
    return len(str(data).encode())


def policy(settings: Policy, approved: dict[str, list[str]]) -> Object:
    """`approved`: the contents that each credspec may have in a pod, the current ones first."""
    from gmsa_krm.manifests.approved_contents import ApprovedContents

    contents = ApprovedContents(approved)
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
            "expression": f"{_UPDATE} || size(variables.unknown) == 0",
            "messageExpression": "'no credential spec of the policy: ' + variables.unknown.join(', ')",
        },
        {
            "expression": f"{_UPDATE} || variables.places.all(p, p.contents != '')",
            "messageExpression": (
                "variables.places.filter(p, p.contents == '').map(p, p.name).join(', ')"
                f" + {cel.literal(cure)} + variables.places.filter(p, p.contents == '')[0].name + {cel.literal(' -o jsonpath={.credspec}')}"
            ),
        },
        {
            "expression": f"{_UPDATE} || size(variables.foreign) == 0",
            "messageExpression": "'gmsaCredentialSpec is not what the credential spec says: ' + variables.foreign.join(', ')",
        },
        {
            "expression": f"{_UPDATE} || size(variables.used{MAX_CREDSPECS_OF_POD}) == 0",
            "message": f"a pod uses {MAX_CREDSPECS_OF_POD} credential specs at most",
        },
        *(_authorised(index) for index in range(MAX_CREDSPECS_OF_POD)),
    ]
    unknown = f"size({contents.lookup('p.name')}) == 0"
    foreign = f"p.contents != '' && !(p.name in variables.unknown) && !(p.contents in {contents.lookup('p.name')})"
    return _policy(
        settings.name,
        {},
        [
            {"name": "places", "expression": cel.places("object", "containers", "initContainers")},
            *contents.variables,
            {"name": "unknown", "expression": _names_of(f"p.name != '' && {unknown}")},
            {"name": "foreign", "expression": _names_of(f"p.name != '' && {foreign}")},
            # The names that are left when the first one is taken out again and again: each is checked once.
            {"name": "used0", "expression": _names_of("p.name != ''")},
            *(
                {
                    "name": f"used{index + 1}",
                    "expression": f"variables.used{index}.filter(n, n != variables.used{index}[0])",
                }
                for index in range(MAX_CREDSPECS_OF_POD)
            ),
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
    """Checks what the webhook does not: ephemeral containers, and init containers if it does not look at them.

    `selector`: the namespaces of the webhook. What the webhook refuses by itself is left to it, since policies run first
    and users search for the webhook's words. The name always differs from that of `policy`: both exist while a cluster
    changes its mode, and one of them is deleted by name.
    """
    places = {"name": "places", "expression": cel.places("object", "containers", "initContainers")}
    vouched = {"name": "vouched", "expression": cel.places("object", "containers")}
    filled = "places" if webhook.checks_init_containers else "vouched"
    validations = [
        *_unchanged(),
        # It is called again for a pod that another webhook changes only if it was called before.
        {
            "expression": f"{_UPDATE} || variables.{filled}.all(p, p.name == '' || p.contents != '')",
            "messageExpression": (
                f"'gmsaCredentialSpecName without gmsaCredentialSpec at ' + variables.{filled}.filter(p, p.name != '' && p.contents == '')"
                ".map(p, p.at == '' ? 'the pod' : p.at).join(', ')"
                " + ' (the webhook fills it in only if the pod named a credential spec when it was called)'"
            ),
        },
    ]
    if not webhook.checks_init_containers:
        validations.append(
            {
                "expression": (
                    f"{_UPDATE} || variables.places.all(p, variables.vouched.exists(v, v.name == p.name && v.contents == p.contents))"
                ),
                "message": (
                    "an init container may have no other credential spec than the pod or one of its containers, with the"
                    f" same contents: this version of the webhook neither fills in nor checks it; {NEWEST} does"
                ),
            }
        )
    variables = [places] if webhook.checks_init_containers else [vouched, places]
    return _policy(f"{webhook.name}-hardening", selector, variables, validations)


def expansion(settings: Policy, approved: dict[str, list[str]]) -> Object:
    """Fills in the contents of pods that name a credspec, as the webhook would."""
    from gmsa_krm.manifests.approved_contents import ApprovedContents

    contents = ApprovedContents(approved)
    lists = ("containers", "initContainers")
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
            "variables": [
                *contents.variables,
                {"name": "pod", "expression": f"[{cel.unfilled('object.spec')}].map(n, {contents.lookup('n')})"},
                *(
                    {
                        "name": kind,
                        "expression": (
                            f"object.spec.?{kind}.orValue([]).map(c, {cel.unfilled('c')}).map(n, {contents.lookup('n')})"
                        ),
                    }
                    for kind in lists
                ),
            ],
            "mutations": [
                {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
                for expression in (
                    _fill_in("pod", "'/spec'"),
                    *(_fill_in(kind, f"'/spec/{kind}/' + string(i)") for kind in lists),
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
            "message": "the credential spec of an existing pod cannot be changed",
        },
        {
            "expression": (
                f"object.spec.?ephemeralContainers.orValue([]).all(c, !{cel.has_reference('c')} || (request.operation == 'UPDATE' && {before}))"
            ),
            "message": "an ephemeral container has the credential spec of its pod, and none of its own",
        },
    ]


def _names_of(condition: str) -> str:
    """The names of the places `p` that meet a condition, as an expression."""
    return f"variables.places.filter(p, {condition}).map(p, p.name)"


def _fill_in(variable: str, path: str) -> str:
    """JSON patches that add contents. `variable`: for each holder, the list of its contents, the current ones first.

    `path`: an expression for the path of the holder with the index i. A name that is unknown stays as it is; the validating policy refuses it.
    """
    end = "'/securityContext/windowsOptions/gmsaCredentialSpec'"
    patch = f"JSONPatch{{op: 'add', path: {path} + {end}, value: contents[0]}}"
    return f"variables.{variable}.transformList(i, contents, size(contents) > 0, {patch})"


def _authorised(index: int) -> Object:
    return {
        "expression": (
            f"{_UPDATE} || size(variables.used{index}) == 0 || variables.specs.name(variables.used{index}[0]).check('use').allowed()"
        ),
        "messageExpression": f"'service account ' + variables.account + ' may not use the credential spec ' + variables.used{index}[0]",
        "reason": "Forbidden",
    }
