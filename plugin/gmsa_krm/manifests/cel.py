"""CEL expressions about pods and their gMSA references, for webhook configurations and admission policies."""

from __future__ import annotations

import re

_OPTIONS = "?securityContext.?windowsOptions"
_NAME = f"{_OPTIONS}.?gmsaCredentialSpecName"
_CONTENTS = f"{_OPTIONS}.?gmsaCredentialSpec"
# The API server accepts expressions of 100,000 characters; longer literals are split into several variables.
MAX_EXPRESSION = 90_000


def has_reference(holder: str) -> str:
    """Whether a pod's spec or a container has the name or the contents of a credspec."""
    return f"({holder}.{_NAME}.hasValue() || {holder}.{_CONTENTS}.hasValue())"


def uses_gmsa(pod: str) -> str:
    """Whether a pod has a reference, at pod level or in any container; a line per field."""
    lines = [
        f"{pod}.spec.{_NAME}.hasValue()",
        f"{pod}.spec.{_CONTENTS}.hasValue()",
        *(
            f"{pod}.spec.?{containers}.orValue([]).exists(c, {has_reference('c')[1:-1]})"
            for containers in ("containers", "initContainers", "ephemeralContainers")
        ),
    ]
    return "\n|| ".join(lines) + "\n"


def sets_gmsa() -> str:
    """Whether a request creates a pod with a reference, or changes the references of an existing pod.

    Other updates (labels, finalizers) must not depend on a webhook that may be down.
    """
    places_of = [places(pod, "containers", "initContainers") for pod in ("object", "oldObject")]
    return (
        f"request.operation == 'CREATE' ? (\n{uses_gmsa('object')})\n: (\n{places_of[0]}\n) != (\n{places_of[1]}\n)\n"
    )


def uses_gmsa_now_or_before() -> str:
    """Whether the pod of a request has a reference, or had one before an update."""
    return f"{uses_gmsa('object')}|| (oldObject != null && (\n{uses_gmsa('oldObject')}))\n"


def places(pod: str, *containers: str) -> str:
    """The references as a list of {at, name, contents}: `at` is empty for the pod, the others if they are absent.

    The lists are mapped to maps of strings before they are concatenated, since containers have different types.
    """
    spec = f"{pod}.spec"
    lists = [f"({has_reference(spec)} ? [{_place(spec, literal(''))}] : [])"]
    for kind in containers:
        place = _place("c", literal(f"{kind} ") + " + c.name")
        lists.append(f"{spec}.?{kind}.orValue([]).filter(c, {has_reference('c')}).map(c, {place})")
    return "\n+ ".join(lists)


def _place(holder: str, at: str) -> str:
    # string(): the compiler does not know the types of a pod's fields, and the values of a map must have one type
    return f"{{'at': {at}, 'name': string({holder}.{_NAME}.orValue('')), 'contents': string({holder}.{_CONTENTS}.orValue(''))}}"


# Without U+2028 and U+2029: compiling a character set with them takes a tenth of a render.
_SPECIAL = r"[\\'\x00-\x1f\x7f-\x9f]"


def literal(text: str) -> str:
    """A CEL string literal."""
    escaped = re.sub(_SPECIAL, lambda it: f"\\{it[0]}" if it[0] in "\\'" else f"\\u{ord(it[0]):04x}", text)
    return "'" + escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "'"


def unfilled(holder: str) -> str:
    """The name of a reference without contents; empty if there is none, or if its contents are set. A string."""
    is_unfilled = f"{holder}.{_NAME}.hasValue() && !{holder}.{_CONTENTS}.hasValue()"
    return f"{is_unfilled} ? string({holder}.{_NAME}.value()) : ''"
